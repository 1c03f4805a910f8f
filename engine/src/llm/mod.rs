//! Texts by a language model: chat completions in the shape of OpenRouter, which most services share, and texts cut into
//! parts. <https://openrouter.ai/docs/api-reference/overview>
//!
//! [`Llm::complete`] asks once. What is tried again, and when, is the executor's: a job that waits holds no slot here
//! either. Who may ask which model when is decided by [`desk`], what an answer means by [`answer`] and [`refusal`].

mod answer;
mod budget;
mod circuit;
mod desk;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod hint;
mod options;
mod refusal;
mod request;
pub mod split;
mod usage;
mod window;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub use answer::{Completion, Unfinished};
use bytes::Bytes;
pub(crate) use circuit::Circuit;
pub use circuit::State as CircuitState;
use desk::{Desk, End, Going};
pub use desk::{ModelStats, Ticket};
pub(crate) use hint::hint;
use http::{
    HeaderMap, HeaderName, Method,
    header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, USER_AGENT},
};
pub use options::{BudgetOptions, CircuitOptions, Fallbacks, Limit, LlmLimits, LlmOptions};
use parking_lot::Mutex;
pub use request::{Message, Prompt, Role};
use tokio::time::Instant;
pub use usage::Usage;
use window::Window;

use crate::{
    clock::{Clock, Tick},
    error::{Code, Error, Result},
    http::{Body, Client, Fault, FaultKind, Host, Request, Response},
    secret::Secret,
    sigv4::Target,
};

/// Longest answer that is read.
const ANSWER_LIMIT: usize = 4 * 1024 * 1024;

/// Who we are, to a service that asks.
pub(crate) const AGENT: &str = concat!("warmpath/", env!("CARGO_PKG_VERSION"));

/// A request that is made, and what its maker has kept from the tries before.
pub struct Ask<'a, S> {
    /// What is asked.
    pub prompt: Prompt<'a>,
    /// Of whom: the first, or else those after it.
    pub models: &'a [String],
    /// Tries of this job that have failed.
    pub tries: u32,
    /// A place in the budgets, booked when it had to wait.
    pub ticket: &'a mut Option<Ticket>,
    /// The longest wait for which a place is booked.
    pub hold: Duration,
    /// The whole exchange, body and all.
    pub deadline: Duration,
    /// Called when the request has been taken by the connection.
    pub sent: S,
}

/// A service. Clones share connections, budgets and circuits.
#[derive(Clone)]
pub struct Llm {
    host: Host,
    target: String,
    headers: HeaderMap,
    desk: Arc<Mutex<Desk>>,
    started: Instant,
    clock: Arc<dyn Clock>,
}

