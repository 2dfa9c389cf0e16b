//! Sending an event by hand: a form that knows the schema of its event, where there is one.

use std::borrow::Cow;
use std::collections::BTreeSet;

use abide_core::Json;
use abide_core::event::NewEvent;
use abide_core::function::Trigger;
use abide_core::ids::EventId;
use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

use super::fields::{self, Field};
use crate::http::Api;
use crate::http::api::Params;
use crate::http::dashboard::forms::{self, Fields};
use crate::http::dashboard::visit::Visit;
use crate::http::dashboard::{Section, components as ui, paths};
use crate::http::error::{ApiError, PageError};
use crate::view::SchemaView;

/// Names that a form offers.
const MOST_NAMES: usize = 500;

/// What a form holds.
#[derive(Default)]
struct Typed {
    name: String,
    v: String,
    data: Option<String>,
    others: Vec<(String, String)>,
    /// Whether the data is typed as JSON although there is a schema.
    as_json: bool,
}

impl Typed {
    fn of(form: &Fields) -> Self {
        let text = |name: &str| form.raw(name).unwrap_or_default().to_owned();
        let others = form
            .pairs()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            name: text("name"),
            v: text("v"),
            data: form.raw("data").map(str::to_owned),
            others: others.collect(),
            as_json: form.raw("data").is_some(),
        }
    }

    fn field(&self, name: &str) -> Option<String> {
        let found = self.others.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.clone())
    }
}

/// The button of the list: name and data, and the way to the form that knows schemas.
pub(super) fn button(visit: &Visit, name: &str) -> Markup {
    if !visit.may_post(super::SEND) {
        return html! {};
    }
    let ask = ui::Ask {
        path: super::SEND,
        label: "Send an event",
        name: "send",
        grave: false,
        fields: &[],
    };
    ui::confirm(
        &ask,
        &html! {
            (ui::field("send-name", "Name", &html! {
                input #send-name type="text" name="name" value=(name) list="event-names" required placeholder="order/placed" autocomplete="off" spellcheck="false";
            }))
            (ui::field("send-data", "Data", &ui::area("send-data", "data", "{}", true)))
            p.small.dim { a href=(paths::with_query("/events/new", &[("name", name)])) { "A form made of the event's schema" } }
        },
    )
}

/// The names that functions listen for and schemas are of, to choose from.
pub(super) fn names(known: &[String]) -> Markup {
    html! {
        datalist #event-names {
            @for name in known { option value=(name) {} }
        }
    }
}

/// The names of events that functions listen for or schemas are of.
pub(super) async fn known_names(api: &Api) -> Result<Vec<String>, ApiError> {
    let mut names: BTreeSet<String> = api
        .schemas()
        .await?
        .into_iter()
        .map(|it| it.event)
        .collect();
    for app in api.apps().await? {
        for function in app.current.functions {
            names.extend(function.triggers.into_iter().filter_map(|it| match it {
                Trigger::Event(trigger) if !trigger.event.ends_with('*') => Some(trigger.event),
                Trigger::Event(_) | Trigger::Cron(_) | Trigger::FailureOf(_) => None,
            }));
        }
    }
    // Users cannot send the platform's, and what cannot be seen cannot be chosen.
    let of_users = |name: &String| {
        !["inngest/", "abide/"]
            .iter()
            .any(|own| name.starts_with(own))
            && matches!(ui::shown(name), Cow::Borrowed(_))
    };
    let users = names.into_iter().filter(of_users);
    Ok(users.take(MOST_NAMES).collect())
}

/// The form.
pub(in crate::http::dashboard) async fn form(
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let params = Params::parse(query.as_deref(), &["name", "v", "as"])?;
    let typed = Typed {
        name: params.get("name").unwrap_or_default().to_owned(),
        v: params.get("v").unwrap_or_default().to_owned(),
        as_json: params.get("as") == Some("json"),
        ..Typed::default()
    };
    page(&visit, &typed, None).await
}

/// The schema in force for this event.
async fn schema_of(api: &Api, typed: &Typed) -> Result<Option<SchemaView>, ApiError> {
    let v = (!typed.v.is_empty()).then_some(&*typed.v);
    let mut schemas = api.schemas().await?.into_iter();
    Ok(schemas.find(|it| it.in_force && it.event == typed.name && it.v.as_deref() == v))
}

