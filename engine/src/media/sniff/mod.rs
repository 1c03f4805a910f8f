//! What a file is, by its first bytes.
//!
//! The formats this product carries are told apart here, down to what Telegram treats differently (Opus or Vorbis in Ogg,
//! MP4 or M4A, WebM or Matroska, a sticker in gzip). For everything else the crate `infer` is asked. `infer` alone is not
//! enough: it calls M4A and QuickTime by their brand only, all Ogg files Vorbis, any gzip gzip, and needs the whole file
//! for Word and Excel of 1997.

mod archive;
mod container;
mod text;

use super::format::Format;

/// How many of the first bytes are looked at. More would not be trusted more: a sniffer that searches far into a file is
/// what polyglots are made for.
pub const SNIFF_BYTES: u64 = 4096;

/// The format that the first bytes of a file say; `None` when they say nothing. Only the first [`SNIFF_BYTES`] count.
#[must_use]
pub fn sniff(head: &[u8]) -> Option<Format> {
    let head = head.get(..usize::try_from(SNIFF_BYTES).unwrap_or(usize::MAX)).unwrap_or(head);
    by_magic(head)
        .or_else(|| container::iso(head))
        .or_else(|| mpeg_audio(head))
        .or_else(|| text::text(head))
        .or_else(|| late_pdf(head))
        .or_else(|| infer::get(start(head)).and_then(|kind| other(&kind)))
}

/// What `infer` has to see: the last thing that it looks at is tar's `ustar`, at 257. A late PDF, which it would search all the rest for, is
/// [`late_pdf`]'s matter. Only in front of text may there be blanks of any length.
fn start(head: &[u8]) -> &[u8] {
    let is_blank = head.first().is_some_and(u8::is_ascii_whitespace);
    head.get(..300).filter(|_| !is_blank).unwrap_or(head)
}

fn by_magic(head: &[u8]) -> Option<Format> {
    Some(match head {
        [0xFF, 0xD8, 0xFF, ..] => Format::Jpeg,
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Format::Png,
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Format::Gif,
        [b'R', b'I', b'F', b'F' | b'X', _, _, _, _, rest @ ..] if rest.starts_with(b"WEBP") => Format::WebP,
        [b'R', b'I', b'F', b'F', _, _, _, _, rest @ ..] if rest.starts_with(b"AVI ") => Format::Avi,
        [b'R', b'I' | b'F', b'F' | b'6', b'F' | b'4', _, _, _, _, rest @ ..] if rest.starts_with(b"WAVE") => {
            Format::Wav
        }
        [b'O', b'g', b'g', b'S', ..] => container::ogg(head),
        [0x1A, 0x45, 0xDF, 0xA3, ..] => container::ebml(head),
        [b'f', b'L', b'a', b'C', ..] => Format::Flac,
        [b'#', b'!', b'A', b'M', b'R', ..] => Format::Amr,
        [b'%', b'P', b'D', b'F', b'-', ..] => Format::Pdf,
        [b'P', b'K', 3, 4, ..] => archive::zip(head),
        [0x1F, 0x8B, 8, ..] => archive::gzip(head),
        [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1, ..] => archive::ole(head),
        _ => return None,
    })
}

/// Frames of MPEG sound: an ID3 tag in front of them, or two valid headers where one frame ends and the next begins. One
/// header alone is eleven set bits, which a file of anything may start with.
fn mpeg_audio(head: &[u8]) -> Option<Format> {
    if let [b'I', b'D', b'3', 2..=4, _, flags, sizes @ ..] = head {
        return after_tag(head, *flags, sizes);
    }
    if let Some(frame) = super::audio::mp3::Frame::parse(head) {
        let next = head.get(frame.len..)?;
        // A file may end after its first frame.
        return (next.is_empty() || super::audio::mp3::Frame::parse(next).is_some_and(|n| n.is_like(&frame)))
            .then_some(Format::Mp3);
    }
    adts(head).filter(|len| head.get(*len..).is_some_and(|next| next.is_empty() || adts(next).is_some()))?;
    Some(Format::Aac)
}

/// What follows an ID3 tag (<https://id3.org/id3v2.4.0-structure>, 3.1), where that is to be seen: the tag alone is MPEG sound, as a rule.
fn after_tag(head: &[u8], flags: u8, sizes: &[u8]) -> Option<Format> {
    let size =
        sizes.first_chunk::<4>().filter(|size| flags.trailing_zeros() >= 4 && size.iter().all(|byte| *byte < 0x80))?;
    let size = size.iter().fold(0, |sum, byte| sum << 7 | usize::from(*byte));
    match head.get(10 + size..) {
        Some([b'f', b'L', b'a', b'C', ..]) => Some(Format::Flac),
        Some(rest) if adts(rest).is_some() => Some(Format::Aac),
        _ => Some(Format::Mp3),
    }
}

/// Length of the ADTS frame at the start (ISO/IEC 14496-3, 1.A.3.2).
fn adts(head: &[u8]) -> Option<usize> {
    let [0xFF, sync, rates, high, mid, low, ..] = *head else { return None };
    if sync & 0xF6 != 0xF0 || (rates >> 2) & 0x0F > 12 {
        return None;
    }
    let len = (usize::from(high & 3) << 11) | (usize::from(mid) << 3) | usize::from(low >> 5);
    (len >= 7).then_some(len)
}

/// Readers take a PDF whose header stands within the first 1024 bytes (ISO 32000-1, annex H.3.4.1).
fn late_pdf(head: &[u8]) -> Option<Format> {
    let start = head.get(..1024).unwrap_or(head);
    memchr::memmem::find(start, b"%PDF-1.").map(|_| Format::Pdf)
}

/// What `infer` says, unless it is a format that was ruled out above with more care. Of what a browser would run, a wider
/// net than ours is welcome.
fn other(kind: &infer::Type) -> Option<Format> {
    let mime = kind.mime_type();
    match mime {
        "text/html" => Some(Format::Html),
        _ if Format::ALL.iter().any(|known| known.mime() == mime || known.aliases().contains(&mime)) => None,
        _ => Some(Format::Other { mime, extension: kind.extension() }),
    }
}
