//! What an event meant to each function: why it started a run, or why it did not.
//!
//! What was recorded goes first: runs, skipped ones included, and what collects events for runs to come. Where nothing was recorded, the
//! triggers are asked again, as they are deployed now; an answer that a later deployment may have changed says so. It reads nothing by
//! itself and decides nothing about runs.

use std::collections::{BTreeMap, BTreeSet};

use abide_core::event::{Event, EventSource};
use abide_core::expr::{Expr, Scope};
use abide_core::function::options::EventTrigger;
use abide_core::function::{FunctionConfig, Trigger};
use abide_core::ids::{FunctionId, RunId};
use abide_core::state::{App, Run, RunEnd, RunStatus};

use super::pending::PendingView;
use super::value::Time;

/// Fields whose values are shown beside a condition that did not hold.
const MOST_FIELDS: usize = 6;

/// The longest value that is shown of one, in characters.
const FIELD_CHARS: usize = 80;

/// The event that a function sees which was invoked.
const INVOKED: &str = "inngest/function.invoked";

/// What is known of an event when it is asked what became of it.
pub(crate) struct Facts<'a> {
    pub(crate) event: &'a Event,
    /// What is deployed now.
    pub(crate) apps: &'a [App],
    /// The runs that it was linked to, with where they stand.
    pub(crate) runs: &'a [(Run, RunStatus)],
    /// What collects it for a run that is not created yet.
    pub(crate) pending: &'a [PendingView],
    /// The runs that events with its external id started, by function.
    pub(crate) started: &'a BTreeMap<FunctionId, RunId>,
    /// The functions that are paused, and since when.
    pub(crate) paused: &'a BTreeMap<FunctionId, u64>,
}

/// What became of an event at one function, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It started a run, or became part of one.
    Started,
    /// A run is queued for it, and its function is paused.
    Held,
    /// It waits in a debounce or a batch.
    Collecting,
    /// A control dropped it.
    Skipped,
    /// An event with the same id came before.
    Duplicate,
    /// No condition of the function's triggers holds.
    NoMatch,
    /// A condition could not be decided.
    Undecided,
    /// It matches now, but nothing says that it did when it came.
    Unknown,
}

impl Verdict {
    /// For people.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Held => "held",
            Self::Collecting => "collecting",
            Self::Skipped => "skipped",
            Self::Duplicate => "duplicate",
            Self::NoMatch => "no match",
            Self::Undecided => "undecided",
            Self::Unknown => "not started",
        }
    }
}

/// What became of an event at one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MatchView {
    pub(crate) function: FunctionId,
    pub(crate) verdict: Verdict,
    /// Why, in one sentence.
    pub(crate) because: String,
    /// The run that it is about: the event's, or the one that an earlier event had started.
    pub(crate) run: Option<RunId>,
    /// Fields of the event that a condition looked at, with their values as JSON.
    pub(crate) saw: Vec<(String, String)>,
}

/// What became of an event at every function that it concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matching {
    /// Those that started first, then the others, each by function.
    pub(crate) functions: Vec<MatchView>,
    /// Deployed functions that listen to other events only.
    pub(crate) others: usize,
    /// What the deployed functions listen to, where none listens to this event.
    pub(crate) listened: Vec<String>,
}

impl Matching {
    /// What became of the event.
    pub(crate) fn of(facts: &Facts<'_>) -> Self {
        let scope = Scope::parse(&facts.event.to_json()).unwrap_or_default();
        let mut functions: Vec<_> = facts
            .runs
            .iter()
            .map(|(run, status)| of_run(facts, &scope, run, *status))
            .collect();
        functions.extend(facts.pending.iter().filter_map(of_pending));
        let known: BTreeSet<_> = functions.iter().map(|it| it.function.clone()).collect();
        let mut others = 0;
        let mut listened = BTreeSet::new();
        for app in facts.apps {
            for config in &app.current.functions {
                let id = FunctionId::new(app.id.clone(), config.id.as_str());
                if known.contains(&id) {
                    continue;
                }
                match without_run(facts, app, config, &id, &scope) {
                    Some(view) => functions.push(view),
                    None => {
                        others += 1;
                        listened.extend(events_of(config).map(|it| it.event.clone()));
                    }
                }
            }
        }
        functions.sort_by(|a, b| {
            let rank = |it: &MatchView| it.verdict != Verdict::Started;
            (rank(a), &a.function, a.run).cmp(&(rank(b), &b.function, b.run))
        });
        if !functions.is_empty() {
            listened.clear();
        }
        Self {
            functions,
            others,
            listened: listened.into_iter().collect(),
        }
    }
}

