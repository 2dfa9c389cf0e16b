//! Events: the ones that arrive, and the ones that a workflow sends.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bindings::types;
use crate::error::{Error, Result};
use crate::timestamp::Timestamp;

/// An event that arrived, its data read as a `T`. With `T = Value`, the default, any data fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event<T = Value> {
    /// The platform's id (a ULID), unless the sender gave one.
    pub id: String,
    /// What happened, by convention `domain/entity.action`.
    pub name: String,
    /// The payload.
    pub data: T,
    /// Who it concerns, if the sender said so.
    #[serde(default)]
    pub user: Option<Value>,
    /// When it happened.
    pub ts: Timestamp,
    /// The version of the payload's shape, if the sender gave one.
    #[serde(default, rename = "v")]
    pub version: Option<String>,
}

impl<T: DeserializeOwned> Event<T> {
    /// Reads the event that started a run. That its data are no `T` is an error that trying again cannot cure.
    #[track_caller]
    pub(crate) fn read(event: &types::Event) -> Result<Self> {
        let misfit = |part: &str, error: serde_json::Error| {
            let expected = std::any::type_name::<T>();
            let (name, id) = (&event.name, &event.id);
            let message = format!(
                "the {part} of event `{name}` ({id}) is not what the function expects (`{expected}`): {error}"
            );
            Error::non_retriable(message).named("InvalidEvent")
        };
        let user = event.user.as_deref().map(serde_json::from_str);
        Ok(Self {
            id: event.id.clone(),
            name: event.name.clone(),
            data: serde_json::from_str(&event.data).map_err(|error| misfit("data", error))?,
            user: user.transpose().map_err(|error| misfit("user", error))?,
            ts: Timestamp::from_millis(event.ts),
            version: event.v.clone(),
        })
    }
}

/// An event to be sent by [`Context::send_event`](crate::Context::send_event).
///
/// ```
/// use abide_sdk::NewEvent;
/// use serde_json::json;
///
/// let event = NewEvent::new("order/paid").data(&json!({"order_id": "o-7"})).id("paid-o-7");
/// ```
#[derive(Debug)]
#[must_use]
pub struct NewEvent {
    event: types::NewEvent,
    /// The first value that JSON could not express. It is reported when the event is sent.
    problem: Option<String>,
}

impl NewEvent {
    /// An event with this name (1 to 256 characters) and no data.
    pub fn new(name: impl Into<String>) -> Self {
        let event = types::NewEvent {
            id: None,
            name: name.into(),
            data: None,
            user: None,
            ts: None,
            v: None,
        };
        Self {
            event,
            problem: None,
        }
    }

    /// The payload: something that is an object in JSON.
    pub fn data(mut self, data: &(impl Serialize + ?Sized)) -> Self {
        self.event.data = self.json("data", data);
        self
    }

    /// Who it concerns: something that is an object in JSON.
    pub fn user(mut self, user: &(impl Serialize + ?Sized)) -> Self {
        self.event.user = self.json("user", user);
        self
    }

    /// A key that makes the event unique: for 24 hours a second event with the same key starts no function again.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.event.id = Some(id.into());
        self
    }

    /// When it happened. A time in the future delays the runs that the event starts. Default: now.
    pub fn ts(mut self, time: impl Into<Timestamp>) -> Self {
        self.event.ts = Some(time.into().as_millis());
        self
    }

    /// The version of the payload's shape.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.event.v = Some(version.into());
        self
    }

    fn json(&mut self, member: &str, value: &(impl Serialize + ?Sized)) -> Option<String> {
        match serde_json::to_string(value) {
            Ok(text) if text.starts_with('{') => return Some(text),
            Ok(_) => {
                self.problem = Some(format!(
                    "the {member} of event `{}` is not a JSON object",
                    self.event.name
                ));
            }
            Err(error) => {
                self.problem = Some(format!(
                    "the {member} of event `{}` cannot be written as JSON: {error}",
                    self.event.name
                ));
            }
        }
        None
    }

    pub(crate) fn build(self) -> std::result::Result<types::NewEvent, String> {
        self.problem.map_or(Ok(self.event), Err)
    }
}

impl From<&str> for NewEvent {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}
