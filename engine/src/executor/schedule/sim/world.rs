//! One virtual hour of a scheduler, and what must be true of it at every moment:
//!
//! * every accepted job is settled exactly once, and nothing is left in the end: no slot, no upload, no byte;
//! * no two sends are inside a limit, and none is begun while a 429 forbids it, in its chat or its token;
//! * slots, uploads of a token and bytes in flight stay in their bounds, and so do slots that are measured; a pause starts nothing;
//! * nothing starts, or goes on, after its lease; nothing that was cancelled starts;
//! * attempts are counted as they were: a 429 costs none, retries are as many as asked for;
//! * in a flow, equals go in order, smaller ones first for as long as larger ones are patient, and a lower priority or a larger
//!   one goes before its turn only where it has waited longest;
//! * a job that could start is started in that very moment, whatever others wait for;
//! * a job under a lease is not held through a long wait.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
    time::Duration,
};

use super::{
    super::{Action, Ended, Id, Learned, Planted, Scheduler},
    plan::{Plan, SimJob},
    telegram::{Key, Telegram, chat_key, token_key},
};
use crate::{
    clock::Tick,
    error::{Class, Code},
};

pub const MS: u64 = 1_000_000;
pub const SECOND: u64 = 1_000 * MS;
pub const HOUR: u64 = 3_600 * SECOND;

/// Some time has passed before it begins: nothing happened then, which is not the same as there being no then.
pub const BEGIN: u64 = 1_000 * SECOND;

/// The engine holds a leased job no longer than this.
pub const HELD: u64 = 5 * SECOND;

pub enum Event {
    Traffic,
    Finish(Id, u64),
}

/// A job as the world sees it.
#[expect(clippy::struct_excessive_bools, reason = "what has happened to it")]
pub struct Track {
    pub flow: usize,
    pub bot: u8,
    pub number: u64,
    pub priority: i32,
    pub size: u64,
    pub came: u64,
    /// How long it lets smaller ones ahead.
    pub patience: u64,
    pub lease_end: u64,
    pub leased: bool,
    /// Which try is running; its end must be of the same.
    pub running: Option<u64>,
    pub tried: bool,
    /// A retry is due by then at the latest.
    pub due_by: u64,
    pub charged: u32,
    pub cancelled: bool,
    pub stop_asked: bool,
    pub chat: String,
}

macro_rules! faults {
    ($($name:ident),*) => {
        /// How often each fault has bitten.
        #[derive(Default)]
        pub struct Seen { $(pub $name: u64,)* }
        impl Seen {
            pub fn add(&mut self, other: &Self) { $(self.$name += other.$name;)* }
            pub fn assert_all_bit(&self) { $(assert!(self.$name > 0, concat!(stringify!($name), " never happened"));)* }
        }
    };
}

faults!(
    starts,
    throttles,
    token_blocks,
    transients,
    cancels,
    stops,
    leases_lost,
    given_back,
    live,
    pauses,
    full,
    raised,
    lowered,
    lanes
);

pub struct World {
    pub plan: Plan,
    pub rng: fastrand::Rng,
    pub now: u64,
    pub schedule: Scheduler<SimJob>,
    pub telegram: Telegram,
    pub events: BTreeMap<(u64, u64), Event>,
    pub stamp: u64,
    pub jobs: HashMap<String, Track>,
    pub running: HashMap<Id, String>,
    pub bytes: u64,
    pub paused: bool,
    /// What a 429 has told, and until when it holds.
    pub forbidden: HashMap<Key, u64>,
    pub hits: HashMap<u8, Vec<(u64, Key)>>,
    /// When a chat was last refused, and last sent to since.
    pub refused: HashMap<Key, (u64, Option<u64>)>,
    pub seen: Seen,
    pub history: Option<String>,
}

pub type Check<T = ()> = Result<T, String>;

