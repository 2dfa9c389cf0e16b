//! The rules of expressions as tables, and their limits.

mod fuzz;
mod limits;
mod refusals;

use super::*;

const EVENT: &str = r#"{
    "id": "01A", "name": "shop/order.placed", "ts": 1700000000000, "user": null,
    "data": {
        "id": "o-1", "amount": 250, "rate": 1.5, "one": 1.0, "big": 18446744073709551615, "huge": 1e30,
        "vip": true, "note": null, "email": "Ann@Example.com", "dashed-name": 7, "tags": ["a", "b", "b"],
        "items": [{"sku": "x", "qty": 2}, {"sku": "y", "qty": 5, "gift": true}],
        "address": {"city": "Kraków", "zip": "30-001"}, "at": "2024-02-29T23:59:58.250Z", "empty": []
    }
}"#;
const LATER: &str =
    r#"{"data": {"id": "o-1", "amount": 250.0, "at": "2024-03-01T00:59:58.250+01:00"}}"#;

fn scope(json: &str) -> Scope {
    Scope::parse(json).unwrap()
}

fn matches(source: &str) -> Result<bool, EvalError> {
    let expr = Expr::compile(source).unwrap_or_else(|e| panic!("{source}: {e}"));
    expr.matches(&scope(EVENT), Some(&scope(LATER)))
}

fn check(table: &[(&str, bool)]) {
    for (source, expected) in table {
        assert_eq!(matches(source), Ok(*expected), "{source}");
    }
}

/// Expressions of any type and the canonical text of their value.
fn check_keys(table: &[(&str, &str)]) {
    for (source, expected) in table {
        let expr = Expr::compile_value(source).unwrap_or_else(|e| panic!("{source}: {e}"));
        let key = expr.key(&scope(EVENT), Some(&scope(LATER)));
        assert_eq!(key.as_deref(), Ok(*expected), "{source}");
    }
}

#[test]
fn a_missing_field_is_null_at_any_depth() {
    check(&[
        ("event.data.nothing == null", true),
        ("event.data.nothing.at.all == null", true),
        ("event.data.id.deeper == null", true),
        ("event.data.note == null", true),
        ("event.data.note.deeper == null", true),
        ("event.data.id != null", true),
        ("event.data.nothing == event.data.other", true),
        ("event.data.nothing == 'x'", false),
        ("event.data.nothing != 'x'", true),
        ("event.data['nothing']['deeper'] == null", true),
        ("event.data.tags[99] == null", true),
        ("event.data.tags[-1] == null", true),
        ("event.data.tags['x'] == null", true),
        ("event.data.tags[event.data.nothing] == null", true),
        ("event.data[0] == null", true),
        ("{'a': 1}.b == null", true),
        ("async.data.nothing == null", true),
    ]);
}

#[test]
fn ordering_against_a_missing_value_is_false() {
    check(&[
        ("event.data.nothing < 5", false),
        ("event.data.nothing >= 5", false),
        ("5 > event.data.nothing.deeper", false),
        ("event.data.note <= null", false),
        ("!(event.data.nothing < 5)", true),
        ("event.data.nothing + 1 > 0", false),
        ("timestamp(event.data.nothing) < timestamp(event.ts)", false),
    ]);
}

#[test]
fn tests_of_a_missing_value_are_false_and_what_is_computed_from_it_is_null() {
    check(&[
        ("event.data.nothing.startsWith('a')", false),
        ("event.data.id.startsWith(event.data.nothing)", false),
        ("event.data.nothing.matches('a')", false),
        ("'a' in event.data.nothing", false),
        ("null in [1, null]", true),
        ("event.data.nothing in event.data.tags", false),
        ("event.data.nothing.exists(x, x == 1)", false),
        ("event.data.nothing.all(x, x == 1)", false),
        ("size(event.data.nothing) == null", true),
        ("size(event.data.nothing) > 0", false),
        ("event.data.nothing.map(x, x) == null", true),
        ("event.data.nothing + 'a' == null", true),
        ("-event.data.nothing == null", true),
        ("event.data.nothing / 0 == null", true),
    ]);
}

