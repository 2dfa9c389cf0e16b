//! Why a run may not start yet: as data, and in words.

use abide_core::function::options::{ConcurrencyUnit, Throttle};
use abide_core::state::{Control, Counter, Queue};
use serde::Serialize;
use utoipa::ToSchema;

use super::shapes;
use super::value::Time;

/// How a run queues, as its record says it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Queue)]
pub(crate) struct QueueView {
    /// Its place: the time at which it was queued, less its priority.
    pub(crate) order: Time,
    pub(crate) concurrency: Vec<CounterView>,
    /// The value of the throttle's key, as JSON; empty without one.
    pub(crate) throttle_key: Option<String>,
}

/// One of the limits that a run counts against.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Counter)]
pub(crate) struct CounterView {
    pub(crate) limit: u32,
    #[schema(value_type = shapes::ConcurrencyUnit)]
    pub(crate) per: ConcurrencyUnit,
    /// The value of the limit's key, as JSON; empty without one.
    pub(crate) key: String,
}

impl From<&Queue> for QueueView {
    fn from(queue: &Queue) -> Self {
        let counter = |counter: &Counter| CounterView {
            limit: counter.limit,
            per: counter.per,
            key: key_of(counter).to_owned(),
        };
        Self {
            order: Time(queue.order_ms),
            concurrency: queue.counters.iter().map(counter).collect(),
            throttle_key: queue.throttle.as_deref().map(str::to_owned),
        }
    }
}

/// A counter's name ends with the value of its key.
fn key_of(counter: &Counter) -> &str {
    Counter::key_of(&counter.name)
}

/// What keeps a queued run from starting, as far as the store tells it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hold {
    /// Since when its function is paused.
    pub(crate) paused_ms: Option<u64>,
    /// What its throttle remembers, and how it is configured now.
    pub(crate) throttle: Option<(Control, Throttle)>,
    /// Runs that hold its limits on whole runs, by the limit's place among its counters.
    pub(crate) held: Vec<(usize, usize)>,
    /// Runs that stand before it in its lane.
    pub(crate) ahead: usize,
}

/// Why the run does not start at `now_ms`.
pub(super) fn queued_because(queue: &Queue, hold: &Hold, now_ms: u64) -> String {
    let behind = match hold.ahead {
        0 => String::new(),
        1 => format!(" behind 1 run{}", with_keys(queue)),
        many => format!(" behind {many} runs{}", with_keys(queue)),
    };
    format!("is queued{behind}{}", because(queue, hold, now_ms))
}

/// The keys that the runs of a lane have in common.
fn with_keys(queue: &Queue) -> String {
    let of_counters = queue.counters.iter().map(key_of);
    let keys = of_counters.chain(queue.throttle.as_deref());
    let mut keys: Vec<_> = keys.filter(|key| !key.is_empty()).collect();
    keys.dedup();
    if keys.is_empty() {
        String::new()
    } else {
        format!(" with key {}", keys.join(" and "))
    }
}

fn because(queue: &Queue, hold: &Hold, now_ms: u64) -> String {
    if let Some(since) = hold.paused_ms {
        return format!(": its function is paused since {}", Time(since));
    }
    let full = hold.held.iter().find_map(|(at, held)| {
        let counter = queue.counters.get(*at)?;
        (*held >= counter.limit as usize).then_some(counter)
    });
    if let Some(counter) = full {
        return format!(": {} under way, as many as may be", limit(counter));
    }
    let throttled = hold
        .throttle
        .as_ref()
        .and_then(|(control, option)| Some((earliest_ms(control, option)?, option)))
        .filter(|(at_ms, _)| *at_ms > now_ms);
    if let Some((at_ms, option)) = throttled {
        let key = of_key(queue.throttle.as_deref().unwrap_or_default());
        return format!(
            ": its throttle ({} every {} ms{key}) lets the next run start at {}",
            option.limit,
            option.period_ms,
            Time(at_ms)
        );
    }
    let steps: Vec<_> = queue
        .counters
        .iter()
        .filter(|counter| counter.per == ConcurrencyUnit::Step)
        .map(|counter| match counter.limit {
            1 => format!("the {}", limit(counter)),
            _ => format!("one of {}", limit(counter)),
        })
        .collect();
    if steps.is_empty() {
        String::new()
    } else {
        format!(" for {}", steps.join(" and "))
    }
}

