//! An object being read. When the connection breaks in the middle, the rest is fetched with `Range` and `If-Match`, so
//! that what the reader sees is one version of the object or an error, never a mixture and never a short body.

use std::borrow::Cow;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::FutureExt;
use http::{Method, StatusCode};
use tokio::time::Instant;

use super::{Call, LOOKS, Meta, S3, transport};
use crate::{
    error::{Code, Error, Phase, Result},
    http::{Fault, FaultKind, Response, content_range},
    sigv4::EMPTY_SHA256,
};

/// How often a body may break without a single new byte before the read is given up.
const FRUITLESS_RESUMES: u32 = 2;

/// How often a body may break at all.
const MOST_RESUMES: u32 = 16;

/// A readable object.
pub struct Object {
    s3: S3,
    key: String,
    meta: Meta,
    received: u64,
    /// What a server that answers a range with the whole object makes us read again.
    skip: u64,
    response: Option<Response>,
    resumes: u32,
    fruitless: u32,
    pace: Pace,
}

/// What the connection delivers while it is waited for. A sender that trickles is never silent for long, and so beats every
/// deadline for silence; a fresh connection may be as fast as it should be.
#[derive(Clone, Copy, Default)]
struct Pace {
    waited: Duration,
    bytes: u64,
}

impl Pace {
    /// Counts a chunk; true when all that came in `window` of waiting is less than `least` bytes a second. The time in which
    /// the reader was busy elsewhere is nobody's fault.
    fn is_slow(&mut self, waited: Duration, bytes: usize, window: Duration, least: u64) -> bool {
        self.waited += waited;
        self.bytes += bytes as u64;
        if self.waited < window {
            return false;
        }
        let Self { waited, bytes } = std::mem::take(self);
        u128::from(bytes) * 1000 < u128::from(least) * waited.as_millis()
    }
}

/// One version of an object.
pub struct Version {
    s3: S3,
    key: String,
    meta: Meta,
}

impl Version {
    /// A reader that begins at `from`. Nothing has been asked for yet.
    #[must_use]
    pub fn reader(&self, from: u64) -> Object {
        Object::at(self.s3.clone(), self.key.clone(), self.meta.clone(), from)
    }
}

impl Object {
    pub(super) async fn open(s3: S3, key: String) -> Result<Self> {
        let response = get(&s3, &key, Vec::new()).await?;
        if response.status != StatusCode::OK {
            return Err(protocol("a success that is not 200"));
        }
        let meta =
            Meta::of(&response).ok_or_else(|| protocol("no Content-Length, so an end could not be told from a cut"))?;
        Ok(Self { response: Some(response), ..Self::at(s3, key, meta, 0) })
    }

    /// The same version of an object, to be read from `received` on. Nothing has been asked for yet.
    const fn at(s3: S3, key: String, meta: Meta, received: u64) -> Self {
        let pace = Pace { waited: Duration::ZERO, bytes: 0 };
        Self { s3, key, meta, received, skip: 0, response: None, resumes: 0, fruitless: 0, pace }
    }

