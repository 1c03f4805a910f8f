//! The bytes of one object, while they come and after.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::{room::Room, spool::Spool};
use crate::{
    error::{Code, Error, Result},
    pipeline::digest::Sha256Digest,
    s3::{Meta, Object, Version},
};

/// How much goes to the disk at once: each time is a hop to another thread.
const SPOOL_PIECE: usize = 256 * 1024;

/// What there is to read at a place.
pub enum Look {
    /// These bytes.
    Piece(Bytes),
    /// This many bytes, on the disk.
    Spooled(Spool, usize),
    /// Nothing yet: whoever is here fetches.
    Frontier,
    /// All bytes have been read.
    End,
    /// The download cannot go on.
    Dead(Error),
    /// The bytes behind this place are no longer kept: from here on everybody reads alone. With the hash of all before.
    Alone(Sha256),
}

enum State {
    Growing,
    Complete {
        right: bool,
    },
    Dead(Error),
    /// The disk failed.
    Alone(Sha256),
}

struct Bytelist {
    /// What is in memory: place and bytes, in order, up to `received`.
    pieces: VecDeque<(u64, Bytes)>,
    /// Everything before this is on the disk.
    spooled: u64,
    received: u64,
    state: State,
}

/// What fetches the next bytes. Whoever holds it is the one who reads from the store.
pub struct Download {
    /// The connection; gone once its holder reads alone.
    object: Option<Object>,
    hash: Sha256,
}

/// One object.
pub struct Entry {
    key: String,
    meta: Meta,
    sha256: Sha256Digest,
    /// For readers who have to go on alone.
    version: Option<Version>,
    bytes: Mutex<Bytelist>,
    /// One fetches at a time.
    pub download: tokio::sync::Mutex<Download>,
    spool: Option<Spool>,
    _room: Room,
}

impl Entry {
    /// An entry that will hold `object`.
    pub fn new(object: Object, sha256: Sha256Digest, spool: Option<Spool>, room: Room) -> Self {
        let bytes = Bytelist { pieces: VecDeque::new(), spooled: 0, received: 0, state: State::Growing };
        Self {
            key: object.key().to_owned(),
            meta: object.meta().clone(),
            sha256,
            version: object.version(),
            bytes: Mutex::new(bytes),
            download: tokio::sync::Mutex::new(Download { object: Some(object), hash: Sha256::new() }),
            spool,
            _room: room,
        }
    }

    /// The object's key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What the store told of the object.
    pub const fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Size in bytes.
    pub const fn len(&self) -> u64 {
        self.meta.len
    }

    /// Whether the bytes lie in memory.
    pub const fn in_memory(&self) -> bool {
        self.spool.is_none()
    }

    /// The sha256 it was asked by.
    pub const fn sha256(&self) -> Sha256Digest {
        self.sha256
    }

    /// Whether all bytes are here and have the sha256 they were asked by; `None` as long as they are not all here.
    pub fn is_right(&self) -> Option<bool> {
        match self.bytes.lock().state {
            State::Complete { right } => Some(right),
            _ => None,
        }
    }

    /// Whether a new reader could get all of the right bytes, as far as is known.
    pub fn is_joinable(&self) -> bool {
        matches!(self.bytes.lock().state, State::Growing | State::Complete { right: true })
    }

    /// What there is to read at `at`.
    pub fn look(&self, at: u64) -> Look {
        let bytes = self.bytes.lock();
        if at < bytes.spooled
            && let Some(spool) = &self.spool
        {
            let len = usize::try_from(bytes.spooled - at).unwrap_or(usize::MAX).min(SPOOL_PIECE);
            return Look::Spooled(spool.clone(), len);
        }
        if at < bytes.received {
            let index = bytes.pieces.partition_point(|(start, piece)| start + piece.len() as u64 <= at);
            return bytes.pieces.get(index).map_or_else(
                || Look::Dead(Error::new(Code::Internal, "the byte cache lost a piece")),
                |(start, piece)| Look::Piece(piece.slice(usize::try_from(at - start).unwrap_or(usize::MAX)..)),
            );
        }
        match &bytes.state {
            State::Complete { .. } => Look::End,
            State::Dead(error) => Look::Dead(error.clone()),
            State::Alone(hash) => Look::Alone(hash.clone()),
            State::Growing => Look::Frontier,
        }
    }

