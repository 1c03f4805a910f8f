use super::{
    files,
    iso::{TrackSpec, boxed, co64, ftyp, moov, parent, stco, words},
};
use crate::media::{
    faststart::{Plan, Refusal, Segment},
    mp4::probe,
    window::Window,
};

fn plan(data: &[u8]) -> Result<Plan, Refusal> {
    probe(&Window::whole(data)).unwrap().faststart(data.len() as u64)
}

/// The planned file.
fn apply(plan: &Plan, data: &[u8]) -> Vec<u8> {
    let part = |segment: &Segment| match segment {
        Segment::Literal(bytes) => bytes.to_vec(),
        Segment::Range { from, len } => data[*from as usize..(from + len) as usize].to_vec(),
    };
    let out: Vec<u8> = plan.segments.iter().flat_map(part).collect();
    assert_eq!(out.len() as u64, plan.len);
    out
}

/// The chunk offsets of the first table.
fn offsets(data: &[u8]) -> Vec<u64> {
    let wide = data.windows(4).position(|kind| kind == b"co64");
    let (at, width) = wide.map_or_else(|| (data.windows(4).position(|kind| kind == b"stco").unwrap(), 4), |at| (at, 8));
    let count = u32::from_be_bytes(data[at + 8..at + 12].try_into().unwrap()) as usize;
    let entries = data[at + 12..at + 12 + count * width].chunks_exact(width);
    entries.map(|entry| entry.iter().fold(0, |n, byte| (n << 8) | u64::from(*byte))).collect()
}

#[test]
fn data_moves_and_tables_follow() {
    let data = files::slow(&[40, 500, 1039]);
    let planned = plan(&data).unwrap();
    let out = apply(&planned, &data);
    let moov_len = data.len() - 1040;
    assert_eq!(out.len(), data.len());
    assert_eq!(&out[36..40], b"moov");
    assert_eq!(offsets(&out), [40, 500, 1039].map(|offset| offset + moov_len as u64));
    assert_eq!(planned.segments.len(), 3);
    assert_eq!(planned.moved.0, 1040);
    assert_eq!(planned.moved.1, data[1040..]);
    assert_eq!(plan(&out), Err(Refusal::Fast));
}

#[test]
fn data_behind_the_movie_box_stays_where_it_is() {
    let file = |second: u32| {
        let tracks = [TrackSpec { offsets: stco(&[40, second]), ..TrackSpec::video() }];
        [ftyp(), boxed(*b"mdat", &[1; 1000]), moov(&tracks, &[]), boxed(*b"mdat", &[2; 100])].concat()
    };
    let second = u32::try_from(file(0).len() - 100).unwrap();
    let data = file(second);
    let out = apply(&plan(&data).unwrap(), &data);
    let found = offsets(&out);
    assert_eq!(found[1], u64::from(second));
    for (offset, byte) in found.iter().zip([1, 2]) {
        assert_eq!(out[*offset as usize..][..100], [byte; 100]);
    }
}

/// A file whose media data starts behind a hole; only what is read of it exists.
fn sparse(hole: u64, tables: [Vec<u8>; 2]) -> (Window, u64) {
    let [a, b] = tables.map(|offsets| TrackSpec { offsets, ..TrackSpec::video() });
    let movie = moov(&[a, b], &[]);
    let free = [&words(&[1])[..], b"free", &hole.to_be_bytes()].concat();
    let len = 32 + hole + 1008 + movie.len() as u64;
    let mut window = Window::new(len);
    window.insert(0, &[ftyp(), free].concat());
    window.insert(32 + hole, &[&words(&[1008])[..], b"mdat", &[0; 8]].concat());
    window.insert(32 + hole + 1008, &movie);
    (window, len)
}

