//! What a server may say beside data, and what it may not.

use std::io;

use proptest::prelude::*;
use rustls::{AlertDescription, CipherSuite, ContentType, Error, InvalidMessage, PeerMisbehaved};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    is_long,
    rig::{Wild, suite},
    runtime, text,
};

const TLS13: CipherSuite = CipherSuite::TLS13_AES_256_GCM_SHA384;
const TLS12: CipherSuite = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;

/// What a server does, after data and before more data.
enum Says {
    Sealed(ContentType, Vec<u8>),
    Raw(Vec<u8>),
}

fn handshake(text: &[u8]) -> Says {
    Says::Sealed(ContentType::Handshake, text.to_vec())
}

fn alert(text: &[u8]) -> Says {
    Says::Sealed(ContentType::Alert, text.to_vec())
}

/// A ticket without a use: lifetime, age, nonce, the ticket, no extensions.
pub fn ticket() -> Vec<u8> {
    let body = [0, 0, 1, 0, 1, 2, 3, 4, 1, 0, 0, 4, 1, 2, 3, 4, 0, 0];
    [&[4, 0, 0, 18][..], &body].concat()
}

/// The error of TLS inside one of the stream.
pub fn inner(error: &io::Error) -> Error {
    error.get_ref().and_then(|error| error.downcast_ref::<Error>()).unwrap().clone()
}

/// Data, what is said, and data again: the first is always read; then either the second, or the error, of which the server is told.
fn play(name: CipherSuite, says: Vec<Says>) -> Result<(), (Error, Option<AlertDescription>)> {
    let pair = suite(name);
    runtime().block_on(async {
        let (mut client, mut server) = Wild::connect(&pair).await;
        server.say(ContentType::ApplicationData, b"before").await;
        for said in says {
            match said {
                Says::Sealed(kind, text) => server.say(kind, &text).await,
                Says::Raw(bytes) => server.socket.write_all(&bytes).await.unwrap(),
            }
        }
        server.say(ContentType::ApplicationData, b"after").await;
        let mut first = [0; 6];
        client.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"before");
        let mut second = [0; 5];
        let read = client.read_exact(&mut second).await;
        if read.is_ok() {
            assert_eq!(&second, b"after");
            return Ok(());
        }
        let error = inner(&read.unwrap_err());
        assert_eq!(inner(&client.read_exact(&mut second).await.unwrap_err()), error, "nothing is read any more");
        assert_eq!(inner(&client.write_all(b"x").await.unwrap_err()), error, "nothing is sent any more");
        drop(client);
        let told = server.hear().await.map(|(kind, text)| {
            assert_eq!((kind, text.len(), text[0]), (ContentType::Alert, 2, 2), "a fatal alert");
            AlertDescription::from(text[1])
        });
        assert!(server.hear().await.is_none(), "and nothing behind it");
        Err((error, told))
    })
}

#[test]
fn what_a_server_may_say() {
    let parts: Vec<Says> = ticket().chunks(5).map(handshake).collect();
    let ignored = || alert(&[1, 90]);
    let pieces = [
        (TLS13, vec![handshake(&ticket())]),
        (TLS13, vec![handshake(&[ticket(), ticket()].concat())]),
        (TLS13, parts),
        (TLS13, vec![handshake(&ticket()[..20]), handshake(&[&ticket()[20..], &ticket()[..]].concat())]),
        (TLS13, vec![ignored(), ignored(), ignored(), ignored()]),
        (TLS13, vec![Says::Sealed(ContentType::ApplicationData, vec![])]),
        (TLS12, vec![handshake(&[0, 0, 0, 0])]),
        (TLS12, vec![alert(&[1, 90]), alert(&[1, 112])]),
    ];
    for (index, (name, says)) in pieces.into_iter().enumerate() {
        assert_eq!(play(name, says), Ok(()), "{index}");
    }
}

