//! A client of the HTTP API, for tests: statuses, headers and JSON as they come.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use reqwest::blocking::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::wait::{eventually, until};

/// How long one answer may take: deploying compiles.
const ANSWER: Duration = Duration::from_secs(300);

/// How long it may take until an event has started its run.
const STARTED: Duration = Duration::from_secs(180);

/// Statuses after which nothing more happens to a run.
const FINAL: [&str; 4] = ["Completed", "Failed", "Cancelled", "Skipped"];

/// A client of one server.
#[derive(Clone)]
pub struct Api {
    client: Client,
    base: String,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `content-type`, or nothing.
    pub content_type: String,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body as JSON, `null` if it is none.
    pub json: Value,
    /// The body as text.
    pub text: String,
}

impl Api {
    /// A client of the server at `base`.
    pub fn new(base: &str) -> Self {
        let client = Client::builder().no_proxy().timeout(ANSWER).build();
        Self {
            client: client.expect("a client needs nothing"),
            base: base.to_owned(),
        }
    }

    /// The same server, with this key and for this environment.
    #[must_use]
    pub fn with_key(&self, key: &str, environment: Option<&str>) -> Self {
        let mut headers = reqwest::header::HeaderMap::new();
        let bearer = format!("Bearer {key}");
        headers.insert("authorization", bearer.parse().expect("a header"));
        if let Some(name) = environment {
            headers.insert("x-abide-environment", name.parse().expect("a header"));
        }
        let client = Client::builder().no_proxy().timeout(ANSWER);
        Self {
            client: client
                .default_headers(headers)
                .build()
                .expect("a client needs nothing"),
            base: self.base.clone(),
        }
    }

    /// `GET PATH`.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, |request| request)
    }

    /// `POST PATH` with a JSON body.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, |request| request.json(body))
    }

    /// `DELETE PATH`.
    #[track_caller]
    pub fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, |request| request)
    }

    /// Any request.
    #[track_caller]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a method is a small constant at every call"
    )]
    pub fn call(
        &self,
        method: Method,
        path: &str,
        build: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Answer {
        match self.try_call(method.clone(), path, build) {
            Ok(answer) => answer,
            Err(error) => panic!("{method} {path}: {error:#}"),
        }
    }

    /// The body of `GET PATH` as it comes: for streams. It is open when this returns.
    #[track_caller]
    pub fn stream(&self, path: &str) -> impl BufRead + use<> {
        let response = self.client.get(format!("{}{path}", self.base)).send();
        let response = response.and_then(reqwest::blocking::Response::error_for_status);
        BufReader::new(response.unwrap_or_else(|error| panic!("{path}: {error:#}")))
    }

    /// Any request, for those who go on without an answer.
    pub fn try_call(
        &self,
        method: Method,
        path: &str,
        build: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> anyhow::Result<Answer> {
        let request = self.client.request(method, format!("{}{path}", self.base));
        let response = build(request).send()?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let content_type = headers
            .get("content-type")
            .and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let text = response.text()?;
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer {
            status,
            content_type,
            headers,
            json,
            text,
        })
    }

    /// Deploys a component as an app.
    #[track_caller]
    pub fn deploy(&self, app: &str, component: &Path, query: &str) -> Answer {
        let bytes = std::fs::read(component).expect("the component is there");
        self.deploy_bytes(app, bytes, query)
    }

    /// As [`Api::deploy`], from memory.
    #[track_caller]
    pub fn deploy_bytes(&self, app: &str, bytes: Vec<u8>, query: &str) -> Answer {
        let path = format!("/api/v1/apps/{app}{query}");
        self.call(Method::PUT, &path, |request| {
            request
                .header("content-type", "application/wasm")
                .body(bytes)
        })
    }

    /// Sends one event; gives its internal id.
    #[track_caller]
    pub fn send(&self, name: &str, data: &Value) -> String {
        self.send_event(&json!({"name": name, "data": data}))
    }

    /// Sends one whole event; gives its internal id.
    #[track_caller]
    pub fn send_event(&self, event: &Value) -> String {
        let answer = self.post("/e/test", event);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json["ids"][0]
            .as_str()
            .expect("an id for the event")
            .to_owned()
    }

    /// A run with its steps.
    #[track_caller]
    pub fn run(&self, run: &str) -> Value {
        let answer = self.get(&format!("/api/v1/runs/{run}"));
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json
    }

    /// The runs that an event has started so far.
    #[track_caller]
    pub fn runs_of(&self, event: &str) -> Vec<Value> {
        let answer = self.get(&format!("/api/v1/events/{event}"));
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json["runs"].as_array().cloned().unwrap_or_default()
    }

    /// The only run that an event starts, as soon as it exists.
    #[track_caller]
    pub fn run_of(&self, event: &str) -> String {
        let run = until("the event starts a run", STARTED, || {
            self.runs_of(event).into_iter().next()
        });
        run["run_id"].as_str().expect("runs have ids").to_owned()
    }

    /// The run once it has ended.
    #[track_caller]
    pub fn ended(&self, run: &str, within: Duration) -> Value {
        let found = eventually(within, || Some(self.run(run)).filter(is_over));
        match found {
            Some(found) => found,
            None => panic!(
                "the run {run} did not end within {within:?}: {:#}",
                self.run(run)
            ),
        }
    }

    /// Sends an event and gives the one run that it starts, once that has ended.
    #[track_caller]
    pub fn outcome(&self, name: &str, data: &Value, within: Duration) -> Value {
        let event = self.send(name, data);
        self.ended(&self.run_of(&event), within)
    }

    /// The log lines of a run.
    #[track_caller]
    pub fn logs(&self, run: &str) -> Vec<Value> {
        let answer = self.get(&format!("/api/v1/runs/{run}/logs"));
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json["data"].as_array().cloned().unwrap_or_default()
    }
}

fn is_over(run: &Value) -> bool {
    run["status"]
        .as_str()
        .is_some_and(|status| FINAL.contains(&status))
}
