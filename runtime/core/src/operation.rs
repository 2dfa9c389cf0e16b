//! Operations: what a workflow can ask for. The Rust form of `wit/types.wit`, which documents every field for authors.

use std::hash::Hash;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3Default;

use crate::event::NewEvent;
use crate::limits::{Limits, MAX_NAME_CHARS, MAX_WAIT_MS};
use crate::retry::{Backoff, MAX_RETRIES};
use crate::{HOUR_MS, Json, MINUTE_MS, YEAR_MS, is_json, is_json_object};

/// One operation with its options. Durations and times in milliseconds.
#[derive(Debug, Clone, PartialEq, Hash, Serialize, Deserialize)]
pub enum Operation {
    /// A step whose body the guest executes.
    Run(RunOptions),
    /// Wait this long.
    Sleep(u64),
    /// Wait until this time.
    SleepUntil(u64),
    /// Wait for an event.
    WaitForEvent(WaitForEvent),
    /// Wait for a signal.
    WaitForSignal(WaitForSignal),
    /// Append events.
    SendEvents(Vec<NewEvent>),
    /// Send a signal.
    SendSignal(SendSignal),
    /// Start another function and wait for its result.
    Invoke(Invoke),
    /// An HTTP request by the host.
    Fetch(Fetch),
    /// A model request by the host.
    AiInfer(AiInfer),
}

/// Options of a `run`.
#[derive(Debug, Clone, Default, PartialEq, Hash, Serialize, Deserialize)]
pub struct RunOptions {
    /// Retries, 0 to 20.
    pub retries: Option<u32>,
    /// Longest attempt.
    pub timeout_ms: Option<u64>,
    /// The schedule of retries.
    pub backoff: Option<Backoff>,
    /// What the step works on: for operators to see.
    pub input: Option<Json>,
}

/// Options of a `wait-for-event`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WaitForEvent {
    /// The exact name.
    pub event: String,
    /// How long to wait.
    pub timeout_ms: u64,
    /// CEL over `event` and `async`.
    pub if_expr: Option<String>,
    /// Dotted path that must be equal in both events.
    pub match_path: Option<String>,
    /// How far back to look.
    pub lookback_ms: u64,
}

/// Options of a `wait-for-signal`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WaitForSignal {
    /// The signal's name.
    pub signal: String,
    /// How long to wait.
    pub timeout_ms: u64,
    /// Whether to take the place of a run that waits already.
    pub replace: bool,
}

/// Options of a `send-signal`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SendSignal {
    /// The signal's name.
    pub signal: String,
    /// What the waiting run receives.
    pub data: Option<Json>,
    /// How long it is kept when nobody waits; 1 hour unless given.
    pub ttl_ms: Option<u64>,
}

impl SendSignal {
    /// How long it is kept when nobody waits.
    pub fn ttl_ms(&self) -> u64 {
        self.ttl_ms.unwrap_or(HOUR_MS)
    }
}

/// Options of an `invoke`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Invoke {
    /// `function` or `app/function`.
    pub function: String,
    /// A JSON object.
    pub data: Option<Json>,
    /// How long to wait; 1 year unless given.
    pub timeout_ms: Option<u64>,
}

impl Invoke {
    /// How long to wait for the result.
    pub fn timeout_ms(&self) -> u64 {
        self.timeout_ms.unwrap_or(YEAR_MS)
    }
}

/// Options of a `fetch`.
#[derive(Debug, Clone, PartialEq, Hash, Serialize, Deserialize)]
pub struct Fetch {
    /// The HTTP method.
    pub method: String,
    /// Absolute, `http` or `https`.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body as it is sent.
    pub body: Option<Vec<u8>>,
    /// Longest attempt; 5 minutes unless given.
    pub timeout_ms: Option<u64>,
    /// Retries, 0 to 20.
    pub retries: Option<u32>,
    /// The schedule of retries.
    pub backoff: Option<Backoff>,
}

impl Fetch {
    /// The longest that one attempt may take.
    pub fn timeout_ms(&self) -> u64 {
        self.timeout_ms.unwrap_or(5 * MINUTE_MS)
    }
}

