//! What operators may choose, and what they are told otherwise.

use super::*;

#[track_caller]
fn refused(json: &Value, problem: &str) {
    let told = match serde_json::from_value::<Settings>(json.clone()) {
        Ok(settings) => {
            let compiled = Webhook::compile("shop", &settings);
            compiled.expect_err("it is wrong").to_string()
        }
        Err(error) => error.to_string(),
    };
    assert!(told.starts_with(problem), "{json}: {told}");
}

/// A generic webhook with these settings besides.
fn generic(more: &Value) -> Value {
    with(
        json!({ "provider": "generic", "event_name": "x", "id": "none", "scheme": "none" }),
        more,
    )
}

/// A generic webhook with these fields of its scheme besides.
fn hmac(more: &Value) -> Value {
    let scheme = with(json!({ "header": "x-sig" }), more);
    generic(&json!({ "scheme": { "hmac": scheme } }))
}

#[test]
fn what_is_wrong_is_named_with_what_would_be_right() {
    for (json, problem) in [
        (json!({"provider": "paypal"}), "unknown variant `paypal`"),
        (
            json!({"provider": "stripe", "secrte": "x"}),
            "unknown field `secrte`",
        ),
        (
            json!({"provider": "generic", "event_name": "x", "id": "none"}),
            "scheme: a generic sender needs one",
        ),
        (
            json!({"provider": "generic", "scheme": "none", "id": "none"}),
            "event_name: a generic webhook needs one",
        ),
        (
            json!({"provider": "generic", "scheme": "none", "event_name": "x"}),
            "id: a generic webhook needs one",
        ),
        (
            json!({"provider": "stripe", "scheme": "none"}),
            "scheme: is only for the provider generic",
        ),
        (
            generic(&json!({"event_name": ""})),
            "event_name: must have 1 to 1024 bytes",
        ),
        (
            generic(&json!({"event_name": "{"})),
            "event_name: a `{` without its `}`",
        ),
        (
            generic(&json!({"event_name": "a}"})),
            "event_name: a `}` without its `{`",
        ),
        (
            generic(&json!({"event_name": "{}"})),
            "event_name: the path must be names between dots",
        ),
        (
            generic(&json!({"event_name": "{body:md5}"})),
            "event_name: there is no `{body:md5}`",
        ),
        (
            generic(&json!({"event_name": "{header:a b}"})),
            "event_name: `a b` cannot be a header's name",
        ),
        (
            generic(&json!({"event_name": "cel:event.name"})),
            "event_name: unknown name `event`; there are `body` and `headers`",
        ),
        (generic(&json!({"event_name": "cel:"})), "event_name: "),
        (
            generic(&json!({"data": "a..b"})),
            "data: the path must be names between dots",
        ),
        (
            generic(&json!({"if": "'yes'"})),
            "if: the expression gives a string; a condition must give a boolean",
        ),
        (
            generic(&json!({"challenge": "a..b"})),
            "challenge: the path",
        ),
        (
            hmac(&json!({"header": "x sig"})),
            "scheme: `x sig` cannot be a header's name",
        ),
    ] {
        refused(&json, problem);
    }
}

#[test]
fn schemes_that_would_leave_something_to_anybodys_choice_are_refused() {
    for (json, problem) in [
        (hmac(&json!({"algorithm": "md5"})), "unknown variant `md5`"),
        (
            hmac(&json!({"signed": "{timestamp}"})),
            "scheme: signed: must have {body}",
        ),
        (
            hmac(&json!({"signed": "{timestamp}{body}"})),
            "scheme: signed: {timestamp} needs a timestamp_header",
        ),
        (
            hmac(&json!({"signed": "{body}", "timestamp_header": "x-time"})),
            "scheme: signed: must have {timestamp}",
        ),
        (
            hmac(&json!({"signed": "{url}"})),
            "scheme: signed: there is no `{url}`",
        ),
    ] {
        refused(&json, problem);
    }
}

#[test]
fn secrets_are_checked_and_never_shown() {
    let check = |provider, text: &str| Secret::check(provider, text).map_err(|it| it.to_string());
    assert_eq!(
        check(Provider::Stripe, "short"),
        Err("secret: must have at least 8 characters".into())
    );
    for (provider, text) in [
        (Provider::Github, "two\nlines of text"),
        (Provider::Github, &"x".repeat(1025)),
        (Provider::Standard, "whsec_no base64 at all"),
        (Provider::Standard, "whsec_"),
        (Provider::Standard, "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ] {
        let told = check(provider, text).expect_err("no secret");
        assert!(!told.contains(text), "{told}");
    }
    // A file ends with a line end, which nobody means.
    let secret = check(Provider::Stripe, " whsec_of_a_file\n").expect("a secret");
    assert_eq!(
        secret,
        check(Provider::Stripe, "whsec_of_a_file").expect("a secret")
    );
    let record = WebhookRecord {
        settings: settings(json!({"provider": "stripe"})),
        secrets: Secrets::of(secret).rotate(
            check(Provider::Stripe, "whsec_the_other").expect("a secret"),
            9,
        ),
        enabled: true,
        created_ms: 1,
        updated_ms: 1,
        request: None,
    };
    assert!(!format!("{record:?}").contains("whsec"));
    // They come back from where they are kept.
    let kept = serde_json::to_string(&record).expect("JSON");
    assert_eq!(
        serde_json::from_str::<WebhookRecord>(&kept).expect("a record"),
        record
    );
}
