//! Webhooks as their providers send them, as they are attacked, and as operators set them up.

mod fuzz;
mod refusals;
mod settings;
mod transforms;
mod vectors;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::*;

/// 2023-11-14, the time of signing in the vectors of ours.
const SIGNED_MS: u64 = 1_700_000_000_000;

const STRIPE_SECRET: &str = "whsec_test_of_abide_0123456789";
const STRIPE_BODY: &str = r#"{"id":"evt_1PqR","type":"invoice.paid","created":1700000000,"data":{"object":{"id":"in_1","amount":12345678901234567890}}}"#;
/// Stripe publishes no signature with its secret. Computed with `hmac` of Python: HMAC-SHA-256 of `1700000000.` and the body.
const STRIPE_TAG: &str = "b65da2a9d0ab3682f85043ab4578ea57d188dba2dc1ca5edd87d711a18f0ebb5";

fn settings(json: Value) -> Settings {
    serde_json::from_value(json).expect("settings")
}

/// An object with the fields of another one besides.
fn with(mut json: Value, more: &Value) -> Value {
    let fields = json.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    json
}

fn webhook(json: Value) -> Webhook {
    Webhook::compile("shop", &settings(json)).expect("right settings")
}

fn secrets(provider: Provider, text: &str) -> Secrets {
    Secrets::of(Secret::check(provider, text).expect("a secret"))
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        headers.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    headers
}

fn stripe(tag: &str, body: &str, now_ms: u64) -> Result<Received, Rejection> {
    let header = format!("t=1700000000,v1={tag}");
    webhook(json!({"provider": "stripe"})).receive(
        &secrets(Provider::Stripe, STRIPE_SECRET),
        &headers(&[("stripe-signature", &header)]),
        body.as_bytes(),
        now_ms,
    )
}

/// The event that a request is.
#[track_caller]
fn event(received: Result<Received, Rejection>) -> (Option<String>, NewEvent) {
    match received {
        Ok(Received::Event { event, delivery }) => (delivery, event),
        other => panic!("no event: {other:?}"),
    }
}
