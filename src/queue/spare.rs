//! Buffers of batches that were taken, for those that come: fresh memory costs more than the copy that fills it, and it is freed on
//! another thread than the one that needs the next.

use parking_lot::Mutex;

/// Buffers that one queue keeps at most.
const KEPT: usize = 4;

/// Bytes of the largest that is kept.
const LARGEST: usize = 256 * 1024;

/// The spare buffers of one queue; gone with it.
#[derive(Default)]
pub struct Spare(Mutex<Vec<Vec<u8>>>);

impl Spare {
    /// An empty buffer, with room where one is left.
    pub fn take(&self) -> Vec<u8> {
        self.0.lock().pop().unwrap_or_default()
    }

    /// Keeps a buffer, unless there are enough.
    pub fn give(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() > LARGEST || buffer.capacity() == 0 {
            return;
        }
        buffer.clear();
        let mut kept = self.0.lock();
        if kept.len() < KEPT {
            kept.push(buffer);
        }
    }
}
