//! The webhook that parts are delivered to. See docs/campaigns.md: what is sent and what answers mean is a contract.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{
    HeaderMap, HeaderName, Method, StatusCode,
    header::{CONTENT_TYPE, HeaderValue, USER_AGENT},
};
use parking_lot::Mutex;
use sha2::Sha256;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{WebhookOptions, gate::Gate};
use crate::{
    clock::{Clock, Tick},
    error::{Certainty, Code, Error, Result},
    http::{Body, Client, Fault, FaultKind, Host, Request, Response},
    llm::{AGENT, extra_headers, hint},
    secret::Secret,
    sigv4::Target,
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What is read of an answer, so that its connection can be used again; and how long that may take.
const DRAINED: usize = 64 * 1024;
const DRAINED_IN: Duration = Duration::from_secs(1);

/// A part that was taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// The status of the answer.
    pub status: u16,
    /// It had been delivered before.
    pub repeated: bool,
}

/// See the module.
pub(super) struct Webhook {
    host: Host,
    target: Secret,
    headers: HeaderMap,
    key: Option<Zeroizing<Vec<u8>>>,
    gate: Mutex<Gate>,
    started: Instant,
    clock: Arc<dyn Clock>,
}

impl Webhook {
    /// # Errors
    /// `INVALID_OPTION`, naming the option.
    pub fn new(options: &WebhookOptions, client: &Client, clock: Arc<dyn Clock>) -> Result<Self> {
        let bad = |what| Error::new(Code::InvalidOption, what);
        let url = || bad("webhook.url: must be a URL such as https://host/path");
        let target = Target::parse(options.url.reveal()).map_err(|_| url())?;
        let host = client.host(&target.origin()).map_err(|_| url())?;
        let path = if target.path.is_empty() { "/" } else { &target.path };
        let query = if target.query.is_empty() { String::new() } else { format!("?{}", target.query) };
        let mut headers = extra_headers(&options.headers).ok_or_else(|| bad("webhook.headers: cannot be sent"))?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        let key = match &options.secret {
            Some(secret) => {
                Some(signing_key(secret).ok_or_else(|| bad("webhook.secret: must be base64 after whsec_"))?)
            }
            None => None,
        };
        let target = Secret::new(format!("{path}{query}"));
        let gate = Mutex::new(Gate::new(options.circuit));
        Ok(Self { host, target, headers, key, gate, started: Instant::now(), clock })
    }

    /// Posts a part once, unless the webhook is to be left alone.
    ///
    /// # Errors
    /// `WEBHOOK_*` or `TLS`.
    pub async fn post<S>(&self, body: Bytes, id: &str, deadline: Duration, sent: S) -> Result<Taken>
    where
        S: FnOnce() + Send + Unpin + 'static,
    {
        self.gate.lock().begins(self.now())?;
        let mut posting = Posting { webhook: self, over: false };
        let answer = self.exchange(body, id, deadline, sent).await;
        posting.over = true;
        self.gate.lock().ended(Some(&answer.clone().map(drop)), fastrand::f64(), self.now());
        answer
    }

    fn now(&self) -> Tick {
        Tick::START.after(self.started.elapsed())
    }

    async fn exchange<S>(&self, body: Bytes, id: &str, deadline: Duration, sent: S) -> Result<Taken>
    where
        S: FnOnce() + Send + Unpin + 'static,
    {
        let on_its_way = Arc::new(AtomicBool::new(false));
        let sent = {
            let on_its_way = Arc::clone(&on_its_way);
            move || {
                on_its_way.store(true, Relaxed);
                sent();
            }
        };
        let request = Request {
            method: Method::POST,
            target: self.target.reveal().to_owned(),
            headers: self.sign(&body, id)?,
            body: Body::told(body, sent),
        };
        let exchange = async {
            // Never twice in one try, also where an idle connection was just being closed: whether the receiver had it is
            // unknown, and is counted as that.
            let response = self.host.send(request).await?;
            Ok::<_, Fault>(self.judge(response).await)
        };
        let fault = match tokio::time::timeout(deadline, exchange).await {
            Ok(Ok(judged)) => return judged,
            Ok(Err(fault)) => fault,
            Err(_) => Fault::new(FaultKind::Timeout, "no answer inside the deadline"),
        };
        Err(transport(&fault, on_its_way.load(Relaxed)))
    }

