//! Where the sender of a request stands in a distributed trace: its headers `traceparent` and `tracestate`.

use abide_core::trace::{TRACEPARENT, TRACESTATE, TraceContext};
use axum::http::HeaderMap;

/// The place that a request names; none if it names none, several, or a malformed one.
pub(crate) fn of_request(headers: &HeaderMap) -> Option<TraceContext> {
    let mut parents = headers.get_all(TRACEPARENT).iter();
    let (Some(parent), None) = (parents.next(), parents.next()) else {
        return None;
    };
    let states = headers.get_all(TRACESTATE).iter();
    // What is no text makes the whole state malformed.
    let states = states.map(|state| state.to_str().unwrap_or("\u{7f}"));
    TraceContext::parse(parent.to_str().ok()?, states)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn told(headers: &[(&'static str, &'static [u8])]) -> Option<(String, Option<String>)> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value = axum::http::HeaderValue::from_bytes(value).expect("a value");
            map.append(*name, value);
        }
        let trace = of_request(&map)?;
        Some((trace.traceparent(), trace.tracestate().map(str::to_owned)))
    }

    #[test]
    fn one_parent_counts_with_all_its_states() {
        let parent = (TRACEPARENT, PARENT.as_bytes());
        let state = |text: &'static [u8]| (TRACESTATE, text);
        let with = |state: Option<&str>| Some((PARENT.to_owned(), state.map(str::to_owned)));
        assert_eq!(told(&[parent]), with(None));
        assert_eq!(
            told(&[parent, state(b"a=1"), state(b"b=2")]),
            with(Some("a=1,b=2"))
        );
        assert_eq!(told(&[parent, state(b"a=1"), state(b"b=\xff")]), with(None));
        assert_eq!(told(&[parent, parent]), None);
        assert_eq!(told(&[state(b"a=1")]), None);
        assert_eq!(told(&[(TRACEPARENT, b"nonsense")]), None);
    }
}
