//! The protocols of the gate, the lock and the waiters in every interleaving that loom tells apart: hand-over, full,
//! closing, waiting, passing on. crossbeam's ring is replaced by one of which each operation happens at one moment; what
//! crossbeam does inside is crossbeam's to prove.

use std::process::Command;

use ::loom::{future::block_on, model::Builder, sync::Arc, thread};

use super::*;

mod runs;

/// Runs `model` in every interleaving with up to two preemptions, in the long form three: bugs of this kind seldom need
/// more than two (Musuvathi and Qadeer, "Iterative context bounding", 2007).
fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(size(2, 3));
    builder.max_branches = 10_000;
    builder.check(model);
}

/// That the planted model of that name fails, and says `why`. In a process of its own: a model that ends in a deadlock
/// takes the process with it.
fn assert_caught(model: &str, why: &str) {
    let program = std::env::current_exe().unwrap();
    let name = format!("{}::planted::{model}", module_path!().split_once("::").unwrap().1);
    let run = Command::new(program).args([&name, "--exact", "--ignored", "--nocapture"]).output().unwrap();
    let said = [run.stdout, run.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("running 1 test"), "no model {name}: {said}");
    assert!(!run.status.success(), "not caught");
    assert!(said.contains(why), "{said}");
}

fn queue(capacity: usize, bug: Option<Bug>) -> Arc<Queue<u32>> {
    Arc::new(Queue::with_options(Options::new(capacity).planted(bug)))
}

fn push(queue: &Queue<u32>, item: u32) -> Offer {
    queue.push(item, None, 0).offer
}

/// A thread that waits for an item.
fn waiter(queue: &Arc<Queue<u32>>) -> thread::JoinHandle<Option<u32>> {
    let queue = Arc::clone(queue);
    thread::spawn(move || block_on(queue.pop_wait()))
}

/// Two producers and two consumers; the ring grows on the way where there is room for it.
fn two_by_two(capacity: usize, bug: Option<Bug>) {
    let queue = queue(capacity, bug);
    let producer = {
        let queue = Arc::clone(&queue);
        thread::spawn(move || [1, 2].map(|item| (item, push(&queue, item))))
    };
    let consumer = {
        let queue = Arc::clone(&queue);
        thread::spawn(move || queue.pop())
    };
    let mine = [(3, push(&queue, 3))];
    let first = queue.pop();
    let theirs = producer.join().unwrap();
    let second = consumer.join().unwrap();
    assert!(queue.len() <= capacity, "more than fit");
    let mut out: Vec<u32> = [first, second].into_iter().flatten().collect();
    let rest: Vec<u32> = std::iter::from_fn(|| queue.pop()).collect();
    let order: Vec<u32> = rest.iter().copied().filter(|item| *item < 3).collect();
    assert!(order.is_sorted(), "one producer's items leave in order");
    out.extend(rest);
    out.sort_unstable();
    let mut queued: Vec<u32> =
        theirs.iter().chain(&mine).filter(|(_, offer)| *offer == Offer::Queued).map(|(item, _)| *item).collect();
    queued.sort_unstable();
    assert_eq!(out, queued, "every queued item leaves once");
    let stats = queue.stats();
    assert_eq!((stats.pushed, stats.popped), (queued.len() as u64, queued.len() as u64));
}

#[test]
fn two_by_two_of_capacity_1() {
    explore(|| two_by_two(1, None));
}

#[test]
fn two_by_two_of_capacity_2() {
    explore(|| two_by_two(2, None));
}

/// A plain item, a keyed one, and a consumer: the ring is handed over while it is in use.
fn hand_over(bug: Option<Bug>) {
    let queue = queue(2, bug);
    let plain = {
        let queue = Arc::clone(&queue);
        thread::spawn(move || push(&queue, 1))
    };
    let consumer = {
        let queue = Arc::clone(&queue);
        thread::spawn(move || queue.pop())
    };
    assert_eq!(queue.push(2, Some("key"), 1).offer, Offer::Queued);
    let early = consumer.join().unwrap();
    assert_eq!(plain.join().unwrap(), Offer::Queued);
    let mut out: Vec<u32> = early.into_iter().chain(std::iter::from_fn(|| queue.pop())).collect();
    out.sort_unstable();
    assert_eq!(out, [1, 2]);
    assert!(!queue.has("key"));
}

#[test]
fn a_key_shuts_the_ring_without_losing_an_item() {
    explore(|| hand_over(None));
}

#[test]
fn the_ring_opens_again_without_losing_an_item() {
    explore(|| {
        let queue = queue(2, None);
        assert_eq!(queue.push(1, Some("key"), 0).offer, Offer::Queued);
        assert_eq!(queue.pop(), Some(1));
        // One plain push is calm enough in a model: the next pop opens the ring, under the feet of the others.
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || assert_eq!(push(&queue, 2), Offer::Queued))
        };
        let consumer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.pop())
        };
        assert_eq!(push(&queue, 3), Offer::Queued);
        producer.join().unwrap();
        let early = consumer.join().unwrap();
        let mut out: Vec<u32> = early.into_iter().chain(std::iter::from_fn(|| queue.pop())).collect();
        out.sort_unstable();
        assert_eq!(out, [2, 3]);
    });
}

