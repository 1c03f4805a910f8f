//! Files to the bucket, each with its own promise.

use std::sync::Arc;

use napi::{Env, bindgen_prelude::Object};
use napi_derive::napi;
use serde::Deserialize;
use warmpath_engine::{
    clock::{Clock, SystemClock},
    error::{Code, Error},
    http::{Client, HttpOptions, Timeouts},
    s3::{FileJob, FileUpload, S3, S3Options, Uploaded},
};

use crate::{
    errors::{Result, exception, parse},
    settle::{failure, promise},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Options {
    s3: S3Options,
    #[serde(default)]
    timeouts: Timeouts,
    #[serde(default)]
    http: HttpOptions,
}

/// What an upload resolves with: one of the two, as JSON.
#[napi(object, object_from_js = false)]
pub struct UploadResult {
    pub value: Option<String>,
    pub error: Option<String>,
}

impl From<std::result::Result<Uploaded, Error>> for UploadResult {
    fn from(done: std::result::Result<Uploaded, Error>) -> Self {
        let told = done.and_then(|uploaded| {
            serde_json::to_string(&uploaded).map_err(|_| Error::new(Code::Internal, "an outcome that is no JSON"))
        });
        match told {
            Ok(value) => Self { value: Some(value), error: None },
            Err(error) => Self { value: None, error: Some(failure(&error)) },
        }
    }
}

#[napi]
pub struct NativeUploader(S3);

#[napi]
impl NativeUploader {
    #[napi(constructor, catch_unwind)]
    pub fn new(options: String) -> Result<Self> {
        let options: Options = parse(options, Code::InvalidOption)?;
        let client = Client::new(&options.http, &options.timeouts).map_err(exception)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        S3::new(options.s3, &client, options.timeouts, clock).map(Self).map_err(exception)
    }

    /// Takes the job as JSON; nothing happens before `run`.
    #[napi(catch_unwind)]
    pub fn file(&self, job: String) -> Result<NativeFileUpload> {
        let job: FileJob = parse(job, Code::InvalidArgument)?;
        Ok(NativeFileUpload(FileUpload::new(self.0.clone(), job)))
    }
}

#[napi]
pub struct NativeFileUpload(FileUpload);

#[napi]
impl NativeFileUpload {
    #[napi(catch_unwind, ts_return_type = "Promise<UploadResult>")]
    pub fn run<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let upload = self.0.clone();
        promise(env, async move { upload.run().await }, UploadResult::from)
    }

    /// Bytes that the store has.
    #[napi(catch_unwind)]
    pub fn sent(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "files end long before 2^53 bytes")]
        let sent = self.0.sent() as f64;
        sent
    }

    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.0.cancel();
    }
}
