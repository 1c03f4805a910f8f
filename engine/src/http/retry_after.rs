//! `Retry-After` (RFC 9110 §10.2.3): seconds or an HTTP date.

use std::time::{Duration, UNIX_EPOCH};

/// No answer makes us wait longer than a day without looking again.
const LONGEST: Duration = Duration::from_hours(24);

/// The wait a header value asks for. A date in the past is no wait; a value that is neither seconds nor a date is `None`:
/// the caller's own backoff, never "no wait".
#[must_use]
pub fn retry_after(value: &str, now_wall_ms: u64) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    let at = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(at.saturating_sub(Duration::from_millis(now_wall_ms)).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_dates_and_garbage() {
        let now = 1_369_353_600_000;
        assert_eq!(retry_after(" 2 ", now), Some(Duration::from_secs(2)));
        assert_eq!(retry_after("0", now), Some(Duration::ZERO));
        assert_eq!(retry_after("99999999999", now), Some(LONGEST));
        assert_eq!(retry_after("Fri, 24 May 2013 00:01:00 GMT", now), Some(Duration::from_mins(1)));
        assert_eq!(retry_after("Fri, 24 May 2013 00:00:00 GMT", now + 5_000), Some(Duration::ZERO));
        for garbage in ["", "soon", "-1", "1.5", "NaN"] {
            assert_eq!(retry_after(garbage, now), None, "{garbage}");
        }
    }
}
