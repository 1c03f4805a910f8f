//! A file that is being written, under a name that only its process knows.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use super::direct::{ALIGN, Ask, is_aligned, is_refusal};

/// A temporary file; removed with this value.
pub struct Temp {
    file: File,
    /// Past the page cache, until something comes that cannot go there.
    direct: bool,
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
    /// Makes it; past the page cache by `direct`, where the file system lets it. A name that is taken, by a link too, is an error
    /// and not an overwrite.
    pub fn make(path: PathBuf, direct: Option<Ask>) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        let asked = direct.map(|ask| ask(&mut options.clone()).open(&path));
        let (file, direct) = match asked {
            Some(Ok(file)) => (file, true),
            Some(Err(error)) if !is_refusal(&error) => return Err(error),
            refused => {
                // Linux makes the file before it finds that out, and leaves it.
                if refused.is_some() {
                    drop(fs::remove_file(&path));
                }
                (options.open(&path)?, false)
            }
        };
        Ok(Self { file, direct, name: Leaving { path, taken: AtomicBool::new(false) } })
    }

    /// Whether it is written past the page cache.
    pub const fn is_direct(&self) -> bool {
        self.direct
    }

    /// Its name for now.
    pub fn path(&self) -> &Path {
        self.name.path()
    }

    /// Appends bytes. What is no multiple of [`ALIGN`] ends the direct part.
    pub fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while self.direct && bytes.len() >= ALIGN && is_aligned(bytes) {
            let whole = bytes.len() / ALIGN * ALIGN;
            match self.file.write(bytes.get(..whole).unwrap_or_default()) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_refusal(&error) => self.through_cache()?,
                Err(error) => return Err(error),
            }
        }
        if !bytes.is_empty() {
            self.through_cache()?;
        }
        self.file.write_all(bytes)
    }

    /// Goes on through the page cache.
    fn through_cache(&mut self) -> io::Result<()> {
        if self.direct {
            let at = self.file.stream_position()?;
            self.file = OpenOptions::new().read(true).write(true).open(self.name.path())?;
            self.file.seek(SeekFrom::Start(at))?;
            self.direct = false;
        }
        Ok(())
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
        self.through_cache()?;
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
