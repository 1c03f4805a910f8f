//! What becomes of a job after a try, what a 429 closes, and which jobs are given back instead of being held.

use std::time::Duration;

use super::{
    Action, Ended, Learned, Scheduler, Settled,
    flow::{Spot, Stop},
    gate::Shut,
    planted::Bug,
    slab::Id,
};
use crate::{
    clock::Tick,
    error::{Certainty, Class, Code, Error, Phase},
    executor::{
        job::Job,
        limits::ChatKind,
        retry::{LONGEST_HELD_WAIT, Verdict, decide, throttle_wait},
    },
};

/// A 429 with a longer wait than this means the whole token, whatever chat it came from.
const TOKEN_WAIT: Duration = Duration::from_secs(30);

/// Nobody is believed who asks for a longer wait.
const LONGEST_BLOCK: Duration = Duration::from_hours(30 * 24);

/// How long a complete request may take to be counted; where the answer is there sooner, that is the end of it.
const ON_ITS_WAY: Duration = Duration::from_millis(50);

/// Jobs that are given back because of a rate come back so much before their turn: the lane must not run dry while they
/// are on their way.
const EARLY: Duration = Duration::from_millis(2_500);

/// No job is told to come back later than this because of those that were given back before it: by then the world has
/// changed, and it costs one look to tell it anew.
const LONGEST_PROMISE: Duration = Duration::from_hours(1);

impl<J: Job> Scheduler<J> {
    /// A try has ended. Answers the job if that was its end; else it goes on waiting here.
    pub fn finished(&mut self, id: Id, ended: Ended, learned: Learned, now: Tick) -> Option<Settled<J>> {
        let entry = self.entries.get_mut(id)?;
        let (stop, chat, sent_at) = (entry.stop, entry.chat, entry.due);
        let bot = self.flows.get(entry.flow)?.bot;
        let error = match ended {
            Ended::Tried(result) => result.err(),
            Ended::Stopped { sent } => Some(stopped(stop, sent)),
        };
        let failed = error.is_some();
        let size = entry.job.size();
        self.leases.remove(&(entry.lease, id));
        self.running -= usize::from(!(self.planted.has(Bug::SlotKept) && stop.is_some()));
        if !(self.planted.has(Bug::BytesKept) && failed) {
            self.bytes = self.bytes.saturating_sub(size.unwrap_or(0));
        }
        if let Some(bot) = self.bots.get_mut(bot)
            && !(self.planted.has(Bug::UploadKept) && failed)
        {
            bot.uploads = bot.uploads.saturating_sub(1);
        }
        if let Some(adaptive) = &mut self.adaptive {
            adaptive.ended(now.since(sent_at), size.or(learned.size), error.as_ref(), now);
            self.concurrency = adaptive.limit();
        }
        if let (None, Some(bytes)) = (size, learned.size) {
            self.sent_of_size(bot, bytes, false, now);
        }
        if let (Some(limits), Some(after)) = (self.limits, learned.sent_after)
            && !self.planted.has(Bug::ArrivalIgnored)
        {
            let chat = self.real(chat);
            let rates = self.chats.get(chat).map(|chat| self.chat_rates(chat.kind));
            if let (Some(chat), Some(rates)) = (self.chats.get_mut(chat), rates) {
                chat.uploaded(after);
                // Counted it was somewhere between its last byte and its answer.
                let counted = sent_at.after(after).after(ON_ITS_WAY).min(now);
                chat.gate.arrive(&rates, &limits, sent_at, counted);
            }
        }
        if let Some(kind) = learned.chat_kind {
            self.is_of_kind(self.real(chat), kind, now);
        }
        if let Some(to) = learned.moved {
            self.moved(chat, &to.to_string(), now);
        }
        let settled = match error {
            None => self.settled(id, None, true),
            Some(error) => self.failed(id, error, sent_at, now),
        };
        self.place_bot(bot, now);
        settled
    }

