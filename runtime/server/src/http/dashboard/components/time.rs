//! Times and durations for people.

use abide_core::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use maud::{Markup, html};

use crate::view::Time;

/// How long ago a time was, or how far it is; the time itself on hover. The script keeps it true.
pub(in crate::http) fn time(at: Time, now_ms: u64) -> Markup {
    let exact = at.to_string();
    html! { time datetime=(exact) title=(exact) data-relative { (relative(at.0, now_ms)) } }
}

/// A time as it is.
pub(in crate::http) fn moment(at: Time) -> Markup {
    let exact = at.to_string();
    let (date, time) = exact.split_once('T').unwrap_or((&exact, ""));
    let time = time.trim_end_matches('Z');
    html! { time datetime=(exact) title=(exact) { (date) " " (time) } }
}

/// In the words of the script, which goes on from here.
fn relative(at_ms: u64, now_ms: u64) -> String {
    match (at_ms.checked_sub(now_ms), now_ms.checked_sub(at_ms)) {
        (_, Some(ago)) if ago < SECOND_MS => "now".to_owned(),
        (_, Some(ago)) => format!("{} ago", rounded(ago)),
        (Some(ahead), None) => format!("in {}", rounded(ahead)),
        (None, None) => String::new(),
    }
}

fn rounded(ms: u64) -> String {
    match ms {
        0..MINUTE_MS => format!("{} s", ms / SECOND_MS),
        MINUTE_MS..HOUR_MS => format!("{} min", ms / MINUTE_MS),
        HOUR_MS..DAY_MS => format!("{} h", ms / HOUR_MS),
        _ => format!("{} d", ms / DAY_MS),
    }
}

/// How long something took.
pub(in crate::http) fn duration(ms: u64) -> String {
    let (seconds, minutes, hours) = (ms / SECOND_MS, ms / MINUTE_MS, ms / HOUR_MS);
    match ms {
        0..SECOND_MS => format!("{ms} ms"),
        SECOND_MS..10_000 => format!("{seconds}.{:02} s", ms % SECOND_MS / 10),
        10_000..MINUTE_MS => format!("{seconds}.{} s", ms % SECOND_MS / 100),
        MINUTE_MS..HOUR_MS => format!("{minutes} min {} s", seconds % 60),
        HOUR_MS..DAY_MS => format!("{hours} h {} min", minutes % 60),
        _ => format!("{} d {} h", ms / DAY_MS, hours % 24),
    }
}

/// How long something took that is mostly shorter than a millisecond, in microseconds.
pub(in crate::http) fn short_duration(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..100_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        _ => duration(us / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_few_words() {
        for (at, now, expected) in [
            (1_000, 1_500, "now"),
            (1_000, 13_500, "12 s ago"),
            (0, 2 * HOUR_MS, "2 h ago"),
            (41_000, 1_000, "in 40 s"),
            (3 * DAY_MS, 0, "in 3 d"),
        ] {
            assert_eq!(relative(at, now), expected);
        }
        for (ms, expected) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_054, "1.05 s"),
            (59_950, "59.9 s"),
            (61_000, "1 min 1 s"),
            (2 * HOUR_MS + 5 * MINUTE_MS, "2 h 5 min"),
            (49 * HOUR_MS, "2 d 1 h"),
        ] {
            assert_eq!(duration(ms), expected);
        }
        let short = [999, 1_250, 250_000].map(short_duration);
        assert_eq!(short, ["999 µs", "1.2 ms", "250 ms"]);
    }
}
