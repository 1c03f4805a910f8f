//! When flows and bots are looked at again.

use super::{
    Scheduler,
    bot::Due,
    flow::When,
    gate::{FULL, Rates, Shut, interval},
    planted::Bug,
    slab::Id,
};
use crate::{
    clock::Tick,
    executor::{
        job::Job,
        limits::{ChatKind, Limits},
        plan::arrival,
    },
};

impl<J: Job> Scheduler<J> {
    /// The limits, or what stands in for them where only blocks are to be obeyed.
    pub(super) fn table(&self) -> Limits {
        self.limits.unwrap_or_default()
    }

    pub(super) fn token_rates(&self) -> Rates {
        let token = if self.planted.has(Bug::TokenRateIgnored) { None } else { self.limits.and_then(|l| l.token) };
        [token, None]
    }

    pub(super) fn chat_rates(&self, kind: ChatKind) -> Rates {
        let kind = if self.planted.has(Bug::GroupTakenForPrivate) { ChatKind::Private } else { kind };
        self.limits.map_or([None, None], |limits| limits.of_chat(kind))
    }

    /// When the token may send, and what it waits for.
    pub(super) fn token_free(&self, bot: Id, now: Tick) -> (Tick, Shut) {
        self.bots.get(bot).map_or((Tick::NEVER, Shut::Rate), |bot| bot.gate.free_at(&self.token_rates(), now))
    }

    /// When the chat may be sent to, and what it waits for.
    pub(super) fn chat_free(&self, chat: Id, now: Tick) -> (Tick, Shut) {
        self.chats
            .get(chat)
            .map_or((Tick::NEVER, Shut::Rate), |chat| chat.gate.free_at(&self.chat_rates(chat.kind), now))
    }

    /// The chat of a flow that may be sent to first, its place in the list, and when that is. A flow without chats is
    /// bound by none.
    pub(super) fn first_chat(&self, flow: Id, now: Tick) -> (Option<(usize, Id)>, Tick, Shut) {
        let Some(flow) = self.flows.get(flow) else { return (None, Tick::NEVER, Shut::Rate) };
        let free = |(place, chat): (usize, &Id)| {
            let chat = self.real(*chat);
            let (at, shut) = self.chat_free(chat, now);
            (Some((place, chat)), at, shut)
        };
        flow.chats.iter().enumerate().map(free).min_by_key(|(_, at, _)| *at).unwrap_or((None, Tick::START, Shut::Rate))
    }

    /// Puts a flow where it belongs.
    pub(super) fn place_flow(&mut self, id: Id, now: Tick) {
        let Some(flow) = self.flows.get(id) else { return };
        let when = if flow.is_empty() {
            When::Idle
        } else {
            match self.first_chat(id, now).1 {
                at if at <= now => When::Ready(flow.first_class(), flow.served),
                at => When::At(at),
            }
        };
        self.move_flow(id, when);
        if let Some(flow) = self.flows.get(id) {
            self.place_bot(flow.bot, now);
        }
    }

    fn move_flow(&mut self, id: Id, when: When) {
        let Some(flow) = self.flows.get_mut(id) else { return };
        let Some(bot) = self.bots.get_mut(flow.bot) else { return };
        if flow.when == when {
            return;
        }
        // The new place before the old one goes: a set of one would give its memory back and ask for it again, at every start.
        match when {
            When::Idle => {}
            When::Ready(class, served) => drop(bot.ready.insert((class, served, id))),
            When::At(at) => drop(bot.timed.insert((at, Due::Flow(id)))),
        }
        match std::mem::replace(&mut flow.when, when) {
            When::Idle => {}
            When::Ready(class, served) => drop(bot.ready.remove(&(class, served, id))),
            When::At(at) => drop(bot.timed.remove(&(at, Due::Flow(id)))),
        }
    }

    /// Puts a bot where it belongs.
    pub(super) fn place_bot(&mut self, id: Id, now: Tick) {
        let (free, _) = self.token_free(id, now);
        let full = self.uploads_full(id);
        let Some(bot) = self.bots.get_mut(id) else { return };
        let first = match bot.timed.first() {
            _ if !bot.ready.is_empty() => Some(Tick::START),
            Some((at, _)) => Some(*at),
            None => None,
        };
        let when = match first {
            None => When::Idle,
            // The end of one of its uploads looks again.
            Some(_) if full => When::Idle,
            Some(at) if at.max(free) <= now => When::Ready(0, bot.served),
            Some(at) => When::At(at.max(free)),
        };
        if bot.when == when {
            return;
        }
        match when {
            When::Idle => {}
            When::Ready(_, served) => drop(self.ready.insert((served, id))),
            When::At(at) => drop(self.timed.insert((at, id))),
        }
        match std::mem::replace(&mut bot.when, when) {
            When::Idle => {}
            When::Ready(_, served) => drop(self.ready.remove(&(served, id))),
            When::At(at) => drop(self.timed.remove(&(at, id))),
        }
    }

