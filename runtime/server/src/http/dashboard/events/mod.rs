//! *Events*: what came in, newest first; sending one by hand.

mod fields;
mod one;
mod send;

use abide_core::event::Event;
use abide_core::ids::EventId;
use axum::extract::RawQuery;
use axum::response::Response;
use maud::{Markup, html};

use super::visit::Visit;
use super::{Section, components as ui, paths};
use crate::http::Api;
use crate::http::api::Params;
use crate::http::error::{ApiError, PageError};
use crate::http::page::Wanted;
use crate::view::{EventView, Time};
pub(super) use one::{resend, show};
pub(super) use send::{form as new, json, send};

/// The pattern that sends an event.
const SEND: &str = "/events/send";

/// The longest piece of a payload in the list, in characters.
const PIECE: usize = 120;

/// The list.
pub(super) async fn list(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, PageError> {
    let params = Params::parse(query.as_deref(), &["name", "limit", "cursor"])?;
    let wanted = Wanted::<EventId>::parse(params.get("limit"), params.get("cursor"))?;
    let name = params.get("name").unwrap_or_default();
    let api = &visit.api;
    let filtered = (!name.is_empty()).then(|| name.to_owned());
    let page = api.list_events(filtered, wanted).await?;
    let known = send::known_names(api).await?;
    let started = started(api, &page.items).await?;
    let first = params.get("cursor").is_some();
    let first = first.then(|| paths::with_query("/events", &[("name", name)]));
    let next = page
        .next
        .map(|id| paths::with_query("/events", &[("name", name), ("cursor", &id.to_string())]));
    let content = html! {
        (ui::heading(&html! { "Events" }, &send::button(&visit, name)))
        (filter(name, &known))
        #events data-live {
            @if page.items.is_empty() {
                (nothing(name, page.next.is_some()))
            } @else {
                (table(&page.items, &started, visit.now_ms))
            }
            (ui::pager(first.as_deref(), next.as_deref()))
        }
    };
    let page = visit.page(Section::Events, "Events");
    // A page of the past does not change by what is new.
    let page = match params.get("cursor") {
        Some(_) => page,
        None => page.live("events"),
    };
    Ok(page.show(content))
}

fn filter(name: &str, known: &[String]) -> Markup {
    html! {
        form.filter method="get" action="/events" role="search" aria-label="Filter events" data-testid="form-filter" {
            div.search {
                (ui::field("name", "Name", &html! {
                    input #name type="search" name="name" value=(name) list="event-names" data-search
                        placeholder="order/placed" autocomplete="off" spellcheck="false";
                }))
            }
            (send::names(known))
            div.buttons {
                button type="submit" data-testid="button-filter" { "Filter" }
                @if !name.is_empty() { a.button.quiet href="/events" { "Clear" } }
            }
        }
    }
}

/// How many runs each event started, or will be part of.
async fn started(api: &Api, events: &[Event]) -> Result<Vec<usize>, ApiError> {
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    api.read(move |view| {
        let mut started = Vec::new();
        for id in ids {
            started.push(view.event_runs(id)?.len());
        }
        Ok(started)
    })
    .await
}

fn table(events: &[Event], started: &[usize], now_ms: u64) -> Markup {
    let columns = [
        ("Event", "grow"),
        ("Id", "wide"),
        ("From", "wide"),
        ("Runs", "number"),
        ("Received", ""),
    ];
    let rows = html! {
        @for (event, started) in events.iter().zip(started) { (row(event, *started, now_ms)) }
    };
    ui::table("Events", &columns, &rows)
}

fn row(event: &Event, started: usize, now_ms: u64) -> Markup {
    let path = paths::event(event.id);
    let piece: String = event.data.chars().take(PIECE).collect();
    html! {
        tr data-testid="event-row" data-event-id=(event.id) {
            td.grow {
                a.main href=(path) { bdi { (ui::shown(&event.name)) } }
                @if &*event.data != "{}" { span.note.mono { bdi { (ui::shown(&piece)) } } }
            }
            td.wide { a href=(path) tabindex="-1" { (ui::short(event.id)) } }
            td.wide { (source(&EventView::from(event))) }
            td.number {
                @if started == 0 {
                    span.dim { "none" }
                } @else {
                    a href=(paths::with_query("/runs", &[("event", &event.id.to_string())])) { (started) }
                }
            }
            td { (ui::time(Time(event.received_ms), now_ms)) }
        }
    }
}

/// Where an event came from.
fn source(event: &EventView) -> Markup {
    html! {
        @match event.sent_by_run_id {
            Some(run) => { a href=(paths::run(run)) { "run " (ui::short(run)) } }
            None => (event.source),
        }
    }
}

/// What stands where no event is.
fn nothing(name: &str, more: bool) -> Markup {
    if more {
        return ui::empty(
            "None among those that were looked at",
            &html! { p { "None of the newest events has this name. There are older ones." } },
            &[],
        );
    }
    if !name.is_empty() {
        return ui::empty(
            "No event has this name",
            &html! {
                p { "Names are compared as they are, to the letter: " code { bdi { (ui::shown(name)) } } }
                p { a href="/events" { "Show all events" } }
            },
            &[],
        );
    }
    let text = html! {
        p { "An event says that something happened; functions that listen for its name start. Send the first one:" }
    };
    let commands = [
        "abide send order/placed --data '{\"id\":42}'",
        "curl localhost:8288/e/test -d '{\"name\":\"order/placed\",\"data\":{\"id\":42}}'",
    ];
    ui::empty("No events yet", &text, &commands)
}
