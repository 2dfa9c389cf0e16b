//! The contract of `examples/STAND-IN.md`, line by line.

use serde_json::{Value, json};

use super::*;

const BASE: &str = "http://127.0.0.1:1";

fn ask(world: &mut World, method: &str, url: &str, key: Option<&str>, body: &str) -> Answer {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    world.answer(&Asked {
        method,
        path,
        query,
        key,
        body: Some(body.as_bytes()),
    })
}

/// Status and body of one request to a fresh world.
fn once(method: &str, url: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let answer = ask(&mut World::new(BASE), method, url, Some("run/step"), &body);
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

fn error_of(method: &str, url: &str, body: &Value) -> (u16, String) {
    let (status, body) = once(method, url, body);
    assert!(
        body["message"]
            .as_str()
            .is_some_and(|message| message.ends_with('.')),
        "{body}"
    );
    (status, body["error"].as_str().unwrap().to_owned())
}

// The first 12 hex digits of the SHA-1 of "run/step".
const HASH: &str = "773bc3a85610";

/// Checks answers: method, URL, body, status, answer.
fn check(cases: impl IntoIterator<Item = (&'static str, &'static str, Value, u16, Value)>) {
    for (method, url, body, status, expected) in cases {
        assert_eq!(
            once(method, url, &body),
            (status, expected),
            "{method} {url}"
        );
    }
}

#[test]
fn routes_with_an_effect_answer_as_the_contract_says() {
    assert_eq!(world::id("x", "run/step")[2..], *HASH);
    check([
        (
            "POST",
            "/emails",
            json!({"to": "a@b", "subject": "s", "more": 1}),
            200,
            json!({"id": format!("email_{HASH}"), "to": "a@b", "subject": "s"}),
        ),
        (
            "POST",
            "/messages",
            json!({"gateway": "sms", "to": "+49", "text": "t"}),
            200,
            json!({"id": format!("message_{HASH}"), "gateway": "sms", "to": "+49"}),
        ),
        (
            "PATCH",
            "/records/users/u%201",
            json!({"a": 1}),
            200,
            json!({"collection": "users", "id": "u 1", "fields": {"a": 1}}),
        ),
        (
            "POST",
            "/risk",
            json!({"payment_id": "p", "amount": 100_000}),
            200,
            json!({"payment_id": "p", "score": 80, "level": "high"}),
        ),
        (
            "POST",
            "/risk",
            json!({"payment_id": "p", "amount": 99_999}),
            200,
            json!({"payment_id": "p", "score": 10, "level": "low"}),
        ),
        (
            "POST",
            "/charges",
            json!({"reference": "r", "amount": 5, "currency": "EUR", "card": "4242"}),
            201,
            json!({"id": format!("charge_{HASH}"), "reference": "r", "amount": 5, "currency": "EUR", "status": "captured"}),
        ),
        (
            "POST",
            "/refunds",
            json!({"charge_id": "c", "amount": 5}),
            201,
            json!({"id": format!("refund_{HASH}"), "charge_id": "c", "amount": 5, "status": "refunded"}),
        ),
        (
            "POST",
            "/bookings",
            json!({"kind": "flight", "trip_id": "t", "what": "LHR"}),
            201,
            json!({"id": format!("booking_{HASH}"), "kind": "flight", "trip_id": "t", "what": "LHR", "status": "confirmed"}),
        ),
        (
            "DELETE",
            "/bookings/b1",
            json!(null),
            200,
            json!({"id": "b1", "status": "cancelled"}),
        ),
        (
            "PUT",
            "/exports/e1",
            json!([1, 2]),
            201,
            json!({"name": "e1", "bytes": 5, "url": "http://127.0.0.1:1/exports/e1"}),
        ),
    ]);
}

#[test]
fn routes_without_an_effect_answer_as_the_contract_says() {
    check([
        ("GET", "/health", json!(null), 200, json!({"status": "ok"})),
        (
            "GET",
            "/stock/cup?quantity=100",
            json!(null),
            200,
            json!({"sku": "cup", "quantity": 100, "in_stock": 100, "available": true}),
        ),
        (
            "GET",
            "/stock/gone-cup",
            json!(null),
            200,
            json!({"sku": "gone-cup", "quantity": 1, "in_stock": 0, "available": false}),
        ),
        (
            "GET",
            "/users/u-7/profile",
            json!(null),
            200,
            json!({"user_id": "u-7", "name": "Ada Example", "email": "u-7@example.com"}),
        ),
        ("GET", "/log", json!(null), 200, json!({"entries": []})),
    ]);
    for (part, members) in [("orders", 3), ("sessions", 2), ("messages", 4)] {
        let (status, body) = once("GET", &format!("/users/u/{part}"), &json!(null));
        assert_eq!(
            (status, body.as_array().map(Vec::len)),
            (200, Some(members)),
            "{part}"
        );
    }
}

#[test]
fn every_fault_has_its_status_and_code() {
    let cases = [
        (
            "POST",
            "/emails",
            json!({"to": "x@bounce.example", "subject": "s"}),
            422,
            "mailbox_unavailable",
        ),
        ("POST", "/emails", json!({"to": "a@b"}), 400, "bad_request"),
        (
            "POST",
            "/emails",
            json!({"to": "a@b", "subject": "s", "text": 1}),
            400,
            "bad_request",
        ),
        ("POST", "/emails", json!(null), 400, "bad_request"),
        ("PATCH", "/records/users/u", json!([1]), 400, "bad_request"),
        ("GET", "/records/users/u", json!(null), 404, "not_found"),
        (
            "GET",
            "/stock/cup?quantity=0",
            json!(null),
            400,
            "bad_request",
        ),
        (
            "POST",
            "/charges",
            json!({"reference": "r", "amount": 1.5, "currency": "EUR", "card": "1"}),
            400,
            "bad_request",
        ),
        (
            "POST",
            "/charges",
            json!({"reference": "r", "amount": 5, "currency": "EUR", "card": "test-declined"}),
            402,
            "card_declined",
        ),
        (
            "POST",
            "/bookings",
            json!({"kind": "car", "trip_id": "t", "what": "sold-out-car"}),
            409,
            "sold_out",
        ),
        ("GET", "/users/u/secrets", json!(null), 404, "not_found"),
        ("GET", "/exports/none", json!(null), 404, "not_found"),
        ("GET", "/nothing", json!(null), 404, "not_found"),
        ("GET", "/emails", json!(null), 405, "method_not_allowed"),
        ("PUT", "/records/a/b", json!({}), 405, "method_not_allowed"),
        ("PUT", "/exports/x", json!(null), 400, "bad_request"),
    ];
    for (method, url, body, status, code) in cases {
        assert_eq!(
            error_of(method, url, &body),
            (status, code.to_owned()),
            "{method} {url} {body}"
        );
    }
}

#[test]
fn an_effect_needs_a_key_of_1_to_256_characters() {
    let mut world = World::new(BASE);
    for key in [None, Some(String::new()), Some("k".repeat(257))] {
        let answer = ask(&mut world, "DELETE", "/bookings/b", key.as_deref(), "");
        assert_eq!(answer.status, 400);
        assert!(
            answer.body.contains("idempotency_key_missing"),
            "{}",
            answer.body
        );
    }
    assert_eq!(
        ask(
            &mut world,
            "DELETE",
            "/bookings/b",
            Some(&"é".repeat(256)),
            ""
        )
        .status,
        200
    );
}

#[test]
fn the_first_final_answer_for_a_key_is_given_again_without_effect() {
    let mut world = World::new(BASE);
    let first = ask(
        &mut world,
        "PATCH",
        "/records/c/i",
        Some("k1"),
        r#"{"a":1}"#,
    );
    let again = ask(
        &mut world,
        "PATCH",
        "/records/c/i",
        Some("k1"),
        r#"{"a":2}"#,
    );
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.headers, [("idempotent-replay", "true")]);
    let reused = ask(&mut world, "PATCH", "/records/c/other", Some("k1"), "{}");
    assert_eq!(reused.status, 422);
    assert!(reused.body.contains("idempotency_key_reused"));
    // An error that is final is remembered as well; one that is not leaves the key free.
    let card =
        |card| json!({"reference": "r", "amount": 5, "currency": "EUR", "card": card}).to_string();
    assert_eq!(
        ask(
            &mut world,
            "POST",
            "/charges",
            Some("k2"),
            &card("test-declined")
        )
        .status,
        402
    );
    assert_eq!(
        ask(&mut world, "POST", "/charges", Some("k2"), &card("4242")).status,
        402
    );
    assert_eq!(
        ask(&mut world, "POST", "/charges", Some("k3"), "{}").status,
        400
    );
    assert_eq!(
        ask(&mut world, "POST", "/charges", Some("k3"), &card("4242")).status,
        201
    );
    let record = ask(&mut world, "GET", "/records/c/i", None, "");
    assert_eq!(
        record.body,
        r#"{"collection":"c","fields":{"a":1},"id":"i"}"#
    );
}

