//! Cancelling, leases, and that every job ends once.

use super::*;

#[tokio::test(start_paused = true)]
async fn cancelling_reaches_every_place() {
    let rig = rig(ExecutorOptions { concurrency: 1, ..OPTIONS }, |job, _| {
        let wait = job.key == "waiting";
        (
            if wait { Duration::ZERO } else { 100 * SECOND },
            Err(Error::new(Code::SendFailed, "x").retry_after(Some(4 * SECOND))),
        )
    });
    rig.submit([job("waiting"), job("running"), job("queued")]);
    while rig.executor.stats().waiting == 0 || rig.executor.stats().running == 0 {
        sleep(Duration::from_millis(1)).await;
    }
    for key in ["waiting", "running", "queued"] {
        assert!(rig.executor.cancel(key), "{key}");
    }
    let outcomes = rig.settled(3).await;
    for outcome in &outcomes {
        let error = outcome.error.as_ref().unwrap();
        assert_eq!(
            (error.code, outcome.charged, error.certainty),
            ("ERR_WARMPATH_CANCELLED", false, Certainty::NotSent)
        );
    }
    assert_eq!(rig.running.load(SeqCst), 0, "the running future was not dropped");
    assert!(!rig.executor.cancel("queued"));
    let stats = rig.executor.stats();
    assert_eq!((stats.queued, stats.waiting, stats.running), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lease_ends_a_job_five_seconds_early_unless_it_is_extended() {
    let rig = rig(OPTIONS, |_, _| (30 * SECOND, Ok(1)));
    let lease = Some(20 * SECOND);
    rig.submit([TestJob { lease, ..job("lost") }, TestJob { lease, ..job("kept") }]);
    let begin = Instant::now();
    advance(10 * SECOND).await;
    assert_eq!(rig.executor.extend(&["kept".into(), "unknown".into()], 40 * SECOND), [true, false]);
    let first = rig.settled(1).await.remove(0);
    assert_eq!(first.key, "lost");
    assert_eq!(first.error.unwrap().code, "ERR_WARMPATH_LEASE_LOST");
    assert!(!first.charged);
    assert_eq!(begin.elapsed().as_secs(), 15);
    assert_eq!(rig.settled(1).await[0].status, Status::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_stopped_after_its_request_counts_as_a_possible_duplicate() {
    let rig = rig(ExecutorOptions { concurrency: 4, ..OPTIONS }, |_, _| (100 * SECOND, Ok(1)));
    let lease = Some(20 * SECOND);
    for (key, sends) in [("sent", true), ("unsent", false)] {
        rig.submit([TestJob { sends, ..job(format!("cancelled, {key}")) }]);
        rig.submit([TestJob { lease, sends, ..job(format!("lease, {key}")) }]);
    }
    while rig.running.load(SeqCst) < 4 {
        sleep(Duration::from_millis(1)).await;
    }
    assert!(rig.executor.cancel("cancelled, sent") && rig.executor.cancel("cancelled, unsent"));
    for outcome in rig.settled(4).await {
        let sent = !outcome.key.ends_with("unsent");
        let certainty = if sent { Certainty::MaybeSent } else { Certainty::NotSent };
        assert_eq!(outcome.error.unwrap().certainty, certainty, "{}", outcome.key);
        assert_eq!(outcome.possible_duplicates, u32::from(sent), "{}", outcome.key);
    }
    assert_eq!(rig.executor.stats().possible_duplicates, 2);
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_lease_is_over_never_starts() {
    let rig = rig(ExecutorOptions { concurrency: 1, ..OPTIONS }, |_, _| (30 * SECOND, Ok(1)));
    rig.submit([job("long"), TestJob { lease: Some(10 * SECOND), ..job("late") }]);
    let outcomes = rig.settled(2).await;
    assert_eq!(outcomes[1].error.as_ref().unwrap().code, "ERR_WARMPATH_LEASE_LOST");
    assert_eq!(rig.started(), ["long"]);
}

/// Whatever the pipeline answers and whoever interferes: every accepted job is settled exactly once, and nothing stays.
#[tokio::test(start_paused = true)]
async fn every_accepted_job_is_settled_exactly_once() {
    for seed in 0..60 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let dice = Mutex::new(fastrand::Rng::with_seed(seed ^ 0xabc));
        let rig = rig(ExecutorOptions { concurrency: 3, capacity: 20, ..OPTIONS }, move |_, attempt| {
            let mut dice = dice.lock();
            let time = Duration::from_millis(dice.u64(0..2_000));
            let wait = dice.bool().then(|| Duration::from_millis(dice.u64(0..8_000)));
            let result = match dice.u8(0..8) {
                0 => Err(Error::new(Code::DownloadFailed, "x")),
                1 => Err(Error::new(Code::TelegramThrottled, "x").retry_after(wait)),
                2 => Err(Error::new(Code::SendAmbiguous, "x").maybe_sent()),
                3 => Err(Error::new(Code::TelegramRejected, "x")),
                _ => Ok(attempt),
            };
            (time, result)
        });
        let mut accepted = HashMap::<String, i32>::new();
        for _ in 0..200 {
            match rng.u8(0..10) {
                0..=5 => {
                    let new = TestJob { scope: format!("s{}", rng.u8(0..3)), ..job(rng.u8(0..30)) };
                    let key = new.key.clone();
                    if rig.submit([new]) == [Submitted::Queued] {
                        *accepted.entry(key).or_default() += 1;
                    }
                }
                6 => drop(rig.executor.cancel(&rng.u8(0..30).to_string())),
                7 => rig.executor.pause(),
                8 => rig.executor.resume(),
                _ => rig.executor.set_concurrency(rng.usize(1..5)),
            }
            sleep(Duration::from_millis(rng.u64(0..400))).await;
        }
        rig.executor.resume();
        let total: i32 = accepted.values().sum();
        for outcome in rig.settled(usize::try_from(total).unwrap()).await {
            *accepted.get_mut(&outcome.key).unwrap() -= 1;
        }
        assert!(accepted.values().all(|left| *left == 0), "seed {seed}: {accepted:?}");
        let stats = rig.executor.stats();
        assert_eq!((stats.queued, stats.waiting, stats.running), (0, 0, 0), "seed {seed}");
        assert!(rig.executor.list().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_never_ran_has_waited_all_its_time() {
    let rig = rig(OPTIONS, ok);
    rig.executor.pause();
    rig.submit([job("a")]);
    sleep(7 * SECOND).await;
    assert!(rig.executor.cancel("a"));
    let timings = rig.settled(1).await.remove(0).timings;
    assert_eq!(timings.phases().map(|(name, _)| name), ["queue", "download", "upload", "answer", "total"]);
    for (phase, ms) in timings.phases() {
        let waited = matches!(phase, "queue" | "total");
        assert!(if waited { (7000.0..7100.0).contains(&ms) } else { ms == 0.0 }, "{phase}: {ms}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_times_of_a_job_add_up() {
    let rig = rig(ExecutorOptions { concurrency: 1, ..OPTIONS }, |_, _| (3 * SECOND, Ok(1)));
    rig.submit([job("a"), job("b")]);
    let outcomes = rig.settled(2).await;
    for (outcome, queued) in outcomes.iter().zip([0.0, 3000.0]) {
        let timings = &outcome.timings;
        assert!((timings.queue - queued).abs() < 50.0, "{timings:?}");
        assert!((timings.total - queued - 3000.0).abs() < 50.0, "{timings:?}");
        assert!(timings.download > 2900.0 && timings.upload > 2900.0, "never read to its end, never sent: {timings:?}");
    }
}
