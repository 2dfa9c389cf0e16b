//! The last hour in small: what the server's time series say, a column for each of its parts.

use serde::Deserialize;

/// The series that are shown, and what they are called.
pub(super) const SHOWN: [(&str, &str); 4] = [
    ("runs_started", "started"),
    ("runs_ended_failed", "failed"),
    ("backlog", "backlog"),
    ("run_duration_p95", "p95"),
];

/// Heights of a column.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// An answer of `GET /api/v1/series`, as far as it is looked at.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Hour {
    #[serde(default)]
    pub(super) series: Vec<Series>,
}

/// One measure.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Series {
    name: String,
    /// Oldest first; nothing where nothing was measured.
    #[serde(default)]
    values: Vec<Option<f64>>,
}

impl Hour {
    /// The measure of this name.
    pub(super) fn of(&self, name: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.name == name)
    }
}

impl Series {
    /// So many columns, each as high as the highest value of its part; a space where nothing was measured.
    pub(super) fn columns(&self, columns: usize) -> String {
        let part = self.values.len().div_ceil(columns.max(1)).max(1);
        let highest = |values: &[Option<f64>]| values.iter().flatten().copied().reduce(f64::max);
        let most = highest(&self.values).unwrap_or_default();
        let parts = self.values.chunks(part).map(|part| match highest(part) {
            None => ' ',
            Some(value) => BARS[height(value, most)],
        });
        parts.collect()
    }

    /// The value that was measured last.
    pub(super) fn latest(&self) -> Option<f64> {
        self.values.iter().rev().flatten().copied().next()
    }

    /// The sum of the last minute: six parts of ten seconds.
    pub(super) fn last_minute(&self) -> f64 {
        let values = self.values.iter().rev().take(6).flatten();
        // The sum of nothing would be -0, and be shown so.
        values.fold(0.0, |sum, value| sum + value)
    }
}

fn height(value: f64, most: f64) -> usize {
    if value <= 0.0 || most <= 0.0 {
        return 0;
    }
    let steps = (1..BARS.len()).rev();
    let mut steps = steps.filter(|step| {
        let step = u32::try_from(*step).unwrap_or_default();
        value * 7.0 >= most * (f64::from(step) - 0.5)
    });
    // What is not nothing is seen.
    steps.next().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_becomes_columns_of_their_highest_values() {
        let of = |json: &str| serde_json::from_str::<Series>(json).expect("a series");
        let some = of(r#"{"name":"a","values":[null,null,0,1,3.5,7,0.1,null]}"#);
        assert_eq!(some.columns(4), " ▂█▂");
        assert_eq!(some.columns(8), "  ▁▂▅█▂ ");
        assert_eq!(
            some.latest().map(|last| last.to_string()).as_deref(),
            Some("0.1")
        );
        let minute = of(r#"{"name":"a","values":[1,2,null,2,1,1,1,1]}"#).last_minute();
        assert_eq!(minute.to_string(), "6");
        let nothing = of(r#"{"name":"a","values":[5,null,null,null,null,null,null]}"#);
        assert_eq!(nothing.last_minute().to_string(), "0");
        assert_eq!(of(r#"{"name":"a","values":[0,0]}"#).columns(2), "▁▁");
        assert_eq!(of(r#"{"name":"a"}"#).columns(9), "");
    }
}
