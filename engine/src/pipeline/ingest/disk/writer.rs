//! Writes one medium: collects what comes into blocks, and writes a block on a thread that may block while the next one comes.

use std::{io, mem, path::PathBuf};

use bytes::Bytes;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::{Disk, fault::unwritten, place::place, temp::Temp};
use crate::{
    error::{Code, Error, Result},
    media::{Inspector, Report, Step},
    pipeline::ingest::{
        look::{LIMITS, Probe},
        meter::Sums,
    },
};

/// Bytes that are written at once. Each block is a hop to another thread; two of them, one on its way to the disk and one
/// being filled, are what a medium costs in memory.
const BLOCK: usize = 256 * 1024;

/// Where the file is.
enum State {
    /// Nothing was written yet.
    None,
    /// A block is on its way, or was. Dropping the handle does not stop it: the file is removed when it ends.
    Writing(JoinHandle<io::Result<Temp>>),
}

/// A medium being written; leaves nothing behind when it is dropped.
pub struct Writer {
    disk: Disk,
    state: State,
    block: Vec<Bytes>,
    filled: usize,
}

impl Writer {
    pub(super) const fn new(disk: Disk) -> Self {
        Self { disk, state: State::None, block: Vec::new(), filled: 0 }
    }

    /// Appends a piece. Returns when there is room for the next one.
    ///
    /// # Errors
    /// `DISK_FULL`, `DISK_FAILED`.
    pub async fn write(&mut self, piece: Bytes) -> Result<()> {
        self.filled += piece.len();
        self.block.push(piece);
        if self.filled < BLOCK {
            return Ok(());
        }
        let temp = self.temp().await?;
        let (disk, block) = (self.disk.clone(), mem::take(&mut self.block));
        self.filled = 0;
        self.state = State::Writing(spawn_blocking(move || {
            let mut temp = made(temp, &disk)?;
            temp.write(&block)?;
            Ok(temp)
        }));
        Ok(())
    }

    /// The file once its last block is written; `None` before the first.
    async fn temp(&mut self) -> Result<Option<Temp>> {
        match &mut self.state {
            State::None => Ok(None),
            State::Writing(handle) => {
                // Taken out of the state only when it has ended: who is dropped in between has to leave the handle behind.
                let ended = handle.await;
                self.state = State::None;
                finished(ended).map(Some)
            }
        }
    }

    /// Writes the rest and waits until all of it is on the disk. The file has no name that anybody knows. With `probe` a
    /// report of what it is comes along.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub async fn prepare(mut self, len: u64, probe: Option<Probe>) -> Result<(Prepared, Option<Report>)> {
        let temp = self.temp().await?;
        let (disk, block) = (self.disk.clone(), mem::take(&mut self.block));
        let written = spawn_blocking(move || {
            let mut temp = made(temp, &disk)?;
            temp.write(&block)?;
            let report = probe.map(|probe| look(&mut temp, &probe, len)).transpose()?;
            if disk.fsync() {
                temp.sync()?;
            }
            Ok((Prepared { disk, temp }, report))
        });
        finished(written.await)
    }
}

/// A file that has all its bytes and no name yet; removed when it is dropped.
pub struct Prepared {
    disk: Disk,
    temp: Temp,
}

impl Prepared {
    /// Gives it its name.
    ///
    /// # Errors
    /// `DISK_FULL`, `DISK_FAILED`.
    pub async fn commit(self, name: String, extension: String, sums: Sums) -> Result<PathBuf> {
        let Self { disk, temp } = self;
        finished(spawn_blocking(move || place(&disk, temp, &name, &extension, &sums)).await)
    }
}

fn made(temp: Option<Temp>, disk: &Disk) -> io::Result<Temp> {
    temp.map_or_else(|| Temp::make(disk.temp_path()), Ok)
}

/// Reads what the inspection wants: a head, an index, of a file that is in memory still.
fn look(temp: &mut Temp, probe: &Probe, len: u64) -> io::Result<Report> {
    let mut inspector = Inspector::with_limits(probe.declared.as_deref(), len, LIMITS);
    while let Step::Need(range) = inspector.step().clone() {
        let bytes = temp.read(&range)?;
        if bytes.is_empty() {
            break;
        }
        inspector.feed(range.start, &bytes);
    }
    Ok(inspector.finish())
}

fn finished<T>(ended: Result<io::Result<T>, JoinError>) -> Result<T> {
    match ended {
        Ok(done) => done.map_err(|error| unwritten(&error)),
        Err(_) => Err(Error::new(Code::Internal, "the thread that writes files ended early")),
    }
}