    fn failed(&mut self, id: Id, error: Error, sent_at: Tick, now: Tick) -> Option<Settled<J>> {
        let jitter = self.random.f64();
        let retry = super::RetryOptions {
            quick: self.retry.quick + u32::from(self.planted.has(Bug::OneRetryTooMany)),
            ..self.retry
        };
        let entry = self.entries.get_mut(id)?;
        let (flow_id, chat, stop) = (entry.flow, entry.chat, entry.stop);
        let leased = entry.lease != Tick::NEVER;
        let verdict = decide(&error, entry.spent, &retry, leased, jitter);
        let maybe_sent = error.certainty == Certainty::MaybeSent;
        // Of one that was answered, be it by a 500, the other side knows itself; a message of another kind is there.
        let is_open = maybe_sent
            && (matches!(error.class(), Class::Ambiguous | Class::Cancelled) || error.code == Code::TelegramKind);
        entry.possible_duplicates += u32::from(is_open);
        let throttled = error.class() == Class::Throttled;
        if error.code == Code::TelegramThrottled {
            let bot = self.flows.get(flow_id)?.bot;
            // By whatever id: it may have told the new one just now, or to somebody else while this was under way.
            let chat = self.real(chat);
            self.throttled(bot, Some(chat), throttle_wait(&error), sent_at, now);
        }
        let wait = match verdict {
            Verdict::Settle { charged } => return self.settled(id, Some(error), charged),
            Verdict::Again(_) | Verdict::WhenOpen if stop.is_some() => {
                return self.settled(id, Some(stopped(stop, maybe_sent)), false);
            }
            Verdict::Again(wait) => Some(wait),
            Verdict::WhenOpen => None,
        };
        if wait.is_none() && leased {
            let (at, _) = self.projected(flow_id, 0, now);
            let held = at.since(now);
            if held > LONGEST_HELD_WAIT && !self.planted.has(Bug::NeverGivenBack) {
                let asked = throttle_wait(&error);
                let error = error.retry_after(Some(asked.min(held)));
                return self.settled(id, Some(error), false);
            }
        }
        let stamp = self.next_stamp();
        let planted = self.planted;
        let entry = self.entries.get_mut(id)?;
        if throttled {
            entry.spent.charged -= u32::from(!planted.has(Bug::ThrottleCharged));
            entry.spent.throttled += 1;
        } else {
            entry.spent.throttled = 0;
            entry.spent.looks += u8::from(matches!(error.class(), Class::Permanent | Class::Config));
        }
        entry.stamp = stamp;
        match wait {
            None => self.enter(id, now),
            Some(wait) => {
                entry.spot = Spot::Backoff;
                entry.due = now.after(wait);
                self.backoff.insert((entry.due, stamp), id);
            }
        }
        None
    }

    /// A send was refused with a 429: its chat has to wait, and the token where it looks as if that were meant.
    pub(super) fn throttled(&mut self, bot_id: Id, chat_id: Option<Id>, wait: Duration, sent: Tick, now: Tick) {
        let mut wait = wait.min(LONGEST_BLOCK);
        if self.planted.has(Bug::RetryAfterAsMilliseconds) {
            wait /= 1_000;
        }
        // Never early; and a little apart, where several bots were told the same.
        let until = now.after(wait + wait.mul_f64(self.random.f64() * 0.1));
        let (table, paced) = (self.table(), self.limits.is_some() && !self.planted.has(Bug::RateNeverHalved));
        let mut flows = Vec::new();
        let rates = chat_id.and_then(|id| self.chats.get(id)).map(|chat| self.chat_rates(chat.kind));
        if let (Some(chat), Some(rates)) = (chat_id.and_then(|id| self.chats.get_mut(id)), rates) {
            chat.gate.block(&rates, until);
            if paced {
                chat.gate.halve(&table, sent, now);
            }
            flows.clone_from(&chat.flows);
        }
        let token = self.token_rates();
        let Some(bot) = self.bots.get_mut(bot_id) else { return };
        let several = chat_id.is_some_and(|chat| bot.is_hit(chat, now));
        if (several || rates.is_none() || wait > TOKEN_WAIT) && !self.planted.has(Bug::TokenNeverBlocked) {
            bot.gate.block(&token, until);
            if paced {
                bot.gate.halve(&table, sent, now);
            }
            flows.clone_from(&bot.flows);
        }
        for flow in flows {
            self.place_flow(flow, now);
            self.give_back_long(flow, now);
        }
    }

    /// Gives the jobs of a flow back that would be held for too long.
    fn give_back_long(&mut self, flow_id: Id, now: Tick) {
        let Some(flow) = self.flows.get(flow_id) else { return };
        let leased = |id: Id| self.entries.get(id).is_some_and(|entry| entry.lease != Tick::NEVER);
        let mut jobs = Vec::new();
        if flow.leased > 0 {
            jobs.extend(flow.iter(&self.entries).map(|(id, _)| (id, leased(id))));
        }
        if let Some(bot) = self.bots.get(flow.bot) {
            let own = |id: &Id| self.entries.get(*id).is_some_and(|entry| entry.flow == flow_id);
            let parked = bot.sizes.values().flat_map(|size| size.parked.values().copied());
            let mut parked: Vec<_> = parked.filter(own).filter(|id| leased(*id)).map(|id| (id, true)).collect();
            // The order of a hash table is not ours.
            parked.sort_unstable();
            jobs.extend(parked);
        }
        let mut ahead = 0;
        for (id, leased) in jobs {
            if !leased || !self.give_back_if_long(id, ahead, now) {
                ahead += 1;
            }
        }
    }