#[test]
fn of_two_equal_keys_one_is_queued() {
    explore(|| {
        let queue = queue(2, None);
        let other = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.push(1, Some("key"), 0).offer)
        };
        let mine = queue.push(2, Some("key"), 0).offer;
        let mut offers = [mine, other.join().unwrap()];
        offers.sort_by_key(|offer| *offer as u8);
        assert_eq!(offers, [Offer::Queued, Offer::Duplicate]);
        assert_eq!(queue.len(), 1);
        let taken = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.remove("key"))
        };
        let popped = queue.pop();
        assert!(popped.is_some() != taken.join().unwrap().is_some(), "one of the two has it");
    });
}

/// A consumer that waits, and an item that comes meanwhile. A lost wake-up is a deadlock, which loom reports.
fn wait_for_an_item(bug: Option<Bug>) {
    let queue = queue(2, bug);
    let consumer = waiter(&queue);
    assert_eq!(push(&queue, 1), Offer::Queued);
    assert_eq!(consumer.join().unwrap(), Some(1));
}

#[test]
fn no_wake_up_is_lost() {
    explore(|| wait_for_an_item(None));
}

#[test]
fn each_of_two_waiters_gets_its_item() {
    explore(|| {
        let queue = queue(2, None);
        let (one, two) = (waiter(&queue), waiter(&queue));
        assert_eq!(push(&queue, 1), Offer::Queued);
        assert_eq!(queue.push(2, Some("key"), 0).offer, Offer::Queued);
        let mut out = [one.join().unwrap(), two.join().unwrap()];
        out.sort_unstable();
        assert_eq!(out, [Some(1), Some(2)]);
    });
}

#[test]
fn close_wakes_every_waiter() {
    explore(|| {
        let queue = queue(1, None);
        let (one, two) = (waiter(&queue), waiter(&queue));
        queue.close();
        assert_eq!([one.join().unwrap(), two.join().unwrap()], [None, None]);
    });
}

#[test]
fn what_was_queued_before_close_is_drained() {
    explore(|| {
        let queue = queue(2, None);
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || push(&queue, 1))
        };
        let consumer = waiter(&queue);
        queue.close();
        let taken = consumer.join().unwrap();
        match producer.join().unwrap() {
            Offer::Queued => assert_eq!(taken, Some(1), "the end came after it"),
            offer => assert_eq!((offer, taken), (Offer::Closed, None)),
        }
        assert_eq!(queue.pop(), None);
    });
}

/// One waiter goes away just as it is woken; another waits for the same item.
fn pass_on(bug: Option<Bug>) {
    let queue = queue(1, bug);
    let waker = futures_util::task::noop_waker();
    let mut first = Box::pin(queue.pop_wait());
    let polled = first.as_mut().poll(&mut std::task::Context::from_waker(&waker));
    assert!(polled.is_pending());
    let consumer = waiter(&queue);
    let producer = {
        let queue = Arc::clone(&queue);
        thread::spawn(move || push(&queue, 1))
    };
    drop(first);
    assert_eq!(consumer.join().unwrap(), Some(1));
    assert_eq!(producer.join().unwrap(), Offer::Queued);
}

#[test]
fn a_dropped_waiter_passes_its_wake_up_on() {
    explore(|| pass_on(None));
}

/// loom counts its own `Arc`s: one that is never freed, or freed twice, fails the model.
#[test]
fn a_queue_dropped_with_items_frees_them() {
    explore(|| {
        let queue = Arc::new(Queue::with_options(Options::new(2).when_full(WhenFull::DropOldest)));
        let fill = |key: Option<&'static str>| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                for _ in 0..2 {
                    drop(queue.push(Arc::new(0), key, 0));
                }
            })
        };
        let (one, two) = (fill(None), fill(Some("key")));
        one.join().unwrap();
        two.join().unwrap();
        assert!(queue.len() <= 2);
    });
}

/// Models with a bug in them; they fail, and are run by the tests below.
mod planted {
    use super::*;

    #[test]
    #[ignore = "fails on purpose"]
    fn lost_wake_up() {
        explore(|| wait_for_an_item(Some(Bug::LostWakeUp)));
    }

    #[test]
    #[ignore = "fails on purpose"]
    fn wake_up_kept() {
        explore(|| pass_on(Some(Bug::WakeUpKept)));
    }

    #[test]
    #[ignore = "fails on purpose"]
    fn hasty_hand_over() {
        explore(|| hand_over(Some(Bug::HastyHandOver)));
    }

    #[test]
    #[ignore = "fails on purpose"]
    fn one_too_many() {
        explore(|| two_by_two(1, Some(Bug::OneTooMany)));
    }
}

#[test]
fn a_lost_wake_up_is_caught() {
    assert_caught("lost_wake_up", "deadlock");
}

#[test]
fn a_kept_wake_up_is_caught() {
    assert_caught("wake_up_kept", "deadlock");
}

#[test]
fn a_hasty_hand_over_is_caught() {
    assert_caught("hasty_hand_over", "assertion");
}

#[test]
fn one_item_too_many_is_caught() {
    assert_caught("one_too_many", "more than fit");
}
