//! Timestamps and durations: nanoseconds, without a clock and without the names of time zones.

use super::EvalError;
use chrono::{DateTime, Datelike, Timelike, Utc};

const NANOS_PER_MS: i128 = 1_000_000;
const NANOS_PER_SECOND: i128 = 1_000 * NANOS_PER_MS;
/// The year 9999 ends before this.
const LAST_NANOS: i128 = 253_402_300_800 * NANOS_PER_SECOND;
/// The year 1 begins here.
const FIRST_NANOS: i128 = -62_135_596_800 * NANOS_PER_SECOND;
/// The longest duration of the Protocol Buffers, which are CEL's model: about 10,000 years.
const LONGEST_NANOS: i128 = 315_576_000_000 * NANOS_PER_SECOND;

/// The longest text of a duration in bytes: all units with all their digits are shorter.
const LONGEST_TEXT: usize = 128;

/// The nanoseconds since the Unix epoch of an RFC 3339 text.
pub(super) fn parse_timestamp(text: &str) -> Result<i128, EvalError> {
    let parsed = DateTime::parse_from_rfc3339(text).map_err(|_| EvalError::Convert {
        to: "a timestamp",
        from: shown(text),
    })?;
    let seconds = i128::from(parsed.timestamp()) * NANOS_PER_SECOND;
    timestamp(seconds + i128::from(parsed.timestamp_subsec_nanos()))
}

/// The nanoseconds since the Unix epoch of a time in milliseconds, the unit of an event's `ts`.
pub(super) fn timestamp_of_ms(ms: i128) -> Result<i128, EvalError> {
    timestamp(ms.saturating_mul(NANOS_PER_MS))
}

/// `nanos` if it is in the years 1 to 9999.
pub(super) fn timestamp(nanos: i128) -> Result<i128, EvalError> {
    if (FIRST_NANOS..LAST_NANOS).contains(&nanos) {
        Ok(nanos)
    } else {
        Err(EvalError::Overflow)
    }
}

/// `nanos` if it is a length that durations may have.
pub(super) fn duration(nanos: i128) -> Result<i128, EvalError> {
    if nanos.abs() <= LONGEST_NANOS {
        Ok(nanos)
    } else {
        Err(EvalError::Overflow)
    }
}

pub(super) fn ms_of(nanos: i128) -> i128 {
    nanos.div_euclid(NANOS_PER_MS)
}

fn utc(nanos: i128) -> Result<DateTime<Utc>, EvalError> {
    let seconds = i64::try_from(nanos.div_euclid(NANOS_PER_SECOND));
    let rest = u32::try_from(nanos.rem_euclid(NANOS_PER_SECOND));
    let (Ok(seconds), Ok(rest)) = (seconds, rest) else {
        return Err(EvalError::Overflow);
    };
    DateTime::from_timestamp(seconds, rest).ok_or(EvalError::Overflow)
}

pub(super) fn timestamp_text(nanos: i128) -> Result<String, EvalError> {
    Ok(utc(nanos)?.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}

/// Seconds with up to nine decimals and an `s`, as `3600s` or `0.5s`.
pub(super) fn duration_text(nanos: i128) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let (seconds, rest) = (
        nanos.abs() / NANOS_PER_SECOND,
        nanos.abs() % NANOS_PER_SECOND,
    );
    if rest == 0 {
        return format!("{sign}{seconds}s");
    }
    let decimals = format!("{rest:09}");
    format!("{sign}{seconds}.{}s", decimals.trim_end_matches('0'))
}

/// The nanoseconds of a text such as `1h30m`, `1.5s` or `-100ms`.
pub(super) fn parse_duration(text: &str) -> Result<i128, EvalError> {
    let invalid = || EvalError::Convert {
        to: "a duration",
        from: shown(text),
    };
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() || rest.len() > LONGEST_TEXT {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .ok_or_else(invalid)?;
        let (number, after) = rest.split_at(digits);
        let letters = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let nanos = unit_nanos(unit).ok_or_else(invalid)?;
        let part = part_nanos(number, nanos).ok_or_else(invalid)?;
        total = duration(total + part)?;
        rest = after;
    }
    Ok(sign * total)
}

fn unit_nanos(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => NANOS_PER_MS,
        "s" => NANOS_PER_SECOND,
        "m" => 60 * NANOS_PER_SECOND,
        "h" => 3_600 * NANOS_PER_SECOND,
        _ => return None,
    })
}

/// A decimal number of units, each of `unit` nanoseconds; what is less than a nanosecond is dropped.
fn part_nanos(number: &str, unit: i128) -> Option<i128> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && decimals.is_empty() {
        return None;
    }
    // More digits than these are either too long a duration or less than a nanosecond.
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut nanos = i128::from(whole).checked_mul(unit)?;
    let mut place = unit;
    for digit in decimals.chars() {
        place /= 10;
        nanos = nanos.checked_add(place * i128::from(digit.to_digit(10)?))?;
    }
    Some(nanos)
}

/// A part of a date or a duration that expressions can ask for. Dates are in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    FullYear,
    Month,
    Date,
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

impl Part {
    /// The part of a timestamp. As in CEL, months and days count from 0, except [`Part::Date`].
    pub(super) fn of_timestamp(self, nanos: i128) -> Result<i128, EvalError> {
        let at = utc(nanos)?;
        Ok(match self {
            Self::FullYear => i128::from(at.year()),
            Self::Month => i128::from(at.month0()),
            Self::Date => i128::from(at.day()),
            Self::DayOfMonth => i128::from(at.day0()),
            Self::DayOfWeek => i128::from(at.weekday().num_days_from_sunday()),
            Self::DayOfYear => i128::from(at.ordinal0()),
            Self::Hours => i128::from(at.hour()),
            Self::Minutes => i128::from(at.minute()),
            Self::Seconds => i128::from(at.second()),
            Self::Milliseconds => i128::from(at.timestamp_subsec_millis()),
        })
    }

    /// The whole of a duration in the part's unit, except for milliseconds, which are those after the seconds, as in CEL.
    pub(super) fn of_duration(self, nanos: i128) -> Option<i128> {
        Some(match self {
            Self::Hours => nanos / (3_600 * NANOS_PER_SECOND),
            Self::Minutes => nanos / (60 * NANOS_PER_SECOND),
            Self::Seconds => nanos / NANOS_PER_SECOND,
            Self::Milliseconds => nanos % NANOS_PER_SECOND / NANOS_PER_MS,
            Self::FullYear
            | Self::Month
            | Self::Date
            | Self::DayOfMonth
            | Self::DayOfWeek
            | Self::DayOfYear => return None,
        })
    }
}

/// The beginning of a text, quoted, for a message.
pub(super) fn shown(text: &str) -> String {
    let beginning: String = text.chars().take(40).collect();
    let more = if beginning.len() < text.len() {
        "…"
    } else {
        ""
    };
    format!("{beginning:?}{more}")
}
