//! What is told: collected in an alert, and sent as a message, in the form of Standard Webhooks and in words.
//!
//! An alert holds everything of one kind that a notification has to tell, of all its functions: one message is told of many failures.

use std::collections::BTreeMap;

use abide_core::ids::RunId;
use abide_core::state::{Run, RunEnd};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::view::Time;

/// Runs and functions that a message names; the rest is counted.
const MOST_NAMED: usize = 20;

/// The most functions of an alert: a bound on what is stored.
const MOST_FUNCTIONS: usize = 1_000;

/// The most characters of an error's name and message.
const MOST_CHARS: usize = 300;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Runs failed for good.
    RunFailed,
    /// Of the runs that ended lately, too many failed.
    FailureRateHigh,
    /// That is over.
    FailureRateRecovered,
    /// Runs wait too long for their start.
    BacklogAgeHigh,
    /// That is over.
    BacklogAgeRecovered,
    /// Nothing: somebody tries the notification out.
    Test,
}

impl Kind {
    /// Its name in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RunFailed => "run.failed",
            Self::FailureRateHigh => "failure_rate.high",
            Self::FailureRateRecovered => "failure_rate.recovered",
            Self::BacklogAgeHigh => "backlog_age.high",
            Self::BacklogAgeRecovered => "backlog_age.recovered",
            Self::Test => "test",
        }
    }
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Alert {
    kind: Kind,
    /// When the first of it was noticed.
    at_ms: u64,
    /// Runs that it is about, those included that it does not name.
    #[serde(default)]
    count: u64,
    #[serde(default)]
    runs: Vec<FailedRun>,
    /// Functions that it is about, with what is known of each.
    #[serde(default)]
    functions: BTreeMap<String, Facts>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FailedRun {
    id: RunId,
    function: String,
    ended_ms: u64,
    name: String,
    message: String,
}

/// What is known of a function whose rate or backlog is told.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Facts {
    /// Its runs within the window.
    Rate {
        ended: u64,
        failed: u64,
        percent: f64,
        threshold_percent: f64,
        window_s: u64,
    },
    /// How long a run has been waiting.
    Age { age_s: u64, threshold_s: u64 },
}

impl Alert {
    /// Nothing yet.
    pub(super) fn new(kind: Kind, at_ms: u64) -> Self {
        Self {
            kind,
            at_ms,
            count: 0,
            runs: Vec::new(),
            functions: BTreeMap::new(),
        }
    }

    /// That nothing is wrong.
    pub(crate) fn test(at_ms: u64) -> Self {
        Self::new(Kind::Test, at_ms)
    }

