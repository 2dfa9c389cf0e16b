//! What the outside service saw: every call of a body, in order, and the rules that hold at the moment when it comes.

use std::collections::{BTreeMap, BTreeSet};

use crate::program::Report;
use crate::program::expect::Call;

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Ledger {
    calls: BTreeMap<String, Vec<Call>>,
    runs: BTreeMap<String, BTreeSet<String>>,
    latest: BTreeMap<String, u32>,
    ended: BTreeSet<String>,
    count: u64,
}

impl Ledger {
    /// Takes a call; the rule that it breaks, if it breaks one.
    pub fn take(&mut self, report: &Report) -> Result<(), String> {
        self.count += 1;
        let fits = report.step_key.starts_with(&format!("{}/", report.run_id))
            && report.idempotency_key == format!("{}/{}", report.step_key, report.attempt);
        if !fits {
            return Err(format!("the keys of a body do not fit its run: {report:?}"));
        }
        if self.ended.contains(&report.run_id) {
            return Err(format!(
                "a step of a run that had ended executed: {report:?}"
            ));
        }
        let latest = self.latest.entry(report.step_key.clone()).or_insert(0);
        if report.attempt < *latest {
            return Err(format!(
                "an attempt executed again after attempt {latest} was seen: {report:?}"
            ));
        }
        *latest = report.attempt;
        self.runs
            .entry(report.key.clone())
            .or_default()
            .insert(report.run_id.clone());
        let call = Call {
            step: report.step.clone(),
            step_key: report.step_key.clone(),
            attempt: report.attempt,
        };
        self.calls
            .entry(report.run_id.clone())
            .or_default()
            .push(call);
        Ok(())
    }

    /// The node showed that this run ended, and that was durable: none of its steps may execute any more.
    pub fn ended(&mut self, run: String) {
        self.ended.insert(run);
    }

    /// The calls of a run.
    pub fn calls(&self, run: &str) -> &[Call] {
        self.calls.get(run).map_or(&[], Vec::as_slice)
    }

    /// How many calls there were.
    pub fn count(&self) -> u64 {
        self.count
    }
}
