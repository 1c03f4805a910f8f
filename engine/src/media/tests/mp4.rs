use std::time::Duration;

use super::{
    files,
    iso::{TrackSpec, boxed, ftyp, moov, parent, words},
};
use crate::media::{
    mp4::{Mp4, Start, TrackKind, probe},
    window::{Stop, Window},
};

fn read(data: &[u8]) -> Result<Mp4, Stop> {
    probe(&Window::whole(data))
}

fn with(track: TrackSpec) -> Mp4 {
    read(&[ftyp(), moov(&[track], &[]), boxed(*b"mdat", b"x")].concat()).unwrap()
}

fn size(track: TrackSpec) -> (u32, u32) {
    let mp4 = with(track);
    mp4.video().map(|track| (track.width, track.height)).unwrap()
}

#[test]
fn sizes_as_shown() {
    let video = TrackSpec::video();
    assert_eq!(size(video.clone()), (640, 360));
    for (turn, expected) in [(90, (360, 640)), (180, (640, 360)), (270, (360, 640))] {
        let mp4 = with(TrackSpec { turn, ..video.clone() });
        let track = mp4.video().unwrap();
        assert_eq!((track.rotation, (track.width, track.height)), (turn, expected));
    }
    // The pixel aspect is in the sample entry, in the track header, or in both.
    let aspect = |across, down| boxed(*b"pasp", &words(&[across, down]));
    assert_eq!(size(TrackSpec { extensions: aspect(4, 3), ..video.clone() }), (853, 360));
    assert_eq!(size(TrackSpec { shown: (853, 360), ..video.clone() }), (853, 360));
    assert_eq!(size(TrackSpec { extensions: aspect(4, 3), shown: (853, 360), turn: 90, ..video.clone() }), (360, 853));
    for broken in [aspect(0, 1), aspect(1, 0), aspect(1000, 1), aspect(1, u32::MAX)] {
        assert_eq!(size(TrackSpec { extensions: broken, ..video.clone() }), (640, 360));
    }
    let aperture = |w, h| boxed(*b"clap", &words(&[w, 1, h, 1, 0, 1, 0, 1]));
    assert_eq!(size(TrackSpec { extensions: aperture(600, 300), ..video.clone() }), (600, 300));
    assert_eq!(
        size(TrackSpec { extensions: [aperture(600, 300), aspect(2, 1)].concat(), ..video.clone() }),
        (1200, 300)
    );
    assert_eq!(size(TrackSpec { extensions: aperture(641, 300), ..video.clone() }), (640, 360));
    // Writers that leave the track header empty.
    assert_eq!(size(TrackSpec { shown: (0, 0), ..video }), (640, 360));
}

#[test]
fn tracks_kinds_and_texts() {
    let cover = TrackSpec { codec: *b"png ", ..TrackSpec::video() };
    let text = |text: &[u8]| parent(*b"\xA9nam", &[boxed(*b"data", &[&words(&[1, 0])[..], text].concat())]);
    let list = parent(*b"ilst", &[text(b"Fa\nhrt\0")]);
    let user = parent(*b"udta", &[boxed(*b"meta", &[&[0; 4][..], &list].concat())]);
    let mp4 = read(&[ftyp(), moov(&[cover.clone(), TrackSpec::audio()], &[user])].concat()).unwrap();
    assert!(mp4.video().is_none(), "a cover is no video");
    assert_eq!(mp4.audio().unwrap().codec.to_string(), "mp4a");
    assert_eq!(mp4.movie.title.as_deref(), Some("Fa hrt"));
    assert_eq!(
        mp4.movie.tracks.iter().map(|track| track.kind).collect::<Vec<_>>(),
        [TrackKind::Video, TrackKind::Audio]
    );
    assert_eq!(mp4.duration, Some(Duration::from_secs(5)));
}

#[test]
fn boxes_of_every_size_and_place() {
    let movie = moov(&[TrackSpec::video()], &[]);
    let start = |data: &[Vec<u8>]| read(&data.concat()).map(|mp4| (mp4.start, mp4.layout.is_complete));
    let data = boxed(*b"mdat", &[0; 50]);
    let large = [&words(&[1])[..], b"mdat", &66_u64.to_be_bytes(), &[0; 50]].concat();
    let to_end = [&words(&[0])[..], b"mdat", &[0; 50]].concat();
    assert_eq!(start(&[ftyp(), movie.clone(), data.clone()]), Ok((Start::Fast, false)));
    assert_eq!(start(&[ftyp(), data.clone(), movie.clone()]), Ok((Start::Slow, true)));
    assert_eq!(start(&[ftyp(), large, movie.clone()]), Ok((Start::Slow, true)));
    assert_eq!(start(&[ftyp(), data.clone(), movie.clone(), vec![0; 3]]), Ok((Start::Slow, false)));
    assert_eq!(start(&[ftyp(), boxed(*b"mdat", b""), movie.clone(), data.clone()]), Ok((Start::Fast, false)));
    // Nothing behind it can be reached.
    assert_eq!(start(&[ftyp(), to_end, movie.clone()]), Err(Stop::Broken("no movie box")));
    assert_eq!(start(&[ftyp(), vec![0, 0, 0, 5, 1, 1, 1, 1], movie.clone()]), Err(Stop::Broken("no movie box")));
    assert_eq!(start(&[ftyp(), data, movie[..movie.len() - 1].to_vec()]), Err(Stop::Broken("the movie box is cut")));
    let compressed = parent(*b"moov", &[boxed(*b"cmov", &[0; 20])]);
    assert_eq!(start(&[ftyp(), compressed]), Err(Stop::Broken("the movie box is compressed")));
}

#[test]
fn a_movie_box_beyond_bounds_is_not_read() {
    let mut window = Window::new(1 << 40);
    window.insert(0, &[&ftyp()[..], &words(&[0x4000_0000]), b"moov", &[0; 16]].concat());
    assert_eq!(probe(&window).unwrap_err(), Stop::Broken("the movie box is too large"));
    // One of a million tracks is read, but not kept.
    let tracks = boxed(*b"trak", &TrackSpec::video().build(1)[8..]).repeat(1000);
    let movie = moov(&[], &[tracks]);
    assert_eq!(read(&[ftyp(), movie].concat()).unwrap().movie.tracks.len(), 64);
}

#[test]
fn fragments_count_from_the_first() {
    for index in [true, false] {
        let mp4 = read(&files::fragments(index)).unwrap();
        assert!(mp4.movie.fragmented);
        // The movie box lists five seconds, and two fragments of two follow.
        assert_eq!(mp4.duration, Some(Duration::from_secs(9)), "{index}");
        // A live recording: nothing in the movie box, and a clock that has run for long.
        let mp4 = read(&files::fragments_at(0, &[1_000_000, 1_025_600], index)).unwrap();
        assert_eq!(mp4.duration, Some(Duration::from_secs(4)), "{index}");
    }
}
