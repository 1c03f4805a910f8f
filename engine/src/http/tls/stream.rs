//! A TLS connection after its handshake.
//!
//! rustls agrees on the keys, seals and opens; what is done here is between: records are cut out of what comes and put behind
//! each other as they go. Its own buffered connection does that too, by way of 4 KiB reads and four buffers, which
//! costs as much as the ciphers themselves. [`rustls::kernel`] is its interface for those who do without; like a
//! kernel with TLS of its own we hand back what only rustls can answer: tickets for the next handshake, and new keys.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use rustls::{
    AlertDescription, ContentType, Error, ExtractedSecrets, HandshakeType, InvalidMessage, PeerMisbehaved,
    ProtocolVersion, client::ClientConnectionData, crypto::cipher::OutboundChunks, kernel::KernelConnection,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    incoming::Incoming,
    invalid,
    keys::{Opener, Sealer},
};

/// The most content of one record.
const RECORD: usize = 1 << 14;

/// The most that is sealed before the socket has taken it.
const SEALED_AHEAD: usize = 4 * RECORD;

/// Texts of one write: all that hyper gathers, its header included.
const MOST_PARTS: usize = 17;

/// The longest message of a server after the handshake; a ticket is a few hundred bytes.
const MOST_MESSAGE: usize = 64 * 1024;

/// Alerts, by level (RFC 8446 §6).
const WARNING: u8 = 1;
const FATAL: u8 = 2;

/// See the module.
pub struct Tls<S> {
    socket: S,
    kernel: KernelConnection<ClientConnectionData>,
    opener: Opener,
    sealer: Sealer,
    incoming: Incoming,
    /// Sealed records that the socket has not taken. Of the first one, `taken` bytes are gone.
    outgoing: VecDeque<Vec<u8>>,
    taken: usize,
    /// A message of the server of which more has to come.
    message: Vec<u8>,
    /// The server wants new keys from us before anything else.
    owes_keys: bool,
    /// The server has said that it sends nothing more.
    is_ended: bool,
    /// We have.
    is_closed: bool,
    /// What makes every further read fail.
    broken: Option<Error>,
}

/// The server went away without a word: what it has sent may be half of it.
pub fn cut_short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "closed without a close_notify")
}

impl<S> Tls<S> {
    /// `incoming` may hold the beginning of what comes next.
    ///
    /// # Errors
    /// With secrets of a cipher that is not known here.
    pub(super) fn new(
        socket: S,
        kernel: KernelConnection<ClientConnectionData>,
        secrets: ExtractedSecrets,
        incoming: Incoming,
    ) -> Result<Self, Error> {
        let suite = kernel.negotiated_cipher_suite();
        Ok(Self {
            socket,
            opener: Opener::new(suite, secrets.rx)?,
            sealer: Sealer::new(suite, secrets.tx)?,
            kernel,
            incoming,
            outgoing: VecDeque::new(),
            taken: 0,
            message: Vec::new(),
            owes_keys: false,
            is_ended: false,
            is_closed: false,
            broken: None,
        })
    }

    /// As if so much had been sent that other keys are due.
    #[cfg(test)]
    pub const fn wear_out(&mut self) {
        self.sealer.wear_out();
    }

    fn is_tls13(&self) -> bool {
        self.kernel.protocol_version() == ProtocolVersion::TLSv1_3
    }

    /// Opens the next record; false until all of it has come.
    fn open_next(&mut self) -> Result<bool, Error> {
        let is_tls13 = self.is_tls13();
        let Some((record, at)) = self.incoming.take()? else { return Ok(false) };
        // In TLS 1.3 the outer type says nothing, and nothing vouches for it but that it is always the same (RFC 8446 §5.2).
        if is_tls13 && record.typ != ContentType::ApplicationData {
            return Err(unexpected("a record in the clear"));
        }
        let begin = record.payload.as_ptr().addr();
        let opened = self.opener.open(record)?;
        let (kind, content) = (opened.typ, opened.payload);
        if kind != ContentType::Handshake && !self.message.is_empty() {
            return Err(PeerMisbehaved::MessageInterleavedWithHandshakeMessage.into());
        }
        match (kind, content) {
            (ContentType::ApplicationData, content) => {
                let start = at + (content.as_ptr().addr() - begin);
                let plain = start..start + content.len();
                self.incoming.opened(plain);
            }
            (ContentType::Handshake, [_, ..]) => {
                self.message.extend_from_slice(content);
                self.read_messages()?;
            }
            (ContentType::Alert, [level, what]) => match AlertDescription::from(*what) {
                AlertDescription::CloseNotify => self.is_ended = true,
                // It is followed by the end.
                AlertDescription::UserCanceled => {}
                _ if *level == WARNING && !is_tls13 => {}
                what => return Err(Error::AlertReceived(what)),
            },
            _ => return Err(unexpected("a record of no use")),
        }
        Ok(true)
    }

