//! A file of the disk to an object: hashed first, so that the object says what it holds and a second run need not send it again.

use std::{
    fs::Metadata,
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use bytes::BytesMut;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{PART_BYTES, S3, Upload, UploadOptions, Written};
use crate::{
    error::{Code, Error, Phase, Result},
    media::{sniff::sniff, verdict::effective},
};

/// What is read at once.
const PIECE: usize = 256 * 1024;

/// A file and where it goes, as it comes through the door.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileJob {
    /// The file.
    pub path: PathBuf,
    /// The object's key.
    pub key: String,
    /// Content type it is stored with; by default what the first bytes say.
    #[serde(default)]
    pub content_type: Option<String>,
    /// Metadata; see [`UploadOptions::metadata`].
    #[serde(default)]
    pub metadata: Vec<(String, String)>,
    /// Leave an object alone that has this size and sha256, and clear away what an earlier run has begun.
    pub resume: bool,
    /// Replace an object that is another one.
    pub overwrite: bool,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stored {
    /// It was sent.
    Uploaded,
    /// It was there already.
    Skipped,
}

/// A file that is in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Uploaded {
    /// What had to be done.
    pub status: Stored,
    /// Size in bytes.
    pub bytes: u64,
    /// Hash of the whole, lower-case hex.
    pub sha256: String,
    /// The version in the store.
    pub etag: Option<String>,
    /// Parts it was sent in; 0 for none.
    pub parts: u32,
    /// Content type it was sent with; absent when nothing was sent.
    pub content_type: Option<String>,
}

/// Files that are hashed at the same time. The threads for blocking work are few, and look-ups of names wait for them too.
static HASHING: Semaphore = Semaphore::const_new(4);

/// What must be the same at the end of a read as it was at the beginning.
type Stamp = (u64, Option<SystemTime>);

fn stamp(metadata: &Metadata) -> Stamp {
    (metadata.len(), metadata.modified().ok())
}

/// A file that has been read once.
struct Hashed {
    file: std::fs::File,
    stamp: Stamp,
    sha256: String,
    content_type: String,
}

/// A file on its way, for whoever waits for it, watches it or stops it. Clones are the same.
#[derive(Clone)]
pub struct FileUpload(Arc<Shared>);

struct Shared {
    s3: S3,
    job: FileJob,
    sent: AtomicU64,
    stop: CancellationToken,
}

impl FileUpload {
    /// Nothing happens before [`FileUpload::run`].
    #[must_use]
    pub fn new(s3: S3, job: FileJob) -> Self {
        Self(Arc::new(Shared { s3, job, sent: AtomicU64::new(0), stop: CancellationToken::new() }))
    }

    /// Stores the file.
    ///
    /// # Errors
    /// As [`S3::upload_file`].
    pub async fn run(&self) -> Result<Uploaded> {
        let Shared { s3, job, sent, stop } = &*self.0;
        s3.upload_file(job, sent, stop).await
    }

    /// Bytes of it that the store has.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// Breaks it off: it fails with `CANCELLED` once its parts are removed.
    pub fn cancel(&self) {
        self.0.stop.cancel();
    }
}

impl S3 {
    /// Stores a file. `sent` counts the bytes of it that the store has; `stop` breaks off, and what was begun is aborted first.
    ///
    /// # Errors
    /// `SOURCE_NOT_FOUND`, `DOWNLOAD_FAILED` (the file cannot be read), `SOURCE_CHANGED` (while it was read), `CANCELLED`,
    /// `S3_REJECTED` (another object is there and `overwrite` is false), and those of [`Upload::write`].
    pub async fn upload_file(&self, job: &FileJob, sent: &AtomicU64, stop: &CancellationToken) -> Result<Uploaded> {
        let cancelled = || Error::new(Code::Cancelled, "the upload was cancelled").at(Phase::Upload);
        let prepared = stop.run_until_cancelled(self.prepare(job, stop.clone())).await.ok_or_else(cancelled)?;
        let (hashed, mut upload) = match prepared? {
            Prepared::There(uploaded) => {
                sent.store(uploaded.bytes, Ordering::Relaxed);
                return Ok(uploaded);
            }
            Prepared::Needed(hashed, upload) => (hashed, upload),
        };
        let (stamp, sha256, content_type) = (hashed.stamp, hashed.sha256, hashed.content_type);
        let store = async {
            pump(hashed.file, stamp, &mut upload, sent).await?;
            upload.seal().await
        };
        let stored = stop.run_until_cancelled(store).await;
        let Some(Ok(Written { etag, bytes, parts, existed })) = stored else {
            // Whoever hears of the failure may count on it that nothing is left.
            upload.abort().await;
            return Err(stored.and_then(Result::err).unwrap_or_else(cancelled));
        };
        sent.store(bytes, Ordering::Relaxed);
        let status = if existed { Stored::Skipped } else { Stored::Uploaded };
        Ok(Uploaded { status, bytes, sha256, etag, parts, content_type: Some(content_type) })
    }