#[test]
fn tables_are_widened_one_after_the_other() {
    let edge = u64::from(u32::MAX);
    let offset = |at: u64| stco(&[u32::try_from(at).unwrap()]);
    let movie_len = moov(&[TrackSpec::video(), TrackSpec::video()], &[]).len() as u64 + 8;
    // The media data goes from 500 bytes in front of the edge to 500 behind it.
    let hole = edge - movie_len - 500 - 40;
    // How far a chunk may lie, in a movie box of two tables of one entry, without passing 32 bits.
    let last = edge - movie_len;
    for (first, second, widths) in [
        (last - 10, last, (4, 4)),
        // The second table passes the edge by itself ...
        (last - 10, last + 1, (4, 8)),
        // ... and pushes the first over it, by its own growth of four bytes.
        (last - 3, last + 1, (8, 8)),
        (last - 4, last + 1, (4, 8)),
    ] {
        let (window, len) = sparse(hole, [offset(first), offset(second)]);
        let planned = probe(&window).unwrap().faststart(len).unwrap();
        let Segment::Literal(out) = &planned.segments[1] else { panic!("{planned:?}") };
        let grown = [widths.0, widths.1].iter().filter(|width| **width == 8).count() as u64 * 4;
        assert_eq!(out.len() as u64, movie_len + grown);
        let kinds: Vec<_> = out.windows(4).filter(|kind| *kind == b"stco" || *kind == b"co64").collect();
        let width = |kind: &[u8]| if kind == b"co64" { 8 } else { 4 };
        assert_eq!((width(kinds[0]), width(kinds[1])), widths, "{first} {second}");
        let expected = if widths.0 == 8 { first } else { second };
        assert_eq!(offsets(out)[0], if widths == (4, 4) { first } else { expected } + movie_len + grown);
        assert_eq!(planned.len, len + grown);
    }
}

#[test]
fn wide_tables_stay_wide() {
    let far = 5 << 32;
    let (window, len) = sparse(far, [co64(&[far + 50, far + 900]), stco(&[])]);
    let planned = probe(&window).unwrap().faststart(len).unwrap();
    let Segment::Literal(out) = &planned.segments[1] else { panic!("{planned:?}") };
    assert_eq!(offsets(out), [far + 50 + out.len() as u64, far + 900 + out.len() as u64]);
    assert_eq!(planned.segments[0], Segment::Range { from: 0, len: 32 });
}

#[test]
fn refusals_name_their_reason() {
    let video = || TrackSpec { offsets: stco(&[40]), ..TrackSpec::video() };
    let data = || boxed(*b"mdat", &[1; 1000]);
    let file = |more: &[Vec<u8>], behind: Vec<u8>| [ftyp(), data(), moov(&[video()], more), behind].concat();
    assert!(plan(&file(&[], Vec::new())).is_ok());
    let locations = boxed(*b"meta", &[&[0; 4][..], &boxed(*b"iloc", &[0; 8])].concat());
    for (name, data, refusal) in [
        ("item locations", file(std::slice::from_ref(&locations), Vec::new()), Refusal::Placement("iloc")),
        ("items at the top", file(&[], locations), Refusal::Placement("meta")),
        ("fragments", files::fragments(true), Refusal::Fragmented),
        ("an extended movie", file(&[parent(*b"mvex", &[])], Vec::new()), Refusal::Fragmented),
        ("a fragment behind", file(&[], boxed(*b"moof", b"")), Refusal::Fragmented),
        ("two movies", file(&[], moov(&[video()], &[])), Refusal::SeveralMovies),
        ("garbage behind", file(&[], vec![0; 5]), Refusal::Incomplete),
        ("a cut box behind", file(&[], boxed(*b"free", &[0; 50])[..30].to_vec()), Refusal::Incomplete),
        ("a chunk in the movie box", files::slow(&[1100]), Refusal::Table("a chunk lies outside the media data")),
        ("a chunk beyond the end", files::slow(&[u32::MAX]), Refusal::Table("a chunk lies outside the media data")),
    ] {
        assert_eq!(plan(&data), Err(refusal), "{name}");
    }
    let in_track = |part: Vec<u8>| {
        let track = TrackSpec { offsets: [stco(&[40]), part].concat(), ..TrackSpec::video() };
        plan(&[ftyp(), data(), moov(&[track], &[])].concat())
    };
    assert_eq!(in_track(boxed(*b"saio", &[0; 12])), Err(Refusal::Placement("saio")));
    let short = boxed(*b"stco", &words(&[0, 9, 40]));
    assert_eq!(in_track(short), Err(Refusal::Table("it is shorter than its count")));
}