    pub(super) fn uploads_full(&self, bot: Id) -> bool {
        let most = self.limits.and_then(|limits| limits.uploads_per_token);
        most.is_some_and(|most| self.bots.get(bot).is_some_and(|bot| bot.uploads >= most.max(1)))
    }

    /// Gates and sizes by the limits as they are now.
    pub(super) fn adjust_gates(&mut self, now: Tick) {
        let (Some(limits), token) = (self.limits, self.token_rates()) else { return };
        for bot in self.bots.iter_mut() {
            bot.gate.adjust(&token, &limits, now);
            for (bytes, size) in &mut bot.sizes {
                if let Some(rate) = limits.same_size.and_then(|rule| rule.rate(*bytes)) {
                    size.meter.adjust(&rate, FULL, now);
                }
            }
        }
        for chat in self.chats.iter_mut() {
            chat.gate.adjust(&limits.of_chat(chat.kind), &limits, now);
        }
    }

    /// Everything anew: the limits are others.
    pub(super) fn place_all(&mut self, now: Tick) {
        let flows: Vec<Id> = self.flows.iter().map(|(id, _)| id).collect();
        for flow in flows {
            self.place_flow(flow, now);
        }
        // Without a rule for sizes nothing releases what is parked for one.
        let bots: Vec<Id> = self.bots.iter().map(|(id, _)| id).collect();
        for bot in bots {
            self.release_sizes(bot, now);
            self.place_bot(bot, now);
        }
    }

    /// Takes up what the moment has come for.
    pub(super) fn wake(&mut self, now: Tick) {
        while let Some((at, id)) = self.timed.first().copied()
            && at <= now
        {
            self.wake_bot(id, now);
            self.place_bot(id, now);
        }
    }

    /// Takes up what the moment has come for in one bot.
    pub(super) fn wake_bot(&mut self, id: Id, now: Tick) {
        while let Some(bot) = self.bots.get_mut(id)
            && let Some((at, due)) = bot.timed.first().copied()
            && at <= now
        {
            match due {
                Due::Flow(flow) => {
                    self.move_flow(flow, When::Idle);
                    self.place_flow(flow, now);
                }
                Due::Size(bytes) => {
                    bot.timed.pop_first();
                    self.release(id, bytes, now);
                }
            }
        }
    }

    /// When a job with so many of its flow ahead of it will start, if slots are free. A little late rather than early.
    pub(super) fn projected(&self, flow: Id, ahead: usize, now: Tick) -> (Tick, Shut) {
        let (_, chat_at, chat_shut) = self.first_chat(flow, now);
        let Some(flow) = self.flows.get(flow) else { return (now, Shut::Rate) };
        let (token_at, token_shut) = self.token_free(flow.bot, now);
        let (at, shut) = if chat_at >= token_at { (chat_at, chat_shut) } else { (token_at, token_shut) };
        let wait = u64::try_from(ahead).unwrap_or(u64::MAX).saturating_mul(self.spacing(&flow.chats, now));
        (at.max(now).after(std::time::Duration::from_nanos(wait)), shut)
    }

    /// How much later than by [`Scheduler::projected`] that is by what uploads have taken of late: where no burst is allowed, each
    /// send waits for the one before it to arrive. Nothing where that is not known yet.
    pub(super) fn uploads_before(&self, flow: Id, ahead: usize, now: Tick) -> std::time::Duration {
        let Some(flow) = self.flows.get(flow) else { return std::time::Duration::ZERO };
        let one_by_one = |chat: Id| {
            let chat = self.chats.get(self.real(chat))?;
            let rates = self.chat_rates(chat.kind);
            let under_way = usize::from(chat.gate.free_at(&rates, now).0 > now);
            let upload = u64::try_from(chat.upload.as_nanos()).unwrap_or(u64::MAX);
            let each = rates.iter().flatten().map(|rate| arrival(rate, upload)).max()?;
            let uploads = ahead.div_ceil(flow.chats.len()) + under_way;
            Some(each.saturating_mul(u64::try_from(uploads).unwrap_or(u64::MAX)))
        };
        let longest = flow.chats.iter().filter_map(|chat| one_by_one(*chat)).max();
        std::time::Duration::from_nanos(longest.unwrap_or(0))
    }

    /// Time between two sends of a steady stream to these chats, ns.
    fn spacing(&self, chats: &[Id], now: Tick) -> u64 {
        const SCALE: u64 = 1_000_000_000_000_000_000;
        let Some(limits) = self.limits else { return 0 };
        let slowest =
            |rates: &Rates, pace: u64| rates.iter().flatten().map(|rate| interval(rate, pace)).max().unwrap_or(0);
        let each = chats
            .iter()
            .filter_map(|chat| self.chats.get(self.real(*chat)))
            .map(|chat| slowest(&self.chat_rates(chat.kind), chat.gate.pace(&limits, now)));
        let mut together = 0_u64;
        for interval in each {
            if interval == 0 {
                together = 0;
                break;
            }
            together = together.saturating_add(SCALE / interval);
        }
        let chats = SCALE.checked_div(together).unwrap_or(0);
        chats.max(slowest(&self.token_rates(), FULL))
    }
}
