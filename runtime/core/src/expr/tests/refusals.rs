//! What is refused when a function is deployed, what fails when an event comes, and the words in which it is said.

use super::super::*;
use super::{EVENT, matches, scope};

/// Sources that do not compile, and how the message begins.
const REFUSED: &[(&str, &str)] = &[
    ("", "at column 1: Syntax error: mismatched input '<EOF>'"),
    (
        "event.data.id ==",
        "at column 17: Syntax error: mismatched input '<EOF>'",
    ),
    (
        "event.data.id = 1",
        "at column 15: unexpected `=`; equality is written `==`",
    ),
    (
        "event.data.id === 1",
        "at column 17: unexpected `=`; equality is written `==`",
    ),
    (
        "event.vip & true",
        "at column 11: unexpected single '&', expected '&&'",
    ),
    (
        "event.vip true",
        "at column 11: Syntax error: mismatched input 'true'",
    ),
    ("(event.vip", "at column 11: expected ')'"),
    (
        "event.\n  data == 'a",
        "at line 2, column 11: unterminated string literal",
    ),
    (
        "event.data. == 1",
        "at column 13: expected identifier after '.'",
    ),
    (
        "event.vip ? true",
        "at column 17: expected ':' in conditional expression",
    ),
    ("'é' + é == 'é'", "at column 7: unexpected character"),
    ("if == 1", "at column 1: reserved identifier: if"),
    (
        "event.tags.exists(1, true)",
        "at column 19: argument must be a simple name",
    ),
    (
        "event.tags.exists(event.vip)",
        "exists() is called as in event.data.list.exists(item, …)",
    ),
    ("order.id == 1", "unknown name `order`"),
    ("event.data.a-b == 1", "unknown name `b`"),
    (
        "event.tags.all(event, true)",
        "`event` cannot name a macro's variable",
    ),
    ("now() > 1", "there is no now()"),
    (
        "lower('a') == 'a'",
        "unknown function `lower`; there are size, ",
    ),
    ("startsWith('a')", "startsWith() is called on a value"),
    (
        "event.ts.int() == 1",
        "int() takes its value between the parentheses",
    ),
    (
        "event.id.contains()",
        "contains() takes 1 arguments here, not 0",
    ),
    (
        "event.id.matches('(')",
        "the pattern of matches() is invalid: unclosed group",
    ),
    (
        "event.id.matches(event.name)",
        "matches() takes one pattern",
    ),
    ("has(event)", "at column 5: invalid argument to has() macro"),
    ("has(event.a, event.b)", "has() takes a field"),
    ("event.id == b'a'", "bytes literals are not supported"),
    (
        "event{id: 1} == 1",
        "message types, as `event{}`, are not supported",
    ),
    ("event.?id == 1", "at column 6: unsupported syntax '.?'"),
    (
        "event.id == 18446744073709551616u",
        "at column 13: invalid uint literal",
    ),
    (
        "-9223372036854775809 < 0",
        "at column 2: invalid int literal",
    ),
    (
        "event.id == 12ab",
        "at column 13: int literal has unexpected trailing characters",
    ),
    ("{'a': 1, 'a': 2} == 1", "the map has the key `a` twice"),
    ("{1: 1} == 1", "a map's key must be a string literal"),
    ("'\\q' == 'q'", "at column 1: unable to unescape string"),
    ("event.vip && 5", "a boolean is due, not a number"),
    ("!'a'", "a boolean is due, not a string"),
    (
        "event.data.amount + 1",
        "the expression gives a computed value; a condition must give a boolean",
    ),
    (
        "event.vip ? 'a' : 'b'",
        "the expression gives a string; a condition must give a boolean",
    ),
    (
        "size(event.tags)",
        "the expression gives a number; a condition must give a boolean",
    ),
    (
        "event",
        "the expression gives an event; a condition must give a boolean",
    ),
];

#[test]
fn what_is_not_an_expression_is_refused_with_a_reason() {
    for (source, expected) in REFUSED {
        let message = match Expr::compile(source) {
            Ok(_) => "compiles".to_owned(),
            Err(problem) => problem.to_string(),
        };
        assert!(message.starts_with(expected), "{source}: {message}");
        assert!(!message.contains('\n'), "{source}: {message}");
    }
    let refused = Expr::compile_without_async("async.id == event.id").unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("there is no `async` event here")
    );
    assert!(Expr::compile_without_async("event.id == '1'").is_ok());
}

#[test]
fn failures_of_an_evaluation_say_what_is_wrong() {
    for (source, expected) in [
        ("event.data.id", "a condition needs a boolean, not a string"),
        (
            "event.data.nothing",
            "a condition needs a boolean, not null (a missing field is null)",
        ),
        (
            "event.data.nothing && true",
            "&& needs a boolean, not null (a missing field is null)",
        ),
        ("!event.data.amount", "! needs a boolean, not a number"),
        (
            "event.data.amount ? true : false",
            "? : needs a boolean, not a number",
        ),
        ("event.data.amount / 0 == 1", "division by zero"),
        ("event.data.rate % 0.0 == 1", "division by zero"),
        (
            "event.data.id < 5",
            "`<` does not go between a string and a number",
        ),
        (
            "event.data.id - 1 == 0",
            "`-` does not go between a string and a number",
        ),
        (
            "event.data.big + 1 > 0",
            "a number or a time is out of range",
        ),
        ("-event.data.big < 0", "a number or a time is out of range"),
        (
            "event.data.amount.startsWith('2')",
            "startsWith() does not take a number",
        ),
        (
            "size(event.data.amount) == 1",
            "size() does not take a number",
        ),
        ("'a' in event.data.id", "`in` does not take a string"),
        (
            "event.data.amount.all(x, true)",
            "`a macro` does not take a number",
        ),
        (
            "event.data.tags[true] == 1",
            "`[ ]` does not take a boolean",
        ),
        (
            "timestamp('soon') < timestamp(0)",
            "\"soon\" is not a timestamp",
        ),
        (
            "duration('1 day') < duration('1h')",
            "\"1 day\" is not a duration",
        ),
        ("int(event.data.id) == 1", "\"o-1\" is not a whole number"),
        (
            "timestamp(event.data.big) == null",
            "a number or a time is out of range",
        ),
    ] {
        assert_eq!(
            matches(source).map_err(|e| e.to_string()),
            Err(expected.to_owned()),
            "{source}"
        );
    }
    let alone = Expr::compile("async.data.id == '1'").unwrap();
    assert_eq!(alone.matches(&scope(EVENT), None), Err(EvalError::NoAsync));
}
