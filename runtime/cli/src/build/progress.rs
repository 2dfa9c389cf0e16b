//! Progress of builds: a line for every one that goes on.
//!
//! All lines of the program that appear while bars move go through [`say`], or the two would overwrite each other.

use std::sync::LazyLock;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::terminal::style_bar;

/// All bars, one below the other.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Writes a line to stderr, above the bars.
pub(crate) fn say(line: &str) {
    BARS.suspend(|| eprintln!("{line}"));
}

/// A bar on stderr; where nobody watches, one line at the beginning.
pub(crate) struct Bar {
    bar: ProgressBar,
    what: String,
}

impl Bar {
    /// Starts it; `what` follows "building".
    pub(super) fn start(what: &str) -> Self {
        Self::titled(format!("building {what}"))
    }

    /// Starts it with a title of its own.
    pub(super) fn titled(what: String) -> Self {
        let this = Self::moving(what);
        if this.bar.is_hidden() {
            eprintln!("{}", this.what);
        }
        this
    }

    /// As `titled`, but nothing is said where nobody watches.
    pub(crate) fn moving(what: String) -> Self {
        let bar = BARS.add(ProgressBar::new_spinner().with_message(what.clone()));
        if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {wide_msg} {elapsed:.dim}")
        {
            bar.set_style(style);
        }
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Self { bar, what }
    }

    /// Says what is being done: a phase of the compiler.
    pub(super) fn phase(&self, phase: &str) {
        self.bar.set_message(format!("{}: {phase}", self.what));
    }

    /// Shows a line of cargo's progress.
    pub(super) fn show(&self, line: &str) {
        if let Some((done, all)) = counts(line) {
            if self.bar.length() != Some(all) {
                self.bar.set_length(all);
                style_bar(&self.bar, "{pos}/{len}");
            }
            self.bar.set_position(done);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        BARS.remove(&self.bar);
    }
}

/// `3/17` of `Building [==>  ] 3/17: serde`.
fn counts(line: &str) -> Option<(u64, u64)> {
    let rest = line.strip_prefix("Building [")?.split_once(']')?.1;
    let (done, rest) = rest.trim_start().split_once('/')?;
    let all = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((done.parse().ok()?, all.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_counts_are_understood() {
        assert_eq!(
            counts("Building [==>  ] 3/17: serde, libc(build.rs)"),
            Some((3, 17))
        );
        assert_eq!(counts("Building [====] 17/17"), Some((17, 17)));
        assert_eq!(counts("Compiling serde v1.0"), None);
    }
}
