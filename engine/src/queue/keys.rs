//! The index of the keys: which slot has one, or which item of a run.
//!
//! A batch of items with keys is a run as well: its keys stay where they came, behind each other, and the index names each by its
//! number. So an item of it costs one entry of the table when it comes and one when it goes, and no slot, no list and no allocation.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::slots::{Id, NIL, Slots};

/// What the items of a slot are called.
#[derive(Clone)]
pub(super) enum Label {
    /// No item has a key.
    None,
    /// The one item has, with this hash.
    Key(Arc<str>, u64),
    /// Of a batch's keys those from this one on, one for each item.
    Keys { batch: u32, first: u32 },
}

/// Where a key is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Slot(Id),
    Item { batch: u32, index: u32 },
}

/// The keys of a batch, behind each other.
#[derive(Default)]
struct Batch {
    text: String,
    /// Where each ends.
    ends: Vec<u32>,
    hashes: Vec<u64>,
    /// The slots of its items, and with which of them each begins: rising. What a slot has lost meanwhile, nobody asks for.
    parts: Vec<(u32, Id)>,
    /// Items that are still queued.
    left: usize,
}

impl Batch {
    fn key(&self, index: u32) -> Option<&str> {
        let index = index as usize;
        let begin = index.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.text.get(begin as usize..*self.ends.get(index)? as usize)
    }

    fn hash(&self, index: u32) -> u64 {
        self.hashes.get(index as usize).copied().unwrap_or_default()
    }
}

/// Above this many entries an index that has run empty gives its memory back.
const KEPT: usize = 4096;

/// So many batches keep their memory for those that come, where it is not more than so many bytes of text.
const KEPT_BATCHES: usize = 2;
const KEPT_BYTES: usize = 256 * 1024;

pub(super) struct Keys {
    table: HashTable<Name>,
    hasher: RandomState,
    batches: Vec<Batch>,
    free: Vec<u32>,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self { table: HashTable::new(), hasher: RandomState::default(), batches: Vec::new(), free: Vec::new() }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn hash(&self, key: &str) -> u64 {
        self.hasher.hash_one(key)
    }

    /// Where the key is.
    pub(super) fn find<T>(&self, slots: &Slots<T>, hash: u64, key: &str) -> Option<Name> {
        let is_it = |name: &Name| match *name {
            Name::Slot(id) => {
                slots.get(id).is_some_and(|slot| matches!(&slot.label, Label::Key(own, _) if **own == *key))
            }
            // Most that are not equal have another hash: the key itself lies further away.
            Name::Item { batch, index } => self
                .batches
                .get(batch as usize)
                .is_some_and(|batch| batch.hash(index) == hash && batch.key(index) == Some(key)),
        };
        self.table.find(hash, is_it).copied()
    }

    pub(super) fn insert<T>(&mut self, slots: &Slots<T>, hash: u64, name: Name) {
        let Self { table, batches, .. } = self;
        table.insert_unique(hash, name, |name| hash_of(batches, slots, *name));
    }

    fn remove(&mut self, hash: u64, name: Name) {
        if let Ok(found) = self.table.find_entry(hash, |found| *found == name) {
            found.remove();
        }
    }

