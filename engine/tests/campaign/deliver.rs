//! Deliveries: in order, each part under one key for ever, with the same text for ever.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use warmpath_engine::pipeline::part_key;

use crate::rig::*;

const PARTS: [&str; 3] = ["Oi, Ana!", "Tudo bem?", "Até já! 👋"];

fn status(status: &str) -> Vec<Act> {
    then(http(status, &[], ""))
}

#[tokio::test]
async fn parts_go_out_in_order_and_are_told_of() {
    let rig = Rig::webhook(always(ok)).await.with("/webhook/headers", json!({ "authorization": "Bearer canary" }));
    let running = rig.start();
    let value = running.succeeds(deliver(&PARTS, &json!({})), 1).await;
    assert_eq!(value, json!({ "step": "deliver", "parts": 3, "delivered": 3, "repeated": 0 }));
    for (part, posted) in rig.posted().iter().enumerate() {
        let key = part_key("c", "m", part);
        let expected = json!({ "campaignId": "c", "messageId": "m", "part": part, "parts": 3, "text": PARTS[part],
            "idempotencyKey": key, "recipient": { "phone": "canary-phone", "n": 1.5 } });
        assert_eq!(*posted, expected);
        let seen = &rig.webhook.seen()[part];
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/hook?token=canary-query"));
        assert_eq!((&seen.headers["idempotency-key"], &seen.headers["webhook-id"]), (&key, &key));
        assert_eq!(seen.headers["authorization"], "Bearer canary");
        assert_eq!(seen.headers["content-type"], "application/json");
    }
    let events = running.parts();
    let order: Vec<_> = events.iter().map(|event| (event.part, event.attempts, event.status, event.repeated)).collect();
    assert_eq!(order, [(0, 1, 200, false), (1, 1, 200, false), (2, 1, 200, false)]);
    assert!(events.iter().all(|event| event.key == "d" && event.delivered_at == NOW_MS));
    assert_eq!(events[2].idempotency_key, part_key("c", "m", 2));
}

#[tokio::test]
async fn requests_are_signed_by_the_standard_scheme() {
    let rig = Rig::webhook(always(ok)).await;
    rig.start().succeeds(deliver(&PARTS[..1], &json!({})), 1).await;
    let seen = &rig.webhook.seen()[0];
    assert_eq!(seen.headers["webhook-timestamp"], (NOW_MS / 1000).to_string());
    let signed =
        [seen.headers["webhook-id"].as_bytes(), b".", seen.headers["webhook-timestamp"].as_bytes(), b".", &seen.body];
    let mut mac = Hmac::<Sha256>::new_from_slice(b"canary-secret").unwrap();
    mac.update(&signed.concat());
    assert_eq!(seen.headers["webhook-signature"], format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())));

    let mut rig = Rig::webhook(always(ok)).await;
    rig.options["webhook"].as_object_mut().unwrap().remove("secret");
    rig.start().succeeds(deliver(&PARTS[..1], &json!({})), 1).await;
    assert!(!rig.webhook.seen()[0].headers.contains_key("webhook-signature"));
}

/// The heart of it: whatever happens to a part, what is sent again is the same text under the same key, and no part before
/// it is sent again.
#[tokio::test]
async fn a_retry_goes_on_with_the_part_that_failed() {
    let faults = [
        status("500 X"),
        status("503 X"),
        status("408 X"),
        status("502 X"),
        then(Act::Close),
        vec![Act::ReadBody, Act::Reset],
        then(Act::Stall),
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let rig = Rig::webhook(script(vec![status("200 OK"), fault, status("200 OK"), status("204 X")])).await;
        let running = rig.with("/timeouts/deliverMs", 250);
        let started = running.start();
        started.succeeds(deliver(&PARTS, &json!({})), 2).await;
        let posted = running.posted();
        let parts: Vec<_> = posted.iter().map(|posted| posted["part"].as_u64().unwrap()).collect();
        assert_eq!(parts, [0, 1, 1, 2], "fault {number}");
        assert_eq!(posted[1], posted[2], "fault {number}");
        let events = started.parts();
        assert_eq!(
            events.iter().map(|event| (event.part, event.attempts)).collect::<Vec<_>>(),
            [(0, 1), (1, 2), (2, 1)]
        );
    }
}