#[test]
fn a_gateway_that_is_down_is_down_for_everybody_and_then_up() {
    let mut world = World::new(BASE);
    let mut send = |gateway: &str, key| {
        let body = json!({"gateway": gateway, "to": "+49", "text": "Hello"}).to_string();
        ask(&mut world, "POST", "/messages", Some(key), &body).status
    };
    assert_eq!(send("down-2", "a"), 503);
    assert_eq!(send("down-2-too", "a"), 503, "another gateway");
    assert_eq!(send("down-2", "b"), 503);
    assert_eq!(send("down-2", "a"), 200, "the third request");
    assert_eq!(send("sms", "c"), 200);
}

#[test]
fn a_busy_gateway_puts_off_the_first_requests_with_a_key() {
    let mut world = World::new(BASE);
    let body = json!({"reference": "r", "amount": 5, "currency": "EUR", "card": "test-busy-2"})
        .to_string();
    let mut statuses = |key| {
        [(); 4]
            .map(|()| ask(&mut world, "POST", "/charges", Some(key), &body))
            .map(|answer| (answer.status, answer.headers.first().copied()))
    };
    let busy = (429, Some(("retry-after", "1")));
    assert_eq!(
        statuses("a"),
        [
            busy,
            busy,
            (201, None),
            (201, Some(("idempotent-replay", "true")))
        ]
    );
    assert_eq!(statuses("b")[2], (201, None));
    let odd = json!({"reference": "r", "amount": 5, "currency": "EUR", "card": "test-busy-10"});
    assert_eq!(once("POST", "/charges", &odd).0, 201);
}

