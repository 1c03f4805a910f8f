//! Where the bytes of a medium come from, opened.

use std::{io::ErrorKind, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{fs::File, io::AsyncReadExt, time::Instant};

use super::base64::Decoder;
use crate::{
    error::{Code, Error, Phase, Result},
    http::{Timeouts, guard::Fetched},
    s3::Object,
};

/// What is read at once of a file, or cut off bytes that are here.
const PIECE: usize = 256 * 1024;

/// Bytes that are read piece by piece.
pub enum Source {
    /// From a web server.
    Web(Box<Fetched>),
    /// From the bucket.
    Object {
        /// The open object.
        object: Box<Object>,
        /// Spent waiting for the store.
        waited: Duration,
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
    /// The job brought them.
    Bytes(Bytes),
    /// The job brought them, as text.
    Base64(Decoder),
}

impl Source {
    /// Opens a local file.
    ///
    /// # Errors
    /// `SOURCE_NOT_FOUND`, `DOWNLOAD_FAILED`.
    pub async fn file(path: &str) -> Result<Self> {
        let not_a_file = || Error::new(Code::SourceNotFound, "the path is not a file").at(Phase::Download);
        // Looked at before it is opened: to open a pipe is to wait for somebody to write into it.
        let found = tokio::fs::metadata(path).await.map_err(|error| unreadable(&error))?;
        if !found.is_file() {
            return Err(not_a_file());
        }
        let file = File::open(path).await.map_err(|error| unreadable(&error))?;
        let len = file.metadata().await.map_err(|error| unreadable(&error))?.len();
        Ok(Self::File { file, len, received: 0 })
    }

    /// How many bytes will come, where that is known.
    pub fn len(&self) -> Option<u64> {
        match self {
            Self::Web(fetched) => fetched.len(),
            Self::Object { object, .. } => Some(object.len()),
            Self::File { len, .. } => Some(*len),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Base64(_) => None,
        }
    }

    /// What the other side says the medium is.
    pub fn content_type(&self) -> Option<&str> {
        match self {
            Self::Web(fetched) => fetched.content_type(),
            Self::Object { object, .. } => object.content_type(),
            Self::File { .. } | Self::Bytes(_) | Self::Base64(_) => None,
        }
    }

    /// How often the read was resumed.
    pub fn resumes(&self) -> u32 {
        match self {
            Self::Web(fetched) => fetched.resumes(),
            Self::Object { object, .. } => object.resumes(),
            Self::File { .. } | Self::Bytes(_) | Self::Base64(_) => 0,
        }
    }

    /// The next piece; `None` at the end. Empty ones do not come.
    ///
    /// # Errors
    /// Those of the source.
    pub async fn chunk(&mut self, timeouts: &Timeouts) -> Result<Option<Bytes>> {
        match self {
            // It keeps the time itself.
            Self::Web(fetched) => match fetched.chunk().await? {
                None if fetched.received() == 0 => Err(without_bytes()),
                piece => Ok(piece),
            },
            Self::Object { object, waited } => {
                let left = timeouts.transfer(object.len()).saturating_sub(*waited);
                let before = Instant::now();
                let piece = tokio::time::timeout(left, object.chunk()).await;
                *waited += before.elapsed();
                piece.unwrap_or_else(|_| {
                    let message = "the transfer was slower than timeouts.minBytesPerSecond allows";
                    Err(Error::new(Code::DownloadTimeout, message).at(Phase::Download))
                })
            }
            Self::File { file, len, received } => read(file, *len, received).await,
            Self::Bytes(bytes) if bytes.is_empty() => Ok(None),
            Self::Bytes(bytes) => {
                // Nothing here waits by itself, and others have work for this thread.
                tokio::task::yield_now().await;
                Ok(Some(bytes.split_to(bytes.len().min(PIECE))))
            }
            Self::Base64(decoder) => {
                tokio::task::yield_now().await;
                decoder.piece()
            }
        }
    }
}

/// An answer without bytes is a fault of the server: nobody sends a medium of none.
pub fn without_bytes() -> Error {
    Error::new(Code::DownloadFailed, "the server of the URL answered with an empty file").at(Phase::Download)
}

async fn read(file: &mut File, len: u64, received: &mut u64) -> Result<Option<Bytes>> {
    let left = usize::try_from(len - *received).unwrap_or(usize::MAX).min(PIECE);
    if left == 0 {
        return Ok(None);
    }
    let mut piece = BytesMut::with_capacity(left);
    let got = file.take(left as u64).read_buf(&mut piece).await.map_err(|error| unreadable(&error))?;
    if got == 0 {
        let message = "the file became shorter while it was being read";
        return Err(Error::new(Code::SourceChanged, message).at(Phase::Download));
    }
    *received += got as u64;
    Ok(Some(piece.freeze()))
}

fn unreadable(error: &std::io::Error) -> Error {
    let code = if error.kind() == ErrorKind::NotFound { Code::SourceNotFound } else { Code::DownloadFailed };
    Error::quoting(code, "the file could not be read", error.kind()).at(Phase::Download)
}
