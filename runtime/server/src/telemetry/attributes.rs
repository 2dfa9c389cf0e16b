//! JSON as OpenTelemetry's values.

use opentelemetry::logs::AnyValue;
use opentelemetry::{Array, Key, KeyValue, StringValue, Value};
use serde_json::Value as Json;

/// The members of an object as attributes of a span. Lists of one kind stay lists; what a span's attributes cannot hold is told as JSON text.
pub(super) fn of_span(object: &str) -> Vec<KeyValue> {
    members(object)
        .map(|(name, value)| KeyValue::new(name, simple(&value)))
        .collect()
}

/// The members of an object as attributes of a log record, which hold anything.
pub(super) fn of_record(object: &str) -> Vec<(Key, AnyValue)> {
    members(object)
        .filter_map(|(name, value)| Some((Key::from(name), any(value)?)))
        .collect()
}

fn members(object: &str) -> impl Iterator<Item = (String, Json)> {
    // What was recorded is JSON.
    let object = serde_json::from_str::<serde_json::Map<String, Json>>(object);
    object.unwrap_or_default().into_iter()
}

fn simple(value: &Json) -> Value {
    match value {
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::I64(whole),
            None => Value::F64(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::String(text.clone().into()),
        Json::Array(list) => list_of(list).unwrap_or_else(|| value.to_string().into()),
        Json::Null | Json::Object(_) => value.to_string().into(),
    }
}

fn list_of(list: &[Json]) -> Option<Value> {
    let texts: Option<Vec<StringValue>> = list
        .iter()
        .map(|it| it.as_str().map(|text| text.to_owned().into()))
        .collect();
    let array = texts
        .map(Array::String)
        .or_else(|| {
            Some(Array::Bool(
                list.iter().map(Json::as_bool).collect::<Option<_>>()?,
            ))
        })
        .or_else(|| {
            Some(Array::I64(
                list.iter().map(Json::as_i64).collect::<Option<_>>()?,
            ))
        })
        .or_else(|| {
            Some(Array::F64(
                list.iter().map(Json::as_f64).collect::<Option<_>>()?,
            ))
        })?;
    Some(Value::Array(array))
}

/// Nothing of `null`.
fn any(value: Json) -> Option<AnyValue> {
    Some(match value {
        Json::Null => return None,
        Json::Bool(value) => AnyValue::Boolean(value),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => AnyValue::Int(whole),
            None => AnyValue::Double(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => AnyValue::String(text.into()),
        Json::Array(list) => {
            AnyValue::ListAny(Box::new(list.into_iter().filter_map(any).collect()))
        }
        Json::Object(members) => {
            let members = members.into_iter();
            let members = members.filter_map(|(name, value)| Some((Key::from(name), any(value)?)));
            AnyValue::Map(Box::new(members.collect()))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_becomes_the_nearest_kind_of_value() {
        let told = of_span(
            r#"{"a":1,"b":1.5,"c":"x","d":true,"e":[1,2],"f":["x"],"g":[1,"x"],"h":{"i":null},"j":18446744073709551615}"#,
        );
        let told: Vec<_> = told.iter().map(|it| it.value.clone()).collect();
        let text = |text: &str| Value::String(text.to_owned().into());
        let expected = [
            Value::I64(1),
            Value::F64(1.5),
            text("x"),
            Value::Bool(true),
            Value::Array(Array::I64(vec![1, 2])),
            Value::Array(Array::String(vec!["x".into()])),
            text(r#"[1,"x"]"#),
            text(r#"{"i":null}"#),
            Value::F64(18_446_744_073_709_551_615.0),
        ];
        assert_eq!(told, expected);
        let record = of_record(r#"{"order":{"id":42,"tags":["x",1,null]},"nothing":null}"#);
        assert_eq!(record.len(), 1);
        let AnyValue::Map(order) = &record[0].1 else {
            panic!("{record:?}");
        };
        assert_eq!(order.get(&Key::from("id")), Some(&AnyValue::Int(42)));
        assert!(of_span("no object").is_empty());
    }
}
