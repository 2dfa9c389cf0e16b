//! Arbitrary expressions over arbitrary events: compiled or refused, evaluated or failed, in bounded steps and depth.

use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;

/// JSON of some depth, with the names that the expressions use.
fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "[ -~]{0,12}".prop_map(Json::from),
        Just(Json::from("2024-02-29T23:59:58.250Z")),
        ".{0,6}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            proptest::collection::btree_map("id|data|tags|a|b", inner, 0..5)
                .prop_map(|fields| Json::Object(fields.into_iter().collect())),
        ]
    })
}

/// Expressions that mostly parse, built from their grammar.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("event".to_owned()),
        Just("event.data".to_owned()),
        Just("event.data.tags".to_owned()),
        Just("async.data.id".to_owned()),
        Just("x".to_owned()),
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("-9223372036854775808".to_owned()),
        Just("18446744073709551615u".to_owned()),
        Just("1e308".to_owned()),
        "[0-9]{1,3}(\\.[0-9])?",
        "'[a-z ]{0,5}'",
        Just("timestamp(event.ts)".to_owned()),
        Just("duration('1h')".to_owned()),
    ];
    leaf.prop_recursive(5, 48, 3, |inner| {
        let operator = proptest::sample::select(vec![
            "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "in",
        ]);
        let method = proptest::sample::select(vec![
            "contains",
            "startsWith",
            "endsWith",
            "split",
            "join",
            "matches",
        ]);
        let shrink = proptest::sample::select(vec![
            "size()",
            "lowerAscii()",
            "trim()",
            "getFullYear()",
            "getDayOfWeek()",
            "id",
            "a.b",
        ]);
        let convert =
            proptest::sample::select(vec!["int", "double", "string", "bool", "timestamp", "size"]);
        let fold = proptest::sample::select(vec!["all", "exists", "exists_one", "filter", "map"]);
        prop_oneof![
            (inner.clone(), operator, inner.clone())
                .prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
            (inner.clone(), method, inner.clone())
                .prop_map(|(a, method, b)| format!("{a}.{method}({b})")),
            (inner.clone(), shrink).prop_map(|(a, part)| format!("{a}.{part}")),
            (convert, inner.clone()).prop_map(|(name, a)| format!("{name}({a})")),
            (inner.clone(), fold, inner.clone())
                .prop_map(|(a, fold, b)| format!("{a}.{fold}(x, {b})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}[{b}]")),
            proptest::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(", "))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{'a': {a}, 'b': {b}}}")),
            inner.clone().prop_map(|a| format!("!{a}")),
            inner.prop_map(|a| format!("-{a}")),
        ]
    })
}

/// Everything that can be asked of an expression.
fn ask(source: &str, event: &Json, later: &Json) -> Result<(), TestCaseError> {
    let Ok(expr) = Expr::compile_value(source) else {
        return Ok(());
    };
    let scope = |json: &Json| Scope::parse(&json.to_string()).unwrap_or_default();
    let (event, later) = (scope(event), scope(later));
    let first = expr.value(&event, Some(&later));
    prop_assert_eq!(
        &first,
        &expr.value(&event, Some(&later)),
        "not the same twice"
    );
    let _ = expr.value(&event, None);
    let _ = expr.key(&event, Some(&later));
    let _ = expr.matches(&event, Some(&later));
    let _ = expr.integer(&event, Some(&later));
    let _ = expr.equal_paths();
    if let Ok(value) = first {
        // What it gives is JSON that can be read again.
        prop_assert!(serde_json::from_str::<Json>(&value.to_string()).is_ok());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn expressions_give_values_or_errors(source in expression(), event in json(), later in json()) {
        ask(&source, &serde_json::json!({"data": event, "ts": 1_700_000_000_000_u64}), &later)?;
    }

    #[test]
    fn any_text_is_an_expression_or_a_message(source in ".{0,60}", event in json()) {
        if let Err(invalid) = Expr::compile(&source) {
            prop_assert!(!invalid.to_string().is_empty());
        }
        ask(&source, &event, &event)?;
    }

    #[test]
    fn text_that_is_nearly_an_expression_is_one_or_is_refused(source in "(event|async|data|\\.|\\[|\\]|\\(|\\)|\\{|\\}|'|\"|\\\\|==|&&|\\?|:|,|-|!|[0-9]|r'|b\"| |//|\n){1,40}") {
        ask(&source, &Json::Null, &Json::Null)?;
    }

    /// However deep, nothing exhausts the stack.
    #[test]
    fn deep_expressions_are_refused_or_evaluated(open in "[\\[({!-]|event\\.|a\\?|f\\(|'a'\\+|\\{'a':", times in 0..900usize, close in "[\\])}]?") {
        let source = format!("{}1{}", open.repeat(times), close.repeat(times));
        ask(&source, &Json::Null, &Json::Null)?;
    }

    #[test]
    fn any_text_is_a_path_or_is_refused(path in ".{0,30}|[a-z.0-9]{0,30}", event in json()) {
        let scope = Scope::parse(&event.to_string()).unwrap_or_default();
        if check_path(&path).is_ok() {
            let _ = path_value(&scope, &path);
        }
        let _ = match_key(&scope, &path);
    }
}
