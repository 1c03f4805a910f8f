//! What goes into a queue and what comes back from it.

use std::{sync::Arc, time::Duration};

use super::planted::Planted;

/// What became of an item that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Offer {
    /// It waits.
    Queued,
    /// An item with the same key already waits; the first wins.
    Duplicate,
    /// The queue is at its capacity.
    Full,
    /// The queue was closed.
    Closed,
}

/// What a full queue does with one item more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WhenFull {
    /// The newcomer is refused.
    #[default]
    Reject,
    /// The item that was queued longest, of whatever priority, leaves for the newcomer.
    DropOldest,
    /// The newest item of the lowest priority leaves for the newcomer; a newcomer whose own priority is not above the
    /// lowest is itself refused. So the queue keeps the best items it was ever offered.
    DropLowest,
}

/// How a queue behaves; fixed for its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many items fit. 0: none, every item is refused.
    pub capacity: usize,
    /// What happens to one item more.
    pub when_full: WhenFull,
    /// How long an item waits to count as one priority higher; fractions count. `None`: priorities are absolute, and a
    /// low one may wait for ever.
    pub aging: Option<Duration>,
    /// A bug switched on by a test, to see that the tests see it.
    pub(super) planted: Planted,
}

impl Options {
    /// A queue for at most `capacity` items that refuses more, without aging.
    #[must_use]
    pub const fn new(capacity: usize) -> Self {
        Self { capacity, when_full: WhenFull::Reject, aging: None, planted: Planted::NONE }
    }

    /// The same with another policy for one item more.
    #[must_use]
    pub const fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// The same with aging.
    #[must_use]
    pub const fn aging(mut self, aging: Option<Duration>) -> Self {
        self.aging = aging;
        self
    }

    #[cfg(test)]
    pub(super) const fn planted(mut self, bug: Option<super::planted::Bug>) -> Self {
        self.planted = Planted(bug);
        self
    }
}

/// An item with what decides about its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<T> {
    /// The item.
    pub item: T,
    /// What makes it a duplicate of another.
    pub key: Option<Arc<str>>,
    /// Higher first.
    pub priority: i32,
}

/// The answer to one item offered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the item, or one that left for it, may be in here"]
pub struct Push<T> {
    /// What became of the item.
    pub offer: Offer,
    /// What left the queue for it; only with [`Offer::Queued`].
    pub dropped: Option<Entry<T>>,
    /// The item itself; with every answer but [`Offer::Queued`].
    pub refused: Option<T>,
}

impl<T> Push<T> {
    pub(super) const QUEUED: Self = Self { offer: Offer::Queued, dropped: None, refused: None };

    pub(super) const fn refused(offer: Offer, item: T) -> Self {
        Self { offer, dropped: None, refused: Some(item) }
    }
}

/// What happened to a queue since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Items that were queued.
    pub pushed: u64,
    /// Items that a consumer took.
    pub popped: u64,
    /// Items taken by key, or by `clear`.
    pub removed: u64,
    /// Items refused for their key.
    pub duplicates: u64,
    /// Items refused for want of room.
    pub full: u64,
    /// Items that left for a newcomer.
    pub dropped: u64,
}
