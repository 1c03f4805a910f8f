//! Objects of one bucket: read as a stream that resumes by itself, written in one request.
//! API: <https://developers.cloudflare.com/r2/api/s3/api/>.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod link;
mod object;
mod options;
mod refusal;
mod upload;

use std::{
    borrow::Cow,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{
    HeaderMap, Method, StatusCode,
    header::{AUTHORIZATION, HeaderName, HeaderValue},
};
pub use link::{Link, Meta};
pub use object::{Object, Version};
pub use options::S3Options;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use upload::Watch;
pub use upload::{FileJob, FileUpload, Stored, Upload, UploadOptions, Uploaded, Written};

use crate::{
    clock::Clock,
    error::{Code, Error, Phase, Result},
    http::{Body, Client, Fault, FaultKind, Host, Request, Response, Timeouts, retry_after},
    sigv4::{Credentials, Options, Parts, Payload, Scratch, Signature, Signer, Target, TargetRef, encode},
};

/// Longest error document that is read.
const ERROR_BODY_LIMIT: usize = 64 * 1024;

/// Longest object that [`S3::read`] takes into memory: S3's own limit of one PUT is higher, a Node process's heap is not.
const READ_LIMIT: u64 = 1 << 30;

/// How often an answer that no object store gives is asked for again: it may have come from something in between.
const LOOKS: u8 = 2;

/// A signature is refused when its time is further from the server's than this.
const MOST_SKEW: Duration = Duration::from_mins(15);

struct Inner {
    host: Host,
    signer: Signer,
    /// What signing writes into, used again for every request.
    scratch: Mutex<Scratch>,
    clock: Arc<dyn Clock>,
    timeouts: Timeouts,
    /// Scheme, host and base path; the key is appended to the path.
    base: Target,
    /// What the server's clock is ahead of ours, in ms. Learned from a refusal, used for every request after it.
    skew_ms: AtomicI64,
    /// Whether the store has taken our keys the last time it said anything of them.
    accepted: AtomicBool,
}

/// A bucket. Clones share connections, keys and the learned clock offset.
#[derive(Clone)]
pub struct S3(Arc<Inner>);

/// A request that is not bound to a moment: it can be signed again for another try.
struct Call<'a> {
    method: Method,
    key: &'a str,
    /// Encoded as it is signed and sent; empty for none.
    query: Cow<'a, str>,
    headers: Vec<(Cow<'a, str>, String)>,
    body: Bytes,
    /// sha256 of the body.
    payload_hash: Cow<'static, str>,
    /// The code of a failure that may go away.
    unavailable: Code,
    /// Watches the body on its way, where that is worth it.
    watch: Option<Watch>,
}

/// A call that did not succeed, with what the store said to it.
struct Refused {
    error: Error,
    /// Absent when there was no answer.
    status: Option<StatusCode>,
    /// Empty when there was none.
    s3_code: String,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self { error, status: None, s3_code: String::new() }
    }
}

impl S3 {
    /// A client for one bucket.
    ///
    /// # Errors
    /// `INVALID_OPTION` naming the option that cannot work.
    pub fn new(options: S3Options, client: &Client, timeouts: Timeouts, clock: Arc<dyn Clock>) -> Result<Self> {
        let option = |name: &str, why: &str| Error::new(Code::InvalidOption, format!("s3.{name}: {why}"));
        let endpoint = || option("endpoint", "must be a URL such as https://ACCOUNT.r2.cloudflarestorage.com");
        let mut base = Target::parse(options.endpoint.trim_end_matches('/')).map_err(|_| endpoint())?;
        if !base.query.is_empty() {
            return Err(option("endpoint", "must not have a query"));
        }
        if options.bucket.is_empty()
            || !options.bucket.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        {
            return Err(option("bucket", "must be letters, digits, '-', '.' and '_'"));
        }
        base.path.truncate(base.path.trim_end_matches('/').len());
        if options.virtual_host {
            base.host = format!("{}.{}", options.bucket, base.host);
        } else {
            base.path = format!("{}/{}", base.path, options.bucket);
        }
        let credentials = Credentials {
            access_key_id: options.access_key_id,
            secret_access_key: options.secret_access_key,
            session_token: options.session_token,
        };
        let signer = Signer::new(credentials, Options::for_service(options.region, "s3"))
            .map_err(|error| Error::new(error.code, format!("s3.{}", error.message)))?;
        let host = client.host(&base.origin()).map_err(|_| endpoint())?;
        Ok(Self(Arc::new(Inner {
            host,
            signer,
            scratch: Mutex::default(),
            clock,
            timeouts,
            base,
            skew_ms: AtomicI64::new(0),
            accepted: AtomicBool::new(false),
        })))
    }

