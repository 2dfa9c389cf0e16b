//! Between the wall clock of a zone and the instants at which schedules fire.
//!
//! The rules for the two nights a year are here: a time that the clock skips is the instant at which it jumps, and a time
//! that it shows twice is the first of the two. So later times of the wall clock never map to earlier instants.

use chrono::{DateTime, FixedOffset, MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::{GapInfo, TZ_VARIANTS, Tz};

/// The zone of a name, or what to say about the name.
pub(super) fn named(name: &str) -> Result<Tz, String> {
    if let Ok(zone) = name.parse() {
        return Ok(zone);
    }
    let meant = TZ_VARIANTS
        .iter()
        .find(|zone| zone.name().eq_ignore_ascii_case(name));
    Err(match meant {
        Some(zone) => format!("it is written {}", zone.name()),
        None => "give a name of the IANA database, such as Europe/Berlin or UTC".to_owned(),
    })
}

/// A day into the year 2100, by when the last year is over everywhere.
pub(super) const END_MS: u64 = 4_102_531_200_000;

/// What the clock of a zone shows at an instant; `None` after [`END_MS`].
pub(super) fn local(zone: Tz, ms: u64) -> Option<DateTime<FixedOffset>> {
    let ms = i64::try_from(ms).ok().filter(|_| ms <= END_MS)?;
    let utc = DateTime::from_timestamp_millis(ms)?;
    Some(utc.with_timezone(&zone).fixed_offset())
}

/// The instant of a time of the wall clock, in milliseconds; `None` before 1970.
pub(super) fn instant_ms(zone: Tz, wall: NaiveDateTime) -> Option<u64> {
    let (wall, offset) = match zone.offset_from_local_datetime(&wall) {
        MappedLocalTime::Single(offset) | MappedLocalTime::Ambiguous(offset, _) => (wall, offset),
        // The jump: the time at which the gap begins, counted as before it.
        MappedLocalTime::None => GapInfo::new(&wall, &zone)?.begin?,
    };
    let seconds = wall.and_utc().timestamp() - i64::from(offset.fix().local_minus_utc());
    u64::try_from(seconds.checked_mul(1_000)?).ok()
}

/// The latest time of the wall clock whose instant may be `at` or earlier.
///
/// It is what the clock shows, except while it repeats what it showed before: then everything up to the end of the
/// repetition has been.
pub(super) fn latest_wall(zone: Tz, at: DateTime<FixedOffset>) -> NaiveDateTime {
    let wall = at.naive_local();
    match zone.offset_from_local_datetime(&wall) {
        MappedLocalTime::Ambiguous(first, second) if second.fix() == *at.offset() => {
            let repeated = first.fix().local_minus_utc() - second.fix().local_minus_utc();
            wall + TimeDelta::seconds(i64::from(repeated))
        }
        _ => wall,
    }
}
