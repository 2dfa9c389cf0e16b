//! *Notifications*: who is told when runs fail or wait too long, and what became of the last messages. Secrets and the paths of addresses go in
//! and never come out, but for a secret that is made here: that is on the one page that answers its making.

mod form;
mod one;

use axum::body::Body;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

use super::forms::{self, Fields};
use super::named::{Named, switch};
use super::visit::Visit;
use super::{Section, components as ui};
use crate::http::error::{ApiError, PageError};
use crate::http::gate::Subject;
use crate::http::idempotency::Once;
use crate::http::notifications::{NotificationView, TargetView};
use crate::notify::Rule;
pub(super) use one::show;

const CREATE: &str = "/notifications/create";
const LIST: &str = "/notifications";

/// The list.
pub(super) async fn list(visit: Visit) -> Result<Response, PageError> {
    page(&visit, &html! {}).await
}

async fn page(visit: &Visit, above: &Markup) -> Result<Response, PageError> {
    let all = visit.api.list_notifications().await?;
    let content = html! {
        (ui::heading(&html! { "Notifications" }, &create_button(visit)))
        (above)
        @if all.is_empty() {
            (ui::empty("No notifications yet", &html! {
                p { "A notification tells you when runs fail, fail too often, or wait too long: by a webhook, or by a program on the server's machine." }
            }, &["abide notify add webhook on-call https://alerts.example.com/abide --run-failed"]))
        } @else {
            @for it in &all { (panel(visit, it)) }
        }
    };
    Ok(visit
        .page(Section::Notifications, "Notifications")
        .show(content))
}

fn panel(visit: &Visit, it: &NotificationView) -> Markup {
    html! {
        section.panel-box data-testid="notification" data-notification=(it.name) {
            div.beside.spread {
                h2 { a href=(named(&it.name).page()) { bdi { (ui::shown(&it.name)) } } }
                (state(it))
            }
            (ui::definitions(&settings(it)))
            (ui::definitions(&one::deliveries(visit, it)))
        }
    }
}

fn named(name: &str) -> Named<'_> {
    Named {
        root: "notifications",
        kind: "notification",
        name,
    }
}

/// What an operator should know at once.
fn state(it: &NotificationView) -> Markup {
    html! {
        (switch(it.enabled))
        @if it.enabled && it.error.is_some() { " " span.status.failed { "not delivered" } }
        @if it.enabled && !it.firing.is_empty() { " " span.status.waiting { "firing" } }
    }
}

/// Who is told of what.
fn settings(it: &NotificationView) -> Vec<(&'static str, Markup)> {
    let code = |text: &str| html! { code { bdi { (ui::shown(text)) } } };
    let (target, how) = match &it.target {
        TargetView::Webhook { url, signed, .. } => (
            code(url),
            html! { "a webhook, " @if *signed { "signed" } @else { "as Slack takes it" } },
        ),
        TargetView::Command {
            program,
            arguments,
            allowed,
        } => (
            html! { (code(program)) @for argument in arguments { " " (code(argument)) } },
            html! { "a command" @if !*allowed { ", which this server may not start: it was started without " code { "--notify-commands" } " for it" } },
        ),
    };
    let rules: Vec<_> = it.rules.iter().map(words).collect();
    vec![
        ("Tells", target),
        ("By", how),
        ("Of", html! { (rules.join("; ")) }),
        (
            "Functions",
            html! { @for (nth, it) in it.functions.iter().enumerate() { @if nth > 0 { ", " } (code(it)) } },
        ),
        ("At most every", html! { (seconds(it.min_interval_s)) }),
    ]
}

fn words(rule: &Rule) -> String {
    match rule {
        Rule::RunFailed {} => "runs that fail".to_owned(),
        Rule::FailureRate {
            percent,
            window_s,
            least_runs,
        } => format!(
            "failure rates from {percent} % in {} (of {least_runs} runs or more)",
            seconds(*window_s)
        ),
        Rule::BacklogAge { over_s } => format!("runs that wait {} or longer", seconds(*over_s)),
    }
}

fn seconds(count: u64) -> String {
    match count {
        0 => "0 s".to_owned(),
        _ if count.is_multiple_of(3_600) => format!("{} h", count / 3_600),
        _ if count.is_multiple_of(60) => format!("{} min", count / 60),
        _ => format!("{count} s"),
    }
}

