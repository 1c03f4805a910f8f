//! Says of temporary files whether whoever wrote them still lives.
//!
//! A process id does not: in containers that share a volume everybody is number 1, and numbers come back. A file lock does:
//! the kernel lets go of it when the process ends, however it ends. So each open directory has a lock file with a random
//! name of its own, held for as long as the directory is open, and its temporary files carry that name.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use super::{LOCK, PREFIX};

/// Names are random; a second one that is taken is not bad luck.
const TRIES: usize = 8;

/// A lock that is held.
pub struct Lock {
    nonce: String,
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Makes and takes a lock of our own in `dir`.
    pub fn make(dir: &Path) -> io::Result<Self> {
        for _ in 0..TRIES {
            let nonce = format!("{:016x}", fastrand::u64(..));
            let path = lock_path(dir, &nonce);
            let file = match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            };
            // A file system without locks: the sweepers cannot lock it either, and leave our files alone.
            drop(file.try_lock());
            // Between the two steps a sweeper may have taken it for a dead one's.
            if fs::exists(&path)? {
                return Ok(Self { nonce, path, _file: file });
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// What our temporary files carry in their names.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }
}

impl Drop for Lock {
    /// The last writer is gone, and its temporary file with it.
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}

/// Where the lock of a name lies.
pub fn lock_path(dir: &Path, nonce: &str) -> PathBuf {
    dir.join(format!("{PREFIX}{nonce}{LOCK}"))
}

/// The state of somebody's lock.
pub enum Owner {
    /// Nobody holds it; we do now, where there is one, until this is dropped.
    Dead(Option<File>),
    /// Somebody holds it, or nobody can tell.
    Alive,
}

/// Whether the owner of a name still lives. A name without a lock file has no owner: the file is made before the first
/// temporary one, and removed after the last.
pub fn owner(dir: &Path, nonce: &str) -> Owner {
    match OpenOptions::new().write(true).open(lock_path(dir, nonce)) {
        Ok(file) if file.try_lock().is_ok() => Owner::Dead(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Owner::Dead(None),
        Ok(_) | Err(_) => Owner::Alive,
    }
}
