//! What is known of a file so far: a few pieces of it, each at its offset.
//!
//! Every parser of this room is written as straight code over a window. Where it touches a byte that is not known yet it
//! stops and says which range it needs ([`Stop::Need`]); when that range has come, it is simply run again from its start.
//! So there is no state to get wrong between two pieces, and the same code serves a whole file in memory, a stream that
//! arrives in chunks and reads by HTTP Range.

use std::ops::Range;

/// Why a parser stopped before it had its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// These bytes are needed and not known yet; the range lies inside the file and is not empty.
    Need(Range<u64>),
    /// The file is not what it claims to be; the text says what is wrong.
    Broken(&'static str),
    /// The bytes are needed, but the caller said that no more will come.
    Closed,
}

impl From<&'static str> for Stop {
    fn from(why: &'static str) -> Self {
        Self::Broken(why)
    }
}

/// An answer, or what is missing for it.
pub type Parse<T> = Result<T, Stop>;

/// Turns a part that the answer can do without into an option: only a wish for more bytes passes on.
///
/// # Errors
/// [`Stop::Need`], and no other.
pub fn optional<T>(part: Parse<T>) -> Parse<Option<T>> {
    match part {
        Ok(value) => Ok(Some(value)),
        Err(Stop::Broken(_) | Stop::Closed) => Ok(None),
        Err(need @ Stop::Need(_)) => Err(need),
    }
}

#[derive(Clone, Debug)]
struct Piece {
    offset: u64,
    data: Vec<u8>,
}

impl Piece {
    fn end(&self) -> u64 {
        self.offset.saturating_add(self.data.len() as u64)
    }
}

/// The known pieces of a file of known length; sorted, disjoint, and never adjacent.
#[derive(Clone, Debug)]
pub struct Window {
    len: u64,
    pieces: Vec<Piece>,
    closed: bool,
}

impl Window {
    /// A file of `len` bytes of which nothing is known.
    #[must_use]
    pub const fn new(len: u64) -> Self {
        Self { len, pieces: Vec::new(), closed: false }
    }

    /// A file that is known as a whole.
    #[must_use]
    pub fn whole(data: &[u8]) -> Self {
        let mut window = Self::new(data.len() as u64);
        window.insert(0, data);
        window
    }

