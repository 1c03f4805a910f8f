//! Files whose movie box was moved to the front, played by ffmpeg.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a test that panics has failed, which is what it is for"
)]

mod media_support;

use std::{fs::File, io::Write, ops::Range, os::unix::fs::FileExt, path::Path};

use media_support::{Folder, ffprobe, frames, is_missing};
use warmpath_engine::media::{
    Inspector, Report, Step,
    faststart::{Plan, Refusal, Segment},
    mp4::Start,
};

const CLIP: &str = "-f lavfi -i testsrc2=s=96x64:r=25:d=2";
const TONE: &str = "-f lavfi -i sine=f=440:r=44100:d=2.3";
const EXACT: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 12 -threads 1 -c:a aac -fflags +bitexact -flags:v +bitexact -flags:a +bitexact";

/// Inspects a file by reading what is asked for, so that a file with holes of gigabytes costs nothing.
fn inspect(path: &Path) -> Report {
    let file = File::open(path).unwrap();
    let mut inspector = Inspector::new(None, file.metadata().unwrap().len());
    loop {
        match inspector.step() {
            Step::Done(report) => return (**report).clone(),
            Step::Need(need) => {
                let need = need.clone();
                let mut bytes = vec![0; (need.end - need.start) as usize];
                file.read_exact_at(&mut bytes, need.start).unwrap();
                inspector.feed(need.start, &bytes);
            }
        }
    }
}

fn plan(path: &Path) -> Plan {
    inspect(path).faststart().unwrap().unwrap_or_else(|refusal| panic!("{}: {refusal}", path.display()))
}

/// Writes the planned file.
fn write(plan: &Plan, source: &Path, target: &Path) {
    write_around(plan, source, target, 0..0);
}

/// Writes the planned file but for a part of the source that is a hole, which stays one.
fn write_around(plan: &Plan, source: &Path, target: &Path, hole: Range<u64>) {
    let (source, target) = (File::open(source).unwrap(), File::create(target).unwrap());
    let mut at = 0;
    for segment in &plan.segments {
        match segment {
            Segment::Literal(bytes) => target.write_all_at(bytes, at).unwrap(),
            Segment::Range { from, len } => {
                let end = from + len;
                for part in [*from..end.min(hole.start.max(*from)), end.min(hole.end.max(*from))..end] {
                    let mut bytes = vec![0; part.end.saturating_sub(part.start) as usize];
                    source.read_exact_at(&mut bytes, part.start).unwrap();
                    target.write_all_at(&bytes, at + part.start - from).unwrap();
                }
            }
        }
        at += segment.len();
    }
    target.set_len(at).unwrap();
    assert_eq!(at, plan.len);
}

#[test]
fn the_rewritten_file_is_the_one_ffmpeg_writes() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("faststart");
    for (name, arguments) in [
        ("av.mp4", format!("{CLIP} {TONE} {EXACT}")),
        ("v.mp4", format!("{CLIP} {EXACT}")),
        ("av.mov", format!("{CLIP} {TONE} {EXACT}")),
        ("turned.mov", format!("{CLIP} {EXACT} -metadata:s:v:0 rotate=90 -metadata title=x")),
        ("sound.m4a", format!("{TONE} {EXACT}")),
    ] {
        let path = folder.make(name, &arguments);
        let expected = folder.make(&format!("fast-{name}"), &format!("{arguments} -movflags +faststart"));
        let plan = plan(&path);
        let target = folder.file(&format!("ours-{name}"));
        write(&plan, &path, &target);
        assert!(std::fs::read(&target).unwrap() == std::fs::read(&expected).unwrap(), "{name}: not what ffmpeg writes");

        // Every byte of the source is in the plan once, in order.
        let source = std::fs::read(&path).unwrap();
        let mut rebuilt = Vec::new();
        for segment in &plan.segments {
            let Segment::Range { from, len } = segment else { continue };
            if *from == plan.moved.0 + plan.moved.1.len() as u64 {
                rebuilt.extend_from_slice(&plan.moved.1);
            }
            assert_eq!(*from, rebuilt.len() as u64, "{name}");
            rebuilt.extend_from_slice(&source[*from as usize..(from + len) as usize]);
        }
        if plan.moved.0 == rebuilt.len() as u64 {
            rebuilt.extend_from_slice(&plan.moved.1);
        }
        assert!(rebuilt == source, "{name}");

        let again = inspect(&target);
        assert_eq!(again.mp4().unwrap().start, Start::Fast, "{name}");
        assert_eq!(again.faststart(), Some(Err(Refusal::Fast)), "{name}");
    }
}

