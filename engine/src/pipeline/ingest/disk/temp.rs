//! A file that is being written, under a name that only its process knows.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

/// A temporary file; removed with this value.
pub struct Temp {
    file: File,
    name: Leaving,
}

/// The name of a temporary file; the file is removed with this value, until somebody else has taken it over.
#[derive(Debug)]
pub struct Leaving {
    path: PathBuf,
    taken: AtomicBool,
}

impl Leaving {
    /// The name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Somebody else removes the file now. Should nobody, the next process does.
    pub fn taken(&self) {
        self.taken.store(true, Ordering::Relaxed);
    }
}

impl Temp {
    /// Makes it. A name that is taken, by a link too, is an error and not an overwrite.
    pub fn make(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        Ok(Self { file, name: Leaving { path, taken: AtomicBool::new(false) } })
    }

    /// Its name for now.
    pub fn path(&self) -> &Path {
        self.name.path()
    }

    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Closes it, and leaves it where it is, under its own name.
    pub fn keep(self) -> Leaving {
        self.name
    }

    /// Waits until the bytes, and all it takes to find them, are on the disk.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Reads a part of what was written.
    pub fn read(&mut self, range: &Range<u64>) -> io::Result<Vec<u8>> {
        let wanted = range.end.saturating_sub(range.start);
        // Room for all of it: without, it would be read in crumbs, from 32 bytes on.
        let mut bytes = Vec::with_capacity(usize::try_from(wanted).unwrap_or_default());
        self.file.seek(SeekFrom::Start(range.start))?;
        Read::by_ref(&mut self.file).take(wanted).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if !*self.taken.get_mut() {
            // Gone already where the file has got its name by renaming.
            drop(fs::remove_file(&self.path));
        }
    }
}
