//! Which downloads are here, how much room they take, and when they are forgotten.

use std::{
    collections::{HashMap, VecDeque},
    path::PathBuf,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use parking_lot::Mutex;
use tokio::{
    sync::OnceCell,
    time::{Duration, Instant, sleep_until},
};

use super::{
    CacheOptions, CacheSnapshot, MEMORY_FILE, MEMORY_TOTAL, MOST_SPOOLS, SMALL_FILE,
    entry::Entry,
    room::{Room, Shelf},
};
use crate::pipeline::digest::Sha256Digest;

/// What makes two downloads the same.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Id {
    /// What the bytes are to have.
    pub sha256: Sha256Digest,
    /// The object; of no account where all bytes are verified.
    pub key: Option<Box<str>>,
}

/// A download's place, from before it begins.
pub struct Slot {
    id: Id,
    table: Weak<Table>,
    /// Until when it is kept.
    end: OnceLock<Instant>,
    /// The download, once the store has answered.
    pub entry: OnceCell<Entry>,
}

#[derive(Default)]
struct Rows {
    /// While a slot is in use its users hold it, once it is trusted `kept` does too.
    slots: HashMap<Id, Weak<Slot>>,
    /// All are kept for the same time, so the first is the first to go; memory and disk.
    kept: [VecDeque<Arc<Slot>>; 2],
    bytes: u64,
    memory: u64,
    spools: usize,
    swept: bool,
}

/// What is let go by one reservation, to be dropped when the table is unlocked: the last of a slot takes the lock.
#[derive(Default)]
struct Gone {
    slots: Vec<Arc<Slot>>,
    bytes: u64,
    memory: u64,
    spools: usize,
}

impl Rows {
    /// Lets the oldest entry of a place go that nobody is using (one in use would stay all the same).
    fn evict(&mut self, place: Shelf, gone: &mut Gone) -> bool {
        let Some(kept) = self.kept.get_mut(place as usize) else { return false };
        let Some(at) = kept.iter().position(|slot| Arc::strong_count(slot) == 1) else { return false };
        let Some(slot) = kept.remove(at) else { return false };
        let len = slot.entry.get().map_or(0, Entry::len);
        gone.bytes += len;
        match place {
            Shelf::Memory => gone.memory += len,
            Shelf::Disk => gone.spools += 1,
        }
        gone.slots.push(slot);
        true
    }

    /// The place whose first entry is the first to go.
    fn older(&self) -> Shelf {
        let first = |kept: &VecDeque<Arc<Slot>>| kept.front().and_then(|slot| slot.end.get().copied());
        let [memory, disk] = &self.kept;
        match (first(memory), first(disk)) {
            (Some(memory), Some(disk)) if memory <= disk => Shelf::Memory,
            (Some(_), None) => Shelf::Memory,
            _ => Shelf::Disk,
        }
    }
}

/// The table.
pub struct Table {
    options: CacheOptions,
    rows: Mutex<Rows>,
    hits: AtomicU64,
    misses: AtomicU64,
    bypassed: AtomicU64,
    failures: AtomicU64,
}

