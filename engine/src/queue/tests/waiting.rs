//! Waiting and closing, and many threads at once.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

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

/// A watcher of that queue, and how often it was called back.
fn watch(queue: &Arc<Queue<u32>>) -> (Watcher<u32>, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let watcher = queue.watch({
        let calls = Arc::clone(&calls);
        move || {
            calls.fetch_add(1, Ordering::SeqCst);
        }
    });
    (watcher, calls)
}

fn called(calls: &Arc<AtomicUsize>) -> usize {
    calls.load(Ordering::SeqCst)
}

#[test]
fn one_item_wakes_one_watcher_the_oldest_first() {
    let queue = Arc::new(Queue::new(8));
    let (mut first, first_calls) = watch(&queue);
    let (mut second, second_calls) = watch(&queue);
    assert_eq!((first.poll(), second.poll()), (Next::Pending, Next::Pending));
    assert_eq!(queue.push(1, None, 0).offer, Offer::Queued);
    assert_eq!((called(&first_calls), called(&second_calls)), (1, 0));
    assert_eq!(queue.push(2, Some("key"), 3).offer, Offer::Queued);
    assert_eq!((called(&first_calls), called(&second_calls)), (1, 1));
    // Nobody is armed any more: one call for each time.
    assert_eq!(queue.push(3, None, 0).offer, Offer::Queued);
    assert_eq!((called(&first_calls), called(&second_calls)), (1, 1));
    assert_eq!((second.poll(), second.poll(), second.poll()), (Next::Item(2), Next::Item(1), Next::Item(3)));
    assert_eq!(first.poll(), Next::Pending);
    queue.close();
    assert_eq!((called(&first_calls), called(&second_calls)), (2, 1));
    assert_eq!((first.poll(), second.poll()), (Next::Ended, Next::Ended));
}

#[test]
fn a_batch_wakes_as_many_as_it_has_items() {
    let queue = Arc::new(Queue::new(8));
    let mut watchers: Vec<_> = (0..4).map(|_| watch(&queue)).collect();
    assert!(watchers.iter_mut().all(|(watcher, _)| watcher.poll() == Next::Pending));
    let mut entries: Vec<_> = (0..2).map(|item| Entry { item, key: None, priority: 0 }).collect();
    queue.push_many(&mut entries, &mut Vec::new(), &mut Vec::new());
    assert_eq!(watchers.iter().map(|(_, calls)| called(calls)).collect::<Vec<_>>(), [1, 1, 0, 0]);
}

#[test]
fn a_watcher_that_takes_many_waits_for_one() {
    let queue = Arc::new(Queue::new(16));
    let (mut many, many_calls) = watch(&queue);
    let (mut one, one_calls) = watch(&queue);
    let mut out = Vec::new();
    assert_eq!((many.poll_runs(4, &mut out), one.poll()), (Next::Pending, Next::Pending));
    assert_eq!(queue.push(1, None, 0).offer, Offer::Queued);
    assert_eq!((called(&many_calls), called(&one_calls)), (1, 0));
    assert_eq!(many.poll_runs(4, &mut out), Next::Item(1));
    assert_eq!(many.poll_runs(4, &mut out), Next::Pending);
    // A run wakes both; what the one leaves, the other finds.
    assert!(queue.push_run(10, 6, 0).is_none());
    assert_eq!((called(&many_calls), called(&one_calls)), (2, 1));
    assert_eq!(many.poll_runs(4, &mut out), Next::Item(4));
    assert_eq!(one.poll(), Next::Item(14));
    assert_eq!(many.poll_runs(4, &mut out), Next::Item(1));
    assert_eq!(out, [(1, 1), (10, 4), (15, 1)]);
    assert_eq!(many.poll_runs(4, &mut out), Next::Pending);
    queue.close();
    assert_eq!((many.poll_runs(4, &mut out), called(&many_calls)), (Next::Ended, 3));
}

#[test]
fn a_watcher_that_goes_passes_its_wake_up_on_and_no_other() {
    let queue = Arc::new(Queue::new(8));
    let (mut first, _) = watch(&queue);
    let (mut second, second_calls) = watch(&queue);
    let (mut third, third_calls) = watch(&queue);
    assert!([&mut first, &mut second, &mut third].into_iter().all(|watcher| watcher.poll() == Next::Pending));
    assert_eq!(queue.push(1, None, 0).offer, Offer::Queued);
    drop(first);
    assert_eq!((called(&second_calls), called(&third_calls)), (1, 0));
    // The item is gone when the next one gives up: there is nothing to pass on.
    assert_eq!(queue.pop(), Some(1));
    second.disarm();
    assert_eq!(called(&third_calls), 0);
    // One that was never woken has nothing to pass on either.
    drop(third);
    assert_eq!(queue.push(2, None, 0).offer, Offer::Queued);
    assert_eq!(called(&third_calls), 0);
}

