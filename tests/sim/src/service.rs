//! The world outside: it notes every call of a body the moment it comes, and answers when, and as, the simulation wants.
//!
//! A call may be refused before it has an effect, answered with an error after it had one, or never answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use abide_host::{FetchError, Network};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::program::{Report, Reported};

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is answered as it asks for.
    Answered,
    /// It fails after its effect: a status of 503, or no answer.
    LostAfter,
    /// Nobody is there: no effect.
    Refused,
}

/// A call that waits for its answer.
pub struct Call {
    /// What was sent, if it is the report of a body.
    pub report: Option<Report>,
    /// The path and the body, for people.
    pub text: String,
    request: Value,
    reply: oneshot::Sender<Result<http::Response<Bytes>, FetchError>>,
}

/// The service. Clones are the same.
#[derive(Clone, Default)]
pub struct Service(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    calls: u64,
    arrived: Vec<(u64, Call)>,
    waiting: BTreeMap<u64, Call>,
}

impl Network for Service {
    fn exchange(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'static, Result<http::Response<Bytes>, FetchError>> {
        let (sender, receiver) = oneshot::channel();
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let value = serde_json::from_str(&body).unwrap_or_default();
        let call = Call {
            report: serde_json::from_str(&body).ok(),
            text: format!("{} {body}", request.uri().path()),
            request: value,
            reply: sender,
        };
        let mut state = self.0.lock();
        state.calls += 1;
        let number = state.calls;
        state.arrived.push((number, call));
        drop(state);
        async move {
            let gone = || FetchError::Connect("the service is gone".into());
            receiver.await.map_err(|_| gone())?
        }
        .boxed()
    }
}

impl Service {
    /// The calls that came since the last look.
    pub fn arrived(&self) -> Vec<(u64, Call)> {
        std::mem::take(&mut self.0.lock().arrived)
    }

    /// Keeps a call until it is answered.
    pub fn keep(&self, number: u64, call: Call) {
        self.0.lock().waiting.insert(number, call);
    }

    /// How many calls wait for their answers.
    pub fn waiting(&self) -> usize {
        self.0.lock().waiting.len()
    }

    /// Answers the waiting call at this place as it asked for, and says which that was.
    pub fn answer(&self, place: usize) -> Option<u64> {
        let mut state = self.0.lock();
        let number = *state.waiting.keys().nth(place)?;
        let call = state.waiting.remove(&number)?;
        drop(state);
        call.end(Fate::Answered);
        Some(number)
    }
}

impl Call {
    /// Whether whoever sent it still waits.
    pub fn is_open(&self) -> bool {
        !self.reply.is_closed()
    }

    /// Ends it.
    pub fn end(self, fate: Fate) {
        let answer = match fate {
            Fate::Answered => Ok(self.response()),
            Fate::LostAfter => Ok(response(503, &json!({"error": "the answer is lost"}))),
            Fate::Refused => Err(FetchError::Connect("nobody is there".into())),
        };
        // Whoever sent it has gone away.
        let _ = self.reply.send(answer);
    }

    fn response(&self) -> http::Response<Bytes> {
        let value = self.request["value"].clone();
        match &self.report {
            Some(_) => response(200, &json!(Reported { value })),
            None => {
                let status = self.request["status"].as_u64().unwrap_or(200);
                response(
                    u16::try_from(status).unwrap_or(200),
                    &json!({"value": value}),
                )
            }
        }
    }
}

fn response(status: u16, body: &Value) -> http::Response<Bytes> {
    let mut response = http::Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert("content-type", json);
    response
}