impl Table {
    pub fn new(options: CacheOptions) -> Self {
        Self {
            options,
            rows: Mutex::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            bypassed: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    pub fn dir(&self) -> PathBuf {
        self.options.dir.clone().unwrap_or_else(std::env::temp_dir)
    }

    pub fn hit(&self) {
        self.hits.fetch_add(1, Relaxed);
    }

    pub fn missed(&self) {
        self.misses.fetch_add(1, Relaxed);
    }

    pub fn disk_failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    pub fn snapshot(&self) -> CacheSnapshot {
        let rows = self.rows.lock();
        CacheSnapshot {
            entries: rows.slots.len(),
            bytes: rows.bytes,
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            bypassed: self.bypassed.load(Relaxed),
            failures: self.failures.load(Relaxed),
        }
    }

    /// The slot of this name, if there is one.
    pub fn find(&self, id: &Id) -> Option<Arc<Slot>> {
        let slot = self.rows.lock().slots.get(id).and_then(Weak::upgrade);
        slot.filter(|slot| slot.is_open())
    }

    /// The slot of this name; a new one if there is none.
    pub fn slot(self: &Arc<Self>, id: &Id) -> Arc<Slot> {
        if let Some(slot) = self.find(id) {
            return slot;
        }
        let table = Arc::downgrade(self);
        let fresh = Arc::new(Slot { id: id.clone(), table, end: OnceLock::new(), entry: OnceCell::new() });
        let mut rows = self.rows.lock();
        let there = rows.slots.get(id).and_then(Weak::upgrade);
        // Somebody may have been faster; one that is not open is only in use.
        let usable = there.as_ref().filter(|slot| slot.is_open()).cloned();
        if usable.is_none() {
            rows.slots.insert(id.clone(), Arc::downgrade(&fresh));
        }
        drop(rows);
        // The last of a slot takes the lock.
        drop(there);
        usable.unwrap_or(fresh)
    }

    /// Makes room for `len` bytes, forgetting what would be forgotten first; `None` when what is in use leaves too little.
    pub fn reserve(self: &Arc<Self>, len: u64) -> Option<Room> {
        let mut gone = Gone::default();
        let mut rows = self.rows.lock();
        let memory_has_room = len <= MEMORY_FILE && rows.memory + len <= MEMORY_TOTAL;
        let place = if len <= SMALL_FILE || memory_has_room { Shelf::Memory } else { Shelf::Disk };
        let fits = loop {
            let place_is_full = match place {
                Shelf::Memory => rows.memory - gone.memory + len > MEMORY_TOTAL,
                Shelf::Disk => rows.spools - gone.spools >= MOST_SPOOLS,
            };
            let all_is_full = rows.bytes - gone.bytes + len > self.options.max_bytes;
            let evicted = match (place_is_full, all_is_full) {
                (false, false) => break true,
                (true, _) => rows.evict(place, &mut gone),
                (false, true) => {
                    let older = rows.older();
                    let other = if older == Shelf::Memory { Shelf::Disk } else { Shelf::Memory };
                    rows.evict(older, &mut gone) || rows.evict(other, &mut gone)
                }
            };
            if !evicted {
                break false;
            }
        };
        if fits {
            rows.bytes += len;
            match place {
                Shelf::Memory => rows.memory += len,
                Shelf::Disk => rows.spools += 1,
            }
        } else {
            self.bypassed.fetch_add(1, Relaxed);
        }
        drop(rows);
        drop(gone.slots);
        fits.then(|| Room { table: Arc::downgrade(self), bytes: len, place })
    }

    /// What a [`Room`] took is free again.
    pub fn give_back(&self, bytes: u64, place: Shelf) {
        let mut rows = self.rows.lock();
        rows.bytes -= bytes;
        match place {
            Shelf::Memory => rows.memory -= bytes,
            Shelf::Disk => rows.spools -= 1,
        }
    }

    /// Keeps a slot for its time.
    fn keep(self: &Arc<Self>, slot: &Arc<Slot>) {
        let end = Instant::now() + Duration::from_millis(self.options.ttl_ms);
        let Some(entry) = slot.entry.get() else { return };
        let mut rows = self.rows.lock();
        let known = rows.slots.get(&slot.id).is_some_and(|held| held.as_ptr() == Arc::as_ptr(slot));
        if !known || slot.end.set(end).is_err() {
            return;
        }
        let place = if entry.in_memory() { Shelf::Memory } else { Shelf::Disk };
        if let Some(kept) = rows.kept.get_mut(place as usize) {
            kept.push_back(Arc::clone(slot));
        }
        if !std::mem::replace(&mut rows.swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    /// Forgets what is over; says when to look again.
    fn forget_expired(&self) -> Option<Instant> {
        let now = Instant::now();
        let is_over = |slot: &Arc<Slot>| slot.end.get().is_none_or(|end| *end <= now);
        let mut gone = Vec::new();
        let mut rows = self.rows.lock();
        for kept in &mut rows.kept {
            while kept.front().is_some_and(is_over) {
                gone.extend(kept.pop_front());
            }
        }
        let next = rows.kept.iter().filter_map(|kept| kept.front()?.end.get().copied()).min();
        rows.swept = next.is_some();
        drop(rows);
        drop(gone);
        next
    }
}

/// Frees what nobody asks for any more. Ends when nothing is kept, or the cache is gone.
async fn sweep(table: Weak<Table>) {
    loop {
        let Some(next) = table.upgrade().and_then(|table| table.forget_expired()) else { return };
        sleep_until(next).await;
    }
}

impl Slot {
    /// The bytes are right: whoever wants them within the time finds them.
    pub fn keep(self: &Arc<Self>) {
        if self.end.get().is_none()
            && let Some(table) = self.table.upgrade()
        {
            table.keep(self);
        }
    }

    /// Whether it may be joined: it is not known to be wrong, and its time is not over.
    fn is_open(&self) -> bool {
        let in_time = self.end.get().is_none_or(|end| Instant::now() < *end);
        in_time && self.entry.get().is_none_or(Entry::is_joinable)
    }

    /// Nobody joins any more; those who read go on.
    pub fn close(&self) {
        let Some(table) = self.table.upgrade() else { return };
        let mut gone = Vec::new();
        let mut rows = table.rows.lock();
        if rows.slots.get(&self.id).is_some_and(|held| std::ptr::eq(held.as_ptr(), self)) {
            rows.slots.remove(&self.id);
        }
        if self.end.get().is_some() {
            for kept in &mut rows.kept {
                let at = kept.iter().position(|slot| std::ptr::eq(Arc::as_ptr(slot), self));
                gone.extend(at.and_then(|at| kept.remove(at)));
            }
        }
        drop(rows);
        drop(gone);
    }

    /// Counts a failure of the disk, after which nobody joins.
    pub fn disk_failed(&self) {
        if let Some(table) = self.table.upgrade() {
            table.disk_failed();
        }
        self.close();
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(table) = self.table.upgrade() else { return };
        let mut rows = table.rows.lock();
        if rows.slots.get(&self.id).is_some_and(|held| std::ptr::eq(held.as_ptr(), self)) {
            rows.slots.remove(&self.id);
        }
    }
}
