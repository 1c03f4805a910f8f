//! Width and height of a picture, from its header.

mod exif;
mod gif;
mod jpeg;
mod png;
mod webp;

use super::{
    format::Format,
    window::{Parse, Stop, Window},
};

/// How far into a file a header is looked for. Profiles and previews stand in front of a JPEG's size; half a MiB is more
/// than cameras write.
const HEADER_BYTES: u64 = 1024 * 1024;

/// Asked for at once when a header is longer than what is known.
const AHEAD: u64 = 16 * 1024;

/// What the header of a picture says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Width in pixels as shown, that is after [`Self::orientation`] is applied.
    pub width: u32,
    /// Height in pixels as shown.
    pub height: u32,
    /// EXIF orientation, 1 to 8; 1 where there is none. Above 4 width and height are exchanged (and they are, above).
    pub orientation: u8,
    /// Whether there is more than one frame.
    pub animated: bool,
}

impl Image {
    fn still(width: impl Into<u32>, height: impl Into<u32>) -> Parse<Self> {
        Self { width: width.into(), height: height.into(), orientation: 1, animated: false }.checked()
    }

    fn turned(self, orientation: u8) -> Self {
        let (width, height) = if orientation > 4 { (self.height, self.width) } else { (self.width, self.height) };
        Self { width, height, orientation, ..self }
    }

    fn checked(self) -> Parse<Self> {
        if self.width == 0 || self.height == 0 { Err(Stop::Broken("a side of the picture is 0")) } else { Ok(self) }
    }
}

/// Reads the header of a picture of a known format. SVG, HEIF and AVIF are not read: Telegram takes none of them as photo.
///
/// # Errors
/// [`Stop`]: bytes are missing, or the file is not what its first bytes say.
pub fn probe(window: &Window, format: Format) -> Parse<Image> {
    match format {
        Format::Jpeg => jpeg::probe(window),
        Format::Png => png::probe(window),
        Format::WebP => webp::probe(window),
        Format::Gif => gif::probe(window),
        _ => Err(Stop::Broken("not a picture format whose header is read")),
    }
}

/// Whether [`probe`] reads the headers of this format.
#[must_use]
pub const fn is_probed(format: Format) -> bool {
    matches!(format, Format::Jpeg | Format::Png | Format::WebP | Format::Gif)
}

/// `len` bytes of a header, not further in than [`HEADER_BYTES`].
fn header(window: &Window, offset: u64, len: u64) -> Parse<&[u8]> {
    if offset.saturating_add(len) > HEADER_BYTES {
        return Err(Stop::Broken("the header is too long"));
    }
    window.get_ahead(offset, len, AHEAD)
}
