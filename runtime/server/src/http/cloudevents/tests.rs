//! Events as the specification and its HTTP binding describe them, in all three modes, and what is refused.

use std::fmt::Write as _;

use axum::http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

mod fuzz;

fn headers(list: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        let name = name.parse::<HeaderName>().expect("a name");
        (
            name,
            HeaderValue::from_bytes(value.as_bytes()).expect("a value"),
        )
    };
    let mut headers = HeaderMap::new();
    for (name, value) in list.iter().map(pair) {
        headers.append(name, value);
    }
    headers
}

fn sent(list: &[(&str, &str)], body: &str) -> Result<Vec<NewEvent>, ApiError> {
    let sent = parse(&headers(list), body.as_bytes(), 3)?;
    Ok(sent.into_iter().map(|(event, _)| event).collect())
}

fn structured(event: &Value) -> Result<NewEvent, String> {
    let content_type = (
        "content-type",
        "application/cloudevents+json; charset=UTF-8",
    );
    sent(&[content_type], &event.to_string())
        .map(|mut events| events.remove(0))
        .map_err(|error| error.detail)
}

fn parsed(text: Option<&std::sync::Arc<str>>) -> Value {
    text.map_or(Value::Null, |text| {
        serde_json::from_str(text).expect("JSON")
    })
}

fn example() -> Value {
    json!({
        "specversion": "1.0", "type": "com.example.object.deleted.v2", "source": "/mycontext", "subject": "cat.png", "id": "C234-1234-1234",
        "time": "2018-04-05T17:31:00.250+02:00", "comexampleextension1": "value", "comexampleothervalue": 5,
        "datacontenttype": "application/json", "data": {"appinfoA": "abc", "appinfoB": 123, "appinfoC": true},
    })
}

fn with(member: &str, value: Value) -> Value {
    let mut event = example();
    event[member] = value;
    event
}

#[test]
fn a_structured_event_keeps_its_data_and_all_its_attributes() {
    let event = structured(&example()).expect("it is right");
    assert_eq!(event.name, "com.example.object.deleted.v2");
    assert_eq!(event.id.as_deref(), Some("/mycontext C234-1234-1234"));
    assert_eq!(event.ts, Some(1_522_942_260_250));
    assert_eq!(parsed(event.data.as_ref()), example()["data"]);
    let mut attributes = example();
    attributes
        .as_object_mut()
        .expect("an object")
        .remove("data");
    assert_eq!(
        parsed(event.user.as_ref()),
        json!({ "cloudevent": attributes })
    );
}

