//! From a verified request to an event: its condition, its name, its data and its id.

use std::collections::BTreeMap;

use abide_core::Json;
use abide_core::event::NewEvent;
use abide_core::expr::{Expr, Scope, check_path, path_value};
use http::HeaderMap;
use serde_json::Value;
use serde_json::value::RawValue;

use super::settings::{InvalidSettings, Settings};
use super::template::Template;
use super::verify::{SVIX, standard_family};
use super::{Received, Rejection};

/// What expressions see.
const NAMES: [&str; 2] = ["body", "headers"];

/// Headers that are nobody's data: whoever can read events must not find keys in them.
const HIDDEN: [&str; 4] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-api-key",
];

/// The longest id of a delivery in characters: an event's id has room for 256, and begins with the webhook's name.
const MOST_ID_CHARS: usize = 180;

/// What makes an event of a request.
#[derive(Debug)]
pub(super) struct Transform {
    condition: Option<Expr>,
    challenge: Option<String>,
    name: Text,
    data: Data,
    id: Option<Text>,
}

#[derive(Debug)]
enum Text {
    Template(Template),
    Expr(Expr),
}

#[derive(Debug)]
enum Data {
    Body,
    Path(String),
    Expr(Expr),
}

/// A verified request as templates and expressions see it.
pub(super) struct Request<'r> {
    raw: &'r [u8],
    headers: BTreeMap<String, String>,
    scope: Scope,
}

impl Transform {
    /// Checks and compiles the settings' texts; what they leave open is the provider's usual.
    pub(super) fn compile(webhook: &str, settings: &Settings) -> Result<Self, InvalidSettings> {
        let name = settings.effective_name(webhook).ok_or_else(|| {
            InvalidSettings::new(
                "event_name",
                "a generic webhook needs one, for example `shop/{type}`",
            )
        })?;
        let id = settings.effective_id().ok_or_else(|| {
            InvalidSettings::new(
                "id",
                "a generic webhook needs one, for example `{id}`, `{header:x-request-id}` or `{body:sha256}`; `none` takes every request as a new one",
            )
        })?;
        let invalid = |field| move |invalid: String| InvalidSettings::new(field, invalid);
        let condition = settings.condition.as_deref();
        let condition = condition.map(|source| Expr::compile_condition_over(source, &NAMES));
        if let Some(path) = &settings.challenge {
            check_path(path).map_err(|error| invalid("challenge")(error.to_string()))?;
        }
        Ok(Self {
            condition: condition
                .transpose()
                .map_err(|error| invalid("if")(error.to_string()))?,
            challenge: settings.challenge.clone(),
            name: Text::compile(&name).map_err(invalid("event_name"))?,
            data: Data::compile(settings.data.as_deref()).map_err(invalid("data"))?,
            id: match id {
                "none" => None,
                id => Some(Text::compile(id).map_err(invalid("id"))?),
            },
        })
    }

    /// What the request is. `text` is its body as JSON.
    pub(super) fn apply(
        &self,
        webhook: &str,
        headers: &HeaderMap,
        raw: &[u8],
        text: &str,
    ) -> Result<Received, Rejection> {
        let request = Request::new(headers, raw, text)?;
        let unmapped = |field| move |problem: String| Rejection::Unmapped { field, problem };
        let challenge = self.challenge.as_ref();
        if let Some(Value::String(challenge)) = challenge.and_then(|path| request.at(path)) {
            return Ok(Received::Challenge(challenge.clone()));
        }
        if let Some(condition) = &self.condition {
            let holds = condition.matches(&request.scope, None);
            if !holds.map_err(|error| unmapped("if")(error.to_string()))? {
                return Ok(Received::LeftOut);
            }
        }
        let delivery = match &self.id {
            Some(id) => Some(
                id.fill(&request)
                    .and_then(checked)
                    .map_err(unmapped("id"))?,
            ),
            None => None,
        };
        let event = NewEvent {
            id: delivery.as_ref().map(|id| format!("{webhook}:{id}")),
            name: self.name.fill(&request).map_err(unmapped("event_name"))?,
            data: Some(self.data.of(&request, text).map_err(unmapped("data"))?),
            ..NewEvent::default()
        };
        Ok(Received::Event { event, delivery })
    }
}

fn checked(id: String) -> Result<String, String> {
    match id.chars().count() {
        1..=MOST_ID_CHARS => Ok(id),
        count => Err(format!(
            "the id of the delivery has {count} characters; it must have 1 to {MOST_ID_CHARS}"
        )),
    }
}

