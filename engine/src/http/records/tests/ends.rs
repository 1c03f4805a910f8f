//! How connections begin and end.

use std::{io, sync::Arc, time::Duration};

use proptest::prelude::*;
use rustls::{AlertDescription, CipherSuite, ContentType, Error};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    runtime::Builder,
};
use tokio_rustls::TlsAcceptor;

use super::{
    control::inner,
    handshake, is_long,
    rig::{Wild, connect, suite},
    runtime,
};

const SUITES: [CipherSuite; 2] =
    [CipherSuite::TLS13_AES_256_GCM_SHA384, CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256];

#[test]
fn a_farewell_ends_what_is_read_and_a_cut_is_an_error() {
    for name in SUITES {
        let pair = suite(name);
        runtime().block_on(async {
            for says_farewell in [true, false] {
                let (mut client, mut server) = connect(&pair, 1 << 16).await;
                server.write_all(b"all").await.unwrap();
                server.flush().await.unwrap();
                if says_farewell {
                    server.shutdown().await.unwrap();
                } else {
                    drop(server);
                }
                let mut read = Vec::new();
                let end = client.read_to_end(&mut read).await;
                assert_eq!(read, b"all");
                for _ in 0..2 {
                    let again = client.read(&mut [0]).await;
                    let kinds = (end.as_ref().map_err(io::Error::kind).err(), again.map_err(|error| error.kind()));
                    let cut = io::ErrorKind::UnexpectedEof;
                    assert_eq!(kinds, if says_farewell { (None, Ok(0)) } else { (Some(cut), Err(cut)) }, "{name:?}");
                }
            }
        });
    }
}

#[test]
fn a_cut_inside_a_record_is_an_error_behind_what_was_whole() {
    for name in SUITES {
        runtime().block_on(async {
            let (mut client, mut server) = Wild::connect(&suite(name)).await;
            server.say(ContentType::ApplicationData, b"whole").await;
            let cut = server.seal(ContentType::ApplicationData, b"cut");
            server.socket.write_all(&cut[..cut.len() - 1]).await.unwrap();
            server.socket.shutdown().await.unwrap();
            let mut read = Vec::new();
            assert_eq!(client.read_to_end(&mut read).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
            assert_eq!(read, b"whole");
        });
    }
}

/// What is written after the server has said that it sends nothing more still arrives; what we say last is our own farewell.
#[test]
fn each_direction_ends_by_itself() {
    for name in SUITES {
        runtime().block_on(async {
            let (mut client, mut server) = Wild::connect(&suite(name)).await;
            server.say(ContentType::Alert, &[1, 0]).await;
            assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 0);
            client.write_all(b"still here").await.unwrap();
            client.shutdown().await.unwrap();
            client.shutdown().await.unwrap();
            assert!(client.write_all(b"too late").await.is_err());
            assert_eq!(server.hear().await, Some((ContentType::ApplicationData, b"still here".to_vec())));
            assert_eq!(server.hear().await, Some((ContentType::Alert, vec![1, 0])), "{name:?}");
            assert_eq!(server.hear().await, None);
        });
    }
}

#[test]
fn a_server_of_another_name_is_told_so() {
    for name in SUITES {
        let pair = suite(name);
        runtime().block_on(async {
            let (near, far) = tokio::io::duplex(1 << 16);
            let client = handshake(near, "example.com".try_into().unwrap(), Arc::new(pair.client));
            let server = TlsAcceptor::from(Arc::new(pair.server)).accept(far);
            let (client, server) = tokio::join!(client, server);
            assert!(matches!(inner(&client.err().unwrap()), Error::InvalidCertificate(_)), "{name:?}");
            assert_eq!(inner(&server.err().unwrap()), Error::AlertReceived(AlertDescription::BadCertificate));
        });
    }
}

