//! A bounded, deduplicating priority queue that any number of threads may share.
//!
//! # What it does
//!
//! | operation | answer | cost |
//! |---|---|---|
//! | `push` | `Closed`, else `Duplicate` (that key is queued: the first wins), else `Full`, else `Queued` | O(log p), p = different priorities queued |
//! | `pop`, `pop_many` | the item with the highest priority, oldest first among equals | O(log p) an item |
//! | `remove`, `has` | by key, anywhere in the queue | O(log p), O(1) |
//! | `pop_wait`, `pop_timeout`, `watch` | the same as `pop`, once there is an item; sleep until then, never poll | |
//! | `close` | wakes every waiter; producers are refused, consumers drain what is left | |

mod entry;
mod gate;
mod lanes;
mod planted;
mod ring;
mod shared;
mod slots;
mod sync;
mod wait;
mod waiters;

pub use entry::{Entry, Offer, Options, Push, Stats, WhenFull};
pub use lanes::Lanes;
pub use shared::Queue;
pub use wait::{Next, PopWait, Wait, Watcher};

#[cfg(test)]
mod tests;
