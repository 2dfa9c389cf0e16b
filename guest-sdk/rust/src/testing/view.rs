//! What the SDK asks the host for, as tests compare it: JSON in which options that were not given are left out.

use serde_json::{Value, json};

use crate::bindings::types;

/// An operation as a test sees it. Options that were not given are left out.
pub(super) fn operation_as_value(operation: &types::Operation) -> Value {
    let optional = |json: &Option<String>| json.as_deref().map(parse);
    let value = match operation {
        types::Operation::Run(it) => {
            json!({"kind": "run", "retries": it.retries, "timeout_ms": it.timeout, "input": optional(&it.input)})
        }
        types::Operation::Sleep(ms) => json!({"kind": "sleep", "ms": ms}),
        types::Operation::SleepUntil(ms) => json!({"kind": "sleep-until", "time_ms": ms}),
        types::Operation::WaitForEvent(it) => json!({
            "kind": "wait-for-event", "event": it.event, "timeout_ms": it.timeout, "if": it.if_, "match": it.match_, "lookback_ms": it.lookback,
        }),
        types::Operation::WaitForSignal(it) => {
            json!({"kind": "wait-for-signal", "signal": it.signal, "timeout_ms": it.timeout})
        }
        types::Operation::SendEvents(events) => {
            let event = |it: &types::NewEvent| {
                without_nulls(
                    json!({"id": it.id, "name": it.name, "data": optional(&it.data), "user": optional(&it.user), "ts": it.ts, "v": it.v}),
                )
            };
            json!({"kind": "send-events", "events": events.iter().map(event).collect::<Vec<_>>()})
        }
        types::Operation::SendSignal(it) => {
            json!({"kind": "send-signal", "signal": it.signal, "data": optional(&it.data), "ttl_ms": it.ttl})
        }
        types::Operation::Invoke(it) => {
            json!({"kind": "invoke", "function": it.function, "data": optional(&it.data), "timeout_ms": it.timeout})
        }
        types::Operation::Fetch(it) => json!({
            "kind": "fetch", "method": it.method, "url": it.url, "headers": it.headers, "retries": it.retries, "timeout_ms": it.timeout,
            "body": it.body.as_deref().map(String::from_utf8_lossy),
        }),
        types::Operation::AiInfer(it) => json!({
            "kind": "ai-infer", "model": it.model, "url": it.url, "key_variable": it.key_variable, "body": parse(&it.body),
            "retries": it.retries, "timeout_ms": it.timeout,
        }),
    };
    without_nulls(value)
}

pub(super) fn without_nulls(mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, member| !member.is_null());
    }
    value
}

pub(super) fn parse(json: &str) -> Value {
    serde_json::from_str(json).expect("what the SDK wrote is JSON")
}