async fn page(
    visit: &Visit,
    typed: &Typed,
    fault: Option<&ApiError>,
) -> Result<Response, PageError> {
    let schema = schema_of(&visit.api, typed).await?;
    let known = known_names(&visit.api).await?;
    let own = schema
        .as_ref()
        .and_then(|it| fields::of_schema(&it.schema.0));
    let content = html! {
        (ui::heading(&html! { "Send an event" }, &html! {}))
        @if let Some(fault) = fault {
            p.flash.refused role="alert" data-testid="fault" { (ui::shown(&fault.detail)) }
        }
        form.filter method="get" action="/events/new" data-testid="form-choose" {
            div.search {
                (ui::field("choose-name", "Name", &html! {
                    input #choose-name type="text" name="name" value=(typed.name) list="event-names" placeholder="order/placed" autocomplete="off" spellcheck="false";
                }))
            }
            (ui::field("choose-v", "Version", &ui::input("choose-v", "v", &typed.v, "none")))
            (names(&known))
            div.buttons { button type="submit" { "Take its schema" } }
        }
        section.panel-box {
            form.stack method="post" action=(super::SEND) data-testid="form-send" {
                input type="hidden" name="from" value="form";
                (ui::field("name", "Name", &html! {
                    input #name type="text" name="name" value=(typed.name) list="event-names" required placeholder="order/placed" autocomplete="off" spellcheck="false";
                }))
                @if !typed.v.is_empty() { input type="hidden" name="v" value=(typed.v); }
                (data(typed, own.as_deref()))
                div.buttons { button.primary type="submit" data-testid="button-send" { "Send" } }
            }
        }
        @if let Some(schema) = &schema {
            section.panel-box {
                h2 { "Its schema" }
                p.dim { (whose(schema)) }
                (ui::json("JSON Schema", &schema.schema.0, "/api/v1/schemas"))
            }
        } @else if !typed.name.is_empty() {
            p.dim { "No schema is in force for this name, so any object will do. " a href="/schemas" { "Schemas" } }
        }
    };
    let title = match typed.name.as_str() {
        "" => "Send an event".to_owned(),
        name => format!("Send {name}"),
    };
    let page = visit.page(Section::Events, &title);
    Ok(match fault {
        Some(fault) => page.status(fault.status).show(content),
        None => page.show(content),
    })
}

fn whose(schema: &SchemaView) -> Markup {
    html! {
        @match &schema.app {
            Some(app) => { "Described by the app " a href=(paths::app(app)) { bdi { (ui::shown(app)) } } "." }
            None => "Set by an operator.",
        }
    }
}

/// The fields for the data: those of the schema, or JSON.
fn data(typed: &Typed, own: Option<&[Field]>) -> Markup {
    let other = |form: &str| {
        paths::with_query(
            "/events/new",
            &[("name", &typed.name), ("v", &typed.v), ("as", form)],
        )
    };
    html! {
        @match own {
            Some(fields) if !typed.as_json => {
                (fields::render(fields, &|name| typed.field(name)))
                p.small.dim { a href=(other("json")) { "Type it as JSON instead" } }
            }
            _ => {
                @let sample = own.map_or_else(|| "{}".to_owned(), fields::sample);
                @let value = typed.data.clone().unwrap_or(sample);
                (ui::field("data", "Data", &ui::area("data", "data", &value, true)))
                @if own.is_some() { p.small.dim { a href=(other("")) { "A field for each property" } } }
            }
        }
    }
}

/// Sends what the form holds.
pub(in crate::http::dashboard) async fn send(
    visit: Visit,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let form = Fields::read(&visit, &headers, body).await?;
    let typed = Typed::of(&form);
    let data = match typed.data.clone() {
        Some(data) => Ok(data),
        None => match schema_of(&visit.api, &typed).await? {
            Some(schema) => {
                let own = fields::of_schema(&schema.schema.0).unwrap_or_default();
                fields::compose(&own, &|name| typed.field(name))
            }
            None => Ok("{}".to_owned()),
        },
    };
    let event = data.map(|data| NewEvent {
        name: typed.name.clone(),
        v: form.get("v").map(str::to_owned),
        data: json(&data),
        ..NewEvent::default()
    });
    let sent = match event {
        Ok(event) => send_one(&visit.api, event).await,
        Err(fault) => Err(ApiError::invalid("invalid_event", fault)),
    };
    match sent {
        Ok(id) => Ok(forms::done(
            &paths::event(id),
            format!("Sent as event {id}."),
        )),
        Err(error) if error.status.is_server_error() => Err(error.into()),
        // What was typed is not lost.
        Err(error) => {
            let mut response = page(&visit, &typed, Some(&error)).await?;
            response
                .extensions_mut()
                .insert(crate::http::gate::Ended(error.status));
            Ok(response)
        }
    }
}

/// Text that a form holds, where it is not empty. Whether it is an object is decided where events are accepted.
pub(in crate::http::dashboard) fn json(text: &str) -> Option<Json> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.into())
}

/// Sends one event.
pub(super) async fn send_one(api: &Api, event: NewEvent) -> Result<EventId, ApiError> {
    let ids = api.node.send_events(vec![event], None).await?;
    let id = ids.first().copied();
    id.ok_or_else(|| ApiError::internal("an event was accepted without an id"))
}
