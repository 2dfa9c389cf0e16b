//! The language: five fields, after an optional `TZ=Area/City `.
//!
//! A field is a list of items: `*`, a value `a` or a range `a-b`, each with a step `/n` if wanted. Everything else is refused,
//! with the field and the text that is wrong, because a schedule that is misunderstood fails silently, and at night.

use chrono_tz::Tz;

use super::InvalidCron;
use super::calendar::{Calendar, Days};
use super::values::Values;
use super::zone;

/// The longest expression in bytes: room for a list of every minute, hour and day, and for the zone.
pub(super) const MAX_BYTES: usize = 512;

/// One of the five fields.
#[derive(Debug, PartialEq, Eq)]
struct Field {
    name: &'static str,
    first: u32,
    last: u32,
    /// Names of the values from `first` on.
    names: &'static [&'static str],
    /// Whether one more number than `last` is written for `first`, as 7 is for Sunday.
    wraps: bool,
}

const MINUTE: Field = Field {
    name: "minute",
    first: 0,
    last: 59,
    names: &[],
    wraps: false,
};
const HOUR: Field = Field {
    name: "hour",
    first: 0,
    last: 23,
    names: &[],
    wraps: false,
};
const DAY_OF_MONTH: Field = Field {
    name: "day of month",
    first: 1,
    last: 31,
    names: &[],
    wraps: false,
};
const MONTH: Field = Field {
    name: "month",
    first: 1,
    last: 12,
    names: &[
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ],
    wraps: false,
};
const DAY_OF_WEEK: Field = Field {
    name: "day of week",
    first: 0,
    last: 6,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    wraps: true,
};

/// Words that stand for all five fields.
const SHORTHANDS: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// The zone and the calendar of an expression.
pub(super) fn parse(expr: &str) -> Result<(Tz, Calendar), InvalidCron> {
    if expr.len() > MAX_BYTES {
        return Err(InvalidCron::TooLong { bytes: expr.len() });
    }
    let (zone, fields) = zone_and_rest(expr)?;
    let fields = match fields.trim_ascii() {
        word if word.starts_with('@') => shorthand(word)?,
        fields => fields,
    };
    let texts: Vec<&str> = fields.split_ascii_whitespace().collect();
    let [minute, hour, day_of_month, month, day_of_week] = texts[..] else {
        return Err(InvalidCron::Fields { found: texts.len() });
    };
    let calendar = Calendar {
        minutes: MINUTE.values(minute)?,
        hours: HOUR.values(hour)?,
        days: days(day_of_month, day_of_week)?,
        months: MONTH.values(month)?,
    };
    Ok((zone, calendar))
}

/// Splits off the zone; it is UTC unless given.
fn zone_and_rest(expr: &str) -> Result<(Tz, &str), InvalidCron> {
    let expr = expr.trim_ascii();
    let (word, fields) = expr
        .split_once(|c: char| c.is_ascii_whitespace())
        .unwrap_or((expr, ""));
    let Some((prefix, name)) = word.split_once('=') else {
        return Ok((Tz::UTC, expr));
    };
    let zone = match prefix {
        "TZ" => zone::named(name),
        _ => Err(format!("write it as TZ={name}")),
    };
    let unknown = |hint| InvalidCron::Zone {
        name: word.to_owned(),
        hint,
    };
    Ok((zone.map_err(unknown)?, fields))
}

fn shorthand(word: &str) -> Result<&'static str, InvalidCron> {
    let known = SHORTHANDS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(word));
    match known {
        Some((_, fields)) => Ok(fields),
        None => Err(InvalidCron::Shorthand {
            word: word.to_owned(),
        }),
    }
}

/// What the two fields of days mean together: a field that begins with `*` restricts the other one, two others add up.
fn days(day_of_month: &str, day_of_week: &str) -> Result<Days, InvalidCron> {
    let of_month = DAY_OF_MONTH.values(day_of_month)?;
    let of_week = DAY_OF_WEEK.values(day_of_week)?;
    let starred = day_of_month.starts_with('*') || day_of_week.starts_with('*');
    let every = (DAY_OF_MONTH.is_all(of_month), DAY_OF_WEEK.is_all(of_week));
    Ok(match (every, starred) {
        ((true, false), true) => Days::OfWeek(of_week),
        ((false, true), true) => Days::OfMonth(of_month),
        ((false, false), true) => Days::Both { of_month, of_week },
        ((false, false), false) => Days::Either { of_month, of_week },
        ((true, _) | (_, true), _) => Days::Every,
    })
}

