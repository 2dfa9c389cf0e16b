//! Scales: where an axis ends, and how its values and times are written.

use chrono::DateTime;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// What a chart's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http::dashboard) enum Unit {
    /// How many.
    Count,
    /// How many a minute.
    PerMinute,
    /// Milliseconds.
    Milliseconds,
    /// Bytes.
    Bytes,
}

impl Unit {
    /// A value, for people.
    pub(in crate::http::dashboard) fn show(self, value: f64) -> String {
        match self {
            Self::Count => with_prefix(value, ""),
            Self::PerMinute => with_prefix(value, "/min"),
            Self::Milliseconds => duration(value),
            Self::Bytes => bytes(value),
        }
    }
}

/// Three digits at most, as many as say something.
fn digits(value: f64) -> String {
    let text = if value >= 100.0 || value.fract().abs() < 0.005 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    };
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn with_prefix(value: f64, unit: &str) -> String {
    match value {
        value if value >= 999.5e6 => format!("{}G{unit}", digits(value / 1e9)),
        value if value >= 999.5e3 => format!("{}M{unit}", digits(value / 1e6)),
        value if value >= 9_999.5 => format!("{}k{unit}", digits(value / 1e3)),
        value if value >= 1_000.0 => format!("{value:.0}{unit}"),
        value => format!("{}{unit}", digits(value)),
    }
}

fn duration(ms: f64) -> String {
    match ms {
        ms if ms >= 3_600e3 => format!("{} h", digits(ms / 3_600e3)),
        ms if ms >= 60e3 => format!("{} min", digits(ms / 60e3)),
        ms if ms >= 1e3 => format!("{} s", digits(ms / 1e3)),
        ms => format!("{} ms", digits(ms)),
    }
}

fn bytes(value: f64) -> String {
    let mut value = value;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1_023.5 {
            return format!("{} {unit}", digits(value));
        }
        value /= 1_024.0;
    }
    format!("{} TiB", digits(value))
}

/// Where an axis ends that shows values up to this one: at a round number not far above.
pub(super) fn nice_top(highest: f64, unit: Unit) -> f64 {
    let least = match unit {
        Unit::Count | Unit::PerMinute => 2.0,
        Unit::Milliseconds => 1.0,
        Unit::Bytes => 1_024.0,
    };
    let base: f64 = if unit == Unit::Bytes {
        1_024.0
    } else {
        1_000.0
    };
    let mut scale = 1.0;
    while highest / scale >= base {
        scale *= base;
    }
    let steps = [1.0, 2.0, 4.0, 6.0, 8.0];
    let tens = [1.0, 10.0, 100.0, 1_000.0];
    let rounds = tens
        .iter()
        .flat_map(|ten| steps.iter().map(move |step| ten * step));
    let round = rounds
        .map(|round| round * scale)
        .chain([base * scale])
        .find(|round| *round >= highest);
    round.unwrap_or(highest).max(least)
}

/// A time, as exactly as a span of this length needs it, in UTC.
pub(super) fn clock(at_ms: u64, span_ms: u64) -> String {
    let time = i64::try_from(at_ms)
        .ok()
        .and_then(DateTime::from_timestamp_millis);
    let Some(time) = time else {
        return "?".to_owned();
    };
    let format = if span_ms > 2 * DAY_MS {
        "%-d %b %H:%M"
    } else if span_ms < HOUR_MS / 4 {
        "%H:%M:%S"
    } else {
        "%H:%M"
    };
    time.format(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number() {
        let cases = [
            (0.0, 2.0),
            (3.0, 4.0),
            (7.0, 8.0),
            (9.0, 10.0),
            (41.0, 60.0),
            (950.0, 1_000.0),
            (1_200.0, 2_000.0),
            (123_456.0, 200_000.0),
        ];
        for (highest, top) in cases {
            let found = nice_top(highest, Unit::Count);
            assert!((found - top).abs() < 1e-9, "{highest}: {found}");
        }
        let found = nice_top(5_000_000.0, Unit::Bytes);
        assert!((found - 6.0 * 1_048_576.0).abs() < 1e-9, "{found}");
    }

    #[test]
    fn values_have_three_digits_and_a_unit() {
        assert_eq!(Unit::Count.show(1_500.0), "1500");
        assert_eq!(Unit::Count.show(15_340.0), "15.3k");
        assert_eq!(Unit::PerMinute.show(0.25), "0.25/min");
        assert_eq!(Unit::Milliseconds.show(1_500.0), "1.5 s");
        assert_eq!(Unit::Milliseconds.show(90_000.0), "1.5 min");
        assert_eq!(Unit::Bytes.show(6.0 * 1_048_576.0), "6 MiB");
        assert_eq!(Unit::Bytes.show(0.0), "0 B");
    }

    #[test]
    fn times_are_as_exact_as_their_span() {
        // 2026-01-01T00:00:00Z
        let at_ms = 1_767_225_600_000;
        assert_eq!(clock(at_ms, 3_600_000), "00:00");
        assert_eq!(clock(at_ms, 120_000), "00:00:00");
        assert_eq!(clock(at_ms, 30 * DAY_MS), "1 Jan 00:00");
    }
}
