//! Makes the list of names of a directory last, once for all who wait for it: media that end together need one visit to the disk, not
//! one each.
//!
//! Nobody sleeps meanwhile: a thread that did would be woken only to say that it had been, and could not have stored the next medium.

use std::{io, mem, sync::Arc};

use parking_lot::Mutex;

use super::hands::later;

type Told = Box<dyn FnOnce(io::Result<()>) + Send>;

#[derive(Default)]
struct Waiting {
    /// Whom the next visit is for.
    for_next: Vec<Told>,
    /// Whether there will be a next visit.
    planned: bool,
}

/// The names of one directory. Clones share it.
#[derive(Clone, Default)]
pub struct Names(Arc<Mutex<Waiting>>);

impl Names {
    /// Tells when all names that are there now last. `sync` makes them last; may block. To be called from a thread of
    /// [`super::hands`].
    ///
    /// What waits for these threads goes first: most of it brings another name for the same visit.
    pub fn last(
        &self,
        sync: impl Fn() -> io::Result<()> + Send + 'static,
        told: impl FnOnce(io::Result<()>) + Send + 'static,
    ) {
        let mut waiting = self.0.lock();
        waiting.for_next.push(Box::new(told));
        if !mem::replace(&mut waiting.planned, true) {
            drop(waiting);
            self.clone().plan(sync);
        }
    }

    fn plan(self, sync: impl Fn() -> io::Result<()> + Send + 'static) {
        later(move || self.visit(sync));
    }

    /// One at a time. A name that comes while it is under way may be missed by it, and waits for the next.
    fn visit(self, sync: impl Fn() -> io::Result<()> + Send + 'static) {
        let all = mem::take(&mut self.0.lock().for_next);
        let result = sync().map_err(|error| error.kind());
        let mut waiting = self.0.lock();
        waiting.planned = !waiting.for_next.is_empty();
        let again = waiting.planned;
        drop(waiting);
        if again {
            self.plan(sync);
        }
        for told in all {
            told(result.map_err(Into::into));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::ErrorKind,
        sync::{
            Barrier,
            atomic::{AtomicU64, Ordering},
        },
    };

    use super::*;
    use crate::pipeline::ingest::disk::hands::{Done, hand_on};

    #[tokio::test]
    async fn every_name_is_synced_after_it_was_made_and_together_with_others() {
        #[derive(Default)]
        struct Counts {
            made: AtomicU64,
            synced: AtomicU64,
            visits: AtomicU64,
            inside: AtomicU64,
        }
        let (names, counts) = (Names::default(), Arc::new(Counts::default()));
        let ended: Vec<Done<bool>> = std::iter::repeat_with(|| {
            let (names, counts) = (names.clone(), Arc::clone(&counts));
            hand_on(move |tell| {
                let own = counts.made.fetch_add(1, Ordering::SeqCst) + 1;
                let (visited, seen) = (Arc::clone(&counts), counts);
                let sync = move || {
                    assert_eq!(visited.inside.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
                    visited.visits.fetch_add(1, Ordering::SeqCst);
                    let there = visited.made.load(Ordering::SeqCst);
                    std::thread::yield_now();
                    visited.synced.fetch_max(there, Ordering::SeqCst);
                    visited.inside.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                };
                names.last(sync, move |result| {
                    tell.send(result.is_ok() && seen.synced.load(Ordering::SeqCst) >= own).unwrap();
                });
            })
        })
        .take(1600)
        .collect();
        for ended in ended {
            assert!(ended.await.unwrap());
        }
        let visits = counts.visits.load(Ordering::SeqCst);
        assert!((1..1600).contains(&visits), "{visits}");
    }

    #[tokio::test]
    async fn a_visit_that_fails_fails_for_all_who_waited_for_it_and_for_nobody_after() {
        let names = Names::default();
        let wait = |names: &Names, sync: Box<dyn Fn() -> io::Result<()> + Send>| {
            let names = names.clone();
            hand_on(move |tell| {
                names.last(sync, move |result| tell.send(result.map_err(|error| error.kind())).unwrap());
            })
        };
        let (inside, go_on) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
        let visits = Arc::new(AtomicU64::new(0));
        let visit = {
            let (inside, go_on, visits) = (Arc::clone(&inside), Arc::clone(&go_on), Arc::clone(&visits));
            move || match visits.fetch_add(1, Ordering::SeqCst) {
                0 => {
                    inside.wait();
                    go_on.wait();
                    Ok(())
                }
                1 => Err(ErrorKind::Other.into()),
                _ => Ok(()),
            }
        };
        let first = wait(&names, Box::new(visit.clone()));
        inside.wait();
        // They come while one is under way, which cannot be theirs: the next one is, for all.
        let waiting: Vec<_> = (0..3).map(|_| wait(&names, Box::new(visit.clone()))).collect();
        while names.0.lock().for_next.len() < 3 {
            tokio::task::yield_now().await;
        }
        go_on.wait();
        assert_eq!(first.await.unwrap(), Ok(()));
        for told in waiting {
            assert_eq!(told.await.unwrap(), Err(ErrorKind::Other));
        }
        assert_eq!(wait(&names, Box::new(visit)).await.unwrap(), Ok(()));
        assert_eq!(visits.load(Ordering::SeqCst), 3);
    }
}
