//! The second step of a prewarm: the request, along the way that was chosen.

use std::{borrow::Cow, fmt::Write, path::Path, pin::pin, sync::Arc};

use super::{
    Prewarm, PrewarmJob,
    choose::Way,
    file::{content_type, file_name, fit},
    prepare::{self, Prepared, Rewritten},
    route::{Call, Reason, Route},
    source::Source,
    transfer::{Begun, nothing, watch},
};
use crate::{
    error::{Code, Error, Phase, Result},
    executor::Trace,
    s3::Link,
    secret::Secret,
    telegram::{File, FilePart, Kind, Media, Message, Refused, Upload},
};

/// A message that exists.
pub struct Sent {
    /// What Telegram says of it.
    pub message: Message,
    /// Size of the source.
    pub bytes: u64,
    /// What Telegram was told of the media.
    pub media: Media,
    /// What was changed of the bytes.
    pub rewritten: Option<Rewritten>,
}

/// How long a URL is valid beyond the time that Telegram may take for its answer.
const LINK_MARGIN_SECONDS: u64 = 60;

impl Prewarm {
    /// Sends one request.
    pub(super) async fn send(&self, job: &PrewarmJob, way: &mut Way<'_>, trace: &Arc<Trace>) -> Result<Sent, Refused> {
        match way.call.route {
            Route::Stream | Route::Cache => {
                let joined = way.joined.take();
                self.send_bytes(job, &mut way.call, joined, trace).await
            }
            // Boxed, as the room of the longest way is every way's.
            Route::Url => Box::pin(self.send_url(job, way, trace)).await,
            Route::File => Box::pin(self.send_path(job, &mut way.call, trace)).await,
        }
    }

    /// Streams the bytes through this process.
    async fn send_bytes(
        &self,
        job: &PrewarmJob,
        call: &mut Call,
        joined: Option<Source>,
        trace: &Arc<Trace>,
    ) -> Result<Sent, Refused> {
        // 1. Open the source, alone or with others.
        let source = match joined {
            Some(source) => source,
            None => Source::open(&self.s3, self.cache.as_ref(), job).await?,
        };
        trace.opened();
        match (source.is_joined(), call.route) {
            (true, Route::Stream) => (call.route, call.reason) = (Route::Cache, Reason::BytesHere),
            (false, Route::Cache) => (call.route, call.reason) = (Route::Stream, Reason::Evicted),
            _ => {}
        }
        // 2. Refuse what Telegram would refuse after the whole upload.
        let bytes = source.len();
        trace.sized(bytes);
        fit(job, call, bytes, source.looks(), &self.telegram, self.policy)?;
        // 3. Prepare: what it is, its geometry, its order.
        let version = source.etag().filter(|_| self.verify_sha256).map(str::to_owned);
        let begun = self.begin(job, source, trace).await?;
        let prepared = self.prepare(job, call, begun).await?;
        // 4. Send, and give up when nothing moves.
        let sent = self.send_prepared(job, call, prepared, bytes, trace).await?;
        // 5. What was sent was right: from now on Telegram may fetch this version by itself.
        if let (Some(key), Some(version)) = (&job.r2_key, version) {
            self.verified.learn(key, &version, job.sha256);
        }
        Ok(sent)
    }

    /// Reads the first bytes.
    async fn begin(&self, job: &PrewarmJob, source: Source, trace: &Arc<Trace>) -> Result<Begun> {
        let bytes = source.len();
        let expected = self.verify_sha256.then_some(job.sha256);
        let begun = pin!(Begun::begin(source, expected, Arc::clone(trace)));
        tokio::select! {
            biased;
            begun = begun => begun,
            error = watch(trace, bytes, &self.timeouts) => Err(error),
        }
    }

    async fn send_prepared(
        &self,
        job: &PrewarmJob,
        call: &Call,
        prepared: Prepared,
        bytes: u64,
        trace: &Arc<Trace>,
    ) -> Result<Sent, Refused> {
        let Prepared { name, content_type, media, len, rewritten, body } = prepared;
        let part = FilePart { name: &name, content_type: &content_type, len };
        let message = {
            let upload = upload(job, call, &media);
            let sending = pin!(self.telegram.send_file(&upload, &part, body.outgoing(trace), trace.until_sent()));
            tokio::select! {
                biased;
                message = sending => message,
                error = watch(trace, len, &self.timeouts) => Err(error.into()),
            }
        }?;
        Ok(Sent { message, bytes, media, rewritten })
    }

