//! The prewarm pipeline against servers that misbehave. Every test says what the fault must lead to, and shows that the
//! fault happened.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::too_many_lines,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use serde_json::json;
use sha2::{Digest, Sha256};
use support::{Act, Seen, Server, head, http};
use warmpath_engine::{
    clock::{Clock, FakeClock},
    executor::{Executor, Outcome, Status},
    pipeline::{Prewarm, PrewarmJob, PrewarmOptions, PrewarmValue},
};

const TOKEN: &str = "123456:canary-token";
const NOW_MS: u64 = 1_369_353_600_000;

fn media() -> Vec<u8> {
    (0..300_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn photo() -> Act {
    let body = json!({ "ok": true, "result": { "message_id": 5, "date": 1, "chat": { "id": 42, "type": "private" },
        "photo": [{ "file_id": "small", "file_unique_id": "us", "width": 9, "height": 6 },
                  { "file_id": "large", "file_unique_id": "ul", "width": 90, "height": 60 }] } });
    http("200 OK", &[("content-type", "application/json")], body.to_string())
}

fn refusal(status: u16, extra: &serde_json::Value) -> Act {
    let mut body = json!({ "ok": false, "error_code": status, "description": "Bad Request: reason" });
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    http(&format!("{status} X"), &[], body.to_string())
}

fn object(_: &Seen) -> Vec<Act> {
    vec![http("200 OK", &[("etag", "\"v1\""), ("content-type", "image/jpeg")], media())]
}

fn accept(_: &Seen) -> Vec<Act> {
    vec![Act::ReadBody, photo()]
}

struct Rig {
    s3: Server,
    telegram: Server,
    clock: Arc<FakeClock>,
    told: Arc<tokio::sync::Notify>,
    options: serde_json::Value,
    job: serde_json::Value,
}

impl Rig {
    async fn new(
        s3: impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static,
        telegram: impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        let (s3, telegram) = (Server::start(s3).await, Server::start(telegram).await);
        let options = json!({
            "s3": { "endpoint": s3.url, "bucket": "media", "accessKeyId": "AK", "secretAccessKey": "canary-secret" },
            "telegram": { "apiRoot": telegram.url },
            "concurrency": 2, "capacity": 10, "verifySha256": true,
            "retry": { "quick": 2, "baseMs": 1, "maxMs": 1 },
            "timeouts": { "connectMs": 2000, "firstByteMs": 2000, "idleMs": 2000, "answerMs": 2000 },
        });
        let job = json!({
            "key": "k", "botSlug": "bot", "sha256": sha256(&media()), "kind": "photo", "r2Key": "dir/á b+c.jpg",
            "token": TOKEN, "chatIds": ["42"],
        });
        Self { s3, telegram, clock: Arc::new(FakeClock::at(NOW_MS)), told: Arc::default(), options, job }
    }

    fn timeout(mut self, name: &str, ms: u64) -> Self {
        self.options["timeouts"][name] = ms.into();
        self
    }

    fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.job[name] = value.into();
        self
    }

    fn executor(&self) -> Executor<Prewarm> {
        let options: PrewarmOptions = serde_json::from_value(self.options.clone()).unwrap();
        let limits = options.executor();
        let clock: Arc<dyn Clock> = self.clock.clone();
        let pipeline = Prewarm::new(options, clock).unwrap();
        let told = Arc::clone(&self.told);
        let on_settled = Box::new(move || told.notify_one());
        Executor::new(pipeline, &limits, &tokio::runtime::Handle::current(), on_settled)
    }

    /// Runs the job, with some fields of its own, to its end. Whatever happened, no secret may stand in the outcome.
    async fn settle(&self, executor: &Executor<Prewarm>, fields: &serde_json::Value) -> Outcome<PrewarmValue> {
        let mut job = self.job.clone();
        job.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let job: PrewarmJob = serde_json::from_value(job).unwrap();
        job.validate().unwrap();
        executor.submit_many([job]);
        tokio::time::timeout(Duration::from_mins(1), self.told.notified()).await.expect("the job was never settled");
        let outcome = executor.take_settled(1).remove(0);
        let text = format!("{outcome:?}{}", serde_json::to_string(&outcome).unwrap());
        assert!(!text.contains("canary"), "{text}");
        outcome
    }

    async fn run(&self) -> Outcome<PrewarmValue> {
        self.settle(&self.executor(), &json!({})).await
    }

    /// Runs the job, which must fail with this code.
    async fn fails(&self, code: &str) -> Outcome<PrewarmValue> {
        let outcome = self.run().await;
        let error = outcome.error.as_ref().unwrap_or_else(|| panic!("succeeded instead of {code}"));
        assert_eq!(error.code, format!("ERR_WARMPATH_{code}"), "{error:?}");
        outcome
    }

    /// Runs the job, which must succeed after `attempts` tries with the right bytes at the other end.
    async fn succeeds(&self, attempts: u32) -> Outcome<PrewarmValue> {
        let outcome = self.run().await;
        assert_eq!(outcome.status, Status::Succeeded, "{:?}", outcome.error);
        assert_eq!(outcome.attempts, attempts);
        let last = self.telegram.seen().pop().unwrap();
        assert!(last.complete);
        assert_eq!(last.file().map(|file| sha256(&file)), Some(sha256(&media())));
        outcome
    }
}

#[tokio::test]
async fn a_file_arrives_whole_with_its_fields_and_comes_back_as_a_file_id() {
    let rig = Rig::new(|r, _| object(r), |r, _| accept(r)).await.with("caption", "olá");
    let outcome = rig.succeeds(1).await;
    let value = outcome.value.unwrap();
    assert_eq!((value.file_id.as_str(), value.file_unique_id.as_str(), value.chat_id.as_str()), ("large", "ul", "42"));
    assert_eq!((value.width, value.height, value.bytes, value.message_id), (Some(90), Some(60), 300_000, 5));
    let get = &rig.s3.seen()[0];
    assert_eq!(get.target, "/media/dir/%C3%A1%20b%2Bc.jpg");
    assert!(get.headers["authorization"].starts_with("AWS4-HMAC-SHA256 Credential=AK/20130524/auto/s3/"));
    let post = &rig.telegram.seen()[0];
    assert_eq!((post.method.as_str(), post.target.as_str()), ("POST", "/bot123456:canary-token/sendPhoto"));
    assert_eq!(post.field("chat_id").as_deref(), Some("42"));
    assert_eq!(post.field("caption").as_deref(), Some("olá"));
    assert!(!post.headers.contains_key("transfer-encoding"));
    assert_eq!(post.headers["content-length"].parse::<usize>().unwrap(), post.body.len());
    let text = String::from_utf8_lossy(&post.body);
    assert!(text.contains(&format!("filename=\"{}.jpg\"\r\ncontent-type: image/jpeg\r\n", sha256(&media()))));
}

#[tokio::test]
async fn a_local_file_is_a_source_too() {
    let path = std::env::temp_dir().join(format!("warmpath-test-{}", std::process::id()));
    std::fs::write(&path, media()).unwrap();
    let mut rig = Rig::new(|r, _| object(r), |r, _| accept(r)).await.with("path", path.to_str().unwrap());
    rig.job.as_object_mut().unwrap().remove("r2Key");
    rig.succeeds(1).await;
    assert!(rig.s3.seen().is_empty());
    std::fs::remove_file(&path).unwrap();
    let outcome = rig.fails("SOURCE_NOT_FOUND").await;
    assert_eq!(outcome.attempts, 1);
}

#[tokio::test]
async fn a_cut_download_resumes_where_it_was_and_the_upload_never_notices() {
    let rig = Rig::new(
        |request, number| match number {
            0 => vec![
                Act::Send([head("200 OK", &[("etag", "\"v1\"")], 300_000), media()[..100_000].to_vec()].concat()),
                Act::Reset,
            ],
            1 => vec![
                Act::Send(
                    [
                        head(
                            "206 Partial Content",
                            &[("etag", "\"v1\""), ("content-range", &rest_of(request))],
                            300_000 - start_of(request),
                        ),
                        media()[start_of(request)..][..50_000].to_vec(),
                    ]
                    .concat(),
                ),
                Act::Close,
            ],
            _ => vec![http(
                "206 Partial Content",
                &[("etag", "\"v1\""), ("content-range", &rest_of(request))],
                &media()[start_of(request)..],
            )],
        },
        |r, _| accept(r),
    )
    .await;
    rig.succeeds(1).await;
    let seen = rig.s3.seen();
    assert_eq!(seen.len(), 3, "both cuts must have bitten");
    assert!(seen[1..].iter().all(|r| r.headers["if-match"] == "\"v1\""));
    assert!(start_of(&seen[2]) > start_of(&seen[1]));
    assert_eq!(rig.telegram.seen().len(), 1);
}

fn start_of(request: &Seen) -> usize {
    request.headers["range"].strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap()
}

fn rest_of(request: &Seen) -> String {
    format!("bytes {}-299999/300000", start_of(request))
}

#[tokio::test]
async fn a_server_that_ignores_the_range_is_read_again_and_one_that_says_200_for_it_is_understood() {
    for whole in [true, false] {
        let rig = Rig::new(
            move |request, number| match number {
                0 => vec![
                    Act::Send([head("200 OK", &[("etag", "\"v1\"")], 300_000), media()[..90_000].to_vec()].concat()),
                    Act::Reset,
                ],
                _ if whole => object(request),
                _ => vec![http(
                    "200 OK",
                    &[("etag", "\"v1\""), ("content-range", &rest_of(request))],
                    &media()[start_of(request)..],
                )],
            },
            |r, _| accept(r),
        )
        .await;
        rig.succeeds(1).await;
        assert_eq!(rig.s3.seen().len(), 2);
    }
}

#[tokio::test]
async fn an_object_that_changes_in_the_middle_is_never_mixed() {
    for status in ["412 Precondition Failed", "206 Partial Content"] {
        let rig = Rig::new(
            move |request, number| match number {
                0 => vec![
                    Act::Send([head("200 OK", &[("etag", "\"v1\"")], 300_000), media()[..100_000].to_vec()].concat()),
                    Act::Reset,
                ],
                1 => vec![http(
                    status,
                    &[("etag", "\"v2\""), ("content-range", &rest_of(request))],
                    vec![0; 300_000 - start_of(request)],
                )],
                _ => object(request),
            },
            |r, _| accept(r),
        )
        .await;
        rig.succeeds(2).await;
        let posts = rig.telegram.seen();
        assert_eq!(posts.iter().map(|post| post.complete).collect::<Vec<_>>(), [false, true]);
    }
}

#[tokio::test]
async fn a_stalled_download_ends_at_its_idle_deadline_and_is_resumed() {
    let rig = Rig::new(
        |request, number| match number {
            0 => vec![
                Act::Send([head("200 OK", &[("etag", "\"v1\"")], 300_000), media()[..100_000].to_vec()].concat()),
                Act::Stall,
            ],
            _ => vec![http(
                "206 Partial Content",
                &[("etag", "\"v1\""), ("content-range", &rest_of(request))],
                &media()[start_of(request)..],
            )],
        },
        |r, _| accept(r),
    )
    .await
    .timeout("idleMs", 300);
    rig.succeeds(1).await;
    assert_eq!(rig.s3.seen().len(), 2);
}

#[tokio::test]
async fn a_download_that_always_stalls_fails_in_the_download_and_sends_nothing() {
    let rig = Rig::new(|_, _| vec![Act::Stall], |r, _| accept(r)).await.timeout("firstByteMs", 100);
    let outcome = rig.fails("DOWNLOAD_TIMEOUT").await;
    assert_eq!(outcome.attempts, 3);
    assert_eq!(rig.s3.seen().len(), 3);
    assert!(rig.telegram.seen().is_empty());
}

#[tokio::test]
async fn two_500s_and_then_the_object() {
    let rig = Rig::new(
        |r, number| {
            if number < 2 { vec![http("500 X", &[], "<Error><Code>InternalError</Code></Error>")] } else { object(r) }
        },
        |r, _| accept(r),
    )
    .await;
    rig.succeeds(3).await;
    assert_eq!(rig.s3.seen().len(), 3);
}

#[tokio::test]
async fn refusals_of_the_store_end_by_their_class() {
    for (status, code, expected, attempts) in [
        ("404 X", "NoSuchKey", "SOURCE_NOT_FOUND", 1),
        ("403 X", "SignatureDoesNotMatch", "S3_SIGNATURE", 1),
        ("403 X", "AccessDenied", "S3_ACCESS", 1),
        ("400 X", "InvalidArgument", "S3_REJECTED", 1),
        ("302 X", "", "S3_PROTOCOL", 1),
        ("503 X", "ServiceUnavailable", "DOWNLOAD_FAILED", 3),
    ] {
        let rig = Rig::new(
            move |_, _| {
                vec![http(
                    status,
                    &[("location", "http://127.0.0.1:1/")],
                    format!("<Error><Code>{code}</Code></Error>"),
                )]
            },
            |r, _| accept(r),
        )
        .await;
        let outcome = rig.fails(expected).await;
        assert_eq!(outcome.attempts, attempts, "{code}");
        assert_eq!(rig.s3.seen().len(), attempts as usize);
        assert!(rig.telegram.seen().is_empty());
    }
}

#[tokio::test]
async fn a_skewed_clock_is_learned_from_the_server_once() {
    let rig = Rig::new(
        |r, number| match number {
            0 => vec![http(
                "403 X",
                &[("date", "Fri, 24 May 2013 02:00:00 GMT")],
                "<Error><Code>RequestTimeTooSkewed</Code></Error>",
            )],
            _ => object(r),
        },
        |r, _| accept(r),
    )
    .await;
    rig.succeeds(1).await;
    let dates: Vec<_> = rig.s3.seen().iter().map(|r| r.headers["x-amz-date"].clone()).collect();
    assert_eq!(dates, ["20130524T000000Z", "20130524T020000Z"]);
}

#[tokio::test]
async fn a_body_without_a_length_is_refused_and_a_short_one_is_resumed() {
    let rig = Rig::new(
        |_, _| vec![Act::Send([b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), media()].concat()), Act::Close],
        |r, _| accept(r),
    )
    .await;
    rig.fails("S3_PROTOCOL").await;
    assert!(rig.telegram.seen().is_empty());
}

