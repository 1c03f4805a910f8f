//! Batches of many items as one thing: cut, taken out of, and waking for each.

use super::*;

/// Items from 1 on, whose keys are the characters of a text: what came back, and the duplicates.
fn push_keyed_run(queue: &Queue<u32>, keys: &str) -> (Option<u32>, Vec<u32>) {
    let ends: Vec<u32> = (1..).take(keys.len()).collect();
    let mut refused = Vec::new();
    let back = queue.push_keyed_run(1, keys, &ends, 0, &mut refused);
    (back, refused)
}

/// A run, an item, and two consumers of whom one takes runs: the ring is handed over, and the run is cut between them.
#[test]
fn a_run_is_taken_once_and_in_order() {
    explore(|| {
        let queue = queue(3, None);
        let run = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.push_run(1, 2, 0))
        };
        let consumer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.pop())
        };
        assert_eq!(push(&queue, 9), Offer::Queued);
        let mut runs = Vec::new();
        queue.pop_runs(2, &mut runs);
        assert_eq!(run.join().unwrap(), None);
        let early = consumer.join().unwrap();
        let mine = runs.into_iter().flat_map(|(first, count)| first..first + u32::try_from(count).unwrap());
        let mine: Vec<u32> = mine.chain(std::iter::from_fn(|| queue.pop())).collect();
        let order: Vec<u32> = mine.iter().copied().filter(|item| *item < 9).collect();
        assert!(order.is_sorted(), "a run leaves in order");
        let mut out: Vec<u32> = mine.into_iter().chain(early).collect();
        out.sort_unstable();
        assert_eq!(out, [1, 2, 9]);
        assert_eq!(queue.len(), 0);
    });
}

/// Two waiters, and a run for both.
#[test]
fn a_run_wakes_as_many_as_it_has_items() {
    explore(|| {
        let queue = queue(2, None);
        let (one, two) = (waiter(&queue), waiter(&queue));
        assert_eq!(queue.push_run(1, 2, 0), None);
        let mut out = [one.join().unwrap(), two.join().unwrap()];
        out.sort_unstable();
        assert_eq!(out, [Some(1), Some(2)]);
    });
}

/// A batch with keys, a consumer, and one who takes an item out by its key: each item goes to one of them, and every key is free after.
#[test]
fn a_keyed_run_is_taken_once() {
    explore(|| {
        let queue = queue(3, None);
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || push_keyed_run(&queue, "abc"))
        };
        let consumer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.pop())
        };
        let removed = queue.remove("b");
        assert_eq!(producer.join().unwrap(), (None, vec![]));
        let early = consumer.join().unwrap();
        let mut out: Vec<u32> = std::iter::from_fn(|| queue.pop()).chain(removed).chain(early).collect();
        out.sort_unstable();
        assert_eq!(out, [1, 2, 3]);
        assert!(["a", "b", "c"].iter().all(|key| !queue.has(key)));
    });
}

/// Two waiters, and a batch of which one item is a duplicate.
#[test]
fn a_keyed_run_wakes_as_many_as_are_queued() {
    explore(|| {
        let queue = queue(3, None);
        let (one, two) = (waiter(&queue), waiter(&queue));
        assert_eq!(push_keyed_run(&queue, "aab"), (None, vec![1]));
        let mut out = [one.join().unwrap(), two.join().unwrap()];
        out.sort_unstable();
        assert_eq!(out, [Some(1), Some(3)]);
    });
}
