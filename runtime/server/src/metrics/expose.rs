//! Everything that is counted, as families of Prometheus. The names are for ever: dashboards and alerts of users have them.
//!
//! `docs/metrics.md` lists them; a test compares. Each environment has its own lines of a family, told apart by the label `environment`.

use std::sync::atomic::Ordering::Relaxed;

use super::functions::OTHER;
use super::measure::{Counter, Durations};
use super::text::{Bounds, Page, Unit};
use super::{
    ENDED_FOR, ENDS, Figures, KINDS, NOTIFICATIONS, NodeMetrics, OUTCOMES, REFUSALS, SOURCES,
    WATCHED, WEBHOOKS,
};
use crate::node::Inner;

/// From 128 µs to 17 s: what a disk or a request takes.
const SHORT: Bounds = Bounds {
    first: 7,
    last: 24,
    step: 1,
};

/// From 1 ms to 6 days, each four times the one before: what runs and queues take.
const LONG: Bounds = Bounds {
    first: 10,
    last: 39,
    step: 2,
};

/// From 1 ms to 67 s: what a step takes.
const STEP: Bounds = Bounds {
    first: 10,
    last: 26,
    step: 1,
};

/// From 1 to 8,192 batches.
const SIZES: Bounds = Bounds {
    first: 0,
    last: 13,
    step: 1,
};

/// An environment that is shown.
pub(crate) struct Shown<'a> {
    pub(crate) name: &'a str,
    pub(crate) node: &'a Inner,
}

/// A label of a run's end.
fn end_name(place: usize) -> &'static str {
    ["completed", "failed", "cancelled", "skipped"][place]
}

/// What environments count.
pub(crate) fn environments(page: &mut Page, shown: &[Shown<'_>]) {
    events(page, shown);
    runs(page, shown);
    steps(page, shown);
    standing(page, shown);
    store(page, shown);
}

fn metrics<'a>(shown: &Shown<'a>) -> &'a NodeMetrics {
    &shown.node.metrics
}

/// Where the counters of some words are.
type Counters<const N: usize> = fn(&NodeMetrics) -> &[Counter; N];

