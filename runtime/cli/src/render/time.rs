//! Durations and moments, short enough for a column.

use chrono::{DateTime, TimeDelta, Utc};

/// `0ms`, `12ms`, `1.24s`, `2m 03s`, `1h 05m`, `3d 04h`.
pub(crate) fn duration(delta: TimeDelta) -> String {
    let ms = delta.num_milliseconds().max(0);
    let (seconds, minutes, hours) = (ms / 1000, ms / 60_000, ms / 3_600_000);
    match ms {
        0..1_000 => format!("{ms}ms"),
        1_000..10_000 => format!("{seconds}.{:02}s", ms % 1000 / 10),
        10_000..60_000 => format!("{seconds}.{}s", ms % 1000 / 100),
        60_000..3_600_000 => format!("{minutes}m {:02}s", seconds % 60),
        3_600_000..86_400_000 => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{}d {:02}h", hours / 24, hours % 24),
    }
}

/// `340µs`, `1.24ms`, and from 10 ms on as [`duration`] has it.
pub(crate) fn micros(us: u64) -> String {
    match us {
        0..1_000 => format!("{us}µs"),
        1_000..10_000 => format!("{}.{:02}ms", us / 1_000, us % 1_000 / 10),
        _ => duration(TimeDelta::milliseconds(
            i64::try_from(us / 1_000).unwrap_or(i64::MAX),
        )),
    }
}

/// The text with its milliseconds (`259200000 ms`) as people read durations (`3d 00h`).
pub(crate) fn humanised(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let number = |word: &str| {
            word.rsplit('=')
                .next()
                .and_then(|ms| ms.parse::<i64>().ok())
        };
        match words.last().map(|last| (number(last), last.len())) {
            Some((Some(ms), len)) if word == "ms" => {
                if let Some(last) = words.last_mut() {
                    last.truncate(len - ms.to_string().len());
                    last.push_str(&duration(TimeDelta::milliseconds(ms)));
                }
            }
            _ => words.push(word.to_owned()),
        }
    }
    words.join(" ")
}

/// `just now`, `42s ago`, `3h 05m ago`, `in 2d 00h`.
pub(crate) fn relative(moment: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let delta = now - moment;
    let whole = |delta: TimeDelta| {
        duration(TimeDelta::seconds(delta.num_seconds()))
            .replace(".00s", "s")
            .replace(".0s", "s")
    };
    match delta.num_seconds() {
        0 => "just now".to_owned(),
        1.. => format!("{} ago", whole(delta)),
        _ => format!("in {}", whole(-delta)),
    }
}

/// `2026-11-21 13:48:18.123 UTC`.
pub(crate) fn moment(moment: DateTime<Utc>) -> String {
    moment.format("%Y-%m-%d %H:%M:%S%.3f UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_two_figures_that_matter() {
        let of = |ms| duration(TimeDelta::milliseconds(ms));
        let all = [-5, 0, 999, 1_240, 12_340, 123_000, 3_900_000, 273_600_000].map(of);
        assert_eq!(
            all,
            [
                "0ms", "0ms", "999ms", "1.24s", "12.3s", "2m 03s", "1h 05m", "3d 04h"
            ]
        );
    }

    #[test]
    fn short_times_are_told_in_microseconds() {
        let all = [0, 999, 1_240, 12_340, 1_234_567].map(micros);
        assert_eq!(all, ["0µs", "999µs", "1.24ms", "12ms", "1.23s"]);
    }

    #[test]
    fn milliseconds_in_a_text_become_durations() {
        assert_eq!(humanised("259200000 ms"), "3d 00h");
        let options = "event=a/b timeout=20000 ms match=data.id";
        assert_eq!(humanised(options), "event=a/b timeout=20.0s match=data.id");
        assert_eq!(humanised("ms x ms 5"), "ms x ms 5");
    }

    #[test]
    fn moments_are_told_from_now() {
        let now = DateTime::from_timestamp_millis(1_700_000_000_000).unwrap();
        let of = |ms| relative(now + TimeDelta::milliseconds(ms), now);
        assert_eq!(
            [-400, -42_100, -11_100_000, 172_800_000].map(of),
            ["just now", "42s ago", "3h 05m ago", "in 2d 00h"]
        );
        assert_eq!(moment(now), "2023-11-14 22:13:20.000 UTC");
    }
}
