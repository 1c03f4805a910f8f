//! The media room against ffmpeg's files and ffprobe's readings.
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

use std::path::Path;

use media_support::{Folder, ffprobe, is_missing, packet_seconds, rotation, seconds, shown, stream};
use warmpath_engine::media::{Format, Inspector, Report, Step, mp4::Start};

/// How a caller may come by what is needed.
#[derive(Clone, Copy, Debug)]
enum Reader {
    /// Has the whole file.
    Whole,
    /// Has an open stream of the file in chunks, and reads by Range what lies far ahead.
    Stream(usize),
    /// Reads exactly what is asked for.
    Range,
}

/// What an inspection cost: bytes handed over, and reads that were no continuation.
#[derive(Clone, Copy, Debug)]
struct Cost {
    read: u64,
    jumps: u32,
}

fn inspect(data: &[u8], declared: Option<&str>, reader: Reader) -> (Report, Cost) {
    let mut inspector = Inspector::new(declared, data.len() as u64);
    let mut cost = Cost { read: 0, jumps: 0 };
    let mut position = 0;
    for _ in 0..100_000 {
        let need = match inspector.step() {
            Step::Done(report) => return ((**report).clone(), cost),
            Step::Need(need) => need.start as usize..need.end as usize,
        };
        assert!(need.start < need.end && need.end <= data.len(), "{need:?} of {}", data.len());
        let chunk = match reader {
            Reader::Whole => 0..data.len(),
            // What lies within the next chunks is not worth a read of its own.
            Reader::Stream(size) if need.start >= position && need.start < position + 4 * size => {
                position..(position + size).min(data.len())
            }
            _ => need,
        };
        if matches!(reader, Reader::Stream(_)) && chunk.start == position {
            position = chunk.end;
        } else {
            cost.jumps += 1;
        }
        cost.read += chunk.len() as u64;
        inspector.feed(chunk.start as u64, &data[chunk]);
    }
    panic!("no end");
}

/// The report, which every way of reading must come to.
fn report(path: &Path, declared: Option<&str>) -> (Report, Cost) {
    let data = std::fs::read(path).unwrap();
    let (whole, _) = inspect(&data, declared, Reader::Whole);
    let essence = |report: &Report| {
        let tracks = report.mp4().map(|mp4| format!("{:?} {:?}", mp4.movie, mp4.layout));
        format!("{:?} {:?} {:?} {tracks:?} {:?}", report.format, report.size(), report.duration(), report.title())
    };
    let mut cost = Cost { read: 0, jumps: 0 };
    for reader in [Reader::Range, Reader::Stream(1000), Reader::Stream(16 * 1024)] {
        let (other, spent) = inspect(&data, declared, reader);
        assert_eq!(essence(&other), essence(&whole), "{} by {reader:?}", path.display());
        cost = spent;
    }
    (whole, cost)
}

fn assert_near(found: Option<std::time::Duration>, expected: f64, tolerance: f64, what: &str) {
    let found = found.unwrap_or_else(|| panic!("{what}: no duration")).as_secs_f64();
    assert!((found - expected).abs() <= tolerance, "{what}: {found} s, ffprobe says {expected} s");
}

/// Encoders take most of the time here: what another file stands for as well is made with WARMPATH_TEST_LONG=1 only.
const LONG_ONLY: &[&str] = &[
    "hevc.mp4",
    "mpeg4.mp4",
    "vp9.mp4",
    "brand.m4v",
    "mobile.3gp",
    "tiny.mp4",
    "sar-narrow.mp4",
    "sar-slight.mp4",
    "turn180.mp4",
    "a.jpg",
    "a.png",
    "a.webp",
    "a.gif",
    "a.mp4",
    "a.mov",
    "a.opus",
    "a.mp3",
    "a.wav",
    "a.flac",
    "a.m4a",
    "vorbis.ogg",
    "v-empty.mp4",
    "v-hybrid.mp4",
    "v-default-base.mp4",
    "v-dash.mp4",
    "v-global-sidx.mp4",
    "v-delay.mp4",
    "v-negative.mp4",
    "av-negative.mp4",
    "av-delay.mp4",
    "id3v23.mp3",
    "low.mp3",
    "rf64.wav",
    "alac.m4a",
    "lossy.webp",
    "alpha.webp",
];

