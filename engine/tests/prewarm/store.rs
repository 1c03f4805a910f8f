//! Refusals of the object store.

use super::rig::*;

#[tokio::test]
async fn two_500s_and_then_the_object() {
    let rig = Rig::new(
        |r, number| {
            if number < 2 { vec![http("500 X", &[], "<Error><Code>InternalError</Code></Error>")] } else { object(r) }
        },
        |r, _| accept(r),
    )
    .await;
    rig.succeeds(3).await;
    assert_eq!(rig.s3.seen().len(), 3);
}

#[tokio::test]
async fn refusals_of_the_store_end_by_their_class() {
    for (status, code, expected, attempts) in [
        ("404 X", "NoSuchKey", "SOURCE_NOT_FOUND", 1),
        ("403 X", "SignatureDoesNotMatch", "S3_SIGNATURE", 1),
        ("403 X", "AccessDenied", "S3_ACCESS", 1),
        ("400 X", "InvalidArgument", "S3_REJECTED", 1),
        ("503 X", "ServiceUnavailable", "DOWNLOAD_FAILED", 3),
    ] {
        let rig = Rig::new(
            move |_, _| {
                vec![http(
                    status,
                    &[("location", "http://127.0.0.1:1/")],
                    format!("<Error><Code>{code}</Code></Error>"),
                )]
            },
            |r, _| accept(r),
        )
        .await;
        let outcome = rig.fails(expected).await;
        assert_eq!(outcome.attempts, attempts, "{code}");
        assert_eq!(rig.s3.seen().len(), attempts as usize);
        assert!(rig.telegram.seen().is_empty());
    }
}

#[tokio::test]
async fn a_skewed_clock_is_learned_from_the_server_once() {
    let rig = Rig::new(
        |r, number| match number {
            0 => vec![http(
                "403 X",
                &[("date", "Fri, 24 May 2013 02:00:00 GMT")],
                "<Error><Code>RequestTimeTooSkewed</Code></Error>",
            )],
            _ => object(r),
        },
        |r, _| accept(r),
    )
    .await;
    rig.succeeds(1).await;
    let dates: Vec<_> = rig.s3.seen().iter().map(|r| r.headers["x-amz-date"].clone()).collect();
    assert_eq!(dates, ["20130524T000000Z", "20130524T020000Z"]);
}

/// What may go away is tried again, what cannot is not, and a store that asks for time gets it.
#[tokio::test]
async fn every_status_of_the_catalogue_has_its_class() {
    for (status, code, expected, attempts) in [
        ("408 X", "", "DOWNLOAD_FAILED", 3),
        ("425 X", "", "DOWNLOAD_FAILED", 3),
        ("502 X", "", "DOWNLOAD_FAILED", 3),
        ("504 X", "", "DOWNLOAD_FAILED", 3),
        ("400 X", "IncompleteBody", "DOWNLOAD_FAILED", 3),
        ("400 X", "ClientDisconnect", "DOWNLOAD_FAILED", 3),
        ("401 X", "Unauthorized", "S3_ACCESS", 1),
        ("403 X", "InvalidAccessKeyId", "S3_ACCESS", 1),
        ("404 X", "NoSuchBucket", "S3_ACCESS", 1),
        ("416 X", "InvalidRange", "S3_PROTOCOL", 1),
    ] {
        let rig = Rig::new(
            move |_, _| vec![http(status, &[], format!("<Error><Code>{code}</Code></Error>"))],
            |r, _| accept(r),
        )
        .await;
        assert_eq!(rig.fails(expected).await.attempts, attempts, "{status} {code}");
        assert_eq!(rig.s3.seen().len(), attempts as usize, "{status} {code}");
        assert!(rig.telegram.seen().is_empty());
    }
}

#[tokio::test]
async fn a_store_that_asks_for_time_costs_no_attempt() {
    for (status, code) in [("503 X", "SlowDown"), ("429 X", "TooManyRequests")] {
        let rig = Rig::new(
            move |r, number| {
                if number > 0 {
                    return object(r);
                }
                vec![http(status, &[("retry-after", "1")], format!("<Error><Code>{code}</Code></Error>"))]
            },
            |r, _| accept(r),
        )
        .await;
        rig.succeeds(1).await;
        let seen = rig.s3.seen();
        assert!(seen[1].at - seen[0].at >= Duration::from_secs(1), "asked again too early");
    }
}

