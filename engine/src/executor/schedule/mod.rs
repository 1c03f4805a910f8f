//! Which job runs next, where, and when: slots, queue, waiting room, pacer and retry as one state machine. It is pure:
//! every event brings the moment it happened at, nothing here waits, sends, locks or asks a clock, and equal events from an
//! equal seed give equal actions. The executor drives it under its one lock; the simulation in `sim` drives it through
//! hours in milliseconds.
//!
//! # The data structure
//!
//! A job that cannot start must not stand in the way of one that can, so there is no common queue to be scanned. Jobs
//! stand in **flows**: one for each bot and list of warm-up chats (its lanes). A flow knows when the first of its chats
//! may send; a **bot** knows when the first of its flows may, and its token; and only bots that may send now are in the
//! set that free slots are filled from.
//!
//! ```text
//! ready bots, by whose turn it is ──→ bot ──→ ready flows, by class and turn ──→ flow ──→ lists by priority and size ──→ job
//! timed bots, by moment ────────────→ bot ──→ timed flows and sizes, by moment
//! ```
//!
//! A start looks at the first of each and books it in every gate it passes, or in none: token, chat, size, uploads of the
//! token, bytes. What turns out to be closed goes to its timed set and costs nothing until then. Moments in those sets
//! may be too early (something else has booked meanwhile), never too late, so they are looked at again when they come.
//! Every event costs O(log n) in the number of flows; none depends on the number of jobs. A job waits in place: it holds
//! a few list links, and no slot, socket or bytes.
//!
//! A job that is alone in waiting, for the spacing of uploads of its size, is parked beside its flow, so that others
//! overtake it; one of each size at a time is sent back when that size may go.
//!
//! # The order
//!
//! Between bots: in turns. Within a bot: by priority, then in turns. Within a flow: by priority, then the smaller first, then
//! first in, first out. A job is overtaken by smaller ones for a minute at most, and every 16th start goes to what has
//! waited longest, whatever its priority: so nothing starves.

mod adaptive;
mod bot;
mod event;
mod explain;
mod finish;
mod flow;
mod gate;
mod keys;
mod place;
mod planted;
mod promises;
mod size;
mod slab;
mod start;
mod view;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use adaptive::Adaptive;
pub use adaptive::{Between, Measured};
use bot::{Bot, Chat};
pub use event::{Action, Ended, Learned, Live, Settled, Submitted};
pub use explain::{Explanation, Learned as LearnedPace, Reason, Wait};
use flow::{Entry, Flow, Links, Spot, Stop};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use planted::Planted;
use size::Group;
pub use slab::Id;
use slab::{NIL, Slab};
pub use view::Place;

use super::{ExecutorOptions, RetryOptions, job::Job, limits::Limits, retry::Spent};
use crate::{
    clock::Tick,
    error::{Code, Error},
};

/// A job's own lease is not used to its end: a worker whose clock runs a little slow must still stop in time.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// See the module.
pub struct Scheduler<J> {
    limits: Option<Limits>,
    retry: RetryOptions,
    capacity: usize,
    concurrency: usize,
    /// What finds the number of slots out, where it is not given.
    adaptive: Option<Box<Adaptive>>,
    paused: bool,
    open: bool,

    entries: Slab<Entry<J>>,
    keys: HashTable<Id>,
    bots: Slab<Bot>,
    bot_names: HashTable<Id>,
    chats: Slab<Chat>,
    chat_names: HashTable<Id>,
    flows: Slab<Flow>,
    flow_names: HashTable<Id>,
    hasher: RandomState,
    sweep_at: usize,

    /// Bots that may send, the one that waits longest first.
    ready: BTreeSet<(u64, Id)>,
    timed: BTreeSet<(Tick, Id)>,
    /// Jobs between two tries.
    backoff: BTreeMap<(Tick, u64), Id>,
    /// Ends of the leases of running jobs.
    leases: BTreeSet<(Tick, Id)>,
    actions: VecDeque<Action<J>>,

    queued: usize,
    running: usize,
    bytes: u64,
    stamp: u64,
    random: fastrand::Rng,
    planted: Planted,
}

impl<J: Job> Scheduler<J> {
    /// A scheduler without jobs. `seed` decides about jitter.
    #[must_use]
    pub fn new(options: &ExecutorOptions, seed: u64) -> Self {
        Self::planted(options, seed, Planted::NONE)
    }

    fn planted(options: &ExecutorOptions, seed: u64, planted: Planted) -> Self {
        Self {
            limits: options.limits,
            retry: options.retry,
            capacity: options.capacity,
            concurrency: options.concurrency,
            adaptive: None,
            paused: false,
            open: true,
            entries: Slab::new(),
            keys: HashTable::new(),
            bots: Slab::new(),
            bot_names: HashTable::new(),
            chats: Slab::new(),
            chat_names: HashTable::new(),
            flows: Slab::new(),
            flow_names: HashTable::new(),
            hasher: RandomState::default(),
            sweep_at: 0,
            ready: BTreeSet::new(),
            timed: BTreeSet::new(),
            backoff: BTreeMap::new(),
            leases: BTreeSet::new(),
            actions: VecDeque::new(),
            queued: 0,
            running: 0,
            bytes: 0,
            stamp: 0,
            random: fastrand::Rng::with_seed(seed),
            planted,
        }
    }

