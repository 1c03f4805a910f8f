//! The time of a request in the form the protocol wants.

/// The last second that a signature can name: 9999-12-31T23:59:59Z.
pub const LAST_SECOND: u64 = 253_402_300_799;

/// `yyyymmddThhmmssZ` in UTC, of whole seconds since 1970; past the year 9999 it is that year's last second.
#[must_use]
pub fn amz_date(seconds: u64) -> [u8; 16] {
    let seconds = seconds.min(LAST_SECOND);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let mut text = *b"yyyymmddThhmmssZ";
    let fields = [
        (0, year / 100),
        (2, year % 100),
        (4, month),
        (6, day),
        (9, rest / 3600),
        (11, rest / 60 % 60),
        (13, rest % 60),
    ];
    for (at, value) in fields {
        if let (Some(place), Ok(value)) = (text.get_mut(at..at + 2), u8::try_from(value)) {
            place.copy_from_slice(&[b'0' + value / 10, b'0' + value % 10]);
        }
    }
    text
}

/// The civil date of a day number since 1970-01-01, by the era method
/// (<https://howardhinnant.github.io/date_algorithms.html#civil_from_days>).
const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + (month <= 2) as u64;
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants() {
        for (seconds, text) in [
            (0, b"19700101T000000Z"),
            (951_782_399, b"20000228T235959Z"),
            (951_782_400, b"20000229T000000Z"),
            (1_369_353_600, b"20130524T000000Z"),
            (4_107_542_399, b"21000228T235959Z"),
            (4_107_542_400, b"21000301T000000Z"),
            (LAST_SECOND, b"99991231T235959Z"),
            (u64::MAX, b"99991231T235959Z"),
        ] {
            assert_eq!(&amz_date(seconds), text);
        }
    }

    /// Every day of 400 years against the HTTP date library.
    #[test]
    fn agrees_with_httpdate() {
        for day in 0..146_097_u64 {
            let seconds = day * 86_400 + 45_296;
            let other = httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds));
            let ours = amz_date(seconds);
            assert_eq!(ours[6..8], other.as_bytes()[5..7], "{other}");
            assert_eq!(ours[..4], other.as_bytes()[12..16], "{other}");
            assert_eq!(&ours[8..], b"T123456Z");
        }
    }
}