    /// Headers of this request, signed by the Standard Webhooks scheme: <https://www.standardwebhooks.com>.
    fn sign(&self, body: &[u8], id: &str) -> Result<HeaderMap> {
        let internal = |_| Error::new(Code::Internal, "a header of the webhook cannot be sent");
        let mut headers = self.headers.clone();
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_str(id).map_err(internal)?);
        headers.insert(ID, HeaderValue::from_str(id).map_err(internal)?);
        let seconds = self.clock.wall_ms() / 1000;
        headers.insert(TIMESTAMP, HeaderValue::from(seconds));
        if let Some(key) = &self.key {
            let mut mac = Hmac::<Sha256>::new_from_slice(key)
                .map_err(|_| Error::new(Code::Internal, "HMAC takes keys of every length"))?;
            mac.update(format!("{id}.{seconds}.").as_bytes());
            mac.update(body);
            let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
            headers.insert(SIGNATURE, HeaderValue::from_str(&signature).map_err(internal)?);
        }
        Ok(headers)
    }

    /// What an answer means. Its status decides; its body is read for the sake of the connection only.
    async fn judge(&self, response: Response) -> Result<Taken> {
        let (status, headers) = (response.status, response.headers.clone());
        drop(response.bytes(DRAINED, DRAINED_IN).await);
        if status.is_success() || status == StatusCode::CONFLICT {
            return Ok(Taken { status: status.as_u16(), repeated: status == StatusCode::CONFLICT });
        }
        Err(refusal(status, hint(&headers, None, None, self.clock.wall_ms())))
    }
}

/// Tells the gate that a post has ended, also when nobody waits for it any more.
struct Posting<'a> {
    webhook: &'a Webhook,
    over: bool,
}

impl Drop for Posting<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.webhook.gate.lock().ended(None, 0.0, self.webhook.now());
        }
    }
}

pub(super) fn refusal(status: StatusCode, hint: Option<Duration>) -> Error {
    let code = match status.as_u16() {
        401 | 403 => Code::WebhookUnauthorized,
        429 => Code::WebhookThrottled,
        503 if hint.is_some() => Code::WebhookThrottled,
        // A gateway has given up on it: whoever is behind may have done it all the same.
        502 | 504 => Code::WebhookAmbiguous,
        408 | 425 | 500.. => Code::WebhookUnavailable,
        _ => Code::WebhookRejected,
    };
    // A floor, and a little apart, where several parts were told the same.
    let apart = |wait: Duration| wait + wait.mul_f64(0.1 * fastrand::f64());
    let hint = hint.filter(|_| !matches!(code, Code::WebhookRejected | Code::WebhookUnauthorized)).map(apart);
    let error = Error::new(code, format!("the webhook answered {}", status.as_u16())).retry_after(hint);
    if status.is_server_error() { error.maybe_sent() } else { error }
}

fn transport(fault: &Fault, sent: bool) -> Error {
    let code = match fault.kind {
        FaultKind::Tls => Code::Tls,
        // Only what a stranger names is fetched under a policy.
        FaultKind::Body | FaultKind::Refused(_) => Code::Internal,
        FaultKind::Timeout | FaultKind::Broken | FaultKind::Protocol if sent => Code::WebhookAmbiguous,
        FaultKind::Connect | FaultKind::Timeout | FaultKind::Broken | FaultKind::Protocol => Code::WebhookUnavailable,
    };
    let certainty = if code == Code::WebhookAmbiguous { Certainty::MaybeSent } else { Certainty::NotSent };
    Error { certainty, ..Error::quoting(code, "webhook", fault) }
}

/// The key of a secret: base64 after `whsec_`, as Standard Webhooks writes it, or the bytes of any other text.
pub(super) fn signing_key(secret: &Secret) -> Option<Zeroizing<Vec<u8>>> {
    match secret.reveal().strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).ok().filter(|key| !key.is_empty()).map(Zeroizing::new),
        None => Some(Zeroizing::new(secret.reveal().as_bytes().to_vec())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    #[test]
    fn every_answer_has_its_meaning() {
        for (status, hint, code) in [
            (302, None, Code::WebhookRejected),
            (400, None, Code::WebhookRejected),
            (401, None, Code::WebhookUnauthorized),
            (403, Some(1), Code::WebhookUnauthorized),
            (404, Some(1), Code::WebhookRejected),
            (408, None, Code::WebhookUnavailable),
            (425, None, Code::WebhookUnavailable),
            (429, None, Code::WebhookThrottled),
            (500, None, Code::WebhookUnavailable),
            (502, None, Code::WebhookAmbiguous),
            (503, None, Code::WebhookUnavailable),
            (503, Some(2), Code::WebhookThrottled),
            (504, None, Code::WebhookAmbiguous),
        ] {
            let error = refusal(StatusCode::from_u16(status).unwrap(), hint.map(Duration::from_secs));
            assert_eq!(error.code, code, "{status}");
            let final_one = matches!(error.class(), Class::Permanent | Class::Config);
            assert_eq!(error.retry_after.is_some(), hint.is_some() && !final_one, "{status}");
            assert_eq!(error.certainty == Certainty::MaybeSent, status >= 500, "{status}");
        }
    }

    #[test]
    fn a_secret_is_base64_only_where_it_says_so() {
        let key = |text: &str| signing_key(&Secret::new(text.to_owned())).map(|key| key.to_vec());
        assert_eq!(key("whsec_AAEC"), Some(vec![0, 1, 2]));
        assert_eq!(key("whsec_"), None);
        assert_eq!(key("whsec_!"), None);
        assert_eq!(key("AAEC"), Some(b"AAEC".to_vec()));
    }
}
