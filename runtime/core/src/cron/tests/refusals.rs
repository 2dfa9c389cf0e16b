//! What is not a schedule, and what its author is told.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn refused(expr: &str, because: &str) {
    let problem = Schedule::parse(expr).expect_err(expr).to_string();
    assert!(problem.contains(because), "{expr}: {problem}");
}

#[test]
fn the_message_names_the_field_and_what_is_wrong() {
    refused(
        "60 * * * *",
        "minute field `60` of the schedule is wrong: 60 is not between 0 and 59",
    );
    refused("* 24 * * *", "hour field `24`");
    refused("* * 0 * *", "day of month field `0`");
    refused("* * 32 * *", "32 is not between 1 and 31");
    refused("* * * 13 *", "month field `13`");
    refused(
        "* * * * 8",
        "day of week field `8` of the schedule is wrong: 8 is not between 0 and 7",
    );
    refused("99999999999 * * * *", "99999999999 is not between 0 and 59");
    refused("MON * * * *", "\"MON\" is not a number");
    refused("* * * MON *", "neither a number nor a name such as FEB");
    refused(
        "* * * * monday",
        "names have three letters: MON, not monday",
    );
    refused("* * * JULY *", "names have three letters: JUL, not JULY");
}

#[test]
fn what_is_left_out_or_written_twice_is_named() {
    refused("1, * * * *", "a value is missing");
    refused(",1 * * * *", "a value is missing");
    refused("1- * * * *", "a value is missing");
    refused("-1 * * * *", "a value is missing");
    refused("/5 * * * *", "a value is missing");
    refused(
        "*/ * * * *",
        "the step after the / must be a number, not \"\"",
    );
    refused("1/2/3 * * * *", "not \"2/3\"");
    refused("*5 * * * *", "\"*5\" is not a number");
    refused("1-2-3 * * * *", "\"2-3\" is not a number");
    refused("*-5 * * * *", "\"*\" is not a number");
    refused("+5 * * * *", "\"+5\" is not a number");
    refused("٣ * * * *", "is not a number");
}

#[test]
fn steps_that_cannot_mean_what_they_say_are_refused() {
    refused("*/0 * * * *", "the step 0 is not between 1 and 60");
    refused("*/90 * * * *", "begins anew with each hour");
    refused("0 */36 * * *", "begins anew with each day");
    refused("0 0 */45 * *", "begins anew with each month");
    refused("0 0 1 */18 *", "begins anew with each year");
    refused("0 0 * * */14", "begins anew with each week");
}

#[test]
fn the_languages_of_other_schedulers_are_refused_by_name() {
    for fields in [
        "* * L * *",
        "* * 15W * *",
        "* * LW * *",
        "* * * * 5L",
        "* * * * MON#2",
        "H * * * *",
    ] {
        refused(fields, "which has no L, W, # or H");
    }
    refused("* * ? * *", "write *");
    refused("0 0 * * * *", "has 6; there are none for seconds and years");
    refused("0 0 12 * * ? 2026", "has 7");
    refused("* * * *", "has 4");
    refused("", "has 0");
    refused("@reboot", "there are @hourly");
    refused("@every 5m", "`@every 5m` is not a schedule");
    refused("* * * *\u{a0}*", "has 4");
}

#[test]
fn a_zone_that_is_unknown_is_refused_with_what_is_right() {
    refused("TZ=europe/berlin 0 0 * * *", "it is written Europe/Berlin");
    refused("TZ=Mars/Base 0 0 * * *", "such as Europe/Berlin or UTC");
    refused("TZ= 0 0 * * *", "such as Europe/Berlin or UTC");
    refused("CRON_TZ=Asia/Tokyo 0 0 * * *", "write it as TZ=Asia/Tokyo");
    refused("tz=UTC 0 0 * * *", "write it as TZ=UTC");
    refused("TZ=UTC", "has 0");
    refused("0 0 * * * TZ=UTC", "has 6");
}

#[test]
fn a_schedule_that_never_fires_is_refused() {
    for fields in [
        "0 0 30 2 *",
        "0 0 31 2,4,6,9,11 *",
        "0 0 30-31 FEB *",
        "0 0 31 4 */2",
    ] {
        refused(fields, "never fires");
    }
    assert!(
        Schedule::parse("0 0 30 2 MON").is_ok(),
        "Mondays in February"
    );
    assert!(Schedule::parse("0 0 29 2 */7").is_ok(), "once in 28 years");
}

#[test]
fn an_expression_has_a_greatest_length() {
    let minutes: Vec<_> = (0..60).map(|minute| minute.to_string()).collect();
    let hours = "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23";
    let longest = format!(
        "TZ=America/Argentina/Buenos_Aires {} {hours} * * *",
        minutes.join(",")
    );
    same(&longest, "TZ=America/Argentina/Buenos_Aires * * * * *");
    refused(&"1,".repeat(300), "has 600 bytes, more than 512");
}

proptest! {
    #[test]
    fn any_text_is_a_schedule_or_a_message(text in "[-0-9*/,A-Za-z@#?= \u{a0}ßé]{0,40}") {
        if let Err(problem) = Schedule::parse(&text) {
            prop_assert!(!problem.to_string().is_empty());
        }
    }

    #[test]
    fn text_that_is_nearly_a_schedule_is_one_or_is_refused(
        text in "(TZ=(UTC|Asia/Tokyo|x) )?([0-9]{1,2}[-/,]?|\\*|\\*/[0-9]| |MON|JAN){1,16}",
        from in 0..at("2100-01-01T00:00:00Z"),
    ) {
        if let Ok(schedule) = Schedule::parse(&text) {
            prop_assert!(schedule.next_after(0).is_some());
            prop_assert!(schedule.next_after(from).is_none_or(|tick| tick > from));
            prop_assert!(schedule.last_at_or_before(from).is_none_or(|tick| tick <= from));
            prop_assert!(schedule.describe().ends_with(schedule.zone()));
        }
    }
}
