//! The time of a request in the form the protocol wants.

/// `yyyymmddThhmmssZ` in UTC; milliseconds are cut off.
#[must_use]
pub fn amz_date(epoch_ms: u64) -> String {
    let seconds = epoch_ms / 1000;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
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
        for (ms, text) in [
            (0, "19700101T000000Z"),
            (951_782_399_999, "20000228T235959Z"),
            (951_782_400_000, "20000229T000000Z"),
            (1_369_353_600_000, "20130524T000000Z"),
            (4_107_542_399_000, "21000228T235959Z"),
            (4_107_542_400_000, "21000301T000000Z"),
        ] {
            assert_eq!(amz_date(ms), text);
        }
    }

    /// Every day of 400 years against the HTTP date library.
    #[test]
    fn agrees_with_httpdate() {
        for day in 0..146_097_u64 {
            let ms = day * 86_400_000 + 45_296_000;
            let other = httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_millis(ms));
            let ours = amz_date(ms);
            assert_eq!(&ours[6..8], &other[5..7], "{other}");
            assert_eq!(&ours[..4], &other[12..16], "{other}");
        }
    }
}
