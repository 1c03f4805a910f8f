//! Which way the bytes go, and what is tried when a way is closed.

use super::rig::*;

const UNFETCHED: &str = "failed to get HTTP URL content";

/// Nobody asks for verification, so Telegram may fetch.
async fn unverified(telegram: impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static) -> Rig {
    Rig::new(|r, _| object(r), telegram).await.option("verifySha256", false)
}

fn way(outcome: &Outcome<PrewarmValue>) -> (Route, Reason) {
    let value = outcome.value.as_ref().unwrap_or_else(|| panic!("{:?}", outcome.error));
    (value.route, value.route_reason)
}

fn methods(server: &Server) -> Vec<String> {
    server.seen().into_iter().map(|request| request.method).collect()
}

#[tokio::test]
async fn telegram_fetches_by_itself_and_no_byte_goes_through_here() {
    let rig = unverified(|r, _| accept(r)).await.with("caption", "olá");
    let outcome = rig.run().await;
    assert_eq!(way(&outcome), (Route::Url, Reason::Direct));
    assert_eq!((outcome.bytes, outcome.value.unwrap().bytes), (0, 300_000));
    let post = &rig.telegram.seen()[0];
    assert!(post.body.len() < 3000 && post.file().is_none());
    assert_eq!(post.field("caption").as_deref(), Some("olá"));
    let url = post.field("photo").unwrap();
    assert_eq!(methods(&rig.s3), ["HEAD"]);
    // Whoever has the URL reads the object.
    let path = url.strip_prefix(&rig.s3.url).unwrap();
    assert!(path.starts_with("/media/dir/%C3%A1%20b%2Bc.jpg?X-Amz-Algorithm=AWS4-HMAC-SHA256"), "{path}");
    assert!(path.contains("X-Amz-Expires=62&"), "{path}");
}

#[tokio::test]
async fn a_job_that_knows_size_and_type_asks_the_store_nothing() {
    let rig = unverified(|r, _| accept(r)).await.with("size", 300_000).with("contentType", "image/png");
    assert_eq!(way(&rig.run().await), (Route::Url, Reason::Direct));
    assert!(rig.s3.seen().is_empty());
    let url = rig.telegram.seen()[0].field("photo").unwrap();
    assert!(url.contains("response-content-type=image%2Fpng"), "the store may say something else: {url}");
}

/// mymmrac/telego#207: Telegram remembers a failure by its URL.
#[tokio::test]
async fn a_url_that_is_not_fetched_is_tried_with_a_nonce_and_then_the_bytes_are_sent() {
    for text in [UNFETCHED, "wrong file identifier/HTTP URL specified", "WEBPAGE_CURL_FAILED"] {
        let rig =
            unverified(move |r, number| if number < 2 { vec![Act::ReadBody, bad(text)] } else { accept(r) }).await;
        let outcome = rig.succeeds(1).await;
        assert_eq!(way(&outcome), (Route::Stream, Reason::Unreachable));
        assert_eq!(outcome.possible_duplicates, 0);
        let posts = rig.telegram.seen();
        let urls: Vec<_> = posts[..2].iter().map(|post| post.field("photo").unwrap()).collect();
        assert!(!urls[0].contains("x-nonce=") && urls[1].contains("x-nonce="));
        assert_eq!((posts.len(), methods(&rig.s3)), (3, vec!["HEAD".to_owned(), "GET".to_owned()]));
    }
}

#[tokio::test]
async fn the_nonce_alone_can_be_enough() {
    let rig = unverified(|r, n| if n == 0 { vec![Act::ReadBody, bad(UNFETCHED)] } else { accept(r) }).await;
    assert_eq!(way(&rig.run().await), (Route::Url, Reason::Direct));
    assert_eq!((rig.telegram.seen().len(), methods(&rig.s3)), (2, vec!["HEAD".to_owned()]));
}

#[tokio::test]
async fn with_the_url_route_alone_no_byte_is_read_whatever_happens() {
    let rig = unverified(|_, _| vec![Act::ReadBody, bad(UNFETCHED)]).await.option("route", "url");
    let outcome = rig.fails("TELEGRAM_REJECTED").await;
    assert_eq!((outcome.attempts, rig.telegram.seen().len()), (1, 2));
    assert_eq!(methods(&rig.s3), ["HEAD"]);
    rig.with("kind", "video_note").fails("INVALID_JOB").await;
}