#[test]
fn files_of_other_shapes_play_the_same() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("shapes");
    let path = folder.make("plain.mp4", &format!("{CLIP} {TONE} {EXACT}"));
    let source = std::fs::read(&path).unwrap();
    let report = inspect(&path);
    let layout = &report.mp4().unwrap().layout;
    let of = |kind| layout.find(kind).map(|b| source[b.offset as usize..b.end() as usize].to_vec()).unwrap();
    let (ftyp, free, mdat, moov) = (of(*b"ftyp"), of(*b"free"), of(*b"mdat"), of(*b"moov"));
    let box_of = |kind: &[u8; 4], body: &[u8]| [&(8 + body.len() as u32).to_be_bytes()[..], kind, body].concat();
    let original = frames(&path);
    assert_eq!(original.1, "");
    let to_end = [&0_u32.to_be_bytes()[..], &moov[4..]].concat();
    let large = [&1_u32.to_be_bytes()[..], b"moov", &(moov.len() as u64 + 8).to_be_bytes(), &moov[8..]].concat();
    let head = [&ftyp[..], &free].concat();
    for (name, parts) in [
        ("moov-to-end", vec![&head[..], &mdat, &to_end]),
        ("moov-64", vec![&head, &mdat, &large]),
        ("data-behind", vec![&head, &mdat, &moov, &box_of(b"mdat", b"more")]),
        ("free-behind", vec![&head, &mdat, &moov, &box_of(b"free", &[0; 300]), &box_of(b"uuid", &[7; 40])]),
        ("empty-data-first", vec![&head, &mdat, &box_of(b"mdat", b""), &moov]),
    ] {
        let path = folder.file(&format!("{name}.mp4"));
        std::fs::write(&path, parts.concat()).unwrap();
        let target = folder.file(&format!("{name}-fast.mp4"));
        write(&plan(&path), &path, &target);
        assert_eq!(inspect(&target).mp4().unwrap().start, Start::Fast, "{name}");
        assert_eq!(frames(&path), original, "{name}: the shape itself");
        assert_eq!(frames(&target), original, "{name}");
    }

    // Old QuickTime: no file type, so the movie box comes first of all.
    let path = folder.make("old.mov", &format!("{CLIP} {TONE} -c:v mjpeg -pix_fmt yuvj420p -c:a pcm_s16le -f mov"));
    let original = frames(&path);
    let target = folder.file("old-fast.mov");
    write(&plan(&path), &path, &target);
    assert_eq!(frames(&target), original);
}

#[test]
fn a_player_can_start_with_the_first_bytes() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("start");
    let path = folder.make("a.mp4", &format!("-f lavfi -i testsrc2=s=320x240:r=25:d=4 {EXACT}"));
    let target = folder.file("fast.mp4");
    write(&plan(&path), &path, &target);
    let decoded = |path: &Path| {
        let cut = folder.file("cut.mp4");
        let bytes = std::fs::read(path).unwrap();
        File::create(&cut).unwrap().write_all(&bytes[..bytes.len() / 4]).unwrap();
        frames(&cut).0.lines().filter(|line| !line.starts_with('#')).count()
    };
    assert_eq!(decoded(&path), 0);
    assert!(decoded(&target) >= 10, "{}", decoded(&target));
}

/// The same file with a hole in front of the media data, so that its last chunk starts at `last`.
fn with_hole(path: &Path, target: &Path, last: u64) -> Range<u64> {
    let source = std::fs::read(path).unwrap();
    let report = inspect(path);
    let mp4 = report.mp4().unwrap();
    let (ftyp, mdat, moov) = (mp4.layout.boxes[0], mp4.layout.find(*b"mdat").unwrap(), mp4.layout.movie().unwrap());
    let mut shifted = source[moov.offset as usize..moov.end() as usize].to_vec();
    let by = last - shift_tables(&mut shifted, 0);
    shift_tables(&mut shifted, by);
    let file = File::create(target).unwrap();
    file.write_all_at(&source[..ftyp.end() as usize], 0).unwrap();
    let at = mdat.offset + by;
    let free = [&1_u32.to_be_bytes()[..], b"free", &(at - ftyp.end()).to_be_bytes()].concat();
    file.write_all_at(&free, ftyp.end()).unwrap();
    file.write_all_at(&source[mdat.offset as usize..mdat.end() as usize], at).unwrap();
    file.write_all_at(&shifted, at + mdat.size).unwrap();
    ftyp.end() + 16..at
}

/// Adds to every 32-bit chunk offset, found by search: a second way to do what is tested. Answers the largest.
fn shift_tables(moov: &mut [u8], by: u64) -> u64 {
    let mut at = 0;
    let mut largest = 0;
    while let Some(found) = moov[at..].windows(4).position(|kind| kind == b"stco") {
        let table = at + found + 8;
        let count = u32::from_be_bytes(moov[table..table + 4].try_into().unwrap()) as usize;
        for entry in moov[table + 4..table + 4 + 4 * count].chunks_exact_mut(4) {
            let offset = u64::from(u32::from_be_bytes((&*entry).try_into().unwrap())) + by;
            entry.copy_from_slice(&u32::try_from(offset).unwrap().to_be_bytes());
            largest = largest.max(offset);
        }
        at = table;
    }
    largest
}

#[test]
fn offsets_beyond_32_bits_play_the_same() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("wide");
    let path = folder.make("a.mp4", &format!("{CLIP} {TONE} {EXACT}"));
    let original = frames(&path);
    // All offsets fit into 32 bits until the movie box comes in front of them.
    for (name, last, expected) in [("narrow", (1 << 32) - 10_000_000, 0), ("wide", (1 << 32) - 100, 2)] {
        let holed = folder.file(&format!("{name}.mp4"));
        let hole = with_hole(&path, &holed, last);
        assert_eq!(frames(&holed), original, "{name}: the hole itself");
        let plan = plan(&holed);
        let wide = match &plan.segments[1] {
            Segment::Literal(moov) => moov.windows(4).filter(|kind| kind == b"co64").count(),
            Segment::Range { .. } => panic!("{plan:?}"),
        };
        assert!(wide <= expected && (wide > 0) == (expected > 0), "{name}: {wide} of {expected}");
        let target = folder.file(&format!("{name}-fast.mp4"));
        write_around(&plan, &holed, &target, hole);
        assert_eq!(frames(&target), original, "{name}");
        assert_eq!(inspect(&target).mp4().unwrap().start, Start::Fast, "{name}");
        assert_eq!(ffprobe(&target)["format"]["duration"], ffprobe(&path)["format"]["duration"]);
    }
}
