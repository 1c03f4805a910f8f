//! The ingest executor.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use napi::bindgen_prelude::{Either, Function, Uint8Array};
use napi_derive::napi;
use serde::Serialize;
use serde_json::json;
use warmpath_engine::{
    clock::SystemClock,
    error::{Code, Error},
    executor::{Outcome, Snapshot},
    pipeline::{Directory, Held, Ingest, IngestJob, IngestOptions, IngestValue, Payload, SourceSpec},
};

use crate::{
    door::Latin,
    errors::{Result, exception, parse},
    executor_class,
    face::{self, Face},
};

/// A job that was refused because of what its bytes take; the number of [`Face::submit`] for a full queue.
const FULL: u32 = 3;

/// What `stats()` answers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    #[serde(flatten)]
    executor: Snapshot,
    held_bytes: u64,
}

#[napi]
pub struct NativeIngest {
    face: Face<Ingest>,
    directory: Directory,
    /// Bytes that jobs have brought along and that are not settled.
    held: Arc<AtomicU64>,
    most_held: u64,
}

executor_class!(NativeIngest, handed_over);

/// From here on a temporary file belongs to who is told of it.
fn handed_over(outcome: Outcome<IngestValue>) -> Outcome<IngestValue> {
    if let Some(value) = &outcome.value {
        value.handed_over();
    }
    outcome
}

#[napi]
impl NativeIngest {
    #[napi(constructor, catch_unwind)]
    pub fn new(
        options: String,
        capacity_bytes: f64,
        #[napi(ts_arg_type = "() => void")] wake: Function<'_, (), ()>,
    ) -> Result<Self> {
        let options: IngestOptions = parse(options, Code::InvalidOption)?;
        let limits = options.executor();
        let mut directory = Directory::new(None);
        let face = Face::new(&wake, &limits, |_| {
            let pipeline = Ingest::new(options, Arc::new(SystemClock))?;
            directory = pipeline.directory();
            Ok(pipeline)
        })?;
        // `as` saturates, and knows no NaN.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked in JavaScript")]
        let most_held = capacity_bytes as u64;
        Ok(Self { face, directory, held: Arc::default(), most_held })
    }

    /// Per job as every executor; `payloads` are the bytes and texts of those jobs that bring some, in their order. Each is
    /// copied once, here: JavaScript may do with its own what it likes. Texts are ASCII.
    #[napi(catch_unwind)]
    pub fn submit_many(
        &self,
        jobs: String,
        #[napi(ts_arg_type = "Array<Uint8Array | string>")] payloads: Vec<Either<Uint8Array, Latin>>,
    ) -> Result<Vec<u32>> {
        let mut jobs: Vec<IngestJob> = parse(jobs, Code::InvalidJob)?;
        let mut payloads = payloads.into_iter();
        let mut fits = Vec::with_capacity(jobs.len());
        for job in &mut jobs {
            let brings = matches!(job.source, SourceSpec::Base64 | SourceSpec::Bytes);
            fits.push(!brings || self.attach(job, payloads.next())?);
        }
        let accepted: Vec<IngestJob> =
            jobs.into_iter().zip(&fits).filter(|(_, fits)| **fits).map(|(job, _)| job).collect();
        accepted.iter().try_for_each(IngestJob::validate).map_err(exception)?;
        let mut answers = self.face.submit(accepted).into_iter();
        Ok(fits.into_iter().map(|fits| if fits { answers.next().unwrap_or(FULL) } else { FULL }).collect())
    }

    /// The last job is settled, and no other one comes.
    #[napi(catch_unwind)]
    pub fn release(&self) {
        self.directory.release();
    }

    #[napi(catch_unwind)]
    pub fn stats(&self) -> Result<String> {
        face::json(&Stats { executor: self.face.executor.stats(), held_bytes: self.held.load(Ordering::Relaxed) })
    }

    #[napi(catch_unwind)]
    pub fn list(&self) -> Result<String> {
        let jobs: Vec<_> = self
            .face
            .executor
            .list()
            .into_iter()
            .map(|(job, place, since)| {
                let session = Some(&job.session).filter(|session| !session.is_empty());
                let since = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
                json!({ "key": job.key, "session": session, "state": place, "sinceMs": since })
            })
            .collect();
        face::json(&jobs)
    }
}

impl NativeIngest {
    /// Gives a job its bytes; false where there is no room for them.
    fn attach(&self, job: &mut IngestJob, payload: Option<Either<Uint8Array, Latin>>) -> Result<bool> {
        let missing = || exception(Error::new(Code::InvalidJob, "source: the payload is missing"));
        let payload = payload.ok_or_else(missing)?;
        let len = match &payload {
            Either::A(bytes) => bytes.len(),
            Either::B(text) => text.0.len(),
        };
        let Some(held) = Held::take(&self.held, len as u64, self.most_held) else { return Ok(false) };
        let bytes = match payload {
            Either::A(bytes) => Bytes::copy_from_slice(&bytes),
            Either::B(text) => Bytes::from(text.0),
        };
        job.payload = Some(Payload { bytes, held: Arc::new(held) });
        Ok(true)
    }
}
