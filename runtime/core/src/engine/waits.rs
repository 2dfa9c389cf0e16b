//! Waits for events: an event finds those that it satisfies, and a new wait finds an event of the recent past.

use std::sync::Arc;

use super::{Context, Engine};
use crate::event::Event;
use crate::expr::{Expr, Scope, match_key};
use crate::ids::RunId;
use crate::journal::Outcome;
use crate::state::{ReadError, Registration, WaitKey};

/// Waits that are read at once: an event may satisfy any number of them.
const PAGE: usize = 256;

/// Events that a new wait with a lookback examines, newest last: a bound on what one step may cost.
const LOOKBACK_EVENTS: usize = 10_000;

impl Engine {
    /// Satisfies every wait for this event.
    pub(super) fn satisfy_waits(
        &mut self,
        event: &Event,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let mut arrived = Arrived::new(event);
        self.satisfy_waits_where(None, &mut arrived, cx)?;
        for path in cx.read.wait_paths(&event.name)? {
            let value = match_key(arrived.scope(), &path);
            self.satisfy_waits_where(Some((&path, &value)), &mut arrived, cx)?;
        }
        // Those that this very step registered are not among the reads.
        for (key, registration) in std::mem::take(&mut self.step.waits) {
            if self.step.satisfied.contains(&key) {
                continue;
            }
            if self.accepts(key.run, &registration, &mut arrived, cx)? {
                self.satisfy_wait(key, registration, &arrived, cx);
            } else {
                self.step.waits.push((key, registration));
            }
        }
        Ok(())
    }

    fn satisfy_waits_where(
        &mut self,
        match_on: Option<(&str, &str)>,
        arrived: &mut Arrived<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let mut after = None;
        loop {
            let page = cx.read.waits(&arrived.event.name, match_on, after, PAGE)?;
            for key in &page {
                if self.step.satisfied.contains(key) {
                    continue;
                }
                let Some(registration) = cx.read.registration(key.run, key.op)? else {
                    continue;
                };
                if self.accepts(key.run, &registration, arrived, cx)? {
                    self.satisfy_wait(*key, Arc::new(registration), arrived, cx);
                }
            }
            if page.len() < PAGE {
                return Ok(());
            }
            after = page.last().copied();
        }
    }

    fn satisfy_wait(
        &mut self,
        key: WaitKey,
        registration: Arc<Registration>,
        arrived: &Arrived<'_>,
        cx: &mut Context<'_>,
    ) {
        let outcome = Outcome::Done(arrived.event.to_json());
        self.satisfy(key, registration, (outcome, 0), cx);
    }

    /// Whether a wait of the run accepts the event.
    fn accepts(
        &self,
        run: RunId,
        registration: &Registration,
        arrived: &mut Arrived<'_>,
        cx: &Context<'_>,
    ) -> Result<bool, ReadError> {
        let Registration::Event {
            name,
            match_path,
            if_expr,
            ..
        } = registration
        else {
            return Ok(false);
        };
        if *name != *arrived.event.name {
            return Ok(false);
        }
        if let Some((path, value)) = match_path
            && match_key(arrived.scope(), path) != *value
        {
            return Ok(false);
        }
        let Some(source) = if_expr else {
            return Ok(true);
        };
        let (Ok(expr), Some(trigger)) = (Expr::compile(source), self.trigger_of(run, cx)?) else {
            return Ok(false);
        };
        // What cannot be decided is no match; the wait goes on.
        Ok(expr
            .matches(&trigger, Some(arrived.scope()))
            .unwrap_or(false))
    }

    /// The event that started the run.
    fn trigger_of(&self, run: RunId, cx: &Context<'_>) -> Result<Option<Scope>, ReadError> {
        let event = match self.active.get(&run) {
            Some(active) => Some(active.run.event),
            None => cx.read.run(run)?.map(|run| run.event),
        };
        let Some(event) = event else { return Ok(None) };
        let event = cx.read.event(event)?;
        Ok(event.and_then(|event| Scope::parse(&event.to_json()).ok()))
    }

    /// Watches for an event, unless one of the recent past satisfies the wait already.
    pub(super) fn wait_for_event(
        &mut self,
        key: WaitKey,
        registration: Registration,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let Registration::Event { name, since_ms, .. } = &registration else {
            return Ok(());
        };
        if let Some(since_ms) = since_ms
            && let Some(event) = self.look_back(key.run, name, *since_ms, &registration, cx)?
        {
            self.keep_arrival(key, Outcome::Done(event.to_json()), 0, cx);
            return Ok(());
        }
        let registration = Arc::new(registration);
        self.step.waits.push((key, registration.clone()));
        self.register(key, registration, cx);
        Ok(())
    }

    /// The oldest event received since then that satisfies a new wait of the run.
    fn look_back(
        &self,
        run: RunId,
        name: &str,
        since_ms: u64,
        registration: &Registration,
        cx: &Context<'_>,
    ) -> Result<Option<Arc<Event>>, ReadError> {
        let stored = cx.read.events_since(name, since_ms, LOOKBACK_EVENTS)?;
        // Those that this very step recorded are not among the reads.
        let recorded_now = self.step.events.iter().filter(|event| *event.name == *name);
        for event in stored
            .into_iter()
            .map(Arc::new)
            .chain(recorded_now.cloned())
        {
            if event.received_ms >= since_ms
                && self.accepts(run, registration, &mut Arrived::new(&event), cx)?
            {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }
}

/// An event that arrived, parsed when a condition first asks for it.
struct Arrived<'a> {
    event: &'a Event,
    scope: Option<Scope>,
}

impl<'a> Arrived<'a> {
    fn new(event: &'a Event) -> Self {
        Self { event, scope: None }
    }

    fn scope(&mut self) -> &Scope {
        self.scope
            .get_or_insert_with(|| Scope::parse(&self.event.to_json()).unwrap_or_default())
    }
}
