//! One token: its gate, its uploads, and its flows by what they wait for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::{
    flow::{OLDEST_EVERY, When},
    gate::{Gate, Meter},
    slab::Id,
};
use crate::{
    clock::Tick,
    executor::limits::{ChatKind, SameSize},
};

/// What a bot waits for at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// A flow may send.
    Flow(Id),
    /// An upload of that size may be sent.
    Size(u64),
}

/// The uploads of one size.
#[derive(Default)]
pub struct Size {
    pub meter: Meter,
    /// Jobs that wait for the size alone, in their order: class, then stamp.
    pub parked: BTreeMap<(i64, u64), Id>,
    /// One of them was sent back to its flow and has not been started yet; the next one waits for that.
    pub released: bool,
}

/// Sizes that are kept without being asked whether they still matter.
const SIZES_KEPT: usize = 32;

/// Two chats that are refused inside this time mean the token. In ns.
const HITS_TOGETHER: u64 = 10_000_000_000;

/// See the module.
pub struct Bot {
    pub name: Box<str>,
    pub hash: u64,
    pub gate: Gate,
    pub uploads: u32,
    pub when: When,
    pub served: u64,
    /// Jobs of this bot that are anywhere.
    pub live: usize,
    /// Chats that are known.
    pub chats: usize,
    pub flows: Vec<Id>,
    /// Flows that may send: class, when served, which.
    pub ready: BTreeSet<(i64, u64, Id)>,
    pub timed: BTreeSet<(Tick, Due)>,
    pub sizes: HashMap<u64, Size, RandomState>,
    hits: Vec<(Tick, Id)>,
    starts: u32,
}

impl Bot {
    pub fn new(name: &str, hash: u64) -> Self {
        Self {
            name: name.into(),
            hash,
            gate: Gate::default(),
            uploads: 0,
            when: When::Idle,
            served: 0,
            live: 0,
            chats: 0,
            flows: Vec::new(),
            ready: BTreeSet::new(),
            timed: BTreeSet::new(),
            sizes: HashMap::default(),
            hits: Vec::new(),
            starts: 0,
        }
    }

    /// The flow to send next: by class, then the one that waits longest; every so often the latter alone counts.
    pub fn pick(&self) -> Option<Id> {
        if self.ready.len() > 1 && self.starts % OLDEST_EVERY == OLDEST_EVERY - 1 {
            // A bot has as many flows as it has lists of chats: one, or a few.
            return self.ready.iter().min_by_key(|(_, served, _)| *served).map(|(_, _, flow)| *flow);
        }
        self.ready.first().map(|(_, _, flow)| *flow)
    }

    /// A job of this bot was started.
    pub const fn started(&mut self, served: u64) {
        self.starts = self.starts.wrapping_add(1);
        self.served = served;
    }

    /// A chat was refused. True when it is not the only one of late: then it is the token that sends too fast.
    pub fn is_hit(&mut self, chat: Id, now: Tick) -> bool {
        let since = now.as_nanos().saturating_sub(HITS_TOGETHER);
        self.hits.retain(|(at, _)| at.as_nanos() >= since);
        if self.hits.iter().all(|(_, hit)| *hit != chat) {
            self.hits.push((now, chat));
        }
        self.hits.len() > 1
    }

    /// A chat has another name: what it was refused was refused to one chat.
    pub fn renamed(&mut self, old: Id, new: Id) {
        if self.hits.iter().any(|(_, hit)| *hit == new) {
            self.hits.retain(|(_, hit)| *hit != old);
        }
        for (_, hit) in &mut self.hits {
            *hit = if *hit == old { new } else { *hit };
        }
    }

    /// The uploads of one size. Forgets sizes that do not matter any more, now and then.
    pub fn size(&mut self, bytes: u64, rule: &SameSize, now: Tick) -> &mut Size {
        if self.sizes.len() >= SIZES_KEPT && !self.sizes.contains_key(&bytes) {
            self.sizes.retain(|bytes, size| {
                !size.parked.is_empty()
                    || size.released
                    || rule.rate(*bytes).is_some_and(|rate| !size.meter.is_idle(&rate, now))
            });
        }
        self.sizes.entry(bytes).or_default()
    }
}

/// One chat of one bot.
pub struct Chat {
    pub bot: Id,
    pub id: Arc<str>,
    pub hash: u64,
    pub kind: ChatKind,
    pub gate: Gate,
    /// How long its uploads have taken of late.
    pub upload: Duration,
    /// Flows that may send to it, by this id or by one that it had before.
    pub flows: Vec<Id>,
    /// It is this chat now: what is sent to it counts there.
    pub moved: Option<Id>,
}

impl Chat {
    /// An upload took so long. Half of what is known is the last one's, so that a large one is soon forgotten.
    pub fn uploaded(&mut self, took: Duration) {
        self.upload = if self.upload.is_zero() { took } else { (self.upload + took) / 2 };
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{gate::FULL, planted::Planted},
        *,
    };
    use crate::executor::limits::Limits;

    #[test]
    fn of_many_sizes_those_that_still_matter_are_kept() {
        let rule = Limits::default().same_size.unwrap();
        let mut bot = Bot::new("bot", 0);
        for bytes in (1_000_000..).take(SIZES_KEPT) {
            let rate = rule.rate(bytes).unwrap();
            bot.size(bytes, &rule, Tick::START).meter.book(&rate, FULL, Tick::START, Planted::NONE);
        }
        bot.size(2_000_000, &rule, Tick::START).released = true;
        assert_eq!(bot.sizes.len(), SIZES_KEPT + 1, "all of them were sent just now");

        bot.size(1_000_000, &rule, Tick::START).parked.insert((0, 0), 0);
        bot.size(3_000_000, &rule, Tick::from_nanos(60_000_000_000));
        let mut kept: Vec<u64> = bot.sizes.keys().copied().collect();
        kept.sort_unstable();
        assert_eq!(kept, [1_000_000, 2_000_000, 3_000_000], "who waits, who was sent back, and the new one");
    }
}
