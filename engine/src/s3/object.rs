//! An object being read. When the connection breaks in the middle, the rest is fetched with `Range` and `If-Match`, so
//! that what the reader sees is one version of the object or an error, never a mixture and never a short body.

use bytes::{Buf, Bytes};
use futures_util::FutureExt;
use http::{Method, StatusCode};

use super::{Call, Meta, S3, transport};
use crate::{
    error::{Code, Error, Phase, Result},
    http::{Fault, FaultKind, Response},
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
        Self { s3, key, meta, received, skip: 0, response: None, resumes: 0, fruitless: 0 }
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
                self.resume().await?;
                continue;
            };
            let idle = self.s3.0.timeouts.idle();
            let fault = match tokio::time::timeout(idle, response.chunk()).await {
                Ok(Ok(Some(chunk))) => match self.accept(chunk)? {
                    Some(bytes) if self.received == self.meta.len => {
                        self.hand_back();
                        return Ok(Some(bytes));
                    }
                    Some(bytes) => return Ok(Some(bytes)),
                    None => continue,
                },
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
        self.received += chunk.len() as u64;
        self.fruitless = 0;
        if self.received > self.meta.len {
            return Err(protocol("more bytes than it declared"));
        }
        Ok(Some(chunk))
    }

    /// Decides whether a break may be resumed.
    fn broke(&mut self, fault: &Fault) -> Result<()> {
        self.response = None;
        self.resumes += 1;
        self.fruitless += 1;
        let resumable = self.meta.etag.is_some() && self.fruitless <= FRUITLESS_RESUMES && self.resumes <= MOST_RESUMES;
        if resumable { Ok(()) } else { Err(transport(fault, Code::DownloadFailed)) }
    }

    async fn resume(&mut self) -> Result<()> {
        let etag = self.meta.etag.clone().unwrap_or_default();
        let headers = vec![("range", format!("bytes={}-", self.received)), ("if-match", etag.clone())];
        let response = match get(&self.s3, &self.key, headers).await {
            Ok(response) => response,
            Err(error)
                if matches!(error.code, Code::DownloadFailed | Code::DownloadTimeout)
                    && self.fruitless <= FRUITLESS_RESUMES =>
            {
                self.fruitless += 1;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        // A store that ignores If-Match would hand over the rest of another version.
        if response.header("etag").is_some_and(|now| now != etag) {
            return Err(Error::new(Code::SourceChanged, "the object changed while it was being read"));
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
            _ => return Err(protocol("a range that was not asked for")),
        };
        self.response = Some(response);
        Ok(())
    }
}

async fn get(s3: &S3, key: &str, headers: Vec<(&'static str, String)>) -> Result<Response> {
    let call = Call {
        method: Method::GET,
        key,
        headers,
        body: Bytes::new(),
        payload_hash: EMPTY_SHA256.into(),
        unavailable: Code::DownloadFailed,
    };
    s3.call(&call, s3.0.timeouts.first_byte()).await
}

fn protocol(what: &str) -> Error {
    Error::new(Code::S3Protocol, format!("the object store answered with {what}"))
}

/// `bytes START-END/TOTAL` (RFC 9110 §14.4) as (start, total).
fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _end) = range.split_once('-')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    Some((start.trim().parse().ok()?, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        for bad in ["", "bytes */10", "items 5-9/10", "bytes -5/10", "bytes 5-9"] {
            assert_eq!(content_range(bad), None, "{bad}");
        }
    }
}