#[tokio::test]
async fn what_telegram_echoes_of_the_url_does_not_get_into_the_outcome() {
    fn echo(request: &Seen) -> Vec<u8> {
        let url = request.field("photo").unwrap();
        assert!(url.contains("X-Amz-Signature="));
        // Nothing in front of it, and a short key: the signature must not be lost by the length of the text alone.
        match bad(&url) {
            Act::Send(bytes) => bytes,
            _ => Vec::new(),
        }
    }
    // The rig refuses any outcome with a signature in it.
    let rig = unverified(|_, _| vec![Act::ReadBody, Act::Answer(echo)]).await.option("route", "url");
    let rig = rig.with("r2Key", "k");
    let outcome = rig.fails("TELEGRAM_REJECTED").await;
    assert_eq!(
        outcome.error.unwrap().message,
        "Telegram answered 400: Bad Request: …",
        "the echo must have come through"
    );
}

#[tokio::test]
async fn a_reset_after_a_url_was_handed_over_is_in_doubt() {
    let mut rig = unverified(|_, _| vec![Act::ReadBody, Act::Reset]).await;
    rig.options["retry"]["quick"] = 0.into();
    assert_eq!(rig.fails("SEND_AMBIGUOUS").await.possible_duplicates, 1);
}

/// The URL had been sent in full; the upload after it was not.
#[tokio::test]
async fn what_was_known_of_the_url_says_nothing_of_the_upload_after_it() {
    let telegram = |_: &Seen, number| match number {
        0 | 1 => vec![Act::ReadBody, bad(UNFETCHED)],
        _ => vec![Act::ReadSome(1000), Act::Reset],
    };
    let mut rig = Rig::new(big_object, telegram).await.option("verifySha256", false);
    rig = rig.with("kind", "video").with("contentType", "video/mp4").with("size", BIG);
    rig.options["retry"]["quick"] = 0.into();
    let outcome = rig.fails("SEND_FAILED").await;
    assert_eq!((rig.telegram.seen().len(), outcome.possible_duplicates), (3, 0));
    assert_eq!(serde_json::to_value(outcome.error.unwrap()).unwrap()["certainty"], "not-sent");
}

#[tokio::test]
async fn urls_that_fail_for_every_object_are_left_alone_for_a_while() {
    let rig =
        unverified(
            |r, _| if r.headers["content-length"].len() < 6 { vec![Act::ReadBody, bad(UNFETCHED)] } else { accept(r) },
        )
        .await;
    let executor = rig.executor();
    for round in 0..5 {
        let before = rig.telegram.seen().len();
        let outcome = rig.settle(&executor, &json!({ "key": round.to_string() })).await;
        let requests = rig.telegram.seen().len() - before;
        let expected = if round < 3 { (3, Reason::Unreachable) } else { (1, Reason::Suspended) };
        assert_eq!((requests, way(&outcome).1), expected, "{round}");
    }
}

#[tokio::test]
async fn with_verification_an_object_is_fetched_once_it_was_seen_to_be_right_and_is_unchanged() {
    let changed = Arc::new(AtomicUsize::new(0));
    let etag = Arc::clone(&changed);
    let rig = Rig::new(
        move |request, _| {
            let etag = format!("\"v{}\"", etag.load(SeqCst));
            let headers = [("etag", etag.as_str()), ("content-type", "image/jpeg")];
            let bytes = head("200 OK", &headers, 300_000);
            vec![Act::Send(if request.method == "HEAD" { bytes } else { [bytes, media()].concat() })]
        },
        |r, _| accept(r),
    )
    .await;
    let executor = rig.executor();
    let run = async |bot: &str| way(&rig.settle(&executor, &json!({ "key": bot, "botSlug": bot })).await);
    assert_eq!(run("a").await, (Route::Stream, Reason::Unverified));
    assert_eq!(run("b").await, (Route::Url, Reason::Direct));
    changed.store(1, SeqCst);
    assert_eq!(run("c").await, (Route::Stream, Reason::Unverified));
    assert_eq!(run("d").await, (Route::Url, Reason::Direct));
    assert_eq!(methods(&rig.s3), ["GET", "HEAD", "HEAD", "GET", "HEAD"]);
}

