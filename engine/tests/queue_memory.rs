//! A queue that is gone has left nothing behind, and one that was full does not stay large. Counted by the allocator, so
//! keys, wakers and slots are in it too. One test alone in its process: others would be counted with it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that panics has failed, which is what it is for"
)]
#![expect(unsafe_code, reason = "an allocator that counts")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use warmpath_engine::queue::{Next, Offer, Options, Queue, WhenFull};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does it all; counting touches nothing of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: what the caller promises is what the system asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn live() -> usize {
    LIVE.load(Ordering::Relaxed)
}

/// Makes a queue, uses all of it, and drops it with items, keys and an armed watcher.
fn cycle(round: usize) {
    let policy = [WhenFull::Reject, WhenFull::DropOldest, WhenFull::DropLowest][round % 3];
    let queue = Arc::new(Queue::with_options(Options::new(100).when_full(policy)));
    let mut watcher = queue.watch(|| ());
    assert!(matches!(watcher.poll(), Next::Pending));
    for item in 0..150_usize {
        let key = (round.is_multiple_of(2) && item.is_multiple_of(2)).then(|| format!("a key of some length: {item}"));
        let priority = if round.is_multiple_of(2) { i32::try_from(item % 7).unwrap() } else { 0 };
        drop(queue.push(vec![item; 10], key.as_deref(), priority));
    }
    assert_eq!(queue.len(), 100);
    drop(queue.pop());
    drop(queue.remove("a key of some length: 148"));
    if round.is_multiple_of(5) {
        queue.close();
    }
}

#[test]
fn nothing_is_left_behind() {
    // What is made once for the process: thread locals, hash seeds.
    (0..10).for_each(cycle);
    let before = live();
    (0..1_000).for_each(cycle);
    assert_eq!(live(), before, "bytes after 1,000 queues");

    let queue = Queue::new(200_000);
    let empty = live();
    for round in 0..3 {
        for item in 0..100_000_usize {
            assert_eq!(
                queue.push(item, Some(&item.to_string()), i32::try_from(item % 50).unwrap()).offer,
                Offer::Queued
            );
        }
        assert!(live() > empty + 4_000_000);
        while queue.pop().is_some() {}
        assert!(live() < empty + 64_000, "{} bytes kept in round {round}", live() - empty);
    }

    // 200,000 keys come and go; at most ten are here at once.
    let before = live();
    for item in 0..200_000_usize {
        assert_eq!(queue.push(item, Some(&item.to_string()), i32::try_from(item % 5).unwrap()).offer, Offer::Queued);
        if item >= 10 {
            let taken = if item % 2 == 0 { None } else { queue.remove(&(item - 1).to_string()) };
            assert!(taken.or_else(|| queue.pop()).is_some());
        }
    }
    assert!(live() < before + 64_000, "{} bytes grew", live() - before);
    while queue.pop().is_some() {}

    // Batches with keys: in the queue all at once, cut as they leave, and their keys taken out of the middle.
    let queue = Queue::<u32>::new(200_000);
    let empty = live();
    for round in 0..3 {
        for batch in 0..100_u32 {
            let (mut text, mut ends, mut refused) = (String::new(), Vec::new(), Vec::new());
            for item in batch * 1000..(batch + 1) * 1000 {
                text.push_str(&item.to_string());
                ends.push(u32::try_from(text.len()).unwrap());
            }
            assert!(queue.push_keyed_run(batch * 1000, &text, &ends, 0, &mut refused).is_none());
            assert!(refused.is_empty());
        }
        assert!(live() > empty + 2_000_000);
        for item in (0..100_000_u32).step_by(999) {
            assert_eq!(queue.remove(&item.to_string()), Some(item));
        }
        let mut out = Vec::new();
        while queue.pop_runs(64, &mut out) > 0 {
            out.clear();
        }
        drop(out);
        assert!(live() < empty + 64_000, "{} bytes kept in round {round}", live() - empty);
    }
}