/// Whether a file is left out of the short form.
fn is_left_out(name: &str) -> bool {
    LONG_ONLY.contains(&name) && std::env::var("WARMPATH_TEST_LONG").as_deref() != Ok("1")
}

const CLIP: &str = "-f lavfi -i testsrc2=s=96x64:r=25:d=2";
const TONE: &str = "-f lavfi -i sine=f=440:r=44100:d=2.3";
const H264: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 12 -threads 1";

#[test]
fn videos_have_the_geometry_ffprobe_sees() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("geometry");
    let mut cases: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, arguments: String| cases.push((name.to_owned(), arguments));
    for turn in [90, 180, 270] {
        add(&format!("turn{turn}.mp4"), format!("{CLIP} {H264} -metadata:s:v:0 rotate={turn}"));
    }
    add("turn90.mov", format!("{CLIP} {H264} -metadata:s:v:0 rotate=90 -movflags +faststart"));
    add("plain.mp4", format!("{CLIP} {TONE} {H264} -c:a aac"));
    add("fast.mp4", format!("{CLIP} {TONE} {H264} -c:a aac -movflags +faststart"));
    for (name, aspect) in [("wide", "4/3"), ("narrow", "9/16"), ("odd", "118/81"), ("slight", "1001/1000")] {
        add(&format!("sar-{name}.mp4"), format!("{CLIP} -vf setsar={aspect} {H264}"));
    }
    add("sar-turn90.mp4", format!("{CLIP} -vf setsar=64/45 {H264} -metadata:s:v:0 rotate=90"));
    add("odd.mp4", "-f lavfi -i testsrc2=s=97x63:r=25:d=1 -c:v libx264 -preset ultrafast -pix_fmt yuv444p".to_owned());
    add("tiny.mp4", "-f lavfi -i testsrc2=s=2x2:r=1:d=1 -c:v libx264 -pix_fmt yuv420p".to_owned());
    add("hevc.mp4", format!("{CLIP} -c:v libx265 -preset ultrafast -x265-params log-level=none -tag:v hvc1"));
    add("mpeg4.mp4", format!("{CLIP} -c:v mpeg4"));
    add("mjpeg.mov", format!("{CLIP} -c:v mjpeg -pix_fmt yuvj420p"));
    add("mobile.3gp", "-f lavfi -i testsrc2=s=176x144:r=25:d=1 -c:v h263 -an".to_owned());
    add("brand.m4v", format!("{CLIP} {H264}"));
    add("vp9.mp4", format!("{CLIP} -c:v libvpx-vp9 -deadline realtime"));
    for (name, arguments) in cases.into_iter().filter(|(name, _)| !is_left_out(name)) {
        let path = folder.make(&name, &arguments);
        let probe = ffprobe(&path);
        let (report, cost) = report(&path, None);
        let mp4 = report.mp4().unwrap_or_else(|| panic!("{name}: {:?}", report.details));
        assert_eq!(report.size(), Some(shown(&probe)), "{name}");
        assert_eq!(i64::from(mp4.video().unwrap().rotation), rotation(&probe), "{name}");
        assert_eq!(mp4.video().unwrap().codec.to_string(), stream(&probe, "video").unwrap()["codec_tag_string"]);
        assert_eq!(report.has_audio(), Some(stream(&probe, "audio").is_some()), "{name}");
        // An older ffmpeg counts the first frame of AAC, which holds no sound yet, into the movie's header.
        assert_near(report.duration(), seconds(&probe), 0.025, &name);
        let is_fast = name == "fast.mp4" || name == "turn90.mov";
        assert_eq!(mp4.start == Start::Fast, is_fast, "{name}");
        assert!(cost.jumps <= u32::from(!is_fast), "{name}: {cost:?}");
    }
}

