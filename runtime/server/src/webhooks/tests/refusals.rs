//! What is not taken: forgeries, replays, requests that lack something, bodies that nobody can read.

use super::*;

#[test]
fn a_changed_body_a_changed_time_and_another_secret_are_forgeries() {
    let body = STRIPE_BODY.replace("in_1", "in_2");
    assert_eq!(stripe(STRIPE_TAG, &body, SIGNED_MS), Err(Rejection::Forged));
    let hook = webhook(json!({"provider": "stripe"}));
    let receive = |header: &str, secret: &str, now_ms| {
        let headers = headers(&[("stripe-signature", header)]);
        let secrets = secrets(Provider::Stripe, secret);
        hook.receive(&secrets, &headers, STRIPE_BODY.as_bytes(), now_ms)
    };
    // A replay that is dressed up as new.
    let later = format!("t=1700009999,v1={STRIPE_TAG}");
    assert_eq!(
        receive(&later, STRIPE_SECRET, 1_700_009_999_000),
        Err(Rejection::Forged)
    );
    let right = format!("t=1700000000,v1={STRIPE_TAG}");
    assert_eq!(
        receive(&right, "whsec_another_one", SIGNED_MS),
        Err(Rejection::Forged)
    );
    // The scheme that proves nothing.
    let downgraded = format!("t=1700000000,v0={STRIPE_TAG}");
    assert!(matches!(
        receive(&downgraded, STRIPE_SECRET, SIGNED_MS),
        Err(Rejection::Malformed { .. })
    ));
}

#[test]
fn a_signature_counts_for_five_minutes_in_both_directions() {
    let at = |now_ms| stripe(STRIPE_TAG, STRIPE_BODY, now_ms).map(drop);
    assert_eq!(at(SIGNED_MS + TOLERANCE_MS), Ok(()));
    assert_eq!(at(SIGNED_MS + TOLERANCE_MS + 1), Err(Rejection::Stale));
    assert_eq!(at(SIGNED_MS - TOLERANCE_MS), Ok(()));
    assert_eq!(at(SIGNED_MS - TOLERANCE_MS - 1), Err(Rejection::Stale));
    // Whoever has no secret does not learn that the time was wrong.
    let forged = stripe(&"0".repeat(64), STRIPE_BODY, 0);
    assert_eq!(forged, Err(Rejection::Forged));
}

#[test]
fn one_right_signature_among_several_is_enough_and_too_many_are_not_looked_at() {
    let wrong = "0".repeat(64);
    let received = stripe(&format!("{wrong},v1={STRIPE_TAG}"), STRIPE_BODY, SIGNED_MS);
    assert!(received.is_ok());
    let many = format!("{wrong},v1=").repeat(8);
    let received = stripe(&format!("{many}{STRIPE_TAG}"), STRIPE_BODY, SIGNED_MS);
    assert!(matches!(received, Err(Rejection::Malformed { .. })));
}

