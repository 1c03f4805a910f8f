//! The order of the queue, for one owner: one lane for each priority, and an index of the keys.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    entry::{Entry, Offer, Options, Push, WhenFull},
    keys::{Keys, Label, Name},
    planted::Bug,
    run::{Cut, End, cut_up},
    slots::{Id, Links, NIL, Slot, Slots},
};

/// A list through the slots.
#[derive(Clone, Copy)]
struct Ends {
    first: Id,
    last: Id,
}

impl Ends {
    const EMPTY: Self = Self { first: NIL, last: NIL };

    const fn is_empty(self) -> bool {
        self.first == NIL
    }
}

/// Where the head of a lane stands among the heads while priorities age: the smallest leaves first.
type Rank = (i128, u64, i32);

/// A bounded, deduplicating priority queue for one owner. What its answers mean: the table in [`super`].
///
/// With `p` different priorities queued, `push`, `pop` and `remove` are O(log p); none depends on the number of items.
/// A key look-up is O(1). Nothing is left behind by an item that leaves: slots and index entries are freed at once.
pub struct Lanes<T> {
    options: Options,
    pub(super) slots: Slots<T>,
    /// Items in the slots: of a run all.
    pub(super) items: usize,
    /// How runs are cut, once there was one.
    pub(super) cut: Option<Cut<T>>,
    pub(super) keys: Keys,
    /// Only lanes with items, except that a single lane stays when it runs empty: one priority is the common case, and it
    /// must not cost an allocation for each item.
    by_priority: BTreeMap<Reverse<i32>, Ends>,
    /// By arrival; kept where the policy asks for it.
    arrivals: Ends,
    /// The heads of all lanes; kept where priorities age.
    heads: BTreeSet<Rank>,
    stamp: u64,
}