impl Field {
    fn is_all(&self, values: Values) -> bool {
        values.len() == self.count()
    }

    /// How many values it has.
    fn count(&self) -> u32 {
        self.last - self.first + 1
    }

    /// The values of a whole field.
    fn values(&self, text: &str) -> Result<Values, InvalidCron> {
        let mut values = Values::default();
        for item in text.split(',') {
            let of_item = self.item(item).map_err(|problem| InvalidCron::Field {
                field: self.name,
                text: text.to_owned(),
                problem,
            })?;
            values = values.or(of_item);
        }
        Ok(values)
    }

    /// The values of one item of the list, or what is wrong with it.
    fn item(&self, item: &str) -> Result<Values, String> {
        let (span, step) = match item.split_once('/') {
            Some((span, step)) => (span, Some(self.step(step)?)),
            None => (item, None),
        };
        let (first, mut last) = match span.split_once('-') {
            _ if span == "*" => (self.first, self.last),
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            None if step.is_some() => (self.value(span)?, self.last),
            None => (self.value(span)?, self.value(span)?),
        };
        // Where the range begins, 7 is the Sunday that begins the week; where it ends, the Sunday that ends it.
        let single = first == last;
        let first = self.wrapped(first);
        if single {
            last = first;
        } else if last < first {
            last += self.count();
        }
        let step = step.unwrap_or(1);
        Ok((first..=last)
            .step_by(step)
            .map(|value| self.wrapped(value))
            .collect())
    }

    /// A value that a range may have run past the field's last one.
    fn wrapped(&self, value: u32) -> u32 {
        self.first + (value - self.first) % self.count()
    }

    /// A number or a name.
    fn value(&self, text: &str) -> Result<u32, String> {
        let named = self.names.iter().zip(self.first..);
        if let Some((_, value)) = named
            .clone()
            .find(|(name, _)| name.eq_ignore_ascii_case(text))
        {
            return Ok(value);
        }
        let Some(value) = number(text) else {
            return Err(self.refusal(text));
        };
        let last = self.last + u32::from(self.wraps);
        match value {
            value if (self.first..=last).contains(&value) => Ok(value),
            _ => Err(format!("{text} is not between {} and {last}", self.first)),
        }
    }

    fn step(&self, text: &str) -> Result<usize, String> {
        let Some(value) = number(text) else {
            return Err(format!(
                "the step after the / must be a number, not {text:?}"
            ));
        };
        match value {
            step if (1..=self.count()).contains(&step) => Ok(step as usize),
            _ => Err(format!(
                "the step {text} is not between 1 and {}: it counts within the field and begins anew with each {}",
                self.count(),
                self.around(),
            )),
        }
    }

    /// What the field's values repeat in.
    fn around(&self) -> &'static str {
        match self.name {
            "minute" => "hour",
            "hour" => "day",
            "day of month" => "month",
            "month" => "year",
            _ => "week",
        }
    }

    /// Why a text is neither a number nor a name.
    fn refusal(&self, text: &str) -> String {
        let start = text.get(..3).unwrap_or_default();
        let begins_as = |name: &&&str| name.eq_ignore_ascii_case(start);
        match (text, self.names.iter().find(begins_as)) {
            ("", _) => "a value is missing".to_owned(),
            ("?", _) => "? is not in the language: write *".to_owned(),
            _ if is_foreign(text) => format!(
                "{text:?} is not in the language, which has no L, W, # or H: only numbers, names, *, lists, ranges and steps"
            ),
            (_, Some(name)) => format!("names have three letters: {name}, not {text}"),
            _ if self.names.is_empty() => format!("{text:?} is not a number"),
            _ => format!(
                "{text:?} is neither a number nor a name such as {}",
                self.names[1]
            ),
        }
    }
}

/// Whether other schedulers know it: `L`, `15W`, `MON#2` and the like.
fn is_foreign(text: &str) -> bool {
    let letters = text.trim_matches(|c: char| c.is_ascii_digit());
    text.contains('#')
        || ["L", "W", "LW", "H"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(letters))
}

/// The value of a text of digits; more than a `u32` holds is more than any field has.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u32::MAX))
}