impl World {
    /// `recorded`: keep the history, which costs as much as the rest.
    pub fn new(seed: u64, planted: Planted, recorded: bool) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let plan = Plan::new(&mut rng);
        let mut schedule = Scheduler::planted(&plan.options, seed ^ 0x5eed, planted);
        if let Some(bounds) = plan.measured {
            schedule.adapt_concurrency(bounds, Tick::from_nanos(BEGIN));
        }
        Self {
            schedule,
            plan,
            rng,
            now: BEGIN,
            telegram: Telegram::default(),
            events: BTreeMap::new(),
            stamp: 0,
            jobs: HashMap::new(),
            running: HashMap::new(),
            bytes: 0,
            paused: false,
            forbidden: HashMap::new(),
            hits: HashMap::new(),
            refused: HashMap::new(),
            seen: Seen::default(),
            history: recorded.then(String::new),
        }
    }

    pub fn history(&self) -> &str {
        self.history.as_deref().unwrap_or_default()
    }

    pub fn log(&mut self, line: std::fmt::Arguments<'_>) {
        let at = Duration::from_nanos(self.now).as_secs_f64();
        if let Some(history) = &mut self.history {
            let _ = writeln!(history, "{at:>12.6} {line}");
        }
    }

    pub fn tick(&self) -> Tick {
        Tick::from_nanos(self.now)
    }

    pub fn at(&mut self, at: u64, event: Event) {
        self.stamp += 1;
        self.events.insert((at, self.stamp), event);
    }

    /// An hour of traffic, and then as long as it takes until nothing is left.
    pub fn hour(&mut self) -> Check {
        self.at(BEGIN, Event::Traffic);
        loop {
            let due = self.schedule.next_due().as_nanos();
            let next = self.events.first_key_value().map_or(u64::MAX, |((at, _), _)| *at);
            let then = due.min(next).max(self.now);
            if then == u64::MAX {
                break;
            }
            if then > self.now + MS {
                self.now_idle(then - MS)?;
            }
            self.now = then;
            if then > BEGIN + 100 * HOUR {
                return Err("it takes for ever".into());
            }
            self.drain()?;
            while let Some((key, event)) = self.events.pop_first() {
                if key.0 > self.now {
                    self.events.insert(key, event);
                    break;
                }
                match event {
                    Event::Traffic => self.traffic()?,
                    Event::Finish(id, attempt) => self.finish(id, attempt)?,
                }
                self.drain()?;
            }
            self.leases_hold()?;
            self.slots_hold()?;
            self.now_idle(self.now)?;
        }
        let measured = self.schedule.adaptive.as_ref().map(|adaptive| adaptive.measured());
        self.seen.raised += measured.map_or(0, |measured| measured.raised);
        self.seen.lowered += measured.map_or(0, |measured| measured.lowered);
        if let Some(left) = self.jobs.keys().min() {
            return Err(format!("{} jobs are left, {left} for one, and nobody will ever look", self.jobs.len()));
        }
        let left = (self.schedule.running, self.schedule.queued, self.schedule.bytes, self.schedule.entries.len());
        let uploads: u32 = self.schedule.bots.iter().map(|(_, bot)| bot.uploads).sum();
        if left != (0, 0, 0, 0) || uploads != 0 {
            return Err(format!("left behind: {left:?} and {uploads} uploads"));
        }
        Ok(())
    }

    /// Does what the scheduler says.
    pub fn drain(&mut self) -> Check {
        while let Some(action) = self.schedule.poll(self.tick()) {
            match action {
                Action::Start { id, job, chat } => self.start(id, &job, chat)?,
                Action::Stop(id) => self.stop(id)?,
                Action::Settle(settled) => self.settle(&settled, false)?,
            }
        }
        Ok(())
    }

    fn start(&mut self, id: Id, job: &SimJob, chat: usize) -> Check {
        let key = job.key.clone();
        let chat = job.chats[chat].clone();
        self.log(format_args!("start {key} to {chat}"));
        self.seen.starts += 1;
        self.starts_rightly(job, &chat)?;
        self.seen.lanes += u64::from(job.chats.len() > 1 && chat != job.chats[0]);
        self.stamp += 1;
        let attempt = self.stamp;
        let size = job.size.unwrap_or(0);
        self.telegram.count(job.bot, &chat, size, self.now);
        self.bytes += size;
        self.running.insert(id, key.clone());
        if let Some(track) = self.jobs.get_mut(&key) {
            track.running = Some(attempt);
            track.tried = true;
            track.charged += 1;
            track.chat = chat;
        }
        let time = self.rng.u64(1..=self.plan.longest_ms) * MS;
        self.at(self.now + time, Event::Finish(id, attempt));
        Ok(())
    }

    fn stop(&mut self, id: Id) -> Check {
        let key = self.running.get(&id).cloned().ok_or("nothing runs under that number")?;
        self.log(format_args!("stop {key}"));
        self.seen.stops += 1;
        let track = self.jobs.get_mut(&key).ok_or("a stop for a settled job")?;
        track.stop_asked = true;
        let attempt = track.running.ok_or("a stop for a job that does not run")?;
        // It may take a moment, and the try may end by itself meanwhile.
        let time = self.rng.u64(0..20) * MS;
        self.at(self.now + time, Event::Finish(id, attempt));
        Ok(())
    }

    fn finish(&mut self, id: Id, attempt: u64) -> Check {
        let Some(key) = self.running.get(&id).cloned() else { return Ok(()) };
        let Some(track) = self.jobs.get(&key) else { return Err(format!("{key} was settled while it ran")) };
        if track.running != Some(attempt) {
            return Ok(());
        }
        let (bot, chat, size) = (track.bot, track.chat.clone(), track.size);
        let quiet = bot < self.plan.quiet;
        let ended = if track.stop_asked && self.rng.bool() {
            Ended::Stopped { sent: self.rng.bool() }
        } else {
            Ended::Tried(self.answer(bot, &chat, quiet))
        };
        let what = match &ended {
            Ended::Tried(Ok(())) => "ok".to_owned(),
            Ended::Tried(Err(error)) => format!("{} {:?}", error.code.as_str(), error.retry_after),
            Ended::Stopped { .. } => "stopped".to_owned(),
        };
        self.log(format_args!("end {key}: {what}"));
        self.running.remove(&id);
        self.bytes -= size;
        let class = match &ended {
            Ended::Tried(Err(error)) => Some(error.class()),
            _ => None,
        };
        if let Ended::Tried(Err(error)) = &ended
            && error.code == Code::TelegramThrottled
        {
            self.told_to_wait(bot, &chat, error.retry_after.unwrap_or_default());
        }
        let (max_ms, now) = (self.plan.options.retry.max_ms, self.now);
        let track = self.jobs.get_mut(&key).ok_or("gone")?;
        track.running = None;
        track.charged -= u32::from(class == Some(Class::Throttled));
        track.due_by = if class == Some(Class::Throttled) { now } else { now + max_ms * MS };
        self.seen.transients += u64::from(class == Some(Class::Transient));
        let learned = Learned { size: Some(size).filter(|size| *size > 0), ..Learned::default() };
        let tick = self.tick();
        match self.schedule.finished(id, ended, learned, tick) {
            Some(settled) => self.settle(&settled, class == Some(Class::Throttled))?,
            None if class.is_none() => return Err(format!("{key} ended and is not settled")),
            None => {
                let track = &self.jobs[&key];
                if track.charged > self.plan.options.retry.quick {
                    return Err(format!("{key} gets another try after {}", track.charged));
                }
                if track.stop_asked {
                    return Err(format!("{key} was told to stop and waits on"));
                }
            }
        }
        Ok(())
    }

    /// By the rule: the chat; and the token when two chats are hit in ten seconds, or the wait is above thirty.
    pub fn told_to_wait(&mut self, bot: u8, chat: &str, wait: Duration) {
        self.seen.throttles += 1;
        let key = chat_key(bot, chat);
        let until = self.now + u64::try_from(wait.as_nanos()).unwrap();
        let hits = self.hits.entry(bot).or_default();
        hits.retain(|(at, _)| self.now - at <= 10 * SECOND);
        if hits.iter().all(|(_, hit)| *hit != key) {
            hits.push((self.now, key));
        }
        let mut keys = vec![key];
        if hits.len() > 1 || wait > Duration::from_secs(30) {
            self.seen.token_blocks += 1;
            keys.push(token_key(bot));
        }
        for key in keys {
            let end = self.forbidden.entry(key).or_default();
            *end = until.max(*end);
        }
        self.refused.insert(key, (self.now, None));
    }
}
