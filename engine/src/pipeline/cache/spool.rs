//! A file without a name: written once, read by many at their own places, gone with its last user even after `kill -9`.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use tokio::task::spawn_blocking;

/// Bytes on the disk. The file is made with the first write, in the same hop to another thread.
#[derive(Clone)]
pub struct Spool {
    dir: Arc<PathBuf>,
    file: Arc<OnceLock<File>>,
}

impl Spool {
    /// An empty spool in `dir`.
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self { dir: Arc::new(dir), file: Arc::default() }
    }

    /// A spool that is this file.
    #[cfg(test)]
    pub fn of(file: File) -> Self {
        let spool = Self::new(PathBuf::new());
        assert!(spool.file.set(file).is_ok());
        spool
    }

    /// Writes `pieces` one behind the other from `at` on. Doing so again changes nothing.
    ///
    /// # Errors
    /// Those of the disk, ENOSPC among them.
    pub async fn write(&self, mut at: u64, pieces: Vec<Bytes>) -> io::Result<()> {
        let spool = self.clone();
        blocking(move || {
            let file = if let Some(file) = spool.file.get() {
                file
            } else {
                let fresh = nameless(&spool.dir)?;
                // A write that was given up, and still runs, may have been faster: then that is the file.
                spool.file.get_or_init(|| fresh)
            };
            for piece in pieces {
                file.write_all_at(&piece, at)?;
                at += piece.len() as u64;
            }
            Ok(())
        })
        .await
    }

    /// Reads `len` bytes from `at` on, all of which have been written.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn read(&self, at: u64, len: usize) -> io::Result<Bytes> {
        let spool = self.clone();
        blocking(move || {
            let file = spool.file.get().ok_or(io::ErrorKind::NotFound)?;
            let mut piece = vec![0; len];
            file.read_exact_at(&mut piece, at)?;
            Ok(piece.into())
        })
        .await
    }
}

fn nameless(dir: &Path) -> io::Result<File> {
    let path = dir.join(format!("warmpath-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..)));
    // Nobody else may read a user's media; and no file that is there already is ever opened.
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|_| Err(io::Error::other("the disk's thread is gone")))
}