impl<T> Lanes<T> {
    /// A queue for at most `capacity` items that refuses more.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self::with_options(Options::new(capacity))
    }

    /// A queue.
    #[must_use]
    pub fn with_options(options: Options) -> Self {
        Self {
            options,
            slots: Slots::new(),
            items: 0,
            cut: None,
            keys: Keys::new(),
            by_priority: BTreeMap::new(),
            arrivals: Ends::EMPTY,
            heads: BTreeSet::new(),
            stamp: 0,
        }
    }

    /// Adds an item to a queue that does not age, unless its key is queued already or there is no room.
    pub fn push(&mut self, item: T, key: Option<Arc<str>>, priority: i32) -> Push<T> {
        self.push_at(item, key, priority, 0)
    }

    /// [`Lanes::push`] at `now`, in ns since any moment; only a queue that ages looks at it.
    pub fn push_at<K>(&mut self, item: T, key: Option<K>, priority: i32, now: u64) -> Push<T>
    where
        K: AsRef<str> + Into<Arc<str>>,
    {
        let hash = key.as_ref().map_or(0, |key| self.keys.hash(key.as_ref()));
        if key.as_ref().is_some_and(|key| self.keys.find(&self.slots, hash, key.as_ref()).is_some()) {
            return Push::refused(Offer::Duplicate, item);
        }
        let mut dropped = None;
        if self.room() == 0 {
            match self.make_room(priority) {
                Some(entry) => dropped = Some(entry),
                None => return Push::refused(Offer::Full, item),
            }
        }
        let label = key.map_or(Label::None, |key| Label::Key(key.into(), hash));
        let stamp = self.stamp_at(now);
        self.insert(Slot { item, count: 1, label, stamp, priority, lane: Links::NONE, arrival: Links::NONE });
        Push { offer: Offer::Queued, dropped, refused: None }
    }

    /// Strictly rising, so that it orders equals too.
    pub(super) fn stamp_at(&mut self, now: u64) -> u64 {
        self.stamp = now.max(self.stamp + 1);
        self.stamp
    }

    /// How many items more there is room for.
    pub(super) fn room(&self) -> usize {
        let more = usize::from(self.options.planted.has(Bug::OneTooMany));
        self.options.capacity.saturating_add(more).min(Slots::<T>::MAX).saturating_sub(self.items)
    }

    /// Takes out what the policy gives up for a newcomer of that priority.
    fn make_room(&mut self, priority: i32) -> Option<Entry<T>> {
        let (id, end) = match self.options.when_full {
            WhenFull::Reject => return None,
            WhenFull::DropOldest => (self.arrivals.first, End::First),
            WhenFull::DropLowest => {
                let (Reverse(lowest), ends) = self.by_priority.last_key_value()?;
                if priority <= *lowest {
                    return None;
                }
                (ends.last, End::Last)
            }
        };
        let slot = self.slots.get(id)?;
        let at = if matches!(end, End::First) { 0 } else { slot.count - 1 };
        let key = self.keys.key_of(&slot.label, at);
        let (mut entry, _one) = self.take_from(id, end, 1)?;
        if let Some(key) = key.as_ref().filter(|_| self.options.planted.has(Bug::KeyKept)) {
            // The planted bug: an index entry that names a slot which will be another item's.
            self.keys.insert(&self.slots, self.keys.hash(key), Name::Slot(id));
        }
        entry.key = key;
        Some(entry)
    }

    pub(super) fn insert(&mut self, slot: Slot<T>) -> Id {
        let (priority, stamp) = (slot.priority, slot.stamp);
        let id = self.store(slot);
        // The one lane that may be empty makes way for another priority.
        if self.by_priority.len() == 1
            && !self.by_priority.contains_key(&Reverse(priority))
            && self.by_priority.first_key_value().is_some_and(|(_, ends)| ends.is_empty())
        {
            self.by_priority.clear();
        }
        let ends = self.by_priority.entry(Reverse(priority)).or_insert(Ends::EMPTY);
        let was_empty = ends.is_empty();
        append(ends, &mut self.slots, id, |slot| &mut slot.lane);
        if was_empty {
            self.add_head(priority, stamp);
        }
        if self.options.when_full == WhenFull::DropOldest {
            append(&mut self.arrivals, &mut self.slots, id, |slot| &mut slot.arrival);
        }
        id
    }

    /// Puts a slot right behind another of its lane.
    pub(super) fn insert_behind(&mut self, id: Id, slot: Slot<T>) -> Id {
        let priority = slot.priority;
        let new = self.store(slot);
        if let Some(ends) = self.by_priority.get_mut(&Reverse(priority)) {
            append_behind(ends, &mut self.slots, id, new, |slot| &mut slot.lane);
        }
        if self.options.when_full == WhenFull::DropOldest {
            append_behind(&mut self.arrivals, &mut self.slots, id, new, |slot| &mut slot.arrival);
        }
        new
    }

    /// Into the arena and into the index, not yet into a list.
    fn store(&mut self, slot: Slot<T>) -> Id {
        self.items += slot.count as usize;
        let (hash, keys) = match slot.label {
            Label::None => (None, None),
            Label::Key(_, hash) => (Some(hash), None),
            Label::Keys { batch, first } => (None, Some((batch, first))),
        };
        let id = self.slots.insert(slot);
        if let Some(hash) = hash {
            self.keys.insert(&self.slots, hash, Name::Slot(id));
        }
        if let Some((batch, first)) = keys {
            self.keys.place(batch, first, id);
        }
        id
    }

    /// Takes one slot out, wherever it stands. What it was called, nobody asks for but [`Lanes::make_room`].
    pub(super) fn take(&mut self, id: Id) -> Option<Entry<T>> {
        let Slot { item, count, label, stamp, priority, lane, arrival } = self.slots.remove(id)?;
        self.items -= count as usize;
        self.keys.forget(&label, id, 0, count);
        if let Some(ends) = self.by_priority.get_mut(&Reverse(priority)) {
            unlink(ends, &mut self.slots, lane, |slot| &mut slot.lane);
            let first = ends.first;
            if first == NIL && self.by_priority.len() > 1 {
                self.by_priority.remove(&Reverse(priority));
            }
            if lane.before == NIL && self.options.aging.is_some() {
                self.heads.remove(&self.rank(priority, stamp));
                if let Some(next) = self.slots.get(first) {
                    self.add_head(priority, next.stamp);
                }
            }
        }
        if self.options.when_full == WhenFull::DropOldest {
            unlink(&mut self.arrivals, &mut self.slots, arrival, |slot| &mut slot.arrival);
        }
        Some(Entry { item, key: None, priority })
    }

    fn add_head(&mut self, priority: i32, stamp: u64) {
        if self.options.aging.is_some() {
            self.heads.insert(self.rank(priority, stamp));
        }
    }

    /// The moment at which an item of priority 0 would have had to arrive to stand equal. It never changes while an item
    /// waits: both of two items age alike.
    fn rank(&self, priority: i32, stamp: u64) -> Rank {
        let aging = self.options.aging.map_or(0, |aging| i128::try_from(aging.as_nanos()).unwrap_or(i128::MAX));
        let ahead = i128::from(priority).saturating_mul(aging);
        (i128::from(stamp).saturating_sub(ahead), stamp, priority)
    }

    pub(super) fn first(&self) -> Id {
        if self.options.aging.is_some() {
            let lane = self.heads.first().and_then(|(_, _, priority)| self.by_priority.get(&Reverse(*priority)));
            return lane.map_or(NIL, |ends| ends.first);
        }
        self.by_priority.first_key_value().map_or(NIL, |(_, ends)| ends.first)
    }

    /// Takes the first item.
    pub fn pop(&mut self) -> Option<T> {
        self.pop_run(1).map(|(item, _one)| item)
    }

    /// Takes the item with that key out of the middle.
    pub fn remove(&mut self, key: &str) -> Option<T> {
        let name = self.keys.find(&self.slots, self.keys.hash(key), key)?;
        match (name, self.keys.slot_of(name)?) {
            (Name::Slot(_), id) => self.take(id).map(|entry| entry.item),
            (Name::Item { index, .. }, id) => self.take_out(id, index),
        }
    }

    /// Takes everything, in order.
    pub fn clear(&mut self) -> Vec<T> {
        let ids = self.in_order();
        self.keys = Keys::new();
        self.by_priority.clear();
        self.heads.clear();
        self.arrivals = Ends::EMPTY;
        let mut slots = std::mem::replace(&mut self.slots, Slots::new());
        let mut out = Vec::with_capacity(std::mem::take(&mut self.items));
        for slot in ids.into_iter().filter_map(|id| slots.remove(id)) {
            cut_up(slot.item, slot.count as usize, self.cut, &mut out);
        }
        out
    }

    pub(super) fn in_order(&self) -> Vec<Id> {
        let mut ids = Vec::with_capacity(self.slots.len());
        for ends in self.by_priority.values() {
            let mut at = ends.first;
            while let Some(slot) = self.slots.get(at) {
                ids.push(at);
                at = slot.lane.after;
            }
        }
        if self.options.aging.is_some() {
            ids.sort_by_cached_key(|id| self.slots.get(*id).map(|slot| self.rank(slot.priority, slot.stamp)));
        }
        ids
    }

    /// The first item; where it is a run's, the run.
    #[must_use]
    pub fn peek(&self) -> Option<&T> {
        self.slots.get(self.first()).map(|slot| &slot.item)
    }

    /// The queued items, in the order they will leave, each run as one. O(n) at the call.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.in_order().into_iter().filter_map(|id| self.slots.get(id)).map(|slot| &slot.item)
    }

    /// Whether an item with that key is queued.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.keys.find(&self.slots, self.keys.hash(key), key).is_some()
    }

    /// How many items are queued.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.items
    }

    /// Whether nothing is queued.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// How many items fit.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.options.capacity
    }

    /// How it behaves.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }
}

