//! Bugs that the simulation plants on purpose: a proof that cannot fail proves nothing. Outside of tests there is nothing
//! here, and the compiler removes the questions.

macro_rules! bugs {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// The bugs there are.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug {
            $($(#[doc = $doc])* $name,)*
        }

        impl Bug {
            /// All of them.
            #[cfg(test)]
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

bugs! {
    /// A send starts its rate anew instead of adding to what is booked.
    ArrivalTimeReset,
    /// The wait of a 429 is taken for milliseconds.
    RetryAfterAsMilliseconds,
    /// A 429 closes the chat's gate but never the token's.
    TokenNeverBlocked,
    /// A group is held to the limits of a private chat.
    GroupTakenForPrivate,
    /// The token's rate is not asked.
    TokenRateIgnored,
    /// Uploads of the same size are not spaced.
    SameSizeIgnored,
    /// One slot more than there is.
    OneSlotTooMany,
    /// A job that is stopped keeps its slot.
    SlotKept,
    /// An upload that fails stays counted against its token.
    UploadKept,
    /// The bytes of a failed job stay in flight.
    BytesKept,
    /// An attempt that was told to wait is charged.
    ThrottleCharged,
    /// One retry more than was asked for.
    OneRetryTooMany,
    /// A job starts although its lease is over.
    LeaseIgnoredAtStart,
    /// A running job goes on when its lease is over.
    LeaseIgnoredWhileRunning,
    /// A job that is cancelled while it runs is settled at once, and again when it ends.
    SettledTwice,
    /// A paused scheduler starts jobs.
    PauseIgnored,
    /// A bot that has to wait keeps its place at the head.
    HeadOfLine,
    /// The bot with the lowest number is always the next.
    FirstBotFirst,
    /// The youngest job of a priority goes first.
    LastInFirstOut,
    /// Large and small ones go as they come.
    SizeIgnored,
    /// A large one lets every smaller one ahead, whenever it comes.
    PatienceWithoutEnd,
    /// The longest wait never counts: low priorities starve.
    OldestNeverServed,
    /// A job between two tries is forgotten when the next look is due.
    BackoffNotDue,
    /// A long wait under a lease is kept instead of given back.
    NeverGivenBack,
    /// A job that waits is not cancelled, although the answer says so.
    CancelIgnored,
    /// A send counts from where it was begun, however long its upload took.
    ArrivalIgnored,
    /// A 429 teaches nothing.
    RateNeverHalved,
}

/// Which bug is in this scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planted(#[cfg(test)] pub Option<Bug>);

impl Planted {
    /// None.
    #[cfg(test)]
    pub const NONE: Self = Self(None);
    /// None.
    #[cfg(not(test))]
    pub const NONE: Self = Self();

    /// Whether this one is.
    #[cfg(test)]
    pub fn has(self, bug: Bug) -> bool {
        self.0 == Some(bug)
    }

    /// Whether this one is.
    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "the same call as in tests")]
    pub const fn has(self, _: Bug) -> bool {
        false
    }
}
