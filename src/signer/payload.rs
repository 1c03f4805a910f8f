//! SHA-256 of payloads, off the event loop.

use std::{io::Read, sync::Arc};

use napi::{
    Env,
    bindgen_prelude::{Object, Uint8Array},
};
use napi_derive::napi;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use warmpath_engine::{
    error::{Code, Error},
    runtime,
};

use crate::settle::{failure, promise};

/// What is read from a file at once.
const CHUNK: usize = 256 * 1024;

/// What hashing resolves with: one of the two (an update with none of them).
#[napi(object, object_from_js = false)]
pub struct HashResult {
    pub hex: Option<String>,
    pub error: Option<String>,
}

impl HashResult {
    fn from(result: Result<String, Error>) -> Self {
        match result {
            Ok(hex) => Self { hex: Some(hex), error: None },
            Err(error) => Self { hex: None, error: Some(failure(&error)) },
        }
    }
}

/// A hash that grows by chunks, each taken in on another thread.
#[napi]
#[derive(Default)]
pub struct NativeHasher(Arc<Mutex<Sha256>>);

#[napi]
impl NativeHasher {
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a copy of the chunk. The caller waits for the promise before the next one, or the order is lost.
    #[napi(catch_unwind, ts_return_type = "Promise<HashResult>")]
    pub fn update<'env>(&self, env: &'env Env, chunk: Uint8Array) -> napi::Result<Object<'env>> {
        let hash = Arc::clone(&self.0);
        let bytes = chunk.to_vec();
        let work = off_thread(move || {
            hash.lock().update(&bytes);
            Ok(String::new())
        });
        promise(env, work, HashResult::from)
    }

    /// The hash of everything so far, lower-case hex.
    #[napi(catch_unwind)]
    pub fn digest(&self) -> String {
        hex(&self.0.lock().clone().finalize().into())
    }
}

/// The hash of a file.
#[napi(catch_unwind, ts_return_type = "Promise<HashResult>")]
pub fn hash_file(env: &Env, path: String) -> napi::Result<Object<'_>> {
    promise(env, off_thread(move || read(&path)), HashResult::from)
}

fn read(path: &str) -> Result<String, Error> {
    let failed = |error: std::io::Error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let code = if missing { Code::SourceNotFound } else { Code::DownloadFailed };
        Error::new(code, format!("the file could not be read: {}", error.kind()))
    };
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hash.finalize().into())),
            Ok(length) => hash.update(buffer.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

async fn off_thread(work: impl FnOnce() -> Result<String, Error> + Send + 'static) -> Result<String, Error> {
    let gone = |_| Error::new(Code::Internal, "the hash was not computed");
    match runtime::handle() {
        Ok(handle) => handle.spawn_blocking(work).await.map_err(gone)?,
        Err(error) => Err(error),
    }
}

fn hex(digest: &[u8; 32]) -> String {
    use std::fmt::Write;
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
