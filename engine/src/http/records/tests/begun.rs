//! A message that the server has only begun when the handshake is over.

use std::sync::Arc;

use parking_lot::Mutex;
use rustls::{
    CipherSuite, ConnectionTrafficSecrets, ContentType, KeyLog, ServerConnection, SupportedCipherSuite,
    crypto::{
        cipher::{AeadKey, Iv},
        tls13::OkmBlock,
    },
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    control::ticket,
    rig::{seal, suite},
    runtime,
};
use crate::http::records::{handshake, keys::Sealer};

/// Keeps what the server will seal its data with. It has that as soon as it has spoken, long before the client has.
#[derive(Debug, Default)]
struct Secret(Mutex<Vec<u8>>);

impl KeyLog for Secret {
    fn log(&self, label: &str, _client_random: &[u8], secret: &[u8]) {
        if label == "SERVER_TRAFFIC_SECRET_0" {
            secret.clone_into(&mut self.0.lock());
        }
    }
}

/// HKDF-Expand-Label without a context (RFC 8446, 7.1).
fn expand<const N: usize>(suite: SupportedCipherSuite, secret: &[u8], label: &str) -> [u8; N] {
    let SupportedCipherSuite::Tls13(suite) = suite else { panic!("a suite of TLS 1.3") };
    let label = ["tls13 ", label].concat();
    let (length, label_length) = (u16::try_from(N).unwrap().to_be_bytes(), [u8::try_from(label.len()).unwrap()]);
    let mut key = [0; N];
    let info: [&[u8]; 4] = [&length, &label_length, label.as_bytes(), &[0]];
    suite.hkdf_provider.expander_for_okm(&OkmBlock::new(secret)).expand_slice(&info, &mut key).unwrap();
    key
}

#[test]
fn the_handshake_ends_when_the_message_has() {
    let mut pair = suite(CipherSuite::TLS13_AES_256_GCM_SHA384);
    let log = Arc::new(Secret::default());
    pair.server.key_log = Arc::<Secret>::clone(&log);
    pair.server.send_tls13_tickets = 0;
    let mut server = ServerConnection::new(Arc::new(pair.server)).unwrap();
    runtime().block_on(async {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let client = tokio::spawn(handshake(near, "localhost".try_into().unwrap(), Arc::new(pair.client)));
        let mut hello = [0; 4096];
        while !server.wants_write() {
            let length = far.read(&mut hello).await.unwrap();
            server.read_tls(&mut &hello[..length]).unwrap();
            server.process_new_packets().unwrap();
        }
        let mut flight = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut flight).unwrap();
        }
        let (name, secret) = (server.negotiated_cipher_suite().unwrap(), log.0.lock().clone());
        let (key, iv) = (expand::<32>(name, &secret, "key"), expand::<12>(name, &secret, "iv"));
        let secrets = ConnectionTrafficSecrets::Aes256Gcm { key: AeadKey::from(key), iv: Iv::new(iv) };
        let mut sealer = Sealer::new(name, (0, secrets)).unwrap();
        let ticket = ticket();
        let (begun, rest) = ticket.split_at(9);
        flight.extend(seal(&mut sealer, ContentType::Handshake, begun));
        far.write_all(&flight).await.unwrap();
        // The client has said all that it has to say.
        while server.is_handshaking() {
            let length = far.read(&mut hello).await.unwrap();
            server.read_tls(&mut &hello[..length]).unwrap();
            server.process_new_packets().unwrap();
        }
        far.write_all(&seal(&mut sealer, ContentType::Handshake, rest)).await.unwrap();
        let mut client = client.await.unwrap().unwrap();
        far.write_all(&seal(&mut sealer, ContentType::ApplicationData, b"after")).await.unwrap();
        let mut read = [0; 5];
        client.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"after");
    });
}