#[test]
fn a_kept_wake_up_is_seen_by_the_test_above() {
    let queue = Arc::new(Queue::with_options(Options::new(8).planted(Some(Bug::WakeUpKept))));
    let (mut first, _) = watch(&queue);
    let (mut second, second_calls) = watch(&queue);
    assert_eq!((first.poll(), second.poll()), (Next::Pending, Next::Pending));
    assert_eq!(queue.push(1, None, 0).offer, Offer::Queued);
    drop(first);
    assert_eq!(called(&second_calls), 0, "the bug is there");
}

/// Of a future: how often it was woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_future_that_is_dropped_passes_its_wake_up_on_and_waits_no_more() {
    let queue = Queue::new(8);
    let mut nobody = Context::from_waker(Waker::noop());
    for takes in [true, false] {
        // What is polled first waits longest.
        let mut gone: Pin<Box<dyn Future<Output = ()>>> =
            if takes { Box::pin(async { assert_eq!(queue.pop_wait().await, None) }) } else { Box::pin(queue.wait()) };
        let (count, mut left) = (Arc::new(Count::default()), Box::pin(queue.pop_wait()));
        let waker = Waker::from(Arc::clone(&count));
        let mut context = Context::from_waker(&waker);
        assert!(gone.as_mut().poll(&mut nobody).is_pending());
        assert!(left.as_mut().poll(&mut context).is_pending());
        assert_eq!(queue.push(1, None, 0).offer, Offer::Queued);
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
        drop(gone);
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert_eq!(left.as_mut().poll(&mut context), Poll::Ready(Some(1)));

        let mut gone = queue.wait();
        assert!(Pin::new(&mut gone).poll(&mut nobody).is_pending());
        assert!(queue.gate.is_waited());
        drop(gone);
        assert!(!queue.gate.is_waited(), "nobody waits, and producers know it");
    }
}

#[test]
fn producers_know_whether_somebody_waits_still() {
    let queue = Arc::new(Queue::new(8));
    let mut watchers: Vec<_> = (0..3).map(|_| watch(&queue)).collect();
    assert!(watchers.iter_mut().all(|(watcher, _)| watcher.poll() == Next::Pending));
    assert!(queue.push_run(10, 2, 0).is_none());
    assert!(queue.gate.is_waited(), "two of three were woken");
    assert!(queue.push_run(20, 2, 0).is_none());
    assert!(!queue.gate.is_waited());
}

#[test]
fn a_run_wakes_as_many_as_it_has_items_that_fit() {
    let queue = Arc::new(Queue::new(2));
    let mut watchers: Vec<_> = (0..4).map(|_| watch(&queue)).collect();
    assert!(watchers.iter_mut().all(|(watcher, _)| watcher.poll() == Next::Pending));
    assert_eq!(queue.push_run(10, 3, 0), Some((12, 1)));
    assert_eq!(watchers.iter().map(|(_, calls)| called(calls)).collect::<Vec<_>>(), [1, 1, 0, 0]);
}

#[test]
fn a_thread_that_waits_gives_up_after_its_time() {
    let queue = Queue::<u32>::new(1);
    assert_eq!(queue.pop_timeout(Duration::ZERO), None);
    assert_eq!(queue.pop_timeout(Duration::from_millis(5)), None);
    assert_eq!(queue.push(1, None, 0).offer, Offer::Queued);
    assert_eq!(queue.pop_timeout(Duration::ZERO), Some(1));
    queue.close();
    assert_eq!(queue.pop_timeout(Duration::MAX), None);
}

/// A callback may use the queue: it runs outside of every lock.
#[test]
fn a_callback_may_push_and_pop() {
    let queue = Arc::new(Queue::new(8));
    let mut watcher = queue.watch({
        let queue = Arc::downgrade(&queue);
        move || {
            let queue = queue.upgrade().unwrap();
            assert_eq!(queue.pop(), Some(1));
            assert_eq!(queue.push(2, Some("from the callback"), 0).offer, Offer::Queued);
        }
    });
    assert_eq!(watcher.poll(), Next::Pending);
    assert_eq!(queue.push(1, None, 0).offer, Offer::Queued);
    assert_eq!(watcher.poll(), Next::Item(2));
}
