//! Among equals the smaller job goes first. A large job that lets a small one ahead waits a little longer, and the small
//! one far shorter: the sum of all waits shrinks, in proportion to the difference of their sizes. So does what a job
//! concedes: it counts as if it had come later than it did, by about a second for each MiB, and of jobs with the same
//! priority the one that came first by this reckoning goes first.
//!
//! Nothing starves: whatever comes later than a job's patience lasts, a minute at most, never overtakes it, and every 16th
//! start goes to the oldest in any case. Sizes are told apart by factors of four; in between it is first in, first out, which
//! keeps the lists as cheap as a queue.

use crate::clock::Tick;

/// Which list of its class a job is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group(u8);

const SECOND: u64 = 1_000_000_000;

/// Sizes up to so many bytes, and how long they let smaller ones ahead, ns.
const PATIENCE: [(u64, u64); 6] = [
    (64 << 10, 0),
    (256 << 10, SECOND / 4),
    (1 << 20, SECOND),
    (4 << 20, 4 * SECOND),
    (16 << 20, 16 * SECOND),
    (u64::MAX, 60 * SECOND),
];

/// A job that tells no size counts as one of this: most photos are smaller, most videos larger.
const UNTOLD: u64 = 1 << 20;

impl Group {
    /// Of jobs that were sent back to their list: they have had their turn, and go next.
    pub const NEXT: Self = Self(0);
    /// The first of its class.
    pub const LEAST: Self = Self::NEXT;
    /// The last of its class.
    pub const MOST: Self = Self(u8::MAX);

    /// Of jobs of this size.
    pub fn of(size: Option<u64>) -> Self {
        let size = size.unwrap_or(UNTOLD);
        let smaller = PATIENCE.iter().take_while(|(most, _)| *most < size).count();
        Self(u8::try_from(smaller + 1).unwrap_or(u8::MAX))
    }

    /// When a job of this group that came at `came` counts as come.
    pub fn turn(self, came: Tick) -> Tick {
        match usize::from(self.0).checked_sub(1).and_then(|place| PATIENCE.get(place)) {
            Some((_, patience)) => Tick::from_nanos(came.as_nanos().saturating_add(*patience)),
            None => Tick::START,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_apart_by_factors_of_four() {
        let group = |size| Group::of(Some(size)).0;
        assert_eq!([0, 65_536, 65_537, 262_144, 262_145].map(group), [1, 1, 2, 2, 3]);
        assert_eq!([1 << 20, (1 << 20) + 1, 1 << 22, 1 << 24, (1 << 24) + 1, u64::MAX].map(group), [3, 4, 4, 5, 6, 6]);
        assert_eq!(Group::of(None), Group::of(Some(1 << 20)));
        assert!(Group::LEAST <= Group::NEXT && Group::of(Some(u64::MAX)) <= Group::MOST);
    }

    #[test]
    fn a_job_counts_as_come_later_the_larger_it_is_and_by_a_minute_at_most() {
        let came = Tick::from_nanos(7 * SECOND);
        let turn = |group: Group| group.turn(came).as_nanos() - came.as_nanos();
        assert_eq!(
            [0, 200 << 10, 1 << 20, 4 << 20, 16 << 20, 2_000 << 20].map(|size| turn(Group::of(Some(size)))),
            [0, SECOND / 4, SECOND, 4 * SECOND, 16 * SECOND, 60 * SECOND,]
        );
        assert_eq!(Group::NEXT.turn(came), Tick::START);
        assert_eq!(Group::of(None).turn(Tick::NEVER), Tick::NEVER);
    }
}
