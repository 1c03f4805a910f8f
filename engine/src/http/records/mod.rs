//! TLS: rustls makes the connection, and its records pass through here.
//!
//! rustls's own streams copy each byte of a body four times: from what was read ahead to where it looks for records, from there to a piece of
//! the heap a record, from that to the reader, and into the record that is sent. Two of the four are gone here: records are opened where the
//! socket's bytes lie. That is a twelfth of a large transfer (`benchmark/README.md`).
//!
//! What is ours is small: where a record begins and ends, its number, and what the few records are that carry no data ([`control`]).
//! Handshake, certificates, key schedule, tickets and every cipher are rustls's; its [`kernel`](rustls::kernel) API is made for records that are
//! somebody else's work. RFC 8446 (TLS 1.3) and RFC 5246 (TLS 1.2) say what to expect, and where they leave a choice it is rustls's.

mod control;
mod handshake;
mod inbound;
mod keys;
mod outbound;
#[cfg(test)]
mod tests;

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use rustls::{ContentType, client::ClientConnectionData, kernel::KernelConnection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use control::{Control, Told};
pub use handshake::handshake;
use inbound::Inbound;
use keys::Opener;
use outbound::Outbound;

/// Less room than this is not worth another record.
const WORTHWHILE: usize = 16 * 1024;

/// A connection over TLS, the handshake behind it.
pub struct TlsStream<S> {
    socket: S,
    /// Keys to come, and tickets.
    rustls: KernelConnection<ClientConnectionData>,
    inbound: Inbound,
    outbound: Outbound,
    control: Control,
    /// Why nothing more is read.
    end: Option<End>,
}

/// The end of what the server has to say.
enum End {
    /// It said so.
    Closed,
    /// It broke the protocol, or told of an error.
    Failed(rustls::Error),
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// Understands the next record that is here whole; `false` where there is none.
    fn open(&mut self) -> Result<bool, rustls::Error> {
        let Some(record) = self.inbound.open()? else { return Ok(false) };
        if record.kind == ContentType::ApplicationData {
            self.control.data()?;
            self.inbound.keep(record);
            return Ok(true);
        }
        let message = self.inbound.text(&record).to_vec();
        match self.control.take(record.kind, &message, &mut self.rustls)? {
            Told::Nothing => {}
            Told::Closed => self.end = Some(End::Closed),
            Told::NewKeys { answer } => {
                self.inbound
                    .rekey(Opener::new(self.rustls.negotiated_cipher_suite(), self.rustls.update_rx_secret()?)?);
                if answer {
                    self.outbound.rekey_before_data();
                }
            }
        }
        Ok(true)
    }

    /// Remembers an error, and says it to the server if the socket takes that at once.
    fn fail(&mut self, error: rustls::Error, cx: &mut Context<'_>) {
        self.outbound.alert(&error);
        let _ = self.outbound.poll_send(&mut self.socket, cx);
        self.end = Some(End::Failed(error));
    }
}

/// As everybody reports errors of TLS through a stream.
fn into_io(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    /// Hands out everything that is there: each piece costs its reader a turn.
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        loop {
            this.inbound.take(buf);
            let has_read = buf.filled().len() > before;
            if buf.remaining() == 0 || has_read && this.end.is_some() {
                return Poll::Ready(Ok(()));
            }
            match &this.end {
                Some(End::Closed) => return Poll::Ready(Ok(())),
                Some(End::Failed(error)) => return Poll::Ready(Err(into_io(error.clone()))),
                None => {}
            }
            match this.open() {
                Ok(true) => continue,
                Ok(false) if has_read && buf.remaining() < WORTHWHILE => return Poll::Ready(Ok(())),
                Ok(false) => {}
                Err(error) => {
                    this.fail(error, cx);
                    continue;
                }
            }
            match this.inbound.poll_fill(&mut this.socket, cx) {
                Poll::Ready(Ok(length)) if length > 0 => {}
                // What was read before an error or the end is handed out first.
                _ if has_read => return Poll::Ready(Ok(())),
                // Without a farewell: somebody may have cut the connection, and what was read is not all.
                Poll::Ready(Ok(_)) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.outbound.poll_send(&mut this.socket, cx))?;
        if let Some(End::Failed(error)) = &this.end {
            return Poll::Ready(Err(into_io(error.clone())));
        }
        let taken = this.outbound.seal(bufs, &mut this.rustls).map_err(into_io)?;
        // What the socket does not take now it takes before the next write.
        match this.outbound.poll_send(&mut this.socket, cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(taken)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.outbound.poll_send(&mut this.socket, cx))?;
        Pin::new(&mut this.socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.outbound.farewell();
        ready!(this.outbound.poll_send(&mut this.socket, cx))?;
        match ready!(Pin::new(&mut this.socket).poll_shutdown(cx)) {
            // The server was quicker.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            done => Poll::Ready(done),
        }
    }
}
