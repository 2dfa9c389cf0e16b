//! A table of next ticks that other implementations computed; `tests/cron/table.py` says which and how.

use serde::Deserialize;

use super::*;

/// One row.
#[derive(Deserialize)]
struct Row {
    expr: String,
    from: String,
    next: Vec<String>,
    by: String,
}

fn rows() -> Vec<Row> {
    serde_json::from_str(include_str!("../../../tests/cron/table.json")).expect("rows")
}

#[test]
fn the_next_ticks_are_those_of_the_table() {
    let rows = rows();
    assert!(rows.len() > 500, "{}", rows.len());
    for row in &rows {
        let ours = next(&row.expr, &row.from, row.next.len());
        assert_eq!(
            ours, row.next,
            "{} from {}, by {}",
            row.expr, row.from, row.by
        );
    }
}

#[test]
fn the_table_is_the_same_read_backwards() {
    for row in rows() {
        let schedule = schedule(&row.expr);
        let ticks: Vec<u64> = row.next.iter().map(|tick| at(tick)).collect();
        for pair in ticks.windows(2) {
            assert_eq!(
                schedule.last_at_or_before(pair[1] - 1),
                Some(pair[0]),
                "{} before {}",
                row.expr,
                shown(pair[1])
            );
        }
        let before = schedule
            .last_at_or_before(ticks[0] - 1)
            .expect("a tick since 1970");
        assert!(
            before <= at(&row.from),
            "{}: {} lies between",
            row.expr,
            shown(before)
        );
        assert_eq!(
            schedule.next_after(before),
            Some(ticks[0]),
            "{} after {}",
            row.expr,
            shown(before)
        );
    }
}
