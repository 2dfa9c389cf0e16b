//! *Schemas*: the shapes that events must have.

use abide_core::state::EventSchema;
use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

use super::forms::{self, Fields};
use super::visit::Visit;
use super::{Section, components as ui, paths};
use crate::http::error::{ApiError, PageError};
use crate::http::gate::Subject;
use crate::view::SchemaView;

const SET: &str = "/schemas/set";
const DELETE: &str = "/schemas/delete";

/// What a form begins with.
const SAMPLE: &str = "{\n  \"type\": \"object\",\n  \"required\": [\"id\"],\n  \"properties\": {\n    \"id\": { \"type\": \"integer\" }\n  }\n}";

/// The list.
pub(super) async fn list(visit: Visit) -> Result<Response, PageError> {
    let schemas = visit.api.schemas().await?;
    let content = html! {
        (ui::heading(&html! { "Schemas" }, &set_button(&visit)))
        p.dim { "An event that breaks the schema of its name is refused, with the path of the fault. One that an operator sets goes before those of apps." }
        @if schemas.is_empty() {
            (ui::empty("No schemas yet", &html! {
                p { "Events may hold any object. Set a schema to have them checked before they are stored:" }
            }, &["abide schemas set order/placed order.schema.json"]))
        } @else {
            @for (n, schema) in schemas.iter().enumerate() { (one(&visit, n, schema)) }
        }
    };
    Ok(visit.page(Section::Schemas, "Schemas").show(content))
}

fn one(visit: &Visit, n: usize, schema: &SchemaView) -> Markup {
    let v = schema.v.as_deref().unwrap_or_default();
    html! {
        section.panel-box data-testid="schema" data-event=(ui::shown(&schema.event)) {
            div.beside.spread {
                h2 {
                    bdi { (ui::shown(&schema.event)) }
                    @if !v.is_empty() { " " span.dim { "version " bdi { (ui::shown(v)) } } }
                }
                @if !schema.in_force { span.status.skipped { "not in force" } }
                a href=(paths::with_query("/events/new", &[("name", &schema.event), ("v", v)])) { "Send such an event" }
                @if schema.app.is_none() { (delete_button(visit, n, &schema.event, v)) }
            }
            p.dim {
                @match &schema.app {
                    Some(app) => { "Described by the app " a href=(paths::app(app)) { bdi { (ui::shown(app)) } } "." }
                    None => "Set by an operator.",
                }
            }
            (ui::json("JSON Schema", &schema.schema.0, "/api/v1/schemas"))
        }
    }
}

fn set_button(visit: &Visit) -> Markup {
    if !visit.may_post(SET) {
        return html! {};
    }
    let ask = ui::Ask {
        path: SET,
        label: "Set a schema",
        name: "set-schema",
        grave: false,
        fields: &[],
    };
    ui::confirm(
        &ask,
        &html! {
            (ui::field("schema-event", "Event", &html! {
                input #schema-event type="text" name="event" required placeholder="order/placed" autocomplete="off" spellcheck="false";
            }))
            (ui::field("schema-v", "Version", &ui::input("schema-v", "v", "", "none")))
            (ui::field("schema-text", "Schema", &ui::area("schema-text", "schema", SAMPLE, true)))
        },
    )
}

fn delete_button(visit: &Visit, n: usize, event: &str, v: &str) -> Markup {
    if !visit.may_post(DELETE) {
        return html! {};
    }
    let ask = ui::Ask {
        path: DELETE,
        label: "Delete",
        name: "delete-schema",
        grave: true,
        fields: &[("event", event), ("v", v)],
    };
    ui::confirm_of(
        &ask,
        &format!("-{n}"),
        &html! { p.dim { "Events of this name are then checked by the schema of an app that describes one, or not at all." } },
    )
}

fn named(form: &Fields) -> (String, Option<String>) {
    let event = form.get("event").unwrap_or_default().to_owned();
    (event, form.get("v").map(str::to_owned))
}

/// Sets one.
pub(super) async fn set(
    visit: Visit,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let form = Fields::read(&visit, &headers, body).await?;
    let (event, v) = named(&form);
    let text = form.get("schema").unwrap_or_default();
    let set = if abide_core::is_json(text) {
        let schema = EventSchema {
            event: event.clone(),
            v,
            schema: text.into(),
        };
        visit.api.put_schema(schema).await
    } else {
        let detail = "schema: must be a JSON Schema, as JSON";
        Err(ApiError::invalid("invalid_body", detail))
    };
    let set = set.map(|it| format!("Events named {} are checked from now on.", it.event));
    let mut response = forms::outcome("/schemas", set);
    response.extensions_mut().insert(Subject(event));
    Ok(response)
}

/// Removes one.
pub(super) async fn delete(
    visit: Visit,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let form = Fields::read(&visit, &headers, body).await?;
    let (event, v) = named(&form);
    let deleted = visit.api.delete_schema(event.clone(), v).await;
    let deleted = deleted.map(|()| format!("The schema of {event} is gone."));
    let mut response = forms::outcome("/schemas", deleted);
    response.extensions_mut().insert(Subject(event));
    Ok(response)
}
