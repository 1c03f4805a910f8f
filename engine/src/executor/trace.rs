//! What one try has done so far, written by its steps and read by the watchdog, the retry and the outcome.

use std::{
    future::poll_fn,
    sync::{
        OnceLock,
        atomic::{
            AtomicBool, AtomicU32, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    task::Poll,
};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::time::{Duration, Instant};

use super::{ChatKind, Timings, schedule::Learned};
use crate::{error::Error, failpoint::hit};

/// A moment of a try, in microseconds after its start; 0 = not reached.
#[derive(Default)]
struct Mark(AtomicU64);

impl Mark {
    fn set(&self, elapsed: Duration) {
        self.0.store(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX).max(1), Relaxed);
    }

    fn get(&self) -> Option<u64> {
        Some(self.0.load(Relaxed)).filter(|us| *us > 0)
    }
}

/// Wakes the one task that runs a try; several of its futures may wait for the same thing. That a try is one task is what
/// makes this so much cheaper than a list of waiters.
#[derive(Default)]
struct Bell(AtomicWaker);

impl Bell {
    /// Returns once `has_come` says so, which is asked whenever the bell rings.
    async fn until(&self, has_come: impl Fn() -> bool) {
        poll_fn(|cx| {
            if has_come() {
                return Poll::Ready(());
            }
            self.0.register(cx.waker());
            // It may have come between the two.
            if has_come() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// The record of one try.
pub struct Trace {
    started: Instant,
    opened: Mark,
    read: Mark,
    sent: Mark,
    moved: Mark,
    reading: AtomicBool,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    resumes: AtomicU32,
    size: OnceLock<u64>,
    chat_kind: OnceLock<ChatKind>,
    migrated: OnceLock<i64>,
    complete: Bell,
    stopped: AtomicBool,
    stop: Bell,
    failure: Mutex<Option<Error>>,
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}

impl Trace {
    /// A try that starts now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            opened: Mark::default(),
            read: Mark::default(),
            sent: Mark::default(),
            moved: Mark::default(),
            reading: AtomicBool::new(false),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            resumes: AtomicU32::new(0),
            size: OnceLock::new(),
            chat_kind: OnceLock::new(),
            migrated: OnceLock::new(),
            complete: Bell::default(),
            stopped: AtomicBool::new(false),
            stop: Bell::default(),
            failure: Mutex::new(None),
        }
    }

    /// Another request begins in the same try: what is known of the last one says nothing about it.
    pub fn again(&self) {
        hit("again");
        for mark in [&self.opened, &self.read, &self.sent] {
            mark.0.store(0, Relaxed);
        }
        self.moved.set(self.started.elapsed());
        *self.failure.lock() = None;
    }

    /// The source is open.
    pub fn opened(&self) {
        hit("opened");
        let now = self.started.elapsed();
        self.opened.set(now);
        self.moved.set(now);
    }

    /// The source is being waited for (`true`) or has just delivered (`false`).
    pub fn reading(&self, waiting: bool) {
        hit("reading");
        self.reading.store(waiting, Relaxed);
    }

    /// Bytes came from the source.
    pub fn moved_in(&self, bytes: usize) {
        hit("moved_in");
        self.bytes_in.fetch_add(bytes as u64, Relaxed);
        self.moved.set(self.started.elapsed());
    }

    /// Bytes were taken by the receiver's connection.
    pub fn moved_out(&self, bytes: usize) {
        hit("moved_out");
        self.bytes_out.fetch_add(bytes as u64, Relaxed);
        self.moved.set(self.started.elapsed());
    }

    /// The last byte of the source is there.
    pub fn read(&self) {
        hit("read");
        self.read.set(self.started.elapsed());
    }

    /// The last byte of the request was handed to the connection: from here on the remote side can act.
    pub fn sent(&self) {
        hit("sent");
        self.sent.set(self.started.elapsed());
        self.complete.0.wake();
    }

    /// Tells the try to stop.
    pub fn stop(&self) {
        self.stopped.store(true, Release);
        self.stop.0.wake();
    }

    /// Returns once [`Trace::stop`] was called.
    pub async fn until_stopped(&self) {
        self.stop.until(|| self.stopped.load(Acquire)).await;
    }

    /// The media has this size: for the limits, where the job did not say.
    pub fn sized(&self, bytes: u64) {
        self.size.get_or_init(|| bytes);
    }

    /// The chat is of this kind: for the limits, which know its id only.
    pub fn sent_to(&self, kind: ChatKind) {
        self.chat_kind.get_or_init(|| kind);
    }

    /// The chat that the job names has this id now: it is one chat, with one limit.
    pub fn moved_to(&self, chat: i64) {
        self.migrated.get_or_init(|| chat);
    }

    /// What the limits are to learn from this try.
    #[must_use]
    pub fn learned(&self) -> Learned {
        Learned {
            size: self.size.get().copied(),
            chat_kind: self.chat_kind.get().copied(),
            moved: self.migrated.get().copied(),
            sent_after: self.sent.get().map(Duration::from_micros),
        }
    }

    /// How often the read was resumed.
    pub fn resumed(&self, resumes: u32) {
        self.resumes.store(resumes, Relaxed);
    }

    /// Keeps the error that made the body stream end: the transport only knows that it ended.
    pub fn fail(&self, error: Error) {
        self.failure.lock().get_or_insert(error);
    }

    /// The error kept by [`Trace::fail`].
    #[must_use]
    pub fn failure(&self) -> Option<Error> {
        self.failure.lock().clone()
    }

    /// Whether [`Trace::sent`] was called.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.sent.get().is_some()
    }

    /// Returns once [`Trace::sent`] was called.
    pub async fn until_sent(&self) {
        self.complete.until(|| self.is_sent()).await;
    }

    /// Whether the source is being waited for.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.reading.load(Relaxed)
    }

    /// When the last byte moved.
    #[must_use]
    pub fn last_moved(&self) -> Instant {
        self.started + Duration::from_micros(self.moved.get().unwrap_or(0))
    }

    /// Bytes read from the source.
    #[must_use]
    pub fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Relaxed)
    }

    /// Bytes handed to the receiver's connection.
    #[must_use]
    pub fn bytes_out(&self) -> u64 {
        self.bytes_out.load(Relaxed)
    }

    /// How often the read was resumed.
    #[must_use]
    pub fn resumes(&self) -> u32 {
        self.resumes.load(Relaxed)
    }

    /// The times of this try, for a job that was submitted at `submitted`.
    #[must_use]
    pub fn timings(&self, submitted: Instant) -> Timings {
        #[expect(clippy::cast_precision_loss, reason = "a job of 285 years would lose a microsecond")]
        let ms = |us: u64| us as f64 / 1000.0;
        let now = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let opened = self.opened.get();
        let sent = self.sent.get();
        Timings {
            queue: self.started.duration_since(submitted).as_secs_f64() * 1000.0,
            download: ms(self.read.get().unwrap_or(now)),
            upload: opened.map_or(0.0, |opened| ms(sent.unwrap_or(now).saturating_sub(opened))),
            answer: sent.map_or(0.0, |sent| ms(now.saturating_sub(sent))),
            total: submitted.elapsed().as_secs_f64() * 1000.0,
        }
    }
}

#[cfg(test)]
mod tests;
