//! What the interpreter asks for, as the SDK does it.

use std::future::Future;

use abide_sdk::prelude::*;
use abide_sim_language::{
    Boxed, EventWait, Exit, Flow, Growth, Program, Report, Reported, Sent, Step, Thrown, Workflow,
    perform,
};

/// One attempt at the code of a run.
pub(crate) struct Sdk {
    ctx: Context,
    key: String,
}

impl Sdk {
    pub(crate) fn new(ctx: Context, program: &Program) -> Self {
        let key = program.key.clone();
        Self { ctx, key }
    }
}

/// What an event that the program waits for carries.
#[derive(Deserialize)]
struct Told {
    value: Value,
}

/// An error of an operation: the SDK's own words, and final.
fn failed(error: &StepError) -> Thrown {
    Thrown {
        message: error.to_string(),
        ..Thrown::for_good(error.name())
    }
}

fn boxed<'a, T, U>(
    operation: impl Future<Output = Result<T, StepError>> + 'a,
    read: impl FnOnce(T) -> U + 'a,
) -> Boxed<'a, Result<U, Thrown>> {
    Box::pin(async move { operation.await.map(read).map_err(|error| failed(&error)) })
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Workflow for Sdk {
    fn attempt(&self) -> u32 {
        self.ctx.attempt()
    }

    fn run<'a>(&'a self, step: &'a Step, value: Value) -> Boxed<'a, Result<Value, Thrown>> {
        let report = Report {
            run_id: self.ctx.run_id().to_owned(),
            key: self.key.clone(),
            function: self.ctx.function_id().to_owned(),
            step: step.id.clone(),
            attempt: 0,
            idempotency_key: String::new(),
            step_key: String::new(),
            value: Value::Null,
        };
        let mut asked = self.ctx.step(step.id.as_str());
        if let Some(retries) = step.retries {
            asked = asked.retries(retries);
        }
        if let Some(schedule) = step.backoff {
            let base = ms(schedule.base_ms);
            asked = asked.backoff(match schedule.growth {
                Growth::Constant => Backoff::constant(base),
                Growth::Linear => Backoff::linear(base),
                Growth::Exponential => Backoff::exponential(base),
            });
        }
        if let Some(timeout) = step.timeout_ms {
            asked = asked.timeout(ms(timeout));
        }
        let step = step.clone();
        let body = move |execution: Execution| async move {
            let attempt = execution.attempt;
            let call = |value| call(Report { value, ..report }, execution);
            let performed = perform(step, value, attempt, call);
            performed.await.map_err(crate::to_error)
        };
        boxed(asked.run_with(body), |value| value)
    }

    fn sleep<'a>(&'a self, id: &'a str, time: u64) -> Boxed<'a, Result<(), Thrown>> {
        boxed(self.ctx.sleep(id, ms(time)), |()| ())
    }

    fn sleep_until<'a>(&'a self, id: &'a str, at_ms: u64) -> Boxed<'a, Result<(), Thrown>> {
        let at = Timestamp::from_millis(at_ms);
        boxed(self.ctx.sleep_until(id, at), |()| ())
    }

    fn wait_for_event<'a>(
        &'a self,
        id: &'a str,
        wait: EventWait,
    ) -> Boxed<'a, Result<Option<Value>, Thrown>> {
        let mut waits = self.ctx.wait_for_event::<Told>(id).event(wait.event);
        waits = waits.timeout(ms(wait.timeout_ms));
        if let Some(path) = wait.matching {
            waits = waits.matching(path);
        }
        if let Some(condition) = wait.condition {
            waits = waits.when(condition);
        }
        if let Some(lookback) = wait.lookback_ms {
            waits = waits.lookback(ms(lookback));
        }
        boxed(waits, |event| event.map(|event| event.data.value))
    }

    fn wait_for_signal<'a>(
        &'a self,
        id: &'a str,
        name: String,
        timeout_ms: u64,
    ) -> Boxed<'a, Result<Option<Value>, Thrown>> {
        let waits = self.ctx.wait_for_signal(id, name).timeout(ms(timeout_ms));
        boxed(waits, |data| data)
    }

    fn send_events<'a>(
        &'a self,
        id: &'a str,
        events: Vec<Sent>,
    ) -> Boxed<'a, Result<usize, Thrown>> {
        let events = events.into_iter().map(|sent| {
            let event = NewEvent::new(sent.name).data(&sent.data);
            match sent.id {
                Some(id) => event.id(id),
                None => event,
            }
        });
        boxed(self.ctx.send_events(id, events), |ids| ids.len())
    }

    fn send_signal<'a>(
        &'a self,
        id: &'a str,
        name: String,
        data: Value,
        ttl_ms: u64,
    ) -> Boxed<'a, Result<(), Thrown>> {
        let sends = self.ctx.send_signal(id, name).data(&data).ttl(ms(ttl_ms));
        boxed(sends, |()| ())
    }

    fn invoke<'a>(
        &'a self,
        id: &'a str,
        program: Program,
        timeout_ms: u64,
    ) -> Boxed<'a, Result<Value, Thrown>> {
        let invokes = self.ctx.invoke(id, program.function.id()).data(&program);
        boxed(invokes.timeout(ms(timeout_ms)), |output| output)
    }

    fn fetch<'a>(
        &'a self,
        id: &'a str,
        url: String,
        body: Value,
        retries: u32,
    ) -> Boxed<'a, Result<(u16, Value), Thrown>> {
        let fetch = self.ctx.fetch(id, url).method("POST").json(&body);
        let fetch = fetch.retries(retries).backoff(Backoff::constant("1s"));
        boxed(fetch, |response| {
            let answer: Option<Reported> = response.json().ok();
            let value = answer.map(|answer| answer.value);
            (response.status(), value.unwrap_or_default())
        })
    }

    fn log(&self, line: &str) {
        log::info!("{line}");
    }

    fn all<'a>(&'a self, branches: Vec<Boxed<'a, Flow>>) -> Boxed<'a, Vec<Flow>> {
        Box::pin(join_all(branches))
    }

    fn all_or_first_exit<'a>(
        &'a self,
        branches: Vec<Boxed<'a, Flow>>,
    ) -> Boxed<'a, Result<Vec<Value>, Exit>> {
        Box::pin(try_join_all(branches))
    }

    fn race<'a>(&'a self, branches: Vec<Boxed<'a, Flow>>) -> Boxed<'a, Flow> {
        Box::pin(race(branches))
    }
}

/// Calls the outside service.
async fn call(report: Report, execution: Execution) -> Result<Value, Thrown> {
    let report = Report {
        attempt: execution.attempt,
        idempotency_key: execution.idempotency_key,
        step_key: execution.step_key,
        ..report
    };
    let answered = answer(&report).await.map_err(|error| Thrown {
        message: error.message().to_owned(),
        ..Thrown::retriable(error.name())
    })?;
    Ok(answered.value)
}

async fn answer(report: &Report) -> Result<Reported> {
    let url = std::env::var("WITNESS_URL")?;
    http::post(url)
        .header("idempotency-key", &report.idempotency_key)
        .json(report)
        .send()
        .await?
        .error_for_status()?
        .json()
}
