//! What the index keeps of batches that are gone.

use super::*;

/// A batch of `count` keys of `length` bytes each, in the index, and out of it again.
fn pass(keys: &mut Keys, count: u32, length: usize) -> u32 {
    let batch = enter(keys, count, length);
    leave(keys, batch, count);
    batch
}

fn enter(keys: &mut Keys, count: u32, length: usize) -> u32 {
    let slots = Slots::<()>::new();
    let number = keys.batches.len() - keys.free.len();
    let key = |at| {
        let name = (number * 1_000_000 + at as usize).to_string();
        "k".repeat(length - name.len()) + &name
    };
    let text: String = (0..count).map(key).collect();
    let ends: Vec<u32> = (1..=count).map(|at| at * u32::try_from(length).unwrap()).collect();
    let batch = keys.open(&slots, &text, &ends);
    assert!((0..count).all(|index| keys.offer(&slots, batch, index)));
    keys.place(batch, 0, 0);
    batch
}

fn leave(keys: &mut Keys, batch: u32, count: u32) {
    keys.forget(&Label::Keys { batch, first: 0 }, 0, 0, count);
    assert_eq!(keys.batches.get(batch as usize).map_or(0, |batch| batch.left), 0);
}

/// The memory of a batch for text and for ends.
fn kept(keys: &Keys, batch: u32) -> (usize, usize) {
    let batch = &keys.batches[batch as usize];
    assert!(batch.text.is_empty() && batch.ends.is_empty() && batch.hashes.is_empty() && batch.parts.is_empty());
    (batch.text.capacity(), batch.ends.capacity())
}

#[test]
fn a_batch_keeps_its_memory_for_the_next_one_unless_it_is_large() {
    let mut keys = Keys::new();
    let batch = pass(&mut keys, 100, 10);
    assert_eq!(kept(&keys, batch), (1_000, 100));
    assert_eq!(pass(&mut keys, 100, 10), batch, "the next one takes it");
    assert_eq!(kept(&keys, batch), (1_000, 100));

    // As much as is kept, and one more.
    assert_eq!(pass(&mut keys, 1, KEPT_BYTES), batch);
    assert_eq!(kept(&keys, batch).0, KEPT_BYTES);
    assert_eq!(pass(&mut keys, 1, KEPT_BYTES + 1), batch);
    assert_eq!(kept(&keys, batch), (0, 0));
    let most = u32::try_from(KEPT).unwrap();
    assert_eq!(pass(&mut keys, most, 10), batch);
    assert_eq!(kept(&keys, batch).1, KEPT);
    assert_eq!(pass(&mut keys, most + 1, 10), batch);
    assert_eq!(kept(&keys, batch), (0, 0));
}

#[test]
fn two_batches_keep_their_memory_and_the_last_of_more_takes_all_with_it() {
    let mut keys = Keys::new();
    let batches: Vec<u32> = (0..4).map(|_| enter(&mut keys, 10, 10)).collect();
    assert_eq!(batches, [0, 1, 2, 3]);
    for (at, text) in [(0, 100), (1, 100), (2, 0)] {
        leave(&mut keys, at, 10);
        assert_eq!(kept(&keys, at).0, text, "batch {at}");
    }
    assert_eq!(keys.batches[3].left, 10);
    leave(&mut keys, 3, 10);
    assert!(keys.batches.is_empty() && keys.free.is_empty());

    let batches = [enter(&mut keys, 10, 10), enter(&mut keys, 10, 10)];
    for batch in batches {
        leave(&mut keys, batch, 10);
    }
    assert_eq!((keys.batches.len(), keys.free.len()), (2, 2), "two are not too many");
}

#[test]
fn a_large_index_that_runs_empty_gives_its_memory_back_and_a_small_one_does_not() {
    let mut keys = Keys::new();
    let most = u32::try_from(KEPT).unwrap();
    for count in [8 * most, most + 1] {
        pass(&mut keys, count, 10);
        assert!(keys.table.is_empty());
        assert_eq!(keys.table.capacity(), 0, "{count}");
    }
    pass(&mut keys, 100, 10);
    assert!(keys.table.is_empty() && keys.table.capacity() >= 100);
}
