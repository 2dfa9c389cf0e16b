//! What is told of a bad disk: by `/ready` to whoever spreads the load, by `abide doctor` to the operator.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use abide_e2e::{Ran, Run};
use anyhow::{Context, Result, ensure};
use rustix::io::Errno;
use serde_json::Value;

use super::{Needs, Row};
use crate::faults::{Rule, SYNC, TRUNCATE, WRITE};
use crate::mounts::Mounted;
use crate::stage::Stage;

/// How long a balancer waits for an answer.
const ANSWER: Duration = Duration::from_secs(30);

/// More than a good disk takes for a sync.
const SLOW_SYNC: Duration = Duration::from_millis(60);

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "a_balancer_that_asks_while_the_disk_fails",
        fault: "EIO from a sync of the log, then ENOSPC from every write, while requests for `/ready` and `/health` are on their way",
        expected: "both answer 503 with `failed` and the reason, new connections are refused, exit 1; complete after a restart",
        needs: Needs::Preload,
        play: asks_while_the_disk_fails,
    },
    Row {
        name: "a_doctor_on_a_slow_disk",
        fault: "each sync in the data directory takes 60 ms",
        expected: "`abide doctor` warns of the latency and says what depends on it",
        needs: Needs::Preload,
        play: looks_at_a_slow_disk,
    },
    Row {
        name: "a_doctor_on_a_small_disk",
        fault: "the data directory is a file system in memory with 48 MB and 500 files",
        expected: "`abide doctor` tells all three with what to do, exit 1",
        needs: Needs::Mounts,
        play: looks_at_a_small_disk,
    },
];

fn asks_while_the_disk_fails(stage: &mut Stage<'_>) -> Result<()> {
    let faults = [
        (
            Rule::fail(SYNC, "data/log/db", Errno::IO).times(1),
            "Input/output error",
        ),
        (
            Rule::fail(WRITE | TRUNCATE, "/data/", Errno::NOSPC),
            "No space left on device",
        ),
    ];
    stage.begin()?;
    for (rule, reason) in faults {
        let (status, health) = stage.get("/ready")?;
        ensure!(status == 200 && health["status"] == "ok", "{health}");
        let asked = ["/ready", "/health"].map(|path| HalfAsked::begin(stage.address()?, path));
        stage.faults.set(0, rule)?;
        ensure!(
            !stage.send_large()?,
            "an event was acknowledged that the disk did not take"
        );
        let address = stage.address()?.to_owned();
        stage.wait_for("new connections are refused", || {
            Ok(TcpStream::connect(&address).is_err().then_some(()))
        })?;
        let answers = asked.map(|asked| asked.map(HalfAsked::end));
        let end = stage.ended()?;
        end.fails_with(&[reason])?;
        for answer in answers {
            let answer = answer?;
            // A machine on which this took longer than the last requests are given.
            if answer.is_empty() && end.said().contains("did not finish in time") {
                continue;
            }
            let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
            let health: Value = serde_json::from_str(body).unwrap_or_default();
            let failure = health["failure"].as_str().unwrap_or_default();
            ensure!(
                head.starts_with("HTTP/1.1 503") && health["status"] == "failed",
                "not ready is told otherwise: {answer}"
            );
            ensure!(failure.contains(reason), "the reason is not told: {answer}");
        }
        stage.faults.clear()?;
        stage.start()?;
        stage.settle()?;
    }
    stage.goes_on()
}

/// A request that is on its way: the line that ends its head is still to come.
struct HalfAsked(TcpStream);

impl HalfAsked {
    fn begin(address: &str, path: &str) -> Result<Self> {
        let mut stream = TcpStream::connect(address).context("it listens")?;
        stream.set_read_timeout(Some(ANSWER))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n"
        )?;
        Ok(Self(stream))
    }

    /// The answer; nothing if the server had no patience left.
    fn end(mut self) -> String {
        let mut answer = String::new();
        if self.0.write_all(b"\r\n").is_ok() && self.0.read_to_string(&mut answer).is_err() {
            answer.clear();
        }
        answer
    }
}

/// What `abide doctor` says of the data directory.
fn looks(stage: &Stage<'_>) -> Result<Ran> {
    let data = stage.data().to_string_lossy().into_owned();
    let nobody = ["--url", "http://127.0.0.1:1"];
    let arguments = [&["doctor", "--json", "--data", &data][..], &nobody].concat();
    let mut doctor = Run::abide(arguments);
    for (name, value) in stage.faults.environment()? {
        doctor = doctor.env(name, value);
    }
    Ok(doctor.run())
}

/// One finding of this check has this level, and advises that.
fn told(ran: &Ran, check: &str, level: &str, remedy: &str) -> Result<()> {
    let told: Value = serde_json::from_str(&ran.stdout).context("no JSON")?;
    let findings = told["findings"].as_array().context("no findings")?;
    let fits = |finding: &&Value| {
        finding["check"] == check
            && finding["level"] == level
            && finding["remedy"]
                .as_str()
                .is_some_and(|it| it.contains(remedy))
    };
    ensure!(
        findings.iter().any(|finding| fits(&finding)),
        "no {level} of {check}: {told:#}"
    );
    Ok(())
}

fn looks_at_a_slow_disk(stage: &mut Stage<'_>) -> Result<()> {
    stage
        .faults
        .set(0, Rule::delay(SYNC, "/data/", SLOW_SYNC))?;
    told(&looks(stage)?, "sync latency", "warning", "faster disk")
}

fn looks_at_a_small_disk(stage: &mut Stage<'_>) -> Result<()> {
    let small = Mounted::small_memory(stage.data(), 48, 500)?;
    let ran = looks(stage)?.expect(1);
    told(&ran, "file system", "warning", "to a disk")?;
    told(&ran, "disk space", "error", "make room")?;
    told(&ran, "inodes", "warning", "small files")?;
    small.unmount()
}
