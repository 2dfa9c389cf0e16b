//! Where a row of the matrix plays: the real binary under load, a witness outside, and what must be true in the end.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use abide_crash::door::Door;
use abide_crash::kill::{MOST_OPEN, deploy, load};
use abide_crash::records::{Counts, Records};
use abide_crash::rng::Rng;
use abide_crash::session::Session;
use abide_crash::witness::Witness;
use abide_e2e::{Server, Starting, eventually};
use anyhow::{Context, Result, bail, ensure};
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::faults::Faults;
use crate::files::copy_folder;
use crate::recorded::Acknowledged;
use crate::shim;

/// How long a start may take.
const START: Duration = Duration::from_secs(180);

/// How long a process may take to end by itself once it has a reason: what it drains, and a slow machine.
const END: Duration = Duration::from_secs(180);

/// How long everything that is open may take to end once the cause is removed.
const SETTLE: Duration = Duration::from_secs(180);

/// Events that each sender has acknowledged, however slow the machine is.
const SENT: usize = 5;

/// How long witness answers are held back at most.
const WITNESS_DELAY: Duration = Duration::from_millis(5);

/// More than a row of the store holds: an event with as much lies in a payload file.
pub const LARGE: usize = 20_000;

/// The stage of one row.
pub struct Stage<'a> {
    runtime: &'a Runtime,
    records: &'a Records,
    witness: &'a Witness,
    session: Session<'a>,
    rng: Rng,
    data: PathBuf,
    /// Lets the node's calls fail.
    pub faults: Faults,
    record: Option<PathBuf>,
    node: Option<(Server, Door)>,
    large: Vec<(String, Value)>,
}

/// How a process ended.
#[derive(Debug)]
pub struct End {
    status: ExitStatus,
    said: String,
}

/// Plays on a stage of its own: a witness, a data directory in `folder`, no node yet.
pub fn play(folder: &Path, act: impl FnOnce(&mut Stage<'_>) -> Result<()>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("no runtime")?;
    let records = Arc::new(Records::default());
    let mut rng = Rng::new(u64::from(std::process::id()));
    let witness = runtime.block_on(Witness::start(records.clone(), rng.fork(), WITNESS_DELAY))?;
    let outside = TempDir::new().context("no temporary folder")?;
    let data = folder.join("data");
    fs::create_dir_all(&data)?;
    let mut stage = Stage {
        runtime: &runtime,
        records: &records,
        witness: &witness,
        session: Session::new(&records, "f"),
        rng,
        data,
        faults: Faults::new(outside.path())?,
        record: None,
        node: None,
        large: Vec::new(),
    };
    act(&mut stage)
}

/// The guest's code, compiled once for all rows.
fn compiled() -> Result<&'static Path> {
    static COMPILED: OnceLock<Result<(TempDir, PathBuf), String>> = OnceLock::new();
    let compile = || -> Result<(TempDir, PathBuf)> {
        let folder = TempDir::new()?;
        let server = Server::try_serve(folder.path(), None::<&str>)?;
        let answer = server
            .api()
            .deploy("ledger", &abide_e2e::guest("ledger"), "");
        ensure!(answer.status == 200, "{}", answer.text);
        server.kill();
        let cache = folder.path().join("code-cache");
        Ok((folder, cache))
    };
    match COMPILED.get_or_init(|| compile().map_err(|error| format!("{error:#}"))) {
        Ok((_, path)) => Ok(path),
        Err(error) => bail!("the guest is not compiled: {error}"),
    }
}

