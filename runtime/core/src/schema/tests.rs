//! What schemas say of data, and which schemas are refused.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::compiled::Compiled;
use super::{Schemas, check_app};
use crate::event::NewEvent;
use crate::ids::Digest;
use crate::state::{App, Deployed, EventSchema};

fn check(schema: &str, data: &str) -> Option<String> {
    let compiled = Compiled::new(&schema.into()).expect("a schema that is accepted");
    compiled.check(data).err()
}

fn refusal(schema: &str) -> String {
    match Compiled::new(&schema.into()) {
        Err(problem) => problem,
        Ok(_) => panic!(
            "{} should be refused",
            schema.chars().take(200).collect::<String>()
        ),
    }
}

fn schema(event: &str, v: Option<&str>, schema: &str) -> EventSchema {
    EventSchema {
        event: event.into(),
        v: v.map(str::to_owned),
        schema: schema.into(),
    }
}

fn app(id: &str, schemas: Vec<EventSchema>) -> App {
    App {
        id: id.into(),
        current: Deployed {
            digest: Digest([1; 32]),
            at_ms: 0,
            bytes: 0,
            functions: Vec::new(),
            schemas,
        },
        variables: std::collections::BTreeMap::new(),
        allow_net: Vec::new(),
        deployments: 1,
    }
}

