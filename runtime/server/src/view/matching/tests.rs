//! An event, a few functions, and what is said of each.

use abide_core::event::NewEvent;
use abide_core::function::options::CronTrigger;
use abide_core::ids::{Digest, EventId};
use abide_core::state::{Deployed, PendingDebounce, Registration};

use super::*;

/// 2026-01-01T00:00:00Z
const T0: u64 = 1_767_225_600_000;

fn event(name: &str, data: &str, id: Option<&str>) -> Event {
    NewEvent {
        name: name.into(),
        data: Some(data.into()),
        id: id.map(str::to_owned),
        ..NewEvent::default()
    }
    .accept(EventId(9), T0, EventSource::Api)
}

fn function(id: &str, event: &str, if_expr: Option<&str>) -> FunctionConfig {
    FunctionConfig {
        id: id.into(),
        triggers: vec![Trigger::Event(EventTrigger {
            event: event.into(),
            if_expr: if_expr.map(str::to_owned),
        })],
        ..FunctionConfig::default()
    }
}

fn app(at_ms: u64, functions: Vec<FunctionConfig>) -> App {
    App {
        id: "shop".into(),
        current: Deployed {
            digest: Digest([7; 32]),
            at_ms,
            bytes: 1,
            functions,
            schemas: Vec::new(),
        },
        variables: BTreeMap::new(),
        allow_net: Vec::new(),
        deployments: 1,
    }
}

fn run(n: u128, function: &str) -> Run {
    let id = RunId((u128::from(T0) << 80) | n);
    let of = FunctionId::new("shop", function);
    Run::queued(id, of, Digest([7; 32]), EventId(9), T0)
}

/// What is said of each function: its id, the verdict, and the sentence.
fn said(event: &Event, apps: &[App], runs: &[(Run, RunStatus)]) -> Vec<(String, Verdict, String)> {
    let facts = Facts {
        event,
        apps,
        runs,
        pending: &[],
        started: &BTreeMap::new(),
        paused: &BTreeMap::new(),
    };
    let said = Matching::of(&facts).functions.into_iter();
    said.map(|it| (it.function.function.to_string(), it.verdict, it.because))
        .collect()
}