/// A provider's form of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AiFormat {
    /// `chat/completions`
    OpenAiChat,
    /// `messages`
    Anthropic,
    /// `generateContent`
    Gemini,
}

/// Options of an `ai-infer`.
#[derive(Debug, Clone, PartialEq, Hash, Serialize, Deserialize)]
pub struct AiInfer {
    /// Which form.
    pub format: AiFormat,
    /// The model's name.
    pub model: String,
    /// The provider's base URL.
    pub url: Option<String>,
    /// The configured variable that holds the key.
    pub key_variable: Option<String>,
    /// The request body: a JSON object.
    pub body: Json,
    /// Longest attempt; 10 minutes unless given.
    pub timeout_ms: Option<u64>,
    /// Retries, 0 to 20.
    pub retries: Option<u32>,
}

impl AiInfer {
    /// The longest that one attempt may take.
    pub fn timeout_ms(&self) -> u64 {
        self.timeout_ms.unwrap_or(10 * MINUTE_MS)
    }
}

/// What kind of operation it is: what the journal keeps of it beside its id and digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// See [`Operation::Run`].
    Run,
    /// See [`Operation::Sleep`].
    Sleep,
    /// See [`Operation::SleepUntil`].
    SleepUntil,
    /// See [`Operation::WaitForEvent`].
    WaitForEvent,
    /// See [`Operation::WaitForSignal`].
    WaitForSignal,
    /// See [`Operation::SendEvents`].
    SendEvents,
    /// See [`Operation::SendSignal`].
    SendSignal,
    /// See [`Operation::Invoke`].
    Invoke,
    /// See [`Operation::Fetch`].
    Fetch,
    /// See [`Operation::AiInfer`].
    AiInfer,
}

impl Kind {
    /// Its name in `wit/`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Sleep => "sleep",
            Self::SleepUntil => "sleep-until",
            Self::WaitForEvent => "wait-for-event",
            Self::WaitForSignal => "wait-for-signal",
            Self::SendEvents => "send-events",
            Self::SendSignal => "send-signal",
            Self::Invoke => "invoke",
            Self::Fetch => "fetch",
            Self::AiInfer => "ai-infer",
        }
    }

    /// Whether something is executed for it: a body of the guest's, or a request of the host's. The others only wait, or are over at once.
    pub fn executes(self) -> bool {
        match self {
            Self::Run | Self::Fetch | Self::AiInfer => true,
            Self::Sleep
            | Self::SleepUntil
            | Self::WaitForEvent
            | Self::WaitForSignal
            | Self::SendEvents
            | Self::SendSignal
            | Self::Invoke => false,
        }
    }
}

