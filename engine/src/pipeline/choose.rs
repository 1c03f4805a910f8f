//! The first step of a prewarm: which way this file goes, from what is known before a byte has moved.

use super::{
    Prewarm, PrewarmJob,
    file::Known,
    route::{Call, Facts, Migrated, Place, Plan, Reason, Route, RouteChoice, Trust, plan},
    source::Source,
};
use crate::{
    error::{Code, Error, Result},
    executor::Grant,
    telegram::{Cause, Kind, Refused},
};

/// A way that was chosen.
pub struct Way<'a> {
    /// The next request.
    pub call: Call,
    /// What is known of an object that has not been opened.
    pub known: Known<'a>,
    /// The bytes, where the cache has them: held, so that they stay.
    pub joined: Option<Source>,
}

impl Prewarm {
    /// Chooses. Asks the store only where its answer decides.
    pub(super) async fn choose<'a>(&self, job: &'a PrewarmJob, grant: Grant) -> Result<Way<'a>> {
        let version = match &job.r2_key {
            Some(key) if self.verify_sha256 => self.verified.version(key, job.sha256),
            _ => None,
        };
        let trust = match (self.verify_sha256, &version) {
            (false, _) => Trust::Yes,
            (true, Some(_)) => Trust::IfUnchanged,
            (true, None) => Trust::No,
        };
        // What only a URL needs is not worked out where there will be none.
        let by_url = trust != Trust::No && self.choice != RouteChoice::Stream;
        let mut known = if by_url { Known::of(job) } else { Known::default() };
        let joined = self.join(job);
        let base = Facts {
            choice: self.choice,
            kind: job.kind,
            place: match (job.path.is_some(), self.telegram.is_local()) {
                (false, _) => Place::Object,
                (true, false) => Place::LocalFile,
                (true, true) => Place::SharedFile,
            },
            cached: joined.is_some(),
            trust: Trust::No,
            suspended: self.urls.is_suspended(),
            len: None,
            content_type: None,
        };
        let mut planned = plan(&known.facts(trust, base))?;
        if planned == Plan::Ask {
            let meta = Box::pin(self.s3.head(job.r2_key.as_deref().unwrap_or_default())).await?;
            let same = !self.verify_sha256 || meta.etag.as_deref() == version.as_deref();
            known.told(job, meta);
            planned = plan(&known.facts(if same { Trust::Yes } else { Trust::No }, base))?;
        }
        let Plan::Go(mut route, mut reason) = planned else {
            return Err(Error::new(Code::Internal, "the route planner asked twice"));
        };
        if route == Route::Url
            && self.choice != RouteChoice::Url
            && let Some(change) = self.change(job)
        {
            (route, reason) = (Route::Stream, change);
        }
        Ok(Way { call: self.first_call(job, grant, route, reason), known, joined })
    }

    /// Why an object is known not to be sent as it lies there.
    fn change(&self, job: &PrewarmJob) -> Option<Reason> {
        let reason = match job.kind {
            Kind::Photo => Reason::LargePhoto,
            Kind::Video | Kind::Animation | Kind::VideoNote if self.policy.faststart => Reason::Faststart,
            _ => return None,
        };
        job.r2_key.as_deref().is_some_and(|key| self.changed.knows(key, job.sha256)).then_some(reason)
    }

    fn join(&self, job: &PrewarmJob) -> Option<Source> {
        if self.choice == RouteChoice::Url {
            return None;
        }
        let reader = self.cache.as_ref()?.join(job.sha256, job.r2_key.as_deref()?)?;
        Some(Source::Shared { reader, joined: true })
    }

    fn first_call(&self, job: &PrewarmJob, grant: Grant, route: Route, reason: Reason) -> Call {
        let named = job.chat_ids.get(grant.chat).cloned().unwrap_or_default();
        let migrated = self.migrations.of(&named).map(|to| Migrated { from: named.clone(), to });
        let chat_id = migrated.as_ref().map_or(named, |migrated| migrated.to.clone());
        Call { chat_id, kind: job.kind, kind_reason: None, route, reason, nonce: false, migrated }
    }

    /// Remembers what a refusal says about more than its own job.
    pub(super) fn learn(&self, call: &Call, refused: &Refused) {
        if let Cause::Migrated(to) = refused.cause {
            self.migrations.learn(&call.chat_id, &to.to_string());
        }
    }
}