    async fn prepare(&self, job: &FileJob, stop: CancellationToken) -> Result<Prepared> {
        let (path, declared) = (job.path.clone(), job.content_type.clone());
        let turn = HASHING.acquire().await;
        let hashed = off_thread(move || hash(&path, declared, &stop)).await?;
        drop(turn);
        let (bytes, _) = hashed.stamp;
        if job.resume
            && let Some(there) = self.stat(&job.key).await.map_err(|error| error.at(Phase::Upload))?
            && there.len == Some(bytes)
            && there.sha256.as_deref() == Some(&hashed.sha256)
        {
            let Hashed { sha256, .. } = hashed;
            return Ok(Prepared::There(Uploaded {
                status: Stored::Skipped,
                bytes,
                sha256,
                etag: there.etag,
                parts: 0,
                content_type: None,
            }));
        }
        // A process that was killed could not clear away what it had begun. Its parts cannot be told from those of another version
        // of the file by anything that every store shows, so they are sent again rather than trusted.
        if job.resume && bytes > PART_BYTES as u64 {
            self.abort_begun(&job.key).await;
        }
        let options = UploadOptions {
            content_type: Some(hashed.content_type.clone()),
            metadata: job.metadata.clone(),
            sha256: Some(hashed.sha256.clone()),
            len: Some(bytes),
            if_absent: !job.overwrite,
        };
        let upload = self.upload(&job.key, options).map_err(|error| error.at(Phase::Upload))?;
        Ok(Prepared::Needed(hashed, Box::new(upload)))
    }
}

enum Prepared {
    There(Uploaded),
    Needed(Hashed, Box<Upload>),
}

/// Reads a file to its end: its hash, its type, and the open file to be read again.
fn hash(path: &std::path::Path, declared: Option<String>, stop: &CancellationToken) -> Result<Hashed> {
    // Looked at before it is opened: opening a pipe waits for whoever writes into it.
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(&error))?;
    if !metadata.is_file() {
        return Err(Error::new(Code::SourceNotFound, "the path is not a file").at(Phase::Download));
    }
    let mut file = std::fs::File::open(path).map_err(|error| unreadable(&error))?;
    let stamp = stamp(&file.metadata().map_err(|error| unreadable(&error))?);
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE];
    let mut found = None;
    let mut read = 0_u64;
    loop {
        if stop.is_cancelled() {
            return Err(Error::new(Code::Cancelled, "the upload was cancelled"));
        }
        let got = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(&error)),
        };
        let bytes = piece.get(..got).unwrap_or_default();
        if read == 0 {
            found = sniff(bytes);
        }
        read += got as u64;
        hash.update(bytes);
    }
    if read != stamp.0 {
        return Err(changed());
    }
    file.seek(SeekFrom::Start(0)).map_err(|error| unreadable(&error))?;
    let content_type = declared.unwrap_or_else(|| effective(None, found));
    Ok(Hashed { file, stamp, sha256: hex::encode(hash.finalize()), content_type })
}

/// The second reading, to the store. What was hashed and what is sent are the same file in the same state, or it fails.
async fn pump(file: std::fs::File, stamp: Stamp, upload: &mut Upload, sent: &AtomicU64) -> Result<()> {
    use tokio::io::AsyncReadExt;
    let mut file = tokio::fs::File::from_std(file);
    file.set_max_buf_size(PIECE);
    let mut left = stamp.0;
    let mut piece = BytesMut::with_capacity(PIECE);
    while left > 0 {
        piece.clear();
        let got = file.read_buf(&mut piece).await.map_err(|error| unreadable(&error))? as u64;
        if got == 0 || got > left {
            return Err(changed());
        }
        left -= got;
        upload.write(&piece).await?;
        sent.store(upload.stored(), Ordering::Relaxed);
    }
    let metadata = file.metadata().await.map_err(|error| unreadable(&error))?;
    if self::stamp(&metadata) == stamp { Ok(()) } else { Err(changed()) }
}

fn changed() -> Error {
    Error::new(Code::SourceChanged, "the file changed while it was being read").at(Phase::Download)
}

fn unreadable(error: &std::io::Error) -> Error {
    let code = if error.kind() == std::io::ErrorKind::NotFound { Code::SourceNotFound } else { Code::DownloadFailed };
    Error::quoting(code, "the file could not be read", error.kind()).at(Phase::Download)
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let gone = |_| Error::new(Code::Internal, "the file was not read");
    tokio::task::spawn_blocking(work).await.map_err(gone)?
}
