//! What starts a function: events and schedules.

use crate::bindings::types;
use crate::duration::{IntoDuration, as_ms};
use crate::operation::Draft;

/// What starts a function. Made by [`Trigger::event`] and [`Trigger::cron`], and handed to [`Function::on`](crate::Function::on).
///
/// A function can have up to 10 triggers; an event that fits several of them still starts one run.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Trigger(Draft<types::Trigger>);

impl Trigger {
    /// Every event with this name, or, if the last part of it is `/*` or `.*`, every event whose name begins with the rest.
    ///
    /// ```
    /// use abide_sdk::prelude::*;
    ///
    /// Function::new("ship", async |ctx: Context| Ok::<_, Error>(ctx.run_id().to_owned()))
    ///     .on("order/paid")
    ///     .on(Trigger::event("order/*").when("event.data.total > 1000"));
    /// ```
    pub fn event(name: impl Into<String>) -> EventTrigger {
        EventTrigger(types::EventTrigger {
            event: name.into(),
            if_: None,
        })
    }

    /// The times of a Unix cron expression: minute, hour, day of month, month, day of week. They are in UTC unless `TZ=Area/City` stands in
    /// front.
    ///
    /// Lists, ranges, steps and names are fine (`0,30 8-18/2 * JAN-MAR MON-FRI`); 0 and 7 are Sunday. Where day of month and day of week are both
    /// restricted, either is enough. A time that daylight saving leaves out comes at the end of the gap, one that it repeats comes once. A tick starts at most one
    /// run, also across restarts of the node.
    ///
    /// The run's event is `inngest/scheduled.timer`: its `ts` is the time of the tick, its `data.cron` the schedule.
    ///
    /// ```
    /// use abide_sdk::prelude::*;
    ///
    /// Function::new("report", async |ctx: Context| Ok::<_, Error>(ctx.run_id().to_owned()))
    ///     .on(Trigger::cron("TZ=Europe/Berlin 0 9 * * MON-FRI").jitter("30s").catchup(Catchup::All));
    /// ```
    pub fn cron(schedule: impl Into<String>) -> CronTrigger {
        CronTrigger(Draft::new(types::CronTrigger {
            schedule: schedule.into(),
            jitter: None,
            catchup: None,
        }))
    }

    pub(crate) fn build(self) -> Result<types::Trigger, Vec<String>> {
        self.0.build()
    }
}

impl From<&str> for Trigger {
    fn from(event: &str) -> Self {
        Self::event(event).into()
    }
}

impl From<String> for Trigger {
    fn from(event: String) -> Self {
        Self::event(event).into()
    }
}

/// Events that start a function. Made by [`Trigger::event`].
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct EventTrigger(types::EventTrigger);

impl EventTrigger {
    /// Only events for which this CEL expression over `event` is true: `"event.data.plan == 'pro'"`. A field that is missing is null, and never an error.
    pub fn when(mut self, expression: impl Into<String>) -> Self {
        self.0.if_ = Some(expression.into());
        self
    }
}

impl From<EventTrigger> for Trigger {
    fn from(trigger: EventTrigger) -> Self {
        Self(Draft::new(types::Trigger::Event(trigger.0)))
    }
}

/// A schedule that starts a function. Made by [`Trigger::cron`].
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct CronTrigger(Draft<types::CronTrigger>);

impl CronTrigger {
    /// Delays each tick by a length between 0 and this, 1 second to 5 minutes, so that what is due at the same minute does not start in the same
    /// instant. The delay depends on the function and the tick only. Default: none.
    pub fn jitter(mut self, jitter: impl IntoDuration) -> Self {
        self.0
            .set("cron.jitter", jitter.into_duration(), |it, jitter| {
                it.jitter = Some(as_ms(jitter));
            });
        self
    }

    /// What becomes of ticks that passed while no node ran. Default: [`Catchup::Last`].
    ///
    /// Inngest does not say what happens to them; here the author does.
    pub fn catchup(mut self, catchup: Catchup) -> Self {
        self.0.options.catchup = Some(match catchup {
            Catchup::None => types::Catchup::None,
            Catchup::Last => types::Catchup::Last,
            Catchup::All => types::Catchup::All,
        });
        self
    }
}

impl From<CronTrigger> for Trigger {
    fn from(trigger: CronTrigger) -> Self {
        Self(trigger.0.map(types::Trigger::Cron))
    }
}

/// What becomes of the ticks of a schedule that passed while no node ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Catchup {
    /// They are left out: for work that is about *now*, like a reminder of the hour.
    None,
    /// The latest of them runs, once: for work that looks at everything since the last time, like a clean-up.
    Last,
    /// Each of them runs, in order: for work about one period each, like a report of the day.
    All,
}
