//! Which runs: the filters that listing, cancelling and replaying have in common.

use anyhow::Result;
use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta, Utc};
use clap::Args;
use serde_json::{Map, Value};

use crate::client::model::Time;

/// Words for times, as every command's help says them.
const TIME: &str = "TIME";

/// Filters of runs.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Selection {
    /// Only runs of this function, as app/function.
    #[arg(long, value_name = "FUNCTION", value_parser = function_name)]
    pub(crate) function: Option<String>,
    /// Only runs of this app's functions.
    #[arg(long, value_name = "APP")]
    pub(crate) app: Option<String>,
    /// Only runs that stand so: queued, running, sleeping, waiting, paused, completed, failed, cancelled or skipped. Repeatable.
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = status_name)]
    pub(crate) status: Vec<String>,
    /// Only runs that were created then or later: 2026-01-31T09:00:00Z, 2026-01-31, or how long ago, such as 2h or 7d.
    #[arg(long, value_name = TIME, value_parser = moment)]
    pub(crate) since: Option<Time>,
    /// Only runs that were created before then.
    #[arg(long, value_name = TIME, value_parser = moment)]
    pub(crate) until: Option<Time>,
    /// Only runs whose event fulfils this condition, in CEL, such as 'event.data.total > 100'.
    #[arg(long = "if", value_name = "CEL")]
    pub(crate) condition: Option<String>,
}

impl Selection {
    /// Whether it selects everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.query().is_empty()
    }

    /// As parameters of a query.
    pub(crate) fn query(&self) -> Vec<(&'static str, String)> {
        let texts = [
            ("function", self.function.clone()),
            ("app", self.app.clone()),
            ("since", self.since.map(rfc3339)),
            ("until", self.until.map(rfc3339)),
            ("if", self.condition.clone()),
        ];
        let texts = texts
            .into_iter()
            .filter_map(|(name, text)| Some((name, text?)));
        let statuses = self.status.iter().map(|status| ("status", status.clone()));
        texts.chain(statuses).collect()
    }

    /// As a job's filter.
    pub(crate) fn filter(&self) -> Value {
        let mut filter = Map::new();
        for (name, text) in self.query() {
            match (name, filter.get_mut(name)) {
                ("status", Some(Value::Array(statuses))) => statuses.push(text.into()),
                ("status", _) => drop(filter.insert(name.into(), vec![text].into())),
                _ => drop(filter.insert(name.into(), text.into())),
            }
        }
        Value::Object(filter)
    }
}

fn rfc3339(time: Time) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A time, or how long ago it was.
fn moment(text: &str) -> Result<Time, String> {
    moment_at(text, Utc::now())
}

fn moment_at(text: &str, now: Time) -> Result<Time, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.with_timezone(&Utc));
    }
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Ok(day.and_time(chrono::NaiveTime::MIN).and_utc());
    }
    let ago = humantime::parse_duration(text)
        .ok()
        .and_then(|ago| TimeDelta::from_std(ago).ok());
    ago.and_then(|ago| now.checked_sub_signed(ago))
        .ok_or_else(|| {
            "write a time like 2026-01-31T09:00:00Z or 2026-01-31, or how long ago it was, like 90m, 2h or 7d"
                .to_owned()
        })
}

fn status_name(text: &str) -> Result<String, String> {
    const ALL: [&str; 9] = [
        "queued",
        "running",
        "sleeping",
        "waiting",
        "paused",
        "completed",
        "failed",
        "cancelled",
        "skipped",
    ];
    let text = text.to_lowercase();
    if ALL.contains(&text.as_str()) {
        Ok(text)
    } else {
        Err(format!("must be one of {}", ALL.join(", ")))
    }
}

/// `app/function`.
pub(crate) fn function_name(text: &str) -> Result<String, String> {
    match text.split_once('/') {
        Some((app, function)) if !app.is_empty() && !function.is_empty() => Ok(text.to_owned()),
        _ => Err("must be app/function; `abide functions list` shows them".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_absolute_or_relative() {
        let now = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
        let of = |text| moment_at(text, now).map(rfc3339);
        assert_eq!(of("2h").unwrap(), "2025-12-31T22:00:00.000Z");
        assert_eq!(of("7d").unwrap(), "2025-12-25T00:00:00.000Z");
        assert_eq!(of("2026-01-31").unwrap(), "2026-01-31T00:00:00.000Z");
        assert_eq!(
            of("2026-01-31T09:00:00+01:00").unwrap(),
            "2026-01-31T08:00:00.000Z"
        );
        for wrong in ["yesterday", "", "5", "999999999999y"] {
            assert!(of(wrong).unwrap_err().contains("7d"), "{wrong}");
        }
    }

    #[test]
    fn a_filter_has_all_statuses_and_nothing_that_was_not_given() {
        let selection = Selection {
            function: Some("shop/pay".into()),
            status: vec!["failed".into(), "cancelled".into()],
            ..Selection::default()
        };
        assert_eq!(
            selection.filter(),
            json!({ "function": "shop/pay", "status": ["failed", "cancelled"] })
        );
        assert!(Selection::default().is_empty() && !selection.is_empty());
    }
}
