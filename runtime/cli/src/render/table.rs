//! Tables: columns as wide as they need, the last one takes what is left.

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

/// The table's lines, each with its end. Cells of the last column are cut at the edge when somebody watches, never in a pipe.
pub(crate) fn table<const N: usize>(look: Look, head: [&str; N], rows: &[[Cell; N]]) -> String {
    let mut widths = head.map(columns);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(columns(&cell.text));
        }
    }
    let mut out = String::new();
    let head_cells = head.map(|text| Cell::painted(text, |look, text| look.bold(text)));
    for row in std::iter::once(&head_cells).chain(rows) {
        let mut used = 0;
        for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
            let last = index + 1 == N;
            let text = match (last, look.terminal) {
                (false, _) => fit(&cell.text, width),
                (true, true) => shorten(&cell.text, look.width.saturating_sub(used).max(8)),
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
}
