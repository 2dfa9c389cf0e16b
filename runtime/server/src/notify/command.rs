//! Starts a program with a message on its standard input.
//!
//! No shell is between, and nothing of the server's environment is passed on but `PATH`. The program is a group of processes of its own: when it takes
//! too long, or the server does not want it any more, all of them are ended. What it writes to its standard output is dropped; the first bytes of
//! what it writes to its standard error tell why it failed.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, Command};

/// How long a program may take.
const PROGRAM: Duration = Duration::from_secs(20);

/// How long it may take to read what an ended program wrote: another process may hold the other end.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What is kept of its standard error.
const MOST_BYTES: usize = 300;

/// Runs a program to its end; why that is none as it should be, in one sentence.
pub(super) async fn run(program: &Path, arguments: &[String], input: String) -> Result<(), String> {
    run_within(PROGRAM, program, arguments, input).await
}

async fn run_within(
    time: Duration,
    program: &Path,
    arguments: &[String],
    input: String,
) -> Result<(), String> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command
        .spawn()
        .map_err(|error| format!("the program does not start: {error}"))?;
    let mut group = Group(child.id());
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let mut said = Vec::new();
    let work = async {
        let feed = feed(stdin, input);
        let listen = listen(stderr, &mut said);
        let mut talk = std::pin::pin!(futures::future::join(feed, listen));
        tokio::select! {
            // Its last words are read after its end.
            status = child.wait() => {
                let _ = tokio::time::timeout(LAST_WORDS, talk).await;
                status
            }
            _ = &mut talk => child.wait().await,
        }
    };
    let ended = tokio::time::timeout(time, work).await;
    match ended {
        Err(_) => Err(format!(
            "the program did not end within {} s and was ended",
            time.as_secs()
        )),
        Ok(Err(error)) => Err(format!("the program cannot be awaited: {error}")),
        Ok(Ok(status)) => {
            // It has ended by itself, and so may what it left behind.
            group.0 = None;
            if status.success() {
                return Ok(());
            }
            let said = String::from_utf8_lossy(&said);
            let said: String = said
                .trim()
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect();
            Err(match said.as_str() {
                "" => format!("the program ended with {status}"),
                said => format!("the program ended with {status}: {said}"),
            })
        }
    }
}

async fn feed(stdin: Option<ChildStdin>, input: String) {
    if let Some(mut stdin) = stdin {
        // A program that does not read its input may be done all the same.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
}

/// Keeps the first bytes, and reads on so that nobody waits.
async fn listen(stderr: Option<ChildStderr>, said: &mut Vec<u8>) {
    let Some(mut stderr) = stderr else { return };
    let mut part = [0; 1_024];
    while let Ok(count @ 1..) = stderr.read(&mut part).await {
        let room = MOST_BYTES - said.len();
        said.extend_from_slice(&part[..count.min(room)]);
    }
}

/// The processes of a program, ended when nobody waits for them any more.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let leader = self.0.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(leader) = leader {
            // An error: it is gone.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sh(time: Duration, script: &str, input: &str) -> Result<(), String> {
        let arguments = ["-c".to_owned(), script.to_owned()];
        run_within(time, Path::new("/bin/sh"), &arguments, input.to_owned()).await
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_program_gets_the_message_and_nothing_of_the_servers_environment() {
        let script =
            "test \"$(cat)\" = '{\"a\":1}' && test -z \"$CARGO_MANIFEST_DIR\" && test -n \"$PATH\"";
        assert_eq!(sh(LONG, script, "{\"a\":1}").await, Ok(()));
    }

    #[tokio::test]
    async fn how_a_program_fails_is_told_with_its_first_words() {
        let error = sh(LONG, "echo no pager >&2; exit 7", "")
            .await
            .expect_err("it fails");
        assert_eq!(error, "the program ended with exit status: 7: no pager");
        let chatty = "i=0; while [ $i -lt 2000 ]; do echo 0123456789012345678901234567890123456789 >&2; i=$((i+1)); done; exit 1";
        let error = sh(LONG, chatty, "").await.expect_err("it fails");
        assert!(error.len() < 400, "{error}");
        let error = run(Path::new("/no/such/program"), &[], String::new()).await;
        assert!(
            error
                .expect_err("none")
                .starts_with("the program does not start")
        );
    }

    #[tokio::test]
    async fn a_program_that_does_not_read_its_input_holds_nobody_up() {
        let large = "x".repeat(1 << 20);
        assert_eq!(sh(LONG, "exit 0", &large).await, Ok(()));
    }

    #[tokio::test]
    async fn a_program_that_takes_too_long_is_ended() {
        let error = sh(Duration::ZERO, "sleep 600", "")
            .await
            .expect_err("it takes long");
        assert!(error.contains("did not end within 0 s"), "{error}");
    }

    #[tokio::test]
    async fn a_program_that_nobody_waits_for_any_more_is_ended_with_its_children() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("pid");
        let script = format!(
            "sleep 600 & echo $! > '{0}.new'; mv '{0}.new' '{0}'; wait",
            path.display()
        );
        let pause = || tokio::time::sleep(Duration::from_millis(10));
        let begins = async {
            while !path.exists() {
                pause().await;
            }
        };
        tokio::select! {
            ended = sh(LONG, &script, "") => panic!("{ended:?}"),
            () = begins => {}
        }
        let child = std::fs::read_to_string(&path).expect("it began");
        // Its parent is gone too: whoever takes it up may not have noticed its end yet.
        let stat = format!("/proc/{}/stat", child.trim());
        let is_gone = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
        while !is_gone() {
            pause().await;
        }
    }
}
