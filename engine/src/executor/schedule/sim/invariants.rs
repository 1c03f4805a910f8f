//! What must be true when a job starts, when it is settled, and when nobody does anything.

use std::time::Duration;

use super::{
    super::{Between, Settled},
    plan::SimJob,
    telegram::{chat_key, token_key},
    world::{Check, HELD, SECOND, Track, World},
};
use crate::error::{Class, Code, Error};

impl World {
    pub fn starts_rightly(&mut self, job: &SimJob, chat: &str) -> Check {
        let (key, size) = (&job.key, job.size.unwrap_or(0));
        let limits = self.plan.options.limits;
        let track = self.jobs.get(key).ok_or_else(|| format!("{key} was settled and starts"))?;
        if track.running.is_some() {
            return Err(format!("{key} runs already"));
        }
        if self.paused {
            return Err("a job starts while all is paused".into());
        }
        if track.cancelled {
            return Err(format!("{key} was cancelled and starts"));
        }
        if track.lease_end <= self.now {
            return Err(format!("{key} starts after its lease"));
        }
        if self.running.len() >= self.slots() {
            return Err(format!("{} slots, and {key} takes another", self.running.len()));
        }
        if let Some(limits) = limits {
            let of_bot = self.running.values().filter(|key| self.jobs[*key].bot == job.bot).count();
            if limits.uploads_per_token.is_some_and(|most| of_bot >= most as usize) {
                return Err(format!("{of_bot} uploads of bot {}, and {key} is another", job.bot));
            }
            if limits.bytes_in_flight.is_some_and(|most| self.bytes > 0 && self.bytes + size > most) {
                return Err(format!("no room for the bytes of {key}"));
            }
            if let Some(limit) = self.telegram.breaks(job.bot, chat, size, self.now) {
                return Err(format!("{key} breaks the limit of {limit}"));
            }
        }
        self.in_order(key, track)?;
        for forbidden in [token_key(job.bot), chat_key(job.bot, chat)] {
            if self.forbidden.get(&forbidden).is_some_and(|end| *end > self.now) {
                return Err(format!("{key} starts although {forbidden} was told to wait"));
            }
        }
        if let Some((at, last)) = self.refused.get_mut(&chat_key(job.bot, chat)) {
            let since = last.replace(self.now).map_or(u64::MAX, |last| self.now - last);
            // Halved up to a minute before, if this was one of the sends that were under way then, and grown back for two
            // minutes at most: 1 s / 0.6.
            if limits.is_some() && self.now - *at < 60 * SECOND && since < SECOND * 16 / 10 {
                return Err(format!("{chat} was refused and is sent to at full speed"));
            }
        }
        Ok(())
    }

    /// How many may run: as many as were given, or as the scheduler has measured.
    fn slots(&self) -> usize {
        self.plan.measured.map_or(self.plan.options.concurrency, |_| self.schedule.concurrency())
    }

    /// What is measured stays in its bounds.
    pub fn slots_hold(&self) -> Check {
        let slots = self.schedule.concurrency();
        match self.plan.measured {
            Some(Between { min, max }) if !(min..=max).contains(&slots) => {
                Err(format!("{slots} slots of {min} to {max}"))
            }
            _ => Ok(()),
        }
    }

    /// Nobody runs on after a lease, and nobody under a lease is held for long.
    pub fn leases_hold(&self) -> Check {
        for (key, track) in &self.jobs {
            if track.running.is_some() && track.lease_end <= self.now && !track.stop_asked {
                return Err(format!("{key} goes on after its lease"));
            }
            if track.running.is_none() && track.leased && self.now >= track.due_by {
                let chats = &self.plan.flows[track.flow].1;
                let end = self.forbidden.get(&chat_key(track.bot, &chats[0])).copied().unwrap_or(0);
                if chats.len() == 1 && end > self.now + HELD {
                    return Err(format!("{key} has a lease and is held for {} s", (end - self.now) / SECOND));
                }
            }
        }
        Ok(())
    }