/// What no object store says may have been said by something in between: it is asked twice more, and then believed.
#[tokio::test]
async fn an_answer_that_is_not_the_stores_is_asked_for_again() {
    let odd: [fn() -> Act; 4] = [
        || http("302 X", &[("location", "http://127.0.0.1:1/")], ""),
        || http("301 X", &[("location", "http://127.0.0.1:1/")], "<html>"),
        || Act::Send(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
        || Act::Send(b"SSH-2.0-x\r\n\r\n".to_vec()),
    ];
    for answer in odd {
        for times in [2, 3] {
            let answers = move |r: &Seen, number| {
                if number < times { vec![answer(), Act::Close] } else { object(r) }
            };
            let mut rig = Rig::new(answers, |r, _| accept(r)).await;
            rig.options["retry"]["quick"] = 0.into();
            if times == 2 {
                rig.succeeds(3).await;
            } else {
                rig.fails("S3_PROTOCOL").await;
                assert!(rig.telegram.seen().is_empty());
            }
            assert_eq!(rig.s3.seen().len(), 3);
        }
    }
}

/// One answer does not revoke keys that were good a moment ago; a second one does, for all jobs to come.
#[tokio::test]
async fn keys_that_were_good_are_refused_twice_before_that_is_believed() {
    for (status, code) in [("403 X", "AccessDenied"), ("401 X", "Unauthorized")] {
        let rig = Rig::new(
            move |r, number| match number {
                1 | 3.. => vec![http(status, &[], format!("<Error><Code>{code}</Code></Error>"))],
                _ => object(r),
            },
            |r, _| accept(r),
        )
        .await
        .option("route", "stream");
        let executor = rig.executor();
        let run = async |key: &str| {
            let outcome = rig.settle(&executor, &json!({ "key": key, "r2Key": key })).await;
            (outcome.error.map(|error| error.code), outcome.attempts, rig.s3.seen().len())
        };
        assert_eq!(run("good").await, (None, 1, 1));
        assert_eq!(run("stray").await, (None, 2, 3));
        assert_eq!(run("revoked").await, (Some("ERR_WARMPATH_S3_ACCESS"), 2, 5));
        assert_eq!(run("known").await, (Some("ERR_WARMPATH_S3_ACCESS"), 1, 6));
    }
}

fn skewed(headers: &'static [(&'static str, &'static str)], code: &'static str) -> Act {
    http("403 X", headers, format!("<Error><Code>{code}</Code></Error>"))
}

const TWO: (&str, &str) = ("date", "Fri, 24 May 2013 02:00:00 GMT");

#[tokio::test]
async fn a_skew_goes_forth_and_back_at_one_round_trip_each() {
    const FORTH: &[(&str, &str)] = &[TWO];
    const BACK: &[(&str, &str)] = &[("date", "Fri, 24 May 2013 00:00:01 GMT")];
    let rig = Rig::new(
        |r, number| match number {
            0 => vec![skewed(FORTH, "RequestTimeTooSkewed")],
            // Our clock was put right in the meantime: the offset is the fault now.
            2 => vec![skewed(BACK, "ExpiredRequest")],
            _ => object(r),
        },
        |r, _| accept(r),
    )
    .await
    .option("route", "stream");
    let executor = rig.executor();
    for key in ["a", "b"] {
        let outcome = rig.settle(&executor, &json!({ "key": key })).await;
        assert_eq!((outcome.status, outcome.attempts), (Status::Succeeded, 1));
    }
    let dates: Vec<_> = rig.s3.seen().iter().map(|r| r.headers["x-amz-date"].clone()).collect();
    assert_eq!(dates, ["20130524T000000Z", "20130524T020000Z", "20130524T020000Z", "20130524T000001Z"]);
}

#[tokio::test]
async fn a_clock_that_stays_wrong_is_reported_after_one_correction() {
    const FORTH: &[(&str, &str)] = &[TWO];
    let rig = Rig::new(|_, _| vec![skewed(FORTH, "RequestTimeTooSkewed")], |r, _| accept(r)).await;
    rig.fails("S3_SIGNATURE").await;
    assert_eq!(rig.s3.seen().len(), 2);
}

/// aws-sdk-js-v3#6202: a cache on the way answers with the time of its copy.
#[tokio::test]
async fn the_date_of_a_cached_answer_is_not_the_time() {
    const CACHED: &[(&str, &str)] = &[TWO, ("age", "7000")];
    let rig = Rig::new(|_, _| vec![skewed(CACHED, "RequestTimeTooSkewed")], |r, _| accept(r)).await;
    rig.fails("S3_SIGNATURE").await;
    assert_eq!(rig.s3.seen().len(), 1, "nothing was learned, so nothing was repeated");
}

/// The answer to a HEAD has no body and so no code.
#[tokio::test]
async fn a_skew_is_learned_from_a_refused_head_too() {
    let rig = Rig::new(
        |r, number| if number == 0 { vec![Act::Send(head("403 X", &[TWO], 0))] } else { object(r) },
        |r, _| accept(r),
    )
    .await
    .option("verifySha256", false);
    let outcome = rig.run().await;
    assert_eq!((outcome.value.unwrap().route, outcome.attempts), (Route::Url, 1));
    assert_eq!(rig.s3.seen().len(), 2);
    let url = rig.telegram.seen()[0].field("photo").unwrap();
    assert!(url.contains("X-Amz-Date=20130524T020000Z"), "the URL is signed by the store's time: {url}");
}
