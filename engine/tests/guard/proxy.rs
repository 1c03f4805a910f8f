//! With a proxy the name is looked up here all the same, and the proxy is asked for the address that passed.

use warmpath_engine::http::{
    HttpOptions,
    guard::{Fetcher, Guard},
};

use super::rig::*;

fn through(proxy: &Server, allow: &[&str], resolver: std::sync::Arc<Liar>) -> Fetcher {
    let guard = Guard::with_resolver(&open(8080, allow), resolver).unwrap();
    let options = HttpOptions { proxy: Some(proxy.url.clone()), ..HttpOptions::default() };
    Fetcher::new(&options, quick(), guard).unwrap()
}

#[tokio::test]
async fn a_proxy_is_asked_for_checked_addresses_only() {
    // It plays the target too: what comes after the CONNECT is the request itself.
    let proxy = Server::start(|request, _| match request.method.as_str() {
        "CONNECT" => vec![Act::Send(b"HTTP/1.1 200 OK\r\n\r\n".to_vec())],
        _ => vec![answer("200 OK", &[], "through")],
    })
    .await;
    let resolver =
        Liar::new(&[("cdn.example.com", &[&["127.0.0.1", "2a00:1450::1"]]), ("inside.example.com", &[&["10.0.0.1"]])]);
    let fetcher = through(&proxy, &[], resolver);
    assert_eq!(get(&fetcher, "http://cdn.example.com:8080/x").await.unwrap(), b"through");
    let seen = proxy.seen();
    assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("CONNECT", "[2a00:1450::1]:8080"));
    assert_eq!(seen[1].headers["host"], "cdn.example.com:8080");
    for url in ["http://inside.example.com:8080/", "http://10.0.0.1:8080/", "http://localhost:8080/"] {
        assert_eq!(code(&get(&fetcher, url).await.unwrap_err()), "URL_REFUSED");
    }
    assert_eq!((proxy.connections(), proxy.seen().len()), (1, 2));
}
