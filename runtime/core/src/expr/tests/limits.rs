//! Hostile sources and events: every limit holds, and nothing panics.

use super::super::*;
use proptest::prelude::*;

fn refused(source: &str, because: &str) {
    let problem = Expr::compile_value(source).unwrap_err().to_string();
    assert!(problem.contains(because), "{problem}");
}

#[test]
fn deep_sources_are_refused_without_overflowing_the_stack() {
    let deep = "nests deeper than 96";
    for (open, middle, close) in [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("{'a':", "1", "}"),
        ("!", "true", ""),
        ("-", "1", ""),
        ("size(", "1", ")"),
        ("has([", "1", "].a)"),
        ("", "event", ".a"),
        ("", "event", "[0]"),
        ("", "'a'", "+'a'"),
        ("", "1", "==1"),
        ("true?1:", "1", ""),
        ("[1].map(x,", "x", ")"),
        ("", "'a'", ".trim()"),
    ] {
        let source = |times: usize| [&open.repeat(times), middle, &close.repeat(times)].concat();
        assert!(Expr::compile_value(&source(20)).is_ok(), "{}", source(20));
        let times = MAX_SOURCE_BYTES / (open.len() + close.len() + 1) - 5;
        refused(&source(times), deep);
    }
    for step in ["+1", "[0]", ".trim()"] {
        let sums = [&step.repeat(160 / step.len()), ")"].concat();
        refused(
            &["(".repeat(25), "1".to_owned(), sums.repeat(24)].concat(),
            deep,
        );
    }
    for open in [
        "(", "[", "{'a':", "!", "-", "true?", "f(", "a[", "(-!", "true&&(", "'",
    ] {
        let unclosed = open.repeat((MAX_SOURCE_BYTES - 10) / open.len());
        assert!(Expr::compile_value(&unclosed).is_err(), "{open}");
    }
}

#[test]
fn the_deepest_allowed_expression_evaluates() {
    let nest = |times: usize| [&"[1].map(x,".repeat(times), "1", &")".repeat(times)].concat();
    let deepest = (1..=128)
        .rev()
        .find_map(|times| Expr::compile_value(&nest(times)).ok());
    assert!(deepest.unwrap().value(&Scope::default(), None).is_ok());
}

#[test]
fn long_chains_of_tests_are_flat() {
    let chain = vec!["event.a == 1"; 250].join(" || ");
    let expr = Expr::compile(&chain).unwrap();
    assert_eq!(expr.matches(&Scope::default(), None), Ok(false));
    refused(
        &"a".repeat(MAX_SOURCE_BYTES + 1),
        "the expression has 4097 bytes; at most 4096",
    );
}

