//! Between the types of `wit/` and those of core.

use abide_core::event::{Event, NewEvent};
use abide_core::failure::{Failure, Origin, RetryAdvice};
use abide_core::journal::Outcome;
use abide_core::machine::Execution;
use abide_core::operation::{
    AiFormat, AiInfer, Fetch, Invoke, Operation, RunOptions, SendSignal, WaitForEvent,
    WaitForSignal,
};
use abide_core::retry::{Backoff, BackoffKind};
use abide_core::state::LogLevel;

use crate::bindings::{self, Level, types};

mod function;

pub(crate) use function::{function, schema};

pub(crate) fn operation(op: types::Operation) -> Operation {
    match op {
        types::Operation::Run(options) => Operation::Run(RunOptions {
            retries: options.retries,
            timeout_ms: options.timeout,
            backoff: options.backoff.map(backoff),
            input: options.input.map(Into::into),
        }),
        types::Operation::Sleep(ms) => Operation::Sleep(ms),
        types::Operation::SleepUntil(ms) => Operation::SleepUntil(ms),
        types::Operation::WaitForEvent(wait) => Operation::WaitForEvent(WaitForEvent {
            event: wait.event,
            timeout_ms: wait.timeout,
            if_expr: wait.if_,
            match_path: wait.match_,
            lookback_ms: wait.lookback.unwrap_or(0),
        }),
        types::Operation::WaitForSignal(wait) => Operation::WaitForSignal(WaitForSignal {
            signal: wait.signal,
            timeout_ms: wait.timeout,
            replace: match wait.on_conflict {
                Some(types::SignalConflict::Replace) => true,
                Some(types::SignalConflict::Fail) | None => false,
            },
        }),
        types::Operation::SendEvents(events) => {
            Operation::SendEvents(events.into_iter().map(new_event).collect())
        }
        types::Operation::SendSignal(signal) => Operation::SendSignal(SendSignal {
            signal: signal.signal,
            data: signal.data.map(Into::into),
            ttl_ms: signal.ttl,
        }),
        types::Operation::Invoke(invoke) => Operation::Invoke(Invoke {
            function: invoke.function,
            data: invoke.data.map(Into::into),
            timeout_ms: invoke.timeout,
        }),
        types::Operation::Fetch(fetch) => Operation::Fetch(Fetch {
            method: fetch.method,
            url: fetch.url,
            headers: fetch.headers,
            body: fetch.body,
            timeout_ms: fetch.timeout,
            retries: fetch.retries,
            backoff: fetch.backoff.map(backoff),
        }),
        types::Operation::AiInfer(infer) => Operation::AiInfer(AiInfer {
            format: match infer.format {
                types::AiFormat::OpenaiChat => AiFormat::OpenAiChat,
                types::AiFormat::Anthropic => AiFormat::Anthropic,
                types::AiFormat::Gemini => AiFormat::Gemini,
            },
            model: infer.model,
            url: infer.url,
            key_variable: infer.key_variable,
            body: infer.body.into(),
            timeout_ms: infer.timeout,
            retries: infer.retries,
        }),
    }
}

fn backoff(backoff: types::Backoff) -> Backoff {
    Backoff {
        kind: match backoff.kind {
            types::BackoffKind::Exponential => BackoffKind::Exponential,
            types::BackoffKind::Linear => BackoffKind::Linear,
            types::BackoffKind::Constant => BackoffKind::Constant,
        },
        base_ms: backoff.base,
        factor: backoff.factor,
        max_ms: backoff.max,
        jitter_ms: backoff.jitter,
    }
}

fn new_event(event: types::NewEvent) -> NewEvent {
    NewEvent {
        id: event.id,
        name: event.name,
        data: event.data.map(Into::into),
        user: event.user.map(Into::into),
        ts: event.ts,
        v: event.v,
    }
}

/// An author's failure.
pub(crate) fn failure(failure: types::Failure) -> Failure {
    Failure {
        name: failure.name,
        message: failure.message,
        stack: failure.stack,
        data: failure.data.map(Into::into),
        retry: match failure.retry {
            types::RetryAdvice::Retriable => RetryAdvice::Retriable,
            types::RetryAdvice::NonRetriable => RetryAdvice::NonRetriable,
            types::RetryAdvice::RetryAfter(ms) => RetryAdvice::After(ms),
            types::RetryAdvice::RetryAt(ms) => RetryAdvice::At(ms),
        },
        origin: Origin::Guest,
    }
}

pub(crate) fn news(outcome: Outcome) -> bindings::News {
    match outcome {
        Outcome::Done(json) => bindings::News::Done(json),
        Outcome::Failed(failure) => bindings::News::Failed(told_failure(failure)),
        Outcome::Empty => bindings::News::Empty,
    }
}

fn told_failure(failure: Failure) -> bindings::Failure {
    bindings::Failure {
        name: failure.name,
        message: failure.message,
        stack: failure.stack,
        data: failure.data,
        retry: match failure.retry {
            RetryAdvice::Retriable => bindings::RetryAdvice::Retriable,
            RetryAdvice::NonRetriable => bindings::RetryAdvice::NonRetriable,
            RetryAdvice::After(ms) => bindings::RetryAdvice::RetryAfter(ms),
            RetryAdvice::At(ms) => bindings::RetryAdvice::RetryAt(ms),
        },
    }
}

pub(crate) fn execution(execution: Execution) -> bindings::News {
    bindings::News::Execute(bindings::Execution {
        attempt: execution.attempt,
        max_attempts: execution.max_attempts,
        idempotency_key: execution.idempotency_key,
        step_key: execution.step_key,
        input: execution.input,
    })
}

pub(crate) fn level(level: Level) -> LogLevel {
    match level {
        Level::Trace => LogLevel::Trace,
        Level::Debug => LogLevel::Debug,
        Level::Info => LogLevel::Info,
        Level::Warn => LogLevel::Warn,
        Level::Error => LogLevel::Error,
    }
}

pub(crate) fn event(event: &Event) -> types::Event {
    types::Event {
        id: event.visible_id(),
        name: event.name.to_string(),
        data: event.data.to_string(),
        user: event.user.as_ref().map(ToString::to_string),
        ts: event.ts,
        v: event.v.clone(),
    }
}