fn event(name: &str, v: Option<&str>, data: &str) -> NewEvent {
    NewEvent {
        name: name.into(),
        data: Some(data.into()),
        v: v.map(str::to_owned),
        ..NewEvent::default()
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn a_fault_names_its_place_and_what_the_schema_wants() {
    // Schema, data, and the fault; empty where there is none.
    let table: &[(&str, &str, &str)] = &[
        ("true", "{}", ""),
        ("false", "{}", "must not be there"),
        (r#"{"type":"object"}"#, "{}", ""),
        (
            r#"{"properties":{"a":{"type":"string"}}}"#,
            r#"{"a":1}"#,
            "at `/a`: must be of type string",
        ),
        (
            r#"{"properties":{"a":{"type":["string","null"]}}}"#,
            r#"{"a":1}"#,
            "at `/a`: must be of type null or string",
        ),
        (
            r#"{"required":["id"]}"#,
            "{}",
            r#"must have the property "id""#,
        ),
        (
            r#"{"properties":{"o":{"required":["id"]}}}"#,
            r#"{"o":{"x":1}}"#,
            r#"at `/o`: must have the property "id""#,
        ),
        (
            r#"{"properties":{"items":{"items":{"properties":{"n":{"minimum":1}}}}}}"#,
            r#"{"items":[{"n":1},{"n":2},{"n":0}]}"#,
            "at `/items/2/n`: must be at least 1",
        ),
        (
            r#"{"properties":{"a/b~c":{"const":1}}}"#,
            r#"{"a/b~c":2}"#,
            "at `/a~1b~0c`: must be 1",
        ),
        (
            r#"{"properties":{"s":{"enum":["a","b"]}}}"#,
            r#"{"s":"c"}"#,
            r#"at `/s`: must be one of ["a","b"]"#,
        ),
        (
            r#"{"properties":{"n":{"exclusiveMaximum":10}}}"#,
            r#"{"n":10}"#,
            "at `/n`: must be less than 10",
        ),
        (
            r#"{"properties":{"n":{"multipleOf":0.1}}}"#,
            r#"{"n":0.3}"#,
            "",
        ),
        (
            r#"{"properties":{"s":{"minLength":2,"maxLength":3}}}"#,
            r#"{"s":"é"}"#,
            "at `/s`: must have at least 2 characters",
        ),
        (
            r#"{"properties":{"s":{"pattern":"^[a-z]+$"}}}"#,
            r#"{"s":"A"}"#,
            "at `/s`: must match the pattern `^[a-z]+$`",
        ),
        (
            r#"{"properties":{"a":true},"additionalProperties":false}"#,
            r#"{"a":1,"b":2}"#,
            "must not have the property `b`",
        ),
        (
            r#"{"patternProperties":{"^n_":{"type":"number"}}}"#,
            r#"{"n_x":"1"}"#,
            "at `/n_x`: must be of type number",
        ),
        (
            r#"{"propertyNames":{"maxLength":2}}"#,
            r#"{"abc":1}"#,
            "must have no property of such a name: it must have at most 2 characters",
        ),
        (
            r#"{"properties":{"l":{"uniqueItems":true}}}"#,
            r#"{"l":[1,1.0]}"#,
            "at `/l`: must not have equal items",
        ),
        (
            r#"{"properties":{"l":{"contains":{"const":1}}}}"#,
            r#"{"l":[2]}"#,
            "at `/l`: must have an item that fits the schema's `contains`",
        ),
        (
            r#"{"properties":{"l":{"prefixItems":[{"type":"string"}],"items":false}}}"#,
            r#"{"l":["a",1]}"#,
            "at `/l/1`: must not be there",
        ),
        (
            r#"{"anyOf":[{"required":["a"]},{"required":["b"]}]}"#,
            "{}",
            "must fit at least one of 2 shapes",
        ),
        (
            r#"{"properties":{"x":{"anyOf":[{"type":"null"},{"properties":{"y":{"type":"number"}}}]}}}"#,
            r#"{"x":{"y":"no"}}"#,
            "at `/x`: must fit at least one of 2 shapes; the nearest one fails at `/x/y`, which must be of type number",
        ),
        (
            r#"{"oneOf":[{"required":["a"]},{"required":["b"]}]}"#,
            r#"{"a":1,"b":1}"#,
            "must fit exactly one shape, fits several",
        ),
        (
            r#"{"if":{"required":["a"]},"then":{"required":["b"]}}"#,
            r#"{"a":1}"#,
            r#"must have the property "b""#,
        ),
        (
            r##"{"$defs":{"id":{"type":"integer"}},"properties":{"a":{"$ref":"#/$defs/id"}}}"##,
            r#"{"a":1.5}"#,
            "at `/a`: must be of type integer",
        ),
        (
            r##"{"$defs":{"id":{"$anchor":"here","type":"integer"}},"properties":{"a":{"$ref":"#here"}}}"##,
            r#"{"a":"x"}"#,
            "at `/a`: must be of type integer",
        ),
        (
            r#"{"allOf":[{"properties":{"a":true}}],"unevaluatedProperties":false}"#,
            r#"{"a":1,"b":2}"#,
            "must not have the property `b`",
        ),
        (
            r#"{"$schema":"http://json-schema.org/draft-07/schema#","dependencies":{"a":["b"]}}"#,
            r#"{"a":1}"#,
            r#"must have the property "b""#,
        ),
        // Formats describe; they do not decide.
        (
            r#"{"properties":{"m":{"format":"email"}}}"#,
            r#"{"m":"no"}"#,
            "",
        ),
    ];
    for (schema, data, expected) in table {
        let fault = check(schema, data).unwrap_or_default();
        assert_eq!(fault, *expected, "{schema} of {data}");
    }
}

#[test]
fn a_schema_that_is_none_or_asks_for_more_than_its_document_is_refused() {
    let table: &[(&str, &str)] = &[
        ("{", "not valid JSON"),
        ("[]", "a JSON Schema is an object"),
        (r#"{"type":"strin"}"#, "at `/type`"),
        (r#"{"minLength":-1}"#, "at `/minLength`"),
        (r#"{"pattern":"("}"#, "at `/pattern`"),
        (r#"{"pattern":"(?=a)b"}"#, "at `/pattern`"),
        (
            r#"{"$schema":"http://json-schema.org/draft-04/schema#"}"#,
            "none of the drafts",
        ),
        (
            r#"{"$schema":"https://example.com/mine"}"#,
            "none of the drafts",
        ),
        (
            r#"{"$ref":"https://example.com/a.json"}"#,
            "only parts of the same document",
        ),
        (
            r#"{"$ref":"file:///etc/passwd"}"#,
            "only parts of the same document",
        ),
        (r##"{"$ref":"#/$defs/none"}"##, "there is no such place"),
        (r##"{"$ref":"#none"}"##, "there is no such `$anchor`"),
        (
            r##"{"$dynamicRef":"#a"}"##,
            "`$dynamicRef` is not supported",
        ),
        (
            r#"{"properties":{"a":{"$id":"https://example.com/a"}}}"#,
            "only the whole schema",
        ),
    ];
    for (schema, expected) in table {
        let problem = refusal(schema);
        assert!(problem.contains(expected), "{schema}: {problem}");
    }
}

/// A chain of definitions, each of which applies the next one in this way.
fn chain(length: usize, apply: impl Fn(&str) -> String) -> String {
    let mut definitions: Vec<_> = (0..length)
        .map(|n| {
            let next = format!(r##"{{"$ref":"#/$defs/d{}"}}"##, n + 1);
            format!(r#""d{n}":{}"#, apply(&next))
        })
        .collect();
    definitions.push(format!(r#""d{length}":{{"type":"object"}}"#));
    format!(
        r##"{{"$ref":"#/$defs/d0","$defs":{{{}}}}}"##,
        definitions.join(",")
    )
}

#[test]
fn hostile_schemas_are_refused_with_the_reason() {
    let large = format!(r#"{{"description":"{}"}}"#, "x".repeat(70_000));
    assert!(refusal(&large).contains("more than the limit of 65536"));
    let deep = format!("{}true{}", r#"{"not":"#.repeat(101), "}".repeat(101));
    assert!(refusal(&deep).contains("nested more than 100 deep"));
    // Without end.
    assert!(refusal(r##"{"$ref":"#"}"##).contains("without end"));
    assert!(refusal(r##"{"anyOf":[{"type":"null"},{"$ref":"#"}]}"##).contains("without end"));
    let round = r##"{"$ref":"#/$defs/a","$defs":{"a":{"not":{"$ref":"#/$defs/b"}},"b":{"$ref":"#/$defs/a"}}}"##;
    assert!(refusal(round).contains("without end"));
    // Twice as long with every definition, or with every level of the data.
    let doubled = chain(30, |next| format!(r#"{{"allOf":[{next},{next}]}}"#));
    assert!(refusal(&doubled).contains("too complex"));
    let tree = r##"{"anyOf":[{"properties":{"a":{"$ref":"#"}}},{"properties":{"a":{"$ref":"#"}},"required":["b"]}]}"##;
    assert!(refusal(tree).contains("too complex"));
    // Much stack.
    let long = chain(500, |next| format!(r#"{{"allOf":[{next}]}}"#));
    assert!(refusal(&long).contains("recurse"));
    // Large and many patterns.
    assert!(refusal(r#"{"pattern":"(((a{99}){99}){99}){99}"}"#).contains("at `/pattern`"));
    let patterns: Vec<_> = (0..101).map(|n| format!(r#""p{n}":true"#)).collect();
    let patterns = format!(r#"{{"patternProperties":{{{}}}}}"#, patterns.join(","));
    assert!(refusal(&patterns).contains("more than 100 patterns"));
}

#[test]
fn shapes_that_people_write_are_accepted() {
    // A tree, a list, a large choice, a wide object.
    let tree = r##"{"type":"object","properties":{"value":{"type":"number"},"left":{"$ref":"#"},"right":{"anyOf":[{"type":"null"},{"$ref":"#"}]}},
        "additionalProperties":false}"##;
    let nested = format!(
        "{}{{}}{}",
        r#"{"value":1,"left":"#.repeat(90),
        "}".repeat(90)
    );
    assert_eq!(check(tree, &nested), None);
    let wrong = nested.replacen("{}", r#"{"value":"x"}"#, 1);
    let fault = check(tree, &wrong).expect("a fault");
    assert!(
        fault.ends_with("/left/value`: must be of type number"),
        "{fault}"
    );
    let strict = r##"{"allOf":[{"properties":{"a":{"$ref":"#"}}}],"unevaluatedProperties":false}"##;
    assert_eq!(check(strict, r#"{"a":{"a":{}}}"#), None);
    let shapes: Vec<_> = (0..100)
        .map(|n| {
            format!(
                r#"{{"properties":{{"type":{{"const":"t{n}"}},"body":{{"type":"object"}}}},"required":["type"]}}"#
            )
        })
        .collect();
    let choice = format!(r#"{{"oneOf":[{}]}}"#, shapes.join(","));
    assert_eq!(check(&choice, r#"{"type":"t50","body":{}}"#), None);
    let fields: Vec<_> = (0..500)
        .map(|n| format!(r#""f{n}":{{"type":"object","properties":{{"x":{{"type":"string"}}}}}}"#))
        .collect();
    let wide = format!(r#"{{"properties":{{{}}}}}"#, fields.join(","));
    assert_eq!(
        check(&wide, r#"{"f499":{"x":1}}"#).as_deref(),
        Some("at `/f499/x`: must be of type string")
    );
}

#[test]
fn the_deepest_recursion_that_is_accepted_fits_into_a_threads_stack() {
    let recursive = |length| {
        chain(length, |next| format!(r#"{{"anyOf":[{next}]}}"#)).replace(
            r#"{"type":"object"}"#,
            r##"{"properties":{"a":{"$ref":"#"}},"not":{"required":["b"]}}"##,
        )
    };
    assert!(refusal(&recursive(2)).contains("recurse"));
    let nested = |leaf: &str| format!("{}{leaf}{}", r#"{"a":"#.repeat(99), "}".repeat(99));
    assert_eq!(check(&recursive(1), &nested("{}")), None);
    let fault = check(&recursive(1), &nested(r#"{"b":1}"#));
    let fault = fault.expect("the deepest value is wrong");
    assert!(
        fault.starts_with("must fit at least one of 1 shapes"),
        "{fault}"
    );
}

#[test]
fn data_that_is_too_much_for_its_schema_is_refused_before_it_is_checked() {
    let shapes: Vec<_> = (0..200)
        .map(|n| format!(r#"{{"properties":{{"n":{{"const":{n}}}}}}}"#))
        .collect();
    let schema = format!(
        r#"{{"properties":{{"l":{{"items":{{"oneOf":[{}]}}}}}}}}"#,
        shapes.join(",")
    );
    let items = vec!["1"; 100_000].join(",");
    let fault = check(&schema, &format!(r#"{{"l":[{items}]}}"#)).expect("a fault");
    assert!(fault.contains("too much to check"), "{fault}");
    // Below that, faults of many values in many shapes are not listed.
    let few = vec!["777"; 5_000].join(",");
    let fault = check(&schema, &format!(r#"{{"l":[{few}]}}"#)).expect("a fault");
    assert!(fault.contains("too large to say where"), "{fault}");
    // A million numbers and a simple schema are fine.
    let items = vec!["1"; 1_000_000].join(",");
    let simple = r#"{"properties":{"l":{"items":{"type":"number"}}}}"#;
    assert_eq!(check(simple, &format!(r#"{{"l":[{items}]}}"#)), None);
}

#[test]
fn a_fault_is_short_and_does_not_repeat_the_data() {
    let options: Vec<_> = (0..1_000).map(|n| format!("\"option {n}\"")).collect();
    let schema = format!(
        r#"{{"properties":{{"s":{{"enum":[{}]}}}}}}"#,
        options.join(",")
    );
    let fault = check(&schema, r#"{"s":"my secret"}"#).expect("a fault");
    assert!(
        fault.chars().count() < 400 && !fault.contains("secret"),
        "{fault}"
    );
}

#[test]
fn versions_live_side_by_side_and_an_operator_counts_before_an_app() {
    let shop = app(
        "shop",
        vec![
            schema("order", None, r#"{"required":["id"]}"#),
            schema("order", Some("2"), r#"{"required":["number"]}"#),
        ],
    );
    let (schemas, problems) = Schemas::assemble([&shop], &[], &[]);
    assert!(problems.is_empty() && schemas.len() == 2);
    let fault = |schemas: &Schemas, v, data| {
        let fault = schemas.check(&event("order", v, data)).err();
        fault.map(|fault| fault.to_string())
    };
    assert_eq!(
        fault(&schemas, None, "{}").as_deref(),
        Some(r#"data: must have the property "id" (schema of the event `order`)"#)
    );
    assert_eq!(
        fault(&schemas, Some("2"), r#"{"id":1}"#).as_deref(),
        Some(r#"data: must have the property "number" (schema of the event `order`, version `2`)"#)
    );
    assert_eq!(fault(&schemas, Some("2"), r#"{"number":1}"#), None);
    // Nobody has said anything of this version, nor of other events.
    assert_eq!(fault(&schemas, Some("3"), "{}"), None);
    assert_eq!(schemas.check(&event("other", None, "{}")), Ok(()));
    // Data that is left out is an empty object.
    let bare = NewEvent {
        data: None,
        ..event("order", None, "{}")
    };
    assert!(schemas.check(&bare).is_err());
    let operators = [schema("order", None, r#"{"required":["operator"]}"#)];
    let (over, _) = Schemas::assemble([&shop], &operators, &[&schemas]);
    assert!(fault(&over, None, r#"{"id":1}"#).is_some_and(|fault| fault.contains("operator")));
    assert_eq!(fault(&over, Some("2"), r#"{"number":1}"#), None);
}

#[test]
fn two_apps_that_contradict_each_other_are_refused_and_named() {
    let shop = app(
        "shop",
        vec![schema("order", None, r#"{"required":["id"]}"#)],
    );
    let same = app(
        "crm",
        vec![schema("order", None, r#"{ "required" : ["id"] }"#)],
    );
    assert!(check_app(&same, [&shop]).is_ok());
    let other = app("crm", vec![schema("order", None, r#"{"required":["no"]}"#)]);
    let problem = check_app(&other, [&shop])
        .expect_err("they differ")
        .to_string();
    assert!(
        problem.contains("`shop` and `crm`") && problem.contains("`order`"),
        "{problem}"
    );
    let versioned = app("crm", vec![schema("order", Some("2"), "{}")]);
    assert!(check_app(&versioned, [&shop]).is_ok());
    let twice = app(
        "crm",
        vec![schema("a", None, "{}"), schema("a", None, "{}")],
    );
    let problem = check_app(&twice, []).expect_err("twice").to_string();
    assert!(problem.contains("describes it twice"), "{problem}");
    let broken = app("crm", vec![schema("a", Some("1"), r#"{"type":1}"#)]);
    let problem = check_app(&broken, []).expect_err("broken").to_string();
    assert!(
        problem.starts_with("schema of the event `a`, version `1`: at `/type`"),
        "{problem}"
    );
    let filler = format!(r#"{{"description":"{}"}}"#, "x".repeat(60_000));
    let large = (0..20).map(|n| schema(&format!("e{n}"), None, &filler));
    let problem = check_app(&app("crm", large.collect()), []).expect_err("large");
    assert!(problem.to_string().contains("bytes together"), "{problem}");
    let patterns: Vec<_> = (0..90).map(|n| format!(r#""p{n}":true"#)).collect();
    let patterns = format!(r#"{{"patternProperties":{{{}}}}}"#, patterns.join(","));
    let many = (0..5).map(|n| schema(&format!("e{n}"), None, &patterns));
    let problem = check_app(&app("crm", many.collect()), []).expect_err("many");
    assert!(problem.to_string().contains("450 patterns"), "{problem}");
    let ours = app("crm", vec![schema("inngest/function.failed", None, "{}")]);
    assert!(check_app(&ours, []).is_err());
}

/// Anything that looks like a schema: keywords of all kinds, in their right places or not, that refer to each other.
fn any_schema() -> impl Strategy<Value = Value> {
    let reference = prop::sample::select(vec![
        "#",
        "#/$defs/a",
        "#/$defs/b",
        "#/properties/a",
        "#x",
        "b",
    ]);
    let leaf = prop_oneof![
        Just(json!(true)),
        Just(json!(false)),
        Just(json!({})),
        Just(json!({"type": "object"})),
        Just(json!({"type": ["null", "integer"], "minimum": 1, "multipleOf": 0.5})),
        Just(json!({"enum": [1, "a", null], "const": 1})),
        Just(json!({"pattern": "^(a+)+$", "maxLength": 3})),
        Just(json!({"uniqueItems": true, "minContains": 2, "maxItems": 3})),
        Just(json!({"$anchor": "x", "format": "date"})),
        Just(json!(7)),
        reference.prop_map(|reference| json!({ "$ref": reference })),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let one = prop::sample::select(vec![
            "not",
            "if",
            "then",
            "else",
            "items",
            "contains",
            "additionalProperties",
            "unevaluatedProperties",
            "unevaluatedItems",
            "propertyNames",
        ]);
        let list = prop::sample::select(vec!["allOf", "anyOf", "oneOf", "prefixItems"]);
        let map = prop::sample::select(vec![
            "properties",
            "patternProperties",
            "$defs",
            "dependentSchemas",
        ]);
        let keyword = prop_oneof![
            (one, inner.clone()).prop_map(|(keyword, schema)| (keyword, schema)),
            (list, prop::collection::vec(inner.clone(), 1..3))
                .prop_map(|(keyword, schemas)| (keyword, json!(schemas))),
            (map, inner.clone(), inner)
                .prop_map(|(keyword, a, b)| (keyword, json!({ "a": a, "b": b }))),
        ];
        prop::collection::vec(keyword, 1..4).prop_map(|keywords| {
            let fields = keywords.into_iter();
            Value::Object(fields.map(|(key, value)| (key.to_owned(), value)).collect())
        })
    })
}

fn any_data() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2..5_i64).prop_map(Value::from),
        prop::sample::select(vec!["", "a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[ab]", inner, 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_schema_and_no_data_make_it_panic_or_go_on_for_ever(schema in any_schema(), data in any_data()) {
        if let Ok(compiled) = Compiled::new(&schema.to_string().into()) {
            let first = compiled.check(&data.to_string());
            let again = Compiled::new(&schema.to_string().into()).expect("it was accepted");
            prop_assert_eq!(first, again.check(&data.to_string()), "the same fault every time");
        }
    }
}
