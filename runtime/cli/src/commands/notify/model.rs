//! Notifications as the API answers them, and in words.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::terminal::one_line;

/// A notification.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Notification {
    pub(super) name: String,
    pub(super) target: Target,
    pub(super) rules: Vec<Rule>,
    pub(super) functions: Vec<String>,
    pub(super) min_interval_s: u64,
    pub(super) enabled: bool,
    pub(super) delivered_at: Option<DateTime<Utc>>,
    pub(super) error: Option<DeliveryError>,
    pub(super) waiting: u64,
    pub(super) retry_at: Option<DateTime<Utc>>,
    pub(super) firing: Vec<Firing>,
    pub(super) messages: Vec<Message>,
}

/// What became of a message.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Message {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(rename = "message")]
    pub(super) text: String,
    pub(super) status: String,
    pub(super) attempts: u32,
    pub(super) first_tried_at: DateTime<Utc>,
    pub(super) ended_at: Option<DateTime<Utc>>,
    pub(super) error: Option<String>,
}

impl Message {
    /// What became of it, and what it says.
    pub(super) fn words(&self) -> String {
        let at = self.ended_at.unwrap_or(self.first_tried_at).to_rfc3339();
        let tried = match self.attempts {
            0 | 1 => String::new(),
            attempts => format!(" after {attempts} attempts"),
        };
        let status = self.status.replace('_', " ");
        let error = self.error.as_deref();
        let error = error.map_or(String::new(), |it| format!(" ({it})"));
        format!("{at} {} {status}{tried}{error}: {}", self.kind, self.text)
    }
}

/// Who is told.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Target {
    Webhook {
        url: String,
        format: String,
        signed: bool,
    },
    Command {
        program: String,
        arguments: Vec<String>,
        allowed: bool,
    },
}

/// Of what.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "on", rename_all = "snake_case")]
pub(super) enum Rule {
    RunFailed {},
    FailureRate {
        percent: f64,
        window_s: u64,
        least_runs: u64,
    },
    BacklogAge {
        over_s: u64,
    },
}

/// Why a message was not delivered.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct DeliveryError {
    pub(super) at: DateTime<Utc>,
    pub(super) reason: String,
}

/// Something that is wrong at present.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Firing {
    pub(super) rule: String,
    pub(super) function_id: String,
    pub(super) since: DateTime<Utc>,
}

/// What became of a test.
#[derive(Debug, Deserialize)]
pub(super) struct Tested {
    pub(super) id: String,
    pub(super) delivered: bool,
    #[serde(default)]
    pub(super) error: Option<String>,
}

impl Notification {
    /// What an operator should know at once; empty if all is as usual.
    pub(super) fn state(&self) -> &'static str {
        match (self.enabled, &self.error, self.firing.is_empty()) {
            (false, ..) => "paused",
            (true, Some(_), _) => "not delivered",
            (true, None, false) => "firing",
            (true, None, true) => "",
        }
    }

    /// Of what it tells.
    pub(super) fn rules_in_words(&self) -> String {
        let rules: Vec<_> = self.rules.iter().map(Rule::words).collect();
        rules.join(", ")
    }
}

impl Target {
    /// Who is told, on one line.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Webhook { url, .. } => one_line(url),
            Self::Command {
                program, arguments, ..
            } => {
                let words = std::iter::once(program).chain(arguments);
                let words: Vec<_> = words.map(|word| one_line(word)).collect();
                words.join(" ")
            }
        }
    }
}

impl Rule {
    fn words(&self) -> String {
        match self {
            Self::RunFailed {} => "runs that fail".to_owned(),
            Self::FailureRate {
                percent,
                window_s,
                least_runs,
            } => format!(
                "failure rates from {percent} % in {} (of {least_runs} runs or more)",
                time(*window_s)
            ),
            Self::BacklogAge { over_s } => format!("runs that wait {} or longer", time(*over_s)),
        }
    }
}

/// Seconds as people say them.
pub(super) fn time(seconds: u64) -> String {
    humantime::format_duration(std::time::Duration::from_secs(seconds)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_said_in_words() {
        let rules = r#"[{"on":"run_failed"},{"on":"failure_rate","percent":20,"window_s":600,"least_runs":10},{"on":"backlog_age","over_s":90}]"#;
        let rules: Vec<Rule> = serde_json::from_str(rules).expect("rules");
        let words: Vec<_> = rules.iter().map(Rule::words).collect();
        assert_eq!(
            words,
            [
                "runs that fail",
                "failure rates from 20 % in 10m (of 10 runs or more)",
                "runs that wait 1m 30s or longer"
            ]
        );
    }
}
