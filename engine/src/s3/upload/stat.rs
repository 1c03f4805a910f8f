//! What is under a key now: whether a write whose answer was lost has happened, and whether one is needed at all.

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Method, StatusCode};

use super::{Call, MADE_BY, Refused, S3, SHA256, Upload, multipart::lost};
use crate::{
    error::{Code, Error, Result},
    http::Response,
    sigv4::EMPTY_SHA256,
};

/// An object as far as its head tells.
pub(super) struct Stat {
    pub len: Option<u64>,
    pub etag: Option<String>,
    pub sha256: Option<String>,
    made_by: Option<String>,
}

impl S3 {
    /// The head of an object; `None` when there is none.
    pub(super) async fn stat(&self, key: &str) -> Result<Option<Stat>> {
        let response = self.insist(&head(key), self.0.timeouts.first_byte()).await;
        found(response)
    }

    /// As [`S3::stat`], for when the store has just failed to answer at all: asked once.
    async fn glance(&self, key: &str) -> Result<Option<Stat>> {
        let response = self.ask(&head(key), self.0.timeouts.first_byte()).await;
        found(response)
    }
}

fn head(key: &str) -> Call<'_> {
    Call {
        method: Method::HEAD,
        key,
        query: "".into(),
        headers: Vec::new(),
        body: Bytes::new(),
        payload_hash: EMPTY_SHA256.into(),
        unavailable: Code::S3Unavailable,
        watch: None,
    }
}

fn found(response: Result<Response, Refused>) -> Result<Option<Stat>> {
    let mut response = match response {
        Ok(response) => response,
        Err(refused) if refused.error.code == Code::SourceNotFound => return Ok(None),
        Err(refused) => return Err(refused.error),
    };
    let text = |name| response.header(name).map(str::to_owned);
    let stat =
        Stat { len: response.content_length(), etag: text("etag"), sha256: text(SHA256), made_by: text(MADE_BY) };
    response.chunk().now_or_never();
    Ok(Some(stat))
}

impl Upload {
    /// What a refused write has led to: (version, whether it was there before). The answer to an earlier try may have been lost
    /// after all was done; then this one was refused because of it (`NoSuchUpload`, 412), or no answer came at all.
    pub(super) async fn look(
        &self,
        refused: Refused,
        sha256: Option<&str>,
        bytes: u64,
        parts: Option<u32>,
    ) -> Result<(Option<String>, bool)> {
        let exists = refused.status == Some(StatusCode::PRECONDITION_FAILED) || refused.s3_code == "PreconditionFailed";
        let doubtful = exists || refused.is_gone() || refused.error.code == Code::S3Unavailable;
        if !doubtful {
            return Err(refused.error);
        }
        let unheard = refused.status.is_none();
        let stat = if unheard { self.s3.glance(&self.key).await } else { self.s3.stat(&self.key).await };
        let Ok(Some(stat)) = stat else { return Err(failure(refused, exists)) };
        if stat.len == Some(bytes) && self.made(&stat, parts) {
            return Ok((stat.etag, false));
        }
        if exists && stat.len == Some(bytes) && sha256.is_some() && stat.sha256.as_deref() == sha256 {
            return Ok((stat.etag, true));
        }
        Err(failure(refused, exists))
    }

    /// Whether an object is what this upload has made. A store that keeps no metadata has only the number of parts to show, which
    /// the version of a multipart object ends with.
    fn made(&self, stat: &Stat, parts: Option<u32>) -> bool {
        match (&stat.made_by, parts) {
            (Some(made_by), _) => *made_by == self.made_by,
            (None, Some(parts)) => {
                stat.etag.as_ref().is_some_and(|etag| etag.trim_matches('"').ends_with(&format!("-{parts}")))
            }
            (None, None) => false,
        }
    }
}

/// The error of a write that has not happened.
fn failure(refused: Refused, exists: bool) -> Error {
    if exists {
        let why = "there is an object with that key already, and it is another one (PreconditionFailed)";
        return Error::new(Code::S3Rejected, why);
    }
    if refused.is_gone() { lost() } else { refused.error }
}
