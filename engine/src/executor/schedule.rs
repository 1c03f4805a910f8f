//! Which job runs next. Plain data under the executor's one lock; nothing here waits, sends or calls back.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use serde::Serialize;
use tokio::time::Instant;

use super::{
    ExecutorOptions,
    job::{Control, Job, Pending},
    retry::LONGEST_HELD_WAIT,
};
use crate::{
    error::{Code, Error, Phase},
    queue::{Lanes, Offer},
};

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In the queue.
    Queued,
    /// Until a moment.
    Waiting,
    /// In a slot.
    Running,
}

struct Entry<J> {
    job: Arc<J>,
    place: Place,
    due: Option<(Instant, u64)>,
    submitted: Instant,
    control: Control,
}

/// A job that leaves without having run, and why.
pub type Refused<J> = (Pending<J>, Error);

/// The queue, the waiting room, the slots and the gates.
pub struct Schedule<J> {
    queue: Lanes<Pending<J>>,
    waiting: BTreeMap<(Instant, u64), Pending<J>>,
    entries: HashMap<Arc<str>, Entry<J>>,
    /// Until when each scope must not send.
    gates: HashMap<String, Instant>,
    waits: u64,
    running: usize,
    concurrency: usize,
    paused: bool,
    open: bool,
}

/// What became of a submitted job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// Accepted.
    Queued,
    /// A job with that key waits already.
    Duplicate,
    /// A job with that key runs.
    Processing,
    /// The queue is full.
    Full,
    /// The executor is closed.
    Closed,
}

impl<J: Job> Schedule<J> {
    pub(super) fn new(options: &ExecutorOptions) -> Self {
        Self {
            queue: Lanes::new(options.capacity),
            waiting: BTreeMap::new(),
            entries: HashMap::new(),
            gates: HashMap::new(),
            waits: 0,
            running: 0,
            concurrency: options.concurrency,
            paused: false,
            open: true,
        }
    }

    pub(super) fn submit(&mut self, pending: Pending<J>) -> Submitted {
        if !self.open {
            return Submitted::Closed;
        }
        if let Some(entry) = self.entries.get(&pending.key) {
            return if entry.place == Place::Running { Submitted::Processing } else { Submitted::Duplicate };
        }
        let entry = Entry {
            job: Arc::clone(&pending.job),
            place: Place::Queued,
            due: None,
            submitted: pending.submitted,
            control: pending.control.clone(),
        };
        let (key, priority) = (Arc::clone(&pending.key), pending.job.priority());
        match self.queue.push(pending, Some(Arc::clone(&key)), priority).offer {
            Offer::Queued => {
                self.entries.insert(key, entry);
                Submitted::Queued
            }
            Offer::Duplicate => Submitted::Duplicate,
            Offer::Full | Offer::Closed => Submitted::Full,
        }
    }

    /// The next job that may run now, placed in a slot. Jobs that may not run at all are pushed to `refused`.
    pub(super) fn next(&mut self, now: Instant, refused: &mut Vec<Refused<J>>) -> Option<Pending<J>> {
        while !self.paused && self.running < self.concurrency {
            let pending = self.pop(now)?;
            if pending.control.lease.is_over() {
                self.entries.remove(&pending.key);
                refused.push((
                    pending,
                    Error::new(Code::LeaseLost, "the lease ended before the job could start").at(Phase::Queue),
                ));
                continue;
            }
            match self.gate(pending.job.scope(), now) {
                Some(opens) if opens - now > LONGEST_HELD_WAIT => {
                    self.entries.remove(&pending.key);
                    let error = Error::new(Code::TelegramThrottled, "the bot has to wait after a 429")
                        .at(Phase::Queue)
                        .retry_after(Some(opens - now));
                    refused.push((pending, error));
                }
                Some(opens) => self.wait(pending, opens),
                None => {
                    self.place(&pending.key, Place::Running, None);
                    self.running += 1;
                    return Some(pending);
                }
            }
        }
        None
    }

    fn pop(&mut self, now: Instant) -> Option<Pending<J>> {
        // A job that has waited was in a slot before: it goes ahead of everything that never was.
        if self.waiting.first_key_value().is_some_and(|((due, _), _)| *due <= now) {
            return self.waiting.pop_first().map(|(_, pending)| pending);
        }
        self.queue.pop()
    }

