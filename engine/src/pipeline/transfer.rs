//! Bytes on their way from a source to a request body: counted, hashed, timed, and never completed when they are wrong.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{Stream, stream};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep_until};

use super::{digest::Sha256Digest, prepare::Rewrite, source::Source};
use crate::{
    error::{Code, Error, Phase, Result},
    executor::Trace,
    http::{BodyError, Timeouts},
};

/// The body stream of an upload.
pub struct Outgoing(Pieces);

enum Pieces {
    /// All of it was read before the upload began, as it is with most files. That takes no future, and so no room for one.
    Here(VecDeque<Bytes>, Arc<Trace>),
    /// Pieces come while others go.
    Rest(Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send>>),
}

impl Stream for Outgoing {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.0 {
            Pieces::Here(pieces, trace) => {
                let piece = pieces.pop_front();
                match &piece {
                    Some(bytes) => trace.moved_out(bytes.len()),
                    None => trace.sent(),
                }
                Poll::Ready(piece.map(Ok))
            }
            Pieces::Rest(stream) => stream.as_mut().poll_next(cx),
        }
    }
}

/// What is read of a source before the upload begins. A file of up to this size goes out in one write, instead of
/// two connections waking each other for every piece of it.
const READ_FIRST: u64 = 64 * 1024;

/// A source of which the first bytes have been read and may be looked into before the upload begins.
pub struct Begun {
    reader: Reader,
    first: VecDeque<Bytes>,
    known: u64,
}

impl Begun {
    /// Reads the first bytes. With `sha256` given, the last piece of all is only let through when all bytes together have that
    /// hash: a wrong file breaks the request off instead of becoming a message.
    ///
    /// # Errors
    /// Those of the source; `SHA256_MISMATCH` where that was all of it.
    pub async fn begin(source: Source, sha256: Option<Sha256Digest>, trace: Arc<Trace>) -> Result<Self> {
        let mut begun = Self { reader: Reader::new(source, sha256, trace), first: VecDeque::new(), known: 0 };
        while begun.more().await?.is_some() && begun.known < READ_FIRST && begun.reader.left > 0 {}
        Ok(begun)
    }

    /// Reads one piece more ahead; `None` at the end.
    ///
    /// # Errors
    /// As [`Begun::begin`].
    pub async fn more(&mut self) -> Result<Option<&Bytes>> {
        let Some(piece) = self.reader.next().await? else { return Ok(None) };
        self.known += piece.len() as u64;
        self.first.push_back(piece);
        Ok(self.first.back())
    }

    /// What has been read ahead, from the source's first byte on.
    pub const fn first(&self) -> &VecDeque<Bytes> {
        &self.first
    }

    /// How much that is.
    pub const fn known(&self) -> u64 {
        self.known
    }

    /// What is written down of it.
    pub const fn trace(&self) -> &Arc<Trace> {
        &self.reader.trace
    }

    /// Where the bytes come from.
    pub const fn source(&self) -> &Source {
        &self.reader.source
    }

    /// Reads to the end without sending.
    ///
    /// # Errors
    /// As [`Begun::begin`].
    pub async fn check(mut self) -> Result<()> {
        self.first.clear();
        while self.reader.next().await?.is_some() {}
        Ok(())
    }

    /// All bytes, verified.
    ///
    /// # Errors
    /// As [`Begun::begin`].
    #[cfg(feature = "shrink")]
    pub async fn whole(mut self) -> Result<Vec<u8>> {
        let mut whole = Vec::with_capacity(usize::try_from(self.reader.source.len()).unwrap_or_default());
        for piece in self.first.drain(..) {
            whole.extend_from_slice(&piece);
        }
        while let Some(piece) = self.reader.next().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    /// The upload's body: the bytes as they are, or in another order.
    pub fn outgoing(self, rewrite: Option<Box<Rewrite>>) -> Outgoing {
        if self.reader.left == 0 && rewrite.is_none() {
            return Outgoing(Pieces::Here(self.first, self.reader.trace));
        }
        // Boxed: it changes hands at every piece.
        let rest = stream::try_unfold(Box::new((self, rewrite)), |mut state| async move {
            let (begun, rewrite) = &mut *state;
            let piece = match rewrite {
                None => begun.next().await,
                Some(rewrite) => begun.rewritten(rewrite).await,
            };
            let trace = &begun.reader.trace;
            match piece {
                Ok(Some(bytes)) => {
                    trace.moved_out(bytes.len());
                    Ok(Some((bytes, state)))
                }
                Ok(None) => {
                    trace.sent();
                    Ok(None)
                }
                Err(error) => {
                    trace.fail(error.clone());
                    Err(error.into())
                }
            }
        });
        Outgoing(Pieces::Rest(Box::pin(rest)))
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        match self.first.pop_front() {
            Some(piece) => Ok(Some(piece)),
            None => self.reader.next().await,
        }
    }

    async fn rewritten(&mut self, rewrite: &mut Rewrite) -> Result<Option<Bytes>> {
        loop {
            if let Some(piece) = rewrite.pop() {
                return Ok(Some(piece));
            }
            match self.next().await? {
                Some(piece) => rewrite.push(piece)?,
                None => return Ok(None),
            }
        }
    }
}

/// The stream of bytes that are here.
#[cfg(feature = "shrink")]
pub fn whole(bytes: Bytes, trace: Arc<Trace>) -> Outgoing {
    Outgoing(Pieces::Here([bytes].into(), trace))
}

/// The stream of a request without a file: it yields nothing, and marks when it is taken.
pub const fn nothing(trace: Arc<Trace>) -> Outgoing {
    Outgoing(Pieces::Here(VecDeque::new(), trace))
}

/// A source that is counted, timed and checked while it is read.
struct Reader {
    source: Source,
    trace: Arc<Trace>,
    check: Option<Check>,
    left: u64,
}

/// How the bytes are checked.
enum Check {
    /// Hashed here, and compared.
    Hash(Sha256, Sha256Digest),
    /// The source has hashed them for all its readers.
    Source,
}

impl Reader {
    fn new(source: Source, sha256: Option<Sha256Digest>, trace: Arc<Trace>) -> Self {
        let left = source.len();
        let check = sha256.map(|expected| match source {
            Source::Shared { .. } => Check::Source,
            _ => Check::Hash(Sha256::new(), expected),
        });
        Self { source, trace, check, left }
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        self.trace.reading(true);
        let piece = self.source.chunk().await;
        self.trace.reading(false);
        self.trace.resumed(self.source.resumes());
        let piece = piece?;
        if let Some(bytes) = &piece {
            self.left = self.left.saturating_sub(bytes.len() as u64);
            if let Some(Check::Hash(hash, _)) = &mut self.check {
                hash.update(bytes);
            }
            self.trace.moved_in(if self.source.fetched() { bytes.len() } else { 0 });
        }
        if self.left == 0 {
            self.trace.read();
            self.verify()?;
        }
        Ok(piece)
    }

