//! Counters and latency histograms of an executor.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{Limits, Outcome, Status, Trace, schedule::Measured};
use crate::error::Class;

/// Two significant digits from a microsecond to six hours: 3 % error, some 30 KiB a phase.
const LONGEST_US: u64 = 6 * 3600 * 1_000_000;

/// What has been counted since the executor started.
#[derive(Default)]
pub struct Stats {
    succeeded: u64,
    failed: u64,
    by_class: BTreeMap<&'static str, u64>,
    bytes_in: u64,
    bytes_out: u64,
    retries: u64,
    resumes: u64,
    possible_duplicates: u64,
    phases: BTreeMap<&'static str, Histogram<u64>>,
}

/// Quantiles of one phase, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quantiles {
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
}

/// What `stats()` answers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Jobs in the queue.
    pub queued: usize,
    /// Jobs between two tries: they hold no slot.
    pub waiting: usize,
    /// Jobs that hold a slot.
    pub running: usize,
    /// Jobs settled as succeeded.
    pub succeeded: u64,
    /// Jobs settled as failed.
    pub failed: u64,
    /// Failed jobs by class.
    pub by_class: BTreeMap<&'static str, u64>,
    /// Bytes read from sources, all tries.
    pub bytes_in: u64,
    /// Bytes handed to receivers, all tries.
    pub bytes_out: u64,
    /// Slots.
    pub concurrency: usize,
    /// How their number was found; `null` = it was given.
    pub adaptive: Option<Measured>,
    /// Size of the queue.
    pub capacity: usize,
    /// Whether new jobs are held back.
    pub paused: bool,
    /// Tries that may have left a message behind although they failed.
    pub possible_duplicates: u64,
    /// Tries after the first.
    pub retries: u64,
    /// Downloads that broke and were resumed.
    pub resumes: u64,
    /// Quantiles per phase, over every settled job that ran.
    pub phases: BTreeMap<&'static str, Quantiles>,
    /// Pacing; `null` = none.
    pub limits: Option<Limits>,
}

impl Stats {
    /// Counts the bytes and resumes of one try.
    pub fn tried(&mut self, trace: &Trace) {
        self.bytes_in += trace.bytes_in();
        self.bytes_out += trace.bytes_out();
        self.resumes += u64::from(trace.resumes());
    }

    /// Counts a retry.
    pub const fn retried(&mut self) {
        self.retries += 1;
    }

    /// Counts a settled job. `ran` is false for a job that never held a slot: it has no phases.
    pub fn settled<V>(&mut self, outcome: &Outcome<V>, class: Option<Class>, ran: bool) {
        match outcome.status {
            Status::Succeeded => self.succeeded += 1,
            Status::Failed => self.failed += 1,
        }
        if let Some(class) = class {
            *self.by_class.entry(class.as_str()).or_default() += 1;
        }
        self.possible_duplicates += u64::from(outcome.possible_duplicates);
        if !ran {
            return;
        }
        for (phase, ms) in outcome.timings.phases() {
            if let Some(histogram) = self.histogram(phase) {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped; `as` saturates")]
                histogram.saturating_record(((ms * 1000.0) as u64).clamp(1, LONGEST_US));
            }
        }
    }

    fn histogram(&mut self, phase: &'static str) -> Option<&mut Histogram<u64>> {
        use std::collections::btree_map::Entry;
        match self.phases.entry(phase) {
            Entry::Occupied(entry) => Some(entry.into_mut()),
            Entry::Vacant(entry) => Some(entry.insert(Histogram::new_with_bounds(1, LONGEST_US, 2).ok()?)),
        }
    }

    /// A snapshot; the caller adds what only it knows.
    pub fn snapshot(&self) -> Snapshot {
        #[expect(clippy::cast_precision_loss, reason = "below six hours")]
        let ms = |us: u64| us as f64 / 1000.0;
        let phases = self
            .phases
            .iter()
            .map(|(phase, histogram)| {
                let at = |quantile| ms(histogram.value_at_quantile(quantile));
                (*phase, Quantiles { p50: at(0.5), p95: at(0.95), p99: at(0.99) })
            })
            .collect();
        Snapshot {
            queued: 0,
            waiting: 0,
            running: 0,
            succeeded: self.succeeded,
            failed: self.failed,
            by_class: self.by_class.clone(),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            concurrency: 0,
            adaptive: None,
            capacity: 0,
            paused: false,
            possible_duplicates: self.possible_duplicates,
            retries: self.retries,
            resumes: self.resumes,
            phases,
            limits: None,
        }
    }
}
