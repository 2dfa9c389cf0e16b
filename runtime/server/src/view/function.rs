//! Functions: what starts them, how they are configured, and how they stand.

use std::collections::BTreeMap;

use abide_core::cron::Schedule;
use abide_core::function::options::Catchup;
use abide_core::function::{FunctionConfig, Setting, Trigger};
use abide_core::ids::FunctionId;
use abide_core::retry::Backoff;
use abide_core::state::App;
use serde::Serialize;
use utoipa::ToSchema;

use super::shapes;
use super::value::Time;
use crate::metrics::FunctionTotals;
use crate::node::Node;
use crate::warnings::Warning;

/// Ticks of a schedule that are shown.
const TICKS: usize = 3;

/// The functions that an operator has paused, and since when.
#[derive(Debug, Clone, Default)]
pub(crate) struct Paused(pub(crate) BTreeMap<FunctionId, u64>);

/// A function of the version of its app that is served now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Function)]
pub(crate) struct FunctionView {
    /// `app/function`.
    pub(crate) id: String,
    pub(crate) app: String,
    pub(crate) function: String,
    pub(crate) name: Option<String>,
    pub(crate) triggers: Vec<TriggerView>,
    pub(crate) retries: u32,
    #[schema(value_type = Option<shapes::Backoff>)]
    pub(crate) backoff: Option<Backoff>,
    pub(crate) version: String,
    pub(crate) deployed_at: Time,
    /// Its runs do not start.
    pub(crate) paused_at: Option<Time>,
    /// What its runs did lately; `null` where that is not asked for, or not counted for this function by itself.
    pub(crate) totals: Option<TotalsView>,
}

/// What the runs of a function did, as far as the server has counted since it started.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = FunctionTotals)]
pub(crate) struct TotalsView {
    /// In the last hour, to five minutes.
    pub(crate) hour: FunctionTotals,
    /// In the last day, to an hour.
    pub(crate) day: FunctionTotals,
}

/// What starts a function.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Trigger)]
pub(crate) enum TriggerView {
    Event {
        event: String,
        #[serde(rename = "if")]
        if_expr: Option<String>,
    },
    Cron {
        cron: String,
        jitter_ms: Option<u64>,
        #[schema(value_type = shapes::Catchup)]
        catchup: Catchup,
    },
    FailureOf {
        failure_of: String,
    },
}

/// The functions of an app, in the order in which it describes them.
pub(crate) fn functions_of<'a>(
    app: &'a App,
    paused: &'a Paused,
) -> impl Iterator<Item = FunctionView> + 'a {
    app.current
        .functions
        .iter()
        .map(|config| FunctionView::new(app, config, paused))
}

impl FunctionView {
    /// The view of one of an app's functions.
    pub(crate) fn new(app: &App, config: &FunctionConfig, paused: &Paused) -> Self {
        let id = FunctionId::new(app.id.clone(), config.id.as_str());
        Self {
            id: id.to_string(),
            app: app.id.to_string(),
            function: config.id.clone(),
            name: config.name.clone(),
            triggers: config.triggers.iter().map(TriggerView::from).collect(),
            retries: config.policy().max_attempts.saturating_sub(1),
            backoff: config.backoff,
            version: app.current.digest.to_string(),
            deployed_at: Time(app.current.at_ms),
            paused_at: paused.0.get(&id).copied().map(Time),
            totals: None,
        }
    }

    /// With what is counted of it.
    #[must_use]
    pub(crate) fn counted(mut self, node: &Node) -> Self {
        let id = FunctionId::new(self.app.as_str(), self.function.as_str());
        let totals = node.function_totals(&id);
        self.totals = totals.map(|(hour, day)| TotalsView { hour, day });
        self
    }
}

impl From<&Trigger> for TriggerView {
    fn from(trigger: &Trigger) -> Self {
        match trigger {
            Trigger::Event(trigger) => Self::Event {
                event: trigger.event.clone(),
                if_expr: trigger.if_expr.clone(),
            },
            Trigger::Cron(trigger) => Self::Cron {
                cron: trigger.schedule.clone(),
                jitter_ms: trigger.jitter_ms,
                catchup: trigger.catchup,
            },
            Trigger::FailureOf(function) => Self::FailureOf {
                failure_of: function.clone(),
            },
        }
    }
}

/// A function with everything that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = FunctionDetail)]
pub(crate) struct FunctionDetail {
    #[serde(flatten)]
    pub(crate) function: FunctionView,
    /// All of its configuration, defaults included.
    #[schema(value_type = Vec<shapes::Setting>)]
    pub(crate) options: Vec<Setting>,
    pub(crate) schedules: Vec<ScheduleView>,
    pub(crate) queued: QueuedView,
    pub(crate) warnings: Vec<WarningView>,
}

/// A cron trigger, and when it fires next.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Schedule)]
pub(crate) struct ScheduleView {
    pub(crate) cron: String,
    /// In words.
    pub(crate) fires: String,
    /// The next times, without jitter.
    pub(crate) next: Vec<Time>,
}

/// Runs that may not start yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = QueuedRuns)]
pub(crate) struct QueuedView {
    pub(crate) runs: usize,
    /// There may be more: they were not all counted.
    pub(crate) at_least: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Warning)]
pub(crate) struct WarningView {
    pub(crate) option: String,
    pub(crate) problem: String,
    pub(crate) count: u64,
    pub(crate) first_at: Time,
    pub(crate) last_at: Time,
}

impl FunctionDetail {
    /// The detail of one of an app's functions at `now_ms`.
    pub(crate) fn new(
        function: FunctionView,
        config: &FunctionConfig,
        queued: QueuedView,
        warnings: &[Warning],
        now_ms: u64,
    ) -> Self {
        let schedules = config.triggers.iter().filter_map(|trigger| match trigger {
            Trigger::Cron(trigger) => schedule(&trigger.schedule, now_ms),
            Trigger::Event(_) | Trigger::FailureOf(_) => None,
        });
        Self {
            function,
            options: config.effective(),
            schedules: schedules.collect(),
            queued,
            warnings: warnings.iter().map(WarningView::from).collect(),
        }
    }

    /// `app/function`.
    pub(crate) fn id(&self) -> &str {
        &self.function.id
    }
}

pub(super) fn schedule(cron: &str, now_ms: u64) -> Option<ScheduleView> {
    let schedule = Schedule::parse(cron).ok()?;
    let first = schedule.next_after(now_ms);
    let ticks = std::iter::successors(first, |tick| schedule.next_after(*tick));
    Some(ScheduleView {
        cron: cron.to_owned(),
        fires: schedule.describe(),
        next: ticks.take(TICKS).map(Time).collect(),
    })
}

impl From<&Warning> for WarningView {
    fn from(warning: &Warning) -> Self {
        Self {
            option: warning.option.clone(),
            problem: warning.problem.clone(),
            count: warning.count,
            first_at: Time(warning.first_ms),
            last_at: Time(warning.last_ms),
        }
    }
}
