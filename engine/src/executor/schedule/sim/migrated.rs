//! A group that became a supergroup: jobs name it by the old id and by the new one, and Telegram counts them as one.

use super::{
    super::{Action, Ended, Learned, Planted, Scheduler},
    plan::SimJob,
    telegram::Telegram,
};
use crate::{
    clock::Tick,
    error::{Code, Error},
    executor::{ExecutorOptions, RetryOptions, limits::Limits},
};

const SECOND: u64 = 1_000_000_000;
const SECOND_LONG: std::time::Duration = std::time::Duration::from_secs(1);
const HOUR: u64 = 3_600 * SECOND;
const BEGIN: u64 = 1_000 * SECOND;

const OLD: &str = "-1007";
const NEW: &str = "-10050";

/// An hour of jobs by both ids, of which the second is known by `known` already; how many were sent.
fn hour(known: bool) -> u64 {
    let limits = Some(Limits::default());
    let options = ExecutorOptions { concurrency: 20, capacity: usize::MAX, retry: RetryOptions::default(), limits };
    let mut schedule = Scheduler::planted(&options, 1, Planted::NONE);
    let (mut telegram, mut now, mut made) = (Telegram::default(), BEGIN, 0_u64);
    let mut submit = |schedule: &mut Scheduler<SimJob>, chat: &str, now| {
        made += 1;
        let (key, scope, chats) = (made.to_string(), "bot0".to_owned(), vec![chat.to_owned()]);
        let job = SimJob { key, bot: 0, scope, chats, size: Some(1_000), priority: 0, lease: None };
        schedule.submit(job, Tick::from_nanos(now));
    };
    if known {
        // Sent to by its new id long before anybody knew that it is the same.
        submit(&mut schedule, NEW, 0);
        let Some(Action::Start { id, .. }) = schedule.poll(Tick::START) else { panic!("nothing starts") };
        schedule.finished(id, Ended::Tried(Ok(())), Learned::default(), Tick::START);
    }
    submit(&mut schedule, OLD, now);
    let mut sent = 0;
    while now < BEGIN + HOUR {
        while let Some(action) = schedule.poll(Tick::from_nanos(now)) {
            let Action::Start { id, job, .. } = action else { panic!("a job does not start") };
            assert_eq!(telegram.breaks(0, NEW, 1_000, now), None, "after {sent} sends, {} s", (now - BEGIN) / SECOND);
            telegram.count(0, NEW, 1_000, now);
            sent += 1;
            let moved = (job.chats[0] == OLD).then(|| NEW.parse().unwrap());
            schedule.finished(id, Ended::Tried(Ok(())), Learned { moved, ..Learned::default() }, Tick::from_nanos(now));
            // From the first answer on there are always jobs by either name.
            submit(&mut schedule, OLD, now);
            submit(&mut schedule, NEW, now);
        }
        now = schedule.next_due().as_nanos().max(now + 1);
    }
    schedule.cancel_all(Tick::from_nanos(now));
    while schedule.poll(Tick::from_nanos(now)).is_some() {}
    // What is idle is forgotten, under both names.
    for number in 0..2_000_u64 {
        now += 1_000 * SECOND;
        submit(&mut schedule, &format!("-100{}", 1_000 + number), now);
        while let Some(action) = schedule.poll(Tick::from_nanos(now)) {
            let Action::Start { id, .. } = action else { panic!("a job does not start") };
            schedule.finished(id, Ended::Tried(Ok(())), Learned::default(), Tick::from_nanos(now));
        }
    }
    assert!(schedule.names() < 1_000, "{} names are kept", schedule.names());
    sent
}

#[test]
fn a_chat_with_two_ids_has_one_limit_and_all_of_it() {
    for known in [false, true] {
        let sent = hour(known);
        assert!((1_164..=1_203).contains(&sent), "{sent} of 1,200");
    }
}

/// A 429 in answer to the send that also told the new id, or to one that was under way meanwhile: it is the chat that waits, by both ids,
/// and no other one.
#[test]
fn a_refusal_by_the_new_id_closes_the_chat_and_nothing_else() {
    for limits in [None, Some(Limits { chat: None, group: None, ..Limits::default() }), Some(Limits::default())] {
        let options = ExecutorOptions { concurrency: 20, capacity: usize::MAX, retry: RetryOptions::default(), limits };
        let mut schedule = Scheduler::planted(&options, 1, Planted::NONE);
        let submit = |schedule: &mut Scheduler<SimJob>, key: &str, chat: &str, now| {
            let (key, scope, chats) = (key.to_owned(), "bot0".to_owned(), vec![chat.to_owned()]);
            let job = SimJob { key, bot: 0, scope, chats, size: Some(1_000), priority: 0, lease: None };
            schedule.submit(job, Tick::from_nanos(now));
        };
        let start = |schedule: &mut Scheduler<SimJob>, now| match schedule.poll(Tick::from_nanos(now)) {
            Some(Action::Start { id, .. }) => Some(id),
            _ => None,
        };
        let refused =
            || Ended::Tried(Err(Error::new(Code::TelegramThrottled, "429").retry_after(Some(20 * SECOND_LONG))));
        submit(&mut schedule, "a", OLD, BEGIN);
        submit(&mut schedule, "b", OLD, BEGIN);
        let first = start(&mut schedule, BEGIN).unwrap();
        let second = start(&mut schedule, BEGIN);
        let told = Learned { moved: Some(NEW.parse().unwrap()), ..Learned::default() };
        schedule.finished(first, refused(), told, Tick::from_nanos(BEGIN));
        if let Some(second) = second {
            schedule.finished(second, refused(), Learned::default(), Tick::from_nanos(BEGIN));
        }
        submit(&mut schedule, "c", NEW, BEGIN);
        submit(&mut schedule, "other", "77", BEGIN);
        let Some(Action::Start { job, .. }) = schedule.poll(Tick::from_nanos(BEGIN)) else {
            panic!("the token is shut")
        };
        assert_eq!(job.key, "other", "{limits:?}");
        assert_eq!(start(&mut schedule, BEGIN + 20 * SECOND - 1), None, "before the time was over, {limits:?}");
        assert!(start(&mut schedule, BEGIN + 23 * SECOND).is_some(), "{limits:?}");
    }
}
