//! What becomes of a job after a failed try. Pure: the decision depends on its arguments alone.

use std::time::Duration;

use super::RetryOptions;
use crate::error::{Class, Code, Error};

/// A job that has a lease and must wait longer than this is settled back to the store that submitted it: there it takes
/// no room that another bot's job could use.
pub const LONGEST_HELD_WAIT: Duration = Duration::from_secs(5);

/// How often in a row a job may be told to wait before it is settled back: an answer that always says "soon" must not
/// keep it for ever.
const MOST_THROTTLES: u8 = 10;

/// When the other side says "slow down" without a time.
const DEFAULT_THROTTLE: Duration = Duration::from_secs(1);

/// What was spent on a job so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// Tries that count against the retries.
    pub charged: u32,
    /// Times in a row the job was told to wait.
    pub throttled: u8,
    /// Failures that were final by their class, and looked at again ([`Error::looks`]).
    pub looks: u8,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Try again after this wait.
    Again(Duration),
    /// Try again when the chat and the token may send.
    WhenOpen,
    /// Settle as failed; `charged` says whether a store should count the attempt.
    Settle {
        /// Whether the attempt counts.
        charged: bool,
    },
}

/// Decides. `leased`: a store would take it back. `jitter` is a uniform random number in 0..1.
#[must_use]
pub fn decide(error: &Error, spent: Spent, options: &RetryOptions, leased: bool, jitter: f64) -> Verdict {
    match error.class() {
        // A stranger's server may say so for ever: unlike that of a service, its word costs something in the end.
        Class::Throttled if spent.throttled >= MOST_THROTTLES => {
            Verdict::Settle { charged: error.code == Code::SourceThrottled }
        }
        Class::Throttled if error.code == Code::TelegramThrottled => Verdict::WhenOpen,
        Class::Throttled => {
            let wait = throttle_wait(error);
            if wait <= LONGEST_HELD_WAIT || !leased { Verdict::Again(wait) } else { Verdict::Settle { charged: false } }
        }
        Class::Transient | Class::Ambiguous if spent.charged <= options.quick => {
            let wait = backoff(spent.charged, options, jitter).max(error.retry_after.unwrap_or_default());
            if wait <= LONGEST_HELD_WAIT { Verdict::Again(wait) } else { Verdict::Settle { charged: true } }
        }
        Class::Permanent | Class::Config if spent.looks < error.looks => {
            Verdict::Again(backoff(spent.looks.into(), options, jitter).min(LONGEST_HELD_WAIT))
        }
        Class::Cancelled => Verdict::Settle { charged: false },
        _ if error.code.needs().is_some() => Verdict::Settle { charged: false },
        _ => Verdict::Settle { charged: true },
    }
}

/// How long a throttled job has to wait.
#[must_use]
pub fn throttle_wait(error: &Error) -> Duration {
    error.retry_after.unwrap_or(DEFAULT_THROTTLE)
}

/// Full jitter: anywhere between nothing and the doubled base, so that a burst that failed together does not come back
/// together (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
fn backoff(charged: u32, options: &RetryOptions, jitter: f64) -> Duration {
    let doubled = options.base_ms.saturating_mul(1_u64.checked_shl(charged.saturating_sub(1)).unwrap_or(u64::MAX));
    Duration::from_millis(doubled.min(options.max_ms)).mul_f64(jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: RetryOptions = RetryOptions { quick: 2, base_ms: 400, max_ms: 1_000 };

    fn after(code: Code, wait: Option<u64>, charged: u32, throttled: u8) -> Verdict {
        let error = Error::new(code, "x").retry_after(wait.map(Duration::from_secs));
        decide(&error, Spent { charged, throttled, looks: 0 }, &OPTIONS, true, 1.0)
    }

    #[test]
    fn every_class_has_its_verdict() {
        let settled = Verdict::Settle { charged: true };
        let uncharged = Verdict::Settle { charged: false };
        for code in Code::ALL {
            let verdict = after(*code, None, 1, 0);
            match code.class() {
                Class::Transient | Class::Ambiguous => assert_eq!(verdict, Verdict::Again(Duration::from_millis(400))),
                Class::Throttled if *code == Code::TelegramThrottled => assert_eq!(verdict, Verdict::WhenOpen),
                Class::Throttled => assert_eq!(verdict, Verdict::Again(DEFAULT_THROTTLE)),
                Class::Cancelled => assert_eq!(verdict, uncharged),
                _ if code.needs().is_some() => assert_eq!(verdict, uncharged),
                Class::Permanent | Class::Config | Class::Bug => assert_eq!(verdict, settled),
            }
        }
    }

    #[test]
    fn n_retries_after_the_first_try() {
        assert_eq!(after(Code::DownloadFailed, None, 2, 0), Verdict::Again(Duration::from_millis(800)));
        assert_eq!(after(Code::DownloadFailed, None, 3, 0), Verdict::Settle { charged: true });
    }

    /// However few retries there are, and however many were spent on other failures.
    #[test]
    fn what_is_final_by_its_class_is_looked_at_again_where_that_is_worth_it() {
        for code in [Code::S3Protocol, Code::Sha256Mismatch, Code::S3Access] {
            let error = Error::new(code, "x").worth(2);
            let after = |looks| decide(&error, Spent { charged: 9, throttled: 0, looks }, &OPTIONS, true, 1.0);
            assert_eq!(after(0), Verdict::Again(Duration::from_millis(400)));
            assert_eq!(after(1), Verdict::Again(Duration::from_millis(400)));
            assert_eq!(after(2), Verdict::Settle { charged: true });
        }
    }

    #[test]
    fn a_long_wait_is_given_back_to_a_store_and_held_without_one() {
        assert_eq!(after(Code::S3Throttled, Some(5), 1, 0), Verdict::Again(Duration::from_secs(5)));
        assert_eq!(after(Code::S3Throttled, Some(6), 1, 0), Verdict::Settle { charged: false });
        let error = Error::new(Code::S3Throttled, "x").retry_after(Some(Duration::from_secs(6)));
        let spent = Spent { charged: 1, ..Spent::default() };
        assert_eq!(decide(&error, spent, &OPTIONS, false, 1.0), Verdict::Again(Duration::from_secs(6)));
    }

    #[test]
    fn who_is_always_told_to_wait_does_not_wait_for_ever() {
        for (code, charged) in
            [(Code::TelegramThrottled, false), (Code::S3Throttled, false), (Code::SourceThrottled, true)]
        {
            assert_eq!(after(code, Some(1), 1, MOST_THROTTLES), Verdict::Settle { charged });
        }
    }

    #[test]
    fn backoff_never_overflows_and_never_exceeds_its_cap() {
        for charged in [0, 1, 5, 63, 64, 65, u32::MAX] {
            let options = RetryOptions { quick: u32::MAX, base_ms: u64::MAX, max_ms: 1_000 };
            assert!(backoff(charged, &options, 2.0) <= Duration::from_secs(1));
        }
    }
}
