//! Texts: what is asked, what is made of the answers, what is tried again.

use crate::rig::*;

#[tokio::test]
async fn a_text_is_generated() {
    let rig = Rig::llm(|_, _| then(says(&format!("\n  {TEXT} \n")))).await;
    let rig = rig.with("/llm/maxTokens", 300).with("/llm/body", json!({ "provider": { "sort": "price" } }));
    let value = rig.start().succeeds(generate(&json!({ "generate": { "temperature": 0.5 } })), 1).await;
    assert_eq!(value["step"], "generate");
    assert_eq!(value["text"], TEXT);
    assert_eq!(value["parts"], json!([TEXT]));
    assert_eq!(
        (&value["splitBy"], &value["model"], &value["provider"]),
        (&json!("none"), &json!("a/one"), &json!("P"))
    );
    assert_eq!(value["generationId"], "gen-1");
    assert_eq!(value["usage"]["totalTokens"], 15);
    assert_eq!(value["usage"]["cost"], 0.25);
    assert!(value["generationMs"].as_f64().unwrap() > 0.0);

    let seen = &rig.llm.seen()[0];
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/api/v1/chat/completions"));
    assert_eq!(seen.headers["authorization"], "Bearer canary-key");
    assert_eq!(seen.headers["content-type"], "application/json");
    assert_eq!(seen.headers["x-title"], "canary-title");
    assert!(seen.headers["user-agent"].starts_with("warmpath/"));
    let asked = json!({ "model": "a/one", "messages": [{ "role": "user", "content": "canary-prompt" }],
        "max_tokens": 300, "temperature": 0.5, "provider": { "sort": "price" } });
    assert_eq!(rig.asked(), [asked]);
}