    /// Opens an object for reading. The body has not been read yet; it resumes by itself when the connection breaks.
    ///
    /// # Errors
    /// `SOURCE_NOT_FOUND`, `DOWNLOAD_FAILED`, `DOWNLOAD_TIMEOUT`, `S3_*`, `TLS`.
    pub async fn open(&self, key: &str) -> Result<Object> {
        Object::open(self.clone(), key.to_owned()).await.map_err(|error| error.at(Phase::Download))
    }

    /// Reads a whole object into memory.
    ///
    /// # Errors
    /// As [`S3::open`]; `TOO_LARGE` above 1 GiB.
    pub async fn read(&self, key: &str) -> Result<Bytes> {
        let mut object = self.open(key).await?;
        if object.len() > READ_LIMIT {
            return Err(
                Error::new(Code::TooLarge, "the object is too large to be read into memory").at(Phase::Download)
            );
        }
        let mut whole = bytes::BytesMut::with_capacity(usize::try_from(object.len()).unwrap_or(0));
        while let Some(chunk) = object.chunk().await? {
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    /// Writes an object in one request and returns its `ETag`. A success without one is none: something in between can answer
    /// 200 to anything.
    ///
    /// # Errors
    /// `S3_UNAVAILABLE` (safe to repeat: the same bytes under the same key), other `S3_*`, `TLS`.
    pub async fn put(&self, key: &str, body: Bytes, content_type: Option<&str>) -> Result<String> {
        let mut headers = vec![("content-length".into(), body.len().to_string())];
        if let Some(content_type) = content_type {
            headers.push(("content-type".into(), content_type.to_owned()));
        }
        let timeouts = &self.0.timeouts;
        let deadline = timeouts.transfer(body.len() as u64) + timeouts.answer();
        let payload_hash = hex::encode(Sha256::digest(&body)).into();
        let query = Cow::default();
        let call = Call {
            method: Method::PUT,
            key,
            query,
            headers,
            body,
            payload_hash,
            unavailable: Code::S3Unavailable,
            watch: None,
        };
        let answer = self.call(&call, deadline).await.map_err(|error| error.at(Phase::Upload))?;
        let etag = answer.header("etag").filter(|etag| !etag.is_empty()).map(ToOwned::to_owned);
        etag.ok_or_else(|| {
            Error::new(Code::S3Unavailable, "the answer names no version of what was written").at(Phase::Upload)
        })
    }

    /// Sends a call, signed for now, and returns the answer when it is a success. A refusal for the clock is
    /// repeated once with the server's time.
    async fn call(&self, call: &Call<'_>, deadline: Duration) -> Result<Response> {
        self.ask(call, deadline).await.map_err(|refused| refused.error)
    }

    /// As [`S3::call`], for callers to whom the store's own code matters.
    async fn ask(&self, call: &Call<'_>, deadline: Duration) -> Result<Response, Refused> {
        let mut corrected = false;
        loop {
            let sending = pin!(self.send(call));
            let response =
                tokio::time::timeout(deadline, sending).await.unwrap_or_else(|_| Err(timed_out(call.unavailable)))?;
            if response.status.is_success() {
                self.0.accepted.store(true, Ordering::Relaxed);
                return Ok(response);
            }
            let status = response.status;
            // A cached answer tells the time of its making (aws-sdk-js-v3#6202).
            let date = if response.header("age").is_some() { None } else { response.header("date") };
            let server_ms = date.and_then(|date| httpdate::parse_http_date(date).ok());
            let wait = response.header("retry-after").and_then(|v| retry_after(v, self.0.clock.wall_ms()));
            let body = response.bytes(ERROR_BODY_LIMIT, self.0.timeouts.first_byte()).await.unwrap_or_default();
            let mut s3_code = refusal::code_of(&body);
            // The answer to a HEAD has no body: there the distance of the clocks says whether they are the reason.
            let mute = call.method == Method::HEAD && matches!(status.as_u16(), 400 | 403) && self.is_skewed(server_ms);
            if mute {
                "RequestTimeTooSkewed".clone_into(&mut s3_code);
            }
            let clock = matches!(s3_code.as_str(), "RequestTimeTooSkewed" | "ExpiredRequest" | "RequestExpired");
            if clock && !corrected && self.learn_skew(server_ms) {
                corrected = true;
                continue;
            }
            let refused = refusal::refusal(status, &s3_code, call.unavailable).retry_after(wait);
            // Keys that were good a moment ago are not taken for revoked because of one answer, but because of two.
            let denied = refused.code == Code::S3Access && matches!(status.as_u16(), 401 | 403);
            let stray = denied && self.0.accepted.swap(false, Ordering::Relaxed);
            let error = if stray { refused.worth(LOOKS) } else { refused };
            return Err(Refused { error, status: Some(status), s3_code });
        }
    }

    async fn send(&self, call: &Call<'_>) -> Result<Response> {
        let sent = match self.0.host.send(self.request(call)?).await {
            // Every call here may be repeated: reads change nothing, and the same bytes written twice are the same object.
            Err(fault) if fault.stale => Box::pin(self.0.host.send_fresh(self.request(call)?)).await,
            sent => sent,
        };
        sent.map_err(|fault| transport(&fault, call.unavailable))
    }

    fn request(&self, call: &Call<'_>) -> Result<Request> {
        let mut target = [&self.0.base.path, "/", &encode::key(call.key)].concat();
        let headers = self.sign(call, &target)?;
        if !call.query.is_empty() {
            target.push('?');
            target.push_str(&call.query);
        }
        let bytes = call.body.clone();
        let body = call.watch.as_ref().map_or_else(|| Body::Full(bytes.clone()), |watch| watch.body(bytes.clone()));
        Ok(Request { method: call.method.clone(), target, headers, body })
    }

    /// The headers of a call, signed for now.
    fn sign(&self, call: &Call<'_>, path: &str) -> Result<HeaderMap> {
        let Inner { signer, base, scratch, .. } = &*self.0;
        let parts = Parts {
            method: call.method.as_str(),
            target: TargetRef { path, query: &call.query, ..base.borrowed() },
            payload: Payload::Hash(&call.payload_hash),
            seconds: self.now_ms() / 1000,
            sign_all: false,
        };
        let given = call.headers.iter().map(|(name, value)| (name.as_ref(), value.as_str()));
        let mut scratch = scratch.lock();
        let signature = signer.sign_into(&parts, given, &mut scratch)?;
        header_map(signature).ok_or_else(|| Error::new(Code::Internal, "a signed header cannot be sent"))
    }

    /// Our wall clock, corrected by what the server told us.
    fn now_ms(&self) -> u64 {
        self.0.clock.wall_ms().saturating_add_signed(self.0.skew_ms.load(Ordering::Relaxed))
    }

    /// Whether the server's clock is so far from ours that it refuses our signatures.
    fn is_skewed(&self, server: Option<std::time::SystemTime>) -> bool {
        let server_ms = server.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map(|at| at.as_millis());
        server_ms.is_some_and(|ms| ms.abs_diff(u128::from(self.now_ms())) > MOST_SKEW.as_millis())
    }

    fn learn_skew(&self, server: Option<std::time::SystemTime>) -> bool {
        let Some(server_ms) = server.and_then(|at| at.duration_since(UNIX_EPOCH).ok()) else { return false };
        let server_ms = i64::try_from(server_ms.as_millis()).unwrap_or(i64::MAX);
        let ours = i64::try_from(self.0.clock.wall_ms()).unwrap_or(i64::MAX);
        self.0.skew_ms.store(server_ms.saturating_sub(ours), Ordering::Relaxed);
        true
    }
}

/// Signed headers as they are sent; `host` is the connection's own.
fn header_map(signature: Signature<'_>) -> Option<HeaderMap> {
    // Names that a lookup would not know: made once instead of for each request.
    const DATE: HeaderName = HeaderName::from_static("x-amz-date");
    const SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
    let mut headers = HeaderMap::with_capacity(8);
    for (name, value) in signature.headers().filter(|(name, _)| *name != "host") {
        let mut value = HeaderValue::from_str(value).ok()?;
        value.set_sensitive(name == "x-amz-security-token");
        match name {
            "x-amz-date" => headers.insert(DATE, value),
            "x-amz-content-sha256" => headers.insert(SHA256, value),
            other => headers.insert(HeaderName::from_bytes(other.as_bytes()).ok()?, value),
        };
    }
    let mut authorization = HeaderValue::from_bytes(signature.bytes()).ok()?;
    authorization.set_sensitive(true);
    headers.insert(AUTHORIZATION, authorization);
    Some(headers)
}

fn timed_out(unavailable: Code) -> Error {
    let code = if unavailable == Code::DownloadFailed { Code::DownloadTimeout } else { unavailable };
    Error::new(code, "the object store did not answer inside its deadline")
}

fn transport(fault: &Fault, unavailable: Code) -> Error {
    match fault.kind {
        FaultKind::Tls => Error::quoting(Code::Tls, "the object store's certificate was refused", fault),
        FaultKind::Protocol => Error::quoting(Code::S3Protocol, "the object store", fault).worth(LOOKS),
        FaultKind::Timeout => timed_out(unavailable),
        _ => Error::quoting(unavailable, "the object store", fault),
    }
}
