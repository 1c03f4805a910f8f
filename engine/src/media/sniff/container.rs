//! Containers of sound and pictures: the codec or brand inside decides.

use crate::media::{cursor::Cursor, format::Format};

/// Ogg by the first packet of its first page (RFC 3533, RFC 5334).
pub(super) fn ogg(head: &[u8]) -> Format {
    let packet = head.get(26).and_then(|segments| head.get(27 + usize::from(*segments)..)).unwrap_or_default();
    match packet {
        packet if packet.starts_with(b"OpusHead") => Format::OggOpus,
        packet if packet.starts_with(b"\x01vorbis") => Format::OggVorbis,
        packet if packet.starts_with(b"\x80theora") || packet.starts_with(b"fishead") => Format::OggVideo,
        _ => Format::Ogg,
    }
}

/// WebM or Matroska by the DocType of the EBML header (RFC 8794 §11.2.4).
pub(super) fn ebml(head: &[u8]) -> Format {
    let mut cursor = Cursor::new(head);
    let document = (|| {
        cursor.skip(4)?;
        let len = vint(&mut cursor)?;
        let mut body = Cursor::new(cursor.rest().get(..usize::try_from(len).ok()?).unwrap_or(cursor.rest()));
        loop {
            let first = body.u8()?;
            // An element's id keeps its length marker; those of the header have one or two bytes.
            let id = if first & 0x80 != 0 { u16::from(first) } else { u16::from_be_bytes([first, body.u8()?]) };
            let len = usize::try_from(vint(&mut body)?).ok()?;
            let value = body.take(len)?;
            if id == 0x4282 {
                return Some(value);
            }
        }
    })();
    if document.is_some_and(|name| name.starts_with(b"webm")) { Format::WebM } else { Format::Matroska }
}

/// A number of variable length: as many leading zeros as further bytes (RFC 8794 §4).
fn vint(cursor: &mut Cursor) -> Option<u64> {
    let first = cursor.u8()?;
    let more = first.leading_zeros();
    let mask = 0xFF_u8.checked_shr(more + 1).unwrap_or(0);
    let mut value = u64::from(first & mask);
    for _ in 0..more.min(8) {
        value = (value << 8) | u64::from(cursor.u8()?);
    }
    (more < 8).then_some(value)
}

/// The ISO base media file format by its brands (ISO/IEC 14496-12 §4.3), and QuickTime, which may have none.
pub(super) fn iso(head: &[u8]) -> Option<Format> {
    let mut cursor = Cursor::new(head);
    let size = cursor.be32()?;
    let kind: [u8; 4] = cursor.array()?;
    if &kind != b"ftyp" {
        return old_quicktime(size, kind, cursor.rest());
    }
    let major: [u8; 4] = cursor.array()?;
    cursor.skip(4)?;
    let body = usize::try_from(size).ok()?.saturating_sub(16);
    let compatible = cursor.rest().get(..body).unwrap_or(cursor.rest());
    by_brand(major)
        .or_else(|| compatible.chunks_exact(4).find_map(|brand| by_brand(brand.try_into().ok()?)).or(Some(Format::Mp4)))
}

fn by_brand(brand: [u8; 4]) -> Option<Format> {
    Some(match &brand {
        b"qt  " => Format::Mov,
        b"M4A " | b"M4B " | b"M4P " | b"F4A " | b"F4B " => Format::M4a,
        b"avif" | b"avis" => Format::Avif,
        b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" | b"hevm" | b"hevs" => Format::Heic,
        [b'3', b'g', b'p' | b'2' | b'g' | b'e' | b's' | b'r', _] => Format::ThreeGp,
        b"mp41" | b"mp42" | b"avc1" | b"iso5" | b"iso6" | b"dash" | b"M4V " | b"M4VH" | b"M4VP" | b"MSNV" | b"NDSC"
        | b"f4v " | b"F4V " | b"XAVC" | b"mmp4" => Format::Mp4,
        // "isom", "iso2", "mif1" and the like say nothing by themselves: the compatible brands do.
        _ => return None,
    })
}

/// QuickTime before it had a `ftyp`: the file starts with one of few atoms of a plausible size.
fn old_quicktime(size: u32, kind: [u8; 4], rest: &[u8]) -> Option<Format> {
    let is_start = match &kind {
        b"moov" => {
            size >= 16 && matches!(rest.get(4..8), Some(b"mvhd" | b"cmov" | b"rmra" | b"trak" | b"udta" | b"iods"))
        }
        b"mdat" => size == 1 || size >= 8,
        b"wide" => size == 8 && matches!(rest.get(4..8), Some(b"mdat")),
        b"free" | b"skip" | b"pnot" => {
            // `rest` starts after the header, so the type of the next atom ends where this one's size says.
            let end = usize::try_from(size).ok()?;
            matches!(rest.get(end.checked_sub(4)?..end)?, b"mdat" | b"moov" | b"wide" | b"PICT")
        }
        _ => false,
    };
    is_start.then_some(Format::Mov)
}
