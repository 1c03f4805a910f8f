//! Files of strangers: a parser ends, inside the file it was given, and what it says can be used.

use super::{
    Format, Inspector, Step, audio as sound,
    faststart::{Refusal, Segment},
    image as picture,
    inspect::Limits,
    mp4 as film, photo,
    sniff::sniff as first_bytes,
    verdict,
    window::{Stop, Window},
};

/// A window on the beginning of a file. The first two bytes say how much longer than the input the file claims to be.
fn claimed(data: &[u8]) -> Option<(Window, &[u8], u64)> {
    let (more, data) = data.split_first_chunk::<2>()?;
    let len = data.len() as u64 + (u64::from(more[0]) << (more[1] % 56));
    let mut window = Window::new(len);
    window.insert(0, data);
    Some((window, data, len))
}

/// What a parser may say that wants more, or nothing.
fn stopped(stop: &Stop, len: u64) {
    match stop {
        Stop::Need(need) => assert!(need.start < need.end && need.end <= len, "{need:?} of {len}"),
        Stop::Broken(_) => {}
        Stop::Closed => panic!("closed by nobody"),
    }
}

/// A text of a tag, as it may be shown and sent.
fn shown(text: Option<&String>) {
    let Some(text) = text else { return };
    assert!(text.chars().count() <= 256 && !text.chars().any(char::is_control), "{text:?}");
}

/// The first bytes, and what is concluded from them.
pub fn sniff(data: &[u8]) {
    let found = first_bytes(data);
    let declared = data.get(..20).map(String::from_utf8_lossy);
    let sent = verdict::effective(declared.as_deref(), found);
    assert!(!sent.is_empty() && sent.bytes().all(|b| b.is_ascii_graphic() || b == b' '), "{sent:?}");
}

/// Headers of pictures.
pub fn image(data: &[u8]) {
    let window = Window::whole(data);
    for format in [Format::Jpeg, Format::Png, Format::Gif, Format::WebP] {
        match picture::probe(&window, format) {
            Ok(image) => {
                assert!(image.width > 0 && image.height > 0 && (1..=8).contains(&image.orientation));
                let _ = photo::check(data.len() as u64, &image, &photo::Limits::default());
            }
            Err(stop) => stopped(&stop, data.len() as u64),
        }
    }
}

/// Headers of sound.
pub fn audio(data: &[u8]) {
    let Some((window, _, len)) = claimed(data) else { return };
    for format in [Format::Mp3, Format::OggOpus, Format::Wav, Format::Flac] {
        match sound::probe(&window, format) {
            Ok(audio) => {
                shown(audio.title.as_ref());
                shown(audio.performer.as_ref());
            }
            Err(stop) => stopped(&stop, len),
        }
    }
}

/// Boxes, the movie box, fragments.
pub fn mp4(data: &[u8]) {
    let Some((window, data, len)) = claimed(data) else { return };
    match film::probe(&window) {
        Ok(mp4) => {
            assert!(mp4.movie.tracks.len() <= 64 && mp4.moov.len() <= data.len());
            shown(mp4.movie.title.as_ref());
            shown(mp4.movie.performer.as_ref());
        }
        Err(stop) => stopped(&stop, len),
    }
}

