//! The body of a fetched file. When the connection breaks, the rest is asked for with `Range` and `If-Range`, so that what the
//! reader sees is one version of the file or an error, never a mixture and never a short body.

use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::FutureExt;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{IF_RANGE, RANGE},
};
use tokio::time::Instant;

use super::{
    Fetcher, Url,
    fetch::{failed, refused},
};
use crate::{
    clock::{Clock, SystemClock},
    error::{Class, Code, Error, Phase, Result},
    http::{Fault, FaultKind, Response, content_range},
};

/// How often a body may break without a single new byte before the read is given up.
const FRUITLESS_RESUMES: u32 = 2;

/// How often a body may break at all.
const MOST_RESUMES: u32 = 16;

/// A `Last-Modified` this much older than its answer names one version (RFC 9110 §8.8.2.2): nothing else was written in that
/// second.
const SETTLED: Duration = Duration::from_mins(1);

/// A file being read.
pub struct Fetched {
    fetcher: Fetcher,
    /// Where the redirects led.
    url: Url,
    headers: HeaderMap,
    len: Option<u64>,
    etag: Option<String>,
    content_type: Option<String>,
    version: Option<Version>,
    received: u64,
    /// What a server that answers a range with the whole file makes us read again.
    skip: u64,
    response: Option<Response>,
    done: bool,
    /// Spent waiting for the other side; the reader's own time is not its fault.
    waited: Duration,
    resumes: u32,
    fruitless: u32,
}

/// What tells one version of a file from the next.
#[derive(Clone, PartialEq, Eq)]
struct Version {
    header: &'static str,
    value: HeaderValue,
}

impl Version {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let strong = headers.get("etag").filter(|etag| etag.as_bytes().starts_with(b"\""));
        if let Some(value) = strong {
            return Some(Self { header: "etag", value: value.clone() });
        }
        let time = |name| httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok();
        let age = time("date")?.duration_since(time("last-modified")?).ok()?;
        (age >= SETTLED)
            .then(|| headers.get("last-modified").cloned())?
            .map(|value| Self { header: "last-modified", value })
    }

    fn is_of(&self, headers: &HeaderMap) -> Option<bool> {
        headers.get(self.header).map(|value| *value == self.value)
    }
}

impl Fetched {
    pub(super) fn start(fetcher: Fetcher, url: Url, headers: HeaderMap, response: Response) -> Result<Self> {
        if !response.status.is_success() {
            return Err(refused(&response, SystemClock.wall_ms()));
        }
        if response.status != StatusCode::OK {
            return Err(unusable("a success that is not 200"));
        }
        if response.header("content-encoding").is_some_and(|coding| !coding.trim().eq_ignore_ascii_case("identity")) {
            return Err(unusable("an encoded body, though it was asked for the file as it is"));
        }
        let len = response.content_length();
        let chunked =
            response.header("transfer-encoding").is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked"));
        if len.is_none() && !chunked {
            return Err(unusable("neither a length nor chunks, so an end could not be told from a cut"));
        }
        let text = |name| response.header(name).map(str::to_owned);
        Ok(Self {
            len,
            etag: text("etag"),
            content_type: text("content-type"),
            version: Version::of(&response.headers),
            fetcher,
            url,
            headers,
            received: 0,
            skip: 0,
            response: Some(response),
            done: false,
            waited: Duration::ZERO,
            resumes: 0,
            fruitless: 0,
        })
    }

    /// Size in bytes, where the server declared it.
    #[must_use]
    pub const fn len(&self) -> Option<u64> {
        self.len
    }

