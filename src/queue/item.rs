//! An item of a shared queue: bytes, and what they are.

use std::sync::Arc;

use warmpath_engine::{error::Result, queue::Run};

use super::broken;
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

/// What a batch is made of.
pub enum Parts {
    /// Bytes.
    Bytes(Vec<u8>),
    /// Text in Latin-1.
    Latin(Vec<u8>),
    /// Text in UTF-16.
    Wide(Vec<u16>),
}

impl From<Units> for Parts {
    fn from(units: Units) -> Self {
        match units {
            Units::Latin(bytes) => Self::Latin(bytes),
            Units::Wide(units) => Self::Wide(units),
        }
    }
}

impl Parts {
    const fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) | Self::Latin(bytes) => bytes.len(),
            Self::Wide(units) => units.len(),
        }
    }
}

/// The items of a batch, behind each other.
pub struct Batch {
    parts: Parts,
    /// Where each ends.
    ends: Vec<u32>,
}

impl Default for Batch {
    fn default() -> Self {
        Self { parts: Parts::Bytes(Vec::new()), ends: Vec::new() }
    }
}

impl Batch {
    /// Bytes of the memory that another batch could use.
    pub const fn room(&self) -> usize {
        let bytes = match &self.parts {
            Parts::Bytes(bytes) | Parts::Latin(bytes) => bytes.capacity(),
            Parts::Wide(_) => 0,
        };
        bytes + size_of::<u32>() * self.ends.capacity()
    }

    /// Fills it with what `fill` makes of the memory that it had, an empty buffer.
    pub fn fill(&mut self, fill: impl FnOnce(Vec<u8>) -> Result<Parts>) -> Result<()> {
        let parts = std::mem::replace(&mut self.parts, Parts::Bytes(Vec::new()));
        let mut bytes = match parts {
            Parts::Bytes(bytes) | Parts::Latin(bytes) => bytes,
            Parts::Wide(_) => Vec::new(),
        };
        bytes.clear();
        self.parts = fill(bytes)?;
        Ok(())
    }

    /// Cuts what is in it at these lengths, which must come to all of it.
    pub fn cut(&mut self, lengths: &[i32]) -> Result<()> {
        let (mut end, mut negative) = (0_u64, 0);
        self.ends.clear();
        self.ends.extend(lengths.iter().map(|length| {
            negative |= *length;
            end += u64::from(length.cast_unsigned());
            // The sum is compared below: what does not fit is not used.
            u32::try_from(end).unwrap_or(u32::MAX)
        }));
        if negative < 0 || end > u64::from(u32::MAX) || usize::try_from(end) != Ok(self.parts.len()) {
            return Err(broken("the lengths are not those of the batch"));
        }
        Ok(())
    }

    /// Where this one begins: where the one before ends.
    fn begin(&self, index: usize) -> u32 {
        index.checked_sub(1).map_or(0, |before| self.end(before))
    }

    fn end(&self, index: usize) -> u32 {
        self.ends.get(index).copied().unwrap_or_default()
    }

    /// Of `count` items from `first` on as many as have together at most `most` units, at least one; as one piece.
    fn piece(&self, first: usize, count: usize, most: usize) -> (View<'_>, usize) {
        let begin = self.begin(first);
        let ends = self.ends.get(first..first + count).unwrap_or_default();
        let number = ends.partition_point(|end| (end - begin) as usize <= most).max(1);
        (self.view(begin, self.end(first + number - 1)), number)
    }

    fn view(&self, begin: u32, end: u32) -> View<'_> {
        let range = begin as usize..end as usize;
        match &self.parts {
            Parts::Bytes(bytes) => View::Bytes(bytes.get(range).unwrap_or_default()),
            Parts::Latin(bytes) => View::Latin(bytes.get(range).unwrap_or_default()),
            Parts::Wide(units) => View::Wide(units.get(range).unwrap_or_default()),
        }
    }
}

/// What an item holds.
#[derive(Clone, Copy)]
pub enum View<'a> {
    /// Bytes, or a text in UTF-8.
    Bytes(&'a [u8]),
    /// A text in Latin-1.
    Latin(&'a [u8]),
    /// A text in UTF-16.
    Wide(&'a [u16]),
}

impl View<'_> {
    pub const fn bytes(self) -> usize {
        match self {
            Self::Bytes(bytes) | Self::Latin(bytes) => bytes.len(),
            Self::Wide(units) => 2 * units.len(),
        }
    }

    /// Whether it begins with this character of ASCII.
    pub fn begins_with(self, character: u8) -> bool {
        match self {
            Self::Bytes(bytes) | Self::Latin(bytes) => bytes.first() == Some(&character),
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
    /// Of the items of a batch this one, or, where it is a run, those from this one on.
    Part {
        batch: Arc<Batch>,
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

    /// The run of all items of a batch.
    pub const fn run(kind: Kind, batch: Arc<Batch>) -> Self {
        Self { kind, content: Content::Part { batch, first: 0 } }
    }

    /// The batch that it is of.
    pub fn into_batch(self) -> Option<Arc<Batch>> {
        match self.content {
            Content::Part { batch, .. } => Some(batch),
            _ => None,
        }
    }

    /// What it holds; of a run, the first.
    pub fn view(&self) -> View<'_> {
        match &self.content {
            Content::Short { length, bytes } => View::Bytes(bytes.get(..usize::from(*length)).unwrap_or_default()),
            Content::Long(bytes) => View::Bytes(bytes),
            Content::Part { batch, first } => batch.piece(*first, 1, 0).0,
        }
    }

    /// The first of a run's `count` items, at least one and at most `most` units of them, where they lie behind each other; and how
    /// many they are. Of what is no run, the item.
    pub fn piece(&self, count: usize, most: usize) -> (View<'_>, usize) {
        match &self.content {
            Content::Part { batch, first } => batch.piece(*first, count, most),
            _ => (self.view(), 1),
        }
    }

    /// Writes down kind and length of as many items as there are records: of a text in UTF-16 units, else in bytes.
    pub fn describe(&self, records: &mut [[i32; 2]]) {
        let kind = self.kind as i32;
        let Content::Part { batch, first } = &self.content else {
            let length = i32::try_from(self.units()).unwrap_or(i32::MAX);
            records.fill([kind, length]);
            return;
        };
        let mut begin = batch.begin(*first);
        for (record, end) in records.iter_mut().zip(batch.ends.iter().skip(*first)) {
            *record = [kind, (end - begin).cast_signed()];
            begin = *end;
        }
    }

    fn units(&self) -> usize {
        match self.view() {
            View::Bytes(bytes) if self.kind.is_text() && !bytes.is_ascii() => {
                str::from_utf8(bytes).map_or(0, |text| text.encode_utf16().count())
            }
            View::Bytes(bytes) | View::Latin(bytes) => bytes.len(),
            View::Wide(units) => units.len(),
        }
    }

    /// Bytes of an item, or of a run of so many.
    pub fn bytes(&self, count: usize) -> usize {
        match &self.content {
            Content::Part { batch, first } => batch.view(batch.begin(*first), batch.end(first + count - 1)).bytes(),
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