impl Llm {
    /// A client of one service, with one key.
    ///
    /// # Errors
    /// `INVALID_OPTION`, naming the option.
    pub fn new(options: &LlmOptions, client: &Client, clock: Arc<dyn Clock>) -> Result<Self> {
        let bad = |what| Error::new(Code::InvalidOption, what);
        let base = || bad("llm.baseUrl: must be a URL such as https://openrouter.ai/api/v1");
        let root = Target::parse(options.base_url.trim_end_matches('/')).map_err(|_| base())?;
        if !root.query.is_empty() {
            return Err(base());
        }
        let key = [b"Bearer ", options.api_key.reveal().as_bytes()].concat();
        let mut headers = extra_headers(&options.headers).ok_or_else(|| bad("llm.headers: cannot be sent"))?;
        headers.insert(AUTHORIZATION, sensitive(&key).ok_or_else(|| bad("llm.apiKey: cannot be sent"))?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        Ok(Self {
            host: client.host(&root.origin()).map_err(|_| base())?,
            target: format!("{}/chat/completions", root.path.trim_end_matches('/')),
            headers,
            desk: Arc::new(Mutex::new(Desk::new(options, fastrand::u64(..)))),
            started: Instant::now(),
            clock,
        })
    }

    /// Asks once. A wait is not waited for: the error names it.
    ///
    /// # Errors
    /// `LLM_*` or `TLS`; with what it cost, where the answer said so.
    pub async fn complete<S>(&self, ask: Ask<'_, S>) -> Result<Completion, Unfinished>
    where
        S: FnOnce() + Send + Unpin + Clone + 'static,
    {
        let Ask { prompt, models, tries, ticket, hold, deadline, sent } = ask;
        let tokens = |completion| prompt.estimate(completion);
        let going = self.desk.lock().admit(models, tries, tokens, ticket, hold, self.now())?;
        let asked: Vec<&str> = going.models.iter().map(String::as_str).collect();
        let body = prompt.body(&asked);
        let mut asking = Asking { llm: self, going: Some(&going) };
        let answer = tokio::time::timeout(deadline, self.exchange(&body, prompt.vary, sent))
            .await
            .unwrap_or_else(|_| Err(Error::new(Code::LlmTimeout, "no whole answer inside the deadline").into()));
        match answer {
            Ok(completion) => {
                asking.end(&End::Completed(&completion.usage, completion.model.as_deref()));
                Ok(Completion { model: completion.model.or_else(|| Some(going.model.clone())), ..completion })
            }
            Err(Unfinished { error, usage }) => {
                let wait = asking.end(&End::Failed(&error, usage.as_ref()));
                Err(Unfinished { error: error.retry_after(wait), usage })
            }
        }
    }

    /// What was spent since the start.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.desk.lock().usage()
    }

    /// What is known of the models.
    #[must_use]
    pub fn models(&self) -> BTreeMap<String, ModelStats> {
        self.desk.lock().models(self.now())
    }

    fn now(&self) -> Tick {
        Tick::START.after(self.started.elapsed())
    }

    async fn exchange<S>(&self, body: &Bytes, vary: bool, sent: S) -> Result<Completion, Unfinished>
    where
        S: FnOnce() + Send + Unpin + Clone + 'static,
    {
        let mut headers = self.headers.clone();
        if vary {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        let response = self.post(&headers, body, sent).await.map_err(|fault| transport(&fault))?;
        let (status, headers) = (response.status, response.headers.clone());
        // The deadline around all of this is the one that counts.
        let body = response.bytes(ANSWER_LIMIT, Duration::MAX).await.map_err(|fault| transport(&fault))?;
        answer::read(status, &headers, &body, self.clock.wall_ms())
    }

    /// Posts a body. A request that met a connection which the server was just closing is sent once more, over a fresh one:
    /// at worst a text is written twice.
    async fn post<S>(&self, headers: &HeaderMap, body: &Bytes, sent: S) -> Result<Response, Fault>
    where
        S: FnOnce() + Send + Unpin + Clone + 'static,
    {
        let request = || Request {
            method: Method::POST,
            target: self.target.clone(),
            headers: headers.clone(),
            body: Body::told(body.clone(), sent.clone()),
        };
        match self.host.send(request()).await {
            Err(fault) if fault.stale => self.host.send_fresh(request()).await,
            answer => answer,
        }
    }
}

/// Tells the desk of the end of a request, also when nobody waits for it any more.
struct Asking<'a> {
    llm: &'a Llm,
    going: Option<&'a Going>,
}

impl Asking<'_> {
    fn end(&mut self, end: &End<'_>) -> Option<Duration> {
        let going = self.going.take()?;
        self.llm.desk.lock().ended(going, end, self.llm.now())
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.end(&End::Dropped);
    }
}

/// Headers of the caller's, whose values count as secrets.
pub(crate) fn extra_headers(given: &BTreeMap<String, Secret>) -> Option<HeaderMap> {
    given
        .iter()
        .map(|(name, value)| {
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, sensitive(value.reveal().as_bytes())?))
        })
        .collect()
}

fn sensitive(value: &[u8]) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_bytes(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn transport(fault: &Fault) -> Error {
    let code = match fault.kind {
        FaultKind::Tls => Code::Tls,
        FaultKind::Protocol => Code::LlmProtocol,
        // Only what a stranger names is fetched under a policy.
        FaultKind::Body | FaultKind::Refused(_) => Code::Internal,
        FaultKind::Connect | FaultKind::Timeout | FaultKind::Broken => Code::LlmUnavailable,
    };
    Error::quoting(code, "LLM service", fault)
}