    /// What happened.
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether there is nothing to tell any more.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0 && self.functions.is_empty()
    }

    /// A further run that failed.
    pub(super) fn add_run(&mut self, run: &Run) {
        self.count += 1;
        if self.runs.len() >= MOST_NAMED {
            return;
        }
        let (name, message) = match &run.end {
            Some(RunEnd::Failure(failure)) => (failure.name.as_str(), failure.message.as_str()),
            Some(RunEnd::Output(_) | RunEnd::Skipped(_)) | None => ("Error", ""),
        };
        self.runs.push(FailedRun {
            id: run.id,
            function: run.function.to_string(),
            ended_ms: run.ended_ms.unwrap_or(run.queued_ms),
            name: shortened(name),
            message: shortened(message),
        });
    }

    /// What is known of a function, in place of what was. `false`: it names too many already.
    pub(super) fn set_function(&mut self, function: &str, facts: Facts) -> bool {
        let room = self.functions.len() < MOST_FUNCTIONS || self.functions.contains_key(function);
        if room {
            self.functions.insert(function.to_owned(), facts);
        }
        room
    }

    /// Takes a function out again; whether it was in.
    pub(super) fn remove_function(&mut self, function: &str) -> bool {
        self.functions.remove(function).is_some()
    }

    /// In one sentence or two.
    pub(super) fn text(&self) -> String {
        match self.kind {
            Kind::Test => "This is a test: nothing is wrong.".into(),
            Kind::RunFailed => self.text_of_runs(),
            Kind::FailureRateHigh
            | Kind::FailureRateRecovered
            | Kind::BacklogAgeHigh
            | Kind::BacklogAgeRecovered => self.text_of_functions(),
        }
    }

    fn text_of_runs(&self) -> String {
        let Some(first) = self.runs.first() else {
            return format!("{} runs failed.", self.count);
        };
        let why = one_line(&format!("{}: {}", first.name, first.message));
        let FailedRun { id, function, .. } = first;
        match self.count {
            1 => format!("Run {id} of {function} failed. {why}"),
            count => format!("{count} runs failed, the first of them {id} of {function}. {why}"),
        }
    }

    fn text_of_functions(&self) -> String {
        let Some((first, facts)) = self.functions.first_key_value() else {
            return String::new();
        };
        let told = match (self.kind, *facts) {
            (
                Kind::FailureRateHigh,
                Facts::Rate {
                    ended,
                    failed,
                    percent,
                    threshold_percent,
                    window_s,
                },
            ) => format!(
                "{failed} of the {ended} runs of {first} that ended in the last {window_s} s failed: {percent} %, and {threshold_percent} % is the limit."
            ),
            (
                _,
                Facts::Rate {
                    threshold_percent,
                    window_s,
                    ..
                },
            ) => format!(
                "Fewer than {threshold_percent} % of the runs of {first} that ended in the last {window_s} s failed, or too few of them ended."
            ),
            (Kind::BacklogAgeHigh, Facts::Age { age_s, threshold_s }) => format!(
                "A run of {first} has waited {age_s} s for its start, and {threshold_s} s is the limit."
            ),
            (_, Facts::Age { threshold_s, .. }) => {
                format!("No run of {first} waits {threshold_s} s or longer for its start any more.")
            }
        };
        match self.functions.len() - 1 {
            0 => told,
            1 => format!("{told} So it is with one function more."),
            more => format!("{told} So it is with {more} functions more."),
        }
    }

    fn json(&self, from: From<'_>) -> Value {
        let mut data = json!({
            "environment": from.environment,
            "notification": from.notification,
            "message": self.text(),
        });
        if self.count > 0 {
            data["count"] = json!(self.count);
            let run = |run: &FailedRun| {
                json!({
                    "run_id": run.id.to_string(),
                    "function_id": run.function,
                    "ended_at": Time(run.ended_ms).to_string(),
                    "error": {"name": run.name, "message": run.message},
                })
            };
            data["runs"] = self.runs.iter().map(run).collect();
        }
        if !self.functions.is_empty() {
            data["count"] = json!(self.functions.len());
            let function = |(name, facts): (&String, &Facts)| {
                let mut function = json!(facts);
                function["function_id"] = json!(name);
                function
            };
            data["functions"] = self
                .functions
                .iter()
                .take(MOST_NAMED)
                .map(function)
                .collect();
        }
        data
    }
}

/// Who tells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct From<'a> {
    /// The environment.
    pub(crate) environment: &'a str,
    /// The notification's name.
    pub(crate) notification: &'a str,
}

/// An alert under the id by which its receiver knows it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Message {
    /// The same for every attempt at it.
    pub(crate) id: String,
    /// What it tells.
    pub(super) alert: Alert,
}

impl Message {
    /// A message.
    pub(crate) fn new(id: String, alert: Alert) -> Self {
        Self { id, alert }
    }

    /// That nothing is wrong.
    pub(crate) fn test(id: String, at_ms: u64) -> Self {
        Self::new(id, Alert::test(at_ms))
    }

    /// In the form of Standard Webhooks.
    pub(crate) fn json(&self, from: From<'_>) -> Value {
        json!({
            "id": self.id,
            "type": self.alert.kind.name(),
            "timestamp": Time(self.alert.at_ms).to_string(),
            "data": self.alert.json(from),
        })
    }

