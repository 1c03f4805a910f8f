//! The other end is always rustls's own: its streams, or a server of the tests that seals what no server should say.

mod begun;
mod control;
mod ends;
mod rig;

use std::{io::IoSlice, pin::Pin, sync::Arc, task::Poll};

use proptest::prelude::*;
use rustls::{
    CipherSuite, HandshakeKind, SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite,
    crypto::{CipherSuiteCommon, CryptoProvider},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    runtime::{Builder, Runtime},
};
use tokio_rustls::TlsAcceptor;

use super::handshake;
use rig::{Slow, connect, pair, single_suites, suite};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn is_long() -> bool {
    std::env::var("WARMPATH_TEST_LONG").as_deref() == Ok("1")
}

/// Bytes that no shift of them looks like.
fn text(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// An end that sends back all it receives, in pieces of its own, until the other one closes.
async fn echo(mut server: rig::Honest) {
    let mut piece = vec![0; 50_000];
    loop {
        let length = server.read(&mut piece).await.unwrap();
        if length == 0 {
            return server.shutdown().await.unwrap();
        }
        server.write_all(&piece[..length]).await.unwrap();
        server.flush().await.unwrap();
    }
}

/// `sent` goes out in writes of two parts each, at every length of `pieces` in turn, and comes back.
async fn there_and_back(pair: &rig::Pair, sent: &[u8], pieces: &[usize], room: usize) {
    let (client, server) = connect(pair, room).await;
    let (mut reading, mut writing) = tokio::io::split(client);
    let write = async {
        let (mut rest, mut pieces) = (sent, pieces.iter().cycle());
        while !rest.is_empty() {
            let (piece, _) = rest.split_at(rest.len().min(*pieces.next().unwrap()));
            let (head, tail) = piece.split_at(piece.len() / 3);
            let parts = [IoSlice::new(head), IoSlice::new(&[]), IoSlice::new(tail)];
            let length = writing.write_vectored(&parts).await.unwrap();
            assert!(length > 0);
            rest = &rest[length..];
        }
        writing.shutdown().await.unwrap();
    };
    let read = async {
        let mut received = Vec::new();
        reading.read_to_end(&mut received).await.unwrap();
        assert!(received == sent, "{} bytes came back of {}", received.len(), sent.len());
    };
    tokio::join!(echo(server), write, read);
}

#[test]
fn every_suite_carries_every_length_both_ways() {
    for provider in single_suites() {
        let name = provider.cipher_suites[0].suite();
        let pair = pair(provider);
        runtime().block_on(async {
            let (client, _server) = connect(&pair, 1 << 16).await;
            assert_eq!(client.rustls.negotiated_cipher_suite().suite(), name);
            for length in [1, 15, 16, 17, 255, 256, 257, 1000, 4096, 16_383, 16_384, 16_385, 65_536, 200_000] {
                there_and_back(&pair, &text(length), &[length], 1 << 16).await;
            }
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if is_long() { 2_000 } else { 40 }))]

    /// However it is cut, and whatever the connection holds at once: the server's tickets at least, which nobody reads before both ends are
    /// connected.
    #[test]
    fn what_is_sent_comes_back(
        length in 1_usize..300_000, pieces in prop::collection::vec(1_usize..100_000, 1..8), room in 1_000_usize..200_000,
    ) {
        let provider = single_suites().swap_remove(length % 3);
        runtime().block_on(there_and_back(&pair(provider), &text(length), &pieces, room));
    }
}

/// The handshake too, and messages of it in records of 32 bytes, tickets among them.
#[test]
fn a_connection_that_carries_a_byte_at_a_time_does_too() {
    for name in [CipherSuite::TLS13_AES_256_GCM_SHA384, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256] {
        for few in [1, 7, 100, 5000] {
            let mut pair = suite(name);
            pair.server.max_fragment_size = Some(32);
            runtime().block_on(async {
                let (near, far) = tokio::io::duplex(100_000);
                let client = handshake(Slow(near, few), "localhost".try_into().unwrap(), Arc::new(pair.client));
                let server = TlsAcceptor::from(Arc::new(pair.server)).accept(far);
                let (mut client, server) = tokio::try_join!(client, server).unwrap();
                let sent = text(20_000);
                let talk = async {
                    client.write_all(&sent).await.unwrap();
                    client.flush().await.unwrap();
                    let mut received = vec![0; sent.len()];
                    client.read_exact(&mut received).await.unwrap();
                    assert!(received == sent);
                    client.shutdown().await.unwrap();
                };
                tokio::join!(echo(server), talk);
            });
        }
    }
}

#[test]
fn a_second_connection_is_resumed_by_the_ticket_of_the_first() {
    for name in [CipherSuite::TLS13_AES_256_GCM_SHA384, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384] {
        let mut pair = suite(name);
        pair.server.max_fragment_size = Some(32);
        runtime().block_on(async {
            for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
                let (mut client, mut server) = connect(&pair, 1 << 16).await;
                assert_eq!(server.get_ref().1.handshake_kind(), Some(expected), "{name:?}");
                server.write_all(b"a").await.unwrap();
                server.flush().await.unwrap();
                assert_eq!(client.read_u8().await.unwrap(), b'a');
            }
        });
    }
}

