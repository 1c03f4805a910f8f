//! Envelopes: ZIP, gzip, compound files of Microsoft.

use memchr::memmem;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

use super::text;
use crate::media::{cursor::Cursor, format::Format};

/// A ZIP by the names of its first entries. What is in an entry is stepped over: it may be a ZIP itself. Where its size stands
/// behind it (streamed archives), the next entry is looked for by its signature.
pub(super) fn zip(head: &[u8]) -> Format {
    let (mut at, mut is_package) = (0, false);
    while let Some(found) = head.get(at..).and_then(|rest| memmem::find(rest, b"PK\x03\x04")) {
        at += found;
        let Some(entry) = head.get(at..).and_then(Entry::parse) else { break };
        if let Some(format) = entry.format(is_package) {
            return format;
        }
        is_package |= matches!(entry.name, b"[Content_Types].xml" | b"_rels/.rels");
        at = at.saturating_add(entry.total);
    }
    Format::Zip
}

/// The header of an entry (APPNOTE.TXT, 4.3.7).
struct Entry<'h> {
    name: &'h [u8],
    /// What is stored behind it, as far as it is here.
    data: &'h [u8],
    /// Bytes of header and data.
    total: usize,
}

impl<'h> Entry<'h> {
    fn parse(entry: &'h [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(entry);
        cursor.skip(18)?;
        let size = usize::try_from(cursor.le32()?).ok()?;
        cursor.skip(4)?;
        let (name, extra) = (usize::from(cursor.le16()?), usize::from(cursor.le16()?));
        let total = size.saturating_add(30 + name + extra);
        // The last name that the head holds may be cut: its start is what counts.
        let name = cursor.take(name).unwrap_or(cursor.rest());
        let rest = cursor.skip(extra).map_or(&[][..], |()| cursor.rest());
        Some(Self { name, data: rest.get(..size).unwrap_or_default(), total })
    }

    fn format(&self, is_package: bool) -> Option<Format> {
        const PARTS: [(&[u8], Format); 3] = [(b"word/", Format::Docx), (b"xl/", Format::Xlsx), (b"ppt/", Format::Pptx)];
        match self.name {
            b"mimetype" => return stored_type(self.data),
            name if name.starts_with(b"META-INF/MANIFEST.MF") => {
                return Some(Format::Other { mime: "application/java-archive", extension: "jar" });
            }
            b"AndroidManifest.xml" => {
                return Some(Format::Other { mime: "application/vnd.android.package-archive", extension: "apk" });
            }
            _ => {}
        }
        // A folder may have that name too. Of a package its contents are listed before, or these are parts as Office names them.
        let is_part = is_package || self.name.ends_with(b".xml") || self.name.ends_with(b".rels");
        PARTS.iter().find(|(folder, _)| is_part && self.name.starts_with(folder)).map(|(_, format)| *format)
    }
}

/// OpenDocument and EPUB store their type as the first entry, uncompressed.
fn stored_type(value: &[u8]) -> Option<Format> {
    [Format::Odt, Format::Ods, Format::Odp, Format::Epub].into_iter().find(|f| f.mime().as_bytes() == value)
}

/// A gzip by the start of what is in it: Telegram's animated sticker is a Lottie animation.
pub(super) fn gzip(head: &[u8]) -> Format {
    let mut plain = [0_u8; 2048];
    let inflated = deflated(head).map_or(0, |body| {
        let flags = inflate_flags::TINFL_FLAG_HAS_MORE_INPUT | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        decompress(&mut DecompressorOxide::new(), body, &mut plain, 0, flags).2
    });
    let plain = plain.get(..inflated).unwrap_or_default();
    if text::is_lottie(plain) { Format::Tgs } else { Format::Gzip }
}

/// What follows the header of a gzip member (RFC 1952 §2.3).
fn deflated(head: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::new(head);
    cursor.skip(3)?;
    let flags = cursor.u8()?;
    cursor.skip(6)?;
    if flags & 4 != 0 {
        let extra = cursor.le16()?;
        cursor.skip(usize::from(extra))?;
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            let text = memchr::memchr(0, cursor.rest())?;
            cursor.skip(text + 1)?;
        }
    }
    if flags & 2 != 0 {
        cursor.skip(2)?;
    }
    Some(cursor.rest())
}

/// A compound file by the names in its directory, where the directory lies in the first bytes. Those names are UTF-16, and
/// a directory entry starts on a multiple of 128.
pub(super) fn ole(head: &[u8]) -> Format {
    const NAMES: [(&str, Format); 4] = [
        ("WordDocument", Format::Doc),
        ("Workbook", Format::Xls),
        ("Book", Format::Xls),
        ("PowerPoint Document", Format::Ppt),
    ];
    for entry in head.chunks(128).skip(4) {
        for (name, format) in NAMES {
            let wide: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
            if entry.starts_with(&wide) {
                return format;
            }
        }
    }
    Format::Ole
}
