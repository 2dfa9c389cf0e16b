//! The interpreter. It awaits nothing but operations of its [`Workflow`], and starts them in the order of the program.

use std::pin::Pin;

use serde_json::{Value, json};

use crate::program::{Form, Program, Statement, Step, event_data, signal_name};
use crate::value::Scope;
use crate::{STUMBLED, THROWN, seen_name};

/// How far back a wait looks that also accepts events that came before: for ever, as far as a simulation goes.
const LOOKBACK_MS: u64 = 366 * 24 * 3_600_000;

/// How long a signal is kept: as long.
const TTL_MS: u64 = LOOKBACK_MS;

/// A future of the interpreter. Natively it can move between threads; a component has one.
#[cfg(not(target_family = "wasm"))]
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// A future of the interpreter. Natively it can move between threads; a component has one.
#[cfg(target_family = "wasm")]
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// What can be shared between the futures of a program.
#[cfg(not(target_family = "wasm"))]
pub trait Shared: Send + Sync {}
#[cfg(not(target_family = "wasm"))]
impl<T: Send + Sync> Shared for T {}
/// What can be shared between the futures of a program.
#[cfg(target_family = "wasm")]
pub trait Shared {}
#[cfg(target_family = "wasm")]
impl<T> Shared for T {}

/// An error that ends a block.
#[derive(Debug, Clone, PartialEq)]
pub struct Thrown {
    /// Its kind.
    pub name: String,
    /// One sentence.
    pub message: String,
    /// Whether trying again may help: bodies and workflow code say so; the error of an operation is final.
    pub retriable: bool,
    /// When to try again, in milliseconds from now.
    pub after_ms: Option<u64>,
}

impl Thrown {
    /// An error that trying again may cure, without a word about what happened.
    pub fn retriable(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            message: String::new(),
            retriable: true,
            after_ms: None,
        }
    }

    /// One that trying again cannot cure.
    pub fn for_good(name: &str) -> Self {
        Self {
            retriable: false,
            ..Self::retriable(name)
        }
    }
}

/// What ends a block before its end.
#[derive(Debug, Clone, PartialEq)]
pub enum Exit {
    /// The program returns this.
    Return(Value),
    /// An error.
    Error(Thrown),
}

impl From<Thrown> for Exit {
    fn from(thrown: Thrown) -> Self {
        Self::Error(thrown)
    }
}

/// What comes of a statement.
pub type Flow = Result<Value, Exit>;

/// Which event a wait is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventWait {
    /// Its name.
    pub event: String,
    /// A path that must be equal, or else
    pub matching: Option<&'static str>,
    /// a condition that must hold.
    pub condition: Option<String>,
    /// How long.
    pub timeout_ms: u64,
    /// How far back.
    pub lookback_ms: Option<u64>,
}

/// An event that is sent: its name and data.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// A key: of several events with the same one, only the first starts anything.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// Its data.
    pub data: Value,
}

/// What a workflow can do: the SDK in a component, or native code. An operation starts when its future is first polled, and is given up when
/// that is dropped.
pub trait Workflow: Shared + 'static {
    /// Which attempt at the workflow code this is, from 0.
    fn attempt(&self) -> u32;
    /// A step that returns `value`; see [`perform`](crate::perform).
    fn run<'a>(&'a self, step: &'a Step, value: Value) -> Boxed<'a, Result<Value, Thrown>>;
    /// Sleeps.
    fn sleep<'a>(&'a self, id: &'a str, ms: u64) -> Boxed<'a, Result<(), Thrown>>;
    /// Sleeps until a time.
    fn sleep_until<'a>(&'a self, id: &'a str, at_ms: u64) -> Boxed<'a, Result<(), Thrown>>;
    /// Waits for an event: the member `value` of its data, or nothing.
    fn wait_for_event<'a>(
        &'a self,
        id: &'a str,
        wait: EventWait,
    ) -> Boxed<'a, Result<Option<Value>, Thrown>>;
    /// Waits for a signal.
    fn wait_for_signal<'a>(
        &'a self,
        id: &'a str,
        name: String,
        timeout_ms: u64,
    ) -> Boxed<'a, Result<Option<Value>, Thrown>>;
    /// Sends events; their number.
    fn send_events<'a>(
        &'a self,
        id: &'a str,
        events: Vec<Sent>,
    ) -> Boxed<'a, Result<usize, Thrown>>;
    /// Sends a signal.
    fn send_signal<'a>(
        &'a self,
        id: &'a str,
        name: String,
        data: Value,
        ttl_ms: u64,
    ) -> Boxed<'a, Result<(), Thrown>>;
    /// Invokes a function of the same app.
    fn invoke<'a>(
        &'a self,
        id: &'a str,
        program: Program,
        timeout_ms: u64,
    ) -> Boxed<'a, Result<Value, Thrown>>;
    /// Has the host `POST` a JSON; the status and the JSON of the response.
    fn fetch<'a>(
        &'a self,
        id: &'a str,
        url: String,
        body: Value,
        retries: u32,
    ) -> Boxed<'a, Result<(u16, Value), Thrown>>;
    /// Logs a line.
    fn log(&self, line: &str);
    /// All branches to their end.
    fn all<'a>(&'a self, branches: Vec<Boxed<'a, Flow>>) -> Boxed<'a, Vec<Flow>>;
    /// All branches to their end, or to the first exit; the others are given up then.
    fn all_or_first_exit<'a>(
        &'a self,
        branches: Vec<Boxed<'a, Flow>>,
    ) -> Boxed<'a, Result<Vec<Value>, Exit>>;
    /// The first branch that ends; the others are given up.
    fn race<'a>(&'a self, branches: Vec<Boxed<'a, Flow>>) -> Boxed<'a, Flow>;
}

