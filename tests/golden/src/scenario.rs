//! What is recorded: a story in virtual time that leaves every kind of row, entry and registration behind.
//!
//! It begins at a fixed time, with fixed ids, and does one thing after the other. First come runs that end, then, a day and a half later, what
//! is still under way when the node is ended, and last events that a second life accepts and has no room to execute.

use std::sync::Arc;

use abide_core::engine::{Answer, FromStep};
use abide_core::event::{EventIdSeed, NewEvent};
use abide_core::ids::{EventId, FunctionId, RunId};
use abide_core::state::{EventSchema, JobAction, RunFilter, RunStatus};
use abide_core::trace::TraceContext;
use abide_crash::life::Folders;
use abide_host::Surroundings;
use abide_server::DeployOptions;
use abide_store::MemoryDisk;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;

use crate::deaths::Unanswered;
use crate::ending;
use crate::fixture::Fixture;
use crate::life::Stage;

/// 2026-01-01T00:00:00Z
const BEGIN_MS: u64 = 1_767_225_600_000;
const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// When what stays under way begins.
const LATER_MS: u64 = BEGIN_MS + 36 * HOUR_MS;

/// An address where nobody listens: what reaches for it fails, the same on every machine.
pub const NOBODY: &str = "127.0.0.1:9";

/// Too long to stand in a key as it is.
pub fn long_name() -> String {
    format!("golden/{}", "long".repeat(55))
}

