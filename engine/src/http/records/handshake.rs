//! The handshake: rustls says what to send and when to read, and leaves the reading and sending to us.

use std::{io, sync::Arc};

use rustls::{
    ClientConfig, Error, InvalidMessage,
    client::UnbufferedClientConnection,
    pki_types::ServerName,
    unbuffered::{ConnectionState, EncodeError, EncodeTlsData, UnbufferedStatus},
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{
    TlsStream,
    control::Control,
    inbound::{Inbound, READ_AHEAD, is_whole},
    into_io,
    keys::{Opener, Sealer},
    outbound::Outbound,
};

/// Speaks TLS to the server of this name. The configuration must let its secrets out (`enable_secret_extraction`).
///
/// # Errors
/// Of the socket as they are; of the protocol as a [`rustls::Error`] inside; `UnexpectedEof` where the server closes.
pub async fn handshake<S>(
    mut socket: S,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
) -> io::Result<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = UnbufferedClientConnection::new(config, name).map_err(into_io)?;
    let mut incoming = Incoming { buffer: vec![0; READ_AHEAD].into_boxed_slice(), length: 0 };
    let mut outgoing = Vec::new();
    loop {
        let step = step(&mut connection, &mut incoming, &mut outgoing);
        // An error has an alert to be sent before it is told.
        if !outgoing.is_empty() {
            let sent = socket.write_all(&outgoing).await;
            outgoing.clear();
            if step.is_ok() {
                sent?;
            }
        }
        match step.map_err(into_io)? {
            Step::Again => {}
            Step::Receive => incoming.read(&mut socket).await?,
            Step::Closed => return Err(io::ErrorKind::UnexpectedEof.into()),
            Step::Done => break,
        }
    }
    socket.flush().await?;
    let (secrets, rustls) = connection.dangerous_into_kernel_connection().map_err(into_io)?;
    let suite = rustls.negotiated_cipher_suite();
    let opener = Opener::new(suite, secrets.rx).map_err(into_io)?;
    let sealer = Sealer::new(suite, secrets.tx).map_err(into_io)?;
    Ok(TlsStream {
        socket,
        inbound: Inbound::new(opener, rustls.protocol_version(), incoming.buffer, incoming.length),
        outbound: Outbound::new(sealer),
        rustls,
        control: Control::default(),
        end: None,
    })
}

enum Step {
    Again,
    Receive,
    Closed,
    Done,
}

/// What came and was not used yet.
struct Incoming {
    buffer: Box<[u8]>,
    length: usize,
}

impl Incoming {
    fn here(&mut self) -> &mut [u8] {
        self.buffer.get_mut(..self.length).unwrap_or_default()
    }

    fn discard(&mut self, length: usize) {
        self.buffer.copy_within(length.min(self.length)..self.length, 0);
        self.length -= length.min(self.length);
    }

    async fn read<S: AsyncRead + Unpin>(&mut self, socket: &mut S) -> io::Result<()> {
        let room = self.buffer.get_mut(self.length..).unwrap_or_default();
        if room.is_empty() {
            return Err(into_io(InvalidMessage::HandshakePayloadTooLarge.into()));
        }
        let length = socket.read(room).await?;
        self.length += length;
        if length == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

fn step(
    connection: &mut UnbufferedClientConnection,
    incoming: &mut Incoming,
    outgoing: &mut Vec<u8>,
) -> Result<Step, Error> {
    let UnbufferedStatus { discard, state, .. } = connection.process_tls_records(incoming.here());
    let step = match state {
        Ok(ConnectionState::EncodeTlsData(data)) => encode(data, outgoing).map(|()| Step::Again),
        // It is sent before anything else.
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            Ok(Step::Again)
        }
        Ok(ConnectionState::BlockedHandshake) => Ok(Step::Receive),
        Ok(ConnectionState::WriteTraffic(_)) => Ok(Step::Done),
        Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => Ok(Step::Closed),
        // HTTP/1.1 has servers say nothing before they are asked.
        Ok(_) => Err(InvalidMessage::UnexpectedMessage("data before a request").into()),
        Err(error) => {
            farewell(connection, incoming, outgoing);
            return Err(error);
        }
    };
    incoming.discard(discard);
    match step {
        // rustls keeps records of which a message has only begun where they are: its rest has to come first.
        Ok(Step::Done) if is_whole(incoming.here()) => Ok(Step::Receive),
        step => step,
    }
}

/// The alert that rustls has for the server after an error. It comes before anything is read, so the bytes are the same again; asked once
/// more, rustls would read them once more.
fn farewell(connection: &mut UnbufferedClientConnection, incoming: &mut Incoming, outgoing: &mut Vec<u8>) {
    if let Ok(ConnectionState::EncodeTlsData(data)) = connection.process_tls_records(incoming.here()).state {
        // The error that led here is the one to be told.
        let _ = encode(data, outgoing);
    }
}

fn encode(
    mut data: EncodeTlsData<'_, rustls::client::ClientConnectionData>,
    outgoing: &mut Vec<u8>,
) -> Result<(), Error> {
    let before = outgoing.len();
    let mut written = data.encode(&mut []);
    if let Err(EncodeError::InsufficientSize(size)) = &written {
        outgoing.resize(before + size.required_size, 0);
        written = data.encode(outgoing.get_mut(before..).unwrap_or_default());
    }
    let written = written.map_err(|error| Error::General(error.to_string()))?;
    outgoing.truncate(before + written);
    Ok(())
}
