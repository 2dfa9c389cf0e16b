//! Schedules in words.

use super::schedule;

#[track_caller]
fn reads(expr: &str, words: &str) {
    assert_eq!(schedule(expr).describe(), words, "{expr}");
}

#[test]
fn times_of_day_are_listed() {
    reads(
        "TZ=Europe/Berlin 30 9 * * 1-5",
        "at 09:30 on Monday to Friday, Europe/Berlin",
    );
    reads("0 0 * * *", "at 00:00 every day, UTC");
    reads(
        "0 9,12,17 * * *",
        "at 09:00, 12:00 and 17:00 every day, UTC",
    );
    reads(
        "0,30 8,20 * * SAT,SUN",
        "at 08:00, 08:30, 20:00 and 20:30 on Saturday and Sunday, UTC",
    );
}

#[test]
fn what_repeats_is_named_by_its_interval() {
    reads("* * * * *", "every minute, UTC");
    reads("*/15 * * * *", "every 15 minutes, UTC");
    reads("0,15,30,45 * * * *", "every 15 minutes, UTC");
    reads("5/10 * * * *", "every 10 minutes from minute 5, UTC");
    reads("0 * * * *", "every hour, UTC");
    reads("0 */2 * * *", "every 2 hours, UTC");
    reads("0 1-23/2 * * *", "every 2 hours from 01:00, UTC");
    reads("0 9-17 * * *", "every hour from 09:00 to 17:00, UTC");
    reads(
        "*/5 9-17 * * 1-5",
        "every 5 minutes from 09:00 to 17:59 on Monday to Friday, UTC",
    );
    reads("* 9 * * *", "every minute from 09:00 to 09:59, UTC");
    reads("*/20 */6 * * *", "every 20 minutes of every 6th hour, UTC");
    reads(
        "*/20 1/3 * * *",
        "every 20 minutes of every 3rd hour from 01:00, UTC",
    );
    reads("30 */2 * * *", "at minute 30 of every 2nd hour, UTC");
}

#[test]
fn what_does_not_repeat_evenly_is_listed() {
    reads("*/25 * * * *", "at minutes 0, 25 and 50 of every hour, UTC");
    reads("5 * * * *", "at minute 5 of every hour, UTC");
    reads("0-30 8 * * *", "at minutes 0 to 30 of the hour 8, UTC");
    reads("17 9-17 * * *", "at minute 17 of the hours 9 to 17, UTC");
    reads(
        "0 22-2 * * *",
        "at minute 0 of the hours 0 to 2, 22 and 23, UTC",
    );
}

#[test]
fn days_and_months_say_how_they_go_together() {
    reads("0 0 1 * *", "at 00:00 on day 1 of the month, UTC");
    reads("0 0 25 DEC *", "at 00:00 on day 25 of December, UTC");
    reads(
        "0 0 1-7,15 * *",
        "at 00:00 on days 1 to 7 and 15 of the month, UTC",
    );
    reads(
        "0 0 */2 * *",
        "at 00:00 on every 2nd day from 1 to 31 of the month, UTC",
    );
    reads(
        "0 0 * JUN-AUG *",
        "at 00:00 every day in June to August, UTC",
    );
    reads(
        "0 * * 1,2 *",
        "every hour every day in January and February, UTC",
    );
    reads(
        "0 0 * 1 5-7",
        "at 00:00 on Friday to Sunday in January, UTC",
    );
    reads(
        "0 0 * * FRI-MON",
        "at 00:00 on Monday and Friday to Sunday, UTC",
    );
    reads(
        "0 0 13 * 5",
        "at 00:00 on day 13 of the month, and on Friday, UTC",
    );
    reads(
        "0 0 13 1 5",
        "at 00:00 on day 13 of January, and on Friday in January, UTC",
    );
    reads(
        "0 0 */14 * MON",
        "at 00:00 on Monday, but only on days 1, 15 and 29 of the month, UTC",
    );
}