fn events_of(config: &FunctionConfig) -> impl Iterator<Item = &EventTrigger> {
    config.triggers.iter().filter_map(|trigger| match trigger {
        Trigger::Event(trigger) => Some(trigger),
        Trigger::Cron(_) | Trigger::FailureOf(_) => None,
    })
}

/// Of a run that is linked to the event.
fn of_run(facts: &Facts<'_>, scope: &Scope, run: &Run, status: RunStatus) -> MatchView {
    let paused = facts.paused.get(&run.function);
    let (verdict, because) = match (&run.end, status, paused) {
        (Some(RunEnd::Skipped(reason)), RunStatus::Skipped, _) => {
            (Verdict::Skipped, reason.clone())
        }
        (_, RunStatus::Queued, Some(since)) => (
            Verdict::Held,
            format!(
                "it matched; its run waits because the function is paused since {}",
                Time(*since)
            ),
        ),
        _ => (Verdict::Started, brought_about(facts, scope, run)),
    };
    MatchView {
        function: run.function.clone(),
        verdict,
        because,
        run: Some(run.id),
        saw: Vec::new(),
    }
}

/// What brought a run about.
fn brought_about(facts: &Facts<'_>, scope: &Scope, run: &Run) -> String {
    let several = match (run.batch, run.event_count) {
        (true, count) => format!("; it is one of {count} events of a batch"),
        (false, 0 | 1) => String::new(),
        (false, count) => format!("; it is one of {count} events of a debounce"),
    };
    if let Some(original) = run.original {
        return format!("an operator replayed run {original}");
    }
    if let Some((parent, _)) = run.parent {
        return format!("run {parent} invoked it");
    }
    if &*facts.event.name == INVOKED {
        return "an operator invoked it".to_owned();
    }
    if let Some(cron) = &run.cron {
        return format!("its schedule `{cron}` came due");
    }
    let app = facts.apps.iter().find(|app| app.id == run.function.app);
    let config = app.and_then(|app| {
        let mut functions = app.current.functions.iter();
        functions.find(|config| *config.id == *run.function.function)
    });
    let Some(config) = config else {
        return format!("it matched then; the function is no longer deployed{several}");
    };
    let name = &*facts.event.name;
    let trigger = events_of(config)
        .filter(|trigger| trigger.listens_to(name))
        .find(|trigger| matches!(decide(trigger, scope), Decided::Holds));
    match trigger {
        Some(trigger) => format!("it matches {}{several}", in_words(trigger)),
        None => match failure_of(config) {
            Some(failing) => format!("it handles failures of `{failing}`"),
            None => format!("it matched the triggers that were deployed then{several}"),
        },
    }
}

fn failure_of(config: &FunctionConfig) -> Option<&str> {
    config.triggers.iter().find_map(|trigger| match trigger {
        Trigger::FailureOf(failing) => Some(failing.as_str()),
        Trigger::Event(_) | Trigger::Cron(_) => None,
    })
}

fn of_pending(pending: &PendingView) -> Option<MatchView> {
    let (app, function) = pending.function_id.split_once('/')?;
    Some(MatchView {
        function: FunctionId::new(app, function),
        verdict: Verdict::Collecting,
        because: format!(
            "its {} has collected {} events, and starts a run at {} unless another one comes or it is full before",
            pending.control, pending.events, pending.due_at
        ),
        run: None,
        saw: Vec::new(),
    })
}

/// What a condition says of the event.
enum Decided {
    Holds,
    DoesNot,
    Cannot(String),
}

fn decide(trigger: &EventTrigger, scope: &Scope) -> Decided {
    match trigger.condition() {
        Ok(None) => Decided::Holds,
        Ok(Some(condition)) => match condition.matches(scope, None) {
            Ok(true) => Decided::Holds,
            Ok(false) => Decided::DoesNot,
            Err(error) => Decided::Cannot(error.to_string()),
        },
        Err(error) => Decided::Cannot(error.to_string()),
    }
}

