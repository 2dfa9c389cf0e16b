//! Charts over time, as SVG.
//!
//! Pure functions from points to markup. The drawing stretches with its place, so no text is in it: the scale, the times and the legend
//! stand around it as HTML, and every part of it has its values as a tooltip. Whoever does not see the drawing finds the same values in a
//! table. Nothing is styled inline: lines have classes, and their places are attributes.

mod scale;

use std::fmt::Write as _;

use maud::{Markup, html};

pub(super) use scale::Unit;
use scale::nice_top;

/// The inner size of the drawing. It is stretched to its place.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 140.0;

/// Points that are drawn of a line, at most: more are no more than pixels.
const MOST_POINTS: usize = 120;

/// How long a value is drawn that stands alone.
const DASH: u8 = 6;

/// Rows of the table, and parts with a tooltip.
const MOST_ROWS: usize = 24;

/// How points that share a place are drawn as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Merge {
    /// Their mean: of rates.
    Mean,
    /// The highest: of what must not go unseen.
    Peak,
}

/// One line of a chart.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) name: String,
    /// How it looks: a class of the style sheet, `line-` and a role such as `good` or `bad`.
    pub(super) look: &'static str,
    /// Milliseconds since the Unix epoch, ascending, each with a value if there is one.
    pub(super) points: Vec<(u64, Option<f64>)>,
}

/// A chart of one unit over one span of time.
#[derive(Debug, Clone)]
pub(super) struct Chart {
    /// An id that no other element of the page has.
    pub(super) id: &'static str,
    pub(super) title: String,
    pub(super) unit: Unit,
    pub(super) merge: Merge,
    pub(super) lines: Vec<Line>,
    pub(super) from_ms: u64,
    pub(super) to_ms: u64,
}

/// A line whose points are merged: one value a bucket.
struct Drawn<'a> {
    line: &'a Line,
    buckets: Vec<Option<f64>>,
}

impl Chart {
    /// The chart, with its legend and its table.
    pub(super) fn render(&self) -> Markup {
        let drawn = self.merged(MOST_POINTS);
        let values = drawn.iter().flat_map(|it| it.buckets.iter().flatten());
        let highest = values.copied().fold(None, |high: Option<f64>, value| {
            Some(high.map_or(value, |high| high.max(value)))
        });
        let Some(highest) = highest else {
            return self.without_values();
        };
        let top = nice_top(highest, self.unit);
        let title_id = format!("{}-title", self.id);
        let desc_id = format!("{}-desc", self.id);
        html! {
            figure class="chart" id=(self.id) {
                figcaption { (self.title) }
                (self.legend(&drawn))
                div class="chart-body" {
                    div class="chart-scale" aria-hidden="true" {
                        span { (self.unit.show(top)) }
                        span { (self.unit.show(top / 2.0)) }
                        span { (self.unit.show(0.0)) }
                    }
                    svg class="chart-drawing" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none"
                        role="img" aria-labelledby=(format!("{title_id} {desc_id}")) {
                        title id=(title_id) { (self.title) }
                        desc id=(desc_id) { (self.in_words(&drawn)) }
                        @for part in 0..=2u8 {
                            @let y = coordinate(HEIGHT * f64::from(part) / 2.0);
                            line class="chart-grid" x1="0" x2=(WIDTH) y1=(y) y2=(y) {}
                        }
                        @for it in &drawn {
                            path class=(format!("chart-line {}", it.line.look)) d=(path(&it.buckets, top)) {}
                        }
                        (self.tooltips())
                    }
                    div class="chart-times" aria-hidden="true" {
                        @for part in 0..=2u64 {
                            span { (self.clock(self.from_ms + self.span_ms() * part / 2)) }
                        }
                    }
                }
                (self.table())
            }
        }
    }

    fn span_ms(&self) -> u64 {
        self.to_ms.saturating_sub(self.from_ms).max(1)
    }

    fn without_values(&self) -> Markup {
        html! {
            figure class="chart" id=(self.id) {
                figcaption { (self.title) }
                p class="chart-empty" { "No values yet in this time." }
            }
        }
    }

