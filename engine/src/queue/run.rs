//! Runs: items that came together and stay one thing until somebody asks for fewer of them.
//!
//! A batch of a thousand items that have no keys needs one place in the lanes, not a thousand: it goes in and out at the cost of one
//! item. What the queue promises stays as it is: a run counts as its items do, its first leaves first, and it can be cut anywhere.

use std::ops::Range;

use super::{
    entry::Entry,
    keys::Label,
    lanes::Lanes,
    shared::{Core, Look, Queue},
    slots::{Id, Links, Slot},
    wait::{Next, Watcher},
};

/// What can hold several items, in order. How many they are, the queue knows.
pub trait Run: Sized {
    /// Keeps the first `at` items and returns the others. `at` is above 0 and below their number.
    #[must_use]
    fn split_off(&mut self, at: usize) -> Self;
}

/// Numbers that follow each other: a run is its first.
impl Run for u32 {
    fn split_off(&mut self, at: usize) -> Self {
        self.saturating_add(Self::try_from(at).unwrap_or(Self::MAX))
    }
}

/// As those of 32 bits.
impl Run for u64 {
    fn split_off(&mut self, at: usize) -> Self {
        self.saturating_add(at as Self)
    }
}

/// How to cut a run.
pub(super) type Cut<T> = fn(&mut T, usize) -> T;

/// Which items of a run.
#[derive(Clone, Copy)]
pub(super) enum End {
    First,
    Last,
}

/// Items and runs as single items, appended to `out`.
pub(super) fn cut_up<T>(mut run: T, count: usize, cut: Option<Cut<T>>, out: &mut Vec<T>) {
    for _ in 1..count {
        let Some(cut) = cut else { break };
        let rest = cut(&mut run, 1);
        out.push(std::mem::replace(&mut run, rest));
    }
    out.push(run);
}

impl<T> Lanes<T> {
    /// Adds a run of `count` items without keys, as far as there is room: nothing is dropped for it. Returns what does not fit, and
    /// how many items that is.
    pub fn push_run(&mut self, run: T, count: usize, priority: i32) -> Option<(T, usize)>
    where
        T: Run,
    {
        self.push_run_at(run, count, priority, 0)
    }

    /// [`Lanes::push_run`] at `now`, as [`Lanes::push_at`].
    pub fn push_run_at(&mut self, mut run: T, count: usize, priority: i32, now: u64) -> Option<(T, usize)>
    where
        T: Run,
    {
        let room = self.room().min(count);
        let Ok(fits) = u32::try_from(room) else { return Some((run, count)) };
        if fits == 0 {
            return (count > 0).then_some((run, count));
        }
        self.cut = Some(T::split_off);
        let rest = (room < count).then(|| (run.split_off(room), count - room));
        let stamp = self.stamp_at(now);
        let (lane, arrival) = (Links::NONE, Links::NONE);
        self.insert(Slot { item: run, count: fits, label: Label::None, stamp, priority, lane, arrival });
        rest
    }

    /// Offers a run of which each item has a key: the keys stand behind each other in `text`, and `ends` says where each ends, rising to
    /// its length and never inside of a character. `refused` gets the numbers of those that are duplicates, from 0 on. The run comes
    /// back, and nothing has happened, where there is not room for all of them. `now` as of [`Lanes::push_at`].
    pub fn push_keyed_run_at(
        &mut self,
        mut run: T,
        text: &str,
        ends: &[u32],
        priority: i32,
        now: u64,
        refused: &mut Vec<u32>,
    ) -> Option<T>
    where
        T: Run,
    {
        let Some(count) = u32::try_from(ends.len()).ok().filter(|_| ends.len() <= self.room()) else {
            return Some(run);
        };
        self.cut = Some(T::split_off);
        let batch = self.keys.open(&self.slots, text, ends);
        // Those from here on that follow each other go into one slot.
        let mut first = 0;
        for index in 0..count {
            if self.keys.offer(&self.slots, batch, index) {
                continue;
            }
            refused.push(index);
            if index > first {
                let rest = run.split_off((index - first) as usize);
                self.insert_part(std::mem::replace(&mut run, rest), batch, first..index, priority, now);
            }
            if index + 1 < count {
                run = run.split_off(1);
            }
            first = index + 1;
        }
        if first < count {
            self.insert_part(run, batch, first..count, priority, now);
        }
        // Where all were refused, nothing is left of it.
        if refused.len() == ends.len() {
            self.keys.release(batch, 0);
        }
        None
    }

