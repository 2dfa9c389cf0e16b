//! The world outside the node: an HTTP service, and a model provider, that answer at once and note what they were asked.
//!
//! What it answers depends on the request and on the virtual time alone, so that a request that is performed again gets the same answer.

use std::sync::Arc;

use abide_host::{FetchError, Network};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value, json};

/// Where the service is.
pub const URL: &str = "http://service.test";

/// The key of the model provider, as the app's variable `AI_KEY` has it.
pub const AI_KEY: &str = "key-of-the-model";

/// See the [module](self). Clones are the same. It outlives the node.
#[derive(Clone, Default)]
pub struct Service(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    now_ms: u64,
    requests: Vec<String>,
    /// When `/flaky` was asked first.
    flaky_since_ms: Option<u64>,
}

impl Service {
    /// It is so late now: milliseconds since the Unix epoch.
    pub fn set_time(&self, now_ms: u64) {
        self.0.lock().now_ms = now_ms;
    }

    /// The requests so far, a line each.
    pub fn requests(&self) -> Vec<String> {
        self.0.lock().requests.clone()
    }

    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path().to_owned();
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let header = |name: &str| text_of(request.headers(), name);
        let mut state = self.0.lock();
        state
            .requests
            .push(format!("{} {}", request.method(), request.uri()));
        match (request.method(), path.as_str()) {
            (&Method::GET, "/ok") => {
                let mut answer = respond(200, &json!({"ok": true}).to_string());
                let service = HeaderValue::from_static("conformance");
                answer.headers_mut().insert("x-service", service);
                answer
            }
            (_, "/echo") => {
                let method = request.method().as_str();
                let seen =
                    json!({"method": method, "path": path, "key": header("x-key"), "body": body});
                respond(200, &seen.to_string())
            }
            (&Method::GET, "/flaky") => {
                let now_ms = state.now_ms;
                let since_ms = *state.flaky_since_ms.get_or_insert(now_ms);
                match now_ms - since_ms {
                    0..1_000 => respond(500, "down"),
                    1_000..2_000 => respond(503, "still down"),
                    _ => respond(200, &json!({"try": 3}).to_string()),
                }
            }
            (&Method::GET, "/broken") => respond(500, "broken"),
            (&Method::POST, "/v1/chat/completions") => {
                let asked: Value = serde_json::from_str(&body).unwrap_or_default();
                model(&asked, &header("authorization"))
            }
            _ => respond(404, "not here"),
        }
    }
}

/// Says hello to those who ask as a model is to be asked.
fn model(asked: &Value, authorization: &str) -> Response<Bytes> {
    let message = json!({"role": "user", "content": "hi"});
    let right = asked["model"] == "test-model" && asked["messages"] == json!([message]);
    if authorization != format!("Bearer {AI_KEY}") || !right {
        return respond(
            400,
            &format!("not as it should be: {authorization} {asked}"),
        );
    }
    let said = json!({"role": "assistant", "content": "hello"});
    respond(200, &json!({"choices": [{"message": said}]}).to_string())
}

fn text_of(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

fn respond(status: u16, body: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_owned()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    response
}

impl Network for Service {
    fn exchange(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'static, Result<Response<Bytes>, FetchError>> {
        let answer = self.answer(&request);
        async move { Ok(answer) }.boxed()
    }
}
