//! Runs programs side by side; what each prints is shown when it has ended, in one piece.

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Instant;

use crate::shell::say;

/// A program with a name for people.
pub(super) struct Job {
    pub(super) name: String,
    pub(super) command: Command,
}

/// Runs all of them, so many at a time; the names of those that failed.
pub(super) fn run(jobs: Vec<Job>, at_once: usize) -> Vec<String> {
    let queue = Mutex::new(jobs.into_iter());
    let failed = Mutex::new(Vec::new());
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(job) = next() {
                    if let Err(name) = one(job)
                        && let Ok(mut failed) = failed.lock()
                    {
                        failed.push(name);
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap_or_default()
}

fn one(mut job: Job) -> Result<(), String> {
    let began = Instant::now();
    let output = job.command.stdin(Stdio::null()).output();
    let seconds = began.elapsed().as_secs_f64();
    match output {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stderr);
            let last = text.trim().lines().last().unwrap_or_default().to_owned();
            say(&format!("{}: {seconds:.1} s, {last}", job.name));
            Ok(())
        }
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr);
            say(&format!("{} failed:\n{}", job.name, text.trim_end()));
            Err(job.name)
        }
        Err(error) => {
            say(&format!("{} could not be started: {error}", job.name));
            Err(job.name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_run_and_those_that_fail_are_named() {
        let job = |name: &str, code: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", code]);
            let name = name.to_owned();
            Job { name, command }
        };
        let jobs = vec![
            job("good", "true"),
            job("bad", "exit 3"),
            job("good too", "true"),
            Job {
                name: "missing".into(),
                command: Command::new("/does/not/exist"),
            },
        ];
        let mut failed = run(jobs, 2);
        failed.sort();
        assert_eq!(failed, ["bad", "missing"]);
    }
}
