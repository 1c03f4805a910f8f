//! Media that are not stored, and addresses that are not asked.

use super::rig::*;

async fn refused(options: &Value, answer: impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static, code: &str) {
    let web = Server::start(answer).await;
    let rig = Rig::new(Some(&web), options);
    let outcome = rig.fetch(&web).await;
    rig.nothing(&outcome, code).await;
}

#[tokio::test]
async fn too_much_is_refused_when_it_is_announced_and_when_it_comes() {
    let small = json!({ "maxBytes": 300_000 });
    refused(&small, |_, _| vec![http("200 OK", &[], media(300_001))], "TOO_LARGE").await;
    let chunked = |_: &Seen, _: usize| {
        let mut acts = vec![Act::Send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec())];
        // It would go on for ever.
        acts.extend((0..1_000).map(|_| Act::Send([b"10000\r\n".as_slice(), &media(0x10000), b"\r\n"].concat())));
        acts
    };
    refused(&small, chunked, "TOO_LARGE").await;
}

#[tokio::test]
async fn types_are_refused_by_their_bytes() {
    let html = |_: &Seen, _: usize| vec![http("200 OK", &[("content-type", "image/png")], "<!DOCTYPE html><html>")];
    refused(&json!({ "accept": ["image/*"] }), html, "TYPE_REFUSED").await;
    refused(&json!({ "onMismatch": "fail" }), html, "TYPE_REFUSED").await;
    refused(&json!({}), |_, _| vec![http("200 OK", &[], "")], "DOWNLOAD_FAILED").await;
}

/// The policy itself has tests of its own (`guard`); here, that ingest asks it, for URLs, media of WhatsApp and redirects alike.
#[tokio::test]
async fn an_address_inside_is_never_connected_to() {
    let inside = Server::start(|_, _| vec![http("200 OK", &[], "secret")]).await;
    let port = inside.url.rsplit_once(':').unwrap().1.to_owned();
    let (to, target) = (inside.url.clone(), format!("http://[::ffff:127.0.0.1]:{port}/"));
    let web = Server::start(move |request, _| {
        let location = if request.target == "/mapped" { &target } else { &to };
        vec![http("302 Found", &[("location", location)], "")]
    })
    .await;
    let rig = Rig::new(Some(&web), &json!({}));
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let url = |url: String| json!({ "type": "url", "url": url });
    for source in [
        url(format!("http://127.0.0.1:{port}/")),
        url(format!("http://127.1:{port}/")),
        url(format!("http://0x7f000001:{port}/")),
        url(format!("http://[::1]:{port}/")),
        url(format!("http://localhost:{port}/")),
        url("http://169.254.169.254/latest/meta-data".to_owned()),
        url(format!("{}/redirect", web.url)),
        url(format!("{}/mapped", web.url)),
        json!({ "type": "whatsapp", "url": format!("http://127.0.0.1:{port}/"), "mediaKey": key, "mediaType": "image" }),
    ] {
        let outcome = rig.run(&json!({ "source": source }), None).await;
        rig.nothing(&outcome, "URL_REFUSED").await;
        assert_eq!(outcome.attempts, 1);
    }
    assert_eq!((inside.connections(), web.seen().len()), (0, 2));
}

#[tokio::test]
async fn every_refusal_of_a_server_has_its_code_and_what_may_pass_is_tried_again() {
    for (status, code, attempts) in [
        ("404 X", "SOURCE_UNRESOLVED", 1),
        ("403 X", "SOURCE_UNRESOLVED", 1),
        ("400 X", "SOURCE_REJECTED", 1),
        ("500 X", "DOWNLOAD_FAILED", 3),
    ] {
        let web = Server::start(move |_, _| vec![http(status, &[], "x")]).await;
        let rig = Rig::new(Some(&web), &json!({ "retry": { "quick": 2, "baseMs": 1, "maxMs": 1 } }));
        let outcome = rig.fetch(&web).await;
        rig.nothing(&outcome, code).await;
        assert_eq!((outcome.attempts, web.seen().len()), (attempts, attempts as usize), "{status}");
    }
}
