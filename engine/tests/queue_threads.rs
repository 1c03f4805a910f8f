//! Many threads on one queue: every value leaves once, and those of one producer in order.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that panics has failed, which is what it is for"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use warmpath_engine::queue::{Entry, Next, Offer, Options, Queue, WhenFull};

const PRODUCERS: u64 = 4;
const CONSUMERS: usize = 4;
const NEVER: Duration = Duration::from_mins(10);

/// Values in all: an operation is a push or a pop.
fn values() -> u64 {
    if std::env::var("WARMPATH_TEST_LONG").is_ok_and(|value| value == "1") { 5_000_000 } else { 250_000 }
}

/// Counts how often each value was seen.
struct Seen(Vec<AtomicU8>);

impl Seen {
    fn new(values: u64) -> Self {
        Self((0..values).map(|_| AtomicU8::new(0)).collect())
    }

    fn mark(&self, value: u64) {
        let before = self.0[usize::try_from(value).unwrap()].fetch_add(1, Ordering::Relaxed);
        assert_eq!(before, 0, "{value} was seen before");
    }

    fn assert_all(&self) {
        let missing = self.0.iter().filter(|seen| seen.load(Ordering::Relaxed) != 1).count();
        assert_eq!(missing, 0);
    }
}

/// Pushes until there is room. Sleeping is left to the machine: a full queue has busy consumers.
fn push_all(queue: &Queue<u64>, values: impl Iterator<Item = u64>, special: bool) {
    for value in values {
        let key = (special && value.is_multiple_of(3)).then(|| value.to_string());
        let priority = if special { i32::try_from(value % 4).unwrap() } else { 0 };
        loop {
            match queue.push(value, key.as_deref(), priority).offer {
                Offer::Queued => break,
                Offer::Full => thread::yield_now(),
                refused => panic!("{refused:?}"),
            }
        }
    }
}

fn run(capacity: usize, special: bool) {
    let each = values() / PRODUCERS;
    let queue = Queue::new(capacity);
    let seen = Seen::new(each * PRODUCERS);
    thread::scope(|scope| {
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let queue = &queue;
                scope.spawn(move || push_all(queue, producer * each..(producer + 1) * each, special))
            })
            .collect();
        for consumer in 0..CONSUMERS {
            let (queue, seen) = (&queue, &seen);
            scope.spawn(move || {
                let mut last = [None; PRODUCERS as usize];
                let mut batch = Vec::new();
                loop {
                    // Half of them singly, half in batches.
                    if consumer % 2 == 0 || queue.pop_many(32, &mut batch) == 0 {
                        let Some(value) = queue.pop_timeout(NEVER) else { break };
                        batch.push(value);
                    }
                    for value in batch.drain(..) {
                        seen.mark(value);
                        let last = &mut last[usize::try_from(value / each).unwrap()];
                        assert!(special || *last < Some(value), "one producer's items come in order");
                        *last = Some(value);
                    }
                }
            });
        }
        for producer in producers {
            producer.join().unwrap();
        }
        queue.close();
    });
    seen.assert_all();
    let stats = queue.stats();
    assert_eq!((stats.pushed, stats.popped, queue.len()), (each * PRODUCERS, each * PRODUCERS, 0));
}

#[test]
fn every_plain_value_leaves_once() {
    run(512, false);
}

#[test]
fn every_value_with_keys_and_priorities_leaves_once() {
    run(512, true);
}

#[test]
fn a_tiny_queue_loses_nothing() {
    run(1, false);
}

#[test]
fn a_deep_queue_grows_under_load_and_loses_nothing() {
    run(1 << 20, false);
}

/// Pushes runs of every length, and single items between them, until there was room for all.
fn push_runs(queue: &Queue<u64>, mut values: std::ops::Range<u64>) {
    let mut rng = fastrand::Rng::with_seed(values.start);
    while !values.is_empty() {
        if rng.u8(..4) == 0 {
            let next = values.start + 1;
            push_all(queue, values.start..next, false);
            values.start = next;
            continue;
        }
        let count = rng.u64(1..200).min(values.end - values.start);
        let left = queue.push_run(values.start, count as usize, 0).map_or(0, |(_, left)| left as u64);
        if left == count {
            thread::yield_now();
        }
        values.start += count - left;
    }
}

