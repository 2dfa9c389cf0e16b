//! From requests to events: names, data, ids, conditions and challenges.

use super::*;

const BODY: &str = r#"{"type":"paid","ok":true,"n":7,"list":[{"id":"a"}],"none":null,"data":{"object":{"id":"o-1","big":12345678901234567890123}}}"#;

/// A webhook that verifies nothing, with these settings besides.
fn open(more: &Value) -> Webhook {
    let open = json!({
        "provider": "generic", "scheme": "none", "event_name": "x", "id": "none",
    });
    webhook(with(open, more))
}

fn receive(more: &Value) -> Result<Received, Rejection> {
    let headers = headers(&[
        ("x-kind", "push"),
        ("x-many", "1"),
        ("x-many", "2"),
        ("authorization", "Bearer key"),
        ("x-hub-signature", "sha1=00"),
    ]);
    open(more).receive(&Secrets::default(), &headers, BODY.as_bytes(), 0)
}

#[track_caller]
fn name(template: &str) -> Result<String, String> {
    match receive(&json!({ "event_name": template })) {
        Ok(Received::Event { event, .. }) => Ok(event.name),
        Err(Rejection::Unmapped { field, problem }) => {
            assert_eq!(field, "event_name");
            Err(problem)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_are_templates_or_expressions() {
    for (template, expected) in [
        ("shop/{type}", "shop/paid"),
        ("{data.object.id}-{list.0.id}", "o-1-a"),
        ("{ok}.{n}", "true.7"),
        ("{header:X-Kind}", "push"),
        ("{header:x-many}", "1, 2"),
        ("{none|nothing}{gone|}", "nothing"),
        ("{{{type}}}", "{paid}"),
        (
            "cel:'gh/' + headers['x-kind'] + '.' + body.type",
            "gh/push.paid",
        ),
        (
            "cel:has(body.action) ? body.action : string(size(body.list))",
            "1",
        ),
    ] {
        assert_eq!(name(template).as_deref(), Ok(expected), "{template}");
    }
    for (template, problem) in [
        ("{gone}", "the body has no text or number at `gone`"),
        ("{data}", "the body has no text or number at `data`"),
        ("{header:gone}", "there is no header `gone`"),
        // What opens other doors is nobody's data.
        (
            "{header:authorization}",
            "there is no header `authorization`",
        ),
        (
            "{header:x-hub-signature}",
            "there is no header `x-hub-signature`",
        ),
        ("cel:body.data", "the expression gives no text or number"),
        (
            "cel:body.gone.deep",
            "the expression gives no text or number",
        ),
        ("cel:body.type / 2", "`/` does not go between"),
    ] {
        let told = name(template).expect_err(template);
        assert!(told.starts_with(problem), "{template}: {told}");
    }
}

#[test]
fn data_is_the_body_a_part_of_it_or_an_expression() {
    let data = |text: &str| match receive(&json!({ "data": text })) {
        Ok(Received::Event { event, .. }) => Ok(event.data.expect("data").to_string()),
        Err(rejection) => Err(rejection.to_string()),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        data("data.object").as_deref(),
        Ok(r#"{"id":"o-1","big":12345678901234567890123}"#)
    );
    assert_eq!(data("list.0").as_deref(), Ok(r#"{"id":"a"}"#));
    assert_eq!(data("type").as_deref(), Ok(r#"{"value":"paid"}"#));
    assert_eq!(
        data("cel:{'kind': headers['x-kind'], 'id': body.data.object.id}").as_deref(),
        Ok(r#"{"id":"o-1","kind":"push"}"#)
    );
    assert!(
        data("data.gone")
            .expect_err("nothing there")
            .contains("nothing at `data.gone`")
    );
    assert!(data("list.7").is_err() && data("type.deep").is_err());
}

#[test]
fn ids_name_deliveries() {
    let delivery = |id: &str| match receive(&json!({ "id": id })) {
        Ok(Received::Event { event, delivery }) => Ok((delivery, event.id)),
        Err(rejection) => Err(rejection.to_string()),
        other => panic!("{other:?}"),
    };
    assert_eq!(delivery("none"), Ok((None, None)));
    assert_eq!(
        delivery("{data.object.id}"),
        Ok((Some("o-1".into()), Some("shop:o-1".into())))
    );
    let (digest, _) = delivery("{body:sha256}").expect("a digest");
    assert_eq!(digest.map(|it| it.len()), Some(64));
    assert!(
        delivery("{none|}")
            .expect_err("empty")
            .contains("0 characters")
    );
    let long = format!("{{type}}{}", "x".repeat(180));
    assert!(
        delivery(&long)
            .expect_err("long")
            .contains("184 characters")
    );
}

#[test]
fn a_condition_leaves_requests_out_and_says_what_it_cannot_decide() {
    let with = |condition: &str| receive(&json!({ "if": condition }));
    assert!(matches!(
        with("body.type == 'paid' && headers['x-kind'] == 'push'"),
        Ok(Received::Event { .. })
    ));
    assert_eq!(with("body.type == 'refunded'"), Ok(Received::LeftOut));
    assert_eq!(with("body.gone.deep == 1"), Ok(Received::LeftOut));
    // Left out for a mistake would be lost without anybody knowing.
    assert!(matches!(
        with("body.gone"),
        Err(Rejection::Unmapped { field: "if", .. })
    ));
}

#[test]
fn a_challenge_is_answered_before_anything_is_made_of_the_request() {
    let challenge = |path: &str| {
        receive(&json!({ "challenge": path, "event_name": "{gone}", "if": "body.gone" }))
    };
    assert_eq!(
        challenge("data.object.id"),
        Ok(Received::Challenge("o-1".into()))
    );
    // Only a text is one.
    assert!(matches!(challenge("n"), Err(Rejection::Unmapped { .. })));
}