#[test]
fn binary_mode_has_attributes_in_headers_and_any_data() {
    let attributes = [
        ("ce-specversion", "1.0"),
        ("ce-type", "com.example.someevent"),
        ("CE-Source", "/mycontext/subcontext"),
        ("ce-id", "1234-1234-1234"),
        ("ce-comexampleextension1", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
    ];
    let of = |content_type, body| {
        let list = [&attributes[..], &[("content-type", content_type)]].concat();
        sent(&list, body).expect("it is right").remove(0)
    };
    let event = of("application/json; charset=utf-8", r#"{ "much": "wow" }"#);
    assert_eq!(event.data.as_deref(), Some(r#"{ "much": "wow" }"#));
    assert_eq!(event.ts, None);
    let user = parsed(event.user.as_ref());
    assert_eq!(user["cloudevent"]["comexampleextension1"], "Euro € 😀");
    assert_eq!(
        user["cloudevent"]["datacontenttype"],
        "application/json; charset=utf-8"
    );
    let data = |content_type, body| parsed(of(content_type, body).data.as_ref());
    assert_eq!(
        data("application/vnd.x+json", "[1,2]"),
        json!({"value": [1, 2]})
    );
    assert_eq!(data("text/plain", "hello"), json!({"text": "hello"}));
    assert_eq!(
        data("application/octet-stream", "hello"),
        json!({"base64": "aGVsbG8="})
    );
    assert_eq!(of("application/json", "").data, None);
}

#[test]
fn a_batch_is_a_list_of_structured_events_and_may_be_empty() {
    let batch = |body: &str| {
        sent(
            &[("content-type", "application/cloudevents-batch+json")],
            body,
        )
    };
    let events =
        batch(&json!([example(), with("id", json!("2"))]).to_string()).expect("it is right");
    assert_eq!(events[1].id.as_deref(), Some("/mycontext 2"));
    assert_eq!(batch("[]").expect("it is right"), []);
    let fault = |body: Value| batch(&body.to_string()).expect_err("it is wrong").detail;
    assert_eq!(
        fault(json!([example(), with("type", json!(""))])),
        "event 1: `type` must not be empty"
    );
    assert!(fault(json!([1, 2, 3, 4])).contains("no JSON array of objects"));
    let four = json!([example(), example(), example(), example()]);
    assert_eq!(
        fault(four),
        "a request must hold at most 3 events, this one holds 4"
    );
}

#[test]
fn data_may_be_text_or_bytes_or_any_json() {
    let data = |event: &Value| parsed(structured(event).expect("it is right").data.as_ref());
    let without = |data: (&str, Value), content_type: Value| {
        let mut event = with("datacontenttype", content_type);
        event.as_object_mut().expect("an object").remove("data");
        event[data.0] = data.1;
        event
    };
    let text = without(("data", json!("<a/>")), json!("text/xml"));
    assert_eq!(data(&text), json!({"text": "<a/>"}));
    let number = without(("data", json!(7)), Value::Null);
    assert_eq!(data(&number), json!({"value": 7}));
    let bytes = without(("data_base64", json!("AAH/")), Value::Null);
    assert_eq!(data(&bytes), json!({"base64": "AAH/"}));
    let json_bytes = without(
        ("data_base64", json!("eyJhIjoxfQ==")),
        json!("application/json"),
    );
    assert_eq!(data(&json_bytes), json!({"a": 1}));
    let nothing = without(("data", Value::Null), Value::Null);
    assert_eq!(structured(&nothing).expect("it is right").data, None);
}

#[test]
fn a_source_and_an_id_that_are_too_long_for_an_id_are_hashed() {
    let id = |id: &str| {
        structured(&with("id", json!(id)))
            .expect("it is right")
            .id
            .unwrap_or_default()
    };
    let long = "x".repeat(300);
    assert_eq!(id(&long).len(), "cloudevent:".len() + 64);
    assert_ne!(id(&long), id(&format!("{long}y")));
    assert_eq!(id(&long), id(&long));
}

#[test]
fn the_extension_for_distributed_tracing_goes_before_the_header() {
    let [own, outer] = ["b7ad6b7169203331", "00f067aa0ba902b7"]
        .map(|span| format!("00-0af7651916cd43dd8448eb211c80319c-{span}-01"));
    let told = |extension: &str, header: &str| {
        let event = with("traceparent", json!(extension)).to_string();
        let content_type = ("content-type", "application/cloudevents+json");
        let sent = parse(
            &headers(&[content_type, ("traceparent", header)]),
            event.as_bytes(),
            3,
        );
        let trace = sent.expect("it is right").remove(0).1;
        trace.map(|trace| trace.traceparent())
    };
    assert_eq!(told(&own, &outer), Some(own.clone()));
    assert_eq!(told("nonsense", &outer), Some(outer));
    assert_eq!(told("nonsense", "nonsense"), None);
}

#[test]
fn faults_name_the_attribute() {
    for (member, value, problem) in [
        ("id", Value::Null, "`id` is required"),
        ("source", json!(""), "`source` must not be empty"),
        (
            "source",
            json!("a b"),
            "`source` must be a URI, and has spaces",
        ),
        ("type", json!(5), "`type` must be a string"),
        (
            "specversion",
            json!("0.3"),
            "`specversion` is `0.3`, and only `1.0` is known",
        ),
        (
            "time",
            json!("yesterday"),
            "`time` is `yesterday`, and must be a time such as 2026-01-01T12:00:00Z",
        ),
        (
            "time",
            json!("1960-01-01T00:00:00Z"),
            "`time` lies before the year 1980, and times are kept from there to 2100",
        ),
        ("subject", json!(""), "`subject` must not be empty"),
        (
            "Extension",
            json!("x"),
            "`Extension` is no name of an attribute: those have small letters and digits only",
        ),
        (
            "ext",
            json!({}),
            "`ext` must be a string, a number or a boolean; what has parts belongs into `data`",
        ),
        ("ext", json!(1.5), "`ext` must be a whole number of 32 bits"),
        (
            "ext",
            json!(2_147_483_648_u64),
            "`ext` must be a whole number of 32 bits",
        ),
        ("ext", json!("a\nb"), "`ext` has control characters"),
        (
            "data_base64",
            json!("AA=="),
            "it has both `data` and `data_base64`",
        ),
    ] {
        assert_eq!(
            structured(&with(member, value)),
            Err(problem.into()),
            "{member}"
        );
    }
    let twice = r#"{"specversion":"1.0","id":"1","id":"2","source":"/","type":"t"}"#;
    let structured_type = ("content-type", "application/cloudevents+json");
    assert_eq!(
        sent(&[structured_type], twice)
            .expect_err("it is wrong")
            .detail,
        "`id` is given twice"
    );
}

#[test]
fn what_is_no_cloudevent_is_told_what_would_be_one() {
    let error = sent(&[("content-type", "application/json")], "{}").expect_err("it is wrong");
    assert!(
        error.detail.contains("application/cloudevents+json"),
        "{}",
        error.detail
    );
    for format in [
        "application/cloudevents+xml",
        "application/cloudevents",
        "application/cloudevents-batch+avro",
    ] {
        let error = sent(&[("content-type", format)], "").expect_err("it is wrong");
        assert_eq!(
            (error.status.as_u16(), error.code),
            (415, "unsupported_media_type"),
            "{format}"
        );
    }
    let twice = [("ce-id", "1"), ("ce-id", "2"), ("ce-specversion", "1.0")];
    assert_eq!(
        sent(&twice, "").expect_err("it is wrong").detail,
        "`id` is given twice"
    );
    let required = [
        ("ce-id", "1"),
        ("ce-specversion", "1.0"),
        ("ce-source", "/"),
        ("ce-type", "t"),
    ];
    for (value, problem) in [
        (
            "100%",
            "the header `ce-ext` has a `%` without two hexadecimal digits",
        ),
        (
            "%zz",
            "the header `ce-ext` has a `%` without two hexadecimal digits",
        ),
        (
            "%ff",
            "the header `ce-ext` is not UTF-8 text when it is decoded",
        ),
        ("\"a\\\"", "the header `ce-ext` ends with a backslash"),
    ] {
        let list = [&required[..], &[("ce-ext", value)]].concat();
        assert_eq!(sent(&list, "").expect_err("it is wrong").detail, problem);
    }
}

/// As the HTTP binding tells senders to: everything but visible ASCII, and `"` and `%`, as bytes in hexadecimal digits.
fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if (0x21..0x7f).contains(&byte) && !b"\"%".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

proptest! {
    #[test]
    fn a_header_is_decoded_to_what_was_encoded(text in any::<String>()) {
        let header = HeaderValue::from_str(&encode(&text)).expect("it is visible");
        prop_assert_eq!(binary::decode(&header), Ok(text.clone()));
        let quoted = format!("\"{}\"", encode(&text).replace('\\', "\\\\"));
        let header = HeaderValue::from_str(&quoted).expect("it is visible");
        prop_assert_eq!(binary::decode(&header), Ok(text));
    }
}