    /// When the scope may send again; `None` = now.
    fn gate(&mut self, scope: &str, now: Instant) -> Option<Instant> {
        let opens = *self.gates.get(scope)?;
        if opens > now {
            return Some(opens);
        }
        self.gates.remove(scope);
        None
    }

    /// Closes the gate of a scope until `until`; an earlier end never shortens a later one.
    pub(super) fn close_gate(&mut self, scope: &str, until: Instant) {
        let gate = self.gates.entry(scope.to_owned()).or_insert(until);
        *gate = until.max(*gate);
    }

    /// Gives a slot back.
    pub(super) const fn free_slot(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// Puts a job into the waiting room.
    pub(super) fn wait(&mut self, pending: Pending<J>, due: Instant) {
        let rank = (due, self.waits);
        self.waits += 1;
        self.place(&pending.key, Place::Waiting, Some(rank));
        self.waiting.insert(rank, pending);
    }

    fn place(&mut self, key: &str, place: Place, due: Option<(Instant, u64)>) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.place = place;
            entry.due = due;
        }
    }

    /// Forgets a job that is settled.
    pub(super) fn forget(&mut self, key: &str) {
        self.entries.remove(key);
    }

    /// When somebody has to look again although nothing happened; `None` = never. While no job could start anyway it is
    /// the freed slot, or `resume`, that looks.
    pub(super) fn next_due(&self) -> Option<Instant> {
        if self.paused || self.running >= self.concurrency {
            return None;
        }
        self.waiting.first_key_value().map(|((due, _), _)| *due)
    }

    /// Takes a job that does not run out; a running one is told to stop. `None` in the second and in no case.
    pub(super) fn cancel(&mut self, key: &str) -> (bool, Option<Pending<J>>) {
        let Some(entry) = self.entries.get(key) else { return (false, None) };
        entry.control.cancel.cancel();
        let pending = match (entry.place, entry.due) {
            (Place::Running, _) => return (true, None),
            (Place::Waiting, Some(rank)) => self.waiting.remove(&rank),
            _ => self.queue.remove(key),
        };
        self.entries.remove(key);
        (true, pending)
    }

    /// [`Schedule::cancel`] for all that is left.
    pub(super) fn cancel_all(&mut self) -> Vec<Pending<J>> {
        let mut pending = self.queue.clear();
        pending.extend(std::mem::take(&mut self.waiting).into_values());
        for entry in self.entries.values() {
            entry.control.cancel.cancel();
        }
        self.entries.retain(|_, entry| entry.place == Place::Running);
        pending
    }

    pub(super) fn extend(&self, key: &str, lease: std::time::Duration) -> bool {
        self.entries.get(key).is_some_and(|entry| {
            let live = !entry.control.lease.is_over();
            if live {
                entry.control.lease.extend(lease);
            }
            live
        })
    }

    pub(super) const fn close(&mut self) {
        self.open = false;
    }

    pub(super) const fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    pub(super) const fn set_concurrency(&mut self, concurrency: usize) {
        self.concurrency = concurrency;
    }

    pub(super) fn fill(&self, snapshot: &mut super::stats::Snapshot) {
        snapshot.queued = self.queue.len();
        snapshot.waiting = self.waiting.len();
        snapshot.running = self.running;
        snapshot.concurrency = self.concurrency;
        snapshot.capacity = self.queue.capacity();
        snapshot.paused = self.paused;
    }

    /// Every unsettled job with its place and age: running first, then waiting by due time, then the queue in order.
    pub(super) fn list(&self) -> Vec<(Arc<J>, Place, std::time::Duration)> {
        let view = |entry: &Entry<J>| (Arc::clone(&entry.job), entry.place, entry.submitted.elapsed());
        let running = self.entries.values().filter(|entry| entry.place == Place::Running).map(view);
        let keys = self.waiting.values().chain(self.queue.iter()).map(|pending| &pending.key);
        running.chain(keys.filter_map(|key| self.entries.get(key)).map(view)).collect()
    }
}
