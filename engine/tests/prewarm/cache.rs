//! One download for several jobs.

use super::rig::*;

const ROOM: u64 = 64 << 20;

/// A rig with a byte cache; no byte goes by URL.
async fn cached(s3: impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static) -> Rig {
    let rig = Rig::new(s3, |r, _| accept(r)).await.option("route", "stream");
    rig.option("cache", json!({ "maxBytes": ROOM })).option("concurrency", 8)
}

fn bots(rig: &Rig, count: usize) -> Vec<warmpath_engine::pipeline::PrewarmJob> {
    (0..count).map(|bot| rig.job(&json!({ "key": format!("k{bot}"), "botSlug": format!("bot{bot}") }))).collect()
}

fn route(outcome: &Outcome<PrewarmValue>) -> Route {
    outcome.value.as_ref().unwrap_or_else(|| panic!("{:?}", outcome.error)).route
}

/// Every upload has the right bytes.
fn all_right(rig: &Rig, uploads: usize, bytes: &[u8]) {
    let posts = rig.telegram.seen();
    let whole: Vec<_> = posts.iter().filter(|post| post.complete).collect();
    assert_eq!(whole.len(), uploads);
    assert!(whole.iter().all(|post| post.file().map(|file| sha256(&file)) == Some(sha256(bytes))));
}

#[tokio::test]
async fn bots_at_once_share_one_download() {
    let rig = cached(|r, _| object(r)).await;
    let (executor, cache) = rig.executor_and_cache();
    executor.submit_many(bots(&rig, 8));
    let mut routes = Vec::new();
    let mut read = 0;
    for _ in 0..8 {
        let outcome = rig.next(&executor).await;
        read += outcome.bytes;
        routes.push(route(&outcome));
    }
    assert_eq!(rig.s3.seen().len(), 1);
    assert_eq!(routes.iter().filter(|route| **route == Route::Stream).count(), 1);
    assert_eq!(read, 300_000, "bytes out of the cache are not counted as read");
    all_right(&rig, 8, &media());
    let counted = cache.unwrap().snapshot();
    assert_eq!((counted.hits, counted.misses, counted.entries, counted.bytes), (7, 1, 1, 300_000));
}

#[tokio::test]
async fn a_bot_that_comes_later_finds_the_bytes_until_their_time_is_over() {
    let rig = cached(|r, _| object(r)).await.option("cache", json!({ "maxBytes": ROOM, "ttlMs": 500 }));
    let (executor, cache) = rig.executor_and_cache();
    let cache = cache.unwrap();
    assert_eq!(route(&rig.settle(&executor, &json!({ "key": "a" })).await), Route::Stream);
    assert_eq!(route(&rig.settle(&executor, &json!({ "key": "b", "botSlug": "other" })).await), Route::Cache);
    assert_eq!(rig.s3.seen().len(), 1);
    // Nobody asks, and yet the memory comes back.
    until("the entry to be forgotten", || cache.snapshot().bytes == 0).await;
    assert_eq!(cache.snapshot().entries, 0);
    assert_eq!(route(&rig.settle(&executor, &json!({ "key": "c" })).await), Route::Stream);
    assert_eq!(rig.s3.seen().len(), 2);
}

#[tokio::test]
async fn a_large_file_goes_through_a_file_without_a_name() {
    let dir = std::env::temp_dir().join(format!("warmpath-spool-{:x}", fastrand::u64(..)));
    std::fs::create_dir(&dir).unwrap();
    let rig = mid().await.option("cache", json!({ "maxBytes": ROOM, "dir": dir })).option("concurrency", 4);
    let (executor, cache) = rig.executor_and_cache();
    executor.submit_many(bots(&rig, 4));
    until("the file to be open", || spools(&dir) == 1).await;
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0, "it must have no name");
    for _ in 0..4 {
        route(&rig.next(&executor).await);
    }
    assert_eq!(route(&rig.settle(&executor, &json!({ "key": "later" })).await), Route::Cache);
    assert_eq!(rig.s3.seen().len(), 1);
    all_right(&rig, 5, &vec![7; MID]);
    assert_eq!(cache.unwrap().snapshot().bytes, MID as u64);
    drop(executor);
    until("the file to be closed with its last user", || spools(&dir) == 0).await;
    std::fs::remove_dir(&dir).unwrap();
}

/// More than is kept in memory.
const MID: usize = 2 << 20;

async fn mid() -> Rig {
    let rig = Rig::new(|_, _| vec![http("200 OK", &[ETAG], vec![7; MID])], |r, _| accept(r)).await;
    rig.option("route", "stream").with("sha256", sha256(&vec![7; MID]))
}

