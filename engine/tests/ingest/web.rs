//! From a web server to the disk.

use super::rig::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x07\0\0\0\x05\x08\x06\0\0\0\0\0\0\0";

fn start_of(request: &Seen) -> usize {
    request.headers["range"].strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap()
}

/// Around a block, around what is looked at first, and many blocks; as one answer and in small writes, with a length and without.
#[tokio::test]
async fn every_length_arrives_whole() {
    for len in [1, 4_095, 4_096, 4_097, 102_400, 131_072, 262_143, 262_144, 262_145, 524_288, 3_000_001] {
        let web = Server::start(move |_, number| {
            if number == 0 {
                return vec![http("200 OK", &[], media(len))];
            }
            let mut acts = vec![Act::Send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec())];
            let chunk = |part: &[u8]| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
            acts.extend(media(len).chunks(1 + len / 7).map(|part| Act::Send(chunk(part))));
            acts.push(Act::Send(b"0\r\n\r\n".to_vec()));
            acts
        })
        .await;
        let rig = Rig::new(Some(&web), &json!({}));
        for _ in 0..2 {
            // The second time it is the same medium under the same name.
            let value = stored(rig.fetch(&web).await, &media(len));
            assert_eq!(value.location.path.as_deref(), rig.scratch.0.join("1700000000_a.bin").to_str());
        }
        assert_eq!(rig.scratch.visible(), ["1700000000_a.bin"]);
        assert_eq!(web.connections(), 1, "one connection for both");
        rig.scratch.is_clean().await;
    }
}

#[tokio::test]
async fn what_it_is_comes_out_of_its_bytes_wherever_they_are_looked_for() {
    // In memory still, and on the disk already: an image whose size stands in front, and a film whose index is at the end.
    for len in [PNG.len(), 100_000, 700_000] {
        let mut bytes = PNG.to_vec();
        bytes.extend(media(len - PNG.len()));
        let body = bytes.clone();
        let web = Server::start(move |_, _| vec![http("200 OK", &[("content-type", "image/jpeg")], &body)]).await;
        let rig = Rig::new(Some(&web), &json!({}));
        let value = stored(rig.fetch(&web).await, &bytes);
        let told =
            (value.mime.as_str(), value.extension.as_str(), value.width, value.height, value.declared.as_deref());
        assert_eq!(told, ("image/png", "png", Some(7), Some(5), Some("image/jpeg")), "{len}");
    }
    let page = |flags: u8, granule: u64, sequence: u32, body: &[u8]| {
        let mut page = [b"OggS\0".as_slice(), &[flags], &granule.to_le_bytes(), &7_u32.to_le_bytes()].concat();
        page.extend([sequence.to_le_bytes(), [0; 4]].concat());
        page.extend([1, u8::try_from(body.len()).unwrap()]);
        page.extend_from_slice(body);
        page
    };
    for pages in [3, 400, 4_000_u32] {
        let mut ogg = page(2, 0, 0, b"OpusHead\x01\x01\0\0\x80\xBB\0\0\0\0\0");
        ogg.extend(page(0, 0, 1, b"OpusTags\0\0\0\0\0\0\0\0"));
        for n in 1..=pages {
            ogg.extend(page(if n == pages { 4 } else { 0 }, u64::from(n) * 48_000, n + 1, &[0xFC; 200]));
        }
        let body = ogg.clone();
        let web = Server::start(move |_, _| vec![http("200 OK", &[], &body)]).await;
        let value = stored(Rig::new(Some(&web), &json!({})).fetch(&web).await, &ogg);
        assert_eq!((value.extension.as_str(), value.duration), ("ogg", Some(pages)), "{pages}");
    }
}

