//! *Event*: what it holds, and what became of it at every function.

use std::collections::BTreeMap;

use abide_core::event::NewEvent;
use abide_core::ids::FunctionId;
use abide_core::state::Read as _;
use axum::body::Body;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

use super::send::{json, send_one};
use super::source;
use crate::http::api::{Followed, paused};
use crate::http::dashboard::forms::{self, Fields};
use crate::http::dashboard::visit::Visit;
use crate::http::dashboard::{Section, components as ui, paths, runs};
use crate::http::error::{ApiError, PageError};
use crate::http::event_id;
use crate::view::{EventView, Facts, MatchView, Matching, RunView, Verdict};

/// Names of events that are listed where nobody listens for one.
const MOST_LISTENED: usize = 12;

/// The longest payload that can be edited on a page, in bytes.
const MOST_EDITED: usize = 64 << 10;

/// The page.
pub(in crate::http::dashboard) async fn show(
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let api = &visit.api;
    let followed = api.follow_event(event_id(&id)?).await?;
    let matching = matching(&visit, &followed).await?;
    let event = EventView::from(&followed.event);
    let runs: Vec<_> = followed
        .runs
        .iter()
        .map(|(run, status)| RunView::new(run, *status))
        .collect();
    let whole = format!("/api/v1/events/{}", event.event_id);
    let content = html! {
        (ui::heading(&html! { bdi { (ui::shown(&event.name)) } }, &actions(&visit, &event)))
        (facts(&visit, &event))
        section.panel-box #became data-live {
            h2 { "What became of it" }
            (became(&matching))
        }
        @if !runs.is_empty() {
            section #event-runs data-live {
                h2 { "Its runs" }
                (runs::table(&runs, visit.now_ms))
            }
        }
        section.panel-box {
            h2 { "What it holds" }
            (ui::json("Data", &event.data.0, &whole))
            @if let Some(user) = &event.user { (ui::json("User", &user.0, &whole)) }
        }
    };
    let page = visit.page(Section::Events, &event.name);
    Ok(page.live("runs").show(content))
}

/// Asks for what became of the event.
async fn matching(visit: &Visit, followed: &Followed) -> Result<Matching, ApiError> {
    let api = &visit.api;
    let external = followed.event.external_id.clone();
    let (apps, paused, started) = api
        .read(move |view| {
            let apps = view.apps()?;
            let mut started = BTreeMap::new();
            for app in apps.iter().filter(|_| external.is_some()) {
                for config in &app.current.functions {
                    let id = FunctionId::new(app.id.clone(), config.id.as_str());
                    let known = view.dedupe(&id, external.as_deref().unwrap_or_default())?;
                    started.extend(known.map(|(run, _)| (id, run)));
                }
            }
            Ok((apps, paused(view)?, started))
        })
        .await?;
    Ok(Matching::of(&Facts {
        event: &followed.event,
        apps: &apps,
        runs: &followed.runs,
        pending: &followed.pending,
        started: &started,
        paused: &paused.0,
    }))
}

fn facts(visit: &Visit, event: &EventView) -> Markup {
    let mut facts = vec![
        ("Received", ui::time(event.received_at, visit.now_ms)),
        ("Id", html! { code data-copy { (event.event_id) } }),
        ("From", source(event)),
    ];
    if event.ts != event.received_at.0 {
        facts.push(("Happened", ui::moment(crate::view::Time(event.ts))));
    }
    if let Some(id) = &event.external_id {
        facts.push(("Sender's id", html! { code { bdi { (ui::shown(id)) } } }));
    }
    if let Some(v) = &event.v {
        facts.push(("Version", html! { bdi { (ui::shown(v)) } }));
    }
    if let Some(trace) = &event.traceparent {
        facts.push(("Trace", html! { code { (trace) } }));
    }
    ui::definitions(&facts)
}

