use super::{
    files,
    iso::{TrackSpec, boxed, moov},
};
use crate::media::{Details, Format, Inspector, Step, Verdict, inspect::Limits};

/// Feeds exactly what is asked for; answers how many wishes there were.
fn drive(inspector: &mut Inspector, data: &[u8]) -> usize {
    for wishes in 0..10_000 {
        let Step::Need(need) = inspector.step().clone() else { return wishes };
        inspector.feed(need.start, &data[need.start as usize..need.end as usize]);
    }
    panic!("no end");
}

#[test]
fn a_movie_at_the_end_of_a_large_file_takes_two_reads() {
    // 40 MB of data in front of the movie box, which is not read.
    let mut data = files::slow(&[40]);
    let movie = data.split_off(1040);
    let large = 40_000_000_u32;
    data[32..36].copy_from_slice(&(large + 8).to_be_bytes());
    data.resize(40 + large as usize, 1);
    data.extend_from_slice(&movie);
    let mut inspector = Inspector::new(Some("video/mp4"), data.len() as u64);
    assert_eq!(drive(&mut inspector, &data), 2);
    let report = inspector.finish();
    assert_eq!((report.size(), report.seconds(), report.has_audio()), (Some((640, 360)), Some(5), Some(true)));
    assert_eq!(report.read, 4096 + movie.len() as u64);
    let plan = report.faststart().unwrap().unwrap();
    assert_eq!(plan.len, data.len() as u64);
}

#[test]
fn chunks_in_any_order_and_twice() {
    let data = files::slow(&[40]);
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut inspector = Inspector::new(None, data.len() as u64);
        let mut feeds = 0;
        while let Step::Need(_) = inspector.step() {
            let from = random.usize(..data.len());
            let to = (from + random.usize(..3000)).min(data.len());
            inspector.feed(from as u64, &data[from..to]);
            feeds += 1;
            assert!(feeds < 10_000, "seed {seed}");
        }
        let report = inspector.finish();
        assert_eq!((report.format, report.size()), (Some(Format::Mp4), Some((640, 360))), "seed {seed}");
    }
}

#[test]
fn limits_end_with_what_is_known() {
    let data = files::mp3(5);
    let tight = Limits { bytes: 5000, jumps: 0 };
    let mut inspector = Inspector::with_limits(None, 1 << 30, tight);
    // The file is said to be a gigabyte, and the cover in front of the texts as well.
    let mut head = data[..4096].to_vec();
    head[6..10].copy_from_slice(&[0x7F; 4]);
    head[14..18].copy_from_slice(&[0x7F, 0, 0, 0]);
    inspector.feed(0, &head);
    let report = inspector.finish();
    assert_eq!(report.format, Some(Format::Mp3));
    assert!(matches!(report.details, Details::Unread), "{:?}", report.details);
}

#[test]
fn what_would_take_too_many_reads_is_left_out() {
    let times: Vec<u32> = (0..40).map(|i| 25_600 * i).collect();
    let data = files::fragments_at(0, &times, false);
    let with = |jumps| {
        let mut inspector = Inspector::with_limits(None, data.len() as u64, Limits { jumps, ..Limits::default() });
        let wishes = drive(&mut inspector, &data);
        let report = inspector.finish();
        assert_eq!(report.size(), Some((640, 360)));
        (report.duration().map(|duration| duration.as_secs()), wishes)
    };
    assert_eq!(with(100).0, Some(80));
    let (duration, wishes) = with(3);
    assert_eq!(duration, None);
    assert!(wishes <= 8, "{wishes}");
}

#[test]
fn a_caller_may_give_up_or_have_nothing() {
    let data = files::slow(&[40]);
    let mut inspector = Inspector::new(Some("video/mp4"), 50_000_000);
    inspector.feed(0, &data[..100]);
    let report = inspector.finish();
    assert_eq!((report.format, report.verdict), (Some(Format::Mp4), Verdict::Agree));
    assert!(report.faststart().is_none());

    let report = Inspector::new(Some("image/png"), 0).finish();
    assert_eq!((report.format, report.verdict, report.mime.as_str()), (None, Verdict::Unknown, "image/png"));
    let report = Inspector::new(None, 3).finish();
    assert_eq!((report.format, report.read), (None, 0));
}

#[test]
fn a_file_that_is_not_what_it_starts_as() {
    let mut inspector = Inspector::new(Some("image/jpeg"), 300);
    inspector.feed(0, &[&[0xFF, 0xD8, 0xFF, 0xE0, 0, 4][..], &[0x20; 294]].concat());
    let report = inspector.finish();
    assert_eq!(report.format, Some(Format::Jpeg));
    assert!(matches!(report.details, Details::Broken(_)));
    assert_eq!(report.size(), None);
}

#[test]
fn sound_alone_is_called_sound_whatever_it_lies_in() {
    let file =
        |brand: &[u8; 4], track: TrackSpec| [boxed(*b"ftyp", &[brand, &[0; 4][..]].concat()), moov(&[track], &[])];
    for (brand, declared, track, mime) in [
        (b"3gp5", Some("audio/3gpp"), TrackSpec::audio(), "audio/3gpp"),
        (b"3gp5", Some("audio/3gpp2; codecs=x"), TrackSpec::audio(), "audio/3gpp2"),
        (b"3gp5", None, TrackSpec::audio(), "audio/3gpp"),
        (b"3gp5", Some("video/3gpp"), TrackSpec::audio(), "audio/3gpp"),
        (b"3gp5", Some("audio/3gpp"), TrackSpec::video(), "video/3gpp"),
        (b"qt  ", None, TrackSpec::audio(), "audio/mp4"),
        (b"qt  ", Some("audio/quicktime"), TrackSpec::audio(), "audio/mp4"),
        (b"qt  ", None, TrackSpec::video(), "video/quicktime"),
    ] {
        let data = file(brand, track).concat();
        let mut inspector = Inspector::new(declared, data.len() as u64);
        drive(&mut inspector, &data);
        let report = inspector.finish();
        assert_eq!(report.mime, mime, "{brand:?} {declared:?}");
        assert_ne!(report.verdict, Verdict::Contradict, "{brand:?} {declared:?}");
    }
}

#[test]
fn seconds_are_those_of_the_bot_api() {
    let of = |granule: u64| {
        let data = files::opus(granule + 312);
        let mut inspector = Inspector::new(None, data.len() as u64);
        drive(&mut inspector, &data);
        inspector.finish().seconds()
    };
    assert_eq!([of(0), of(1), of(71_999), of(72_000)], [None, Some(1), Some(1), Some(2)]);
    assert_eq!(of(48_000 * (1 << 31)), None);
}
