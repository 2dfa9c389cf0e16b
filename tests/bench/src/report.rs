//! The figures: collected once, printed as a table, written as JSON with stable keys.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

/// All figures so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    figures: Map<String, Value>,
    rows: Vec<[String; 3]>,
}

impl Report {
    /// One figure, printed with `digits` decimal places.
    pub(crate) fn figure(&mut self, key: &str, value: f64, digits: usize, meaning: &str) {
        self.figures.insert(key.into(), json!(value));
        let row = [key.into(), format!("{value:.digits$}"), meaning.into()];
        println!("{:<34} {:>14}  {}", row[0], row[1], row[2]);
        self.rows.push(row);
    }

    /// One figure of several by runs in flight.
    pub(crate) fn by_flight(
        &mut self,
        key: &str,
        in_flight: usize,
        value: f64,
        digits: usize,
        meaning: &str,
    ) {
        self.by(key, &in_flight.to_string(), value, digits, meaning);
    }

    /// One figure of several by something else.
    pub(crate) fn by(&mut self, key: &str, which: &str, value: f64, digits: usize, meaning: &str) {
        let group = self.figures.entry(key).or_insert_with(|| json!({}));
        group[which] = json!(value);
        let row = [
            format!("{key}[{which}]"),
            format!("{value:.digits$}"),
            meaning.into(),
        ];
        println!("{:<34} {:>14}  {}", row[0], row[1], row[2]);
        self.rows.push(row);
    }

    /// A fact about the machine.
    pub(crate) fn fact(&mut self, key: &str, value: &str) {
        self.figures.insert(key.into(), json!(value));
        println!("{key:<34} {value}");
    }

    /// The whole table, in a form that fits into Markdown.
    pub(crate) fn print(&self) {
        println!("\n| figure | value | meaning |\n|---|---:|---|");
        for [key, value, meaning] in &self.rows {
            println!("| `{key}` | {value} | {meaning} |");
        }
    }

    /// The figures as JSON.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.figures)?;
        std::fs::write(path, text + "\n")
            .with_context(|| format!("could not write {}", path.display()))
    }
}
