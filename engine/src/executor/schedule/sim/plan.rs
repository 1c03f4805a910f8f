//! What a seed is made of.

use std::time::Duration;

use super::super::Between;
use crate::executor::{ExecutorOptions, RetryOptions, job::Job, limits::Limits};

pub struct SimJob {
    pub key: String,
    pub bot: u8,
    pub scope: String,
    pub chats: Vec<String>,
    pub size: Option<u64>,
    pub priority: i32,
    pub lease: Option<Duration>,
}

impl Job for SimJob {
    fn key(&self) -> &str {
        &self.key
    }
    fn priority(&self) -> i32 {
        self.priority
    }
    fn scope(&self) -> &str {
        &self.scope
    }
    fn chats(&self) -> &[String] {
        &self.chats
    }
    fn size(&self) -> Option<u64> {
        self.size
    }
    fn lease(&self) -> Option<Duration> {
        self.lease
    }
}

/// What a seed is made of; each seed has only some of the faults, so that they are seen alone and together.
#[expect(clippy::struct_excessive_bools, reason = "faults that are on or off")]
pub struct Plan {
    pub bots: u8,
    /// The chats of each flow.
    pub flows: Vec<(u8, Vec<String>)>,
    pub options: ExecutorOptions,
    /// The bounds of a number of slots that is measured.
    pub measured: Option<Between>,
    /// Bots below this are never refused and have no live traffic: theirs must go to the moment.
    pub quiet: u8,
    pub throttles: u32,
    pub failures: u32,
    pub cancels: bool,
    pub leases: bool,
    pub pauses: bool,
    pub live: bool,
    pub priorities: i32,
    pub sizes: Vec<Option<u64>>,
    pub longest_ms: u64,
}

/// How long a job lets smaller ones ahead, ns: as `docs/pacing.md` has it.
pub const fn patience(size: Option<u64>) -> u64 {
    const MS: u64 = 1_000_000;
    match size {
        Some(0..=65_536) => 0,
        Some(65_537..=262_144) => 250 * MS,
        None | Some(262_145..=1_048_576) => 1_000 * MS,
        Some(1_048_577..=4_194_304) => 4_000 * MS,
        Some(4_194_305..=16_777_216) => 16_000 * MS,
        Some(_) => 60_000 * MS,
    }
}

impl Plan {
    pub fn new(rng: &mut fastrand::Rng) -> Self {
        let bots = rng.u8(1..6);
        let mut flows = Vec::new();
        for bot in 0..bots {
            for _ in 0..rng.u8(1..4) {
                let chats = (0..if rng.bool() { 1 } else { rng.u8(1..9) })
                    .map(|_| format!("{}{}", if rng.bool() { "" } else { "-100" }, rng.u8(1..12)))
                    .collect::<std::collections::BTreeSet<_>>();
                flows.push((bot, chats.into_iter().collect()));
            }
        }
        let limits = (rng.u8(0..8) > 0).then(|| Limits {
            uploads_per_token: [Some(1), Some(2), Some(20)][rng.usize(0..3)],
            bytes_in_flight: [Some(3_000_000), Some(1 << 31)][rng.usize(0..2)],
            ..Limits::default()
        });
        let every = |rng: &mut fastrand::Rng, most: u32| if rng.bool() { 0 } else { rng.u32(1..most) };
        Self {
            quiet: rng.u8(0..=bots),
            options: ExecutorOptions {
                concurrency: rng.usize(1..9),
                capacity: rng.usize(5..200),
                retry: RetryOptions { quick: rng.u32(0..3), base_ms: 500, max_ms: 2_000 },
                limits,
            },
            measured: (rng.u8(0..4) == 0).then(|| Between { min: 1, max: rng.usize(1..20) }),
            throttles: every(rng, 20),
            failures: every(rng, 40),
            cancels: rng.bool(),
            leases: rng.bool(),
            pauses: rng.bool(),
            live: rng.bool(),
            priorities: [1, 2, 5][rng.usize(0..3)],
            sizes: [
                vec![Some(1_000)],
                vec![None, Some(1_000), Some(90_000)],
                vec![Some(1_000), Some(2_500_000), Some(50_000_000)],
            ][rng.usize(0..3)]
            .clone(),
            longest_ms: [20, 2_000, 60_000][rng.usize(0..3)],
            bots,
            flows,
        }
    }
}
