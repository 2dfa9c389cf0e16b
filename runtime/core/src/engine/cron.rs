//! Schedules: ticks that start runs, at most one run a tick.
//!
//! | a schedule is | and then                               | becomes                                             |
//! |---------------|----------------------------------------|-----------------------------------------------------|
//! | not there     | it is deployed                         | waiting for its first tick after that moment        |
//! | waiting       | the tick is due                        | the run is created; waiting for the tick after it   |
//! | waiting       | several are due, `catchup` is not `all` | the latest has a run, the others none; waiting      |
//! | waiting       | several are due, `catchup` is `all`    | each has a run, the oldest first; waiting           |
//! | waiting       | a node starts and finds ticks due      | as above; with `catchup: none` none of them has one |
//! | waiting       | it is deployed no more                 | forgotten                                           |
//!
//! The record of a schedule ([`Control::Ticked`]) says up to which tick everything is done. It is written in the step that creates the run, so
//! that a crash forgets both or neither: a tick never has two runs. Jitter delays a tick by less than the time to the next one. Memory holds
//! every schedule and its next tick, in the order in which they come due.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::admission::{NewRun, Via};
use super::{Context, Engine, internal};
use crate::cron::{Catchup, Schedule, jitter_ms};
use crate::event::{EventSource, NewEvent};
use crate::function::Trigger;
use crate::ids::{EventId, FunctionId};
use crate::state::{App, Control, ControlKey, ControlKind, ReadError};

/// Records of schedules that are read at once after a start.
const PAGE: usize = 1_000;

/// Names a schedule: its function, and its text.
type Name = (FunctionId, Arc<str>);

/// All schedules.
#[derive(Debug, Default)]
pub(super) struct Schedules {
    by_name: BTreeMap<Name, Ticker>,
    /// When the next tick of each is due.
    due: BTreeSet<(u64, Name)>,
}

/// A schedule that is deployed.
#[derive(Debug)]
struct Ticker {
    schedule: Schedule,
    identity: Vec<u8>,
    jitter_ms: u64,
    catchup: Catchup,
    /// The tick up to which everything is done.
    until_ms: u64,
    /// The tick after that, and when it is due.
    next: Option<(u64, u64)>,
}

impl Ticker {
    /// When a tick is due: before the one after it comes, so that jitter never changes their order.
    fn due_ms(&self, tick_ms: u64) -> u64 {
        if self.jitter_ms == 0 {
            return tick_ms;
        }
        let next = self.schedule.next_after(tick_ms);
        let width = next.map_or(self.jitter_ms, |next| {
            self.jitter_ms.min((next - tick_ms).saturating_sub(1))
        });
        tick_ms.saturating_add(jitter_ms(&self.identity, tick_ms, width))
    }

    fn done_until(&mut self, until_ms: u64) {
        self.until_ms = until_ms;
        let next = self.schedule.next_after(until_ms);
        self.next = next.map(|tick_ms| (tick_ms, self.due_ms(tick_ms)));
    }

    /// The latest tick that is due at `now_ms`, if any is.
    fn latest_due(&self, now_ms: u64) -> Option<u64> {
        let (mut latest, _) = self.next.filter(|(_, due_ms)| *due_ms <= now_ms)?;
        // Whatever lies further back than the jitter reaches is due.
        let certain = now_ms.saturating_sub(self.jitter_ms);
        if let Some(tick_ms) = self.schedule.last_at_or_before(certain) {
            latest = latest.max(tick_ms);
        }
        let later = self.schedule.ticks_after(latest);
        let due = later.take_while(|tick_ms| self.due_ms(*tick_ms) <= now_ms);
        Some(due.last().unwrap_or(latest))
    }
}

impl Schedules {
    /// When the next tick of any schedule is due.
    pub(super) fn next_due_ms(&self) -> Option<u64> {
        self.due.first().map(|(due_ms, _)| *due_ms)
    }

    fn put(&mut self, name: Name, ticker: Ticker) {
        self.remove(&name);
        if let Some((_, due_ms)) = ticker.next {
            self.due.insert((due_ms, name.clone()));
        }
        self.by_name.insert(name, ticker);
    }

    fn remove(&mut self, name: &Name) -> Option<Ticker> {
        let ticker = self.by_name.remove(name)?;
        if let Some((_, due_ms)) = ticker.next {
            self.due.remove(&(due_ms, name.clone()));
        }
        Some(ticker)
    }

    /// Notes that everything up to a tick is done.
    fn done_until(&mut self, name: &Name, until_ms: u64) {
        if let Some(mut ticker) = self.remove(name) {
            ticker.done_until(until_ms);
            self.put(name.clone(), ticker);
        }
    }
}

fn key((function, schedule): &Name) -> ControlKey {
    ControlKey {
        kind: ControlKind::Cron,
        function: function.clone(),
        key: schedule.to_string(),
    }
}

