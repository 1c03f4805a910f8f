use sha2::{Digest, Sha256};
use warmpath_engine::{
    error::{Class, Code},
    s3::UploadOptions,
};

use super::rig::*;

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[tokio::test]
async fn what_fits_into_a_part_is_one_request_with_its_length_and_its_hash() {
    for len in [0, 1, PART - 1, PART] {
        let store = Store::start(|_, _| None).await;
        let data = bytes(len);
        let options = UploadOptions {
            content_type: Some("image/jpeg".to_owned()),
            metadata: vec![("Chat-Id".to_owned(), "7".to_owned())],
            ..UploadOptions::default()
        };
        let mut upload = store.s3.upload("a/b c", options).unwrap();
        write_all(&mut upload, &data).await.unwrap();
        let written = upload.finish().await.unwrap();
        assert_eq!((written.bytes, written.parts, written.existed), (len as u64, 1, false));
        assert_eq!(written.etag.as_deref(), Some("\"e\""));
        let seen = store.server.seen();
        assert_eq!((store.steps(), seen[0].target.as_str()), (vec!["put".to_owned()], "/b/a/b%20c"));
        assert!(seen[0].body == data && seen[0].complete);
        let headers = &seen[0].headers;
        assert_eq!(headers["x-amz-content-sha256"], hash(&data));
        assert_eq!(headers["x-amz-meta-sha256"], hash(&data));
        assert_eq!((headers["x-amz-meta-chat-id"].as_str(), headers["content-type"].as_str()), ("7", "image/jpeg"));
        assert!(!headers.contains_key("transfer-encoding"));
    }
}

#[tokio::test]
async fn what_does_not_is_sent_in_equal_parts_and_joined() {
    let store = Store::start(|_, _| None).await;
    let data = bytes(2 * PART + 17);
    let mut upload = store.s3.upload("k", UploadOptions::default()).unwrap();
    write_all(&mut upload, &data).await.unwrap();
    assert_eq!(upload.stored(), 2 * PART as u64);
    let written = upload.finish().await.unwrap();
    assert_eq!((written.bytes, written.parts), (data.len() as u64, 3));
    assert_eq!(written.etag.as_deref(), Some("\"whole-2\""));
    assert_eq!(store.steps(), ["create", "part 1", "part 2", "part 3", "complete"]);
    let seen = store.server.seen();
    let sizes: Vec<_> = seen[1..4].iter().map(|request| request.body.len()).collect();
    assert_eq!(sizes, [PART, PART, 17]);
    assert_eq!(seen[1..4].iter().flat_map(|request| request.body.clone()).collect::<Vec<_>>(), data);
    for part in &seen[1..4] {
        assert_eq!(part.headers["x-amz-content-sha256"], hash(&part.body));
        // An id may hold anything, and XML escapes it.
        assert!(part.target.ends_with("&uploadId=an%2Fid%2B%26%3D"), "{}", part.target);
    }
    let document = String::from_utf8(seen[4].body.clone()).unwrap();
    assert_eq!(document.matches("<ETag>&quot;e&quot;</ETag>").count(), 3);
    assert_eq!(store.server.connections(), 1);
}

#[tokio::test]
async fn a_part_is_sent_again_out_of_memory() {
    let failing = |request: &Seen, number: usize| match (step(request).as_str(), number) {
        ("part 1", 1) => Some(vec![Act::ReadSome(100_000), Act::Reset]),
        ("part 1", 2) => Some(vec![Act::ReadBody, answer("500 Oops", &[], "")]),
        ("part 1", 3) => Some(vec![Act::ReadBody, answer("429 Slow", &[("retry-after", "0")], "")]),
        _ => None,
    };
    let store = Store::start(failing).await;
    let data = bytes(PART + 1);
    let mut upload = store.s3.upload("k", UploadOptions::default()).unwrap();
    write_all(&mut upload, &data).await.unwrap();
    upload.finish().await.unwrap();
    assert_eq!(store.steps(), ["create", "part 1", "part 1", "part 1", "part 1", "part 2", "complete"]);
    let seen = store.server.seen();
    assert!(seen[4].body == data[..PART] && seen[5].body == data[PART..]);
}