/// Of a function to which nothing links the event; `None` if it listens to other events only.
fn without_run(
    facts: &Facts<'_>,
    app: &App,
    config: &FunctionConfig,
    id: &FunctionId,
    scope: &Scope,
) -> Option<MatchView> {
    let event = facts.event;
    let listening: Vec<_> = events_of(config)
        .filter(|trigger| trigger.listens_to(&event.name))
        .collect();
    if listening.is_empty() {
        return None;
    }
    let (mut refused, mut undecided, mut holds) = (Vec::new(), Vec::new(), None);
    for trigger in listening {
        match decide(trigger, scope) {
            Decided::Holds => holds = holds.or(Some(trigger)),
            Decided::DoesNot => refused.push(trigger),
            Decided::Cannot(why) => undecided.push((trigger, why)),
        }
    }
    let (verdict, mut because, run) = if holds.is_some() {
        matching_now(facts, app, id)
    } else if let Some((trigger, why)) = undecided.first() {
        let source = trigger.if_expr.as_deref().unwrap_or_default();
        let because = format!("the condition `{source}` cannot be decided: {why}");
        (Verdict::Undecided, because, None)
    } else {
        let sources: Vec<_> = refused
            .iter()
            .filter_map(|trigger| trigger.if_expr.as_deref())
            .map(|source| format!("`{source}`"))
            .collect();
        let because = format!("the condition {} is false", sources.join(" and "));
        (Verdict::NoMatch, because, None)
    };
    if app.current.at_ms > event.received_ms
        && matches!(verdict, Verdict::NoMatch | Verdict::Undecided)
    {
        because += "; that is as deployed now, and the event came before that";
    }
    let mut saw = Vec::new();
    if holds.is_none() {
        for trigger in refused.iter().chain(undecided.iter().map(|(it, _)| it)) {
            saw.extend(fields(
                trigger.if_expr.as_deref().unwrap_or_default(),
                scope,
            ));
        }
        saw.sort();
        saw.dedup();
        saw.truncate(MOST_FIELDS);
    }
    Some(MatchView {
        function: id.clone(),
        verdict,
        because,
        run,
        saw,
    })
}

/// Of a function whose triggers match, and that has no run of the event.
fn matching_now(facts: &Facts<'_>, app: &App, id: &FunctionId) -> (Verdict, String, Option<RunId>) {
    let event = facts.event;
    if let (Some(external), Some(run)) = (&event.external_id, facts.started.get(id))
        && run.made_at_ms() <= event.received_ms
    {
        let because = format!(
            "an event with the same id `{external}` had started run {run} within 24 hours before"
        );
        return (Verdict::Duplicate, because, Some(*run));
    }
    let because = if app.current.at_ms > event.received_ms {
        format!(
            "it would match now, but this version was deployed at {}, after the event came",
            Time(app.current.at_ms)
        )
    } else if event.source == EventSource::Platform {
        "it was made by the end of a run that such an event had started: those start nothing, so that they never go in circles, or its run was deleted since".to_owned()
    } else if event.external_id.is_some() {
        "it matches, but no run of it is recorded: another event with the same id was there first, or its run was deleted since".to_owned()
    } else {
        "it matches, but no run of it is recorded: its run was deleted since, or newer events took its place in a debounce".to_owned()
    };
    (Verdict::Unknown, because, None)
}

fn in_words(trigger: &EventTrigger) -> String {
    match &trigger.if_expr {
        None => format!("`{}`", trigger.event),
        Some(source) => format!("`{}` where `{source}`", trigger.event),
    }
}

/// The fields of the event that an expression names, with what they hold.
fn fields(source: &str, scope: &Scope) -> Vec<(String, String)> {
    let value = |path: &String| {
        let value = Expr::compile_value(path).ok()?.value(scope, None).ok()?;
        Some(shortened(&value.to_string()))
    };
    let paths = paths(source).into_iter().take(MOST_FIELDS);
    paths
        .filter_map(|path| value(&path).map(|value| (path, value)))
        .collect()
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= FIELD_CHARS {
        return text.to_owned();
    }
    text.chars().take(FIELD_CHARS - 1).chain(['…']).collect()
}

/// The paths such as `event.data.id` that an expression's text holds, outside of its texts.
fn paths(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = source.char_indices().peekable();
    let mut quote = None;
    while let Some((at, c)) = rest.next() {
        match (quote, c) {
            (Some(_), '\\') => {
                rest.next();
            }
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, c) if c.is_alphabetic() || c == '_' => {
                let part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
                let mut end = at + c.len_utf8();
                while let Some((at, c)) = rest.next_if(|(_, c)| part(*c)) {
                    end = at + c.len_utf8();
                }
                let is_call = source[end..].trim_start().starts_with('(');
                let mut path = source[at..end].trim_end_matches('.');
                if is_call {
                    path = path.rsplit_once('.').map_or("", |(of, _)| of);
                }
                if path.starts_with("event.") {
                    found.insert(path.to_owned());
                }
            }
            (Some(_) | None, _) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests;
