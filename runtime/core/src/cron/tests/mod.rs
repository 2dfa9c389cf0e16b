//! Stories about schedules: the language, the words, what is refused, and how downtimes are made up for.
//!
//! The nights when clocks change are in [`clocks`], a table that another implementation computed in [`table`], and random
//! schedules against a naive model in [`model`].

mod clocks;
mod model;
mod refusals;
mod table;
mod words;

use chrono::{DateTime, SecondsFormat};

use super::*;
use crate::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

/// The instant of an RFC 3339 text.
pub(super) fn at(text: &str) -> u64 {
    let parsed =
        DateTime::parse_from_rfc3339(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
    u64::try_from(parsed.timestamp_millis()).expect("after 1970")
}

/// An instant as RFC 3339 text.
pub(super) fn shown(ms: u64) -> String {
    let utc = i64::try_from(ms)
        .ok()
        .and_then(DateTime::from_timestamp_millis)
        .expect("before the year 260000");
    utc.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn schedule(expr: &str) -> Schedule {
    Schedule::parse(expr).unwrap_or_else(|problem| panic!("{expr}: {problem}"))
}

/// The next `count` ticks after an instant.
fn next(expr: &str, from: &str, count: usize) -> Vec<String> {
    schedule(expr)
        .ticks_after(at(from))
        .take(count)
        .map(shown)
        .collect()
}

#[track_caller]
fn same(one: &str, other: &str) {
    let (one, other) = (schedule(one), schedule(other));
    assert_eq!(
        (one.calendar, one.zone()),
        (other.calendar, other.zone()),
        "{one} and {other}"
    );
}

#[test]
fn names_numbers_and_spaces_can_be_written_in_several_ways() {
    same("0 0 * * SUN", "0 0 * * 0");
    same("0 0 * * 7", "0 0 * * 0");
    same("0 0 * * mon-Fri", "0 0 * * 1-5");
    same("0 0 * DEC,jan *", "0 0 * 1,12 *");
    same("  05   00\t* * *  ", "5 0 * * *");
    same("TZ=UTC 0 0 * * *", "0 0 * * *");
    same("  TZ=Asia/Tokyo\t 0 0 * * *", "TZ=Asia/Tokyo 0 0 * * *");
    same("0,0,0 0 * * 1,MON", "0 0 * * 1");
}

#[test]
fn steps_count_from_where_they_begin_to_the_end_of_the_field() {
    same("*/20 * * * *", "0,20,40 * * * *");
    same("5/20 * * * *", "5,25,45 * * * *");
    same("10-30/10 * * * *", "10,20,30 * * * *");
    same("0 0 */10 * *", "0 0 1,11,21,31 * *");
    same("0 0 1 2/3 *", "0 0 1 2,5,8,11 *");
    same("0 0 * * 5/1", "0 0 * * 5,6");
    same("0 0 * * 7/3", "0 0 * * 0,3,6");
    same("*/60 * * * *", "0 * * * *");
}

#[test]
fn ranges_wrap_around_the_end_of_the_field() {
    same("0 22-2 * * *", "0 22,23,0,1,2 * * *");
    same("0 22-2/2 * * *", "0 22,0,2 * * *");
    same("0 0 * NOV-FEB *", "0 0 * 11,12,1,2 *");
    same("0 0 28-2 * *", "0 0 28,29,30,31,1,2 * *");
    same("0 0 * * FRI-MON", "0 0 * * 5,6,0,1");
    same("0 0 * * 6-1/2", "0 0 * * 6,1");
}

#[test]
fn seven_is_the_sunday_that_a_range_begins_or_ends_with() {
    same("0 0 * * 5-7", "0 0 * * 5,6,0");
    same("0 0 * * 7-2", "0 0 * * 0,1,2");
    same("0 0 * * 0-7", "0 0 * * *");
    same("0 0 * * 7-7", "0 0 * * 0");
    same("0 0 * * 7-0", "0 0 * * 0");
    same("0 0 * * 1-7/2", "0 0 * * 1,3,5,0");
}

#[test]
fn shorthands_stand_for_what_the_documentation_says() {
    same("@yearly", "0 0 1 1 *");
    same("@annually", "@yearly");
    same("@monthly", "0 0 1 * *");
    same("TZ=Asia/Tokyo @weekly", "TZ=Asia/Tokyo 0 0 * * 0");
    same("@daily", "0 0 * * *");
    same("@MIDNIGHT", "@daily");
    same("@hourly", "0 * * * *");
}

#[test]
fn two_restricted_day_fields_add_up_and_a_starred_one_restricts_the_other() {
    let friday_or_13th = [
        "2026-02-06",
        "2026-02-13",
        "2026-02-20",
        "2026-02-27",
        "2026-03-06",
    ];
    let days = |expr| -> Vec<String> {
        next(expr, "2026-02-01T00:00:00Z", 5)
            .iter()
            .map(|tick| tick[..10].to_owned())
            .collect()
    };
    assert_eq!(days("0 0 13 * FRI"), friday_or_13th);
    // `*/7` is a Sunday alone, but it begins with a star.
    assert_eq!(
        days("0 0 29 2 */7"),
        ["2032-02-29", "2060-02-29", "2088-02-29"]
    );
    assert_eq!(
        days("0 0 29 2 0")[..2],
        ["2026-02-01".replace("01", "08"), "2026-02-15".to_owned()]
    );
    same("0 0 13 * 0-7", "0 0 * * *");
    same("0 0 1-31 * 5", "0 0 * * *");
    same("0 0 */1 * 5", "0 0 * * 5");
}

#[test]
fn a_schedule_keeps_its_text_and_names_its_zone() {
    let schedule: Schedule = " TZ=Europe/Berlin  0 3 * * * ".parse().expect("right");
    assert_eq!(schedule.source(), " TZ=Europe/Berlin  0 3 * * * ");
    assert_eq!(schedule.to_string(), schedule.source());
    assert_eq!(schedule.zone(), "Europe/Berlin");
    let local = schedule
        .local(at("2026-07-01T01:00:00Z"))
        .expect("in range");
    assert_eq!(local.to_rfc3339(), "2026-07-01T03:00:00+02:00");
}

#[test]
fn the_next_tick_is_strictly_later_to_the_millisecond() {
    let noon = at("2026-01-01T12:00:00Z");
    let daily = schedule("0 12 * * *");
    assert_eq!(daily.next_after(noon - 1), Some(noon));
    assert_eq!(daily.next_after(noon), Some(noon + DAY_MS));
    assert_eq!(daily.last_at_or_before(noon), Some(noon));
    assert_eq!(daily.last_at_or_before(noon - 1), Some(noon - DAY_MS));
}

#[test]
fn schedules_end_with_the_year_2099_and_begin_with_1970() {
    let daily = schedule("TZ=Pacific/Honolulu 59 23 * * *");
    let last = at("2100-01-01T09:59:00Z");
    assert_eq!(daily.next_after(last - 1), Some(last));
    for end in [last, last + DAY_MS, 1 << 53, u64::MAX] {
        assert_eq!(daily.next_after(end), None);
        assert_eq!(daily.last_at_or_before(end), Some(last));
        assert!(daily.ticks_between(end, u64::MAX, 5).is_empty());
    }
    assert_eq!(daily.local(u64::MAX), None);
    let first = 9 * HOUR_MS + 59 * MINUTE_MS;
    assert_eq!(daily.next_after(0), Some(first));
    assert_eq!(daily.last_at_or_before(first - 1), None);
}

#[test]
fn the_ticks_of_a_downtime_are_those_after_its_beginning_up_to_its_end() {
    let hourly = schedule("0 * * * *");
    let down = at("2026-01-01T12:30:00Z");
    let up = at("2026-01-01T16:00:00Z");
    let ticks = |limit| -> Vec<String> {
        let ticks = hourly.ticks_between(down, up, limit);
        ticks
            .into_iter()
            .map(|tick| shown(tick)[11..16].to_owned())
            .collect()
    };
    assert_eq!(ticks(10), ["13:00", "14:00", "15:00", "16:00"]);
    assert_eq!(ticks(2), ["13:00", "14:00"]);
    assert!(hourly.ticks_between(up, up + HOUR_MS - 1, 10).is_empty());
    assert!(hourly.ticks_between(up, down, 10).is_empty());
}

#[test]
fn the_last_tick_of_a_long_downtime_costs_no_walk() {
    // Sixty years of minutes: a walk would be thirty million steps.
    let every_minute = schedule("TZ=Europe/Berlin * * * * *");
    let up = at("2030-01-01T00:00:30Z");
    assert_eq!(
        every_minute.last_at_or_before(up),
        Some(up - 30 * SECOND_MS)
    );
}

#[test]
fn the_policy_for_missed_ticks_is_written_in_one_word() {
    assert_eq!(Catchup::default(), Catchup::Last);
    for (policy, word) in [
        (Catchup::None, "none"),
        (Catchup::Last, "last"),
        (Catchup::All, "all"),
    ] {
        let json = format!("{word:?}");
        assert_eq!(serde_json::to_string(&policy).expect("text"), json);
        assert_eq!(
            serde_json::from_str::<Catchup>(&json).expect("a policy"),
            policy
        );
    }
}

#[test]
fn jitter_is_bounded_uniform_and_the_same_every_time() {
    let tick = at("2026-01-01T00:00:00Z");
    let of = |app: &str, tick| jitter_ms(app.as_bytes(), tick, 59_999);
    let mut sixths = [0_u32; 6];
    for n in 0..6_000 {
        let jitter = of("app/function", tick + n * MINUTE_MS);
        assert!(jitter < MINUTE_MS);
        sixths[usize::try_from(jitter / 10_000).expect("small")] += 1;
    }
    assert!(
        sixths.iter().all(|count| (850..1_150).contains(count)),
        "{sixths:?}"
    );
    assert_eq!(of("a", tick), of("a", tick));
    assert_ne!(of("a", tick), of("b", tick));
    assert_eq!(jitter_ms(b"a", tick, 0), 0);
    assert!(
        (0..100).any(|n| jitter_ms(b"a", n, 1) == 1),
        "the upper end is reached"
    );
}