    /// The version that is read, for further readers of it. `None` where the store has named none: two reads could then be
    /// of two.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.meta.etag.as_ref()?;
        Some(Version { s3: self.s3.clone(), key: self.key.clone(), meta: self.meta.clone() })
    }

    /// Forgets how often the read broke: somebody else goes on with it, who has patience of their own.
    pub const fn forgive(&mut self) {
        self.resumes = 0;
        self.fruitless = 0;
    }

    /// The key it was opened with.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What the store told of it.
    #[must_use]
    pub const fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Size in bytes, as the store declared it.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.meta.len
    }

    /// Whether the object has no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.meta.len == 0
    }

    /// The content type the object was stored with.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.meta.content_type.as_deref()
    }

    /// How often the read had to be resumed.
    #[must_use]
    pub const fn resumes(&self) -> u32 {
        self.resumes
    }

    /// The next bytes; `None` when all [`Object::len`] have been read.
    ///
    /// # Errors
    /// `DOWNLOAD_FAILED`, `DOWNLOAD_TIMEOUT`, `SOURCE_CHANGED`, `S3_*`.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        self.next().await.map_err(|error| error.at(Phase::Download))
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        while self.received < self.meta.len {
            let Some(response) = self.response.as_mut() else {
                // Boxed: it seldom happens, and its room would move with every piece.
                Box::pin(self.resume()).await?;
                continue;
            };
            let timeouts = &self.s3.0.timeouts;
            let (idle, least, asked) = (timeouts.idle(), timeouts.min_bytes_per_second, Instant::now());
            let fault = match tokio::time::timeout(idle, response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    let slow = self.pace.is_slow(asked.elapsed(), chunk.len(), idle, least);
                    let bytes = self.accept(chunk)?;
                    if self.received == self.meta.len {
                        self.hand_back();
                    } else if slow && self.meta.etag.is_some() && self.resumes < MOST_RESUMES {
                        // Where it could not be resumed, slowly is better than not at all.
                        self.response = None;
                        self.resumes += 1;
                    }
                    match bytes {
                        Some(bytes) => return Ok(Some(bytes)),
                        None => continue,
                    }
                }
                Ok(Ok(None)) => Fault::new(FaultKind::Broken, "the body ended before its declared length"),
                Ok(Err(fault)) => fault,
                Err(_) => Fault::new(FaultKind::Timeout, "the body stalled"),
            };
            self.broke(&fault)?;
        }
        Ok(None)
    }

    /// Reads the end of the body, which is there already: that is what makes the connection free for the next request,
    /// while the upload may go on for minutes.
    fn hand_back(&mut self) {
        if let Some(mut response) = self.response.take() {
            // Whatever this says, the object is complete; a connection that says more is not used again.
            response.chunk().now_or_never();
        }
    }

    /// Counts a chunk in, dropping what was read before and refusing more than was declared.
    fn accept(&mut self, mut chunk: Bytes) -> Result<Option<Bytes>> {
        let repeated = self.skip.min(chunk.len() as u64);
        self.skip -= repeated;
        chunk.advance(usize::try_from(repeated).unwrap_or(usize::MAX));
        if chunk.is_empty() {
            return Ok(None);
        }
        let received = self.received + chunk.len() as u64;
        if received > self.meta.len {
            self.response = None;
            return Err(protocol("more bytes than it declared"));
        }
        self.received = received;
        self.fruitless = 0;
        Ok(Some(chunk))
    }

    /// Decides whether a break may be resumed.
    fn broke(&mut self, fault: &Fault) -> Result<()> {
        self.response = None;
        self.pace = Pace::default();
        self.resumes += 1;
        self.fruitless += 1;
        let resumable = self.meta.etag.is_some() && self.fruitless <= FRUITLESS_RESUMES && self.resumes <= MOST_RESUMES;
        if resumable { Ok(()) } else { Err(transport(fault, Code::DownloadFailed)) }
    }

    async fn resume(&mut self) -> Result<()> {
        let etag = self.meta.etag.clone().unwrap_or_default();
        let headers = vec![("range".into(), format!("bytes={}-", self.received)), ("if-match".into(), etag.clone())];
        let response = match get(&self.s3, &self.key, headers).await {
            Ok(response) => response,
            Err(error) => return self.no_rest(error),
        };
        // A store that ignores If-Match would hand over the rest of another version; one that does not say which it is (RFC 9110,
        // 15.3.7, has it say so), may.
        match response.header("etag") {
            Some(now) if now == etag => {}
            Some(_) => return Err(Error::new(Code::SourceChanged, "the object changed while it was being read")),
            None => return self.no_rest(protocol("a part that does not say of which version it is")),
        }
        self.skip = match response.header("content-range").map(content_range) {
            Some(Some((start, total)))
                if start == self.received && total.is_none_or(|total| total == self.meta.len) =>
            {
                0
            }
            None if response.status == StatusCode::OK && response.content_length() == Some(self.meta.len) => {
                self.received
            }
            _ => return self.no_rest(protocol("a range that was not asked for")),
        };
        self.response = Some(response);
        Ok(())
    }

    /// The rest was asked for in vain: whether it is asked for again.
    fn no_rest(&mut self, error: Error) -> Result<()> {
        let passing = matches!(error.code, Code::DownloadFailed | Code::DownloadTimeout) || error.looks > 0;
        if !passing || self.fruitless > FRUITLESS_RESUMES {
            return Err(error);
        }
        self.fruitless += 1;
        Ok(())
    }
}

async fn get(s3: &S3, key: &str, headers: Vec<(Cow<'static, str>, String)>) -> Result<Response> {
    let call = Call {
        method: Method::GET,
        key,
        query: Cow::default(),
        headers,
        body: Bytes::new(),
        payload_hash: EMPTY_SHA256.into(),
        unavailable: Code::DownloadFailed,
        watch: None,
    };
    s3.call(&call, s3.0.timeouts.first_byte()).await
}

fn protocol(what: &str) -> Error {
    Error::new(Code::S3Protocol, format!("the object store answered with {what}")).worth(LOOKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trickle_is_slow_by_what_it_brings_while_it_is_waited_for() {
        let (second, minute) = (Duration::from_secs(1), Duration::from_mins(1));
        let slow = |waited: Duration, bytes, chunks| {
            let mut pace = Pace::default();
            (0..chunks).any(|_| pace.is_slow(waited, bytes, 20 * second, 1_000))
        };
        assert!(slow(second, 999, 20) && !slow(second, 1_000, 100) && !slow(second, 1, 19));
        assert!(slow(20 * second, 19_999, 1) && !slow(minute, 60_000, 1));
        // Bytes that were there whenever they were asked for, however seldom that was.
        assert!(!slow(Duration::ZERO, 1, 1_000));
    }
}
