//! The order of a local queue. It has one owner, so it needs neither lock nor atomics.
//!
//! Items without key and priority, as long as there are no others, stand in a ring, a batch of slots that follow each other as one
//! run: nothing is cheaper. The first other item moves
//! them into the engine's lanes, in order; once those run empty, the ring is used again. With aging every item needs its
//! moment of arrival, so then there are lanes only.

use std::{collections::VecDeque, time::Instant};

use warmpath_engine::queue::{Entry, Lanes, Offer, Options, Push, Stats, WhenFull};

/// So many slots that follow each other, from the first on; one slot is a run of one.
#[derive(Clone, Copy)]
struct Slots {
    first: u32,
    count: u32,
}

pub struct Order {
    options: Options,
    plain: VecDeque<Slots>,
    /// Slots in `plain`.
    plain_count: usize,
    lanes: Lanes<u32>,
    closed: bool,
    stats: Stats,
    born: Instant,
}

impl Order {
    pub fn new(options: Options) -> Self {
        let (plain, lanes) = (VecDeque::new(), Lanes::with_options(options));
        Self { options, plain, plain_count: 0, lanes, closed: false, stats: Stats::default(), born: Instant::now() }
    }

    pub fn push(&mut self, item: u32, key: Option<&str>, priority: i32) -> Push<u32> {
        if self.closed {
            return Push { offer: Offer::Closed, dropped: None, refused: Some(item) };
        }
        let push = if key.is_none() && priority == 0 && self.options.aging.is_none() && self.lanes.is_empty() {
            self.push_plain(item)
        } else {
            self.push_ordered(item, key, priority)
        };
        match push.offer {
            Offer::Queued => self.stats.pushed += 1,
            Offer::Duplicate => self.stats.duplicates += 1,
            Offer::Full => self.stats.full += 1,
            Offer::Closed => {}
        }
        self.stats.dropped += u64::from(push.dropped.is_some());
        push
    }

    /// Queues as many of `count` slots from `first` on as there is room for, without keys and priorities; how many that were.
    pub fn push_run(&mut self, first: u32, count: u32) -> u32 {
        let room = if self.closed { 0 } else { self.options.capacity.saturating_sub(self.len()) };
        let count = u32::try_from(room).unwrap_or(u32::MAX).min(count);
        if count == 0 {
            return 0;
        }
        if self.options.aging.is_none() && self.lanes.is_empty() {
            self.plain.push_back(Slots { first, count });
            self.plain_count += count as usize;
        } else {
            self.order_plain();
            let now = self.now();
            // There is room.
            let _none = self.lanes.push_run_at(first, count as usize, 0, now);
        }
        self.stats.pushed += u64::from(count);
        count
    }

    /// Queues slots from `first` on that have keys, as [`Lanes::push_keyed_run_at`] says; `false`: not so, and nothing has happened.
    pub fn push_keyed_run(&mut self, first: u32, text: &str, ends: &[u32], refused: &mut Vec<u32>) -> bool {
        if self.closed || self.options.capacity.saturating_sub(self.len()) < ends.len() {
            return false;
        }
        self.order_plain();
        let now = self.now();
        // There is room.
        let _none = self.lanes.push_keyed_run_at(first, text, ends, 0, now, refused);
        self.stats.pushed += (ends.len() - refused.len()) as u64;
        self.stats.duplicates += refused.len() as u64;
        true
    }

    /// Takes up to `max` slots: fills `runs` with the first slot and the number of each run of them; how many runs that are.
    pub fn pop_runs(&mut self, max: usize, runs: &mut [[i32; 2]]) -> usize {
        let mut left = max;
        let mut filled = 0;
        for place in runs {
            if left == 0 {
                break;
            }
            let Some((first, count)) = self.pop_run(left) else { break };
            left -= count;
            *place = [first.cast_signed(), i32::try_from(count).unwrap_or(i32::MAX)];
            filled += 1;
        }
        filled
    }

    fn pop_run(&mut self, most: usize) -> Option<(u32, usize)> {
        let run = self.pop_plain(most).or_else(|| self.lanes.pop_run(most));
        self.stats.popped += run.map_or(0, |(_, count)| count as u64);
        run
    }

    fn pop_plain(&mut self, most: usize) -> Option<(u32, usize)> {
        let run = self.plain.front_mut()?;
        let Slots { first, count } = *run;
        let taken = u32::try_from(most).unwrap_or(u32::MAX).min(count);
        if taken == count {
            self.plain.pop_front();
        } else {
            *run = Slots { first: first + taken, count: count - taken };
        }
        self.plain_count -= taken as usize;
        Some((first, taken as usize))
    }

    fn push_plain(&mut self, item: u32) -> Push<u32> {
        let mut dropped = None;
        if self.plain_count >= self.options.capacity {
            // Among equals nobody is below the newcomer, so `DropLowest` refuses it.
            let oldest = if self.options.when_full == WhenFull::DropOldest { self.pop_plain(1) } else { None };
            let Some((item, _one)) = oldest else {
                return Push { offer: Offer::Full, dropped: None, refused: Some(item) };
            };
            dropped = Some(Entry { item, key: None, priority: 0 });
        }
        self.plain.push_back(Slots { first: item, count: 1 });
        self.plain_count += 1;
        Push { offer: Offer::Queued, dropped, refused: None }
    }

    fn push_ordered(&mut self, item: u32, key: Option<&str>, priority: i32) -> Push<u32> {
        self.order_plain();
        let now = self.now();
        self.lanes.push_at(item, key, priority, now)
    }

    /// Moves what is plain to the lanes.
    fn order_plain(&mut self) {
        for Slots { first, count } in self.plain.drain(..) {
            // It fits: it did before.
            let _none = self.lanes.push_run(first, count as usize, 0);
        }
        self.plain_count = 0;
    }

    fn now(&self) -> u64 {
        if self.options.aging.is_none() {
            return 0;
        }
        u64::try_from(self.born.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    pub fn pop(&mut self) -> Option<u32> {
        self.pop_run(1).map(|(item, _one)| item)
    }

    pub fn peek(&self) -> Option<u32> {
        // A run begins with its first slot.
        self.plain.front().map(|run| run.first).or_else(|| self.lanes.peek().copied())
    }

    pub fn remove(&mut self, key: &str) -> Option<u32> {
        let item = self.lanes.remove(key);
        self.stats.removed += u64::from(item.is_some());
        item
    }

    pub fn clear(&mut self) {
        self.stats.removed += self.len() as u64;
        self.plain = VecDeque::new();
        self.plain_count = 0;
        self.lanes = Lanes::with_options(self.options);
    }

    pub fn snapshot(&self) -> impl Iterator<Item = u32> {
        let plain = self.plain.iter().flat_map(|run| run.first..run.first + run.count);
        plain.chain(self.lanes.copies())
    }

    pub fn has(&self, key: &str) -> bool {
        self.lanes.has(key)
    }

    pub fn len(&self) -> usize {
        self.plain_count + self.lanes.len()
    }

    pub const fn close(&mut self) {
        self.closed = true;
    }

    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    pub const fn stats(&self) -> Stats {
        self.stats
    }
}
