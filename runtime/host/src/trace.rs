//! The headers of distributed traces on requests that leave for a run.
//!
//! A request that names a trace of its own is left alone: the guest knows better which span it is in.

use abide_core::trace::{TRACEPARENT, TRACESTATE, TraceContext};
use http::{HeaderMap, HeaderValue};

/// Says where a request stands in a trace, unless it says so itself.
pub(crate) fn add(trace: &TraceContext, headers: &mut HeaderMap) {
    if headers.contains_key(TRACEPARENT) {
        return;
    }
    let Ok(parent) = HeaderValue::try_from(trace.traceparent()) else {
        return;
    };
    headers.insert(TRACEPARENT, parent);
    // What vendors add belongs to a parent: a lone `tracestate` of the guest's means nothing.
    headers.remove(TRACESTATE);
    if let Some(Ok(state)) = trace.tracestate().map(HeaderValue::try_from) {
        headers.insert(TRACESTATE, state);
    }
}

/// As [`add`], for headers that are not parsed yet.
pub(crate) fn add_to_list(trace: &TraceContext, headers: &mut Vec<(String, String)>) {
    let is = |name: &str, wanted: &str| name.eq_ignore_ascii_case(wanted);
    if headers.iter().any(|(name, _)| is(name, TRACEPARENT)) {
        return;
    }
    headers.retain(|(name, _)| !is(name, TRACESTATE));
    headers.push((TRACEPARENT.into(), trace.traceparent()));
    if let Some(state) = trace.tracestate() {
        headers.push((TRACESTATE.into(), state.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn both(given: &[(&str, &str)]) -> Vec<(String, String)> {
        let trace = TraceContext::parse(PARENT, ["a=1"]).expect("it is well-formed");
        let mut list: Vec<_> = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut map = HeaderMap::new();
        for (name, value) in given {
            let name: http::HeaderName = name.parse().expect("a name");
            map.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        add_to_list(&trace, &mut list);
        add(&trace, &mut map);
        for (name, value) in &list {
            assert_eq!(
                map.get(name.as_str()).map(HeaderValue::as_bytes),
                Some(value.as_bytes())
            );
        }
        assert_eq!(map.len(), list.len());
        list
    }

    #[test]
    fn a_request_says_where_it_stands_unless_the_guest_said_so() {
        let added = [("traceparent", PARENT), ("tracestate", "a=1")];
        let added = added.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(both(&[]), added);
        assert_eq!(both(&[("TraceState", "b=2")]), added);
        let own = [("Traceparent", "anything"), ("tracestate", "b=2")];
        let kept = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(both(&own), kept);
    }
}
