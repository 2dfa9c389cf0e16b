//! Any event in each of the three modes, which must be the same event, and requests as no client sends them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::option;
use proptest::sample::{Index, select};

use super::*;

/// The most events of a request in these tests.
const MOST: usize = 3;

/// What an event carries.
#[derive(Debug, Clone)]
enum Content {
    Nothing,
    Json(Value),
    Text(String),
    Bytes(Vec<u8>),
}

/// An event apart from how it is sent.
#[derive(Debug, Clone)]
struct Sample {
    /// Context attributes but for the content type.
    attributes: Vec<(String, String)>,
    content_type: Option<&'static str>,
    content: Content,
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let list = proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from);
        let object = proptest::collection::btree_map(any::<String>(), inner, 0..4);
        prop_oneof![list, object.prop_map(|object| json!(object))]
    })
}

fn content() -> impl Strategy<Value = (Option<&'static str>, Content)> {
    let json_type = select(vec![
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/vnd.shop.order+json",
    ]);
    let text_type = select(vec!["text/plain", "text/xml; charset=utf-8"]);
    let bytes_type = select(vec!["application/octet-stream", "image/png", "text/plain"]);
    let bytes = proptest::collection::vec(any::<u8>(), 1..40);
    prop_oneof![
        Just((None, Content::Nothing)),
        json_type
            .clone()
            .prop_map(|it| (Some(it), Content::Nothing)),
        (json_type, json()).prop_map(|(it, json)| (Some(it), Content::Json(json))),
        (text_type, "(?s).{1,20}").prop_map(|(it, text)| (Some(it), Content::Text(text))),
        (bytes_type, bytes).prop_map(|(it, bytes)| (Some(it), Content::Bytes(bytes))),
    ]
}

/// Text without spaces, as URIs are.
fn uri() -> impl Strategy<Value = String> {
    "\\PC{1,20}"
        .prop_map(|text: String| text.split_whitespace().collect::<String>())
        .prop_filter("it must not be empty", |text: &String| !text.is_empty())
}

fn sample() -> impl Strategy<Value = Sample> {
    let text = || "\\PC{1,20}";
    let time = "20[0-9]{2}-0[1-9]-[12][0-8]T[01][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]0[0-9]:30)";
    // Not the names that the specification gives to something else.
    let extensions = proptest::collection::btree_map("x[a-z0-9]{0,12}", "\\PC{0,20}", 0..3);
    let attributes = (
        text(),
        uri(),
        text(),
        option::of(text()),
        option::of(uri()),
        option::of(time),
        extensions,
    );
    (attributes, content()).prop_map(
        |((id, source, kind, subject, schema, time, more), (content_type, content))| {
            let some = |name: &str, value: Option<String>| Some((name.to_owned(), value?));
            let known = [
                some("specversion", Some("1.0".into())),
                some("id", Some(id)),
                some("source", Some(source)),
                some("type", Some(kind)),
                some("subject", subject),
                some("dataschema", schema),
                some("time", time),
            ];
            let attributes = known.into_iter().flatten().chain(more).collect();
            Sample {
                attributes,
                content_type,
                content,
            }
        },
    )
}

impl Sample {
    /// As a JSON object.
    fn structured(&self) -> Value {
        let mut event = json!({});
        for (name, value) in &self.attributes {
            event[name] = json!(value);
        }
        if let Some(content_type) = self.content_type {
            event["datacontenttype"] = json!(content_type);
        }
        match &self.content {
            Content::Nothing => {}
            Content::Json(json) => event["data"] = json.clone(),
            Content::Text(text) => event["data"] = json!(text),
            Content::Bytes(bytes) => event["data_base64"] = json!(STANDARD.encode(bytes)),
        }
        event
    }

    /// As headers and a body.
    fn binary(&self) -> (HeaderMap, Vec<u8>) {
        let attributes = self.attributes.iter();
        let mut list: Vec<_> = attributes
            .map(|(name, value)| (format!("ce-{name}"), encode(value)))
            .collect();
        list.extend(
            self.content_type
                .map(|it| ("content-type".into(), it.into())),
        );
        let list: Vec<_> = list
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        let body = match &self.content {
            Content::Nothing => Vec::new(),
            Content::Json(json) => json.to_string().into_bytes(),
            Content::Text(text) => text.clone().into_bytes(),
            Content::Bytes(bytes) => bytes.clone(),
        };
        (headers(&list), body)
    }
}

