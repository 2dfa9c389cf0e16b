//! Prometheus' text format and OpenMetrics, as text.
//!
//! Written by hand, because what is counted lies in atomics of ours, and the libraries bring locks of their own and know one of the two
//! formats. Prometheus' own parsers read what this writes, in the tests. Both formats: a family's lines stand together, after its
//! descriptions; a label's value may hold anything.

use std::fmt::{Display, Write};

use super::measure::Durations;

/// Which of the formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus' own, version 0.0.4.
    Text,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

impl Format {
    /// What the client asks for by `Accept`.
    pub(crate) fn accepted(accept: &str) -> Self {
        let wants = |range: &str| {
            let mut parts = range.split(';').map(str::trim);
            let is_open = parts
                .next()
                .is_some_and(|it| it.eq_ignore_ascii_case("application/openmetrics-text"));
            // Of several versions the first one is spoken, or none is named.
            let known = |part: &str| match part.split_once('=') {
                Some(("version", version)) => version.trim_matches('"').starts_with("1."),
                Some(("q", weight)) => weight.parse::<f32>().is_ok_and(|weight| weight > 0.0),
                Some(_) | None => true,
            };
            is_open && parts.all(known)
        };
        if accept.split(',').map(str::trim).any(wants) {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// What a family measures in: its name ends so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    None,
    Seconds,
    Bytes,
}

impl Unit {
    fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
        }
    }
}

/// The bounds of a histogram: powers of two, from one to another, each so many times the one before (as a power of two).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) first: usize,
    pub(crate) last: usize,
    pub(crate) step: usize,
}

/// Labels, with names that need no care.
pub(crate) type Labels<'a> = &'a [(&'a str, &'a str)];

/// What is answered.
#[derive(Debug)]
pub(crate) struct Page {
    format: Format,
    text: String,
}

