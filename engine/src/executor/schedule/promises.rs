//! What was promised to jobs that were given back: a moment each, or they would all come at once, and all but a few in vain.

use std::collections::BTreeMap;

use crate::clock::Tick;

/// The latest moment that was promised, by class. A job stands behind the promises of its own class and of higher ones; whom it
/// overtakes finds a closed gate, and is told anew.
#[derive(Debug, Default)]
pub struct Promises {
    /// Later with every class: what is promised to a lower one before a higher one's is not kept.
    by_class: BTreeMap<i64, Tick>,
}

impl Promises {
    pub const fn new() -> Self {
        Self { by_class: BTreeMap::new() }
    }

    /// The latest that a job of this class stands behind.
    pub fn before(&self, class: i64) -> Tick {
        self.by_class.range(..=class).next_back().map_or(Tick::START, |(_, at)| *at)
    }

    /// A job of this class was promised `at`, which is later than what it stands behind.
    pub fn make(&mut self, class: i64, at: Tick, now: Tick) {
        self.by_class.retain(|other, until| *until > now && (*other <= class || *until > at));
        self.by_class.insert(class, at);
    }

    /// Whether nobody is expected any more.
    pub fn are_over(&self, now: Tick) -> bool {
        self.by_class.last_key_value().is_none_or(|(_, at)| *at <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_stands_behind_its_own_class_and_higher_ones() {
        let at = Tick::from_nanos;
        let mut promises = Promises::new();
        assert_eq!((promises.before(0), promises.are_over(at(0))), (Tick::START, true));
        promises.make(0, at(50), at(1));
        assert_eq!([-7, 0, 7].map(|class| promises.before(class)), [0, 50, 50].map(at));
        promises.make(-7, at(20), at(1));
        promises.make(7, at(60), at(1));
        assert_eq!([-8, -7, 0, 7].map(|class| promises.before(class)), [0, 20, 50, 60].map(at));
        // Of a higher class, and later than what was promised to the lower one.
        promises.make(-7, at(55), at(1));
        assert_eq!([-7, 0, 7].map(|class| promises.before(class)), [55, 55, 60].map(at));
        assert!(!promises.are_over(at(59)) && promises.are_over(at(60)));
        promises.make(3, at(90), at(70));
        assert_eq!([2, 3, 7].map(|class| promises.before(class)), [0, 90, 90].map(at));
    }
}
