//! Photos that Telegram would refuse, found out before they are sent.

use super::Prepared;
use crate::{
    error::{Code, Error, Phase, Result},
    media::{
        Report,
        photo::{Limits, Refusal, check},
    },
    pipeline::{
        LargePhoto, Policy, Prewarm, PrewarmJob,
        route::{Call, KindReason},
    },
    telegram::Kind,
};

/// The largest file that is made smaller: it is held in memory, one at a time.
pub const MOST_SHRUNK: u64 = 50 << 20;

impl Prewarm {
    /// Holds a photo against the limits, and does with it what the policy says.
    pub(super) async fn photo(
        &self,
        job: &PrewarmJob,
        call: &mut Call,
        report: &Report,
        mut prepared: Prepared,
    ) -> Result<Prepared> {
        let limits = Limits { bytes: self.telegram.max_upload_bytes(Kind::Photo), ..Limits::default() };
        let fits = match report.image() {
            Some(image) => check(report.len, image, &limits),
            // It is Telegram's to say what is a photo; what is too large for one is known.
            None if report.len > limits.bytes => Err(Refusal::Bytes { bytes: report.len, most: limits.bytes }),
            None => Ok(()),
        };
        let Err(refusal) = fits else { return Ok(prepared) };
        if let Some(key) = &job.r2_key {
            self.changed.learn(key, job.sha256);
        }
        if self.policy.on_large_photo == Some(LargePhoto::Shrink) && report.len <= MOST_SHRUNK && refusal.shrinks() {
            prepared = self.shrink(job, report, limits, prepared).await?;
            if prepared.rewritten.is_some() {
                return Ok(prepared);
            }
        }
        if !becomes_document(self.policy, refusal) || report.len > self.telegram.max_upload_bytes(Kind::Document) {
            let code = if is_size(refusal) { Code::TooLarge } else { Code::TelegramRejected };
            return Err(Error::new(code, refusal.to_string()).at(Phase::Upload));
        }
        call.kind = Kind::Document;
        call.kind_reason = Some(if is_size(refusal) { KindReason::TooLarge } else { KindReason::Rejected });
        Ok(prepared)
    }

    /// The file made smaller, or as it was where that cannot be done.
    #[cfg(feature = "shrink")]
    async fn shrink(&self, job: &PrewarmJob, report: &Report, limits: Limits, prepared: Prepared) -> Result<Prepared> {
        use std::sync::Arc;

        use tokio::{sync::Semaphore, task::spawn_blocking};

        use super::{Body, Rewritten, media};
        use crate::{
            media::shrink::{Options, shrink},
            pipeline::transfer::watch,
        };

        /// One at a time in the process: each may take hundreds of megabytes, and a core for seconds.
        static ONE: Semaphore = Semaphore::const_new(1);

        let Prepared { body: Body::Source(begun), .. } = prepared else { return Ok(prepared) };
        let one = ONE.acquire().await.map_err(|_| Error::new(Code::Internal, "photos are no longer made smaller"))?;
        let trace = Arc::clone(begun.trace());
        let bytes = tokio::select! {
            biased;
            bytes = begun.whole() => bytes?,
            error = watch(&trace, report.len, &self.timeouts) => return Err(error),
        };
        let work = spawn_blocking(move || {
            // Held by the work: it goes on when nobody waits for it any more.
            let _one = one;
            let shrunk = shrink(&bytes, &Options { limits, ..Options::default() });
            (bytes, shrunk)
        });
        let (bytes, shrunk) = work.await.map_err(|_| Error::new(Code::Internal, "making a photo smaller failed"))?;
        // Nothing has moved for as long as that took; the receiver is not to blame.
        trace.moved_in(0);
        let Ok(shrunk) = shrunk else { return Ok(Prepared { body: Body::Bytes(bytes.into()), ..prepared }) };
        let name = job.file_name.as_deref().map_or_else(|| format!("{}.jpg", job.sha256), str::to_owned);
        let mut media = media(job, Kind::Photo, None);
        (media.width, media.height) = (Some(shrunk.width), Some(shrunk.height));
        Ok(Prepared {
            name,
            content_type: "image/jpeg".to_owned(),
            media,
            len: shrunk.jpeg.len() as u64,
            rewritten: Some(Rewritten::Shrunk),
            body: Body::Bytes(shrunk.jpeg.into()),
        })
    }

    /// Not in this build: [`Prewarm::new`] has refused the option.
    #[cfg(not(feature = "shrink"))]
    #[expect(clippy::unused_async, reason = "the other one waits")]
    async fn shrink(&self, _: &PrewarmJob, _: &Report, _: Limits, prepared: Prepared) -> Result<Prepared> {
        Ok(prepared)
    }
}

const fn is_size(refusal: Refusal) -> bool {
    matches!(refusal, Refusal::Bytes { .. })
}

/// Telegram itself would refuse a photo of such a shape after the whole upload: where nothing is said of large photos, it
/// becomes what it would become then.
const fn becomes_document(policy: Policy, refusal: Refusal) -> bool {
    match policy.on_large_photo {
        Some(LargePhoto::Fail) => false,
        Some(LargePhoto::Document) => true,
        Some(LargePhoto::Shrink) | None if is_size(refusal) => policy.on_too_large.is_document(),
        Some(LargePhoto::Shrink) | None => policy.on_rejected.is_document(),
    }
}
