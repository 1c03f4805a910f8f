//! An item of a shared queue: bytes, and what they are.

use std::sync::Arc;

use warmpath_engine::error::Result;

use super::broken;

/// Bytes that need no allocation of their own. One made on one thread and freed on another makes both wait for the allocator.
const SHORT: usize = 78;

/// What the bytes of an item are.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A string, as UTF-8.
    Text,
    /// JSON text.
    Json,
    /// A `Uint8Array`.
    Bytes,
    /// A Node `Buffer`.
    Buffer,
    /// What structured clone wrote.
    Clone,
}

impl Kind {
    pub fn from(number: u32) -> Result<Self> {
        Ok(match number {
            0 => Self::Text,
            1 => Self::Json,
            2 => Self::Bytes,
            3 => Self::Buffer,
            4 => Self::Clone,
            _ => return Err(broken("the door knows no such item")),
        })
    }

    pub const fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Json)
    }
}

#[derive(Clone)]
enum Content {
    Short { length: u8, bytes: [u8; SHORT] },
    Long(Arc<[u8]>),
}

/// An item. A clone of a long one shares its bytes.
#[derive(Clone)]
pub struct Item {
    pub kind: Kind,
    content: Content,
}

impl Item {
    pub fn new(kind: Kind, bytes: &[u8]) -> Self {
        let mut short = [0; SHORT];
        let content = match (short.get_mut(..bytes.len()), u8::try_from(bytes.len())) {
            (Some(room), Ok(length)) => {
                room.copy_from_slice(bytes);
                Content::Short { length, bytes: short }
            }
            _ => Content::Long(Arc::from(bytes)),
        };
        Self { kind, content }
    }

    pub fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Short { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Content::Long(bytes) => bytes,
        }
    }

    pub fn len(&self) -> usize {
        self.bytes().len()
    }
}
