//! Where the queued items lie: an arena with small ids, so that lists and indices need neither pointers nor `unsafe`.

use super::keys::Label;

/// Names a slot.
pub(super) type Id = u32;

/// No slot.
pub(super) const NIL: Id = Id::MAX;

/// Above this many slots an arena that has run empty gives its memory back.
const KEPT: usize = 1024;

/// The neighbours in a list.
#[derive(Clone, Copy)]
pub(super) struct Links {
    pub(super) before: Id,
    pub(super) after: Id,
}

impl Links {
    pub(super) const NONE: Self = Self { before: NIL, after: NIL };
}

/// A queued item, or a run of them.
pub(super) struct Slot<T> {
    pub(super) item: T,
    /// How many items it is; 1 but for runs.
    pub(super) count: u32,
    pub(super) label: Label,
    /// Rises with every arrival.
    pub(super) stamp: u64,
    pub(super) priority: i32,
    /// Within the lane.
    pub(super) lane: Links,
    /// Within all, by arrival; only where the policy asks for the oldest.
    pub(super) arrival: Links,
}

enum Place<T> {
    Used(Slot<T>),
    /// The next free one.
    Free(Id),
}

/// The arena. Freed slots are used again first, so it never has more than its greatest number of items at once.
pub(super) struct Slots<T> {
    places: Vec<Place<T>>,
    free: Id,
    used: usize,
}

impl<T> Slots<T> {
    /// More fit in no arena, for ids are small.
    pub(super) const MAX: usize = NIL as usize;

    pub(super) const fn new() -> Self {
        Self { places: Vec::new(), free: NIL, used: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.used
    }

    pub(super) fn get(&self, id: Id) -> Option<&Slot<T>> {
        match self.places.get(id as usize) {
            Some(Place::Used(slot)) => Some(slot),
            _ => None,
        }
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut Slot<T>> {
        match self.places.get_mut(id as usize) {
            Some(Place::Used(slot)) => Some(slot),
            _ => None,
        }
    }

    pub(super) fn insert(&mut self, slot: Slot<T>) -> Id {
        self.used += 1;
        let id = self.free;
        if let Some(place) = self.places.get_mut(id as usize) {
            if let Place::Free(next) = *place {
                self.free = next;
            }
            *place = Place::Used(slot);
            return id;
        }
        let id = Id::try_from(self.places.len()).unwrap_or(NIL);
        self.places.push(Place::Used(slot));
        id
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<Slot<T>> {
        let place = self.places.get_mut(id as usize)?;
        if matches!(place, Place::Free(_)) {
            return None;
        }
        let Place::Used(slot) = std::mem::replace(place, Place::Free(self.free)) else { return None };
        self.free = id;
        self.used -= 1;
        if self.used == 0 && self.places.len() > KEPT {
            *self = Self::new();
        }
        Some(slot)
    }
}
