//! What is printed: one table of latencies, one of throughput, what Abide loses at before both, and what they were taken with.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::Contestant;
use super::stats::{Figures, Spread};
use super::systems::{Facts, Name};
use super::workload::Cell;
use crate::machine;
use crate::throughput::rate;

/// Between these lines of a document stand the tables.
const BEGIN: &str = "<!-- compare -->";
const END: &str = "<!-- end of compare -->";

/// How many lines are named at which Abide wins by least, if it loses at none.
const NEAREST: usize = 5;

/// The figures of all cells.
pub(crate) struct Table {
    rounds: usize,
    budget: Duration,
    /// Before anything was started.
    load_average: String,
    rows: Vec<(Cell, BTreeMap<Name, Figures>)>,
    present: Vec<Present>,
    left_out: Vec<(Name, String)>,
}

struct Present {
    name: Name,
    facts: Facts,
    idle_cpu_percent: f64,
    memory_bytes: u64,
}

impl Table {
    pub(crate) fn new(rounds: usize, budget: Duration) -> Self {
        Self {
            rounds,
            budget,
            load_average: machine::load_average(),
            rows: Vec::new(),
            present: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// One line of the table.
    pub(crate) fn add(&mut self, cell: Cell, figures: BTreeMap<Name, Figures>) {
        self.rows.push((cell, figures));
    }

    /// A system that could not be had, and why.
    pub(crate) fn leave_out(&mut self, name: Name, reason: String) {
        self.left_out.push((name, reason));
    }

    /// What is known of the systems when all is done.
    pub(crate) fn finish(&mut self, contestants: &[Contestant]) {
        self.present = contestants
            .iter()
            .map(|contestant| Present {
                name: contestant.name,
                facts: contestant.facts(),
                idle_cpu_percent: contestant.idle_cpu_percent,
                memory_bytes: contestant.memory_bytes,
            })
            .collect();
    }

    /// Everything, with keys that stay.
    pub(crate) fn json(&self) -> Value {
        let mut cells = Map::new();
        for (cell, figures) in &self.rows {
            let mut systems = Map::new();
            for (name, theirs) in figures {
                let mut value = theirs.json();
                if let Some(abide) =
                    ours(figures).filter(|_| *name != Name::Abide && !theirs.is_empty())
                {
                    value["times_slower_than_abide"] = theirs.slower_than(abide).json();
                    value["times_fewer_than_abide"] = theirs.fewer_than(abide).json();
                }
                systems.insert(name.key().into(), value);
            }
            cells.insert(cell.key(), systems.into());
        }
        let mut systems = Map::new();
        for present in &self.present {
            let value = json!({
                "version": present.facts.version,
                "durability": present.facts.durability,
                "idle_cpu_percent": present.idle_cpu_percent,
                "memory_bytes": present.memory_bytes,
            });
            systems.insert(present.name.key().into(), value);
        }
        for (name, reason) in &self.left_out {
            systems.insert(name.key().into(), json!({"left_out": reason}));
        }
        let (cpu, cores) = machine::processor();
        json!({
            "taken_at": Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
            "cpu": cpu,
            "cores": cores,
            "load_average_at_start": self.load_average,
            "rounds": self.rounds,
            "turn_ms": self.budget.as_millis(),
            "systems": systems,
            "cells": cells,
        })
    }

    /// Ready to be pasted into the documentation.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        self.head(&mut text);
        self.losses(&mut text);
        self.latencies(&mut text);
        self.throughput(&mut text);
        self.settings(&mut text);
        text
    }

    fn head(&self, text: &mut String) {
        let (cpu, cores) = machine::processor();
        let all: Vec<_> = self
            .rows
            .iter()
            .flat_map(|(_, figures)| figures.values())
            .collect();
        let syncs = Spread::of(
            all.iter()
                .filter(|it| !it.is_empty())
                .map(|it| it.sync_ms().median),
        );
        put(
            text,
            &format!(
                "Taken on {} on {cores} cores of {cpu}; the load average before was {}. {} rounds, in each of which every system had one turn of {} s or more at every line, in changing order (2 rounds where its runs \
                 make a turn much longer); figures are the median of the rounds, in brackets the lowest and the highest of them, p99 over the runs of all rounds. One `fdatasync` of 4 KiB, taken before every turn: {} ms (median; from line to line and \
                 system to system {} to {}).\n",
                Utc::now().format("%Y-%m-%d at %H:%M UTC"),
                self.load_average,
                self.rounds,
                self.budget.as_secs_f64(),
                short(syncs.median),
                short(syncs.min),
                short(syncs.max),
            ),
        );
        for (name, reason) in &self.left_out {
            put(
                text,
                &format!("{} is missing from the tables: {reason}.\n", name.title()),
            );
        }
    }

    /// The lines at which another system does better in the median, or else those at which it comes nearest.
    fn losses(&self, text: &mut String) {
        let mut all = self.comparisons();
        if all.is_empty() {
            return;
        }
        all.sort_by(|left, right| left.0.total_cmp(&right.0));
        let lost = all.iter().take_while(|(times, _)| *times < 1.0).count();
        if lost == 0 {
            put(
                text,
                "Abide loses at none of these lines. It is nearest to losing at:\n",
            );
        } else {
            put(text, "**What Abide loses at:**\n");
        }
        let shown = if lost == 0 { NEAREST } else { lost };
        for (times, what) in all.iter().take(shown) {
            put(text, &format!("- {what}: {} × Abide's", short(*times)));
        }
        put(text, "");
    }

    /// What is compared, and how many times as much of it another system needs: below 1, Abide has lost.
    fn comparisons(&self) -> Vec<(f64, String)> {
        let mut all = Vec::new();
        for (cell, figures) in &self.rows {
            let Some(abide) = ours(figures) else { continue };
            for (name, theirs) in others(figures) {
                let at = format!("{}, {}", title(*cell), name.title());
                if cell.in_flight == 1 {
                    let slower = theirs.slower_than(abide).median;
                    all.push((slower, format!("time of a run: {at}")));
                } else {
                    let fewer = theirs.fewer_than(abide).median;
                    all.push((fewer, format!("time for many runs: {at}")));
                }
                let cpu = theirs.cpu_ms().median / abide.cpu_ms().median;
                all.push((cpu, format!("processor time of a run: {at}")));
            }
        }
        let memory = |name| {
            let present = self.present.iter().find(|present| present.name == name);
            present.map_or(f64::NAN, |present| {
                rate(
                    usize::try_from(present.memory_bytes).unwrap_or(usize::MAX),
                    1.0,
                )
            })
        };
        for present in self
            .present
            .iter()
            .filter(|present| present.name != Name::Abide)
        {
            let times = memory(present.name) / memory(Name::Abide);
            all.push((
                times,
                format!("memory afterwards: {}", present.name.title()),
            ));
        }
        all.retain(|(times, _)| times.is_finite());
        all
    }

    fn latencies(&self, text: &mut String) {
        put(
            text,
            "### One run at a time: p50 in ms [lowest–highest round], p99, and how many times longer than with Abide\n",
        );
        self.table(
            text,
            |cell| cell.in_flight == 1,
            |figures, abide| {
                let ratio = abide.map_or(String::new(), |abide| {
                    let ratio = figures.slower_than(abide);
                    format!(
                        ", **{}** [{}–{}]",
                        factor(ratio.median),
                        short(ratio.min),
                        short(ratio.max)
                    )
                });
                let p50 = figures.p50_ms();
                format!(
                    "{} [{}–{}], {}{ratio}",
                    short(p50.median),
                    short(p50.min),
                    short(p50.max),
                    short(figures.p99_ms())
                )
            },
        );
    }

    fn throughput(&self, text: &mut String) {
        put(
            text,
            "### Many runs at once: runs a second [lowest–highest round], p50 in ms, and how many times fewer runs than with Abide\n",
        );
        self.table(
            text,
            |cell| cell.in_flight > 1,
            |figures, abide| {
                let ratio = abide.map_or(String::new(), |abide| {
                    let ratio = figures.fewer_than(abide);
                    format!(
                        ", **{}** [{}–{}]",
                        factor(ratio.median),
                        short(ratio.min),
                        short(ratio.max)
                    )
                });
                let rate = figures.per_s();
                format!(
                    "{} [{}–{}], {}{ratio}",
                    short(rate.median),
                    short(rate.min),
                    short(rate.max),
                    short(figures.p50_ms().median)
                )
            },
        );
        put(
            text,
            "### Processor time a run, in ms, all programs of the system together\n",
        );
        self.table(text, |_| true, |figures, _| short(figures.cpu_ms().median));
    }

    fn table(
        &self,
        text: &mut String,
        wanted: impl Fn(&Cell) -> bool,
        show: impl Fn(&Figures, Option<&Figures>) -> String,
    ) {
        let names: Vec<_> = self.present.iter().map(|present| present.name).collect();
        let titles: Vec<_> = names.iter().map(|name| name.title()).collect();
        put(
            text,
            &format!("| workload | steps | at once | {} |", titles.join(" | ")),
        );
        put(
            text,
            &format!("|---|---|---:|{}", "---|".repeat(names.len())),
        );
        for (cell, figures) in self.rows.iter().filter(|(cell, _)| wanted(cell)) {
            let shown = names.iter().map(|name| match figures.get(name) {
                Some(Figures {
                    failure: Some(_), ..
                }) => "failed".into(),
                Some(theirs) if !theirs.is_empty() => {
                    show(theirs, ours(figures).filter(|_| *name != Name::Abide))
                }
                Some(_) | None => "–".into(),
            });
            let shown: Vec<String> = shown.collect();
            let steps = if cell.http { "HTTP" } else { "effect-free" };
            put(
                text,
                &format!(
                    "| {} | {steps} | {} | {} |",
                    cell.workload.title(),
                    cell.in_flight,
                    shown.join(" | ")
                ),
            );
        }
        put(text, "");
    }

    fn settings(&self, text: &mut String) {
        put(
            text,
            "| system | version | durability | driven through | what it does more or otherwise | memory afterwards | idle |",
        );
        put(text, "|---|---|---|---|---|---:|---:|");
        for present in &self.present {
            let facts = &present.facts;
            put(
                text,
                &format!(
                    "| {} | {} | {} | {} | {} | {} MiB | {:.1} % of a core |",
                    present.name.title(),
                    facts.version,
                    facts.durability,
                    facts.driven,
                    facts.more,
                    present.memory_bytes >> 20,
                    present.idle_cpu_percent
                ),
            );
        }
        for (cell, figures) in &self.rows {
            for (name, theirs) in figures {
                if let Some(failure) = &theirs.failure {
                    put(
                        text,
                        &format!("\nFailed: {} at {}: {failure}.", name.title(), cell.key()),
                    );
                }
            }
        }
    }
}

/// One system's figures at one cell, for somebody who watches.
pub(crate) fn line(name: Name, figures: &Figures) -> String {
    if figures.is_empty() {
        return format!("{:<20} –", name.title());
    }
    let (p50, per_s) = (figures.p50_ms(), figures.per_s());
    format!(
        "{:<20} p50 {:>8} ms [{}–{}]  p99 {:>8} ms  {:>8}/s  cpu {:>7} ms  sync {} ms",
        name.title(),
        short(p50.median),
        short(p50.min),
        short(p50.max),
        short(figures.p99_ms()),
        short(per_s.median),
        short(figures.cpu_ms().median),
        short(figures.sync_ms().median)
    )
}

/// `document` with the tables between its marks, or the tables alone if it has none.
pub(crate) fn place(document: &str, tables: &str) -> String {
    let Some((before, rest)) = document.split_once(BEGIN) else {
        return tables.into();
    };
    let Some((_, after)) = rest.split_once(END) else {
        return tables.into();
    };
    format!("{before}{BEGIN}\n{tables}{END}{after}")
}

fn title(cell: Cell) -> String {
    let steps = if cell.http { "HTTP" } else { "effect-free" };
    format!(
        "{}, {steps}, {} at once",
        cell.workload.title(),
        cell.in_flight
    )
}

/// What it is compared with, unless that failed.
fn ours(figures: &BTreeMap<Name, Figures>) -> Option<&Figures> {
    figures
        .get(&Name::Abide)
        .filter(|abide| abide.failure.is_none() && !abide.is_empty())
}

fn others(figures: &BTreeMap<Name, Figures>) -> impl Iterator<Item = (Name, &Figures)> {
    let others = figures.iter().filter(|(name, _)| **name != Name::Abide);
    others
        .filter(|(_, theirs)| theirs.failure.is_none() && !theirs.is_empty())
        .map(|(name, theirs)| (*name, theirs))
}

fn factor(times: f64) -> String {
    format!("{} ×", short(times))
}

/// Three digits that count.
fn short(value: f64) -> String {
    match value.abs() {
        large if large >= 99.95 => format!("{value:.0}"),
        medium if medium >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn put(text: &mut String, line: &str) {
    // Writing into memory does not fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_take_the_place_of_the_former_ones() {
        let document = "a\n<!-- compare -->\nold\n<!-- end of compare -->\nb\n";
        let placed = place(document, "new\n");
        assert_eq!(
            placed,
            "a\n<!-- compare -->\nnew\n<!-- end of compare -->\nb\n"
        );
        assert_eq!(place(&placed, "new\n"), placed);
        assert_eq!(place("something else", "new\n"), "new\n");
    }

    #[test]
    fn three_digits_are_shown() {
        assert_eq!(
            [0.123, 9.994, 9.996, 99.94, 99.96, 1234.5].map(short),
            ["0.12", "9.99", "10.0", "99.9", "100", "1234"]
        );
    }
}
