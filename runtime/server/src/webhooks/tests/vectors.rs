//! Signatures that others computed: the published ones of providers, and where none are published, ones made with Python's `hmac`.

use super::*;

#[test]
fn stripes_signature_over_time_and_body() {
    let (delivery, event) = event(stripe(STRIPE_TAG, STRIPE_BODY, SIGNED_MS));
    assert_eq!(delivery.as_deref(), Some("evt_1PqR"));
    assert_eq!(event.name, "stripe/invoice.paid");
    assert_eq!(event.id.as_deref(), Some("shop:evt_1PqR"));
    // Numbers beyond what JSON's readers can hold stay as they were written.
    assert_eq!(event.data.as_deref(), Some(STRIPE_BODY));
}

#[test]
fn githubs_published_values() {
    // "Validating webhook deliveries" of GitHub's documentation: this secret, this body, this signature. The body is no JSON, so
    // that a right signature shows in what is refused then.
    let published = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let receive = |signature: &str| {
        webhook(json!({"provider": "github"})).receive(
            &secrets(Provider::Github, "It's a Secret to Everybody"),
            &headers(&[("x-hub-signature-256", signature)]),
            b"Hello, World!",
            SIGNED_MS,
        )
    };
    assert!(matches!(
        receive(published),
        Err(Rejection::UnreadableBody(_))
    ));
    assert_eq!(
        receive(&published.replace("75", "76")),
        Err(Rejection::Forged)
    );
}