/// Runs a program: its output, or the error that ends this attempt.
pub async fn interpret<W: Workflow>(workflow: &W, program: &Program) -> Result<Value, Thrown> {
    let run = Interpreter { workflow, program };
    let mut scope = Scope::default();
    match run.block(&program.body, &mut scope).await {
        Ok(value) | Err(Exit::Return(value)) => Ok(json!({"key": program.key, "value": value})),
        Err(Exit::Error(thrown)) => Err(thrown),
    }
}

struct Interpreter<'a, W> {
    workflow: &'a W,
    program: &'a Program,
}

impl<W> Clone for Interpreter<'_, W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Interpreter<'_, W> {}

impl<'a, W: Workflow> Interpreter<'a, W> {
    fn block<'s>(self, statements: &'a [Statement], scope: &'s mut Scope) -> Boxed<'s, Flow>
    where
        'a: 's,
    {
        Box::pin(async move {
            let mut values = Vec::with_capacity(statements.len());
            for statement in statements {
                let value = self.statement(statement, scope).await?;
                scope.take(&value);
                values.push(value);
            }
            Ok(Value::Array(values))
        })
    }

    async fn statement(self, statement: &'a Statement, scope: &mut Scope) -> Flow {
        match statement {
            Statement::Log(line) => {
                self.workflow.log(line);
                Ok(Value::Null)
            }
            Statement::Value(expr) => Ok(scope.value(expr)),
            Statement::Return(expr) => Err(Exit::Return(scope.value(expr))),
            Statement::Stumble(below) if self.workflow.attempt() < *below => Err(Thrown {
                message: "the workflow code stumbles".to_owned(),
                ..Thrown::retriable(STUMBLED)
            }
            .into()),
            Statement::Stumble(_) => Ok(Value::Null),
            Statement::Throw(retriable) => Err(Thrown {
                message: "the workflow code fails".to_owned(),
                retriable: *retriable,
                ..Thrown::retriable(THROWN)
            }
            .into()),
            Statement::All { branches, hasty } => self.all(branches, *hasty, scope).await,
            Statement::Race(branches) => self.race(branches, scope).await,
            Statement::Try(first, otherwise) => self.attempt(first, otherwise, scope).await,
            Statement::Loop(times, body) => self.repeat(*times, body, scope).await,
            Statement::If(first, second) => {
                let block = if scope.takes_first() { first } else { second };
                self.block(block, scope).await
            }
            Statement::Run(_)
            | Statement::Sleep { .. }
            | Statement::SleepUntil { .. }
            | Statement::Wait { .. }
            | Statement::Signal { .. }
            | Statement::Tell { .. }
            | Statement::SendSignal { .. }
            | Statement::Spawn { .. }
            | Statement::Invoke { .. }
            | Statement::Fetch { .. } => Ok(self.operation(statement, scope).await?),
        }
    }

