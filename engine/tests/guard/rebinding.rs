//! A name that answers one thing to the check and another to the connection.

use super::rig::*;

/// The attack: a public address for whoever checks, loopback for whoever connects a moment later.
#[tokio::test]
async fn the_answer_that_is_checked_is_the_one_that_is_connected_to() {
    let wire = Tripwire::start().await;
    // Nobody is there, on purpose: the connection fails and a client that looked up again would get the second answer.
    let public: &[&str] = &["2a00:1450:4001:800::1"];
    let resolver = Liar::new(&[("rebind.attacker.com", &[public, &["127.0.0.1"]])]);
    let fetcher = fetcher(&open(wire.port, &[]), resolver.clone());
    let url = format!("http://rebind.attacker.com:{}/", wire.port);
    let error = get(&fetcher, &url).await.unwrap_err();
    assert_eq!(code(&error), "DOWNLOAD_FAILED", "{error}");
    assert_eq!(resolver.asked(), ["rebind.attacker.com."], "one look-up, without a search list");
    for _ in 0..5 {
        assert_eq!(code(&get(&fetcher, &url).await.unwrap_err()), "URL_REFUSED");
    }
    assert_eq!(resolver.asked().len(), 6);
    assert_eq!(wire.accepted().await, 0);
}

#[tokio::test]
async fn the_private_ones_of_several_answers_are_left_out() {
    let server = Server::start(|_, _| vec![answer("200 OK", &[], "public")]).await;
    let port = port_of(&server.url);
    // 127.0.0.1 stands for a public server here.
    let wire = Tripwire::beside(port).await;
    let resolver = Liar::new(&[("mixed.example.com", &[&["127.0.0.2", "10.0.0.1", "127.0.0.1", "::1"]])]);
    let fetcher = fetcher(&open(port, &["127.0.0.1"]), resolver);
    assert_eq!(get(&fetcher, &format!("http://mixed.example.com:{port}/")).await.unwrap(), b"public");
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].headers["host"], format!("mixed.example.com:{port}"));
    assert_eq!(wire.accepted().await, 0);
}

/// A connection that was made under the policy may be used again; a new one is checked again.
#[tokio::test]
async fn a_kept_connection_is_not_looked_up_again_and_a_new_one_is() {
    let server = Server::start(|_, n| {
        let mut acts = vec![answer("200 OK", &[], "x")];
        acts.extend((n == 1).then_some(Act::Close));
        acts
    })
    .await;
    let port = port_of(&server.url);
    let resolver = Liar::new(&[("a.example.com", &[&["127.0.0.1"], &["10.0.0.1"]])]);
    let fetcher = fetcher(&open(port, &["127.0.0.1"]), resolver.clone());
    let url = format!("http://a.example.com:{port}/");
    for _ in 0..2 {
        assert_eq!(get(&fetcher, &url).await.unwrap(), b"x");
    }
    assert_eq!((resolver.asked().len(), server.connections()), (1, 1));
    assert_eq!(code(&get(&fetcher, &url).await.unwrap_err()), "URL_REFUSED");
    assert_eq!((resolver.asked().len(), server.connections()), (2, 1));
}

#[tokio::test]
async fn a_name_that_is_nobody_is_a_failure_that_may_go_away() {
    let wire = Tripwire::start().await;
    let resolver = Liar::new(&[("empty.example.com", &[&[]])]);
    let fetcher = fetcher(&open(wire.port, &[]), resolver);
    for name in ["nobody.example.com", "empty.example.com"] {
        let error = get(&fetcher, &format!("http://{name}:{}/", wire.port)).await.unwrap_err();
        assert_eq!(code(&error), "DOWNLOAD_FAILED", "{error}");
    }
}

/// A name of the user's own is looked up as he wrote it, wherever it leads.
#[tokio::test]
async fn an_allowed_name_may_lead_inside() {
    let server = Server::start(|_, _| vec![answer("200 OK", &[], "mine")]).await;
    let port = port_of(&server.url);
    let resolver = Liar::new(&[("files", &[&["127.0.0.1"]])]);
    let fetcher = fetcher(&open(1, &[&format!("files:{port}")]), resolver.clone());
    assert_eq!(get(&fetcher, &format!("http://files:{port}/")).await.unwrap(), b"mine");
    assert_eq!(resolver.asked(), ["files"]);
    for other in [format!("http://127.0.0.1:{port}/"), "http://files/".to_owned()] {
        assert_eq!(code(&get(&fetcher, &other).await.unwrap_err()), "URL_REFUSED");
    }
    assert_eq!(server.connections(), 1);
}
