//! The primitives that the protocols stand on, in one place, so that loom can take theirs (feature `loom`).

#[cfg(feature = "loom")]
pub(super) use model::*;
#[cfg(not(feature = "loom"))]
pub(super) use real::*;

#[cfg(not(feature = "loom"))]
mod real {
    use std::sync::atomic::AtomicUsize;
    pub(in super::super) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    pub(in super::super) use crossbeam_queue::ArrayQueue;
    pub(in super::super) use crossbeam_utils::{Backoff, CachePadded};
    pub(in super::super) use parking_lot::Mutex;

    /// How many counters a gate is spread over, so that threads seldom share one.
    pub(in super::super) const STRIPES: usize = 8;

    /// A place where another thread may well come between. Tests make it so: on few processors little would overlap.
    #[cfg(not(test))]
    pub(in super::super) const fn interleave() {}

    #[cfg(test)]
    pub(in super::super) fn interleave() {
        if INTERLEAVED.get() && fastrand::u8(..3) == 0 {
            std::thread::yield_now();
        }
    }

    #[cfg(test)]
    thread_local! {
        /// Whether this thread gives way at such places.
        pub(in super::super) static INTERLEAVED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    }

    /// The counter of this thread.
    pub(in super::super) fn stripe() -> usize {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static STRIPE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES;
        }
        // A thread that is being torn down has no locals any more.
        STRIPE.try_with(|stripe| *stripe).unwrap_or(0)
    }
}

#[cfg(feature = "loom")]
mod model {
    use std::collections::VecDeque;

    pub(in super::super) use crossbeam_utils::CachePadded;
    pub(in super::super) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    pub(in super::super) const STRIPES: usize = 2;

    /// loom comes between everywhere.
    pub(in super::super) const fn interleave() {}

    /// By the number that loom gives a thread, which is the same each time; its hash is not.
    pub(in super::super) fn stripe() -> usize {
        let id = format!("{:?}", loom::thread::current().id());
        usize::from(id.bytes().rfind(u8::is_ascii_digit).is_some_and(|digit| digit % 2 == 1))
    }

    /// A mutex with the face of parking_lot's.
    pub(in super::super) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(in super::super) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        #[expect(clippy::unwrap_used, reason = "a model that panicked under the lock has failed already")]
        pub(in super::super) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }
    }

    /// Waiting for another thread, as loom wants it: the other one goes on.
    pub(in super::super) struct Backoff;

    impl Backoff {
        pub(in super::super) const fn new() -> Self {
            Self
        }

        #[expect(clippy::unused_self, reason = "the face of crossbeam's")]
        pub(in super::super) fn snooze(&self) {
            loom::thread::yield_now();
        }
    }

    /// What crossbeam's queue promises, and no more: each operation happens at one moment.
    pub(in super::super) struct ArrayQueue<T> {
        capacity: usize,
        items: Mutex<VecDeque<T>>,
    }

    impl<T> ArrayQueue<T> {
        pub(in super::super) fn new(capacity: usize) -> Self {
            Self { capacity, items: Mutex::new(VecDeque::new()) }
        }

        pub(in super::super) fn push(&self, item: T) -> Result<(), T> {
            let mut items = self.items.lock();
            if items.len() == self.capacity {
                return Err(item);
            }
            items.push_back(item);
            Ok(())
        }

        pub(in super::super) fn pop(&self) -> Option<T> {
            self.items.lock().pop_front()
        }

        pub(in super::super) fn len(&self) -> usize {
            self.items.lock().len()
        }

        pub(in super::super) const fn capacity(&self) -> usize {
            self.capacity
        }
    }
}
