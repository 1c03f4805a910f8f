//! Bytes from the socket, cut into records. A record is opened where it lies and handed out from there: what rustls reads
//! through its buffered connection goes through four more buffers on that way.

use std::{
    io,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

use rustls::{ContentType, Error, InvalidMessage, ProtocolVersion, crypto::cipher::InboundOpaqueMessage};
use tokio::io::{AsyncRead, ReadBuf};

/// Type, version and length.
const HEADER: usize = 5;

/// The longest content of a sealed record (RFC 5246 §6.2.3; TLS 1.3 allows a little less).
const MOST_SEALED: usize = (1 << 14) + 2048;

/// Room for one record, which is enough for a connection that carries answers and nothing else.
const LITTLE: usize = HEADER + MOST_SEALED;

/// Room for four, for one that carries files.
const MUCH: usize = 4 * LITTLE;

/// See the module.
pub struct Incoming {
    bytes: Vec<u8>,
    /// What has come and was not looked at.
    sealed: Range<usize>,
    /// What was opened and not handed out. It lies before `sealed`.
    plain: Range<usize>,
}

impl Incoming {
    pub fn new() -> Self {
        Self { bytes: vec![0; LITTLE], sealed: 0..0, plain: 0..0 }
    }

    /// What has come and was not looked at.
    pub fn sealed_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.sealed.clone()).unwrap_or_default()
    }

    /// The first `count` bytes of it have been looked at.
    pub fn discard(&mut self, count: usize) {
        self.sealed.start = (self.sealed.start + count).min(self.sealed.end);
    }

    /// Whether a whole record is there.
    pub fn has_record(&self) -> bool {
        matches!(self.header(), Ok(Some((_, _, content))) if content.end <= self.sealed.end)
    }

    /// Type and version of the next record, and where its content lies or will lie.
    fn header(&self) -> Result<Option<(ContentType, ProtocolVersion, Range<usize>)>, Error> {
        let Some([kind, major, minor, high, low, ..]) = self.bytes.get(self.sealed.clone()) else { return Ok(None) };
        let kind = ContentType::from(*kind);
        if *major != 3 {
            return Err(InvalidMessage::UnknownProtocolVersion.into());
        }
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        if len > MOST_SEALED {
            return Err(InvalidMessage::MessageTooLarge.into());
        }
        let start = self.sealed.start + HEADER;
        Ok(Some((kind, ProtocolVersion::from(u16::from_be_bytes([*major, *minor])), start..start + len)))
    }

    /// Takes the next record, with the place in the buffer that its content begins at; `None` until all of it has come.
    ///
    /// # Errors
    /// When this is no record.
    pub fn take(&mut self) -> Result<Option<(InboundOpaqueMessage<'_>, usize)>, Error> {
        let Some((kind, version, content)) = self.header()? else { return Ok(None) };
        if content.end > self.sealed.end {
            return Ok(None);
        }
        self.sealed.start = content.end;
        let at = content.start;
        let Some(content) = self.bytes.get_mut(content) else { return Ok(None) };
        Ok(Some((InboundOpaqueMessage::new(kind, version, content), at)))
    }

    /// Bytes of the buffer are content, to be handed out.
    pub fn opened(&mut self, plain: Range<usize>) {
        self.plain = plain;
    }

    /// Hands out what was opened, as far as there is room for it.
    pub fn hand_out(&mut self, room: &mut ReadBuf<'_>) {
        let end = self.plain.end.min(self.plain.start + room.remaining());
        room.put_slice(self.bytes.get(self.plain.start..end).unwrap_or_default());
        self.plain.start = end;
    }

    /// Reads the socket once, when all that was opened has been handed out; 0 = the server has closed.
    pub fn poll_fill<S: AsyncRead + Unpin>(&mut self, socket: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // A piece of a record at most.
        let left = self.sealed.len();
        self.bytes.copy_within(self.sealed.clone(), 0);
        self.sealed = 0..left;
        let mut room = ReadBuf::new(self.bytes.get_mut(left..).unwrap_or_default());
        ready!(Pin::new(socket).poll_read(cx, &mut room))?;
        let (count, is_full) = (room.filled().len(), room.remaining() == 0);
        self.sealed.end += count;
        if is_full && self.bytes.len() < MUCH {
            self.bytes.resize(MUCH, 0);
        }
        Poll::Ready(Ok(count))
    }
}