#[test]
fn what_a_server_may_not_say_ends_the_connection() {
    let unexpected = |what| Error::InvalidMessage(InvalidMessage::UnexpectedMessage(what));
    let sealed =
        |kind: u8, length: usize| [&[kind, 3, 3][..], &(length as u16).to_be_bytes(), &vec![7; length]].concat();
    let raw = |kind, length| vec![Says::Raw(sealed(kind, length))];
    let not_sealed = unexpected("a record that is not sealed");
    let after = unexpected("a message of the handshake after its end");
    let other = unexpected("a record of another kind");
    let tells = Some;
    let is = AlertDescription::UnexpectedMessage;
    let cases = [
        // What is no record.
        (TLS13, raw(99, 20), InvalidMessage::InvalidContentType.into(), tells(AlertDescription::DecodeError)),
        (
            TLS13,
            vec![Says::Raw(b"HTTP/1.1 200 OK\r\n".to_vec())],
            InvalidMessage::InvalidContentType.into(),
            tells(AlertDescription::DecodeError),
        ),
        (
            TLS13,
            vec![Says::Raw(vec![23, 2, 0, 0, 20])],
            InvalidMessage::UnknownProtocolVersion.into(),
            tells(AlertDescription::DecodeError),
        ),
        (
            TLS13,
            vec![Says::Raw(vec![23, 3, 3, 0x48, 1])],
            InvalidMessage::MessageTooLarge.into(),
            tells(AlertDescription::RecordOverflow),
        ),
        // What is not sealed, or by nobody.
        (TLS13, raw(20, 1), not_sealed.clone(), tells(is)),
        (TLS13, raw(21, 2), not_sealed.clone(), tells(is)),
        (TLS13, raw(22, 40), not_sealed, tells(is)),
        (TLS13, raw(23, 40), Error::DecryptError, tells(AlertDescription::BadRecordMac)),
        (TLS13, raw(23, 0), Error::DecryptError, tells(AlertDescription::BadRecordMac)),
        (TLS12, raw(23, 40), Error::DecryptError, tells(AlertDescription::BadRecordMac)),
        (TLS12, raw(21, 2), Error::DecryptError, tells(AlertDescription::BadRecordMac)),
        // Kinds that have no place here.
        (TLS13, vec![Says::Sealed(ContentType::Heartbeat, vec![1])], other.clone(), tells(is)),
        (TLS12, vec![Says::Sealed(ContentType::ChangeCipherSpec, vec![1])], other, tells(is)),
        (TLS13, vec![handshake(&[0, 0, 0, 0])], after.clone(), tells(is)),
        (TLS13, vec![handshake(&[13, 0, 0, 1, 0])], after.clone(), tells(is)),
        (TLS12, vec![handshake(&ticket())], after.clone(), tells(is)),
        (TLS12, vec![handshake(&[24, 0, 0, 1, 0])], after.clone(), tells(is)),
        (TLS12, vec![handshake(&[0, 0, 0, 1, 0])], after, tells(is)),
        (
            TLS12,
            vec![handshake(&[0, 0, 0, 0]), handshake(&[0, 0, 0, 0])],
            PeerMisbehaved::TooManyRenegotiationRequests.into(),
            tells(is),
        ),
        // Messages that are none.
        (TLS13, vec![handshake(&[])], InvalidMessage::InvalidEmptyPayload.into(), tells(AlertDescription::DecodeError)),
        (
            TLS13,
            vec![handshake(&[4, 1, 0, 0])],
            InvalidMessage::HandshakePayloadTooLarge.into(),
            tells(AlertDescription::DecodeError),
        ),
        (
            TLS13,
            vec![handshake(&[24, 0, 0, 1, 2])],
            InvalidMessage::InvalidKeyUpdate.into(),
            tells(AlertDescription::DecodeError),
        ),
        (
            TLS13,
            vec![handshake(&[24, 0, 0, 0])],
            InvalidMessage::InvalidKeyUpdate.into(),
            tells(AlertDescription::DecodeError),
        ),
        (TLS13, vec![handshake(&[24, 0, 0, 1, 0, 4])], PeerMisbehaved::KeyEpochWithPendingFragment.into(), tells(is)),
        (
            TLS13,
            vec![handshake(&ticket()[..9])],
            PeerMisbehaved::MessageInterleavedWithHandshakeMessage.into(),
            tells(is),
        ),
        (
            TLS13,
            vec![handshake(&[4]), alert(&[1, 0])],
            PeerMisbehaved::MessageInterleavedWithHandshakeMessage.into(),
            tells(is),
        ),
        // Alerts.
        (TLS13, vec![alert(&[2, 40])], Error::AlertReceived(AlertDescription::HandshakeFailure), None),
        (TLS12, vec![alert(&[2, 80])], Error::AlertReceived(AlertDescription::InternalError), None),
        (TLS13, vec![alert(&[1, 40])], Error::AlertReceived(AlertDescription::HandshakeFailure), None),
        (TLS13, vec![alert(&[2])], InvalidMessage::MessageTooShort.into(), tells(AlertDescription::DecodeError)),
        (TLS13, vec![alert(&[1, 0, 0])], InvalidMessage::MessageTooShort.into(), tells(AlertDescription::DecodeError)),
        (
            TLS13,
            (0..5).map(|_| alert(&[1, 90])).collect(),
            PeerMisbehaved::TooManyWarningAlertsReceived.into(),
            tells(is),
        ),
    ];
    for (index, (name, says, error, told)) in cases.into_iter().enumerate() {
        assert_eq!(play(name, says), Err((error, told)), "{index}");
    }
}

