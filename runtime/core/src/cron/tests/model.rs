//! Random schedules, zones and times against a naive model, which looks at the clock every minute.
//!
//! The model shares nothing with the code but the names of the zones: its fields are lists of numbers from which the
//! expression is written, and it fires when the clock first shows a minute, or has jumped over it.

use chrono::{Datelike, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// How far the model looks.
const DAYS: u64 = 4;

const ZONES: [&str; 10] = [
    "UTC",
    "Europe/Berlin",
    "Europe/Dublin",
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Antarctica/Casey",
];

/// A field: how it is written, and what it means.
#[derive(Debug, Clone)]
struct Field {
    text: String,
    values: Vec<u32>,
}

/// One item of a field's list.
fn item(first: u32, last: u32) -> impl Strategy<Value = Field> {
    let count = last - first + 1;
    let value = first..=last;
    prop_oneof![
        4 => value.clone().prop_map(|value| Field { text: value.to_string(), values: vec![value] }),
        2 => (value.clone(), value.clone()).prop_filter_map("a range", move |(from, to)| {
            let length = (to + count - from) % count;
            let values = (0..=length).map(|n| first + (from - first + n) % count).collect();
            (from != to).then(|| Field { text: format!("{from}-{to}"), values })
        }),
        1 => (value, 1..=count).prop_map(move |(from, step)| Field {
            text: format!("{from}/{step}"),
            values: (from..=last).filter(|value| (value - from).is_multiple_of(step)).collect(),
        }),
        1 => (1..=count).prop_map(move |step| Field {
            text: format!("*/{step}"),
            values: (first..=last).filter(|value| (value - first).is_multiple_of(step)).collect(),
        }),
        1 => Just(Field { text: "*".to_owned(), values: (first..=last).collect() }),
    ]
}

fn field(first: u32, last: u32) -> impl Strategy<Value = Field> {
    let items = prop::collection::vec(item(first, last), 1..4).prop_map(|items| Field {
        text: items
            .iter()
            .map(|item| item.text.clone())
            .collect::<Vec<_>>()
            .join(","),
        values: items.into_iter().flat_map(|item| item.values).collect(),
    });
    let all = Just(Field {
        text: "*".to_owned(),
        values: (first..=last).collect(),
    });
    prop_oneof![1 => all, 2 => items]
}

/// A schedule as the model knows it.
#[derive(Debug, Clone)]
struct Model {
    fields: [Field; 5],
    zone: Tz,
}

impl Model {
    fn expr(&self) -> String {
        let fields = self
            .fields
            .each_ref()
            .map(|field| field.text.as_str())
            .join(" ");
        format!("TZ={} {fields}", self.zone.name())
    }

    fn matches(&self, wall: NaiveDateTime) -> bool {
        let has = |field: usize, value: u32| self.fields[field].values.contains(&value);
        let of_month = has(2, wall.day());
        let of_week = has(4, wall.weekday().num_days_from_sunday());
        let star = [2, 4]
            .iter()
            .any(|field| self.fields[*field].text.starts_with('*'));
        let day = if star {
            of_month && of_week
        } else {
            of_month || of_week
        };
        has(0, wall.minute()) && has(1, wall.hour()) && day && has(3, wall.month())
    }

    /// The ticks of the days after `from`.
    fn ticks(&self, from: u64) -> Vec<u64> {
        let wall = |minutes: u64| -> NaiveDateTime {
            let utc = chrono::DateTime::UNIX_EPOCH.naive_utc()
                + TimeDelta::minutes(minutes.cast_signed());
            utc + self.zone.offset_from_utc_datetime(&utc).fix()
        };
        let begin = from / MINUTE_MS;
        let looks_back = 2 * DAY_MS / MINUTE_MS;
        let mut shown = wall(begin - looks_back);
        let mut ticks = Vec::new();
        for minutes in begin - looks_back + 1..=begin + DAYS * DAY_MS / MINUTE_MS {
            let mut fires = false;
            while shown < wall(minutes) {
                shown += MINUTE;
                fires |= self.matches(shown);
            }
            if fires && minutes * MINUTE_MS > from {
                ticks.push(minutes * MINUTE_MS);
            }
        }
        ticks
    }
}

/// Any time; half of them in a week in which the clocks of the zone change, if they ever do.
fn model_and_time() -> impl Strategy<Value = (Model, u64)> {
    let fields = (
        field(0, 59),
        field(0, 23),
        field(1, 31),
        field(1, 12),
        field(0, 6),
    );
    let weeks =
        at("1973-01-01T00:00:00Z") / (7 * DAY_MS)..at("2098-11-01T00:00:00Z") / (7 * DAY_MS);
    (
        fields,
        select(&ZONES[..]),
        weeks,
        0..7 * DAY_MS,
        any::<bool>(),
    )
        .prop_map(
            |((minute, hour, day, month, weekday), zone, week, within, near)| {
                let zone: Tz = zone.parse().expect("a zone");
                let offset =
                    |week: u64| zone::local(zone, week * 7 * DAY_MS).map(|local| *local.offset());
                let changes = |week: &u64| offset(*week) != offset(*week + 1);
                let week = (week..week + 53)
                    .find(changes)
                    .filter(|_| near)
                    .unwrap_or(week);
                let mut model = Model {
                    fields: [minute, hour, day, month, weekday],
                    zone,
                };
                if near {
                    // Not to miss the night for a date.
                    for (field, (first, last)) in [(2, (1, 31)), (3, (1, 12)), (4, (0, 6))] {
                        model.fields[field] = Field {
                            text: "*".to_owned(),
                            values: (first..=last).collect(),
                        };
                    }
                }
                (model, week * 7 * DAY_MS + within)
            },
        )
}

proptest! {
    #[test]
    fn the_schedule_fires_when_the_model_does((model, from) in model_and_time()) {
        let ticks = model.ticks(from);
        let Ok(schedule) = Schedule::parse(&model.expr()) else {
            prop_assert!(ticks.is_empty(), "{} fires at {:?}", model.expr(), ticks.first());
            return Ok(());
        };
        let until = from / MINUTE_MS * MINUTE_MS + DAYS * DAY_MS;
        let ours = schedule.ticks_between(from, until, usize::MAX);
        prop_assert_eq!(&ours, &ticks, "{} from {}", model.expr(), shown(from));
        for (index, tick) in ticks.iter().enumerate() {
            let before = schedule.last_at_or_before(tick - 1);
            match index.checked_sub(1) {
                Some(index) => prop_assert_eq!(before, Some(ticks[index])),
                None => prop_assert!(before.is_none_or(|before| before <= from)),
            }
            prop_assert_eq!(schedule.last_at_or_before(*tick), Some(*tick));
        }
    }
}
