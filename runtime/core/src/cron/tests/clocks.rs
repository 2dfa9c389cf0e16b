//! The nights when clocks change.

use super::*;

#[test]
fn a_time_in_a_gap_fires_once_at_its_end() {
    // 29 March 2026: at 01:00 UTC the clock goes from 02:00 to 03:00.
    let ticks = next("TZ=Europe/Berlin 30 2 * * *", "2026-03-28T00:00:00Z", 3);
    assert_eq!(
        ticks,
        [
            "2026-03-28T01:30:00Z",
            "2026-03-29T01:00:00Z",
            "2026-03-30T00:30:00Z"
        ]
    );
}

#[test]
fn several_times_in_a_gap_fire_together_and_with_a_tick_at_its_end() {
    let ticks = next("TZ=Europe/Berlin */20 * * * *", "2026-03-29T00:20:00Z", 3);
    assert_eq!(
        ticks,
        [
            "2026-03-29T00:40:00Z",
            "2026-03-29T01:00:00Z",
            "2026-03-29T01:20:00Z"
        ]
    );
    let ticks = next("TZ=Europe/Berlin 10,50 2 * * *", "2026-03-29T00:00:00Z", 2);
    assert_eq!(ticks, ["2026-03-29T01:00:00Z", "2026-03-30T00:10:00Z"]);
}

#[test]
fn a_time_that_is_shown_twice_fires_the_first_time() {
    // 25 October 2026: at 01:00 UTC the clock goes from 03:00 to 02:00.
    let ticks = next("TZ=Europe/Berlin 30 2 * * *", "2026-10-24T12:00:00Z", 2);
    assert_eq!(ticks, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    let ticks = next("TZ=Europe/Berlin */30 * * * *", "2026-10-25T00:00:00Z", 3);
    assert_eq!(
        ticks,
        [
            "2026-10-25T00:30:00Z",
            "2026-10-25T02:00:00Z",
            "2026-10-25T02:30:00Z"
        ]
    );
}

#[test]
fn a_question_asked_while_the_clock_repeats_itself_finds_nothing_twice() {
    let every_minute = schedule("TZ=Europe/Berlin * * * * *");
    let (last, after) = (at("2026-10-25T00:59:00Z"), at("2026-10-25T02:00:00Z"));
    for minutes in 0..60 {
        let asked = last + MINUTE_MS + minutes * MINUTE_MS;
        assert_eq!(
            every_minute.next_after(asked),
            Some(after),
            "{}",
            shown(asked)
        );
        assert_eq!(
            every_minute.last_at_or_before(asked),
            Some(last),
            "{}",
            shown(asked)
        );
    }
    assert_eq!(every_minute.last_at_or_before(after), Some(after));
}

#[test]
fn half_an_hour_is_skipped_and_repeated_on_lord_howe_island() {
    let ticks = next(
        "TZ=Australia/Lord_Howe 15 2 * * *",
        "2026-10-03T00:00:00Z",
        2,
    );
    assert_eq!(ticks, ["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"]);
    let ticks = next(
        "TZ=Australia/Lord_Howe 0,45 1 * * *",
        "2026-04-04T13:00:00Z",
        3,
    );
    assert_eq!(
        ticks,
        [
            "2026-04-04T14:00:00Z",
            "2026-04-04T14:45:00Z",
            "2026-04-05T14:30:00Z"
        ]
    );
}

#[test]
fn midnight_that_does_not_exist_is_the_first_moment_of_the_day() {
    // 4 November 2018 began at 01:00 in São Paulo.
    let ticks = next("TZ=America/Sao_Paulo 0 0 4 11 *", "2018-11-01T00:00:00Z", 1);
    assert_eq!(ticks, ["2018-11-04T03:00:00Z"]);
}

#[test]
fn a_day_that_was_skipped_fires_when_the_next_one_begins() {
    // Samoa had no 30 December 2011: 29 December was followed by 31 December.
    let ticks = next("TZ=Pacific/Apia 0 12 * * *", "2011-12-29T00:00:00Z", 3);
    assert_eq!(
        ticks,
        [
            "2011-12-29T22:00:00Z",
            "2011-12-30T10:00:00Z",
            "2011-12-30T22:00:00Z"
        ]
    );
}

#[test]
fn ticks_increase_strictly_over_the_changes_of_many_zones() {
    for zone in chrono_tz::TZ_VARIANTS.iter().step_by(6) {
        let schedule = schedule(&format!("TZ={} 0,30 * * * *", zone.name()));
        let offset = |ms| schedule.local(ms).map(|local| *local.offset());
        let weeks = (0..70 * 52).map(|week| week * 7 * DAY_MS);
        for week in weeks.filter(|week| offset(*week) != offset(*week + 7 * DAY_MS)) {
            let mut before = week;
            for tick in schedule.ticks_between(week, week + 7 * DAY_MS, 1_000) {
                let pause = tick - before;
                assert!(
                    (1..=8 * HOUR_MS).contains(&pause),
                    "{schedule} {}",
                    shown(tick)
                );
                before = tick;
            }
        }
    }
}
