//! Which minutes of the wall clock a schedule matches, and the next and the previous one of them.
//!
//! It knows the Gregorian calendar and no time zone: times come and go as a wall clock shows them. A search looks at each
//! month once and decides it with a few bit operations, from 1969 to 2099, so it ends after some 1,500 steps at the most.

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};

use super::values::Values;

/// The years in which schedules fire. The time zone data of the binary end with them.
pub(super) const FIRST_YEAR: i32 = 1969;
pub(super) const LAST_YEAR: i32 = 2099;

/// The days at which a schedule fires, in the months of [`Calendar::months`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Days {
    /// Every day.
    Every,
    /// These days of the month.
    OfMonth(Values),
    /// These days of the week; Sunday is 0.
    OfWeek(Values),
    /// Days in one of the two sets.
    Either { of_month: Values, of_week: Values },
    /// Days in both sets.
    Both { of_month: Values, of_week: Values },
}

/// The minutes of the wall clock at which a schedule fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Calendar {
    /// Never empty.
    pub(super) minutes: Values,
    /// Never empty.
    pub(super) hours: Values,
    pub(super) days: Days,
    pub(super) months: Values,
}

impl Calendar {
    /// The first match at or after `from`, which is a whole minute.
    pub(super) fn first_from(&self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        let today = from.date();
        for (year, month) in months_from(today) {
            if !self.months.contains(month) {
                continue;
            }
            let days = self.days_in(year, month)?;
            let mut earliest = 1;
            if (year, month) == (today.year(), today.month()) {
                earliest = today.day() + 1;
                let later = self.time_from(from.hour(), from.minute());
                if let Some((hour, minute)) = later.filter(|_| days.contains(today.day())) {
                    return today.and_hms_opt(hour, minute, 0);
                }
            }
            if let Some(day) = days.first_from(earliest) {
                let (hour, minute) = self.time_from(0, 0)?;
                return NaiveDate::from_ymd_opt(year, month, day)?.and_hms_opt(hour, minute, 0);
            }
        }
        None
    }

    /// The last match at or before `until`.
    pub(super) fn last_until(&self, until: NaiveDateTime) -> Option<NaiveDateTime> {
        let today = until.date();
        for (year, month) in months_until(today) {
            if !self.months.contains(month) {
                continue;
            }
            let days = self.days_in(year, month)?;
            let mut latest = 31;
            if (year, month) == (today.year(), today.month()) {
                latest = today.day() - 1;
                let earlier = self.time_until(until.hour(), until.minute());
                if let Some((hour, minute)) = earlier.filter(|_| days.contains(today.day())) {
                    return today.and_hms_opt(hour, minute, 0);
                }
            }
            if let Some(day) = days.last_until(latest) {
                let (hour, minute) = self.time_until(23, 59)?;
                return NaiveDate::from_ymd_opt(year, month, day)?.and_hms_opt(hour, minute, 0);
            }
        }
        None
    }

    /// The first time of day at or after `hour:minute`.
    fn time_from(&self, hour: u32, minute: u32) -> Option<(u32, u32)> {
        let in_this_hour = self.minutes.first_from(minute);
        match in_this_hour.filter(|_| self.hours.contains(hour)) {
            Some(minute) => Some((hour, minute)),
            None => Some((
                self.hours.first_from(hour + 1)?,
                self.minutes.first_from(0)?,
            )),
        }
    }

    /// The last time of day at or before `hour:minute`.
    fn time_until(&self, hour: u32, minute: u32) -> Option<(u32, u32)> {
        let in_this_hour = self.minutes.last_until(minute);
        match in_this_hour.filter(|_| self.hours.contains(hour)) {
            Some(minute) => Some((hour, minute)),
            None => Some((
                self.hours.last_until(hour.checked_sub(1)?)?,
                self.minutes.last_until(59)?,
            )),
        }
    }

    /// The days of a month that match.
    fn days_in(&self, year: i32, month: u32) -> Option<Values> {
        let first = NaiveDate::from_ymd_opt(year, month, 1)?;
        let all = Values::range(1, u32::from(first.num_days_in_month()));
        let weekday = first.weekday().num_days_from_sunday();
        let on = |of_week: Values| -> Values {
            all.iter()
                .filter(|day| of_week.contains((weekday + day - 1) % 7))
                .collect()
        };
        Some(match self.days {
            Days::Every => all,
            Days::OfMonth(of_month) => all.and(of_month),
            Days::OfWeek(of_week) => on(of_week),
            Days::Either { of_month, of_week } => all.and(of_month).or(on(of_week)),
            Days::Both { of_month, of_week } => on(of_week).and(of_month),
        })
    }
}

/// The months from that of `date` to the last one, as year and month.
fn months_from(date: NaiveDate) -> impl Iterator<Item = (i32, u32)> {
    let (year, month) = (date.year(), date.month());
    let rest = (month..=12).map(move |month| (year, month));
    let later = (year + 1..=LAST_YEAR).flat_map(|year| (1..=12).map(move |month| (year, month)));
    rest.filter(|(year, _)| *year <= LAST_YEAR).chain(later)
}

/// The months from that of `date` back to the first one.
fn months_until(date: NaiveDate) -> impl Iterator<Item = (i32, u32)> {
    let (year, month) = (date.year(), date.month());
    let rest = (1..=month).rev().map(move |month| (year, month));
    let earlier = (FIRST_YEAR..year)
        .rev()
        .flat_map(|year| (1..=12).rev().map(move |month| (year, month)));
    rest.chain(earlier)
}