#[test]
fn every_value_of_a_run_leaves_once_and_in_order() {
    let each = values() / PRODUCERS;
    let queue = Queue::new(512);
    let seen = Seen::new(each * PRODUCERS);
    thread::scope(|scope| {
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let queue = &queue;
                scope.spawn(move || push_runs(queue, producer * each..(producer + 1) * each))
            })
            .collect();
        for consumer in 0..CONSUMERS {
            let (queue, seen) = (&queue, &seen);
            scope.spawn(move || {
                let mut last = [None; PRODUCERS as usize];
                let (mut runs, mut batch) = (Vec::new(), Vec::new());
                loop {
                    // Runs as they are, runs cut up, and items of runs.
                    match consumer % 3 {
                        0 => queue.pop_runs(50, &mut runs),
                        1 => queue.pop_many(32, &mut batch),
                        _ => 0,
                    };
                    batch.extend(runs.drain(..).flat_map(|(first, count)| first..first + count as u64));
                    if batch.is_empty() {
                        let Some(value) = queue.pop_timeout(NEVER) else { break };
                        batch.push(value);
                    }
                    for value in batch.drain(..) {
                        seen.mark(value);
                        let last = &mut last[usize::try_from(value / each).unwrap()];
                        assert!(*last < Some(value), "one producer's items come in order");
                        *last = Some(value);
                    }
                }
            });
        }
        for producer in producers {
            producer.join().unwrap();
        }
        queue.close();
    });
    seen.assert_all();
    let stats = queue.stats();
    assert_eq!((stats.pushed, stats.popped, queue.len()), (each * PRODUCERS, each * PRODUCERS, 0));
}

/// The queue goes from the ring to the lanes and back while four threads push and four pop.
#[test]
fn the_ring_and_the_lanes_change_places_under_load() {
    let each = values() / 2 / PRODUCERS;
    let queue = Queue::new(256);
    let seen = Seen::new(each * PRODUCERS);
    let over = AtomicBool::new(false);
    let switches = AtomicU64::new(0);
    thread::scope(|scope| {
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let queue = &queue;
                scope.spawn(move || push_all(queue, producer * each..(producer + 1) * each, false))
            })
            .collect();
        for _ in 1..CONSUMERS {
            scope.spawn(|| {
                while let Some(value) = queue.pop_timeout(NEVER) {
                    seen.mark(value);
                }
            });
        }
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                // A look at the first item moves all to the lanes.
                switches.fetch_add(u64::from(queue.peek().is_some()), Ordering::Relaxed);
                queue.clear().into_iter().for_each(|value| seen.mark(value));
                thread::sleep(Duration::from_millis(1));
            }
        });
        for producer in producers {
            producer.join().unwrap();
        }
        over.store(true, Ordering::Relaxed);
        queue.close();
    });
    seen.assert_all();
    assert!(switches.into_inner() > 0);
}

#[test]
fn what_is_dropped_and_what_leaves_is_everything() {
    let each = values() / 4 / PRODUCERS;
    let queue = Queue::with_options(Options::new(64).when_full(WhenFull::DropOldest));
    let seen = Seen::new(each * PRODUCERS);
    thread::scope(|scope| {
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let (queue, seen) = (&queue, &seen);
                scope.spawn(move || {
                    let (mut entries, mut answers, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
                    for start in (0..each).step_by(100) {
                        let items = producer * each + start..producer * each + each.min(start + 100);
                        entries.extend(items.map(|item| Entry { item, key: None, priority: 0 }));
                        queue.push_many(&mut entries, &mut answers, &mut dropped);
                        assert!(entries.is_empty() && answers.iter().all(|answer| *answer == Offer::Queued));
                        dropped.drain(..).for_each(|entry| seen.mark(entry.item));
                        answers.clear();
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while let Some(value) = queue.pop_timeout(NEVER) {
                seen.mark(value);
            }
        });
        for producer in producers {
            producer.join().unwrap();
        }
        queue.close();
    });
    seen.assert_all();
    let stats = queue.stats();
    assert_eq!(stats.pushed, stats.popped + stats.dropped);
    assert!(stats.dropped > 0, "the producers were too slow to show anything");
}

/// Watchers that come, are woken and go without a look: those who stay get every item.
#[test]
fn watchers_that_go_away_keep_no_wake_up() {
    let queue = Arc::new(Queue::<u64>::new(64));
    let count = values() / 20;
    let seen = Seen::new(count);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(value) = queue.pop_timeout(NEVER) {
                    seen.mark(value);
                }
            });
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let mut fickle = queue.watch(|| ());
                    if let Next::Item(value) = fickle.poll() {
                        seen.mark(value);
                    }
                }
            });
        }
        let producer = scope.spawn(|| push_all(&queue, 0..count, false));
        producer.join().unwrap();
        over.store(true, Ordering::Relaxed);
        queue.close();
    });
    seen.assert_all();
}
