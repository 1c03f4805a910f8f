//! Aging: the order of random histories, and how long the lowest waits while the highest never ends.

use std::time::Duration;

use super::*;

const AGING: Duration = Duration::from_millis(10);

fn options(capacity: usize, aging: Option<Duration>) -> Options {
    Options::new(capacity).aging(aging)
}

fn push(lanes: &mut Lanes<u64>, item: u64, priority: i32, now: Duration) -> Offer {
    lanes.push_at(item, None::<&str>, priority, u64::try_from(now.as_nanos()).unwrap()).offer
}

/// How many steps of 1 ms an item of priority 0 waits, while the queue is kept full with items of priority 10.
fn wait_of_the_lowest(capacity: usize, aging: Option<Duration>, give_up: u64) -> Option<u64> {
    let mut lanes = Lanes::with_options(options(capacity, aging));
    assert_eq!(push(&mut lanes, 0, 0, Duration::ZERO), Offer::Queued);
    for step in 1..=give_up {
        while push(&mut lanes, step, 10, Duration::from_millis(step)) == Offer::Queued {}
        if lanes.pop() == Some(0) {
            return Some(step);
        }
    }
    None
}

#[test]
fn nothing_starves_while_priorities_age() {
    for capacity in [2, 10, 100, 500] {
        // 10 priorities of 10 ms each, and then those that were queued by then, at one a step.
        let bound = 100 + capacity as u64;
        let waited = wait_of_the_lowest(capacity, Some(AGING), 10 * bound);
        assert!(waited.is_some_and(|waited| waited <= bound), "{waited:?} of {bound}");
        assert_eq!(wait_of_the_lowest(capacity, None, 10 * bound), None, "the load is one that starves");
    }
}

#[test]
fn only_items_within_the_bound_overtake() {
    for seed in 0..super::size(300, 20_000) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut lanes = Lanes::with_options(options(1_000, Some(AGING)));
        let mut now = Duration::ZERO;
        let (mut arrived, mut left) = (Vec::new(), Vec::new());
        for _ in 0..200 {
            now += Duration::from_micros(rng.u64(..8_000));
            if rng.u8(..3) > 0 {
                let priority = rng.i32(-3..4);
                push(&mut lanes, arrived.len() as u64, priority, now);
                arrived.push((priority, now));
            } else if let Some(item) = lanes.pop() {
                left.push(item);
            }
            lanes.audit();
        }
        left.extend(lanes.clear());
        assert_eq!(left.len(), arrived.len());
        for (at, early) in left.iter().enumerate() {
            for late in left[at + 1..].iter().filter(|late| *late < early) {
                // `early` came later than `late`, and has left before it.
                let ((high, came), (low, before)) = (arrived[*early as usize], arrived[*late as usize]);
                assert!(high > low, "equals never overtake");
                let ahead = AGING * (high - low).unsigned_abs();
                assert!(came < before + ahead, "{high} came at {came:?}, {low} at {before:?}");
            }
        }
    }
}

#[test]
fn the_shared_queue_ages_by_the_clock() {
    let queue = Queue::with_options(options(10, Some(Duration::from_nanos(1))));
    let _ = queue.push("first", None, 0);
    // Any later moment is more than the 5 ns that five priorities are worth.
    std::thread::sleep(Duration::from_millis(1));
    let _ = queue.push("second", None, 5);
    let _ = queue.push("third", None, i32::MAX);
    assert_eq!(queue.snapshot(), ["third", "first", "second"]);
    assert_eq!(queue.pop(), Some("third"));
    assert_eq!(queue.pop(), Some("first"));
    assert_eq!(queue.pop(), Some("second"));
}