    /// Gives a job back that has so many ahead of it that it would be held for too long.
    pub(super) fn give_back_if_long(&mut self, id: Id, ahead: usize, now: Tick) -> bool {
        let Some(flow) = self.entries.get(id).map(|entry| entry.flow) else { return false };
        let (at, shut) = self.projected(flow, ahead, now);
        self.give_back_if_late(id, at, shut, now)
    }

    /// Gives a job back that would be held too long for its moment `at`: somebody else keeps it, and says so by a lease.
    /// It is told when to come: one after the other, or they would all come at once, and all but a few in vain.
    pub(super) fn give_back_if_late(&mut self, id: Id, at: Tick, shut: Shut, now: Tick) -> bool {
        let Some(entry) = self.entries.get(id) else { return false };
        if entry.lease == Tick::NEVER || at.since(now) <= LONGEST_HELD_WAIT || self.planted.has(Bug::NeverGivenBack) {
            return false;
        }
        // What was in a slot comes back as the job that it was.
        let (flow_id, class) = (entry.flow, -i64::from(entry.job.priority()));
        let spacing = self.projected(flow_id, 1, now).0.since(self.projected(flow_id, 0, now).0);
        let Some(flow) = self.flows.get_mut(flow_id) else { return false };
        let next = flow.promises.before(class).after(spacing).min(now.after(LONGEST_PROMISE));
        let promised = at.max(next);
        flow.promises.make(class, promised, now);
        let wait = promised.since(now);
        let (wait, why) = match shut {
            Shut::Blocked => (wait, "the bot has to wait after a 429"),
            Shut::Rate => (wait.saturating_sub(EARLY), "the limits of the chat leave no room sooner"),
        };
        self.leave(id, Error::new(Code::TelegramThrottled, why).retry_after(Some(wait)), now);
        true
    }

    /// Takes a job out that is in no slot, and has it settled, uncharged.
    pub(super) fn leave(&mut self, id: Id, error: Error, now: Tick) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        let released = std::mem::take(&mut entry.released);
        let (spot, flow, due, rank) = (entry.spot, entry.flow, entry.due, (entry.class(), entry.stamp));
        let bytes = entry.job.size().unwrap_or(0);
        let bot_id = self.flows.get(flow).map_or(Id::MAX, |flow| flow.bot);
        match spot {
            Spot::Queued => self.exit(id, now),
            Spot::Backoff => drop(self.backoff.remove(&(due, rank.1))),
            Spot::Parked => {
                if let Some(size) = self.bots.get_mut(bot_id).and_then(|bot| bot.sizes.get_mut(&bytes)) {
                    size.parked.remove(&rank);
                }
            }
            Spot::Running => return,
        }
        if released {
            self.next_of_size(bot_id, bytes);
            self.place_bot(bot_id, now);
        }
        let settled = self.settled(id, Some(error.at(Phase::Queue)), false);
        self.actions.extend(settled.map(Action::Settle));
    }

    /// Forgets a job. Whatever list it was in, it is out of it.
    pub(super) fn settled(&mut self, id: Id, error: Option<Error>, charged: bool) -> Option<Settled<J>> {
        let entry = self.entries.remove(id)?;
        if let Ok(found) = self.keys.find_entry(entry.hash, |known| *known == id) {
            found.remove();
        }
        self.queued -= usize::from(entry.fresh);
        self.count_live(entry.flow, false);
        Some(Settled {
            job: entry.job,
            submitted: entry.submitted,
            error,
            attempts: entry.spent.charged,
            charged,
            possible_duplicates: entry.possible_duplicates,
        })
    }

    pub(super) fn count_live(&mut self, flow: Id, more: bool) {
        let Some(flow) = self.flows.get_mut(flow) else { return };
        let Some(bot) = self.bots.get_mut(flow.bot) else { return };
        for live in [&mut flow.live, &mut bot.live] {
            *live = if more { *live + 1 } else { live.saturating_sub(1) };
        }
    }

    /// What a chat is, told by somebody who knows.
    pub(super) fn is_of_kind(&mut self, chat: Id, kind: ChatKind, now: Tick) {
        let Some(chat) = self.chats.get_mut(chat).filter(|chat| chat.kind != kind) else { return };
        chat.kind = kind;
        for flow in chat.flows.clone() {
            self.place_flow(flow, now);
        }
    }
}

/// The error of a job that was told to stop. A job that is stopped after its request was complete may have been carried
/// out all the same.
fn stopped(stop: Option<Stop>, sent: bool) -> Error {
    let error = match stop {
        Some(Stop::LeaseOver) => Error::new(Code::LeaseLost, "the lease was about to end"),
        _ => super::cancelled(),
    };
    if sent { error.maybe_sent() } else { error }
}
