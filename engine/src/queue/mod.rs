//! A bounded, deduplicating priority queue that any number of threads may share.
//!
//! | operation | answer | cost |
//! |---|---|---|
//! | `push` | `Queued`, `Duplicate` (that key waits already: the first wins), `Full`, `Closed` | O(log n) |
//! | `pop`, `pop_many` | the item with the highest priority, oldest first among equals | O(log n) an item |
//! | `remove`, `has` | by key, anywhere in the queue | O(log n), O(1) |
//! | `wait` | returns when an item waits or the queue is closed; sleeps until then, never polls | |
//! | `close` | wakes every waiter; producers are refused, consumers drain what is left | |
//!
//! The order and the key index must change together, so one short lock guards both. It is never held over an await.

mod lanes;

use std::sync::Arc;

pub use lanes::{Lanes, Offer};
use parking_lot::Mutex;
use tokio::sync::Notify;

struct State<T> {
    lanes: Lanes<T>,
    closed: bool,
}

/// A [`Lanes`] that threads share. Clones are handles to the same queue.
pub struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Notify,
}

impl<T> Queue<T> {
    /// A queue for at most `capacity` items.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { state: Mutex::new(State { lanes: Lanes::new(capacity), closed: false }), changed: Notify::new() }
    }

    /// Offers an item.
    pub fn push(&self, item: T, key: Option<Arc<str>>, priority: i32) -> Offer {
        {
            let mut state = self.state.lock();
            if state.closed {
                return Offer::Closed;
            }
            if let Err((_, refusal)) = state.lanes.push(item, key, priority) {
                return refusal;
            }
        }
        self.changed.notify_waiters();
        Offer::Queued
    }

    /// Takes the first item.
    pub fn pop(&self) -> Option<T> {
        self.state.lock().lanes.pop()
    }

    /// Takes up to `max` items, in order.
    pub fn pop_many(&self, max: usize) -> Vec<T> {
        let mut state = self.state.lock();
        std::iter::from_fn(|| state.lanes.pop()).take(max).collect()
    }

    /// Takes the item with that key.
    pub fn remove(&self, key: &str) -> Option<T> {
        self.state.lock().lanes.remove(key)
    }

    /// Takes everything, in order.
    pub fn clear(&self) -> Vec<T> {
        self.state.lock().lanes.clear()
    }

    /// Whether an item with that key is queued.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.state.lock().lanes.has(key)
    }

    /// How many items are queued.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.lock().lanes.len()
    }

    /// Whether nothing is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refuses producers from now on and wakes every waiter. Idempotent.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_waiters();
    }

    /// Whether [`Queue::close`] was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Returns when an item waits or the queue is closed. Another consumer may still be quicker: pop, then wait again.
    pub async fn wait(&self) {
        loop {
            // Registered before the look, or a push between the two would be missed.
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            {
                let state = self.state.lock();
                if state.closed || !state.lanes.is_empty() {
                    return;
                }
            }
            changed.await;
        }
    }
}

impl<T: Clone> Queue<T> {
    /// A copy of the first item.
    #[must_use]
    pub fn peek(&self) -> Option<T> {
        self.state.lock().lanes.peek().cloned()
    }

    /// Copies of the queued items, in the order they will leave.
    #[must_use]
    pub fn snapshot(&self) -> Vec<T> {
        self.state.lock().lanes.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_waiter_wakes_for_an_item_and_for_close() {
        let queue = Arc::new(Queue::new(4));
        for close in [false, true] {
            let waiter = tokio::spawn({
                let queue = Arc::clone(&queue);
                async move { queue.wait().await }
            });
            tokio::task::yield_now().await;
            assert!(!waiter.is_finished());
            if close {
                queue.close();
            } else {
                assert_eq!(queue.push(1, None, 0), Offer::Queued);
            }
            waiter.await.unwrap();
            assert_eq!(queue.pop(), (!close).then_some(1));
        }
        assert_eq!(queue.push(2, None, 0), Offer::Closed);
    }

    #[test]
    fn every_item_of_many_threads_leaves_once() {
        const EACH: usize = 5_000;
        let queue = Queue::new(usize::MAX);
        let taken = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for producer in 0..4 {
                let queue = &queue;
                scope.spawn(move || {
                    (0..EACH).for_each(|i| assert_eq!(queue.push((producer, i), None, 0), Offer::Queued));
                });
            }
            for _ in 0..2 {
                scope.spawn(|| {
                    while taken.lock().len() < 4 * EACH {
                        let got = queue.pop_many(64);
                        taken.lock().extend(got);
                    }
                });
            }
        });
        let mut taken = taken.into_inner();
        assert_eq!(taken.len(), 4 * EACH);
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), 4 * EACH);
    }
}