impl Operation {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Run(_) => Kind::Run,
            Self::Sleep(_) => Kind::Sleep,
            Self::SleepUntil(_) => Kind::SleepUntil,
            Self::WaitForEvent(_) => Kind::WaitForEvent,
            Self::WaitForSignal(_) => Kind::WaitForSignal,
            Self::SendEvents(_) => Kind::SendEvents,
            Self::SendSignal(_) => Kind::SendSignal,
            Self::Invoke(_) => Kind::Invoke,
            Self::Fetch(_) => Kind::Fetch,
            Self::AiInfer(_) => Kind::AiInfer,
        }
    }

    /// A 64-bit hash of the kind and all options: XXH3 over their fields in order.
    pub fn digest(&self) -> u64 {
        let mut hasher = StableHasher(Xxh3Default::new());
        self.hash(&mut hasher);
        hasher.0.digest()
    }

    /// What an operator sees of the options, and what a determinism error compares: at most 200 characters.
    pub fn summary(&self) -> String {
        let text = match self {
            Self::Run(options) => match options.retries {
                Some(retries) => format!("retries={retries}"),
                None => String::new(),
            },
            Self::Sleep(ms) => format!("{ms} ms"),
            Self::SleepUntil(ms) => format!("until {ms}"),
            Self::WaitForEvent(wait) => {
                let mut text = format!("event={} timeout={} ms", wait.event, wait.timeout_ms);
                if let Some(path) = &wait.match_path {
                    text.push_str(" match=");
                    text.push_str(path);
                }
                if let Some(expr) = &wait.if_expr {
                    text.push_str(" if=");
                    text.push_str(expr);
                }
                text
            }
            Self::WaitForSignal(wait) => {
                format!("signal={} timeout={} ms", wait.signal, wait.timeout_ms)
            }
            Self::SendEvents(events) => {
                let names: Vec<_> = events.iter().take(4).map(|e| e.name.as_str()).collect();
                format!("{} events: {}", events.len(), names.join(", "))
            }
            Self::SendSignal(signal) => format!("signal={}", signal.signal),
            Self::Invoke(invoke) => format!("function={}", invoke.function),
            // The query of a URL often holds a secret.
            Self::Fetch(fetch) => {
                let url = fetch.url.split(['?', '#']).next().unwrap_or_default();
                format!("{} {url}", fetch.method)
            }
            Self::AiInfer(infer) => format!("{:?} {}", infer.format, infer.model),
        };
        text.chars().take(200).collect()
    }

    /// What is wrong with the operation, if anything is: a sentence that names the field.
    pub fn fault(&self, id: &str, limits: &Limits) -> Option<String> {
        let chars = id.chars().count();
        if chars == 0 || chars > MAX_NAME_CHARS {
            return Some(format!(
                "a step id must have 1 to {MAX_NAME_CHARS} characters, this one has {chars}"
            ));
        }
        match self {
            Self::Run(options) => retry_fault(options.retries, options.backoff.as_ref())
                .or_else(|| json_fault("input", options.input.as_ref(), limits)),
            Self::Sleep(ms) => wait_fault("the duration", *ms),
            Self::SleepUntil(_) => None,
            Self::WaitForEvent(wait) => wait_fault("timeout", wait.timeout_ms)
                .or_else(|| wait_fault("lookback", wait.lookback_ms))
                .or_else(|| name_fault("event", &wait.event))
                .or_else(|| {
                    (wait.if_expr.is_some() && wait.match_path.is_some())
                        .then(|| "`if` and `match` exclude each other; give one of them".into())
                })
                .or_else(|| {
                    let fault = crate::expr::check_path(wait.match_path.as_deref()?).err()?;
                    Some(format!("match: {fault}"))
                })
                .or_else(|| {
                    let expr = wait.if_expr.as_ref()?;
                    let fault = crate::expr::Expr::compile(expr).err()?;
                    Some(format!("if: {fault}"))
                }),
            Self::WaitForSignal(wait) => wait_fault("timeout", wait.timeout_ms)
                .or_else(|| name_fault("signal", &wait.signal)),
            Self::SendEvents(events) => send_fault(events, limits),
            Self::SendSignal(signal) => name_fault("signal", &signal.signal)
                .or_else(|| wait_fault("ttl", signal.ttl_ms()))
                .or_else(|| json_fault("data", signal.data.as_ref(), limits)),
            Self::Invoke(invoke) => wait_fault("timeout", invoke.timeout_ms())
                .or_else(|| name_fault("function", &invoke.function))
                .or_else(|| {
                    let data = invoke.data.as_ref()?;
                    (!is_json_object(data)).then(|| "data: must be a JSON object".into())
                })
                .or_else(|| json_fault("data", invoke.data.as_ref(), limits)),
            Self::Fetch(fetch) => retry_fault(fetch.retries, fetch.backoff.as_ref())
                .or_else(|| wait_fault("timeout", fetch.timeout_ms()))
                .or_else(|| url_fault(&fetch.url))
                .or_else(|| {
                    let bytes = fetch.body.as_ref()?.len();
                    (bytes > limits.step_result_bytes).then(|| {
                        format!(
                            "body: has {bytes} bytes, more than {}",
                            limits.step_result_bytes
                        )
                    })
                }),
            Self::AiInfer(infer) => retry_fault(infer.retries, None)
                .or_else(|| wait_fault("timeout", infer.timeout_ms()))
                .or_else(|| infer.url.as_deref().and_then(url_fault))
                .or_else(|| name_fault("model", &infer.model))
                .or_else(|| {
                    (!is_json_object(&infer.body)).then(|| "body: must be a JSON object".into())
                })
                .or_else(|| json_fault("body", Some(&infer.body), limits)),
        }
    }
}