impl Page {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            format,
            text: String::with_capacity(64 << 10),
        }
    }

    /// The text, complete.
    pub(crate) fn end(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    /// A family of counters; `name` without `_total`.
    pub(crate) fn counter<'p>(&'p mut self, name: &'p str, unit: Unit, help: &str) -> Family<'p> {
        self.describe(name, "_total", "counter", unit, help);
        Family {
            page: self,
            name,
            suffix: "_total",
        }
    }

    /// A family of gauges.
    pub(crate) fn gauge<'p>(&'p mut self, name: &'p str, unit: Unit, help: &str) -> Family<'p> {
        self.describe(name, "", "gauge", unit, help);
        Family {
            page: self,
            name,
            suffix: "",
        }
    }

    /// A family of histograms.
    pub(crate) fn histogram<'p>(&'p mut self, name: &'p str, unit: Unit, help: &str) -> Family<'p> {
        self.describe(name, "", "histogram", unit, help);
        Family {
            page: self,
            name,
            suffix: "",
        }
    }

    /// Prometheus' own format calls a counter by the name of its samples.
    fn describe(&mut self, name: &str, suffix: &str, kind: &str, unit: Unit, help: &str) {
        let suffix = match self.format {
            Format::Text => suffix,
            Format::OpenMetrics => "",
        };
        let mut line = |what: &str, text: &str| {
            let _ = writeln!(self.text, "# {what} {name}{suffix} {text}");
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        line("HELP", &help.replace('"', "'"));
        line("TYPE", kind);
        if self.format == Format::OpenMetrics && unit != Unit::None {
            line("UNIT", unit.suffix());
        }
    }

    fn sample(
        &mut self,
        name: &str,
        suffix: &str,
        labels: Labels<'_>,
        bound: Option<&str>,
        value: impl Display,
    ) {
        self.text.push_str(name);
        self.text.push_str(suffix);
        let bound = bound.map(|bound| ("le", bound));
        for (n, (label, value)) in labels.iter().copied().chain(bound).enumerate() {
            self.text.push(if n == 0 { '{' } else { ',' });
            self.text.push_str(label);
            self.text.push_str("=\"");
            for character in value.chars() {
                match character {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    other => self.text.push(other),
                }
            }
            self.text.push('"');
        }
        if bound.is_some() || !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

/// A family whose samples follow.
#[derive(Debug)]
pub(crate) struct Family<'p> {
    page: &'p mut Page,
    name: &'p str,
    suffix: &'static str,
}

impl Family<'_> {
    /// One sample.
    pub(crate) fn value(&mut self, labels: Labels<'_>, value: u64) {
        self.page
            .sample(self.name, self.suffix, labels, None, value);
    }

    /// One sample that has a fraction.
    pub(crate) fn fraction(&mut self, labels: Labels<'_>, value: f64) {
        self.page
            .sample(self.name, self.suffix, labels, None, value);
    }

    /// A histogram of durations, in seconds.
    pub(crate) fn durations(&mut self, labels: Labels<'_>, durations: &Durations, bounds: Bounds) {
        let bound = |n: usize| seconds(1 << n);
        self.buckets(labels, &durations.counts, bounds, bound);
        self.page
            .sample(self.name, "_sum", labels, None, seconds(durations.sum_us));
    }

    /// A histogram of numbers.
    pub(crate) fn numbers(&mut self, labels: Labels<'_>, counts: &[u64], sum: u64, bounds: Bounds) {
        let bound = |n: usize| format!("{}.0", 1_u64 << n);
        self.buckets(labels, counts, bounds, bound);
        self.page.sample(self.name, "_sum", labels, None, sum);
    }

    /// What is below the first bound is in its bucket, what is above the last one only in that of all.
    fn buckets(
        &mut self,
        labels: Labels<'_>,
        counts: &[u64],
        bounds: Bounds,
        bound: impl Fn(usize) -> String,
    ) {
        let mut below = 0;
        let mut next = bounds.first;
        for (n, count) in counts.iter().enumerate() {
            below += count;
            if n == next && n <= bounds.last {
                let text = bound(n);
                self.page
                    .sample(self.name, "_bucket", labels, Some(&text), below);
                next += bounds.step;
            }
        }
        self.page
            .sample(self.name, "_bucket", labels, Some("+Inf"), below);
        self.page.sample(self.name, "_count", labels, None, below);
    }
}

/// Microseconds as seconds, exactly.
fn seconds(us: u64) -> String {
    let (whole, rest) = (us / 1_000_000, us % 1_000_000);
    if rest == 0 {
        return format!("{whole}.0");
    }
    let rest = format!("{rest:06}");
    format!("{whole}.{}", rest.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Histogram;

    #[test]
    fn the_format_is_what_prometheus_asks_for() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (accept, format) in [
            (prometheus, Format::OpenMetrics),
            (
                "application/openmetrics-text; version=\"1.0.0\"; q=0.5",
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("application/openmetrics-text;version=0.0.1", Format::Text),
            ("application/openmetrics-text;q=0", Format::Text),
            ("text/plain;version=0.0.4", Format::Text),
            ("*/*", Format::Text),
            ("", Format::Text),
        ] {
            assert_eq!(Format::accepted(accept), format, "{accept}");
        }
    }

    fn written(format: Format) -> String {
        let mut page = Page::new(format);
        let mut family = page.counter("abide_x", Unit::None, "Things,\nof \"all\" kinds.");
        family.value(&[("a", "q\"uo\\te\n}{,="), ("b", "é\u{7}")], 7);
        let histogram = Histogram::default();
        for us in [1, 1_000, 3_000_000, 9_000_000] {
            histogram.observe_us(us);
        }
        let bounds = Bounds {
            first: 10,
            last: 22,
            step: 12,
        };
        let mut family = page.histogram("abide_y_seconds", Unit::Seconds, "Time.");
        family.durations(&[], &histogram.read(), bounds);
        page.end()
    }

    #[test]
    fn a_page_is_what_the_formats_say() {
        let y = "abide_y_seconds_bucket{le=\"0.001024\"} 2\nabide_y_seconds_bucket{le=\"4.194304\"} 3\nabide_y_seconds_bucket{le=\"+Inf\"} 4\nabide_y_seconds_count 4\nabide_y_seconds_sum 12.001001\n";
        let x = "abide_x_total{a=\"q\\\"uo\\\\te\\n}{,=\",b=\"é\u{7}\"} 7\n";
        assert_eq!(
            written(Format::Text),
            format!(
                "# HELP abide_x_total Things,\\nof 'all' kinds.\n# TYPE abide_x_total counter\n{x}# HELP abide_y_seconds Time.\n# TYPE abide_y_seconds histogram\n{y}"
            )
        );
        assert_eq!(
            written(Format::OpenMetrics),
            format!(
                "# HELP abide_x Things,\\nof 'all' kinds.\n# TYPE abide_x counter\n{x}# HELP abide_y_seconds Time.\n# TYPE abide_y_seconds histogram\n# UNIT abide_y_seconds seconds\n{y}# EOF\n"
            )
        );
    }

    #[test]
    fn seconds_are_exact() {
        for (us, text) in [
            (0, "0.0"),
            (128, "0.000128"),
            (1_500_000, "1.5"),
            (1 << 39, "549755.813888"),
        ] {
            assert_eq!(seconds(us), text);
        }
    }
}
