//! To a bucket, and to a bucket and the disk at once.

use super::rig::*;

const PART: usize = 5 << 20;

fn step(request: &Seen) -> &'static str {
    match request.method.as_str() {
        "POST" if request.target.ends_with("?uploads=") => "create",
        "POST" => "complete",
        "PUT" if request.target.contains("partNumber=") => "part",
        "PUT" => "put",
        "DELETE" => "abort",
        _ => "head",
    }
}

/// A store that says yes, but to `broken`.
async fn store(broken: &'static str) -> Server {
    Server::start(move |request, _| {
        let step = step(request);
        if step == broken {
            return vec![Act::ReadBody, http("403 X", &[], "<Error><Code>AccessDenied</Code></Error>")];
        }
        let body = match step {
            "create" => "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>",
            "complete" => "<CompleteMultipartUploadResult><ETag>\"e-2\"</ETag></CompleteMultipartUploadResult>",
            _ => "",
        };
        vec![Act::ReadBody, http(if step == "head" { "404 X" } else { "200 OK" }, &[("etag", "\"e\"")], body)]
    })
    .await
}

fn options(store: &Server, sinks: &Value) -> Value {
    json!({ "sinks": sinks, "s3Prefix": "in/",
        "s3": { "endpoint": store.url, "bucket": "b", "accessKeyId": "a", "secretAccessKey": "canary" } })
}

fn steps(store: &Server) -> Vec<&'static str> {
    store.seen().iter().map(step).collect()
}

#[tokio::test]
async fn one_request_up_to_a_part_and_parts_above_and_the_disk_beside() {
    for (len, expected) in [
        (100_000, vec!["put"]),
        (PART, vec!["put"]),
        (2 * PART + 1, vec!["create", "part", "part", "part", "complete"]),
    ] {
        for sinks in [json!(["s3"]), json!(["disk", "s3"])] {
            let web = Server::start(move |_, _| vec![http("200 OK", &[], media(len))]).await;
            let store = store("").await;
            let rig = Rig::new(Some(&web), &options(&store, &sinks));
            let outcome = rig.fetch(&web).await;
            assert_eq!(outcome.status, Status::Succeeded, "{:?}", outcome.error);
            let location = outcome.value.clone().unwrap().location;
            assert_eq!(location.r2_key.as_deref(), Some("in/1700000000_a.bin"));
            assert_eq!(location.path.is_some(), sinks.as_array().unwrap().len() == 2);
            if location.path.is_some() {
                stored(outcome, &media(len));
            }
            assert_eq!(steps(&store), expected);
            let sent: Vec<u8> =
                store.seen().into_iter().filter(|r| r.method == "PUT").flat_map(|request| request.body).collect();
            assert!(sent == media(len), "{len}");
        }
    }
}

/// What a medium is, is known at its end: an object of one request has its key and type by that, as the outcome says.
#[tokio::test]
async fn an_object_is_named_by_all_of_it_where_it_is_one_request() {
    // The movie box stands behind what is looked at first, and holds sound alone.
    let boxed =
        |kind: &[u8; 4], body: &[u8]| [&u32::try_from(body.len() + 8).unwrap().to_be_bytes()[..], kind, body].concat();
    let handler = boxed(b"hdlr", &[&[0; 8][..], b"soun", &[0; 13]].concat());
    let described = boxed(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &boxed(b"mp4a", &[0; 78])].concat());
    let table = boxed(b"stbl", &[described, boxed(b"stco", &[0; 8])].concat());
    let media = boxed(b"mdia", &[boxed(b"mdhd", &[0; 24]), handler, boxed(b"minf", &table)].concat());
    let track = boxed(b"trak", &[boxed(b"tkhd", &[0; 84]), media].concat());
    let movie = boxed(b"moov", &[boxed(b"mvhd", &[0; 100]), track].concat());
    let file = [boxed(b"ftyp", b"isom\0\0\x02\0isom"), boxed(b"mdat", &[7; 9_000]), movie].concat();
    let len = file.len();
    let web = Server::start(move |_, _| vec![http("200 OK", &[], &file)]).await;
    let store = store("").await;
    let rig = Rig::new(Some(&web), &options(&store, &json!(["s3"])));
    let outcome = rig.fetch(&web).await;
    let value = outcome.value.unwrap();
    assert_eq!((value.mime.as_str(), value.bytes), ("audio/mp4", len as u64));
    assert_eq!(value.location.r2_key.as_deref(), Some("in/1700000000_a.m4a"));
    let [put] = &store.seen()[..] else { panic!("{:?}", steps(&store)) };
    assert_eq!(put.target, "/b/in/1700000000_a.m4a");
    assert_eq!(put.headers.get("content-type").map(String::as_str), Some("audio/mp4"));
}

/// Told to stop when all of it was handed on, a job may be done all the same, and says so.
#[tokio::test]
async fn a_job_that_is_cancelled_at_its_end_may_be_done() {
    let web = Server::start(|_, _| vec![http("200 OK", &[], media(1_000))]).await;
    let store = Server::start(|_, _| vec![Act::ReadBody, Act::AwaitClose]).await;
    let rig = Rig::new(Some(&web), &options(&store, &json!(["s3"])));
    let job = json!({ "source": { "type": "url", "url": format!("{}/canary", web.url) } });
    rig.executor.submit_many([Rig::job(&job, None)]);
    let asked = async {
        while store.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.expect("nothing was sent");
    assert!(rig.executor.cancel("k"));
    let error = rig.next().await.error.unwrap();
    assert_eq!((error.code, error.certainty), ("ERR_WARMPATH_CANCELLED", Certainty::MaybeSent));
}

/// One sink that fails takes the other along: there is a medium in both of them, or in none.
#[tokio::test]
async fn a_store_that_refuses_leaves_nothing_in_either_sink() {
    for (broken, len, expected) in [
        ("put", 100_000, vec!["put"]),
        ("create", 2 * PART, vec!["create"]),
        ("part", 2 * PART, vec!["create", "part", "abort"]),
        ("complete", PART + 1, vec!["create", "part", "complete", "abort"]),
    ] {
        let web = Server::start(move |_, _| vec![http("200 OK", &[], media(len))]).await;
        let store = store(broken).await;
        let rig = Rig::new(Some(&web), &options(&store, &json!(["disk", "s3"])));
        let outcome = rig.fetch(&web).await;
        rig.nothing(&outcome, "S3_ACCESS").await;
        // Parts are sent side by side: how many of them had left when one was refused is chance.
        let done = || {
            let mut done = steps(&store);
            done.dedup();
            done
        };
        let all = async {
            while done() != expected {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), all).await.unwrap_or_else(|_| panic!("{:?}", steps(&store)));
    }
}

#[tokio::test]
async fn a_source_that_fails_puts_no_object_there() {
    for len in [100_000, 2 * PART] {
        let web = Server::start(move |_, _| {
            vec![Act::Send([head("200 OK", &[], len), media(len)[..len - 1].to_vec()].concat()), Act::Reset]
        })
        .await;
        let store = store("").await;
        let rig = Rig::new(Some(&web), &options(&store, &json!(["disk", "s3"])));
        let outcome = rig.fetch(&web).await;
        rig.nothing(&outcome, "DOWNLOAD_FAILED").await;
        let done = steps(&store);
        assert!(!done.contains(&"complete"), "{done:?}");
    }
}
