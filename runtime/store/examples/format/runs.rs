//! Samples of runs and of what is watched for them.

use std::sync::Arc;

use abide_core::failure::{Origin, RetryAdvice};
use abide_core::function::options::ConcurrencyUnit;
use abide_core::ids::{Digest, RunId};
use abide_core::operation::{AiFormat, AiInfer, Fetch, Invoke};
use abide_core::retry::{Backoff, BackoffKind, RetryPolicy};
use abide_core::state::{
    Counter, Logged, PendingBatch, PendingDebounce, Queue, Registration, Run, RunEnd, RunStatus,
    StepInput, TimeoutKind, Write,
};

use crate::records::{EVENT, RUN, failure, function, json};
use crate::variants;

variants!(
    missing,
    Registration {
        Sleep,
        Retry,
        Start,
        Event,
        Signal,
        Invoke,
        Fetch,
        CancelOn,
        Timeout,
        Debounce,
        Batch,
        AiInfer,
    }
);

pub(crate) fn policy() -> RetryPolicy {
    RetryPolicy {
        max_attempts: 1,
        backoff: Some(backoff(BackoffKind::Exponential)),
    }
}

pub(crate) fn backoff(kind: BackoffKind) -> Backoff {
    Backoff {
        kind,
        base_ms: 1_000_101,
        factor: Some(1.5),
        max_ms: Some(1_000_102),
        jitter_ms: Some(1_000_103),
    }
}

/// All of them.
pub(crate) fn samples() -> Vec<(String, Write)> {
    let mut samples = runs();
    samples.extend(registrations());
    samples
}

fn run(status: RunStatus, end: Option<RunEnd>) -> Write {
    let counter = |name: &str, per| Counter {
        name: name.into(),
        limit: 1,
        per,
    };
    let queue = Queue {
        lane: "lane".into(),
        order_ms: 1_000_104,
        counters: vec![
            counter("steps", ConcurrencyUnit::Step),
            counter("runs", ConcurrencyUnit::Run),
        ],
        throttle: Some("throttle".into()),
    };
    Write::PutRun(Arc::new(Run {
        id: RUN,
        function: function(),
        digest: Digest([7; 32]),
        policy: policy(),
        event: EVENT,
        event_count: 2,
        batch: true,
        parent: Some((RunId(3), 4)),
        original: Some(RunId(5)),
        cron: Some("* * * * *".into()),
        queue: Some(Box::new(queue)),
        guarded: true,
        quiet: false,
        input: Some(Box::new(StepInput {
            step: "step".into(),
            input: json("1"),
        })),
        singleton: Some("key".into()),
        status,
        queued_ms: 1_000_105,
        started_ms: Some(1_000_106),
        ended_ms: Some(1_000_107),
        end,
        entries: 6,
        log_chunks: 7,
        logged: None,
    }))
}

fn runs() -> Vec<(String, Write)> {
    let ends = [
        ("Output", RunEnd::Output(json("1"))),
        (
            "Failure",
            RunEnd::Failure(failure(Origin::Guest, RetryAdvice::Retriable)),
        ),
        ("Skipped", RunEnd::Skipped("why".into())),
    ];
    let statuses = RunStatus::ALL.map(|status| (format!("{status:?}"), run(status, None)));
    let ended = ends.map(|(name, end)| {
        match end {
            RunEnd::Output(_) | RunEnd::Failure(_) | RunEnd::Skipped(_) => {}
        }
        (format!("end-{name}"), run(RunStatus::Completed, Some(end)))
    });
    let mut logged = run(RunStatus::Running, None);
    if let Write::PutRun(run) = &mut logged {
        Arc::make_mut(run).logged = Some(Logged {
            lines: 1_000_108,
            bytes: 1_000_109,
        });
    }
    let logged = [("logged".to_owned(), logged)];
    statuses.into_iter().chain(ended).chain(logged).collect()
}

