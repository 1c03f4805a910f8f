//! The smallest files of every format, by name.

use super::iso::{TrackSpec, boxed, ftyp, moov, parent, stco, words};

/// Every hand-built file.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    let both = [TrackSpec::video(), TrackSpec::audio()];
    vec![
        ("jpeg", jpeg(640, 480, Some(6))),
        ("png", png(true)),
        ("gif", gif(2)),
        ("webp-lossy", webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a\x21\0\x11\0")),
        ("webp-lossless", webp(b"VP8L", &[0x2F, 0x1F, 0xC0, 0x03, 0])),
        ("webp-extended", webp(b"VP8X", &[2, 0, 0, 0, 0x31, 0, 0, 0x27, 0, 0])),
        ("mp4-fast", [ftyp(), moov(&both, &[]), boxed(*b"mdat", &[1; 100])].concat()),
        ("mp4-slow", slow(&[40, 80])),
        ("mp4-fragments", fragments(true)),
        ("mp4-fragments-no-index", fragments(false)),
        ("mp3", mp3(5)),
        ("mp3-vbri", mp3_vbri()),
        ("ogg-opus", opus(48_000 * 3 + 312)),
        ("wav", wav(16_000)),
        ("flac", flac()),
        ("webm", webm(b"webm")),
        ("docx", zip(&["[Content_Types].xml", "_rels/.rels", "word/document.xml"])),
        ("xls", ole("Workbook")),
        ("tgs", tgs()),
        ("svg", b"<?xml version=\"1.0\"?><!-- x --><svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec()),
        ("pdf", b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n1 0 obj".to_vec()),
    ]
}

pub fn jpeg(width: u16, height: u16, orientation: Option<u8>) -> Vec<u8> {
    let mut out = vec![0xFF, 0xD8];
    let mut segment = |marker: u8, body: &[u8]| {
        out.extend_from_slice(&[0xFF, marker]);
        out.extend_from_slice(&u16::try_from(body.len() + 2).unwrap().to_be_bytes());
        out.extend_from_slice(body);
    };
    segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    if let Some(orientation) = orientation {
        segment(0xE1, &exif(orientation, true));
    }
    segment(0xC2, &[&[8][..], &height.to_be_bytes(), &width.to_be_bytes(), &[3, 1, 0x22, 0]].concat());
    segment(0xDA, &[3, 1, 0]);
    out.extend_from_slice(&[0x55; 50]);
    out
}

pub fn exif(orientation: u8, big: bool) -> Vec<u8> {
    if big {
        let entries =
            [&[1, 0x0F, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0][..], &[1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]];
        [b"Exif\0\0MM\0*\0\0\0\x08\0\x02", entries.concat().as_slice(), &[0; 4]].concat()
    } else {
        let entry = [0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0];
        [b"Exif\0\0II*\0\x08\0\0\0\x01\0", &entry[..], &[0; 4]].concat()
    }
}

pub fn png(animated: bool) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], body: &[u8]| {
        [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], kind, body, &[0; 4]].concat()
    };
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    out.extend(chunk(b"IHDR", &[words(&[300, 200]), vec![8, 6, 0, 0, 0]].concat()));
    out.extend(chunk(b"iCCP", &[7; 5000]));
    if animated {
        out.extend(chunk(b"acTL", &words(&[3, 0])));
    }
    out.extend(chunk(b"IDAT", &[1; 20]));
    out
}

pub fn gif(pictures: usize) -> Vec<u8> {
    let mut out = b"GIF89a\x20\0\x10\0\x80\0\0".to_vec();
    out.extend_from_slice(&[0; 6]);
    out.extend_from_slice(b"\x21\xFF\x0BNETSCAPE2.0\x03\x01\0\0\0");
    for _ in 0..pictures {
        out.extend_from_slice(b"\x21\xF9\x04\0\x0A\0\0\0\x2C\0\0\0\0\x20\0\x10\0\0\x02\x02\x4C\x01\0");
    }
    out.push(0x3B);
    out
}

pub fn webp(kind: &[u8], body: &[u8]) -> Vec<u8> {
    let chunk = [kind, &u32::try_from(body.len()).unwrap().to_le_bytes()[..], body].concat();
    let len = u32::try_from(4 + chunk.len()).unwrap().to_le_bytes();
    [b"RIFF", &len[..], b"WEBP", &chunk].concat()
}