/// The events of a request, or the words of the refusal.
fn taken(headers: &HeaderMap, body: &[u8]) -> Result<Vec<NewEvent>, String> {
    match parse(headers, body, MOST) {
        Ok(sent) => Ok(sent.into_iter().map(|(event, _)| event).collect()),
        Err(error) => Err(error.detail),
    }
}

/// Headers that mean something here, and others that begin like them, with values that may mean something.
fn any_headers() -> impl Strategy<Value = HeaderMap> {
    let known = select(vec![
        "content-type",
        "traceparent",
        "tracestate",
        "ce-specversion",
        "ce-id",
        "ce-source",
        "ce-type",
        "ce-time",
        "ce-datacontenttype",
        "ce-traceparent",
    ]);
    let name = prop_oneof![3 => known.prop_map(str::to_owned), 1 => "ce-[a-z0-9_-]{0,8}"];
    let right = select(vec![
        "1.0",
        "application/cloudevents+json",
        "application/cloudevents-batch+json; charset=utf-8",
        "application/json",
        "2026-01-01T00:00:00Z",
        "1960-01-01T00:00:00Z",
        "%",
        "%C3%28",
        "\"\\",
    ]);
    let value = prop_oneof![
        right.prop_map(|text| text.as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..24),
    ];
    proptest::collection::vec((name, value), 0..10).prop_map(|pairs| {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            if let (Ok(name), Ok(value)) =
                (name.parse::<HeaderName>(), HeaderValue::from_bytes(&value))
            {
                headers.append(name, value);
            }
        }
        headers
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_event_is_the_same_in_all_three_modes(samples in proptest::collection::vec(sample(), 1..=MOST)) {
        let of_type = |content_type| headers(&[("content-type", content_type)]);
        let batch = Value::from(samples.iter().map(Sample::structured).collect::<Vec<_>>()).to_string();
        let batch = taken(&of_type("application/cloudevents-batch+json"), batch.as_bytes());
        let batch = batch.map_err(TestCaseError::fail)?;
        prop_assert_eq!(batch.len(), samples.len());
        for (sample, of_batch) in samples.iter().zip(&batch) {
            let body = sample.structured().to_string();
            let structured = taken(&of_type("application/cloudevents+json"), body.as_bytes());
            prop_assert_eq!(structured, Ok(vec![of_batch.clone()]));
            let (headers, body) = sample.binary();
            prop_assert_eq!(taken(&headers, &body), Ok(vec![of_batch.clone()]));
            // And nothing is lost.
            let user = parsed(of_batch.user.as_ref());
            for (name, value) in &sample.attributes {
                prop_assert_eq!(&user["cloudevent"][name], value);
            }
        }
    }

    #[test]
    fn arbitrary_requests_are_the_senders_fault(headers in any_headers(), body in proptest::collection::vec(any::<u8>(), 0..60)) {
        match parse(&headers, &body, MOST) {
            Ok(events) => prop_assert!(events.len() <= MOST),
            Err(error) => {
                prop_assert!(matches!(error.status.as_u16(), 400 | 415), "{}", error.status);
                prop_assert!(!error.detail.is_empty());
            }
        }
    }

    #[test]
    fn an_event_with_a_changed_byte_is_taken_or_refused(sample in sample(), batch in any::<bool>(), at in any::<Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let event = sample.structured();
        let (content_type, body) = if batch {
            ("application/cloudevents-batch+json", json!([event.clone(), event]))
        } else {
            ("application/cloudevents+json", event)
        };
        let mut body = body.to_string().into_bytes();
        let at = at.index(body.len());
        if cut {
            body.truncate(at);
        } else {
            body[at] = byte;
        }
        if let Err(told) = taken(&headers(&[("content-type", content_type)]), &body) {
            prop_assert!(told.contains("event") || told.contains("body") || told.contains('`'), "{}", told);
        }
    }
}
