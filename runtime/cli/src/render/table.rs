//! Tables: columns as wide as they need, the last one takes what is left. Where a terminal has no room for that, the widest columns give way.

use crate::terminal::{Look, columns, fit, shorten};

/// A cell: its text, and how it is painted once its width is known.
pub(crate) struct Cell {
    text: String,
    paint: fn(Look, &str) -> String,
}

impl Cell {
    /// A cell in the ordinary colour.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            paint: |_, text| text.to_owned(),
        }
    }

    /// A cell that recedes.
    pub(crate) fn dim(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            paint: |look, text| look.dim(text),
        }
    }

    /// A cell with a painter.
    pub(crate) fn painted(text: impl Into<String>, paint: fn(Look, &str) -> String) -> Self {
        Self {
            text: text.into(),
            paint,
        }
    }
}

/// What the last column has of a narrow terminal, unless it needs less.
const LAST: usize = 12;
/// No column that gives way gets narrower.
const LEAST: usize = 8;

/// The table's lines, each with its end. When somebody watches, lines end at the edge: the last column is cut, and if that is not enough the widest of
/// the others. The first one names the row, and is there to be copied: it stays whole. In a pipe nothing is cut.
pub(crate) fn table<const N: usize>(look: Look, head: [&str; N], rows: &[[Cell; N]]) -> String {
    let mut widths = head.map(columns);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(columns(&cell.text));
        }
    }
    if look.terminal {
        squeeze(&mut widths, look.width);
    }
    let mut out = String::new();
    let head_cells = head.map(|text| Cell::painted(text, |look, text| look.bold(text)));
    for row in std::iter::once(&head_cells).chain(rows) {
        let mut used = 0;
        for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
            let last = index + 1 == N;
            let text = match (last, look.terminal) {
                (false, _) => fit(&cell.text, width),
                (true, true) => shorten(&cell.text, look.width.saturating_sub(used).max(LEAST)),
                (true, false) => cell.text.clone(),
            };
            out.push_str(&(cell.paint)(look, &text));
            if !last {
                out.push_str("  ");
                used += width + 2;
            }
        }
        while out.ends_with(' ') {
            out.pop();
        }
        out.push('\n');
    }
    out
}

/// Takes from the widest columns until all of them fit.
fn squeeze(widths: &mut [usize], room: usize) {
    let [first, others @ .., last] = widths else {
        return;
    };
    let rest = *first + 2 + (*last).min(LAST);
    while rest + others.iter().map(|width| width + 2).sum::<usize>() > room {
        match others.iter_mut().max_by_key(|width| **width) {
            Some(widest) if *widest > LEAST => *widest -= 1,
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_the_last_one_ends_at_the_edge() {
        let rows = [
            [
                Cell::plain("a"),
                Cell::plain("日本"),
                Cell::plain("x".repeat(60)),
            ],
            [Cell::dim("long one"), Cell::plain(""), Cell::plain("")],
        ];
        let look = Look {
            terminal: true,
            ..Look::plain(48)
        };
        let text = table(look, ["ID", "NAME", "LAST"], &rows);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "ID        NAME  LAST");
        assert!(
            lines[1].starts_with("a         日本  xxx") && lines[1].ends_with('…'),
            "{text}"
        );
        assert_eq!(columns(lines[1]), 48);
        assert_eq!(lines[2], "long one");
        assert!(table(Look::plain(48), ["A", "B", "C"], &rows).contains(&"x".repeat(60)));
    }

    #[test]
    fn on_a_narrow_terminal_names_give_way_and_ids_do_not() {
        let id = "01J8Z6QW3C9G5V2N7T4R0K1M8X";
        let rows = [[
            Cell::plain(id),
            Cell::plain("conformance/on-failure-failure"),
            Cell::plain("Completed"),
            Cell::plain("x".repeat(60)),
        ]];
        let look = Look {
            terminal: true,
            ..Look::plain(70)
        };
        let text = table(look, ["RUN", "FUNCTION", "STATUS", "RESULT"], &rows);
        assert!(text.lines().all(|line| columns(line) <= 70), "{text}");
        assert!(
            text.contains(&format!("{id}  conformance/on-f…  Completed  xxx")),
            "{text}"
        );
        let piped = table(
            Look::plain(70),
            ["RUN", "FUNCTION", "STATUS", "RESULT"],
            &rows,
        );
        assert!(
            piped.contains("conformance/on-failure-failure  Completed"),
            "{piped}"
        );
    }
}
