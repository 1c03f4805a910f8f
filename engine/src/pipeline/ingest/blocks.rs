//! The memory that media pass through on their way to the disk.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use parking_lot::Mutex;

use super::disk::{ALIGN, is_aligned};

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
    /// An empty block, which begins where a direct write may.
    pub fn take(&self) -> BytesMut {
        self.0.lock().pop().unwrap_or_else(aligned)
    }

    /// Whether this is a block of ours.
    pub fn are_of(block: &BytesMut) -> bool {
        (BLOCK..=BLOCK + ALIGN).contains(&block.capacity()) && is_aligned(block)
    }

    /// Takes the memory of a written block back, where it is one of ours and nobody looks at it any more.
    pub fn give(&self, written: Bytes) {
        let Ok(mut block) = written.try_into_mut() else { return };
        block.clear();
        let mut blocks = self.0.lock();
        if Self::are_of(&block) && blocks.len() < KEPT {
            blocks.push(block);
        }
    }
}

/// The system's allocator gives no aligned memory to `BytesMut`: so a little more is asked for, and what lies before is left.
fn aligned() -> BytesMut {
    let mut block = BytesMut::with_capacity(BLOCK + ALIGN);
    let before = block.as_ptr().addr().next_multiple_of(ALIGN) - block.as_ptr().addr();
    block.resize(before, 0);
    block.advance(before);
    block
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
        assert!(again.is_empty() && Blocks::are_of(&again) && again.as_ptr() == memory);
        blocks.give(Bytes::from(vec![0; 100]));
        blocks.give(Bytes::from_static(&[0; 100]));
        assert!(blocks.0.lock().is_empty());
        for mut block in (0..2 * KEPT).map(|_| blocks.take()).collect::<Vec<_>>() {
            assert!(Blocks::are_of(&block));
            block.resize(BLOCK, 1);
            assert!(Blocks::are_of(&block), "filled without being moved");
            blocks.give(block.freeze());
        }
        assert!(blocks.0.lock().len() <= KEPT);
    }
}