#[tokio::test]
async fn wrong_bytes_never_become_a_message() {
    // A file small enough to be read before the upload begins, and one that is found wrong at the very end of it.
    let small = Rig::new(|r, _| object(r), |r, _| accept(r)).await.with("sha256", "0".repeat(64)).with("size", 300_000);
    small.fails("SHA256_MISMATCH").await;
    assert!(small.telegram.seen().iter().all(|post| !post.complete));
    let large = big(|r, _| accept(r)).await.with("sha256", "0".repeat(64));
    let outcome = large.fails("SHA256_MISMATCH").await;
    assert_eq!(serde_json::to_value(outcome.error.unwrap()).unwrap()["certainty"], "not-sent");
    let posts = large.telegram.seen();
    assert_eq!((posts.len(), posts[0].complete), (1, false), "the upload must have begun and never ended");
}

#[tokio::test]
async fn without_verification_the_bytes_go_as_they_are() {
    let mut rig = Rig::new(|r, _| object(r), |r, _| accept(r)).await.with("sha256", "0".repeat(64));
    rig.options["verifySha256"] = false.into();
    rig.succeeds(1).await;
}

#[tokio::test]
async fn a_429_is_obeyed_to_the_second_and_costs_no_attempt() {
    let rig = Rig::new(
        |r, _| object(r),
        |r, number| {
            if number == 0 {
                vec![Act::ReadBody, refusal(429, &json!({ "parameters": { "retry_after": 2 } }))]
            } else {
                accept(r)
            }
        },
    )
    .await;
    rig.succeeds(1).await;
    let posts = rig.telegram.seen();
    assert_eq!(posts.len(), 2);
    assert!(posts[1].at - posts[0].at >= Duration::from_secs(2), "asked again too early");
}

