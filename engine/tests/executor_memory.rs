//! A hundred thousand prewarm jobs that wait are no more than 60 MB. Counted by the allocator, so keys, indices and lists are
//! in it too. One test alone in its process: others would be counted with it.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]
#![expect(unsafe_code, reason = "an allocator that counts")]
#![expect(clippy::print_stdout, reason = "the figure that docs/pacing.md names")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::json;
use warmpath_engine::{
    clock::Tick,
    executor::{
        ExecutorOptions, Limits, RetryOptions, Submitted,
        schedule::{Action, Scheduler},
    },
    pipeline::PrewarmJob,
};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does it all; counting touches nothing of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
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

const JOBS: usize = 100_000;
const MB: usize = 1_000_000;

/// As the door makes it, from JSON.
fn job(number: usize) -> PrewarmJob {
    let sha256 = format!("{number:064x}");
    let bot = number % 50;
    serde_json::from_value(json!({
        "key": format!("photo:{sha256}:shop-{bot}"),
        "botSlug": format!("shop-{bot}"),
        "sha256": sha256,
        "kind": "photo",
        "r2Key": format!("media/{sha256}.jpg"),
        "token": format!("1234567{bot:03}:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"),
        "chatIds": [format!("-1001234567{bot:03}")],
        "size": 20_000,
    }))
    .unwrap()
}

#[test]
fn a_hundred_thousand_queued_jobs_are_sixty_megabytes_at_most() {
    let options = ExecutorOptions {
        concurrency: 16,
        capacity: JOBS,
        retry: RetryOptions::default(),
        limits: Some(Limits::default()),
    };
    let before = LIVE.load(Ordering::Relaxed);
    let mut schedule = Scheduler::new(&options, 1);
    for number in 0..JOBS {
        assert_eq!(schedule.submit(job(number), Tick::START), Submitted::Queued);
    }
    let held = LIVE.load(Ordering::Relaxed) - before;
    let peak = PEAK.load(Ordering::Relaxed) - before;
    println!("{} MB held, {} MB at most", held / MB, peak / MB);
    assert!(held <= 60 * MB, "{held} bytes for {JOBS} jobs");
    assert!(peak <= 80 * MB, "{peak} bytes while they came in");
    // And nothing of it stays.
    schedule.cancel_all(Tick::START);
    let mut settled = 0;
    while let Some(action) = schedule.poll(Tick::START) {
        settled += usize::from(matches!(action, Action::Settle(_)));
    }
    assert_eq!(settled, JOBS);
    drop(schedule);
    let left = LIVE.load(Ordering::Relaxed).saturating_sub(before);
    assert!(left < MB / 10, "{left} bytes stay");
}
