//! `singleton`: at most one live run for every value of the key.
//!
//! | record            | an event comes, `skip`    | an event comes, `cancel`               | the run ends |
//! |-------------------|---------------------------|----------------------------------------|--------------|
//! | none              | `Live(new)`               | `Live(new)`                            | none         |
//! | `Live(alive)`     | as it is; new one skipped | `Live(new)`; the one before cancelled  | none         |
//!
//! A run keeps the value of its key, so that its record goes with it whatever was deployed meanwhile.

use super::super::{Context, Engine, Served};
use super::{Arriving, keys};
use crate::function::options::SingletonMode;
use crate::ids::RunId;
use crate::state::{Control, ControlKey, ControlKind, ReadError, Run};

/// What becomes of a run that is about to be created.
pub(super) enum Claim {
    /// It may start.
    Free,
    /// It may start, in place of this one.
    Replaces(Box<Run>),
    /// It is skipped, for this reason.
    Taken(String),
}

impl Engine {
    /// Makes a run that is about to be created the live one, unless it is to be skipped.
    pub(super) fn claim_singleton(
        &mut self,
        served: &Served,
        run: &mut Run,
        arriving: &Arriving,
        cx: &mut Context<'_>,
    ) -> Result<Claim, ReadError> {
        let Some(singleton) = &served.config.singleton else {
            return Ok(Claim::Free);
        };
        let source = (&served.exprs.singleton, "singleton key");
        let key = Self::control_key(ControlKind::Singleton, served, source, arriving, cx);
        let mut claim = Claim::Free;
        if let Some(Control::Live(live)) = self.control(&key, cx)?
            && let Some(earlier) = self.find(live, cx)?
            && !earlier.status.is_final()
        {
            match singleton.mode {
                SingletonMode::Skip => {
                    let value = keys::for_people(&key);
                    return Ok(Claim::Taken(format!(
                        "singleton: run {live} is alive already{value}"
                    )));
                }
                SingletonMode::Cancel => claim = Claim::Replaces(Box::new(earlier)),
            }
        }
        run.singleton = Some(key.key.as_str().into());
        self.put_control(key, Control::Live(run.id));
        Ok(claim)
    }

    /// Cancels the run whose place a new one has taken. Only once the new one is there: what follows from the end must find it.
    pub(super) fn replace_live(
        &mut self,
        earlier: Run,
        run: RunId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let reason = format!("singleton: run {run} took its place");
        self.cancel_run(earlier, &reason, cx)?;
        self.cancel_withdrawn(cx)
    }

    /// The run ends: if it was the live one, nobody is now.
    pub(in crate::engine) fn release_singleton(
        &mut self,
        run: &Run,
        cx: &Context<'_>,
    ) -> Result<(), ReadError> {
        let Some(value) = &run.singleton else {
            return Ok(());
        };
        let key = ControlKey {
            kind: ControlKind::Singleton,
            function: run.function.clone(),
            key: value.to_string(),
        };
        if self.control(&key, cx)? == Some(Control::Live(run.id)) {
            self.delete_control(key);
        }
        Ok(())
    }
}