#[tokio::test]
async fn what_may_have_been_delivered_is_said_to_be() {
    for (fault, code, certainty, doubts) in [
        (then(Act::Stall), "WEBHOOK_AMBIGUOUS", "maybe-sent", 1),
        (then(Act::Close), "WEBHOOK_AMBIGUOUS", "maybe-sent", 1),
        (status("504 X"), "WEBHOOK_AMBIGUOUS", "maybe-sent", 1),
        (status("500 X"), "WEBHOOK_UNAVAILABLE", "maybe-sent", 0),
        (status("408 X"), "WEBHOOK_UNAVAILABLE", "not-sent", 0),
    ] {
        let rig = Rig::webhook(script(vec![fault])).await.with("/timeouts/deliverMs", 250).with("/retry/quick", 0);
        let outcome = rig.start().fails(deliver(&PARTS, &json!({})), code).await;
        assert_eq!(outcome.possible_duplicates, doubts);
        assert!(outcome.charged);
        let error = outcome.error.unwrap();
        assert_eq!(serde_json::to_value(error.certainty).unwrap(), certainty, "{code}");
        assert_eq!(serde_json::to_value(error.phase).unwrap(), "deliver");
    }
    let rig = Rig::webhook(always(ok)).await.with("/webhook/url", "http://127.0.0.1:1/hook");
    let outcome = rig.start().fails(deliver(&PARTS, &json!({})), "WEBHOOK_UNAVAILABLE").await;
    assert_eq!((outcome.attempts, outcome.possible_duplicates), (3, 0));
}

#[tokio::test]
async fn a_part_that_was_there_before_counts_as_delivered() {
    let rig = Rig::webhook(script(vec![status("409 Conflict"), status("200 OK")])).await;
    let running = rig.start();
    let value = running.succeeds(deliver(&PARTS[..2], &json!({})), 1).await;
    assert_eq!(value, json!({ "step": "deliver", "parts": 2, "delivered": 2, "repeated": 1 }));
    let told: Vec<_> = running.parts().iter().map(|event| (event.status, event.repeated)).collect();
    assert_eq!(told, [(409, true), (200, false)]);
    assert_eq!(running.events.counts(), (2, 1));
}

#[tokio::test]
async fn a_message_goes_on_where_another_process_left_it() {
    let rig = Rig::webhook(always(ok)).await;
    let running = rig.start();
    let value = running.succeeds(deliver(&PARTS, &json!({ "deliver": { "from": 2 } })), 1).await;
    assert_eq!(value["delivered"], 1);
    assert_eq!(rig.posted()[0]["part"], 2);
    assert_eq!(rig.posted()[0]["idempotencyKey"], part_key("c", "m", 2));
    assert_eq!(running.parts().len(), 1);
}

#[tokio::test]
async fn what_the_webhook_refuses_is_not_sent_again() {
    for (answer, code) in [
        ("400 X", "WEBHOOK_REJECTED"),
        ("401 X", "WEBHOOK_UNAUTHORIZED"),
        ("403 X", "WEBHOOK_UNAUTHORIZED"),
        ("404 X", "WEBHOOK_REJECTED"),
        ("307 X", "WEBHOOK_REJECTED"),
    ] {
        let rig = Rig::webhook(script(vec![status("200 OK"), status(answer)])).await;
        let running = rig.start();
        running.fails(deliver(&PARTS, &json!({})), code).await;
        assert_eq!(rig.posted().len(), 2, "{answer}");
        assert_eq!(running.parts().len(), 1, "what was delivered before is told of");
    }
}