/// How many files that were once in `dir` this process holds open.
fn spools(dir: &std::path::Path) -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    open.filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok()).filter(|path| path.starts_with(dir)).count()
}

/// The first reader is cancelled in the middle of the download; the second goes on with it.
#[tokio::test]
async fn a_download_whose_reader_was_cancelled_is_taken_on() {
    let rig = cached(|request, number| match number {
        0 => vec![cut(100_000), Act::Stall],
        _ => vec![rest(request)],
    })
    .await
    .timeout("idleMs", 600);
    let executor = rig.executor();
    executor.submit_many([rig.job(&json!({ "key": "first" }))]);
    until("the first upload to begin", || rig.telegram.seen().iter().any(|post| post.body.len() > 90_000)).await;
    executor.submit_many([rig.job(&json!({ "key": "second", "botSlug": "other" }))]);
    until("the second upload to begin", || {
        rig.telegram.seen().iter().filter(|post| post.body.len() > 90_000).count() == 2
    })
    .await;
    assert!(executor.cancel("first"));
    let mut outcomes = [rig.next(&executor).await, rig.next(&executor).await];
    outcomes.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(outcomes[0].error.as_ref().unwrap().code, "ERR_WARMPATH_CANCELLED");
    assert_eq!((route(&outcomes[1]), outcomes[1].attempts), (Route::Cache, 1));
    let reads = rig.s3.seen();
    assert_eq!(reads.len(), 2, "taken on, not begun anew");
    assert_eq!((start_of(&reads[1]), reads[1].headers["if-match"].as_str()), (100_000, "\"v1\""));
    all_right(&rig, 1, &media());
}

/// The store fails for as long as the first reader has patience; the second has patience of its own.
#[tokio::test]
async fn a_failed_download_fails_over_to_the_next_reader() {
    let rig = cached(|request, number| match number {
        0 => vec![cut(100_000), Act::Reset],
        // The first reader gives up after three resumes without a new byte.
        1..=5 => vec![Act::Reset],
        _ => vec![rest(request)],
    })
    .await;
    let executor = rig.executor();
    executor.submit_many(bots(&rig, 2));
    let outcomes = [rig.next(&executor).await, rig.next(&executor).await];
    let reads = rig.s3.seen();
    assert!(reads[1..].iter().all(|read| start_of(read) == 100_000), "every read goes on where the last one stopped");
    assert!(outcomes.iter().all(|outcome| outcome.status == Status::Succeeded));
    let mut attempts = outcomes.each_ref().map(|outcome| outcome.attempts);
    attempts.sort_unstable();
    assert_eq!(attempts, [1, 2], "one gave up and began again, the other never noticed");
    all_right(&rig, 2, &media());
}

#[tokio::test]
async fn an_object_that_changes_is_dead_for_all_its_readers_and_read_anew() {
    let rig = cached(|request, number| match number {
        0 => vec![cut(100_000), Act::Reset],
        1 => vec![http("412 X", &[], "<Error><Code>PreconditionFailed</Code></Error>")],
        _ => object(request),
    })
    .await;
    let executor = rig.executor();
    executor.submit_many(bots(&rig, 3));
    for _ in 0..3 {
        let outcome = rig.next(&executor).await;
        assert_eq!(outcome.status, Status::Succeeded, "{:?}", outcome.error);
    }
    assert_eq!(rig.s3.seen().len(), 3, "one new read for all");
    all_right(&rig, 3, &media());
}

#[tokio::test]
async fn wrong_bytes_reach_nobody_and_are_not_kept() {
    let rig = cached(|r, _| object(r)).await.with("sha256", "0".repeat(64));
    let (executor, cache) = rig.executor_and_cache();
    executor.submit_many(bots(&rig, 3));
    for _ in 0..3 {
        assert_eq!(rig.next(&executor).await.error.unwrap().code, "ERR_WARMPATH_SHA256_MISMATCH");
    }
    let cache = cache.unwrap();
    until("the bytes to be dropped", || cache.snapshot().bytes == 0).await;
    assert!(rig.telegram.seen().iter().all(|post| !post.complete));
    rig.settle(&executor, &json!({ "key": "later" })).await.error.unwrap();
    assert!(rig.s3.seen().len() > 1);
}