#[test]
fn comparisons_work_across_the_kinds_of_numbers() {
    check(&[
        ("event.data.one == 1", true),
        ("event.data.amount == 250.0", true),
        ("event.data.amount == async.data.amount", true),
        ("event.data.rate > 1", true),
        ("2 > event.data.rate", true),
        ("-2 < -1.5", true),
        ("-1 > -1.5", true),
        ("event.data.big == 18446744073709551615u", true),
        ("event.data.big > 9223372036854775807", true),
        ("event.data.big < event.data.huge", true),
        ("event.data.big == 18446744073709551616.0", false),
        ("9007199254740993 == 9007199254740992.0", false),
        ("event.data.amount == '250'", false),
        ("event.data.vip == 1", false),
        ("-9223372036854775808 < 0", true),
        (
            "0x10 == 16 && 1e3 == 1000 && .5 < 1 && 1.5e-1 == 0.15",
            true,
        ),
    ]);
}

#[test]
fn operators_and_macros_follow_cel() {
    check(&[
        ("1 + 2 * 3 == 7 && (1 + 2) * 3 == 9", true),
        (
            "7 / 2 == 3 && -7 / 2 == -3 && -7 % 3 == -1 && 7.0 / 2 == 3.5",
            true,
        ),
        ("10 - 3 - 2 == 5", true),
        ("'a' + 'b' == 'ab' && [1] + [2] == [1, 2]", true),
        ("true || false && false", true),
        ("!true || !!true", true),
        ("1 < 2 == true", true),
        ("event.data.vip ? 1 == 1 : 1 == 2", true),
        ("false ? false : false ? false : true", true),
        (
            "has(event.data.note) && !has(event.data.nothing) && !has(event.data.nothing.deeper)",
            true,
        ),
        ("event.data.tags.exists(t, t == 'b')", true),
        ("event.data.tags.exists_one(t, t == 'b')", false),
        ("event.data.tags.existsOne(t, t == 'a')", true),
        ("event.data.tags.all(t, size(t) == 1)", true),
        ("event.data.empty.all(t, false)", true),
        (
            "event.data.items.filter(i, i.gift == true).map(i, i.sku) == ['y']",
            true,
        ),
        ("event.data.items.map(i, i.qty > 2, i.sku) == ['y']", true),
        (
            "event.data.items.all(i, event.data.tags.exists(t, t != i.sku))",
            true,
        ),
        (
            "event.data.address.all(k, event.data.address[k] != '')",
            true,
        ),
        ("event.data.address.map(k, k) == ['city', 'zip']", true),
        ("[1, 2].map(x, [x].map(x, x + 1)) == [[2], [3]]", true),
        ("'b' in event.data.tags && !('c' in event.data.tags)", true),
        (
            "'city' in event.data.address && !(1 in event.data.address)",
            true,
        ),
        ("1.0 in [1, 2]", true),
        (
            "event.data.address == {'zip': '30-001', 'city': 'Kraków'}",
            true,
        ),
        (
            "event.data.tags == ['a', 'b', 'b'] && event.data.tags != ['a', 'b']",
            true,
        ),
        (
            "event.data.tags[1] == 'b' && event.data.tags[1.0] == 'b'",
            true,
        ),
        ("event.data['dashed-name'] == 7", true),
        ("event.data.id == async.data.id", true),
    ]);
}

#[test]
fn a_part_that_decides_wins_over_one_that_fails() {
    check(&[
        ("1 / 0 == 1 || true", true),
        ("true || 1 / 0 == 1", true),
        ("1 / 0 == 1 && false", false),
        ("event.data.nothing || event.data.vip", true),
        ("[0, 1].exists(x, 1 / x == 1)", true),
        ("[0, 1].all(x, 1 / x == 2)", false),
    ]);
    assert_eq!(
        matches("1 / 0 == 1 || false"),
        Err(EvalError::DivisionByZero)
    );
    assert_eq!(
        matches("[1, 0].all(x, 1 / x == 1)"),
        Err(EvalError::DivisionByZero)
    );
}

