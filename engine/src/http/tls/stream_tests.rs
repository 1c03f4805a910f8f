//! Against rustls's own server: the other half of every connection here is code that shares none of ours.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ClientConfig, HandshakeKind, ServerConfig, SupportedCipherSuite,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{PrivateKeyDer, ServerName},
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{Tls, client_config, handshake};

/// A pipe through which no more than so many bytes go at a time.
struct Narrow(DuplexStream, usize);

impl AsyncRead for Narrow {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut bytes = vec![0; self.1.min(room.remaining())];
        let mut narrow = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut narrow))?;
        room.put_slice(narrow.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Narrow {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let most = bytes.len().min(self.1);
        Pin::new(&mut self.0).poll_write(cx, &bytes[..most])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Prime, so that no piece ends where a record or a buffer does.
const PIECE: usize = 9_973;

struct Rig {
    server: TlsAcceptor,
    client: Arc<ClientConfig>,
}

impl Rig {
    /// A server with this suite alone, or with all of them, and a client that trusts it.
    fn new(suite: Option<SupportedCipherSuite>) -> Self {
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["host".to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
        let provider = aws_lc_rs::default_provider();
        let cipher_suites = suite.map_or_else(|| provider.cipher_suites.clone(), |suite| vec![suite]);
        let server = ServerConfig::builder_with_provider(Arc::new(CryptoProvider { cipher_suites, ..provider }))
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        Self { server: TlsAcceptor::from(Arc::new(server)), client: client_config(Some(&ca.pem())).unwrap() }
    }

    /// Both ends of a connection over which our side reads and writes no more than `most` bytes at a time.
    async fn connect(&self, most: usize) -> (Tls<Narrow>, TlsStream<DuplexStream>) {
        let (near, far) = duplex(64 * 1024);
        let name = ServerName::try_from("host").unwrap();
        let near = Narrow(near, most);
        let (client, server) = tokio::join!(handshake(near, name, Arc::clone(&self.client)), self.server.accept(far));
        (client.unwrap(), server.unwrap())
    }
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 251) as u8).collect()
}

/// Sends `sent` from the one to the other, in pieces.
async fn pass<A, B>(from: &mut A, to: &mut B, sent: &[u8])
where
    A: AsyncWriteExt + Unpin,
    B: AsyncReadExt + Unpin,
{
    let mut got = vec![0; sent.len()];
    let sending = async {
        for piece in sent.chunks(PIECE) {
            from.write_all(piece).await.unwrap();
        }
        from.flush().await.unwrap();
    };
    let receiving = async {
        for room in got.chunks_mut(PIECE + 1) {
            to.read_exact(room).await.unwrap();
        }
    };
    tokio::join!(sending, receiving);
    assert!(got == sent, "other bytes");
}

#[tokio::test]
async fn every_suite_of_both_versions_passes_bytes_both_ways() {
    let mut tried = Vec::new();
    for suite in aws_lc_rs::default_provider().cipher_suites {
        // The server's key is of an elliptic curve.
        if format!("{:?}", suite.suite()).contains("_RSA_") {
            continue;
        }
        tried.push(suite.suite());
        for most in [1, 5_000, 1 << 20] {
            let (mut client, mut server) = Rig::new(Some(suite)).connect(most).await;
            let all = content(if most == 1 { 20_000 } else { 400_000 });
            pass(&mut client, &mut server, &all).await;
            pass(&mut server, &mut client, &all).await;
            pass(&mut client, &mut server, &all[..1]).await;
        }
    }
    assert_eq!(tried.len(), 6, "{tried:?}");
}

#[tokio::test]
async fn a_vectored_write_is_one_text_however_it_is_cut() {
    let (mut client, mut server) = Rig::new(None).connect(1 << 20).await;
    let all = content(300_000);
    // More parts than are taken at once, some of them empty, some longer than a record.
    let (head, body) = all.split_at(1_000);
    let mut parts: Vec<_> = head.chunks(37).chain([&[][..]]).chain(body.chunks(100_000)).collect();
    let mut got = vec![0; all.len()];
    let writing = async {
        while !parts.is_empty() {
            let slices: Vec<_> = parts.iter().map(|part| io::IoSlice::new(part)).collect();
            let mut taken = client.write_vectored(&slices).await.unwrap();
            while let Some(part) = parts.first_mut() {
                let from_this = taken.min(part.len());
                taken -= from_this;
                *part = &part[from_this..];
                if !part.is_empty() {
                    break;
                }
                parts.remove(0);
            }
        }
        client.flush().await.unwrap();
    };
    let ((), read) = tokio::join!(writing, server.read_exact(&mut got));
    read.unwrap();
    assert!(got == all, "other bytes");
}

#[tokio::test]
async fn a_read_hands_out_all_that_has_come_and_keeps_what_finds_no_room() {
    let (mut client, mut server) = Rig::new(None).connect(1 << 20).await;
    let all = content(50_000);
    server.write_all(&all).await.unwrap();
    server.flush().await.unwrap();
    let mut room = vec![0; 65_536];
    // The ticket of the handshake may come first, and the buffer has its first size.
    let mut got = Vec::new();
    let mut reads = 0;
    while got.len() < all.len() {
        let count = client.read(&mut room).await.unwrap();
        got.extend_from_slice(&room[..count]);
        reads += 1;
    }
    assert!(got == all && reads <= 3, "{reads} reads");
    server.write_all(&all).await.unwrap();
    server.flush().await.unwrap();
    assert_eq!(client.read(&mut room).await.unwrap(), all.len(), "in one piece");
    for byte in [1, 2, 3] {
        server.write_all(&[byte, byte]).await.unwrap();
    }
    server.flush().await.unwrap();
    let mut bytes = Vec::new();
    for _ in 0..6 {
        bytes.push(client.read_u8().await.unwrap());
    }
    assert_eq!(bytes, [1, 1, 2, 2, 3, 3]);
}

#[tokio::test]
async fn both_sides_can_take_other_keys_at_any_time() {
    let (mut client, mut server) = Rig::new(None).connect(1 << 20).await;
    let all = content(100_000);
    for _ in 0..3 {
        // It takes other keys and wants the same of us.
        server.get_mut().1.refresh_traffic_keys().unwrap();
        pass(&mut server, &mut client, &all).await;
        pass(&mut client, &mut server, &all).await;
        client.wear_out();
        pass(&mut client, &mut server, &all).await;
        pass(&mut server, &mut client, &all).await;
    }
}

#[tokio::test]
async fn keys_that_are_used_up_seal_nothing_more_where_there_are_no_others() {
    let tls12 = aws_lc_rs::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    let (mut client, mut server) = Rig::new(Some(tls12)).connect(1 << 20).await;
    pass(&mut client, &mut server, b"good").await;
    client.wear_out();
    assert_eq!(client.write(b"more").await.unwrap_err().kind(), io::ErrorKind::InvalidData);
}

#[tokio::test]
async fn a_ticket_makes_the_next_handshake_a_short_one() {
    for suite in [None, Some(aws_lc_rs::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)] {
        let rig = Rig::new(suite);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
            // So little that tickets come in pieces.
            let (mut client, mut server) = rig.connect(100).await;
            assert_eq!(server.get_ref().1.handshake_kind(), Some(kind));
            pass(&mut server, &mut client, b"an answer, before which the tickets come").await;
        }
    }
}