    fn verify(&mut self) -> Result<()> {
        match (self.check.take(), &self.source) {
            (Some(Check::Hash(hash, expected)), _) => {
                if Sha256Digest::of(hash.finalize()) == expected {
                    return Ok(());
                }
                let message = "the source's bytes do not have the job's sha256";
                Err(Error::new(Code::Sha256Mismatch, message).at(Phase::Download).worth(self.source.looks()))
            }
            (Some(Check::Source), Source::Shared { reader, .. }) => {
                reader.verify().map_err(|error| error.worth(self.source.looks()))
            }
            _ => Ok(()),
        }
    }
}

/// Returns with an error when the receiver takes no byte for the idle time, or the whole transfer takes longer than its
/// size allows. Never returns once the request is complete: the answer has a deadline of its own.
pub async fn watch(trace: &Trace, len: u64, timeouts: &Timeouts) -> Error {
    let end = Instant::now() + timeouts.transfer(len);
    loop {
        // Waiting for the source is the source's own deadline, not the receiver's.
        let idle_end =
            if trace.is_reading() { Instant::now() + timeouts.idle() } else { trace.last_moved() + timeouts.idle() };
        tokio::select! {
            () = trace.until_sent() => std::future::pending().await,
            () = sleep_until(idle_end.min(end)) => {}
        }
        let now = Instant::now();
        if now >= end {
            let (code, phase) = if trace.is_reading() {
                (Code::DownloadTimeout, Phase::Download)
            } else {
                (Code::SendFailed, Phase::Upload)
            };
            return Error::new(code, "the transfer was slower than timeouts.minBytesPerSecond allows").at(phase);
        }
        if !trace.is_reading() && now >= trace.last_moved() + timeouts.idle() {
            return Error::new(Code::SendFailed, "Telegram took no byte inside timeouts.idleMs").at(Phase::Upload);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TIMEOUTS: Timeouts =
        Timeouts { connect_ms: 1, first_byte_ms: 1, idle_ms: 20_000, answer_ms: 1, min_bytes_per_second: 1_000 };

    async fn after(trace: Arc<Trace>, len: u64) -> (Error, Duration) {
        let begin = Instant::now();
        (watch(&trace, len, &TIMEOUTS).await, begin.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_receiver_that_takes_nothing_is_given_up_after_the_idle_time() {
        let trace = Arc::new(Trace::new());
        let (error, waited) = after(trace, 1_000_000).await;
        assert_eq!((error.code, error.phase), (Code::SendFailed, Some(Phase::Upload)));
        assert_eq!(waited.as_secs(), 20);
    }

    /// The slow loris: a byte now and then beats every idle deadline, but not the one of the whole transfer.
    #[tokio::test(start_paused = true)]
    async fn a_trickle_ends_with_the_time_its_size_allows() {
        for (reading, code) in [(true, Code::DownloadTimeout), (false, Code::SendFailed)] {
            let trace = Arc::new(Trace::new());
            let trickle = tokio::spawn({
                let trace = Arc::clone(&trace);
                async move {
                    loop {
                        trace.moved_in(1);
                        trace.reading(reading);
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            });
            let (error, waited) = after(trace, 60_000).await;
            assert_eq!((error.code, waited.as_secs()), (code, 30 + 60));
            trickle.abort();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_complete_request_is_no_longer_watched() {
        let trace = Arc::new(Trace::new());
        trace.sent();
        let watched = tokio::time::timeout(Duration::from_hours(24), after(trace, 1)).await;
        assert!(watched.is_err());
    }
}
