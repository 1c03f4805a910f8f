//! Faults of the download (reliability catalogue, network and HTTP).

use super::rig::*;

#[tokio::test]
async fn a_cut_download_resumes_where_it_was_and_the_upload_never_notices() {
    let rig = Rig::new(
        |request, number| match number {
            0 => vec![
                Act::Send([head("200 OK", &[("etag", "\"v1\"")], 300_000), media()[..100_000].to_vec()].concat()),
                Act::Reset,
            ],
            1 => vec![
                Act::Send(
                    [
                        head(
                            "206 Partial Content",
                            &[("etag", "\"v1\""), ("content-range", &rest_of(request))],
                            300_000 - start_of(request),
                        ),
                        media()[start_of(request)..][..50_000].to_vec(),
                    ]
                    .concat(),
                ),
                Act::Close,
            ],
            _ => vec![http(
                "206 Partial Content",
                &[("etag", "\"v1\""), ("content-range", &rest_of(request))],
                &media()[start_of(request)..],
            )],
        },
        |r, _| accept(r),
    )
    .await;
    rig.succeeds(1).await;
    let seen = rig.s3.seen();
    assert_eq!(seen.len(), 3, "both cuts must have bitten");
    assert!(seen[1..].iter().all(|r| r.headers["if-match"] == "\"v1\""));
    assert!(start_of(&seen[2]) > start_of(&seen[1]));
    assert_eq!(rig.telegram.seen().len(), 1);
}

#[tokio::test]
async fn a_server_that_ignores_the_range_is_read_again_and_one_that_says_200_for_it_is_understood() {
    for whole in [true, false] {
        let rig = Rig::new(
            move |request, number| match number {
                0 => vec![
                    Act::Send([head("200 OK", &[("etag", "\"v1\"")], 300_000), media()[..90_000].to_vec()].concat()),
                    Act::Reset,
                ],
                _ if whole => object(request),
                _ => vec![http(
                    "200 OK",
                    &[("etag", "\"v1\""), ("content-range", &rest_of(request))],
                    &media()[start_of(request)..],
                )],
            },
            |r, _| accept(r),
        )
        .await;
        rig.succeeds(1).await;
        assert_eq!(rig.s3.seen().len(), 2);
    }
}

#[tokio::test]
async fn a_rest_that_does_not_say_of_which_version_it_is_is_none() {
    for status in ["200 OK", "206 Partial Content"] {
        let rig = Rig::new(
            move |request, number| match number {
                0 => vec![
                    Act::Send([head("200 OK", &[("etag", "\"v1\"")], 300_000), media()[..100_000].to_vec()].concat()),
                    Act::Reset,
                ],
                _ if status.starts_with("200") || !request.headers.contains_key("range") => {
                    vec![http("200 OK", &[], vec![0; 300_000])]
                }
                _ => vec![http(status, &[("content-range", &rest_of(request))], vec![0; 300_000 - start_of(request)])],
            },
            |r, _| accept(r),
        )
        .await
        .option("verifySha256", false)
        .option("route", "stream");
        rig.run().await;
        let whole = |file: &Vec<u8>| file.iter().all(|byte| *byte == 0);
        let sent: Vec<_> =
            rig.telegram.seen().iter().filter(|request| request.complete).filter_map(Seen::file).collect();
        assert!(sent.iter().all(whole), "a mixture, {status}");
        assert!(rig.s3.seen().len() > 2, "the rest was asked for, and again: {status}");
    }
}

#[tokio::test]
async fn an_object_that_changes_in_the_middle_is_never_mixed() {
    for status in ["412 Precondition Failed", "206 Partial Content"] {
        let rig = Rig::new(
            move |request, number| match number {
                0 => vec![
                    Act::Send([head("200 OK", &[("etag", "\"v1\"")], 300_000), media()[..100_000].to_vec()].concat()),
                    Act::Reset,
                ],
                1 => vec![http(
                    status,
                    &[("etag", "\"v2\""), ("content-range", &rest_of(request))],
                    vec![0; 300_000 - start_of(request)],
                )],
                _ => object(request),
            },
            |r, _| accept(r),
        )
        .await;
        rig.succeeds(2).await;
        let posts = rig.telegram.seen();
        assert_eq!(posts.iter().map(|post| post.complete).collect::<Vec<_>>(), [false, true]);
    }
}

