//! Whole objects, for the routes that want a Buffer: reading and writing through the engine's S3 client.

use std::sync::Arc;

use bytes::Bytes;
use napi::{
    Env,
    bindgen_prelude::{Buffer, Object, Uint8Array},
};
use napi_derive::napi;
use serde::Deserialize;
use warmpath_engine::{
    clock::{Clock, SystemClock},
    error::Code,
    http::{Client, HttpOptions, Timeouts},
    s3::{S3, S3Options},
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

/// What a read resolves with: one of the two.
#[napi(object, object_from_js = false)]
pub struct ReadResult {
    pub data: Option<Buffer>,
    pub error: Option<String>,
}

/// What a write resolves with: one of the two.
#[napi(object, object_from_js = false)]
pub struct WriteResult {
    pub etag: Option<String>,
    pub error: Option<String>,
}

#[napi]
pub struct NativeS3(S3);

#[napi]
impl NativeS3 {
    #[napi(constructor, catch_unwind)]
    pub fn new(options: String) -> Result<Self> {
        let options: Options = parse(options, Code::InvalidOption)?;
        let client = Client::new(&options.http, &options.timeouts).map_err(exception)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        S3::new(options.s3, &client, options.timeouts, clock).map(Self).map_err(exception)
    }

    #[napi(catch_unwind, ts_return_type = "Promise<ReadResult>")]
    pub fn get<'env>(&self, env: &'env Env, key: String) -> napi::Result<Object<'env>> {
        let s3 = self.0.clone();
        promise(env, async move { s3.read(&key).await }, |read| match read {
            Ok(bytes) => ReadResult { data: Some(Vec::from(bytes).into()), error: None },
            Err(error) => ReadResult { data: None, error: Some(failure(&error)) },
        })
    }

    #[napi(catch_unwind, ts_return_type = "Promise<WriteResult>")]
    pub fn put<'env>(
        &self,
        env: &'env Env,
        key: String,
        data: Uint8Array,
        content_type: Option<String>,
    ) -> napi::Result<Object<'env>> {
        let s3 = self.0.clone();
        let body = Bytes::copy_from_slice(&data);
        promise(env, async move { s3.put(&key, body, content_type.as_deref()).await }, |written| match written {
            Ok(etag) => WriteResult { etag: Some(etag), error: None },
            Err(error) => WriteResult { etag: None, error: Some(failure(&error)) },
        })
    }
}
