//! Cron: schedules of five fields in a time zone, and the instants at which they fire.
//!
//! [`Schedule`] is the whole of it: parse once, then ask for the next tick, for the ticks that a downtime missed, and for the
//! schedule in words. Times are milliseconds since the Unix epoch; nothing here knows what time it is.
//!
//! Invariants: ticks are strictly increasing; each call does a bounded amount of work, whatever the expression; an expression
//! that would never fire is refused. The language and the daylight-saving rules come from SEMANTICS, section 2, and are
//! described for users in `docs/cron.md`.
//!
//! The calendar is ours because no crate fits: `cron` draws a random number generator into what core ships and has neither
//! the rule for the two day fields nor ours for daylight saving; `croner` has another rule for fields that begin with `*` and
//! takes milliseconds to find that an expression never fires. Calendar arithmetic and zones are `chrono` and `chrono-tz`.

mod calendar;
mod parse;
mod policy;
#[cfg(test)]
mod tests;
mod values;
mod words;
mod zone;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, FixedOffset, NaiveDate, TimeDelta, Timelike};
use chrono_tz::Tz;

use calendar::Calendar;
pub use policy::{Catchup, MAX_JITTER_MS, MIN_JITTER_MS, jitter_ms};

/// Why an expression is not a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCron {
    /// More than anybody writes.
    #[error("the schedule has {bytes} bytes, more than {}", parse::MAX_BYTES)]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Not five fields.
    #[error(
        "the schedule needs five fields (minute, hour, day of month, month, day of week), but has {found}; there are none for seconds and years"
    )]
    Fields {
        /// How many there are.
        found: usize,
    },
    /// A field that is not in the language.
    #[error("the {field} field `{text}` of the schedule is wrong: {problem}")]
    Field {
        /// Which one, in words.
        field: &'static str,
        /// All of the field.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A word with an `@` that stands for nothing.
    #[error(
        "`{word}` is not a schedule: there are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually"
    )]
    Shorthand {
        /// The word.
        word: String,
    },
    /// A zone that the zone data do not have.
    #[error("the time zone of the schedule, `{name}`, is unknown: {hint}")]
    Zone {
        /// The word that should name it.
        name: String,
        /// What to write instead.
        hint: String,
    },
    /// No day is like this.
    #[error("the schedule never fires: its months have no such day")]
    Never,
}

/// When something is due, again and again.
///
/// ```
/// use abide_core::cron::Schedule;
///
/// let schedule = Schedule::parse("TZ=Europe/Berlin 30 9 * * MON-FRI")?;
/// assert_eq!(schedule.describe(), "at 09:30 on Monday to Friday, Europe/Berlin");
/// assert_eq!(schedule.next_after(1_774_688_400_000), Some(1_774_855_800_000));
/// # Ok::<(), abide_core::cron::InvalidCron>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    source: Arc<str>,
    zone: Tz,
    calendar: Calendar,
}

impl Schedule {
    /// Reads an expression such as `*/15 9-17 * * MON-FRI` or `TZ=Europe/Berlin 0 3 * * *`. Without a zone it is in UTC.
    ///
    /// A schedule is stored as its text: parse it again after loading.
    pub fn parse(expr: &str) -> Result<Self, InvalidCron> {
        let (zone, calendar) = parse::parse(expr)?;
        let begin = NaiveDate::from_ymd_opt(calendar::FIRST_YEAR, 1, 1).unwrap_or_default();
        if calendar.first_from(begin.into()).is_none() {
            return Err(InvalidCron::Never);
        }
        let source = expr.into();
        Ok(Self {
            source,
            zone,
            calendar,
        })
    }

    /// The expression as it was given.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The name of the zone whose clock the fields are about.
    pub fn zone(&self) -> &'static str {
        self.zone.name()
    }

    /// The schedule in words: `at 09:30 on Monday to Friday, Europe/Berlin`.
    pub fn describe(&self) -> String {
        words::describe(&self.calendar, self.zone())
    }

    /// What the clock of the schedule's zone shows at an instant; `None` from the year 2100 on, where schedules end.
    pub fn local(&self, ms: u64) -> Option<DateTime<FixedOffset>> {
        zone::local(self.zone, ms)
    }

    /// The first tick after `ms`; `None` when there is none before the year 2100.
    pub fn next_after(&self, ms: u64) -> Option<u64> {
        let mut wall = self
            .local(ms)?
            .naive_local()
            .with_second(0)?
            .with_nanosecond(0)?;
        // While the clock repeats what it showed before, the times to come there have been: at most as many as the
        // repetition has minutes. Otherwise the first look finds it.
        loop {
            wall = self.calendar.first_from(wall.checked_add_signed(MINUTE)?)?;
            let at = zone::instant_ms(self.zone, wall);
            if let Some(at) = at.filter(|at| *at > ms) {
                return Some(at);
            }
        }
    }

    /// The last tick at or before `ms`; `None` when there is none since 1970. It costs as much as the next tick, however many
    /// ticks have passed.
    pub fn last_at_or_before(&self, ms: u64) -> Option<u64> {
        let mut wall = zone::latest_wall(self.zone, self.local(ms.min(zone::END_MS))?);
        loop {
            let tick = self.calendar.last_until(wall)?;
            let at = zone::instant_ms(self.zone, tick)?;
            if at <= ms {
                return Some(at);
            }
            wall = tick.checked_sub_signed(MINUTE)?;
        }
    }

    /// The ticks after `ms`, in order.
    pub fn ticks_after(&self, ms: u64) -> impl Iterator<Item = u64> + '_ {
        std::iter::successors(self.next_after(ms), |tick| self.next_after(*tick))
    }

    /// The ticks after `after_ms`, up to and including `until_ms`, at most the first `limit` of them.
    pub fn ticks_between(&self, after_ms: u64, until_ms: u64, limit: usize) -> Vec<u64> {
        let due = |tick: &u64| *tick <= until_ms;
        self.ticks_after(after_ms)
            .take_while(due)
            .take(limit)
            .collect()
    }
}

/// Between two times that a schedule can tell apart.
const MINUTE: TimeDelta = TimeDelta::minutes(1);

impl FromStr for Schedule {
    type Err = InvalidCron;

    fn from_str(expr: &str) -> Result<Self, InvalidCron> {
        Self::parse(expr)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}
