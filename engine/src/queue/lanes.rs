//! The order of the queue, without a lock: one total order (priority, then arrival) and a key index.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Higher priorities leave first; equal ones leave in the order they came.
type Rank = (Reverse<i32>, u64);

struct Entry<T> {
    key: Option<Arc<str>>,
    item: T,
}

/// What became of an item that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// It waits.
    Queued,
    /// An item with the same key already waits; the first wins.
    Duplicate,
    /// The queue is at its capacity.
    Full,
    /// The queue was closed.
    Closed,
}

/// A bounded, deduplicating priority queue for one owner.
///
/// Every operation is O(log n) in the number of queued items; a key look-up is O(1).
pub struct Lanes<T> {
    capacity: usize,
    arrivals: u64,
    order: BTreeMap<Rank, Entry<T>>,
    keys: HashMap<Arc<str>, Rank>,
}

impl<T> Lanes<T> {
    /// A queue for at most `capacity` items.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, arrivals: 0, order: BTreeMap::new(), keys: HashMap::new() }
    }

    /// Adds an item, unless its key is queued already or the queue is full. A refused item is handed back.
    ///
    /// # Errors
    /// The item with the reason it was refused for.
    pub fn push(&mut self, item: T, key: Option<Arc<str>>, priority: i32) -> Result<(), (T, Offer)> {
        if key.as_ref().is_some_and(|key| self.keys.contains_key(key)) {
            return Err((item, Offer::Duplicate));
        }
        if self.order.len() >= self.capacity {
            return Err((item, Offer::Full));
        }
        let rank = (Reverse(priority), self.arrivals);
        self.arrivals += 1;
        if let Some(key) = &key {
            self.keys.insert(Arc::clone(key), rank);
        }
        self.order.insert(rank, Entry { key, item });
        Ok(())
    }

    /// Takes the first item.
    pub fn pop(&mut self) -> Option<T> {
        let (_, entry) = self.order.pop_first()?;
        if let Some(key) = &entry.key {
            self.keys.remove(key);
        }
        Some(entry.item)
    }

    /// Takes the item with that key out of the middle.
    pub fn remove(&mut self, key: &str) -> Option<T> {
        let rank = self.keys.remove(key)?;
        self.order.remove(&rank).map(|entry| entry.item)
    }

    /// Takes everything, in order.
    pub fn clear(&mut self) -> Vec<T> {
        self.keys.clear();
        std::mem::take(&mut self.order).into_values().map(|entry| entry.item).collect()
    }

    /// The first item.
    #[must_use]
    pub fn peek(&self) -> Option<&T> {
        self.order.first_key_value().map(|(_, entry)| &entry.item)
    }

    /// The queued items, in the order they will leave.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.order.values().map(|entry| &entry.item)
    }

    /// Whether an item with that key is queued.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// How many items are queued.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether nothing is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// How many items fit.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Arc<str> {
        Arc::from(text)
    }

    #[test]
    fn higher_priority_first_and_fifo_among_equals() {
        let mut lanes = Lanes::new(10);
        for (item, priority) in [("a", 0), ("b", 5), ("c", 0), ("d", -1), ("e", 5), ("f", i32::MAX), ("g", i32::MIN)] {
            lanes.push(item, None, priority).unwrap();
        }
        assert_eq!(lanes.iter().copied().collect::<Vec<_>>(), ["f", "b", "e", "a", "c", "d", "g"]);
        let mut out = Vec::new();
        while let Some(item) = lanes.pop() {
            out.push(item);
        }
        assert_eq!(out, ["f", "b", "e", "a", "c", "d", "g"]);
    }

    #[test]
    fn the_first_of_two_equal_keys_wins_until_it_leaves() {
        let mut lanes = Lanes::new(2);
        lanes.push(1, Some(key("k")), 0).unwrap();
        assert_eq!(lanes.push(2, Some(key("k")), 9), Err((2, Offer::Duplicate)));
        assert_eq!(lanes.pop(), Some(1));
        assert!(!lanes.has("k"));
        lanes.push(3, Some(key("k")), 0).unwrap();
        assert_eq!(lanes.remove("k"), Some(3));
        assert_eq!(lanes.remove("k"), None);
        assert!(lanes.is_empty());
    }

    #[test]
    fn a_full_queue_refuses_and_hands_back() {
        let mut lanes = Lanes::new(1);
        lanes.push("a", None, 0).unwrap();
        assert_eq!(lanes.push("b", None, 9), Err(("b", Offer::Full)));
        assert_eq!(lanes.len(), 1);
        assert_eq!(lanes.clear(), ["a"]);
        lanes.push("b", None, 0).unwrap();
    }

    /// The order against the simplest possible model, over random histories.
    #[test]
    fn agrees_with_a_sorted_list() {
        for seed in 0..200 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut lanes = Lanes::new(16);
            let mut model: Vec<(i32, u64, Option<String>)> = Vec::new();
            for step in 0..300_u64 {
                match rng.u8(0..4) {
                    0 | 1 => {
                        let priority = rng.i32(-2..3);
                        let key = rng.bool().then(|| format!("k{}", rng.u8(0..12)));
                        let got = lanes.push(step, key.as_deref().map(Arc::from), priority);
                        let duplicate = key.is_some() && model.iter().any(|(_, _, k)| *k == key);
                        if duplicate {
                            assert_eq!(got, Err((step, Offer::Duplicate)));
                        } else if model.len() == 16 {
                            assert_eq!(got, Err((step, Offer::Full)));
                        } else {
                            got.unwrap();
                            model.push((priority, step, key));
                            model.sort_by_key(|(priority, step, _)| (Reverse(*priority), *step));
                        }
                    }
                    2 => {
                        let expected = (!model.is_empty()).then(|| model.remove(0).1);
                        assert_eq!(lanes.pop(), expected);
                    }
                    _ => {
                        let key = format!("k{}", rng.u8(0..12));
                        let at = model.iter().position(|(_, _, k)| k.as_deref() == Some(&key));
                        assert_eq!(lanes.remove(&key), at.map(|at| model.remove(at).1));
                    }
                }
                assert_eq!(lanes.len(), model.len());
                assert_eq!(lanes.peek().copied(), model.first().map(|entry| entry.1));
            }
        }
    }
}