/// Two objects should have the same bytes, and one has not: it must not spoil the other.
#[tokio::test]
async fn a_reader_of_another_object_is_not_failed_for_the_wrong_bytes_of_the_first() {
    let rig = cached(|request, _| {
        if request.target.contains("wrong") {
            return vec![http("200 OK", &[ETAG], vec![9; 300_000])];
        }
        object(request)
    })
    .await;
    let executor = rig.executor();
    let wrong = rig.job(&json!({ "key": "wrong", "r2Key": "wrong.jpg" }));
    let right = rig.job(&json!({ "key": "right", "r2Key": "right.jpg", "botSlug": "other" }));
    executor.submit_many([wrong, right]);
    let mut succeeded = 0;
    for _ in 0..2 {
        let outcome = rig.next(&executor).await;
        match (outcome.key.as_str(), outcome.error) {
            // When it looks again, the right bytes may be here: they are what it asked for.
            ("right" | "wrong", None) => succeeded += 1,
            ("wrong", Some(error)) => assert_eq!(error.code, "ERR_WARMPATH_SHA256_MISMATCH"),
            (_, error) => panic!("{error:?}"),
        }
    }
    all_right(&rig, succeeded, &media());
}

/// Without verification nobody checks a reader's bytes: equal hashes of two objects are only said to be equal.
#[tokio::test]
async fn without_verification_two_objects_are_two_downloads() {
    let rig = cached(|r, _| object(r)).await.option("verifySha256", false);
    let (executor, cache) = rig.executor_and_cache();
    let jobs =
        ["a.jpg", "b.jpg", "a.jpg"].map(|key| rig.job(&json!({ "key": fastrand::u64(..).to_string(), "r2Key": key })));
    executor.submit_many(jobs);
    for _ in 0..3 {
        assert_eq!(rig.next(&executor).await.status, Status::Succeeded);
    }
    assert_eq!((rig.s3.seen().len(), cache.unwrap().snapshot().entries), (2, 2));
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_means_streaming() {
    let rig = mid().await.option("cache", json!({ "maxBytes": ROOM, "dir": "/dev/null" }));
    let (executor, cache) = rig.executor_and_cache();
    for key in ["a", "b"] {
        let outcome = rig.settle(&executor, &json!({ "key": key })).await;
        assert_eq!((route(&outcome), outcome.attempts), (Route::Stream, 1));
    }
    let counted = cache.unwrap().snapshot();
    assert_eq!((counted.failures, counted.bytes, counted.entries), (2, 0, 0), "each had its own try");
    all_right(&rig, 2, &vec![7; MID]);
}

#[tokio::test]
async fn what_does_not_fit_is_streamed() {
    let rig = cached(|r, _| object(r)).await.option("cache", json!({ "maxBytes": 299_999 }));
    let (executor, cache) = rig.executor_and_cache();
    assert_eq!(route(&rig.settle(&executor, &json!({})).await), Route::Stream);
    let counted = cache.unwrap().snapshot();
    assert_eq!((counted.bypassed, counted.bytes, counted.entries), (1, 0, 0));
}

#[tokio::test]
async fn an_empty_object_is_refused_and_not_kept() {
    let rig = cached(|_, _| vec![http("200 OK", &[ETAG], "")]).await;
    let (executor, cache) = rig.executor_and_cache();
    let outcome = rig.settle(&executor, &json!({})).await;
    assert_eq!(outcome.error.unwrap().code, "ERR_WARMPATH_TELEGRAM_REJECTED");
    assert_eq!(cache.unwrap().snapshot().entries, 0);
}

#[tokio::test]
async fn an_open_that_fails_is_tried_by_the_next_one_for_itself() {
    let rig =
        cached(
            |r, number| {
                if number == 0 { vec![http("404 X", &[], "<Error><Code>NoSuchKey</Code></Error>")] } else { object(r) }
            },
        )
        .await;
    let executor = rig.executor();
    executor.submit_many(bots(&rig, 3));
    let mut failed = 0;
    for _ in 0..3 {
        failed += usize::from(rig.next(&executor).await.status == Status::Failed);
    }
    assert_eq!((failed, rig.s3.seen().len()), (1, 2));
}

/// Two objects have one version text, as stores with versions of their own making have it.
#[tokio::test]
async fn bytes_of_another_object_do_not_vouch_for_this_one() {
    let rig = cached(|r, _| object(r)).await.option("route", "auto");
    let rig = rig.option("cache", json!({ "maxBytes": ROOM, "ttlMs": 300 }));
    let (executor, cache) = rig.executor_and_cache();
    let run = async |key: &str, object: &str| {
        let value = rig.settle(&executor, &json!({ "key": key, "r2Key": object })).await.value.unwrap();
        (value.route, value.route_reason)
    };
    assert_eq!(run("a", "one.jpg").await, (Route::Stream, Reason::Unverified));
    assert_eq!(run("b", "two.jpg").await, (Route::Cache, Reason::BytesHere));
    let cache = cache.unwrap();
    until("the entry to be forgotten", || cache.snapshot().bytes == 0).await;
    assert_eq!(run("c", "one.jpg").await, (Route::Url, Reason::Direct));
    assert_eq!(run("d", "two.jpg").await, (Route::Stream, Reason::Unverified), "nobody has read it yet");
}