#[tokio::test]
async fn bytes_that_were_wrong_are_never_trusted() {
    let rig = Rig::new(|r, _| object(r), |r, _| accept(r)).await.with("sha256", "0".repeat(64));
    let executor = rig.executor();
    for key in ["a", "b"] {
        let outcome = rig.settle(&executor, &json!({ "key": key })).await;
        assert_eq!(outcome.error.unwrap().code, "ERR_WARMPATH_SHA256_MISMATCH");
    }
    assert_eq!(methods(&rig.s3), ["GET"; 4], "each looks twice");
}

#[tokio::test]
async fn the_url_route_with_verification_is_an_option_error() {
    let rig = Rig::new(|r, _| object(r), |r, _| accept(r)).await.option("route", "url");
    let options = serde_json::from_value(rig.options.clone()).unwrap();
    let error = Prewarm::new(options, rig.clock.clone()).map(drop).unwrap_err();
    assert_eq!(error.code.as_str(), "ERR_WARMPATH_INVALID_OPTION");
}

/// A file of this machine, and a Bot API server that reads it by its path.
async fn local(telegram: impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static) -> (Rig, TempPath) {
    let path = std::env::temp_dir().join(format!("warmpath test é {:x}", fastrand::u64(..)));
    std::fs::write(&path, media()).unwrap();
    let mut rig = Rig::new(|r, _| object(r), telegram).await.with("path", path.to_str().unwrap());
    rig.job.as_object_mut().unwrap().remove("r2Key");
    rig.options["telegram"]["local"] = true.into();
    (rig, TempPath(path))
}

/// A file that goes with its test.
struct TempPath(std::path::PathBuf);

