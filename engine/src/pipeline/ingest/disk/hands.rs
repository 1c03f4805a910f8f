//! The threads that wait for disks: few, and their own, so that a disk that hangs holds up nothing but what goes to disks.
//!
//! Not `spawn_blocking`: it wakes a thread while it holds the lock which that thread then waits for, so that every visit is two wakes
//! and two waits. Of a small file that was a tenth.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::OnceLock,
    thread,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

/// As many as Node has for files. More write no faster to one disk, and stand in each other's way at its directories.
const MOST: usize = 4;

/// A thread with nothing to do for so long ends.
const PATIENCE: Duration = Duration::from_secs(10);

type Work = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queue {
    work: VecDeque<Work>,
    threads: usize,
    /// Threads that wait and that nobody has woken yet.
    idle: usize,
    /// Threads that were woken for something.
    called: usize,
}

#[derive(Default)]
struct Hands {
    queue: Mutex<Queue>,
    called: Condvar,
}

/// What comes of something that is done there; an error where it panicked.
pub type Done<T> = oneshot::Receiver<T>;

/// Tells what came of it.
pub type Tell<T> = oneshot::Sender<T>;

fn hands() -> &'static Hands {
    static HANDS: OnceLock<Hands> = OnceLock::new();
    HANDS.get_or_init(Hands::default)
}

/// Does something that may block. It is done also when nobody waits for it any more.
pub fn hand_over<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Done<T> {
    hand_on(move |tell| drop(tell.send(work())))
}

/// As [`hand_over`], for what is not over when the work is: who tells may be handed on.
pub fn hand_on<T: Send + 'static>(work: impl FnOnce(Tell<T>) + Send + 'static) -> Done<T> {
    let (tell, done) = oneshot::channel();
    hands().take(Box::new(move || work(tell)));
    done
}

/// Does something after all that waits to be done now. To be called from one of these threads: it wakes none, because the one that
/// calls looks for more to do.
pub fn later(work: impl FnOnce() + Send + 'static) {
    hands().queue.lock().work.push_back(Box::new(work));
}

impl Hands {
    fn take(&'static self, work: Work) {
        let mut queue = self.queue.lock();
        queue.work.push_back(work);
        if queue.idle > 0 {
            queue.idle -= 1;
            queue.called += 1;
            drop(queue);
            self.called.notify_one();
        } else if queue.threads < MOST {
            queue.threads += 1;
            drop(queue);
            let started = thread::Builder::new().name("warmpath-disk".to_owned()).spawn(|| self.work());
            if started.is_err() {
                self.queue.lock().threads -= 1;
                self.forsaken();
            }
        }
    }

    /// The system gives no thread, and there is none: what waits is let go of, which its owners are told.
    fn forsaken(&self) {
        let mut queue = self.queue.lock();
        let left = if queue.threads == 0 { std::mem::take(&mut queue.work) } else { VecDeque::new() };
        drop(queue);
        drop(left);
    }

    fn work(&self) {
        let mut queue = self.queue.lock();
        loop {
            while let Some(work) = queue.work.pop_front() {
                drop(queue);
                // Whoever waits is told by the end of its channel.
                drop(catch_unwind(AssertUnwindSafe(work)));
                queue = self.queue.lock();
            }
            queue.idle += 1;
            while queue.called == 0 {
                if self.called.wait_for(&mut queue, PATIENCE).timed_out() && queue.called == 0 {
                    queue.idle -= 1;
                    queue.threads -= 1;
                    return;
                }
            }
            queue.called -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier, atomic::AtomicUsize, atomic::Ordering};

    use super::*;

    #[tokio::test]
    async fn everything_is_done_and_told_also_after_a_panic() {
        let sums = (0..200_u32).map(|n| hand_over(move || if n % 50 == 7 { panic!("planted") } else { n }));
        let mut failed = 0;
        for (n, done) in (0..).zip(sums.collect::<Vec<_>>()) {
            match done.await {
                Ok(told) => assert_eq!(told, n),
                Err(_) => failed += 1,
            }
        }
        assert_eq!(failed, 4);
    }

    #[test]
    fn several_are_done_at_once_and_what_nobody_waits_for_too() {
        let (inside, done) = (Arc::new(Barrier::new(MOST)), Arc::new(AtomicUsize::new(0)));
        for _ in 0..MOST * 10 {
            let (inside, done) = (Arc::clone(&inside), Arc::clone(&done));
            drop(hand_over(move || {
                inside.wait();
                done.fetch_add(1, Ordering::SeqCst);
            }));
        }
        while done.load(Ordering::SeqCst) < MOST * 10 {
            thread::yield_now();
        }
    }
}
