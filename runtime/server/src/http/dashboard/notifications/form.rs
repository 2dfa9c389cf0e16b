//! The form that makes a notification, and the one that changes it: the same fields, in the API's shape when they come back.

use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::invalid;
use crate::http::dashboard::components as ui;
use crate::http::dashboard::forms::Fields;
use crate::http::dashboard::named::secret;
use crate::http::error::ApiError;
use crate::http::notifications::{NotificationView, TargetView};
use crate::notify::{Rule, new_secret};

/// Who can be told.
const TARGETS: [(&str, &str); 3] = [
    ("standard", "a webhook, signed as Standard Webhooks has it"),
    ("slack", "a webhook as Slack, Mattermost and others take it"),
    ("command", "a command on the server's machine"),
];

/// Nobody else than before.
const KEEP: (&str, &str) = ("keep", "as before");

/// What a form wants.
pub(super) struct Wanted {
    /// The settings in the API's shape.
    pub(super) fields: Map<String, Value>,
    /// The secret in there, if it was made here: it is shown once.
    pub(super) made: Option<String>,
}

/// What the fields show.
struct Shown {
    run_failed: bool,
    percent: String,
    window_s: String,
    least_runs: String,
    over_s: String,
    functions: String,
    min_interval_s: String,
}

impl Shown {
    fn of(existing: Option<&NotificationView>) -> Self {
        let mut it = Self {
            run_failed: existing.is_none(),
            percent: String::new(),
            window_s: "600".into(),
            least_runs: "10".into(),
            over_s: String::new(),
            functions: "*".into(),
            min_interval_s: "60".into(),
        };
        let Some(existing) = existing else { return it };
        it.functions = existing.functions.join(" ");
        it.min_interval_s = existing.min_interval_s.to_string();
        for rule in &existing.rules {
            match rule {
                Rule::RunFailed {} => it.run_failed = true,
                Rule::FailureRate {
                    percent,
                    window_s,
                    least_runs,
                } => {
                    it.percent = percent.to_string();
                    it.window_s = window_s.to_string();
                    it.least_runs = least_runs.to_string();
                }
                Rule::BacklogAge { over_s } => it.over_s = over_s.to_string(),
            }
        }
        it
    }
}

/// The fields, for a new one or with the settings in force.
pub(super) fn fields(existing: Option<&NotificationView>) -> Markup {
    let shown = Shown::of(existing);
    let text = |name: &str, label: &str, value: &str, placeholder: &str| {
        let id = format!("notification-{name}");
        ui::field(&id, label, &ui::input(&id, name, value, placeholder))
    };
    html! {
        @if existing.is_none() {
            (ui::field("notification-name", "Name", &html! {
                input #notification-name type="text" name="name" required placeholder="on-call" autocomplete="off" spellcheck="false";
            }))
        } @else {
            p.dim { "What waits to be told is told, to the new target where that is another one." }
        }
        (target(existing, &text))
        label.check { input type="checkbox" name="run_failed" value="true" checked[shown.run_failed]; " Tell of runs that fail" }
        (text("over_s", "Tell of runs that wait so many seconds", &shown.over_s, "not at all"))
        (text("percent", "Tell of functions of which so many % fail", &shown.percent, "not at all"))
        details #notification-rate {
            summary { "Of which runs so many %" }
            div.stack {
                (text("window_s", "Ended in the last seconds", &shown.window_s, "600"))
                (text("least_runs", "At least so many runs", &shown.least_runs, "10"))
            }
        }
        (text("functions", "Functions: app/function, app/* or *", &shown.functions, "*"))
        (text("min_interval_s", "Seconds between two messages", &shown.min_interval_s, "60"))
    }
}

/// Who is told.
fn target(
    existing: Option<&NotificationView>,
    text: &impl Fn(&str, &str, &str, &str) -> Markup,
) -> Markup {
    let keep = existing.map(|_| KEEP);
    let targets: Vec<_> = keep.into_iter().chain(TARGETS).collect();
    let chosen = targets[0].0;
    let select = ui::select("notification-target", "target", chosen, &targets);
    let is_signed = existing.is_some_and(is_signed);
    html! {
        (ui::field("notification-target", "Who is told", &select))
        (text("url", "Address of a webhook", "", "https://alerts.example.com/abide"))
        details #notification-command {
            summary { "Which command" }
            div.stack {
                (text("program", "Whole path of the program", "", "/usr/local/bin/page-me"))
                (ui::field("notification-arguments", "Arguments, one a line", &ui::area("notification-arguments", "arguments", "", false)))
            }
        }
        details #notification-secret-box {
            summary { "Secret of a signed webhook" }
            div.stack {
                p.dim { @if is_signed { "Left empty, it stays." } @else { "Left empty, one is made, and shown once." } }
                (secret("notification-secret", "Secret", false))
                @if is_signed {
                    label.check { input type="checkbox" name="new_secret" value="true"; " Make another one" }
                }
            }
        }
    }
}

fn is_signed(it: &NotificationView) -> bool {
    matches!(it.target, TargetView::Webhook { signed: true, .. })
}