fn wait_fault(field: &str, ms: u64) -> Option<String> {
    (ms > MAX_WAIT_MS).then(|| format!("{field}: {ms} ms is longer than the limit of 366 days"))
}

fn name_fault(field: &str, name: &str) -> Option<String> {
    let chars = name.chars().count();
    (chars == 0 || chars > MAX_NAME_CHARS)
        .then(|| format!("{field}: must have 1 to {MAX_NAME_CHARS} characters, has {chars}"))
}

fn retry_fault(retries: Option<u32>, backoff: Option<&Backoff>) -> Option<String> {
    match retries {
        Some(retries) if retries > MAX_RETRIES => Some(format!(
            "retries: {retries} is more than the limit of {MAX_RETRIES}"
        )),
        _ => backoff.and_then(Backoff::fault),
    }
}

fn json_fault(field: &str, json: Option<&Json>, limits: &Limits) -> Option<String> {
    let json = json?;
    if json.len() > limits.step_result_bytes {
        let limit = limits.step_result_bytes;
        return Some(format!(
            "{field}: has {} bytes, more than {limit}",
            json.len()
        ));
    }
    (!is_json(json)).then(|| format!("{field}: is not valid JSON"))
}

fn url_fault(url: &str) -> Option<String> {
    let known = ["http://", "https://"]
        .iter()
        .any(|scheme| url.starts_with(scheme));
    (!known).then(|| "url: must be absolute and begin with http:// or https://".into())
}

fn send_fault(events: &[NewEvent], limits: &Limits) -> Option<String> {
    if events.is_empty() || events.len() > limits.events_per_request {
        return Some(format!(
            "1 to {} events can be sent at once, these are {}",
            limits.events_per_request,
            events.len()
        ));
    }
    events.iter().enumerate().find_map(|(index, event)| {
        let fault = event.validate(limits).err()?;
        Some(format!("event {index}: {fault}"))
    })
}

/// Feeds XXH3 with bytes that do not depend on the machine: integers little-endian, lengths as 64 bits.
struct StableHasher(Xxh3Default);

impl std::hash::Hasher for StableHasher {
    fn finish(&self) -> u64 {
        self.0.digest()
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
    fn write_u16(&mut self, i: u16) {
        self.0.update(&i.to_le_bytes());
    }
    fn write_u32(&mut self, i: u32) {
        self.0.update(&i.to_le_bytes());
    }
    fn write_u64(&mut self, i: u64) {
        self.0.update(&i.to_le_bytes());
    }
    fn write_usize(&mut self, i: usize) {
        self.0.update(&(i as u64).to_le_bytes());
    }
    fn write_isize(&mut self, i: isize) {
        self.0.update(&(i as i64).to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_tell_options_apart_and_never_change() {
        let sleep = Operation::Sleep(1_000);
        assert_eq!(sleep.digest(), Operation::Sleep(1_000).digest());
        assert_ne!(sleep.digest(), Operation::Sleep(1_001).digest());
        assert_ne!(sleep.digest(), Operation::SleepUntil(1_000).digest());
    }

    #[test]
    fn faults_name_the_field() {
        let limits = Limits::default();
        let fault = |op: Operation| op.fault("s", &limits).unwrap_or_default();
        assert!(fault(Operation::Sleep(MAX_WAIT_MS + 1)).contains("366 days"));
        assert!(fault(Operation::SendEvents(vec![])).contains("1 to 5000"));
        let event = NewEvent {
            name: "inngest/x".into(),
            ..NewEvent::default()
        };
        assert!(fault(Operation::SendEvents(vec![event])).starts_with("event 0: name:"));
        assert!(Operation::Sleep(1).fault("", &limits).is_some());
        assert!(
            Operation::Sleep(1)
                .fault(&"é".repeat(256), &limits)
                .is_none()
        );
    }
}
