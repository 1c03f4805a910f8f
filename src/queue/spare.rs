//! Batches that were taken, for those that come: fresh memory costs more than the copy that fills it, and it is freed on another
//! thread than the one that needs the next.

use std::sync::Arc;

use parking_lot::Mutex;

use super::item::Batch;

/// Batches that one queue keeps at most: small ones come in large numbers.
const KEPT: usize = 64;

/// Bytes that one queue keeps at most.
const BYTES: usize = 1024 * 1024;

/// Bytes of the largest that is kept.
const LARGEST: usize = 256 * 1024;

#[derive(Default)]
struct Kept {
    batches: Vec<Arc<Batch>>,
    bytes: usize,
}

/// The spare batches of one queue; gone with it.
#[derive(Default)]
pub struct Spare(Mutex<Kept>);

impl Spare {
    /// A batch to be filled, with room where one is left. Nobody else has it.
    pub fn take(&self) -> Arc<Batch> {
        let mut kept = self.0.lock();
        let batch = kept.batches.pop().unwrap_or_default();
        kept.bytes = kept.bytes.saturating_sub(batch.room());
        batch
    }

    /// Keeps a batch, unless somebody else has it too or there are enough.
    pub fn give(&self, mut batch: Arc<Batch>) {
        let room = batch.room();
        if room > LARGEST || room == 0 || Arc::get_mut(&mut batch).is_none() {
            return;
        }
        let mut kept = self.0.lock();
        if kept.batches.len() < KEPT && kept.bytes + room <= BYTES {
            kept.bytes += room;
            kept.batches.push(batch);
        }
    }
}
