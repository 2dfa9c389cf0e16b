//! *Keys*: who may come in, and with which role. The text of a key is on one page only: the one that answers its making.

use axum::body::Body;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

use super::forms::{self, Fields};
use super::visit::Visit;
use super::{Section, components as ui, paths};
use crate::admin::Role;
use crate::http::access::{KeyView, MadeKey, WantedKey, subject_of};
use crate::http::error::{ApiError, PageError};
use crate::http::gate::Subject;

const CREATE: &str = "/keys/create";
const REVOKE: &str = "/keys/{id}/revoke";

/// Roles with what they are for, the weakest first.
const ROLES: [(&str, &str); 5] = [
    ("send", "send: send events only"),
    ("read", "read: look at everything but keys"),
    ("operate", "operate: send, cancel, replay, pause"),
    ("deploy", "deploy: deploy apps, webhooks, schemas"),
    ("admin", "admin: everything"),
];

/// How long a key is good, with seconds.
const LIVES: [(&str, &str); 5] = [
    ("", "until it is revoked"),
    ("86400", "1 day"),
    ("2592000", "30 days"),
    ("7776000", "90 days"),
    ("31536000", "1 year"),
];

/// The list.
pub(super) async fn list(visit: Visit) -> Result<Response, PageError> {
    page(&visit, &html! {})
}

fn page(visit: &Visit, above: &Markup) -> Result<Response, PageError> {
    let mut keys = visit.api.list_keys(&visit.principal, None)?;
    keys.reverse();
    let content = html! {
        (ui::heading(&html! { "Keys" }, &create_button(visit)))
        (above)
        @if keys.is_empty() {
            (ui::empty("No keys yet", &html! {
                p { "A key lets a program or a person in. Event keys may only send; others have a role. Each is shown once, when it is made." }
            }, &["abide keys create pipeline --role deploy"]))
        } @else {
            (table(visit, &keys))
        }
    };
    Ok(visit.page(Section::Keys, "Keys").show(content))
}

fn create_button(visit: &Visit) -> Markup {
    if !visit.may_post(CREATE) {
        return html! {};
    }
    let ask = ui::Ask {
        path: CREATE,
        label: "New key",
        name: "create-key",
        grave: false,
        fields: &[],
    };
    let everywhere = visit.principal.environment.is_none() && visit.api.site.is_some();
    ui::confirm(
        &ask,
        &html! {
            (ui::field("key-name", "Name", &html! {
                input #key-name type="text" name="name" required maxlength="100" placeholder="deploys of the pipeline" autocomplete="off";
            }))
            (ui::field("key-role", "Role", &ui::select("key-role", "role", "read", &ROLES)))
            (ui::field("key-life", "Good for", &ui::select("key-life", "expires_in_s", "", &LIVES)))
            @if everywhere {
                label.check { input type="checkbox" name="all_environments" value="true"; " for all environments" }
            }
        },
    )
}

fn table(visit: &Visit, keys: &[KeyView]) -> Markup {
    let columns = [
        ("Key", "grow"),
        ("Role", ""),
        ("Environment", "wide"),
        ("Ends in", "wide"),
        ("Made", "wide"),
        ("Last used", ""),
        ("", ""),
    ];
    let rows = html! {
        @for key in keys { (row(visit, key)) }
    };
    ui::table("Keys", &columns, &rows)
}

fn row(visit: &Visit, key: &KeyView) -> Markup {
    let look = match key.status {
        "live" => "completed",
        "expired" => "waiting",
        _ => "cancelled",
    };
    let never = || html! { span.dim { "never" } };
    html! {
        tr data-testid="key-row" data-key-id=(key.id) {
            td.grow {
                span.main { bdi { (ui::shown(&key.name)) } } " "
                span class=(format!("status {look}")) { (key.status) }
                @if let Some(at) = key.expires_at.filter(|_| key.status == "live") {
                    span.note { "expires " (ui::time(at, visit.now_ms)) }
                }
            }
            td { (key.role.as_str()) }
            td.wide {
                @match &key.environment { Some(name) => bdi { (ui::shown(name)) }, None => span.dim { "all" }, }
            }
            td.wide { code { "…" (key.ending) } }
            td.wide { (ui::time(key.created_at, visit.now_ms)) " by " bdi { (ui::shown(&key.created_by)) } }
            td { (key.last_used_at.map_or_else(never, |at| ui::time(at, visit.now_ms))) }
            td { @if key.status == "live" { (revoke_button(visit, key)) } }
        }
    }
}

fn revoke_button(visit: &Visit, key: &KeyView) -> Markup {
    if !visit.may_post(REVOKE) {
        return html! {};
    }
    let path = paths::of(&[&"keys", &key.id, &"revoke"]);
    let ask = ui::Ask {
        path: &path,
        label: "Revoke",
        name: "revoke-key",
        grave: true,
        fields: &[],
    };
    ui::confirm_of(
        &ask,
        &format!("-{}", key.id),
        &html! { p.dim { "From then on it lets nobody in, and what streams to its holder ends. It cannot be taken back." } },
    )
}

/// Makes a key, and shows it.
pub(super) async fn create(
    visit: Visit,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let form = Fields::read(&visit, &headers, body).await?;
    let made = match wanted(&form) {
        Ok(wanted) => visit.api.make_key(&visit.principal, wanted).await,
        Err(error) => Err(error),
    };
    let made = match made {
        Ok(made) => made,
        Err(error) => return Ok(forms::outcome("/keys", Err(error))),
    };
    let mut response = page(&visit, &shown_once(&made))?;
    let subject = Subject(subject_of(&made.view));
    response.extensions_mut().insert(subject);
    Ok(response)
}

fn wanted(form: &Fields) -> Result<WantedKey, ApiError> {
    let role = form.get("role").unwrap_or_default();
    let invalid = |detail: &str| ApiError::invalid("invalid_key", detail.to_owned());
    let role = serde_json::from_value::<Role>(role.into());
    let role = role.map_err(|_| invalid("role: must be send, read, operate, deploy or admin"))?;
    let life = form.get("expires_in_s").map(str::parse).transpose();
    Ok(WantedKey {
        name: form.get("name").unwrap_or_default().to_owned(),
        role,
        expires_in_s: life.map_err(|_| invalid("expires_in_s: must be seconds"))?,
        all_environments: Some(form.get("all_environments").is_some()),
    })
}

fn shown_once(made: &MadeKey) -> Markup {
    html! {
        section.panel-box.secret role="status" data-testid="made-key" {
            h2 { "The key " bdi { (ui::shown(&made.view.name)) } }
            p { "Copy it now. It is stored as a hash, and is never shown again." }
            pre data-copy tabindex="0" { code data-testid="key-text" { (made.key) } }
            @if let Some(key) = &made.inngest_signing_key {
                p.dim { "The same key as Inngest's clients take it, in " code { "INNGEST_SIGNING_KEY" } ":" }
                pre data-copy tabindex="0" { code { (key) } }
            }
        }
    }
}

/// Revokes a key.
pub(super) async fn revoke(visit: Visit, Path(id): Path<String>) -> Response {
    let revoked = visit.api.revoke_key(&visit.principal, &id).await;
    let revoked = revoked.map(|key| format!("The key {} lets nobody in any more.", key.name));
    forms::outcome("/keys", revoked)
}
