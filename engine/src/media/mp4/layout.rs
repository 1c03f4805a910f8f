//! The boxes at the top of a file, found by their headers alone.

use super::boxes::{Header, Kind};
use crate::media::window::{Parse, Stop, Window, optional};

/// Asked for at once when a header behind media data is read: the movie box that most often stands there, or a good part
/// of it.
pub(super) const AHEAD: u64 = 128 * 1024;

/// Most boxes walked over. A file of more fragments is probed by its indexes, or not at all.
const MOST_BOXES: usize = 4096;

/// A box at the top of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopBox {
    /// Its type.
    pub kind: Kind,
    /// Where its header starts.
    pub offset: u64,
    /// Bytes of its header.
    pub header: u8,
    /// Bytes of the whole box; where the header says "to the end of the file", up to there.
    pub size: u64,
    /// Whether the header says "to the end of the file".
    pub to_end: bool,
    /// Whether the file ends before the box does.
    pub is_cut: bool,
}

impl TopBox {
    /// Where the box ends.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.offset.saturating_add(self.size)
    }

    /// Reads the header at `offset`; `None` where there is no header.
    pub(super) fn read(window: &Window, offset: u64, ahead: u64) -> Parse<Option<Self>> {
        let left = window.len().saturating_sub(offset);
        if left < 8 {
            return Ok(None);
        }
        let data = window.get_ahead(offset, left.min(16), ahead)?;
        let Some(Header { kind, header, size }) = Header::parse(data) else { return Ok(None) };
        let is_cut = size.is_some_and(|size| size > left);
        Ok(Some(Self { kind, offset, header, size: size.unwrap_or(left), to_end: size.is_none(), is_cut }))
    }
}

/// The boxes at the top of a file, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The boxes.
    pub boxes: Vec<TopBox>,
    /// Whether the boxes reach to the end of the file, and nothing in it is cut or no box.
    pub is_complete: bool,
}

impl Layout {
    /// The movie box.
    #[must_use]
    pub fn movie(&self) -> Option<TopBox> {
        self.find(*b"moov")
    }

    /// The first box of `kind`.
    #[must_use]
    pub fn find(&self, kind: Kind) -> Option<TopBox> {
        self.boxes.iter().copied().find(|found| found.kind == kind)
    }

    /// Whether media data stands in front of `offset`. An empty box is none: QuickTime reserves room with them.
    #[must_use]
    pub fn has_data_before(&self, offset: u64) -> bool {
        self.boxes.iter().any(|b| b.kind == *b"mdat" && b.offset < offset && b.size > u64::from(b.header))
    }

    fn end(&self) -> u64 {
        self.boxes.last().map_or(0, TopBox::end)
    }

    /// Adds the next box. `None` where there is none: at the end, or where something else follows.
    fn step(&mut self, window: &Window) -> Parse<Option<TopBox>> {
        let at = self.end();
        if at >= window.len() || self.boxes.len() >= MOST_BOXES {
            self.is_complete = at == window.len();
            return Ok(None);
        }
        let ahead = if at == 0 { 16 } else { AHEAD };
        let found = TopBox::read(window, at, ahead)?;
        self.boxes.extend(found);
        Ok(found)
    }

    /// Reads the boxes that follow the known ones, up to the end of the file.
    pub(super) fn walk_on(&mut self, window: &Window) -> Parse<()> {
        // A copy, so that a stop in the middle leaves no half a list behind.
        let mut layout = self.clone();
        while optional(layout.step(window))?.flatten().is_some() {}
        *self = layout;
        Ok(())
    }
}

/// Reads box headers up to the movie box, jumping over everything else.
pub(super) fn up_to_movie(window: &Window) -> Parse<Layout> {
    let mut layout = Layout::default();
    while let Some(found) = layout.step(window)? {
        if found.kind == *b"moov" {
            return Ok(layout);
        }
    }
    Err(Stop::Broken("no movie box"))
}