    /// Lets Telegram fetch the object.
    async fn send_url(&self, job: &PrewarmJob, way: &mut Way<'_>, trace: &Arc<Trace>) -> Result<Sent, Refused> {
        let Way { call, known, .. } = way;
        let bytes = known.len.unwrap_or_default();
        fit(job, call, bytes, 0, &self.telegram, self.policy)?;
        let seconds = self.timeouts.answer_ms / 1000 + LINK_MARGIN_SECONDS;
        // Telegram names a file by the URL where nothing else does, and the key is nobody's business.
        let name = match call.kind {
            Kind::Document | Kind::Audio => Some(file_name(job, content_type(job, known.content_type.as_deref()).1)),
            _ => job.file_name.as_deref().map(Cow::Borrowed),
        };
        let link = Link {
            expires_in: u32::try_from(seconds).unwrap_or(u32::MAX).min(crate::sigv4::MAX_EXPIRES),
            content_type: known.content_type.as_deref().filter(|_| known.must_say_type),
            file_name: name.as_deref(),
            nonce: call.nonce.then(|| fastrand::u64(..)),
        };
        let url = self.s3.link(job.r2_key.as_deref().unwrap_or_default(), &link)?;
        // Telegram looks into what it fetches by itself; it is told what the job says.
        let media = prepare::media(job, call.kind, None);
        let message = self.send_reference(job, call, &media, &url, trace).await?;
        self.urls.worked();
        // Of what Telegram keeps as it came, it says how much that was.
        let kept = message.file(call.kind).and_then(File::size);
        let kept = kept.filter(|_| matches!(call.kind, Kind::Document | Kind::Audio | Kind::Voice));
        if let (Some(size), Some(kept)) = (job.size, kept)
            && size != kept
        {
            let message = format!("the job says {size} bytes, Telegram fetched {kept}");
            return Err(Error::new(Code::Sha256Mismatch, message).maybe_sent().at(Phase::Answer).into());
        }
        Ok(Sent { message, bytes: kept.unwrap_or(bytes), media, rewritten: None })
    }

    /// Lets the local Bot API server read the file.
    async fn send_path(&self, job: &PrewarmJob, call: &mut Call, trace: &Arc<Trace>) -> Result<Sent, Refused> {
        let source = Source::open(&self.s3, None, job).await?;
        let bytes = source.len();
        fit(job, call, bytes, 0, &self.telegram, self.policy)?;
        let begun = self.begin(job, source, trace).await?;
        let prepared = self.prepare(job, call, begun).await?;
        if let Some(rewritten) = prepared.rewritten {
            // What is sent is not what lies on the disk.
            call.route = Route::Stream;
            call.reason = match rewritten {
                Rewritten::Faststart => Reason::Faststart,
                Rewritten::Shrunk => Reason::Shrunk,
            };
            trace.opened();
            return self.send_prepared(job, call, prepared, bytes, trace).await;
        }
        let media = prepared.media.clone();
        // Nobody sees the bytes on their way: they are read once before it.
        if self.verify_sha256 {
            prepared.body.check().await?;
        }
        let url = file_url(job.path.as_deref().unwrap_or_default())?;
        let message = self.send_reference(job, call, &media, &url, trace).await?;
        Ok(Sent { message, bytes, media, rewritten: None })
    }

    async fn send_reference(
        &self,
        job: &PrewarmJob,
        call: &Call,
        media: &Media,
        reference: &Secret,
        trace: &Arc<Trace>,
    ) -> Result<Message, Refused> {
        trace.opened();
        trace.read();
        let end = nothing(Arc::clone(trace));
        let upload = upload(job, call, media);
        let sending = pin!(self.telegram.send_reference(&upload, reference, end, trace.until_sent()));
        tokio::select! {
            biased;
            message = sending => message,
            error = watch(trace, 0, &self.timeouts) => Err(error.into()),
        }
    }
}

fn upload<'a>(job: &'a PrewarmJob, call: &'a Call, media: &'a Media) -> Upload<'a> {
    Upload { kind: call.kind, token: &job.token, chat_id: &call.chat_id, caption: job.caption.as_deref(), media }
}

/// A path as a file URI (RFC 8089): absolute, every byte that is not plain percent-encoded.
fn file_url(path: &str) -> Result<Secret> {
    let unusable = |_| Error::new(Code::SourceNotFound, "the path cannot be made absolute").at(Phase::Download);
    let absolute = std::path::absolute(Path::new(path)).map_err(unusable)?;
    let mut url = String::from("file://");
    for byte in absolute.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(byte) {
            url.push(char::from(*byte));
        } else {
            // Writing to a text does not fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
    Ok(Secret::new(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_file_uris() {
        assert_eq!(file_url("/media/á b%.mp4").unwrap().reveal(), "file:///media/%C3%A1%20b%25.mp4");
        assert!(file_url("relative.mp4").unwrap().reveal().starts_with("file:///"));
        assert!(file_url("").is_err());
    }
}
