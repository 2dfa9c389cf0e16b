//! Plays a scenario in one way, from the deploy to its end, and says what came of it.

use abide_core::engine::{Answer, FromStep};
use abide_core::event::{EventIdSeed, EventSource, NewEvent};
use abide_core::ids::FunctionId;
use abide_core::operation::SendSignal;
use abide_core::state::{Read, Run, RunEnd};
use abide_server::{DeployOptions, SendError};
use anyhow::{Context, Result, bail, ensure};
use futures::FutureExt;
use serde_json::Value;

use crate::json::{canonical, same, show};
use crate::record;
use crate::scenario::{Act, Ends, Scenario};
use crate::service::AI_KEY;
use crate::stage::{BEGINNING_MS, Component, Stage, Way};

/// The app's id.
pub const APP: &str = "conformance";

/// The latest time at which a scenario may come to its end.
const LATEST_MS: u64 = BEGINNING_MS + 400 * 24 * 3_600_000;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// Journals, ends, logs, and events that were sent: the same in every way.
    pub story: String,
    /// What the service was asked, a line each. A request whose answer was lost is asked again.
    pub requests: Vec<String>,
    /// Commits after the deploy.
    pub commits: u64,
}

/// Plays it.
pub fn play(component: &Component, scenario: &Scenario, way: Way) -> Result<Played> {
    let mut player = Player {
        stage: Stage::open(component, way)?,
        scenario,
        sent: 0,
    };
    player.deploy(component)?;
    player.stage.count_commits();
    for act in &scenario.acts {
        player.act(act).with_context(|| format!("{act:?}"))?;
        player.stage.settle()?;
    }
    player.check_end()?;
    // With a cut the journals are to be the same as without, and those are replayed.
    if way.cut_after.is_none() {
        player.check_replay()?;
    }
    Ok(Played {
        story: player.story(component)?,
        requests: player.stage.service().requests(),
        commits: player.stage.commits(),
    })
}

struct Player<'a> {
    stage: Stage<'a>,
    scenario: &'a Scenario,
    sent: u32,
}