#[test]
fn an_evaluation_that_takes_too_many_steps_ends() {
    let numbers: Vec<String> = (0..20_000).map(|n| n.to_string()).collect();
    let long = "x".repeat(500_000);
    let event = format!(r#"{{"list": [{}], "text": "{long}"}}"#, numbers.join(","));
    let event = Scope::parse(&event).unwrap();
    for source in [
        "event.list.all(a, event.list.all(b, a + b >= 0))",
        "event.list.map(a, event.list.map(b, [a, b]))",
        "event.list.exists_one(a, event.list == event.list + [a])",
        "event.list.map(a, event.text + event.text)",
        "event.list.all(a, event.text == event.text)",
        "event.list.all(a, event.text <= event.text)",
        "event.list.all(a, event.text.contains('y' + event.text) == false)",
        "event.list.all(a, event.text.matches('(x|y|z)*q') == false)",
        "event.list.map(a, event)",
        "event.text.replace('x', event.text)",
        "event.list.all(a, size(event.text.split('')) > 0)",
        "event.list.all(a, event[event.text] == null)",
    ] {
        let expr = Expr::compile_value(source).unwrap();
        assert_eq!(
            expr.value(&event, None),
            Err(EvalError::TooLong),
            "{source}"
        );
    }
    let search = Expr::compile("event.list.exists(n, n == 19999)").unwrap();
    assert_eq!(search.matches(&event, None), Ok(true));
}

#[test]
fn large_patterns_are_refused() {
    refused(
        "event.a.matches('((a{100}){100}){100}')",
        "the pattern of matches() is invalid: too large",
    );
    refused(
        &format!("event.a.matches('{}')", "(".repeat(2000)),
        "the pattern of matches() is invalid",
    );
}

fn sources() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "event",
        "async",
        ".data",
        ".a",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "'s'",
        "\"",
        "'''",
        "1",
        "0",
        "-1",
        "1.5",
        "18446744073709551615",
        "null",
        "true",
        "false",
        "==",
        "!=",
        "<",
        ">=",
        "&&",
        "||",
        "!",
        "-",
        "+",
        "*",
        "/",
        "%",
        "?",
        ":",
        ",",
        " in ",
        ".exists(x,",
        ".map(x,",
        ".filter(x,",
        ".exists_one(x,",
        "x",
        "if",
        "b'b'",
        "r'\\'",
        "'\\u00e9'",
        "`a`",
        ".?",
        "0x",
        "1u",
        "{a: ",
        "has(",
        "size(",
        "timestamp(",
        "duration(",
        "int(",
        ".matches('a*')",
        ".split('')",
        "'1h'",
        "// c\n",
        "\\",
        "é",
    ]);
    prop::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_text_makes_compiling_or_evaluating_panic(source in prop_oneof![any::<String>(), sources()]) {
        let event = Scope::parse(r#"{"data": {"a": [1, 2.5, null, "t", {"b": 1}]}, "a": "text"}"#).unwrap();
        if let Ok(expr) = Expr::compile_value(&source) {
            let _ = expr.matches(&event, Some(&event));
            let _ = expr.key(&event, None);
            let _ = expr.integer(&event, Some(&event));
        }
    }

    #[test]
    fn no_argument_makes_a_function_panic(text in any::<String>(), number in any::<f64>(), whole in any::<i64>()) {
        let event = serde_json::json!({"t": text, "n": number, "w": whole}).to_string();
        let event = Scope::parse(&event).unwrap();
        for source in [
            "int(event.t)", "double(event.t)", "bool(event.t)", "timestamp(event.t)", "duration(event.t)",
            "int(event.n)", "timestamp(event.n)", "timestamp(event.w)", "timestamp(event.w).getDayOfYear()",
            "timestamp(event.w) + duration(event.t)", "event.w * event.w - event.w", "event.w / -1",
            "event.w % -1", "-event.w", "event.n * event.n", "event.t.split(event.t)", "event.t[event.w]",
            "[event.n, event.w, event.t]", "string(event.n)", "event.t.matches('.$')",
        ] {
            let _ = Expr::compile_value(source).unwrap().key(&event, None);
        }
    }

    #[test]
    fn numbers_have_equal_keys_exactly_when_they_are_equal(a in numbers(), b in numbers()) {
        let event = Scope::parse(&format!(r#"{{"a": {a}, "b": {b}}}"#)).unwrap();
        let equal = Expr::compile("event.a == event.b").unwrap().matches(&event, None).unwrap();
        prop_assert_eq!(equal, match_key(&event, "a") == match_key(&event, "b"));
        let order = Expr::compile("event.a <= event.b && event.a >= event.b").unwrap();
        prop_assert_eq!(equal, order.matches(&event, None).unwrap());
    }
}

fn numbers() -> impl Strategy<Value = String> {
    prop_oneof![
        (-3_i32..3).prop_map(|n| n.to_string()),
        (-3_i32..3).prop_map(|n| format!("{n}.0")),
        (-3_i32..3).prop_map(|n| format!("{n}.5")),
        prop::sample::select(vec![
            "-0.0",
            "9007199254740993",
            "9007199254740992.0",
            "9007199254740992",
            "18446744073709551615",
            "18446744073709551616",
            "18446744073709551616.0",
            "1e19",
            "10000000000000000000",
            "1e300",
            "1e-300",
        ])
        .prop_map(str::to_owned),
    ]
}
