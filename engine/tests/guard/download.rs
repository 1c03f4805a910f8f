//! The body of a fetched file: whole, in order, of one version.

use http::HeaderMap;
use warmpath_engine::{error::Class, http::guard::Fetcher};

use super::rig::*;

fn media() -> Vec<u8> {
    (0..300_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

const ETAG: (&str, &str) = ("etag", "\"v1\"");

fn start_of(request: &Seen) -> usize {
    request.headers["range"].strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap()
}

fn cut(headers: &[(&str, &str)], at: usize) -> Act {
    Act::Send([head("200 OK", headers, 300_000), media()[..at].to_vec()].concat())
}

/// The rest that a request asks for, with what names its version.
fn rest(request: &Seen, status: &str, headers: &[(&str, &str)]) -> Act {
    let start = start_of(request);
    let range = format!("bytes {start}-299999/300000");
    answer(status, &[headers, &[("content-range", &range)]].concat(), &media()[start..])
}

const PARTIAL: &str = "206 Partial Content";

async fn serving(answer: impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static) -> (Server, Fetcher) {
    let server = Server::start(answer).await;
    let fetcher = fetcher(&open(port_of(&server.url), &["127.0.0.1"]), Liar::new(&[]));
    (server, fetcher)
}

#[tokio::test]
async fn a_file_is_read_and_what_the_server_says_of_it_is_told() {
    let (server, fetcher) =
        serving(|_, _| vec![answer("200 OK", &[ETAG, ("content-type", "image/jpeg")], media())]).await;
    for _ in 0..2 {
        let file = fetcher.get(&format!("{}/a?b=c", server.url), &HeaderMap::new()).await.unwrap();
        assert_eq!((file.len(), file.etag(), file.content_type()), (Some(300_000), Some("\"v1\""), Some("image/jpeg")));
        assert_eq!(read(file).await.unwrap(), media());
    }
    assert_eq!((server.seen()[0].target.as_str(), server.connections()), ("/a?b=c", 1), "the connection is used again");
}

#[tokio::test]
async fn a_chunked_file_has_no_length_and_an_end() {
    let (server, fetcher) = serving(|_, _| {
        vec![Act::Send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_vec())]
    })
    .await;
    let file = fetcher.get(&server.url, &HeaderMap::new()).await.unwrap();
    assert_eq!(file.len(), None);
    assert_eq!(read(file).await.unwrap(), b"hello");
}

#[tokio::test]
async fn a_cut_file_resumes_by_its_version() {
    let dates = [("date", "Fri, 24 May 2013 00:01:00 GMT"), ("last-modified", "Fri, 24 May 2013 00:00:00 GMT")];
    for by_date in [false, true] {
        let (server, fetcher) = serving(move |request, number| match number {
            0 if by_date => vec![cut(&dates, 100_000), Act::Reset],
            0 => vec![cut(&[ETAG], 100_000), Act::Close],
            _ => vec![rest(request, PARTIAL, &[if by_date { dates[1] } else { ETAG }])],
        })
        .await;
        assert_eq!(get(&fetcher, &server.url).await.unwrap(), media());
        let seen = server.seen();
        assert_eq!(seen.len(), 2, "the cut must have bitten");
        assert_eq!(seen[1].headers["if-range"], if by_date { dates[1].1 } else { ETAG.1 });
    }
}

#[tokio::test]
async fn a_server_that_sends_the_whole_again_is_understood() {
    let (server, fetcher) = serving(|_, number| match number {
        0 => vec![cut(&[ETAG], 90_000), Act::Reset],
        _ => vec![answer("200 OK", &[ETAG], media())],
    })
    .await;
    assert_eq!(get(&fetcher, &server.url).await.unwrap(), media());
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn two_versions_are_never_mixed() {
    for (etag, status) in [("\"v2\"", PARTIAL), ("\"v2\"", "200 OK"), ("\"v1\"", "416 No Range")] {
        let (server, fetcher) = serving(move |request, number| {
            let first = number == 0;
            if first { vec![cut(&[ETAG], 100_000), Act::Reset] } else { vec![rest(request, status, &[("etag", etag)])] }
        })
        .await;
        assert_eq!(code(&get(&fetcher, &server.url).await.unwrap_err()), "SOURCE_CHANGED");
        assert_eq!(server.seen().len(), 2);
    }
}

/// Without a name for the version, or with one that says nothing, a second request could bring another file.
#[tokio::test]
async fn what_has_no_version_is_not_resumed() {
    let cases: [&'static [(&str, &str)]; 3] = [
        &[],
        &[("etag", "W/\"v1\"")],
        &[("date", "Fri, 24 May 2013 00:00:05 GMT"), ("last-modified", "Fri, 24 May 2013 00:00:00 GMT")],
    ];
    for headers in cases {
        let (server, fetcher) = serving(move |_, _| vec![cut(headers, 100_000), Act::Close]).await;
        let error = get(&fetcher, &server.url).await.unwrap_err();
        assert_eq!((code(&error), error.class()), ("DOWNLOAD_FAILED", Class::Transient));
        assert_eq!(server.seen().len(), 1);
    }
    // A server that does not say which version the rest is of.
    let (server, fetcher) = serving(|request, number| {
        let first = number == 0;
        if first { vec![cut(&[ETAG], 100_000), Act::Close] } else { vec![rest(request, PARTIAL, &[])] }
    })
    .await;
    assert_eq!(code(&get(&fetcher, &server.url).await.unwrap_err()), "DOWNLOAD_FAILED");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_server_that_always_cuts_is_given_up() {
    let (server, fetcher) = serving(|request, _| match request.headers.get("range") {
        Some(_) => vec![Act::Reset],
        None => vec![cut(&[ETAG], 1_000), Act::Reset],
    })
    .await;
    assert_eq!(code(&get(&fetcher, &server.url).await.unwrap_err()), "DOWNLOAD_FAILED");
    assert!((3..=5).contains(&server.seen().len()), "{}", server.seen().len());
}

#[tokio::test]
async fn a_stall_ends_at_its_deadline_and_is_resumed() {
    let (server, fetcher) = serving(|request, number| match number {
        0 => vec![cut(&[ETAG], 100_000), Act::Stall],
        _ => vec![rest(request, PARTIAL, &[ETAG])],
    })
    .await;
    assert_eq!(get(&fetcher, &server.url).await.unwrap(), media());
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn every_answer_that_is_no_file_has_its_code() {
    for (status, headers, expected) in [
        ("404 Not Found", &[][..], "SOURCE_NOT_FOUND"),
        ("410 Gone", &[][..], "SOURCE_NOT_FOUND"),
        ("401 Unauthorized", &[][..], "SOURCE_UNRESOLVED"),
        ("403 Forbidden", &[][..], "SOURCE_UNRESOLVED"),
        ("400 Bad Request", &[][..], "SOURCE_REJECTED"),
        ("206 Partial Content", &[("content-range", "bytes 0-0/1")][..], "SOURCE_REJECTED"),
        ("200 OK", &[("content-encoding", "gzip")][..], "SOURCE_REJECTED"),
        ("429 Too Many Requests", &[("retry-after", "7")][..], "SOURCE_THROTTLED"),
        ("503 Unavailable", &[("retry-after", "7")][..], "SOURCE_THROTTLED"),
        ("502 Bad Gateway", &[][..], "DOWNLOAD_FAILED"),
    ] {
        let (server, fetcher) = serving(move |_, _| vec![answer(status, headers, "x")]).await;
        let error = get(&fetcher, &server.url).await.unwrap_err();
        assert_eq!(code(&error), expected, "{status}");
        assert_eq!(error.retry_after.map(|wait| wait.as_secs()), headers.first().filter(|h| h.1 == "7").map(|_| 7));
    }
    let (server, fetcher) = serving(|_, _| vec![Act::Send(b"HTTP/1.1 200 OK\r\n\r\nhello".to_vec()), Act::Close]).await;
    assert_eq!(code(&get(&fetcher, &server.url).await.unwrap_err()), "SOURCE_REJECTED", "an end that may be a cut");
    let (server, fetcher) = serving(|_, _| vec![Act::Send(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec())]).await;
    assert_eq!(code(&get(&fetcher, &server.url).await.unwrap_err()), "SOURCE_REJECTED");
    let (server, fetcher) = serving(|_, _| vec![Act::Stall]).await;
    assert_eq!(code(&get(&fetcher, &server.url).await.unwrap_err()), "DOWNLOAD_TIMEOUT");
}
