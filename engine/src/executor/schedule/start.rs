//! The next thing to do: stop what has lost its lease, take up what is due, fill free slots.

use super::{
    Action, Scheduler,
    bot::Due,
    flow::{Spot, Stop},
    planted::Bug,
    slab::{Id, NIL},
};
use crate::{
    clock::Tick,
    error::{Code, Error},
    executor::job::Job,
};

/// What came of trying to start a job of the bot whose turn it is.
enum Turn<J> {
    Start(Action<J>),
    /// Something was put elsewhere; ask again.
    Moved,
    /// There is no room for its bytes: nothing starts until some are given back, or a large job would never get room.
    NoRoom,
}

impl<J: Job> Scheduler<J> {
    /// The next action that is due; `None` = none before [`Scheduler::next_due`], unless something happens.
    pub fn poll(&mut self, now: Tick) -> Option<Action<J>> {
        self.end_leases(now);
        self.end_backoffs(now);
        self.wake(now);
        while self.actions.is_empty() && self.may_start() {
            let bot = if self.planted.has(Bug::FirstBotFirst) {
                self.ready.iter().map(|(_, bot)| *bot).min()
            } else {
                self.ready.first().map(|(_, bot)| *bot)
            };
            let Some(bot) = bot else { break };
            if self.planted.has(Bug::HeadOfLine) && self.timed.iter().any(|(_, waiting)| *waiting < bot) {
                break;
            }
            match self.turn(bot, now) {
                Turn::Start(action) => return Some(action),
                Turn::Moved => {}
                Turn::NoRoom => break,
            }
        }
        self.actions.pop_front()
    }

    /// When somebody has to look again although nothing happened.
    #[must_use]
    pub fn next_due(&self) -> Tick {
        let lease = self.leases.first().map_or(Tick::NEVER, |(end, _)| *end);
        // While no job could start anyway it is the end of a job, or `resume`, that looks.
        if !self.may_start() {
            return lease;
        }
        let backoff = match self.backoff.first_key_value() {
            Some(((due, _), _)) if !self.planted.has(Bug::BackoffNotDue) => *due,
            _ => Tick::NEVER,
        };
        let timed = self.timed.first().map_or(Tick::NEVER, |(at, _)| *at);
        lease.min(backoff).min(timed)
    }

    fn may_start(&self) -> bool {
        let slots = self.concurrency + usize::from(self.planted.has(Bug::OneSlotTooMany));
        (!self.paused || self.planted.has(Bug::PauseIgnored)) && self.running < slots
    }

    fn end_leases(&mut self, now: Tick) {
        while let Some((end, id)) = self.leases.first().copied()
            && end <= now
        {
            self.leases.pop_first();
            if let Some(entry) = self.entries.get_mut(id)
                && entry.stop.is_none()
                && !self.planted.has(Bug::LeaseIgnoredWhileRunning)
            {
                entry.stop = Some(Stop::LeaseOver);
                self.actions.push_back(Action::Stop(id));
            }
        }
    }

    fn end_backoffs(&mut self, now: Tick) {
        while let Some(((due, _), id)) = self.backoff.first_key_value().map(|(key, id)| (*key, *id))
            && due <= now
        {
            self.backoff.pop_first();
            self.enter(id, now);
            // Its chat may have been closed meanwhile.
            self.give_back_if_long(id, 0, now);
        }
    }

