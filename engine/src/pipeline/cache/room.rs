//! Room in the cache.

use std::sync::Weak;

use super::table::Table;

/// Where an entry's bytes lie.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shelf {
    /// In memory.
    Memory,
    /// In a file.
    Disk,
}

/// Room that is taken until this is dropped.
pub struct Room {
    pub(super) table: Weak<Table>,
    pub(super) bytes: u64,
    pub(super) place: Shelf,
}

impl Room {
    /// Whether the bytes go into memory.
    pub const fn in_memory(&self) -> bool {
        matches!(self.place, Shelf::Memory)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let Some(table) = self.table.upgrade() else { return };
        table.give_back(self.bytes, self.place);
    }
}