/// `5 steps for "acme"`
fn limit(counter: &Counter) -> String {
    let unit = match counter.per {
        ConcurrencyUnit::Step => "step",
        ConcurrencyUnit::Run => "run",
    };
    let plural = if counter.limit == 1 { "" } else { "s" };
    format!(
        "{} {unit}{plural}{}",
        counter.limit,
        of_key(key_of(counter))
    )
}

fn of_key(value: &str) -> String {
    if value.is_empty() {
        String::new()
    } else {
        format!(" for {value}")
    }
}

/// When a throttle lets the next run start: `limit + burst - 1` intervals before the time that it remembers.
fn earliest_ms(control: &Control, option: &Throttle) -> Option<u64> {
    let Control::Throttle { whole_ms, .. } = control else {
        return None;
    };
    let at_once = u64::from(option.limit) + u64::from(option.burst);
    let ahead =
        at_once.saturating_sub(1).saturating_mul(option.period_ms) / u64::from(option.limit.max(1));
    Some(whole_ms.saturating_sub(ahead))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> Queue {
        let counter = |name: &str, limit, per| Counter {
            name: name.into(),
            limit,
            per,
        };
        Queue {
            lane: "lane".into(),
            order_ms: 1_767_225_600_000,
            counters: vec![
                counter(
                    "fn\tshop/pay\trun\tevent.data.tenant\t\"acme\"",
                    2,
                    ConcurrencyUnit::Run,
                ),
                counter("env\tstep\t7", 3, ConcurrencyUnit::Step),
            ],
            throttle: Some("".into()),
        }
    }

    #[test]
    fn what_holds_a_run_up_is_named() {
        let because = |hold: &Hold| queued_because(&queue(), hold, 1_767_225_600_000);
        let mut hold = Hold {
            ahead: 4,
            held: vec![(0, 1)],
            ..Hold::default()
        };
        assert_eq!(
            because(&hold),
            "is queued behind 4 runs with key \"acme\" and 7 for one of 3 steps for 7"
        );
        let throttle = Throttle {
            limit: 2,
            period_ms: 60_000,
            burst: 0,
            key: None,
        };
        let control = Control::Throttle {
            whole_ms: 1_767_225_660_000,
            part: 0,
            limit: 2,
        };
        hold.throttle = Some((control, throttle));
        hold.ahead = 1;
        assert_eq!(
            because(&hold),
            "is queued behind 1 run with key \"acme\" and 7: its throttle (2 every 60000 ms) lets the next run start at 2026-01-01T00:00:30.000Z"
        );
        hold.held = vec![(0, 2)];
        assert!(
            because(&hold)
                .starts_with("is queued behind 1 run with key \"acme\" and 7: 2 runs for \"acme\" under way, as many as may be")
        );
        hold.paused_ms = Some(1_767_225_600_000);
        assert!(
            because(&hold)
                .starts_with("is queued behind 1 run with key \"acme\" and 7: its function is paused since 2026-01-01T00:00:00.000Z")
        );
    }

    #[test]
    fn a_queue_shows_the_values_of_its_keys() {
        let shown = serde_json::to_value(QueueView::from(&queue())).expect("it serialises");
        assert_eq!(
            shown["concurrency"][0],
            serde_json::json!({"limit":2,"per":"run","key":"\"acme\""})
        );
        assert_eq!(shown["concurrency"][1]["key"], "7");
        assert_eq!(shown["order"], "2026-01-01T00:00:00.000Z");
    }
}