    /// A job comes in.
    pub fn submit(&mut self, mut job: J, now: Tick) -> Submitted {
        use std::hash::BuildHasher;
        if !self.open {
            return Submitted::Closed;
        }
        let hash = self.hasher.hash_one(job.key());
        if let Some(entry) = self.find_hashed(hash, job.key()).and_then(|id| self.entries.get(id)) {
            return if entry.spot == Spot::Running { Submitted::Processing } else { Submitted::Duplicate };
        }
        if self.queued >= self.capacity {
            return Submitted::Full;
        }
        let bot = self.bot(job.scope(), now);
        let flow = self.flow(bot, job.chats().iter().map(String::as_str), now);
        let lease = job.lease().map_or(Tick::NEVER, |lease| now.after(lease.saturating_sub(LEASE_MARGIN)));
        let leased = lease != Tick::NEVER;
        let (ahead, twin) = self.flows.get(flow).map_or((0, NIL), |flow| {
            // Only those are told when to come back that somebody else keeps.
            let ahead = if leased { flow.ahead_of(&self.entries, &job, now) } else { 0 };
            (ahead, flow.any())
        });
        if let Some(twin) = self.entries.get(twin) {
            job.share(&twin.job);
        }
        let stamp = self.next_stamp();
        let id = self.entries.insert(Entry {
            job: Arc::new(job),
            hash,
            stamp,
            submitted: now,
            lease,
            due: Tick::NEVER,
            flow,
            chat: NIL,
            spent: Spent::default(),
            possible_duplicates: 0,
            spot: Spot::Queued,
            stop: None,
            fresh: true,
            released: false,
            group: Group::NEXT,
            in_class: Links::NONE,
            in_age: Links::NONE,
        });
        let entries = &self.entries;
        self.keys.insert_unique(hash, id, |id| entries.get(*id).map_or(0, |entry| entry.hash));
        self.queued += 1;
        self.count_live(flow, true);
        self.enter(id, now);
        if leased {
            self.give_back_if_long(id, ahead, now);
        }
        Submitted::Queued
    }

    /// Somebody wants a job to end. False when there is no such job.
    pub fn cancel(&mut self, key: &str, now: Tick) -> bool {
        let Some(id) = self.find(key) else { return false };
        self.cancel_one(id, now);
        true
    }

    /// Somebody wants all jobs to end.
    pub fn cancel_all(&mut self, now: Tick) {
        let ids: Vec<Id> = self.entries.iter().map(|(id, _)| id).collect();
        for id in ids {
            self.cancel_one(id, now);
        }
    }

    fn cancel_one(&mut self, id: Id, now: Tick) {
        use planted::Bug;
        let Some(entry) = self.entries.get_mut(id) else { return };
        if entry.spot == Spot::Running {
            if entry.stop.is_none() {
                entry.stop = Some(Stop::Cancelled);
                self.actions.push_back(Action::Stop(id));
            }
            if !self.planted.has(Bug::SettledTwice) {
                return;
            }
            let settled = self.settled(id, Some(cancelled()), false);
            return self.actions.extend(settled.map(Action::Settle));
        }
        if self.planted.has(Bug::CancelIgnored) {
            return;
        }
        self.leave(id, cancelled(), now);
    }

    /// The lease of a job ends `lease` from now. False for a job that is not here, or whose lease is over.
    pub fn extend(&mut self, key: &str, lease: Duration, now: Tick) -> bool {
        let Some(id) = self.find(key) else { return false };
        let Some(entry) = self.entries.get_mut(id) else { return false };
        if entry.lease <= now || entry.stop.is_some() {
            return false;
        }
        let end = now.after(lease.saturating_sub(LEASE_MARGIN));
        let before = std::mem::replace(&mut entry.lease, end);
        if entry.spot == Spot::Running {
            self.leases.remove(&(before, id));
            self.leases.insert((end, id));
        } else if entry.spot == Spot::Queued
            && before == Tick::NEVER
            && let Some(flow) = self.flows.get_mut(entry.flow)
        {
            flow.leased += 1;
        }
        true
    }

    /// No job is accepted any more.
    pub const fn close(&mut self) {
        self.open = false;
    }

    /// No job starts while this is so.
    pub const fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// The number of slots, from now on.
    pub fn set_concurrency(&mut self, concurrency: usize) {
        self.adaptive = None;
        self.concurrency = concurrency;
    }

    /// From now on the number of slots is measured. It begins at the lower bound.
    pub fn adapt_concurrency(&mut self, bounds: Between, now: Tick) {
        let adaptive = Adaptive::new(bounds, now);
        self.concurrency = adaptive.limit();
        self.adaptive = Some(Box::new(adaptive));
    }

    /// The number of slots.
    #[must_use]
    pub const fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// The limits; `None` = no pacing.
    #[must_use]
    pub const fn limits(&self) -> Option<Limits> {
        self.limits
    }

    /// Other limits, from now on. What was sent before counts as if they had held then.
    pub fn set_limits(&mut self, limits: Option<Limits>, now: Tick) {
        self.limits = limits;
        self.adjust_gates(now);
        self.place_all(now);
    }

    /// The bot did something beside our jobs: it is booked, and ours yield.
    pub fn report(&mut self, live: Live<'_>, now: Tick) {
        let bot = self.bot(live.scope, now);
        let chat = live.chat.map(|chat| self.chat(bot, chat, now)).map(|chat| self.real(chat));
        if let (Some(chat), Some(kind)) = (chat, live.chat_kind) {
            self.is_of_kind(chat, kind, now);
        }
        if let Some(wait) = live.retry_after {
            self.throttled(bot, chat, wait, now, now);
        } else if let Some(chat) = chat {
            self.book(bot, chat, now);
        }
    }

    const fn next_stamp(&mut self) -> u64 {
        self.stamp += 1;
        self.stamp
    }
}

fn cancelled() -> Error {
    Error::new(Code::Cancelled, "the job was cancelled")
}

#[cfg(test)]
mod sim;
