//! *Notification*: who is told of what, what is wrong at present, and what became of the last messages.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};

use super::{form, named, settings, state};
use crate::http::dashboard::named::Verb;
use crate::http::dashboard::visit::Visit;
use crate::http::dashboard::{Section, components as ui, paths};
use crate::http::error::PageError;
use crate::http::notifications::{MessageStatus, MessageView, NotificationView};

/// The page.
pub(in crate::http::dashboard) async fn show(
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    let it = visit.api.show_notification(&name).await?;
    page(&visit, &it, &html! {})
}

/// The page, with something above what it always shows.
#[allow(
    clippy::unnecessary_wraps,
    reason = "handlers end in it, as in the pages of lists"
)]
pub(super) fn page(
    visit: &Visit,
    it: &NotificationView,
    above: &Markup,
) -> Result<Response, PageError> {
    let mut facts = settings(it);
    facts.push(("Made", ui::time(it.created_at, visit.now_ms)));
    if it.updated_at.0 != it.created_at.0 {
        facts.push(("Changed", ui::time(it.updated_at, visit.now_ms)));
    }
    let title = format!("Notification {}", it.name);
    let content = html! {
        (ui::heading(
            &html! { bdi { (ui::shown(&it.name)) } " " (state(it)) },
            &buttons(visit, it),
        ))
        (above)
        section.panel-box data-testid="notification" data-notification=(it.name) { (ui::definitions(&facts)) }
        section.panel-box data-testid="state" {
            h2 { "Now" }
            (ui::definitions(&deliveries(visit, it)))
            @if !it.firing.is_empty() { (firing(visit, it)) }
        }
        section {
            h2 { "Last messages" }
            @if it.messages.is_empty() {
                p.dim { "None yet. Test messages are not listed." }
            } @else {
                (messages(visit, &it.messages))
            }
        }
    };
    Ok(visit.page(Section::Notifications, &title).show(content))
}

/// How its target is, and what waits for it.
pub(super) fn deliveries(visit: &Visit, it: &NotificationView) -> Vec<(&'static str, Markup)> {
    let never = html! { span.dim { "never" } };
    let delivered = it.delivered_at.map(|at| ui::time(at, visit.now_ms));
    let mut facts = vec![("Last taken", delivered.unwrap_or(never))];
    if let Some(error) = &it.error {
        facts.push((
            "Not taken",
            html! { (ui::time(error.at, visit.now_ms)) ": " bdi { (ui::shown(&error.reason)) } },
        ));
    }
    if it.waiting > 0 {
        facts.push(("Messages that wait", html! { (it.waiting) }));
    }
    if let Some(at) = it.retry_at {
        facts.push(("Tried again", ui::time(at, visit.now_ms)));
    }
    facts
}

fn firing(visit: &Visit, it: &NotificationView) -> Markup {
    let columns = [("Wrong at present", "grow"), ("By", ""), ("Since", "")];
    let rows = html! {
        @for it in &it.firing {
            tr data-testid="firing-row" {
                td.grow { a href=(paths::function(&it.function_id)) { bdi { (ui::shown(&it.function_id)) } } }
                td { (it.rule.replace('_', " ")) }
                td { (ui::time(it.since, visit.now_ms)) }
            }
        }
    };
    ui::table("What is wrong at present", &columns, &rows)
}

fn messages(visit: &Visit, messages: &[MessageView]) -> Markup {
    let columns = [
        ("Message", "grow"),
        ("What became of it", ""),
        ("Attempts", "number"),
        ("First tried", "wide"),
    ];
    let rows = html! {
        @for it in messages {
            tr data-testid="message-row" data-message=(it.id) {
                td.grow {
                    span.main { bdi { (ui::shown(&it.message)) } }
                    span.note { (it.kind) " · " code { (it.id) } }
                }
                td {
                    (outcome(it.status)) " "
                    @if let Some(at) = it.ended_at { (ui::time(at, visit.now_ms)) }
                    @if let Some(why) = &it.error { span.note { bdi { (ui::shown(why)) } } }
                }
                td.number { (it.attempts) }
                td.wide { (ui::time(it.first_tried_at, visit.now_ms)) }
            }
        }
    };
    ui::table("Last messages", &columns, &rows)
}

fn outcome(status: MessageStatus) -> Markup {
    let (class, word) = match status {
        MessageStatus::Refused => ("waiting", "is tried again"),
        MessageStatus::Delivered => ("completed", "taken"),
        MessageStatus::GivenUp => ("failed", "given up"),
    };
    html! { span class=(format!("status {class}")) { (word) } }
}

fn buttons(visit: &Visit, notification: &NotificationView) -> Markup {
    let it = named(&notification.name);
    html! {
        (it.action(visit, Verb::mild("test", "Test")))
        @if notification.enabled {
            (it.confirm(visit, Verb::grave("disable", "Disable"), &html! {
                p.dim { "What waits to be told, and what happens meanwhile, is told to nobody." }
            }))
        } @else {
            (it.action(visit, Verb::mild("enable", "Enable")))
        }
        (it.confirm(visit, Verb::mild("change", "Change"), &form::fields(Some(notification))))
        (it.confirm(visit, Verb::grave("delete", "Delete"), &html! {
            p.dim { "Its secret goes with it, and what waits is told to nobody." }
        }))
    }
}