    /// Length of the file in bytes.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether the file has no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes are held.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.data.len() as u64).sum()
    }

    /// How many bytes are known from the start without a gap.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        self.pieces.first().filter(|piece| piece.offset == 0).map_or(&[], |piece| &piece.data)
    }

    /// From now on missing bytes are [`Stop::Closed`] instead of [`Stop::Need`].
    pub const fn close(&mut self) {
        self.closed = true;
    }

    /// Adds bytes; what is known already, and what lies beyond the end of the file, is left out. Answers how many were new.
    pub fn insert(&mut self, mut offset: u64, bytes: &[u8]) -> u64 {
        let room = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        let mut new = 0;
        while !bytes.is_empty() {
            // The first piece that touches `offset` or lies behind it.
            let at = self.pieces.partition_point(|piece| piece.end() < offset);
            let touched = self.pieces.get(at).filter(|piece| piece.offset <= offset).map(Piece::end);
            let known = touched.map_or(0, |end| end - offset);
            let (_, unknown) = split(bytes, known);
            offset = offset.saturating_add(known);
            let next = self.pieces.get(at + usize::from(touched.is_some())).map_or(u64::MAX, |piece| piece.offset);
            let (fresh, rest) = split(unknown, next.saturating_sub(offset));
            if !fresh.is_empty() {
                if touched.is_some() {
                    if let Some(piece) = self.pieces.get_mut(at) {
                        piece.data.extend_from_slice(fresh);
                    }
                } else {
                    self.pieces.insert(at, Piece { offset, data: fresh.to_vec() });
                }
                new += fresh.len() as u64;
                offset = offset.saturating_add(fresh.len() as u64);
                self.join(at);
            }
            bytes = rest;
        }
        new
    }

    /// Makes one piece of the piece at `at` and its successor, where nothing lies between them.
    fn join(&mut self, at: usize) {
        let Some(end) = self.pieces.get(at).map(Piece::end) else { return };
        if self.pieces.get(at + 1).is_some_and(|next| next.offset == end) {
            let next = self.pieces.remove(at + 1);
            if let Some(piece) = self.pieces.get_mut(at) {
                piece.data.extend_from_slice(&next.data);
            }
        }
    }

    /// The first part of `range` that is not known; empty when all of it is.
    #[must_use]
    pub fn missing(&self, range: Range<u64>) -> Range<u64> {
        let at = self.pieces.partition_point(|piece| piece.end() <= range.start);
        match self.pieces.get(at) {
            Some(piece) if piece.offset <= range.start => {
                let start = piece.end().min(range.end);
                let end = self.pieces.get(at + 1).map_or(range.end, |next| next.offset.min(range.end));
                start..end.max(start)
            }
            Some(piece) => range.start..piece.offset.min(range.end),
            None => range,
        }
    }

    /// `len` bytes at `offset`.
    ///
    /// # Errors
    /// [`Stop::Broken`] where the file ends before them, [`Stop::Need`] or [`Stop::Closed`] where they are not known.
    pub fn get(&self, offset: u64, len: u64) -> Parse<&[u8]> {
        self.get_ahead(offset, len, len)
    }

    /// As [`Self::get`]; where the bytes are missing, `ahead` bytes (or what the file has) are asked for at once, because
    /// the reader will soon want what follows and a read by Range costs a round trip.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn get_ahead(&self, offset: u64, len: u64, ahead: u64) -> Parse<&[u8]> {
        let end = offset.checked_add(len).filter(|end| *end <= self.len).ok_or("the file ends too early")?;
        let at = self.pieces.partition_point(|piece| piece.end() < end);
        if let Some(piece) = self.pieces.get(at)
            && piece.offset <= offset
        {
            let from = usize::try_from(offset - piece.offset).unwrap_or(usize::MAX);
            let to = from.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
            return piece.data.get(from..to).ok_or(Stop::Closed);
        }
        if len == 0 {
            return Ok(&[]);
        }
        if self.closed {
            return Err(Stop::Closed);
        }
        let wanted = offset.saturating_add(ahead.max(len)).min(self.len);
        let missing = self.missing(offset..wanted);
        // What is known in the middle of the wish is not asked for again; the next run asks for what lies behind it.
        Err(Stop::Need(missing))
    }

    /// Exactly `N` bytes at `offset`.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn array<const N: usize>(&self, offset: u64) -> Parse<[u8; N]> {
        self.get(offset, N as u64)?.try_into().map_err(|_| Stop::Closed)
    }
}

fn split(bytes: &[u8], at: u64) -> (&[u8], &[u8]) {
    bytes.split_at(usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_grow_join_and_never_overlap() {
        let file: Vec<u8> = (0..200).collect();
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut window = Window::new(200);
            let mut known = [false; 200];
            for _ in 0..20 {
                let from = random.usize(..200);
                let to = random.usize(from..=200);
                let new = window.insert(from as u64, &file[from..to]);
                assert_eq!(new as usize, known[from..to].iter().filter(|known| !**known).count());
                known[from..to].fill(true);
                assert_eq!(window.held() as usize, known.iter().filter(|known| **known).count());
                let from = random.usize(..200);
                let to = random.usize(from..=200);
                match window.get(from as u64, (to - from) as u64) {
                    Ok(bytes) => assert_eq!(bytes, &file[from..to]),
                    Err(Stop::Need(range)) => {
                        let (start, end) = (range.start as usize, range.end as usize);
                        assert!(from <= start && start < end && end <= to);
                        assert!(known[from..start].iter().all(|known| *known));
                        assert!(known[start..end].iter().all(|known| !known));
                    }
                    Err(other) => panic!("{other:?}"),
                }
            }
        }
    }

    #[test]
    fn nothing_beyond_the_end() {
        let mut window = Window::new(4);
        assert_eq!(window.insert(2, b"cdefgh"), 2);
        assert_eq!(window.insert(9, b"x"), 0);
        assert_eq!(window.get(2, 2), Ok(&b"cd"[..]));
        assert_eq!(window.get(2, 3), Err(Stop::Broken("the file ends too early")));
        assert_eq!(window.get(u64::MAX, 3), Err(Stop::Broken("the file ends too early")));
        assert_eq!(window.get_ahead(0, 1, 100), Err(Stop::Need(0..2)));
        window.close();
        assert_eq!(window.get(0, 1), Err(Stop::Closed));
        assert!(window.head().is_empty());
    }
}
