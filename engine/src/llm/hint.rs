//! When to come back: services say it in several ways, and a refusal may hold several.
//!
//! | where | form |
//! |---|---|
//! | `retry-after-ms` | milliseconds (OpenAI and what speaks like it) |
//! | `retry-after` | seconds or an HTTP date (RFC 9110 §10.2.3) |
//! | body, `retry_after`, `retry_after_seconds`, `retry_after_ms`, in `error`, its `metadata`, or outside | a number, or such a text |
//! | body, `error.metadata.headers` | the headers of the provider behind OpenRouter |
//! | `x-ratelimit-reset`, of a window that is used up | a moment, in seconds or milliseconds since 1970, or seconds from now |
//! | `x-ratelimit-reset-requests`, `-tokens`, the same | a duration such as `6m0s` (OpenAI) |
//!
//! The longest of them counts, but a reset only where nothing else was said: it names the end of a window, which is often
//! much later than the next free place in it. A value that makes no sense is no hint, and never "no wait".

use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;

use crate::http::retry_after;

/// Nobody is believed who asks for a longer wait.
const LONGEST: Duration = Duration::from_hours(24);

/// The wait that a refusal asks for.
pub fn hint(headers: &HeaderMap, error: Option<&Value>, outside: Option<&Value>, now_ms: u64) -> Option<Duration> {
    let header = |name: &str| headers.get(name)?.to_str().ok();
    let metadata = error.and_then(|error| error.get("metadata"));
    let provider = metadata.and_then(|metadata| metadata.get("headers")).and_then(Value::as_object);
    let inner = |name: &str| {
        let (_, value) = provider?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };

    let said = [error, metadata, outside].into_iter().flatten().filter_map(in_body).max();
    let said = [
        said,
        header("retry-after-ms").and_then(millis),
        header("retry-after").and_then(|value| after(value, now_ms)),
        inner("retry-after-ms").as_deref().and_then(millis),
        inner("retry-after").as_deref().and_then(|value| after(value, now_ms)),
    ];
    let reset = || {
        let left =
            |left: Option<&str>| left.is_none_or(|left| left.trim().parse::<f64>().is_ok_and(|left| left <= 0.0));
        let own = header("x-ratelimit-reset").filter(|_| left(header("x-ratelimit-remaining")));
        let theirs = inner("x-ratelimit-reset").filter(|_| left(inner("x-ratelimit-remaining").as_deref()));
        let single = ["requests", "tokens"].into_iter().filter_map(|what| {
            header(&format!("x-ratelimit-remaining-{what}")).filter(|value| left(Some(value)))?;
            span(header(&format!("x-ratelimit-reset-{what}"))?)
        });
        let known = [own.and_then(|value| moment(value, now_ms)), theirs.and_then(|value| moment(&value, now_ms))];
        known.into_iter().flatten().chain(single).max()
    };
    said.into_iter().flatten().max().or_else(reset).map(|wait| wait.min(LONGEST))
}

/// Fields that gateways put into their bodies.
fn in_body(object: &Value) -> Option<Duration> {
    let number = |name: &str| {
        let value = object.get(name)?;
        value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
    };
    let seconds = ["retry_after", "retry_after_seconds"].into_iter().filter_map(number).filter_map(of_seconds);
    let millis = number("retry_after_ms").and_then(|ms| of_seconds(ms / 1000.0));
    seconds.chain(millis).max()
}

/// `Retry-After` allows whole seconds; some send fractions.
fn after(value: &str, now_ms: u64) -> Option<Duration> {
    retry_after(value, now_ms).or_else(|| of_seconds(value.trim().parse().ok()?))
}

fn millis(value: &str) -> Option<Duration> {
    of_seconds(value.trim().parse::<f64>().ok()? / 1000.0)
}

/// Checked before it is converted: a `Duration` from NaN or from too much panics.
fn of_seconds(seconds: f64) -> Option<Duration> {
    (seconds.is_finite() && seconds >= 0.0).then(|| Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64())))
}

/// A duration as Go writes it: `1h2m3.5s`, `20ms`.
fn span(value: &str) -> Option<Duration> {
    let (mut rest, mut seconds) = (value.trim(), 0.0);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, behind) = rest.split_at(rest.find(|c: char| c.is_ascii_alphabetic())?);
        let (unit, more) = behind.split_at(behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len()));
        let scale = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            _ => return None,
        };
        seconds += of_seconds(number.parse().ok()?)?.as_secs_f64() * scale;
        rest = more;
    }
    of_seconds(seconds)
}