#[tokio::test]
async fn refusals_of_telegram_end_by_their_class() {
    for (status, expected) in [
        (400, "TELEGRAM_REJECTED"),
        (401, "TELEGRAM_UNAUTHORIZED"),
        (403, "TELEGRAM_CHAT"),
        (413, "TOO_LARGE"),
        (404, "TELEGRAM_UNAUTHORIZED"),
    ] {
        let rig = Rig::new(|r, _| object(r), move |_, _| vec![Act::ReadBody, refusal(status, &json!({}))]).await;
        let outcome = rig.fails(expected).await;
        assert_eq!((outcome.attempts, rig.telegram.seen().len()), (1, 1), "{status}");
        assert!(outcome.error.unwrap().message.contains("Bad Request: reason"));
    }
}

#[tokio::test]
async fn a_502_page_after_the_body_is_in_doubt_and_repeated() {
    let rig = Rig::new(
        |r, _| object(r),
        |r, number| {
            if number == 0 {
                vec![Act::ReadBody, http("502 Bad Gateway", &[("content-type", "text/html")], "<html>nginx</html>")]
            } else {
                accept(r)
            }
        },
    )
    .await;
    let outcome = rig.succeeds(2).await;
    assert_eq!(outcome.possible_duplicates, 1);
}

#[tokio::test]
async fn a_reset_after_the_last_byte_is_in_doubt() {
    let mut rig = Rig::new(|r, _| object(r), |_, _| vec![Act::ReadBody, Act::Reset]).await;
    rig.options["retry"]["quick"] = 0.into();
    let outcome = rig.fails("SEND_AMBIGUOUS").await;
    assert!(rig.telegram.seen()[0].complete);
    let error = serde_json::to_value(outcome.error.unwrap()).unwrap();
    assert_eq!((error["certainty"].as_str(), error["phase"].as_str()), (Some("maybe-sent"), Some("answer")));
    assert_eq!(outcome.possible_duplicates, 1);
}

