//! The movie box moved to the front, so that a player can start with the first bytes.
//!
//! Moving it shifts the media data, and the movie box lists where in the file its samples are: those tables are written
//! anew. The plan names what to send in which order; media data is never touched, so a file of any size is rewritten while
//! it streams, with its movie box as the only part in memory.

mod rewrite;

use bytes::Bytes;

use super::mp4::{Layout, Mp4, Start, TopBox};
use rewrite::Tables;

/// A part of the rewritten file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// These bytes.
    Literal(Bytes),
    /// These bytes of the source.
    Range {
        /// Where they start in the source.
        from: u64,
        /// How many.
        len: u64,
    },
}

impl Segment {
    /// Bytes of this part.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Literal(bytes) => bytes.len() as u64,
            Self::Range { len, .. } => *len,
        }
    }

    /// Whether this part has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How to send a file with its movie box in front.
///
/// Ranges come in the order of the source, and every byte of the source stands in a range or in [`Plan::moved`], once. So
/// one forward read of the source with the moved part left out serves them all, and a digest of the source can be taken
/// while it is sent: feed it `moved` when its offset is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What to send, in order; no part is empty.
    pub segments: Vec<Segment>,
    /// Bytes of all parts together.
    pub len: u64,
    /// The part of the source that is sent in another form: where it starts, and its bytes.
    pub moved: (u64, Bytes),
}

/// Why a file is sent as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is nothing to move.
    #[error("the movie box stands in front already")]
    Fast,
    /// Fragments place their samples by themselves.
    #[error("the file is in fragments")]
    Fragmented,
    /// Offsets could not be trusted.
    #[error("the file is cut, or something that is no box stands in it")]
    Incomplete,
    /// Which one counts is not said.
    #[error("the file has more than one movie box")]
    SeveralMovies,
    /// Offsets of another kind than sample tables: items, auxiliary information, other files.
    #[error("the file places data by a table that is not rewritten: {0}")]
    Placement(&'static str),
    /// A sample table does not fit the file.
    #[error("a sample table is broken: {0}")]
    Table(&'static str),
}

impl Mp4 {
    /// Plans the file with its movie box in front; `len` is the file's length.
    ///
    /// # Errors
    /// [`Refusal`]: why the file is to be sent as it is.
    pub fn faststart(&self, len: u64) -> Result<Plan, Refusal> {
        if self.movie.fragmented || self.layout.find(*b"moof").is_some() {
            return Err(Refusal::Fragmented);
        }
        if self.start == Start::Fast {
            return Err(Refusal::Fast);
        }
        plan(&self.layout, &self.moov, len)
    }
}

/// Plans from the boxes of a file and its movie box (header included).
///
/// # Errors
/// [`Refusal`]: why the file is to be sent as it is.
pub fn plan(layout: &Layout, moov: &[u8], len: u64) -> Result<Plan, Refusal> {
    let found = check(layout, moov, len)?;
    // Right behind the file type, which must come first; a QuickTime file without one starts with its movie box.
    let insert = layout.boxes.first().filter(|first| first.kind == *b"ftyp").map_or(0, TopBox::end);
    let tables = Tables::find(moov)?;
    let moov_new = tables.rewrite(&Shift { insert, start: found.offset, end: found.end(), len })?;
    let literal = Segment::Literal(moov_new.into());
    let range = |from: u64, end: u64| Segment::Range { from, len: end.saturating_sub(from) };
    let segments: Vec<Segment> = [range(0, insert), literal, range(insert, found.offset), range(found.end(), len)]
        .into_iter()
        .filter(|segment| !segment.is_empty())
        .collect();
    let total = segments.iter().map(Segment::len).sum();
    Ok(Plan { segments, len: total, moved: (found.offset, Bytes::copy_from_slice(moov)) })
}

/// The movie box, where the file is one whose boxes may change places.
fn check(layout: &Layout, moov: &[u8], len: u64) -> Result<TopBox, Refusal> {
    let boxes = &layout.boxes;
    if !layout.is_complete || boxes.iter().any(|found| found.is_cut) || boxes.last().map(TopBox::end) != Some(len) {
        return Err(Refusal::Incomplete);
    }
    let mut movies = boxes.iter().filter(|found| found.kind == *b"moov");
    let found = *movies.next().ok_or(Refusal::Incomplete)?;
    if movies.next().is_some() {
        return Err(Refusal::SeveralMovies);
    }
    if found.size != moov.len() as u64 {
        return Err(Refusal::Incomplete);
    }
    for kind in [*b"moof", *b"mfra", *b"sidx"] {
        if layout.find(kind).is_some() {
            return Err(Refusal::Fragmented);
        }
    }
    if layout.find(*b"meta").is_some() {
        return Err(Refusal::Placement("meta"));
    }
    Ok(found)
}

/// How offsets move: the bytes in `start..end` leave their place, and others come in at `insert`.
struct Shift {
    insert: u64,
    start: u64,
    end: u64,
    len: u64,
}

impl Shift {
    /// Where a byte of the source goes when `coming` bytes come in. `None` for one that is in no place a sample can be.
    const fn apply(&self, offset: u64, coming: u64) -> Option<u64> {
        if offset >= self.len || (offset >= self.start && offset < self.end) {
            return None;
        }
        if offset < self.insert {
            return Some(offset);
        }
        let Some(moved) = offset.checked_add(coming) else { return None };
        if offset < self.start { Some(moved) } else { moved.checked_sub(self.end - self.start) }
    }
}
