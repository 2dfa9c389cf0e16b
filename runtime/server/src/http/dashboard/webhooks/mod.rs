//! *Webhooks*: where third parties send, and what becomes of it. Secrets go in and never come out.

mod change;

use axum::body::Body;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::forms::{self, Fields};
use super::named::{Named, Verb, secret, switch};
use super::visit::Visit;
use super::{Section, components as ui, paths};
use crate::http::error::PageError;
use crate::http::gate::Subject;
use crate::http::hooks::{Outcome, Status, WebhookTest, WebhookView};
use crate::http::idempotency::Once;
pub(super) use change::change;

const CREATE: &str = "/webhooks/create";

const PROVIDERS: [(&str, &str); 5] = [
    ("stripe", "Stripe"),
    ("github", "GitHub"),
    ("standard", "Standard Webhooks"),
    ("generic", "another that signs with HMAC"),
    ("unsigned", "another that does not sign"),
];

/// Fields of the form that are settings by the same name.
const SETTINGS: [&str; 5] = ["event_name", "data", "id", "if", "challenge"];

/// Fields of the form about how a generic sender signs.
const SCHEME: [&str; 6] = [
    "header",
    "algorithm",
    "encoding",
    "prefix",
    "timestamp_header",
    "signed",
];

/// The list.
pub(super) async fn list(visit: Visit) -> Result<Response, PageError> {
    let webhooks = visit.api.webhooks().await?;
    let content = html! {
        (ui::heading(&html! { "Webhooks" }, &create_button(&visit)))
        @if webhooks.is_empty() {
            (ui::empty("No webhooks yet", &html! {
                p { "A webhook turns the signed requests of Stripe, GitHub and others into events." }
            }, &["abide webhooks add stripe --provider stripe --secret-file stripe.secret --event-name 'stripe/{type}'"]))
        } @else {
            @for webhook in &webhooks { (one(&visit, webhook)) }
        }
    };
    Ok(visit.page(Section::Webhooks, "Webhooks").show(content))
}

fn one(visit: &Visit, webhook: &WebhookView) -> Markup {
    html! {
        section.panel-box data-testid="webhook" data-webhook=(webhook.name) {
            div.beside.spread {
                h2 { bdi { (ui::shown(&webhook.name)) } }
                (switch(webhook.enabled))
                @if !webhook.verified { span.status.waiting { "verifies nothing" } }
                (buttons(visit, webhook))
            }
            (facts(visit, webhook))
        }
    }
}

fn facts(visit: &Visit, webhook: &WebhookView) -> Markup {
    let code = |text: &str| html! { code { bdi { (ui::shown(text)) } } };
    let mut facts = vec![
        ("Address", html! { code data-copy { (webhook.path) } }),
        ("Provider", code(&word(&webhook.provider))),
        ("Changed", ui::time(webhook.updated_at, visit.now_ms)),
    ];
    let settings = [
        ("Event", &webhook.event_name),
        ("Data", &webhook.data),
        ("Delivery's id", &webhook.id),
        ("Only if", &webhook.condition),
        ("Challenge", &webhook.challenge),
    ];
    for (name, value) in settings {
        facts.extend(value.as_ref().map(|value| (name, code(value))));
    }
    if let Some(scheme) = &webhook.scheme {
        facts.push(("Signature", code(&word(scheme))));
    }
    if let Some(until) = webhook.previous_secret_until {
        facts.push(("The secret before is good until", ui::moment(until)));
    }
    ui::definitions(&facts)
}

/// A setting as the API writes it.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

