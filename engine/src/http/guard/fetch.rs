//! A GET of a stranger's URL: redirects by the policy, a body that resumes.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{ACCEPT, ACCEPT_ENCODING, LOCATION, USER_AGENT},
};
use parking_lot::Mutex;

use super::{Fetched, Guard, Refusal, Url};
use crate::{
    error::{Code, Error, Phase, Result},
    http::{Body, Client, Fault, FaultKind, Host as Server, HttpOptions, Request, Response, Timeouts, retry_after},
};

/// Servers whose idle connections are kept. Media of one platform come from a handful of hosts.
const SERVERS_KEPT: usize = 64;

/// Waiting costs no attempt: a server that always says "at once" must not have us run in a circle.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// Some servers refuse a request that does not say who asks.
const WHO: HeaderValue = HeaderValue::from_static(concat!("warmpath/", env!("CARGO_PKG_VERSION")));

/// What a caller may not set: the connection's own, ours (how the body is asked for), and the proxy's.
const OURS: [&str; 21] = [
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "forwarded",
];

/// Headers for [`Fetcher::get`], checked.
///
/// # Errors
/// `INVALID_ARGUMENT` naming the header, never its value.
pub fn request_headers<'a>(given: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let bad = |why| Error::quoting(Code::InvalidArgument, &format!("headers: {why}"), name);
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad("not a header name"))?;
        if OURS.contains(&parsed.as_str()) {
            return Err(bad("this one cannot be set"));
        }
        let mut value = HeaderValue::from_str(value).map_err(|_| bad("must have a value of printable ASCII"))?;
        value.set_sensitive(true);
        headers.append(parsed, value);
    }
    Ok(headers)
}

struct Inner {
    client: Client,
    guard: Guard,
    timeouts: Timeouts,
    /// The most recently used server last.
    servers: Mutex<VecDeque<(String, Server)>>,
}

/// Fetches URLs of strangers. Clones share connections.
#[derive(Clone)]
pub struct Fetcher(Arc<Inner>);

impl Fetcher {
    /// A fetcher under a policy.
    ///
    /// # Errors
    /// `INVALID_OPTION` for a bad `ca` or `proxy`.
    pub fn new(options: &HttpOptions, timeouts: Timeouts, guard: Guard) -> Result<Self> {
        let client = Client::new(options, &timeouts)?.guarded(guard.clone());
        Ok(Self(Arc::new(Inner { client, guard, timeouts, servers: Mutex::default() })))
    }

    /// The policy.
    #[must_use]
    pub fn guard(&self) -> &Guard {
        &self.0.guard
    }

    /// Asks for a file. The body has not been read yet; it resumes by itself where the server has named the version.
    ///
    /// `headers` come from [`request_headers`]. They go to the server of `url` alone: a redirect to another one leaves all of
    /// them behind but `user-agent` and `accept`, and coming back does not bring them back.
    ///
    /// # Errors
    /// `URL_REFUSED` · `SOURCE_NOT_FOUND` (404, 410) · `SOURCE_UNRESOLVED` (401, 403) · `SOURCE_REJECTED` (other refusals, an answer that is no file) ·
    /// `DOWNLOAD_FAILED` (network, 408, 425, 5xx) · `SOURCE_THROTTLED` (429, 503 with a time) · `DOWNLOAD_TIMEOUT` · `TLS`.
    pub async fn get(&self, url: &str, headers: &HeaderMap) -> Result<Fetched> {
        self.follow(url, headers).await.map_err(|error| error.at(Phase::Download))
    }

    async fn follow(&self, url: &str, headers: &HeaderMap) -> Result<Fetched> {
        let Inner { guard, .. } = &*self.0;
        let mut url = guard.check(url).map_err(Refusal::error)?;
        let mut headers = headers.clone();
        headers.entry(USER_AGENT).or_insert(WHO);
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let mut visited = Vec::new();
        loop {
            let response = self.ask(&url, &headers).await?;
            if !is_redirect(response.status) {
                return Fetched::start(self.clone(), url, headers, response);
            }
            let next = next(&url, &response)?;
            guard.check_redirect(&url, &next).map_err(Refusal::error)?;
            if visited.len() >= usize::from(guard.redirects()) {
                return Err(Refusal::Redirects.error());
            }
            if next.origin() != url.origin() {
                headers = headers.into_iter().fold(HeaderMap::new(), keep_harmless);
            }
            visited.push(std::mem::replace(&mut url, next));
            if visited.contains(&url) {
                return Err(Refusal::Loop.error());
            }
        }
    }