#[test]
fn a_server_that_does_not_speak_tls_is_an_error() {
    let record = [&[22, 3, 3, 0x40, 0][..], &[0; 16_384]].concat();
    runtime().block_on(async {
        for (said, kind) in [
            (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], io::ErrorKind::InvalidData),
            (b"", io::ErrorKind::UnexpectedEof),
            (b"\x16\x03\x03\x00\x20half", io::ErrorKind::UnexpectedEof),
            (b"\x15\x03\x03\x00\x02\x02\x28", io::ErrorKind::InvalidData),
            // A message of 64 KiB in records that never end it.
            (
                &[&[22, 3, 3, 0x40, 0, 2, 0, 0xff, 0xff][..], &[0; 16_380], &record.repeat(4)].concat(),
                io::ErrorKind::InvalidData,
            ),
        ] {
            let (near, mut far) = tokio::io::duplex(1 << 20);
            let client = handshake(near, "localhost".try_into().unwrap(), Arc::new(suite(SUITES[0]).client));
            let server = async {
                far.write_all(said).await.unwrap();
                far.shutdown().await.unwrap();
                let _ = far.read_to_end(&mut Vec::new()).await;
            };
            let (client, ()) = tokio::join!(client, server);
            let begin = &said[..said.len().min(9)];
            assert_eq!(client.err().unwrap().kind(), kind, "{begin:?} and {} bytes", said.len());
        }
    });
}

#[test]
fn secrets_that_may_not_leave_rustls_are_an_error_and_no_panic() {
    let mut pair = suite(SUITES[0]);
    pair.client.enable_secret_extraction = false;
    runtime().block_on(async {
        let (near, far) = tokio::io::duplex(1 << 16);
        let client = handshake(near, "localhost".try_into().unwrap(), Arc::new(pair.client));
        let server = TlsAcceptor::from(Arc::new(pair.server)).accept(far);
        let (client, _server) = tokio::join!(client, server);
        assert_eq!(client.err().unwrap().kind(), io::ErrorKind::InvalidData);
    });
}

/// Whether a record says its minor version there: RFC 8446 5.1 has that ignored, TLS 1.2 only as long as nothing is sealed.
fn is_minor_version(records: &[u8], place: usize) -> bool {
    let mut start = 0;
    while let Some(&[_, _, _, high, low]) = records[start..].first_chunk() {
        if start + 2 == place {
            return true;
        }
        start += 5 + usize::from(u16::from_be_bytes([high, low]));
    }
    false
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if is_long() { 5_000 } else { 300 }))]

    /// Whichever byte of the server's it is, and in however many records its messages are.
    #[test]
    fn a_handshake_that_was_changed_on_its_way_is_an_error(
        place in 0_usize..3000, bits in 1_u8..=255, is_tls13 in any::<bool>(), is_cut_small in any::<bool>(),
    ) {
        let mut pair = suite(SUITES[usize::from(!is_tls13)]);
        pair.server.max_fragment_size = is_cut_small.then_some(64);
        pair.server.send_tls13_tickets = 0;
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (near, mut relay_near) = tokio::io::duplex(1 << 16);
            let (mut relay_far, far) = tokio::io::duplex(1 << 16);
            let relay = async move {
                let (mut passed, mut to_client, mut to_server) = (Vec::new(), [0; 512], [0; 512]);
                loop {
                    tokio::select! {
                        length = relay_far.read(&mut to_client) => {
                            let piece = &mut to_client[..length.unwrap()];
                            let before = passed.len();
                            passed.extend_from_slice(piece);
                            if let Some(byte) = place.checked_sub(before).and_then(|place| piece.get_mut(place)) {
                                *byte ^= bits;
                            }
                            if piece.is_empty() || relay_near.write_all(piece).await.is_err() {
                                break passed;
                            }
                        }
                        length = relay_near.read(&mut to_server) => {
                            let length = length.unwrap();
                            if length == 0 || relay_far.write_all(&to_server[..length]).await.is_err() {
                                break passed;
                            }
                        }
                    }
                }
            };
            let server = async { drop(TlsAcceptor::from(Arc::new(pair.server)).accept(far).await) };
            let client = async {
                let connected = handshake(near, "localhost".try_into().unwrap(), Arc::new(pair.client));
                // A record may seem longer than it is. Whatever comes is dropped at once: that ends the relay, and it the server.
                matches!(tokio::time::timeout(Duration::from_secs(10), connected).await, Ok(Ok(_)))
            };
            let (is_connected, passed, ()) = tokio::join!(client, relay, server);
            if !is_minor_version(&passed, place) {
                prop_assert_eq!(is_connected, place >= passed.len(), "{} of {} bytes", place, passed.len());
            }
            Ok(())
        })?;
    }
}