#[tokio::test]
async fn dropped_aborted_or_failed_its_parts_are_removed() {
    // Dropped between two parts.
    let store = Store::start(|_, _| None).await;
    let mut upload = store.s3.upload("k", UploadOptions::default()).unwrap();
    write_all(&mut upload, &bytes(PART + 1)).await.unwrap();
    drop(upload);
    store.comes("abort").await;
    assert!(store.server.seen().last().unwrap().target.ends_with("?uploadId=an%2Fid%2B%26%3D"));

    // Dropped while a part is on its way.
    let stuck = |request: &Seen, _| (step(request) == "part 2").then(|| vec![Act::AwaitClose]);
    let store = Store::start(stuck).await;
    let mut upload = store.s3.upload("k", UploadOptions::default()).unwrap();
    write_all(&mut upload, &bytes(2 * PART)).await.unwrap();
    let data = bytes(PART);
    tokio::select! {
        () = store.comes("part 2") => {}
        done = write_all(&mut upload, &data) => panic!("{done:?}"),
    }
    drop(upload);
    store.comes("abort").await;

    // Aborted: the parts are gone when it returns.
    let store = Store::start(|_, _| None).await;
    let mut upload = store.s3.upload("k", UploadOptions::default()).unwrap();
    write_all(&mut upload, &bytes(PART + 1)).await.unwrap();
    upload.abort().await;
    assert_eq!(store.steps(), ["create", "part 1", "abort"]);

    // Failed: the same, and it stays failed.
    let denied =
        |request: &Seen, _| (step(request) == "part 1").then(|| vec![answer("403 Forbidden", &[], ""), Act::Close]);
    let store = Store::start(denied).await;
    let mut upload = store.s3.upload("k", UploadOptions::default()).unwrap();
    let error = write_all(&mut upload, &bytes(PART + 1)).await.unwrap_err();
    assert_eq!(error.code, Code::S3Access);
    assert_eq!(store.steps().last().unwrap(), "abort");
    assert_eq!(upload.write(b"x").await.unwrap_err().code, Code::S3Access);
    assert_eq!(upload.finish().await.unwrap_err().code, Code::S3Access);
    assert_eq!(store.steps().iter().filter(|step| *step == "abort").count(), 1);

    // Never begun: nothing to remove.
    let store = Store::start(|_, _| None).await;
    let mut upload = store.s3.upload("k", UploadOptions::default()).unwrap();
    upload.write(b"x").await.unwrap();
    upload.abort().await;
    assert!(store.steps().is_empty());
}

/// The end was carried out and its answer lost; the object says by its metadata whose it is.
#[tokio::test]
async fn an_end_without_an_answer_is_looked_up() {
    for ours in [true, false] {
        let made_by = std::sync::Arc::new(parking_lot::Mutex::new(String::new()));
        let answers = move |request: &Seen, _: usize| match step(request).as_str() {
            "create" => {
                made_by.lock().clone_from(&request.headers["x-amz-meta-warmpath-upload"]);
                None
            }
            "complete" => Some(vec![Act::ReadBody, Act::Reset]),
            "head" => {
                let made_by = if ours { made_by.lock().clone() } else { "another".to_owned() };
                let length = (PART + 1).to_string();
                Some(vec![Act::Send(
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\netag: \"now\"\r\nx-amz-meta-warmpath-upload: {made_by}\r\n\r\n")
                        .into_bytes(),
                )])
            }
            _ => None,
        };
        let store = Store::start(answers).await;
        let mut upload = store.s3.upload("k", UploadOptions::default()).unwrap();
        write_all(&mut upload, &bytes(PART + 1)).await.unwrap();
        let done = upload.finish().await;
        let steps = store.steps();
        if ours {
            assert_eq!(done.unwrap().etag.as_deref(), Some("\"now\""));
            assert_eq!(steps.last().unwrap(), "head");
        } else {
            let error = done.unwrap_err();
            assert_eq!((error.code, error.class()), (Code::S3Unavailable, Class::Transient));
            assert_eq!(steps.last().unwrap(), "abort");
        }
        assert!(steps.iter().filter(|step| *step == "complete").count() > 1, "{steps:?}");
    }
}

