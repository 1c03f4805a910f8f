//! Recorded histories of several threads: is there an order of all calls, each at one moment between its begin and its
//! end, in which a queue of one thread gives the same answers? (Wing and Gong's search, with Lowe's memory of what was
//! tried: "Testing for linearizability", 2017.)

use std::{
    collections::HashSet,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

use super::{
    model::{Answer, Model, Op, call},
    sync::INTERLEAVED,
    *,
};

const THREADS: usize = 3;

struct Call {
    op: Op,
    answer: Answer,
    begin: u64,
    end: u64,
}

fn is_linearizable(options: &Options, calls: &[Call]) -> bool {
    fn search(model: &Model, done: u32, calls: &[Call], tried: &mut HashSet<(u32, Model)>) -> bool {
        let open = || calls.iter().enumerate().filter(|(at, _)| done & (1 << at) == 0);
        // Whoever began after the first end cannot be next.
        let Some(first_end) = open().map(|(_, call)| call.end).min() else { return true };
        open().filter(|(_, call)| call.begin < first_end).any(|(at, call)| {
            let (mut next, done) = (model.clone(), done | 1 << at);
            next.call(&call.op) == call.answer
                && tried.insert((done, next.clone()))
                && search(&next, done, calls, tried)
        })
    }
    search(&Model::new(options), 0, calls, &mut HashSet::new())
}

struct History {
    options: Options,
    queue: Queue<u32>,
    scripts: Vec<Vec<Op>>,
    arrived: AtomicUsize,
}

fn history(rng: &mut fastrand::Rng, bug: Option<Bug>) -> History {
    let when_full = [WhenFull::Reject, WhenFull::DropOldest, WhenFull::DropLowest][rng.usize(..3)];
    let options = Options::new(rng.usize(1..7)).when_full(when_full).planted(bug);
    // Mostly plain histories stay in the ring for long; the others cross to the lanes and back.
    let special = [0, 10, 40][rng.usize(..3)];
    let mut item = 0;
    let mut script = || {
        (0..rng.usize(2..6))
            .map(|_| {
                item += 1;
                let (key, priority) = (rng.u8(..3), rng.i32(-1..2));
                match rng.u8(..100) {
                    n if n < special => match rng.u8(..10) {
                        0..4 => Op::Push { item, key: Some(key), priority: 0 },
                        4..6 => Op::Push { item, key: None, priority },
                        6 => Op::Remove(key),
                        7 => Op::Has(key),
                        8 => Op::Peek,
                        _ => [Op::Snapshot, Op::Clear, Op::Close, Op::Len][rng.usize(..4)].clone(),
                    },
                    n if n % 2 == 0 => Op::Push { item, key: None, priority: 0 },
                    n if n % 9 == 0 => Op::Len,
                    _ => Op::Pop,
                }
            })
            .collect()
    };
    let scripts = (0..THREADS).map(|_| script()).collect();
    History { options, queue: Queue::with_options(options), scripts, arrived: AtomicUsize::new(0) }
}

/// Plays the part of one thread in every history.
fn play(thread: usize, histories: &[History], clock: &AtomicU64) -> Vec<Vec<Call>> {
    let play_one = |history: &History| {
        history.arrived.fetch_add(1, Ordering::SeqCst);
        while history.arrived.load(Ordering::SeqCst) < THREADS {
            std::thread::yield_now();
        }
        let record = |op: &Op| {
            let begin = clock.fetch_add(1, Ordering::SeqCst);
            let answer = call(&history.queue, op);
            Call { op: op.clone(), answer, begin, end: clock.fetch_add(1, Ordering::SeqCst) }
        };
        history.scripts[thread].iter().map(record).collect()
    };
    INTERLEAVED.set(true);
    histories.iter().map(play_one).collect()
}

struct Found {
    /// Histories in which calls really overlapped.
    concurrent: usize,
    wrong: usize,
}

fn search(count: usize, bug: Option<Bug>) -> Found {
    const AT_ONCE: usize = 500;
    let mut rng = fastrand::Rng::with_seed(7);
    let mut found = Found { concurrent: 0, wrong: 0 };
    for _ in 0..count.div_ceil(AT_ONCE) {
        let histories: Vec<History> = (0..AT_ONCE).map(|_| history(&mut rng, bug)).collect();
        let clock = AtomicU64::new(0);
        let mut parts: Vec<Vec<Vec<Call>>> = std::thread::scope(|scope| {
            let spawn = |thread| {
                let (histories, clock) = (&histories, &clock);
                scope.spawn(move || play(thread, histories, clock))
            };
            let threads: Vec<_> = (0..THREADS).map(spawn).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for history in histories.iter().rev() {
            let mut calls: Vec<Call> = parts.iter_mut().flat_map(|part| part.pop().unwrap()).collect();
            calls.sort_by_key(|call| call.begin);
            let mut latest = 0;
            let concurrent = calls.iter().any(|call| {
                let overlaps = latest > call.begin;
                latest = latest.max(call.end);
                overlaps
            });
            found.concurrent += usize::from(concurrent);
            if !is_linearizable(&history.options, &calls) {
                found.wrong += 1;
                if bug.is_none() {
                    for Call { op, answer, begin, end } in &calls {
                        eprintln!("{begin}..{end} {op:?} {answer:?}");
                    }
                    eprintln!("{:?}", history.options);
                }
            }
        }
    }
    found
}

#[test]
fn recorded_histories_are_linearizable() {
    let count = size(10_000, 100_000);
    let found = search(count, None);
    assert_eq!(found.wrong, 0);
    assert!(found.concurrent > count / 2, "only {} of {count} histories had calls at once", found.concurrent);
}

/// The checker sees what it is for, in the ring and in the lanes.
#[test]
fn a_wrong_queue_is_not_linearizable() {
    for bug in [Bug::OneTooMany, Bug::HastyHandOver] {
        assert!(search(2_000, Some(bug)).wrong > 0, "{bug:?}");
    }
}

/// The checker itself, on histories that are known to be wrong or right.
#[test]
fn the_checker_knows_right_from_wrong() {
    let push = |item, begin, end| Call {
        op: Op::Push { item, key: None, priority: 0 },
        answer: Answer::Pushed(Push::QUEUED),
        begin,
        end,
    };
    let pop = |item, begin, end| Call { op: Op::Pop, answer: Answer::Item(item), begin, end };
    let check = |calls: &[Call]| is_linearizable(&Options::new(2), calls);
    assert!(check(&[push(1, 0, 1), push(2, 2, 3), pop(Some(1), 4, 5)]));
    assert!(!check(&[push(1, 0, 1), push(2, 2, 3), pop(Some(2), 4, 5)]));
    assert!(check(&[push(1, 0, 3), push(2, 1, 2), pop(Some(2), 4, 5)]));
    assert!(!check(&[push(1, 0, 1), pop(None, 2, 3)]));
    assert!(check(&[push(1, 0, 3), pop(None, 1, 2)]));
    assert!(!check(&[push(1, 0, 1), push(2, 2, 3), push(3, 4, 5)]));
}
