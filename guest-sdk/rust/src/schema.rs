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

    /// A schema that describes the type `T`, for the data of events with exactly this name. Needs the feature `schemars` of this crate, and the crate of that name
    /// for the derive.
    ///
    /// ```
    /// use abide_sdk::prelude::*;
    ///
    /// #[derive(Deserialize, schemars::JsonSchema)]
    /// struct Order {
    ///     #[serde(rename = "orderId")]
    ///     order_id: String,
    ///     #[schemars(range(min = 0))]
    ///     total: f64,
    /// }
    ///
    /// EventSchema::of::<Order>("order/created");
    /// ```
    #[cfg(feature = "schemars")]
    pub fn of<T: schemars::JsonSchema>(event: impl Into<String>) -> Self {
        Self::new(event, schemars::schema_for!(T))
    }

    /// The schema applies to events with this `v`. Default: to those without one.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.0.options.v = Some(version.into());
        self
    }

    /// The schema for the host, or what is wrong with it.
    fn build(self) -> Result<types::EventSchema, String> {
        let event = self.0.options.event.clone();
        let built = self.0.finish().and_then(|it| match it.schema.as_str() {
            _ if it.event.is_empty() || it.event.contains('*') => {
                Err("it is for one event: the exact name is needed".to_owned())
            }
            "true" | "false" => Ok(it),
            object if object.starts_with('{') => Ok(it),
            _ => Err("it must be a JSON Schema: an object, `true` or `false`".to_owned()),
        });
        built.map_err(|problem| format!("the schema of event `{event}`: {problem}"))
    }
}

/// The schemas for the host, or everything that is wrong with them.
pub(crate) fn all(schemas: Vec<EventSchema>) -> Result<Vec<types::EventSchema>, String> {
    let (mut built, mut problems) = (Vec::<types::EventSchema>::new(), Vec::new());
    for schema in schemas {
        match schema.build() {
            Ok(it) if built.iter().any(|b| (&b.event, &b.v) == (&it.event, &it.v)) => {
                let version = it.v.map_or(String::new(), |v| format!(", version `{v}`"));
                problems.push(format!(
                    "the schema of event `{}`{version}: there are two of it",
                    it.event
                ));
            }
            Ok(it) => built.push(it),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(built)
    } else {
        Err(problems.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn versions_of_a_shape_live_side_by_side() {
        let schemas = vec![
            EventSchema::new("order/created", json!({"required": ["id"]})),
            EventSchema::new("order/created", json!(true)).version("2"),
        ];
        let built = all(schemas).unwrap();
        assert_eq!(built[0].schema, r#"{"required":["id"]}"#);
        assert_eq!((&built[0].v, built[1].v.as_deref()), (&None, Some("2")));
    }

    #[test]
    fn what_is_no_schema_is_refused_with_the_event() {
        let problem = all(vec![
            EventSchema::new("order/*", json!({})),
            EventSchema::new("order/created", "object"),
            EventSchema::new("order/paid", json!({})).version("2"),
            EventSchema::new("order/paid", json!({"type": "object"})).version("2"),
        ]);
        assert_eq!(
            problem.unwrap_err().split("; ").collect::<Vec<_>>(),
            [
                "the schema of event `order/*`: it is for one event: the exact name is needed",
                "the schema of event `order/created`: it must be a JSON Schema: an object, `true` or `false`",
                "the schema of event `order/paid`, version `2`: there are two of it",
            ]
        );
    }

    #[cfg(feature = "schemars")]
    #[test]
    fn a_type_describes_its_own_shape() {
        #[derive(schemars::JsonSchema)]
        #[allow(dead_code, reason = "only its shape counts")]
        struct Order {
            id: String,
            note: Option<String>,
        }
        let built = all(vec![EventSchema::of::<Order>("order/created")]).unwrap();
        let schema: serde_json::Value = serde_json::from_str(&built[0].schema).unwrap();
        assert_eq!(schema["required"], json!(["id"]));
        assert_eq!(
            schema["$schema"],
            "https://json-schema.org/draft/2020-12/schema"
        );
    }
}