#[tokio::test]
async fn a_cut_and_a_stall_are_resumed_without_a_trace() {
    for broken in [|| Act::Reset, || Act::Stall] {
        let web = Server::start(move |request, number| {
            let all = media(900_000);
            if number == 0 {
                return vec![
                    Act::Send([head("200 OK", &[ETAG], all.len()), all[..400_000].to_vec()].concat()),
                    broken(),
                ];
            }
            let range = format!("bytes {}-899999/900000", start_of(request));
            vec![http("206 Partial Content", &[ETAG, ("content-range", &range)], &all[start_of(request)..])]
        })
        .await;
        stored(Rig::new(Some(&web), &json!({})).fetch(&web).await, &media(900_000));
        assert_eq!(web.seen().len(), 2, "the break must have bitten");
    }
}

/// In front of the first block, in the middle, and in front of the last byte.
#[tokio::test]
async fn what_ends_too_early_leaves_nothing() {
    for at in [0, 1, 100_000, 300_000, 899_999] {
        for broken in [|| Act::Reset, || Act::Close, || Act::Stall] {
            let web = Server::start(move |_, _| {
                vec![Act::Send([head("200 OK", &[], 900_000), media(900_000)[..at].to_vec()].concat()), broken()]
            })
            .await;
            let rig = Rig::new(Some(&web), &json!({}));
            let outcome = rig.fetch(&web).await;
            let stalled = outcome.error.as_ref().is_some_and(|error| error.code.ends_with("TIMEOUT"));
            rig.nothing(&outcome, if stalled { "DOWNLOAD_TIMEOUT" } else { "DOWNLOAD_FAILED" }).await;
        }
    }
}

#[tokio::test]
async fn a_wrong_hash_leaves_nothing() {
    let web = Server::start(|_, _| vec![http("200 OK", &[], media(600_000))]).await;
    let rig = Rig::new(Some(&web), &json!({}));
    let source = json!({ "type": "url", "url": format!("{}/canary", web.url) });
    let outcome = rig.run(&json!({ "source": source, "sha256": sha256(b"another") }), None).await;
    rig.nothing(&outcome, "SHA256_MISMATCH").await;
    stored(rig.run(&json!({ "source": source, "sha256": sha256(&media(600_000)) }), None).await, &media(600_000));
}

#[tokio::test]
async fn an_answer_without_bytes_may_pass_however_its_end_is_said() {
    for answer in ["content-length: 0", "transfer-encoding: chunked"] {
        let end = if answer.starts_with('t') { "0\r\n\r\n" } else { "" };
        let answer = format!("HTTP/1.1 200 OK\r\n{answer}\r\n\r\n{end}").into_bytes();
        let web = Server::start(move |_, _| vec![Act::Send(answer.clone())]).await;
        let rig = Rig::new(Some(&web), &json!({}));
        let outcome = rig.fetch(&web).await;
        rig.nothing(&outcome, "DOWNLOAD_FAILED").await;
        let source = json!({ "type": "whatsapp", "directPath": "/canary", "mediaKey": "A".repeat(43) + "=",
            "mediaType": "image" });
        let outcome = rig.run(&json!({ "source": source }), None).await;
        rig.nothing(&outcome, "DOWNLOAD_FAILED").await;
    }
}

#[tokio::test]
async fn a_cancelled_job_closes_its_connection_and_leaves_nothing() {
    let web =
        Server::start(|_, _| vec![Act::Send([head("200 OK", &[], 900_000), media(600_000)].concat()), Act::AwaitClose])
            .await;
    let rig = Rig::new(Some(&web), &json!({ "timeouts": { "idleMs": 60_000 } }));
    let job = json!({ "source": { "type": "url", "url": format!("{}/canary", web.url) } });
    rig.executor.submit_many([Rig::job(&job, None)]);
    let begun = async {
        while fs::read_dir(&rig.scratch.0).unwrap().count() < 2 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), begun).await.expect("no temporary file");
    assert!(rig.executor.cancel("k"));
    let outcome = rig.next().await;
    rig.nothing(&outcome, "CANCELLED").await;
    assert_eq!(outcome.error.unwrap().certainty, Certainty::NotSent);
    let closed = async {
        while !web.seen()[0].closed {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), closed).await.expect("the connection was left open");
}
