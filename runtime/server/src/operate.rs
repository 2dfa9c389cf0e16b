//! What operators ask of a node: to pause, resume and replay, to do something to many runs, to set the shapes of events.
//!
//! Each method is one question to the engine and its answer; what the answer means for the asker is the caller's affair.

use std::path::Path;
use std::sync::Arc;

use abide_core::engine::{Answer, FromStep, Input, Invocation, Usage};
use abide_core::ids::{Digest, FunctionId, RunId};
use abide_core::machine::Divergence;
use abide_core::state::{EventSchema, JobAction, Read as _, ReadError, RunFilter};
use tokio::sync::oneshot;

use crate::anatomy::Anatomy;
use crate::components::MissingCode;
use crate::executions;
use crate::export::{Export, Unfit};
use crate::shard::Message;
use crate::warnings::Warning;
use crate::{DeployError, Node, SendError};

impl Node {
    /// The same node, whose inputs belong to the request of this name: it does each of them once, however often the request comes. What was
    /// done before is answered with [`Answer::DoneBefore`].
    #[must_use]
    pub fn once(&self, request: Option<&str>) -> Self {
        Self {
            request: request.map(Arc::from),
            ..self.clone()
        }
    }

    /// Ends a run. The answer is [`Answer::Cancelled`], [`Answer::Ended`] or [`Answer::NoSuchRun`].
    pub async fn cancel_run(&self, run: RunId, reason: &str) -> Result<Answer, SendError> {
        let reason = reason.to_owned();
        self.ask(|reply| Input::Cancel { run, reason, reply }).await
    }

    /// Stops a run where it is. The answer is [`Answer::Paused`], [`Answer::Ended`] or [`Answer::NoSuchRun`].
    pub async fn pause_run(&self, run: RunId, reason: &str) -> Result<Answer, SendError> {
        let reason = reason.to_owned();
        self.ask(|reply| Input::PauseRun { run, reason, reply })
            .await
    }

    /// Lets a paused run go on. The answer is [`Answer::Resumed`], [`Answer::Ended`], [`Answer::NoSuchRun`] or
    /// [`Answer::Refused`].
    pub async fn resume_run(&self, run: RunId) -> Result<Answer, SendError> {
        self.ask(|reply| Input::ResumeRun { run, reply }).await
    }

    /// Lets no run of a function start. The answer is [`Answer::Paused`] or [`Answer::NoSuchFunction`].
    pub async fn pause_function(&self, function: FunctionId) -> Result<Answer, SendError> {
        self.ask(|reply| Input::PauseFunction { function, reply })
            .await
    }

    /// Lets the runs of a function start again. The answer is [`Answer::Resumed`] or [`Answer::NoSuchFunction`].
    pub async fn resume_function(&self, function: FunctionId) -> Result<Answer, SendError> {
        self.ask(|reply| Input::ResumeFunction { function, reply })
            .await
    }

    /// Starts a function, whatever its triggers say. The answer is [`Answer::Invoked`] or [`Answer::NoSuchFunction`].
    pub async fn invoke_function(
        &self,
        function: FunctionId,
        invocation: Invocation,
    ) -> Result<Answer, SendError> {
        self.inner.refuse_overload()?;
        self.ask(|reply| Input::Invoke {
            function,
            invocation,
            reply,
        })
        .await
    }

    /// What is held of a function's limits, and who waits for them; nothing from a node that stops.
    pub(crate) async fn usage(&self, function: FunctionId) -> Vec<Usage> {
        let (reply, answer) = oneshot::channel();
        if !self.inner.shard.send(Message::Usage(function, reply)) {
            return Vec::new();
        }
        answer.await.unwrap_or_default()
    }

    /// Does a run that ended again. The answer is [`Answer::Replayed`], [`Answer::NoSuchRun`] or [`Answer::Refused`].
    pub async fn replay_run(
        &self,
        run: RunId,
        from_step: Option<FromStep>,
    ) -> Result<Answer, SendError> {
        self.ask(|reply| Input::Replay {
            run,
            from_step,
            reply,
        })
        .await
    }

    /// Begins to do something to many runs. The answer is [`Answer::Job`] or [`Answer::Refused`].
    pub async fn start_job(
        &self,
        action: JobAction,
        filter: RunFilter,
        interval_us: Option<u64>,
    ) -> Result<Answer, SendError> {
        self.ask(|reply| Input::StartJob {
            action,
            filter,
            interval_us,
            reply,
        })
        .await
    }

    /// Stops a job. The answer is [`Answer::Job`] or [`Answer::NoSuchJob`].
    pub async fn stop_job(&self, job: RunId) -> Result<Answer, SendError> {
        self.ask(|reply| Input::StopJob { job, reply }).await
    }

    /// Sets an operator's schema. The answer is [`Answer::SchemaChanged`] or [`Answer::Refused`].
    pub async fn put_schema(&self, schema: EventSchema) -> Result<Answer, SendError> {
        self.ask(|reply| Input::PutSchema { schema, reply }).await
    }

    /// Removes an operator's schema. The answer is [`Answer::SchemaChanged`] or [`Answer::Refused`].
    pub async fn delete_schema(
        &self,
        event: String,
        v: Option<String>,
    ) -> Result<Answer, SendError> {
        self.ask(|reply| Input::DeleteSchema { event, v, reply })
            .await
    }

    /// Replays a run from its journal as it is recorded now: the first divergence, if there is one.
    pub async fn check_replay(&self, run: RunId) -> Result<Option<Box<Divergence>>, ReadError> {
        let Some(run) = self.inner.view.run(run)? else {
            return Ok(None);
        };
        let checked = executions::check_replay(&self.inner, &run).await;
        Ok(checked?)
    }

    /// Writes a run that was exported elsewhere, after its component if there is one; nothing of it is executed. Durable when this returns;
    /// whether it is new is the answer.
    pub(crate) async fn import_run(
        &self,
        export: Export,
        component: Option<bytes::Bytes>,
    ) -> Result<Result<bool, Unfit>, DeployError> {
        let inner = &self.inner;
        // Held until the run's record is durable: the file must not be swept away before.
        let _added = match component {
            Some(wasm) => Some(inner.components.add(wasm).await?),
            None => None,
        };
        let (done, answer) = oneshot::channel();
        let stopping = || DeployError::Node(SendError::Stopping);
        if inner.is_stopping() || !inner.shard.send(Message::Import(Box::new(export), done)) {
            return Err(stopping());
        }
        match answer.await.map_err(|_| stopping())? {
            Ok((new, ticket)) => {
                ticket.await.map_err(|_| stopping())?;
                Ok(Ok(new))
            }
            Err(unfit) => Ok(Err(unfit)),
        }
    }

    /// Where the node keeps what must survive.
    pub(crate) fn data_directory(&self) -> &Path {
        self.inner.directory()
    }

    /// What a component is made of; `None` if it is no longer on the disk.
    pub(crate) async fn anatomy(&self, digest: Digest) -> Option<Arc<Anatomy>> {
        self.inner.components.anatomy(digest).await
    }

    /// The bytes of a component that is on the disk.
    pub(crate) async fn component(&self, digest: Digest) -> Result<Vec<u8>, MissingCode> {
        self.inner.components.bytes(digest).await
    }

    /// What the node noticed about a function since it started, the latest first.
    pub(crate) fn warnings(&self, function: &FunctionId) -> Vec<Warning> {
        self.inner.warnings.of(function)
    }
}
