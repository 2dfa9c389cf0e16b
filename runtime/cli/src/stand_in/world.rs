//! The service's state, and the rules that hold for every route.

use std::collections::{HashMap, VecDeque};

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sha1::{Digest, Sha1};

use super::idempotency::{self, Answers};
use super::message::{Answer, Asked};
use super::routes::{self, Sent};
use super::text;

/// Entries of the log that are kept.
const MAX_LOG_ENTRIES: usize = 10_000;
/// Hex digits of the hash in an id.
const ID_HEX_DIGITS: usize = 12;

/// Everything that the service knows. It starts empty.
#[derive(Debug)]
pub(super) struct World {
    pub(super) base_url: String,
    pub(super) records: HashMap<(String, String), Map<String, Value>>,
    pub(super) exports: HashMap<String, String>,
    /// Requests that were put off, by idempotency key.
    pub(super) busy: HashMap<String, u32>,
    /// Requests that found a gateway down, by gateway.
    pub(super) down: HashMap<String, u32>,
    answers: Answers,
    log: VecDeque<Entry>,
    logged: u64,
}

/// Something that took effect.
#[derive(Debug, Serialize)]
struct Entry {
    n: u64,
    method: String,
    path: String,
    key: String,
    status: u16,
    body: Option<Box<RawValue>>,
}

impl World {
    /// An empty one, whose address is `base_url`.
    pub(super) fn new(base_url: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            records: HashMap::new(),
            exports: HashMap::new(),
            busy: HashMap::new(),
            down: HashMap::new(),
            answers: Answers::default(),
            log: VecDeque::new(),
            logged: 0,
        }
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, asked: &Asked<'_>) -> Answer {
        self.try_answer(asked).unwrap_or_else(|refused| refused)
    }

    fn try_answer(&mut self, asked: &Asked<'_>) -> Result<Answer, Answer> {
        let route = routes::find(asked.method, asked.path)?;
        let Some(body) = asked.body else {
            return Err(Answer::error(
                413,
                "too_large",
                "A request body has at most 1 MiB.",
            ));
        };
        if !route.has_effect() {
            return routes::look(self, &route, asked);
        }
        let key = idempotency::key(asked)?;
        if let Some(again) = self.answers.again(key, asked) {
            return Ok(again);
        }
        let json = parse(body)?;
        let sent = Sent {
            bytes: body,
            json: json.as_deref(),
        };
        let answer = routes::act(self, &route, key, sent).unwrap_or_else(|refused| refused);
        self.answers.remember(key, asked, &answer);
        if answer.is_success() {
            self.note(asked, key, answer.status, json);
        }
        Ok(answer)
    }

    fn note(&mut self, asked: &Asked<'_>, key: &str, status: u16, body: Option<Box<RawValue>>) {
        if self.log.len() >= MAX_LOG_ENTRIES {
            self.log.pop_front();
        }
        let (method, path) = (asked.method.to_owned(), asked.path.to_owned());
        self.log.push_back(Entry {
            n: self.logged,
            method,
            path,
            key: key.to_owned(),
            status,
            body,
        });
        self.logged += 1;
    }

    /// `GET /log`.
    pub(super) fn log(&self, query: &str) -> Result<Answer, Answer> {
        #[derive(Serialize)]
        struct Log<'a> {
            entries: Vec<&'a Entry>,
        }
        let prefix = text::parameter(query, "key_prefix")?.unwrap_or_default();
        let entries = self
            .log
            .iter()
            .filter(|entry| entry.key.starts_with(&prefix))
            .collect();
        let body = serde_json::to_string(&Log { entries })
            .map_err(|error| Answer::bad_request(error.to_string()))?;
        Ok(Answer {
            status: 200,
            body,
            headers: Vec::new(),
        })
    }
}

/// The id of something that this key creates: the same after a restart.
pub(super) fn id(prefix: &str, key: &str) -> String {
    use std::fmt::Write;
    let mut id = format!("{prefix}_");
    for byte in &Sha1::digest(key.as_bytes())[..ID_HEX_DIGITS / 2] {
        let _ = write!(id, "{byte:02x}");
    }
    id
}

fn parse(body: &[u8]) -> Result<Option<Box<RawValue>>, Answer> {
    if body.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(body)
        .map(Some)
        .map_err(|error| Answer::bad_request(format!("The body is not JSON: {error}.")))
}
