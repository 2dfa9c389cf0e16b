//! A form for an event's data, made of its schema: one field for each property, and the way back from what was typed to JSON.
//!
//! Only what a form can say has a field of its own: texts, numbers, yes or no, one of several values. Everything else is typed as JSON, and
//! whether the whole fits the schema is decided where events are accepted.

use maud::{Markup, html};
use serde_json::{Map, Value};

use crate::http::dashboard::components as ui;

/// Fields of a form: a schema with more is filled in as JSON.
const MOST_FIELDS: usize = 40;

/// Values of a choice: a field with more is a line of text.
const MOST_CHOICES: usize = 100;

/// What the names of fields begin with, so that none is another field of the form.
const PREFIX: &str = "data.";

/// What is typed into a field.
#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Text,
    Number,
    Switch,
    /// One of these values.
    Choice(Vec<Value>),
    Json,
}

/// A property of the data.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    name: String,
    kind: Kind,
    required: bool,
    about: Option<String>,
    /// What the schema offers as an example, or as the value that holds if nothing is typed.
    example: Option<Value>,
}

/// The fields of a schema, if it is one of an object with properties.
pub(super) fn of_schema(schema: &str) -> Option<Vec<Field>> {
    let schema: Value = serde_json::from_str(schema).ok()?;
    let properties = schema.get("properties")?.as_object()?;
    if properties.is_empty() || properties.len() > MOST_FIELDS {
        return None;
    }
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| {
        let mut names = required.into_iter().flatten();
        names.any(|it| it.as_str() == Some(name))
    };
    let fields = properties.iter().map(|(name, of)| Field {
        name: name.clone(),
        kind: kind(of),
        required: is_required(name),
        about: of
            .get("description")
            .and_then(Value::as_str)
            .map(str::to_owned),
        example: example(of),
    });
    Some(fields.collect())
}

fn kind(of: &Value) -> Kind {
    if let Some(Value::Array(values)) = of.get("enum")
        && values.len() <= MOST_CHOICES
    {
        return Kind::Choice(values.clone());
    }
    match of.get("type").and_then(Value::as_str) {
        Some("string") => Kind::Text,
        Some("number" | "integer") => Kind::Number,
        Some("boolean") => Kind::Switch,
        Some(_) | None => Kind::Json,
    }
}

fn example(of: &Value) -> Option<Value> {
    let examples = of.get("examples").and_then(|it| it.get(0));
    let found = of.get("const").or(of.get("default")).or(examples);
    found.cloned()
}

/// The fields, with what was typed before.
pub(super) fn render(fields: &[Field], typed: &dyn Fn(&str) -> Option<String>) -> Markup {
    html! {
        fieldset.fields {
            legend { "Data" }
            @for (n, field) in fields.iter().enumerate() { (one(n, field, typed)) }
        }
    }
}

fn one(n: usize, field: &Field, typed: &dyn Fn(&str) -> Option<String>) -> Markup {
    let id = format!("data-{n}");
    let name = format!("{PREFIX}{}", field.name);
    let value = typed(&name).unwrap_or_else(|| {
        let example = field.example.as_ref();
        example.map(|it| text(it, &field.kind)).unwrap_or_default()
    });
    let about = field.about.as_ref().map(|_| format!("{id}-about"));
    html! {
        div.field {
            label for=(id) {
                bdi { (ui::shown(&field.name)) }
                @if !field.required { span.dim { " optional" } }
            }
            @match &field.kind {
                Kind::Text => input id=(id) name=(name) type="text" value=(value) required[field.required] autocomplete="off" aria-describedby=[about.as_deref()];,
                Kind::Number => input id=(id) name=(name) type="text" inputmode="decimal" value=(value) required[field.required] autocomplete="off" aria-describedby=[about.as_deref()];,
                Kind::Switch => select id=(id) name=(name) aria-describedby=[about.as_deref()] {
                    @for choice in ["", "true", "false"] {
                        option value=(choice) selected[choice == value] { (if choice.is_empty() { "–" } else { choice }) }
                    }
                },
                Kind::Choice(values) => select id=(id) name=(name) aria-describedby=[about.as_deref()] {
                    option value="" selected[value.is_empty()] { "–" }
                    @for choice in values {
                        @let json = choice.to_string();
                        option value=(json) selected[json == value] { (ui::shown(&text(choice, &Kind::Text))) }
                    }
                },
                Kind::Json => textarea id=(id) name=(name) rows="3" spellcheck="false" data-json required[field.required] aria-describedby=[about.as_deref()] { "\n" (value) },
            }
            @if let Some(text) = &field.about { small.dim id=[about.as_deref()] { (ui::shown(text)) } }
        }
    }
}