fn create_button(visit: &Visit) -> Markup {
    if !visit.may_post(CREATE) {
        return html! {};
    }
    let ask = ui::Ask {
        path: CREATE,
        label: "New notification",
        name: "create-notification",
        grave: false,
        fields: &[],
    };
    ui::confirm(&ask, &form::fields(None))
}

/// Makes one. A secret that is made with it is shown, once.
pub(super) async fn create(
    visit: Visit,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let form = Fields::read(&visit, &headers, body).await?;
    let name = form.get("name").unwrap_or_default().to_owned();
    let made = match form::wanted(&form, None) {
        Ok(mut wanted) => {
            wanted.fields.insert("name".into(), name.as_str().into());
            let once = Once::default();
            let made = visit.api.create_notification(wanted.fields, &once);
            made.await.map(|_| wanted.made)
        }
        Err(error) => Err(error),
    };
    let mut response = match made {
        Ok(Some(secret)) => page(&visit, &shown_once(&name, &secret)).await?,
        Ok(None) => forms::done(
            &named(&name).page(),
            format!("The notification {name} is made."),
        ),
        Err(error) => forms::outcome(LIST, Err(error)),
    };
    response.extensions_mut().insert(Subject(name));
    Ok(response)
}

/// Changes one.
pub(super) async fn change(
    visit: Visit,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let form = Fields::read(&visit, &headers, body).await?;
    let existing = visit.api.show_notification(&name).await?;
    let here = named(&name).page();
    let wanted = match form::wanted(&form, Some(&existing)) {
        Ok(wanted) => wanted,
        Err(error) => return Ok(forms::outcome(&here, Err(error))),
    };
    let once = Once::default();
    let changed = visit.api.put_notification(&name, wanted.fields, &once);
    match (changed.await, wanted.made) {
        (Ok((_, it)), Some(secret)) => one::page(&visit, &it, &shown_once(&name, &secret)),
        (changed, _) => {
            let told = changed.map(|_| format!("The notification {name} is changed."));
            Ok(forms::outcome(&here, told))
        }
    }
}

fn shown_once(name: &str, secret: &str) -> Markup {
    html! {
        section.panel-box.secret role="status" data-testid="made-secret" {
            h2 { "The secret of " bdi { (ui::shown(name)) } }
            p { "Copy it now to whoever takes the webhook, who verifies it with that. It is never shown again." }
            pre data-copy tabindex="0" { code data-testid="secret-text" { (secret) } }
        }
    }
}

/// Removes one.
pub(super) async fn delete(visit: Visit, Path(name): Path<String>) -> Response {
    match visit.api.delete_notification(&name).await {
        Ok(()) => forms::done(LIST, format!("The notification {name} is gone.")),
        Err(error) => forms::outcome(LIST, Err(error)),
    }
}

/// Lets one tell of what happens from now on.
pub(super) async fn enable(visit: Visit, Path(name): Path<String>) -> Response {
    enabled(&visit, &name, true).await
}

/// Lets one tell nothing.
pub(super) async fn disable(visit: Visit, Path(name): Path<String>) -> Response {
    enabled(&visit, &name, false).await
}

async fn enabled(visit: &Visit, name: &str, enabled: bool) -> Response {
    let word = if enabled { "enabled" } else { "disabled" };
    let changed = visit.api.enable_notification(name, enabled).await;
    let told = changed.map(|_| format!("The notification {name} is {word}."));
    forms::outcome(&named(name).page(), told)
}

/// Sends a test message.
pub(super) async fn test(visit: Visit, Path(name): Path<String>) -> Response {
    let here = named(&name).page();
    let tested = visit.api.test_notification(&name, &Once::default()).await;
    match tested {
        Ok(tested) => match tested.error {
            None => forms::done(&here, format!("The test message was taken: {}.", tested.id)),
            Some(why) => forms::told(
                &here,
                true,
                format!("The test message was not taken: {why}."),
            ),
        },
        Err(error) => forms::outcome(&here, Err(error)),
    }
}

/// Says what is wrong with a field of the form.
fn invalid(problem: &str) -> ApiError {
    ApiError::invalid("invalid_notification", problem)
}
