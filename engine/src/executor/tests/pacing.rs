//! The limits, seen from outside.

use super::*;

const PACED: ExecutorOptions = ExecutorOptions { concurrency: 50, capacity: 1_000, ..OPTIONS };

fn paced(step: impl Fn(&TestJob, u32) -> (Duration, Result<u32>) + Send + Sync + 'static) -> Rig {
    rig(ExecutorOptions { limits: Some(Limits::default()), ..PACED }, step)
}

fn at_once(_: &TestJob, attempt: u32) -> (Duration, Result<u32>) {
    (Duration::ZERO, Ok(attempt))
}

/// When the jobs began, in ms.
fn moments(rig: &Rig, begin: Instant) -> Vec<u128> {
    rig.order.lock().iter().map(|(_, at)| (*at - begin).as_millis()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_private_chat_gets_one_each_second() {
    let rig = paced(at_once);
    let begin = Instant::now();
    rig.submit((0..4).map(job));
    rig.settled(4).await;
    assert_eq!(moments(&rig, begin), [0, 1000, 2000, 3000]);
}

#[tokio::test(start_paused = true)]
async fn a_group_gets_three_and_then_one_each_three_seconds() {
    let rig = paced(at_once);
    let begin = Instant::now();
    rig.submit((0..6).map(|key| TestJob { chats: vec!["-100".into()], ..job(key) }));
    rig.settled(6).await;
    assert_eq!(moments(&rig, begin), [0, 1000, 2000, 3000, 6000, 9000]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_tells_what_a_chat_is() {
    let rig = paced(at_once);
    rig.executor.report(Live {
        scope: "bot",
        chat: Some("-100"),
        chat_kind: Some(ChatKind::Private),
        retry_after: None,
    });
    let begin = Instant::now();
    rig.submit((0..5).map(|key| TestJob { chats: vec!["-100".into()], ..job(key) }));
    rig.settled(5).await;
    assert_eq!(moments(&rig, begin), [1000, 2000, 3000, 4000, 5000]);
}

#[tokio::test(start_paused = true)]
async fn several_chats_are_lanes() {
    let rig = paced(at_once);
    let begin = Instant::now();
    let chats: Vec<_> = (1..=3).map(|chat| chat.to_string()).collect();
    rig.submit((0..6).map(|key| TestJob { chats: chats.clone(), ..job(key) }));
    rig.settled(6).await;
    assert_eq!(moments(&rig, begin), [0, 0, 0, 1000, 1000, 1000]);
    assert_eq!(*rig.chats.lock(), ["1", "2", "3", "1", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_live_bot_sends_pushes_the_warm_up_back() {
    let rig = paced(at_once);
    let begin = Instant::now();
    for _ in 0..3 {
        rig.executor.report(Live { scope: "bot", chat: Some("1"), chat_kind: None, retry_after: None });
    }
    rig.submit([job("a")]);
    rig.settled(1).await;
    // Three are booked, but nobody is pushed back by more than one period.
    assert_eq!(moments(&rig, begin), [1000]);
}

#[tokio::test(start_paused = true)]
async fn a_leased_job_that_would_wait_too_long_is_given_back_with_its_turn() {
    let rig = paced(at_once);
    let begin = Instant::now();
    rig.submit((0..20).map(|key| TestJob { lease: Some(60 * SECOND), ..job(key) }));
    let outcomes = rig.settled(20).await;
    let back: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.error.as_ref()).collect();
    assert_eq!((back.len(), rig.started().len()), (14, 6));
    assert_eq!(begin.elapsed().as_secs(), 5);
    let waits: Vec<_> = back.iter().map(|error| error.retry_after_ms.unwrap()).collect();
    assert_eq!(waits, (0..14).map(|turn| 3_500 + 1_000 * turn).collect::<Vec<_>>());
    assert!(outcomes.iter().all(|o| o.status == Status::Succeeded || !o.charged));
}

#[tokio::test(start_paused = true)]
async fn who_is_given_back_stands_behind_its_equals_and_betters_alone() {
    let rig = paced(at_once);
    rig.submit((0..40).map(|key| TestJob { lease: Some(60 * SECOND), ..job(key) }));
    sleep(SECOND).await;
    let urgent = |key| TestJob { lease: Some(60 * SECOND), priority: 9, ..job(key) };
    rig.executor.report(Live { scope: "bot", chat: Some("1"), chat_kind: None, retry_after: Some(20 * SECOND) });
    rig.submit((100..102).map(urgent));
    let outcomes = rig.settled(42).await;
    let wait = |key: &str| {
        let outcome = outcomes.iter().find(|outcome| outcome.key == key).unwrap();
        outcome.error.as_ref().unwrap().retry_after_ms.unwrap()
    };
    assert!(wait("39") > 33_000, "behind all the others");
    assert!((20_000..=22_000).contains(&wait("100")), "the first moment there is: {}", wait("100"));
    assert!((21_000..=24_000).contains(&wait("101")), "the one behind it: {}", wait("101"));
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_was_too_low_holds_nobody_once_it_is_corrected() {
    let rig = paced(at_once);
    let hourly = Rate { limit: 1, period_ms: 3_600_000, burst: 1 };
    rig.executor.set_limits(Some(Limits { chat: Some(hourly), ..Limits::default() }));
    let begin = Instant::now();
    rig.submit((0..3).map(job));
    sleep(SECOND / 2).await;
    rig.executor.set_limits(Some(Limits::default()));
    rig.settled(3).await;
    assert!(begin.elapsed() <= 3 * SECOND, "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_lowered_counts_what_was_sent_before() {
    let rig = paced(at_once);
    let rate = |limit| Limits { chat: Some(Rate { limit, period_ms: 4_000, burst: 5 }), ..Limits::default() };
    rig.executor.set_limits(Some(rate(10)));
    let begin = Instant::now();
    rig.submit((0..5).map(job));
    sleep(3 * SECOND).await;
    rig.submit((5..10).map(job));
    sleep(SECOND / 10).await;
    rig.executor.set_limits(Some(rate(2)));
    rig.submit((10..12).map(job));
    rig.settled(12).await;
    let all = moments(&rig, begin);
    assert!(all[10] >= 7_000, "two at most in any four seconds: {all:?}");
}

#[tokio::test(start_paused = true)]
async fn limits_can_be_read_and_changed_while_jobs_wait() {
    let rig = paced(at_once);
    assert_eq!(rig.executor.limits(), Some(Limits::default()));
    let begin = Instant::now();
    rig.submit((0..100).map(job));
    sleep(Duration::from_millis(2_500)).await;
    rig.executor
        .set_limits(Some(Limits { chat: Some(Rate { limit: 10, period_ms: 1_000, burst: 1 }), ..Limits::default() }));
    sleep(Duration::from_millis(950)).await;
    assert_eq!(moments(&rig, begin), [0, 1000, 2000, 3000, 3100, 3200, 3300, 3400]);
    rig.executor.set_limits(None);
    rig.settled(100).await;
    assert_eq!(begin.elapsed().as_millis() / 10, 345);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_waits_for_its_chat_holds_no_slot_and_shows_in_stats() {
    let rig = paced(|_, attempt| (SECOND / 10, Ok(attempt)));
    rig.submit((0..3).map(job));
    sleep(SECOND / 2).await;
    let stats = rig.executor.stats();
    assert_eq!((stats.queued, stats.waiting, stats.running, stats.limits), (2, 0, 0, Some(Limits::default())));
    rig.settled(3).await;
}

#[tokio::test(start_paused = true)]
async fn explain_says_what_a_job_waits_for_and_until_when() {
    let rig = paced(|_, attempt| (SECOND * 60, Ok(attempt)));
    let waits = |key: &str| {
        let told = rig.executor.explain(key).unwrap();
        told.waits.into_iter().map(|wait| (wait.reason, wait.wait)).collect::<Vec<_>>()
    };
    rig.submit((0..4).map(job));
    assert_eq!(waits("0"), []);
    assert_eq!(waits("1"), [(Reason::ChatRate, Some(SECOND))]);
    assert_eq!(waits("3"), [(Reason::ChatRate, Some(3 * SECOND))]);
    assert_eq!(rig.executor.explain("3").unwrap().ahead, 2);
    assert!(rig.executor.explain("nobody").is_none());

    rig.executor.set_concurrency(1);
    rig.executor.pause();
    assert_eq!(waits("1"), [(Reason::Paused, None), (Reason::ChatRate, Some(SECOND)), (Reason::Slot, None)]);
    rig.executor.resume();
    rig.executor.set_concurrency(50);

    rig.executor.report(Live { scope: "bot", chat: Some("1"), chat_kind: None, retry_after: Some(20 * SECOND) });
    let told = rig.executor.explain("1").unwrap();
    assert_eq!(told.waits[0].reason, Reason::RetryAfter);
    assert_eq!(told.waits[0].chat_id.as_deref(), Some("1"));
    assert!((20 * SECOND..=22 * SECOND).contains(&told.waits[0].wait.unwrap()));
    let learned = rig.executor.learned(10);
    assert_eq!((learned.len(), learned[0].bot_id.as_str(), learned[0].pace), (1, "bot", 0.5));
    assert_eq!(learned[0].chat_id.as_deref(), Some("1"));

    let failing = paced(|_, _| (Duration::ZERO, Err(Error::new(Code::SendFailed, "x").retry_after(Some(4 * SECOND)))));
    failing.submit([job("a")]);
    sleep(SECOND).await;
    assert_eq!(failing.executor.explain("a").unwrap().waits[0].reason, Reason::Backoff);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_could_go_waits_for_nothing_but_the_pause() {
    let rig = paced(at_once);
    rig.executor.pause();
    sleep(SECOND).await;
    rig.submit([job("a")]);
    let waits = rig.executor.explain("a").unwrap().waits;
    assert_eq!(waits.iter().map(|wait| wait.reason).collect::<Vec<_>>(), [Reason::Paused]);
}

#[tokio::test(start_paused = true)]
async fn who_has_jobs_is_not_forgotten_where_names_are_many() {
    let rig = paced(at_once);
    rig.executor.pause();
    rig.submit([TestJob { scope: "quiet".into(), ..job("a") }]);
    for chat in 0..1_000 {
        let chat = chat.to_string();
        rig.executor.report(Live { scope: "loud", chat: Some(&chat), chat_kind: None, retry_after: None });
        sleep(SECOND).await;
    }
    rig.executor.resume();
    assert_eq!(rig.settled(1).await[0].status, Status::Succeeded);
}
