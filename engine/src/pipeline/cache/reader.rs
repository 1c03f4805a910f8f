//! One reader of a shared download.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{
    entry::{Entry, Fetched, Look},
    table::Slot,
};
use crate::{
    error::{Code, Error, Phase, Result},
    pipeline::digest::Sha256Digest,
    s3::{Meta, Object},
};

/// Reads a download from its beginning, together with others.
pub struct SharedReader {
    slot: Arc<Slot>,
    /// The key this reader would have read.
    key: Box<str>,
    at: u64,
    resumes: u32,
    /// Whether the last piece came from the store, and was not here already.
    fetched: bool,
    alone: Option<Box<Alone>>,
}

/// The rest of a download that is no longer kept.
struct Alone {
    object: Object,
    hash: Sha256,
}

/// Where a second reader of the same download reads.
pub enum Again {
    /// In the cache: all bytes are here.
    Here(SharedReader),
    /// In the store, on a connection of its own; nowhere when it has named no version.
    Store(Option<Box<Object>>),
}

impl SharedReader {
    /// A second reader that begins at `from`. What is not here yet it must not wait for: the first one fetches it.
    pub fn again(&self, from: u64) -> Again {
        let Some(entry) = self.slot.entry.get() else { return Again::Store(None) };
        if entry.is_right() != Some(true) {
            return Again::Store(entry.rest(from).ok().map(Box::new));
        }
        Again::Here(Self { at: from, ..Self::new(Arc::clone(&self.slot), &self.key) })
    }

    /// A reader of a slot that has its entry.
    pub(super) fn new(slot: Arc<Slot>, key: &str) -> Self {
        Self { slot, key: key.into(), at: 0, resumes: 0, fetched: false, alone: None }
    }

    fn entry(&self) -> Result<&Entry> {
        let lost = || Error::new(Code::Internal, "a shared download without an entry").at(Phase::Download);
        self.slot.entry.get().ok_or_else(lost)
    }

    /// What the store told of the object.
    pub fn meta(&self) -> Option<&Meta> {
        self.slot.entry.get().map(Entry::meta)
    }

    /// The version of the object that this reader would have read: unknown where the bytes are another one's.
    pub fn etag(&self) -> Option<&str> {
        let entry = self.slot.entry.get().filter(|entry| *entry.key() == *self.key)?;
        entry.meta().etag.as_deref()
    }

    /// Size in bytes.
    pub fn len(&self) -> u64 {
        self.meta().map_or(0, |meta| meta.len)
    }

    /// How often the download was resumed while this reader fetched.
    pub const fn resumes(&self) -> u32 {
        self.resumes
    }

    /// Whether the last piece came from the store, and was not here already.
    pub const fn fetched(&self) -> bool {
        self.fetched
    }

    /// Checks the bytes, once all have been read.
    ///
    /// # Errors
    /// `SHA256_MISMATCH`; `SOURCE_CHANGED` where the wrong bytes are another object's, so that this one's own may be right.
    pub fn verify(&self) -> Result<()> {
        let entry = self.entry()?;
        let right = match &self.alone {
            Some(alone) => Sha256Digest::of(alone.hash.clone().finalize()) == entry.sha256(),
            None => entry.is_right() == Some(true),
        };
        if right {
            return Ok(());
        }
        let (code, what) = if *self.key == *entry.key() {
            (Code::Sha256Mismatch, "the source's bytes do not have the job's sha256")
        } else {
            (Code::SourceChanged, "the shared download had wrong bytes; the object itself is read next")
        };
        Err(Error::new(code, what).at(Phase::Download))
    }

    /// The next bytes; `None` when all have been read.
    ///
    /// # Errors
    /// Those of the store; `DOWNLOAD_FAILED` for a disk that no longer reads.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        let piece = self.next().await.map_err(|error| error.at(Phase::Download))?;
        self.at += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        if self.at >= self.len() && self.alone.is_none() {
            // By everybody who gets here: the one who fetched the last byte may have been cancelled with it.
            match self.entry()?.is_right() {
                Some(true) => self.slot.keep(),
                _ => self.slot.close(),
            }
        }
        Ok(piece)
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        self.fetched = false;
        loop {
            if let Some(alone) = &mut self.alone {
                self.fetched = true;
                let piece = alone.object.chunk().await?;
                if let Some(bytes) = &piece {
                    alone.hash.update(bytes);
                }
                return Ok(piece);
            }
            let look = self.entry()?.look(self.at);
            match look {
                Look::Piece(bytes) => return Ok(Some(bytes)),
                Look::Spooled(spool, len) => {
                    let read = spool.read(self.at, len).await;
                    return read.map(Some).map_err(|error| {
                        self.slot.disk_failed();
                        Error::quoting(Code::DownloadFailed, "the byte cache could not be read", error.kind())
                    });
                }
                Look::End => return Ok(None),
                Look::Dead(error) => {
                    self.slot.close();
                    return Err(error);
                }
                Look::Alone(hash) => {
                    let object = self.entry()?.rest(self.at)?;
                    self.alone = Some(Box::new(Alone { object, hash }));
                }
                Look::Frontier => {
                    if let Some(piece) = self.fetch().await? {
                        self.fetched = true;
                        return Ok(Some(piece));
                    }
                }
            }
        }
    }

    /// Fetches, unless somebody else did in the meantime.
    async fn fetch(&mut self) -> Result<Option<Bytes>> {
        let slot = Arc::clone(&self.slot);
        let Some(entry) = slot.entry.get() else { return Ok(None) };
        let mut download = entry.download.lock().await;
        if !matches!(entry.look(self.at), Look::Frontier) {
            return Ok(None);
        }
        let before = download.resumes();
        let fetched = download.fetch(entry).await;
        self.resumes += download.resumes().saturating_sub(before);
        match fetched {
            Ok(Fetched { bytes, complete, disk_failed }) => {
                if disk_failed {
                    slot.disk_failed();
                    if !complete && let Some(object) = download.take() {
                        self.alone = Some(Box::new(Alone { object, hash: download.hash() }));
                    }
                }
                Ok(Some(bytes))
            }
            Err(error) => {
                if matches!(entry.look(self.at), Look::Dead(_)) {
                    slot.close();
                }
                Err(error)
            }
        }
    }
}
