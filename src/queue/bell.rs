//! How a queue wakes the event loop of a thread: one weak threadsafe function for all shared queues of the thread.
//!
//! It carries nothing: which queues have something is listed here until JavaScript asks. Weak, so that an idle queue keeps no
//! thread alive; whoever waits for an item holds its loop in JavaScript (`lib/queue/waiters.js`). A ring that reaches a thread
//! that is ending is lost here and not in the queue: with the thread's handles go their watchers, which pass it on.

use std::sync::Arc;

use napi::{
    Status,
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use parking_lot::Mutex;

/// Weak, and one call in flight is enough.
pub type Wake = ThreadsafeFunction<(), (), (), Status, false, true, 1>;

/// The bell of one thread.
pub struct Bell {
    ready: Mutex<Vec<u32>>,
    wake: Wake,
}

impl Bell {
    pub fn new(wake: Wake) -> Arc<Self> {
        Arc::new(Self { ready: Mutex::default(), wake })
    }

    /// From any thread: the queue with this number has something, or was closed.
    pub fn ring(&self, id: u32) {
        let first = {
            let mut ready = self.ready.lock();
            ready.push(id);
            ready.len() == 1
        };
        // Where the list was not empty, a call is on its way that will see this one too.
        if first {
            // QueueFull: that call was made, but has not begun. Closing: the thread is ending.
            let _: Status = self.wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }

    /// The numbers that were rung since the last call.
    pub fn heard(&self) -> Vec<u32> {
        std::mem::take(&mut *self.ready.lock())
    }
}
