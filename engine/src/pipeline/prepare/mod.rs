//! The step before the upload: what the file is, its geometry and its order. Telegram makes its file_id of what it is
//! told and of the bytes as they come, once and for ever; so both are put right before the first byte goes out.
//!
//! What is read for it is what the upload reads ahead anyway, plus, for films and sound with their index at the end, that end
//! ([`look`]). A film is then sent with its index in front ([`rewrite`]), a photo above the limits as the policy says
//! ([`photo`]).

mod look;
mod photo;
mod rewrite;

use std::{pin::pin, sync::Arc};

#[cfg(feature = "shrink")]
use bytes::Bytes;
pub use photo::MOST_SHRUNK;
pub use rewrite::Rewrite;
use serde::Serialize;

use super::{
    Policy, Prewarm, PrewarmJob,
    file::{content_type, file_name},
    route::Call,
    transfer::{Begun, Outgoing, watch},
};
use crate::{
    error::Result,
    executor::Trace,
    media::{Report, is_specific},
    telegram::{Kind, Media},
};

/// What was changed of the bytes before they were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Rewritten {
    /// A film's index was put in front; its pictures and its sound are the same.
    Faststart,
    /// A photo was made smaller.
    Shrunk,
}

/// A file that is ready to be sent.
pub struct Prepared {
    /// The name it gets.
    pub name: String,
    /// Its content type.
    pub content_type: String,
    /// What Telegram is told of it.
    pub media: Media,
    /// Length of what is sent.
    pub len: u64,
    /// What was changed.
    pub rewritten: Option<Rewritten>,
    /// The bytes.
    pub body: Body,
}

/// What an upload's body is made of.
pub enum Body {
    /// The source as it is.
    Source(Begun),
    /// The source in another order.
    Rewritten(Begun, Box<Rewrite>),
    #[cfg(feature = "shrink")]
    /// Others than the source's.
    Bytes(Bytes),
}

impl Body {
    /// The upload's body.
    #[cfg_attr(not(feature = "shrink"), expect(unused_variables, reason = "a source has it"))]
    pub fn outgoing(self, trace: &Arc<Trace>) -> Outgoing {
        match self {
            Self::Source(begun) => begun.outgoing(None),
            Self::Rewritten(begun, rewrite) => begun.outgoing(Some(rewrite)),
            #[cfg(feature = "shrink")]
            Self::Bytes(bytes) => super::transfer::whole(bytes, Arc::clone(trace)),
        }
    }

    /// Reads the bytes without sending them.
    ///
    /// # Errors
    /// Those of the source; `SHA256_MISMATCH`.
    pub async fn check(self) -> Result<()> {
        match self {
            Self::Source(begun) | Self::Rewritten(begun, _) => begun.check().await,
            #[cfg(feature = "shrink")]
            Self::Bytes(_) => Ok(()),
        }
    }
}

impl Prewarm {
    /// Prepares a file of which the first bytes have been read. `call` becomes a document where that is the policy.
    ///
    /// # Errors
    /// Those of the source; `TOO_LARGE` and `TELEGRAM_REJECTED` for a photo that Telegram would refuse.
    pub(super) async fn prepare(&self, job: &PrewarmJob, call: &mut Call, mut begun: Begun) -> Result<Prepared> {
        let trace = Arc::clone(begun.trace());
        let len = begun.source().len();
        let stored = begun.source().content_type().map(str::to_owned);
        let report = if self.policy.probe {
            let looking = pin!(look::look(job, call.kind, stored.as_deref(), &mut begun));
            tokio::select! {
                biased;
                report = looking => report?,
                error = watch(&trace, len, &self.timeouts) => return Err(error),
            }
        } else {
            None
        };
        let mut prepared = Prepared {
            media: media(job, call.kind, report.as_ref()),
            ..named(job, stored.as_deref(), report.as_ref(), begun)
        };
        let Some(report) = report else { return Ok(prepared) };
        if call.kind == Kind::Photo {
            return self.photo(job, call, &report, prepared).await;
        }
        if let Some(rewrite) = faststart(call.kind, &report, self.policy)
            && let Body::Source(begun) = prepared.body
        {
            if let Some(key) = &job.r2_key {
                self.changed.learn(key, job.sha256);
            }
            prepared.len = rewrite.len();
            prepared.rewritten = Some(Rewritten::Faststart);
            prepared.media.supports_streaming = true;
            prepared.body = Body::Rewritten(begun, Box::new(rewrite));
        }
        Ok(prepared)
    }
}

/// Name and content type: what the job says, else what the bytes say, else what the store says, else the kind's usual ones.
fn named(job: &PrewarmJob, stored: Option<&str>, report: Option<&Report>, begun: Begun) -> Prepared {
    let (fallback, usual) = content_type(job, stored);
    let is_given = job.content_type.as_deref().is_some_and(is_specific);
    let found = report.filter(|report| report.format.is_some() && !is_given);
    let extension = found.and_then(Report::extension).unwrap_or(usual);
    Prepared {
        name: file_name(job, extension).into_owned(),
        content_type: found.map_or(fallback, |report| &report.mime).to_owned(),
        media: Media::default(),
        len: begun.source().len(),
        rewritten: None,
        body: Body::Source(begun),
    }
}

/// What the job says, else what was found.
pub fn media(job: &PrewarmJob, kind: Kind, report: Option<&Report>) -> Media {
    let given = job.media.as_deref();
    let size = report.and_then(Report::size);
    let text = |text: Option<&str>| text.filter(|text| !text.trim().is_empty()).map(str::to_owned);
    let named = |given: Option<&String>, found: Option<&str>| {
        (kind == Kind::Audio).then(|| given.cloned().or_else(|| text(found))).flatten()
    };
    Media {
        width: given.and_then(|given| given.width).or(size.map(|(width, _)| width)),
        height: given.and_then(|given| given.height).or(size.map(|(_, height)| height)),
        duration: given.and_then(|given| given.duration).or_else(|| report?.seconds()),
        title: named(given.and_then(|given| given.title.as_ref()), report.and_then(Report::title)),
        performer: named(given.and_then(|given| given.performer.as_ref()), report.and_then(Report::performer)),
        supports_streaming: report.is_some_and(Report::is_fast),
    }
}

/// How to send a film with its index in front, where that changes anything for a player and can be done.
fn faststart(kind: Kind, report: &Report, policy: Policy) -> Option<Rewrite> {
    if !policy.faststart || !matches!(kind, Kind::Video | Kind::Animation | Kind::VideoNote) {
        return None;
    }
    // Why not, is nobody's fault: such a file is sent as it is.
    Some(Rewrite::new(report.faststart()?.ok()?, report.len))
}
