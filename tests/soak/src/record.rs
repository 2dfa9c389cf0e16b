//! Writes down what was found: all rows as CSV, the findings as JSON, the picture, and a table for people.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::findings::{Findings, Happening};
use crate::picture;
use crate::sample::{COLUMNS, Sample};
use crate::soak::Options;
use crate::verdict::{Judged, Window};

/// Writes `samples.csv`, `soak.json` and `soak.svg`.
pub(crate) fn write(
    options: &Options,
    samples: &[Sample],
    findings: &Findings,
    judged: &[Judged],
) -> Result<()> {
    let folder = &options.out;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    fs::write(folder.join("samples.csv"), csv(samples))?;
    let text = serde_json::to_string_pretty(&as_json(options, findings, judged))?;
    fs::write(folder.join("soak.json"), text + "\n")?;
    let title = title(options, findings);
    let svg = picture::draw(&title, samples, &findings.marks(), &findings.censuses());
    fs::write(folder.join("soak.svg"), svg)?;
    Ok(())
}

fn title(options: &Options, findings: &Findings) -> String {
    format!(
        "Soak: {} at {} events/s, {} kills, {} orderly restarts, {} deploys",
        humantime::format_duration(options.duration),
        options.rate,
        findings.counted("kills"),
        findings.counted("orderly restarts"),
        findings.counted("deploys"),
    )
}

fn csv(samples: &[Sample]) -> String {
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    let mut text = names.join(",") + "\n";
    for sample in samples {
        for (n, (_, of)) in COLUMNS.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            let value = of(sample);
            // An unknown value is an empty field.
            let _ = if value.is_finite() {
                write!(text, "{comma}{value:.2}")
            } else {
                write!(text, "{comma}")
            };
        }
        text.push('\n');
    }
    text
}

fn as_json(options: &Options, findings: &Findings, judged: &[Judged]) -> Value {
    let (violated, violations) = findings.violations();
    let marks: Vec<Value> = findings
        .marks()
        .iter()
        .map(|mark| json!({"at_s": mark.at_s, "what": mark.what.name(), "took_ms": mark.took_ms}))
        .collect();
    let censuses: Vec<Value> = findings
        .censuses()
        .iter()
        .map(|census| json!({"at_s": census.at_s, "alive_bytes": census.alive_bytes, "rows": census.rows}))
        .collect();
    let figures: Vec<Value> = judged
        .iter()
        .map(|judged| {
            json!({
                "figure": judged.figure,
                "unit": judged.unit,
                "window": window(judged),
                "from_s": judged.from_s,
                "to_s": judged.to_s,
                "median": judged.median,
                "growth": judged.growth,
                "allowed": judged.allowed,
                "verdict": judged.in_words(),
            })
        })
        .collect();
    json!({
        "seed": options.seed,
        "duration_s": options.duration.as_secs(),
        "rate": options.rate,
        "kept_s": options.keep.as_secs(),
        "counts": findings.counts(),
        "figures": figures,
        "broken": violated,
        "broken_first": violations,
        "marks": marks,
        "censuses": censuses,
    })
}

fn window(judged: &Judged) -> &'static str {
    match judged.window {
        Window::LastTwoThirds => "last two thirds",
        Window::LongestLife => "longest life",
    }
}

/// The findings for people.
pub(crate) fn table(findings: &Findings, judged: &[Judged]) -> String {
    let mut text = String::from(
        "\n| figure | window | median | growth | allowed | |\n|---|---|---:|---:|---:|---|\n",
    );
    for judged in judged {
        let _ = writeln!(
            text,
            "| {} | {}, {:.0} to {:.0} min | {:.1} {unit} | {:+.1} | {:.1} | {} |",
            judged.figure,
            window(judged),
            judged.from_s / 60.0,
            judged.to_s / 60.0,
            judged.median,
            judged.growth,
            judged.allowed,
            judged.in_words(),
            unit = judged.unit,
        );
    }
    text.push('\n');
    for (what, count) in findings.counts() {
        let _ = writeln!(text, "{count:>9}  {what}");
    }
    for what in [Happening::Kill, Happening::Restart, Happening::Deploy] {
        let marks = findings.marks();
        let took = marks
            .iter()
            .filter(|mark| mark.what == what)
            .map(|mark| mark.took_ms);
        let longest = took.fold(0.0, f64::max);
        let _ = writeln!(text, "{longest:>9.0}  ms took the longest {}", what.name());
    }
    let (violated, violations) = findings.violations();
    for violation in &violations {
        let _ = writeln!(text, "BROKEN {violation}");
    }
    let _ = writeln!(text, "{violated:>9}  rules broken");
    text
}
