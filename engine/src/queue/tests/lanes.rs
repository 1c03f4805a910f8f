//! The order and the keys, for one owner.

use std::{cmp::Reverse, sync::Arc};

use super::*;

fn key(text: &str) -> Arc<str> {
    Arc::from(text)
}

#[test]
fn higher_priority_first_and_fifo_among_equals() {
    let mut lanes = Lanes::new(10);
    for (item, priority) in [("a", 0), ("b", 5), ("c", 0), ("d", -1), ("e", 5), ("f", i32::MAX), ("g", i32::MIN)] {
        assert_eq!(lanes.push(item, None, priority).offer, Offer::Queued);
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
    assert_eq!(lanes.push(1, Some(key("k")), 0).offer, Offer::Queued);
    assert_eq!(lanes.push(2, Some(key("k")), 9), Push::refused(Offer::Duplicate, 2));
    assert_eq!(lanes.pop(), Some(1));
    assert!(!lanes.has("k"));
    assert_eq!(lanes.push(3, Some(key("k")), 0).offer, Offer::Queued);
    assert_eq!(lanes.remove("k"), Some(3));
    assert_eq!(lanes.remove("k"), None);
    assert!(lanes.is_empty());
}

#[test]
fn a_full_queue_refuses_and_hands_back() {
    let mut lanes = Lanes::new(1);
    assert_eq!(lanes.push("a", None, 0).offer, Offer::Queued);
    assert_eq!(lanes.push("b", None, 9), Push::refused(Offer::Full, "b"));
    assert_eq!(lanes.len(), 1);
    assert_eq!(lanes.clear(), ["a"]);
    assert_eq!(lanes.push("b", None, 0).offer, Offer::Queued);
}

#[test]
fn a_run_counts_as_its_items_do_and_is_cut_where_fewer_are_asked_for() {
    let mut lanes = Lanes::<u32>::with_options(Options::new(6).when_full(WhenFull::DropLowest));
    assert_eq!(lanes.push_run(10, 4, 0), None);
    assert_eq!(lanes.push_run(20, 4, -1), Some((22, 2)), "two fit");
    assert_eq!((lanes.len(), lanes.copy_first()), (6, Some(10)));
    assert_eq!(lanes.copies(), [10, 11, 12, 13, 20, 21]);
    assert_eq!(lanes.push(30, None, 5).dropped.map(|entry| (entry.item, entry.priority)), Some((21, -1)));
    assert_eq!(lanes.pop(), Some(30));
    assert_eq!(lanes.pop_run(3), Some((10, 3)));
    assert_eq!(lanes.pop_run(3), Some((13, 1)), "not over the end of a run");
    assert_eq!(lanes.clear(), [20]);
    assert_eq!(lanes.push_run(1, 0, 0), None);
    assert!(lanes.is_empty());
}

#[test]
fn the_oldest_of_a_run_is_dropped_first() {
    let mut lanes = Lanes::<u32>::with_options(Options::new(3).when_full(WhenFull::DropOldest));
    assert_eq!(lanes.push_run(10, 3, 0), None);
    assert_eq!(lanes.push(1, Some(key("k")), 9).dropped.map(|entry| entry.item), Some(10));
    assert_eq!(lanes.push(2, None, -9).dropped.map(|entry| entry.item), Some(11));
    assert_eq!(lanes.copies(), [1, 12, 2]);
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
                        assert_eq!(got, Push::refused(Offer::Duplicate, step));
                    } else if model.len() == 16 {
                        assert_eq!(got, Push::refused(Offer::Full, step));
                    } else {
                        assert_eq!(got.offer, Offer::Queued);
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
