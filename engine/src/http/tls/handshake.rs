//! The handshake of a connection: rustls says what to send and takes what comes, here it meets the socket.

use std::{future::poll_fn, io, sync::Arc};

use rustls::{
    ClientConfig,
    client::{ClientConnectionData, UnbufferedClientConnection},
    pki_types::ServerName,
    unbuffered::{ConnectionState, EncodeError, EncodeTlsData, InsufficientSizeError, UnbufferedStatus},
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::{Tls, incoming::Incoming, invalid, stream::cut_short};

/// Makes a TLS connection of an open socket.
///
/// # Errors
/// Those of the socket; a [`rustls::Error`] inside one of kind `InvalidData` when the server is not who it should be, or
/// does not speak TLS as it should.
pub async fn handshake<S>(mut socket: S, name: ServerName<'static>, config: Arc<ClientConfig>) -> io::Result<Tls<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut session = UnbufferedClientConnection::new(config, name).map_err(invalid)?;
    let (mut incoming, mut outgoing) = (Incoming::new(), Vec::new());
    loop {
        let mut is_done = false;
        let mut is_blocked = false;
        let UnbufferedStatus { discard, state } = session.process_tls_records(incoming.sealed_mut());
        match state {
            Ok(ConnectionState::EncodeTlsData(data)) => encode(data, &mut outgoing)?,
            Ok(ConnectionState::TransmitTlsData(data)) => {
                socket.write_all(&outgoing).await?;
                outgoing.clear();
                data.done();
            }
            Ok(ConnectionState::BlockedHandshake) => is_blocked = true,
            Ok(ConnectionState::WriteTraffic(_)) => is_done = true,
            Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => return Err(cut_short()),
            // Nobody has asked the server for anything.
            Ok(_) => return Err(invalid(rustls::Error::General("an answer before the request".to_owned()))),
            Err(error) => {
                incoming.discard(discard);
                complain(&mut session, &mut incoming, &mut socket).await;
                return Err(invalid(error));
            }
        }
        incoming.discard(discard);
        // A record that is still there was opened already, and is the first piece of a message: the rest belongs to rustls.
        if is_done && !incoming.has_record() {
            let (secrets, kernel) = session.dangerous_into_kernel_connection().map_err(invalid)?;
            return Tls::new(socket, kernel, secrets, incoming).map_err(invalid);
        }
        if (is_done || is_blocked) && poll_fn(|cx| incoming.poll_fill(&mut socket, cx)).await? == 0 {
            return Err(cut_short());
        }
    }
}

fn encode(mut data: EncodeTlsData<'_, ClientConnectionData>, outgoing: &mut Vec<u8>) -> io::Result<()> {
    // Without any room it says how much it needs.
    if let Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) = data.encode(&mut []) {
        let at = outgoing.len();
        outgoing.resize(at + required_size, 0);
        data.encode(outgoing.get_mut(at..).unwrap_or_default()).map_err(io::Error::other)?;
    }
    Ok(())
}

/// Tells the server why this ends, if it still wants to know.
async fn complain<S>(session: &mut UnbufferedClientConnection, incoming: &mut Incoming, socket: &mut S)
where
    S: AsyncWrite + Unpin,
{
    let UnbufferedStatus { state, .. } = session.process_tls_records(incoming.sealed_mut());
    let mut alert = Vec::new();
    if let Ok(ConnectionState::EncodeTlsData(data)) = state
        && encode(data, &mut alert).is_ok()
    {
        let _ = socket.write_all(&alert).await;
    }
}
