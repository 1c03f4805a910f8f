//! Writes one medium: collects what comes into blocks, and writes a block on a thread that may block while the next one comes.

use std::{
    io, mem,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use tokio::sync::oneshot::error::RecvError;

use super::{
    Disk,
    direct::LEAST,
    fault::unwritten,
    hands::{Done, Tell, hand_on, hand_over},
    place::place,
    temp::{Leaving, Temp},
};
use crate::{
    error::{Code, Error, Phase, Result},
    media::{Inspector, Report, Step},
    pipeline::ingest::{
        blocks::{BLOCK, Blocks},
        look::{LIMITS, Probe},
        meter::Sums,
    },
};

/// A piece from here on is written as it is. Smaller ones are put together: the memory behind a piece of a connection is a buffer
/// of its own that may be many times as large. Past the page cache all are, for where they lie.
const LARGE: usize = 128 * 1024;

/// Where the file is.
enum State {
    /// Nothing was written yet.
    None,
    /// A block is on its way, or was. Dropping this does not stop it: the file is removed when it ends.
    Writing(Done<io::Result<Temp>>),
}

/// A medium being written; leaves nothing behind when it is dropped.
pub struct Writer {
    disk: Disk,
    /// Whether it is to go past the page cache.
    direct: bool,
    state: State,
    /// What is to be written next.
    block: BytesMut,
}

impl Writer {
    pub(super) fn new(disk: Disk, direct: bool) -> Self {
        Self { disk, direct, state: State::None, block: BytesMut::new() }
    }

    /// Appends a piece. Returns when there is room for the next one.
    ///
    /// # Errors
    /// `DISK_FULL`, `DISK_FAILED`.
    pub async fn write(&mut self, mut piece: Bytes) -> Result<()> {
        if piece.len() >= LARGE && !self.direct {
            if !self.block.is_empty() {
                let begun = mem::take(&mut self.block).freeze();
                self.flush(begun).await?;
            }
            return self.flush(piece).await;
        }
        if self.block.is_empty() {
            // Decoded text comes in a block of ours.
            match piece.try_into_mut() {
                Ok(block) if Blocks::are_of(&block) && block.len() <= BLOCK => {
                    self.block = block;
                    return Ok(());
                }
                Ok(other) => piece = other.freeze(),
                Err(shared) => piece = shared,
            }
        }
        while !piece.is_empty() {
            if self.block.capacity() == 0 {
                self.block = self.disk.blocks().take();
            }
            let fits = piece.len().min(BLOCK - self.block.len());
            self.block.extend_from_slice(&piece.split_to(fits));
            if self.block.len() == BLOCK {
                let full = mem::take(&mut self.block).freeze();
                self.flush(full).await?;
            }
        }
        Ok(())
    }

    /// Hands a block over once the one before it is written.
    async fn flush(&mut self, block: Bytes) -> Result<()> {
        let temp = self.temp().await?;
        let (disk, direct) = (self.disk.clone(), self.direct);
        self.state = State::Writing(hand_over(move || append(temp, &disk, direct, block)));
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
                finished(ended.map(|written| written.map_err(|error| unwritten(&error)))).map(Some)
            }
        }
    }

    /// Writes the rest and waits until all of it is on the disk. The file has no name that anybody knows. With `probe` a
    /// report of what it is comes along.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub async fn prepare(self, len: u64, probe: Option<Probe>) -> Result<(Prepared, Option<Report>)> {
        self.end(move |disk, temp, last, tell| {
            drop(tell.send(complete(disk, temp, len, probe.as_ref(), last)));
        })
        .await
    }

    /// [`Writer::prepare`], and the name, all in one visit to the thread that may block: of what a small file costs, going there
    /// and coming back is a good part. `judge` is told what the file is, and names it (name, extension) or refuses it.
    ///
    /// # Errors
    /// As [`Writer::write`]; those of `judge`.
    pub async fn store<T: Send + 'static>(
        self,
        sums: Sums,
        probe: Option<Probe>,
        judge: impl FnOnce(Option<Report>) -> Result<(String, String, T)> + Send + 'static,
    ) -> Result<(PathBuf, T)> {
        let wanted = Wanted::default();
        let still = wanted.still();
        self.end(move |disk, temp, last, tell| {
            let stored = || {
                let (prepared, report) = complete(disk, temp, sums.bytes, probe.as_ref(), last)?;
                let (name, extension, told) = judge(report)?;
                // Whoever gave the job up meanwhile must not find it done.
                if !still.load(Ordering::Acquire) {
                    return Err(Error::new(Code::Cancelled, "the job ended before its file had a name"));
                }
                Ok((prepared, name, extension, told))
            };
            match stored() {
                Ok((prepared, name, extension, told)) => {
                    prepared.place(&name, &extension, &sums, tell, |path| (path, told));
                }
                Err(error) => drop(tell.send(Err(error))),
            }
        })
        .await
    }

    /// Ends the writing of a file that stays a temporary one, and is not waited for to be on the disk. `judge` as for
    /// [`Writer::store`], without a name. Whoever drops what comes of it has removed the file.
    ///
    /// # Errors
    /// As [`Writer::write`]; those of `judge`.
    pub async fn keep<T: Send + 'static>(
        self,
        len: u64,
        probe: Option<Probe>,
        judge: impl FnOnce(Option<Report>) -> Result<T> + Send + 'static,
    ) -> Result<(Leaving, T)> {
        self.end(move |_, mut temp, last, tell| {
            let kept = || {
                let report = probe.map(|probe| look(&mut temp, &probe, len, last)).transpose();
                let told = judge(report.map_err(|error| unwritten(&error))?)?;
                Ok((temp.keep(), told))
            };
            drop(tell.send(kept()));
        })
        .await
    }

    async fn end<T: Send + 'static>(
        mut self,
        rest: impl FnOnce(Disk, Temp, &[u8], Tell<Result<T>>) + Send + 'static,
    ) -> Result<T> {
        let temp = self.temp().await?;
        let (disk, last) = (self.disk.clone(), mem::take(&mut self.block).freeze());
        let direct = self.direct && last.len() >= LEAST;
        let ended = hand_on(move |tell| {
            match write(temp, &disk, direct, &last) {
                Ok(temp) => rest(disk.clone(), temp, &last, tell),
                Err(error) => drop(tell.send(Err(unwritten(&error)))),
            }
            disk.blocks().give(last);
        });
        finished(ended.await)
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
        finished(hand_on(move |tell| self.place(&name, &extension, &sums, tell, |path| path)).await)
    }

    /// Gives it its name, and tells `told` of it once that lasts.
    fn place<T: Send + 'static>(
        self,
        name: &str,
        extension: &str,
        sums: &Sums,
        tell: Tell<Result<T>>,
        told: impl FnOnce(PathBuf) -> T + Send + 'static,
    ) {
        let Self { disk, temp } = self;
        match place(&disk, temp, name, extension, sums) {
            Ok(path) => disk.lasting(move |lasts| {
                // It has its name all the same.
                let lasts = lasts.map_err(|error| unwritten(&error).maybe_sent());
                drop(tell.send(lasts.map(|()| told(path))));
            }),
            Err(error) => drop(tell.send(Err(unwritten(&error)))),
        }
    }
}