/// A suite of the library, and the client's keys last for `limit` records.
fn short_lived(name: CipherSuite, limit: u64) -> rig::Pair {
    let pair = suite(name);
    let mut provider = CryptoProvider::clone(pair.client.crypto_provider());
    for suite in &mut provider.cipher_suites {
        match suite {
            SupportedCipherSuite::Tls13(whole) => {
                let common = common(&whole.common, limit);
                *whole = Box::leak(Box::new(Tls13CipherSuite { common, ..**whole }));
            }
            SupportedCipherSuite::Tls12(whole) => {
                let common = common(&whole.common, limit);
                *whole = Box::leak(Box::new(Tls12CipherSuite { common, ..**whole }));
            }
        }
    }
    rig::pair(provider)
}

fn common(of: &CipherSuiteCommon, confidentiality_limit: u64) -> CipherSuiteCommon {
    CipherSuiteCommon { suite: of.suite, hash_provider: of.hash_provider, confidentiality_limit }
}

#[test]
fn a_key_seals_no_more_than_its_cipher_allows() {
    let pair = short_lived(CipherSuite::TLS13_AES_128_GCM_SHA256, 5);
    runtime().block_on(async {
        let (mut client, mut server) = connect(&pair, 1 << 16).await;
        for number in 0..100_u8 {
            client.write_u8(number).await.unwrap();
            client.flush().await.unwrap();
            assert_eq!(server.read_u8().await.unwrap(), number);
            assert!(client.outbound.next() <= 6, "five records, and the news of another key");
        }
    });
    // TLS 1.2 has no other key.
    let pair = short_lived(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 5);
    runtime().block_on(async {
        let (mut client, mut server) = connect(&pair, 1 << 16).await;
        let mut sent = 0;
        while client.write_u8(1).await.is_ok() {
            client.flush().await.unwrap();
            assert_eq!(server.read_u8().await.unwrap(), 1);
            sent += 1;
            assert!(sent <= 5);
        }
        assert!(sent >= 3, "the handshake is a record or two");
    });
}

#[test]
fn new_keys_of_the_server_are_followed_and_answered() {
    let pair = suite(CipherSuite::TLS13_AES_256_GCM_SHA384);
    runtime().block_on(async {
        let (mut client, mut server) = connect(&pair, 1 << 16).await;
        for round in 0..100_u8 {
            server.get_mut().1.refresh_traffic_keys().unwrap();
            server.write_u8(round).await.unwrap();
            server.flush().await.unwrap();
            assert_eq!(client.read_u8().await.unwrap(), round);
            client.write_all(&[round; 3]).await.unwrap();
            client.flush().await.unwrap();
            // News of the key under the old one, then data under the new one.
            assert_eq!(client.outbound.next(), 1, "round {round}");
            let mut back = [0; 3];
            server.read_exact(&mut back).await.unwrap();
            assert_eq!(back, [round; 3]);
        }
    });
}

/// A server that does not read makes us wait, with 64 KiB of text sealed at most.
#[test]
fn a_slow_server_is_waited_for() {
    let pair = suite(CipherSuite::TLS13_AES_256_GCM_SHA384);
    runtime().block_on(async {
        let (mut client, mut server) = connect(&pair, 4096).await;
        let sent = text(1 << 20);
        let mut taken = 0;
        let blocked = std::future::poll_fn(|cx| {
            loop {
                match AsyncWrite::poll_write(Pin::new(&mut client), cx, &sent[taken..]) {
                    Poll::Ready(length) => taken += length.unwrap(),
                    Poll::Pending => return Poll::Ready(taken),
                }
            }
        });
        assert_eq!(blocked.await, 64 * 1024);
        let sealed = client.outbound.kept();
        assert!(sealed < 66_000, "{sealed}");
        let mut received = vec![0; sent.len()];
        let rest = &sent[taken..];
        let write = async {
            client.write_all(rest).await.unwrap();
            client.flush().await.unwrap();
        };
        let ((), read) = tokio::join!(write, server.read_exact(&mut received));
        read.unwrap();
        assert!(received == sent);
    });
}
