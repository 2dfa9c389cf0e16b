//! Adds up what the test runners report.
//!
//! Every libtest binary, doctests included, ends with a line such as
//! `test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.10s`.

use std::fmt;

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Report {
    /// Takes in one line of a runner's output; lines that are not results are passed over.
    pub(crate) fn read(&mut self, line: &str) {
        if let Some(result) = parse(line) {
            self.add(result);
        }
    }

    /// Adds another report.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Makes sure that a runner that failed counts as a failure, also when it never came to report one: the build broke,
    /// or the test process died.
    pub(crate) fn note_exit(&mut self, succeeded: bool, failed_before: u64) {
        if !succeeded && self.failed == failed_before {
            self.failed += 1;
        }
    }

    /// True if nothing failed.
    pub(crate) fn is_good(self) -> bool {
        self.failed == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

fn parse(line: &str) -> Option<Report> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut report = Report::default();
    for part in counts.split("; ") {
        let Some((number, what)) = part.split_once(' ') else {
            continue;
        };
        let field = match what {
            "passed" => &mut report.passed,
            "failed" => &mut report.failed,
            "ignored" => &mut report.skipped,
            _ => continue,
        };
        *field = number.parse().ok()?;
    }
    Some(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_several_runners_are_added_up() {
        let mut report = Report::default();
        report.read("running 3 tests");
        report.read("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.10s");
        report.read("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s");
        report.read("a guest that prints: test result: ok. 9 passed");
        assert_eq!(report.to_string(), "13 passed, 2 failed, 1 skipped");
        assert!(!report.is_good());
    }

    #[test]
    fn a_runner_that_dies_without_a_report_is_a_failure() {
        let mut report = Report {
            passed: 4,
            ..Report::default()
        };
        report.note_exit(false, 0);
        assert_eq!(
            report,
            Report {
                passed: 4,
                failed: 1,
                skipped: 0
            }
        );
    }

    #[test]
    fn a_reported_failure_is_not_counted_twice() {
        let mut report = Report {
            passed: 4,
            failed: 2,
            skipped: 0,
        };
        report.note_exit(false, 0);
        assert_eq!(report.failed, 2);
    }
}