#[tokio::test]
async fn a_stalled_download_ends_at_its_idle_deadline_and_is_resumed() {
    let rig = Rig::new(
        |request, number| match number {
            0 => vec![
                Act::Send([head("200 OK", &[("etag", "\"v1\"")], 300_000), media()[..100_000].to_vec()].concat()),
                Act::Stall,
            ],
            _ => vec![http(
                "206 Partial Content",
                &[("etag", "\"v1\""), ("content-range", &rest_of(request))],
                &media()[start_of(request)..],
            )],
        },
        |r, _| accept(r),
    )
    .await
    .timeout("idleMs", 300);
    rig.succeeds(1).await;
    assert_eq!(rig.s3.seen().len(), 2);
}

#[tokio::test]
async fn a_download_that_always_stalls_fails_in_the_download_and_sends_nothing() {
    let rig = Rig::new(|_, _| vec![Act::Stall], |r, _| accept(r)).await.timeout("firstByteMs", 100);
    let outcome = rig.fails("DOWNLOAD_TIMEOUT").await;
    assert_eq!(outcome.attempts, 3);
    assert_eq!(rig.s3.seen().len(), 3);
    assert!(rig.telegram.seen().is_empty());
}

#[tokio::test]
async fn a_body_without_a_length_is_refused_and_a_short_one_is_resumed() {
    let rig = Rig::new(
        |_, _| vec![Act::Send([b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), media()].concat()), Act::Close],
        |r, _| accept(r),
    )
    .await;
    rig.fails("S3_PROTOCOL").await;
    assert!(rig.telegram.seen().is_empty());
}

#[tokio::test]
async fn a_range_that_was_not_asked_for_is_refused() {
    for range in ["bytes 0-299999/300000", "bytes 100000-299999/400000", "items 1-2/3"] {
        let rig = Rig::new(
            move |_, number| match number {
                0 => vec![cut(100_000), Act::Reset],
                _ => vec![http("206 Partial Content", &[ETAG, ("content-range", range)], &media()[100_000..])],
            },
            |r, _| accept(r),
        )
        .await;
        rig.fails("S3_PROTOCOL").await;
        let ranges = rig.s3.seen().iter().filter(|read| read.headers.contains_key("range")).count();
        assert_eq!(ranges, 3, "the cut must have bitten, and the rest is asked for as often as after a reset");
        assert!(rig.telegram.seen().iter().all(|post| !post.complete));
    }
}

/// What answers a range may be a page from somewhere in between: the upload that runs is not given up for one of them.
#[tokio::test]
async fn a_stray_answer_to_a_range_is_asked_for_again_in_the_same_upload() {
    let strays: [fn() -> Act; 4] = [
        || http("200 OK", &[], "<?xml version=\"1.0\"?><Err"),
        || http("200 OK", &[], ""),
        || http("302 X", &[("location", "http://127.0.0.1:1/")], ""),
        || http("403 X", &[], "<Error><Code>AccessDenied</Code></Error>"),
    ];
    for stray in strays {
        let rig = Rig::new(
            move |request, number| match number {
                0 => vec![cut(100_000), Act::Reset],
                1 => vec![stray()],
                _ => vec![rest(request)],
            },
            |r, _| accept(r),
        )
        .await;
        rig.succeeds(1).await;
        assert_eq!((rig.s3.seen().len(), rig.telegram.seen().len()), (3, 1));
    }
}

/// A byte now and then beats every deadline for silence; another connection goes on where the trickle is.
#[tokio::test]
async fn a_trickle_is_left_for_another_connection_and_loses_no_byte() {
    let rig = Rig::new(
        |request, number| match number {
            0 => {
                let bytes = media();
                let drops = bytes[1_000..].chunks(10).take(100).map(<[u8]>::to_vec);
                let drops = drops.flat_map(|drop| [Act::Pause(Duration::from_millis(20)), Act::Send(drop)]);
                std::iter::once(cut(1_000)).chain(drops.collect::<Vec<_>>()).chain([Act::Stall]).collect()
            }
            _ => vec![rest(request)],
        },
        |r, _| accept(r),
    )
    .await
    .timeout("idleMs", 200);
    rig.succeeds(1).await;
    let seen = rig.s3.seen();
    assert_eq!((seen.len(), rig.telegram.seen().len()), (2, 1));
    let from = start_of(&seen[1]);
    assert!(from > 1_000 && from < 2_000, "left before it stalled: at {from}");
}