/// Plays the story with this component, and records what the disk holds at its end and what becomes of it.
pub fn record(component: Bytes) -> Result<Fixture> {
    let cache = tempfile::tempdir()?;
    let folders = Folders::sharing(cache.path())?;
    let disk = MemoryDisk::new();
    let mut teller = Teller::open(&disk, &folders)?;
    teller.deploy(component.clone())?;
    teller.runs_that_end()?;
    teller.controls_that_say_no()?;
    teller.what_has_a_name_or_a_trace()?;
    teller.stage.advance_to(LATER_MS)?;
    teller.what_is_waited_for()?;
    teller.what_is_queued_or_collected()?;
    teller.what_operators_did()?;
    let at_ms = teller.stage.now_ms();
    teller.stage.close();
    processes_that_die(&disk, &folders, at_ms)?;
    // No room for executions: what comes now is accepted, and waits.
    let mut teller = Teller {
        stage: without_room(&disk, &folders, at_ms, 2)?,
        events: 500,
    };
    teller.send("steps", r#"{"key":"ready"}"#)?;
    teller.send("parallel", r#"{"key":"ready"}"#)?;
    teller.stage.close();
    let mut fixture = Fixture::of(&disk, component, at_ms);
    fixture.outcomes = ending::outcomes(&fixture)?;
    Ok(fixture)
}

/// A life that accepts, and executes nothing.
fn without_room(disk: &MemoryDisk, folders: &Folders, at_ms: u64, seed: u64) -> Result<Stage> {
    Stage::open(disk, folders, at_ms, seed, |config| {
        config.engine.max_executing = 0;
    })
}

/// Three deaths: a body that waits for its answer is interrupted by the first and waits again at the last, with that of a run that came in between.
fn processes_that_die(disk: &MemoryDisk, folders: &Folders, at_ms: u64) -> Result<()> {
    let body = format!(r#"{{"authority":"{NOBODY}"}}"#);
    let waiting = |seed, requests: &Arc<Unanswered>| {
        let surroundings: Arc<dyn Surroundings> = requests.clone();
        Stage::open(disk, folders, at_ms, seed, |config| {
            config.host.surroundings = Some(surroundings);
        })
    };
    let requests = Unanswered::new();
    let stage = waiting(11, &requests)?;
    let mut teller = Teller { stage, events: 600 };
    teller.send("outside", &body)?;
    teller.stage.run(requests.requests(1))?;
    teller.stage.dies();
    let stage = without_room(disk, folders, at_ms, 12)?;
    let mut teller = Teller { stage, events: 700 };
    teller.send("outside", &body)?;
    teller.stage.dies();
    let requests = Unanswered::new();
    let stage = waiting(13, &requests)?;
    // That both bodies reached out is durable before they do.
    stage.run(requests.requests(2))?;
    stage.dies();
    Ok(())
}

struct Teller {
    stage: Stage,
    /// Events that were sent so far: their ids follow from it.
    events: u32,
}

impl Teller {
    fn open(disk: &MemoryDisk, folders: &Folders) -> Result<Self> {
        let stage = Stage::open(disk, folders, BEGIN_MS, 1, |_| {})?;
        Ok(Self { stage, events: 0 })
    }

    fn deploy(&self, component: Bytes) -> Result<()> {
        let options = DeployOptions {
            app: "golden".into(),
            variables: [("KEY".to_owned(), "secret".to_owned())].into(),
            allow_net: vec![NOBODY.to_owned()],
        };
        self.stage
            .run(self.stage.node().deploy(component, options))?;
        Ok(())
    }

    fn accept(&mut self, event: NewEvent) -> Result<EventId> {
        self.accept_traced(event, None)
    }

    fn accept_traced(&mut self, event: NewEvent, trace: Option<TraceContext>) -> Result<EventId> {
        self.events += 1;
        let mut entropy = [0x60; 10];
        entropy[..4].copy_from_slice(&self.events.to_be_bytes());
        let seed = EventIdSeed {
            at_ms: self.stage.now_ms(),
            entropy,
        };
        let node = self.stage.node();
        let sent = node.send_traced_events(vec![event], vec![trace], Some(seed));
        let ids = self.stage.run(sent)?;
        ids.first().copied().context("one event has one id")
    }

    fn send(&mut self, function: &str, data: &str) -> Result<EventId> {
        self.accept(NewEvent {
            name: format!("golden/{function}"),
            data: Some(data.into()),
            ..NewEvent::default()
        })
    }

    /// Sends, and waits until nothing can happen at this time.
    fn tell(&mut self, function: &str, data: &str) -> Result<EventId> {
        let event = self.send(function, data)?;
        self.stage.settle()?;
        Ok(event)
    }

    fn pass(&self, ms: u64) -> Result<()> {
        self.stage.advance_to(self.stage.now_ms() + ms)
    }

    /// The run that an event started.
    fn run_of(&self, event: EventId) -> Result<RunId> {
        let runs = self
            .stage
            .node()
            .read(move |view| Ok(view.event_runs(event)?));
        let runs = self.stage.run(runs)?;
        runs.first().copied().context("the event started no run")
    }

    fn runs_that_end(&mut self) -> Result<()> {
        self.tell("steps", r#"{"key":"small"}"#)?;
        let plain = self.tell("steps", r#"{"key":"large","bytes":4200}"#)?;
        self.tell(
            "steps",
            &format!(r#"{{"key":"wide","pad":"{}"}}"#, "p".repeat(4_200)),
        )?;
        for n in 0..2 {
            self.accept(NewEvent {
                id: Some("their-id".into()),
                name: "golden/steps".into(),
                data: Some(format!(r#"{{"key":"twice","n":{n}}}"#).into()),
                user: Some(r#"{"id":"u1"}"#.into()),
                v: Some("2026-01".into()),
                ..NewEvent::default()
            })?;
            self.stage.settle()?;
        }
        self.accept(NewEvent {
            name: long_name(),
            ..NewEvent::default()
        })?;
        for function in ["retry", "again", "fails", "parallel", "race"] {
            self.tell(function, "{}")?;
        }
        self.tell("wait", r#"{"how":"match","key":"early"}"#)?;
        self.tell("wake", r#"{"key":"early"}"#)?;
        // Nobody wakes this one.
        self.tell("wait", r#"{"how":"match","key":"never"}"#)?;
        self.tell("signal", r#"{"name":"early"}"#)?;
        self.tell("send", r#"{"name":"early"}"#)?;
        self.tell("invoke", r#"{"function":"child"}"#)?;
        self.pass(5 * MINUTE_MS)?;
        for function in ["fetch", "infer"] {
            self.tell(function, &format!(r#"{{"url":"http://{NOBODY}/x"}}"#))?;
        }
        self.tell("outside", &format!(r#"{{"authority":"{NOBODY}"}}"#))?;
        self.pass(5 * MINUTE_MS)?;
        let replayed = self.tell("input", "{}")?;
        let from = FromStep {
            step: "work".into(),
            input: Some(r#"{"n":2}"#.into()),
        };
        self.replay(self.run_of(replayed)?, Some(from))?;
        self.replay(self.run_of(plain)?, None)
    }

    fn replay(&self, run: RunId, from: Option<FromStep>) -> Result<()> {
        let replayed = self.stage.run(self.stage.node().replay_run(run, from))?;
        ensure!(matches!(replayed, Answer::Replayed(_)), "{replayed:?}");
        self.stage.settle()
    }

    fn controls_that_say_no(&mut self) -> Result<()> {
        for function in ["rated", "once", "single", "latest"] {
            for _ in 0..2 {
                self.tell(function, r#"{"key":"k"}"#)?;
            }
        }
        self.tell("sleep", r#"{"key":"stopped","ms":3600000}"#)?;
        self.tell("stop", r#"{"key":"stopped"}"#)?;
        self.tell("sleep", r#"{"key":"other","ms":3600000}"#)?;
        self.tell("stop-large", r#"{"above":10}"#)?;
        self.tell("gated", r#"{"key":"k"}"#)?;
        for n in 0..3 {
            self.tell("batched", &format!(r#"{{"key":"full","n":{n}}}"#))?;
            self.tell("debounced", &format!(r#"{{"key":"quiet","n":{n}}}"#))?;
        }
        let cancelled = self.tell("sleep", r#"{"key":"by hand","ms":3600000}"#)?;
        let run = self.run_of(cancelled)?;
        let answer = self
            .stage
            .run(self.stage.node().cancel_run(run, "by hand"))?;
        ensure!(answer == Answer::Cancelled, "{answer:?}");
        self.stage.settle()
    }

    /// What came into the format after its first rows: lines with fields, places in traces, deliveries, requests that have a name.
    fn what_has_a_name_or_a_trace(&mut self) -> Result<()> {
        self.tell("steps", r#"{"key":"fields","line":3}"#)?;
        // More than a line may have.
        self.tell("steps", r#"{"key":"cut","line":9000}"#)?;
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for states in [&[][..], &["shop=of-the-sender"]] {
            let event = NewEvent {
                name: "golden/send".into(),
                data: Some(r#"{"name":"traced"}"#.into()),
                ..NewEvent::default()
            };
            let trace = TraceContext::parse(parent, states.iter().copied());
            self.accept_traced(event, trace)?;
            self.stage.settle()?;
        }
        let long = "delivered".repeat(30);
        for id in ["delivered", "delivered", &long] {
            let event = NewEvent {
                name: "golden/steps".into(),
                data: Some(r#"{"key":"delivered"}"#.into()),
                ..NewEvent::default()
            };
            let node = self.stage.node();
            let delivered = node.deliver_event("hook".into(), id.into(), event, None);
            self.stage.run(delivered)?;
            self.stage.settle()?;
        }
        // One that made something, and one that did not.
        let cancelled = self.tell("sleep", r#"{"key":"by request","ms":3600000}"#)?;
        let run = self.run_of(cancelled)?;
        let node = self.stage.node().once(Some("cancels"));
        for expected in [Answer::Cancelled, Answer::DoneBefore(None)] {
            let answer = self.stage.run(node.cancel_run(run, "by request"))?;
            ensure!(answer == expected, "{answer:?}");
        }
        let replayed = self.tell("steps", r#"{"key":"replayed by request"}"#)?;
        let run = self.run_of(replayed)?;
        let node = self.stage.node().once(Some("replays"));
        let answer = self.stage.run(node.replay_run(run, None))?;
        ensure!(matches!(answer, Answer::Replayed(_)), "{answer:?}");
        self.stage.settle()
    }

    fn what_is_waited_for(&mut self) -> Result<()> {
        self.tell("sleep", r#"{"key":"sleeping","ms":21600000}"#)?;
        let paused = self.tell("sleep", r#"{"key":"paused","ms":21600000}"#)?;
        self.pause(self.run_of(paused)?)?;
        let overdue = self.tell("sleep", r#"{"key":"overdue","ms":1000}"#)?;
        self.pause(self.run_of(overdue)?)?;
        let woken = self.tell("wait", r#"{"how":"match","key":"paused"}"#)?;
        self.pause(self.run_of(woken)?)?;
        self.tell("wake", r#"{"key":"paused"}"#)?;
        self.accept(NewEvent {
            name: "golden/steps".into(),
            data: Some(r#"{"key":"in an hour"}"#.into()),
            ts: Some(self.stage.now_ms() + HOUR_MS),
            ..NewEvent::default()
        })?;
        for how in ["any", "match", "if", "lookback"] {
            self.tell("wait", &format!(r#"{{"how":"{how}","key":"later","n":5}}"#))?;
        }
        self.tell("signal", r#"{"name":"later"}"#)?;
        self.tell("signal", &format!(r#"{{"name":"{}"}}"#, long_name()))?;
        for _ in 0..2 {
            self.tell("send", r#"{"name":"kept"}"#)?;
        }
        self.tell("invoke", r#"{"function":"golden/child","ms":21600000}"#)?;
        self.pass(2 * SECOND_MS)
    }

    fn pause(&self, run: RunId) -> Result<()> {
        let paused = self
            .stage
            .run(self.stage.node().pause_run(run, "to look at it"))?;
        ensure!(paused == Answer::Paused, "{paused:?}");
        self.stage.settle()
    }

    fn what_is_queued_or_collected(&mut self) -> Result<()> {
        for ahead in [0, 0, 60] {
            let data = format!(r#"{{"key":"k","ms":21600000,"ahead":{ahead}}}"#);
            self.tell("one-at-a-time", &data)?;
        }
        for _ in 0..4 {
            self.tell("throttled", r#"{"key":"k"}"#)?;
        }
        for function in ["rated", "once"] {
            self.tell(function, r#"{"key":"later"}"#)?;
        }
        for function in ["single", "latest"] {
            self.tell(function, r#"{"key":"k","ms":21600000}"#)?;
        }
        for n in 0..2 {
            self.tell(
                "debounced",
                &format!(r#"{{"key":"{}","n":{n}}}"#, "d".repeat(300)),
            )?;
            self.tell("batched", &format!(r#"{{"key":"half","n":{n}}}"#))?;
        }
        for function in ["fetch", "infer"] {
            self.tell(function, &format!(r#"{{"url":"http://{NOBODY}/x"}}"#))?;
        }
        for function in ["retry", "again"] {
            self.tell(function, "{}")?;
        }
        Ok(())
    }

    fn what_operators_did(&mut self) -> Result<()> {
        let node = self.stage.node();
        for (event, v) in [("golden/shaped-too", None), ("golden/shaped", Some("3"))] {
            let schema = EventSchema {
                event: event.into(),
                v: v.map(str::to_owned),
                schema: r#"{"type":"object"}"#.into(),
            };
            let answer = self.stage.run(node.put_schema(schema))?;
            ensure!(answer == Answer::SchemaChanged, "{answer:?}");
        }
        let function = FunctionId::new("golden", "input");
        let answer = self.stage.run(node.pause_function(function.clone()))?;
        ensure!(answer == Answer::Paused, "{answer:?}");
        let cancel = JobAction::Cancel {
            reason: "no longer wanted".into(),
        };
        let nobodys = RunFilter {
            app: Some("golden".into()),
            statuses: vec![RunStatus::Paused],
            if_expr: Some("event.data.key == 'nobody'".into()),
            until_ms: Some(LATER_MS),
            ..RunFilter::default()
        };
        self.job(cancel, nobodys, None)?;
        let steps = RunFilter {
            function: Some(FunctionId::new("golden", "steps")),
            since_ms: Some(BEGIN_MS),
            ..RunFilter::default()
        };
        // So slowly that the first stays half-way.
        let interval_us = Some(12 * HOUR_MS * 1_000);
        let stopped = self.job(JobAction::Replay, steps.clone(), interval_us)?;
        let answer = self.stage.run(self.stage.node().stop_job(stopped))?;
        ensure!(matches!(answer, Answer::Job(_)), "{answer:?}");
        self.job(JobAction::Replay, steps, interval_us)?;
        self.tell("input", "{}")?;
        Ok(())
    }

    fn job(&self, action: JobAction, filter: RunFilter, interval_us: Option<u64>) -> Result<RunId> {
        let started = self.stage.node().start_job(action, filter, interval_us);
        match self.stage.run(started)? {
            Answer::Job(job) => {
                self.stage.settle()?;
                Ok(job.id)
            }
            other => anyhow::bail!("the job is not started: {other:?}"),
        }
    }
}
