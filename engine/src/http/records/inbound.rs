//! What the server sends: read ahead, cut into records, opened where it lies.

use std::{
    io,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

use rustls::{ContentType, Error, InvalidMessage, ProtocolVersion, crypto::cipher::InboundOpaqueMessage};
use tokio::io::{AsyncRead, ReadBuf};

use super::keys::Opener;

/// Four full records, so that one call of the system fetches as many.
pub const READ_AHEAD: usize = 4 * (HEADER + 16 * 1024 + 256);

/// Kind, version and length.
pub const HEADER: usize = 5;

/// The longest record, of TLS 1.2 (RFC 5246 6.2.3); that the text of one is at most 16 KiB is checked when it is opened.
const LONGEST: usize = 16 * 1024 + 2048;

pub struct Inbound {
    opener: Opener,
    /// In TLS 1.3 every record that is sealed says it were data, and every record is sealed.
    is_tls13: bool,
    buffer: Box<[u8]>,
    /// The part of `buffer` that came and was not opened.
    sealed: Range<usize>,
    /// The part of `buffer` that was opened and not handed out; before `sealed`.
    text: Range<usize>,
}

/// A record that was opened: its kind, and where in the buffer its text is.
pub struct Record {
    pub kind: ContentType,
    text: Range<usize>,
}

impl Inbound {
    /// Goes on with what the handshake has read and not used: the first `length` bytes of `buffer`.
    pub fn new(opener: Opener, version: ProtocolVersion, buffer: Box<[u8]>, length: usize) -> Self {
        Self { opener, is_tls13: version == ProtocolVersion::TLSv1_3, buffer, sealed: 0..length, text: 0..0 }
    }

    /// From here on records are sealed with another key.
    pub fn rekey(&mut self, opener: Opener) {
        self.opener = opener;
    }

    /// Reads what there is. Only after everything whole was opened and handed out.
    pub fn poll_fill<S: AsyncRead + Unpin>(&mut self, socket: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        debug_assert!(self.text.is_empty(), "bytes that were not handed out would be moved over");
        self.buffer.copy_within(self.sealed.clone(), 0);
        self.sealed = 0..self.sealed.len();
        let mut room = ReadBuf::new(self.buffer.get_mut(self.sealed.end..).unwrap_or_default());
        ready!(Pin::new(socket).poll_read(cx, &mut room))?;
        let length = room.filled().len();
        self.sealed.end += length;
        Poll::Ready(Ok(length))
    }

    /// Opens the next record, if all of it is here. What was kept of the one before must have been taken.
    pub fn open(&mut self) -> Result<Option<Record>, Error> {
        let here = self.buffer.get_mut(self.sealed.clone()).unwrap_or_default();
        let Some(Header { kind, version, length }) = Header::read(here)? else { return Ok(None) };
        let Some(body) = here.get_mut(HEADER..HEADER + length) else { return Ok(None) };
        if self.is_tls13 && kind != ContentType::ApplicationData {
            return Err(InvalidMessage::UnexpectedMessage("a record that is not sealed").into());
        }
        let begin = body.as_ptr().addr();
        let opened = self.opener.cipher.decrypt(InboundOpaqueMessage::new(kind, version, body), self.opener.next)?;
        // Opened in place: behind what TLS 1.2 says of the nonce, before padding and seal.
        let start = self.sealed.start + HEADER + (opened.payload.as_ptr().addr() - begin);
        let record = Record { kind: opened.typ, text: start..start + opened.payload.len() };
        self.opener.next += 1;
        self.sealed.start += HEADER + length;
        Ok(Some(record))
    }

    /// The text of the record that was opened last.
    pub fn text(&self, record: &Record) -> &[u8] {
        self.buffer.get(record.text.clone()).unwrap_or_default()
    }

    /// Keeps the text of the record that was opened last, to be taken.
    pub fn keep(&mut self, record: Record) {
        debug_assert!(self.text.is_empty(), "the one before was taken");
        self.text = record.text;
    }

    /// Hands out what is kept, as much as there is room for.
    pub fn take(&mut self, buf: &mut ReadBuf<'_>) {
        let length = self.text.len().min(buf.remaining());
        let taken = self.text.start..self.text.start + length;
        buf.put_slice(self.buffer.get(taken).unwrap_or_default());
        self.text.start += length;
    }
}

/// The head of a record.
struct Header {
    kind: ContentType,
    version: ProtocolVersion,
    length: usize,
}

impl Header {
    /// What the bytes begin with; nothing where they are too few.
    fn read(bytes: &[u8]) -> Result<Option<Self>, Error> {
        let Some(&[kind, major, minor, high, low]) = bytes.first_chunk::<HEADER>() else { return Ok(None) };
        let kind = ContentType::from(kind);
        let length = usize::from(u16::from_be_bytes([high, low]));
        if matches!(kind, ContentType::Unknown(_)) {
            return Err(InvalidMessage::InvalidContentType.into());
        }
        if major != 3 {
            return Err(InvalidMessage::UnknownProtocolVersion.into());
        }
        if length > LONGEST {
            return Err(InvalidMessage::MessageTooLarge.into());
        }
        Ok(Some(Self { kind, version: ProtocolVersion::from(u16::from_be_bytes([major, minor])), length }))
    }
}

/// Whether a whole record lies at the beginning of `bytes`.
pub fn is_whole(bytes: &[u8]) -> bool {
    matches!(Header::read(bytes), Ok(Some(header)) if bytes.len() >= HEADER + header.length)
}
