//! What an operator chooses of a notification, and what is refused of it.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use abide_core::function::is_kebab_case;
use abide_core::ids::FunctionId;

use crate::webhooks::{Provider, Secret};

/// The most patterns and arguments of one notification.
const MOST_PATTERNS: usize = 32;
const MOST_ARGUMENTS: usize = 32;
/// The longest text among them, in bytes.
const MOST_BYTES: usize = 2_048;
/// The longest window and age: beyond a day, look at the charts.
const MOST_S: u64 = 86_400;
/// The shortest window: it is looked at every few seconds.
const LEAST_WINDOW_S: u64 = 10;

/// Of what somebody is told, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) target: Target,
    /// Of what; each once.
    pub(crate) rules: Vec<Rule>,
    /// Of which functions: `app/function`, `app/*`, or `*` for all.
    #[serde(default = "all_functions")]
    pub(crate) functions: Vec<String>,
    /// The least time between two messages for the same reason, in seconds. What happens meanwhile is told together.
    #[serde(default = "usual_interval")]
    pub(crate) min_interval_s: u64,
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = NotificationTarget)]
pub(crate) enum Target {
    /// Whoever takes requests at this address.
    Webhook {
        /// The address: public, or one that the server was started with `--allow-net` for.
        #[schema(example = "https://hooks.example.com/abide")]
        url: String,
        /// What is sent.
        #[serde(default)]
        format: Format,
    },
    /// A program on the server's machine, which gets the message on its standard input.
    Command {
        /// The whole path of the program: one that the server was started with `--notify-commands` for.
        #[schema(value_type = String, example = "/usr/local/bin/page-me")]
        program: PathBuf,
        /// Its arguments.
        #[serde(default)]
        arguments: Vec<String>,
    },
}

/// What a webhook is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NotificationFormat)]
pub(crate) enum Format {
    /// The message as Standard Webhooks has it, signed.
    #[default]
    Standard,
    /// `{"text": …}`, as Slack, Mattermost and others take it.
    Slack,
}

/// Of what somebody is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "on", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = NotificationRule)]
pub(crate) enum Rule {
    /// A run failed for good.
    RunFailed {},
    /// Of the runs of a function that ended lately, too many failed.
    FailureRate {
        /// How many of a hundred.
        percent: f64,
        /// How far back is counted, in seconds.
        window_s: u64,
        /// Of fewer runs nothing is said.
        #[serde(default = "usual_least")]
        least_runs: u64,
    },
    /// A run has waited too long for its start.
    BacklogAge {
        /// How long, in seconds.
        over_s: u64,
    },
}

/// Settings that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub(crate) struct InvalidNotification {
    field: &'static str,
    problem: String,
}

fn all_functions() -> Vec<String> {
    vec!["*".into()]
}

fn usual_interval() -> u64 {
    60
}

fn usual_least() -> u64 {
    10
}

fn refuse(field: &'static str, problem: impl Into<String>) -> Result<(), InvalidNotification> {
    let problem = problem.into();
    Err(InvalidNotification { field, problem })
}

impl Settings {
    /// Refuses what can be told wrong.
    pub(crate) fn check(&self) -> Result<(), InvalidNotification> {
        self.target.check()?;
        if self.rules.is_empty() {
            return refuse(
                "rules",
                "must name at least one: run_failed, failure_rate, backlog_age",
            );
        }
        for (place, rule) in self.rules.iter().enumerate() {
            rule.check()?;
            if self.rules[..place]
                .iter()
                .any(|it| it.name() == rule.name())
            {
                let problem = format!(
                    "{} is there twice; make another notification of it",
                    rule.name()
                );
                return refuse("rules", problem);
            }
        }
        if self.functions.is_empty() || self.functions.len() > MOST_PATTERNS {
            return refuse("functions", format!("must be 1 to {MOST_PATTERNS}"));
        }
        for pattern in &self.functions {
            let right = pattern == "*"
                || pattern.split_once('/').is_some_and(|(app, function)| {
                    is_kebab_case(app) && (function == "*" || is_kebab_case(function))
                });
            if !right {
                return refuse("functions", "each must be `app/function`, `app/*` or `*`");
            }
        }
        if self.min_interval_s > MOST_S {
            return refuse("min_interval_s", format!("must be at most {MOST_S}, a day"));
        }
        Ok(())
    }