/// A movie box behind 1,000 bytes of data that starts at 40; chunk offsets as given.
pub fn slow(offsets: &[u32]) -> Vec<u8> {
    let video = TrackSpec { offsets: stco(offsets), ..TrackSpec::video() };
    [ftyp(), boxed(*b"mdat", &[1; 1000]), moov(&[video, TrackSpec::audio()], &[])].concat()
}

/// Two fragments of two seconds each, with a random access index at the end or without.
pub fn fragments(index: bool) -> Vec<u8> {
    fragments_at(64_000, &[64_000, 64_000 + 25_600], index)
}

/// Fragments of two seconds at these ticks, behind a movie box that lists `ticks` by itself.
pub fn fragments_at(ticks: u32, times: &[u32], index: bool) -> Vec<u8> {
    let extends = parent(*b"mvex", &[boxed(*b"trex", &words(&[0, 1, 1, 512, 0, 0]))]);
    let mut out = [ftyp(), moov(&[TrackSpec { ticks, ..TrackSpec::video() }], &[extends])].concat();
    let mut places = Vec::new();
    for time in times.iter().copied() {
        places.push(u32::try_from(out.len()).unwrap());
        let track = parent(
            *b"traf",
            &[
                boxed(*b"tfhd", &words(&[0x0002_0000, 1])),
                boxed(*b"tfdt", &words(&[0, time])),
                boxed(*b"trun", &words(&[0, 50])),
            ],
        );
        out.extend(parent(*b"moof", &[boxed(*b"mfhd", &words(&[0, 1])), track]));
        out.extend(boxed(*b"mdat", &[2; 5000]));
    }
    if index {
        let entries: Vec<u32> = places.iter().flat_map(|place| [0, *place, 0x0101_0100]).collect();
        // Numbers of one byte each: three of them and the next entry's first byte would share a word, so widths are 1, 1, 2.
        let table =
            boxed(*b"tfra", &[words(&[0, 1, 1, u32::try_from(places.len()).unwrap()]), words(&entries)].concat());
        let len = u32::try_from(8 + table.len() + 16).unwrap();
        out.extend(parent(*b"mfra", &[table, boxed(*b"mfro", &words(&[0, len]))]));
    }
    out
}

/// MPEG-1 layer III, 128 kbit/s, 44.1 kHz, stereo: 417 bytes a frame.
fn frame() -> Vec<u8> {
    let mut frame = vec![0; 417];
    frame[..4].copy_from_slice(&[0xFF, 0xFB, 0x90, 0x00]);
    frame
}

pub fn mp3(frames: usize) -> Vec<u8> {
    let text = [&[3][..], "Überfahrt".as_bytes()].concat();
    let title = [b"TIT2\0\0\0", &[u8::try_from(text.len()).unwrap()][..], b"\0\0", &text].concat();
    let picture = [&b"APIC\0\0\x10\0\0\0"[..], &[9; 2048]].concat();
    let text = [&[1, 0xFF, 0xFE][..], &"Łódź".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()].concat();
    let artist = [b"TPE1\0\0\0", &[u8::try_from(text.len()).unwrap()][..], b"\0\0", &text].concat();
    let body = [picture, title, artist, vec![0; 64]].concat();
    let size = [u8::try_from(body.len() >> 7).unwrap(), u8::try_from(body.len() & 0x7F).unwrap()];
    let mut out = [b"ID3\x04\0\0\0\0", &size[..], &body].concat();
    let mut first = frame();
    first[36..44].copy_from_slice(b"Xing\0\0\0\x01");
    first[44..48].copy_from_slice(&1000_u32.to_be_bytes());
    out.extend(first);
    out.extend((0..frames).flat_map(|_| frame()));
    out
}

pub fn mp3_vbri() -> Vec<u8> {
    let mut first = frame();
    first[36..40].copy_from_slice(b"VBRI");
    first[50..54].copy_from_slice(&500_u32.to_be_bytes());
    [first, frame()].concat()
}

/// 4,170,000 bytes of frames without any count: 10,000 frames.
pub fn mp3_cbr() -> Vec<u8> {
    frame().repeat(10)
}

fn page(granule: u64, flags: u8, packet: &[u8]) -> Vec<u8> {
    let mut lacing = vec![255; packet.len() / 255];
    lacing.push(u8::try_from(packet.len() % 255).unwrap());
    let head = [b"OggS\0", &[flags][..], &granule.to_le_bytes(), &7_u32.to_le_bytes(), &[0; 8]].concat();
    [head, vec![u8::try_from(lacing.len()).unwrap()], lacing, packet.to_vec()].concat()
}

