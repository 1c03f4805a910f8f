//! Waits: those that a service asks for, those of circuits, and those of limits. None holds a slot, none costs a try.

use crate::rig::*;

fn gaps(server: &Server) -> Vec<u128> {
    let seen = server.seen();
    seen.windows(2).map(|two| (two[1].at - two[0].at).as_millis()).collect()
}

#[tokio::test]
async fn every_form_of_a_hint_is_a_floor() {
    let provider =
        json!({ "code": 429, "metadata": { "headers": { "X-RateLimit-Reset": (NOW_MS + 60).to_string() } } });
    for refusal in [
        refuses(429, &[("retry-after-ms", "60")], &json!({})),
        refuses(429, &[("retry-after", "0.06")], &json!({})),
        refuses(429, &[("x-ratelimit-reset", &(NOW_MS + 60).to_string())], &json!({})),
        refuses(429, &[], &json!({ "metadata": { "retry_after": 0.06 } })),
        refuses(429, &[], &provider),
        refuses(200, &[], &json!({ "code": 429, "retry_after": 0.06 })),
        refuses(503, &[("retry-after", "0.06")], &json!({})),
        refuses(
            402,
            &[("retry-after", "0.06")],
            &json!({ "code": 402, "metadata": { "limit_source": "openrouter_in_flight_budget" } }),
        ),
    ] {
        let rig = Rig::llm(script(vec![then(refusal), then(says(TEXT))])).await;
        // One try: that it asked to wait did not count.
        rig.start().succeeds(generate(&json!({})), 1).await;
        let gap = gaps(&rig.llm)[0];
        assert!((60..1000).contains(&gap), "{gap} ms");
    }
}

#[tokio::test]
async fn a_long_wait_gives_the_job_back_and_holds_the_others_off() {
    let rig = Rig::llm(script(vec![then(refuses(429, &[("retry-after", "60")], &json!({})))])).await;
    let running = rig.start();
    for key in ["one", "two"] {
        let job = generate(&json!({ "key": key, "leaseMs": 60_000 }));
        let outcome = running.fails(job, "LLM_THROTTLED").await;
        assert!(!outcome.charged);
        let wait = outcome.error.unwrap().retry_after_ms.unwrap();
        assert!((59_000..=66_100).contains(&wait), "{wait}");
    }
    assert_eq!(rig.llm.seen().len(), 1, "the second one knew");
}

#[tokio::test]
async fn while_a_model_waits_another_one_is_asked() {
    let answers = vec![then(refuses(429, &[("retry-after", "60")], &json!({}))), then(says(TEXT))];
    let rig = Rig::llm(script(answers)).await.with("/llm/models", json!(["a/one", "b/two"]));
    let running = rig.start();
    let leased = |key: &str| generate(&json!({ "key": key, "leaseMs": 60_000 }));
    running.fails(leased("one"), "LLM_THROTTLED").await;
    running.succeeds(leased("two"), 1).await;
    assert_eq!(rig.asked()[1]["model"], "b/two");
    assert!(rig.asked()[1].get("models").is_none());
}

#[tokio::test]
async fn a_model_that_fails_in_a_row_is_left_alone_and_tried_with_one_request() {
    let down = || then(refuses(500, &[], &json!({})));
    let rig = Rig::llm(script(vec![down(), down(), down(), then(says(TEXT)), then(says(TEXT))])).await;
    let rig = rig.with("/llm/circuit", json!({ "failures": 2, "cooldownMs": 100 })).with("/retry/quick", 0);
    let running = rig.start();
    for key in ["1", "2"] {
        running.fails(generate(&json!({ "key": key })), "LLM_UNAVAILABLE").await;
    }
    let stats = running.llm.models();
    assert_eq!(serde_json::to_value(stats["a/one"].circuit).unwrap(), "open");
    // The probe fails: twice the pause. It was asked after the pause, by a job that waited for it uncharged.
    running.fails(generate(&json!({ "key": "3" })), "LLM_UNAVAILABLE").await;
    running.succeeds(generate(&json!({ "key": "4" })), 1).await;
    running.succeeds(generate(&json!({ "key": "5" })), 1).await;
    let gaps = gaps(&rig.llm);
    assert!(gaps[1] >= 100 && gaps[2] >= 200, "{gaps:?}");
    let stats = running.llm.models()["a/one"];
    assert_eq!((stats.requests, stats.failures), (5, 3));
    assert_eq!(serde_json::to_value(stats.circuit).unwrap(), "closed");
}