#[tokio::test]
async fn the_end_is_told_from_a_cut() {
    let rig = Rig::new(None);
    let (mut client, mut server) = rig.connect(1 << 20).await;
    server.write_all(b"all of it").await.unwrap();
    server.shutdown().await.unwrap();
    let mut got = Vec::new();
    client.read_to_end(&mut got).await.unwrap();
    assert_eq!(got, b"all of it");
    // The other way too.
    client.write_all(b"well").await.unwrap();
    client.shutdown().await.unwrap();
    got.clear();
    server.read_to_end(&mut got).await.unwrap();
    assert_eq!(got, b"well");

    let (mut client, mut server) = rig.connect(1 << 20).await;
    server.write_all(b"half of it").await.unwrap();
    server.flush().await.unwrap();
    drop(server);
    got.clear();
    assert_eq!(client.read_to_end(&mut got).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(got, b"half of it");
}

/// A connection whose bytes from the server pass through `change`, which is given the beginnings of records after the
/// handshake one by one.
async fn through(
    mut change: impl FnMut(usize, &mut Vec<u8>) + Send + 'static,
) -> (Tls<DuplexStream>, TlsStream<DuplexStream>) {
    let rig = Rig::new(None);
    let (near, mut near_end) = duplex(1 << 20);
    let (far, mut far_end) = duplex(1 << 20);
    let (go, mut gone) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(async move {
        let mut from_client = vec![0; 65_536];
        let mut record = vec![0; 5];
        let (mut near_read, mut near_write) = tokio::io::split(&mut near_end);
        let (mut far_read, mut far_write) = tokio::io::split(&mut far_end);
        let there = async {
            while let Ok(count @ 1..) = near_read.read(&mut from_client).await {
                far_write.write_all(&from_client[..count]).await.ok();
            }
        };
        let back = async {
            let mut number = 0;
            loop {
                record.resize(5, 0);
                if far_read.read_exact(&mut record).await.is_err() {
                    return;
                }
                let len = usize::from(u16::from_be_bytes([record[3], record[4]]));
                record.resize(5 + len, 0);
                far_read.read_exact(&mut record[5..]).await.unwrap();
                if gone.try_recv() != Err(tokio::sync::oneshot::error::TryRecvError::Empty) {
                    change(number, &mut record);
                    number += 1;
                }
                near_write.write_all(&record).await.ok();
            }
        };
        tokio::join!(there, back);
    });
    let name = ServerName::try_from("host").unwrap();
    let (client, server) = tokio::join!(handshake(near, name, rig.client), rig.server.accept(far));
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    // Tickets are behind us.
    pass(&mut server, &mut client, b"ready").await;
    drop(go);
    (client, server)
}

/// Reads what a server sends as two records of which the second one was changed: what is right of it comes, then an error, and
/// that again. The server is told.
async fn fails_after(right: &[u8], change: impl Fn(&mut Vec<u8>) + Send + 'static) {
    let (mut client, mut server) = through(move |number, record| {
        if number == 1 {
            change(record);
        }
    })
    .await;
    for text in [b"good", b"evil"] {
        server.write_all(text).await.unwrap();
        server.flush().await.unwrap();
    }
    let mut got = Vec::new();
    for _ in 0..2 {
        assert_eq!(client.read_to_end(&mut got).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
    assert_eq!(got, right);
    assert!(client.write(b"x").await.is_err(), "nothing goes over a connection that was tampered with");
    let told = server.read_u8().await.unwrap_err();
    assert!(told.to_string().contains("fatal alert"), "{told}");
}

#[tokio::test]
async fn a_record_that_was_changed_on_its_way_is_none() {
    // Its content, its tag, its length, its type.
    fails_after(b"good", |record| record[7] ^= 1).await;
    fails_after(b"good", |record| *record.last_mut().unwrap() ^= 0x80).await;
    fails_after(b"good", |record| {
        record.pop();
        record[4] -= 1;
    })
    .await;
    fails_after(b"good", |record| record[0] = 22).await;
    // Twice.
    fails_after(b"goodevil", |record| record.extend_from_within(..)).await;
    // In the clear.
    fails_after(b"good", |record| record.splice(.., [21, 3, 3, 0, 2, 1, 0]).for_each(drop)).await;
    fails_after(b"good", |record| record.splice(.., *b"HTTP/1.1 200 OK\r\n\r\n").for_each(drop)).await;
    fails_after(b"good", |record| record.splice(.., [23, 3, 3, 0xff, 0xff, 0]).for_each(drop)).await;
    fails_after(b"good", |record| record.splice(.., [23, 3, 3, 0, 3, 1, 2, 3]).for_each(drop)).await;
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_told_so_and_gets_no_byte() {
    let (trusted, other) = (Rig::new(None), Rig::new(None));
    let (near, far) = duplex(1 << 20);
    let name = ServerName::try_from("host").unwrap();
    let (client, server) = tokio::join!(handshake(near, name, trusted.client), other.server.accept(far));
    let error = client.err().unwrap();
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    assert!(matches!(cause, Some(rustls::Error::InvalidCertificate(_))), "{error}");
    let told = server.err().unwrap();
    assert!(told.to_string().contains("fatal alert"), "{told}");
}

#[tokio::test]
async fn a_handshake_ends_with_its_connection() {
    let (near, mut far) = duplex(1 << 20);
    let name = ServerName::try_from("host").unwrap();
    let client = handshake(near, name, client_config(None).unwrap());
    let server = async {
        let hello = far.read_u8().await.unwrap();
        drop(far);
        hello
    };
    let (client, hello) = tokio::join!(client, server);
    assert_eq!(hello, 22);
    assert_eq!(client.err().unwrap().kind(), io::ErrorKind::UnexpectedEof);
    // And with something that is no TLS.
    let (near, mut far) = duplex(1 << 20);
    far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    let name = ServerName::try_from("host").unwrap();
    let client = handshake(near, name, client_config(None).unwrap()).await;
    assert_eq!(client.err().unwrap().kind(), io::ErrorKind::InvalidData);
}