#[tokio::test]
async fn silence_after_the_last_byte_is_in_doubt() {
    let mut rig = Rig::new(|r, _| object(r), |_, _| vec![Act::ReadBody, Act::Stall]).await.timeout("answerMs", 200);
    rig.options["retry"]["quick"] = 0.into();
    rig.fails("SEND_AMBIGUOUS").await;
    assert!(rig.telegram.seen()[0].complete);
}

/// More than the kernel's buffers of a loopback connection hold, so that a receiver who stops reading is felt.
const BIG: usize = 16 << 20;

fn big_object(_: &Seen, _: usize) -> Vec<Act> {
    vec![http("200 OK", &[("etag", "\"v1\"")], vec![7; BIG])]
}

async fn big(telegram: impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static) -> Rig {
    let mut rig = Rig::new(big_object, telegram).await.with("kind", "video").with("sha256", sha256(&vec![7; BIG]));
    rig.options["retry"]["quick"] = 0.into();
    rig
}

#[tokio::test]
async fn a_reset_before_the_last_byte_leaves_no_doubt() {
    let rig = big(|_, _| vec![Act::ReadSome(1000), Act::Reset]).await;
    let outcome = rig.fails("SEND_FAILED").await;
    let error = serde_json::to_value(outcome.error.unwrap()).unwrap();
    assert_eq!((error["certainty"].as_str(), error["phase"].as_str()), (Some("not-sent"), Some("upload")));
    assert!(!rig.telegram.seen()[0].complete);
}