    /// Takes the keys of a batch in, none of which is in the index yet; the number of the batch. `ends` rise to the length of the text,
    /// each at the end of a character.
    pub(super) fn open<T>(&mut self, slots: &Slots<T>, text: &str, ends: &[u32]) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.batches.push(Batch::default());
            u32::try_from(self.batches.len() - 1).unwrap_or(NIL)
        });
        let Self { table, hasher, batches, .. } = self;
        if let Some(batch) = batches.get_mut(number as usize) {
            batch.text.push_str(text);
            batch.ends.extend_from_slice(ends);
            let mut begin = 0;
            batch.hashes.extend(ends.iter().map(|end| {
                let key = text.get(begin..*end as usize).unwrap_or_default();
                begin = *end as usize;
                hasher.hash_one(key)
            }));
        }
        // Once, and not as it grows.
        table.reserve(ends.len(), |name| hash_of(batches, slots, *name));
        number
    }

    /// Puts the key of one item of a batch in, unless an equal one is there.
    pub(super) fn offer<T>(&mut self, slots: &Slots<T>, batch: u32, index: u32) -> bool {
        let Some(of) = self.batches.get(batch as usize) else { return false };
        let (hash, Some(key)) = (of.hash(index), of.key(index)) else { return false };
        if self.find(slots, hash, key).is_some() {
            return false;
        }
        self.insert(slots, hash, Name::Item { batch, index });
        if let Some(batch) = self.batches.get_mut(batch as usize) {
            batch.left += 1;
        }
        true
    }

    /// The items from this one on are in that slot.
    pub(super) fn place(&mut self, batch: u32, first: u32, id: Id) {
        let Some(batch) = self.batches.get_mut(batch as usize) else { return };
        let at = batch.parts.partition_point(|(other, _)| *other < first);
        batch.parts.insert(at, (first, id));
    }

    /// The slot that an item is in.
    pub(super) fn slot_of(&self, name: Name) -> Option<Id> {
        match name {
            Name::Slot(id) => Some(id),
            Name::Item { batch, index } => {
                let parts = &self.batches.get(batch as usize)?.parts;
                let after = parts.partition_point(|(first, _)| *first <= index);
                parts.get(after.checked_sub(1)?).map(|(_, id)| *id)
            }
        }
    }

    /// The key of a slot's item, counted from its first.
    pub(super) fn key_of(&self, label: &Label, at: u32) -> Option<Arc<str>> {
        match label {
            Label::None => None,
            Label::Key(key, _) => Some(Arc::clone(key)),
            Label::Keys { batch, first } => self.batches.get(*batch as usize)?.key(first + at).map(Arc::from),
        }
    }

    /// Frees the keys of `count` of a slot's items, counted from its first.
    pub(super) fn forget(&mut self, label: &Label, id: Id, at: u32, count: u32) {
        match *label {
            Label::None => {}
            Label::Key(_, hash) => self.remove(hash, Name::Slot(id)),
            Label::Keys { batch, first } => {
                if self.table.len() == count as usize && self.table.capacity() <= 4 * KEPT {
                    // There are no others.
                    self.table.clear();
                } else {
                    for index in first + at..first + at + count {
                        let hash = self.batches.get(batch as usize).map_or(0, |batch| batch.hash(index));
                        self.remove(hash, Name::Item { batch, index });
                    }
                }
                self.release(batch, count as usize);
            }
        }
        if self.table.is_empty() && self.table.capacity() > KEPT {
            self.table = HashTable::new();
        }
    }

    /// So many items of a batch are gone; with the last the batch is.
    pub(super) fn release(&mut self, number: u32, count: usize) {
        let Some(batch) = self.batches.get_mut(number as usize) else { return };
        batch.left -= count;
        if batch.left > 0 {
            return;
        }
        if self.free.len() >= KEPT_BATCHES || batch.text.capacity() > KEPT_BYTES || batch.ends.capacity() > KEPT {
            *batch = Batch::default();
        } else {
            batch.text.clear();
            batch.ends.clear();
            batch.hashes.clear();
            batch.parts.clear();
        }
        self.free.push(number);
        if self.free.len() == self.batches.len() && self.batches.len() > KEPT_BATCHES {
            (self.batches, self.free) = (Vec::new(), Vec::new());
        }
    }
}

fn hash_of<T>(batches: &[Batch], slots: &Slots<T>, name: Name) -> u64 {
    match name {
        Name::Slot(id) => match slots.get(id).map(|slot| &slot.label) {
            Some(Label::Key(_, hash)) => *hash,
            _ => 0,
        },
        Name::Item { batch, index } => batches.get(batch as usize).map_or(0, |batch| batch.hash(index)),
    }
}

#[cfg(all(test, not(feature = "loom")))]
impl Keys {
    /// That every item of the batches is in the index, and where it is said to be.
    pub(super) fn audit<T>(&self, slots: &Slots<T>) {
        let left: usize = self.batches.iter().map(|batch| batch.left).sum();
        let items = self.table.iter().filter(|name| matches!(name, Name::Item { .. })).count();
        assert_eq!(items, left, "a batch counts those of its items that are queued");
        let used = self.batches.iter().filter(|batch| batch.left > 0).count();
        assert_eq!(self.batches.len() - used, self.free.len(), "a batch is free when its last item has left");
        for name in &self.table {
            let Name::Item { batch, index } = *name else { continue };
            let slot = self.slot_of(*name).and_then(|id| slots.get(id)).expect("an item is in a slot");
            let Label::Keys { batch: own, first } = slot.label else { panic!("its slot has keys") };
            assert!(own == batch && (first..first + slot.count).contains(&index), "it is in its slot");
        }
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests;