    /// Puts a job into its flow.
    pub(super) fn enter(&mut self, id: Id, now: Tick) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        entry.spot = Spot::Queued;
        let flow_id = entry.flow;
        let Some(flow) = self.flows.get_mut(flow_id) else { return };
        let first = flow.first_class();
        flow.insert(&mut self.entries, id, self.planted);
        // One more behind others changes nothing: in a flow that waits already, or that has its place by its head.
        if flow.len() == 1 || flow.first_class() != first {
            self.place_flow(flow_id, now);
        }
    }

    /// Takes a job out of its flow.
    pub(super) fn exit(&mut self, id: Id, now: Tick) {
        let Some(flow_id) = self.entries.get(id).map(|entry| entry.flow) else { return };
        if let Some(flow) = self.flows.get_mut(flow_id) {
            flow.remove(&mut self.entries, id);
        }
        self.place_flow(flow_id, now);
    }

    fn turn(&mut self, bot_id: Id, now: Tick) -> Turn<J> {
        self.wake_bot(bot_id, now);
        let (token_at, _) = self.token_free(bot_id, now);
        let Some(bot) = self.bots.get(bot_id) else { return Turn::NoRoom };
        let Some(flow_id) = bot.pick().filter(|_| token_at <= now && !self.uploads_full(bot_id)) else {
            self.place_bot(bot_id, now);
            return Turn::Moved;
        };
        let (chat, chat_at, _) = self.first_chat(flow_id, now);
        let Some(flow) = self.flows.get(flow_id).filter(|_| chat_at <= now) else {
            self.place_flow(flow_id, now);
            return Turn::Moved;
        };
        let id = flow.head(&self.entries, self.planted);
        let Some(entry) = self.entries.get(id) else {
            self.place_flow(flow_id, now);
            return Turn::Moved;
        };
        if entry.lease <= now && !self.planted.has(Bug::LeaseIgnoredAtStart) {
            let error = Error::new(Code::LeaseLost, "the lease ended before the job could start");
            self.leave(id, error, now);
            return Turn::Moved;
        }
        let bytes = entry.job.size().unwrap_or(0);
        if !self.size_may_go(bot_id, id, now) {
            self.park(bot_id, id, bytes, now);
            return Turn::Moved;
        }
        let most = self.limits.and_then(|limits| limits.bytes_in_flight);
        if most.is_some_and(|most| self.bytes > 0 && self.bytes.saturating_add(bytes) > most) {
            return Turn::NoRoom;
        }
        Turn::Start(self.start(bot_id, flow_id, id, chat, now))
    }

    /// Books a job everywhere and puts it into a slot.
    fn start(&mut self, bot_id: Id, flow_id: Id, id: Id, chat: Option<(usize, Id)>, now: Tick) -> Action<J> {
        let served = self.next_stamp();
        let (place, chat) = chat.unwrap_or((0, NIL));
        self.book(bot_id, chat, now);
        self.book_size(bot_id, id, now);
        if let Some(bot) = self.bots.get_mut(bot_id) {
            bot.uploads += 1;
            bot.started(served);
        }
        if let Some(flow) = self.flows.get_mut(flow_id) {
            flow.started(served);
            flow.remove(&mut self.entries, id);
        }
        self.running += 1;
        if let Some(adaptive) = &mut self.adaptive {
            adaptive.started(self.running);
        }
        // The entry is there: its caller has just looked at it.
        let Some(entry) = self.entries.get_mut(id) else { return Action::Stop(id) };
        self.queued -= usize::from(entry.fresh);
        entry.fresh = false;
        entry.spot = Spot::Running;
        entry.due = now;
        entry.chat = chat;
        entry.spent.charged += 1;
        self.bytes += entry.job.size().unwrap_or(0);
        if entry.lease != Tick::NEVER {
            self.leases.insert((entry.lease, id));
        }
        let job = std::sync::Arc::clone(&entry.job);
        self.place_flow(flow_id, now);
        Action::Start { id, job, chat: place }
    }

    /// Books a send of a token to a chat.
    pub(super) fn book(&mut self, bot: Id, chat: Id, now: Tick) {
        let Some(limits) = self.limits else { return };
        let token = self.token_rates();
        if let Some(bot) = self.bots.get_mut(bot) {
            bot.gate.book(&token, &limits, now, self.planted);
        }
        let rates = self.chats.get(chat).map(|chat| self.chat_rates(chat.kind));
        if let (Some(chat), Some(rates)) = (self.chats.get_mut(chat), rates) {
            chat.gate.book(&rates, &limits, now, self.planted);
        }
    }

    /// Whether uploads of this job's size leave room for it now. Whoever waits for the size already goes first.
    fn size_may_go(&mut self, bot: Id, id: Id, now: Tick) -> bool {
        let Some(rule) = self.limits.and_then(|limits| limits.same_size) else { return true };
        let Some(entry) = self.entries.get(id) else { return true };
        let (bytes, released) = (entry.job.size().unwrap_or(0), entry.released);
        let Some(rate) = rule.rate(bytes).filter(|_| !self.planted.has(Bug::SameSizeIgnored)) else { return true };
        let Some(bot) = self.bots.get_mut(bot) else { return true };
        let size = bot.size(bytes, &rule, now);
        let turn = released || (size.parked.is_empty() && !size.released);
        turn && size.meter.free_at(&rate) <= now
    }

    fn book_size(&mut self, bot: Id, id: Id, now: Tick) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        let bytes = entry.job.size().unwrap_or(0);
        let released = std::mem::take(&mut entry.released);
        self.sent_of_size(bot, bytes, released, now);
    }

    /// An upload of this size was sent. `released`: it was the one that the others of its size waited for.
    pub(super) fn sent_of_size(&mut self, bot_id: Id, bytes: u64, released: bool, now: Tick) {
        let rule = self.limits.and_then(|limits| limits.same_size);
        let rate = rule.and_then(|rule| rule.rate(bytes));
        let Some(bot) = self.bots.get_mut(bot_id) else { return };
        if let (Some(rule), Some(rate)) = (rule, rate) {
            bot.size(bytes, &rule, now).meter.book(&rate, super::gate::FULL, now, self.planted);
        }
        if released {
            self.next_of_size(bot_id, bytes);
        }
    }

    /// The one that was sent back to its flow is gone from there: the next one's moment can be named.
    pub(super) fn next_of_size(&mut self, bot: Id, bytes: u64) {
        let rate = self.limits.and_then(|limits| limits.same_size).and_then(|rule| rule.rate(bytes));
        let Some(bot) = self.bots.get_mut(bot) else { return };
        let Some(size) = bot.sizes.get_mut(&bytes) else { return };
        size.released = false;
        if !size.parked.is_empty() {
            let at = rate.map_or(Tick::START, |rate| size.meter.free_at(&rate));
            bot.timed.insert((at, Due::Size(bytes)));
        }
    }

    /// Sets a job aside that waits for nothing but its size.
    fn park(&mut self, bot_id: Id, id: Id, bytes: u64, now: Tick) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        let (rank, flow, was_released) =
            ((entry.class(), entry.stamp), entry.flow, std::mem::take(&mut entry.released));
        entry.spot = Spot::Parked;
        if let Some(flow) = self.flows.get_mut(flow) {
            flow.remove(&mut self.entries, id);
        }
        let Some(rule) = self.limits.and_then(|limits| limits.same_size) else { return };
        let Some(bot) = self.bots.get_mut(bot_id) else { return };
        let size = bot.size(bytes, &rule, now);
        let ahead = size.parked.len();
        size.parked.insert(rank, id);
        let free = rule.rate(bytes).map(|rate| (size.meter.free_at(&rate), rate.interval()));
        if was_released || (ahead == 0 && !size.released) {
            self.next_of_size(bot_id, bytes);
        }
        self.place_flow(flow, now);
        if let Some((at, spacing)) = free {
            let wait = u64::try_from(ahead).unwrap_or(u64::MAX).saturating_mul(spacing);
            self.give_back_if_late(id, at.after(std::time::Duration::from_nanos(wait)), super::gate::Shut::Rate, now);
        }
    }

    /// Sends the first of those that wait for a size back to its flow, ahead of the others there.
    pub(super) fn release(&mut self, bot: Id, bytes: u64, now: Tick) {
        let Some(size) = self.bots.get_mut(bot).and_then(|bot| bot.sizes.get_mut(&bytes)) else { return };
        if size.released {
            return;
        }
        let Some((_, id)) = size.parked.pop_first() else { return };
        size.released = true;
        if let Some(entry) = self.entries.get_mut(id) {
            entry.released = true;
        }
        self.enter(id, now);
        self.give_back_if_long(id, 0, now);
    }

    /// Sends all that wait for a size back, where sizes are no longer asked for; else looks again now.
    pub(super) fn release_sizes(&mut self, bot_id: Id, now: Tick) {
        let Some(bot) = self.bots.get_mut(bot_id) else { return };
        let mut waiting: Vec<u64> =
            bot.sizes.iter().filter(|(_, size)| !size.parked.is_empty()).map(|(bytes, _)| *bytes).collect();
        // The order of a hash table is not ours.
        waiting.sort_unstable();
        for bytes in waiting {
            let Some(size) = self.bots.get_mut(bot_id).and_then(|bot| bot.sizes.get_mut(&bytes)) else { continue };
            let parked = std::mem::take(&mut size.parked);
            if let Some(bot) = self.bots.get_mut(bot_id) {
                bot.timed.retain(|(_, due)| *due != Due::Size(bytes));
            }
            for id in parked.into_values() {
                self.enter(id, now);
            }
        }
    }
}
