//! Refusals of Telegram.

use super::rig::*;

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
        let error = outcome.error.unwrap();
        assert!(error.message.contains("Bad Request: reason"));
        assert_eq!(error.chat_id.is_some(), status == 403, "which of several it was");
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
async fn every_answer_of_the_catalogue_has_its_class() {
    for (status, text, expected, attempts) in [
        (403, "Forbidden: bot was kicked from the group chat", "TELEGRAM_CHAT", 1),
        (403, "Forbidden: bot was blocked by the user", "TELEGRAM_CHAT", 1),
        (403, "Forbidden: user is deactivated", "TELEGRAM_CHAT", 1),
        (403, "Forbidden: the group chat was deleted", "TELEGRAM_CHAT", 1),
        (400, "Bad Request: chat not found", "TELEGRAM_CHAT", 1),
        (400, "Bad Request: not enough rights to send photos to the chat", "TELEGRAM_CHAT", 1),
        (400, "Bad Request: need administrator rights in the channel chat", "TELEGRAM_CHAT", 1),
        (400, "Bad Request: CHAT_WRITE_FORBIDDEN", "TELEGRAM_CHAT", 1),
        (400, "Bad Request: PHOTO_INVALID_DIMENSIONS", "TELEGRAM_REJECTED", 1),
        (400, "Bad Request: IMAGE_PROCESS_FAILED", "TELEGRAM_REJECTED", 1),
        (400, "Bad Request: file is too big", "TOO_LARGE", 1),
        (413, "Request Entity Too Large", "TOO_LARGE", 1),
        (421, "Misdirected Request", "TELEGRAM_UNAUTHORIZED", 1),
        (404, "Not Found: method not found", "TELEGRAM_UNAUTHORIZED", 1),
        (500, "Internal Server Error: restart", "TELEGRAM_SERVER", 3),
        (503, "Service Unavailable", "TELEGRAM_SERVER", 3),
        (408, "Request Timeout", "TELEGRAM_SERVER", 3),
    ] {
        let answer = move |_: &Seen, _| vec![Act::ReadBody, refusal(status, &json!({ "description": text }))];
        let rig = Rig::new(|r, _| object(r), answer).await;
        let outcome = rig.fails(expected).await;
        assert_eq!((outcome.attempts, rig.telegram.seen().len()), (attempts, attempts as usize), "{text}");
        let error = outcome.error.unwrap();
        assert!(error.message.contains(text));
        assert_eq!(serde_json::to_value(error).unwrap()["certainty"], "not-sent", "{text}");
    }
}

/// yagop/node-telegram-bot-api#634: what stands before Telegram answers in HTML.
#[tokio::test]
async fn pages_are_judged_by_their_status() {
    for (status, expected, doubts) in [
        ("500 X", "TELEGRAM_SERVER", 0),
        ("502 X", "SEND_AMBIGUOUS", 3),
        ("504 X", "SEND_AMBIGUOUS", 3),
        ("413 X", "TOO_LARGE", 0),
        ("403 X", "TELEGRAM_CHAT", 0),
    ] {
        let page =
            move |_: &Seen, _| vec![Act::ReadBody, http(status, &[("content-type", "text/html")], "<html>nginx")];
        let rig = Rig::new(|r, _| object(r), page).await;
        assert_eq!(rig.fails(expected).await.possible_duplicates, doubts, "{status}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_leaves_a_doubt() {
    let deep = format!(r#"{{"ok":true,"result":{}"#, "[".repeat(100_000));
    let long = format!(r#"{{"ok":true,"x":"{}"}}"#, "y".repeat(2 << 20));
    for body in
        ["", "{", "[]", "null", r#"{"result":{}}"#, r#"{"ok":"yes"}"#, r#"{"ok":true,"result":7}"#, &deep, &long]
    {
        let body = body.to_owned();
        let mut rig = Rig::new(|r, _| object(r), move |_, _| vec![Act::ReadBody, http("200 OK", &[], &body)]).await;
        rig.options["retry"]["quick"] = 0.into();
        assert_eq!(rig.fails("SEND_AMBIGUOUS").await.possible_duplicates, 1);
        assert!(rig.telegram.seen()[0].complete);
    }
    let mut rig =
        Rig::new(|r, _| object(r), |_, _| vec![Act::ReadBody, Act::Send(b"SSH-2.0-x\r\n\r\n".to_vec())]).await;
    rig.options["retry"]["quick"] = 0.into();
    rig.fails("SEND_AMBIGUOUS").await;
}

#[tokio::test]
async fn a_429_says_its_time_in_several_ways() {
    let ways: [(fn() -> Act, u64); 4] = [
        (|| refusal(429, &json!({ "parameters": { "retry_after": 1 } })), 1),
        (|| disguised_for(1), 1),
        (|| http("429 X", &[("retry-after", "1")], "<html>"), 1),
        // A date that is over: no wait.
        (|| http("429 X", &[("retry-after", "Thu, 23 May 2013 00:00:00 GMT")], "<html>"), 0),
    ];
    for (answer, waits) in ways {
        let rig = Rig::new(
            |r, _| object(r),
            move |r, number| if number == 0 { vec![Act::ReadBody, answer()] } else { accept(r) },
        )
        .await;
        rig.succeeds(1).await;
        let posts = rig.telegram.seen();
        assert_eq!(posts.len(), 2, "the 429 must have bitten");
        assert!(posts[1].at - posts[0].at >= Duration::from_secs(waits));
    }
}

fn disguised_for(seconds: u64) -> Act {
    bad(&format!(r#"failed to send message #1 with the error message "Too Many Requests: retry after {seconds}""#))
}

/// tdlib/td#1331: hours are possible, and no slot waits for hours.
#[tokio::test]
async fn a_long_429_gives_the_job_back_uncharged() {
    for answer in [|| refusal(429, &json!({ "parameters": { "retry_after": 10_072 } })), || disguised_for(10_072)] {
        let rig = Rig::new(|r, _| object(r), move |_, _| vec![Act::ReadBody, answer()]).await;
        // Its lease says that there is a store to give it back to.
        let rig = rig.with("leaseMs", 60_000);
        let outcome = rig.fails("TELEGRAM_THROTTLED").await;
        assert_eq!((outcome.charged, outcome.error.unwrap().retry_after_ms), (false, Some(10_072_000)));
        assert_eq!(rig.telegram.seen().len(), 1);
    }
}

/// Telegram's message of an animation has the field `document` as well.
#[tokio::test]
async fn a_document_that_became_an_animation_is_not_a_document() {
    let animation = |_: &Seen, _| {
        let file = json!({ "file_id": "anim", "file_unique_id": "ua" });
        let result = json!({ "message_id": 5, "chat": { "id": 42 }, "animation": file, "document": file });
        vec![Act::ReadBody, http("200 OK", &[], json!({ "ok": true, "result": result }).to_string())]
    };
    let rig = Rig::new(|r, _| object(r), animation).await.with("kind", "document");
    let outcome = rig.fails("TELEGRAM_KIND").await;
    assert!(outcome.error.unwrap().message.contains("sent as document, became animation"));
    let post = &rig.telegram.seen()[0];
    assert_eq!(post.field("disable_content_type_detection").as_deref(), Some("true"), "it was asked not to");
}