fn buttons(visit: &Visit, webhook: &WebhookView) -> Markup {
    let it = Named {
        root: "webhooks",
        kind: "webhook",
        name: &webhook.name,
    };
    let secret_id = format!("secret{}", it.suffix());
    html! {
        @if webhook.enabled {
            (it.action(visit, Verb::mild("test", "Test")))
            (it.confirm(visit, Verb::grave("disable", "Disable"), &html! {
                p.dim { "Its requests are answered with 503, so that their sender tries again later." }
            }))
        } @else {
            (it.action(visit, Verb::mild("enable", "Enable")))
        }
        (it.confirm(visit, Verb::mild("change", "Change"), &change::fields(webhook)))
        @if webhook.verified {
            (it.confirm(visit, Verb::mild("rotate", "Rotate secret"), &html! {
                p.dim { "The current secret stays good for a day, so that you can change it at the provider." }
                (secret(&secret_id, "Secret", true))
            }))
        }
        (it.confirm(visit, Verb::grave("delete", "Delete"), &html! {
            p.dim { "Requests to its address are then answered with 404. What it received stays." }
        }))
    }
}

fn create_button(visit: &Visit) -> Markup {
    if !visit.may_post(CREATE) {
        return html! {};
    }
    let ask = ui::Ask {
        path: CREATE,
        label: "New webhook",
        name: "create-webhook",
        grave: false,
        fields: &[],
    };
    let text = |name: &str, label: &str, placeholder: &str| {
        let id = format!("webhook-{name}");
        ui::field(&id, label, &ui::input(&id, name, "", placeholder))
    };
    ui::confirm(
        &ask,
        &html! {
            (ui::field("webhook-name", "Name, part of its address", &html! {
                input #webhook-name type="text" name="name" required placeholder="stripe" autocomplete="off" spellcheck="false";
            }))
            (ui::field("webhook-provider", "Provider", &ui::select("webhook-provider", "provider", "stripe", &PROVIDERS)))
            (secret("webhook-secret", "Secret", false))
            (text("event_name", "Event's name", "stripe/{type}"))
            details #webhook-more {
                summary { "What becomes of a request" }
                div.stack {
                    (text("data", "Data: a path, or cel: and an expression", "the whole body"))
                    (text("id", "Delivery's id", "as the provider sends it"))
                    (text("if", "Only if", "body.livemode == true"))
                    (text("challenge", "Challenge: a path", ""))
                }
            }
            details #webhook-scheme {
                summary { "How another sender signs" }
                div.stack {
                    (text("header", "Header of the signature", "x-signature"))
                    (ui::field("webhook-algorithm", "Hash", &ui::select("webhook-algorithm", "algorithm", "sha256", &[("sha256", "SHA-256"), ("sha512", "SHA-512"), ("sha1", "SHA-1")])))
                    (ui::field("webhook-encoding", "Written as", &ui::select("webhook-encoding", "encoding", "hex", &[("hex", "hex"), ("base64", "Base64")])))
                    (text("prefix", "What stands before it", "sha256="))
                    (text("timestamp_header", "Header of the time", ""))
                    (text("signed", "What is signed", "{body}"))
                }
            }
        },
    )
}

/// The settings that a form holds, in the API's shape.
fn settings(form: &Fields) -> Map<String, Value> {
    let text = |name: &str| form.get(name).map(|text| (name.to_owned(), json!(text)));
    let mut fields: Map<_, _> = ["name", "secret"]
        .iter()
        .filter_map(|name| text(name))
        .collect();
    fields.extend(SETTINGS.iter().filter_map(|name| text(name)));
    match form.get("provider") {
        Some("unsigned") => {
            fields.insert("provider".into(), json!("generic"));
            fields.insert("scheme".into(), json!("none"));
        }
        Some("generic") => {
            let scheme: Map<_, _> = SCHEME.iter().filter_map(|name| text(name)).collect();
            fields.insert("provider".into(), json!("generic"));
            fields.insert("scheme".into(), json!({ "hmac": scheme }));
        }
        other => {
            fields.insert("provider".into(), json!(other));
        }
    }
    fields
}

