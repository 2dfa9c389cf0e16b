//! Waits for events: an event finds those that it satisfies, and a new wait finds an event of the recent past.
//!
//! Events that cancel runs are found in the same way: for the index they are waits like others.
//!
//! An event looks up the waits that ask for no equal value, and then, for each path on which waits for its name ask for one, those that ask
//! for exactly its own value there. So it costs what it satisfies, however many others wait. Invariants: an event satisfies a wait at most
//! once; a wait whose time is over is not satisfied, even if nobody has told the run yet.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Arriving, Context, Effect, Engine, Notice};
use crate::event::Event;
use crate::expr::{EvalError, Scope, match_key};
use crate::function::Undecided;
use crate::ids::{FunctionId, RunId};
use crate::journal::{FIRST_CANCEL_ON_OP, Outcome};
use crate::state::{ReadError, Registration, WaitKey};

/// Waits that are read at once: an event may satisfy any number of them.
const PAGE: usize = 256;

/// Events that a new wait with a lookback reads at once.
const LOOKBACK_PAGE: usize = 64;

/// Events that a new wait with a lookback examines, oldest first: a bound on what one step may cost.
const LOOKBACK_EVENTS: usize = 10_000;

impl Engine {
    /// Satisfies every wait for this event, and cancels the runs that it ends.
    pub(super) fn satisfy_waits(
        &mut self,
        arriving: &Arriving,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let event = &arriving.event;
        let mut arrived = Arrived::new(arriving);
        self.satisfy_waits_where(None, &mut arrived, cx)?;
        let mut paths = cx.read.wait_paths(&event.name)?;
        // Those that this very step registered are not among the reads.
        paths.extend(self.step.watched.paths(&event.name));
        paths.sort_unstable();
        paths.dedup();
        for path in paths {
            let value = match_key(arriving.scope(), &path);
            self.satisfy_waits_where(Some((&path, &value)), &mut arrived, cx)?;
        }
        self.cancel_withdrawn(cx)
    }

    fn satisfy_waits_where(
        &mut self,
        match_on: Option<(&str, &str)>,
        arrived: &mut Arrived<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let name = &arrived.arriving.event.name;
        let of_this_step = self.step.watched.waits(name, match_on);
        let mut after = None;
        loop {
            let page = cx.read.waits(name, match_on, after, PAGE)?;
            for key in &page {
                self.offer(*key, arrived, cx)?;
            }
            if page.len() < PAGE {
                break;
            }
            after = page.last().copied();
        }
        of_this_step
            .into_iter()
            .try_for_each(|key| self.offer(key, arrived, cx))
    }

    /// Offers the event to something that looks out for one.
    fn offer(
        &mut self,
        key: WaitKey,
        arrived: &mut Arrived<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let Some(registration) = self.registration_in_step(key, cx)? else {
            return Ok(());
        };
        let until_ms = match &*registration {
            Registration::CancelOn { until_ms, .. } => *until_ms,
            other => other.due_ms(),
        };
        let over = until_ms.is_some_and(|until_ms| until_ms <= cx.now_ms);
        if over || !self.accepts(key, &registration, arrived, cx)? {
            return Ok(());
        }
        if matches!(&*registration, Registration::CancelOn { .. }) {
            return self.cancel_by_event(key.run, &arrived.arriving.event, cx);
        }
        let outcome = Outcome::Done(arrived.arriving.json().clone());
        self.satisfy(key, registration, (outcome, 0), cx);
        Ok(())
    }

    /// Whether what looks out for events accepts this one.
    fn accepts(
        &mut self,
        key: WaitKey,
        registration: &Registration,
        arrived: &mut Arrived<'_>,
        cx: &mut Context<'_>,
    ) -> Result<bool, ReadError> {
        let (Registration::Event {
            name,
            match_path,
            if_expr,
            ..
        }
        | Registration::CancelOn {
            name,
            match_path,
            if_expr,
            ..
        }) = registration
        else {
            return Ok(false);
        };
        if *name != *arrived.arriving.event.name {
            return Ok(false);
        }
        if let Some((path, value)) = match_path
            && match_key(arrived.arriving.scope(), path) != *value
        {
            return Ok(false);
        }
        let Some(source) = if_expr else {
            return Ok(true);
        };
        let Some(expr) = self.conditions.compiled(source) else {
            return Ok(false);
        };
        let Some((function, trigger)) = self.trigger_of(key.run, cx)? else {
            return Ok(false);
        };
        match expr.matches(&trigger, Some(arrived.arriving.scope())) {
            Ok(holds) => Ok(holds),
            Err(error) => {
                let option = match registration {
                    Registration::CancelOn { .. } => {
                        format!("cancelOn {} if", key.op - FIRST_CANCEL_ON_OP)
                    }
                    _ => format!("if of the wait for `{name}`"),
                };
                arrived.warn(function, option, &error, cx);
                Ok(false)
            }
        }
    }

