//! Waiting and closing, and many threads at once.

use std::sync::Arc;

use parking_lot::Mutex;

use super::*;

#[tokio::test]
async fn a_waiter_wakes_for_an_item_and_for_close() {
    let queue = Arc::new(Queue::new(4));
    for close in [false, true] {
        let waiter = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.wait().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished());
        if close {
            queue.close();
        } else {
            assert_eq!(queue.push(1, None, 0).offer, Offer::Queued);
        }
        waiter.await.unwrap();
        assert_eq!(queue.pop(), (!close).then_some(1));
    }
    assert_eq!(queue.push(2, None, 0).offer, Offer::Closed);
}

#[test]
fn every_item_of_many_threads_leaves_once() {
    const EACH: usize = 5_000;
    let queue = Queue::new(usize::MAX);
    let taken = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for producer in 0..4 {
            let queue = &queue;
            scope.spawn(move || {
                (0..EACH).for_each(|i| assert_eq!(queue.push((producer, i), None, 0).offer, Offer::Queued));
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                while taken.lock().len() < 4 * EACH {
                    let mut got = Vec::new();
                    queue.pop_many(64, &mut got);
                    taken.lock().extend(got);
                }
            });
        }
    });
    let mut taken = taken.into_inner();
    assert_eq!(taken.len(), 4 * EACH);
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), 4 * EACH);
}
