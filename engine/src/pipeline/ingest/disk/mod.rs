//! The disk sink: a directory in which a file under its final name is complete, or is not there.
//!
//! A medium is written to a temporary file in the same directory, synced, and only then given its name, in one step that
//! never replaces a file. What a killed process leaves are temporary files; the next one to open the directory removes
//! them ([`sweep`]). No name that somebody else chose ever becomes part of a path.

mod direct;
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
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

pub use direct::{ALIGN, is_aligned};
use lock::Lock;
use names::Names;
use parking_lot::Mutex;
pub use temp::Leaving;
use temp::Temp;
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
    /// Whether files go past the page cache: not where nobody waits for the disk, nor where the file system does not do it.
    direct: AtomicBool,
    lock: Lock,
    made: AtomicU64,
    blocks: Blocks,
    names: Names,
}

/// An open directory. Clones share it.
#[derive(Clone)]
pub struct Disk(Arc<Inner>);

impl Disk {
    /// Opens a directory and begins to sweep it, on the runtime it is called in. `fsync`: files last before they have a name;
    /// `direct_io`: they go past the page cache then, where that is worth it.
    ///
    /// # Errors
    /// `INVALID_OPTION` where there is no such directory, or no file can be made in it.
    pub fn open(dir: &str, fsync: bool, direct_io: bool, blocks: Blocks) -> Result<Self> {
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
        let direct = AtomicBool::new(fsync && direct_io && direct::is_offered());
        let (made, names) = (AtomicU64::new(0), Names::default());
        Ok(Self(Arc::new(Inner { dir, fsync, direct, lock, made, blocks, names })))
    }

    /// A writer of one medium. Nothing is on the disk before its first bytes are.
    #[must_use]
    pub fn writer(&self) -> Writer {
        Writer::new(self.clone(), self.is_direct())
    }

    /// A writer of one medium that is only put aside: nobody waits for the disk, and somebody is about to read it.
    #[must_use]
    pub fn aside(&self) -> Writer {
        Writer::new(self.clone(), false)
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

    /// A temporary file, past the page cache where that is wanted and can be had.
    fn temp(&self, direct: bool) -> io::Result<Temp> {
        let temp = Temp::make(self.temp_path(), direct.then_some(direct::ask))?;
        if direct && !temp.is_direct() {
            self.0.direct.store(false, Ordering::Relaxed);
        }
        Ok(temp)
    }

    fn is_direct(&self) -> bool {
        self.0.direct.load(Ordering::Relaxed)
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
