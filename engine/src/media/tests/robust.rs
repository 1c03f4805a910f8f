//! Any cut and any changed byte of any file: no panic, no loop, no wish outside the file, no more held than allowed.

use super::{
    files::all,
    iso::{TrackSpec, boxed, co64, ftyp, moov, stco},
};
use crate::media::{Inspector, Step, inspect::Limits};

/// Inspects to the end, and plans the rewrite of what can be rewritten.
fn inspect(data: &[u8], claimed: u64) {
    let limits = Limits::default();
    let mut inspector = Inspector::with_limits(None, claimed, limits);
    let mut wishes = 0;
    while let Step::Need(need) = inspector.step().clone() {
        wishes += 1;
        assert!(wishes < 1000, "no end");
        assert!(need.start < need.end && need.end <= claimed, "{need:?} of {claimed}");
        let (from, to) = (data.len().min(need.start as usize), data.len().min(need.end as usize));
        if from == to {
            // The file claims to go on; what follows are zeros.
            inspector.feed(need.start, &vec![0; ((need.end - need.start) as usize).min(1 << 20)]);
        } else {
            inspector.feed(need.start, &data[from..to]);
        }
    }
    let report = inspector.finish();
    assert!(report.read <= limits.bytes + (1 << 16), "{} bytes held", report.read);
    if let Some(Ok(plan)) = report.faststart() {
        let ranges: u64 = plan.segments.iter().map(crate::media::faststart::Segment::len).sum();
        assert_eq!(ranges, plan.len);
        assert!(plan.len <= claimed.saturating_mul(2).saturating_add(1024));
    }
    let _ = (report.seconds(), report.size(), report.title().map(str::len), report.extension());
}

#[test]
fn every_cut() {
    for (_, data) in all() {
        // Every length of a small file, and of a large one a choice.
        let step = (data.len() / 1500).max(1);
        for len in (0..=data.len()).step_by(step) {
            inspect(&data[..len], len as u64);
        }
    }
}

#[test]
fn every_flipped_byte() {
    let mut random = fastrand::Rng::with_seed(7);
    for (_, data) in all() {
        let mut changed = data.clone();
        let step = (data.len() / 1500).max(1);
        for at in (0..data.len()).step_by(step) {
            for value in [0, 0xFF, 0x7F, data[at] ^ (1 << random.u8(..8))] {
                changed[at] = value;
                inspect(&changed, data.len() as u64);
            }
            changed[at] = data[at];
        }
    }
}

/// A file that would be read in crumbs: small fragments without end, small segments without end.
#[test]
fn crumbs_are_not_followed_forever() {
    let (_, fragments) = all().into_iter().find(|(name, _)| *name == "mp4-fragments-no-index").unwrap();
    let tail = fragments[fragments.len() - 5200..].to_vec();
    let many = [fragments, tail.repeat(3000)].concat();
    inspect(&many, many.len() as u64);
    let segments = [&[0xFF, 0xD8, 0xFF][..], &[0xE2, 0, 2, 0xFF].repeat(1 << 18)].concat();
    inspect(&segments, segments.len() as u64);
    let boxes = [b"\0\0\0\x10ftypisom\0\0\0\0", &b"\0\0\0\x08free".repeat(1 << 20)[..]].concat();
    inspect(&boxes, boxes.len() as u64);
}

#[test]
fn many_changes_and_false_lengths() {
    let files = all();
    let is_long = std::env::var("WARMPATH_TEST_LONG").as_deref() == Ok("1");
    for seed in 0..if is_long { 50_000 } else { 2000 } {
        let mut random = fastrand::Rng::with_seed(seed);
        let (_, mut data) = files[random.usize(..files.len())].clone();
        for _ in 0..random.usize(1..12) {
            let at = random.usize(..data.len());
            // Sizes and counts are what hurts: all their bytes at once.
            let word = match random.u8(..4) {
                0 => [0xFF; 4],
                1 => [0; 4],
                2 => [0, 0, 0, random.u8(..)],
                _ => random.u32(..).to_be_bytes(),
            };
            for (byte, value) in data[at..].iter_mut().zip(word) {
                *byte = value;
            }
        }
        let claimed = match random.u8(..4) {
            0 => u64::MAX,
            1 => data.len() as u64 + random.u64(..1 << 34),
            _ => data.len() as u64,
        };
        inspect(&data, claimed);
    }
}

/// Not a test: with WARMPATH_FUZZ_SEEDS=1, puts the hand-built files into the corpora of the fuzz targets.
#[test]
fn writes_fuzz_seeds() {
    if std::env::var_os("WARMPATH_FUZZ_SEEDS").is_none() {
        return;
    }
    let write = |target: &str, name: &str, data: &[u8]| {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), data).unwrap();
    };
    for (name, mut data) in all() {
        // Sound is long: beginnings of it will do.
        data.truncate(if name.starts_with("mp4") { usize::MAX } else { 3000 });
        for target in ["sniff", "inspect"] {
            write(target, name, &data);
        }
        write("look", name, &[&[0], &data[..]].concat());
        write("naming", name, &[b"image/png\nphoto.png\n", &data[..]].concat());
        match name.split('-').next().unwrap() {
            "jpeg" | "png" | "gif" | "webp" => write("image", name, &data),
            // In front of the file: by how much it claims to be longer.
            "mp3" | "ogg" | "wav" | "flac" => write("audio", name, &[&[0, 0], &data[..]].concat()),
            "mp4" => write("mp4", name, &[&[0, 0], &data[..]].concat()),
            _ => {}
        }
    }
    // Bytes that all differ: a chunk that is looked for in the wrong place is not found there.
    let counted: Vec<u8> = (0..=255).collect();
    let film = |offsets: Vec<u8>, end: &[u8]| {
        let movie = moov(&[TrackSpec { offsets, ..TrackSpec::video() }, TrackSpec::audio()], &[]);
        [ftyp(), boxed(*b"mdat", &counted), movie, end.to_vec()].concat()
    };
    write("faststart", "narrow", &film(stco(&[40, 80, 295]), &[]));
    write("faststart", "wide", &film(co64(&[40, 41]), &boxed(*b"free", b"end")));
    write("faststart", "nothing-to-move", &film(stco(&[]), &boxed(*b"mdat", &[3; 20])));
    #[cfg(feature = "shrink")]
    for (name, data) in super::shrink::small() {
        write("shrink", name, &data);
    }
}