    /// Takes up what the server tells between its answers.
    fn read_messages(&mut self) -> Result<(), Error> {
        while let [kind, a, b, c, rest @ ..] = self.message.as_slice() {
            let len = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            if len > MOST_MESSAGE {
                return Err(InvalidMessage::HandshakePayloadTooLarge.into());
            }
            let Some((body, rest)) = rest.split_at_checked(len) else { return Ok(()) };
            match (HandshakeType::from(*kind), self.kernel.protocol_version()) {
                (HandshakeType::NewSessionTicket, ProtocolVersion::TLSv1_3) => {
                    self.kernel.handle_new_session_ticket(body)?;
                }
                (HandshakeType::KeyUpdate, ProtocolVersion::TLSv1_3) => {
                    if !rest.is_empty() {
                        return Err(PeerMisbehaved::KeyEpochWithPendingFragment.into());
                    }
                    self.owes_keys |= match body {
                        [0] => false,
                        [1] => true,
                        _ => return Err(InvalidMessage::InvalidKeyUpdate.into()),
                    };
                    let suite = self.kernel.negotiated_cipher_suite();
                    self.opener = Opener::new(suite, self.kernel.update_rx_secret()?)?;
                }
                // A wish to begin anew, which a client may leave unanswered (RFC 5246 §7.4.1.1).
                (HandshakeType::HelloRequest, ProtocolVersion::TLSv1_2) => {}
                _ => return Err(unexpected("a message of no use")),
            }
            self.message.drain(..4 + len);
        }
        Ok(())
    }

    fn seal(&mut self, of: ContentType, content: OutboundChunks<'_>) -> Result<(), Error> {
        if self.owes_keys || self.sealer.is_used_up() {
            self.renew_keys()?;
        }
        self.outgoing.push_back(self.sealer.seal(of, content)?);
        Ok(())
    }

    /// Goes on with other keys, and says so under the old ones. TLS 1.2 has no way to: after some 270 GB that is the end.
    fn renew_keys(&mut self) -> Result<(), Error> {
        if !self.is_tls13() {
            return Err(Error::EncryptError);
        }
        // Nobody is asked to do the same: 0.
        let update = [HandshakeType::KeyUpdate.into(), 0, 0, 1, 0];
        let update = self.sealer.seal(ContentType::Handshake, OutboundChunks::Single(&update))?;
        self.outgoing.push_back(update);
        self.sealer = Sealer::new(self.kernel.negotiated_cipher_suite(), self.kernel.update_tx_secret()?)?;
        self.owes_keys = false;
        Ok(())
    }
}

impl<S: AsyncWrite + Unpin> Tls<S> {
    /// Gives the socket what was sealed.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            let mut parts = [IoSlice::new(&[]); 8];
            let mut count = 0;
            for (part, record) in parts.iter_mut().zip(&self.outgoing) {
                let gone = if count == 0 { self.taken } else { 0 };
                *part = IoSlice::new(record.get(gone..).unwrap_or_default());
                count += 1;
            }
            let parts = parts.get(..count).unwrap_or_default();
            let mut taken = ready!(Pin::new(&mut self.socket).poll_write_vectored(cx, parts))?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            taken += self.taken;
            while let Some(record) = self.outgoing.front()
                && record.len() <= taken
            {
                taken -= record.len();
                self.outgoing.pop_front();
            }
            self.taken = taken;
        }
        Poll::Ready(Ok(()))
    }

    /// Tells the server why this ends, if its socket has room for that.
    fn complain(&mut self, error: &Error, cx: &mut Context<'_>) {
        let what = match error {
            Error::AlertReceived(_) => return,
            Error::DecryptError => AlertDescription::BadRecordMac,
            Error::PeerSentOversizedRecord => AlertDescription::RecordOverflow,
            _ => AlertDescription::UnexpectedMessage,
        };
        if self.seal(ContentType::Alert, OutboundChunks::Single(&[FATAL, what.into()])).is_ok() {
            let _ = self.poll_drain(cx);
        }
        self.is_closed = true;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Tls<S> {
    /// Hands out all that has come: a reader woken for each record would cost more than the record.
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = room.filled().len();
        loop {
            this.incoming.hand_out(room);
            let has_some = room.filled().len() > before;
            if room.remaining() == 0 || this.is_ended {
                return Poll::Ready(Ok(()));
            }
            let opened = this.broken.clone().map_or_else(|| this.open_next(), Err);
            match opened {
                Ok(true) => continue,
                Ok(false) if has_some => return Poll::Ready(Ok(())),
                Ok(false) => {}
                Err(error) => {
                    if this.broken.is_none() {
                        this.complain(&error, cx);
                    }
                    // What was read before it is handed out first.
                    this.broken = Some(error.clone());
                    return Poll::Ready(if has_some { Ok(()) } else { Err(invalid(error)) });
                }
            }
            if ready!(this.incoming.poll_fill(&mut this.socket, cx))? == 0 {
                return Poll::Ready(Err(cut_short()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Tls<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        given: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.is_closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ready!(this.poll_drain(cx))?;
        let mut parts: [&[u8]; MOST_PARTS] = [&[]; MOST_PARTS];
        for (part, given) in parts.iter_mut().zip(given) {
            *part = given;
        }
        let mut left = OutboundChunks::new(parts.get(..given.len()).unwrap_or(&parts));
        let mut sealed = 0;
        while sealed < SEALED_AHEAD && !left.is_empty() {
            let (record, rest) = left.split_at(RECORD);
            sealed += record.len();
            this.seal(ContentType::ApplicationData, record).map_err(invalid)?;
            left = rest;
        }
        match this.poll_drain(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // What the socket does not take now it will be given before anything else.
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(sealed)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !std::mem::replace(&mut this.is_closed, true) {
            let end = [WARNING, AlertDescription::CloseNotify.into()];
            this.seal(ContentType::Alert, OutboundChunks::Single(&end)).map_err(invalid)?;
        }
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.socket).poll_shutdown(cx)
    }
}

fn unexpected(what: &'static str) -> Error {
    InvalidMessage::UnexpectedMessage(what).into()
}
