//! Arbitrary requests and settings: nothing panics, and nothing unsigned gets in.

use proptest::prelude::*;

use super::*;

/// Pieces of what headers hold, so that arbitrary ones come close to right ones.
fn header_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("t=1700000000".to_owned()),
        Just("v1=".to_owned()),
        Just(STRIPE_TAG.to_owned()),
        Just("v1,".to_owned()),
        Just("sha256=".to_owned()),
        Just("g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".to_owned()),
        Just(",".to_owned()),
        Just(" ".to_owned()),
        "[ -~]{0,20}",
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn any_headers() -> impl Strategy<Value = HeaderMap> {
    let name = proptest::sample::select(vec![
        "stripe-signature",
        "x-hub-signature-256",
        "x-github-delivery",
        "webhook-signature",
        "webhook-id",
        "webhook-timestamp",
        "svix-signature",
        "svix-id",
        "svix-timestamp",
        "x-sig",
        "x-time",
        "content-type",
        "content-encoding",
    ]);
    let value = prop_oneof![
        header_text().prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..24),
    ];
    proptest::collection::vec((name, value), 0..8).prop_map(|pairs| {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(name, value);
            }
        }
        headers
    })
}

fn hooks() -> Vec<(Provider, Webhook)> {
    vec![
        (Provider::Stripe, webhook(json!({"provider": "stripe"}))),
        (Provider::Github, webhook(json!({"provider": "github"}))),
        (Provider::Standard, webhook(json!({"provider": "standard"}))),
        (
            Provider::Generic,
            webhook(json!({
                "provider": "generic", "event_name": "x/{type}", "id": "{header:x-id}",
                "scheme": {"hmac": {"header": "x-sig", "timestamp_header": "x-time"}},
            })),
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The tags that the pieces hold are of other keys than these.
    #[test]
    fn arbitrary_requests_are_refused(headers in any_headers(), body in proptest::collection::vec(any::<u8>(), 0..200), now_ms in any::<u64>()) {
        for (provider, hook) in hooks() {
            let secrets = secrets(provider, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
            prop_assert!(hook.receive(&secrets, &headers, &body, now_ms).is_err());
        }
    }

    /// Of a signed request no bit of what is signed can be changed.
    #[test]
    fn a_flipped_bit_is_a_forgery(at in any::<prop::sample::Index>(), bit in 0..8u8) {
        for (provider, hook) in hooks() {
            let secrets = secrets(provider, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
            let sample = hook.sample(&secrets, None, "test_1", SIGNED_MS);
            let mut body = sample.body.into_bytes();
            let at = at.index(body.len());
            body[at] ^= 1 << bit;
            let received = hook.receive(&secrets, &sample.headers, &body, SIGNED_MS);
            prop_assert_eq!(received, Err(Rejection::Forged));
        }
    }

    /// Bodies of requests that prove themselves are still anybody's.
    #[test]
    fn arbitrary_bodies_make_events_or_errors(body in proptest::collection::vec(any::<u8>(), 0..200), form in any::<bool>(), headers in any_headers()) {
        let hook = webhook(json!({
            "provider": "generic", "event_name": "x/{type|none}", "id": "{body:sha256}", "scheme": "none",
            "data": "cel:{'a': body, 'b': headers}", "if": "!has(body.gone)", "challenge": "challenge",
        }));
        let mut headers = headers;
        if form {
            let value = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.insert("content-type", value);
        }
        if let Ok(Received::Event { event, .. }) = hook.receive(&Secrets::default(), &headers, &body, 0) {
            prop_assert!(event.data.is_some_and(|data| abide_core::is_json_object(&data)));
        }
    }

    /// Settings come from operators, and must not end the process either.
    #[test]
    fn arbitrary_settings_are_compiled_or_refused(name in "[ -~]{0,40}|[{}a-z:.|]{0,20}|cel:[ -~]{0,30}", data in ".{0,30}", signed in "[{}a-z:]{0,30}") {
        let settings = settings(json!({
            "provider": "generic", "event_name": name, "data": data, "id": name, "if": data, "challenge": data,
            "scheme": {"hmac": {"header": "x-sig", "signed": signed}},
        }));
        if let Ok(hook) = Webhook::compile("shop", &settings) {
            let secrets = secrets(Provider::Generic, "generic-secret");
            let sample = hook.sample(&secrets, None, "test_1", SIGNED_MS);
            let received = hook.receive(&secrets, &sample.headers, sample.body.as_bytes(), SIGNED_MS);
            prop_assert_ne!(received, Err(Rejection::Forged));
        }
    }
}
