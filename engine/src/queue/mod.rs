//! A bounded, deduplicating priority queue that any number of threads may share.
//!
//! # What it does
//!
//! One total order: higher priority first (any `i32`), and among equals first come, first served. Items are never
//! compared, copied or changed.
//!
//! | operation | answer | cost |
//! |---|---|---|
//! | `push` | the first of these that holds: `Closed`; `Duplicate`, that key is queued and the first wins; `Full`; `Queued`. And the item, where it was refused; or what had to leave for it | O(log p) |
//! | `push_many` | the same for each item, in the order given. Not all or nothing; items of others may come between | one lock at most |
//! | `push_run` | queues many items without keys as one, as far as there is room; what does not fit comes back | one lock, O(log p) |
//! | `push_keyed_run` | the same for items of which each has a key, where there is room for all: duplicates are refused, the others queued | one lock, O(log p) and O(1) for each |
//! | `pop` | the first item, or nothing | O(log p) |
//! | `pop_many` | up to so many, in order. Those of others may be taken between | one lock at most |
//! | `pop_runs` | as `pop_many`, with runs left whole | one lock at most |
//! | `pop_wait`, `pop_timeout`, `watch` | as `pop` (a watcher as `pop_runs` too), once there is an item; until then they sleep. Nothing, once closed and drained | |
//! | `remove`, `has` | the item with a key, wherever it stands. Only queued items have keys: a key is free again when its item leaves, in whatever way | O(log p), O(1) |
//! | `peek`, `snapshot` | the first item, or all in order, at one moment | O(log p), O(n) |
//! | `clear` | everything, in order, at one moment | O(n) |
//! | `len` | how many are queued, at one moment; never more than the capacity | O(1) |
//! | `close` | producers are refused from its return on, waiters are woken, consumers drain what is left | O(n) once |
//!
//! *n* items are queued, of *p* different priorities: no cost of a single item depends on the depth. Every operation
//! but the batches (`push_many`, `pop_many`, `pop_runs`) happens at one moment between its call and its return (it is linearizable).
//!
//! | when full | leaves | the newcomer |
//! |---|---|---|
//! | `Reject` | nothing | is refused: `Full` |
//! | `DropOldest` | what was queued longest, of whatever priority | is `Queued` |
//! | `DropLowest` | the newest item of the lowest priority | is `Queued` if its priority is above the lowest, else refused: `Full` |
//!
//! A capacity of 0 refuses everything. **Aging** (off by default) counts an item one priority higher for each span it has
//! waited, in fractions. The bound: an item goes ahead of another that came before it only if the time between the
//! two arrivals is less than the difference of their priorities times the span. So nothing waits longer than that and
//! the draining of what was queued by then. `DropLowest` looks at the priorities alone. The order of equals never bends.
//!
//! # How it does it
//!
//! *Plain* items, without a key and of priority 0, go through a **ring**: crossbeam's `ArrayQueue`, which grows in
//! steps. No lock, on either side. (`SegQueue` and a counter would not be exact: between the two a consumer that is done
//! can leave a place that still counts as taken.)
//!
//! The first item that is not plain moves everything into the **lanes**: a list for each priority through one arena of
//! slots, and an index from key to slot, which change together and so need a lock. It is held for one operation or one
//! batch, never over a wait or a callback. After 1,024 plain items in a row, and once it is empty, the queue goes
//! back to the ring. `close`, aging and an item that `DropOldest` gives up need the lanes too, `peek` and `snapshot` of plain items move them there.
//!
//! A **run** is many items in one slot of the lanes, so that a batch costs little more than an item. It counts as its items
//! do and is cut where somebody asks for fewer: nobody can tell it from items that were pushed one by one. Its items may have keys,
//! which stay where they came: then each costs an entry of the index, and nothing else.
//!
//! The **gate** makes that hand-over exact. It counts who is in the ring; the holder of the lock shuts it and waits until
//! those inside have left. They take no lock while they are inside, and the longest stay is a batch.
//!
//! **Waiters** look, arm, look again and sleep. Arming raises a flag in the very words of the gate that a producer writes
//! when it leaves, so either it sees the flag or the waiter sees the item. One item wakes one waiter, the one that waits
//! longest; one that goes away after it was woken passes that on. A consumer that does not wait may be quicker than one
//! that was woken, which then waits again, at the end.
//!
//! Proofs, planted bugs and figures under contention: `docs/queue-proof.md`.

mod entry;
mod gate;
mod keys;
mod lanes;
mod many;
mod planted;
mod ring;
mod run;
mod shared;
mod slots;
mod sync;
mod wait;
mod waiters;

pub use entry::{Entry, Offer, Options, Push, Stats, WhenFull};
pub use lanes::Lanes;
pub use run::Run;
pub use shared::Queue;
pub use wait::{Next, PopWait, Wait, Watcher};

#[cfg(test)]
mod tests;
