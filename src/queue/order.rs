//! The order of a local queue. It has one owner, so it needs neither lock nor atomics.
//!
//! Items without key and priority, as long as there are no others, stand in a ring: nothing is cheaper. The first other item moves
//! them into the engine's lanes, in order; once those run empty, the ring is used again. With aging every item needs its
//! moment of arrival, so then there are lanes only.

use std::{collections::VecDeque, time::Instant};

use warmpath_engine::queue::{Entry, Lanes, Offer, Options, Push, Stats, WhenFull};

pub struct Order {
    options: Options,
    plain: VecDeque<u32>,
    lanes: Lanes<u32>,
    closed: bool,
    stats: Stats,
    born: Instant,
}

impl Order {
    pub fn new(options: Options) -> Self {
        let (plain, lanes) = (VecDeque::new(), Lanes::with_options(options));
        Self { options, plain, lanes, closed: false, stats: Stats::default(), born: Instant::now() }
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

    /// Queues as many as there is room for, without keys and priorities; how many that were.
    pub fn push_plain_many(&mut self, items: &[i32]) -> usize {
        let room = if self.closed { 0 } else { self.options.capacity.saturating_sub(self.len()) };
        let items = items.get(..room).unwrap_or(items);
        if self.options.aging.is_none() && self.lanes.is_empty() {
            self.plain.extend(items.iter().map(|item| item.cast_unsigned()));
            self.stats.pushed += items.len() as u64;
        } else {
            for item in items {
                // There is room, and it is not closed.
                let _queued = self.push(item.cast_unsigned(), None, 0);
            }
        }
        items.len()
    }

    /// Fills `places` with the first items, as far as there are; how many that were.
    pub fn pop_many(&mut self, places: &mut [i32]) -> usize {
        let plain = self.plain.len().min(places.len());
        let (first, rest) = places.split_at_mut(plain);
        for (place, item) in first.iter_mut().zip(self.plain.drain(..plain)) {
            *place = item.cast_signed();
        }
        let others =
            rest.iter_mut().map_while(|place| self.lanes.pop().map(|item| *place = item.cast_signed())).count();
        self.stats.popped += (plain + others) as u64;
        plain + others
    }

    fn push_plain(&mut self, item: u32) -> Push<u32> {
        let mut dropped = None;
        if self.plain.len() >= self.options.capacity {
            // Among equals nobody is below the newcomer, so `DropLowest` refuses it.
            let oldest = if self.options.when_full == WhenFull::DropOldest { self.plain.pop_front() } else { None };
            let Some(item) = oldest else { return Push { offer: Offer::Full, dropped: None, refused: Some(item) } };
            dropped = Some(Entry { item, key: None, priority: 0 });
        }
        self.plain.push_back(item);
        Push { offer: Offer::Queued, dropped, refused: None }
    }

    fn push_ordered(&mut self, item: u32, key: Option<&str>, priority: i32) -> Push<u32> {
        for earlier in self.plain.drain(..) {
            // It fits: it did before.
            let _queued = self.lanes.push(earlier, None, 0);
        }
        let now = if self.options.aging.is_none() { 0 } else { self.born.elapsed().as_nanos() };
        self.lanes.push_at(item, key, priority, u64::try_from(now).unwrap_or(u64::MAX))
    }

    pub fn pop(&mut self) -> Option<u32> {
        let item = self.plain.pop_front().or_else(|| self.lanes.pop());
        self.stats.popped += u64::from(item.is_some());
        item
    }

    pub fn peek(&self) -> Option<u32> {
        self.plain.front().or_else(|| self.lanes.peek()).copied()
    }

    pub fn remove(&mut self, key: &str) -> Option<u32> {
        let item = self.lanes.remove(key);
        self.stats.removed += u64::from(item.is_some());
        item
    }

    pub fn clear(&mut self) {
        self.stats.removed += self.len() as u64;
        self.plain = VecDeque::new();
        self.lanes = Lanes::with_options(self.options);
    }

    pub fn snapshot(&self) -> impl Iterator<Item = u32> {
        self.plain.iter().chain(self.lanes.iter()).copied()
    }

    pub fn has(&self, key: &str) -> bool {
        self.lanes.has(key)
    }

    pub fn len(&self) -> usize {
        self.plain.len() + self.lanes.len()
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
