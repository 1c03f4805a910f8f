//! One request, one answer, over a pool of connections.

use std::{error::Error as StdError, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};

use super::{Fault, FaultKind, HttpOptions, Timeouts, connect::Connector, tls};
use crate::error::Result;

/// The most that one connection keeps of a body in either direction: it bounds the memory of a transfer whose receiver
/// is slower than its sender.
const CONNECTION_BUFFER: usize = 64 * 1024;

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
pub struct Client {
    inner: legacy::Client<Connector, Body>,
}

impl Client {
    /// A client with a pool of its own.
    ///
    /// # Errors
    /// `INVALID_OPTION` for a bad `ca` or `proxy`.
    pub fn new(options: &HttpOptions, timeouts: &Timeouts) -> Result<Self> {
        let tls = tls::client_config(options.ca.as_deref())?;
        let connector = Connector::new(tls, options.proxy.as_deref(), timeouts.connect())?;
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .http1_max_buf_size(CONNECTION_BUFFER)
            .build(connector);
        Ok(Self { inner })
    }

    /// Sends a request and returns when the head of the answer is there. Dropping the future closes the connection.
    ///
    /// # Errors
    /// A [`Fault`] of the transport; an answer of any status is a success here.
    pub async fn send(&self, request: Request) -> Result<Response, Fault> {
        let request = build(request)?;
        let answer = self.inner.request(request).await.map_err(|error| Fault::from_chain(&error))?;
        let (head, body) = answer.into_parts();
        Ok(Response { status: head.status, headers: head.headers, body })
    }
}

fn build(request: Request) -> Result<http::Request<Body>, Fault> {
    // The texts came through checks of our own; what is left to fail here is a defect or a setting, never a secret to show.
    let bad = |what: &str| Fault::new(FaultKind::Protocol, format!("the request's {what} cannot be sent"));
    let uri: Uri = request.url.parse().map_err(|_| bad("URL"))?;
    let mut built = http::Request::new(request.body);
    *built.method_mut() = request.method;
    *built.uri_mut() = uri;
    for (name, value) in request.headers {
        let name = HeaderName::try_from(name).map_err(|_| bad("header"))?;
        let mut value = HeaderValue::try_from(value).map_err(|_| bad("header"))?;
        value.set_sensitive(name == http::header::AUTHORIZATION);
        built.headers_mut().insert(name, value);
    }
    Ok(built)
}

/// The head of an answer, and its body to be read.
pub struct Response {
    /// Status code.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    body: Incoming,
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
        while let Some(frame) = self.body.frame().await {
            if let Ok(data) = frame.map_err(|error| Fault::from_chain(&error))?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
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
