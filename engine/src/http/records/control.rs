//! Records that carry no data: what the server says about the connection itself.

use rustls::{
    AlertDescription, ContentType, Error, HandshakeType, InvalidMessage, PeerMisbehaved, ProtocolVersion,
    client::ClientConnectionData, kernel::KernelConnection,
};

/// The level of an alert that ends nothing, or ends in good order.
pub const WARNING: u8 = 1;
/// The level of an alert after which nothing may follow.
pub const FATAL: u8 = 2;

/// A new key follows, and none is asked for in return.
pub const KEY_UPDATE: [u8; 5] = [24, 0, 0, 1, 0];

/// Messages of a handshake are longer nowhere (rustls's limit).
const LONGEST: usize = 0xffff;
/// So many warnings are none any more, nor are so many requests to begin again (rustls's and BoringSSL's limits).
const WARNINGS: u8 = 4;
const RENEGOTIATIONS: u8 = 1;
/// So many new keys without a byte of data in between are an attack.
const KEY_UPDATES: u8 = 32;

/// What has been said so far.
#[derive(Default)]
pub struct Control {
    /// The beginning of a message of the handshake protocol, whose rest comes in another record.
    begun: Vec<u8>,
    warnings: u8,
    renegotiations: u8,
    key_updates: u8,
}

/// What a record asks of the connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    Nothing,
    /// Nothing follows.
    Closed,
    /// What follows is sealed with another key; with `answer` what we send has to be, too.
    NewKeys {
        answer: bool,
    },
}

impl Control {
    /// Data came.
    pub fn data(&mut self) -> Result<(), Error> {
        self.key_updates = 0;
        self.not_in_between()
    }

    /// A record of another kind came.
    pub fn take(
        &mut self,
        kind: ContentType,
        message: &[u8],
        rustls: &mut KernelConnection<ClientConnectionData>,
    ) -> Result<Told, Error> {
        match kind {
            ContentType::Alert => {
                self.not_in_between()?;
                self.alerted(message, rustls.protocol_version())
            }
            ContentType::Handshake => self.handshake(message, rustls),
            _ => Err(InvalidMessage::UnexpectedMessage("a record of another kind").into()),
        }
    }

    /// RFC 8446 5.1: no record of another kind between two parts of a message.
    fn not_in_between(&self) -> Result<(), Error> {
        if self.begun.is_empty() { Ok(()) } else { Err(PeerMisbehaved::MessageInterleavedWithHandshakeMessage.into()) }
    }

    fn alerted(&mut self, message: &[u8], version: ProtocolVersion) -> Result<Told, Error> {
        let &[level, description] = message else { return Err(InvalidMessage::MessageTooShort.into()) };
        let description = AlertDescription::from(description);
        if description == AlertDescription::CloseNotify {
            return Ok(Told::Closed);
        }
        // TLS 1.3 has no warnings left, but for this one, which means nothing.
        let is_warning =
            level == WARNING && (version != ProtocolVersion::TLSv1_3 || description == AlertDescription::UserCanceled);
        if !is_warning {
            return Err(Error::AlertReceived(description));
        }
        count(&mut self.warnings, WARNINGS, PeerMisbehaved::TooManyWarningAlertsReceived)?;
        Ok(Told::Nothing)
    }

    /// Messages may share a record, and may be longer than one.
    fn handshake(&mut self, record: &[u8], rustls: &mut KernelConnection<ClientConnectionData>) -> Result<Told, Error> {
        if record.is_empty() {
            return Err(InvalidMessage::InvalidEmptyPayload.into());
        }
        self.begun.extend_from_slice(record);
        let messages = std::mem::take(&mut self.begun);
        let mut left = messages.as_slice();
        while let Some(Message { kind, body, rest }) = Message::first(left)? {
            left = rest;
            match (rustls.protocol_version(), kind) {
                (ProtocolVersion::TLSv1_3, HandshakeType::NewSessionTicket) => {
                    rustls.handle_new_session_ticket(body)?;
                }
                (ProtocolVersion::TLSv1_3, HandshakeType::KeyUpdate) if !rest.is_empty() => {
                    return Err(PeerMisbehaved::KeyEpochWithPendingFragment.into());
                }
                (ProtocolVersion::TLSv1_3, HandshakeType::KeyUpdate) => {
                    count(&mut self.key_updates, KEY_UPDATES, PeerMisbehaved::TooManyKeyUpdateRequests)?;
                    let &[answer @ 0..=1] = body else { return Err(InvalidMessage::InvalidKeyUpdate.into()) };
                    return Ok(Told::NewKeys { answer: answer == 1 });
                }
                // RFC 5246 7.4.1.1: it may be ignored.
                (ProtocolVersion::TLSv1_2, HandshakeType::HelloRequest) if body.is_empty() => {
                    count(&mut self.renegotiations, RENEGOTIATIONS, PeerMisbehaved::TooManyRenegotiationRequests)?;
                }
                _ => return Err(InvalidMessage::UnexpectedMessage("a message of the handshake after its end").into()),
            }
        }
        self.begun = left.to_vec();
        Ok(Told::Nothing)
    }
}

fn count(counter: &mut u8, limit: u8, error: PeerMisbehaved) -> Result<(), Error> {
    if *counter >= limit {
        return Err(error.into());
    }
    *counter += 1;
    Ok(())
}

/// A message of the handshake protocol.
struct Message<'a> {
    kind: HandshakeType,
    body: &'a [u8],
    /// What follows it.
    rest: &'a [u8],
}

impl<'a> Message<'a> {
    /// The first one, if all of it is there.
    fn first(bytes: &'a [u8]) -> Result<Option<Self>, Error> {
        let &[kind, a, b, c, ref rest @ ..] = bytes else { return Ok(None) };
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        if length > LONGEST {
            return Err(InvalidMessage::HandshakePayloadTooLarge.into());
        }
        let parts = rest.split_at_checked(length);
        Ok(parts.map(|(body, rest)| Self { kind: HandshakeType::from(kind), body, rest }))
    }
}

/// What the server is told of an error; nothing where it knows.
pub fn alert(error: &Error) -> Option<AlertDescription> {
    Some(match error {
        Error::AlertReceived(_) => return None,
        Error::DecryptError => AlertDescription::BadRecordMac,
        Error::PeerSentOversizedRecord | Error::InvalidMessage(InvalidMessage::MessageTooLarge) => {
            AlertDescription::RecordOverflow
        }
        Error::InvalidMessage(InvalidMessage::UnexpectedMessage(_)) | Error::PeerMisbehaved(_) => {
            AlertDescription::UnexpectedMessage
        }
        Error::InvalidMessage(_) => AlertDescription::DecodeError,
        _ => AlertDescription::InternalError,
    })
}