#[tokio::test]
async fn a_wait_is_a_floor_and_a_long_one_gives_the_job_back() {
    let wait = |header: &'static str, value: &'static str| then(http("429 X", &[(header, value)], ""));
    let rig = Rig::webhook(script(vec![wait("retry-after-ms", "60"), status("200 OK")])).await;
    rig.start().succeeds(deliver(&PARTS[..1], &json!({})), 1).await;
    let seen = rig.webhook.seen();
    assert!((seen[1].at - seen[0].at).as_millis() >= 60);

    let rig = Rig::webhook(script(vec![status("200 OK"), wait("retry-after", "60")])).await;
    let running = rig.start();
    let outcome = running.fails(deliver(&PARTS, &json!({ "leaseMs": 60_000 })), "WEBHOOK_THROTTLED").await;
    assert!(!outcome.charged);
    assert!(outcome.error.unwrap().retry_after_ms.unwrap() >= 60_000);
    assert_eq!(running.parts().len(), 1);
}

#[tokio::test]
async fn a_status_counts_whatever_becomes_of_its_body() {
    let answer = || vec![Act::ReadBody, Act::Send([head("200 OK", &[], 500), b"half".to_vec()].concat()), Act::Close];
    let rig = Rig::webhook(move |_, _| answer()).await;
    let value = rig.start().succeeds(deliver(&PARTS, &json!({})), 1).await;
    assert_eq!(value["delivered"], 3);
    assert_eq!(rig.posted().len(), 3);
}

#[tokio::test]
async fn a_job_that_is_stopped_in_the_middle_says_so() {
    let rig = Rig::webhook(script(vec![status("200 OK"), then(Act::AwaitClose)])).await;
    let running = rig.start();
    running.executor.submit_many([deliver(&PARTS, &json!({}))]);
    while !rig.webhook.seen().get(1).is_some_and(|seen| seen.complete) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(running.executor.cancel("d"));
    let outcome = running.next().await;
    let error = outcome.error.unwrap();
    assert_eq!((error.code, outcome.charged), ("ERR_WARMPATH_CANCELLED", false));
    assert_eq!(serde_json::to_value(error.certainty).unwrap(), "maybe-sent");
    assert_eq!(running.parts().len(), 1);
}

#[tokio::test]
async fn a_webhook_that_is_down_is_left_alone_and_costs_no_tries() {
    let answers = vec![status("500 X"), status("500 X"), status("200 OK"), status("200 OK")];
    let rig = Rig::webhook(script(answers)).await.with("/retry/quick", 0);
    let rig = rig.with("/webhook/circuit", json!({ "failures": 2, "cooldownMs": 100 }));
    let running = rig.start();
    let job = |key: &str| deliver(&PARTS[..1], &json!({ "key": key, "messageId": key }));
    running.fails(job("1"), "WEBHOOK_UNAVAILABLE").await;
    running.fails(job("2"), "WEBHOOK_UNAVAILABLE").await;
    running.succeeds(job("3"), 1).await;
    running.succeeds(job("4"), 1).await;
    let seen = rig.webhook.seen();
    assert!((seen[2].at - seen[1].at).as_millis() >= 100);
}

#[tokio::test]
async fn while_the_webhook_has_asked_to_wait_no_other_part_is_sent() {
    let wait = http("429 X", &[("retry-after", "1")], "");
    let rig = Rig::webhook(script(vec![then(wait), status("200 OK"), status("200 OK")])).await;
    let running = rig.start();
    let job = |key: &str| deliver(&PARTS[..1], &json!({ "key": key, "messageId": key }));
    running.executor.submit_many([job("1")]);
    while !rig.webhook.seen().first().is_some_and(|seen| seen.complete) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    running.executor.submit_many([job("2")]);
    for _ in 0..2 {
        assert!(running.next().await.error.is_none());
    }
    let seen = rig.webhook.seen();
    assert!((seen[1].at - seen[0].at).as_millis() >= 1000);
}