#[tokio::test]
async fn an_open_circuit_gives_a_leased_job_back() {
    let rig = Rig::llm(script(vec![then(refuses(500, &[], &json!({})))])).await;
    let rig = rig.with("/llm/circuit", json!({ "failures": 1, "cooldownMs": 30_000 })).with("/retry/quick", 0);
    let running = rig.start();
    running.fails(generate(&json!({ "key": "1" })), "LLM_UNAVAILABLE").await;
    let outcome = running.fails(generate(&json!({ "key": "2", "leaseMs": 60_000 })), "LLM_CIRCUIT_OPEN").await;
    assert!(!outcome.charged);
    assert_eq!(rig.llm.seen().len(), 1);
}

#[tokio::test]
async fn a_limit_of_requests_holds_in_every_window() {
    let rig = Rig::llm(always(|| says(TEXT))).await;
    let rig = rig.with("/llm/limits", json!({ "requests": { "limit": 3, "periodMs": 300 } }));
    let running = rig.start();
    let jobs: Vec<_> = (0..10).map(|n| generate(&json!({ "key": n.to_string() }))).collect();
    running.executor.submit_many(jobs);
    for _ in 0..10 {
        let outcome = running.next().await;
        assert!(outcome.error.is_none(), "{:?}", outcome.error);
        assert_eq!(outcome.attempts, 1, "waiting costs no try");
    }
    let seen = rig.llm.seen();
    for four in seen.windows(4) {
        // What they were sent apart; on the way a little of it may be lost.
        assert!((four[3].at - four[0].at).as_millis() >= 250, "{:?}", gaps(&rig.llm));
    }
}

#[tokio::test]
async fn tokens_and_money_are_counted_by_what_answers_say() {
    // 15 tokens and 0.25 an answer: the third one of either would be too much.
    for limits in [
        json!({ "tokens": { "limit": 40, "periodMs": 60_000 } }),
        json!({ "cost": { "limit": 0.6, "periodMs": 60_000 } }),
        json!({ "models": { "a/one": { "cost": { "limit": 0.6, "periodMs": 60_000 } } } }),
    ] {
        let rig = Rig::llm(always(|| says(TEXT))).await.with("/llm/limits", limits).with("/llm/maxTokens", 5);
        let running = rig.start();
        let leased = |key: u32| generate(&json!({ "key": key.to_string(), "leaseMs": 60_000 }));
        running.succeeds(leased(1), 1).await;
        running.succeeds(leased(2), 1).await;
        let outcome = running.fails(leased(3), "LLM_THROTTLED").await;
        assert!(!outcome.charged && outcome.error.unwrap().retry_after_ms.unwrap() > 50_000);
        assert_eq!(rig.llm.seen().len(), 2);
        assert_eq!(running.llm.usage().cost, Some(0.5));
    }
}

/// A limit of its own says nothing of other models.
#[tokio::test]
async fn a_model_without_a_limit_is_not_held() {
    let rig = Rig::llm(always(|| says(TEXT))).await;
    let rig = rig.with("/llm/limits", json!({ "models": { "x": { "requests": { "limit": 1, "periodMs": 60_000 } } } }));
    let running = rig.start();
    for key in 0..5 {
        running.succeeds(generate(&json!({ "key": key.to_string() })), 1).await;
    }
}
