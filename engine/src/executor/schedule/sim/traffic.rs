//! What happens to a scheduler in an hour, and what Telegram answers.

use std::time::Duration;

use super::{
    super::{Between, Live, Submitted},
    plan::{SimJob, patience},
    telegram::{chat_key, token_key},
    world::{BEGIN, Check, Event, HOUR, MS, SECOND, Track, World},
};
use crate::error::{Code, Error};

impl World {
    /// What Telegram answers.
    pub(super) fn answer(&mut self, bot: u8, chat: &str, quiet: bool) -> Result<(), Error> {
        let throttled =
            |seconds| Error::new(Code::TelegramThrottled, "x").retry_after(Some(Duration::from_secs(seconds)));
        if let Some(seconds) = self.telegram.refuses(bot, chat, self.now) {
            return Err(throttled(seconds));
        }
        if !quiet && self.plan.throttles > 0 && self.rng.u32(0..100) < self.plan.throttles {
            let seconds = [0, 1, 3, 5, 6, 29, 31, 300][self.rng.usize(0..8)];
            let key = if self.rng.u8(0..3) == 0 { token_key(bot) } else { chat_key(bot, chat) };
            self.telegram.block(key, self.now + seconds * SECOND);
            return Err(throttled(seconds));
        }
        if self.rng.u32(0..100) < self.plan.failures {
            return Err(match self.rng.u8(0..4) {
                0 => Error::new(Code::SendAmbiguous, "x").maybe_sent(),
                1 => Error::new(Code::TelegramRejected, "x"),
                _ => Error::new(Code::DownloadFailed, "x"),
            });
        }
        Ok(())
    }

    /// Something happens, as the seed wants it, until the hour is over.
    pub(super) fn traffic(&mut self) -> Check {
        if self.now >= BEGIN + HOUR {
            if self.paused {
                self.paused = false;
                self.schedule.set_paused(false);
            }
            return Ok(());
        }
        let next = self.now + self.rng.u64(1..20_000) * MS;
        self.at(next, Event::Traffic);
        let tick = self.tick();
        match self.rng.u8(0..10) {
            0..=3 => {
                for _ in 0..self.rng.u8(1..12) {
                    self.submit();
                    // A key that is given back at once is free for the next of the batch.
                    self.drain()?;
                }
            }
            4 | 5 if self.plan.cancels => {
                if let Some(key) = self.any_key() {
                    self.log(format_args!("cancel {key}"));
                    self.seen.cancels += 1;
                    if !self.schedule.cancel(&key, tick) {
                        return Err(format!("{key} is here and cannot be cancelled"));
                    }
                    if let Some(track) = self.jobs.get_mut(&key) {
                        track.cancelled = true;
                    }
                }
            }
            6 if self.plan.leases => {
                if let Some(key) = self.any_key() {
                    self.extend(&key)?;
                }
            }
            7 if self.plan.pauses => {
                self.paused = !self.paused;
                self.seen.pauses += u64::from(self.paused);
                let paused = self.paused;
                self.log(format_args!("paused: {paused}"));
                self.schedule.set_paused(paused);
            }
            8 => {
                let slots = self.rng.usize(1..9);
                // Fewer slots than run already are fine; they only start nothing.
                if self.plan.measured.is_some() {
                    let bounds = Between { min: slots, max: slots + self.rng.usize(0..20) };
                    self.plan.measured = Some(bounds);
                    self.schedule.adapt_concurrency(bounds, tick);
                } else {
                    self.plan.options.concurrency = slots;
                    self.schedule.set_concurrency(slots);
                }
            }
            9 if self.plan.live => self.live(),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn any_key(&mut self) -> Option<String> {
        let mut keys: Vec<_> = self.jobs.keys().cloned().collect();
        keys.sort_unstable();
        (!keys.is_empty()).then(|| keys.swap_remove(self.rng.usize(0..keys.len())))
    }

    pub(super) fn submit(&mut self) {
        let flow = self.rng.usize(0..self.plan.flows.len());
        let (bot, chats) = self.plan.flows[flow].clone();
        let key = format!("j{}", self.rng.u32(0..400));
        let size = self.plan.sizes[self.rng.usize(0..self.plan.sizes.len())];
        let priority = self.rng.i32(0..self.plan.priorities);
        let lease = (self.plan.leases && self.rng.bool()).then(|| Duration::from_secs(self.rng.u64(6..120)));
        let job =
            SimJob { key: key.clone(), bot, scope: format!("bot{bot}"), chats: chats.clone(), size, priority, lease };
        let tick = self.tick();
        let submitted = self.schedule.submit(job, tick);
        self.log(format_args!("submit {key} of {bot} to {chats:?}, {priority}, {size:?}, {lease:?}: {submitted:?}"));
        self.seen.full += u64::from(submitted == Submitted::Full);
        if submitted != Submitted::Queued {
            return;
        }
        self.stamp += 1;
        let lease_end = lease.map_or(u64::MAX, |lease| self.now + (lease.as_secs() - 5) * SECOND);
        let track = Track {
            flow,
            bot,
            number: self.stamp,
            priority,
            size: size.unwrap_or(0),
            came: self.now,
            patience: patience(size),
            lease_end,
            leased: lease.is_some(),
            running: None,
            tried: false,
            due_by: self.now,
            charged: 0,
            cancelled: false,
            stop_asked: false,
            chat: chats[0].clone(),
        };
        self.jobs.insert(key, track);
    }

    pub(super) fn extend(&mut self, key: &str) -> Check {
        let lease = Duration::from_secs(self.rng.u64(6..120));
        let tick = self.tick();
        let extended = self.schedule.extend(key, lease, tick);
        self.log(format_args!("extend {key}: {extended}"));
        let now = self.now;
        let track = self.jobs.get_mut(key).ok_or("gone")?;
        if extended != (track.lease_end > now && !track.stop_asked) {
            return Err(format!("the lease of {key} was extended: {extended}"));
        }
        if extended {
            track.lease_end = now + (lease.as_secs() - 5) * SECOND;
            // One that had none is not asked to be given back for what it waits for already.
            track.leased &= track.lease_end != u64::MAX;
        }
        Ok(())
    }

    /// The bot answers people meanwhile. It asks nobody; Telegram may refuse it.
    pub(super) fn live(&mut self) {
        if self.plan.quiet >= self.plan.bots {
            return;
        }
        let bot = self.rng.u8(self.plan.quiet..self.plan.bots);
        let chat = format!("{}", self.rng.u8(1..12));
        let scope = format!("bot{bot}");
        let mut live = Live { scope: &scope, chat: Some(&chat), chat_kind: None, retry_after: None };
        let over = self.telegram.breaks(bot, &chat, 0, self.now).is_some();
        let refused = self.telegram.refuses(bot, &chat, self.now).or(over.then_some(2));
        self.log(format_args!("live {bot} to {chat}: {refused:?}"));
        self.seen.live += 1;
        let tick = self.tick();
        if let Some(seconds) = refused {
            let wait = Duration::from_secs(seconds);
            live.retry_after = Some(wait);
            self.telegram.block(chat_key(bot, &chat), self.now + seconds * SECOND);
            self.schedule.report(live, tick);
            self.told_to_wait(bot, &chat, wait);
        } else {
            self.schedule.report(live, tick);
            self.telegram.count(bot, &chat, 0, self.now);
        }
    }
}
