//! What we send: cut into records, sealed, and kept until the socket has taken it.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use rustls::{
    AlertDescription, ContentType, Error, ProtocolVersion,
    client::ClientConnectionData,
    crypto::cipher::{OutboundChunks, OutboundPlainMessage},
    kernel::KernelConnection,
};
use tokio::io::AsyncWrite;

use super::{
    control::{self, KEY_UPDATE},
    keys::Sealer,
};

/// The longest text of a record.
const LONGEST: usize = 16 * 1024;
/// How much text is sealed at once: it bounds the memory of a connection whose server is slow.
const AT_ONCE: usize = 64 * 1024;
/// How many records one call of the system takes.
const SLICES: usize = 8;

pub struct Outbound {
    sealer: Sealer,
    /// Sealed records, of the first of which `sent` bytes are gone.
    records: VecDeque<Vec<u8>>,
    sent: usize,
    /// Whether the server has asked for another key.
    rekey: bool,
    /// Whether nothing may follow.
    closed: bool,
}

impl Outbound {
    pub fn new(sealer: Sealer) -> Self {
        Self { sealer, records: VecDeque::new(), sent: 0, rekey: false, closed: false }
    }

    /// The next data is sealed with a new key, as RFC 8446 4.6.3 asks of who was told of one.
    pub fn rekey_before_data(&mut self) {
        self.rekey = true;
    }

    /// Seals the beginning of `bufs`; returns how many bytes that was. Only after everything before was sent.
    pub fn seal(
        &mut self,
        bufs: &[IoSlice<'_>],
        rustls: &mut KernelConnection<ClientConnectionData>,
    ) -> Result<usize, Error> {
        if self.closed {
            return Err(Error::General("the connection was closed".into()));
        }
        let parts: Vec<&[u8]> = bufs.iter().map(|buf| &**buf).collect();
        let (mut text, _) = OutboundChunks::new(&parts).split_at(AT_ONCE);
        let taken = text.len();
        while !text.is_empty() {
            let (record, rest) = text.split_at(LONGEST);
            if self.rekey || self.sealer.next >= self.sealer.limit {
                self.renew(rustls)?;
            }
            self.push(ContentType::ApplicationData, record)?;
            text = rest;
        }
        Ok(taken)
    }

    /// Tells the server of a new key, and takes it. TLS 1.2 has no way to: the connection is at its end.
    fn renew(&mut self, rustls: &mut KernelConnection<ClientConnectionData>) -> Result<(), Error> {
        let secrets = rustls.update_tx_secret()?;
        self.push(ContentType::Handshake, OutboundChunks::Single(&KEY_UPDATE))?;
        self.sealer = Sealer::new(rustls.negotiated_cipher_suite(), secrets)?;
        self.rekey = false;
        Ok(())
    }

    /// Tells the server of an error, and that nothing follows.
    pub fn alert(&mut self, error: &Error) {
        if let Some(description) = control::alert(error) {
            self.last_words(control::FATAL, description);
        }
        self.closed = true;
    }

    /// Tells the server that nothing follows, once.
    pub fn farewell(&mut self) {
        self.last_words(control::WARNING, AlertDescription::CloseNotify);
    }

    fn last_words(&mut self, level: u8, description: AlertDescription) {
        if !self.closed {
            self.closed = true;
            // Who cannot even say this closes the socket.
            let _ = self.push(ContentType::Alert, OutboundChunks::Single(&[level, description.into()]));
        }
    }

    fn push(&mut self, typ: ContentType, payload: OutboundChunks<'_>) -> Result<(), Error> {
        let message = OutboundPlainMessage { typ, version: ProtocolVersion::TLSv1_2, payload };
        let sealed = self.sealer.cipher.encrypt(message, self.sealer.next)?;
        self.sealer.next += 1;
        self.records.push_back(sealed.encode());
        Ok(())
    }

    /// Sends what is sealed.
    pub fn poll_send<S: AsyncWrite + Unpin>(&mut self, socket: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.records.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let mut skipped = self.sent;
            for (slice, record) in slices.iter_mut().zip(&self.records) {
                *slice = IoSlice::new(record.get(skipped..).unwrap_or_default());
                skipped = 0;
            }
            let slices = slices.get(..self.records.len().min(SLICES)).unwrap_or_default();
            let length = ready!(Pin::new(&mut *socket).poll_write_vectored(cx, slices))?;
            if length == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += length;
            while let Some(first) = self.records.front().map(Vec::len).filter(|first| self.sent >= *first) {
                self.sent -= first;
                self.records.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
impl Outbound {
    /// The number of the next record.
    pub fn next(&self) -> u64 {
        self.sealer.next
    }

    /// How many sealed bytes the socket has not taken.
    pub fn kept(&self) -> usize {
        self.records.iter().map(Vec::len).sum::<usize>() - self.sent
    }
}
