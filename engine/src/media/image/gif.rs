//! GIF (<https://www.w3.org/Graphics/GIF/spec-gif89a.txt>): the screen size, and whether a second picture follows.

use super::{AHEAD, Image, header};
use crate::media::{
    cursor::Cursor,
    window::{Parse, Stop, Window, optional},
};

/// How far a second picture is looked for. Beyond it the answer is what the file's loop extension promises.
const LOOK_BYTES: u64 = 512 * 1024;

pub(super) fn probe(window: &Window) -> Parse<Image> {
    let mut cursor = Cursor::new(header(window, 6, 7)?);
    let screen = (|| Some((cursor.le16()?, cursor.le16()?, cursor.u8()?)))();
    let (width, height, flags) = screen.ok_or(Stop::Closed)?;
    let mut image = Image::still(width, height)?;
    let mut blocks = Blocks { window, at: 13 + color_table(flags), loops: false };
    image.animated = blocks.second_picture()?;
    Ok(image)
}

/// Bytes of the colour table that flags announce.
fn color_table(flags: u8) -> u64 {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

struct Blocks<'a> {
    window: &'a Window,
    at: u64,
    /// Whether the file says that it repeats, which is of use to an animation only.
    loops: bool,
}

impl Blocks<'_> {
    fn second_picture(&mut self) -> Parse<bool> {
        let mut pictures = 0;
        while self.at < LOOK_BYTES {
            let Some(introducer) = self.byte()? else { return Ok(false) };
            match introducer {
                0x2C => {
                    pictures += 1;
                    if pictures > 1 {
                        return Ok(true);
                    }
                    self.at += 8;
                    let Some(flags) = self.byte()? else { return Ok(false) };
                    // The code size stands between the colour table and the data.
                    self.at += color_table(flags) + 1;
                    self.skip_data()?;
                }
                0x21 => {
                    let Some(label) = self.byte()? else { return Ok(false) };
                    if label == 0xFF {
                        let start = optional(self.window.get_ahead(self.at, 12, AHEAD))?;
                        self.loops |= matches!(start, Some(b"\x0BNETSCAPE2.0" | b"\x0BANIMEXTS1.0"));
                    }
                    self.skip_data()?;
                }
                _ => return Ok(false),
            }
        }
        Ok(self.loops)
    }

    /// The next byte; `None` at the end of the file.
    fn byte(&mut self) -> Parse<Option<u8>> {
        let byte = optional(self.window.get_ahead(self.at, 1, AHEAD))?.and_then(|byte| byte.first().copied());
        self.at += 1;
        Ok(byte)
    }

    /// Passes sub-blocks up to the empty one that ends them.
    fn skip_data(&mut self) -> Parse<()> {
        while self.at < LOOK_BYTES {
            match self.byte()? {
                None | Some(0) => break,
                Some(len) => self.at += u64::from(len),
            }
        }
        Ok(())
    }
}