    fn legend(&self, drawn: &[Drawn<'_>]) -> Markup {
        html! {
            ul class="chart-legend" {
                @for it in drawn {
                    li {
                        span class=(format!("swatch {}", it.line.look)) aria-hidden="true" {}
                        (it.line.name) " "
                        strong { (self.shown(latest(&it.buckets))) }
                    }
                }
            }
        }
    }

    fn shown(&self, value: Option<f64>) -> String {
        value.map_or_else(|| "–".to_owned(), |value| self.unit.show(value))
    }

    /// What somebody sees who looks at it.
    fn in_words(&self, drawn: &[Drawn<'_>]) -> String {
        let mut words = format!(
            "From {} to {}, UTC.",
            self.clock(self.from_ms),
            self.clock(self.to_ms)
        );
        for it in drawn {
            let highest = it.buckets.iter().flatten().copied().reduce(f64::max);
            let _ = write!(
                words,
                " {}: now {}, at most {}.",
                it.line.name,
                self.shown(latest(&it.buckets)),
                self.shown(highest)
            );
        }
        words
    }

    /// A time as the chart's span needs it.
    fn clock(&self, at_ms: u64) -> String {
        scale::clock(at_ms, self.span_ms())
    }

    /// Invisible parts that say their values to a pointer.
    fn tooltips(&self) -> Markup {
        let rows = self.rows();
        #[allow(clippy::cast_precision_loss, reason = "a few dozen")]
        let width = WIDTH / rows.len().max(1) as f64;
        html! {
            @for (n, (at_ms, values)) in rows.iter().enumerate() {
                @let x = coordinate(width * as_f64(n));
                rect class="chart-part" x=(x) y="0" width=(coordinate(width)) height=(HEIGHT) {
                    title { (self.row_in_words(*at_ms, values)) }
                }
            }
        }
    }

    fn row_in_words(&self, at_ms: u64, values: &[Option<f64>]) -> String {
        let mut words = self.clock(at_ms);
        for (line, value) in self.lines.iter().zip(values) {
            let _ = write!(words, " · {} {}", line.name, self.shown(*value));
        }
        words
    }

    fn table(&self) -> Markup {
        html! {
            details.chart-table #(format!("{}-values", self.id)) {
                summary { "Values" span.hidden { " of " (self.title) } }
                div class="table-scroll" tabindex="0" {
                    table {
                        thead {
                            tr {
                                th scope="col" { "From (UTC)" }
                                @for line in &self.lines { th scope="col" class="number" { (line.name) } }
                            }
                        }
                        tbody {
                            @for (at_ms, values) in self.rows() {
                                tr {
                                    th scope="row" { (self.clock(at_ms)) }
                                    @for value in values { td class="number" { (self.shown(value)) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The start of every part, with the value of each line.
    fn rows(&self) -> Vec<(u64, Vec<Option<f64>>)> {
        let drawn = self.merged(MOST_ROWS);
        let parts = drawn.first().map_or(0, |it| it.buckets.len());
        let row = |part: usize| {
            let at_ms = self.from_ms + self.span_ms() * part as u64 / parts as u64;
            let values = drawn.iter().map(|it| it.buckets[part]);
            (at_ms, values.collect())
        };
        (0..parts).map(row).collect()
    }

    fn merged(&self, parts: usize) -> Vec<Drawn<'_>> {
        let longest = self.lines.iter().map(|line| line.points.len()).max();
        let parts = parts.min(longest.unwrap_or(0));
        let drawn = self.lines.iter().map(|line| Drawn {
            line,
            buckets: self.buckets(line, parts),
        });
        drawn.collect()
    }

    /// The points of a line, merged into so many equal parts of the time.
    fn buckets(&self, line: &Line, parts: usize) -> Vec<Option<f64>> {
        let mut merged: Vec<Option<(f64, u32)>> = vec![None; parts];
        for (at_ms, value) in &line.points {
            let Some(value) = value.filter(|value| value.is_finite()) else {
                continue;
            };
            if !(self.from_ms..=self.to_ms).contains(at_ms) || parts == 0 {
                continue;
            }
            let place =
                u128::from(at_ms - self.from_ms) * parts as u128 / u128::from(self.span_ms());
            let place = usize::try_from(place).unwrap_or(parts).min(parts - 1);
            merged[place] = Some(match (merged[place], self.merge) {
                (None, _) => (value, 1),
                (Some((sum, count)), Merge::Mean) => (sum + value, count + 1),
                (Some((high, _)), Merge::Peak) => (high.max(value), 1),
            });
        }
        let value = |it: Option<(f64, u32)>| it.map(|(sum, count)| sum / f64::from(count));
        merged.into_iter().map(value).collect()
    }
}

fn latest(buckets: &[Option<f64>]) -> Option<f64> {
    buckets.iter().rev().find_map(|value| *value)
}

#[allow(clippy::cast_precision_loss, reason = "a few hundred")]
fn as_f64(n: usize) -> f64 {
    n as f64
}

/// One tenth of a pixel is exact enough.
fn coordinate(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// The line through the values; it is interrupted where there are none.
fn path(buckets: &[Option<f64>], top: f64) -> String {
    let step = WIDTH / as_f64(buckets.len().saturating_sub(1).max(1));
    let mut path = String::new();
    let mut pen_down = false;
    for (n, value) in buckets.iter().enumerate() {
        let Some(value) = value else {
            pen_down = false;
            continue;
        };
        let is_alone = !pen_down && buckets.get(n + 1).copied().flatten().is_none();
        let x = step * as_f64(n);
        let y = HEIGHT - (value / top).clamp(0.0, 1.0) * HEIGHT;
        let (x, y) = (coordinate(x), coordinate(y));
        if pen_down {
            let _ = write!(path, "L{x} {y}");
        } else if is_alone {
            // A dash that is seen, where a line would have no length.
            let _ = write!(path, "M{x} {y}m-{DASH} 0h{DASH}");
        } else {
            let _ = write!(path, "M{x} {y}");
        }
        pen_down = true;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    fn line(name: &str, values: &[Option<f64>]) -> Line {
        let points = values.iter().enumerate();
        Line {
            name: name.into(),
            look: "line-main",
            points: points
                .map(|(n, value)| (n as u64 * 10_000, *value))
                .collect(),
        }
    }

    fn chart(lines: Vec<Line>) -> Chart {
        Chart {
            id: "throughput",
            title: "Throughput".into(),
            unit: Unit::Count,
            merge: Merge::Mean,
            lines,
            from_ms: 0,
            to_ms: HOUR,
        }
    }

    #[test]
    fn a_chart_says_its_values_in_words_in_a_table_and_in_tooltips() {
        let values: Vec<_> = (0..360).map(|n| Some(f64::from(n))).collect();
        let shown = chart(vec![line("runs", &values)]).render().into_string();
        assert!(shown.contains("<title id=\"throughput-title\">Throughput</title>"));
        assert!(shown.contains("runs: now 358"), "{shown}");
        assert_eq!(shown.matches("<rect").count(), MOST_ROWS);
        assert_eq!(shown.matches("<tr>").count(), MOST_ROWS + 1);
        assert!(!shown.contains("style="), "nothing is styled inline");
    }

    #[test]
    fn a_gap_interrupts_the_line_and_a_lonely_value_is_a_dash() {
        let gap = [Some(1.0), Some(2.0), None, Some(2.0), None];
        assert_eq!(path(&gap, 2.0), "M0 70L150 0M450 0m-6 0h6");
    }

    #[test]
    fn a_peak_is_kept_where_a_mean_would_hide_it() {
        let mut values = vec![Some(0.0); 360];
        values[100] = Some(300.0);
        let mut peaks = chart(vec![line("backlog", &values)]);
        let highest = |chart: &Chart| {
            let drawn = chart.merged(MOST_ROWS);
            drawn[0]
                .buckets
                .iter()
                .flatten()
                .copied()
                .fold(0.0, f64::max)
        };
        assert!((highest(&peaks) - 20.0).abs() < 1e-9);
        peaks.merge = Merge::Peak;
        assert!((highest(&peaks) - 300.0).abs() < 1e-9);
    }

    #[test]
    fn without_values_there_is_no_drawing_and_names_stay_text() {
        let empty = chart(vec![line("runs", &[None, Some(f64::NAN)])]).render();
        assert!(empty.into_string().contains("No values yet"));
        let hostile = chart(vec![line("<b>x</b>", &[Some(1.0)])])
            .render()
            .into_string();
        assert!(!hostile.contains("<b>"), "{hostile}");
        let none = chart(Vec::new()).render().into_string();
        assert!(none.contains("No values yet"));
    }
}
