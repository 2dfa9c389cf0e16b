//! A schedule in plain English.
//!
//! The words come from the times that match, not from the text of the expression: two expressions that mean the same read the
//! same.

use super::calendar::{Calendar, Days};
use super::values::Values;

/// Up to so many times of day are listed one by one.
const MOST_TIMES: u32 = 4;

const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `at 09:30 on Monday to Friday, Europe/Berlin`.
pub(super) fn describe(calendar: &Calendar, zone: &str) -> String {
    let times = calendar.hours.len() * calendar.minutes.len();
    let listed = times <= MOST_TIMES && calendar.hours.len() < 24;
    let mut words = if listed {
        clock_times(calendar.hours, calendar.minutes)
    } else if calendar.minutes == Values::range(0, 0) {
        on_the_hour(calendar.hours)
    } else {
        within_hours(calendar.hours, calendar.minutes)
    };
    match (days(calendar), listed) {
        (Some(days), _) => words.push_str(&days),
        (None, true) => words.push_str(" every day"),
        (None, false) => {}
    }
    format!("{words}, {zone}")
}

/// `at 09:00, 12:00 and 17:00`.
fn clock_times(hours: Values, minutes: Values) -> String {
    let of_hour = |hour| minutes.iter().map(move |minute| clock(hour, minute));
    format!("at {}", joined(hours.iter().flat_map(of_hour).collect()))
}

/// The hours of a schedule whose only minute is 0.
fn on_the_hour(hours: Values) -> String {
    match shape(hours, 24) {
        Shape::All => "every hour".to_owned(),
        Shape::Cycle { step, first: 0 } => format!("every {step} hours"),
        Shape::Cycle { step, first } => format!("every {step} hours from {}", clock(first, 0)),
        Shape::Run { first, last } => {
            format!("every hour from {} to {}", clock(first, 0), clock(last, 0))
        }
        Shape::Other => format!("at minute 0 of the hours {}", numbers(hours)),
    }
}

/// The minutes, and which hours they are in.
fn within_hours(hours: Values, minutes: Values) -> String {
    let (often, minutes) = match shape(minutes, 60) {
        Shape::All => (true, "every minute".to_owned()),
        Shape::Cycle { step, first: 0 } => (true, format!("every {step} minutes")),
        Shape::Cycle { step, first } => (true, format!("every {step} minutes from minute {first}")),
        Shape::Run { first, last } if first == last => (false, format!("at minute {first}")),
        Shape::Run { .. } | Shape::Other => (false, format!("at minutes {}", numbers(minutes))),
    };
    let hours = match shape(hours, 24) {
        Shape::All if often => String::new(),
        Shape::All => " of every hour".to_owned(),
        Shape::Cycle { step, first: 0 } => format!(" of every {} hour", ordinal(step)),
        Shape::Cycle { step, first } => {
            format!(" of every {} hour from {}", ordinal(step), clock(first, 0))
        }
        Shape::Run { first, last } if often => {
            format!(" from {} to {}", clock(first, 0), clock(last, 59))
        }
        Shape::Run { first, last } if first == last => format!(" of the hour {first}"),
        Shape::Run { .. } | Shape::Other => format!(" of the hours {}", numbers(hours)),
    };
    minutes + &hours
}

/// The days and months; `None` for every day of the year.
fn days(calendar: &Calendar) -> Option<String> {
    let months = (calendar.months.len() < 12).then(|| {
        joined(runs(calendar.months, |month| {
            MONTHS[month as usize - 1].to_owned()
        }))
    });
    let in_months = months
        .as_ref()
        .map_or_else(String::new, |months| format!(" in {months}"));
    let of_months = format!(" of {}", months.as_deref().unwrap_or("the month"));
    match calendar.days {
        Days::Every => months.map(|months| format!(" every day in {months}")),
        Days::OfMonth(of_month) => Some(format!(" on {}{of_months}", days_of_month(of_month))),
        Days::OfWeek(of_week) => Some(format!(" on {}{in_months}", weekdays(of_week))),
        Days::Either { of_month, of_week } => Some(format!(
            " on {}{of_months}, and on {}{in_months}",
            days_of_month(of_month),
            weekdays(of_week)
        )),
        Days::Both { of_month, of_week } => Some(format!(
            " on {}, but only on {}{of_months}",
            weekdays(of_week),
            days_of_month(of_month)
        )),
    }
}

/// `day 1`, `days 1 to 7 and 15`, `every 2nd day from 1 to 31`.
fn days_of_month(days: Values) -> String {
    let all: Vec<u32> = days.iter().collect();
    match all[..] {
        [day] => format!("day {day}"),
        [first, second, _, .., last]
            if second - first > 1
                && all
                    .windows(2)
                    .all(|pair| pair[1] - pair[0] == second - first) =>
        {
            format!(
                "every {} day from {first} to {last}",
                ordinal(second - first)
            )
        }
        _ => format!("days {}", numbers(days)),
    }
}

/// The days of the week, from Monday on.
fn weekdays(days: Values) -> String {
    let from_monday = (1..=7).filter(|day| days.contains(day % 7)).collect();
    joined(runs(from_monday, |day| {
        WEEKDAYS[day as usize - 1].to_owned()
    }))
}

/// What a set of hours or minutes looks like.
enum Shape {
    /// All of them.
    All,
    /// Every `step` of them, at the same distance around the clock.
    Cycle { step: u32, first: u32 },
    /// All of those from `first` to `last`.
    Run { first: u32, last: u32 },
    /// Nothing that has a shorter name than its list.
    Other,
}

fn shape(values: Values, count: u32) -> Shape {
    let (Some(first), Some(last)) = (values.first_from(0), values.last_until(count)) else {
        return Shape::Other;
    };
    let len = values.len();
    let step = count / len;
    if len == count {
        Shape::All
    } else if last - first + 1 == len {
        Shape::Run { first, last }
    } else if count.is_multiple_of(len)
        && (first..count)
            .step_by(step as usize)
            .all(|value| values.contains(value))
        && first < step
    {
        Shape::Cycle { step, first }
    } else {
        Shape::Other
    }
}

/// `0 to 2, 22 and 23`.
fn numbers(values: Values) -> String {
    joined(runs(values, |value| value.to_string()))
}

/// The names of values; three and more neighbours become `first to last`.
fn runs(values: Values, name: impl Fn(u32) -> String) -> Vec<String> {
    let values: Vec<u32> = values.iter().collect();
    values
        .chunk_by(|one, next| one + 1 == *next)
        .flat_map(|run| match run {
            [first, _, .., last] if run.len() > 2 => {
                vec![format!("{} to {}", name(*first), name(*last))]
            }
            few => few.iter().map(|value| name(*value)).collect(),
        })
        .collect()
}

/// `a`, `a and b`, `a, b and c`.
fn joined(mut words: Vec<String>) -> String {
    match words.pop() {
        Some(last) if !words.is_empty() => format!("{} and {last}", words.join(", ")),
        last => last.unwrap_or_default(),
    }
}

fn clock(hour: u32, minute: u32) -> String {
    format!("{hour:02}:{minute:02}")
}

/// `2nd`, `3rd`, `4th`: steps lie below 60.
fn ordinal(step: u32) -> String {
    let end = match (step, step % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{step}{end}")
}