impl Stage<'_> {
    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Where the next processes record what they do to files, once they are told to.
    pub fn record_in(&mut self, record: &Path) {
        self.record = Some(record.to_owned());
    }

    /// Starts the process, and does not wait until it listens.
    pub fn spawn(&self) -> Result<Starting> {
        let mut environment = Vec::new();
        if shim::AVAILABLE {
            environment.extend(self.faults.environment()?);
        }
        let record = self.record.clone();
        environment.extend(record.map(|record| ("ABIDE_FAULTS_RECORD", record)));
        Server::spawn_serve_in(&self.data, None::<&str>, environment)
    }

    /// Starts the node over what is there.
    pub fn start(&mut self) -> Result<()> {
        let server = self
            .spawn()?
            .ready(START)
            .context("the node does not start")?;
        let door = Door::socket(server.url())?;
        self.node = Some((server, door));
        Ok(())
    }

    /// Starts the node and deploys the guest, whose code was compiled before.
    pub fn begin(&mut self) -> Result<()> {
        copy_folder(compiled()?, &self.data.join("code-cache"))?;
        self.begin_without_cache()
    }

    /// Starts the node and deploys the guest.
    pub fn begin_without_cache(&mut self) -> Result<()> {
        self.start()?;
        self.deploy()
    }

    /// Deploys the guest, once more or for the first time.
    pub fn deploy(&self) -> Result<()> {
        self.runtime.block_on(deploy(self.door()?, self.witness))
    }

    /// Resumes every run that is paused.
    pub fn resume_paused(&self) -> Result<()> {
        let (_, page) = self.get("/api/v1/runs?status=Paused&limit=100")?;
        for run in page["data"].as_array().into_iter().flatten() {
            let id = run["run_id"].as_str().context("runs have ids")?;
            let (status, answer) = self.post(&format!("/api/v1/runs/{id}/resume"), &json!({}))?;
            ensure!(status == 200, "the run is not resumed ({status}): {answer}");
        }
        Ok(())
    }

    /// Looks until there is something.
    pub fn wait_for<T>(&self, what: &str, look: impl Fn() -> Result<Option<T>>) -> Result<T> {
        let mut failed = None;
        let found = eventually(SETTLE, || match look() {
            Ok(found) => found.map(Some),
            Err(error) => {
                failed = Some(error);
                Some(None)
            }
        });
        match (found.flatten(), failed) {
            (Some(found), _) => Ok(found),
            (None, Some(error)) => Err(error.context(what.to_owned())),
            (None, None) => bail!("waited in vain: {what}"),
        }
    }

    /// Starts the process, which must end by itself and not listen.
    pub fn refused(&self) -> Result<End> {
        let mut starting = self.spawn()?;
        let (status, said) = starting
            .ended(END)
            .context("the node starts, or hangs, though it must refuse")?;
        Ok(End { status, said })
    }

    /// Waits until a start was refused, or listens: then it is killed, and there is nothing to tell.
    pub fn refused_or_serves(&self, starting: &mut Starting) -> Result<Option<End>> {
        if starting.listens(END) {
            return Ok(None);
        }
        let (status, said) = starting.ended(END).context("the start hangs")?;
        Ok(Some(End { status, said }))
    }

    /// Sends orders and looks at them for this long, and on a slow machine until one more of them is acknowledged; or until nobody answers.
    pub fn load(&mut self, time: Duration) -> Result<()> {
        let door = self.door()?.clone();
        let (began, before) = (Instant::now(), self.acknowledged());
        loop {
            let round = Instant::now();
            self.runtime
                .block_on(load(&self.session, &door, &mut self.rng, time));
            let nobody_answers = round.elapsed() < time;
            let enough = self.acknowledged() > before || self.open() >= MOST_OPEN;
            if nobody_answers || enough || began.elapsed() > SETTLE {
                return Ok(());
            }
        }
    }

    /// Under load, after a part of the time, something happens.
    pub fn load_while(
        &mut self,
        time: Duration,
        happens: impl FnOnce(&Faults, u32) -> Result<()> + Send,
    ) -> Result<()> {
        let door = self.door()?.clone();
        let pid = self.pid()?;
        let faults = &self.faults;
        std::thread::scope(|scope| {
            let striking = scope.spawn(move || {
                std::thread::sleep(time / 3);
                happens(faults, pid)
            });
            self.runtime
                .block_on(load(&self.session, &door, &mut self.rng, time));
            match striking.join() {
                Ok(result) => result,
                Err(_) => bail!("the fault panicked"),
            }
        })
    }

    /// Sends an event that needs a payload file; whether it was acknowledged.
    pub fn send_large(&mut self) -> Result<bool> {
        let data = json!({"pad": format!("{:x}", self.rng.draw()).repeat(LARGE / 16)});
        let event = json!([{"name": "faults/large", "data": data}]);
        let headers = [("content-type", "application/json")];
        let asked = self.door()?.call(
            Method::POST,
            "/e/faults",
            &headers,
            serde_json::to_vec(&event)?,
        );
        let Ok(reply) = self.runtime.block_on(asked) else {
            return Ok(false);
        };
        let Some(id) = reply.json["ids"][0]
            .as_str()
            .filter(|_| reply.status == 200)
        else {
            return Ok(false);
        };
        self.large.push((id.to_owned(), data));
        Ok(true)
    }

    /// As [`Stage::load`], and sends events, small ones and large ones, for this long and until there are some; tells how long the record
    /// was when each was acknowledged.
    pub(crate) fn load_and_send(
        &mut self,
        time: Duration,
        record: &Path,
    ) -> Result<Vec<Acknowledged>> {
        let door = self.door()?.clone();
        let mut senders = Vec::new();
        for _ in 0..3 {
            senders.push(send_and_note(door.clone(), self.rng.fork(), time, record));
        }
        let sending = futures::future::try_join_all(senders);
        let loading = load(&self.session, &door, &mut self.rng, time);
        let (sent, ()) = self
            .runtime
            .block_on(async { futures::join!(sending, loading) });
        Ok(sent?.into_iter().flatten().collect())
    }

    /// Whether an answer comes to a look at the node's health.
    pub fn answers(&self) -> Result<bool> {
        let reply = self.runtime.block_on(self.door()?.get("/health"));
        Ok(reply.is_ok_and(|reply| reply.status == 200))
    }

    /// `GET PATH`.
    pub fn get(&self, path: &str) -> Result<(u16, Value)> {
        let reply = self.runtime.block_on(self.door()?.get(path))?;
        Ok((reply.status, reply.json))
    }

    /// `POST PATH` with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        let headers = [("content-type", "application/json")];
        let asked = self
            .door()?
            .call(Method::POST, path, &headers, serde_json::to_vec(body)?);
        let reply = self.runtime.block_on(asked)?;
        Ok((reply.status, reply.json))
    }

    /// Deploys some component.
    pub fn put_app(&self, app: &str, wasm: Vec<u8>) -> Result<(u16, Value)> {
        let reply = self.runtime.block_on(self.door()?.deploy(app, wasm, ""))?;
        Ok((reply.status, reply.json))
    }

    /// Waits until everything that a dead process had sent was taken by the witness.
    pub fn drained(&self) -> Result<()> {
        self.runtime.block_on(self.witness.drained())
    }

    /// Orders that are not settled.
    pub fn open(&self) -> usize {
        self.session.open()
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.records.counts()
    }

    /// The node's process.
    pub fn pid(&self) -> Result<u32> {
        Ok(self.node.as_ref().context("no node runs")?.0.pid())
    }

    /// Where the node listens.
    pub fn address(&self) -> Result<&str> {
        let (server, _) = self.node.as_ref().context("no node runs")?;
        Ok(server.url().trim_start_matches("http://"))
    }

    /// What the node has written so far.
    pub fn output(&self) -> Result<String> {
        Ok(self.node.as_ref().context("no node runs")?.0.output())
    }

    /// Waits until the node has ended by itself.
    pub fn ended(&mut self) -> Result<End> {
        let (mut server, _) = self.node.take().context("no node runs")?;
        let Some(status) = server.ended(END) else {
            let said = server.output();
            bail!("the process goes on, though it must end; it had written:\n{said}");
        };
        let said = server.output();
        self.drained()?;
        Ok(End { status, said })
    }

    /// Waits until the node has ended by itself. Meanwhile somebody wants something of it, as it need not notice before.
    pub fn ended_under_load(&mut self) -> Result<End> {
        let mut failed = Ok(());
        eventually(END, || {
            let (server, _) = self.node.as_mut()?;
            if !server.is_alive() {
                return Some(());
            }
            failed = self.load(Duration::from_millis(100));
            failed.is_err().then_some(())
        });
        failed?;
        self.ended()
    }

    /// Kills the node.
    pub fn kill(&mut self) -> Result<()> {
        let (server, _) = self.node.take().context("no node runs")?;
        server.kill();
        self.drained()
    }

    /// Asks the node to stop, which it must do in order.
    pub fn stop(&mut self) -> Result<()> {
        let (server, _) = self.node.as_ref().context("no node runs")?;
        server.terminate()?;
        let end = self.ended()?;
        ensure!(end.status.success(), "an orderly stop ends with {end:?}");
        end.without_panic()
    }

    /// Everything that was acknowledged is there, every run ends as it must, and no rule of the witness was broken.
    pub fn settle(&mut self) -> Result<()> {
        let door = self.door()?.clone();
        self.runtime.block_on(async {
            self.session.settle(&door, SETTLE).await;
            self.session.look_back(&door, &mut self.rng).await
        })?;
        for (id, data) in &self.large {
            let (status, event) = self.get(&format!("/api/v1/events/{id}"))?;
            ensure!(
                status == 200 && event["data"] == *data,
                "the acknowledged event {id} with a payload is not as it was ({status})"
            );
        }
        let broken = self.records.violations();
        ensure!(broken.is_empty(), "{}", broken.join("\n"));
        Ok(())
    }

    /// The cause is gone: the node starts again over the same directory, settles everything, and stops in order.
    pub fn recovers(&mut self) -> Result<()> {
        self.faults.clear()?;
        self.start()?;
        self.settle()?;
        self.goes_on()
    }

    /// New work is taken and done, and then the node stops in order.
    pub fn goes_on(&mut self) -> Result<()> {
        let before = self.acknowledged();
        self.load(Duration::from_millis(40))?;
        self.settle()?;
        ensure!(self.acknowledged() > before, "no new work was acknowledged");
        self.stop()
    }

    /// Requests that were acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.records.counts().acknowledged
    }

    fn door(&self) -> Result<&Door> {
        Ok(&self.node.as_ref().context("no node runs")?.1)
    }
}