    /// A reader for the rest of the object, on a connection of its own.
    pub fn rest(&self, at: u64) -> Result<Object> {
        self.version.as_ref().map(|version| version.reader(at)).ok_or_else(|| {
            Error::new(
                Code::DownloadFailed,
                "the disk of the byte cache failed, and the object has no version to go on with",
            )
        })
    }

    /// The download is over, for everybody.
    pub fn die(&self, error: &Error) {
        self.bytes.lock().state = State::Dead(error.clone());
    }

    /// Puts fetched bytes at the end; true when they were the last.
    fn append(&self, piece: &Bytes, hash: &Sha256) -> bool {
        // A piece of the connection's buffer would keep all of it; on its way to the disk it does so for a moment only.
        let own = if self.spool.is_some() { piece.clone() } else { Bytes::copy_from_slice(piece) };
        let mut bytes = self.bytes.lock();
        let at = bytes.received;
        bytes.received += own.len() as u64;
        bytes.pieces.push_back((at, own));
        let complete = bytes.received >= self.meta.len;
        if complete {
            let right = Sha256Digest::of(hash.clone().finalize()) == self.sha256;
            bytes.state = State::Complete { right };
        }
        complete
    }

    /// Moves what is in memory to the disk, when it is much or the last. On failure the bytes stay where they are, nothing
    /// is kept from here on, and the answer is false.
    async fn spool_out(&self, complete: bool, hash: &Sha256) -> bool {
        let Some(spool) = &self.spool else { return true };
        let (at, pieces) = {
            let bytes = self.bytes.lock();
            let pending = bytes.received - bytes.spooled;
            if pending < SPOOL_PIECE as u64 && !complete {
                return true;
            }
            (bytes.spooled, bytes.pieces.iter().map(|(_, piece)| piece.clone()).collect::<Vec<_>>())
        };
        let end = at + pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        let written = spool.write(at, pieces).await;
        let mut bytes = self.bytes.lock();
        if written.is_ok() {
            bytes.spooled = end;
            bytes.pieces.retain(|(start, _)| *start >= end);
        } else if matches!(bytes.state, State::Growing) {
            bytes.state = State::Alone(hash.clone());
        }
        written.is_ok()
    }
}

/// Bytes that were fetched.
pub struct Fetched {
    /// The bytes.
    pub bytes: Bytes,
    /// Whether they were the last.
    pub complete: bool,
    /// Whether the disk failed: they are not kept.
    pub disk_failed: bool,
}

impl Download {
    /// Fetches the next bytes into `entry`. Dropping the future loses nothing: the next one goes on.
    ///
    /// # Errors
    /// Those of the store. A passing one is for the caller alone, who has tried long enough; the next one may try.
    pub async fn fetch(&mut self, entry: &Entry) -> Result<Fetched> {
        let Some(object) = &mut self.object else {
            return Err(Error::new(Code::Internal, "the byte cache lost its download"));
        };
        let bytes = match object.chunk().await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(Error::new(Code::Internal, "the byte cache asked for more than there is")),
            Err(error) => {
                let passing = matches!(error.code, Code::DownloadFailed | Code::DownloadTimeout | Code::S3Throttled)
                    || error.looks > 0;
                if passing && entry.meta.etag.is_some() {
                    object.forgive();
                } else {
                    entry.die(&error);
                }
                return Err(error);
            }
        };
        self.hash.update(&bytes);
        let complete = entry.append(&bytes, &self.hash);
        let kept = entry.spool_out(complete, &self.hash).await;
        Ok(Fetched { bytes, complete, disk_failed: !kept })
    }

    /// How often the read was resumed.
    pub fn resumes(&self) -> u32 {
        self.object.as_ref().map_or(0, Object::resumes)
    }

    /// Takes the connection, for its holder alone.
    pub const fn take(&mut self) -> Option<Object> {
        self.object.take()
    }

    /// The hash of what was fetched.
    pub fn hash(&self) -> Sha256 {
        self.hash.clone()
    }
}