    fn insert_part(&mut self, item: T, batch: u32, indices: Range<u32>, priority: i32, now: u64) {
        let (count, label) = (indices.end - indices.start, Label::Keys { batch, first: indices.start });
        let (stamp, lane, arrival) = (self.stamp_at(now), Links::NONE, Links::NONE);
        self.insert(Slot { item, count, label, stamp, priority, lane, arrival });
    }

    /// Takes the first item or, where it is a run's, up to `most` (above 0) items of that run; and how many they are.
    pub fn pop_run(&mut self, most: usize) -> Option<(T, usize)> {
        self.take_from(self.first(), End::First, most).map(|(entry, count)| (entry.item, count))
    }

    /// Takes up to `most` items from one end of a slot. Without their keys.
    pub(super) fn take_from(&mut self, id: Id, end: End, most: usize) -> Option<(Entry<T>, usize)> {
        let slot = self.slots.get_mut(id)?;
        if slot.count as usize > most
            && let Some(cut) = self.cut
            && let Ok(taken) = u32::try_from(most)
        {
            let left = slot.count - taken;
            let (item, at) = match end {
                End::First => {
                    let rest = cut(&mut slot.item, most);
                    (std::mem::replace(&mut slot.item, rest), 0)
                }
                End::Last => (cut(&mut slot.item, left as usize), left),
            };
            slot.count = left;
            self.items -= most;
            self.keys.forget(&slot.label, id, at, taken);
            if let (End::First, Label::Keys { first, .. }) = (end, &mut slot.label) {
                *first += taken;
            }
            return Some((Entry { item, key: None, priority: slot.priority }, most));
        }
        let count = slot.count as usize;
        self.take(id).map(|entry| (entry, count))
    }

    /// Takes one item with a key of its batch out of a run.
    pub(super) fn take_out(&mut self, id: Id, index: u32) -> Option<T> {
        let slot = self.slots.get_mut(id)?;
        let (count, Label::Keys { batch, first }) = (slot.count, &slot.label) else { return None };
        let (batch, at) = (*batch, index - first);
        if at == 0 || at + 1 == count {
            let end = if at == 0 { End::First } else { End::Last };
            return self.take_from(id, end, 1).map(|(entry, _one)| entry.item);
        }
        let cut = self.cut?;
        let mut item = cut(&mut slot.item, at as usize);
        let rest = cut(&mut item, 1);
        let (stamp, priority, left) = (slot.stamp, slot.priority, count - at - 1);
        slot.count = at;
        self.items -= (count - at) as usize;
        self.keys.forget(&slot.label, id, at, 1);
        // The run goes on behind the gap, as old as before.
        let label = Label::Keys { batch, first: index + 1 };
        let (lane, arrival) = (Links::NONE, Links::NONE);
        self.insert_behind(id, Slot { item: rest, count: left, label, stamp, priority, lane, arrival });
        Some(item)
    }
}

impl<T: Clone> Lanes<T> {
    /// A copy of the first item.
    #[must_use]
    pub fn copy_first(&self) -> Option<T> {
        let slot = self.slots.get(self.first())?;
        let mut item = slot.item.clone();
        if slot.count > 1
            && let Some(cut) = self.cut
        {
            drop(cut(&mut item, 1));
        }
        Some(item)
    }

    /// Copies of all items, in the order they will leave.
    #[must_use]
    pub fn copies(&self) -> Vec<T> {
        let mut out = Vec::with_capacity(self.items);
        for id in self.in_order() {
            if let Some(slot) = self.slots.get(id) {
                cut_up(slot.item.clone(), slot.count as usize, self.cut, &mut out);
            }
        }
        out
    }
}

