//! The progress bar of a build.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on stderr; where nobody watches, one line at the beginning.
pub(super) struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// Starts it.
    pub(super) fn start(what: &str) -> Self {
        let bar = ProgressBar::new_spinner().with_message(format!("building {what}"));
        if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {wide_msg} {elapsed:.dim}")
        {
            bar.set_style(style);
        }
        if bar.is_hidden() {
            eprintln!("building {what}");
        } else {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Self { bar }
    }

    /// Shows a line of cargo's progress.
    pub(super) fn show(&self, line: &str) {
        if let Some((done, all)) = counts(line) {
            if self.bar.length() != Some(all) {
                self.bar.set_length(all);
                if let Ok(style) = ProgressStyle::with_template(
                    "{spinner:.cyan} {msg} [{bar:30.cyan/dim}] {pos}/{len} {elapsed:.dim}",
                ) {
                    self.bar.set_style(style.progress_chars("━━─"));
                }
            }
            self.bar.set_position(done);
        }
    }

    /// Removes it.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
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