    /// The function of a run, and the event that started it.
    fn trigger_of(
        &self,
        run: RunId,
        cx: &Context<'_>,
    ) -> Result<Option<(FunctionId, Scope)>, ReadError> {
        let Some((function, event)) =
            self.with_run(run, cx, |run| (run.function.clone(), run.event))?
        else {
            return Ok(None);
        };
        let event = self.event(event, cx)?;
        let scope = event.and_then(|event| Scope::parse(&event.to_json()).ok());
        Ok(scope.map(|scope| (function, scope)))
    }

    /// What must be equal wherever a condition holds, so that the condition of a wait is decided only for events for which it can hold:
    /// the path in the event that arrives, and the value there. `value_at` gives the value at a path of the event that started the run.
    pub(super) fn match_of(
        &mut self,
        condition: Option<&str>,
        value_at: impl FnOnce(&str) -> String,
    ) -> Option<(String, String)> {
        let (path, later) = self.conditions.compiled(condition?)?.equal_paths()?;
        Some((later, value_at(&path)))
    }

    /// Watches for an event, unless one of the recent past satisfies the wait already.
    pub(super) fn wait_for_event(
        &mut self,
        key: WaitKey,
        mut registration: Registration,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let Registration::Event {
            since_ms,
            match_path,
            if_expr,
            ..
        } = &mut registration
        else {
            return Ok(());
        };
        if match_path.is_none()
            && if_expr.is_some()
            && let Some((_, trigger)) = self.trigger_of(key.run, cx)?
        {
            *match_path = self.match_of(if_expr.as_deref(), |path| match_key(&trigger, path));
        }
        if let Some(since_ms) = *since_ms
            && let Some(event) = self.look_back(key, since_ms, &registration, cx)?
        {
            self.keep_arrival(key, Outcome::Done(event.to_json()), 0, cx);
            return Ok(());
        }
        self.register(key, Arc::new(registration), cx);
        Ok(())
    }

    /// The oldest event received since then that satisfies a new wait of the run.
    fn look_back(
        &mut self,
        key: WaitKey,
        since_ms: u64,
        registration: &Registration,
        cx: &mut Context<'_>,
    ) -> Result<Option<Arc<Event>>, ReadError> {
        let Some((name, _)) = registration.awaited() else {
            return Ok(None);
        };
        let mut from = (since_ms, None);
        let mut examined = 0;
        loop {
            let page = cx.read.events_since(name, from.0, from.1, LOOKBACK_PAGE)?;
            let count = page.len();
            let last = page.last().map(|last| (last.received_ms, Some(last.id)));
            for event in page {
                let event = Arriving::new(Arc::new(event));
                if self.accepts(key, registration, &mut Arrived::new(&event), cx)? {
                    return Ok(Some(event.event));
                }
            }
            examined += count;
            match last {
                Some(last) if count == LOOKBACK_PAGE => from = last,
                Some(_) | None => break,
            }
            if examined >= LOOKBACK_EVENTS {
                self.warn_of_lookback(key.run, name, cx)?;
                break;
            }
        }
        // Those that this very step recorded are not among the reads.
        let recorded_now: Vec<_> = self
            .step
            .events
            .values()
            .filter(|event| *event.name == *name && event.received_ms >= since_ms)
            .cloned()
            .collect();
        for event in recorded_now {
            let event = Arriving::new(event);
            if self.accepts(key, registration, &mut Arrived::new(&event), cx)? {
                return Ok(Some(event.event));
            }
        }
        Ok(None)
    }

    /// Says that a lookback was not examined to its end.
    fn warn_of_lookback(
        &self,
        run: RunId,
        name: &str,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        if let Some(function) = self.with_run(run, cx, |run| run.function.clone())? {
            cx.out.durable.push(Effect::Notice(Notice::Undecided(Undecided {
                function,
                option: format!("lookback of the wait for `{name}`"),
                problem: format!(
                    "the first {LOOKBACK_EVENTS} events of the time to look back on do not satisfy the wait, and later ones were not examined; make the lookback shorter"
                ),
            })));
        }
        Ok(())
    }
}

/// An event that arrived, and the conditions that could not be decided for it.
struct Arrived<'a> {
    arriving: &'a Arriving,
    warned: BTreeSet<(FunctionId, String)>,
}

impl<'a> Arrived<'a> {
    fn new(arriving: &'a Arriving) -> Self {
        Self {
            arriving,
            warned: BTreeSet::new(),
        }
    }

    /// Says that a condition could not be decided: once an event, however many runs have the same condition.
    fn warn(
        &mut self,
        function: FunctionId,
        option: String,
        error: &EvalError,
        cx: &mut Context<'_>,
    ) {
        if self.warned.insert((function.clone(), option.clone())) {
            cx.out
                .durable
                .push(Effect::Notice(Notice::Undecided(Undecided {
                    function,
                    option,
                    problem: format!("{error}; that is no match"),
                })));
        }
    }
}