/// The hash says nothing of who is to blame: bytes that are wrong are read once more, and twice where the store named no
/// version of them.
#[tokio::test]
async fn wrong_bytes_are_read_again_before_they_are_believed() {
    let wrong: [(fn() -> Act, usize); 4] = [
        (|| http("200 OK", &[ETAG], vec![0; 300_000]), 1),
        (|| http("200 OK", &[], "<?xml version=\"1.0\"?><Err"), 2),
        (|| http("200 OK", &[], ""), 2),
        (|| http("200 OK", &[("content-encoding", "gzip")], [0x1f, 0x8b, 8]), 2),
    ];
    for (answer, looks) in wrong {
        for right in [true, false] {
            let rig = Rig::new(
                move |r, number| {
                    if number < looks || !right { vec![answer()] } else { object(r) }
                },
                |r, _| accept(r),
            )
            .await;
            let outcome = rig.run().await;
            assert_eq!(outcome.status == Status::Succeeded, right, "{:?}", outcome.error);
            assert_eq!((rig.s3.seen().len(), outcome.attempts as usize), (looks + 1, looks + 1));
            assert_eq!(rig.telegram.seen().iter().filter(|post| post.complete).count(), usize::from(right));
        }
    }
}

/// A server closes an idle connection just as the next request is on its way: no answer, and no way to see it coming.
#[tokio::test]
async fn a_read_that_dies_on_a_kept_connection_is_repeated_on_a_fresh_one() {
    let rig = Rig::new(|r, number| if number == 1 { vec![Act::Reset] } else { object(r) }, |r, _| accept(r)).await;
    let executor = rig.executor();
    for key in ["a", "b"] {
        let outcome = rig.settle(&executor, &json!({ "key": key, "r2Key": key })).await;
        assert_eq!((outcome.status, outcome.attempts), (Status::Succeeded, 1), "{:?}", outcome.error);
    }
    assert_eq!((rig.s3.seen().len(), rig.s3.connections()), (3, 2), "the reset must have bitten");
}

#[tokio::test]
async fn a_read_that_dies_on_a_fresh_connection_is_a_failed_try() {
    let rig = Rig::new(|r, number| if number == 0 { vec![Act::Reset] } else { object(r) }, |r, _| accept(r)).await;
    rig.succeeds(2).await;
}

#[tokio::test]
async fn a_store_that_nobody_can_reach_is_transient() {
    for endpoint in ["http://127.0.0.1:1", "http://nobody.invalid"] {
        let mut rig = Rig::new(|r, _| object(r), |r, _| accept(r)).await.timeout("connectMs", 300);
        rig.options["s3"]["endpoint"] = endpoint.into();
        let outcome = rig.fails("DOWNLOAD_FAILED").await;
        assert_eq!(outcome.attempts, 3);
        assert!(rig.telegram.seen().is_empty());
    }
}

/// TCP is there at once, TLS never: the deadline of a connection is over both.
#[tokio::test]
async fn a_handshake_that_never_ends_ends_at_the_connect_deadline() {
    let mut rig = Rig::new(|_, _| vec![Act::Stall], |r, _| accept(r)).await.timeout("connectMs", 100);
    rig.options["s3"]["endpoint"] = rig.s3.url.replace("http:", "https:").into();
    rig.options["retry"]["quick"] = 0.into();
    rig.fails("DOWNLOAD_FAILED").await;
    assert_eq!(rig.s3.connections(), 1);
}

/// A decoder would make gigabytes of kilobytes, and other bytes than the job's in any case.
#[tokio::test]
async fn nothing_is_asked_to_be_encoded_and_nothing_is_decoded() {
    let rig =
        Rig::new(|_, _| vec![http("200 OK", &[ETAG, ("content-encoding", "gzip")], media())], |r, _| accept(r)).await;
    rig.succeeds(1).await;
    let get = &rig.s3.seen()[0];
    assert!(get.headers.get("accept-encoding").is_none_or(|value| value == "identity"));
}

#[tokio::test]
async fn an_error_page_without_end_is_not_read_to_it() {
    let endless = || Act::Send([b"HTTP/1.1 503 X\r\n\r\n".to_vec(), vec![b'x'; 4 << 20]].concat());
    let rig = Rig::new(move |_, _| vec![endless(), Act::Stall], |r, _| accept(r)).await;
    rig.fails("DOWNLOAD_FAILED").await;
    assert_eq!(rig.s3.seen().len(), 3);
}
