//! Schemas of events.

use abide_core::state::EventSchema;
use serde::Serialize;
use utoipa::ToSchema;

use super::value::Embedded;

/// A schema, and who set it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = EventSchema)]
pub(crate) struct SchemaView {
    pub(crate) event: String,
    /// It applies to events with this `v`; to those without one if absent.
    pub(crate) v: Option<String>,
    /// `operator`, whose schema goes before those of apps, or `app`.
    pub(crate) source: &'static str,
    pub(crate) app: Option<String>,
    /// Whether events are checked by it.
    pub(crate) in_force: bool,
    pub(crate) schema: Embedded,
}

impl SchemaView {
    /// Of one that an operator set.
    pub(crate) fn of_operator(schema: &EventSchema) -> Self {
        Self {
            event: schema.event.clone(),
            v: schema.v.clone(),
            source: "operator",
            app: None,
            in_force: true,
            schema: Embedded(schema.schema.clone()),
        }
    }

    /// Of one that an app describes.
    pub(crate) fn of_app(app: &str, schema: &EventSchema, in_force: bool) -> Self {
        Self {
            source: "app",
            app: Some(app.to_owned()),
            in_force,
            ..Self::of_operator(schema)
        }
    }

    /// Whether it is for this event, and for this `v` if one is given.
    pub(crate) fn is_for(&self, event: &str, v: Option<&str>) -> bool {
        self.event == event && v.is_none_or(|v| self.v.as_deref() == Some(v))
    }
}