#[test]
fn functions_of_strings() {
    check(&[
        (
            "event.name.startsWith('shop/') && event.name.endsWith('placed')",
            true,
        ),
        (
            "event.data.email.contains('@') && !event.data.email.contains('#')",
            true,
        ),
        ("event.data.email.lowerAscii() == 'ann@example.com'", true),
        ("'aß'.upperAscii() == 'Aß' && ' a '.trim() == 'a'", true),
        (
            "size(event.data.address.city) == 6 && event.data.tags.size() == 3 && size({'a': 1}) == 1",
            true,
        ),
        ("event.data.email.matches('^[A-Za-z]+@.*[.]com$')", true),
        ("'zażółć'.matches(r'^\\w+$')", true),
        (
            "'a,b'.split(',') == ['a', 'b'] && ['a', 'b'].join('-') == 'a-b'",
            true,
        ),
        ("'aXbX'.replace('X', 'yy') == 'ayybyy'", true),
        (
            "'\\x41\\u00e9\\101' == 'AéA' && r'\\n' == '\\\\n' && '''it's''' == \"it's\"",
            true,
        ),
        ("'b' > 'a' && 'B' < 'a'", true),
        (
            "int('42') == 42 && int(2.9) == 2 && int(-2.9) == -2 && double('1.5') == 1.5",
            true,
        ),
        (
            "string(42) == '42' && string(1.0) == '1' && string(true) == 'true' && bool('true')",
            true,
        ),
    ]);
}

#[test]
fn times() {
    check(&[
        ("timestamp(event.data.at) == timestamp(async.data.at)", true),
        (
            "date('2024-01-01T00:00:00Z') < timestamp(event.data.at)",
            true,
        ),
        (
            "timestamp(event.ts) == timestamp('2023-11-14T22:13:20Z')",
            true,
        ),
        ("int(timestamp(event.ts)) == event.ts", true),
        (
            "timestamp(event.data.at) - timestamp('2024-02-29T23:00:00Z') > duration('59m58.2s')",
            true,
        ),
        (
            "timestamp(event.data.at) + duration('1h30m') > timestamp('2024-03-01T01:29:58Z')",
            true,
        ),
        (
            "duration('1h') == duration('60m') && duration('-1ms') < duration('0')",
            true,
        ),
        (
            "duration('90m').getHours() == 1 && duration('90m').getMinutes() == 90",
            true,
        ),
    ]);
    check_keys(&[
        ("timestamp(event.data.at).getFullYear()", "2024"),
        ("timestamp(event.data.at).getMonth()", "1"),
        ("timestamp(event.data.at).getDate()", "29"),
        ("timestamp(event.data.at).getDayOfMonth()", "28"),
        ("timestamp(event.data.at).getDayOfYear()", "59"),
        ("timestamp(event.data.at).getDayOfWeek()", "4"),
        ("timestamp(event.data.at).getHours()", "23"),
        ("timestamp(event.data.at).getMilliseconds()", "250"),
        ("timestamp(event.data.at)", "\"2024-02-29T23:59:58.250Z\""),
        ("duration('1h0.5s')", "\"3600.5s\""),
        ("string(duration('-1.25s'))", "\"-1.25s\""),
    ]);
}

#[test]
fn keys_are_equal_exactly_when_values_are() {
    check_keys(&[
        ("event.data.id", "\"o-1\""),
        (
            "event.data.id + '/' + event.data.address.city",
            "\"o-1/Kraków\"",
        ),
        ("event.data.one", "1"),
        ("event.data.rate", "1.5e0"),
        ("event.data.big", "18446744073709551615"),
        ("event.data.huge", "1000000000000000019884624838656"),
        ("event.data.nothing", "null"),
        ("event.data.vip ? false : event.data.id", "false"),
        (
            "event.data.address",
            "{\"city\":\"Kraków\",\"zip\":\"30-001\"}",
        ),
        (
            "[1, 1.0, 'a', null, {'z': 1, 'a': [true]}]",
            "[1,1,\"a\",null,{\"a\":[true],\"z\":1}]",
        ),
        ("-0.0", "0"),
        ("async.data.amount", "250"),
    ]);
    let priority = |source: &str| {
        let expr = Expr::compile_value(source).unwrap();
        expr.integer(&scope(EVENT), None)
    };
    assert_eq!(priority("event.data.vip ? 120 : 0"), Ok(Some(120)));
    assert_eq!(priority("event.data.amount / 100.0"), Ok(Some(2)));
    assert_eq!(priority("event.data.nothing"), Ok(None));
    assert!(priority("event.data.id").is_err());
    assert!(priority("1e300").is_err());
}