/// The text of a record is 16 KiB at most, whatever is said of its length.
#[test]
fn a_record_of_more_than_16_kib_is_refused() {
    let pair = suite(TLS13);
    runtime().block_on(async {
        let (mut client, mut server) = Wild::connect(&pair).await;
        server.say(ContentType::ApplicationData, &text(16_384)).await;
        server.say(ContentType::ApplicationData, &text(16_385)).await;
        let mut all = Vec::new();
        let error = client.read_to_end(&mut all).await.unwrap_err();
        assert_eq!(all, text(16_384));
        assert_eq!(inner(&error), Error::PeerSentOversizedRecord);
    });
}

#[test]
fn keys_without_end_are_refused() {
    let pair = suite(TLS13);
    runtime().block_on(async {
        for (updates, fits) in [(32, true), (33, false)] {
            let (mut client, mut server) = super::connect(&pair, 1 << 20).await;
            for _ in 0..updates {
                server.get_mut().1.refresh_traffic_keys().unwrap();
            }
            server.write_all(b"x").await.unwrap();
            server.flush().await.unwrap();
            assert_eq!(client.read_u8().await.is_ok(), fits, "{updates}");
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if is_long() { 5_000 } else { 300 }))]

    /// Of a stream that somebody has changed anywhere, nothing is read but its true beginning.
    #[test]
    fn nothing_that_was_changed_on_its_way_is_handed_out(
        lengths in prop::collection::vec(0_usize..3000, 1..6), place in any::<prop::sample::Index>(),
        change in prop_oneof![(1_u8..=255).prop_map(Some), Just(None)], is_tls13 in any::<bool>(),
    ) {
        let pair = suite(if is_tls13 { TLS13 } else { TLS12 });
        runtime().block_on(async {
            let (mut client, mut server) = Wild::connect(&pair).await;
            let mut wire = Vec::new();
            let mut truth = Vec::new();
            for length in lengths {
                let text = text(length);
                wire.extend(server.seal(ContentType::ApplicationData, &text));
                truth.extend(text);
            }
            let place = place.index(wire.len());
            match change {
                Some(bits) => wire[place] ^= bits,
                None => drop(wire.remove(place)),
            }
            server.socket.write_all(&wire).await.unwrap();
            server.socket.shutdown().await.unwrap();
            let mut read = Vec::new();
            prop_assert!(client.read_to_end(&mut read).await.is_err());
            prop_assert!(truth.starts_with(&read));
            Ok(())
        })?;
    }
}
