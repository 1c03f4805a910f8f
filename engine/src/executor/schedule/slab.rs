//! Values under small numbers, which are used again.

/// The number of a value.
pub type Id = u32;

/// The number of no value.
pub const NIL: Id = Id::MAX;

/// Values of one block. Blocks never move, so that growth neither copies what is there nor doubles the memory it takes.
const BLOCK: usize = 1024;

/// Values under small numbers.
pub struct Slab<T> {
    blocks: Vec<Vec<Option<T>>>,
    free: Vec<Id>,
    len: usize,
}

impl<T> Slab<T> {
    pub const fn new() -> Self {
        Self { blocks: Vec::new(), free: Vec::new(), len: 0 }
    }

    pub const fn len(&self) -> usize {
        self.len
    }

    pub fn insert(&mut self, value: T) -> Id {
        self.len += 1;
        if let Some(id) = self.free.pop()
            && let Some(slot) = self.slot(id)
        {
            *slot = Some(value);
            return id;
        }
        let full = self.blocks.last().is_none_or(|block| block.len() == BLOCK);
        if full {
            // A handful of bots must not cost a whole block; from then on each block is made at its full size.
            let room = if self.blocks.is_empty() { 4 } else { BLOCK };
            self.blocks.push(Vec::with_capacity(room));
        }
        let before = (self.blocks.len() - 1) * BLOCK;
        let Some(block) = self.blocks.last_mut() else { return NIL };
        block.push(Some(value));
        Id::try_from(before + block.len() - 1).unwrap_or(NIL)
    }

    pub fn remove(&mut self, id: Id) -> Option<T> {
        let value = self.slot(id)?.take()?;
        self.len -= 1;
        self.free.push(id);
        if self.len == 0 && self.blocks.len() > 1 {
            // Nobody is left who has a number: the memory of the highest tide is given back.
            *self = Self::new();
        }
        Some(value)
    }

    pub fn get(&self, id: Id) -> Option<&T> {
        self.blocks.get(id as usize / BLOCK)?.get(id as usize % BLOCK)?.as_ref()
    }

    pub fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        self.slot(id)?.as_mut()
    }

    fn slot(&mut self, id: Id) -> Option<&mut Option<T>> {
        self.blocks.get_mut(id as usize / BLOCK)?.get_mut(id as usize % BLOCK)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.blocks.iter_mut().flatten().flatten()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Id, &T)> {
        self.blocks.iter().flatten().zip(0..).filter_map(|(slot, id)| Some((id, slot.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_again_and_lead_to_their_values() {
        let mut slab = Slab::new();
        let ids: Vec<_> = (0..5_000).map(|value| slab.insert(value)).collect();
        assert_eq!(ids, (0..5_000).collect::<Vec<Id>>());
        for id in (0..5_000).step_by(2) {
            assert_eq!(slab.remove(id), Some(id));
            assert_eq!((slab.remove(id), slab.get(id)), (None, None));
        }
        assert_eq!(slab.len(), 2_500);
        assert!(slab.iter().all(|(id, value)| id == *value && id % 2 == 1));
        let again = slab.insert(7);
        assert!(again < 5_000 && slab.get(again) == Some(&7));
        assert_eq!((slab.get(NIL), slab.get(5_000)), (None, None));
    }
}
