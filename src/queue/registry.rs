//! The named queues of this process: every thread that opens a name gets the same one.
//!
//! The registry holds no queue alive. A name is free again when its last handle is gone, or when its queue was closed and is
//! empty: nothing can ever come out of that one any more. Another copy of this addon in the process (another file, another
//! version) has a registry of its own.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

use parking_lot::Mutex;
use warmpath_engine::{
    error::{Code, Error, Result},
    queue::{Options, Queue, WhenFull},
};

use super::{item::Item, spare::Spare};

static OPEN: Mutex<BTreeMap<String, Weak<Named>>> = Mutex::new(BTreeMap::new());

/// A counter on a cache line of its own: producers write one, consumers the other.
#[repr(align(64))]
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A queue with a name.
pub struct Named {
    name: String,
    options: Options,
    pub queue: Arc<Queue<Item>>,
    pub bytes_in: Counter,
    pub bytes_out: Counter,
    pub spare: Arc<Spare>,
    handles: AtomicUsize,
}

impl Named {
    /// This handle's part of the bytes that wait: all handles answer for an equal part of them to the garbage collectors of their
    /// threads.
    pub fn share(&self) -> i64 {
        let waiting = self.bytes_in.get().saturating_sub(self.bytes_out.get());
        let handles = self.handles.load(Relaxed).max(1) as u64;
        i64::try_from(waiting / handles).unwrap_or(i64::MAX)
    }

    /// A handle is gone.
    pub fn leave(&self) {
        self.handles.fetch_sub(1, Relaxed);
    }

    fn is_over(&self) -> bool {
        self.queue.is_closed() && self.queue.is_empty()
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let mut open = OPEN.lock();
        // The name may already belong to a younger queue.
        if open.get(&self.name).is_some_and(|entry| std::ptr::eq(entry.as_ptr(), self)) {
            open.remove(&self.name);
        }
    }
}

/// The queue of that name, made where there is none.
///
/// # Errors
/// `InvalidOption` where it is open with other options.
pub fn open(name: &str, options: Options) -> Result<Arc<Named>> {
    // What is dropped here must be dropped after the lock is: a `Named` that goes locks it.
    let (named, _over) = {
        let mut open = OPEN.lock();
        match open.get(name).and_then(Weak::upgrade) {
            Some(named) if !named.is_over() => {
                named.handles.fetch_add(1, Relaxed);
                (named, None)
            }
            over => {
                let named = Arc::new(Named {
                    name: name.to_owned(),
                    options,
                    queue: Arc::new(Queue::with_options(options)),
                    bytes_in: Counter::default(),
                    bytes_out: Counter::default(),
                    spare: Arc::default(),
                    handles: AtomicUsize::new(1),
                });
                open.insert(name.to_owned(), Arc::downgrade(&named));
                (named, over)
            }
        }
    };
    let have = named.options;
    let difference = if have.capacity != options.capacity {
        Some(("capacity", have.capacity.to_string()))
    } else if policy(have.when_full) != policy(options.when_full) {
        Some(("full", format!("'{}'", policy(have.when_full))))
    } else if have.aging != options.aging {
        Some(("agingMs", have.aging.map_or_else(|| "none".to_owned(), |aging| aging.as_millis().to_string())))
    } else {
        None
    };
    let Some((option, value)) = difference else { return Ok(named) };
    named.leave();
    Err(Error::new(Code::InvalidOption, format!("{option}: the queue of that name is open with {value}")))
}

/// How many names are open.
pub fn count() -> usize {
    OPEN.lock().len()
}

const fn policy(when_full: WhenFull) -> &'static str {
    match when_full {
        WhenFull::Reject => "reject",
        WhenFull::DropOldest => "drop-oldest",
        WhenFull::DropLowest => "drop-lowest",
    }
}