    /// Only what is not spaced by size can be told to be out of order.
    pub(super) fn in_order(&self, key: &str, track: &Track) -> Check {
        let spaced = self.plan.options.limits.is_some();
        let compared = |track: &Track| !track.tried && (!spaced || track.size <= 100_000);
        if !compared(track) {
            return Ok(());
        }
        let others = || {
            let others = self.jobs.values().filter(|other| other.flow == track.flow && other.number != track.number);
            others.filter(|other| compared(other))
        };
        let equals = || others().filter(|other| other.priority == track.priority);
        if equals().any(|other| other.patience == track.patience && other.number < track.number) {
            return Err(format!("{key} overtakes its equals"));
        }
        if others().all(|other| other.number > track.number) {
            return Ok(());
        }
        if others().any(|other| other.priority > track.priority) {
            return Err(format!("{key} overtakes a higher priority"));
        }
        if equals().any(|other| other.came + other.patience < track.came + track.patience) {
            return Err(format!("{key} overtakes a job of another size whose turn it is"));
        }
        Ok(())
    }

    pub(super) fn settle(&mut self, settled: &Settled<SimJob>, throttled: bool) -> Check {
        let key = &settled.job.key;
        let code = settled.error.as_ref().map_or("ok", |error| error.code.as_str());
        self.log(format_args!("settle {key}: {code}, {} attempts, charged {}", settled.attempts, settled.charged));
        let track = self.jobs.remove(key).ok_or_else(|| format!("{key} is settled a second time"))?;
        let class = settled.error.as_ref().map(Error::class);
        let expected = track.charged + u32::from(throttled);
        if settled.attempts != expected {
            return Err(format!("{key} has {expected} attempts and is said to have {}", settled.attempts));
        }
        let free = matches!(class, Some(Class::Throttled | Class::Cancelled));
        if settled.charged == free {
            return Err(format!("{key} failed as {class:?} and charged is {}", settled.charged));
        }
        let own_end = class.is_some_and(|class| !matches!(class, Class::Cancelled | Class::Throttled));
        if track.cancelled && track.running.is_none() && !track.tried && class != Some(Class::Cancelled) {
            return Err(format!("{key} was cancelled and ended as {class:?}"));
        }
        let retried = matches!(class, Some(Class::Transient | Class::Ambiguous));
        if own_end && retried && !track.stop_asked && settled.attempts <= self.plan.options.retry.quick {
            return Err(format!("{key} was given up after {} attempts", settled.attempts));
        }
        if class == Some(Class::Throttled) {
            self.seen.given_back += 1;
            if settled.error.as_ref().is_none_or(|error| error.retry_after.is_none()) {
                return Err(format!("{key} is given back without a time"));
            }
        }
        self.seen.leases_lost += u64::from(code == Code::LeaseLost.as_str());
        Ok(())
    }

    /// At this moment, with a slot free, nobody waits who could go.
    pub(super) fn now_idle(&self, at: u64) -> Check {
        let limits = self.plan.options.limits;
        if self.paused || self.running.len() >= self.slots() {
            return Ok(());
        }
        // A large job that waits for room holds everybody up, and is meant to.
        let tight = limits.and_then(|limits| limits.bytes_in_flight).is_some_and(|most| most < 1 << 30);
        if tight && self.plan.sizes.iter().any(|size| *size > Some(100_000)) {
            return Ok(());
        }
        let mut open: Vec<Option<bool>> = vec![None; self.plan.flows.len()];
        for (key, track) in &self.jobs {
            let waits = track.running.is_none() && at >= track.due_by && track.bot < self.plan.quiet;
            if waits && (limits.is_none() || track.size <= 100_000) {
                let flow = track.flow;
                if *open[flow].get_or_insert_with(|| self.is_open(flow, at)) {
                    return Err(format!("{key} could have started at {:.3} s", Duration::from_nanos(at).as_secs_f64()));
                }
            }
        }
        Ok(())
    }

    /// Whether the jobs of a flow may be sent, as far as Telegram goes.
    pub(super) fn is_open(&self, flow: usize, at: u64) -> bool {
        let Some(limits) = self.plan.options.limits else { return true };
        let (bot, chats) = &self.plan.flows[flow];
        let uploads = self.running.values().filter(|key| self.jobs[*key].bot == *bot).count();
        limits.uploads_per_token.is_none_or(|most| uploads < most as usize)
            && chats.iter().any(|chat| self.telegram.breaks(*bot, chat, 0, at).is_none())
    }
}
