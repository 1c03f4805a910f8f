use super::*;

#[test]
fn a_single_lane_stays_when_it_runs_empty_and_makes_way_for_another() {
    let mut lanes = Lanes::new(10);
    for priority in [3, 3, -7] {
        assert_eq!(lanes.push((), None, priority).offer, Offer::Queued);
        assert_eq!(lanes.pop(), Some(()));
        assert!(lanes.by_priority.keys().eq([&Reverse(priority)]));
    }
    assert_eq!(lanes.push((), None, 3).offer, Offer::Queued);
    assert_eq!(lanes.push((), None, -7).offer, Offer::Queued);
    assert_eq!(lanes.pop(), Some(()));
    assert!(lanes.by_priority.keys().eq([&Reverse(-7)]), "of two lanes the empty one goes");
}
