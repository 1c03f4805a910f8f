//! Redirects: each one is a URL of a stranger like the first.

use http::HeaderMap;
use warmpath_engine::http::guard::{GuardOptions, request_headers};

use super::rig::*;

/// Every hostile form again, this time as the second step.
#[tokio::test]
async fn no_location_leads_to_this_machine() {
    let wire = Tripwire::start().await;
    let port = wire.port.to_string();
    let locations: Vec<String> = super::forms::forms()
        .iter()
        .map(|(form, _)| form.replace("{P}", &port))
        .filter(|form| !form.is_empty())
        .collect();
    let count = locations.len();
    let server = Server::start(move |request, _| {
        let number = request.target.strip_prefix("/hostile/").and_then(|number| number.parse::<usize>().ok());
        match number.and_then(|number| locations.get(number)) {
            Some(location) => vec![answer("307 Temporary Redirect", &[("location", location)], ""), Act::Close],
            None => vec![answer("404 Not Found", &[], "")],
        }
    })
    .await;
    let own = port_of(&server.url);
    let resolver = Liar::new(&[("cdn.example.com", &[&["127.0.0.1"]]), ("*", &[&["127.0.0.1", "::1"]])]);
    let options = GuardOptions { ports: vec![own, wire.port], ..open(own, &[&format!("cdn.example.com:{own}")]) };
    let fetcher = fetcher(&options, resolver);
    for number in 0..count {
        let error = get(&fetcher, &format!("http://cdn.example.com:{own}/hostile/{number}")).await.unwrap_err();
        // A reference that is relative after all leads to the 404; one that cannot stand in a header is no HTTP answer.
        let code = code(&error);
        assert!(matches!(code, "URL_REFUSED" | "SOURCE_NOT_FOUND" | "SOURCE_REJECTED"), "{number}: {error}");
    }
    assert_eq!(wire.accepted().await, 0);
    assert!(server.seen().len() >= count, "every redirect was asked for");
}

#[tokio::test]
async fn redirects_are_followed_up_to_the_limit() {
    let server = Server::start(|request, _| match request.target.as_str() {
        "/0" => vec![answer("200 OK", &[], "arrived")],
        step => {
            let left: u32 = step[1..].parse().unwrap();
            vec![answer("301 Moved Permanently", &[("location", &format!("{}", left - 1))], "")]
        }
    })
    .await;
    let port = port_of(&server.url);
    let fetcher = fetcher(&open(port, &["127.0.0.1"]), Liar::new(&[]));
    let file = fetcher.get(&format!("{}/3", server.url), &HeaderMap::new()).await.unwrap();
    assert_eq!(file.url().target(), "/0");
    assert_eq!(read(file).await.unwrap(), b"arrived");
    assert_eq!(code(&get(&fetcher, &format!("{}/4", server.url)).await.unwrap_err()), "URL_REFUSED");
    assert_eq!(server.seen().len(), 4 + 4);
    let none = GuardOptions { redirects: 0, ..open(port, &["127.0.0.1"]) };
    let fetcher = super::rig::fetcher(&none, Liar::new(&[]));
    assert_eq!(code(&get(&fetcher, &format!("{}/1", server.url)).await.unwrap_err()), "URL_REFUSED");
}

#[tokio::test]
async fn circles_are_seen_and_every_status_of_a_redirect_is_one() {
    for status in ["301", "302", "303", "307", "308"] {
        let line = format!("{status} Moved");
        let server = Server::start(move |request, _| {
            let to = if request.target == "/a" { "/b" } else { "/a" };
            vec![answer(&line, &[("location", to)], "")]
        })
        .await;
        let fetcher = fetcher(&open(port_of(&server.url), &["127.0.0.1"]), Liar::new(&[]));
        let error = get(&fetcher, &format!("{}/a", server.url)).await.unwrap_err();
        assert!(error.message.contains("circle"), "{error}");
        assert_eq!(server.seen().len(), 2);
    }
    for (status, location) in
        [("300 Choices", "/b"), ("304 Not Modified", "/b"), ("305 Use Proxy", "http://127.0.0.1/")]
    {
        let server = Server::start(move |_, _| vec![answer(status, &[("location", location)], "")]).await;
        let fetcher = fetcher(&open(port_of(&server.url), &["127.0.0.1"]), Liar::new(&[]));
        assert_eq!(code(&get(&fetcher, &server.url).await.unwrap_err()), "SOURCE_REJECTED");
        assert_eq!(server.seen().len(), 1);
    }
    let server = Server::start(|_, _| vec![answer("302 Found", &[], "")]).await;
    let fetcher = fetcher(&open(port_of(&server.url), &["127.0.0.1"]), Liar::new(&[]));
    assert_eq!(code(&get(&fetcher, &server.url).await.unwrap_err()), "SOURCE_REJECTED");
}

#[tokio::test]
async fn the_headers_of_one_server_are_not_for_another() {
    let secret = |seen: &Seen| ["authorization", "cookie", "x-api-key"].map(|name| seen.headers.contains_key(name));
    let target = Server::start(|_, _| vec![answer("200 OK", &[], "x")]).await;
    let there = format!("{}/file", target.url);
    let home = Server::start(move |request, _| {
        let location = if request.target == "/same" { "/away" } else { there.as_str() };
        vec![answer("302 Found", &[("location", location)], "")]
    })
    .await;
    let mut options = open(port_of(&home.url), &["127.0.0.1"]);
    options.ports.push(port_of(&target.url));
    let fetcher = fetcher(&options, Liar::new(&[]));
    let headers = [
        ("Authorization", "Bearer canary"),
        ("Cookie", "a=b"),
        ("X-Api-Key", "canary"),
        ("User-Agent", "bot/1"),
        ("Accept", "image/*"),
    ];
    let headers = request_headers(headers).unwrap();
    read(fetcher.get(&format!("{}/same", home.url), &headers).await.unwrap()).await.unwrap();
    let seen = home.seen();
    assert_eq!(seen.len(), 2);
    for request in &seen {
        assert_eq!(secret(request), [true; 3], "its own server gets them, also after a redirect");
    }
    let away = &target.seen()[0];
    assert_eq!(secret(away), [false; 3]);
    assert_eq!((away.headers["user-agent"].as_str(), away.headers["accept"].as_str()), ("bot/1", "image/*"));
    assert!(!away.headers.contains_key("referer"));
    for request in seen.iter().chain([away]) {
        assert_eq!(request.headers["accept-encoding"], "identity");
    }
}

#[test]
fn headers_that_are_ours_cannot_be_set() {
    for name in ["Host", "Range", "Accept-Encoding", "Transfer-Encoding", "Connection", "If-Range", "a b", "", "x\r\ny"]
    {
        let error = request_headers([(name, "canary")]).unwrap_err();
        assert_eq!(code(&error), "INVALID_ARGUMENT");
        assert!(!error.message.contains("canary") && !error.message.contains('\n'), "{error}");
    }
    assert_eq!(code(&request_headers([("x", "a\r\nb")]).unwrap_err()), "INVALID_ARGUMENT");
}