/// The rewrite: as long as it says, made of the source's bytes, a film that says the same and starts at once; and where its tables say
/// that a chunk begins stand the bytes that stood there in the source.
pub fn faststart(data: &[u8]) {
    let Ok(source) = film::probe(&Window::whole(data)) else { return };
    let Ok(plan) = source.faststart(data.len() as u64) else { return };
    let mut out = Vec::new();
    let mut at = 0;
    for segment in &plan.segments {
        match segment {
            Segment::Literal(bytes) => out.extend_from_slice(bytes),
            Segment::Range { from, len } => {
                assert!(*from >= at, "ranges go backwards");
                at = from + len;
                out.extend_from_slice(&data[*from as usize..at as usize]);
            }
        }
    }
    assert_eq!(out.len() as u64, plan.len);
    let again = film::probe(&Window::whole(&out)).expect("the rewritten file is readable");
    assert_eq!(again.faststart(plan.len), Err(Refusal::Fast));
    assert_eq!(format!("{:?}", again.movie), format!("{:?}", source.movie));
    assert_eq!(again.duration, source.duration);
    // Where pieces of the source end, other bytes follow than followed before.
    let seams: Vec<usize> = plan.segments.iter().filter_map(end).collect();
    let (before, after) = (chunks(&source.moov), chunks(&again.moov));
    assert_eq!(before.len(), after.len());
    for (from, to) in before.into_iter().zip(after) {
        let seam = seams.iter().find(|seam| **seam > from).expect("a chunk begins in a piece that stays");
        let len = 16.min(seam - from);
        assert_eq!(out.get(to..to + len), Some(&data[from..from + len]), "the chunk at {from} went to {to}");
    }
}

/// Where a piece of the source ends.
fn end(segment: &Segment) -> Option<usize> {
    if let Segment::Range { from, len } = segment { Some((from + len) as usize) } else { None }
}

/// The beginning of every chunk that a movie box lists, by a walk that shares nothing with the parser.
fn chunks(mut boxes: &[u8]) -> Vec<usize> {
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |n, byte| (n << 8) | u64::from(*byte));
    let mut found = Vec::new();
    while let Some((head, rest)) = boxes.split_first_chunk::<8>() {
        let (fixed, size) = match number(&head[..4]) {
            0 => (8, boxes.len() as u64),
            1 => (16, rest.get(..8).map_or(0, number)),
            size => (8, size),
        };
        let Some((whole, more)) = usize::try_from(size).ok().and_then(|size| boxes.split_at_checked(size)) else {
            break;
        };
        let Some(body) = whole.get(fixed..) else { break };
        match &head[4..] {
            b"stco" | b"co64" => {
                let width = if &head[4..] == b"stco" { 4 } else { 8 };
                let count = body.get(4..8).map_or(0, number) as usize;
                let entries = body.get(8..).unwrap_or_default().chunks_exact(width).take(count);
                found.extend(entries.map(|entry| number(entry) as usize));
            }
            b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl" => found.extend(chunks(body)),
            _ => {}
        }
        boxes = more;
    }
    found
}

/// The whole front: whatever the file, it ends, inside its limits and inside the file.
pub fn inspect(data: &[u8]) {
    let len = data.len() as u64;
    let mut inspector = Inspector::with_limits(None, len, Limits::default());
    let mut wishes = 0;
    while let Step::Need(need) = inspector.step().clone() {
        wishes += 1;
        assert!(wishes < 5000, "no end");
        assert!(need.start < need.end && need.end <= len, "{need:?} of {len}");
        inspector.feed(need.start, &data[need.start as usize..need.end as usize]);
    }
    let report = inspector.finish();
    assert!(report.read <= len);
    // A signed number of 32 bits to Telegram; and what plays plays for a second at least.
    assert!(report.seconds().is_none_or(|seconds| (1..=i32::MAX as u32).contains(&seconds)));
    let _ = (report.size(), report.extension(), report.faststart());
}

/// A picture made smaller: what comes out is one that Telegram takes. Few pixels, or a second would see few pictures.
#[cfg(feature = "shrink")]
pub fn shrink(data: &[u8]) {
    use super::shrink::{Options, shrink as smaller};
    let options = Options { pixels: 1 << 14, ..Options::default() };
    let Ok(shrunk) = smaller(data, &options) else { return };
    let header = picture::probe(&Window::whole(&shrunk.jpeg), Format::Jpeg).expect("a JPEG of ours is readable");
    assert_eq!((header.width, header.height), (shrunk.width, shrunk.height));
    assert_eq!(photo::check(shrunk.jpeg.len() as u64, &header, &options.limits), Ok(()));
}