/// Faults that are worth another try; nothing was delivered, so all of them are.
#[tokio::test]
async fn what_may_go_away_is_tried_again() {
    let broken = |bytes: &[u8]| Act::Send([head("200 OK", &[], 1000), bytes.to_vec()].concat());
    let faults: Vec<Vec<Act>> = vec![
        then(refuses(500, &[], &json!({ "code": 500 }))),
        then(http("502 Bad Gateway", &[], "<html>")),
        then(refuses(503, &[], &json!({}))),
        then(refuses(408, &[], &json!({}))),
        then(refuses(200, &[], &json!({ "code": 502, "message": "canary" }))),
        vec![Act::Reset],
        then(Act::Close),
        vec![Act::ReadBody, broken(b"{\"choices\": [{"), Act::Close],
        then(http("200 OK", &[], "no json")),
        then(http("200 OK", &[], r#"{"choices":[]}"#)),
        then(completion(&json!({ "error": { "code": 503 }, "finish_reason": "error" }))),
        then(says("  Oi, Ana!  ")),
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let rig = Rig::llm(script(vec![fault, then(says(TEXT))])).await;
        let running = rig.start();
        let value = running.succeeds(generate(&json!({})), 2).await;
        assert_eq!(value["text"], TEXT, "fault {number}");
        assert_eq!(rig.llm.seen().len(), 2, "fault {number}");
        assert_eq!(running.executor.stats().retries, 1);
    }
}

#[tokio::test]
async fn what_will_not_go_away_is_said_at_once() {
    let moderated =
        json!({ "code": 403, "message": "canary", "metadata": { "reasons": ["x"], "flagged_input": "canary" } });
    for (answer, code) in [
        (refuses(400, &[], &json!({ "code": 400, "message": "canary-prompt is bad" })), "LLM_REJECTED"),
        (refuses(401, &[], &json!({ "code": 401 })), "LLM_UNAUTHORIZED"),
        (refuses(402, &[("retry-after", "1")], &json!({ "code": 402 })), "LLM_CREDITS"),
        (refuses(403, &[], &moderated), "LLM_MODERATION"),
        (refuses(404, &[], &json!({ "code": 404 })), "LLM_MODEL"),
        (http("307 X", &[("location", "/elsewhere")], ""), "LLM_REJECTED"),
        (completion(&json!({ "message": { "content": TEXT }, "finish_reason": "length" })), "LLM_TRUNCATED"),
        (completion(&json!({ "message": { "content": TEXT }, "finish_reason": "content_filter" })), "LLM_MODERATION"),
    ] {
        let rig = Rig::llm(script(vec![then(answer)])).await;
        let outcome = rig.start().fails(generate(&json!({})), code).await;
        assert!(outcome.charged);
        assert_eq!((outcome.attempts, rig.llm.seen().len()), (1, 1), "{code}");
        assert_eq!(serde_json::to_value(outcome.error.unwrap().phase).unwrap(), "generate");
    }
}

#[tokio::test]
async fn an_answer_that_was_none_is_not_asked_for_again_in_the_same_words() {
    let empty = || then(http("200 OK", &[], r#"{"choices":[]}"#));
    let rig = Rig::llm(script(vec![empty(), then(says("curto")), then(says(TEXT))])).await;
    rig.start().succeeds(generate(&json!({})), 3).await;
    let (asked, seen) = (rig.asked(), rig.llm.seen());
    assert!(asked[0].get("seed").is_none() && !seen[0].headers.contains_key("cache-control"));
    assert!(asked[1]["seed"].is_u64() && asked[2]["seed"].is_u64());
    assert_ne!(asked[1]["seed"], asked[2]["seed"]);
    assert_eq!(seen[1].headers["cache-control"], "no-cache");
}

#[tokio::test]
async fn a_text_too_short_costs_what_it_cost() {
    let rig = Rig::llm(script(vec![then(says("👨‍👩‍👧‍👦 curto!")), then(says("👨‍👩‍👧‍👦 são dez!"))])).await;
    let value = rig.start().succeeds(generate(&json!({})), 2).await;
    assert_eq!(value["usage"]["requests"], 2);
    assert_eq!(value["usage"]["cost"], 0.5);
    let rig = Rig::llm(|_, _| then(says("Oi, Ana!"))).await;
    rig.start().fails(generate(&json!({})), "LLM_TEXT").await;
    assert_eq!(rig.llm.seen().len(), 3);
    let rig = Rig::llm(|_, _| then(says("Oi, Ana!"))).await.with("/minGraphemes", 8);
    rig.start().succeeds(generate(&json!({})), 1).await;
}

/// Headers come early, and then white space for as long as it takes: a deadline that ends with the headers is none.
#[tokio::test]
async fn the_deadline_covers_the_body() {
    let drip = |_: &Seen, _: usize| {
        let mut acts = vec![Act::ReadBody, Act::Send(head("200 OK", &[], 100_000))];
        acts.extend((0..20).map(|_| Act::Send(b" \n".to_vec())));
        acts.push(Act::AwaitClose);
        acts
    };
    let rig = Rig::llm(drip).await.with("/timeouts/generateMs", 150).with("/retry/quick", 0);
    let running = rig.start();
    running.fails(generate(&json!({})), "LLM_TIMEOUT").await;
    // The connection is gone, not left to the server.
    while !rig.llm.seen()[0].closed {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn white_space_that_keeps_a_connection_alive_is_not_an_answer() {
    let rig = Rig::llm(|_, _| {
        let body = format!("{}{}", " \n".repeat(500), json!({ "choices": [{ "message": { "content": TEXT } }] }));
        let mut acts = vec![Act::ReadBody, Act::Send(head("200 OK", &[], body.len()))];
        acts.extend(body.into_bytes().chunks(100).map(|chunk| Act::Send(chunk.to_vec())));
        acts
    })
    .await;
    let value = rig.start().succeeds(generate(&json!({})), 1).await;
    assert_eq!(value["text"], TEXT);
    // Nobody named a price, and nobody makes one up.
    assert_eq!(value["usage"]["cost"], Value::Null);
}

#[tokio::test]
async fn other_models_take_over() {
    // The service does it.
    let rig = Rig::llm(always(|| says(TEXT))).await.with("/llm/models", json!(["a/one", "b/two"]));
    rig.start().succeeds(generate(&json!({})), 1).await;
    assert_eq!((&rig.asked()[0]["model"], &rig.asked()[0]["models"]), (&json!("a/one"), &json!(["a/one", "b/two"])));
    // We do it.
    let answers = vec![then(refuses(500, &[], &json!({}))), then(refuses(500, &[], &json!({}))), then(says(TEXT))];
    let rig = Rig::llm(script(answers)).await.with("/llm/fallbacks", "client");
    let own = json!({ "generate": { "models": ["x/1", "x/2"] } });
    rig.start().succeeds(generate(&own), 3).await;
    let models: Vec<Value> = rig.asked().iter().map(|asked| asked["model"].clone()).collect();
    assert_eq!(models, ["x/1", "x/2", "x/1"]);
    assert!(rig.asked().iter().all(|asked| asked.get("models").is_none()));
}

#[tokio::test]
async fn a_service_that_is_not_there_is_tried_again() {
    let rig = Rig::llm(always(|| says(TEXT))).await.with("/llm/baseUrl", "http://127.0.0.1:1/api");
    let outcome = rig.start().fails(generate(&json!({})), "LLM_UNAVAILABLE").await;
    assert_eq!(outcome.attempts, 3);
}
