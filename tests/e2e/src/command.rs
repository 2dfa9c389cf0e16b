//! Commands that end by themselves: started, fed, awaited, and asked how it went.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::built::abide;
use crate::lines::Lines;
use crate::wait::eventually;

/// How long a command may take unless a test says otherwise: longer than any does on a machine that builds and tests at once.
const USUAL: Duration = Duration::from_secs(180);

/// Variables of the environment that would change what the command does.
const REMOVED: [&str; 6] = [
    "ABIDE_URL",
    "ABIDE_LOG",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "CLICOLOR_FORCE",
    "NO_COLOR",
];

/// The binary, without what the tester's environment says.
pub(crate) fn abide_command() -> Command {
    let mut command = Command::new(abide());
    for name in REMOVED {
        command.env_remove(name);
    }
    command
}

/// A command line to run.
pub struct Run {
    command: Command,
    shown: String,
    stdin: Option<String>,
    within: Duration,
}

impl Run {
    /// `abide ARGUMENTS…`
    pub fn abide(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut command = abide_command();
        command.args(arguments);
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        Self {
            command,
            shown: format!("abide {}", words.join(" ")),
            stdin: None,
            within: USUAL,
        }
    }

    /// In this folder.
    #[must_use]
    pub fn inside(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// With a variable in its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// With this on its standard input.
    #[must_use]
    pub fn stdin(mut self, text: &str) -> Self {
        self.stdin = Some(text.to_owned());
        self
    }

    /// It may take this long.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn run(mut self) -> Ran {
        let stdin = if self.stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        };
        self.command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = match self.command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("{}: {error}", self.shown),
        };
        if let (Some(mut pipe), Some(text)) = (child.stdin.take(), self.stdin) {
            // A command that reads nothing closes it early.
            let _ = pipe.write_all(text.as_bytes());
        }
        let out = child.stdout.take().map(Lines::of).unwrap_or_default();
        let err = child.stderr.take().map(Lines::of).unwrap_or_default();
        let status = eventually(self.within, || child.try_wait().ok().flatten());
        let Some(status) = status else {
            let _ = child.kill();
            let _ = child.wait();
            panic!(
                "`{}` did not end within {:?}:\n{}\n{}",
                self.shown,
                self.within,
                out.text(),
                err.text()
            );
        };
        // Streams end with the process, as nobody else holds them; a moment for the threads that read them.
        out.first(USUAL, |_| None::<()>);
        err.first(USUAL, |_| None::<()>);
        Ran {
            shown: self.shown,
            code: status.code().unwrap_or(-1),
            stdout: out.text(),
            stderr: err.text(),
        }
    }
}

/// How a command went.
#[derive(Debug)]
pub struct Ran {
    shown: String,
    /// The exit code; -1 if a signal ended it.
    pub code: i32,
    /// What it wrote to its standard output, without the last line end.
    pub stdout: String,
    /// What it wrote to its standard error.
    pub stderr: String,
}

impl Ran {
    /// Checks the exit code.
    #[track_caller]
    #[must_use]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "exit code of `{}`\nstdout: {}\nstderr: {}",
            self.shown, self.stdout, self.stderr
        );
        self
    }

    /// Checks that it is done.
    #[track_caller]
    #[must_use]
    pub fn done(self) -> Self {
        self.expect(0)
    }

    /// Checks the exit code, that the error output says all this, and that nothing stands on the standard output.
    #[track_caller]
    pub fn refused(self, code: i32, says: &[&str]) {
        let this = self.expect(code);
        this.says(says);
        assert_eq!(
            this.stdout, "",
            "`{}` failed, but wrote a result",
            this.shown
        );
    }

    /// Checks that the error output says all this.
    #[track_caller]
    pub fn says(&self, words: &[&str]) {
        for word in words {
            assert!(
                self.stderr.contains(word),
                "`{}` should say {word:?}:\n{}",
                self.shown,
                self.stderr
            );
        }
    }

    /// The standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.stdout) {
            Ok(value) => value,
            Err(error) => panic!(
                "`{}` did not print JSON ({error}):\n{}\n{}",
                self.shown, self.stdout, self.stderr
            ),
        }
    }
}
