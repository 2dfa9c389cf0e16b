//! Something done to all runs that pass a filter: first how many they are, then the job, and how far it is.

use abide_core::state::{Job, JobAction, JobState, RunFilter, RunStatus};
use axum::body::Body;
use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

use super::filter::Filter;
use crate::http::api::{Count, GLANCE, LONGEST_COUNT, Params, count, job_id, selection};
use crate::http::dashboard::components::{self as ui, Ask};
use crate::http::dashboard::forms::{self, Fields};
use crate::http::dashboard::visit::Visit;
use crate::http::dashboard::{Section, paths};
use crate::http::error::{ApiError, PageError};

/// The pattern of the form that starts a job, and of its preview.
pub(in crate::http::dashboard) const BULK: &str = "/runs/bulk";

/// The pattern of the button that stops one.
pub(in crate::http::dashboard) const STOP: &str = "/runs/jobs/{id}/stop";

/// For how long a job that ended is still told of.
const TOLD_MS: u64 = 10 * abide_core::MINUTE_MS;

/// The most jobs that are told of.
const MOST_JOBS: usize = 3;

/// The ways to what can be done to all runs that pass.
pub(super) fn buttons(visit: &Visit, filter: &Filter) -> Markup {
    // A job knows no event: its few runs have buttons of their own.
    if !visit.may_post(BULK) || filter.get("event").is_some() {
        return html! {};
    }
    let chosen = filter.statuses();
    let possible =
        |is_over: bool| chosen.is_empty() || chosen.iter().any(|it| it.is_final() == is_over);
    html! {
        @if possible(true) {
            a.button href=(filter.path_at(BULK, &[("action", "replay")])) data-testid="button-bulk-replay" { "Replay all…" }
        }
        @if possible(false) {
            a.button href=(filter.path_at(BULK, &[("action", "cancel")])) data-testid="button-bulk-cancel" { "Cancel all…" }
        }
    }
}

/// What is wanted of a job.
struct Wanted {
    action: JobAction,
    filter: RunFilter,
}

impl Wanted {
    fn new(action: &str, reason: Option<&str>, filter: &Filter) -> Result<Self, ApiError> {
        let (event, chosen) = filter.selection()?;
        if event.is_some() {
            let detail = "event: a job knows no event, and would be for all runs; act on the event's runs one by one";
            return Err(ApiError::invalid("invalid_filter", detail));
        }
        let mut filter = chosen.filter().clone();
        let action = match action {
            "replay" => JobAction::Replay,
            "cancel" => JobAction::Cancel {
                reason: reason
                    .unwrap_or("cancelled in bulk on the dashboard")
                    .to_owned(),
            },
            other => {
                let detail = format!("action: `{other}` is none; it must be cancel or replay");
                return Err(ApiError::invalid("invalid_body", detail));
            }
        };
        if matches!(action, JobAction::Replay) && filter.statuses.is_empty() {
            filter.statuses = vec![RunStatus::Failed];
        }
        Ok(Self { action, filter })
    }

    /// "Replay", "Cancel".
    fn verb(&self) -> &'static str {
        match self.action {
            JobAction::Replay => "Replay",
            JobAction::Cancel { .. } => "Cancel",
        }
    }
}

/// How many runs it would be.
pub(in crate::http::dashboard) async fn preview(
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let filter = Filter::parse(query.as_deref())?;
    let action = filter.get("action").unwrap_or_default();
    let wanted = Wanted::new(action, None, &filter)?;
    let chosen = selection(&wanted.action, &wanted.filter)?;
    let whole = filter.get("count").is_some();
    let longest = if whole { LONGEST_COUNT } else { GLANCE };
    let counted = visit.api.read(move |view| count(view, &chosen, longest));
    let counted = counted.await?;
    let (title, label) = titles(wanted.verb(), &counted);
    let fields = filter.fields();
    let grave = matches!(wanted.action, JobAction::Cancel { .. });
    let ask = Ask {
        path: BULK,
        label: &label,
        name: "bulk-confirm",
        grave,
        fields: &fields,
    };
    let content = html! {
        (ui::heading(&html! { span data-testid="bulk-count" data-count=(counted.matching) data-complete=[counted.complete.then_some("")] { (title) } }, &html! {}))
        section.panel-box {
            (ui::definitions(&described(&wanted.filter)))
            @if !counted.complete { (not_all(&counted, whole, &filter)) }
            @if counted.matching == 0 && counted.complete {
                p { "No run passes that filter, or none of them " @if grave { "is still going." } @else { "has ended." } }
            } @else {
                @if grave {
                    p { "They end for good, and so do runs that they invoked and wait for. Runs that begin after this are left alone." }
                } @else {
                    p { "Each is done again from its start, as a new run of the code that is deployed now. Runs that begin after this are left alone." }
                }
                form.bulk method="post" action=(ask.path) data-testid="form-bulk-confirm" {
                    @for (name, value) in ask.fields { input type="hidden" name=(name) value=(value); }
                    @if grave { (ui::field("reason", "Reason", &ui::input("reason", "reason", "", "for whoever looks later"))) }
                    (ui::submit(&ask))
                }
            }
        }
        p { a href=(filter.path_at("/runs", &[("action", ""), ("count", "")])) data-testid="link-back" { "Back to the runs" } }
    };
    Ok(visit.page(Section::Runs, &title).show(content))
}

/// What the page and its button are called: the button says what it does, however many were counted.
fn titles(verb: &str, counted: &Count) -> (String, String) {
    let number = counted.matching;
    let runs = if number == 1 { "run" } else { "runs" };
    if counted.complete {
        let both = format!("{verb} {number} {runs}");
        return (both.clone(), both);
    }
    let title = match number {
        0 => format!("{verb} runs"),
        _ => format!("{verb} at least {number} {runs}"),
    };
    (title, format!("{verb} all that pass"))
}