impl Text {
    fn compile(text: &str) -> Result<Self, String> {
        match text.strip_prefix("cel:") {
            Some(source) => Ok(Self::Expr(expr(source)?)),
            None => Template::parse(text).map(Self::Template),
        }
    }

    fn fill(&self, request: &Request<'_>) -> Result<String, String> {
        match self {
            Self::Template(template) => template.fill(request),
            Self::Expr(expr) => {
                let value = expr.value(&request.scope, None);
                let value = value.map_err(|error| error.to_string())?;
                plain(&value).ok_or_else(|| "the expression gives no text or number".into())
            }
        }
    }
}

impl Data {
    fn compile(text: Option<&str>) -> Result<Self, String> {
        let Some(text) = text else {
            return Ok(Self::Body);
        };
        match text.strip_prefix("cel:") {
            Some(source) => Ok(Self::Expr(expr(source)?)),
            None => match check_path(text) {
                Ok(()) => Ok(Self::Path(text.to_owned())),
                Err(invalid) => Err(invalid.to_string()),
            },
        }
    }

    /// The data: numbers stay as they were written. An event's data is an object; what is none becomes one.
    fn of(&self, request: &Request<'_>, body: &str) -> Result<Json, String> {
        let text = match self {
            Self::Body => body.to_owned(),
            Self::Path(path) => raw_at(body, path)
                .ok_or_else(|| format!("the body has nothing at `{path}`"))?
                .to_owned(),
            Self::Expr(expr) => {
                let value = expr.value(&request.scope, None);
                value.map_err(|error| error.to_string())?.to_string()
            }
        };
        if text.starts_with('{') {
            return Ok(text.into());
        }
        Ok(format!("{{\"value\":{text}}}").into())
    }
}

fn expr(source: &str) -> Result<Expr, String> {
    Expr::compile_over(source, &NAMES).map_err(|error| error.to_string())
}

/// The text at a path of a JSON text, as it stands there.
fn raw_at<'t>(text: &'t str, path: &str) -> Option<&'t str> {
    path.split('.').try_fold(text, |text, segment| {
        let raw: &RawValue = match text.as_bytes().first()? {
            b'{' => {
                let fields: BTreeMap<String, &'t RawValue> = serde_json::from_str(text).ok()?;
                fields.get(segment).copied()?
            }
            b'[' if segment.bytes().all(|byte| byte.is_ascii_digit()) => {
                let items: Vec<&'t RawValue> = serde_json::from_str(text).ok()?;
                items.get(segment.parse::<usize>().ok()?).copied()?
            }
            _ => return None,
        };
        Some(raw.get())
    })
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

impl<'r> Request<'r> {
    fn new(headers: &HeaderMap, raw: &'r [u8], text: &str) -> Result<Self, Rejection> {
        let headers = visible(headers);
        let unreadable = |error| Rejection::UnreadableBody(format!("JSON: {error}"));
        let names = serde_json::to_string(&headers).map_err(unreadable)?;
        let scope = Scope::parse(&format!("{{\"headers\":{names},\"body\":{text}}}"));
        Ok(Self {
            raw,
            headers,
            scope: scope.map_err(unreadable)?,
        })
    }

    fn at(&self, path: &str) -> Option<&Value> {
        path_value(&self.scope, &format!("body.{path}"))
    }

    /// The text, number or boolean at a path of the body.
    pub(super) fn text_at(&self, path: &str) -> Option<String> {
        self.at(path).and_then(plain)
    }

    /// A header by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The SHA-256 of the body as it came, in hexadecimal digits.
    pub(super) fn body_sha256(&self) -> String {
        hex::encode(ring::digest::digest(&ring::digest::SHA256, self.raw))
    }
}

/// The headers that are text, without those that hold keys. Those of Svix are there under the names of Standard Webhooks too.
fn visible(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut visible: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let name = name.as_str();
        let hidden = HIDDEN.contains(&name) || name.ends_with("-signature");
        let Some(value) = value.to_str().ok().filter(|_| !hidden) else {
            continue;
        };
        visible
            .entry(name.to_owned())
            .and_modify(|text| {
                text.push_str(", ");
                text.push_str(value);
            })
            .or_insert_with(|| value.to_owned());
    }
    if standard_family(headers) == SVIX {
        // The signed ones, whatever else is called so.
        for part in ["id", "timestamp"] {
            if let Some(value) = visible.get(&format!("{SVIX}-{part}")).cloned() {
                visible.insert(format!("webhook-{part}"), value);
            }
        }
    }
    visible
}
