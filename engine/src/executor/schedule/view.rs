//! What can be seen from outside.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use super::{
    Scheduler,
    flow::{Entry, Spot},
};
use crate::{
    clock::Tick,
    executor::{job::Job, stats::Snapshot},
};

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In the queue.
    Queued,
    /// Between two tries.
    Waiting,
    /// In a slot.
    Running,
}

impl<J> Entry<J> {
    pub(super) const fn place(&self) -> Place {
        match self.spot {
            Spot::Running => Place::Running,
            Spot::Queued | Spot::Parked if self.fresh => Place::Queued,
            Spot::Queued | Spot::Parked | Spot::Backoff => Place::Waiting,
        }
    }
}

impl<J: Job> Scheduler<J> {
    /// Adds the gauges to a snapshot.
    pub fn fill(&self, snapshot: &mut Snapshot) {
        snapshot.queued = self.queued;
        snapshot.waiting = self.entries.len() - self.queued - self.running;
        snapshot.running = self.running;
        snapshot.concurrency = self.concurrency;
        snapshot.adaptive = self.adaptive.as_ref().map(|adaptive| adaptive.measured());
        snapshot.capacity = self.capacity;
        snapshot.paused = self.paused;
        snapshot.limits = self.limits;
    }

    /// Every unsettled job with its place and age: running ones first, then those that were, then the others, each group
    /// by age.
    #[must_use]
    pub fn list(&self, now: Tick) -> Vec<(Arc<J>, Place, Duration)> {
        let mut entries: Vec<_> = self.entries.iter().map(|(_, entry)| entry).collect();
        entries.sort_by_key(|entry| (entry.place() == Place::Queued, entry.place() != Place::Running, entry.stamp));
        entries.into_iter().map(|entry| (Arc::clone(&entry.job), entry.place(), now.since(entry.submitted))).collect()
    }

    /// How many names of bots, chats and flows are remembered.
    #[cfg(test)]
    pub(super) fn names(&self) -> usize {
        let remembered = [self.bots.len(), self.chats.len(), self.flows.len()];
        let found = [self.bot_names.len(), self.chat_names.len(), self.flow_names.len()];
        assert_eq!(remembered, found, "what is forgotten has no name any more");
        remembered.iter().sum()
    }
}
