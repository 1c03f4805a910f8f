//! The disk sink: a directory in which a file under its final name is complete, or is not there.
//!
//! A medium is written to a temporary file in the same directory, synced, and only then given its name, in one step that
//! never replaces a file. What a killed process leaves are temporary files; the next one to open the directory removes
//! them ([`sweep`]). No name that somebody else chose ever becomes part of a path.

mod fault;
mod hands;
mod lock;
mod names;
mod place;
mod sweep;
mod temp;
mod writer;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use lock::Lock;
use names::Names;
use parking_lot::Mutex;
pub use temp::Leaving;
pub use writer::Writer;

use super::blocks::Blocks;
use crate::error::{Code, Error, Result};

/// Beginning of every name that is ours and not a medium's.
const PREFIX: &str = ".warmpath-";

/// End of the names of temporary files.
const TEMP: &str = ".tmp";

/// End of the names of lock files.
const LOCK: &str = ".lock";

struct Inner {
    dir: PathBuf,
    fsync: bool,
    lock: Lock,
    made: AtomicU64,
    blocks: Blocks,
    names: Names,
}

/// An open directory. Clones share it.
#[derive(Clone)]
pub struct Disk(Arc<Inner>);

impl Disk {
    /// Opens a directory and begins to sweep it, on the runtime it is called in.
    ///
    /// # Errors
    /// `INVALID_OPTION` where there is no such directory, or no file can be made in it.
    pub fn open(dir: &str, fsync: bool, blocks: Blocks) -> Result<Self> {
        let bad = |why: &str| Error::new(Code::InvalidOption, format!("dir: {why}"));
        // Absolute, so that it stays the same directory whatever becomes of the process's own.
        let dir = fs::canonicalize(dir).map_err(|error| bad(&format!("cannot be opened ({})", error.kind())))?;
        if !dir.is_dir() {
            return Err(bad("must be a directory"));
        }
        if dir.to_str().is_none() {
            return Err(bad("must lie under names that are UTF-8"));
        }
        let lock = Lock::make(&dir).map_err(|error| bad(&format!("no file can be made in it ({})", error.kind())))?;
        let swept = dir.clone();
        tokio::task::spawn_blocking(move || sweep::sweep(&swept));
        Ok(Self(Arc::new(Inner { dir, fsync, lock, made: AtomicU64::new(0), blocks, names: Names::default() })))
    }

    /// A writer of one medium. Nothing is on the disk before its first bytes are.
    #[must_use]
    pub fn writer(&self) -> Writer {
        Writer::new(self.clone())
    }

    fn dir(&self) -> &Path {
        &self.0.dir
    }

    fn blocks(&self) -> &Blocks {
        &self.0.blocks
    }

    fn fsync(&self) -> bool {
        self.0.fsync
    }

    /// A path for a temporary file that no other one has.
    fn temp_path(&self) -> PathBuf {
        let number = self.0.made.fetch_add(1, Ordering::Relaxed);
        self.0.dir.join(format!("{PREFIX}{}-{number}{TEMP}", self.0.lock.nonce()))
    }

    /// Tells when the directory's list of names, as it is now, lasts as the files do.
    fn lasting(&self, told: impl FnOnce(io::Result<()>) + Send + 'static) {
        // Only Unix opens directories; elsewhere the file system keeps the order by itself.
        if cfg!(unix) && self.0.fsync {
            let this = self.clone();
            self.0.names.last(move || File::open(&this.0.dir)?.sync_all(), told);
        } else {
            told(Ok(()));
        }
    }
}

/// The directory of an executor, which can be let go of: its lock file is gone then, as soon as the last writer is, and no other
/// process has to find out that it belonged to a dead one.
#[derive(Clone)]
pub struct Directory(Arc<Mutex<Option<Disk>>>);

impl Directory {
    /// Holds on to a directory, where there is one.
    #[must_use]
    pub fn new(disk: Option<Disk>) -> Self {
        Self(Arc::new(Mutex::new(disk)))
    }

    /// The directory, until it is let go of.
    #[must_use]
    pub fn get(&self) -> Option<Disk> {
        self.0.lock().clone()
    }

    /// Lets go.
    pub fn release(&self) {
        self.0.lock().take();
    }
}

#[cfg(test)]
mod tests;
