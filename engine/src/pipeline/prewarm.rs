//! Prewarm: a media file goes from the bucket to Telegram, and what comes back is a file_id that the bot can send for ever.
//!
//! The steps, each in a file of its own: [`super::choose`] a way, [`super::prepare`] the file, [`super::send`] it along that way, read the [`super::value`] out of
//! the answer. What a refusal allows to be tried in the same breath stands in [`super::route`].

use std::sync::Arc;

use super::{
    LargePhoto, Policy, PrewarmJob, PrewarmOptions, PrewarmValue,
    cache::Cache,
    route::{Route, RouteChoice},
    trust::{Changed, Migrations, UrlHealth, Verified},
    value::{settle_doubt, value},
};
use crate::{
    clock::Clock,
    error::{Code, Error, Result},
    executor::{ChatKind, Grant, Pipeline, Trace},
    http::{Client, Timeouts},
    s3::S3,
    telegram::{Cause, Telegram},
};

/// The prewarm pipeline.
pub struct Prewarm {
    pub(super) s3: S3,
    pub(super) telegram: Telegram,
    pub(super) timeouts: Timeouts,
    pub(super) cache: Option<Cache>,
    pub(super) choice: RouteChoice,
    pub(super) policy: Policy,
    pub(super) verify_sha256: bool,
    pub(super) verified: Verified,
    pub(super) migrations: Migrations,
    pub(super) urls: UrlHealth,
    pub(super) changed: Changed,
}

impl Prewarm {
    /// Builds the clients.
    ///
    /// # Errors
    /// `INVALID_OPTION`, naming the option.
    pub fn new(options: PrewarmOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        let (timeouts, policy, verify_sha256) = (options.timeouts, options.policy(), options.verify_sha256);
        if options.route == RouteChoice::Url && verify_sha256 {
            return Err(Error::new(Code::InvalidOption, "route: 'url' cannot be used with verifySha256: true"));
        }
        if policy.on_large_photo == Some(LargePhoto::Shrink) && !cfg!(feature = "shrink") {
            return Err(Error::new(Code::InvalidOption, "onLargePhoto: 'shrink' is not in this build"));
        }
        let client = Client::new(&options.http, &timeouts)?;
        Ok(Self {
            s3: S3::new(options.s3, &client, timeouts, Arc::clone(&clock))?,
            telegram: Telegram::new(&options.telegram, &client, timeouts, clock)?,
            timeouts,
            cache: options.cache.map(|options| Cache::new(options, verify_sha256)),
            choice: options.route,
            policy,
            verify_sha256,
            verified: Verified::default(),
            migrations: Migrations::default(),
            urls: UrlHealth::default(),
            changed: Changed::default(),
        })
    }

    /// A handle to the byte cache, for its counters, if there is one.
    #[must_use]
    pub fn cache(&self) -> Option<Cache> {
        self.cache.clone()
    }
}

impl Pipeline for Prewarm {
    type Job = PrewarmJob;
    type Value = PrewarmValue;

    async fn attempt(&self, job: &PrewarmJob, grant: Grant, trace: &Arc<Trace>) -> Result<PrewarmValue> {
        let mut way = self.choose(job, grant).await?;
        let mut unreachable = false;
        loop {
            if let Some(to) = way.call.migrated.as_ref().and_then(|migrated| migrated.to.parse().ok()) {
                trace.moved_to(to);
            }
            let refused = match self.send(job, &mut way, trace).await {
                Ok(sent) => {
                    // Not where the object itself could not be had.
                    if unreachable {
                        self.urls.failed();
                    }
                    if let Some(kind) = ChatKind::from_type(&sent.message.chat.kind) {
                        trace.sent_to(kind);
                    }
                    return value(way.call, &sent, self.policy);
                }
                Err(refused) => refused,
            };
            self.learn(&way.call, &refused);
            unreachable |= way.call.route == Route::Url && way.call.nonce && refused.cause == Cause::Reference;
            let Some(next) = way.call.after(&refused, self.choice, self.policy) else {
                return Err(settle_doubt(refused.error, trace));
            };
            way.call = next;
            trace.again();
        }
    }
}
