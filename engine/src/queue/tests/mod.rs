//! What is proved here, and by which command: `docs/queue-proof.md`.

use super::{planted::Bug, *};

#[cfg(not(feature = "loom"))]
mod aging;
#[cfg(not(feature = "loom"))]
mod histories;
mod lanes;
#[cfg(not(feature = "loom"))]
mod linear;
#[cfg(feature = "loom")]
mod loom;
#[cfg(not(feature = "loom"))]
mod model;
#[cfg(not(feature = "loom"))]
mod waiting;

/// How large a proof is: `WARMPATH_TEST_LONG=1` asks for the long form.
fn size<N>(short: N, long: N) -> N {
    if std::env::var("WARMPATH_TEST_LONG").is_ok_and(|value| value == "1") { long } else { short }
}

#[test]
fn no_planted_bug_is_in_a_queue_by_default() {
    assert_eq!(Options::new(1).planted, planted::Planted(None));
}

#[test]
fn a_queue_is_shared_where_its_items_can_be_sent() {
    const fn assert_shared<T: Send + Sync>() {}
    assert_shared::<Queue<std::cell::Cell<u32>>>();
    assert_shared::<Watcher<std::cell::Cell<u32>>>();
}
