//! The queue that threads share: the ring while all is plain, the lanes behind a lock from the first item on that is not.

use std::{sync::Arc, time::Instant};

use super::{
    entry::{Offer, Options, Push, Stats, WhenFull},
    gate::{Gate, Side},
    lanes::Lanes,
    planted::Bug,
    ring::Ring,
    sync::{AtomicBool, AtomicU64, Mutex, Ordering, interleave},
    waiters::Waiters,
};

/// After so many plain operations in a row the lanes, once empty, give way to the ring again.
const CALM: u32 = match (cfg!(feature = "loom"), cfg!(test)) {
    (true, _) => 1,
    (_, true) => 4,
    _ => 1024,
};

/// What the lock guards.
pub(super) struct Core<T> {
    pub(super) lanes: Lanes<T>,
    /// Whether the items are in the lanes. Then the gate is shut; otherwise it is open, unless somebody with the lock has
    /// shut it for a moment.
    pub(super) seized: bool,
    pub(super) closed: bool,
    /// Plain operations since the last one that was not.
    pub(super) calm: u32,
    pub(super) stats: Stats,
}

/// A bounded, deduplicating priority queue that any number of threads may share. See [`super`].
pub struct Queue<T> {
    pub(super) options: Options,
    pub(super) gate: Gate,
    pub(super) ring: Ring<T>,
    pub(super) core: Mutex<Core<T>>,
    pub(super) waiters: Waiters,
    closed: AtomicBool,
    /// Plain items refused without the lock.
    full: AtomicU64,
    born: Instant,
}

/// What a consumer sees.
pub(super) enum Look<T> {
    Item(T),
    Empty,
    /// Empty for ever.
    Ended,
}

