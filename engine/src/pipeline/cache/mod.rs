//! The byte cache: one download serves every bot that wants the same bytes, whether they ask at once or minutes apart.
//!
//! A download belongs to nobody. Whoever needs the next byte fetches it, and everybody behind reads what is there; so the
//! fastest upload sets the pace, a slow or dying one holds up nobody, and a download whose reader was cancelled is taken on
//! where it stopped. Small files lie in memory, large ones in a file of the disk that has no name (it cannot be left
//! behind), so memory stays flat at any size. What was read is hashed once, and an entry outlives its readers only when the
//! bytes have the sha256 they were asked by.
//!
//! **When bytes are kept.** With a cache every object is: whether another job will want the bytes is not known when the
//! first one reads them (bots are paced minutes apart, that is what the cache is for), and keeping them is cheap beside
//! what it saves. Measured on loopback (CPU of the client per job, 16 at once, verification on; 2 cores, medians of 5):
//!
//! | | alone, no cache | read and kept | found here | back after |
//! |---|---|---|---|---|
//! | 20 KB | 117 µs | 124 µs | 44 µs | 1 further bot |
//! | 1 MB (on the disk) | 1.3 ms | 2.4 ms | 0.58 ms | 2 |
//! | 20 MB | 34 ms | 48 ms | 8.1 ms | 1 |
//!
//! (What is found here is not hashed again.) Without a cache nothing of this runs. Where the caller knows that nobody else wants the bytes, it says so
//! ([`Cache::open`]'s `others`), and nothing is kept. Local files are not: the system's page cache has them.
//!
//! **Why not moka.** It evicts in its own time and may refuse an entry after it was put in; here the bytes must be
//! reserved before the download begins, an entry has a size before it has contents, and one in use must not be counted
//! as gone. What is left of a cache after that, a table and a clock, is this file.

mod entry;
mod reader;
mod room;
mod spool;
mod table;

use std::{path::PathBuf, sync::Arc};

use entry::Entry;
pub use reader::{Again, SharedReader};
use serde::{Deserialize, Serialize};
use spool::Spool;
use table::{Id, Table};

use crate::{
    error::{Error, Result},
    pipeline::digest::Sha256Digest,
    s3::{Object, S3},
};

/// Files up to this size are always kept in memory: a file of the disk costs some 300 µs, more than reading so small an object
/// again would.
const SMALL_FILE: u64 = 256 * 1024;

/// Files up to this size are kept in memory while there is room in it.
const MEMORY_FILE: u64 = 1 << 20;

/// All files in memory together.
const MEMORY_TOTAL: u64 = 64 << 20;

/// All files on the disk together: each is a descriptor.
const MOST_SPOOLS: usize = 512;

/// How much is kept, and for how long.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CacheOptions {
    /// All entries together, in memory and on the disk, those in use included; in bytes.
    pub max_bytes: u64,
    /// How long an entry is kept after its last byte came, in ms.
    #[serde(default = "five_minutes")]
    pub ttl_ms: u64,
    /// Directory of the files; the system's temporary directory when absent.
    #[serde(default)]
    pub dir: Option<PathBuf>,
}

const fn five_minutes() -> u64 {
    300_000
}

/// What a cache has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheSnapshot {
    /// Files that are here, or on their way.
    pub entries: usize,
    /// Bytes reserved for them.
    pub bytes: u64,
    /// Reads that joined another one's download.
    pub hits: u64,
    /// Downloads that were shared out.
    pub misses: u64,
    /// Downloads that were not: no room was left.
    pub bypassed: u64,
    /// Downloads that were not, or no longer: the disk failed.
    pub failures: u64,
}

/// A byte cache. Clones share everything.
#[derive(Clone)]
pub struct Cache {
    table: Arc<Table>,
    /// Whether every reader's bytes are verified: then one that expects the same bytes may join whatever object they come
    /// from, because a wrong object is found out.
    verified: bool,
}

/// An open download.
pub enum Opened {
    /// One that others may join. `joined`: it was another one's before.
    Shared {
        /// Reads it from its beginning.
        reader: SharedReader,
        /// Whether the bytes were here, or on their way, already.
        joined: bool,
    },
    /// One of the caller alone.
    Alone(Box<Object>),
}

/// Why a download is not shared.
enum Unshared {
    Failed(Error),
    Alone(Box<Object>),
}

impl Cache {
    /// An empty cache.
    #[must_use]
    pub fn new(options: CacheOptions, verified: bool) -> Self {
        Self { table: Arc::new(Table::new(options)), verified }
    }

    /// What makes two downloads the same.
    fn id(&self, sha256: Sha256Digest, key: &str) -> Id {
        Id { sha256, key: (!self.verified).then(|| key.into()) }
    }

    /// A reader of bytes that are here already, or on their way.
    #[must_use]
    pub fn join(&self, sha256: Sha256Digest, key: &str) -> Option<SharedReader> {
        let slot = self.table.find(&self.id(sha256, key))?;
        slot.entry.get()?;
        self.table.hit();
        Some(SharedReader::new(slot, key))
    }

    /// Opens an object, or joins the one who has it. Several at once: one asks the store, and the others wait for its answer; if
    /// it fails, the next one asks for itself.
    ///
    /// `others`: how many other jobs are known to want the same bytes. `Some(0)`: none will, so they are not kept;
    /// `None`: nobody knows.
    ///
    /// # Errors
    /// As [`S3::open`]. Never for the cache's own sake: where it cannot keep the bytes, the caller gets them alone.
    pub async fn open(&self, s3: &S3, sha256: Sha256Digest, key: &str, others: Option<usize>) -> Result<Opened> {
        let id = self.id(sha256, key);
        if others == Some(0) && self.table.find(&id).is_none() {
            return Ok(Opened::Alone(Box::new(s3.open(key).await?)));
        }
        let slot = self.table.slot(&id);
        let mut opener = false;
        let first = &mut opener;
        let entry = slot.entry.get_or_try_init(|| async move {
            let object = s3.open(key).await.map_err(Unshared::Failed)?;
            *first = true;
            self.entry(object, sha256).map_err(Unshared::Alone)
        });
        match entry.await {
            Ok(_) => {
                if opener {
                    self.table.missed();
                } else {
                    self.table.hit();
                }
                Ok(Opened::Shared { reader: SharedReader::new(Arc::clone(&slot), key), joined: !opener })
            }
            Err(Unshared::Alone(object)) => Ok(Opened::Alone(object)),
            Err(Unshared::Failed(error)) => Err(error),
        }
    }

    /// Makes an entry for an object, or gives it back where there is nothing to keep, or no room.
    fn entry(&self, object: Object, sha256: Sha256Digest) -> Result<Entry, Box<Object>> {
        if object.is_empty() {
            return Err(Box::new(object));
        }
        let Some(room) = self.table.reserve(object.len()) else { return Err(Box::new(object)) };
        let spool = (!room.in_memory()).then(|| Spool::new(self.table.dir()));
        Ok(Entry::new(object, sha256, spool, room))
    }

    /// Counters and gauges.
    #[must_use]
    pub fn snapshot(&self) -> CacheSnapshot {
        self.table.snapshot()
    }
}

#[cfg(test)]
mod tests;
