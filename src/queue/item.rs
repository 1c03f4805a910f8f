//! An item of a shared queue: bytes, and what they are.

use std::sync::Arc;

use warmpath_engine::{error::Result, queue::Run};

use super::{broken, spare::Spare};
use crate::door::Units;

/// Bytes that need no allocation of their own. One made on one thread and freed on another makes both wait for the allocator.
const SHORT: usize = 78;

/// What the bytes of an item are.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A string.
    Text,
    /// JSON text.
    Json,
    /// A `Uint8Array`.
    Bytes,
    /// A Node `Buffer`.
    Buffer,
    /// What structured clone wrote.
    Clone,
}

impl Kind {
    pub fn from(number: u32) -> Result<Self> {
        Ok(match number {
            0 => Self::Text,
            1 => Self::Json,
            2 => Self::Bytes,
            3 => Self::Buffer,
            4 => Self::Clone,
            _ => return Err(broken("the door knows no such item")),
        })
    }

    pub const fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Json)
    }
}

/// The texts of a batch, behind each other.
pub struct Texts {
    units: Units,
    /// Where each ends.
    ends: Box<[u32]>,
    /// Where the memory goes.
    spare: Arc<Spare>,
}

impl Drop for Texts {
    fn drop(&mut self) {
        if let Units::Ascii(bytes) = &mut self.units {
            self.spare.give(std::mem::take(bytes));
        }
    }
}

impl Texts {
    /// Cuts a text at these lengths, which must come to all of it.
    pub fn new(units: Units, lengths: &[i32], spare: &Arc<Spare>) -> Result<Self> {
        let mut end = 0_u32;
        let ends: Option<Box<[u32]>> = lengths
            .iter()
            .map(|length| {
                end = end.checked_add(u32::try_from(*length).ok()?)?;
                Some(end)
            })
            .collect();
        let ends = ends.ok_or_else(|| broken("a length is negative"))?;
        if end as usize != units.len() {
            return Err(broken("the lengths are not those of the text"));
        }
        Ok(Self { units, ends, spare: Arc::clone(spare) })
    }

    /// Where this one begins: where the one before ends.
    fn begin(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.end(before))
    }

    fn end(&self, index: usize) -> usize {
        self.ends.get(index).copied().unwrap_or_default() as usize
    }

    /// Of `count` texts from `first` on as many as have together at most `most` units, at least one; as one piece.
    fn piece(&self, first: usize, count: usize, most: usize) -> (View<'_>, usize) {
        let begin = self.begin(first);
        let fits = |last: &usize| self.end(*last) - begin <= most;
        let number = 1 + (first + 1..first + count).take_while(fits).count();
        (View::of(&self.units, begin, self.end(first + number - 1)), number)
    }
}

/// What an item holds.
#[derive(Clone, Copy)]
pub enum View<'a> {
    /// Bytes, or a text in UTF-8.
    Bytes(&'a [u8]),
    /// A text in UTF-16.
    Wide(&'a [u16]),
}

impl<'a> View<'a> {
    fn of(units: &'a Units, begin: usize, end: usize) -> Self {
        match units {
            Units::Ascii(bytes) => Self::Bytes(bytes.get(begin..end).unwrap_or_default()),
            Units::Wide(units) => Self::Wide(units.get(begin..end).unwrap_or_default()),
        }
    }

    pub const fn bytes(self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Wide(units) => 2 * units.len(),
        }
    }

    /// Whether it begins with this character.
    pub fn begins_with(self, character: u8) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.first() == Some(&character),
            Self::Wide(units) => units.first() == Some(&u16::from(character)),
        }
    }
}

#[derive(Clone)]
enum Content {
    Short {
        length: u8,
        bytes: [u8; SHORT],
    },
    Long(Arc<[u8]>),
    /// Of the texts of a batch this one, or, where it is a run, those from this one on.
    Part {
        batch: Arc<Texts>,
        first: usize,
    },
}

/// An item, or a run of those of a batch. A clone of a long one shares its bytes.
#[derive(Clone)]
pub struct Item {
    pub kind: Kind,
    content: Content,
}

impl Item {
    pub fn new(kind: Kind, bytes: &[u8]) -> Self {
        let mut short = [0; SHORT];
        let content = match (short.get_mut(..bytes.len()), u8::try_from(bytes.len())) {
            (Some(room), Ok(length)) => {
                room.copy_from_slice(bytes);
                Content::Short { length, bytes: short }
            }
            _ => Content::Long(Arc::from(bytes)),
        };
        Self { kind, content }
    }

    /// The run of all texts of a batch.
    pub fn run(kind: Kind, batch: Texts) -> Self {
        Self { kind, content: Content::Part { batch: Arc::new(batch), first: 0 } }
    }

    /// What it holds; of a run, the first.
    pub fn view(&self) -> View<'_> {
        match &self.content {
            Content::Short { length, bytes } => View::Bytes(bytes.get(..usize::from(*length)).unwrap_or_default()),
            Content::Long(bytes) => View::Bytes(bytes),
            Content::Part { batch, first } => batch.piece(*first, 1, 0).0,
        }
    }

    /// The first of a run's `count` texts, at least one and at most `most` units of them, where they lie behind each other; and how
    /// many they are. `None` for what is no part of a batch.
    pub fn piece(&self, count: usize, most: usize) -> Option<(View<'_>, usize)> {
        match &self.content {
            Content::Part { batch, first } => Some(batch.piece(*first, count, most)),
            _ => None,
        }
    }

    /// The length of a run's text, in units.
    pub fn length_at(&self, index: usize) -> usize {
        match &self.content {
            Content::Part { batch, first } => batch.end(first + index) - batch.begin(first + index),
            _ => 0,
        }
    }

    /// Bytes of an item, or of a run of so many.
    pub fn bytes(&self, count: usize) -> usize {
        match &self.content {
            Content::Part { batch, first } => {
                View::of(&batch.units, batch.begin(*first), batch.end(first + count - 1)).bytes()
            }
            _ => self.view().bytes(),
        }
    }
}

impl Run for Item {
    fn split_off(&mut self, at: usize) -> Self {
        let mut rest = self.clone();
        if let Content::Part { first, .. } = &mut rest.content {
            *first += at;
        }
        rest
    }
}