/// Sends one event after the other for this long, and until there are some.
async fn send_and_note(
    door: Door,
    mut rng: Rng,
    time: Duration,
    record: &Path,
) -> Result<Vec<Acknowledged>> {
    let until = Instant::now() + time;
    let mut acknowledged = Vec::new();
    while Instant::now() < until || acknowledged.len() < SENT {
        let repeats = if rng.chance(25) { LARGE / 16 } else { 4 };
        let data = json!({"pad": format!("{:x}", rng.draw()).repeat(repeats)});
        let event = json!([{"name": "faults/noted", "data": data}]);
        let headers = [("content-type", "application/json")];
        let body = serde_json::to_vec(&event)?;
        let reply = door.call(Method::POST, "/e/faults", &headers, body).await?;
        let id = reply.json["ids"][0].as_str().context("not acknowledged")?;
        acknowledged.push(Acknowledged {
            id: id.to_owned(),
            data,
            record_len: fs::metadata(record)?.len(),
        });
    }
    Ok(acknowledged)
}

impl End {
    /// It ended with exit code 1, says all this, and did not panic.
    pub fn fails_with(&self, words: &[&str]) -> Result<()> {
        ensure!(
            self.status.code() == Some(1),
            "it ended with {} instead of exit code 1:\n{}",
            self.status,
            self.said
        );
        self.without_panic()?;
        let missing: Vec<_> = words
            .iter()
            .filter(|word| !self.said.contains(**word))
            .collect();
        ensure!(
            missing.is_empty(),
            "it does not say {missing:?}:\n{}",
            self.said
        );
        ensure!(
            self.last_line().starts_with("error: "),
            "the last line is no message for the operator:\n{}",
            self.said
        );
        Ok(())
    }

    /// Nothing panicked.
    pub fn without_panic(&self) -> Result<()> {
        ensure!(
            !self.said.contains("panicked") && self.status.signal().is_none(),
            "it panicked or was killed ({}):\n{}",
            self.status,
            self.said
        );
        Ok(())
    }

    /// What it wrote.
    pub fn said(&self) -> &str {
        &self.said
    }

    /// Its last line: the message for the operator.
    pub fn last_line(&self) -> &str {
        self.said.lines().next_back().unwrap_or_default()
    }
}