#[test]
fn a_condition_that_is_false_is_shown_with_what_it_saw() {
    let apps = [app(
        T0 - 1,
        vec![function(
            "big",
            "order/*",
            Some("event.data.total > 100 && event.data.country.startsWith('event.data.x')"),
        )],
    )];
    let event = event("order/placed", r#"{"total":7,"country":"it"}"#, None);
    let facts = Facts {
        event: &event,
        apps: &apps,
        runs: &[],
        pending: &[],
        started: &BTreeMap::new(),
        paused: &BTreeMap::new(),
    };
    let big = &Matching::of(&facts).functions[0];
    assert_eq!(big.verdict, Verdict::NoMatch);
    assert!(big.because.ends_with("is false"), "{}", big.because);
    let saw: Vec<_> = big
        .saw
        .iter()
        .map(|(path, value)| format!("{path}={value}"))
        .collect();
    assert_eq!(saw, ["event.data.country=\"it\"", "event.data.total=7"]);
}

#[test]
fn a_condition_that_cannot_be_decided_says_why() {
    let apps = [app(
        T0 + 5,
        vec![function(
            "flagged",
            "order/placed",
            Some("event.data.flag && true"),
        )],
    )];
    let said = said(&event("order/placed", "{}", None), &apps, &[]);
    let (_, verdict, because) = &said[0];
    assert_eq!(*verdict, Verdict::Undecided);
    assert!(because.contains("needs a boolean"), "{because}");
    assert!(because.contains("as deployed now"), "{because}");
}

#[test]
fn what_was_recorded_goes_before_what_the_triggers_say_now() {
    let apps = [app(
        T0 - 1,
        vec![
            function("limited", "order/placed", None),
            function("pay", "order/placed", Some("event.data.id == 1")),
            function("now-else", "order/cancelled", None),
        ],
    )];
    let skipped = Run {
        end: Some(RunEnd::Skipped(
            "rateLimit: 5 events were let through".into(),
        )),
        ..run(1, "limited")
    };
    let runs = [
        (skipped, RunStatus::Skipped),
        (run(2, "pay"), RunStatus::Running),
        (run(3, "now-else"), RunStatus::Completed),
        (run(4, "gone"), RunStatus::Completed),
    ];
    let event = event("order/placed", r#"{"id":1}"#, None);
    let said = said(&event, &apps, &runs);
    let of = |id: &str| said.iter().find(|it| it.0 == id).expect("it is there");
    assert_eq!(of("limited").1, Verdict::Skipped);
    assert!(of("limited").2.starts_with("rateLimit"));
    let pay = of("pay");
    assert_eq!(pay.1, Verdict::Started);
    assert_eq!(
        pay.2,
        "it matches `order/placed` where `event.data.id == 1`"
    );
    assert!(of("now-else").2.contains("deployed then"));
    assert!(of("gone").2.contains("no longer deployed"));
    assert_eq!(said.last().map(|it| it.1), Some(Verdict::Skipped));
}

#[test]
fn a_duplicate_names_the_run_that_came_first() {
    let apps = [app(T0 - 1, vec![function("pay", "order/placed", None)])];
    let event = event("order/placed", "{}", Some("order-7"));
    let first = run(1, "pay").id;
    let started = BTreeMap::from([(FunctionId::new("shop", "pay"), first)]);
    let facts = Facts {
        event: &event,
        apps: &apps,
        runs: &[],
        pending: &[],
        started: &started,
        paused: &BTreeMap::new(),
    };
    let pay = &Matching::of(&facts).functions[0];
    assert_eq!((pay.verdict, pay.run), (Verdict::Duplicate, Some(first)));
    assert!(pay.because.contains("`order-7`"), "{}", pay.because);
}

#[test]
fn paused_and_collecting_functions_say_so() {
    let apps = [app(
        T0 - 1,
        vec![
            function("pay", "order/placed", None),
            function("digest", "order/placed", None),
        ],
    )];
    let event = event("order/placed", "{}", None);
    let registration = Registration::Debounce(Box::new(PendingDebounce {
        function: FunctionId::new("shop", "digest"),
        key: String::new(),
        first_ms: T0,
        due_ms: T0 + 1_000,
        events: vec![(T0, event.id)],
    }));
    let pending = PendingView::of(run(8, "digest").id, &registration);
    let paused = BTreeMap::from([(FunctionId::new("shop", "pay"), T0 - 5)]);
    let facts = Facts {
        event: &event,
        apps: &apps,
        runs: &[(run(1, "pay"), RunStatus::Queued)],
        pending: pending.as_slice(),
        started: &BTreeMap::new(),
        paused: &paused,
    };
    let verdicts: Vec<_> = Matching::of(&facts)
        .functions
        .iter()
        .map(|it| it.verdict)
        .collect();
    assert_eq!(verdicts, [Verdict::Collecting, Verdict::Held]);
}

#[test]
fn an_event_that_nobody_listens_to_is_told_what_is_listened_to() {
    let cron = FunctionConfig {
        id: "nightly".into(),
        triggers: vec![Trigger::Cron(CronTrigger {
            schedule: "0 3 * * *".into(),
            jitter_ms: None,
            catchup: abide_core::function::options::Catchup::Last,
        })],
        ..FunctionConfig::default()
    };
    let apps = [app(
        T0 - 1,
        vec![function("pay", "order/placed", None), cron],
    )];
    let event = event("order/place", "{}", None);
    let facts = Facts {
        event: &event,
        apps: &apps,
        runs: &[],
        pending: &[],
        started: &BTreeMap::new(),
        paused: &BTreeMap::new(),
    };
    let matching = Matching::of(&facts);
    assert!(matching.functions.is_empty());
    assert_eq!(matching.others, 2);
    assert_eq!(matching.listened, ["order/placed"]);
}

#[test]
fn a_function_deployed_after_the_event_is_not_blamed() {
    let apps = [app(
        T0 + 60_000,
        vec![function("pay", "order/placed", None)],
    )];
    let said = said(&event("order/placed", "{}", None), &apps, &[]);
    assert_eq!(said[0].1, Verdict::Unknown);
    assert!(said[0].2.contains("after the event came"), "{}", said[0].2);
}
