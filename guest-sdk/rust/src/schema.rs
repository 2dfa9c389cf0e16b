//! The shapes of events.

use serde::Serialize;

use crate::bindings::types;
use crate::operation::{Draft, to_json};

/// The shape of an event's data, as a JSON Schema (draft 2020-12 unless `$schema` says otherwise). For [`app!`](crate::app).
///
/// An event that breaks the schema of its name and version is refused, with the path of the fault, whoever sends it: then no function needs to expect it. Versions live
/// side by side, told apart by the event's `v`.
///
/// ```
/// use abide_sdk::prelude::*;
///
/// #[abide::function(id = "ship", on = "order/created")]
/// async fn ship(ctx: Context) -> Result<()> {
///     Ok(())
/// }
///
/// abide::app!(ship; schemas: [
///     EventSchema::new("order/created", json!({
///         "type": "object",
///         "required": ["orderId"],
///         "properties": {"orderId": {"type": "string"}, "total": {"type": "number", "minimum": 0}},
///     })),
///     EventSchema::new("order/created", json!({"type": "object", "required": ["id"]})).version("2"),
/// ]);
/// # fn main() {}
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct EventSchema(Draft<types::EventSchema>);

impl EventSchema {
    /// A schema for the data of events with exactly this name.
    pub fn new(event: impl Into<String>, schema: impl Serialize) -> Self {
        let mut draft = Draft::new(types::EventSchema {
            event: event.into(),
            v: None,
            schema: String::new(),
        });
        draft.set("schema", to_json(&schema), |it, schema| it.schema = schema);
        Self(draft)
    }

    /// The schema applies to events with this `v`. Default: to those without one.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.0.options.v = Some(version.into());
        self
    }

    /// The schema for the host, or what is wrong with it.
    pub(crate) fn build(self) -> Result<types::EventSchema, String> {
        let event = self.0.options.event.clone();
        let schema = self.0.finish();
        schema.map_err(|problem| format!("the schema of event `{event}`: {problem}"))
    }
}