/// A value as it is typed.
fn text(value: &Value, kind: &Kind) -> String {
    match (value, kind) {
        (Value::String(text), Kind::Text) => text.clone(),
        (other, _) => other.to_string(),
    }
}

/// The data that was typed. What is wrong with it otherwise: for people.
pub(super) fn compose(
    fields: &[Field],
    typed: &dyn Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let mut data = Map::new();
    for field in fields {
        let text = typed(&format!("{PREFIX}{}", field.name)).unwrap_or_default();
        if text.is_empty() {
            continue;
        }
        let name = &field.name;
        let value = match &field.kind {
            Kind::Text => Value::String(text),
            Kind::Number => match serde_json::from_str(text.trim()) {
                Ok(Value::Number(number)) => Value::Number(number),
                Ok(_) | Err(_) => return Err(format!("data.{name}: `{text}` is not a number")),
            },
            Kind::Switch | Kind::Choice(_) | Kind::Json => serde_json::from_str(&text)
                .map_err(|error| format!("data.{name}: this is not JSON: {error}"))?,
        };
        data.insert(name.clone(), value);
    }
    Ok(Value::Object(data).to_string())
}

/// Data to begin with: what is required, with examples where the schema has some.
pub(super) fn sample(fields: &[Field]) -> String {
    let value = |field: &Field| {
        field.example.clone().unwrap_or_else(|| match &field.kind {
            Kind::Text => Value::String(String::new()),
            Kind::Number => Value::from(0),
            Kind::Switch => Value::Bool(false),
            Kind::Choice(values) => values.first().cloned().unwrap_or_default(),
            Kind::Json => Value::Null,
        })
    };
    let wanted = fields
        .iter()
        .filter(|it| it.required || it.example.is_some());
    let data: Map<_, _> = wanted.map(|it| (it.name.clone(), value(it))).collect();
    serde_json::to_string_pretty(&data).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{
        "type": "object",
        "required": ["id", "total"],
        "properties": {
            "id": {"type": "string", "description": "<b>the</b> order"},
            "total": {"type": "number", "examples": [9.5]},
            "express": {"type": "boolean"},
            "country": {"enum": ["it", "de"]},
            "lines": {"type": "array"}
        }
    }"#;

    fn typed<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| {
            let found = pairs.iter().find(|(found, _)| *found == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn what_is_typed_into_fields_becomes_the_data_that_the_schema_means() {
        let fields = of_schema(SCHEMA).expect("an object");
        let pairs = [
            ("data.id", "7"),
            ("data.total", "12.50"),
            ("data.express", "true"),
            ("data.country", "\"it\""),
            ("data.lines", "[1]"),
        ];
        let data = compose(&fields, &typed(&pairs)).expect("it is right");
        let data: Value = serde_json::from_str(&data).expect("JSON");
        let expected = r#"{"id":"7","total":12.5,"express":true,"country":"it","lines":[1]}"#;
        assert_eq!(data, serde_json::from_str::<Value>(expected).expect("JSON"));
        let left_out = compose(&fields, &typed(&[("data.id", "7")])).expect("it is right");
        assert_eq!(left_out, r#"{"id":"7"}"#);
        let wrong = compose(&fields, &typed(&[("data.total", "many")]));
        assert_eq!(wrong, Err("data.total: `many` is not a number".into()));
    }

    #[test]
    fn a_sample_has_what_is_required() {
        let fields = of_schema(SCHEMA).expect("an object");
        let sample: Value = serde_json::from_str(&sample(&fields)).expect("JSON");
        assert_eq!(sample, serde_json::json!({ "id": "", "total": 9.5 }));
    }

    #[test]
    fn the_words_of_a_schema_stay_text_and_what_is_no_object_has_no_fields() {
        let fields = of_schema(SCHEMA).expect("an object");
        let shown = render(&fields, &typed(&[("data.id", "\"><script>")])).into_string();
        assert!(
            !shown.contains("<b>") && !shown.contains("<script>"),
            "{shown}"
        );
        for other in [
            "true",
            "{}",
            r#"{"properties":{}}"#,
            "{",
            r#"{"properties":[1]}"#,
        ] {
            assert_eq!(of_schema(other), None, "{other}");
        }
    }
}
