//! One request, one answer, over a pool of connections.

use std::{
    error::Error as StdError,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header::HOST, uri::PathAndQuery};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

use super::{
    Fault, FaultKind, HttpOptions, Timeouts,
    connect::Connector,
    guard::Guard,
    pool::Pool,
    tls,
    wire::{Unsent, Wire},
};
use crate::error::{Code, Error, Result};

/// Why a body stream ended early.
pub type BodyError = Box<dyn StdError + Send + Sync>;

/// The body of a request.
pub enum Body {
    /// Bytes that are already there; none left once they are taken.
    Full(Bytes),
    /// Bytes that are produced while they are sent. The `size_hint` must be exact: it becomes `Content-Length`.
    Stream(Pin<Box<dyn http_body::Body<Data = Bytes, Error = BodyError> + Send>>),
}

impl Body {
    /// A body that is produced while it is sent.
    pub fn stream<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes, Error = BodyError> + Send + 'static,
    {
        Self::Stream(Box::pin(body))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(stream) => stream.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_empty(),
            Self::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(stream) => stream.size_hint(),
        }
    }
}

/// A request to a [`Host`].
pub struct Request {
    /// HTTP method.
    pub method: Method,
    /// Path and query, sent byte for byte.
    pub target: String,
    /// Headers to send; `host` is the host's own.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
}

/// Makes connections; the start of every [`Host`].
#[derive(Clone)]
pub struct Client(Connector);

impl Client {
    /// A client.
    ///
    /// # Errors
    /// `INVALID_OPTION` for a bad `ca` or `proxy`.
    pub fn new(options: &HttpOptions, timeouts: &Timeouts) -> Result<Self> {
        let tls = tls::client_config(options.ca.as_deref())?;
        Ok(Self(Connector::new(tls, options.proxy.as_deref(), timeouts.connect())?))
    }

    /// The same client, connecting to nothing but what the policy lets through.
    #[must_use]
    pub fn guarded(self, guard: Guard) -> Self {
        Self(self.0.guarded(guard))
    }

    /// The server at `origin` (`http://host:port`), with a pool of its own.
    ///
    /// # Errors
    /// `INVALID_OPTION` when that cannot be the beginning of a URL.
    pub fn host(&self, origin: &str) -> Result<Host> {
        let bad = || Error::new(Code::InvalidOption, "must be a URL such as https://host");
        let uri: Uri = origin.parse().map_err(|_| bad())?;
        let authority = uri.authority().ok_or_else(bad)?;
        let name = HeaderValue::from_str(authority.as_str()).map_err(|_| bad())?;
        Ok(Host { name, pool: Arc::new(Pool::new(self.0.clone(), uri)) })
    }
}

/// A server that requests are sent to. Clones share the pool.
#[derive(Clone)]
pub struct Host {
    name: HeaderValue,
    pool: Arc<Pool>,
}

impl Host {
    /// Sends a request and returns when the head of the answer is there. Dropping the future closes the connection.
    ///
    /// # Errors
    /// A [`Fault`] of the transport; an answer of any status is a success here.
    pub async fn send(&self, request: Request) -> Result<Response, Fault> {
        let mut request = self.build(request)?;
        loop {
            let wire = match self.pool.take().await {
                Some(wire) => wire,
                // Boxed: every request would carry the room for a handshake along, from future to future.
                None => Box::pin(self.pool.connect()).await?,
            };
            let reused = wire.reused;
            match self.send_over(wire, request).await {
                Ok(response) => return Ok(response),
                // Closed between the look and the request, which has not left: as if it had never been idle.
                Err(Unsent { request: Some(unsent), .. }) if reused => request = unsent,
                Err(Unsent { fault, .. }) => {
                    return Err(Fault { stale: reused && fault.kind == FaultKind::Broken, ..fault });
                }
            }
        }
    }

    /// As [`Host::send`], over a connection that has carried nothing yet.
    ///
    /// # Errors
    /// As [`Host::send`].
    pub async fn send_fresh(&self, request: Request) -> Result<Response, Fault> {
        let request = self.build(request)?;
        let wire = Box::pin(self.pool.connect()).await?;
        self.send_over(wire, request).await.map_err(|unsent| unsent.fault)
    }

    async fn send_over(&self, mut wire: Box<Wire>, request: http::Request<Body>) -> Result<Response, Unsent> {
        let (head, body) = wire.send(request).await?.into_parts();
        let lease = Some((Arc::clone(&self.pool), wire));
        Ok(Response { status: head.status, headers: head.headers, body, lease })
    }

    /// The request as hyper wants it. On the wire it has the path alone: the origin is the connection's.
    fn build(&self, request: Request) -> Result<http::Request<Body>, Fault> {
        // The text came through checks of our own; what is left to fail here is a defect, never a secret to show.
        let target = PathAndQuery::from_maybe_shared(Bytes::from(request.target))
            .map_err(|_| Fault::new(FaultKind::Protocol, "the request's target cannot be sent"))?;
        let mut built = http::Request::new(request.body);
        *built.method_mut() = request.method;
        *built.uri_mut() = Uri::from(target);
        *built.headers_mut() = request.headers;
        built.headers_mut().insert(HOST, self.name.clone());
        Ok(built)
    }
}

/// The head of an answer, and its body to be read.
pub struct Response {
    /// Status code.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    body: Incoming,
    /// The connection, until the body ends.
    lease: Option<(Arc<Pool>, Box<Wire>)>,
}

impl Response {
    /// A header as text; `None` when absent or not ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The length the answer declares.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// A [`Fault`] when the connection breaks first.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Fault> {
        let Some((_, wire)) = &mut self.lease else { return Ok(None) };
        let chunk = std::future::poll_fn(|cx| wire.poll_chunk(&mut self.body, cx)).await?;
        if chunk.is_none()
            && let Some((pool, mut wire)) = self.lease.take()
            && wire.is_reusable().await
        {
            pool.give(wire);
        }
        Ok(chunk)
    }

    /// The whole body, which must not exceed `limit` bytes.
    ///
    /// # Errors
    /// A [`Fault`] when the connection breaks, the body is longer, or `deadline` passes.
    pub async fn bytes(mut self, limit: usize, deadline: Duration) -> Result<Bytes, Fault> {
        let read = async {
            let mut whole = BytesMut::new();
            while let Some(chunk) = self.chunk().await? {
                if whole.len() + chunk.len() > limit {
                    return Err(Fault::new(FaultKind::Protocol, "the answer is too long"));
                }
                whole.extend_from_slice(&chunk);
            }
            Ok(whole.freeze())
        };
        tokio::time::timeout(deadline, read)
            .await
            .unwrap_or_else(|_| Err(Fault::new(FaultKind::Timeout, "the answer did not end inside its deadline")))
    }
}
