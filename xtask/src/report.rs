//! Adds up what the test runners report.
//!
//! ```text
//! test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.10s   libtest, doctests included
//! ℹ pass 12        (# pass 12 where nobody watches; fail, cancelled, skipped and todo likewise)   node --test
//! Ran 12 tests in 0.1s … OK (skipped=1), or FAILED (failures=1, errors=2)                           unittest
//! 12 passed, 0 failed, 1 skipped                                                                    scripts of ours
//! ```

use std::fmt;

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    /// Tests that `unittest` ran, until it says how they went.
    ran: u64,
}

impl Report {
    /// Of one check that has no runner.
    pub(crate) fn of(passed: bool) -> Self {
        Self {
            passed: u64::from(passed),
            failed: u64::from(!passed),
            ..Self::default()
        }
    }

    /// Takes in one line of a runner's output; lines that are not results are passed over.
    pub(crate) fn read(&mut self, line: &str) {
        let line = line.trim_end();
        if let Some(ran) = ran(line) {
            self.ran = ran;
        } else if let Some(result) = libtest(line)
            .or_else(|| node(line))
            .or_else(|| unittest(line, self.ran))
            .or_else(|| ours(line))
        {
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

fn libtest(line: &str) -> Option<Report> {
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

/// One line of the summary of `node --test`.
fn node(line: &str) -> Option<Report> {
    let rest = line
        .strip_prefix("ℹ ")
        .or_else(|| line.strip_prefix("# "))?;
    let (what, number) = rest.split_once(' ')?;
    let number = number.parse().ok()?;
    let mut report = Report::default();
    match what {
        "pass" => report.passed = number,
        "fail" | "cancelled" => report.failed = number,
        "skipped" | "todo" => report.skipped = number,
        _ => return None,
    }
    Some(report)
}

/// `Ran 12 tests in 0.1s`.
fn ran(line: &str) -> Option<u64> {
    let (number, rest) = line.strip_prefix("Ran ")?.split_once(' ')?;
    rest.starts_with("test").then(|| number.parse().ok())?
}

/// How the tests went of which `ran` have run.
fn unittest(line: &str, ran: u64) -> Option<Report> {
    let mut report = Report::default();
    let counts = match line.strip_prefix("FAILED (") {
        Some(counts) => counts,
        None if line == "OK" => "",
        None => line.strip_prefix("OK (")?,
    };
    for part in counts.trim_end_matches(')').split(", ") {
        let Some((what, number)) = part.split_once('=') else {
            continue;
        };
        let number: u64 = number.parse().ok()?;
        match what {
            "failures" | "errors" | "unexpected successes" => report.failed += number,
            "skipped" | "expected failures" => report.skipped += number,
            _ => {}
        }
    }
    report.passed = ran.saturating_sub(report.failed + report.skipped);
    Some(report)
}

/// `12 passed, 0 failed, 1 skipped`.
fn ours(line: &str) -> Option<Report> {
    let mut numbers = [0; 3];
    let mut parts = line.split(", ");
    for (number, word) in numbers.iter_mut().zip(["passed", "failed", "skipped"]) {
        let (digits, said) = parts.next()?.split_once(' ')?;
        *number = (said == word).then(|| digits.parse().ok())??;
    }
    let [passed, failed, skipped] = numbers;
    parts.next().is_none().then_some(Report {
        passed,
        failed,
        skipped,
        ran: 0,
    })
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
    fn runners_of_other_languages_are_understood() {
        let read = |text: &str| {
            let mut report = Report::default();
            text.lines().for_each(|line| report.read(line));
            report.to_string()
        };
        let node = "# tests 7\n# suites 0\n# pass 3\n# fail 1\n# cancelled 1\n# skipped 1\n# todo 1\n# duration_ms 7.1\n";
        assert_eq!(read(node), "3 passed, 2 failed, 2 skipped");
        assert_eq!(read(&node.replace('#', "ℹ")), read(node));
        assert_eq!(
            read("Ran 1 test in 0.1s\n\nOK\n"),
            "1 passed, 0 failed, 0 skipped"
        );
        let python = "Ran 9 tests in 1.20s\n\nFAILED (failures=1, errors=2, skipped=1)\n";
        assert_eq!(read(python), "5 passed, 3 failed, 1 skipped");
        assert_eq!(
            read("Ran 9 tests in 1s\n\nOK (skipped=4)\n"),
            "5 passed, 0 failed, 4 skipped"
        );
        assert_eq!(
            read("7 passed, 1 failed, 2 skipped\n"),
            "7 passed, 1 failed, 2 skipped"
        );
        assert_eq!(
            read("7 passed, and more\nRan out of memory\n# pass the salt\n"),
            "0 passed, 0 failed, 0 skipped"
        );
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
                ..Report::default()
            }
        );
    }

    #[test]
    fn a_reported_failure_is_not_counted_twice() {
        let mut report = Report {
            passed: 4,
            failed: 2,
            ..Report::default()
        };
        report.note_exit(false, 0);
        assert_eq!(report.failed, 2);
    }
}
