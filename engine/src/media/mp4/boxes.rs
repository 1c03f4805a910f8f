//! Boxes (atoms): a size, a type, and what is inside (ISO/IEC 14496-12 §4.2).

use crate::media::cursor::Cursor;

/// The type of a box.
pub type Kind = [u8; 4];

/// The header of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its type.
    pub kind: Kind,
    /// Bytes of the header: 8, or 16 with a 64-bit size.
    pub header: u8,
    /// Bytes of the whole box; `None` for a box that goes on to the end of what it is in.
    pub size: Option<u64>,
}

impl Header {
    /// Reads a header; `None` where it is cut or smaller than itself.
    #[must_use]
    pub fn parse(data: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(data);
        let (size, kind) = (cursor.be32()?, cursor.array()?);
        match size {
            0 => Some(Self { kind, header: 8, size: None }),
            1 => cursor.be64().filter(|size| *size >= 16).map(|size| Self { kind, header: 16, size: Some(size) }),
            2..8 => None,
            _ => Some(Self { kind, header: 8, size: Some(u64::from(size)) }),
        }
    }
}

/// A box in memory.
#[derive(Clone, Copy, Debug)]
pub struct Child<'a> {
    /// Its type.
    pub kind: Kind,
    /// The whole of it, header included.
    pub whole: &'a [u8],
    /// What follows its header.
    pub body: &'a [u8],
}

/// The boxes in a slice, one after the other, up to the first that does not fit.
#[derive(Clone, Debug)]
pub struct Children<'a> {
    rest: &'a [u8],
}

impl<'a> Children<'a> {
    /// The boxes in `data`.
    #[must_use]
    pub const fn new(data: &'a [u8]) -> Self {
        Self { rest: data }
    }

    /// What was not a box: empty where the slice holds boxes and nothing else.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Children<'a> {
    type Item = Child<'a>;

    fn next(&mut self) -> Option<Child<'a>> {
        let Header { kind, header, size } = Header::parse(self.rest)?;
        let size = size.map_or(Some(self.rest.len()), |size| usize::try_from(size).ok())?;
        let (whole, rest) = self.rest.split_at_checked(size)?;
        let body = whole.get(usize::from(header)..)?;
        self.rest = rest;
        Some(Child { kind, whole, body })
    }
}

/// The body of the first box of `kind` in `data`.
#[must_use]
pub fn child(data: &[u8], kind: Kind) -> Option<&[u8]> {
    Children::new(data).find(|child| child.kind == kind).map(|child| child.body)
}

/// The version and flags that a "full box" starts with, and a cursor behind them.
pub(super) fn full(body: &[u8]) -> Option<(u8, u32, Cursor<'_>)> {
    let mut cursor = Cursor::new(body);
    let word = cursor.be32()?;
    Some((u8::try_from(word >> 24).ok()?, word & 0x00FF_FFFF, cursor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_every_form() {
        let parse = |size: u32, rest: &[u8]| Header::parse(&[&size.to_be_bytes()[..], b"mdat", rest].concat());
        assert_eq!(parse(8, b""), Some(Header { kind: *b"mdat", header: 8, size: Some(8) }));
        assert_eq!(parse(0, b""), Some(Header { kind: *b"mdat", header: 8, size: None }));
        assert_eq!(parse(7, b""), None);
        assert_eq!(parse(1, b""), None);
        assert_eq!(parse(1, &15_u64.to_be_bytes()), None);
        let large = Header { kind: *b"mdat", header: 16, size: Some(u64::MAX) };
        assert_eq!(parse(1, &u64::MAX.to_be_bytes()), Some(large));
    }

    #[test]
    fn children_stop_at_garbage() {
        let data = b"\0\0\0\x09abcdX\0\0\0\x20efgh";
        let mut children = Children::new(data);
        assert_eq!(children.next().map(|child| child.body), Some(&b"X"[..]));
        assert!(children.next().is_none());
        assert_eq!(children.rest(), b"\0\0\0\x20efgh");
        assert_eq!(Children::new(b"\0\0\0\0efghij").next().map(|child| child.body), Some(&b"ij"[..]));
    }
}
