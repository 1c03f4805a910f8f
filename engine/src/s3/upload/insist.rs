//! Sending a call again while that may help. A part is in memory, so nothing has to be read again for it.

use std::time::Duration;

use futures_util::FutureExt;

use super::{Call, Refused, S3};
use crate::{
    error::{Class, Code, Error},
    http::Response,
    s3::{ERROR_BODY_LIMIT, refusal, timed_out, transport},
};

/// How often a call is sent again.
const RETRIES: u32 = 4;

/// The first wait is up to this, each further one up to twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// A store that asks for more patience than this gets its time from whoever owns the job.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

impl Refused {
    /// Whether it says that the upload is not there. The body of the answer, with `NoSuchUpload` in it, may have been lost.
    pub(super) fn is_gone(&self) -> bool {
        self.error.code == Code::SourceNotFound
    }

    /// How long to wait before the call may be sent again, after `tries` of it; `None` when that would not help.
    pub(super) fn pause(&self, tries: u32) -> Option<Duration> {
        // Two conditional writes met; one of them has to ask again.
        let met = self.s3_code == "ConditionalRequestConflict";
        let again = tries <= u32::from(self.error.looks);
        let passes = met || again || matches!(self.error.class(), Class::Transient | Class::Throttled);
        // A certificate that is refused and a changed object are no matter of time.
        if tries > RETRIES || !passes || self.error.code == Code::SourceChanged {
            return None;
        }
        match self.error.retry_after {
            Some(asked) => (asked <= LONGEST_WAIT).then_some(asked),
            // Full jitter: those who failed together must not come back together.
            None => Some((FIRST_WAIT * 2_u32.pow(tries.saturating_sub(1))).min(LONGEST_WAIT).mul_f64(fastrand::f64())),
        }
    }
}

/// What shows that a success is the store's own: something in between may answer 200 to anything.
#[derive(Clone, Copy)]
pub(super) enum Proof {
    /// The version of what was stored, in the head.
    Version,
    /// An element of the document in the body.
    Element(&'static str),
}

/// A success with its proof.
pub(super) struct Proven {
    /// The version in the head.
    pub etag: Option<String>,
    /// The document; empty where it is not the proof.
    pub body: String,
}

impl S3 {
    /// As `ask`, again and again while the failure may pass.
    pub(super) async fn insist(&self, call: &Call<'_>, deadline: Duration) -> Result<Response, Refused> {
        let mut tries = 0;
        loop {
            let refused = match self.ask_watched(call, deadline).await {
                Ok(response) => return Ok(response),
                Err(refused) => refused,
            };
            tries += 1;
            let Some(pause) = refused.pause(tries) else { return Err(refused) };
            tokio::time::sleep(pause).await;
        }
    }

    /// As [`S3::insist`], for calls that change something: a success without its proof is none.
    pub(super) async fn achieve(&self, call: &Call<'_>, deadline: Duration, proof: Proof) -> Result<Proven, Refused> {
        let mut tries = 0;
        loop {
            let answer = self.ask_watched(call, deadline).await;
            let refused = match answer {
                Ok(response) => match proven(response, self.0.timeouts.answer(), proof).await {
                    Ok(proven) => return Ok(proven),
                    Err(refused) => refused,
                },
                Err(refused) => refused,
            };
            tries += 1;
            let Some(pause) = refused.pause(tries) else { return Err(refused) };
            tokio::time::sleep(pause).await;
        }
    }

    /// As `ask`, given up when its body stands still; `deadline` is for one that crawls.
    async fn ask_watched(&self, call: &Call<'_>, deadline: Duration) -> Result<Response, Refused> {
        let Some(watch) = &call.watch else { return self.ask(call, deadline).await };
        tokio::select! {
            // The request first: it is what begins the watch.
            biased;
            answer = self.ask(call, deadline) => answer,
            () = watch.stalled(&self.0.timeouts) => Err(timed_out(call.unavailable).into()),
        }
    }

    /// The end of a request with so many bytes.
    pub(super) fn transfer(&self, bytes: u64) -> Duration {
        self.0.timeouts.transfer(bytes) + self.0.timeouts.answer()
    }
}

async fn proven(response: Response, deadline: Duration, proof: Proof) -> Result<Proven, Refused> {
    let status = Some(response.status);
    let doubtful = |s3_code: String| {
        let error = if s3_code.is_empty() {
            Error::new(Code::S3Unavailable, "the object store's answer does not say that the request was carried out")
        } else {
            // The store may have answered 200 before it knew, and send the failure as a body.
            refusal::refusal(refusal::status_of(&s3_code), &s3_code, Code::S3Unavailable)
        };
        Refused { error, status, s3_code }
    };
    let etag = response.header("etag").filter(|etag| !etag.is_empty()).map(str::to_owned);
    let Proof::Element(name) = proof else {
        end(response);
        return etag
            .map(|etag| Proven { etag: Some(etag), body: String::new() })
            .ok_or_else(|| doubtful(String::new()));
    };
    let body = text(response, deadline, ERROR_BODY_LIMIT).await?;
    if body.contains(&format!("<{name}")) {
        return Ok(Proven { etag, body });
    }
    Err(doubtful(refusal::code_of(body.as_bytes())))
}

/// Takes the end of an answer whose body is empty, which makes the connection free for the next request.
pub(super) fn end(mut response: Response) {
    response.chunk().now_or_never();
}

/// The body of an answer.
pub(super) async fn text(response: Response, deadline: Duration, limit: usize) -> Result<String, Error> {
    let body = response.bytes(limit, deadline).await.map_err(|fault| transport(&fault, Code::S3Unavailable))?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}
