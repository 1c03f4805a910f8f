//! Makes the list of names of a directory last, once for all who wait for it: media that end together need one visit to the disk, not
//! one each.

use std::io::{self, ErrorKind};

use parking_lot::{Condvar, Mutex};

/// Visits to the disk, numbered from 1.
#[derive(Default)]
struct Visits {
    begun: u64,
    ended: u64,
    /// The last one that failed, and how.
    failed: Option<(u64, ErrorKind)>,
}

/// The names of one directory.
#[derive(Default)]
pub struct Names {
    visits: Mutex<Visits>,
    ended: Condvar,
}

impl Names {
    /// Returns when all names that were there when it was called last. `sync` is called by whoever goes first; may block.
    pub fn sync(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut visits = self.visits.lock();
        // One that has begun may have missed the name that was made just now.
        let mine = visits.begun + 1;
        while visits.ended < mine && visits.begun > visits.ended {
            self.ended.wait(&mut visits);
        }
        if visits.ended < mine {
            visits.begun += 1;
            drop(visits);
            let result = sync();
            visits = self.visits.lock();
            visits.ended = visits.begun;
            if let Err(error) = result {
                visits.failed = Some((visits.ended, error.kind()));
            }
            self.ended.notify_all();
        }
        // One after ours that failed may have lost ours too.
        match visits.failed {
            Some((failed, kind)) if failed >= mine => Err(kind.into()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc, Barrier,
            atomic::{AtomicU64, Ordering},
        },
        thread,
    };

    use super::*;

    #[test]
    fn every_name_is_synced_after_it_was_made_and_together_with_others() {
        let (names, made, synced) = (Names::default(), AtomicU64::new(0), AtomicU64::new(0));
        let visits = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let own = made.fetch_add(1, Ordering::SeqCst) + 1;
                        let sync = || {
                            visits.fetch_add(1, Ordering::SeqCst);
                            let there = made.load(Ordering::SeqCst);
                            thread::yield_now();
                            synced.fetch_max(there, Ordering::SeqCst);
                            Ok(())
                        };
                        names.sync(sync).unwrap();
                        assert!(synced.load(Ordering::SeqCst) >= own);
                    }
                });
            }
        });
        assert!(visits.load(Ordering::SeqCst) <= 1600);
    }

    #[test]
    fn a_visit_that_fails_fails_for_all_who_waited_for_it_and_for_nobody_after() {
        let names = Arc::new(Names::default());
        let (inside, go_on, visits) = (Barrier::new(2), Barrier::new(2), AtomicU64::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                let first = names.sync(|| {
                    inside.wait();
                    go_on.wait();
                    Ok(())
                });
                first.unwrap();
            });
            inside.wait();
            // They come while one is under way, which cannot be theirs: one of them makes the next, for all.
            let waiting: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        names.sync(|| {
                            visits.fetch_add(1, Ordering::SeqCst);
                            Err(ErrorKind::Other.into())
                        })
                    })
                })
                .collect();
            go_on.wait();
            for waiter in waiting {
                assert_eq!(waiter.join().unwrap().unwrap_err().kind(), ErrorKind::Other);
            }
        });
        names.sync(|| Ok(())).unwrap();
    }
}