/// What a form wants of a new one, or of one that is.
pub(super) fn wanted(
    form: &Fields,
    existing: Option<&NotificationView>,
) -> Result<Wanted, ApiError> {
    let mut fields = Map::new();
    fields.insert("rules".into(), rules(form)?);
    let functions = form.get("functions").unwrap_or("*");
    let functions: Vec<_> = functions
        .split([' ', ',', '\t', '\r', '\n'])
        .filter(|it| !it.is_empty())
        .collect();
    fields.insert("functions".into(), json!(functions));
    if let Some(seconds) = whole(form, "min_interval_s")? {
        fields.insert("min_interval_s".into(), json!(seconds));
    }
    let url = form.get("url").unwrap_or_default();
    let signed = match form.get("target") {
        Some("keep") if existing.is_some() => existing.is_some_and(is_signed),
        Some("command") => {
            let arguments = form.get("arguments").unwrap_or_default().lines();
            let arguments: Vec<_> = arguments.collect();
            let program = form.get("program").unwrap_or_default();
            let target = json!({"kind": "command", "program": program, "arguments": arguments});
            fields.insert("target".into(), target);
            false
        }
        Some(format @ ("standard" | "slack")) => {
            let target = json!({"kind": "webhook", "url": url.trim(), "format": format});
            fields.insert("target".into(), target);
            format == "standard"
        }
        Some(_) | None => return Err(invalid("target: must be standard, slack or command")),
    };
    // What is typed for a target that stays would be lost without a word.
    if !fields.contains_key("target") && (!url.is_empty() || form.get("program").is_some()) {
        let problem = "target: say who is told at the new address, or leave the address empty";
        return Err(invalid(problem));
    }
    let given = form.get("secret").map(str::to_owned);
    let asked = form.get("new_secret").is_some() || !existing.is_some_and(is_signed);
    let made = (signed && given.is_none() && asked).then(new_secret);
    if let Some(secret) = given.or_else(|| made.clone()) {
        fields.insert("secret".into(), json!(secret));
    }
    Ok(Wanted { fields, made })
}

fn rules(form: &Fields) -> Result<Value, ApiError> {
    let mut rules = Vec::new();
    if form.get("run_failed").is_some() {
        rules.push(json!({"on": "run_failed"}));
    }
    if let Some(text) = form.get("percent") {
        let percent: f64 = text
            .trim_end_matches('%')
            .trim()
            .parse()
            .map_err(|_| invalid("percent: must be a number, how many of a hundred"))?;
        let mut rule = json!({"on": "failure_rate", "percent": percent});
        for name in ["window_s", "least_runs"] {
            if let Some(number) = whole(form, name)? {
                rule[name] = json!(number);
            }
        }
        rules.push(rule);
    }
    if let Some(seconds) = whole(form, "over_s")? {
        rules.push(json!({"on": "backlog_age", "over_s": seconds}));
    }
    Ok(Value::Array(rules))
}

fn whole(form: &Fields, name: &str) -> Result<Option<u64>, ApiError> {
    let number = form.get(name).map(|text| text.trim().parse());
    number
        .transpose()
        .map_err(|_| invalid(&format!("{name}: must be a whole number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields_of(pairs: &[(&str, &str)]) -> Result<Wanted, String> {
        wanted(&Fields::of(pairs), None).map_err(|error| error.detail)
    }

    #[test]
    fn a_form_becomes_the_settings_of_the_api() {
        let form = [
            ("target", "slack"),
            ("url", " https://example.com/hook "),
            ("run_failed", "true"),
            ("percent", "20 %"),
            ("window_s", "300"),
            ("least_runs", ""),
            ("over_s", "90"),
            ("functions", "shop/*, billing/charge"),
            ("min_interval_s", ""),
        ];
        let wanted = fields_of(&form).expect("it is right");
        assert_eq!(wanted.made, None, "nobody signs");
        assert_eq!(
            Value::Object(wanted.fields),
            json!({
                "target": {"kind": "webhook", "url": "https://example.com/hook", "format": "slack"},
                "rules": [
                    {"on": "run_failed"}, {"on": "failure_rate", "percent": 20.0, "window_s": 300}, {"on": "backlog_age", "over_s": 90},
                ],
                "functions": ["shop/*", "billing/charge"],
            })
        );
        let command = [
            ("target", "command"),
            ("program", "/bin/page"),
            ("arguments", "--team\r\nops"),
        ];
        let wanted = fields_of(&command).expect("it is right");
        assert_eq!(
            wanted.fields["target"]["arguments"],
            json!(["--team", "ops"])
        );
    }

    #[test]
    fn a_secret_is_made_where_one_is_needed_and_none_is_given() {
        let signed = [("target", "standard"), ("url", "https://example.com/")];
        let wanted = fields_of(&signed).expect("it is right");
        assert_eq!(
            wanted.made.map(Value::from).as_ref(),
            wanted.fields.get("secret")
        );
        let given = [&signed[..], &[("secret", "whsec_mine")]].concat();
        let wanted = fields_of(&given).expect("it is right");
        assert_eq!(
            (wanted.made, &wanted.fields["secret"]),
            (None, &json!("whsec_mine"))
        );
    }

    #[test]
    fn what_is_no_number_is_refused_by_its_field() {
        for (name, text) in [
            ("over_s", "soon"),
            ("percent", "many"),
            ("min_interval_s", "-1"),
        ] {
            let refused = fields_of(&[("target", "slack"), (name, text)]).err();
            assert!(refused.is_some_and(|it| it.starts_with(name)), "{name}");
        }
        assert!(
            fields_of(&[("target", "keep")]).is_err(),
            "there is nobody to keep"
        );
    }
}
