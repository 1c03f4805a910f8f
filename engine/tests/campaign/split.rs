//! Splits: by the LLM, held against the text, and never a reason to fail or to generate anew.

use crate::rig::*;

const LONG: &str = "Oi, Ana! Tudo bem com você? Vi que gostou do apartamento. Posso marcar uma visita?";

/// A service that writes, and splits as this answers.
fn splits(
    split: impl Fn(usize) -> Act + Send + Sync + 'static,
) -> impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static {
    move |_, number| then(if number == 0 { says(LONG) } else { split(number) })
}

async fn rig(split: impl Fn(usize) -> Act + Send + Sync + 'static) -> Rig {
    Rig::llm(splits(split)).await.with("/split/by", "llm").with("/split/maxChars", 60)
}

fn parts() -> Value {
    json!(["Oi, Ana! Tudo bem com você?", "Vi que gostou do apartamento. Posso marcar uma visita?"])
}

#[tokio::test]
async fn the_llm_says_where_to_cut() {
    let rig = rig(|_| says(&json!({ "parts": parts() }).to_string())).await;
    let rig =
        rig.with("/split/models", json!(["s/mall"])).with("/llm/body", json!({ "provider": { "sort": "price" } }));
    let value = rig.start().succeeds(generate(&json!({})), 1).await;
    assert_eq!((&value["parts"], &value["splitBy"]), (&parts(), &json!("llm")));
    assert!(value.get("splitFallback").is_none());
    assert_eq!(value["usage"]["requests"], 2);
    assert!(value["splitMs"].as_f64().unwrap() > 0.0);
    let asked = &rig.asked()[1];
    assert_eq!(asked["model"], "s/mall");
    assert_eq!(asked["response_format"]["json_schema"]["strict"], true);
    assert_eq!(asked["provider"], json!({ "sort": "price", "require_parameters": true }));
    assert_eq!(asked["messages"][1]["content"], LONG);
}

#[tokio::test]
async fn an_answer_that_is_not_exact_is_not_used() {
    for (answer, why) in [
        ("Claro! Aqui está: …".to_owned(), "json"),
        (json!({ "partes": parts() }).to_string(), "structure"),
        (json!({ "parts": ["Oi, Ana! Tudo bem?", "Posso marcar uma visita?"] }).to_string(), "text"),
        (json!({ "parts": [LONG] }).to_string(), "size"),
        (json!({ "parts": [] }).to_string(), "count"),
    ] {
        let rig = rig(move |_| says(&answer)).await;
        let value = rig.start().succeeds(generate(&json!({})), 1).await;
        assert_eq!((&value["splitBy"], &value["splitFallback"]), (&json!("local"), &json!(why)));
        let joined: String = value["parts"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(joined.replace(' ', ""), LONG.replace(' ', ""));
        assert_eq!(value["usage"]["requests"], 2, "it was paid for all the same");
    }
}

#[tokio::test]
async fn a_split_that_fails_is_tried_again_and_the_text_is_kept() {
    let rig = rig(|number| match number {
        1 => refuses(500, &[], &json!({})),
        _ => says(&json!({ "parts": parts() }).to_string()),
    })
    .await;
    let value = rig.start().succeeds(generate(&json!({})), 2).await;
    assert_eq!((&value["text"], &value["splitBy"]), (&json!(LONG), &json!("llm")));
    let generated = rig.asked().iter().filter(|asked| asked.get("response_format").is_none()).count();
    assert_eq!((generated, rig.asked().len()), (1, 3), "the text was generated once");
}

#[tokio::test]
async fn a_split_that_goes_on_failing_is_done_here() {
    let rig = rig(|_| refuses(500, &[], &json!({}))).await;
    let value = rig.start().succeeds(generate(&json!({})), 3).await;
    assert_eq!((&value["splitBy"], &value["splitFallback"]), (&json!("local"), &json!("ERR_WARMPATH_LLM_UNAVAILABLE")));
    assert_eq!(rig.asked().len(), 4);
    // Its tries are the job's: what the generation has used up is used up.
    let rig = Rig::llm(script(vec![
        then(refuses(500, &[], &json!({}))),
        then(refuses(500, &[], &json!({}))),
        then(says(LONG)),
        then(refuses(500, &[], &json!({}))),
    ]));
    let rig = rig.await.with("/split/by", "llm");
    let value = rig.start().succeeds(generate(&json!({})), 3).await;
    assert_eq!(value["text"], LONG);
}

#[tokio::test]
async fn no_wait_and_no_setting_fails_a_message_for_its_split() {
    for refusal in [(429, "60", "LLM_THROTTLED"), (401, "0", "LLM_UNAUTHORIZED"), (402, "0", "LLM_CREDITS")] {
        let (status, wait, code) = refusal;
        let rig = rig(move |_| refuses(status, &[("retry-after", wait)], &json!({}))).await;
        let value = rig.start().succeeds(generate(&json!({ "leaseMs": 60_000 })), 1).await;
        assert_eq!(value["splitFallback"], format!("ERR_WARMPATH_{code}"));
        assert_eq!(rig.asked().len(), 2);
    }
}

#[tokio::test]
async fn a_short_wait_is_waited_for() {
    let rig = rig(|number| match number {
        1 => refuses(429, &[("retry-after-ms", "30")], &json!({})),
        _ => says(&json!({ "parts": parts() }).to_string()),
    })
    .await;
    let value = rig.start().succeeds(generate(&json!({ "leaseMs": 60_000 })), 1).await;
    assert_eq!((&value["splitBy"], rig.asked().len()), (&json!("llm"), 3));
}

#[tokio::test]
async fn a_short_text_needs_nobody() {
    let rig = Rig::llm(script(vec![then(says("Dez letras"))])).await.with("/split/by", "llm");
    let value = rig.start().succeeds(generate(&json!({})), 1).await;
    assert_eq!((&value["splitBy"], &value["parts"]), (&json!("none"), &json!(["Dez letras"])));
}
