//! What is refused when a function is deployed, what fails when an event comes, and the words in which it is said.

use super::super::*;
use super::{EVENT, matches, scope};

/// Sources that do not compile, and how the message begins.
const REFUSED: &[(&str, &str)] = &[
    (
        "",
        "at column 1: a value is due here, not the end of the expression",
    ),
    (
        "event.data.id ==",
        "at column 17: a value is due here, not the end of the expression",
    ),
    (
        "event.data.id = 1",
        "at column 15: unexpected `=`; equality is written `==`",
    ),
    (
        "event.data.id === 1",
        "at column 15: unexpected `===`; write `==`",
    ),
    (
        "event.vip & true",
        "at column 11: unexpected `&`; both-of is written `&&`",
    ),
    (
        "event.vip true",
        "at column 11: an operator is due here, not `true`",
    ),
    (
        "(event.vip",
        "at column 11: `)` is due here, not the end of the expression",
    ),
    (
        "event.\n  data == 'a",
        "at line 2, column 11: the string does not end",
    ),
    (
        "event.data. == 1",
        "at column 13: a field's name is due here, not `==`",
    ),
    ("x.exists(1, true)", "at column 1: unknown name `x`"),
    ("order.id == 1", "at column 1: unknown name `order`"),
    ("event.data.a-b == 1", "at column 14: unknown name `b`"),
    (
        "event.tags.all(event, true)",
        "at column 16: `event` cannot name a macro's variable",
    ),
    ("now() > 1", "at column 1: there is no now()"),
    (
        "lower('a') == 'a'",
        "at column 1: unknown function `lower`; there are size, ",
    ),
    (
        "startsWith('a')",
        "at column 1: startsWith() is called on a value",
    ),
    (
        "event.ts.int() == 1",
        "at column 10: int() takes its value between the parentheses",
    ),
    (
        "event.id.contains()",
        "at column 10: contains() takes 1 arguments here, not 0",
    ),
    (
        "event.id.matches('(')",
        "at column 10: the pattern of matches() is invalid: unclosed group",
    ),
    (
        "event.id.matches(event.name)",
        "at column 10: matches() takes one pattern",
    ),
    ("has(event)", "at column 1: has() takes a field"),
    (
        "event.id == b'a'",
        "at column 13: bytes literals are not supported",
    ),
    (
        "event.?id == 1",
        "at column 6: optional access is not needed",
    ),
    (
        "event.id == 18446744073709551616",
        "at column 13: the number is out of range",
    ),
    (
        "-9223372036854775809 < 0",
        "at column 1: the number is out of range",
    ),
    (
        "event.id == 12ab",
        "at column 13: a number runs into a name",
    ),
    (
        "{'a': 1, 'a': 2} == 1",
        "at column 10: the map has this key twice",
    ),
    ("'\\q' == 'q'", "at column 2: unknown escape in a string"),
    (
        "event.vip && 5",
        "at column 14: a boolean is due here, not a number",
    ),
    ("!'a'", "at column 2: a boolean is due here, not a string"),
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
fn what_is_not_an_expression_is_refused_with_its_place() {
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