#[test]
fn headers_that_are_missing_doubled_or_unreadable_are_named() {
    let hook = webhook(json!({"provider": "standard"}));
    let secrets = secrets(Provider::Standard, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let receive =
        |pairs: &[(&str, &str)]| hook.receive(&secrets, &headers(pairs), b"{}", SIGNED_MS);
    let (id, time, signature) = (
        ("webhook-id", "m"),
        ("webhook-timestamp", "1700000000"),
        ("webhook-signature", "v1,AAAA"),
    );
    let missing = |name: &str| Err(Rejection::Missing(name.into()));
    assert_eq!(receive(&[]), missing("webhook-signature"));
    assert_eq!(receive(&[signature]), missing("webhook-id"));
    assert_eq!(receive(&[signature, id]), missing("webhook-timestamp"));
    assert_eq!(receive(&[signature, id, time]), Err(Rejection::Forged));
    assert_eq!(
        receive(&[signature, id, id, time]),
        Err(Rejection::Repeated("webhook-id".into()))
    );
    // The headers of the two families are never mixed: of one alone all are signed.
    assert_eq!(
        receive(&[("svix-signature", "v1,AAAA"), id, time]),
        missing("svix-id")
    );
    for wrong in ["", "v1", "AAAA", "v2,AAAA", "v1,???", "v1a,AAAA"] {
        let received = receive(&[("webhook-signature", wrong), id, time]);
        assert!(
            matches!(received, Err(Rejection::Malformed { .. })),
            "{wrong}: {received:?}"
        );
    }
    for wrong in ["", "-1", "1e9", "2023-11-14", "99999999999999999999"] {
        let received = receive(&[signature, id, ("webhook-timestamp", wrong)]);
        assert!(
            matches!(received, Err(Rejection::Malformed { .. })),
            "{wrong}: {received:?}"
        );
    }
    let mut strange = headers(&[id, time]);
    let value = HeaderValue::from_bytes(b"v1,\xff").expect("a value");
    strange.insert("webhook-signature", value);
    let received = hook.receive(&secrets, &strange, b"{}", SIGNED_MS);
    assert!(matches!(received, Err(Rejection::Malformed { .. })));
}

#[test]
fn svix_ids_are_the_signed_ones_whatever_else_is_called_an_id() {
    let hook = webhook(json!({"provider": "standard", "event_name": "x"}));
    let secrets = secrets(Provider::Standard, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let mut replayed = headers(&[
        ("svix-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("svix-timestamp", "1614265330"),
        (
            "svix-signature",
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
    ]);
    replayed.insert("webhook-id", HeaderValue::from_static("msg_another"));
    let body = b"{\"test\": 2432232314}";
    let (delivery, _) = event(hook.receive(&secrets, &replayed, body, 1_614_265_330_000));
    assert_eq!(delivery.as_deref(), Some("msg_p5jXN8AQM9LWM0D4loKWxJek"));
}

#[test]
fn two_secrets_are_good_for_a_time_and_then_one() {
    let hook = webhook(json!({"provider": "stripe"}));
    let check = |text| Secret::check(Provider::Stripe, text).expect("a secret");
    let old = Secrets::of(check(STRIPE_SECRET));
    let rotated = old.rotate(check("whsec_the_new_one"), SIGNED_MS + 1_000);
    let header = headers(&[("stripe-signature", &format!("t=1700000000,v1={STRIPE_TAG}"))]);
    let receive = |secrets: &Secrets, now_ms| {
        hook.receive(secrets, &header, STRIPE_BODY.as_bytes(), now_ms)
            .map(drop)
    };
    assert_eq!(receive(&rotated, SIGNED_MS + 999), Ok(()));
    assert_eq!(
        rotated.previous_until_ms(SIGNED_MS + 999),
        Some(SIGNED_MS + 1_000)
    );
    assert_eq!(receive(&rotated, SIGNED_MS + 1_000), Err(Rejection::Forged));
    assert_eq!(rotated.previous_until_ms(SIGNED_MS + 1_000), None);
    let again = rotated.rotate(check("whsec_the_third"), u64::MAX);
    assert_eq!(receive(&again, SIGNED_MS), Err(Rejection::Forged));
    assert_eq!(
        receive(&Secrets::default(), SIGNED_MS),
        Err(Rejection::Forged)
    );
}

/// A webhook that verifies nothing, to look at bodies alone.
fn open(content_type: Option<&str>, body: &[u8]) -> Result<String, Rejection> {
    let hook = webhook(json!({
        "provider": "generic", "event_name": "x", "id": "none", "scheme": "none",
    }));
    let headers = content_type.map_or_else(HeaderMap::new, |it| headers(&[("content-type", it)]));
    let received = hook.receive(&Secrets::default(), &headers, body, 0)?;
    let (_, event) = event(Ok(received));
    Ok(event.data.expect("data").to_string())
}

#[test]
fn bodies_are_json_or_forms_in_utf_8() {
    let right: [(Option<&str>, &[u8], &str); 9] = [
        (None, b" {\"a\" : 1} ", r#"{"a" : 1}"#),
        (Some("application/json; charset=\"UTF-8\""), b"{}", "{}"),
        (Some("Application/CloudEvents+JSON"), b"{}", "{}"),
        (
            Some("text/plain"),
            b"\xef\xbb\xbf{\"a\":\"\xc3\xa9\"}",
            "{\"a\":\"\u{e9}\"}",
        ),
        (None, b"", "{}"),
        (None, b"[1,2]", r#"{"value":[1,2]}"#),
        (None, b"null", r#"{"value":null}"#),
        (
            Some("application/x-www-form-urlencoded"),
            b"a=1&b=%C3%A9+x&a=2",
            "{\"a\":[\"1\",\"2\"],\"b\":\"\u{e9} x\"}",
        ),
        (
            Some("application/x-www-form-urlencoded"),
            b"payload=%7B%7D",
            r#"{"payload":"{}"}"#,
        ),
    ];
    for (content_type, body, data) in right {
        assert_eq!(open(content_type, body).as_deref(), Ok(data), "{body:?}");
    }
    for body in [
        &b"{"[..],
        b"{} {}",
        b"\xff\xfe{\x00}\x00",
        b"{\"a\":\"\xe9\"}",
        "[".repeat(200).as_bytes(),
    ] {
        let received = open(None, body);
        assert!(
            matches!(received, Err(Rejection::UnreadableBody(_))),
            "{body:?}: {received:?}"
        );
    }
    for content_type in [
        "application/xml",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/json;charset=ISO-8859-1",
    ] {
        let received = open(Some(content_type), b"{}");
        assert!(
            matches!(received, Err(Rejection::UnsupportedBody(_))),
            "{content_type}"
        );
    }
}

#[test]
fn compressed_bodies_are_refused_before_anything_else() {
    let hook = webhook(json!({"provider": "stripe"}));
    for encoding in ["gzip", "br", "identity, gzip"] {
        let headers = headers(&[("content-encoding", encoding)]);
        let received = hook.receive(&Secrets::default(), &headers, b"{}", 0);
        assert!(matches!(received, Err(Rejection::UnsupportedBody(_))));
    }
}

#[test]
fn what_a_forger_is_told_is_the_same_whatever_is_wrong() {
    let told = |received: Result<Received, Rejection>| received.expect_err("no").to_string();
    let wrong_tag = told(stripe(&"0".repeat(64), STRIPE_BODY, SIGNED_MS));
    let wrong_body = told(stripe(STRIPE_TAG, "{}", SIGNED_MS));
    let wrong_time = told(stripe(&"0".repeat(64), STRIPE_BODY, 0));
    let no_json = told(stripe(STRIPE_TAG, "no json", SIGNED_MS));
    assert!(
        [&wrong_body, &wrong_time, &no_json]
            .iter()
            .all(|it| **it == wrong_tag)
    );
    assert!(!wrong_tag.contains(STRIPE_SECRET) && !wrong_tag.contains(STRIPE_TAG));
}
