//! Sending a call again while that may help. A part is in memory, so nothing has to be read again for it.

use std::time::Duration;

use futures_util::FutureExt;

use super::{Call, Refused, S3};
use crate::{
    error::{Class, Code},
    http::Response,
    s3::timed_out,
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

/// The version in an answer whose body is empty; taking the end of it makes the connection free for the next request.
pub(super) fn etag_of(mut response: Response) -> Option<String> {
    let etag = response.header("etag").map(str::to_owned);
    response.chunk().now_or_never();
    etag
}