impl<T: Run> Queue<T> {
    /// Offers a run of `count` items without keys, as far as there is room. Returns what was not queued, for want of room or because
    /// the queue is closed, and how many items that is: offered one by one, each gets its answer, and what the policy gives up for it.
    ///
    /// All that is queued of it, is at one moment. It takes the lock, once.
    pub fn push_run(&self, run: T, count: usize, priority: i32) -> Option<(T, usize)> {
        let mut core = self.core.lock();
        let rest = self.push_run_locked(&mut core, run, count, priority);
        drop(core);
        let moved = (count - rest.as_ref().map_or(0, |(_, left)| *left)) as u64;
        self.wake_for(moved > 0 && self.gate.is_waited(), moved);
        rest
    }

    /// Offers a run of which each item has a key, as [`Lanes::push_keyed_run_at`] says; `refused` is to be empty. The run comes back, too,
    /// where the queue is closed. All that is queued of it, is at one moment. It takes the lock, once.
    pub fn push_keyed_run(&self, run: T, text: &str, ends: &[u32], priority: i32, refused: &mut Vec<u32>) -> Option<T> {
        let mut core = self.core.lock();
        let back = self.push_keyed_run_locked(&mut core, run, text, ends, priority, refused);
        drop(core);
        let moved = if back.is_some() { 0 } else { ends.len() - refused.len() } as u64;
        self.wake_for(moved > 0 && self.gate.is_waited(), moved);
        back
    }

    fn push_run_locked(&self, core: &mut Core<T>, run: T, count: usize, priority: i32) -> Option<(T, usize)> {
        if core.closed || count == 0 {
            return (count > 0).then_some((run, count));
        }
        core.calm = 0;
        self.seize(core);
        let rest = core.lanes.push_run_at(run, count, priority, self.now());
        core.stats.pushed += (count - rest.as_ref().map_or(0, |(_, left)| *left)) as u64;
        rest
    }

    fn push_keyed_run_locked(
        &self,
        core: &mut Core<T>,
        run: T,
        text: &str,
        ends: &[u32],
        priority: i32,
        refused: &mut Vec<u32>,
    ) -> Option<T> {
        if core.closed {
            return Some(run);
        }
        core.calm = 0;
        self.seize(core);
        let back = core.lanes.push_keyed_run_at(run, text, ends, priority, self.now(), refused);
        if back.is_none() {
            core.stats.pushed += (ends.len() - refused.len()) as u64;
            core.stats.duplicates += refused.len() as u64;
        }
        back
    }
}

impl<T> Queue<T> {
    /// [`Queue::pop_many`] that leaves runs whole: appends items and runs, and how many items each is.
    pub fn pop_runs(&self, max: usize, out: &mut Vec<(T, usize)>) -> usize {
        match self.look_runs(max, out) {
            Look::Item(items) => items,
            Look::Empty | Look::Ended => 0,
        }
    }

    /// [`Queue::pop_runs`], for those who wait.
    pub(super) fn look_runs(&self, max: usize, out: &mut Vec<(T, usize)>) -> Look<usize> {
        if let Some(items) = self.pop_plain(max, |item| out.push((item, 1))) {
            return if items > 0 { Look::Item(items) } else { Look::Empty };
        }
        let mut left = max;
        let mut core = self.core.lock();
        while left > 0
            && let Some((run, count)) = self.pop_run_locked(&mut core, left)
        {
            left -= count;
            out.push((run, count));
        }
        match max - left {
            0 if core.closed => Look::Ended,
            0 => Look::Empty,
            items => Look::Item(items),
        }
    }
}

impl<T> Watcher<T> {
    /// [`Watcher::poll`] for up to `max` items (above 0), as [`Queue::pop_runs`] takes them: they are appended to `out`, and how many
    /// they are is the answer.
    pub fn poll_runs(&mut self, max: usize, out: &mut Vec<(T, usize)>) -> Next<usize> {
        self.poll_with(|queue| queue.look_runs(max, out))
    }
}
