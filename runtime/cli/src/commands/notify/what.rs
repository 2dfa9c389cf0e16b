//! What `abide notify add` and `change` take both: of what is told, where a webhook goes, its secret; and what they say in the end.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::model::{Notification, Rule};
use crate::cli::{Output, Server, duration};
use crate::client::Client;
use crate::commands::read_text;
use crate::outcome::Outcome;
use crate::terminal::{print_json, print_line};

/// Of what.
#[derive(Args)]
pub(super) struct What {
    /// Tell of runs that failed for good.
    #[arg(long)]
    run_failed: bool,
    /// Tell when so many of a hundred runs of a function that ended lately failed, and when that is over.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    failure_rate: Option<f64>,
    /// How far back the failure rate counts: 10s to 24h.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration, requires = "failure_rate")]
    window: Duration,
    /// Of how many ended runs at least the failure rate says anything.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 10,
        requires = "failure_rate"
    )]
    least_runs: u64,
    /// Tell when a run has waited so long for its start, and when that is over.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    backlog_age: Option<Duration>,
    /// Only of this function; `APP/*` is all of an app, `*` is all. Repeatable.
    #[arg(long = "function", value_name = "APP/FUNCTION")]
    functions: Vec<String>,
    /// The least time between two messages for the same reason: what happens meanwhile is told together. At first 1m.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    min_interval: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// The whole message, signed as Standard Webhooks has it.
    Standard,
    /// `{"text": …}`, as Slack, Mattermost and others take it.
    Slack,
}

impl Format {
    /// As the API writes it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Slack => "slack",
        }
    }
}

impl What {
    /// The rules that are asked for, none if there are none.
    pub(super) fn rules(&self) -> Vec<Rule> {
        let mut rules = Vec::new();
        if self.run_failed {
            rules.push(Rule::RunFailed {});
        }
        rules.extend(self.failure_rate.map(|percent| Rule::FailureRate {
            percent,
            window_s: self.window.as_secs(),
            least_runs: self.least_runs,
        }));
        rules.extend(self.backlog_age.map(|age| Rule::BacklogAge {
            over_s: age.as_secs(),
        }));
        rules
    }

    /// The functions that are asked for, if any.
    pub(super) fn functions(&self) -> Option<&[String]> {
        Some(&self.functions[..]).filter(|all| !all.is_empty())
    }

    /// The least time between two messages, if it is asked for.
    pub(super) fn min_interval_s(&self) -> Option<u64> {
        self.min_interval.map(|time| time.as_secs())
    }

    /// Whether nothing is asked for.
    pub(super) fn is_nothing(&self) -> bool {
        self.rules().is_empty() && self.functions.is_empty() && self.min_interval.is_none()
    }
}

/// A webhook as its target; the address may be in a file.
pub(super) fn webhook(address: &str, format: &str) -> Result<Value> {
    let url = match address.strip_prefix('@') {
        Some(path) => read_text(Path::new(path))?,
        None if address == "-" => read_text(Path::new("-"))?,
        None => address.to_owned(),
    };
    Ok(json!({"kind": "webhook", "url": url.trim(), "format": format}))
}

/// The secret in a file.
pub(super) fn secret_in(path: &Path) -> Result<String> {
    Ok(read_text(path)?.trim().to_owned())
}

/// In the form of Standard Webhooks.
pub(super) fn new_secret() -> String {
    let key: [u8; 32] = rand::random();
    format!("whsec_{}", STANDARD.encode(key))
}

/// Says what the server made of it; a secret that was made here is shown this once.
pub(super) fn tell(
    (server, client): (&Server, &Client),
    output: Output,
    text: &str,
    secret: Option<&str>,
) -> Result<Outcome> {
    if output.json {
        let Some(secret) = secret else {
            print_json(text)?;
            return Ok(Outcome::Done);
        };
        let mut made: Map<String, Value> = client.parse(text)?;
        made.insert("secret".into(), json!(secret));
        print_json(&Value::Object(made).to_string())?;
        return Ok(Outcome::Done);
    }
    let made: Notification = client.parse(text)?;
    print_line(&format!(
        "{} tells {} of {}",
        made.name,
        made.target.words(),
        made.rules_in_words()
    ))?;
    if let Some(secret) = secret {
        print_line(&format!("its secret, shown this once: {secret}"))?;
    }
    let trial = format!("notify test {}", made.name);
    eprintln!("try it out: {}", server.command(&trial));
    Ok(Outcome::Done)
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    let number = number.parse().ok();
    number
        .filter(|percent| *percent > 0.0 && *percent <= 100.0)
        .ok_or_else(|| "write how many of a hundred, like 20 or 20%".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_are_more_than_none_and_at_most_all() {
        assert_eq!((percent("20"), percent("0.5%")), (Ok(20.0), Ok(0.5)));
        for wrong in ["", "0", "101", "-1", "many", "NaN"] {
            assert!(
                percent(wrong).is_err_and(|says| says.contains("20%")),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_secret_is_new_each_time() {
        let one = new_secret();
        assert!(one.starts_with("whsec_") && one != new_secret(), "{one}");
    }
}