#[cfg(all(test, not(feature = "loom")))]
impl<T> Lanes<T> {
    /// That nothing is left behind and nothing is missing: every list and index names each item once.
    pub(super) fn audit(&self) {
        let ids = self.in_order();
        assert_eq!(ids.len(), self.slots.len(), "the lanes hold every item");
        let items: usize = ids.iter().filter_map(|id| self.slots.get(*id)).map(|slot| slot.count as usize).sum();
        assert_eq!(items, self.items, "every item of a run counts");
        let keyed = |slot: &Slot<T>| if matches!(slot.label, Label::None) { 0 } else { slot.count as usize };
        let keyed: usize = ids.iter().filter_map(|id| self.slots.get(*id)).map(keyed).sum();
        assert_eq!(self.keys.len(), keyed, "the index holds every key, and no other");
        self.keys.audit(&self.slots);
        let empty = self.by_priority.values().filter(|ends| ends.is_empty()).count();
        assert!(empty == 0 || self.by_priority.len() == 1, "an empty lane stays only where it is the single one");
        let heads = if self.options.aging.is_some() { self.by_priority.len() - empty } else { 0 };
        assert_eq!(self.heads.len(), heads, "each lane has one head");
        let mut arrivals = 0;
        let mut at = self.arrivals.first;
        while let Some(slot) = self.slots.get(at) {
            arrivals += 1;
            at = slot.arrival.after;
        }
        let expected = if self.options.when_full == WhenFull::DropOldest { ids.len() } else { 0 };
        assert_eq!(arrivals, expected, "the arrivals hold every item where they are kept");
    }
}

fn append<T>(ends: &mut Ends, slots: &mut Slots<T>, id: Id, links: impl Fn(&mut Slot<T>) -> &mut Links) {
    if let Some(slot) = slots.get_mut(id) {
        *links(slot) = Links { before: ends.last, after: NIL };
    }
    match slots.get_mut(ends.last) {
        Some(last) => links(last).after = id,
        None => ends.first = id,
    }
    ends.last = id;
}

/// Puts one right behind another of the list.
fn append_behind<T>(
    ends: &mut Ends,
    slots: &mut Slots<T>,
    id: Id,
    new: Id,
    links: impl Fn(&mut Slot<T>) -> &mut Links,
) {
    let Some(before) = slots.get_mut(id) else { return };
    let after = std::mem::replace(&mut links(before).after, new);
    if let Some(slot) = slots.get_mut(new) {
        *links(slot) = Links { before: id, after };
    }
    match slots.get_mut(after) {
        Some(after) => links(after).before = new,
        None => ends.last = new,
    }
}

/// Closes the gap that an item with these neighbours has left.
fn unlink<T>(ends: &mut Ends, slots: &mut Slots<T>, gone: Links, links: impl Fn(&mut Slot<T>) -> &mut Links) {
    match slots.get_mut(gone.before) {
        Some(before) => links(before).after = gone.after,
        None => ends.first = gone.after,
    }
    match slots.get_mut(gone.after) {
        Some(after) => links(after).before = gone.before,
        None => ends.last = gone.before,
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests;
