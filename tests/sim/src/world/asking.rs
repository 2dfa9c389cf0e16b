//! What is asked of the node, and what comes of the answers.

use std::collections::BTreeMap;

use abide_core::engine::{Answer, Notice};
use abide_core::ids::{EventId, RunId};
use abide_core::state::RunStatus;
use abide_server::{DeployOptions, Node, SendError};
use anyhow::{Context, Result, bail, ensure};
use futures::future::BoxFuture;

use super::{APP, World};
use crate::orders::{Progress, Tell};

/// Where bodies report to.
const WITNESS: &str = "http://outside.test/report";

/// What somebody asked the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Deploy,
    Request(usize),
    Tell(usize),
    Resume(RunId),
    Pause(RunId),
    Cancel(RunId),
}

/// What the node answered.
#[derive(Debug)]
pub(super) enum Said {
    Ids(Vec<EventId>),
    Answer(Answer),
    Done,
    /// Nothing, or not now: whether it took effect is unknown.
    Nothing,
    /// Something that it must not.
    Wrong(String),
}

impl World<'_> {
    pub(super) fn next_to_send(&mut self) -> Option<Asked> {
        let requests = self.requests.iter().enumerate();
        let mut open: Vec<_> = requests
            .filter(|(_, it)| it.progress == Progress::Open && it.from_ms <= self.now_ms)
            .map(|(at, _)| Asked::Request(at))
            .collect();
        let tells = self.tells.iter().enumerate();
        open.extend(
            tells
                .filter(|(_, it)| it.progress == Progress::Open && it.due_ms <= self.now_ms)
                .map(|(at, _)| Asked::Tell(at)),
        );
        if !self.deployed || self.dying.is_some() || open.is_empty() {
            return None;
        }
        self.rng.choice(&open).copied()
    }

    /// What an operator does now and then.
    pub(super) fn operate(&mut self) -> Result<()> {
        if !self.deployed || self.dying.is_some() {
            return Ok(());
        }
        let runs = self.runs()?;
        let Some(run) = self.rng.choice(&runs).map(|run| (run.id, run.status)) else {
            return Ok(());
        };
        match self.rng.within(0..8) {
            0 => self.ask(Asked::Cancel(run.0)),
            1..=3 => self.ask(Asked::Pause(run.0)),
            4 | 5 if run.1 == RunStatus::Paused => self.ask(Asked::Resume(run.0)),
            6 => self.deploy(),
            _ => Ok(()),
        }
    }

    pub(super) fn deploy(&mut self) -> Result<()> {
        if self.asked.values().any(|asked| *asked == Asked::Deploy) {
            return Ok(());
        }
        self.version = (self.version + 1) % self.machine.versions();
        self.ask(Asked::Deploy)
    }

    /// Asks the node something; the answer comes, or does not.
    pub(super) fn ask(&mut self, asked: Asked) -> Result<()> {
        self.questions += 1;
        let number = self.questions;
        self.trace.tell("ask", &format_args!("{asked:?}"));
        let node = self.life()?.node.clone();
        let question = self.question(asked, node)?;
        match asked {
            Asked::Request(at) => self.requests[at].progress = Progress::Sent,
            Asked::Tell(at) => self.tells[at].progress = Progress::Sent,
            // It may take effect whatever is answered.
            Asked::Cancel(run) => {
                self.cancelled.insert(run);
            }
            Asked::Deploy | Asked::Resume(_) | Asked::Pause(_) => {}
        }
        self.asked.insert(number, asked);
        let said = self.said.clone();
        self.life()?.tasks.spawn(Box::pin(async move {
            let answer = question.await;
            said.lock().push((number, answer));
        }));
        Ok(())
    }

    fn question(&self, asked: Asked, node: Node) -> Result<BoxFuture<'static, Said>> {
        fn said<T>(result: Result<T, SendError>, as_what: impl FnOnce(T) -> Said) -> Said {
            match result {
                Ok(answer) => as_what(answer),
                Err(SendError::Stopping | SendError::Overloaded { .. }) => Said::Nothing,
                Err(wrong @ SendError::Invalid(_)) => Said::Wrong(wrong.to_string()),
            }
        }
        Ok(match asked {
            Asked::Deploy => {
                let wasm = self.machine.component(self.version);
                let wasm = wasm.context("no such version")?;
                let options = DeployOptions {
                    app: APP.into(),
                    variables: BTreeMap::from([("WITNESS_URL".into(), WITNESS.into())]),
                    ..DeployOptions::default()
                };
                Box::pin(async move {
                    match node.deploy(wasm, options).await {
                        Ok(_) => Said::Done,
                        Err(abide_server::DeployError::Node(_)) => Said::Nothing,
                        Err(wrong) => Said::Wrong(wrong.to_string()),
                    }
                })
            }
            Asked::Request(at) => {
                let request = &self.requests[at];
                let (events, seed) = (request.events(), request.seed);
                Box::pin(async move { said(node.send_events(events, Some(seed)).await, Said::Ids) })
            }
            Asked::Tell(at) if self.tells[at].outside.signal => {
                let signal = self.tells[at].signal();
                Box::pin(async move { said(node.send_signal(signal).await, |_| Said::Done) })
            }
            Asked::Tell(at) => {
                let (event, seed) = (self.tells[at].event(), self.tells[at].seed);
                Box::pin(async move {
                    said(node.send_events(vec![event], Some(seed)).await, |_| {
                        Said::Done
                    })
                })
            }
            Asked::Resume(run) => {
                Box::pin(async move { said(node.resume_run(run).await, Said::Answer) })
            }
            Asked::Pause(run) => {
                Box::pin(
                    async move { said(node.pause_run(run, "the operator").await, Said::Answer) },
                )
            }
            Asked::Cancel(run) => {
                Box::pin(
                    async move { said(node.cancel_run(run, "the operator").await, Said::Answer) },
                )
            }
        })
    }

    pub(super) fn take_answers(&mut self) -> Result<()> {
        let answers = std::mem::take(&mut *self.said.lock());
        for (number, said) in answers {
            self.trace.tell("said", &format_args!("{number} {said:?}"));
            let Some(asked) = self.asked.remove(&number) else {
                continue;
            };
            if let Said::Wrong(problem) = said {
                bail!("{asked:?} is refused: {problem}");
            }
            let nothing = matches!(said, Said::Nothing);
            match (asked, said) {
                (Asked::Deploy, _) => {
                    self.deployed |= !nothing;
                    if nothing && self.dying.is_none() {
                        self.dying = Some(1);
                    }
                }
                (Asked::Request(at), Said::Ids(ids)) => self.acknowledged(at, &ids)?,
                (Asked::Request(at), _) => self.requests[at].progress = Progress::Open,
                (Asked::Tell(at), _) if nothing => self.tells[at].progress = Progress::Open,
                (Asked::Tell(at), _) => self.tells[at].progress = Progress::Done,
                (Asked::Resume(_), Said::Answer(Answer::Refused(why))) => {
                    bail!("a paused run cannot be resumed: {why}")
                }
                (Asked::Resume(_) | Asked::Pause(_) | Asked::Cancel(_), _) => {}
            }
        }
        Ok(())
    }

    /// What the node tells those who watch is durable. A run that ended by itself has no bodies left; one that was cancelled may.
    pub(super) fn take_notices(&mut self) -> Result<()> {
        let life = self.life.as_mut().context("the node is off")?;
        while let Ok(notice) = life.notices.try_recv() {
            self.trace.tell("notice", &format_args!("{notice:?}"));
            if let Notice::Run { run, status, .. } = notice
                && matches!(status, RunStatus::Completed | RunStatus::Failed)
            {
                self.ledger.ended(run.to_string());
            }
        }
        Ok(())
    }

    fn acknowledged(&mut self, at: usize, ids: &[EventId]) -> Result<()> {
        let request = &mut self.requests[at];
        ensure!(
            ids == request.ids(),
            "the answer has other ids than those that follow from the seed: {ids:?}"
        );
        request.progress = Progress::Done;
        for program in &request.programs {
            self.tells
                .extend(Tell::all(program, self.now_ms, &mut self.rng));
        }
        Ok(())
    }
}