#[test]
fn the_log_tells_what_took_effect() {
    let mut world = World::new(BASE);
    ask(
        &mut world,
        "POST",
        "/emails",
        Some("r1/a"),
        r#"{"to":"a@b","subject":"s"}"#,
    );
    ask(
        &mut world,
        "POST",
        "/emails",
        Some("r1/a"),
        r#"{"to":"a@b","subject":"s"}"#,
    );
    ask(
        &mut world,
        "POST",
        "/emails",
        Some("r1/b"),
        r#"{"to":"a@bounce.example","subject":"s"}"#,
    );
    ask(&mut world, "DELETE", "/bookings/x?y=1", Some("r2/a"), "");
    ask(&mut world, "GET", "/health", None, "");
    let all = ask(&mut world, "GET", "/log", None, "");
    let expected = json!({"entries": [
        {"n": 0, "method": "POST", "path": "/emails", "key": "r1/a", "status": 200, "body": {"to": "a@b", "subject": "s"}},
        {"n": 1, "method": "DELETE", "path": "/bookings/x", "key": "r2/a", "status": 200, "body": null}]});
    assert_eq!(serde_json::from_str::<Value>(&all.body).unwrap(), expected);
    let some = ask(&mut world, "GET", "/log?key_prefix=r2%2F", None, "");
    assert_eq!(
        serde_json::from_str::<Value>(&some.body).unwrap()["entries"][0]["n"],
        1
    );
}

#[test]
fn an_export_comes_back_as_it_was_sent() {
    let mut world = World::new(BASE);
    let body = "{\"b\": 1.50,\n \"a\": 2} ";
    let put = ask(&mut world, "PUT", "/exports/a%2Fb", Some("k"), body);
    let put: Value = serde_json::from_str(&put.body).unwrap();
    assert_eq!(
        (put["bytes"].as_u64(), put["url"].as_str()),
        (
            Some(body.len() as u64),
            Some("http://127.0.0.1:1/exports/a%2Fb")
        )
    );
    assert_eq!(
        ask(&mut world, "GET", "/exports/a%2Fb", None, "").body,
        body
    );
}

#[tokio::test]
async fn it_serves_on_loopback_and_keeps_its_port() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path()).unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http
        .get(format!("{}/health", service.url))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.text().await.unwrap(), r#"{"status":"ok"}"#);
    let large = vec![b' '; MAX_BODY_BYTES + 1];
    let answer = http
        .put(format!("{}/exports/x", service.url))
        .header("Idempotency-Key", "k")
        .body(large)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 413);
    let remembered = std::fs::read_to_string(folder.path().join(PORT_FILE)).unwrap();
    assert!(service.url.ends_with(&format!(":{}", remembered.trim())));
    // The port is taken now: another service gets another one.
    assert_ne!(start(folder.path()).unwrap().address, service.address);
}
