//! Faults of the upload.

use super::rig::*;

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
async fn nobody_listening_is_transient_and_nothing_was_sent() {
    let mut rig = Rig::new(|r, _| object(r), |r, _| accept(r)).await;
    rig.options["telegram"]["apiRoot"] = "http://127.0.0.1:1".into();
    let outcome = rig.fails("SEND_FAILED").await;
    assert_eq!(outcome.attempts, 3);
    assert_eq!(serde_json::to_value(outcome.error.unwrap()).unwrap()["certainty"], "not-sent");
}

/// hyper#2136: a server closes an idle connection just as a send is on its way. Whether it was read, nobody knows; so it is not
/// repeated unseen, as a read would be.
#[tokio::test]
async fn a_send_that_dies_on_a_kept_connection_is_in_doubt_and_counted() {
    let rig =
        Rig::new(|r, _| object(r), |r, number| if number == 1 { vec![Act::ReadBody, Act::Reset] } else { accept(r) })
            .await
            .option("route", "stream");
    let executor = rig.executor();
    for (key, attempts, doubts) in [("a", 1, 0), ("b", 2, 1)] {
        let outcome = rig.settle(&executor, &json!({ "key": key })).await;
        assert_eq!(outcome.status, Status::Succeeded, "{:?}", outcome.error);
        assert_eq!((outcome.attempts, outcome.possible_duplicates), (attempts, doubts));
    }
    assert_eq!((rig.telegram.seen().len(), rig.telegram.connections()), (3, 2), "the reset must have bitten");
}