    /// Whether the server declared a file without bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == Some(0)
    }

    /// What the server says the file is.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// The version the server named, weak or strong.
    #[must_use]
    pub fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// Where the redirects led.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// Bytes handed out so far.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// How often the read had to be resumed.
    #[must_use]
    pub const fn resumes(&self) -> u32 {
        self.resumes
    }

    /// The next bytes; `None` when the file has been read to its end. Dropping it closes the connection.
    ///
    /// A sender slower than `minBytesPerSecond` (after 30 s of grace, its own time only) is given up.
    ///
    /// # Errors
    /// `DOWNLOAD_FAILED`, `DOWNLOAD_TIMEOUT`, `SOURCE_THROTTLED`, `SOURCE_CHANGED`, `SOURCE_NOT_FOUND`, `SOURCE_REJECTED`, `URL_REFUSED`, `TLS`.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        self.next().await.map_err(|error| error.at(Phase::Download))
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        while !self.done {
            let Some(response) = self.response.as_mut() else {
                self.resume().await?;
                continue;
            };
            let timeouts = self.fetcher.timeouts();
            let most = match timeouts.min_bytes_per_second {
                0 => Duration::MAX,
                _ => timeouts.transfer(self.received),
            };
            let left = most.saturating_sub(self.waited);
            let before = Instant::now();
            let read = tokio::time::timeout(timeouts.idle().min(left), response.chunk()).await;
            self.waited += before.elapsed();
            let fault = match read {
                Ok(Ok(Some(chunk))) => match self.accept(chunk)? {
                    Some(bytes) => {
                        if self.len == Some(self.received) {
                            self.hand_back();
                        }
                        return Ok(Some(bytes));
                    }
                    None => continue,
                },
                Ok(Ok(None)) if self.len.is_none_or(|len| len == self.received) && self.skip == 0 => {
                    self.hand_back();
                    continue;
                }
                Ok(Ok(None)) => Fault::new(FaultKind::Broken, "the body ended before its declared length"),
                Ok(Err(fault)) => fault,
                Err(_) if left < timeouts.idle() => {
                    return Err(Error::new(Code::DownloadTimeout, "the server of the URL sends too slowly"));
                }
                Err(_) => Fault::new(FaultKind::Timeout, "the body stalled"),
            };
            self.broke(&fault)?;
        }
        Ok(None)
    }

    /// The end. Reading the end of the body, which is there already, makes the connection free for the next request.
    fn hand_back(&mut self) {
        self.done = true;
        if let Some(mut response) = self.response.take() {
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
        if self.len.is_some_and(|len| self.received > len) {
            return Err(unusable("more bytes than it declared"));
        }
        Ok(Some(chunk))
    }

    /// Decides whether a break may be resumed.
    fn broke(&mut self, fault: &Fault) -> Result<()> {
        self.response = None;
        self.resumes += 1;
        self.fruitless += 1;
        let resumable = self.version.is_some() && self.fruitless <= FRUITLESS_RESUMES && self.resumes <= MOST_RESUMES;
        if resumable { Ok(()) } else { Err(failed(fault)) }
    }

    async fn resume(&mut self) -> Result<()> {
        let Some(version) = self.version.clone() else { return Err(cannot_resume()) };
        let mut headers = self.headers.clone();
        headers
            .insert(RANGE, HeaderValue::from_str(&format!("bytes={}-", self.received)).map_err(|_| cannot_resume())?);
        headers.insert(IF_RANGE, version.value.clone());
        let response = match self.fetcher.ask(&self.url, &headers).await {
            Ok(response) if response.status.is_server_error() => Err(refused(&response, SystemClock.wall_ms())),
            answer => answer,
        };
        let response = match response {
            Ok(response) => response,
            Err(error) if error.class() == Class::Transient && self.fruitless <= FRUITLESS_RESUMES => {
                self.fruitless += 1;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.go_on(&version, response)
    }

    /// Takes the answer to a range in, if it is the rest of what was read.
    fn go_on(&mut self, version: &Version, response: Response) -> Result<()> {
        // 416: what we ask for lies behind the end of what there is now.
        let changed = || Error::new(Code::SourceChanged, "the file changed while it was being read");
        if response.status == StatusCode::RANGE_NOT_SATISFIABLE || version.is_of(&response.headers) == Some(false) {
            return Err(changed());
        }
        match response.status {
            // Unnamed, it might be the rest of another version: there are servers that do not know If-Range.
            StatusCode::OK | StatusCode::PARTIAL_CONTENT if version.is_of(&response.headers).is_none() => {
                return Err(cannot_resume());
            }
            StatusCode::PARTIAL_CONTENT => {
                let (start, total) = response
                    .header("content-range")
                    .and_then(content_range)
                    .ok_or_else(|| unusable("a range that was not asked for"))?;
                if start != self.received || (self.len.is_some() && total.is_some() && self.len != total) {
                    return Err(unusable("a range that was not asked for"));
                }
                self.len = self.len.or(total);
                self.skip = 0;
            }
            StatusCode::OK if self.len.is_some() && response.content_length() != self.len => return Err(changed()),
            StatusCode::OK => self.skip = self.received,
            status if status.is_success() || status.is_redirection() => return Err(cannot_resume()),
            _ => return Err(refused(&response, SystemClock.wall_ms())),
        }
        self.response = Some(response);
        Ok(())
    }
}

fn unusable(what: &str) -> Error {
    Error::new(Code::SourceRejected, format!("the server of the URL answered with {what}"))
}

fn cannot_resume() -> Error {
    Error::new(Code::DownloadFailed, "the download broke, and its server cannot resume it")
}
