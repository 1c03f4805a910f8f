//! Bugs that tests plant on purpose: a proof that cannot fail proves nothing. Outside of tests there is nothing here,
//! and the compiler removes the questions.

/// The bugs there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    /// A waiter sleeps without the second look that it owes after it has said that it will.
    LostWakeUp,
    /// An item that is dropped for a newcomer leaves its key behind.
    KeyKept,
    /// One item more than fits.
    OneTooMany,
    /// The hand-over from the ring to the lanes does not wait for those who are still in the ring.
    HastyHandOver,
    /// A waiter that was woken and goes away keeps the wake-up for itself.
    WakeUpKept,
}

/// Which bug is in this queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Planted(#[cfg(test)] pub(super) Option<Bug>);

impl Planted {
    #[cfg(test)]
    pub(super) const NONE: Self = Self(None);
    #[cfg(not(test))]
    pub(super) const NONE: Self = Self();

    #[cfg(test)]
    pub(super) fn has(self, bug: Bug) -> bool {
        self.0 == Some(bug)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "the same call as in tests")]
    pub(super) const fn has(self, _: Bug) -> bool {
        false
    }
}
