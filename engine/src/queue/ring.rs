//! crossbeam's bounded queue, grown in steps: an `ArrayQueue` counts exactly, but takes all its memory at once.

use std::sync::OnceLock;

use super::sync::{ArrayQueue, AtomicU64, Ordering};

/// The first size. Each step is eight times the one before. Small in tests, so that they see it grow.
const FIRST: usize = match (cfg!(feature = "loom"), cfg!(test)) {
    (true, _) => 1,
    (_, true) => 4,
    _ => 64,
};

const STEPS: usize = 8;

/// A FIFO for at most `capacity` items. Whoever uses it has a pass of the gate or the lock; whoever grows it has it alone.
pub(super) struct Ring<T> {
    capacity: usize,
    steps: [OnceLock<Box<ArrayQueue<T>>>; STEPS],
    /// Which step is in use.
    step: AtomicU64,
}

impl<T> Ring<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, steps: [const { OnceLock::new() }; STEPS], step: AtomicU64::new(0) }
    }

    /// The queue in use; `None` for a capacity of nothing.
    fn queue(&self) -> Option<&ArrayQueue<T>> {
        // Relaxed: the gate, or the lock, orders it.
        let step = self.step.load(Ordering::Relaxed);
        let slot = self.steps.get(usize::try_from(step).ok()?)?;
        if let Some(queue) = slot.get() {
            return Some(queue);
        }
        let size = u32::try_from(step).ok().and_then(|step| FIRST.checked_shl(3 * step))?.min(self.capacity);
        (size > 0).then(|| &**slot.get_or_init(|| Box::new(ArrayQueue::new(size))))
    }

    /// Adds an item.
    ///
    /// # Errors
    /// The item, where there is no room: `true` = as many as fit are queued, `false` = the ring has to grow first.
    pub(super) fn push(&self, item: T) -> Result<(), (T, bool)> {
        let Some(queue) = self.queue() else { return Err((item, true)) };
        queue.push(item).map_err(|item| (item, queue.capacity() >= self.capacity))
    }

    pub(super) fn pop(&self) -> Option<T> {
        self.queue()?.pop()
    }

    pub(super) fn len(&self) -> usize {
        self.queue().map_or(0, ArrayQueue::len)
    }

    /// Goes to the next step; `false` = there is none, or as many fit already as may.
    pub(super) fn grow(&self) -> bool {
        let step = self.step.load(Ordering::Relaxed);
        if step + 1 >= STEPS as u64 || self.queue().is_none_or(|queue| queue.capacity() >= self.capacity) {
            return false;
        }
        let old = self.queue();
        self.step.store(step + 1, Ordering::Relaxed);
        let Some(new) = self.queue() else { return false };
        while let Some(item) = old.and_then(ArrayQueue::pop) {
            // It fits: the new one is larger, and nobody else is here.
            let _ = new.push(item);
        }
        true
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests;