/// Something in between can answer 200 to anything; what a store has done it also says.
#[tokio::test]
async fn a_success_without_its_proof_is_none() {
    for (at, with, code) in [
        ("put", "", Code::S3Unavailable),
        ("create", "", Code::S3Unavailable),
        ("create", "<html>Welcome</html>", Code::S3Unavailable),
        ("create", "<UploadId></UploadId>", Code::S3Protocol),
        ("part 1", "", Code::S3Unavailable),
        ("complete", "", Code::S3Unavailable),
        ("complete", "<Error><Code>InvalidPart</Code></Error>", Code::S3Rejected),
    ] {
        let empty =
            move |request: &Seen, _| (step(request) == at).then(|| vec![Act::ReadBody, answer("200 OK", &[], with)]);
        let store = Store::start(empty).await;
        let mut upload = store.s3.upload("k", UploadOptions::default()).unwrap();
        let len = if at == "put" { 10 } else { PART + 1 };
        let done = match write_all(&mut upload, &bytes(len)).await {
            Ok(()) => upload.finish().await,
            Err(error) => Err(error),
        };
        assert_eq!(done.unwrap_err().code, code, "{at} {with}");
        let asked = store.steps().iter().filter(|step| *step == at).count();
        assert_eq!(asked > 1, code == Code::S3Unavailable, "{at} {with}: asked {asked} times");
    }
    // The write of one request, which leaves it to its caller to repeat it.
    for (headers, etag) in [(&[][..], None), (&[("etag", "")], None), (&[("etag", "\"e\"")], Some("\"e\""))] {
        let store = Store::start(move |_, _| Some(vec![Act::ReadBody, answer("200 OK", headers, "")])).await;
        let put = store.s3.put("k", bytes(10).into(), None).await;
        assert_eq!(put.as_deref().ok(), etag);
        assert!(put.err().is_none_or(|error| error.code == Code::S3Unavailable));
    }
    // Once only, and then the store itself.
    let once = |request: &Seen, n: usize| {
        (n < 3 && n != 1 && step(request) != "abort").then(|| vec![Act::ReadBody, answer("200 OK", &[], "")])
    };
    let store = Store::start(once).await;
    let mut upload = store.s3.upload("k", UploadOptions::default()).unwrap();
    write_all(&mut upload, &bytes(PART + 1)).await.unwrap();
    upload.finish().await.unwrap();
    assert_eq!(store.steps(), ["create", "create", "part 1", "part 1", "part 2", "complete"]);
}

/// A store that takes no more bytes is given up after the idle deadline, one that does not answer after that of the answer; neither
/// is waited for as long as the whole part might have taken, which is minutes.
#[tokio::test]
async fn a_store_that_stands_still_is_not_waited_for() {
    for stuck in [0, 1_000_000, PART] {
        let store = Store::start(move |request, number| {
            (step(request) == "part 1" && number == 1).then(|| vec![Act::ReadSome(stuck), Act::Stall])
        })
        .await;
        let began = std::time::Instant::now();
        let data = bytes(PART + 1);
        let mut upload = store.s3.upload("k", UploadOptions::default()).unwrap();
        write_all(&mut upload, &data).await.unwrap();
        upload.finish().await.unwrap();
        assert!(began.elapsed().as_secs() < 25, "{:?}", began.elapsed());
        assert_eq!(store.steps(), ["create", "part 1", "part 1", "part 2", "complete"]);
        assert!(store.server.seen()[2].body == data[..PART]);
    }
}