    /// Whether somebody is to be told of runs that failed.
    pub(crate) fn tells_of_failures(&self) -> bool {
        let mut rules = self.rules.iter();
        rules.any(|rule| matches!(rule, Rule::RunFailed {}))
    }

    /// Whether it is about this function.
    pub(crate) fn covers(&self, function: &FunctionId) -> bool {
        self.covers_named(&function.to_string())
    }

    /// The same, of a function that is written `app/function`.
    pub(super) fn covers_named(&self, function: &str) -> bool {
        let mut patterns = self.functions.iter();
        patterns.any(|pattern| covers_name(pattern, function))
    }
}

/// Whether a pattern covers a function, or all that another pattern does.
pub(super) fn covers_name(pattern: &str, name: &str) -> bool {
    // A star is always the last character.
    let all_below = |before: &str| name.starts_with(before);
    pattern == name || pattern.strip_suffix('*').is_some_and(all_below)
}

impl Target {
    fn check(&self) -> Result<(), InvalidNotification> {
        match self {
            Self::Webhook { url, .. } => {
                let usual = "must be an address that begins with https:// or http://";
                let Some(parsed) = reqwest::Url::parse(url)
                    .ok()
                    .filter(|_| url.len() <= MOST_BYTES)
                else {
                    return refuse("url", usual);
                };
                if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
                    return refuse("url", usual);
                }
                if !parsed.username().is_empty() || parsed.password().is_some() {
                    return refuse(
                        "url",
                        "must hold no user and no password: they would not be sent",
                    );
                }
                Ok(())
            }
            Self::Command { program, arguments } => {
                if !program.is_absolute() {
                    return refuse(
                        "program",
                        "must be the whole path of the program, like /usr/local/bin/page-me: no shell looks for it",
                    );
                }
                let texts = arguments.iter().map(String::as_str);
                let mut texts = texts.chain([program.to_str().unwrap_or_default()]);
                if arguments.len() > MOST_ARGUMENTS
                    || texts.any(|text| text.len() > MOST_BYTES || text.contains('\0'))
                {
                    return refuse(
                        "arguments",
                        format!("must be at most {MOST_ARGUMENTS} of {MOST_BYTES} bytes"),
                    );
                }
                Ok(())
            }
        }
    }

    /// In words, without what may be a secret: the path of a webhook's address often is one.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Webhook { url, .. } => match reqwest::Url::parse(url) {
                Ok(url) => format!("{}/…", url.origin().ascii_serialization()),
                Err(_) => "…".into(),
            },
            Self::Command { program, .. } => program.display().to_string(),
        }
    }
}

impl Rule {
    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::RunFailed {} => "run_failed",
            Self::FailureRate { .. } => "failure_rate",
            Self::BacklogAge { .. } => "backlog_age",
        }
    }

    fn check(&self) -> Result<(), InvalidNotification> {
        match self {
            Self::RunFailed {} => Ok(()),
            Self::FailureRate {
                percent,
                window_s,
                least_runs,
            } => {
                if !(*percent > 0.0 && *percent <= 100.0) {
                    return refuse("percent", "must be more than 0 and at most 100");
                }
                if !(LEAST_WINDOW_S..=MOST_S).contains(window_s) {
                    return refuse("window_s", format!("must be {LEAST_WINDOW_S} to {MOST_S}"));
                }
                if !(1..=1_000_000).contains(least_runs) {
                    return refuse("least_runs", "must be 1 to 1000000");
                }
                Ok(())
            }
            Self::BacklogAge { over_s } if (1..=MOST_S).contains(over_s) => Ok(()),
            Self::BacklogAge { .. } => refuse("over_s", format!("must be 1 to {MOST_S}")),
        }
    }
}

/// Checks a secret as Standard Webhooks writes it.
pub(crate) fn check_secret(text: &str) -> Result<Secret, InvalidNotification> {
    Secret::check(Provider::Standard, text).map_err(|error| InvalidNotification {
        field: "secret",
        problem: error.to_string().trim_start_matches("secret: ").to_owned(),
    })
}

