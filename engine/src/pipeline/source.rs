//! Where the bytes of a job come from: an object of the bucket, read alone or together with other jobs, or a local file.

use std::io::SeekFrom;

use bytes::{Bytes, BytesMut};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};

use super::{
    PrewarmJob,
    cache::{Again, Cache, Opened, SharedReader},
    digest::Sha256Digest,
};
use crate::{
    error::{Code, Error, Phase, Result},
    s3::{Meta, Object, S3},
};

/// A file is read in pieces of this size: each is a hop to another thread.
const FILE_PIECE: usize = 256 * 1024;

/// Bytes with a known length, read piece by piece.
pub enum Source {
    /// From the bucket.
    Object(Box<Object>),
    /// From a download that other jobs share.
    Shared {
        /// This job's place in it.
        reader: SharedReader,
        /// Whether it was another job's before.
        joined: bool,
    },
    /// From the disk.
    File {
        /// The open file.
        file: File,
        /// Its size when it was opened.
        len: u64,
        /// What has been read of it.
        received: u64,
    },
}

impl Source {
    /// Opens the job's source.
    pub async fn open(s3: &S3, cache: Option<&Cache>, job: &PrewarmJob) -> Result<Self> {
        match (&job.r2_key, &job.path) {
            (Some(key), _) => Self::object(s3, cache, key, job.sha256).await,
            (None, Some(path)) => open_file(path).await.map_err(|error| error.at(Phase::Download)),
            (None, None) => Err(Error::new(Code::InvalidJob, "the job has no source").at(Phase::Queue)),
        }
    }

    async fn object(s3: &S3, cache: Option<&Cache>, key: &str, sha256: Sha256Digest) -> Result<Self> {
        let Some(cache) = cache else { return Ok(Self::Object(Box::new(s3.open(key).await?))) };
        Ok(match cache.open(s3, sha256, key, None).await? {
            Opened::Shared { reader, joined } => Self::Shared { reader, joined },
            Opened::Alone(object) => Self::Object(object),
        })
    }

    /// Another reader of the same bytes that begins at `from`; `None` where the store has named no version, so that two reads
    /// could be of two. `path` is the job's, for a file.
    pub fn again<'p>(&self, path: Option<&'p str>, from: u64) -> impl Future<Output = Result<Option<Self>>> + use<'p> {
        let (other, len) = match self {
            Self::Object(object) => (object.version().map(|version| Self::Object(Box::new(version.reader(from)))), 0),
            Self::Shared { reader, joined } => match reader.again(from) {
                Again::Here(reader) => (Some(Self::Shared { reader, joined: *joined }), 0),
                Again::Store(object) => (object.map(Self::Object), 0),
            },
            Self::File { len, .. } => (None, *len),
        };
        async move {
            let Some(path) = path.filter(|_| other.is_none()) else { return Ok(other) };
            let mut file = File::open(path).await.map_err(|error| unreadable(&error))?;
            file.seek(SeekFrom::Start(from)).await.map_err(|error| unreadable(&error))?;
            Ok(Some(Self::File { file, len, received: from }))
        }
    }

    /// Size in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Object(object) => object.len(),
            Self::Shared { reader, .. } => reader.len(),
            Self::File { len, .. } => *len,
        }
    }

    /// What the store told of the object.
    pub fn meta(&self) -> Option<&Meta> {
        match self {
            Self::Object(object) => Some(object.meta()),
            Self::Shared { reader, .. } => reader.meta(),
            Self::File { .. } => None,
        }
    }

    /// The content type it was stored with.
    pub fn content_type(&self) -> Option<&str> {
        self.meta()?.content_type.as_deref()
    }

    /// The object's version.
    pub fn etag(&self) -> Option<&str> {
        match self {
            Self::Object(object) => object.meta().etag.as_deref(),
            Self::Shared { reader, .. } => reader.etag(),
            Self::File { .. } => None,
        }
    }

    /// How often bytes that turn out wrong are read again: what a store names no version of is perhaps not the store's, and
    /// even what it does name may have suffered on its way. A file of this machine is what it is.
    pub fn looks(&self) -> u8 {
        match self.meta() {
            None => 0,
            Some(meta) if meta.etag.is_some() => 1,
            Some(_) => 2,
        }
    }

    /// Whether another job had these bytes, or was getting them.
    pub const fn is_joined(&self) -> bool {
        matches!(self, Self::Shared { joined: true, .. })
    }

    /// Whether the last piece was read from the source itself, and not out of the byte cache.
    pub const fn fetched(&self) -> bool {
        match self {
            Self::Shared { reader, .. } => reader.fetched(),
            Self::Object(_) | Self::File { .. } => true,
        }
    }

    /// How often the read was resumed.
    pub fn resumes(&self) -> u32 {
        match self {
            Self::Object(object) => object.resumes(),
            Self::Shared { reader, .. } => reader.resumes(),
            Self::File { .. } => 0,
        }
    }

    /// The next piece; `None` when all [`Source::len`] bytes have been read.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        match self {
            Self::Object(object) => object.chunk().await,
            Self::Shared { reader, .. } => reader.chunk().await,
            Self::File { file, len, received } => {
                let left = usize::try_from(*len - *received).unwrap_or(usize::MAX).min(FILE_PIECE);
                if left == 0 {
                    return Ok(None);
                }
                let mut piece = BytesMut::with_capacity(left);
                let got = file.take(left as u64).read_buf(&mut piece).await.map_err(|error| unreadable(&error))?;
                if got == 0 {
                    return Err(Error::new(Code::SourceChanged, "the file became shorter while it was being read")
                        .at(Phase::Download));
                }
                *received += got as u64;
                Ok(Some(piece.freeze()))
            }
        }
    }
}

async fn open_file(path: &str) -> Result<Source> {
    let file = File::open(path).await.map_err(|error| unreadable(&error))?;
    let metadata = file.metadata().await.map_err(|error| unreadable(&error))?;
    if !metadata.is_file() {
        return Err(Error::new(Code::SourceNotFound, "the path is not a file"));
    }
    Ok(Source::File { file, len: metadata.len(), received: 0 })
}

fn unreadable(error: &std::io::Error) -> Error {
    let code = if error.kind() == std::io::ErrorKind::NotFound { Code::SourceNotFound } else { Code::DownloadFailed };
    Error::quoting(code, "the file could not be read", error.kind()).at(Phase::Download)
}
