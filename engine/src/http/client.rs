//! One request, one answer, over a pool of connections.

use std::{error::Error as StdError, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header::HOST};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;

use super::{
    Fault, FaultKind, HttpOptions, Timeouts,
    connect::Connector,
    pool::{Pool, origin},
    tls,
    wire::{Unsent, Wire},
};
use crate::error::Result;

/// Why a body stream ended early.
pub type BodyError = Box<dyn StdError + Send + Sync>;

/// The body of a request.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// A body that is already there.
#[must_use]
pub fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// A body that is produced while it is sent. Its `size_hint` must be exact: it becomes `Content-Length`.
pub fn stream<B>(body: B) -> Body
where
    B: http_body::Body<Data = Bytes, Error = BodyError> + Send + 'static,
{
    body.boxed_unsync()
}

/// A request, with its target verbatim.
pub struct Request {
    /// HTTP method.
    pub method: Method,
    /// `http://host/path?query`, sent byte for byte.
    pub url: String,
    /// Headers to send; `host` is taken from the URL.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
}

/// Sends requests. Clones share the pool.
#[derive(Clone)]
pub struct Client(Arc<Pool>);

impl Client {
    /// A client with a pool of its own.
    ///
    /// # Errors
    /// `INVALID_OPTION` for a bad `ca` or `proxy`.
    pub fn new(options: &HttpOptions, timeouts: &Timeouts) -> Result<Self> {
        let tls = tls::client_config(options.ca.as_deref())?;
        Ok(Self(Arc::new(Pool::new(Connector::new(tls, options.proxy.as_deref(), timeouts.connect())?))))
    }

    /// Sends a request and returns when the head of the answer is there. Dropping the future closes the connection.
    ///
    /// # Errors
    /// A [`Fault`] of the transport; an answer of any status is a success here.
    pub async fn send(&self, request: Request) -> Result<Response, Fault> {
        let (uri, mut request) = build(request)?;
        let origin = origin(&uri);
        loop {
            let mut wire = match self.0.take(&origin).await {
                Some(wire) => wire,
                None => self.0.connect(&uri).await?,
            };
            match wire.send(request).await {
                Ok(answer) => {
                    let (head, body) = answer.into_parts();
                    let lease = Some((Arc::clone(&self.0), origin, wire));
                    return Ok(Response { status: head.status, headers: head.headers, body, lease });
                }
                // Closed between the look and the request, which has not left: as if it had never been idle.
                Err(Unsent { request: Some(unsent), .. }) if wire.reused => request = unsent,
                Err(Unsent { fault, .. }) => return Err(fault),
            }
        }
    }
}

/// The request as hyper wants it, and where it goes. On the wire it has the path alone: the origin is the connection's.
fn build(request: Request) -> Result<(Uri, http::Request<Body>), Fault> {
    // The texts came through checks of our own; what is left to fail here is a defect or a setting, never a secret to show.
    let bad = |what: &str| Fault::new(FaultKind::Protocol, format!("the request's {what} cannot be sent"));
    let uri: Uri = request.url.parse().map_err(|_| bad("URL"))?;
    let mut built = http::Request::new(request.body);
    *built.method_mut() = request.method;
    let host = uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    built.headers_mut().insert(HOST, host.ok_or_else(|| bad("URL"))?);
    *built.uri_mut() = uri.path_and_query().cloned().map(Uri::from).ok_or_else(|| bad("URL"))?;
    for (name, value) in request.headers {
        let name = HeaderName::try_from(name).map_err(|_| bad("header"))?;
        let mut value = HeaderValue::try_from(value).map_err(|_| bad("header"))?;
        value.set_sensitive(name == http::header::AUTHORIZATION);
        built.headers_mut().insert(name, value);
    }
    Ok((uri, built))
}

/// The head of an answer, and its body to be read.
pub struct Response {
    /// Status code.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    body: Incoming,
    /// The connection, until the body ends.
    lease: Option<(Arc<Pool>, String, Wire)>,
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
        let Some((_, _, wire)) = &mut self.lease else { return Ok(None) };
        let chunk = std::future::poll_fn(|cx| wire.poll_chunk(&mut self.body, cx)).await?;
        if chunk.is_none()
            && let Some((pool, origin, mut wire)) = self.lease.take()
            && wire.is_reusable().await
        {
            pool.give(origin, wire);
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