/// Makes one.
pub(super) async fn create(
    visit: Visit,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let form = Fields::read(&visit, &headers, body).await?;
    let made = visit
        .api
        .create_webhook(settings(&form), &Once::default())
        .await;
    let made = made.map(|it| format!("The webhook {} takes requests at {}.", it.name, it.path));
    let mut response = forms::outcome("/webhooks", made);
    let name = form.get("name").unwrap_or_default();
    response.extensions_mut().insert(Subject(name.to_owned()));
    Ok(response)
}

/// Removes one.
pub(super) async fn delete(visit: Visit, Path(name): Path<String>) -> Response {
    let deleted = visit.api.delete_webhook(&name).await;
    forms::outcome(
        "/webhooks",
        deleted.map(|()| format!("The webhook {name} is gone.")),
    )
}

/// Lets one take requests.
pub(super) async fn enable(visit: Visit, Path(name): Path<String>) -> Response {
    enabled(&visit, &name, true).await
}

/// Lets one take none.
pub(super) async fn disable(visit: Visit, Path(name): Path<String>) -> Response {
    enabled(&visit, &name, false).await
}

async fn enabled(visit: &Visit, name: &str, enabled: bool) -> Response {
    let word = if enabled { "enabled" } else { "disabled" };
    let changed = visit.api.enable_webhook(name, enabled).await;
    forms::outcome(
        "/webhooks",
        changed.map(|it| format!("The webhook {} is {word}.", it.name)),
    )
}

/// Gives one a new secret.
pub(super) async fn rotate(
    visit: Visit,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let form = Fields::read(&visit, &headers, body).await?;
    let secret = form.get("secret").unwrap_or_default();
    let rotated = visit.api.rotate_webhook(&name, secret, None).await;
    let rotated = rotated.map(|it| match it.previous_secret_until {
        Some(until) => {
            format!("The webhook {name} has a new secret; the one before is good until {until}.")
        }
        None => format!("The webhook {name} has a new secret."),
    });
    Ok(forms::outcome("/webhooks", rotated))
}

/// Sends one a sample.
pub(super) async fn test(visit: Visit, Path(name): Path<String>) -> Response {
    let once = Once::default();
    let sample = WebhookTest::default();
    let tested = visit.api.test_webhook(&name, sample, (None, &once));
    match tested.await {
        Ok(Outcome {
            status: Status::Accepted,
            id: Some(id),
            ..
        }) => {
            let text = format!("The webhook {name} made this event of a sample.");
            forms::done(&paths::event(id), text)
        }
        Ok(outcome) => forms::outcome("/webhooks", Ok(not_stored(&name, &outcome))),
        Err(error) => forms::outcome("/webhooks", Err(error)),
    }
}

/// What is said of a sample of which no event was made.
fn not_stored(name: &str, outcome: &Outcome) -> String {
    let what = match outcome.status {
        Status::Accepted | Status::Repeated => "was taken for one that had come before",
        Status::LeftOut => "is left out by its condition",
        Status::Challenge => "only asks whether somebody listens, and is answered",
        Status::NotStored => "would be stored",
    };
    format!("A sample for the webhook {name} {what}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_becomes_the_settings_of_the_api() {
        let form = |pairs: &[(&str, &str)]| Value::Object(settings(&Fields::of(pairs)));
        assert_eq!(
            form(&[
                ("name", "pay"),
                ("provider", "stripe"),
                ("secret", "s"),
                ("data", ""),
                ("prefix", "x")
            ]),
            json!({ "name": "pay", "provider": "stripe", "secret": "s" })
        );
        assert_eq!(
            form(&[
                ("name", "x"),
                ("provider", "generic"),
                ("header", "x-sig"),
                ("encoding", "hex")
            ]),
            json!({ "name": "x", "provider": "generic", "scheme": { "hmac": { "header": "x-sig", "encoding": "hex" } } })
        );
        assert_eq!(
            form(&[("name", "x"), ("provider", "unsigned")]),
            json!({ "name": "x", "provider": "generic", "scheme": "none" })
        );
    }
}
