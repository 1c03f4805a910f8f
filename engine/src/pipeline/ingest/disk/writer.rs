//! Writes one medium: collects what comes into blocks, and writes a block on a thread that may block while the next one comes.

use std::{io, mem, path::PathBuf};

use bytes::{Bytes, BytesMut};
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

/// Pieces below this are copied together. The memory behind a piece of a connection is a buffer of its own that may be many
/// times as large: a block of small pieces would hold megabytes.
const SMALL: usize = 128 * 1024;

/// Where the file is.
enum State {
    /// Nothing was written yet.
    None,
    /// A block is on its way, or was. Dropping the handle does not stop it: the file is removed when it ends. Its memory comes
    /// back to be filled again.
    Writing(JoinHandle<io::Result<(Temp, BytesMut)>>),
}

/// A medium being written; leaves nothing behind when it is dropped.
pub struct Writer {
    disk: Disk,
    state: State,
    /// What is to be written next: pieces, and small ones put together behind them.
    block: Vec<Bytes>,
    small: BytesMut,
    filled: usize,
    /// The memory of the last block.
    spare: BytesMut,
}

impl Writer {
    pub(super) fn new(disk: Disk) -> Self {
        Self { disk, state: State::None, block: Vec::new(), small: BytesMut::new(), filled: 0, spare: BytesMut::new() }
    }

    /// Appends a piece. Returns when there is room for the next one.
    ///
    /// # Errors
    /// `DISK_FULL`, `DISK_FAILED`.
    pub async fn write(&mut self, piece: Bytes) -> Result<()> {
        self.filled += piece.len();
        if piece.len() >= SMALL {
            self.close_small();
            self.block.push(piece);
        } else {
            if self.small.capacity() == 0 {
                self.small = mem::take(&mut self.spare);
                // The last piece may overlap the end of the block.
                self.small.reserve(BLOCK + SMALL);
            }
            self.small.extend_from_slice(&piece);
        }
        if self.filled < BLOCK {
            return Ok(());
        }
        let temp = self.temp().await?;
        let (disk, block) = (self.disk.clone(), self.take_block());
        self.state = State::Writing(spawn_blocking(move || {
            let mut temp = made(temp, &disk)?;
            temp.write(&block)?;
            Ok((temp, block.into_iter().rev().find_map(|part| part.try_into_mut().ok()).unwrap_or_default()))
        }));
        Ok(())
    }

    fn close_small(&mut self) {
        if !self.small.is_empty() {
            self.block.push(mem::take(&mut self.small).freeze());
        }
    }

    fn take_block(&mut self) -> Vec<Bytes> {
        self.close_small();
        self.filled = 0;
        mem::take(&mut self.block)
    }

    /// The file once its last block is written; `None` before the first.
    async fn temp(&mut self) -> Result<Option<Temp>> {
        match &mut self.state {
            State::None => Ok(None),
            State::Writing(handle) => {
                // Taken out of the state only when it has ended: who is dropped in between has to leave the handle behind.
                let ended = handle.await;
                self.state = State::None;
                let (temp, mut memory) = finished(ended)?;
                memory.clear();
                self.spare = memory;
                Ok(Some(temp))
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
        let (disk, block) = (self.disk.clone(), self.take_block());
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
