//! Which downloads are here, how much room they take, and when they are forgotten.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use parking_lot::Mutex;
use tokio::{
    sync::OnceCell,
    time::{Duration, Instant, sleep_until},
};

use super::{CacheOptions, CacheSnapshot, MEMORY_FILE, MEMORY_TOTAL, entry::Entry};

/// A download's place, from before it begins.
pub struct Slot {
    id: Box<str>,
    table: Weak<Table>,
    /// The download, once the store has answered.
    pub entry: OnceCell<Entry>,
}

/// What the table knows of a slot: while it is in use its users hold it, once it is trusted the table does.
struct Held {
    slot: Weak<Slot>,
    kept: Option<(Arc<Slot>, Instant)>,
}

#[derive(Default)]
struct Rows {
    slots: HashMap<Box<str>, Held>,
    bytes: u64,
    memory: u64,
    swept: bool,
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
    pub fn find(&self, id: &str) -> Option<Arc<Slot>> {
        let mut rows = self.rows.lock();
        let held = rows.slots.get_mut(id)?;
        let expired = held.kept.take_if(|(_, end)| *end <= Instant::now());
        let slot = if expired.is_some() { None } else { held.slot.upgrade() };
        drop(rows);
        // The last of a slot takes the lock.
        drop(expired);
        slot
    }

    /// The slot of this name; a new one if there is none.
    pub fn slot(self: &Arc<Self>, id: &str) -> Arc<Slot> {
        if let Some(slot) = self.find(id) {
            return slot;
        }
        let fresh = Arc::new(Slot { id: id.into(), table: Arc::downgrade(self), entry: OnceCell::new() });
        let mut rows = self.rows.lock();
        // Somebody may have been faster.
        let there = rows.slots.get(id).and_then(|held| held.slot.upgrade());
        if there.is_none() {
            rows.slots.insert(id.into(), Held { slot: Arc::downgrade(&fresh), kept: None });
        }
        drop(rows);
        there.unwrap_or(fresh)
    }

    /// Makes room for `len` bytes, forgetting what would be forgotten first; `None` when what is in use leaves too little.
    pub fn reserve(self: &Arc<Self>, len: u64) -> Option<Room> {
        let mut gone = Vec::new();
        let mut rows = self.rows.lock();
        let fits = loop {
            // What was let go gives its room back only when it is dropped, below.
            let freed: u64 = gone.iter().map(|slot: &Arc<Slot>| slot.entry.get().map_or(0, Entry::len)).sum();
            if rows.bytes - freed.min(rows.bytes) + len <= self.options.max_bytes {
                break true;
            }
            let idle = rows.slots.iter().filter_map(|(id, held)| {
                let (slot, end) = held.kept.as_ref()?;
                // One in use would stay all the same.
                (Arc::strong_count(slot) == 1).then(|| (*end, id.clone()))
            });
            let Some((_, id)) = idle.min() else { break false };
            gone.extend(rows.slots.get_mut(&id).and_then(|held| held.kept.take()).map(|(slot, _)| slot));
        };
        let memory = len <= MEMORY_FILE && rows.memory + len <= MEMORY_TOTAL;
        if fits {
            rows.bytes += len;
            rows.memory += if memory { len } else { 0 };
        } else {
            self.bypassed.fetch_add(1, Relaxed);
        }
        drop(rows);
        drop(gone);
        fits.then(|| Room { table: Arc::downgrade(self), bytes: len, memory })
    }

    /// Keeps a slot for its time.
    fn keep(self: &Arc<Self>, slot: &Arc<Slot>) {
        let end = Instant::now() + Duration::from_millis(self.options.ttl_ms);
        let mut rows = self.rows.lock();
        if let Some(held) = rows.slots.get_mut(&slot.id).filter(|held| held.slot.as_ptr() == Arc::as_ptr(slot)) {
            held.kept = Some((Arc::clone(slot), end));
            if !std::mem::replace(&mut rows.swept, true) {
                tokio::spawn(sweep(Arc::downgrade(self)));
            }
        }
    }

    /// Forgets what is over; says when to look again.
    fn forget_expired(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut gone = Vec::new();
        let mut rows = self.rows.lock();
        for held in rows.slots.values_mut() {
            gone.extend(held.kept.take_if(|(_, end)| *end <= now));
        }
        let next = rows.slots.values().filter_map(|held| held.kept.as_ref().map(|(_, end)| *end)).min();
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
        if let Some(table) = self.table.upgrade() {
            table.keep(self);
        }
    }

    /// Nobody joins any more; those who read go on.
    pub fn close(&self) {
        let Some(table) = self.table.upgrade() else { return };
        let mut rows = table.rows.lock();
        let gone = match rows.slots.get(&self.id) {
            Some(held) if std::ptr::eq(held.slot.as_ptr(), self) => rows.slots.remove(&self.id),
            _ => None,
        };
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
        self.close();
    }
}

/// Room that is taken until this is dropped.
pub struct Room {
    table: Weak<Table>,
    bytes: u64,
    memory: bool,
}

impl Room {
    /// Whether the bytes go into memory.
    pub const fn in_memory(&self) -> bool {
        self.memory
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let Some(table) = self.table.upgrade() else { return };
        let mut rows = table.rows.lock();
        rows.bytes -= self.bytes;
        rows.memory -= if self.memory { self.bytes } else { 0 };
    }
}
