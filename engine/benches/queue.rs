//! What the queue costs: against its neighbours under contention, and at depth.
//! `cargo bench -p warmpath-engine --bench queue`; figures in `docs/queue-proof.md`.

#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "prints figures, of numbers that it made itself"
)]

use std::{
    collections::VecDeque,
    hint::black_box,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use crossbeam_queue::ArrayQueue;
use parking_lot::Mutex;
use warmpath_engine::queue::{Entry, Offer, Queue};

const ROUNDS: usize = 9;

/// Median, lowest and highest of the rounds, in ns.
fn rounds(mut round: impl FnMut() -> f64) -> (f64, f64, f64) {
    round();
    let mut times: Vec<f64> = (0..ROUNDS).map(|_| round()).collect();
    times.sort_unstable_by(f64::total_cmp);
    (times[ROUNDS / 2], times[0], times[ROUNDS - 1])
}

/// ns for each push and pop, counted over all threads: the reciprocal of what gets through.
fn contended(threads: usize, pairs: usize, pair: impl Fn(usize) + Sync) -> f64 {
    let start = Barrier::new(threads + 1);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let (start, pair) = (&start, &pair);
                scope.spawn(move || {
                    start.wait();
                    for at in 0..pairs / threads {
                        pair(thread + at);
                    }
                })
            })
            .collect();
        start.wait();
        let began = Instant::now();
        for worker in workers {
            worker.join().unwrap_or(());
        }
        per(began.elapsed(), pairs)
    })
}

fn per(time: Duration, count: usize) -> f64 {
    time.as_nanos() as f64 / count as f64
}

fn row(name: &str, figures: &[(f64, f64, f64)]) {
    let cells: Vec<String> = figures.iter().map(|(mid, low, high)| format!("{mid:.0} ({low:.0}-{high:.0})")).collect();
    println!("| {name} | {} |", cells.join(" | "));
}

fn contention() {
    const PAIRS: usize = 400_000;
    let threads = [1, 2, 4, 8];
    println!("ns for one push and one pop, over all threads: median (lowest-highest) of {ROUNDS} rounds\n");
    println!("| threads | 1 | 2 | 4 | 8 |\n|---|---|---|---|---|");
    let measure = |name: &str, pair: &(dyn Fn(usize) + Sync)| {
        row(name, &threads.map(|threads| rounds(|| contended(threads, PAIRS, pair))));
    };
    let plain = Queue::new(1024);
    measure("Queue, plain", &|at| {
        let _ = black_box(plain.push(at, None, 0));
        black_box(plain.pop());
    });
    let array = ArrayQueue::new(1024);
    measure("crossbeam ArrayQueue", &|at| {
        let _ = black_box(array.push(at));
        black_box(array.pop());
    });
    let deque = Mutex::new(VecDeque::with_capacity(1024));
    measure("Mutex<VecDeque>", &|at| {
        let mut locked = deque.lock();
        if locked.len() < 1024 {
            locked.push_back(at);
        }
        drop(locked);
        black_box(deque.lock().pop_front());
    });
    let lanes = Queue::new(1024);
    measure("Queue, 4 priorities", &|at| {
        let _ = black_box(lanes.push(at, None, (at % 4) as i32 + 1));
        black_box(lanes.pop());
    });
    let keys: Vec<String> = (0..4096).map(|key| format!("photo:{key:064x}:bot")).collect();
    let keyed = Queue::new(1024);
    measure("Queue, keys of 74 bytes", &|at| {
        let _ = black_box(keyed.push(at, Some(&keys[at % 4096]), 0));
        black_box(keyed.pop());
    });
    let batches = Queue::new(100_000);
    let batch_pair = |_: usize| {
        let mut entries: Vec<_> = (0..1000).map(|item| Entry { item, key: None, priority: 0 }).collect();
        let (mut answers, mut dropped, mut out) = (Vec::with_capacity(1000), Vec::new(), Vec::with_capacity(1000));
        batches.push_many(&mut entries, &mut answers, &mut dropped);
        batches.pop_many(1000, &mut out);
        black_box(out);
    };
    let in_batches = |threads| {
        let (mid, low, high) = rounds(|| contended(threads, 400, batch_pair));
        (mid / 1000.0, low / 1000.0, high / 1000.0)
    };
    row("Queue, plain, batches of 1,000", &threads.map(in_batches));
}

/// One push and one pop while `depth` items wait.
fn at_depth(depth: usize, keyed: bool, priorities: usize) -> (f64, f64, f64) {
    const PAIRS: usize = 100_000;
    let queue = Queue::new(depth + 1);
    let keys: Vec<String> = (0..=2 * depth).map(|key| format!("photo:{key:064x}:bot")).collect();
    let mut at = 0;
    let mut rng = fastrand::Rng::with_seed(1);
    let mut push = |queue: &Queue<usize>| {
        at += 1;
        let key = keyed.then(|| keys[at % keys.len()].as_str());
        let priority = if priorities > 1 { rng.usize(..priorities) as i32 } else { 0 };
        queue.push(at, key, priority).offer == Offer::Queued
    };
    while queue.len() < depth {
        push(&queue);
    }
    rounds(|| {
        let began = Instant::now();
        for _ in 0..PAIRS {
            black_box(push(&queue));
            black_box(queue.pop());
        }
        per(began.elapsed(), PAIRS)
    })
}

fn depth() {
    let depths = [500, 10_000, 100_000];
    println!("\nns for one push and one pop at a depth, one thread\n");
    println!("| queued | 500 | 10,000 | 100,000 | slope |\n|---|---|---|---|---|");
    for (name, keyed, priorities) in [
        ("plain", false, 1),
        ("keys", true, 1),
        ("10 priorities", false, 10),
        ("1,000 priorities", false, 1_000),
        ("as many priorities as items", false, usize::MAX),
        ("keys and 10 priorities", true, 10),
    ] {
        let figures =
            depths.map(|depth| at_depth(depth, keyed, if priorities == usize::MAX { depth } else { priorities }));
        let slope = (figures[2].0 / figures[0].0).ln() / 200_f64.ln();
        let cells = figures.map(|(mid, low, high)| format!("{mid:.0} ({low:.0}-{high:.0})"));
        println!("| {name} | {} | {slope:.2} |", cells.join(" | "));
    }
}

fn main() {
    // `cargo test --benches` asks for nothing but that it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    contention();
    depth();
}
