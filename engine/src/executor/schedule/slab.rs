//! Values under small numbers, which are used again.

/// The number of a value.
pub type Id = u32;

/// The number of no value.
pub const NIL: Id = Id::MAX;

/// Values under small numbers.
pub struct Slab<T> {
    slots: Vec<Option<T>>,
    free: Vec<Id>,
}

impl<T> Slab<T> {
    pub const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub fn insert(&mut self, value: T) -> Id {
        if let Some(id) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(id as usize)
        {
            *slot = Some(value);
            return id;
        }
        let id = Id::try_from(self.slots.len()).unwrap_or(NIL);
        self.slots.push(Some(value));
        id
    }

    pub fn remove(&mut self, id: Id) -> Option<T> {
        let value = self.slots.get_mut(id as usize)?.take()?;
        self.free.push(id);
        Some(value)
    }

    pub fn get(&self, id: Id) -> Option<&T> {
        self.slots.get(id as usize)?.as_ref()
    }

    pub fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        self.slots.get_mut(id as usize)?.as_mut()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Id, &T)> {
        self.slots.iter().zip(0..).filter_map(|(slot, id)| Some((id, slot.as_ref()?)))
    }
}