#[test]
fn formats_are_what_ffmpeg_was_asked_to_write() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("formats");
    let image = "-f lavfi -i testsrc2=s=64x48:r=5:d=1";
    for (name, arguments, format) in [
        ("a.jpg", format!("{image} -frames:v 1"), Format::Jpeg),
        ("a.png", format!("{image} -frames:v 1"), Format::Png),
        ("a.webp", format!("{image} -frames:v 1 -c:v libwebp"), Format::WebP),
        ("a.gif", image.to_owned(), Format::Gif),
        ("a.mp4", format!("{CLIP} {H264}"), Format::Mp4),
        ("a.mov", format!("{CLIP} {H264}"), Format::Mov),
        ("a.avi", format!("{CLIP} -c:v mpeg4"), Format::Avi),
        ("a.webm", format!("{CLIP} -c:v libvpx -deadline realtime"), Format::WebM),
        ("a.mkv", format!("{CLIP} {H264}"), Format::Matroska),
        ("a.ogv", format!("{CLIP} -c:v libtheora"), Format::OggVideo),
        ("a.3gp", "-f lavfi -i testsrc2=s=176x144:r=25:d=1 -c:v h263".to_owned(), Format::ThreeGp),
        ("opus.ogg", format!("{TONE} -c:a libopus"), Format::OggOpus),
        ("a.opus", format!("{TONE} -c:a libopus"), Format::OggOpus),
        ("vorbis.ogg", format!("{TONE} -c:a libvorbis"), Format::OggVorbis),
        ("speex.ogg", format!("{TONE} -ar 16000 -c:a libspeex"), Format::Ogg),
        ("flac.ogg", format!("{TONE} -c:a flac"), Format::Ogg),
        ("a.mp3", TONE.to_owned(), Format::Mp3),
        ("bare.mp3", format!("{TONE} -write_xing 0 -id3v2_version 0"), Format::Mp3),
        ("a.wav", TONE.to_owned(), Format::Wav),
        ("a.flac", TONE.to_owned(), Format::Flac),
        ("a.aac", format!("{TONE} -c:a aac"), Format::Aac),
        ("a.m4a", format!("{TONE} -c:a aac"), Format::M4a),
        ("sound.mp4", format!("{TONE} -c:a aac"), Format::M4a),
    ] {
        if is_left_out(name) {
            continue;
        }
        let path = folder.make(name, &arguments);
        let (report, _) = report(&path, None);
        assert_eq!(report.format, Some(format), "{name}");
    }
}

#[test]
fn pictures_have_the_size_ffprobe_sees() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("pictures");
    let one = |size: &str| format!("-f lavfi -i testsrc2=s={size} -frames:v 1");
    let many = "-f lavfi -i testsrc2=s=50x40:r=5:d=1";
    for (name, arguments, animated) in [
        ("odd.jpg", one("33x17"), false),
        ("large.jpg", one("4000x3000"), false),
        ("progressive.png", one("33x17"), false),
        ("wide.png", one("2000x10"), false),
        ("lossy.webp", format!("{} -c:v libwebp", one("33x17")), false),
        ("lossless.webp", format!("{} -c:v libwebp -lossless 1", one("333x117")), false),
        ("alpha.webp", format!("{} -vf format=yuva420p,colorchannelmixer=aa=0.5 -c:v libwebp", one("120x90")), false),
        ("moving.webp", format!("{many} -c:v libwebp_anim"), true),
        ("moving.png", format!("{many} -f apng"), true),
        ("moving.gif", many.to_owned(), true),
        ("still.gif", one("31x41"), false),
    ] {
        if is_left_out(name) {
            continue;
        }
        let path = folder.make(name, &arguments);
        let (report, _) = report(&path, None);
        let image = report.image().unwrap_or_else(|| panic!("{name}: {:?}", report.details));
        // This ffprobe cannot decode an animated WebP; what was asked for is known.
        let expected = if name == "moving.webp" { (50, 40) } else { shown(&ffprobe(&path)) };
        assert_eq!((image.width, image.height), expected, "{name}");
        assert_eq!(image.animated, animated, "{name}");
    }
}

#[test]
fn fragments_play_as_long_as_ffprobe_says() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("fragments");
    for (name, flags) in [
        ("empty.mp4", "frag_keyframe+empty_moov"),
        ("hybrid.mp4", "frag_keyframe"),
        ("default-base.mp4", "frag_keyframe+empty_moov+default_base_moof"),
        ("dash.mp4", "dash"),
        ("global-sidx.mp4", "frag_keyframe+empty_moov+global_sidx+default_base_moof"),
        ("no-index.mp4", "frag_keyframe+empty_moov+skip_trailer"),
        ("delay.mp4", "frag_keyframe+empty_moov+delay_moov"),
        ("negative.mp4", "frag_keyframe+empty_moov+negative_cts_offsets"),
    ] {
        for (kind, inputs) in [("av", format!("{CLIP} {TONE} {H264} -c:a aac")), ("v", format!("{CLIP} {H264}"))] {
            let name = format!("{kind}-{name}");
            if is_left_out(&name) {
                continue;
            }
            let path = folder.make(&name, &format!("{inputs} -movflags {flags} -f mp4"));
            let (report, cost) = report(&path, None);
            let mp4 = report.mp4().unwrap_or_else(|| panic!("{name}: {:?}", report.details));
            assert!(mp4.movie.fragmented, "{name}");
            assert_eq!(report.size(), Some((96, 64)), "{name}");
            assert_near(report.duration(), packet_seconds(&path), 0.1, &name);
            assert!(cost.jumps <= 12, "{name}: {cost:?}");
            assert!(report.faststart().unwrap().is_err(), "{name}");
        }
    }
}

