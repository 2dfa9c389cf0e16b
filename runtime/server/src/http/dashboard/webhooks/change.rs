//! Changing what becomes of a webhook's requests. Who sends, how they sign and the secret stay as they are.

use axum::body::Body;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::SETTINGS;
use crate::http::dashboard::components as ui;
use crate::http::dashboard::forms::{self, Fields};
use crate::http::dashboard::visit::Visit;
use crate::http::error::PageError;
use crate::http::hooks::WebhookView;

/// The form's fields, with the settings in force.
pub(super) fn fields(webhook: &WebhookView) -> Markup {
    let text = |name: &str, label: &str, value: &Option<String>, placeholder: &str| {
        let id = format!("change-{name}-{}", webhook.name);
        let value = value.as_deref().unwrap_or_default();
        ui::field(&id, label, &ui::input(&id, name, value, placeholder))
    };
    html! {
        p.dim { "Holds for requests that come from now on. A field that is left empty is what the provider's webhooks usually have." }
        (text("event_name", "Event's name", &webhook.event_name, ""))
        (text("data", "Data: a path, or cel: and an expression", &webhook.data, "the whole body"))
        (text("id", "Delivery's id", &webhook.id, "as the provider sends it"))
        (text("if", "Only if", &webhook.condition, "body.livemode == true"))
        (text("challenge", "Challenge: a path", &webhook.challenge, ""))
    }
}

/// Changes one.
pub(in crate::http::dashboard) async fn change(
    visit: Visit,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let form = Fields::read(&visit, &headers, body).await?;
    let existing = visit.api.show_webhook(&name).await?;
    let changed = visit.api.put_webhook(&name, settings(&existing, &form));
    let changed = changed.await;
    let changed = changed.map(|(_, it)| format!("The webhook {} is changed.", it.name));
    Ok(forms::outcome("/webhooks", changed))
}

/// All settings in the API's shape: those of the form, the others as they are.
fn settings(existing: &WebhookView, form: &Fields) -> Map<String, Value> {
    let mut fields = Map::from_iter([
        ("provider".to_owned(), json!(existing.provider)),
        ("enabled".to_owned(), json!(existing.enabled)),
    ]);
    if let Some(scheme) = &existing.scheme {
        fields.insert("scheme".into(), json!(scheme));
    }
    for name in SETTINGS {
        if let Some(text) = form.get(name) {
            fields.insert(name.to_owned(), json!(text));
        }
    }
    fields
}
