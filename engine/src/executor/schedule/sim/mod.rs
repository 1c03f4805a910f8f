//! The scheduler through virtual hours: random jobs, refusals, failures, cancels, leases, pauses and live traffic, against a
//! model of Telegram that counts every send. The invariants are those of `world`; what takes a day or many bots to see is
//! in `scenarios`.
//!
//! `cargo test` runs 300 seeds of one hour; `WARMPATH_TEST_LONG=1` runs 10,000. A seed that fails is named, with the last
//! lines of its history, and `WARMPATH_SIM_SEED=…` runs that one alone: the same seed makes the same history, byte for byte.

mod invariants;
mod migrated;
mod plan;
mod scenarios;
mod telegram;
mod traffic;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::planted::{Bug, Planted};
use world::World;

fn long() -> bool {
    std::env::var_os("WARMPATH_TEST_LONG").is_some_and(|value| value == "1")
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

/// The seeds to run: one that was asked for, or so many. `WARMPATH_SIM_SEEDS` lessens them, where one run follows another.
fn seeds(many: u64) -> Vec<u64> {
    match number("WARMPATH_SIM_SEED") {
        Some(seed) => vec![seed],
        None => (0..many.min(number("WARMPATH_SIM_SEEDS").unwrap_or(many))).collect(),
    }
}

/// A seed that failed, once more, with its history.
fn report(seed: u64) -> String {
    let mut world = World::new(seed, Planted::NONE, true);
    let broken = world.hour().err().unwrap_or_else(|| "passes the second time: it is not deterministic".into());
    let lines: Vec<_> = world.history().lines().collect();
    format!(
        "seed {seed}: {broken}\nalone: WARMPATH_SIM_SEED={seed} cargo test -p warmpath-engine --lib sim\n{}",
        lines[lines.len().saturating_sub(40)..].join("\n"),
    )
}

#[test]
fn an_hour_of_every_seed_breaks_no_invariant() {
    let seeds = seeds(if long() { 10_000 } else { 300 });
    let mut seen = world::Seen::default();
    for seed in &seeds {
        let mut world = World::new(*seed, Planted::NONE, false);
        assert!(world.hour().is_ok(), "{}", report(*seed));
        seen.add(&world.seen);
    }
    // A fault that never bites proves nothing; a few seeds do not meet them all.
    if seeds.len() >= 300 {
        seen.assert_all_bit();
    }
}

#[test]
fn a_seed_makes_the_same_history_byte_for_byte() {
    for seed in seeds(5) {
        let history = || {
            let mut world = World::new(seed, Planted::NONE, true);
            world.hour().unwrap();
            world.history().to_owned()
        };
        let first = history();
        assert!(first.len() > 1_000);
        assert_eq!(first, history(), "seed {seed}");
    }
}

/// Whether some seed or scenario notices the bug.
fn is_caught(bug: Bug) -> bool {
    let planted = Planted(Some(bug));
    let fails = |run: &dyn Fn() -> Result<(), String>| !matches!(catch_unwind(AssertUnwindSafe(run)), Ok(Ok(())));
    (0..30).any(|seed| fails(&|| World::new(seed, planted, false).hour())) || fails(&|| scenarios::all(planted))
}

#[test]
fn every_planted_bug_is_caught() {
    // What a bug breaks may well panic; that is a catch, and no news.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let missed: Vec<_> = Bug::ALL.iter().copied().filter(|bug| !is_caught(*bug)).collect();
    std::panic::set_hook(hook);
    assert!(Bug::ALL.len() >= 12);
    assert!(missed.is_empty(), "{missed:?}");
}
