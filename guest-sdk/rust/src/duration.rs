//! Lengths of time as authors write them: a [`Duration`], or text like `"3 days"`.
//!
//! The parser is a `const fn`, so that the attribute macro can refuse a bad duration while the app is compiled.

use std::fmt;
use std::time::Duration;

/// Anything that says how long: a [`Duration`] or text.
///
/// Text is one or more numbers, each with a unit: `"3 days"`, `"1h 30m"`, `"1.5 hours"`, `"250ms"`. Units are `ms`, `s`, `m`, `h`, `d`, `w`
/// and their names in English, short or long, singular or plural. Months and years are not units, since their length varies.
///
/// ```
/// use std::time::Duration;
/// use abide_sdk::IntoDuration;
///
/// assert_eq!("3 days".into_duration().unwrap(), Duration::from_secs(3 * 24 * 60 * 60));
/// assert_eq!("1h 30m".into_duration().unwrap(), Duration::from_secs(90 * 60));
/// assert_eq!(Duration::from_secs(5).into_duration().unwrap(), Duration::from_secs(5));
///
/// let error = "3 dayz".into_duration().unwrap_err();
/// assert_eq!(error.to_string(), "`3 dayz` is not a length of time: write it like `3 days`, `1h 30m` or `250ms`");
/// ```
pub trait IntoDuration {
    /// The length of time, or why the text does not say one.
    fn into_duration(self) -> Result<Duration, InvalidDuration>;
}

impl IntoDuration for Duration {
    fn into_duration(self) -> Result<Duration, InvalidDuration> {
        Ok(self)
    }
}

impl IntoDuration for &str {
    fn into_duration(self) -> Result<Duration, InvalidDuration> {
        match parse_ms(self) {
            Some(ms) => Ok(Duration::from_millis(ms)),
            None => Err(InvalidDuration {
                text: self.to_owned(),
            }),
        }
    }
}

impl IntoDuration for String {
    fn into_duration(self) -> Result<Duration, InvalidDuration> {
        self.as_str().into_duration()
    }
}

impl IntoDuration for &String {
    fn into_duration(self) -> Result<Duration, InvalidDuration> {
        self.as_str().into_duration()
    }
}

/// Text that does not say a length of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidDuration {
    text: String,
}

impl fmt::Display for InvalidDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a length of time: write it like `3 days`, `1h 30m` or `250ms`",
            self.text
        )
    }
}

impl std::error::Error for InvalidDuration {}

/// Milliseconds as the contract wants them. A part of a millisecond counts as a whole one, so that nothing is ever early.
pub(crate) fn as_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// The number of milliseconds that `text` says, if it says one.
#[doc(hidden)]
pub const fn parse_ms(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let mut at = skip_spaces(bytes, 0);
    if at == bytes.len() {
        return None;
    }
    let mut total: u64 = 0;
    while at < bytes.len() {
        // The number is kept in thousandths; digits beyond the third after the point do not count.
        let (mut thousandths, mut digits, mut decimals, mut point): (u64, u32, u32, bool) =
            (0, 0, 0, false);
        while at < bytes.len()
            && (bytes[at].is_ascii_digit() || bytes[at] == b'.' || bytes[at] == b'_')
        {
            match bytes[at] {
                b'.' if point => return None,
                b'.' => point = true,
                b'_' => {}
                digit => {
                    if decimals < 3 {
                        let Some(shifted) = thousandths.checked_mul(10) else {
                            return None;
                        };
                        let Some(sum) = shifted.checked_add((digit - b'0') as u64) else {
                            return None;
                        };
                        thousandths = sum;
                        if point {
                            decimals += 1;
                        }
                    }
                    digits += 1;
                }
            }
            at += 1;
        }
        if digits == 0 {
            return None;
        }
        while decimals < 3 {
            let Some(shifted) = thousandths.checked_mul(10) else {
                return None;
            };
            thousandths = shifted;
            decimals += 1;
        }
        at = skip_spaces(bytes, at);
        let unit_start = at;
        while at < bytes.len() && bytes[at].is_ascii_alphabetic() {
            at += 1;
        }
        let Some(unit_ms) = unit_ms(bytes, unit_start, at) else {
            return None;
        };
        let Some(product) = thousandths.checked_mul(unit_ms) else {
            return None;
        };
        let Some(sum) = total.checked_add(product.div_ceil(1000)) else {
            return None;
        };
        total = sum;
        at = skip_spaces(bytes, at);
    }
    Some(total)
}

const fn skip_spaces(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at] == b' ' {
        at += 1;
    }
    at
}

/// How long the unit named by `bytes[from..to]` is.
const fn unit_ms(bytes: &[u8], from: usize, to: usize) -> Option<u64> {
    const UNITS: &[(&str, u64)] = &[
        ("ms", 1),
        ("msec", 1),
        ("msecs", 1),
        ("millisecond", 1),
        ("milliseconds", 1),
        ("s", 1_000),
        ("sec", 1_000),
        ("secs", 1_000),
        ("second", 1_000),
        ("seconds", 1_000),
        ("m", 60_000),
        ("min", 60_000),
        ("mins", 60_000),
        ("minute", 60_000),
        ("minutes", 60_000),
        ("h", 3_600_000),
        ("hr", 3_600_000),
        ("hrs", 3_600_000),
        ("hour", 3_600_000),
        ("hours", 3_600_000),
        ("d", 86_400_000),
        ("day", 86_400_000),
        ("days", 86_400_000),
        ("w", 604_800_000),
        ("week", 604_800_000),
        ("weeks", 604_800_000),
    ];
    let mut index = 0;
    while index < UNITS.len() {
        let name = UNITS[index].0.as_bytes();
        if name.len() == to - from {
            let mut same = 0;
            while same < name.len() && name[same] == bytes[from + same].to_ascii_lowercase() {
                same += 1;
            }
            if same == name.len() {
                return Some(UNITS[index].1);
            }
        }
        index += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        let day = 86_400_000;
        for (text, ms) in [
            ("3 days", 3 * day),
            ("1 day", day),
            ("2w", 14 * day),
            ("1h 30m", 90 * 60_000),
            ("1h30m", 90 * 60_000),
            ("1.5 hours", 90 * 60_000),
            ("250ms", 250),
            ("0s", 0),
            ("0.0001 s", 0),
            (" 10 Seconds ", 10_000),
            ("1_000 ms", 1_000),
        ] {
            assert_eq!(parse_ms(text), Some(ms), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for text in [
            "",
            "  ",
            "3",
            "days",
            "3 dayz",
            "-1s",
            "1..5s",
            ".s",
            "3 days and a half",
            "99999999999999999999d",
            "1 month",
            "1µs",
        ] {
            assert_eq!(parse_ms(text), None, "{text}");
        }
    }

    #[test]
    fn a_part_of_a_millisecond_is_a_whole_one() {
        assert_eq!(as_ms(Duration::from_nanos(1)), 1);
        assert_eq!(as_ms(Duration::from_millis(7)), 7);
        assert_eq!(as_ms(Duration::MAX), u64::MAX);
    }
}
