//! What a job waits for, and until when.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::{
    Place, Scheduler,
    flow::Spot,
    gate::{FULL, Shut},
    slab::Id,
};
use crate::{
    clock::Tick,
    executor::{job::Job, limits::Limits},
};

/// What a job can wait for: a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Everything is held.
    Paused,
    /// A 429 named a time, for the chat or for the token.
    RetryAfter,
    /// It failed, and is between two tries.
    Backoff,
    /// Its chats, and those of its flow that go before it.
    ChatRate,
    /// The token.
    TokenRate,
    /// Uploads of exactly its size.
    SameSize,
    /// Uploads of its token that are under way.
    InFlight,
    /// Bytes of all jobs that are under way.
    Bytes,
    /// A slot.
    Slot,
    /// Nothing: its lease is over, and it will be refused when its turn comes.
    Lease,
}

/// One thing that a job waits for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Wait {
    /// What.
    pub reason: Reason,
    /// How long, where that can be known; it is late rather than early. `None` = until something happens.
    #[serde(rename = "waitMs", serialize_with = "in_ms")]
    pub wait: Option<Duration>,
    /// The chat, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_id: Option<String>,
}

/// What a job waits for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Where it is.
    pub state: Place,
    /// Everything it waits for, the longest wait first; empty while it runs, or when it is about to.
    pub waits: Vec<Wait>,
    /// Jobs to the same chats that go before it.
    pub ahead: usize,
}

#[expect(clippy::ref_option, reason = "serde's signature")]
fn in_ms<S: Serializer>(wait: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    wait.map(|wait| u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)).serialize(serializer)
}

/// A key that is not at its full pace.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Learned {
    /// The bot, by the id in its token.
    pub bot_id: String,
    /// The chat; absent for the token itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_id: Option<String>,
    /// The learned part of the rate, 0 to 1.
    pub pace: f64,
    /// How long nothing may be sent, after a 429.
    #[serde(rename = "blockedMs", serialize_with = "in_ms", skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Duration>,
}

impl<J: Job> Scheduler<J> {
    /// What the job with this key waits for; `None` = there is no such job.
    #[must_use]
    pub fn explain(&self, key: &str, now: Tick) -> Option<Explanation> {
        let id = self.find(key)?;
        let entry = self.entries.get(id)?;
        let flow = self.flows.get(entry.flow)?;
        let state = entry.place();
        if entry.spot == Spot::Running {
            return Some(Explanation { state, waits: Vec::new(), ahead: 0 });
        }
        let ahead = match entry.spot {
            Spot::Queued => flow.iter(&self.entries).take_while(|(other, _)| *other != id).count(),
            _ => 0,
        };
        let mut waits = Vec::new();
        let mut add = |reason, until: Option<Tick>, chat_id| {
            waits.push(Wait { reason, wait: until.map(|until| until.since(now)), chat_id });
        };
        if self.paused {
            add(Reason::Paused, None, None);
        }
        if entry.lease <= now {
            add(Reason::Lease, None, None);
        }
        if entry.spot == Spot::Backoff {
            add(Reason::Backoff, Some(entry.due), None);
        }
        let (token_at, shut) = self.token_free(flow.bot, now);
        if token_at > now {
            let reason = if shut == Shut::Blocked { Reason::RetryAfter } else { Reason::TokenRate };
            add(reason, Some(token_at), None);
        }
        let (chat, chat_at, shut) = self.first_chat(entry.flow, now);
        let chat_id = chat.and_then(|(_, chat)| self.chats.get(chat)).map(|chat| chat.id.to_string());
        if chat_at > now && shut == Shut::Blocked {
            add(Reason::RetryAfter, Some(chat_at), chat_id.clone());
        }
        let turn = self.projected(entry.flow, ahead, now).0.after(self.uploads_before(entry.flow, ahead, now));
        if turn > now && turn > token_at && (shut == Shut::Rate || ahead > 0) {
            add(Reason::ChatRate, Some(turn), chat_id);
        }
        let bytes = entry.job.size().unwrap_or(0);
        if entry.spot == Spot::Parked {
            add(Reason::SameSize, self.size_turn(flow.bot, bytes, id), None);
        }
        if self.uploads_full(flow.bot) {
            add(Reason::InFlight, None, None);
        }
        let most = self.limits.and_then(|limits| limits.bytes_in_flight).unwrap_or(u64::MAX);
        if self.bytes > 0 && self.bytes.saturating_add(bytes) > most {
            add(Reason::Bytes, None, None);
        }
        if self.running >= self.concurrency {
            add(Reason::Slot, None, None);
        }
        waits.sort_by_key(|wait| (wait.reason != Reason::Paused, std::cmp::Reverse(wait.wait), wait.reason));
        Some(Explanation { state, waits, ahead })
    }

    /// When the turn of a parked job comes among those of its size.
    fn size_turn(&self, bot: Id, bytes: u64, id: Id) -> Option<Tick> {
        let rate = self.limits?.same_size?.rate(bytes)?;
        let size = self.bots.get(bot)?.sizes.get(&bytes)?;
        let before = size.parked.values().take_while(|other| **other != id).count() + usize::from(size.released);
        let wait = rate.interval().saturating_mul(u64::try_from(before).unwrap_or(u64::MAX));
        Some(size.meter.free_at(&rate).after(Duration::from_nanos(wait)))
    }

    /// The tokens and chats that were told to wait of late, and what was learned from that; at most `most` of them.
    #[must_use]
    pub fn learned(&self, most: usize, now: Tick) -> Vec<Learned> {
        let table: Limits = self.table();
        let name = |bot: Id| self.bots.get(bot).map(|bot| bot.name.to_string()).unwrap_or_default();
        let tokens = self.bots.iter().map(|(id, bot)| (name(id), None, &bot.gate));
        let chats = self.chats.iter().map(|(_, chat)| (name(chat.bot), Some(chat.id.to_string()), &chat.gate));
        tokens
            .chain(chats)
            .filter_map(|(bot_id, chat_id, gate)| {
                let (pace, blocked) = (gate.pace(&table, now), gate.blocked_until(now));
                #[expect(clippy::cast_precision_loss, reason = "millionths")]
                let share = pace as f64 / FULL as f64;
                let blocked = blocked.map(|until| until.since(now));
                (pace < FULL || blocked.is_some()).then_some(Learned { bot_id, chat_id, pace: share, blocked })
            })
            .take(most)
            .collect()
    }
}