#[tokio::test]
async fn a_receiver_that_stops_reading_ends_at_the_idle_deadline() {
    let rig = big(|_, _| vec![Act::ReadSome(1000), Act::Stall]).await.timeout("idleMs", 300);
    let outcome = rig.fails("SEND_FAILED").await;
    assert_eq!(serde_json::to_value(outcome.error.unwrap()).unwrap()["phase"], "upload");
    assert!(!rig.telegram.seen()[0].complete);
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_body_is_heard() {
    let rig = big(|_, _| vec![Act::ReadSome(1000), refusal(401, &json!({})), Act::Stall]).await;
    rig.fails("TELEGRAM_UNAUTHORIZED").await;
    assert!(!rig.telegram.seen()[0].complete);
}

#[tokio::test]
async fn a_file_beyond_telegrams_limit_is_refused_before_a_byte_is_sent() {
    let rig = Rig::new(big_object, |r, _| accept(r)).await;
    rig.fails("TOO_LARGE").await;
    assert!(rig.telegram.seen().is_empty());
}

#[tokio::test]
async fn a_redirect_of_telegram_is_not_followed() {
    let followed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&followed);
    let elsewhere = Server::start(move |r, _| {
        count.fetch_add(1, SeqCst);
        accept(r)
    })
    .await;
    let url = elsewhere.url.clone();
    let rig =
        Rig::new(|r, _| object(r), move |_, _| vec![Act::ReadBody, http("307 X", &[("location", &url)], "")]).await;
    rig.fails("TELEGRAM_PROTOCOL").await;
    assert_eq!((followed.load(SeqCst), rig.telegram.seen().len()), (0, 1));
}

#[tokio::test]
async fn another_kind_than_asked_for_is_not_taken() {
    let rig = Rig::new(|r, _| object(r), |r, _| accept(r)).await.with("kind", "video");
    let outcome = rig.fails("TELEGRAM_KIND").await;
    assert!(outcome.error.unwrap().message.contains("sent as video, became photo"));
}

#[tokio::test]
async fn nobody_listening_is_transient_and_nothing_was_sent() {
    let mut rig = Rig::new(|r, _| object(r), |r, _| accept(r)).await;
    rig.options["telegram"]["apiRoot"] = "http://127.0.0.1:1".into();
    let outcome = rig.fails("SEND_FAILED").await;
    assert_eq!(outcome.attempts, 3);
    assert_eq!(serde_json::to_value(outcome.error.unwrap()).unwrap()["certainty"], "not-sent");
}

#[tokio::test]
async fn connections_are_kept_and_a_closed_one_is_noticed_before_it_is_used() {
    for (closes, connections) in [(false, 1), (true, 5)] {
        let rig =
            Rig::new(move |r, _| object(r).into_iter().chain(closes.then_some(Act::Close)).collect(), |r, _| accept(r))
                .await;
        let executor = rig.executor();
        for round in 0..5 {
            let outcome = rig.settle(&executor, &json!({ "key": round.to_string() })).await;
            assert_eq!((outcome.status, outcome.attempts), (Status::Succeeded, 1), "{:?}", outcome.error);
        }
        assert_eq!((rig.s3.connections(), rig.telegram.connections()), (connections, 1));
    }
}