impl<T> Queue<T> {
    /// A queue for at most `capacity` items that refuses more.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self::with_options(Options::new(capacity))
    }

    /// A queue.
    #[must_use]
    pub fn with_options(options: Options) -> Self {
        // What ages has to know when it came, and the ring does not keep that.
        let seized = options.aging.is_some();
        let more = usize::from(options.planted.has(Bug::OneTooMany));
        Self {
            options,
            gate: Gate::new(seized),
            ring: Ring::new(options.capacity.saturating_add(more)),
            core: Mutex::new(Core {
                lanes: Lanes::with_options(options),
                seized,
                closed: false,
                calm: 0,
                stats: Stats::default(),
            }),
            waiters: Waiters::new(),
            closed: AtomicBool::new(false),
            full: AtomicU64::new(0),
            born: Instant::now(),
        }
    }

    /// Offers an item.
    pub fn push(&self, item: T, key: Option<&str>, priority: i32) -> Push<T> {
        let mut item = item;
        if key.is_none()
            && priority == 0
            && let Some(pass) = self.gate.enter(Side::Push)
        {
            match self.push_plain(item) {
                Ok(push) => {
                    let moved = u64::from(push.offer == Offer::Queued);
                    self.wake_for(pass.leave(moved), moved);
                    return push;
                }
                Err(back) => item = back,
            }
        }
        let push = self.push_locked(&mut self.core.lock(), item, key, priority);
        let moved = u64::from(push.offer == Offer::Queued);
        self.wake_for(moved > 0 && self.gate.is_waited(), moved);
        push
    }

    pub(super) fn wake_for(&self, waited: bool, moved: u64) {
        if waited && moved > 0 {
            self.waiters.wake(&self.gate, usize::try_from(moved).unwrap_or(usize::MAX));
        }
    }

    /// Into the ring, with a pass or the lock. `Err` = not without the lock: it has to grow, or to give an item up.
    pub(super) fn push_plain(&self, item: T) -> Result<Push<T>, T> {
        let Err((item, at_capacity)) = self.ring.push(item) else { return Ok(Push::QUEUED) };
        if !at_capacity {
            return Err(item);
        }
        // crossbeam's `force_push` takes the old item out before the new one counts: its length is one short meanwhile.
        if self.options.when_full == WhenFull::DropOldest {
            return Err(item);
        }
        self.full.fetch_add(1, Ordering::Relaxed);
        Ok(Push::refused(Offer::Full, item))
    }

    pub(super) fn push_locked<K>(&self, core: &mut Core<T>, mut item: T, key: Option<K>, priority: i32) -> Push<T>
    where
        K: AsRef<str> + Into<Arc<str>>,
    {
        if core.closed {
            return Push::refused(Offer::Closed, item);
        }
        let plain = key.is_none() && priority == 0;
        core.calm = if plain { core.calm.saturating_add(1) } else { 0 };
        if plain && !core.seized {
            match self.push_growing(item) {
                Ok(push) => {
                    core.stats.pushed += u64::from(push.offer == Offer::Queued);
                    return push;
                }
                Err(back) => item = back,
            }
        }
        self.seize(core);
        let push = core.lanes.push_at(item, key, priority, self.now());
        match push.offer {
            Offer::Queued => core.stats.pushed += 1,
            Offer::Duplicate => core.stats.duplicates += 1,
            Offer::Full => core.stats.full += 1,
            Offer::Closed => {}
        }
        core.stats.dropped += u64::from(push.dropped.is_some());
        push
    }

    pub(super) fn now(&self) -> u64 {
        if self.options.aging.is_none() {
            return 0;
        }
        u64::try_from(self.born.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Into the ring, by the holder of the lock, growing it where that helps.
    fn push_growing(&self, item: T) -> Result<Push<T>, T> {
        self.push_plain(item).or_else(|item| {
            self.gate.shut();
            self.gate.settle();
            let push = if self.ring.grow() { self.push_plain(item) } else { Err(item) };
            self.gate.open();
            push
        })
    }

    /// Moves everything from the ring to the lanes and keeps all others out of the ring.
    pub(super) fn seize(&self, core: &mut Core<T>) {
        if core.seized {
            return;
        }
        self.gate.shut();
        if !self.options.planted.has(Bug::HastyHandOver) {
            self.gate.settle();
        }
        while let Some(item) = self.ring.pop() {
            interleave();
            // All of them fit: neither holds more than the capacity.
            let _ = core.lanes.push_at(item, None::<&str>, 0, 0);
        }
        core.seized = true;
    }

    /// Back to the ring, once nothing has asked for more in a while. The lanes are empty, so there is nothing to move.
    fn release(&self, core: &mut Core<T>) {
        if core.seized && core.calm >= CALM && core.lanes.is_empty() && !core.closed && self.options.aging.is_none() {
            core.seized = false;
            self.gate.open();
        }
    }

    /// Takes the first item.
    pub fn pop(&self) -> Option<T> {
        match self.look() {
            Look::Item(item) => Some(item),
            Look::Empty | Look::Ended => None,
        }
    }

    pub(super) fn look(&self) -> Look<T> {
        if let Some(pass) = self.gate.enter(Side::Pop) {
            let item = self.ring.pop();
            pass.leave(u64::from(item.is_some()));
            // Open gates are those of queues that are not closed.
            return item.map_or(Look::Empty, Look::Item);
        }
        let mut core = self.core.lock();
        match self.pop_locked(&mut core) {
            Some(item) => Look::Item(item),
            None if core.closed => Look::Ended,
            None => Look::Empty,
        }
    }

    pub(super) fn pop_locked(&self, core: &mut Core<T>) -> Option<T> {
        self.pop_run_locked(core, 1).map(|(item, _one)| item)
    }

    pub(super) fn pop_run_locked(&self, core: &mut Core<T>, most: usize) -> Option<(T, usize)> {
        let run = if core.seized { core.lanes.pop_run(most) } else { self.ring.pop().map(|item| (item, 1)) };
        core.stats.popped += run.as_ref().map_or(0, |(_, count)| *count as u64);
        self.release(core);
        run
    }

    /// What [`Queue::look`] would find, untouched.
    pub(super) fn glance(&self) -> Look<()> {
        let core = self.core.lock();
        match (self.len_locked(&core), core.closed) {
            (0, true) => Look::Ended,
            (0, false) => Look::Empty,
            _ => Look::Item(()),
        }
    }

    /// Takes the item with that key, wherever it stands.
    pub fn remove(&self, key: &str) -> Option<T> {
        let mut core = self.core.lock();
        // Nothing in the ring has a key. The lanes are empty then.
        let item = core.lanes.remove(key);
        core.stats.removed += u64::from(item.is_some());
        item
    }

    /// Takes everything, in order.
    pub fn clear(&self) -> Vec<T> {
        let mut core = self.core.lock();
        let items = if core.seized {
            core.lanes.clear()
        } else {
            self.gate.shut();
            self.gate.settle();
            let items = std::iter::from_fn(|| self.ring.pop()).collect();
            self.gate.open();
            items
        };
        core.stats.removed += items.len() as u64;
        self.release(&mut core);
        items
    }

    /// Whether an item with that key is queued.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.core.lock().lanes.has(key)
    }

    /// How many items are queued.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.gate.enter(Side::Pop) {
            Some(_pass) => self.ring.len(),
            None => self.len_locked(&self.core.lock()),
        }
    }

    fn len_locked(&self, core: &Core<T>) -> usize {
        if core.seized { core.lanes.len() } else { self.ring.len() }
    }

    /// Whether nothing is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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

    /// What has happened so far. While others work on the queue the figures may be from slightly different moments.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = self.core.lock().stats;
        let (pushed, popped) = self.gate.moved();
        stats.pushed += pushed;
        stats.popped += popped;
        stats.full += self.full.load(Ordering::Relaxed);
        stats
    }

    /// Refuses producers from now on and wakes every waiter; consumers drain what is left. Idempotent.
    pub fn close(&self) {
        {
            let mut core = self.core.lock();
            // No push that began before may come to rest after: a consumer that has seen the end must be right.
            self.seize(&mut core);
            core.closed = true;
            self.closed.store(true, Ordering::Release);
        }
        self.waiters.wake(&self.gate, usize::MAX);
    }

    /// Whether [`Queue::close`] was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Wakes one waiter if an item waits: for a consumer that was woken and will not take it.
    pub fn pass_on(&self) {
        if !self.is_empty() {
            self.waiters.wake(&self.gate, 1);
        }
    }
}

impl<T: Clone> Queue<T> {
    /// A copy of the first item, made under the lock: cheap clones are best. Plain items move to the lanes for it.
    #[must_use]
    pub fn peek(&self) -> Option<T> {
        let mut core = self.core.lock();
        self.view(&mut core).then(|| core.lanes.copy_first()).flatten()
    }

    /// Copies of the queued items, in the order they will leave. As [`Queue::peek`].
    #[must_use]
    pub fn snapshot(&self) -> Vec<T> {
        let mut core = self.core.lock();
        if self.view(&mut core) { core.lanes.copies() } else { Vec::new() }
    }

    /// Makes the items visible; `false` = there are none.
    fn view(&self, core: &mut Core<T>) -> bool {
        if self.len_locked(core) == 0 {
            return false;
        }
        core.calm = 0;
        self.seize(core);
        true
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests;