#[test]
fn what_must_be_equal_for_a_condition_to_hold_can_be_seen() {
    let paths = |source: &str| {
        let paths = Expr::compile(source).expect("a condition").equal_paths();
        paths.map(|(event, later)| format!("{event} {later}"))
    };
    let same = Some("data.id data.id".to_owned());
    assert_eq!(paths("event.data.id == async.data.id"), same);
    assert_eq!(
        paths("async.data.n > 3 && async.data.id == event.data.id"),
        same
    );
    assert_eq!(
        paths("event.user.a.b == async.data.c"),
        Some("user.a.b data.c".to_owned())
    );
    for none in [
        "event.data.id == async.data.id || async.data.all",
        "!(event.data.id == async.data.id)",
        "event.data.id != async.data.id",
        "event.data.id == event.data.other",
        "async.data.id == 7",
        "event.data.ids[0] == async.data.id",
        "event == async",
    ] {
        assert_eq!(paths(none), None, "{none}");
    }
}

#[test]
fn paths_find_values_and_their_keys() {
    let event = scope(EVENT);
    for (path, expected) in [
        ("data.id", "\"o-1\""),
        ("data.one", "1"),
        ("data.items.1.sku", "\"y\""),
        ("data.items.01.sku", "\"y\""),
        ("data.items.-1", "null"),
        ("data.items.9", "null"),
        ("data.items.99999999999999999999999", "null"),
        ("data.dashed-name", "7"),
        ("data.nothing.deeper", "null"),
        ("data.id.deeper", "null"),
        ("user", "null"),
        ("", "null"),
    ] {
        assert_eq!(match_key(&event, path), expected, "{path}");
    }
    assert_eq!(path_value(&event, "data.note"), Some(&Json::Null));
    assert_eq!(path_value(&event, "data.nothing"), None);
    assert_eq!(match_key(&Scope::default(), "data.id"), "null");
    let same = scope(r#"{"data": {"address": {"zip": "30-001", "city": "Krak\u00f3w"}}}"#);
    assert_eq!(
        match_key(&event, "data.address"),
        match_key(&same, "data.address")
    );
    for (path, fine) in [
        ("data.id", true),
        ("data.items.0", true),
        ("", false),
        ("data..id", false),
        ("event.data.id", false),
        ("async.data.id", false),
    ] {
        assert_eq!(check_path(path).is_ok(), fine, "{path}");
    }
    assert!(check_path(&"a".repeat(MAX_PATH_BYTES + 1)).is_err());
}

#[test]
fn an_expression_keeps_its_source_and_can_be_shared() {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    let expr = Expr::compile("event.id == '1' // why\n && async.x == 1").unwrap();
    shared(&expr);
    assert!(expr.uses_async());
    assert_eq!(
        expr.clone().source(),
        "event.id == '1' // why\n && async.x == 1"
    );
    assert!(format!("{expr:?}").starts_with("Expr(\"event.id"));
    assert!(Scope::parse("{").is_err());
}

#[test]
fn other_names_than_an_events_can_be_given() {
    let names = ["body", "headers"];
    let request = scope(r#"{"body":{"type":"paid","event":1},"headers":{"x-kind":"push"}}"#);
    for (source, expected) in [
        ("body.type + '/' + headers['x-kind']", r#""paid/push""#),
        ("body.event", "1"),
        ("body.gone.deep", "null"),
        ("['a'].map(b, b + body.type)", r#"["apaid"]"#),
    ] {
        let expr = Expr::compile_over(source, &names).unwrap();
        assert_eq!(
            expr.key(&request, None).as_deref(),
            Ok(expected),
            "{source}"
        );
    }
    for (source, problem) in [
        (
            "event.name",
            "unknown name `event`; there are `body` and `headers`",
        ),
        ("async.name == 'x'", "unknown name `async`"),
        (
            "[1].map(body, body)",
            "`body` cannot name a macro's variable",
        ),
    ] {
        let told = Expr::compile_over(source, &names).unwrap_err().to_string();
        assert!(told.contains(problem), "{source}: {told}");
    }
    assert!(Expr::compile_condition_over("'text'", &names).is_err());
    assert!(Expr::compile("body.type == 1").is_err());
}