    /// What is one operation. The others have no value here.
    #[allow(clippy::too_many_lines, reason = "one arm an operation")]
    async fn operation(self, statement: &'a Statement, scope: &Scope) -> Result<Value, Thrown> {
        let key = &self.program.key;
        let workflow = self.workflow;
        let null = |()| Value::Null;
        match statement {
            Statement::Run(step) => workflow.run(step, scope.value(&step.value)).await,
            Statement::Sleep { id, ms } => workflow.sleep(id, *ms).await.map(null),
            Statement::SleepUntil { id, at } => workflow.sleep_until(id, *at).await.map(null),
            Statement::Wait {
                id,
                topic,
                ms,
                form,
                back,
            } => {
                let topic = scope.topic(topic);
                let wait = EventWait {
                    event: form.event_name(&topic),
                    matching: (*form == Form::Match).then_some("data.key"),
                    condition: form.condition(&topic),
                    timeout_ms: *ms,
                    lookback_ms: back.then_some(LOOKBACK_MS),
                };
                let told = workflow.wait_for_event(id, wait).await?;
                Ok(told.unwrap_or_default())
            }
            Statement::Signal { id, topic, ms } => {
                let name = signal_name(key, &scope.topic(topic));
                let told = workflow.wait_for_signal(id, name, *ms).await?;
                Ok(told.unwrap_or_default())
            }
            Statement::Tell { id, topic, value } => {
                let topic = scope.topic(topic);
                let sent = Sent {
                    id: None,
                    name: Form::Match.event_name(&topic),
                    data: event_data(key, &topic, &scope.value(value)),
                };
                Ok(workflow.send_events(id, vec![sent]).await?.into())
            }
            Statement::SendSignal { id, topic, value } => {
                let name = signal_name(key, &scope.topic(topic));
                let sending = workflow.send_signal(id, name, scope.value(value), TTL_MS);
                sending.await.map(null)
            }
            Statement::Spawn {
                id,
                programs,
                twice,
            } => {
                let mut events = Vec::new();
                for (n, sub) in programs.iter().enumerate() {
                    let path = format!("{}/{n}", scope.path);
                    let program = sub.program(self.program, id, &path);
                    let event = Sent {
                        id: twice.then(|| program.key.clone()),
                        name: program.function.event(),
                        data: json!(program),
                    };
                    events.extend(twice.then(|| event.clone()));
                    events.push(event);
                }
                Ok(workflow.send_events(id, events).await?.into())
            }
            Statement::Invoke { id, program, ms } => {
                let program = program.program(self.program, id, &scope.path);
                workflow.invoke(id, program, *ms).await
            }
            Statement::Fetch {
                id,
                status,
                value,
                retries,
            } => {
                let url = format!("{}/fetch", self.program.url);
                let body = json!({
                    "key": key, "step": id, "status": status, "value": scope.value(value),
                });
                let (status, value) = workflow.fetch(id, url, body, *retries).await?;
                Ok(json!([status, value]))
            }
            Statement::Log(_)
            | Statement::Value(_)
            | Statement::Return(_)
            | Statement::Stumble(_)
            | Statement::Throw(_)
            | Statement::All { .. }
            | Statement::Race(_)
            | Statement::Try(..)
            | Statement::Loop(..)
            | Statement::If(..) => Ok(Value::Null),
        }
    }

    async fn all(self, branches: &'a [Vec<Statement>], hasty: bool, scope: &Scope) -> Flow {
        let branches = branches
            .iter()
            .map(|branch| self.branch(branch, scope.clone()));
        let branches = branches.collect();
        if hasty {
            return self
                .workflow
                .all_or_first_exit(branches)
                .await
                .map(Value::Array);
        }
        let ended = self.workflow.all(branches).await;
        ended
            .into_iter()
            .collect::<Result<_, _>>()
            .map(Value::Array)
    }

    async fn race(self, branches: &'a [Vec<Statement>], scope: &Scope) -> Flow {
        let numbered = branches.iter().enumerate().map(|(number, branch)| {
            let branch = self.branch(branch, scope.clone());
            let numbered: Boxed<'_, Flow> =
                Box::pin(async move { Ok(json!([number, branch.await?])) });
            numbered
        });
        self.workflow.race(numbered.collect()).await
    }

    fn branch(self, branch: &'a [Statement], mut scope: Scope) -> Boxed<'a, Flow> {
        Box::pin(async move { self.block(branch, &mut scope).await })
    }

    async fn attempt(
        self,
        first: &'a [Statement],
        otherwise: &'a [Statement],
        scope: &mut Scope,
    ) -> Flow {
        let before = scope.clone();
        match self.block(first, scope).await {
            Err(Exit::Error(thrown)) => {
                let name = json!(seen_name(&thrown.name));
                *scope = before;
                scope.take(&name);
                let value = self.block(otherwise, scope).await?;
                Ok(json!([name, value]))
            }
            other => other,
        }
    }

    async fn repeat(self, times: u32, body: &'a [Statement], scope: &mut Scope) -> Flow {
        let outer = scope.path.clone();
        let mut values = Vec::new();
        for number in 0..times {
            *scope = scope.repeat(number);
            let value = self.block(body, scope).await;
            scope.path.clone_from(&outer);
            values.push(value?);
        }
        Ok(Value::Array(values))
    }
}
