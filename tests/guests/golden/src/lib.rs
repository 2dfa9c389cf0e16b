//! What the golden journals are recorded with: small functions that together leave every kind of entry and record behind.
//!
//! Against the bare bindings, because its component lies in the repository beside the rows: an SDK would be most of it. Once a version is
//! released its component stays as it is; what changes here is recorded by the next version.
#![allow(
    clippy::unnecessary_wraps,
    reason = "every function returns an outcome, and every key may be absent"
)]

mod bindings {
    #![allow(clippy::pedantic)]
    wit_bindgen::generate!({ path: "../../../wit", world: "app" });
}
mod configs;
mod flow;
mod outside;

use bindings::abide::durable::logging::{Level, log};
use bindings::abide::durable::types::{
    AiFormat, AiInferOptions, EventSchema, Failure, FetchOptions, FunctionConfig, InvokeOptions,
    NewEvent, Operation, RetryAdvice, RunContext, SendSignalOptions, WaitForEventOptions,
    WaitForSignalOptions,
};
use bindings::exports::abide::durable::functions::Guest;
use flow::{Flow, Outcome, begin, failure, number_in, text_in};

/// How long the waits of these functions are.
const DAY: u64 = 86_400_000;

/// A line as loggers write it, with so many bytes in one of its fields, and one that a library prints.
fn log_fields(bytes: u64) {
    let long = "l".repeat(usize::try_from(bytes).unwrap_or(1));
    let fields = format!(r#"{{"key":"k","n":7,"long":"{long}"}}"#);
    let line = format!(r#"{{"message":"with fields","level":"warn","fields":{fields}}}"#);
    log(Level::Info, &line);
    println!(r#"{{"msg":"printed","n":8}}"#);
}

/// Two steps, lines of every level, a time in the past; `bytes` makes the result large, `line` a line with fields.
fn steps(flow: &mut Flow) -> Outcome {
    println!("on standard output");
    eprintln!("on standard error");
    for level in [
        Level::Trace,
        Level::Debug,
        Level::Info,
        Level::Warn,
        Level::Error,
    ] {
        log(level, "in the workflow");
    }
    match flow.number("line", 0) {
        0 => {}
        bytes => log_fields(bytes),
    }
    let first = flow.step("first", |_, execution| {
        log(Level::Info, "in a body");
        Ok(format!("\"{}\"", execution.step_key))
    })?;
    flow.perform("past", &Operation::SleepUntil(1_000))?;
    let second = flow.step("first", |ctx, _| {
        let bytes = number_in(ctx, "bytes").unwrap_or(1);
        Ok(format!(
            "\"{}\"",
            "x".repeat(usize::try_from(bytes).unwrap_or(1))
        ))
    })?;
    Ok(format!("[{first},{second},{}]", flow.ctx.events.len()))
}

/// A step whose first attempts fail.
fn retry(flow: &mut Flow) -> Outcome {
    flow.step("flaky", |ctx, execution| {
        let failures = number_in(ctx, "failures").unwrap_or(1);
        if u64::from(execution.attempt) < failures {
            return Err(failure(
                "NotYet",
                "the first attempts fail",
                RetryAdvice::Retriable,
            ));
        }
        Ok(execution.attempt.to_string())
    })
}

/// Workflow code whose first attempt fails after a step.
fn again(flow: &mut Flow) -> Outcome {
    let result = flow.step("once", |_, execution| Ok(execution.attempt.to_string()))?;
    if flow.ctx.attempt == 0 {
        return Err(failure(
            "NotYet",
            "the first attempt fails",
            RetryAdvice::Retriable,
        ));
    }
    Ok(format!("[{result},{}]", flow.ctx.attempt))
}

fn fails(flow: &mut Flow) -> Outcome {
    flow.step("refused", |_, _| {
        Err(failure("Refused", "no", RetryAdvice::NonRetriable))
    })
}

fn parallel(flow: &mut Flow) -> Outcome {
    let nap = begin("nap", &Operation::Sleep(1_000));
    let tickets: Vec<_> = ["a", "b", "c"]
        .iter()
        .map(|id| {
            flow.begin_step(id, None, |_, execution| {
                Ok(format!("\"{}\"", execution.idempotency_key))
            })
        })
        .collect();
    let results: Result<Vec<_>, _> = tickets
        .into_iter()
        .map(|ticket| flow.outcome(ticket))
        .collect();
    flow.outcome(nap)?;
    Ok(format!("[{}]", results?.join(",")))
}

fn race(flow: &mut Flow) -> Outcome {
    let long = begin("long", &Operation::Sleep(DAY));
    let short = begin("short", &Operation::Sleep(1_000));
    let winner = flow.first(&[long, short]);
    flow.give_up(long);
    let after = flow.step("after", |_, _| Ok("1".to_owned()))?;
    Ok(format!("[{},{after}]", winner == short))
}

fn sleep(flow: &mut Flow) -> Outcome {
    let before = flow.step("before", |_, _| Ok("1".to_owned()))?;
    let ms = flow.number("ms", 1_000);
    flow.perform("nap", &Operation::Sleep(ms))?;
    let after = flow.step("after", |_, _| Ok("2".to_owned()))?;
    Ok(format!("[{before},{after}]"))
}

/// `how` says what the event must be like.
fn wait(flow: &mut Flow) -> Outcome {
    let how = flow.text("how");
    let event = WaitForEventOptions {
        event: "golden/wake".to_owned(),
        timeout: DAY,
        if_: (how == "if").then(|| "async.data.n > event.data.n".to_owned()),
        match_: (how == "match").then(|| "data.key".to_owned()),
        lookback: (how == "lookback").then_some(60_000),
    };
    flow.perform("wake", &Operation::WaitForEvent(event))
}

fn signal(flow: &mut Flow) -> Outcome {
    let signal = WaitForSignalOptions {
        signal: flow.text("name"),
        timeout: DAY,
        on_conflict: None,
    };
    flow.perform("signal", &Operation::WaitForSignal(signal))
}

fn send(flow: &mut Flow) -> Outcome {
    let event = |id: Option<&str>, name: &str| NewEvent {
        id: id.map(str::to_owned),
        name: name.to_owned(),
        data: Some(r#"{"key":"sent"}"#.to_owned()),
        user: Some(r#"{"id":"u1"}"#.to_owned()),
        ts: None,
        v: None,
    };
    let events = vec![
        event(Some("sent-1"), "golden/steps"),
        event(None, "golden/nobody-listens"),
    ];
    let ids = flow.perform("events", &Operation::SendEvents(events))?;
    let signal = SendSignalOptions {
        signal: flow.text("name"),
        data: Some(r#"{"from":"send"}"#.to_owned()),
        ttl: Some(DAY),
    };
    flow.perform("signal", &Operation::SendSignal(signal))?;
    // The ids follow from a seed of the node's: how many there are does not.
    Ok(ids.matches(',').count().to_string())
}

fn invoke(flow: &mut Flow) -> Outcome {
    let options = InvokeOptions {
        function: flow.text("function"),
        data: Some(format!(
            r#"{{"key":"invoked","ms":{}}}"#,
            flow.number("ms", 1_000)
        )),
        timeout: Some(DAY),
    };
    caught(flow, "call", &Operation::Invoke(options))
}

fn fetch(flow: &mut Flow) -> Outcome {
    let options = FetchOptions {
        method: "POST".to_owned(),
        url: flow.text("url"),
        headers: vec![("x-golden".to_owned(), "1".to_owned())],
        body: Some(b"body".to_vec()),
        timeout: Some(5_000),
        retries: Some(1),
        backoff: None,
    };
    caught(flow, "fetch", &Operation::Fetch(options))
}

fn infer(flow: &mut Flow) -> Outcome {
    let options = AiInferOptions {
        format: AiFormat::Anthropic,
        model: "model-1".to_owned(),
        url: Some(flow.text("url")),
        key_variable: Some("KEY".to_owned()),
        body: r#"{"messages":[]}"#.to_owned(),
        timeout: Some(5_000),
        retries: Some(1),
    };
    caught(flow, "infer", &Operation::AiInfer(options))
}

/// A body that reaches outside, where nobody answers.
fn outside(flow: &mut Flow) -> Outcome {
    let ticket = flow.begin_step("outside", None, |ctx, _| {
        outside::get(&text_in(ctx, "authority"))
            .map_err(|error| failure("Unreachable", error, RetryAdvice::NonRetriable))
    });
    match flow.outcome(ticket) {
        Ok(json) => Ok(json),
        Err(failure) => Ok(format!("\"{}\"", failure.name)),
    }
}

fn input(flow: &mut Flow) -> Outcome {
    let before = flow.step("before", |_, _| Ok("1".to_owned()))?;
    let ticket = flow.begin_step("work", Some(r#"{"n":1}"#), |_, execution| {
        let given = execution.input.clone();
        Ok(given.unwrap_or_else(|| "\"as captured\"".to_owned()))
    });
    let result = flow.outcome(ticket)?;
    Ok(format!("[{before},{result}]"))
}

/// The operation's outcome, where a failure is one too.
fn caught(flow: &mut Flow, id: &str, operation: &Operation) -> Outcome {
    match flow.perform(id, operation) {
        Ok(json) => Ok(json),
        Err(failure) => Ok(format!("\"{}\"", failure.name)),
    }
}

struct App;

impl Guest for App {
    fn describe() -> Vec<FunctionConfig> {
        configs::all()
    }

    fn event_schemas() -> Vec<EventSchema> {
        vec![EventSchema {
            event: "golden/shaped".to_owned(),
            v: Some("2".to_owned()),
            schema: r#"{"required":["n"]}"#.to_owned(),
        }]
    }

    fn run(ctx: RunContext) -> Result<String, Failure> {
        let function = match ctx.function_id.as_str() {
            "retry" => retry,
            "again" => again,
            "fails" => fails,
            "parallel" => parallel,
            "race" => race,
            "sleep" | "one-at-a-time" | "latest" | "single" | "child" => sleep,
            "wait" => wait,
            "signal" => signal,
            "send" => send,
            "invoke" => invoke,
            "fetch" => fetch,
            "infer" => infer,
            "outside" => outside,
            "input" => input,
            _ => steps,
        };
        function(&mut Flow::new(ctx))
    }
}

bindings::export!(App with_types_in bindings);