/// That there are runs that were not looked at, and how to have them all counted.
fn not_all(counted: &Count, whole: bool, filter: &Filter) -> Markup {
    let Count {
        matching, examined, ..
    } = counted;
    html! {
        p data-testid="bulk-not-all" {
            "Only the oldest " (examined) " runs were looked at, and " (matching) " of them pass: counting all takes a while. What is done is done to all that pass. "
            @if !whole {
                a href=(filter.path_at(BULK, &[("count", "all")])) data-testid="link-count-all" { "Count all" }
            }
        }
    }
}

fn described(filter: &RunFilter) -> Vec<(&'static str, Markup)> {
    let statuses: Vec<_> = filter.statuses.iter().map(|it| it.as_str()).collect();
    let statuses = statuses.join(", ");
    let mut facts = Vec::new();
    let mut add = |name, text: Option<String>| {
        facts.extend(text.map(|text| (name, html! { bdi { (ui::shown(&text)) } })));
    };
    add("Status", (!statuses.is_empty()).then_some(statuses));
    add(
        "Function",
        filter.function.as_ref().map(ToString::to_string),
    );
    add("App", filter.app.clone());
    let time = |at: u64| crate::view::Time(at).to_string();
    add("Since", filter.since_ms.map(time));
    add("Until", filter.until_ms.map(time));
    add("Condition", filter.if_expr.clone());
    if facts.is_empty() {
        facts.push(("Which", html! { "all that have not ended" }));
    }
    facts
}

/// Starts the job.
pub(in crate::http::dashboard) async fn start(
    visit: Visit,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let fields = Fields::read(&visit, &headers, body).await?;
    let filter = Filter::of_fields(&fields)?;
    let action = fields.get("action").unwrap_or_default();
    let wanted = Wanted::new(action, fields.get("reason"), &filter)?;
    let verb = wanted.verb();
    let started = visit
        .api
        .start_job(wanted.action, wanted.filter, None)
        .await;
    let told = started.map(|job| format!("{verb}: job {} is under way.", job.id));
    Ok(forms::outcome("/runs", told))
}

/// Stops a job.
pub(in crate::http::dashboard) async fn stop(
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let stopped = visit.api.stop_job(job_id(&id)?).await;
    let told = stopped.map(|job| format!("The job is stopped; it was done to {} runs.", job.done));
    Ok(forms::outcome("/runs", told))
}

/// The jobs that go on, and those that ended lately.
pub(super) async fn jobs(visit: &Visit) -> Result<Markup, ApiError> {
    let jobs = visit.api.jobs().await?;
    let now_ms = visit.now_ms;
    let told = jobs.iter().filter(|job| match job.ended_ms {
        None => true,
        Some(at) => now_ms.saturating_sub(at) < TOLD_MS,
    });
    let told: Vec<_> = told.take(MOST_JOBS).collect();
    Ok(html! { @for job in told { (job_line(job, visit)) } })
}

fn job_line(job: &Job, visit: &Visit) -> Markup {
    let verb = match &job.action {
        JobAction::Cancel { .. } => "Cancelling in bulk",
        JobAction::Replay => "Replaying in bulk",
    };
    let (state, name) = match job.state {
        JobState::Running => ("running", "under way"),
        JobState::Stopped => ("cancelled", "stopped"),
        JobState::Finished => ("completed", "finished"),
    };
    html! {
        div.job data-testid="job" data-job-id=(job.id) data-state=(name) {
            span class=(format!("status {state}")) { (name) }
            span { (verb) ": done to " strong { (job.done) } " of " (job.examined) " runs that were looked at, " (ui::time(crate::view::Time(job.created_ms), visit.now_ms)) }
            @if matches!(job.state, JobState::Running) && visit.may_post(STOP) {
                @let path = paths::of(&[&"runs", &"jobs", &job.id, &"stop"]);
                (ui::action(&Ask { path: &path, label: "Stop", name: "job-stop", grave: false, fields: &[] }))
            }
        }
    }
}

/// The parameters that a filter of fields may have beside the list's.
pub(super) fn known(fields: &Fields) -> Result<Params, ApiError> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields.pairs().filter(|(name, _)| *name != "reason") {
        query.append_pair(name, value);
    }
    Params::parse(Some(&query.finish()), &super::filter::known())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(matching: u64, complete: bool) -> Count {
        Count {
            dry_run: true,
            matching,
            examined: 9_000,
            complete,
        }
    }

    #[test]
    fn what_was_not_counted_to_its_end_is_not_said_to_be_all() {
        let same = |text: &str| (text.to_owned(), text.to_owned());
        assert_eq!(titles("Cancel", &counted(1, true)), same("Cancel 1 run"));
        assert_eq!(titles("Cancel", &counted(0, true)), same("Cancel 0 runs"));
        let (title, button) = titles("Replay", &counted(7, false));
        assert_eq!(
            (&*title, &*button),
            ("Replay at least 7 runs", "Replay all that pass")
        );
        assert_eq!(titles("Replay", &counted(0, false)).0, "Replay runs");
        let filter = Filter::parse(Some("action=replay&status=Failed"));
        let filter = filter.unwrap_or_else(|error| panic!("{error:?}"));
        let told = not_all(&counted(7, false), false, &filter).into_string();
        assert!(
            told.contains("oldest 9000 runs") && told.contains("count=all"),
            "{told}"
        );
        let told = not_all(&counted(7, false), true, &filter).into_string();
        assert!(
            !told.contains("count=all"),
            "it is what was asked for: {told}"
        );
    }
}