/// Says to another thread whether somebody still waits: not once this is dropped.
struct Wanted(Arc<AtomicBool>);

impl Default for Wanted {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Wanted {
    fn still(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn append(temp: Option<Temp>, disk: &Disk, direct: bool, block: Bytes) -> io::Result<Temp> {
    let temp = write(temp, disk, direct, &block)?;
    disk.blocks().give(block);
    Ok(temp)
}

fn write(temp: Option<Temp>, disk: &Disk, direct: bool, block: &[u8]) -> io::Result<Temp> {
    let mut temp = temp.map_or_else(|| disk.temp(direct), Ok)?;
    temp.write(block)?;
    Ok(temp)
}

/// Looks into a file that has all its bytes, and waits until they are on the disk.
fn complete(
    disk: Disk,
    mut temp: Temp,
    len: u64,
    probe: Option<&Probe>,
    last: &[u8],
) -> Result<(Prepared, Option<Report>)> {
    let mut completed = || {
        let report = probe.map(|probe| look(&mut temp, probe, len, last)).transpose()?;
        if disk.fsync() {
            temp.sync()?;
        }
        Ok(report)
    };
    let report = completed().map_err(|error: io::Error| unwritten(&error))?;
    Ok((Prepared { disk, temp }, report))
}

/// Gives the inspection what it wants: a head, an index. Of a small file everything is in the block that was written `last`; of a
/// large one most often only its index has to be read back.
fn look(temp: &mut Temp, probe: &Probe, len: u64, last: &[u8]) -> io::Result<Report> {
    let mut inspector = Inspector::with_limits(probe.declared.as_deref(), len, LIMITS);
    // The head first: of a medium that nothing is known of, it is all that is wanted.
    let known = [(0, &probe.head[..]), (len.saturating_sub(last.len() as u64), last)];
    while let Step::Need(range) = inspector.step().clone() {
        let here = |(from, bytes): &&(u64, &[u8])| (*from..*from + bytes.len() as u64).contains(&range.start);
        if let Some((from, bytes)) = known.iter().find(here) {
            inspector.feed(*from, bytes);
            continue;
        }
        let bytes = temp.read(&range)?;
        if bytes.is_empty() {
            break;
        }
        inspector.feed(range.start, &bytes);
    }
    Ok(inspector.finish())
}

fn finished<T>(ended: Result<Result<T>, RecvError>) -> Result<T> {
    let broken = |_| Err(Error::new(Code::Internal, "the thread that writes files ended early"));
    ended.unwrap_or_else(broken).map_err(|error| error.at(Phase::Upload))
}
