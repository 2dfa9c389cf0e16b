//! Draws the curves: small panels above each other with one time axis, in plain SVG that follows the reader's light or dark theme.

use std::fmt::Write as _;

use crate::findings::{Census, Happening, Mark};
use crate::sample::Sample;

const WIDTH: f64 = 880.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 76.0;
const PANEL: f64 = 92.0;
const GAP: f64 = 36.0;
const BOTTOM: f64 = 30.0;

/// Points of a curve: more would not be seen.
const POINTS: usize = 420;

/// Lines of the grid that a panel has at most, besides zero.
const GRID_LINES: f64 = 4.0;

const STYLE: &str = "\
text{font:12px system-ui,'DejaVu Sans',sans-serif;fill:#5b6672}.title{font-size:15px;font-weight:600;fill:#1d2733}.name{font-weight:600;fill:#1d2733}
.back{fill:#fff}.grid{stroke:#dfe4ea;stroke-width:1;fill:none}.c0,.c1,.c2{fill:none;stroke-width:1.4;stroke-linejoin:round}
.c0{stroke:#1769b5}.c1{stroke:#c4541a}.c2{stroke:#2f8a57}.f0{fill:#1769b5}.f1{fill:#c4541a}.f2{fill:#2f8a57}
.kill{stroke:#d0342c;stroke-width:1;opacity:.55}.restart{stroke:#7a4fc0;stroke-width:1.3;stroke-dasharray:4 3}.deploy{stroke:#7d8894;stroke-width:1.6}
@media(prefers-color-scheme:dark){text{fill:#9aa7b4}.title,.name{fill:#e4eaf0}.back{fill:#14191f}.grid{stroke:#2b343d}
.c0{stroke:#5aa9ee}.c1{stroke:#f0935c}.c2{stroke:#63c48e}.f0{fill:#5aa9ee}.f1{fill:#f0935c}.f2{fill:#63c48e}
.kill{stroke:#ff6b61}.restart{stroke:#b193f0}.deploy{stroke:#8d99a6}}";

/// How points that fall together become one.
#[derive(Clone, Copy)]
enum Merge {
    Mean,
    Most,
}

type Curve = (&'static str, fn(&Sample) -> f64, Merge);

struct Panel {
    name: &'static str,
    curves: &'static [Curve],
    /// The part of all points that is drawn in full: single peaks above are cut off at the edge.
    whole: f64,
}

const PANELS: [Panel; 6] = [
    Panel {
        name: "memory, MiB",
        curves: &[
            ("resident", |s| s.resident_mib, Merge::Mean),
            ("anonymous", |s| s.anonymous_mib, Merge::Mean),
        ],
        whole: 1.0,
    },
    Panel {
        name: "disk, MiB",
        curves: &[
            ("data directory", |s| s.disk_mib, Merge::Mean),
            ("the log's length", |s| s.log_length_mib, Merge::Mean),
            ("components and compiled code", |s| s.code_mib, Merge::Mean),
        ],
        whole: 1.0,
    },
    Panel {
        name: "descriptors and threads",
        curves: &[
            ("descriptors", |s| s.descriptors, Merge::Mean),
            ("threads", |s| s.threads, Merge::Mean),
        ],
        whole: 1.0,
    },
    Panel {
        name: "runs",
        curves: &[
            ("acknowledged, not seen to end", |s| s.open, Merge::Mean),
            ("resident in memory", |s| s.resident_runs, Merge::Mean),
            ("executing", |s| s.executing, Merge::Mean),
        ],
        whole: 1.0,
    },
    Panel {
        name: "probe of two steps, event to durable end, ms (few above are cut)",
        curves: &[
            ("worst", |s| s.probe_worst_ms, Merge::Most),
            ("median", |s| s.probe_ms, Merge::Mean),
        ],
        whole: 0.97,
    },
    Panel {
        name: "processor, cores",
        curves: &[
            ("the whole machine", |s| s.machine_cores, Merge::Mean),
            ("the node", |s| s.node_cores, Merge::Mean),
        ],
        whole: 1.0,
    },
];

/// The whole picture. `title` says what was run.
pub(crate) fn draw(title: &str, samples: &[Sample], marks: &[Mark], censuses: &[Census]) -> String {
    let end_s = samples.last().map_or(1.0, |sample| sample.at_s).max(1.0);
    #[allow(clippy::cast_precision_loss, reason = "a handful of panels")]
    let height = TOP + PANELS.len() as f64 * (PANEL + GAP) - GAP + BOTTOM;
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"><title>{title}</title><style>{STYLE}</style><rect class="back" width="{WIDTH}" height="{height}"/>"#
    );
    let canvas = Canvas { end_s };
    let _ = write!(
        svg,
        r#"<text class="title" x="{LEFT}" y="20">{title}</text>"#
    );
    legend(&mut svg);
    let mut top = TOP;
    for panel in &PANELS {
        canvas.panel(&mut svg, panel, top, samples, marks);
        if panel.name == "disk, MiB" {
            canvas.censuses(&mut svg, top, samples, censuses);
        }
        top += PANEL + GAP;
    }
    canvas.time_axis(&mut svg, top - GAP);
    svg.push_str("</svg>\n");
    svg
}

fn legend(svg: &mut String) {
    let mut x = LEFT;
    for (class, says, width) in [
        ("kill", "kill -9", 66.0),
        ("restart", "orderly restart", 112.0),
        ("deploy", "deploy of a new version", 160.0),
    ] {
        let (top, middle, text) = (
            if class == "deploy" { 34.0 } else { 29.0 },
            x + 4.0,
            x + 12.0,
        );
        let _ = write!(
            svg,
            r#"<path class="{class}" d="M{middle} {top}V40"/><text x="{text}" y="39">{says}</text>"#
        );
        x += width + 12.0;
    }
}

struct Canvas {
    end_s: f64,
}

impl Canvas {
    fn x(&self, at_s: f64) -> f64 {
        LEFT + at_s / self.end_s * (WIDTH - LEFT - RIGHT)
    }

    fn panel(&self, svg: &mut String, panel: &Panel, top: f64, samples: &[Sample], marks: &[Mark]) {
        let (step, most) = scale(panel, samples);
        let bottom = top + PANEL;
        let y = |value: f64| bottom - value.min(most) / most * PANEL;
        let mut line = 0.0;
        while line <= most + step / 2.0 {
            let (at, right, label, under) = (y(line), WIDTH - RIGHT, LEFT - 6.0, y(line) + 4.0);
            let _ = write!(
                svg,
                r#"<path class="grid" d="M{LEFT} {at:.1}H{right}"/><text x="{label}" y="{under:.1}" text-anchor="end">{}</text>"#,
                short(line)
            );
            line += step;
        }
        for mark in marks {
            let x = self.x(mark.at_s);
            let from = if mark.what == Happening::Deploy {
                bottom - 7.0
            } else {
                top
            };
            let _ = write!(
                svg,
                r#"<path class="{}" d="M{x:.1} {from:.1}V{bottom:.1}"/>"#,
                mark.what.name()
            );
        }
        for (n, (_, of, merge)) in panel.curves.iter().enumerate() {
            let _ = write!(
                svg,
                r#"<path class="c{n}" d="{}"/>"#,
                self.path(samples, *of, *merge, &y)
            );
        }
        let mut x = LEFT;
        let name = top - 8.0;
        let _ = write!(
            svg,
            r#"<text class="name" x="{x}" y="{name}">{}</text>"#,
            panel.name
        );
        x += width_of(panel.name) * BOLD + 20.0;
        for (n, (says, _, _)) in panel.curves.iter().enumerate() {
            let (dot, text) = (name - 4.0, x + 9.0);
            let _ = write!(
                svg,
                r#"<circle class="f{n}" cx="{x}" cy="{dot}" r="4"/><text x="{text}" y="{name}">{says}</text>"#
            );
            x += width_of(says) + 28.0;
        }
    }

    /// One path for each life, so that no line is drawn where no process was.
    fn path(
        &self,
        samples: &[Sample],
        of: fn(&Sample) -> f64,
        merge: Merge,
        y: &dyn Fn(f64) -> f64,
    ) -> String {
        let together = samples.len().div_ceil(POINTS).max(1);
        let mut path = String::new();
        for life in samples.chunk_by(|a, b| (a.life - b.life).abs() < 0.5) {
            let mut letter = 'M';
            for part in life.chunks(together) {
                let values = part.iter().map(of).filter(|value| value.is_finite());
                let Some(value) = merged(values, merge) else {
                    continue;
                };
                let _ = write!(path, "{letter}{:.1} {:.1}", self.x(part[0].at_s), y(value));
                letter = 'L';
            }
        }
        path
    }

    /// What of the log is rows, where it was counted.
    fn censuses(&self, svg: &mut String, top: f64, samples: &[Sample], censuses: &[Census]) {
        let (_, most) = scale(&PANELS[1], samples);
        for census in censuses {
            #[allow(clippy::cast_precision_loss, reason = "bytes far below 2^52")]
            let mib = census.alive_bytes as f64 / 1_048_576.0;
            let (x, y) = (
                self.x(census.at_s.min(self.end_s)),
                top + PANEL - mib / most * PANEL,
            );
            let _ = write!(
                svg,
                r#"<circle class="name" cx="{x:.1}" cy="{y:.1}" r="3"><title>{mib:.1} MiB of rows</title></circle>"#
            );
        }
        let (x, y) = (WIDTH - RIGHT, top - 8.0);
        let _ = write!(
            svg,
            r#"<text x="{x}" y="{y}" text-anchor="end">• rows, counted at restarts</text>"#
        );
    }

    fn time_axis(&self, svg: &mut String, bottom: f64) {
        let step = nice_step(self.end_s / 60.0 * GRID_LINES / 10.0);
        let mut minutes = 0.0;
        while minutes * 60.0 <= self.end_s {
            let (x, y) = (self.x(minutes * 60.0), bottom + 18.0);
            let _ = write!(
                svg,
                r#"<text x="{x:.1}" y="{y}" text-anchor="middle">{} min</text>"#,
                short(minutes)
            );
            minutes += step;
        }
    }
}

fn merged(values: impl Iterator<Item = f64>, merge: Merge) -> Option<f64> {
    let (mut sum, mut most, mut count) = (0.0, f64::NEG_INFINITY, 0.0);
    for value in values {
        sum += value;
        most = value.max(most);
        count += 1.0;
    }
    let known = count > 0.0;
    known.then(|| match merge {
        Merge::Mean => sum / count,
        Merge::Most => most,
    })
}

/// The distance of the lines, and the value at the panel's upper edge.
fn scale(panel: &Panel, samples: &[Sample]) -> (f64, f64) {
    let curves = panel.curves.iter();
    let values = curves.flat_map(|(_, of, _)| samples.iter().map(of));
    let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into a list"
    )]
    let last = (values.len().saturating_sub(1) as f64 * panel.whole) as usize;
    let highest = values.get(last).copied().unwrap_or(0.0);
    let step = nice_step(highest);
    (step, (highest / step).ceil().max(1.0) * step)
}

/// 1, 2 or 5 times a power of ten, so that a panel has few lines.
fn nice_step(highest: f64) -> f64 {
    let rough = (highest / GRID_LINES).max(1e-3);
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|step| step * power);
    steps
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(10.0 * power)
}

fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// How much wider bold letters are.
const BOLD: f64 = 1.12;

/// About how wide a text is.
#[allow(clippy::cast_precision_loss, reason = "a few words")]
fn width_of(text: &str) -> f64 {
    text.chars().count() as f64 * 6.6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_has_few_round_lines() {
        for (highest, step) in [
            (0.9, 0.5),
            (3.0, 1.0),
            (7.0, 2.0),
            (18.0, 5.0),
            (130.0, 50.0),
            (320.0, 100.0),
        ] {
            assert!((nice_step(highest) - step).abs() < 1e-9, "{highest}");
        }
        assert_eq!((short(0.5), short(20.0)), ("0.5".into(), "20".into()));
    }

    #[test]
    fn an_hour_of_samples_is_a_small_picture_with_a_line_for_each_death() {
        let samples: Vec<Sample> = (0..720_u32)
            .map(|n| Sample {
                at_s: f64::from(n) * 5.0,
                life: f64::from(n / 100),
                resident_mib: 123.456,
                probe_ms: f64::NAN,
                ..Sample::default()
            })
            .collect();
        let mark = |at_s, what| Mark {
            at_s,
            what,
            took_ms: 1.0,
        };
        let marks = [mark(500.0, Happening::Kill), mark(900.0, Happening::Deploy)];
        let svg = draw("a soak", &samples, &marks, &[]);
        assert!(svg.len() < 150_000, "{} bytes", svg.len());
        assert_eq!(svg.matches(r#"class="kill""#).count(), PANELS.len() + 1);
        assert!(!svg.contains("NaN"));
    }
}