/// A family with one counter for each of some words.
fn by_word<const N: usize>(
    page: &mut Page,
    (name, help, label): (&str, &str, &str),
    shown: &[Shown<'_>],
    (words, counters): (&[&str; N], Counters<N>),
) {
    let mut family = page.counter(name, Unit::None, help);
    for it in shown {
        for (word, counter) in words.iter().zip(counters(metrics(it))) {
            family.value(&[("environment", it.name), (label, word)], counter.get());
        }
    }
}

/// A family with one number for each environment.
fn gauge(
    page: &mut Page,
    (name, unit, help): (&str, Unit, &str),
    shown: &[Shown<'_>],
    value: impl Fn(&Shown<'_>) -> Option<u64>,
) {
    let mut family = page.gauge(name, unit, help);
    for it in shown {
        if let Some(value) = value(it) {
            family.value(&[("environment", it.name)], value);
        }
    }
}

fn counter(
    page: &mut Page,
    (name, unit, help): (&str, Unit, &str),
    shown: &[Shown<'_>],
    value: impl Fn(&Shown<'_>) -> u64,
) {
    let mut family = page.counter(name, unit, help);
    for it in shown {
        family.value(&[("environment", it.name)], value(it));
    }
}

fn durations(
    page: &mut Page,
    (name, help, bounds): (&str, &str, Bounds),
    shown: &[Shown<'_>],
    value: impl Fn(&Shown<'_>) -> Durations,
) {
    let mut family = page.histogram(name, Unit::Seconds, help);
    for it in shown {
        family.durations(&[("environment", it.name)], &value(it), bounds);
    }
}

fn events(page: &mut Page, shown: &[Shown<'_>]) {
    let about = (
        "abide_events",
        "Events that were recorded, by where they came from.",
        "source",
    );
    by_word(page, about, shown, (&SOURCES, |it| &it.events));
    let about = (
        "abide_events_refused",
        "Requests whose events the environment refused, by why.",
        "reason",
    );
    by_word(page, about, shown, (&REFUSALS, |it| &it.refused));
    let about = (
        "abide_ingestion_seconds",
        "From a request's events to their commit.",
        SHORT,
    );
    durations(page, about, shown, |it| metrics(it).ingestion.read());
    let about = (
        "abide_webhook_requests",
        "Requests of webhooks, by what became of them.",
        "outcome",
    );
    by_word(page, about, shown, (&WEBHOOKS, |it| &it.webhooks));
    let about = (
        "abide_notification_deliveries",
        "Attempts to deliver a notification, by what became of them.",
        "outcome",
    );
    by_word(page, about, shown, (&NOTIFICATIONS, |it| &it.notifications));
}

/// The figures of every function, under its name.
fn by_function(shown: &[Shown<'_>], mut tell: impl FnMut(&str, &str, &Figures)) {
    for it in shown {
        for (function, figures) in metrics(it).functions.all() {
            let function = function.map(|id| id.to_string());
            tell(it.name, function.as_deref().unwrap_or(OTHER), &figures);
        }
    }
}

fn runs(page: &mut Page, shown: &[Shown<'_>]) {
    let help = "Runs whose code began.";
    let mut family = page.counter("abide_runs_started", Unit::None, help);
    by_function(shown, |environment, function, figures| {
        let labels = [("environment", environment), ("function", function)];
        family.value(&labels, figures.started.get());
    });
    let help = "Runs that ended, by how; events that started no run because of a control are skipped ones.";
    let mut family = page.counter("abide_runs_ended", Unit::None, help);
    by_function(shown, |environment, function, figures| {
        for (place, ended) in figures.ended.iter().enumerate() {
            let labels = [
                ("environment", environment),
                ("function", function),
                ("status", end_name(place)),
            ];
            family.value(&labels, ended.get());
        }
    });
    let help = "From the start of a run's code to its end.";
    let mut family = page.histogram("abide_run_duration_seconds", Unit::Seconds, help);
    by_function(shown, |environment, function, figures| {
        let labels = [("environment", environment), ("function", function)];
        family.durations(&labels, &figures.duration.read(), LONG);
    });
    let about = (
        "abide_queue_delay_seconds",
        "From a run's creation, or the time for which its event was meant, to the start of its code.",
        LONG,
    );
    durations(page, about, shown, |it| metrics(it).queue_delay.read());
    let about = (
        "abide_executions",
        "Times that a run got instances, by whether its journal was new or had to be replayed.",
        "journal",
    );
    let words = &["new", "replayed"];
    by_word(page, about, shown, (words, |it| &it.executions));
    let about = (
        "abide_replay_seconds",
        "From the start of an execution to where its journal ends, where it has one.",
        SHORT,
    );
    durations(page, about, shown, |it| metrics(it).replay.read());
}

fn steps(page: &mut Page, shown: &[Shown<'_>]) {
    let help = "Steps that ended, by what they are and how they ended.";
    let mut family = page.counter("abide_steps", Unit::None, help);
    for it in shown {
        for (kind, ended) in KINDS.iter().zip(&metrics(it).steps.ended) {
            for (outcome, counter) in OUTCOMES.iter().zip(ended) {
                let labels = [
                    ("environment", it.name),
                    ("kind", kind.as_str()),
                    ("outcome", outcome),
                ];
                family.value(&labels, counter.get());
            }
        }
    }
    let help = "What the last attempts of steps took that completed or failed, to the millisecond.";
    let mut family = page.histogram("abide_step_duration_seconds", Unit::Seconds, help);
    for it in shown {
        for (kind, durations) in KINDS.iter().zip(&metrics(it).steps.durations) {
            let durations = durations.read();
            if durations.count() > 0 {
                let labels = [("environment", it.name), ("kind", kind.as_str())];
                family.durations(&labels, &durations, STEP);
            }
        }
    }
    let about = (
        "abide_step_retries",
        Unit::None,
        "Attempts at steps that failed and were followed by another.",
    );
    counter(page, about, shown, |it| metrics(it).steps.retries.get());
    let about = (
        "abide_step_interruptions",
        Unit::None,
        "Attempts at steps that had reached outside when the process or the run was stopped.",
    );
    counter(page, about, shown, |it| metrics(it).steps.interrupted.get());
    let about = (
        "abide_workflow_failures",
        Unit::None,
        "Attempts at the code between steps that failed.",
    );
    counter(page, about, shown, |it| {
        metrics(it).steps.workflow_failures.get()
    });
    let about = (
        "abide_guests_ended",
        "Guests that the server ended, by why; what they worked on is tried again, or fails.",
        "reason",
    );
    by_word(
        page,
        about,
        shown,
        (&ENDED_FOR, |it| &it.steps.guests_ended),
    );
}

/// How much there is now.
fn standing(page: &mut Page, shown: &[Shown<'_>]) {
    let none = Unit::None;
    let about = ("abide_executing_runs", none, "Runs that execute now.");
    gauge(page, about, shown, |it| {
        Some(it.node.shard.gauges().executing.load(Relaxed) as u64)
    });
    let about = (
        "abide_resident_runs",
        none,
        "Runs with instances in memory, those that wait included.",
    );
    gauge(page, about, shown, |it| {
        Some(it.node.shard.gauges().resident.load(Relaxed) as u64)
    });
    let about = (
        "abide_ready_runs",
        none,
        "Runs that nothing but the number of executions keeps from executing, as far as they are loaded.",
    );
    gauge(page, about, shown, |it| {
        Some(it.node.shard.gauges().queued.load(Relaxed) as u64)
    });
    let about = (
        "abide_queued_runs",
        none,
        "Runs that a limit, a throttle or a pause of their function keeps from starting.",
    );
    gauge(page, about, shown, |it| {
        Some(metrics(it).pending.queued.get())
    });
    let about = (
        "abide_queue_age_seconds",
        Unit::Seconds,
        "How long the first of these runs has been waiting, as its place in the queue says.",
    );
    gauge(page, about, shown, |it| {
        let oldest_ms = it.node.series.looked_up().oldest_queued_ms;
        let now_ms = it.node.clock.now_ms();
        let age_ms = oldest_ms.map_or(0, |oldest| now_ms.saturating_sub(oldest));
        Some(age_ms / 1_000)
    });
    let help = "What is watched for runs, by what it is: sleep, retry, start (of a run that was delayed), event, signal, run, request, debounce, batch, timeout, cancellation.";
    let mut family = page.gauge("abide_pending_operations", none, help);
    for it in shown {
        for (word, watched) in WATCHED.iter().zip(&metrics(it).pending.watched) {
            let labels = [("environment", it.name), ("kind", word)];
            family.value(&labels, watched.get());
        }
    }
    let about = (
        "abide_waiting_inputs",
        none,
        "What waits for the thread that decides; events are refused when it is too much.",
    );
    gauge(page, about, shown, |it| {
        Some(it.node.shard.gauges().waiting.load(Relaxed) as u64)
    });
    let about = ("abide_apps", none, "Deployed apps.");
    gauge(page, about, shown, |it| Some(it.node.apps() as u64));
}

fn store(page: &mut Page, shown: &[Shown<'_>]) {
    let stats: Vec<_> = shown.iter().map(|it| it.node.store.stats()).collect();
    let help = "What commits took, from the first write to the end of the sync.";
    let mut family = page.histogram("abide_commit_duration_seconds", Unit::Seconds, help);
    for (it, stats) in shown.iter().zip(&stats) {
        let times = &stats.commit_time;
        let durations = Durations::of_counts(&times.counts, times.sum);
        family.durations(&[("environment", it.name)], &durations, SHORT);
    }
    let help = "How many batches became durable with one sync.";
    let mut family = page.histogram("abide_commit_batches", Unit::None, help);
    for (it, stats) in shown.iter().zip(&stats) {
        let labels = [("environment", it.name)];
        family.numbers(&labels, &stats.group_sizes, stats.batches, SIZES);
    }
    let of = |it: &Shown<'_>| it.node.store.stats();
    let about = ("abide_store_rows_written", Unit::None, "Rows written.");
    counter(page, about, shown, |it| of(it).writes);
    let about = (
        "abide_store_written_bytes",
        Unit::Bytes,
        "Bytes of the keys and values of these rows.",
    );
    counter(page, about, shown, |it| of(it).bytes);
    let about = (
        "abide_store_payload_files",
        Unit::None,
        "Values that were written to files of their own.",
    );
    counter(page, about, shown, |it| of(it).payloads);
    let about = (
        "abide_store_queued_batches",
        Unit::None,
        "Batches that wait for their commit.",
    );
    gauge(page, about, shown, |it| Some(of(it).queued));
    let about = (
        "abide_store_bytes",
        Unit::Bytes,
        "What the store takes on the disk, as it was in the last minute.",
    );
    gauge(page, about, shown, |it| {
        it.node.series.looked_up().store_bytes
    });
}

const _: () = assert!(ENDS.len() == 4, "each end has a name");
