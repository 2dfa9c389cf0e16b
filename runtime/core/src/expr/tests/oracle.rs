//! Compares with the `cel` crate on random expressions over fields that are all there, where both must agree.

use super::super::*;
use proptest::prelude::*;

const EVENT: &str = r#"{"n": 7, "m": -2, "s": "alpha", "t": "beta", "yes": true, "no": false,
    "list": [1, 2, 3], "words": ["alpha", "gamma"], "map": {"alpha": 1, "k": {"x": 5}}}"#;

fn pick(texts: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    prop::sample::select(texts).prop_map(str::to_owned)
}

fn numbers() -> BoxedStrategy<String> {
    let leaf = pick(&[
        "0",
        "1",
        "2",
        "-3",
        "event.n",
        "event.m",
        "event.list[1]",
        "event.map.k.x",
    ]);
    leaf.prop_recursive(3, 12, 3, |inner| {
        let operator = pick(&["+", "-", "*", "/", "%"]);
        prop_oneof![
            (inner.clone(), operator.clone(), inner.clone())
                .prop_map(|(a, o, b)| format!("{a} {o} {b}")),
            (inner.clone(), operator, inner.clone()).prop_map(|(a, o, b)| format!("({a} {o} {b})")),
            inner.clone().prop_map(|a| format!("-({a})")),
            inner.prop_map(|a| format!("size(event.list.filter(x, x > {a}))")),
        ]
    })
    .boxed()
}

fn texts() -> BoxedStrategy<String> {
    let leaf = pick(&[
        "'a'",
        "''",
        "\"alpha\"",
        "event.s",
        "event.t",
        "event.words[1]",
    ]);
    leaf.prop_recursive(2, 6, 2, |inner| {
        (inner.clone(), inner).prop_map(|(a, b)| format!("({a} + {b})"))
    })
    .boxed()
}

fn tests() -> BoxedStrategy<String> {
    let compare = pick(&["==", "!=", "<", "<=", ">", ">="]);
    let ask = pick(&["startsWith", "endsWith", "contains"]);
    let leaf = prop_oneof![
        pick(&[
            "true",
            "event.no",
            "event.yes",
            "has(event.map.k)",
            "'k' in event.map"
        ]),
        (numbers(), compare.clone(), numbers()).prop_map(|(a, o, b)| format!("{a} {o} {b}")),
        (texts(), compare, texts()).prop_map(|(a, o, b)| format!("{a} {o} {b}")),
        (texts(), ask, texts()).prop_map(|(a, f, b)| format!("{a}.{f}({b})")),
        numbers().prop_map(|a| format!("{a} in event.list")),
        texts().prop_map(|a| format!("event.words.exists(w, w == {a})")),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} && {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} || {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) == ({b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            inner
                .clone()
                .prop_map(|a| format!("event.list.all(x, x > 1 || {a})")),
            inner
                .clone()
                .prop_map(|a| format!("[1, 2].exists_one(y, y == 1 && {a})")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
        ]
    })
    .boxed()
}

fn theirs(source: &str) -> Option<bool> {
    let parse = |text: &str| {
        let parsed = cel::parser::Parser::new().parse(text);
        parsed.unwrap_or_else(|e| panic!("{text}: {e}"))
    };
    // JSON is a literal of CEL too, with signed whole numbers, which converting from JSON would not give.
    let mut context = cel::Context::default();
    let event = cel::Value::resolve(&parse(EVENT), &context).unwrap();
    context.add_variable_from_value("event", event);
    let expression = parse(source);
    match cel::Value::resolve(&expression, &context) {
        Ok(cel::Value::Bool(value)) => Some(value),
        Ok(other) => panic!("{source}: {other:?}"),
        Err(_) => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn both_implementations_of_cel_agree(source in tests()) {
        let expr = Expr::compile(&source).unwrap_or_else(|e| panic!("{source}: {e}"));
        let ours = expr.matches(&Scope::parse(EVENT).unwrap(), None);
        prop_assert_eq!(ours.ok(), theirs(&source), "{}", source);
    }
}
