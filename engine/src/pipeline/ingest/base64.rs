//! Base64 text, decoded piece by piece. Whole pieces of one alphabet take the fast way, sixteen or thirty-two characters an
//! instruction; line breaks and the end take the slow one, which knows the position of every character.

use base64_simd::{AsOut, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::Bytes;

use super::blocks::{BLOCK, Blocks};
use crate::error::{Code, Error, Phase, Result};

/// Characters that are decoded at once: what fills a block; a multiple of four.
const PIECE: usize = BLOCK / 3 * 4;

/// A text being decoded.
pub struct Decoder {
    text: Bytes,
    blocks: Blocks,
    /// Whether the last piece that took the fast way was of the alphabet for URLs.
    for_urls: bool,
    at: usize,
    /// Bits that do not make a byte yet, and how many.
    bits: u32,
    count: u32,
    /// Characters of the alphabet so far, modulo four.
    phase: u32,
    /// `=` so far.
    padding: u32,
}

impl Decoder {
    /// A decoder of `text`, which is UTF-8.
    #[must_use]
    pub fn new(text: Bytes) -> Self {
        Self::reusing(text, Blocks::default())
    }

    /// A decoder of `text` into blocks of which there may be some already.
    pub(super) fn reusing(text: Bytes, blocks: Blocks) -> Self {
        Self { text, blocks, for_urls: false, at: 0, bits: 0, count: 0, phase: 0, padding: 0 }
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// `INVALID_BASE64`, naming the first character that is wrong.
    pub fn piece(&mut self) -> Result<Option<Bytes>> {
        while self.at < self.text.len() {
            // The last characters are read apart: what is in front of the padding is plain, most often.
            let plain_end = self.text.len().saturating_sub(4) / 4 * 4;
            let end = if self.at < plain_end { plain_end.min(self.at + PIECE) } else { self.text.len() };
            let piece = self.text.slice(self.at..end);
            let is_plain = self.phase == 0 && self.padding == 0 && piece.len().is_multiple_of(4);
            let plain = if is_plain { self.quickly(&piece) } else { None };
            let decoded = match plain {
                Some(bytes) => bytes,
                None => self.slowly(&piece)?.into(),
            };
            self.at = end;
            if !decoded.is_empty() {
                return Ok(Some(decoded));
            }
        }
        self.end()?;
        Ok(None)
    }

    /// `None` where a character is of neither alphabet, or of both of them together.
    fn quickly(&mut self, piece: &[u8]) -> Option<Bytes> {
        let mut out = self.blocks.take();
        out.resize(piece.len() / 4 * 3, 0);
        for for_urls in [self.for_urls, !self.for_urls] {
            let alphabet = if for_urls { URL_SAFE_NO_PAD } else { STANDARD_NO_PAD };
            if alphabet.decode(piece, (*out).as_out()).is_ok() {
                self.for_urls = for_urls;
                return Some(out.freeze());
            }
        }
        self.blocks.give(out.freeze());
        None
    }

    fn slowly(&mut self, piece: &[u8]) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(piece.len() / 4 * 3 + 3);
        for (offset, byte) in piece.iter().enumerate() {
            let value = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' | b'-' => 62,
                b'/' | b'_' => 63,
                b'\r' | b'\n' | b' ' | b'\t' => continue,
                b'=' if self.phase >= 2 && self.phase + self.padding < 4 => {
                    self.padding += 1;
                    continue;
                }
                _ => return Err(self.wrong("is wrong at", offset)),
            };
            if self.padding > 0 {
                return Err(self.wrong("is wrong at", offset));
            }
            self.phase = (self.phase + 1) % 4;
            self.bits = (self.bits << 6) | u32::from(value);
            self.count += 6;
            if self.count >= 8 {
                self.count -= 8;
                // The eight bits above those that are left.
                out.push((self.bits >> self.count).to_le_bytes()[0]);
                self.bits &= (1 << self.count) - 1;
            }
        }
        Ok(out)
    }

    /// A text that stops in the middle, or whose last character holds bits of a byte that is not there, was cut or altered.
    fn end(&self) -> Result<()> {
        let complete = self.phase == 0 || (self.phase >= 2 && (self.padding == 0 || self.phase + self.padding == 4));
        if !complete {
            return Err(self.wrong("ends too early, at", 0));
        }
        if self.bits == 0 { Ok(()) } else { Err(self.wrong("has bits that make no byte before", 0)) }
    }

    fn wrong(&self, what: &str, offset: usize) -> Error {
        // Everything before it is ASCII, so this is its position in the text of JavaScript too.
        let at = self.at + offset;
        Error::new(Code::InvalidBase64, format!("the base64 text {what} character {at}")).at(Phase::Download)
    }
}

#[cfg(test)]
mod tests {
    use base64::{
        Engine as _,
        engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
    };

    use super::{Bytes, Code, Decoder, PIECE, Result};

    fn decode(text: &str) -> Result<Vec<u8>> {
        let mut decoder = Decoder::new(Bytes::copy_from_slice(text.as_bytes()));
        let mut out = Vec::new();
        while let Some(piece) = decoder.piece()? {
            out.extend_from_slice(&piece);
        }
        Ok(out)
    }

    #[test]
    fn every_form_of_every_length() {
        for len in (0..70).chain([PIECE / 4 * 3 - 1, PIECE / 4 * 3, PIECE / 4 * 3 + 1, PIECE * 2 + 5]) {
            let mut random = fastrand::Rng::with_seed(len as u64);
            let bytes: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(len).collect();
            let wrapped = |text: String| {
                text.as_bytes().chunks(76).flat_map(|line| [line, b"\r\n"].concat()).map(char::from).collect::<String>()
            };
            let plain = STANDARD.encode(&bytes);
            for text in [
                wrapped(plain.clone()),
                plain,
                STANDARD_NO_PAD.encode(&bytes),
                URL_SAFE.encode(&bytes),
                URL_SAFE_NO_PAD.encode(&bytes),
            ] {
                assert!(decode(&text).unwrap() == bytes, "{len}");
            }
        }
    }

    #[test]
    fn the_first_wrong_character_is_named() {
        let long = format!("{}!AAA", "AAAA".repeat(PIECE));
        for (text, position) in [
            ("AAA!", 3),
            ("A", 1),
            ("AAAAA", 5),
            ("A===", 1),
            ("AA=A", 3),
            ("AA===", 4),
            ("AA=", 3),
            ("=", 0),
            ("AAAA=", 4),
            ("AB==", 4),
            ("AAAé", 3),
            ("AAAA\0", 4),
            (&long, PIECE * 4),
        ] {
            let error = decode(text).unwrap_err();
            assert_eq!(error.code, Code::InvalidBase64);
            assert!(error.message.ends_with(&format!("character {position}")), "{position}: {}", error.message);
        }
        let error = decode("AB==").unwrap_err();
        assert_eq!(error.message, "the base64 text has bits that make no byte before character 4");
    }
}