/// The end of a window. Seconds since 1970 have ten digits, milliseconds thirteen; what is smaller counts from now.
fn moment(value: &str, now_ms: u64) -> Option<Duration> {
    const SECONDS_OF_2001: f64 = 1e9;
    const MILLIS_OF_2001: f64 = 1e12;
    let number = value.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)?;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
    let now = now_ms as f64;
    let from_now = match number {
        number if number >= MILLIS_OF_2001 => number - now,
        number if number >= SECONDS_OF_2001 => number * 1000.0 - now,
        number => number * 1000.0,
    };
    of_seconds(from_now.max(0.0) / 1000.0)
}

#[cfg(test)]
mod tests {
    use std::borrow::Borrow;

    use serde_json::json;

    use super::*;

    const NOW: u64 = 1_764_000_000_000;

    fn wait(headers: &[(&'static str, &str)], body: impl Borrow<Value>) -> Option<u64> {
        let body = body.borrow();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let wait = hint(&map, body.get("error"), Some(body), NOW)?;
        Some(u64::try_from(wait.as_millis()).unwrap())
    }

    #[test]
    fn every_form_is_understood() {
        for (headers, body, expected) in [
            (vec![("retry-after", "2")], json!({}), Some(2_000)),
            (vec![("retry-after", "0.5")], json!({}), Some(500)),
            (vec![("retry-after", "Mon, 24 Nov 2025 16:00:07 GMT")], json!({}), Some(7_000)),
            (vec![("retry-after-ms", "1500")], json!({}), Some(1_500)),
            (vec![], json!({"error": {"retry_after": 3}}), Some(3_000)),
            (vec![], json!({"error": {"metadata": {"retry_after_seconds": "1.25"}}}), Some(1_250)),
            (vec![], json!({"retry_after_ms": 40}), Some(40)),
            (vec![], json!({"error": {"metadata": {"headers": {"Retry-After": 4}}}}), Some(4_000)),
            (vec![("x-ratelimit-reset", "1764000009000")], json!({}), Some(9_000)),
            (vec![("x-ratelimit-reset", "1764000009")], json!({}), Some(9_000)),
            (vec![("x-ratelimit-reset", "6")], json!({}), Some(6_000)),
            (
                vec![("x-ratelimit-reset-tokens", "6m0s"), ("x-ratelimit-remaining-tokens", "0")],
                json!({}),
                Some(360_000),
            ),
            (
                vec![("x-ratelimit-reset-requests", "1h0.5s"), ("x-ratelimit-remaining-requests", "0")],
                json!({}),
                Some(3_600_500),
            ),
            (
                vec![("x-ratelimit-reset-requests", "20ms"), ("x-ratelimit-remaining-requests", "0")],
                json!({}),
                Some(20),
            ),
            (
                vec![],
                json!({"error": {"metadata": {"headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1764000060000"}}}}),
                Some(60_000),
            ),
        ] {
            assert_eq!(wait(&headers, &body), expected, "{headers:?} {body}");
        }
    }

    #[test]
    fn the_longest_counts_and_a_reset_only_alone() {
        assert_eq!(wait(&[("retry-after", "2"), ("retry-after-ms", "2500")], json!({})), Some(2_500));
        assert_eq!(wait(&[("retry-after", "2"), ("x-ratelimit-reset", "60")], json!({})), Some(2_000));
        assert_eq!(wait(&[("x-ratelimit-reset", "60"), ("x-ratelimit-remaining", "3")], json!({})), None);
        assert_eq!(wait(&[("retry-after", "2")], json!({"error": {"retry_after": 9}})), Some(9_000));
        // A window that is not used up, or that nobody says is: its end is nothing to wait for.
        assert_eq!(
            wait(&[("x-ratelimit-reset-tokens", "6m0s"), ("x-ratelimit-remaining-tokens", "9")], json!({})),
            None
        );
        assert_eq!(wait(&[("x-ratelimit-reset-tokens", "6m0s")], json!({})), None);
    }

    #[test]
    fn nonsense_is_no_hint_and_nobody_waits_longer_than_a_day() {
        for garbage in ["", "soon", "-1", "NaN", "inf", "1e999"] {
            for name in ["retry-after", "retry-after-ms", "x-ratelimit-reset", "x-ratelimit-reset-requests"] {
                let all = [(name, garbage), ("x-ratelimit-remaining-requests", "0")];
                assert_eq!(wait(&all, json!({})), None, "{name}: {garbage}");
            }
            assert_eq!(wait(&[], json!({"error": {"retry_after": garbage}})), None, "{garbage}");
        }
        assert_eq!(wait(&[], json!({"error": "slow down"})), None);
        assert_eq!(wait(&[("retry-after", "99999999999999999999999")], json!({})), Some(86_400_000));
        assert_eq!(wait(&[], json!({"error": {"retry_after": 1e300}})), Some(86_400_000));
        // A reset that is over: no wait was asked for, but it was a hint.
        assert_eq!(wait(&[("x-ratelimit-reset", "1000000001")], json!({})), Some(0));
    }
}
