//! A blocking connection, plain or TLS, built to cost as little as a connection can.
//!
//! TLS uses rustls' unbuffered interface on purpose: the buffered one reads its socket 4 KiB at a time, which would make
//! the floor too high and the servers too dear.

use std::io::{self, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, UnbufferedStatus};
use rustls::{ClientConfig, ServerConfig};

/// Bytes asked of a plain socket at a time; with TLS a quarter, measured best each.
pub const READ: usize = 256 * 1024;
/// Most plaintext in one TLS record.
const RECORD: usize = 16 * 1024;
/// More than any record adds to its plaintext.
const RECORD_OVERHEAD: usize = 256;
/// Encrypted bytes that are gathered before one write.
const GATHER: usize = 64 * 1024;

/// One end of a connection.
pub trait Wire: AsFd + Send {
    /// Reads the socket once and hands over the plaintext, which may be nothing. `false` = the peer has closed.
    ///
    /// # Errors
    /// Those of the socket and of TLS.
    fn receive(&mut self, sink: &mut dyn FnMut(&[u8])) -> io::Result<bool>;

    /// Sends the parts in order. TLS may hold the bytes back until [`Wire::flush`].
    ///
    /// # Errors
    /// Those of the socket and of TLS.
    fn send(&mut self, parts: &[&[u8]]) -> io::Result<()>;

    /// Sends what is held back.
    ///
    /// # Errors
    /// Those of the socket.
    fn flush(&mut self) -> io::Result<()>;
}

/// Takes a connection that a listener accepted; `read` = bytes asked of the socket at a time.
///
/// # Errors
/// Those of the socket and of TLS.
pub fn accept(socket: TcpStream, tls: Option<&Arc<ServerConfig>>, read: usize) -> io::Result<Box<dyn Wire>> {
    socket.set_nodelay(true)?;
    Ok(match tls {
        None => Box::new(Plain { socket, buffer: vec![0; read] }),
        Some(config) => Box::new(Tls::new(
            UnbufferedServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?,
            socket,
            read,
        )),
    })
}

/// Connects to `address`.
///
/// # Errors
/// Those of the socket and of TLS.
pub fn connect(address: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> io::Result<Box<dyn Wire>> {
    let socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    Ok(match tls {
        None => Box::new(Plain { socket, buffer: vec![0; READ] }),
        Some(config) => {
            let name = ServerName::from(address.ip());
            Box::new(Tls::new(
                UnbufferedClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?,
                socket,
                READ,
            ))
        }
    })
}

struct Plain {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl AsFd for Plain {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Wire for Plain {
    fn receive(&mut self, sink: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
        let count = self.socket.read(&mut self.buffer)?;
        sink(&self.buffer[..count]);
        Ok(count > 0)
    }

    fn send(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        let mut slices: Vec<IoSlice> =
            parts.iter().filter(|part| !part.is_empty()).map(|part| IoSlice::new(part)).collect();
        let mut rest = slices.as_mut_slice();
        while !rest.is_empty() {
            match self.socket.write_vectored(rest)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                count => IoSlice::advance_slices(&mut rest, count),
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The one call in which rustls' client and server types differ.
trait Session: Send {
    type Data;
    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
}

impl Session for UnbufferedClientConnection {
    type Data = ClientConnectionData;
    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }
}

impl Session for UnbufferedServerConnection {
    type Data = ServerConnectionData;
    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }
}

/// What to do once the connection has worked through what it has.
#[derive(PartialEq, Eq)]
enum Next {
    Read,
    Ready,
    Closed,
}

struct Tls<S> {
    session: S,
    socket: TcpStream,
    incoming: Vec<u8>,
    used: usize,
    outgoing: Vec<u8>,
    queued: usize,
}

impl<S: Session> Tls<S> {
    fn new(session: S, socket: TcpStream, read: usize) -> Self {
        let outgoing = vec![0; GATHER + RECORD + RECORD_OVERHEAD];
        Self { session, socket, incoming: vec![0; (read / 4).max(2 * RECORD)], used: 0, outgoing, queued: 0 }
    }

    /// Works through the records at hand: plaintext goes to `sink`, handshake records to the socket. With `parts`, these
    /// are encrypted as soon as the connection allows it.
    fn advance(&mut self, sink: &mut dyn FnMut(&[u8]), mut parts: Option<&[&[u8]]>) -> io::Result<Next> {
        let mut start = 0;
        let next = loop {
            let UnbufferedStatus { mut discard, state, .. } =
                self.session.process(&mut self.incoming[start..self.used]);
            let step = match state.map_err(io::Error::other)? {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(io::Error::other)?;
                        discard += record.discard;
                        sink(record.payload);
                    }
                    None
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    match data.encode(&mut self.outgoing[self.queued..]) {
                        Ok(count) => self.queued += count,
                        Err(EncodeError::InsufficientSize(size)) => {
                            self.outgoing.resize(self.queued + size.required_size, 0)
                        }
                        Err(error) => return Err(io::Error::other(error)),
                    }
                    None
                }
                ConnectionState::TransmitTlsData(data) => {
                    self.socket.write_all(&self.outgoing[..self.queued])?;
                    self.queued = 0;
                    data.done();
                    None
                }
                ConnectionState::WriteTraffic(mut traffic) => {
                    for record in parts.take().unwrap_or_default().iter().flat_map(|part| part.chunks(RECORD)) {
                        self.queued +=
                            traffic.encrypt(record, &mut self.outgoing[self.queued..]).map_err(io::Error::other)?;
                        if self.queued >= GATHER {
                            self.socket.write_all(&self.outgoing[..self.queued])?;
                            self.queued = 0;
                        }
                    }
                    Some(Next::Ready)
                }
                ConnectionState::BlockedHandshake => Some(Next::Read),
                ConnectionState::PeerClosed | ConnectionState::Closed => Some(Next::Closed),
                _ => return Err(io::Error::other("a TLS state nobody asked for")),
            };
            start += discard;
            if let Some(next) = step {
                break next;
            }
        };
        self.incoming.copy_within(start..self.used, 0);
        self.used -= start;
        Ok(next)
    }

    fn fill(&mut self) -> io::Result<bool> {
        let count = self.socket.read(&mut self.incoming[self.used..])?;
        self.used += count;
        Ok(count > 0)
    }
}

impl<S> AsFd for Tls<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl<S: Session> Wire for Tls<S> {
    fn receive(&mut self, sink: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
        Ok(self.fill()? && self.advance(sink, None)? != Next::Closed)
    }

    fn send(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        while self.advance(&mut |_| (), Some(parts))? == Next::Read {
            if !self.fill()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.write_all(&self.outgoing[..self.queued])?;
        self.queued = 0;
        Ok(())
    }
}
