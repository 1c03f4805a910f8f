//! Which of the two, the ring or the lanes, has the items: no answer tells, but what it costs does.

use super::*;

#[test]
fn plain_items_take_no_lock() {
    let queue = Queue::new(8);
    for item in 0..3 {
        assert_eq!(queue.push(item, None, 0).offer, Offer::Queued);
    }
    assert_eq!((queue.pop(), queue.pop()), (Some(0), Some(1)));
    assert_eq!(queue.gate.moved(), (3, 2), "all went through the gate");
    assert!(!queue.core.lock().seized);
}

#[test]
fn the_lanes_give_way_once_they_are_empty_and_so_many_plain_items_have_come() {
    let queue = Queue::new(100);
    let seized = || queue.core.lock().seized;
    assert_eq!(queue.push(0, Some("key"), 0).offer, Offer::Queued);
    assert_eq!(queue.pop(), Some(0));
    assert!(seized(), "one that is not plain may be followed by others");
    for calm in 1..=CALM {
        assert!(seized(), "{calm}");
        assert_eq!(queue.push(calm, None, 0).offer, Offer::Queued);
    }
    for calm in 1..=CALM {
        assert!(seized(), "not while they hold any");
        assert_eq!(queue.pop(), Some(calm));
    }
    assert!(!seized());

    assert_eq!(queue.push(0, Some("key"), 0).offer, Offer::Queued);
    queue.close();
    for _ in 0..=CALM {
        assert_eq!(queue.push(0, None, 0).offer, Offer::Closed);
    }
    assert_eq!((queue.pop(), queue.pop(), seized()), (Some(0), None, true), "the ring of a closed queue stays shut");
}