    /// As Slack takes it.
    pub(crate) fn slack(&self, from: From<'_>) -> Value {
        // Slack reads these three characters as markup.
        let text = self.alert.text();
        let text = text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        match from.environment {
            crate::DEFAULT_ENVIRONMENT => json!({ "text": text }),
            other => json!({ "text": format!("[{other}] {text}") }),
        }
    }
}

/// An id that no other message has.
pub(crate) fn new_id() -> String {
    let id: [u8; 16] = rand::random();
    format!("ntf_{}", hex::encode(id))
}

/// The id of what a request of this name tells.
pub(crate) fn id_of(request: &str) -> String {
    let digest = Sha256::digest(request);
    format!("ntf_{}", hex::encode(&digest[..16]))
}

fn shortened(text: &str) -> String {
    text.chars().take(MOST_CHARS).collect()
}

fn one_line(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(clean).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use abide_core::failure::{Failure, Origin};
    use abide_core::ids::{Digest, EventId, FunctionId};
    use abide_core::state::RunStatus;

    use super::*;

    /// A run of `shop/FUNCTION` that failed.
    pub(in crate::notify) fn failed(id: u128, function: &str, ended_ms: u64) -> Run {
        let function = FunctionId::new("shop", function);
        Run {
            status: RunStatus::Failed,
            ended_ms: Some(ended_ms),
            end: Some(RunEnd::Failure(Failure::platform(
                Origin::Guest,
                "a\nb <c>",
            ))),
            ..Run::queued(RunId(id), function, Digest([0; 32]), EventId(1), 0)
        }
    }

    const FROM: From<'static> = From {
        environment: "staging",
        notification: "page",
    };

    #[test]
    fn many_failures_are_one_message_that_names_some_and_counts_all() {
        let mut alert = Alert::new(Kind::RunFailed, 5);
        for id in 1..=50 {
            alert.add_run(&failed(id, "pay", 1_000));
        }
        let message = Message::new("ntf_1".into(), alert);
        let json = message.json(FROM);
        assert_eq!(json["type"], "run.failed");
        assert_eq!(json["id"], "ntf_1");
        assert_eq!(json["timestamp"], "1970-01-01T00:00:00.005Z");
        let data = &json["data"];
        assert_eq!(
            (&data["environment"], &data["notification"]),
            (&json!("staging"), &json!("page"))
        );
        assert_eq!(data["count"], 50);
        assert_eq!(data["runs"].as_array().map(Vec::len), Some(MOST_NAMED));
        assert_eq!(data["runs"][0]["function_id"], "shop/pay");
        assert_eq!(data["runs"][0]["error"]["message"], "a\nb <c>");
        let slack = message.slack(FROM);
        let text = slack["text"].as_str().expect("text");
        assert!(
            text.starts_with("[staging] 50 runs failed, the first of them"),
            "{text}"
        );
        assert!(text.ends_with("Error: a b &lt;c&gt;"), "{text}");
    }

    #[test]
    fn an_alert_is_the_same_after_it_was_stored() {
        let mut alert = Alert::new(Kind::FailureRateHigh, 5);
        let facts = Facts::Rate {
            ended: 8,
            failed: 3,
            percent: 37.5,
            threshold_percent: 20.0,
            window_s: 60,
        };
        assert!(alert.set_function("shop/pay", facts));
        assert!(alert.set_function("shop/ship", facts));
        let stored = serde_json::to_string(&alert).expect("JSON");
        let read: Alert = serde_json::from_str(&stored).expect("the same");
        assert_eq!(read, alert);
        let json = Message::new(new_id(), read).json(FROM);
        assert_eq!(json["data"]["functions"][1]["function_id"], "shop/ship");
        assert_eq!(json["data"]["functions"][0]["percent"], 37.5);
        let text = json["data"]["message"].as_str().expect("text");
        assert!(
            text.contains("37.5 %") && text.ends_with("one function more."),
            "{text}"
        );
    }
}
