//! URI encoding as Signature Version 4 wants it: RFC 3986 unreserved characters stay, every other byte becomes `%XX`
//! with upper-case hex. One encoder serves the path on the wire, the canonical path and the query.

use std::borrow::Cow;

/// For every byte: 0 where it is escaped, 1 where it stays (`A-Za-z0-9-._~`), 2 for the slash, which stays in paths.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const KEPT: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        let b = byte as u8;
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~') {
            table[byte] = 1;
        } else if b == b'/' {
            table[byte] = 2;
        }
        byte += 1;
    }
    table
};

/// Where a text stands: in a query nothing but unreserved characters stays, in a path the slash does too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A name or a value of the query.
    Query,
    /// A path.
    Path,
}

#[inline]
#[expect(clippy::indexing_slicing, reason = "a byte cannot miss a table of 256")]
const fn kept(byte: u8, place: Place) -> bool {
    let class = KEPT[byte as usize];
    class == 1 || (class == 2 && matches!(place, Place::Path))
}

fn escape_byte(out: &mut Vec<u8>, byte: u8) {
    let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'A' - 10 };
    out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
}

/// The bytes up to the first that does not stay.
#[inline]
fn plain_run(text: &[u8], place: Place) -> usize {
    text.iter().position(|byte| !kept(*byte, place)).unwrap_or(text.len())
}

/// Appends `text`, every byte that may not stay escaped (a `%` too).
pub fn escape(out: &mut Vec<u8>, text: &[u8], place: Place) {
    let mut rest = text;
    loop {
        let (plain, more) = rest.split_at(plain_run(rest, place));
        out.extend_from_slice(plain);
        let Some((byte, more)) = more.split_first() else { return };
        escape_byte(out, *byte);
        rest = more;
    }
}

/// Appends `text` decoded and encoded again, so that every way to write it comes out as one. `+` counts as a space; a `%`
/// that begins no escape is a literal one.
pub fn recode(out: &mut Vec<u8>, text: &[u8], place: Place) {
    let mut rest = text;
    loop {
        let (plain, more) = rest.split_at(plain_run(rest, place));
        out.extend_from_slice(plain);
        let (byte, more) = match more {
            [] => return,
            [b'%', high, low, more @ ..] if let (Some(high), Some(low)) = (nibble(*high), nibble(*low)) => {
                (high << 4 | low, more)
            }
            [b'+', more @ ..] => (b' ', more),
            [byte, more @ ..] => (*byte, more),
        };
        if kept(byte, place) {
            out.push(byte);
        } else {
            escape_byte(out, byte);
        }
        rest = more;
    }
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Whether a path can be sent as it stands: only what RFC 3986 §3.3 lets a path hold.
#[must_use]
pub fn is_sendable(path: &[u8]) -> bool {
    path.iter().all(|byte| kept(*byte, Place::Path) || b"%!$&'()*+,;=:@".contains(byte))
}

/// Encodes an object key for the wire: `/` stays, everything else that is not unreserved is escaped once.
#[must_use]
pub fn key(text: &str) -> Cow<'_, str> {
    if plain_run(text.as_bytes(), Place::Path) == text.len() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len() + 16);
    escape(&mut out, text.as_bytes(), Place::Path);
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

    use super::*;

    #[test]
    fn every_byte_agrees_with_the_library() {
        const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
        const PATH: &AsciiSet = &STRICT.remove(b'/');
        let all: Vec<u8> = (0..=255).collect();
        for (place, set) in [(Place::Query, STRICT), (Place::Path, PATH)] {
            let mut ours = Vec::new();
            escape(&mut ours, &all, place);
            assert_eq!(String::from_utf8(ours).unwrap(), percent_encode(&all, set).to_string());
            for text in ["%41%7e%c3%a9", "a%2Fb/c", "100%", "%4", "%zz%%41", "é %E9", ""] {
                let decoded: Vec<u8> = percent_decode(text.as_bytes()).collect();
                let mut ours = Vec::new();
                recode(&mut ours, text.as_bytes(), place);
                assert_eq!(String::from_utf8(ours).unwrap(), percent_encode(&decoded, set).to_string(), "{text}");
            }
        }
    }

    #[test]
    fn keys_are_escaped_once() {
        assert_eq!(key("a/b c+é%41"), "a/b%20c%2B%C3%A9%2541");
        assert!(matches!(key("plain/key-1.jpg"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_path_that_no_client_could_send_is_seen() {
        for (path, sendable) in [("/a(1)$!'*@:.txt%41+", true), ("/a b", false), ("/é", false), ("/a?", false)] {
            assert_eq!(is_sendable(path.as_bytes()), sendable, "{path}");
        }
    }
}
