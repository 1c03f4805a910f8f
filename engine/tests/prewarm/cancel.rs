//! Cancelling: before, while and after, once and twice. A job is settled once, its socket closed, its slot free.

use super::rig::*;

/// One slot, so that a slot that is not freed is felt.
async fn one_slot(
    s3: impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static,
    telegram: impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static,
) -> Rig {
    let rig = Rig::new(s3, telegram).await.option("concurrency", 1).option("route", "stream");
    rig.timeout("idleMs", 20_000).timeout("answerMs", 20_000).timeout("firstByteMs", 20_000)
}

fn cancelled(outcome: &Outcome<PrewarmValue>, certainty: &str) {
    let error = serde_json::to_value(outcome.error.as_ref().unwrap()).unwrap();
    assert_eq!((&error["code"], &error["certainty"]), (&json!("ERR_WARMPATH_CANCELLED"), &json!(certainty)));
    assert!(!outcome.charged);
}

/// The job that was cancelled is settled once, and the slot serves the next one.
async fn serves_the_next(rig: &Rig, executor: &Executor<Prewarm>) {
    assert!(executor.take_settled(1).is_empty(), "settled twice");
    let next = rig.settle(executor, &json!({ "key": "next", "r2Key": "next" })).await;
    assert_eq!((next.key.as_str(), next.status), ("next", Status::Succeeded));
    assert_eq!(executor.stats().running, 0);
}

/// What the store says of any object but the first.
fn others(request: &Seen, first: Vec<Act>) -> Vec<Act> {
    if request.target.ends_with("/next") { object(request) } else { first }
}

#[tokio::test]
async fn before_it_runs_nothing_is_sent() {
    let rig = one_slot(|r, _| object(r), |r, _| accept(r)).await;
    let executor = rig.executor();
    executor.pause();
    executor.submit_many([rig.job(&json!({}))]);
    assert!(executor.cancel("k"));
    cancelled(&rig.next(&executor).await, "not-sent");
    assert!(rig.s3.seen().is_empty() && rig.telegram.seen().is_empty());
    executor.resume();
    serves_the_next(&rig, &executor).await;
}

#[tokio::test]
async fn while_the_store_is_asked_its_connection_is_closed() {
    let rig = one_slot(|r, _| others(r, vec![Act::AwaitClose]), |r, _| accept(r)).await;
    let executor = rig.executor();
    executor.submit_many([rig.job(&json!({}))]);
    until("the request", || rig.s3.seen().len() == 1).await;
    assert!(executor.cancel("k"));
    cancelled(&rig.next(&executor).await, "not-sent");
    until("the connection to be closed", || rig.s3.seen()[0].closed).await;
    serves_the_next(&rig, &executor).await;
}

#[tokio::test]
async fn in_the_middle_of_the_transfer_both_connections_are_closed() {
    let rig = one_slot(
        |r, _| others(r, vec![cut(100_000), Act::AwaitClose]),
        |r, number| if number == 0 { vec![Act::ReadSome(50_000), Act::AwaitClose] } else { accept(r) },
    )
    .await;
    let executor = rig.executor();
    executor.submit_many([rig.job(&json!({}))]);
    until("the upload to begin", || rig.telegram.seen().iter().any(|post| post.body.len() >= 50_000)).await;
    assert!(executor.cancel("k"));
    cancelled(&rig.next(&executor).await, "not-sent");
    until("the connections to be closed", || rig.s3.seen()[0].closed && rig.telegram.seen()[0].closed).await;
    assert!(!rig.telegram.seen()[0].complete);
    serves_the_next(&rig, &executor).await;
}

#[tokio::test]
async fn while_the_answer_is_awaited_the_message_may_exist() {
    let rig = one_slot(
        |r, _| object(r),
        |r, number| if number == 0 { vec![Act::ReadBody, Act::AwaitClose] } else { accept(r) },
    )
    .await;
    let executor = rig.executor();
    executor.submit_many([rig.job(&json!({}))]);
    until("the whole upload", || rig.telegram.seen().iter().any(|post| post.complete)).await;
    assert!(executor.cancel("k"));
    // Twice: the second finds it gone, or going.
    let _ = executor.cancel("k");
    cancelled(&rig.next(&executor).await, "maybe-sent");
    until("the connection to be closed", || rig.telegram.seen()[0].closed).await;
    serves_the_next(&rig, &executor).await;
}

#[tokio::test]
async fn after_it_ended_there_is_nothing_to_cancel() {
    let rig = one_slot(|r, _| object(r), |r, _| accept(r)).await;
    let executor = rig.executor();
    assert_eq!(rig.settle(&executor, &json!({})).await.status, Status::Succeeded);
    assert!(!executor.cancel("k") && !executor.cancel("k"));
    serves_the_next(&rig, &executor).await;
}
