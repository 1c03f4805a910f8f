//! What arrives at the other end, and what must not.

use super::rig::*;

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
async fn wrong_bytes_never_become_a_message() {
    // A file small enough to be read before the upload begins, and one that is found wrong at the very end of it.
    let small = Rig::new(|r, _| object(r), |r, _| accept(r)).await.with("sha256", "0".repeat(64)).with("size", 300_000);
    small.fails("SHA256_MISMATCH").await;
    assert!(small.telegram.seen().iter().all(|post| !post.complete));
    let large = big(|r, _| accept(r)).await.with("sha256", "0".repeat(64));
    let outcome = large.fails("SHA256_MISMATCH").await;
    assert_eq!(serde_json::to_value(outcome.error.unwrap()).unwrap()["certainty"], "not-sent");
    let posts = large.telegram.seen();
    assert!(
        !posts.is_empty() && posts.iter().all(|post| !post.complete),
        "the uploads must have begun and never ended"
    );
}

#[tokio::test]
async fn without_verification_the_bytes_go_as_they_are() {
    let mut rig = Rig::new(|r, _| object(r), |r, _| accept(r)).await.with("sha256", "0".repeat(64));
    rig.options["verifySha256"] = false.into();
    rig.options["route"] = "stream".into();
    rig.succeeds(1).await;
}

#[tokio::test]
async fn connections_are_kept_and_a_closed_one_is_noticed_before_it_is_used() {
    for (closes, connections) in [(false, 1), (true, 5)] {
        let rig =
            Rig::new(move |r, _| object(r).into_iter().chain(closes.then_some(Act::Close)).collect(), |r, _| accept(r))
                .await
                .option("route", "stream");
        let executor = rig.executor();
        for round in 0..5 {
            let outcome = rig.settle(&executor, &json!({ "key": round.to_string() })).await;
            assert_eq!((outcome.status, outcome.attempts), (Status::Succeeded, 1), "{:?}", outcome.error);
        }
        assert_eq!((rig.s3.connections(), rig.telegram.connections()), (connections, 1));
    }
}
