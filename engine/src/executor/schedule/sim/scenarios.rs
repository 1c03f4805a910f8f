//! What takes a day, or many bots, to see: a limiter that wastes nothing, fairness, a blocked bot that costs the others
//! nothing, an end to every wait.

use std::{collections::HashMap, time::Duration};

use super::{
    super::{Action, Ended, Learned, Planted, Scheduler, Submitted},
    plan::SimJob,
    telegram::Telegram,
};
use crate::{
    clock::Tick,
    error::{Code, Error},
    executor::{ExecutorOptions, RetryOptions, limits::Limits},
};

const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3_600 * SECOND;
const BEGIN: u64 = 1_000 * SECOND;

/// A scheduler with as many jobs as it takes, in a world where every upload takes the same time.
struct Rig {
    schedule: Scheduler<SimJob>,
    telegram: Telegram,
    now: u64,
    upload: u64,
    running: std::collections::VecDeque<(u64, super::super::Id, u8)>,
    made: u64,
    /// Starts by bot.
    starts: HashMap<u8, u64>,
    /// Every start: key and moment.
    order: Vec<(String, u64)>,
    paced: bool,
}

impl Rig {
    fn new(concurrency: usize, upload: u64, limits: Option<Limits>, planted: Planted) -> Self {
        let retry = RetryOptions::default();
        let options = ExecutorOptions { concurrency, capacity: usize::MAX, retry, limits };
        Self {
            schedule: Scheduler::planted(&options, 1, planted),
            telegram: Telegram::default(),
            now: BEGIN,
            upload,
            running: std::collections::VecDeque::new(),
            made: 0,
            starts: HashMap::new(),
            order: Vec::new(),
            paced: limits.is_some(),
        }
    }

    fn tick(&self) -> Tick {
        Tick::from_nanos(self.now)
    }

    fn submit(&mut self, bot: u8, chats: &[&str], priority: i32, size: u64) {
        self.made += 1;
        let job = SimJob {
            key: self.made.to_string(),
            bot,
            scope: format!("bot{bot}"),
            chats: chats.iter().map(|chat| (*chat).to_owned()).collect(),
            size: Some(size),
            priority,
            lease: None,
        };
        let tick = self.tick();
        assert_eq!(self.schedule.submit(job, tick), Submitted::Queued);
    }

    /// Lets time pass until `end`; `more` is asked before every look.
    fn until(&mut self, end: u64, mut more: impl FnMut(&mut Self)) -> Result<(), String> {
        loop {
            while self.running.front().is_some_and(|(at, _, _)| *at <= self.now) {
                let Some((_, id, _)) = self.running.pop_front() else { break };
                let tick = self.tick();
                self.schedule.finished(id, Ended::Tried(Ok(())), Learned::default(), tick);
            }
            more(self);
            while let Some(action) = self.schedule.poll(self.tick()) {
                let Action::Start { id, job, chat } = action else { return Err("a job did not start".into()) };
                let chat = &job.chats[chat];
                let size = job.size.unwrap_or(0);
                if let Some(limit) = self.telegram.breaks(job.bot, chat, size, self.now).filter(|_| self.paced) {
                    return Err(format!("429: {limit}, at {} s", (self.now - BEGIN) / SECOND));
                }
                self.telegram.count(job.bot, chat, size, self.now);
                *self.starts.entry(job.bot).or_default() += 1;
                self.order.push((job.key.clone(), self.now));
                self.running.push_back((self.now + self.upload, id, job.bot));
            }
            let next = self.running.front().map_or(u64::MAX, |(at, _, _)| *at);
            let then = next.min(self.schedule.next_due().as_nanos());
            if then >= end {
                self.now = end;
                return Ok(());
            }
            self.now = then.max(self.now);
        }
    }
}