pub fn opus(granule: u64) -> Vec<u8> {
    let head = [b"OpusHead\x01\x01", &312_u16.to_le_bytes()[..], &16_000_u32.to_le_bytes(), &[0; 3]].concat();
    let mut comments = b"OpusTags\x03\0\0\0abc\x02\0\0\0".to_vec();
    for comment in ["TITLE=Fahrt", "artist=Łódź"] {
        comments.extend_from_slice(&u32::try_from(comment.len()).unwrap().to_le_bytes());
        comments.extend_from_slice(comment.as_bytes());
    }
    let data = (0..40_u64).flat_map(|i| page(960 * i, 0, &[3; 1000]));
    let ends = [page(granule, 4, &[3; 300]), page(u64::MAX, 0, &[3; 200])].concat();
    [page(0, 2, &head), page(0, 0, &comments)].concat().into_iter().chain(data).chain(ends).collect()
}

pub fn wav(byte_rate: u32) -> Vec<u8> {
    let format = [&[1, 0, 1, 0][..], &8000_u32.to_le_bytes(), &byte_rate.to_le_bytes(), &[2, 0, 16, 0]].concat();
    let list = b"INFOINAM\x05\0\0\0Fahrt\0IART\x02\0\0\0Wi";
    let chunk =
        |kind: &[u8; 4], body: &[u8]| [kind, &u32::try_from(body.len()).unwrap().to_le_bytes()[..], body].concat();
    [
        b"RIFF\xFF\xFF\xFF\xFFWAVE".to_vec(),
        chunk(b"fmt ", &format),
        chunk(b"LIST", list),
        chunk(b"data", &vec![0; 40_000]),
    ]
    .concat()
}

fn flac() -> Vec<u8> {
    let mut info = [0; 34];
    // 44,100 Hz, 2 channels, 16 bits, 88,200 samples.
    let packed: u64 = (44_100 << 44) + (1 << 41) + (15 << 36) + 88_200;
    info[10..18].copy_from_slice(&packed.to_be_bytes());
    let comments = b"\x01\0\0\0x\x01\0\0\0\x0B\0\0\0TITLE=Fahrt";
    let size = u32::try_from(comments.len()).unwrap().to_be_bytes();
    [b"fLaC\0\0\0\x22", &info[..], &[0x84], &size[1..], comments].concat()
}

pub fn webm(document: &[u8]) -> Vec<u8> {
    let len = u8::try_from(document.len()).unwrap();
    let body = [b"\x42\x86\x81\x01\x42\x82", &[0x80 | len][..], document].concat();
    [b"\x1A\x45\xDF\xA3", &[0x80 | u8::try_from(body.len()).unwrap()][..], &body, &[0; 300]].concat()
}

pub fn zip(names: &[&str]) -> Vec<u8> {
    let entry = |name: &&str| {
        let head = [b"PK\x03\x04\x14\0\x08\0\x08\0\0\0\0\0", &[0; 12][..]].concat();
        let lens = [&u16::try_from(name.len()).unwrap().to_le_bytes()[..], &520_u16.to_le_bytes()].concat();
        [head, lens, name.as_bytes().to_vec(), vec![0; 520 + 100]].concat()
    };
    names.iter().flat_map(entry).collect()
}

pub fn ole(stream: &str) -> Vec<u8> {
    let mut out = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
    out.resize(512, 0);
    for name in ["Root Entry", stream] {
        let mut entry: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        entry.resize(128, 0);
        out.extend(entry);
    }
    out
}

/// A Lottie animation in a gzip member with a stored block, and a name in its header.
pub fn tgs() -> Vec<u8> {
    gzip(br#"{"tgs":1,"v":"5.5.2","fr":60,"ip":0,"op":180,"w":512,"h":512,"layers":[]}"#)
}

pub fn gzip(plain: &[u8]) -> Vec<u8> {
    let len = u16::try_from(plain.len()).unwrap();
    let block = [&[1][..], &len.to_le_bytes(), &(!len).to_le_bytes(), plain].concat();
    [b"\x1F\x8B\x08\x08\0\0\0\0\0\x03name\0", &block[..], &[0; 8]].concat()
}
