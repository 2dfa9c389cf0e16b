//! Samples: a request as a provider would send it, signed with the webhook's own secret, to see what becomes of it.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::json;

use super::Secrets;
use super::settings::{Algorithm, Encoding, Provider, Scheme};
use super::verify::{Signed, signature};

/// A request.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
}

/// What GitHub's ping says of itself, so that a sample is as harmless.
const PING: &str = "ping";

pub(super) fn make(
    provider: Provider,
    scheme: Option<&Scheme>,
    secrets: &Secrets,
    body: Option<String>,
    id: &str,
    now_ms: u64,
) -> Sample {
    let body = body.unwrap_or_else(|| usual_body(provider, id, now_ms / 1_000));
    let keys = secrets.keys(provider, now_ms);
    let key = keys.first().map(Vec::as_slice).unwrap_or_default();
    let seconds = (now_ms / 1_000).to_string();
    let usual = (Algorithm::Sha256, Encoding::Hex);
    let mut headers = HeaderMap::new();
    let mut put = |name: &str, value: String| {
        let name = HeaderName::from_bytes(name.as_bytes());
        // Both were checked with the settings, or are our own.
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            headers.insert(name, value);
        }
    };
    put(header::CONTENT_TYPE.as_str(), "application/json".into());
    match (provider, scheme) {
        (Provider::Stripe, _) => {
            let tag = signature(usual, key, &format!("{seconds}."), &body);
            put("stripe-signature", format!("t={seconds},v1={tag}"));
        }
        (Provider::Github, _) => {
            let tag = signature(usual, key, "", &body);
            put("x-hub-signature-256", format!("sha256={tag}"));
            put("x-github-event", PING.into());
            put("x-github-delivery", id.into());
        }
        (Provider::Standard, _) => {
            let how = (Algorithm::Sha256, Encoding::Base64);
            let tag = signature(how, key, &format!("{id}.{seconds}."), &body);
            put("webhook-id", id.into());
            put("webhook-timestamp", seconds);
            put("webhook-signature", format!("v1,{tag}"));
        }
        (
            Provider::Generic,
            Some(Scheme::Hmac {
                header,
                algorithm,
                encoding,
                prefix,
                timestamp_header,
                signed,
            }),
        ) => {
            if let Some(name) = timestamp_header {
                put(name, seconds.clone());
            }
            // Settings that were checked can be parsed.
            let signed = Signed::parse(signed.as_deref(), timestamp_header.is_some());
            if let Ok(signed) = signed {
                for name in signed.headers() {
                    put(name, id.into());
                }
                let how = (*algorithm, *encoding);
                let tag = signed.signature(how, key, (&seconds, id), &body);
                put(header, format!("{prefix}{tag}"));
            }
        }
        (Provider::Generic, Some(Scheme::None) | None) => {}
    }
    Sample { headers, body }
}

fn usual_body(provider: Provider, id: &str, seconds: u64) -> String {
    let body = match provider {
        Provider::Stripe => json!({
            "id": id, "object": "event", "type": "abide.test", "created": seconds, "livemode": false,
            "data": { "object": { "id": "test" } },
        }),
        Provider::Github => json!({ "zen": "A sample of `abide webhooks test`.", "hook_id": 0 }),
        Provider::Standard | Provider::Generic => json!({
            "id": id, "type": "abide.test", "timestamp": seconds, "data": { "id": "test" },
        }),
    };
    body.to_string()
}
