//! Values that break the rules of their fields.

use crate::Trick;
use crate::bindings::abide::durable::types::{
    Backoff, BackoffKind, FetchOptions, InvokeOptions, NewEvent, Operation, RunOptions,
    SendSignalOptions, WaitForEventOptions, WaitForSignalOptions,
};
use crate::sdk::{Outcome, failure, perform, step};

const DAY_MS: u64 = 86_400_000;

pub(crate) const TRICKS: &[Trick] = &[
    ("json-output", |_| Ok("{not json".to_owned())),
    ("json-two-values", |_| Ok("1 2".to_owned())),
    ("json-empty", |_| Ok(String::new())),
    ("json-deep", |_| {
        Ok("[".repeat(100_000) + &"]".repeat(100_000))
    }),
    ("json-result", |_| {
        step("broken", || Ok("{not json".to_owned()))
    }),
    ("json-failure-data", |_| {
        step("broken", || {
            let mut error = failure("Broken", "its data are not JSON");
            error.data = Some("{not json".to_owned());
            Err(error)
        })
    }),
    ("json-input", |_| {
        ask(
            "broken",
            &Operation::Run(RunOptions {
                input: Some("{".to_owned()),
                ..options()
            }),
        )
    }),
    ("id-empty", |_| step("", || Ok("1".to_owned()))),
    ("id-control-characters", |_| {
        step("a\u{0}b\nc\u{1b}[31m", || Ok("1".to_owned()))
    }),
    ("id-wide-characters", |_| {
        step(&"\u{1F980}".repeat(256), || Ok("1".to_owned()))
    }),
    ("retries", |_| {
        ask(
            "step",
            &Operation::Run(RunOptions {
                retries: Some(1_000),
                ..options()
            }),
        )
    }),
    ("backoff", |_| {
        let backoff = Backoff {
            kind: BackoffKind::Exponential,
            base: u64::MAX,
            factor: Some(f64::NAN),
            max: Some(u64::MAX),
            jitter: Some(u64::MAX),
        };
        ask(
            "step",
            &Operation::Run(RunOptions {
                backoff: Some(backoff),
                ..options()
            }),
        )
    }),
    ("sleep-too-long", |_| {
        ask("nap", &Operation::Sleep(367 * DAY_MS))
    }),
    ("sleep-overflow", |_| {
        ask("nap", &Operation::Sleep(u64::MAX))
    }),
    ("sleep-until-overflow", |_| {
        ask("nap", &Operation::SleepUntil(u64::MAX))
    }),
    ("sleep-until-past", |_| {
        ask("nap", &Operation::SleepUntil(0))
    }),
    ("wait-both-conditions", |_| {
        let both = (Some("true".to_owned()), Some("data.id".to_owned()));
        ask("wait", &wait("hostile/never", both))
    }),
    ("wait-bad-expression", |_| {
        ask(
            "wait",
            &wait("hostile/never", (Some("event.data. ==".to_owned()), None)),
        )
    }),
    ("wait-empty-event", |_| ask("wait", &wait("", (None, None)))),
    ("event-reserved-name", |_| {
        ask("send", &send("inngest/function.failed", None))
    }),
    ("event-reserved-name-abide", |_| {
        ask("send", &send("Abide/function.failed", None))
    }),
    ("event-empty-name", |_| ask("send", &send("", None))),
    ("event-bad-data", |_| {
        ask("send", &send("hostile/nobody.listens", Some("[1]")))
    }),
    ("events-none", |_| {
        ask("send", &Operation::SendEvents(Vec::new()))
    }),
    ("signal-empty-name", |_| {
        let signal = SendSignalOptions {
            signal: String::new(),
            data: None,
            ttl: None,
        };
        ask("signal", &Operation::SendSignal(signal))
    }),
    ("signal-wait-long-name", |_| {
        let wait = WaitForSignalOptions {
            signal: "s".repeat(257),
            timeout: DAY_MS,
            on_conflict: None,
        };
        ask("signal", &Operation::WaitForSignal(wait))
    }),
    ("invoke-unknown", |_| {
        ask("call", &invoke("no-such-function", None))
    }),
    ("invoke-bad-name", |_| ask("call", &invoke("a/b/c", None))),
    ("invoke-bad-data", |_| {
        ask("call", &invoke("json-empty", Some("7")))
    }),
    ("fetch-bad-url", |_| {
        ask("fetch", &fetch("GET", "not a url", "x"))
    }),
    ("fetch-bad-scheme", |_| {
        ask("fetch", &fetch("GET", "file:///etc/hostname", "x"))
    }),
    ("fetch-bad-method", |_| {
        ask("fetch", &fetch("GE T", "http://example.com/", "x"))
    }),
    ("fetch-bad-header", |_| {
        ask(
            "fetch",
            &fetch("GET", "http://example.com/", "a\r\nhost: evil"),
        )
    }),
    ("fetch-private", |_| {
        ask("fetch", &fetch("GET", "http://127.0.0.1:9/", "x"))
    }),
    ("fetch-link-local", |_| {
        ask(
            "fetch",
            &fetch("GET", "http://169.254.169.254/latest/", "x"),
        )
    }),
];

fn ask(id: &str, operation: &Operation) -> Outcome {
    perform(id, operation, || Ok("1".to_owned()))
}

fn options() -> RunOptions {
    RunOptions {
        retries: None,
        timeout: None,
        backoff: None,
        input: None,
    }
}

fn wait(event: &str, (if_, match_): (Option<String>, Option<String>)) -> Operation {
    let event = event.to_owned();
    Operation::WaitForEvent(WaitForEventOptions {
        event,
        timeout: DAY_MS,
        if_,
        match_,
        lookback: None,
    })
}

fn send(name: &str, data: Option<&str>) -> Operation {
    let name = name.to_owned();
    let data = data.map(str::to_owned);
    Operation::SendEvents(vec![NewEvent {
        id: None,
        name,
        data,
        user: None,
        ts: None,
        v: None,
    }])
}

fn invoke(function: &str, data: Option<&str>) -> Operation {
    let function = function.to_owned();
    Operation::Invoke(InvokeOptions {
        function,
        data: data.map(str::to_owned),
        timeout: None,
    })
}

fn fetch(method: &str, url: &str, header: &str) -> Operation {
    Operation::Fetch(FetchOptions {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: vec![("x-hostile".to_owned(), header.to_owned())],
        body: None,
        timeout: Some(5_000),
        retries: Some(0),
        backoff: None,
    })
}
