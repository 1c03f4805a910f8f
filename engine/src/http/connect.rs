//! From a URI to a byte stream: TCP, an optional proxy tunnel, TLS, all under one deadline.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::{HeaderValue, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{HttpConnector, proxy::Tunnel},
    rt::TokioIo,
};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tower_service::Service;

use super::{
    Fault, FaultKind,
    guard::{Guard, Host, Pinned},
    records::{self, TlsStream},
};
use crate::error::{Code, Error, Result};

/// Makes connections.
#[derive(Clone)]
pub struct Connector {
    tcp: HttpConnector,
    tunnel: Option<Tunnel<HttpConnector>>,
    tls: Arc<ClientConfig>,
    deadline: Duration,
    /// The policy, where URLs of strangers are fetched.
    guard: Option<Guard>,
}

impl Connector {
    /// A connector that gives up after `deadline`.
    ///
    /// # Errors
    /// `INVALID_OPTION` when the proxy is not an `http://` URL.
    pub fn new(tls: Arc<ClientConfig>, proxy: Option<&str>, deadline: Duration) -> Result<Self> {
        let tcp = configured(HttpConnector::new());
        let tunnel = proxy.map(|url| tunnel(url, &tcp)).transpose()?;
        Ok(Self { tcp, tunnel, tls, deadline, guard: None })
    }

    /// The same connector under a policy.
    pub fn guarded(self, guard: Guard) -> Self {
        Self { guard: Some(guard), ..self }
    }
}

fn configured<R>(mut tcp: HttpConnector<R>) -> HttpConnector<R> {
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(Duration::from_secs(15)));
    tcp
}

fn tunnel(url: &str, tcp: &HttpConnector) -> Result<Tunnel<HttpConnector>> {
    let bad = || Error::new(Code::InvalidOption, "http.proxy: must be a URL such as http://host:port");
    let uri: Uri = url.parse().map_err(|_| bad())?;
    let authority = uri.authority().ok_or_else(bad)?;
    if uri.scheme_str() != Some("http") {
        return Err(bad());
    }
    let (userinfo, host) =
        authority.as_str().rsplit_once('@').map_or((None, authority.as_str()), |(u, h)| (Some(u), h));
    let proxy = Uri::builder().scheme("http").authority(host).path_and_query("/").build().map_err(|_| bad())?;
    let mut tunnel = Tunnel::new(proxy, tcp.clone());
    if let Some(userinfo) = userinfo {
        let decoded = percent_encoding::percent_decode_str(userinfo).decode_utf8_lossy();
        let mut value =
            HeaderValue::from_str(&format!("Basic {}", BASE64.encode(decoded.as_bytes()))).map_err(|_| bad())?;
        value.set_sensitive(true);
        tunnel = tunnel.with_auth(value);
    }
    Ok(tunnel)
}

impl Connector {
    /// A connection to the URI's origin.
    ///
    /// # Errors
    /// `Connect` or `Tls`: whatever went wrong, nothing was sent.
    pub async fn connect(&self, uri: &Uri) -> Result<Stream, Fault> {
        let Self { mut tcp, tunnel, tls, deadline, guard } = self.clone();
        let connected = async {
            let stream = match (guard, tunnel) {
                (Some(guard), tunnel) => guarded(&guard, tunnel, uri).await?,
                (None, Some(mut tunnel)) => tunnel.call(uri.clone()).await.map_err(|e| connect_fault(&e))?,
                (None, None) => tcp.call(uri.clone()).await.map_err(|e| connect_fault(&e))?,
            }
            .into_inner();
            if uri.scheme_str() == Some("https") {
                handshake(stream, uri, tls).await
            } else {
                Ok(Stream::Plain(TokioIo::new(stream)))
            }
        };
        tokio::time::timeout(deadline, connected)
            .await
            .unwrap_or_else(|_| Err(Fault::new(FaultKind::Connect, "no connection inside the deadline")))
    }
}

/// A connection to an address that the policy has let through, by way of the proxy where there is one: it is asked for the
/// address then, because a name would have it look up again.
async fn guarded(guard: &Guard, tunnel: Option<Tunnel<HttpConnector>>, uri: &Uri) -> Result<TokioIo<TcpStream>, Fault> {
    let host = Host::parse(uri.host().unwrap_or_default()).map_err(Fault::refused)?;
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let addresses = guard.addresses(&host, port).await?;
    let Some(mut tunnel) = tunnel else {
        let mut tcp = configured(HttpConnector::new_with_resolver(Pinned(addresses)));
        return tcp.call(uri.clone()).await.map_err(|e| connect_fault(&e));
    };
    let mut last = Fault::new(FaultKind::Connect, "the host name has no address");
    for address in addresses {
        let uri = format!("https://{address}/").parse().map_err(|_| last.clone())?;
        match tunnel.call(uri).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = connect_fault(&error),
        }
    }
    Err(last)
}

async fn handshake(stream: TcpStream, uri: &Uri, tls: Arc<ClientConfig>) -> Result<Stream, Fault> {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(|_| Fault::new(FaultKind::Tls, "TLS: not a host name"))?;
    let stream = records::handshake(stream, name, tls).await.map_err(|e| connect_fault(&e))?;
    Ok(Stream::Tls(Box::new(TokioIo::new(stream))))
}

/// Whatever broke while connecting, nothing was sent: `Broken` would claim otherwise.
fn connect_fault(error: &(dyn std::error::Error + 'static)) -> Fault {
    let fault = Fault::from_chain(error);
    if fault.kind == FaultKind::Tls { fault } else { Fault::new(FaultKind::Connect, fault.text) }
}

/// A connection to one server.
pub enum Stream {
    /// `http://`
    Plain(TokioIo<TcpStream>),
    /// `https://`
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
}

macro_rules! delegate {
    ($self:ident, $method:ident ( $($argument:expr),* )) => {
        match $self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).$method($($argument),*),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).$method($($argument),*),
        }
    };
}

impl Read for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_read(cx, buf))
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self, poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_shutdown(cx))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, poll_write_vectored(cx, bufs))
    }
}