impl Player<'_> {
    fn deploy(&mut self, component: &Component) -> Result<()> {
        let wasm = component.wasm.clone();
        let deployed = self.stage.ask(|node| {
            let variables = [("CONFORMANCE_VARIABLE", "configured"), ("AI_KEY", AI_KEY)];
            let options = DeployOptions {
                app: APP.into(),
                variables: variables
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
                allow_net: Vec::new(),
            };
            let wasm = wasm.clone();
            async move { node.deploy(wasm, options).await.map(drop) }.boxed()
        })?;
        deployed.context("the deploy")?;
        // Its schedules would go off in every scenario that takes days.
        let scheduled = FunctionId::new(APP, "options");
        let paused = self.stage.ask(|node| {
            let scheduled = scheduled.clone();
            async move { node.pause_function(scheduled).await }.boxed()
        })?;
        paused?;
        self.stage.settle()
    }

    fn act(&mut self, act: &Act) -> Result<()> {
        match act {
            Act::Send(event) => self.send(event)?.context("it is refused"),
            Act::SendRefused(event) => match self.send(event)? {
                Err(SendError::Invalid(_)) => Ok(()),
                other => bail!("it should be refused: {other:?}"),
            },
            Act::Signal(name, data) => {
                let signal = SendSignal {
                    signal: (*name).to_owned(),
                    data: Some(data.to_string().into()),
                    ttl_ms: None,
                };
                let sent = self.stage.ask(|node| {
                    let signal = signal.clone();
                    async move { node.send_signal(signal).await }.boxed()
                })?;
                ensure!(sent?.is_some(), "no run waits for it");
                Ok(())
            }
            Act::Pass(ms) => self.stage.advance_to(self.stage.now_ms() + ms),
            Act::Finish => self.finish(),
            Act::Replay(step, input) => self.replay(step, input),
        }
    }

    /// The ids of events follow from their place in the scenario: one that is sent again, since its answer was lost, has one effect.
    fn send(&mut self, event: &NewEvent) -> Result<Result<(), SendError>> {
        self.sent += 1;
        let mut entropy = [0; 10];
        entropy[..4].copy_from_slice(&self.sent.to_be_bytes());
        let seed = EventIdSeed {
            at_ms: self.stage.now_ms(),
            entropy,
        };
        self.stage.ask(|node| {
            let event = event.clone();
            async move { node.send_events(vec![event], Some(seed)).await.map(drop) }.boxed()
        })
    }

    /// Lets time pass until every run has ended.
    fn finish(&mut self) -> Result<()> {
        loop {
            self.stage.settle()?;
            let live = self.runs()?.into_iter().find(|run| !run.status.is_final());
            let Some(live) = live else { return Ok(()) };
            match self.stage.next_due_ms()? {
                Some(due_ms) if due_ms <= LATEST_MS => self.stage.advance_to(due_ms)?,
                _ => bail!(
                    "nothing is left to happen, and the run of {} is {}: {:?}\n{}",
                    live.function,
                    live.status.as_str(),
                    live.end,
                    self.journals()?
                ),
            }
        }
    }

    fn replay(&mut self, step: &str, input: &Value) -> Result<()> {
        let run = self.own_run()?.id;
        let from = FromStep {
            step: step.to_owned(),
            input: Some(input.to_string().into()),
        };
        let answer = self.stage.ask(|node| {
            let from = from.clone();
            async move { node.replay_run(run, Some(from)).await }.boxed()
        })?;
        match answer? {
            Answer::Replayed(_) => Ok(()),
            other => bail!("it is not replayed: {other:?}"),
        }
    }

    /// The runs of the functions that take part, the oldest first.
    fn runs(&self) -> Result<Vec<Run>> {
        let mut runs = self.stage.view()?.runs_after(None, usize::MAX)?;
        runs.retain(|run| self.scenario.functions.contains(&&*run.function.function));
        runs.sort_by_key(|run| (run.queued_ms, run.function.to_string(), run.id));
        Ok(runs)
    }

    /// Their journals.
    fn journals(&self) -> Result<String> {
        record::runs(&self.stage.view()?, &self.runs()?)
    }

    /// The run that the scenario is about.
    fn own_run(&self) -> Result<Run> {
        let own = |run: &Run| &*run.function.function == self.scenario.id;
        let run = self.runs()?.into_iter().find(own);
        run.context("the event started no run")
    }

    fn check_end(&self) -> Result<()> {
        if matches!(self.scenario.ends, Ends::Never) {
            return Ok(());
        }
        let run = self.own_run()?;
        let journal = || self.journals();
        match (&self.scenario.ends, &run.end) {
            (Ends::Output(expected), Some(RunEnd::Output(json))) => {
                let output: Value = serde_json::from_str(json)?;
                ensure!(
                    same(expected, &output),
                    "the output is {}, not {}{}",
                    canonical(json),
                    show(expected),
                    journal()?
                );
            }
            (Ends::Masked, Some(RunEnd::Output(_))) => {}
            (Ends::Failure(name), Some(RunEnd::Failure(failure))) => {
                ensure!(
                    failure.name == *name,
                    "it failed as {}, not as {name}{}",
                    failure.name,
                    journal()?
                );
            }
            (expected, end) => bail!("it ended with {end:?}, not with {expected:?}{}", journal()?),
        }
        Ok(())
    }

    /// Replays every run from its journal in a new instance: it must do again what is recorded.
    fn check_replay(&mut self) -> Result<()> {
        for run in self.runs()? {
            if run.started_ms.is_none() {
                continue;
            }
            let replayed = self
                .stage
                .ask(move |node| async move { node.check_replay(run.id).await }.boxed())?;
            if let Some(divergence) = replayed? {
                bail!("the run of {} does not replay: {divergence}", run.function);
            }
        }
        Ok(())
    }

    fn story(&self, component: &Component) -> Result<String> {
        let mut lines = Vec::new();
        let configs = component.app.functions();
        for function in &self.scenario.functions {
            let config = configs.iter().find(|config| config.id == *function);
            let config = config.with_context(|| format!("there is no function `{function}`"))?;
            lines.push(record::configuration(config)?);
        }
        if self.scenario.functions.is_empty() {
            lines.extend(component.app.schemas().iter().map(record::schema));
        }
        let view = self.stage.view()?;
        let sent = view.events_since("conformance/sent", 0, None, usize::MAX)?;
        let sent: Vec<_> = sent
            .iter()
            .filter(|event| matches!(event.source, EventSource::Run(_)))
            .map(|event| format!("sent {}", record::sent(event)))
            .collect();
        let runs = self.journals()?;
        Ok([lines, vec![runs], sent].concat().join("\n"))
    }
}