impl Drop for TempPath {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

#[tokio::test]
async fn a_local_server_reads_a_local_file_by_itself() {
    let (rig, path) = local(|r, _| accept(r)).await;
    assert_eq!(way(&rig.run().await), (Route::File, Reason::LocalServer));
    let url = rig.telegram.seen()[0].field("photo").unwrap();
    let wanted = path.0.to_str().unwrap().replace(' ', "%20").replace('é', "%C3%A9");
    assert_eq!(url, format!("file://{wanted}"));
}

#[tokio::test]
async fn a_path_the_server_cannot_read_is_streamed() {
    let (rig, _path) =
        local(
            |r, n| {
                if n == 0 { vec![Act::ReadBody, bad("wrong file identifier/HTTP URL specified")] } else { accept(r) }
            },
        )
        .await;
    assert_eq!(way(&rig.succeeds(1).await), (Route::Stream, Reason::Unreachable));
}

#[tokio::test]
async fn wrong_bytes_of_a_local_file_are_not_even_named() {
    let (rig, _path) = local(|r, _| accept(r)).await;
    rig.with("sha256", "0".repeat(64)).fails("SHA256_MISMATCH").await;
}

#[tokio::test]
async fn a_photo_is_one_by_the_same_limit_on_a_local_server() {
    for (option, value) in [("local", json!(true)), ("maxUploadBytes", json!(100 << 20))] {
        let rig = Rig::new(big_object, |_, _| vec![Act::ReadBody, document()]).await;
        let mut rig = rig.with("sha256", sha256(&vec![7; BIG]));
        rig.options["telegram"][option] = value;
        rig.fails("TOO_LARGE").await;
        assert!(rig.telegram.seen().is_empty());
        let value = serde_json::to_value(rig.option("onTooLarge", "document").run().await.value.unwrap()).unwrap();
        assert_eq!(value["kind"], json!("document"), "{option}");
    }
}

pub fn document() -> Act {
    let body = json!({ "ok": true, "result": { "message_id": 5, "date": 1, "chat": { "id": 42, "type": "private" },
        "document": { "file_id": "doc", "file_unique_id": "ud" } } });
    http("200 OK", &[], body.to_string())
}

#[tokio::test]
async fn a_photo_that_is_too_large_becomes_a_document_only_by_policy() {
    let rig = Rig::new(big_object, |_, _| vec![Act::ReadBody, document()]).await.with("sha256", sha256(&vec![7; BIG]));
    rig.fails("TOO_LARGE").await;
    assert!(rig.telegram.seen().is_empty());
    let rig = rig.option("onTooLarge", "document");
    let value = serde_json::to_value(rig.run().await.value.unwrap()).unwrap();
    assert_eq!((&value["kind"], &value["kindReason"]), (&json!("document"), &json!("too-large")));
    assert!(rig.telegram.seen()[0].target.ends_with("/sendDocument"));
}

#[tokio::test]
async fn a_photo_that_telegram_refuses_becomes_a_document_once_and_only_by_policy() {
    for text in ["PHOTO_INVALID_DIMENSIONS", "IMAGE_PROCESS_FAILED"] {
        let refuses = move |r: &Seen, _| {
            vec![Act::ReadBody, if r.target.ends_with("/sendPhoto") { bad(text) } else { document() }]
        };
        let rig = Rig::new(|r, _| object(r), refuses).await;
        rig.fails("TELEGRAM_REJECTED").await;
        let rig = rig.option("onRejected", "document");
        let value = serde_json::to_value(rig.succeeds(1).await.value.unwrap()).unwrap();
        assert_eq!((&value["kind"], &value["kindReason"]), (&json!("document"), &json!("rejected")));
    }
    let rig = Rig::new(|r, _| object(r), |_, _| vec![Act::ReadBody, bad("IMAGE_PROCESS_FAILED")]).await;
    let rig = rig.option("onRejected", "document");
    rig.fails("TELEGRAM_REJECTED").await;
    assert_eq!(rig.telegram.seen().len(), 2);
}

#[tokio::test]
async fn another_kind_is_taken_only_by_policy_and_named() {
    let rig = Rig::new(|r, _| object(r), |r, _| accept(r)).await.with("kind", "video");
    let rig = rig.option("onOtherKind", "accept");
    let value = serde_json::to_value(rig.run().await.value.unwrap()).unwrap();
    assert_eq!(
        (&value["kind"], &value["kindReason"], &value["fileId"]),
        (&json!("photo"), &json!("telegram"), &json!("large"))
    );
}

/// TwiN/gatus#179
#[tokio::test]
async fn a_group_that_became_a_supergroup_is_followed_in_the_same_try_and_remembered() {
    let moved = |_: &Seen, _| {
        let body = json!({ "description": "Bad Request: group chat was upgraded to a supergroup chat",
            "parameters": { "migrate_to_chat_id": -1_001_234_567_890_i64 } });
        vec![Act::ReadBody, refusal(400, &body)]
    };
    let rig = Rig::new(|r, _| object(r), moved).await.with("chatIds", json!(["-55"]));
    // It says so for the new id too: followed once, then a wrong chat.
    rig.fails("TELEGRAM_CHAT").await;
    let chats: Vec<_> = rig.telegram.seen().iter().map(|post| post.field("chat_id").unwrap()).collect();
    assert_eq!(chats, ["-55", "-1001234567890"]);
    // Once with a first refusal, then as it should be.
    let rig = Rig::new(|r, _| object(r), move |r, number| if number == 0 { moved(r, number) } else { accept(r) })
        .await
        .with("chatIds", json!(["-55"]))
        .option("route", "stream");
    let executor = rig.executor();
    for key in ["first", "second"] {
        let outcome = rig.settle(&executor, &json!({ "key": key })).await;
        assert_eq!((outcome.status, outcome.attempts), (Status::Succeeded, 1));
        let value = serde_json::to_value(outcome.value.unwrap()).unwrap();
        assert_eq!(value["migratedChat"], json!({ "from": "-55", "to": "-1001234567890" }));
    }
    let posts = rig.telegram.seen();
    let chats: Vec<_> = posts.iter().map(|post| post.field("chat_id").unwrap()).collect();
    assert_eq!(chats, ["-55", "-1001234567890", "-1001234567890"]);
    assert_eq!(posts[1].file().map(|file| sha256(&file)), Some(sha256(&media())), "the same bytes again");
}

#[tokio::test]
async fn a_document_of_another_size_than_the_job_says_is_none() {
    let body = json!({ "ok": true, "result": { "message_id": 5, "date": 1, "chat": { "id": 42, "type": "private" },
        "document": { "file_id": "doc", "file_unique_id": "ud", "file_size": 3_000 } } });
    let answers = move |_: &Seen, _| vec![Act::ReadBody, http("200 OK", &[], body.to_string())];
    let rig = Rig::new(|r, _| object(r), answers).await.with("kind", "document").with("contentType", "application/pdf");
    let rig = rig.option("route", "auto").option("verifySha256", false);
    let outcome = rig.with("size", 5).fails("SHA256_MISMATCH").await;
    assert!(outcome.error.unwrap().message.contains("Telegram fetched 3000"));
}
