//! What happens after a failed try.

use super::*;

#[tokio::test(start_paused = true)]
async fn transient_failures_are_tried_again_and_counted() {
    let rig = rig(OPTIONS, |_, attempt| {
        (SECOND, if attempt < 3 { Err(Error::new(Code::DownloadFailed, "x")) } else { Ok(attempt) })
    });
    rig.submit([job("a")]);
    let outcome = rig.settled(1).await.remove(0);
    assert_eq!((outcome.status, outcome.value, outcome.attempts), (Status::Succeeded, Some(3), 3));
    assert_eq!(rig.executor.stats().retries, 2);
}

#[tokio::test(start_paused = true)]
async fn a_job_between_two_tries_holds_no_slot() {
    let rig = rig(ExecutorOptions { concurrency: 1, ..OPTIONS }, |job, attempt| {
        let fail = job.key == "a" && attempt == 1;
        (SECOND, if fail { Err(Error::new(Code::SendFailed, "x").retry_after(Some(3 * SECOND))) } else { Ok(attempt) })
    });
    rig.submit([job("a"), job("b"), job("c")]);
    rig.settled(3).await;
    assert_eq!(rig.started(), ["a", "b", "c", "a"]);
}

#[tokio::test(start_paused = true)]
async fn retries_end_and_permanent_failures_have_none() {
    let rig = rig(OPTIONS, |job, _| {
        let code = if job.key == "t" { Code::DownloadFailed } else { Code::TelegramRejected };
        (SECOND, Err(Error::new(code, "x").at(Phase::Answer)))
    });
    rig.submit([job("t"), job("p")]);
    let outcomes = rig.settled(2).await;
    let attempts: HashMap<_, _> = outcomes.iter().map(|o| (o.key.as_str(), (o.attempts, o.charged))).collect();
    assert_eq!(attempts["t"], (3, true));
    assert_eq!(attempts["p"], (1, true));
    let stats = rig.executor.stats();
    assert_eq!((stats.by_class["transient"], stats.by_class["permanent"], stats.failed), (1, 1, 2));
}

#[tokio::test(start_paused = true)]
async fn ambiguous_tries_are_counted_as_possible_duplicates() {
    let rig = rig(OPTIONS, |_, attempt| {
        (SECOND, if attempt == 1 { Err(Error::new(Code::SendAmbiguous, "x").maybe_sent()) } else { Ok(attempt) })
    });
    rig.submit([job("a")]);
    let outcome = rig.settled(1).await.remove(0);
    assert_eq!((outcome.status, outcome.possible_duplicates), (Status::Succeeded, 1));
    assert_eq!(rig.executor.stats().possible_duplicates, 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_settles_its_job_and_frees_its_slot() {
    let rig = rig(ExecutorOptions { concurrency: 1, ..OPTIONS }, |job, _| {
        assert_ne!(job.key, "bad", "a planted panic");
        (SECOND, Ok(1))
    });
    rig.submit([job("bad"), job("good")]);
    let outcomes = rig.settled(2).await;
    assert_eq!(outcomes[0].error.as_ref().unwrap().class, "bug");
    assert_eq!(outcomes[1].status, Status::Succeeded);
    assert_eq!(rig.executor.stats().running, 0);
}