/// The schedules of an app, each once, with nothing done yet.
fn described(app: &App) -> BTreeMap<Name, Ticker> {
    let mut found = BTreeMap::new();
    for config in &app.current.functions {
        let function = FunctionId::new(app.id.clone(), config.id.as_str());
        for trigger in &config.triggers {
            let Trigger::Cron(trigger) = trigger else {
                continue;
            };
            // One that today's rules refuse, accepted by an earlier version, never ticks.
            let Ok(schedule) = Schedule::parse(&trigger.schedule) else {
                continue;
            };
            let name = (function.clone(), Arc::from(trigger.schedule.as_str()));
            found.entry(name).or_insert_with(|| Ticker {
                schedule,
                identity: format!("{function}\n{}", trigger.schedule).into_bytes(),
                jitter_ms: trigger.jitter_ms.unwrap_or(0),
                catchup: trigger.catchup,
                until_ms: 0,
                next: None,
            });
        }
    }
    found
}

impl Engine {
    /// Takes up the schedules of all apps and their records, and leaves out what is not to be caught up.
    pub(super) fn recover_schedules(&mut self, cx: &mut Context<'_>) -> Result<(), ReadError> {
        let mut recorded = BTreeMap::new();
        let mut after: Option<ControlKey> = None;
        loop {
            let page = cx.read.controls(ControlKind::Cron, after.as_ref(), PAGE)?;
            let whole = page.len() < PAGE;
            after = page.last().map(|(key, _)| key.clone());
            for (key, control) in page {
                if let Control::Ticked { until_ms } = control {
                    recorded.insert((key.function, Arc::from(key.key)), until_ms);
                }
            }
            if whole {
                break;
            }
        }
        let described: Vec<_> = self.apps.values().flat_map(described).collect();
        for (name, mut ticker) in described {
            match recorded.remove(&name) {
                Some(until_ms) => ticker.done_until(until_ms),
                None => self.count_from_now(&name, &mut ticker, cx.now_ms),
            }
            if ticker.catchup == Catchup::None
                && let Some(missed) = ticker.latest_due(cx.now_ms)
            {
                ticker.done_until(missed);
                self.put_control(key(&name), Control::Ticked { until_ms: missed });
            }
            self.schedules.put(name, ticker);
        }
        for name in recorded.into_keys() {
            self.delete_control(key(&name));
        }
        Ok(())
    }

    /// Takes over the schedules of an app that was deployed: known ones go on, new ones count from now.
    pub(super) fn replace_schedules(&mut self, app: &App, cx: &Context<'_>) {
        let described = described(app);
        let gone: Vec<_> = self
            .schedules
            .by_name
            .keys()
            .filter(|name| name.0.app == app.id && !described.contains_key(name))
            .cloned()
            .collect();
        for name in gone {
            self.schedules.remove(&name);
            self.delete_control(key(&name));
        }
        for (name, mut ticker) in described {
            match self.schedules.by_name.get(&name) {
                Some(known) => ticker.done_until(known.until_ms),
                None => self.count_from_now(&name, &mut ticker, cx.now_ms),
            }
            self.schedules.put(name, ticker);
        }
    }

    fn count_from_now(&mut self, name: &Name, ticker: &mut Ticker, now_ms: u64) {
        ticker.done_until(now_ms);
        self.put_control(key(name), Control::Ticked { until_ms: now_ms });
    }

    /// Starts what is due, at most `portion` runs.
    pub(super) fn tick_schedules(
        &mut self,
        portion: usize,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        for _ in 0..portion {
            let Some((_, name)) = self
                .schedules
                .due
                .first()
                .filter(|(due_ms, _)| *due_ms <= cx.now_ms)
                .cloned()
            else {
                break;
            };
            let Some(ticker) = self.schedules.by_name.get(&name) else {
                break;
            };
            let tick_ms = match ticker.catchup {
                Catchup::All => ticker.next.map(|(tick_ms, _)| tick_ms),
                Catchup::None | Catchup::Last => ticker.latest_due(cx.now_ms),
            };
            let Some(tick_ms) = tick_ms else { break };
            self.start_tick(&name, tick_ms, cx)?;
            self.put_control(key(&name), Control::Ticked { until_ms: tick_ms });
            self.schedules.done_until(&name, tick_ms);
        }
        Ok(())
    }

    fn start_tick(
        &mut self,
        (function, schedule): &Name,
        tick_ms: u64,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let data = serde_json::json!({
            "cron": &**schedule,
            "function_id": function.to_string(),
        });
        let event = NewEvent {
            name: internal::SCHEDULED.into(),
            data: Some(data.to_string().into()),
            ts: Some(tick_ms),
            ..NewEvent::default()
        };
        let id = EventId(self.ids.next(cx.now_ms));
        let event = Arc::new(event.accept(id, cx.now_ms, EventSource::Platform));
        self.record(event.clone(), cx);
        let spec = NewRun {
            cron: Some(schedule.clone()),
            ..NewRun::of(function.clone(), event.clone(), Via::Cron)
        };
        self.create(spec, cx)?;
        self.announce(&event, cx)
    }
}
