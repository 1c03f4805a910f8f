//! Slots and the queue before them.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_freed_slot_takes_the_next_job_in_the_same_moment() {
    let rig = rig(OPTIONS, ok);
    let begin = Instant::now();
    rig.submit((0..10).map(job));
    let outcomes = rig.settled(10).await;
    assert!(outcomes.iter().all(|o| o.status == Status::Succeeded && o.attempts == 1 && o.charged));
    assert_eq!(rig.most.load(SeqCst), 2);
    let starts: Vec<_> = rig.order.lock().iter().map(|(_, at)| (*at - begin).as_millis()).collect();
    assert_eq!(starts, [0, 0, 1000, 1000, 2000, 2000, 3000, 3000, 4000, 4000]);
    assert!(rig.settled.load(SeqCst) >= 1);
}

#[tokio::test(start_paused = true)]
async fn it_is_urgent_where_slots_stand_empty_for_as_many_as_run() {
    let seconds = |job: &TestJob, _| (job.key.parse::<u32>().unwrap() * SECOND, Ok(1));
    let rig = rig(ExecutorOptions { concurrency: 4, ..OPTIONS }, seconds);
    // They end in this order. The first two leave their slots to the last two; after the third one three run on.
    rig.submit([1, 2, 3, 4, 5, 6].map(job));
    rig.settled(2).await;
    sleep(5 * SECOND / 2).await;
    assert_eq!(*rig.urgent.lock(), [4], "two wait, and two run");
    rig.settled(4).await;
    assert_eq!(*rig.urgent.lock(), [4, 5, 6]);
}

#[tokio::test(start_paused = true)]
async fn statuses_say_what_happened() {
    let rig = rig(ExecutorOptions { concurrency: 1, capacity: 1, ..OPTIONS }, ok);
    // The slot takes the first job only after the batch is in, so a batch of two fills a queue of one.
    assert_eq!(rig.submit([job("a"), job("b")]), [Submitted::Queued, Submitted::Full]);
    assert_eq!(rig.submit([job("a")]), [Submitted::Processing]);
    assert_eq!(rig.submit([job("b"), job("b"), job("c")]), [Submitted::Queued, Submitted::Duplicate, Submitted::Full]);
    rig.settled(2).await;
    assert_eq!(rig.submit([job("a")]), [Submitted::Queued]);
    rig.executor.close_intake();
    assert_eq!(rig.submit([job("z")]), [Submitted::Closed]);
    rig.settled(1).await;
}

#[tokio::test(start_paused = true)]
async fn higher_priorities_start_first() {
    let rig = rig(ExecutorOptions { concurrency: 1, ..OPTIONS }, ok);
    rig.executor.pause();
    rig.submit([("low", -1), ("a", 0), ("high", 9), ("b", 0)].map(|(key, priority)| TestJob { priority, ..job(key) }));
    assert_eq!(rig.executor.list().len(), 4);
    rig.executor.resume();
    rig.settled(4).await;
    assert_eq!(rig.started(), ["high", "a", "b", "low"]);
}

#[tokio::test(start_paused = true)]
async fn smaller_jobs_start_first_among_equals() {
    let rig = rig(ExecutorOptions { concurrency: 1, ..OPTIONS }, ok);
    let sized = |key: &str, size| TestJob { size, ..job(key) };
    rig.executor.pause();
    let files = [("50 MB", 50_000_000), ("2 MB", 2_000_000), ("60 KB", 60_000), ("3 MB", 3_000_000), ("20 KB", 20_000)];
    rig.submit(files.map(|(key, size)| sized(key, Some(size))));
    rig.submit([sized("untold", None), TestJob { priority: 1, ..sized("9 MB, now", Some(9_000_000)) }]);
    rig.executor.resume();
    rig.settled(7).await;
    // By factors of four, first in first out in between.
    assert_eq!(rig.started(), ["9 MB, now", "60 KB", "20 KB", "untold", "2 MB", "3 MB", "50 MB"]);
}

#[tokio::test(start_paused = true)]
async fn a_large_job_is_not_kept_waiting_by_small_ones_without_end() {
    let rig = rig(ExecutorOptions { concurrency: 1, capacity: 1_000, ..OPTIONS }, ok);
    let small = |key: &str| TestJob { size: Some(1_000), ..job(key) };
    rig.submit([small("first")]);
    rig.submit([TestJob { size: Some(50_000_000), ..job("large") }]);
    // Two more for each that is done.
    for second in 0..50 {
        rig.submit([small(&format!("{second} a")), small(&format!("{second} b"))]);
        sleep(SECOND).await;
    }
    rig.settled(102).await;
    // Every 16th start is the oldest's.
    assert_eq!(rig.started().iter().position(|key| key == "large"), Some(15));
}

#[tokio::test(start_paused = true)]
async fn concurrency_can_change_while_jobs_run() {
    let rig = rig(ExecutorOptions { concurrency: 1, ..OPTIONS }, ok);
    rig.submit((0..8).map(job));
    rig.executor.set_concurrency(4);
    rig.settled(8).await;
    assert_eq!(rig.most.load(SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_executor_ends_its_jobs() {
    let rig = rig(OPTIONS, |_, _| (1000 * SECOND, Ok(1)));
    rig.submit((0..5).map(job));
    while rig.running.load(SeqCst) < 2 {
        sleep(Duration::from_millis(1)).await;
    }
    let running = Arc::clone(&rig.running);
    drop(rig);
    while running.load(SeqCst) > 0 {
        sleep(Duration::from_millis(1)).await;
    }
}