fn actions(visit: &Visit, event: &EventView) -> Markup {
    if !visit.may_post("/events/{id}/resend") {
        return html! {};
    }
    let path = format!("{}/resend", paths::event(event.event_id));
    let ask = ui::Ask {
        path: &path,
        label: "Send again",
        name: "resend",
        grave: false,
        fields: &[],
    };
    let user = event.user.as_ref().map_or("", |user| &user.0);
    ui::confirm(
        &ask,
        &html! {
            p.dim { "A new event of the same name, without the sender's id: functions start again." }
            @if event.data.0.len() <= MOST_EDITED {
                (ui::field("resend-data", "Data", &ui::area("resend-data", "data", &ui::editable(&event.data.0), true)))
            } @else {
                p.dim { "Its data is too long to be edited here, and is sent as it is." }
            }
            @if !user.is_empty() && user.len() <= MOST_EDITED {
                (ui::field("resend-user", "User", &ui::area("resend-user", "user", &ui::editable(user), true)))
            }
        },
    )
}

fn became(matching: &Matching) -> Markup {
    let columns = [
        ("Function", ""),
        ("Outcome", ""),
        ("Why", "grow"),
        ("Run", ""),
    ];
    let rows = html! {
        @for it in &matching.functions { (one(it)) }
    };
    html! {
        @if matching.functions.is_empty() {
            p { "No function listens for this name, so nothing started." }
            @if !matching.listened.is_empty() {
                p.dim {
                    "Functions listen for "
                    @for (n, name) in matching.listened.iter().take(MOST_LISTENED).enumerate() {
                        @if n > 0 { ", " }
                        code { bdi { (ui::shown(name)) } }
                    }
                    @if matching.listened.len() > MOST_LISTENED { ", …" }
                    "."
                }
            } @else if matching.others == 0 {
                p.dim { "No app is deployed yet. " a href="/apps" { "How to deploy one" } }
            }
        } @else {
            (ui::table("What became of the event at each function", &columns, &rows))
            @if matching.others > 0 {
                p.small.dim {
                    (matching.others) " other function" (if matching.others == 1 { " listens" } else { "s listen" })
                    " for other events."
                }
            }
        }
    }
}

fn one(it: &MatchView) -> Markup {
    let function = it.function.to_string();
    html! {
        tr data-testid="match-row" data-function=(function) data-verdict=(it.verdict.word()) {
            td { a.main href=(paths::function(&function)) { bdi { (ui::shown(&function)) } } }
            td { (verdict(it.verdict)) }
            td.grow {
                bdi { (ui::shown(&it.because)) }
                @if !it.saw.is_empty() {
                    ul.saw {
                        @for (path, value) in &it.saw {
                            li { code { (ui::shown(path)) } " was " code { bdi { (ui::shown(value)) } } }
                        }
                    }
                }
            }
            td { @if let Some(run) = it.run { a href=(paths::run(run)) { (ui::short(run)) } } }
        }
    }
}

/// A verdict as a badge, in the colours of what runs do.
fn verdict(verdict: Verdict) -> Markup {
    let look = match verdict {
        Verdict::Started => "completed",
        Verdict::Collecting | Verdict::Held => "waiting",
        Verdict::Undecided => "failed",
        Verdict::Skipped | Verdict::Duplicate | Verdict::NoMatch | Verdict::Unknown => "skipped",
    };
    html! {
        span class=(format!("status {look}")) data-testid="verdict" { (verdict.word()) }
    }
}

/// Sends an event like this one.
pub(in crate::http::dashboard) async fn resend(
    visit: Visit,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let id = event_id(&id)?;
    let form = Fields::read(&visit, &headers, body).await?;
    let event = visit.api.follow_event(id).await?.event;
    let new = NewEvent {
        name: event.name.to_string(),
        data: form.raw("data").map_or(Some(event.data), json),
        user: form.raw("user").map_or(event.user, json),
        v: event.v,
        ..NewEvent::default()
    };
    Ok(match send_one(&visit.api, new).await {
        Ok(new) => forms::done(&paths::event(new), format!("Sent again, as event {new}.")),
        Err(error) => forms::outcome(&paths::event(id), Err(error)),
    })
}