fn check(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

/// Never over a limit, and at 97 % of it or more: the share of what `per_hour` allows.
fn limiter(chats: &[&str], size: u64, hours: u64, per_hour: u64, planted: Planted) -> Result<(), String> {
    let mut rig = Rig::new(50, SECOND / 100, Some(Limits::default()), planted);
    let (mut waiting, chats) = (0_u64, chats.to_vec());
    rig.until(BEGIN + hours * HOUR, |rig| {
        while waiting < rig.order.len() as u64 + 100 {
            waiting += 1;
            rig.submit(0, &chats, 0, size);
        }
    })?;
    let (sent, allowed) = (rig.order.len() as u64, hours * per_hour);
    check(sent * 100 >= allowed * 97, || format!("{sent} sends in {hours} h to {chats:?}, of {allowed} allowed"))
}

/// Fifty bots want more than five slots give; some have a hundred times the jobs of others.
fn fairness(planted: Planted) -> Result<(), String> {
    let mut rig = Rig::new(5, SECOND / 2, None, planted);
    for bot in 0..50 {
        for _ in 0..if bot % 5 == 0 { 2_000 } else { 100 } {
            rig.submit(bot, &["1"], i32::from(bot % 3), 1_000);
        }
    }
    rig.until(BEGIN + 300 * SECOND, |_| {})?;
    let served: Vec<u64> = (0..50).map(|bot| *rig.starts.get(&bot).unwrap_or(&0)).collect();
    let (sum, squares) = (served.iter().sum::<u64>(), served.iter().map(|x| x * x).sum::<u64>());
    // Jain's index, sum² / (n · sum of squares), of at least 0.95.
    check(sum * sum * 100 >= 95 * 50 * squares, || format!("unequal shares: {served:?}"))
}

/// How many jobs nine bots get done in an hour, with a tenth that is blocked for 10,000 s or has no jobs.
fn beside(blocked: bool, planted: Planted) -> Result<u64, String> {
    let mut rig = Rig::new(5, SECOND, Some(Limits::default()), planted);
    if blocked {
        let wait = Some(Duration::from_secs(10_000));
        let live = super::super::Live { scope: "bot0", chat: Some("1"), chat_kind: None, retry_after: wait };
        let tick = rig.tick();
        rig.schedule.report(live, tick);
        for _ in 0..20_000 {
            rig.submit(0, &["1"], 9, 1_000);
        }
    }
    for bot in 1..10 {
        for _ in 0..3_000 {
            rig.submit(bot, &["1", "-1002"], 0, 1_000);
        }
    }
    rig.until(BEGIN + HOUR, |_| {})?;
    check(rig.starts.get(&0).is_none_or(|starts| *starts == 0), || "it was sent to early".into())?;
    Ok(rig.starts.values().sum())
}

fn a_blocked_bot(planted: Planted) -> Result<(), String> {
    let (alone, beside) = (beside(false, planted)?, beside(true, planted)?);
    check(beside * 100 >= alone * 95, || format!("{beside} instead of {alone} jobs beside a blocked bot"))
}

/// New jobs of a high priority keep coming, faster than they can be sent; a low one is sent all the same.
fn starvation(planted: Planted) -> Result<(), String> {
    const LOW: u64 = 10;
    let mut rig = Rig::new(1, SECOND, None, planted);
    for _ in 0..LOW {
        rig.submit(0, &["1"], -1, 1_000);
    }
    rig.until(BEGIN + 1_000 * SECOND, |rig| {
        for _ in 0..2 {
            rig.submit(0, &["1"], 5, 1_000);
        }
    })?;
    let bound = BEGIN + u64::from(super::super::flow::OLDEST_EVERY) * LOW * SECOND;
    let last = rig.order.iter().filter(|(key, _)| key.parse::<u64>().is_ok_and(|key| key <= LOW)).map(|(_, at)| *at);
    let (done, last) = last.fold((0, 0), |(done, _), at| (done + 1, at));
    check(done == LOW && last <= bound, || format!("{done} low jobs done, the last at {} s", (last - BEGIN) / SECOND))
}

/// One slot, and every second two small jobs and now and then a large one: more than it can do. A large one lets small ones
/// ahead that came within a minute of it, and none that came later.
fn small_first(planted: Planted) -> Result<(), String> {
    const LARGE: u64 = 50_000_000;
    let mut rig = Rig::new(1, SECOND, None, planted);
    let mut came: Vec<(u64, u64)> = Vec::new();
    let mut next = BEGIN;
    rig.until(BEGIN + 2_000 * SECOND, |rig| {
        while next <= rig.now {
            let large = ((next - BEGIN) / SECOND).is_multiple_of(4);
            for size in [if large { LARGE } else { 1_000 }, 1_000] {
                rig.submit(0, &["1"], 0, size);
                came.push((rig.now, size));
            }
            next += SECOND;
        }
    })?;
    let job = |key: &str| key.parse().ok().and_then(|key: usize| came.get(key - 1)).copied().unwrap_or_default();
    let started: Vec<(u64, u64)> = rig.order.iter().map(|(key, _)| job(key)).collect();
    let mut overtaken = 0;
    for (place, (came, size)) in started.iter().enumerate().filter(|(_, (_, size))| *size == LARGE) {
        let later = started[..place].iter().filter(|(at, other)| at > came && other < size);
        let last = later.clone().map(|(at, _)| at - came).max().unwrap_or(0);
        check(last <= 60 * SECOND, || format!("one that came {} s later went first", last / SECOND))?;
        overtaken += later.count();
    }
    let large = started.iter().filter(|(_, size)| *size == LARGE).count();
    check(large >= 90 && overtaken >= 20 * large, || format!("{large} large ones, {overtaken} times overtaken"))
}

/// Ten lanes and one size: the size is what limits, and other sizes overtake.
fn one_size(planted: Planted) -> Result<(), String> {
    let chats = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
    let mut rig = Rig::new(50, SECOND / 10, Some(Limits::default()), planted);
    for _ in 0..200 {
        rig.submit(0, &chats, 0, 50_000_000);
    }
    for _ in 0..200 {
        rig.submit(0, &chats, 0, 1_000);
    }
    rig.until(BEGIN + 250 * SECOND, |_| {})?;
    let small = rig.order.iter().filter(|(key, _)| key.parse::<u64>().is_ok_and(|key| key > 200));
    let small = small.map(|(_, at)| (*at - BEGIN) / SECOND).max().unwrap_or(u64::MAX);
    check(rig.order.len() == 400 && small <= 25, || format!("{} sent, the small ones in {small} s", rig.order.len()))
}

/// Names of bots and chats that are idle are forgotten.
fn forgetting(planted: Planted) -> Result<(), String> {
    let mut rig = Rig::new(50, SECOND / 10, Some(Limits::default()), planted);
    let mut most = 0;
    for round in 0..200_u64 {
        for chat in 0..100 {
            let chat = (round * 100 + chat).to_string();
            let live = super::super::Live { scope: "bot0", chat: Some(&chat), chat_kind: None, retry_after: None };
            let tick = rig.tick();
            rig.schedule.report(live, tick);
        }
        most = most.max(rig.schedule.names());
        rig.until(BEGIN + (round + 1) * 100 * SECOND, |_| {})?;
    }
    check(most <= 1_000, || format!("{most} names are kept"))
}

/// A bot that is told to wait by Telegram itself, in all its chats, is never asked for early and loses no job.
fn refused(planted: Planted) -> Result<(), String> {
    let mut rig = Rig::new(5, SECOND / 10, Some(Limits::default()), planted);
    for _ in 0..10 {
        rig.submit(0, &["1"], 0, 1_000);
    }
    let mut started = 0;
    let mut free_at = rig.now;
    for _ in 0..40 {
        while let Some(action) = rig.schedule.poll(rig.tick()) {
            let Action::Start { id, .. } = action else { return Err("settled".into()) };
            check(rig.now >= free_at, || "asked early".into())?;
            started += 1;
            free_at = rig.now + 7 * SECOND;
            let error = Error::new(Code::TelegramThrottled, "x").retry_after(Some(Duration::from_secs(7)));
            let tick = rig.tick();
            rig.schedule.finished(id, Ended::Tried(Err(error)), Learned::default(), tick);
        }
        rig.now = rig.schedule.next_due().as_nanos();
        if rig.now == u64::MAX {
            break;
        }
    }
    check(started == 40, || format!("{started} starts"))
}

/// Uploads of any length, to a server that counts each when it is complete and forgives nothing.
fn jitter(chat: &str, longest_ms: u64, per_hour: u64, share: u64, planted: Planted) -> Result<(), String> {
    let mut rig = Rig::new(50, 0, Some(Limits::default()), planted);
    let (mut rng, mut flying) = (fastrand::Rng::with_seed(7), std::collections::BTreeMap::new());
    for _ in 0..2 * per_hour {
        rig.submit(0, &[chat], 0, 1_000);
    }
    let mut sent = 0;
    while rig.now < BEGIN + HOUR {
        while let Some(action) = rig.schedule.poll(rig.tick()) {
            let Action::Start { id, .. } = action else { return Err("a job did not start".into()) };
            flying.insert((rig.now + rng.u64(1..=longest_ms) * 1_000_000, id), rig.now);
        }
        let next = flying.first_key_value().map_or(u64::MAX, |((at, _), _)| *at);
        rig.now = next.min(rig.schedule.next_due().as_nanos()).max(rig.now);
        while let Some(((at, id), begun)) = flying.pop_first() {
            if at > rig.now {
                flying.insert((at, id), begun);
                break;
            }
            if let Some(limit) = rig.telegram.breaks(0, chat, 1_000, at) {
                return Err(format!("429: {limit}, at {} s", (at - BEGIN) / SECOND));
            }
            rig.telegram.count(0, chat, 1_000, at);
            sent += 1;
            let learned = Learned { sent_after: Some(Duration::from_nanos(at - begun)), ..Learned::default() };
            let tick = rig.tick();
            rig.schedule.finished(id, Ended::Tried(Ok(())), learned, tick);
        }
    }
    check(sent * 100 >= per_hour * share, || format!("{sent} sends in an hour to {chat}"))
}

/// The scenarios that notice planted bugs which an hour of traffic does not.
pub fn all(planted: Planted) -> Result<(), String> {
    fairness(planted)?;
    starvation(planted)?;
    a_blocked_bot(planted)?;
    one_size(planted)?;
    small_first(planted)?;
    jitter("1", 30, 3_600, 97, planted)?;
    refused(planted)
}

const NONE: Planted = Planted::NONE;

#[test]
fn a_day_to_a_group_is_never_refused_and_wastes_nothing() {
    limiter(&["-1001"], 1_000, 24, 1_200, NONE).unwrap();
}

#[test]
fn a_day_to_a_person_is_never_refused_and_wastes_nothing() {
    limiter(&["1"], 1_000, if super::long() { 24 } else { 3 }, 3_600, NONE).unwrap();
}

#[test]
fn a_day_to_many_chats_is_held_by_the_token_alone() {
    let chats: Vec<_> = (1..=30).map(|chat| chat.to_string()).collect();
    let chats: Vec<_> = chats.iter().map(String::as_str).collect();
    let hours = if super::long() { 24 } else { 0 };
    if hours > 0 {
        limiter(&chats, 1_000, hours, 25 * 3_600, NONE).unwrap();
    } else {
        // The same for two minutes.
        let mut rig = Rig::new(50, SECOND / 100, Some(Limits::default()), NONE);
        for _ in 0..3_200 {
            rig.submit(0, &chats, 0, 1_000);
        }
        rig.until(BEGIN + 120 * SECOND, |_| {}).unwrap();
        assert!((3_000 * 97 / 100..=3_005).contains(&rig.order.len()), "{}", rig.order.len());
    }
}

#[test]
fn uploads_that_take_their_time_arrive_no_closer_than_allowed() {
    jitter("1", 30, 3_600, 97, NONE).unwrap();
    jitter("1", 500, 3_600, 75, NONE).unwrap();
    jitter("-1001", 60, 1_200, 97, NONE).unwrap();
    jitter("-1001", 900, 1_200, 80, NONE).unwrap();
}

#[test]
fn fifty_bots_get_equal_shares() {
    fairness(NONE).unwrap();
}

#[test]
fn a_bot_that_is_blocked_for_hours_costs_the_others_nothing() {
    a_blocked_bot(NONE).unwrap();
}

#[test]
fn the_lowest_priority_is_served_within_its_bound() {
    starvation(NONE).unwrap();
}

#[test]
fn small_jobs_go_first_and_large_ones_within_their_minute() {
    small_first(NONE).unwrap();
}

#[test]
fn uploads_of_one_size_are_spaced_and_others_overtake() {
    one_size(NONE).unwrap();
}

#[test]
fn what_is_idle_is_forgotten() {
    forgetting(NONE).unwrap();
}

#[test]
fn a_chat_that_always_refuses_is_never_asked_early() {
    refused(NONE).unwrap();
}

#[test]
fn a_plan_says_when_the_last_job_really_goes() {
    use crate::executor::{Batch, Question, plan};
    for (chats, count) in [("-1001", 1), ("-1001", 3), ("-1001", 21), ("-1001", 64), ("1", 30)] {
        let mut rig = Rig::new(50, SECOND / 100, Some(Limits::default()), NONE);
        for _ in 0..count {
            rig.submit(0, &[chats], 0, 1_000);
        }
        rig.until(BEGIN + HOUR, |_| {}).unwrap();
        let last = rig.order.last().map_or(0, |(_, at)| (at - BEGIN) / 1_000_000);
        let batch = Batch { count, bot: String::new(), chats: vec![chats.into()], chat_kind: None, size: 0 };
        let planned = plan(Some(&Limits::default()), 50, &[batch], Question::default());
        assert_eq!(planned.done_in_ms, last, "{count} to {chats}");
    }
}
