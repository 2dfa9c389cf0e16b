//! Schedules: every cron trigger of every function, and when it fires next.

use abide_core::cron::Schedule;
use abide_core::function::Trigger;
use abide_core::function::options::Catchup;
use abide_core::ids::FunctionId;
use abide_core::state::App;
use serde::Serialize;
use utoipa::ToSchema;

use super::function::{Paused, ScheduleView, schedule};
use super::shapes;
use super::value::Time;

/// A schedule, and whose it is.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = FunctionSchedule)]
pub(crate) struct FunctionScheduleView {
    /// `app/function`.
    pub(crate) function_id: String,
    #[serde(flatten)]
    pub(crate) schedule: ScheduleView,
    /// How far a tick may be put off at random.
    pub(crate) jitter_ms: Option<u64>,
    #[schema(value_type = shapes::Catchup)]
    pub(crate) catchup: Catchup,
    /// Since when its function is paused: then ticks queue.
    pub(crate) paused_at: Option<Time>,
}

/// The schedules of all functions at `now_ms`, in the order of their first ticks.
pub(crate) fn schedules_of(
    apps: &[App],
    paused: &Paused,
    now_ms: u64,
) -> Vec<FunctionScheduleView> {
    let mut found = Vec::new();
    for app in apps {
        for config in &app.current.functions {
            let id = FunctionId::new(app.id.clone(), config.id.as_str());
            for trigger in &config.triggers {
                let Trigger::Cron(trigger) = trigger else {
                    continue;
                };
                let Some(view) = schedule(&trigger.schedule, now_ms) else {
                    continue;
                };
                let known = Schedule::parse(&trigger.schedule).ok();
                let first = known.and_then(|schedule| schedule.next_after(now_ms));
                let view = FunctionScheduleView {
                    function_id: id.to_string(),
                    schedule: view,
                    jitter_ms: trigger.jitter_ms,
                    catchup: trigger.catchup,
                    paused_at: paused.0.get(&id).copied().map(Time),
                };
                found.push((first.unwrap_or(u64::MAX), view));
            }
        }
    }
    found.sort_by(|(one, a), (other, b)| one.cmp(other).then(a.function_id.cmp(&b.function_id)));
    found.into_iter().map(|(_, view)| view).collect()
}