    /// One request, one answer of whatever status.
    pub(super) async fn ask(&self, url: &Url, headers: &HeaderMap) -> Result<Response> {
        let server = self.server(url)?;
        let request = || Request {
            method: Method::GET,
            target: url.target().to_owned(),
            headers: headers.clone(),
            body: Body::Full(bytes::Bytes::new()),
        };
        let answer = async {
            match server.send(request()).await {
                // A kept connection that the server was just closing: a GET may be repeated.
                Err(fault) if fault.stale => server.send_fresh(request()).await,
                answer => answer,
            }
        };
        match tokio::time::timeout(self.0.timeouts.first_byte(), answer).await {
            Ok(answer) => answer.map_err(|fault| failed(&fault)),
            Err(_) => {
                Err(Error::new(Code::DownloadTimeout, "the server of the URL did not answer inside its deadline"))
            }
        }
    }

    pub(super) fn timeouts(&self) -> &Timeouts {
        &self.0.timeouts
    }

    /// The server of a URL. Its connections were made under the same policy, so one that is idle may be used again.
    fn server(&self, url: &Url) -> Result<Server> {
        let origin = url.origin();
        let mut servers = self.0.servers.lock();
        let found = servers.iter().position(|(kept, _)| *kept == origin).and_then(|at| servers.remove(at));
        let server = match found {
            Some((_, server)) => server,
            None => self.0.client.host(&origin).map_err(|_| Refusal::Host.error())?,
        };
        servers.push_back((origin, server.clone()));
        if servers.len() > SERVERS_KEPT {
            servers.pop_front();
        }
        Ok(server)
    }
}

const fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where a redirect leads. The text may be UTF-8, though the standard wants ASCII.
fn next(url: &Url, response: &Response) -> Result<Url> {
    let location = response.headers.get(LOCATION).and_then(|value| str::from_utf8(value.as_bytes()).ok());
    let nowhere = || Error::new(Code::SourceRejected, "the server of the URL redirects without saying where");
    url.join(location.ok_or_else(nowhere)?).map_err(Refusal::error)
}

/// Of the headers for one server, those that another one may see. Names of repeated headers are `None` in a map's own
/// iterator; none of these is repeated in earnest.
fn keep_harmless(mut kept: HeaderMap, (name, value): (Option<HeaderName>, HeaderValue)) -> HeaderMap {
    if let Some(name) = name.filter(|name| [USER_AGENT, ACCEPT, ACCEPT_ENCODING].contains(name)) {
        kept.insert(name, value);
    }
    kept
}

/// A transport failure of the source.
pub(super) fn failed(fault: &Fault) -> Error {
    match fault.kind {
        FaultKind::Refused(why) => why.error(),
        FaultKind::Tls => Error::quoting(Code::Tls, "the certificate of the URL's server was refused", fault),
        FaultKind::Timeout => Error::quoting(Code::DownloadTimeout, "the server of the URL", fault),
        FaultKind::Protocol => Error::quoting(Code::SourceRejected, "the server of the URL", fault),
        _ => Error::quoting(Code::DownloadFailed, "the server of the URL", fault),
    }
}

/// What a status that is no success means for a download.
pub(super) fn refused(response: &Response, now_wall_ms: u64) -> Error {
    let status = response.status.as_u16();
    let asked = response.header("retry-after").and_then(|value| retry_after(value, now_wall_ms));
    let code = match status {
        429 => Code::SourceThrottled,
        503 if asked.is_some() => Code::SourceThrottled,
        // Addresses of media are signed for minutes or days: denied most often means expired.
        401 | 403 => Code::SourceUnresolved,
        404 | 410 => Code::SourceNotFound,
        408 | 425 | 500..=599 => Code::DownloadFailed,
        _ => Code::SourceRejected,
    };
    let wait = asked.map(|wait| if code == Code::SourceThrottled { wait.max(LEAST_WAIT) } else { wait });
    Error::new(code, format!("the server of the URL answered {status}")).retry_after(wait)
}
