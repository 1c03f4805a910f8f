//! The memory that media pass through on their way to the disk.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

/// Bytes that are written at once. Each block is a hop to another thread; two of them, one on its way to the disk and one
/// being filled, are what a medium costs in memory. Of 512 KiB they would take more than the megabyte that is promised.
pub const BLOCK: usize = 384 * 1024;

/// Blocks that are kept for the next media. Memory from the system is zeroed page by page as it is touched: for a small file that
/// takes longer than to write it.
const KEPT: usize = 16;

/// Blocks that nobody fills now. Clones share them.
#[derive(Clone, Default)]
pub struct Blocks(Arc<Mutex<Vec<BytesMut>>>);

impl Blocks {
    /// An empty block.
    pub fn take(&self) -> BytesMut {
        self.0.lock().pop().unwrap_or_else(|| BytesMut::with_capacity(BLOCK))
    }

    /// Takes the memory of a written block back, where it is one of ours and nobody looks at it any more.
    pub fn give(&self, written: Bytes) {
        let Ok(mut block) = written.try_into_mut() else { return };
        block.clear();
        let mut blocks = self.0.lock();
        if block.capacity() == BLOCK && blocks.len() < KEPT {
            blocks.push(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_blocks_come_back_and_not_too_many() {
        let blocks = Blocks::default();
        let mut block = blocks.take();
        block.extend_from_slice(&[7; 1000]);
        let memory = block.as_ptr();
        blocks.give(block.freeze());
        let again = blocks.take();
        assert!(again.is_empty() && again.capacity() == BLOCK && again.as_ptr() == memory);
        blocks.give(Bytes::from(vec![0; 100]));
        blocks.give(Bytes::from_static(&[0; 100]));
        assert!(blocks.0.lock().is_empty());
        for block in (0..2 * KEPT).map(|_| BytesMut::with_capacity(BLOCK)).collect::<Vec<_>>() {
            blocks.give(block.freeze());
        }
        assert!(blocks.0.lock().len() <= KEPT);
    }
}