fn registrations() -> Vec<(String, Write)> {
    let mut samples = simple();
    samples.extend(requests());
    let missing = missing(&samples);
    assert!(
        missing.is_empty(),
        "no sample of the registrations {missing:?}"
    );
    let write = |(name, registration)| {
        let registration = Arc::new(registration);
        (
            name,
            Write::Register {
                run: RUN,
                op: 1,
                registration,
            },
        )
    };
    samples.into_iter().map(write).collect()
}

fn simple() -> Vec<(String, Registration)> {
    let matched = || Some(("data.id".to_owned(), "7".to_owned()));
    let expr = || Some("true".to_owned());
    let timeout = |kind| Registration::Timeout {
        due_ms: 1_000_108,
        kind,
        after_ms: 1_000_109,
        left_ms: Some(1_000_110),
    };
    let invoke = Invoke {
        function: "fn".into(),
        data: Some(json("{}")),
        timeout_ms: Some(1_000_111),
    };
    let debounce = PendingDebounce {
        function: function(),
        key: "k".into(),
        first_ms: 1_000_112,
        due_ms: 1_000_113,
        events: vec![(1_000_114, EVENT)],
    };
    let batch = PendingBatch {
        function: function(),
        key: "k".into(),
        first: EVENT,
        due_ms: 1_000_115,
        count: 1,
        bytes: 2,
    };
    let samples = [
        ("Sleep", Registration::Sleep { due_ms: 1_000_116 }),
        ("Retry", Registration::Retry { due_ms: 1_000_117 }),
        ("Start", Registration::Start { due_ms: 1_000_118 }),
        (
            "Event",
            Registration::Event {
                name: "n".into(),
                match_path: matched(),
                if_expr: expr(),
                since_ms: Some(1_000_119),
                due_ms: 1_000_120,
            },
        ),
        (
            "Signal",
            Registration::Signal {
                name: "n".into(),
                replace: true,
                due_ms: 1_000_121,
            },
        ),
        (
            "Invoke",
            Registration::Invoke {
                invoke: Box::new(invoke),
                due_ms: 1_000_122,
                child: Some(RunId(9)),
            },
        ),
        (
            "CancelOn",
            Registration::CancelOn {
                name: "n".into(),
                match_path: matched(),
                if_expr: expr(),
                until_ms: Some(1_000_123),
            },
        ),
        ("Timeout-Start", timeout(TimeoutKind::Start)),
        ("Timeout-Finish", timeout(TimeoutKind::Finish)),
        ("Debounce", Registration::Debounce(Box::new(debounce))),
        ("Batch", Registration::Batch(Box::new(batch))),
    ];
    samples
        .map(|(name, sample)| (name.to_owned(), sample))
        .into()
}

fn requests() -> Vec<(String, Registration)> {
    let fetch = Fetch {
        method: "GET".into(),
        url: "http://x".into(),
        headers: vec![("n".into(), "v".into())],
        body: Some(vec![1, 2]),
        timeout_ms: Some(1_000_124),
        retries: Some(3),
        backoff: Some(backoff(BackoffKind::Linear)),
    };
    let fetch = Registration::Fetch {
        fetch: Box::new(fetch),
        policy: policy(),
        attempt: 1,
        due_ms: Some(1_000_125),
    };
    let mut samples = vec![("Fetch".to_owned(), fetch)];
    for format in [AiFormat::OpenAiChat, AiFormat::Anthropic, AiFormat::Gemini] {
        let infer = AiInfer {
            format,
            model: "m".into(),
            url: Some("http://x".into()),
            key_variable: Some("KEY".into()),
            body: json("{}"),
            timeout_ms: Some(1_000_126),
            retries: Some(2),
        };
        let infer = Registration::AiInfer {
            infer: Box::new(infer),
            policy: policy(),
            attempt: 1,
            due_ms: Some(1_000_127),
        };
        samples.push((format!("AiInfer-{format:?}"), infer));
    }
    samples
}