#[test]
fn sound_lasts_as_long_as_ffprobe_says() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("sound");
    let tags = "-metadata title=Überfahrt -metadata artist=Łódź";
    for (name, arguments, tolerance) in [
        ("xing.mp3", format!("{TONE} {tags}"), 0.06),
        ("vbr.mp3", format!("{TONE} {tags} -q:a 4"), 0.06),
        ("cbr.mp3", format!("{TONE} {tags} -write_xing 0 -b:a 64k"), 0.06),
        ("id3v23.mp3", format!("{TONE} {tags} -id3v2_version 3"), 0.06),
        ("mono.mp3", format!("{TONE} {tags} -ac 1 -ar 22050"), 0.08),
        ("low.mp3", format!("{TONE} {tags} -ac 1 -ar 8000"), 0.2),
        ("opus.ogg", format!("{TONE} {tags} -c:a libopus"), 0.02),
        ("voice.ogg", format!("{TONE} {tags} -ac 1 -ar 16000 -b:a 16k -c:a libopus"), 0.02),
        ("vorbis.ogg", format!("{TONE} {tags} -c:a libvorbis"), 0.02),
        (
            "long.ogg",
            "-f lavfi -i anoisesrc=d=40:r=48000 -b:a 160k -c:a libopus -metadata title=Überfahrt -metadata artist=Łódź"
                .to_owned(),
            0.02,
        ),
        ("pcm.wav", format!("{TONE} {tags}"), 0.001),
        ("rf64.wav", format!("{TONE} {tags} -rf64 always"), 0.001),
        ("a.flac", format!("{TONE} {tags}"), 0.001),
        ("aac.m4a", format!("{TONE} {tags} -c:a aac"), 0.05),
        ("alac.m4a", format!("{TONE} {tags} -c:a alac"), 0.05),
    ] {
        if is_left_out(name) {
            continue;
        }
        let path = folder.make(name, &arguments);
        let probe = ffprobe(&path);
        let (report, cost) = report(&path, None);
        assert_near(report.duration(), seconds(&probe), tolerance, name);
        assert_eq!(report.title(), Some("Überfahrt"), "{name}");
        assert_eq!(report.performer(), Some("Łódź"), "{name}");
        assert_eq!(report.has_audio(), Some(true), "{name}");
        assert!(cost.jumps <= 2, "{name}: {cost:?}");
    }
}

#[test]
fn broken_files_of_real_encoders_end_too() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("broken");
    let mut random = fastrand::Rng::with_seed(11);
    for (name, arguments) in [
        ("a.mp4", format!("{CLIP} {TONE} {H264} -c:a aac")),
        ("fragments.mp4", format!("{CLIP} {TONE} {H264} -c:a aac -movflags frag_keyframe+empty_moov")),
        ("a.mp3", format!("{TONE} -metadata title=x")),
        ("a.ogg", format!("{TONE} -c:a libopus")),
        ("a.jpg", "-f lavfi -i testsrc2=s=64x48 -frames:v 1".to_owned()),
        ("a.gif", "-f lavfi -i testsrc2=s=64x48:r=5:d=1".to_owned()),
    ] {
        let data = std::fs::read(folder.make(name, &arguments)).unwrap();
        for _ in 0..300 {
            let mut broken = data.clone();
            for _ in 0..random.usize(..6) {
                let at = random.usize(..broken.len());
                broken[at] = random.u8(..);
            }
            broken.truncate(random.usize(1..=broken.len()));
            let (report, cost) = inspect(&broken, None, Reader::Range);
            assert!(cost.read <= broken.len() as u64, "{name}: {cost:?}");
            let _ = report.faststart();
        }
    }
}
