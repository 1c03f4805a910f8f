//! What a 429 closes, who waits for it, and who is given back.

use super::*;

/// The seconds at which each job began, in order.
fn starts(rig: &Rig, begin: Instant) -> Vec<(String, u64)> {
    rig.order.lock().iter().map(|(key, at)| (key.clone(), (*at - begin).as_secs())).collect()
}

fn named(starts: &[(&str, u64)]) -> Vec<(String, u64)> {
    starts.iter().map(|(key, at)| ((*key).to_owned(), *at)).collect()
}

/// A rig in which the first try of each of these jobs is refused for so many seconds.
fn refusing(concurrency: usize, refused: &'static [&'static str], seconds: u64) -> Rig {
    rig(ExecutorOptions { concurrency, ..OPTIONS }, move |job, attempt| {
        let error = || Error::new(Code::TelegramThrottled, "x").retry_after(Some(Duration::from_secs(seconds)));
        let throttled = attempt == 1 && refused.contains(&job.key.as_str());
        (Duration::ZERO, if throttled { Err(error()) } else { Ok(attempt) })
    })
}

fn to(chat: &str, key: &str) -> TestJob {
    TestJob { chats: vec![chat.into()], ..job(key) }
}

#[tokio::test(start_paused = true)]
async fn a_429_holds_its_chat_back_but_no_other_and_costs_nothing() {
    let rig = refusing(1, &["a"], 2);
    let begin = Instant::now();
    let other = TestJob { scope: "other".into(), ..job("c") };
    rig.submit([job("a"), job("b"), other, to("2", "d")]);
    let outcomes = rig.settled(4).await;
    assert!(outcomes.iter().all(|o| o.attempts == 1 && o.status == Status::Succeeded), "{outcomes:?}");
    assert_eq!(starts(&rig, begin), named(&[("a", 0), ("c", 0), ("d", 0), ("a", 2), ("b", 2)]));
}

#[tokio::test(start_paused = true)]
async fn without_limits_a_429_is_obeyed_and_teaches_no_pace() {
    let rig = refusing(1, &["a"], 2);
    rig.submit([job("a")]);
    sleep(SECOND).await;
    assert_eq!(rig.executor.learned(10).iter().map(|one| one.pace).collect::<Vec<_>>(), [1.0], "it is blocked");
    rig.settled(1).await;
    assert!(rig.executor.learned(10).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_429_of_a_second_chat_holds_the_whole_token_back() {
    let rig = refusing(1, &["a", "b"], 2);
    let begin = Instant::now();
    rig.submit([to("1", "a"), to("2", "b"), to("3", "c"), TestJob { scope: "other".into(), ..job("d") }]);
    rig.settled(4).await;
    let starts = starts(&rig, begin);
    assert_eq!(starts[..3], named(&[("a", 0), ("d", 0), ("b", 0)]));
    assert!(starts[3..].iter().all(|(_, at)| *at == 2), "{starts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_long_429_means_the_whole_token_wherever_it_came_from() {
    let rig = refusing(1, &["a"], 31);
    let begin = Instant::now();
    rig.submit([to("1", "a"), to("2", "b")]);
    rig.settled(2).await;
    let starts = starts(&rig, begin);
    assert!(starts[1..].iter().all(|(_, at)| (31..=35).contains(at)), "{starts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_429_of_the_live_bot_counts_as_our_own() {
    let rig = refusing(1, &[], 0);
    let begin = Instant::now();
    let live = |chat, wait| Live { scope: "bot", chat, chat_kind: None, retry_after: Some(wait) };
    rig.executor.report(live(Some("1"), 3 * SECOND));
    rig.submit([to("1", "a"), to("2", "b")]);
    rig.settled(2).await;
    rig.executor.report(live(None, 3 * SECOND));
    rig.submit([to("3", "c")]);
    rig.settled(1).await;
    assert_eq!(starts(&rig, begin), named(&[("b", 0), ("a", 3), ("c", 6)]));
}

#[tokio::test(start_paused = true)]
async fn a_job_with_another_chat_takes_that_one() {
    let rig = refusing(1, &["a"], 4);
    let begin = Instant::now();
    rig.submit([TestJob { chats: vec!["1".into(), "2".into()], ..job("a") }]);
    rig.settled(1).await;
    assert_eq!(starts(&rig, begin), named(&[("a", 0), ("a", 0)]));
    assert_eq!(*rig.chats.lock(), ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn a_long_429_gives_leased_jobs_back_uncharged_with_their_time() {
    let rig = refusing(1, &["a"], 35);
    let lease = Some(60 * SECOND);
    rig.submit([TestJob { lease, ..job("a") }, TestJob { lease, ..job("b") }]);
    let mut outcomes = rig.settled(2).await;
    rig.submit([TestJob { lease, ..job("c") }]);
    outcomes.extend(rig.settled(1).await);
    assert_eq!(rig.started(), ["a"]);
    for outcome in outcomes {
        assert!(!outcome.charged);
        let error = outcome.error.unwrap();
        assert_eq!((error.code, error.class), ("ERR_WARMPATH_TELEGRAM_THROTTLED", "throttled"));
        assert!(error.retry_after_ms.unwrap() > 34_000, "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_lease_a_long_429_is_waited_for() {
    let rig = refusing(1, &["a"], 10_000);
    let begin = Instant::now();
    rig.submit([job("a")]);
    let outcome = rig.settled(1).await.remove(0);
    assert_eq!((outcome.status, outcome.attempts), (Status::Succeeded, 1));
    assert!((10_000..=11_000).contains(&begin.elapsed().as_secs()));
}

#[tokio::test(start_paused = true)]
async fn a_429_of_the_object_store_holds_nobody_else_back() {
    let rig = rig(ExecutorOptions { concurrency: 1, ..OPTIONS }, |job, attempt| {
        let error = || Error::new(Code::S3Throttled, "x").retry_after(Some(2 * SECOND));
        (Duration::ZERO, if job.key == "a" && attempt == 1 { Err(error()) } else { Ok(attempt) })
    });
    let begin = Instant::now();
    rig.submit([job("a"), job("b")]);
    let outcomes = rig.settled(2).await;
    assert!(outcomes.iter().all(|o| o.attempts == 1), "{outcomes:?}");
    assert_eq!(starts(&rig, begin), named(&[("a", 0), ("b", 0), ("a", 2)]));
}
