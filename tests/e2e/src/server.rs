//! A server process: `abide serve` or `abide dev`, started, watched, ended.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::api::Api;
use crate::command::abide_command;
use crate::lines::Lines;
use crate::wait::eventually;

/// How long `abide serve` may take until it listens. Generous: machines that build and test at once are slow.
const START: Duration = Duration::from_secs(180);

/// How long `abide dev` may take, which compiles apps first: a debug build takes half a minute for each engine of JavaScript.
const START_DEV: Duration = Duration::from_secs(1_800);

/// How much of its output is shown when a test fails.
const SHOWN: usize = 12_000;

/// A running server. Dropping it kills the process.
pub struct Server {
    child: Child,
    url: String,
    out: Lines,
    err: Lines,
}

impl Server {
    /// `abide serve` over this data directory, on a port that the system chose.
    #[track_caller]
    pub fn serve(data: &Path) -> Self {
        Self::serve_with(data, [] as [&str; 0])
    }

    /// As [`Server::serve`], with more arguments.
    #[track_caller]
    pub fn serve_with(data: &Path, more: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        match Self::try_serve(data, more) {
            Ok(server) => server,
            Err(error) => panic!("{error:#}"),
        }
    }

    /// As [`Server::serve_with`], for those who go on without it.
    pub fn try_serve(
        data: &Path,
        more: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<Self> {
        Self::spawn_serve(data, more)?.ready(START)
    }

    /// Starts `abide serve` and does not wait until it listens: what it returns is killed or awaited.
    pub fn spawn_serve(
        data: &Path,
        more: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<Starting> {
        Self::spawn_serve_in(data, more, [] as [(&str, &str); 0])
    }

    /// As [`Server::spawn_serve`], with more variables in its environment.
    pub fn spawn_serve_in(
        data: &Path,
        more: impl IntoIterator<Item = impl AsRef<OsStr>>,
        variables: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> Result<Starting> {
        let mut command = abide_command();
        command
            .args(["serve", "--insecure", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(more)
            .envs(variables);
        Starting::spawn(command)
    }

    /// Starts `abide serve` at this address of the machine itself, and does not wait until it listens.
    pub fn spawn_serve_at(data: &Path, listen: &str) -> Result<Starting> {
        let mut command = abide_command();
        command.args(["serve", "--insecure", listen, "--data"]);
        command.arg(data);
        Starting::spawn(command)
    }

    /// `abide serve` that asks everybody for a key, with this admin key.
    #[track_caller]
    pub fn guarded(data: &Path, admin_key: Option<&str>) -> Self {
        let mut command = abide_command();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .envs(admin_key.map(|key| ("ABIDE_ADMIN_KEY", key)));
        let started = Starting::spawn(command).and_then(|starting| starting.ready(START));
        match started {
            Ok(server) => server,
            Err(error) => panic!("{error:#}"),
        }
    }

    /// `abide dev` for these paths, on a free port.
    #[track_caller]
    pub fn dev(data: &Path, paths: &[&Path]) -> Self {
        let mut command = abide_command();
        command
            .arg("dev")
            .args(paths)
            .args(["--port", "0", "--data"])
            .arg(data);
        let started = Starting::spawn(command).and_then(|starting| starting.ready(START_DEV));
        match started {
            Ok(server) => server,
            Err(error) => panic!("{error:#}"),
        }
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client of it.
    pub fn api(&self) -> Api {
        Api::new(&self.url)
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it has written, to both streams.
    pub fn output(&self) -> String {
        format!("{}\n{}", self.out.text(), self.err.text())
    }

    /// Whether the process is still there.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it as `kill -9` does, and waits until it is gone.
    pub fn kill(mut self) {
        end(&mut self.child);
    }

    /// Asks it to end, as `kill` does.
    pub fn terminate(&self) -> Result<()> {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        let pid = pid.context("the process has no number")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .context("the process cannot be asked to end")
    }

    /// Waits until it has ended by itself.
    pub fn ended(&mut self, within: Duration) -> Option<ExitStatus> {
        let status = eventually(within, || self.child.try_wait().ok().flatten())?;
        // Its last words: the stream ends with the process.
        self.err.first(within, |_| None::<()>);
        Some(status)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.child.try_wait().ok().flatten();
        end(&mut self.child);
        if std::thread::panicking() {
            let ended = ended.map_or_else(String::new, |status| {
                format!(", which had ended ({status}),")
            });
            eprintln!(
                "--- the server at {}{ended} had written ---\n{}",
                self.url,
                tail(&self.output())
            );
        }
    }
}

/// A server that does not listen yet. Dropping it kills the process.
pub struct Starting {
    child: Option<Child>,
    out: Lines,
    err: Lines,
}

impl Starting {
    fn spawn(mut command: std::process::Command) -> Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start abide")?;
        let out = child.stdout.take().map(Lines::of).unwrap_or_default();
        let err = child.stderr.take().map(Lines::of).unwrap_or_default();
        Ok(Self {
            child: Some(child),
            out,
            err,
        })
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Waits until it listens; `false`: it ended, or the time is over.
    pub fn listens(&self, within: Duration) -> bool {
        self.out.first(within, listening).is_some()
    }

    /// Waits until it has ended by itself: its exit status, and everything that it has written to its standard error.
    pub fn ended(&mut self, within: Duration) -> Option<(ExitStatus, String)> {
        let child = self.child.as_mut()?;
        let status = eventually(within, || child.try_wait().ok().flatten())?;
        // The stream ends with the process, as nobody else holds it; a moment for the thread that reads it.
        self.err.first(within, |_| None::<()>);
        Some((status, self.err.text()))
    }

    /// Waits until it listens.
    pub fn ready(mut self, within: Duration) -> Result<Server> {
        let Some(url) = self.out.first(within, listening) else {
            bail!(
                "abide did not listen within {within:?}, or ended; it had written:\n{}\n{}",
                tail(&self.out.text()),
                tail(&self.err.text())
            );
        };
        let child = self.child.take().context("it was started")?;
        Ok(Server {
            child,
            url,
            out: self.out.clone(),
            err: self.err.clone(),
        })
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            end(child);
        }
    }
}

/// The address in `listening on http://ADDR:PORT`, as `serve` says it, or in `Abide serves at http://ADDR:PORT`, as `dev` does.
fn listening(line: &str) -> Option<String> {
    let (_, url) = line
        .split_once("listening on ")
        .or_else(|| line.split_once("Abide serves at "))?;
    Some(
        url.split_whitespace()
            .next()?
            .trim_end_matches('/')
            .to_owned(),
    )
}

fn end(child: &mut Child) {
    // It may have ended before: then both have nothing to do.
    let _ = child.kill();
    let _ = child.wait();
}

fn tail(text: &str) -> &str {
    let from = text.len().saturating_sub(SHOWN);
    let from = (from..=text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    &text[from..]
}