/// A secret that nobody knows yet, as Standard Webhooks writes it.
pub(crate) fn new_secret() -> String {
    let key: [u8; 32] = rand::random();
    format!("whsec_{}", STANDARD.encode(key))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn settings(value: Value) -> Result<Settings, String> {
        let settings: Settings =
            serde_json::from_value(value).map_err(|error| error.to_string())?;
        settings.check().map_err(|error| error.to_string())?;
        Ok(settings)
    }

    fn webhook() -> Value {
        json!({"kind": "webhook", "url": "https://hooks.example.com/services/T0/secret"})
    }

    #[test]
    fn usual_settings_are_filled_in() {
        let read = settings(json!({"target": webhook(), "rules": [{"on": "run_failed"}]}));
        let read = read.expect("right");
        assert_eq!(
            (read.functions, read.min_interval_s),
            (vec!["*".into()], 60)
        );
        assert_eq!(read.target.shown(), "https://hooks.example.com/…");
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_place() {
        let rule = json!({"on": "run_failed"});
        for (target, rules, functions, says) in [
            (
                json!({"kind": "webhook", "url": "mailto:a@b"}),
                json!([rule]),
                json!(["*"]),
                "url",
            ),
            (
                json!({"kind": "command", "program": "page-me"}),
                json!([rule]),
                json!(["*"]),
                "program",
            ),
            (
                json!({"kind": "pigeon"}),
                json!([rule]),
                json!(["*"]),
                "pigeon",
            ),
            (
                json!({"kind": "webhook", "url": "https://me:secret@example.com/"}),
                json!([rule]),
                json!(["*"]),
                "password",
            ),
            (webhook(), json!([]), json!(["*"]), "rules"),
            (
                webhook(),
                json!([rule, rule]),
                json!(["*"]),
                "run_failed is there twice",
            ),
            (
                webhook(),
                json!([{"on": "failure_rate", "percent": 0, "window_s": 60}]),
                json!(["*"]),
                "percent",
            ),
            (
                webhook(),
                json!([{"on": "failure_rate", "percent": 5, "window_s": 1}]),
                json!(["*"]),
                "window_s",
            ),
            (
                webhook(),
                json!([{"on": "backlog_age", "over_s": 0}]),
                json!(["*"]),
                "over_s",
            ),
            (
                webhook(),
                json!([{"on": "backlog_age", "over_s": 5, "more": 1}]),
                json!(["*"]),
                "more",
            ),
            (webhook(), json!([rule]), json!(["shop"]), "functions"),
            (webhook(), json!([rule]), json!(["*/pay"]), "functions"),
            (
                webhook(),
                json!([rule]),
                json!(["shop/p\u{202e}ay"]),
                "functions",
            ),
            (webhook(), json!([rule]), json!([]), "functions"),
        ] {
            let read = settings(json!({"target": target, "rules": rules, "functions": functions}));
            let error = read.expect_err(says);
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn patterns_name_functions() {
        let with = |pattern: &str| {
            settings(
                json!({"target": webhook(), "rules": [{"on": "run_failed"}], "functions": [pattern]}),
            )
        };
        let pay = FunctionId::new("shop", "pay");
        for (pattern, covers) in [
            ("*", true),
            ("shop/*", true),
            ("shop/pay", true),
            ("shop/pays", false),
            ("other/*", false),
        ] {
            assert_eq!(
                with(pattern).expect("right").covers(&pay),
                covers,
                "{pattern}"
            );
        }
        assert!(covers_name("*", "shop/*") && covers_name("shop/*", "shop/*"));
        assert!(!covers_name("shop/*", "*") && !covers_name("shop/pay", "shop/*"));
    }

    #[test]
    fn a_secret_is_one_of_standard_webhooks() {
        assert!(check_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_ok());
        assert!(check_secret(&new_secret()).is_ok() && new_secret() != new_secret());
        let refused = check_secret("no base64 at all!").expect_err("it is none");
        assert!(
            refused.to_string().starts_with("secret: must be `whsec_`"),
            "{refused}"
        );
    }
}