#[test]
fn githubs_json_and_form_are_one_event() {
    let hook = webhook(json!({"provider": "github"}));
    let secrets = secrets(Provider::Github, "It's a Secret to Everybody");
    // Computed with Python, over the two bodies as they are sent.
    let json = "34fd4221cb1c8b95d142c6dc81775bb15fcd403d46608fdf114c11b6a0f525c5";
    let form = "867e6635e9041da2ae40210bf3d1daf6b3aa289b02e18c65563343d69b6f3cd3";
    let bodies = [
        (
            "application/json",
            json,
            r#"{"action":"opened","number":7}"#,
        ),
        (
            "application/x-www-form-urlencoded",
            form,
            "payload=%7B%22action%22%3A%22opened%22%2C%22number%22%3A7%7D",
        ),
    ];
    for (content_type, tag, body) in bodies {
        let headers = headers(&[
            ("content-type", content_type),
            ("x-github-event", "pull_request"),
            ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
            ("x-hub-signature-256", &format!("sha256={tag}")),
            // The old one proves nothing, and does no harm.
            (
                "x-hub-signature",
                "sha1=0000000000000000000000000000000000000000",
            ),
        ]);
        let (delivery, event) = event(hook.receive(&secrets, &headers, body.as_bytes(), 0));
        assert_eq!(
            delivery.as_deref(),
            Some("72d3162e-cc78-11e3-81ab-4c9367dc0958")
        );
        assert_eq!(event.name, "github/pull_request");
        assert_eq!(
            event.data.as_deref(),
            Some(r#"{"action":"opened","number":7}"#)
        );
    }
}

#[test]
fn the_published_values_of_standard_webhooks_under_both_names_of_the_headers() {
    // The vector of the reference implementations.
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let now_ms = 1_614_265_330_000;
    let hook = webhook(json!({"provider": "standard", "event_name": "crm/{type|any}"}));
    for family in ["webhook", "svix"] {
        let named = |part: &str| format!("{family}-{part}");
        let headers = headers(&[
            (&named("id"), "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            (&named("timestamp"), "1614265330"),
            (
                &named("signature"),
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
        ]);
        for text in [secret, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            let secrets = secrets(Provider::Standard, text);
            let received = hook.receive(&secrets, &headers, b"{\"test\": 2432232314}", now_ms);
            let (delivery, event) = event(received);
            assert_eq!(delivery.as_deref(), Some("msg_p5jXN8AQM9LWM0D4loKWxJek"));
            assert_eq!(event.name, "crm/any");
        }
    }
}

#[test]
fn slacks_published_values_fit_a_generic_scheme() {
    // "Verifying requests from Slack", with the body of its example.
    let hook = webhook(json!({
        "provider": "generic", "event_name": "slack{command}", "id": "{trigger_id}",
        "scheme": {"hmac": {
            "header": "x-slack-signature", "prefix": "v0=",
            "timestamp_header": "x-slack-request-timestamp", "signed": "v0:{timestamp}:{body}",
        }},
    }));
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let headers = headers(&[
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-slack-request-timestamp", "1531420618"),
        (
            "x-slack-signature",
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        ),
    ]);
    let secrets = secrets(Provider::Generic, "8f742231b10e8888abcd99yyyzzz85a5");
    let received = hook.receive(&secrets, &headers, body.as_bytes(), 1_531_420_618_000);
    let (_, event) = event(received);
    assert_eq!(event.name, "slack/webhook-collect");
    assert!(event.data.is_some_and(|data| data.contains(r#""text":"""#)));
}

#[test]
fn every_algorithm_and_encoding_of_a_generic_scheme() {
    // Computed with Python: the body under the key `generic-secret`.
    let body = r#"{"order":{"id":42,"kind":"paid"}}"#;
    let vectors = [
        ("sha1", "hex", "b557c3805912b34f66989377d0ae31297d81c9a1"),
        ("sha1", "base64", "tVfDgFkSs09mmJN30K4xKX2ByaE="),
        (
            "sha256",
            "hex",
            "A164C37BDF8C6ECF83BC7B1F198869B81328F6EA9937A671ABEAE79CB1031EB7",
        ),
        (
            "sha256",
            "base64",
            "oWTDe9+Mbs+DvHsfGYhpuBMo9uqZN6Zxq+rnnLEDHrc",
        ),
        (
            "sha512",
            "base64",
            "VhADwzvfJwONuNdgyfDxzVOAHNKVoqj4r4PWh7TUI1f0xMV9RFMK6cp0vvZQe+gosZeZRD26QIXOBY/7QI4jMA==",
        ),
    ];
    for (algorithm, encoding, tag) in vectors {
        let hook = webhook(json!({
            "provider": "generic", "event_name": "order/{order.kind}", "id": "{order.id}",
            "scheme": {"hmac": {"header": "X-Sig", "algorithm": algorithm, "encoding": encoding}},
        }));
        let secrets = secrets(Provider::Generic, "generic-secret");
        let received = hook.receive(&secrets, &headers(&[("x-sig", tag)]), body.as_bytes(), 0);
        let (delivery, event) = event(received);
        assert_eq!(delivery.as_deref(), Some("42"), "{algorithm} {encoding}");
        assert_eq!(event.name, "order/paid");
    }
}

#[test]
fn a_sample_is_what_the_webhook_takes() {
    let generic = json!({
        "provider": "generic", "event_name": "x/{type}", "id": "{header:x-id}",
        "scheme": {"hmac": {
            "header": "x-sig", "prefix": "v1=", "timestamp_header": "x-time", "encoding": "base64",
            "algorithm": "sha512", "signed": "{header:x-id}.{timestamp}.{body}",
        }},
    });
    let open =
        json!({"provider": "generic", "event_name": "x/{type}", "id": "none", "scheme": "none"});
    for (provider, json) in [
        (Provider::Stripe, json!({"provider": "stripe"})),
        (Provider::Github, json!({"provider": "github"})),
        (Provider::Standard, json!({"provider": "standard"})),
        (Provider::Generic, generic),
        (Provider::Generic, open),
    ] {
        let hook = webhook(json);
        let secrets = secrets(provider, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let sample = hook.sample(&secrets, None, "test_1", SIGNED_MS);
        let body = sample.body.as_bytes();
        let (delivery, _) = event(hook.receive(&secrets, &sample.headers, body, SIGNED_MS));
        assert!(delivery.is_none_or(|id| id == "test_1"));
    }
}
