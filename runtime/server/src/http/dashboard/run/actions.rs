//! What can be done to a run and to its steps: forms, and the handlers that take them.

use abide_core::Json;
use abide_core::engine::FromStep;
use abide_core::event::NewEvent;
use abide_core::ids::RunId;
use abide_core::operation::SendSignal;
use axum::body::Body;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::step::Around;
use crate::http::dashboard::components::{self as ui, Ask};
use crate::http::dashboard::forms::{self, Fields};
use crate::http::dashboard::visit::Visit;
use crate::http::dashboard::{Section, paths};
use crate::http::error::{ApiError, PageError};
use crate::http::run_id;
use crate::view::{RunDetail, StepView, WaitView};

/// The most bytes of an input that a form holds.
const MOST_INPUT: usize = 32 << 10;

/// The patterns of the forms.
pub(in crate::http::dashboard) const CANCEL: &str = "/runs/{id}/cancel";
pub(in crate::http::dashboard) const PAUSE: &str = "/runs/{id}/pause";
pub(in crate::http::dashboard) const RESUME: &str = "/runs/{id}/resume";
pub(in crate::http::dashboard) const REPLAY: &str = "/runs/{id}/replay";
pub(in crate::http::dashboard) const SEND: &str = "/runs/{id}/send";
pub(in crate::http::dashboard) const SIGNAL: &str = "/runs/{id}/signal";

/// The buttons of a run: those that do something where it stands, for whoever may press them.
pub(super) fn of_run(visit: &Visit, run: &RunDetail) -> Markup {
    let id = run.run.run_id;
    let at = |verb: &str| format!("{}/{verb}", paths::run(id));
    let over = run.run.ended_at.is_some();
    let paused = run.run.status == "Paused";
    let reason = |name: &str| {
        let id = format!("{name}-reason");
        ui::field(
            &id,
            "Reason",
            &ui::input(&id, "reason", "", "for whoever looks later"),
        )
    };
    html! {
        @if !over && !paused && visit.may_post(PAUSE) {
            (ui::confirm(
                &Ask { path: &at("pause"), label: "Pause", name: "pause", grave: false, fields: &[] },
                &html! { p { "The run stops where it is, keeps everything, and notes what comes for it." } (reason("pause")) },
            ))
        }
        @if paused && visit.may_post(RESUME) {
            (ui::action(&Ask { path: &at("resume"), label: "Resume", name: "resume", grave: false, fields: &[] }))
        }
        @if over && visit.may_post(REPLAY) {
            (ui::confirm(
                &Ask { path: &at("replay"), label: "Replay", name: "replay", grave: false, fields: &[] },
                &html! { p { "Does the run again from its start, as a new run of the code that is deployed now. To keep what was done up to a step, open the step." } },
            ))
        }
        @if !over && visit.may_post(CANCEL) {
            (ui::confirm(
                &Ask { path: &at("cancel"), label: "Cancel", name: "cancel", grave: true, fields: &[] },
                &html! { p { "Ends the run for good, together with runs that it invoked and waits for. Steps that are done stay done." } (reason("cancel")) },
            ))
        }
        a.button href=(format!("/api/v1{}/export", paths::run(id))) download=(format!("run-{id}.json")) data-testid="link-export" { "Export" }
    }
}

/// What can be done from a step on.
pub(super) fn of_step(step: &StepView, around: &Around<'_>) -> Markup {
    let run = &around.run.run;
    if run.ended_at.is_none() || !around.visit.may_post(REPLAY) {
        return html! {};
    }
    let name = format!("replay-step-{}", step.id);
    let input = step.input.as_ref().filter(|it| it.0.len() <= MOST_INPUT);
    let field = format!("input-{}", step.op);
    let ask = Ask {
        path: &format!("{}/replay", paths::run(run.run_id)),
        label: "Replay from this step",
        name: &name,
        grave: false,
        fields: &[("from_op", &step.op.to_string())],
    };
    ui::confirm(
        &ask,
        &html! {
            p { "A new run keeps the results of everything that was completed before this step, and goes on with it." }
            @if let Some(input) = input {
                @let text = ui::editable(&input.0);
                (ui::field(&field, "Input", &ui::area(&field, "input", &text, true)))
                input type="hidden" name="input_before" value=(text);
            } @else if step.input.is_some() {
                p.dim { "Its input is too long for a form: " code { "abide replay --help" } " says how to give it another one." }
            }
        },
    )
}

/// The form that sends what a step waits for.
pub(super) fn send(wait: &WaitView, step: &StepView, around: &Around<'_>) -> Markup {
    let run = around.run.run.run_id;
    let at = |verb: &str| format!("{}/{verb}", paths::run(run));
    let field = |name: &str| format!("{name}-{}", step.op);
    match wait {
        WaitView::Event {
            event, match_on, ..
        } if around.visit.may_post(SEND) => {
            let data = match_on
                .as_ref()
                .and_then(|on| matching(&on.path, &on.value));
            let data = data.unwrap_or_else(|| "{}".to_owned());
            let ask = Ask {
                path: &at("send"),
                label: "Send this event",
                name: "send",
                grave: false,
                fields: &[],
            };
            ui::confirm(
                &ask,
                &html! {
                    (ui::field(&field("event"), "Event", &ui::input(&field("event"), "event", event, "")))
                    (ui::field(&field("data"), "Data", &ui::area(&field("data"), "data", &data, true)))
                },
            )
        }
        WaitView::Signal { signal, .. } if around.visit.may_post(SIGNAL) => {
            let ask = Ask {
                path: &at("signal"),
                label: "Send this signal",
                name: "signal",
                grave: false,
                fields: &[("signal", signal)],
            };
            let area = ui::area(&field("data"), "data", "null", true);
            ui::confirm(&ask, &ui::field(&field("data"), "Data", &area))
        }
        _ => html! {},
    }
}

/// An event's data in which this path has this value, if the path leads into the data.
fn matching(path: &str, value: &str) -> Option<String> {
    let mut value: Value = serde_json::from_str(value).ok()?;
    let names: Vec<_> = path.strip_prefix("data.")?.split('.').collect();
    for name in names.into_iter().rev() {
        value = Value::Object(Map::from_iter([(name.to_owned(), value)]));
    }
    serde_json::to_string_pretty(&value).ok()
}

/// Cancels a run.
pub(in crate::http::dashboard) async fn cancel(
    visit: Visit,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let id = run_id(&id)?;
    let fields = Fields::read(&visit, &headers, body).await?;
    let reason = fields.get("reason").unwrap_or("cancelled on the dashboard");
    let done = visit.api.cancel(id, reason).await;
    Ok(back(id, done.map(|()| "The run is cancelled.".to_owned())))
}

/// Pauses a run.
pub(in crate::http::dashboard) async fn pause(
    visit: Visit,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let id = run_id(&id)?;
    let fields = Fields::read(&visit, &headers, body).await?;
    let reason = fields.get("reason").unwrap_or("paused on the dashboard");
    let done = visit.api.pause(id, reason).await;
    Ok(back(id, done.map(|()| "The run is paused.".to_owned())))
}

/// Lets a run go on.
pub(in crate::http::dashboard) async fn resume(
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id = run_id(&id)?;
    let done = visit.api.resume(id).await;
    Ok(back(id, done.map(|()| "The run goes on.".to_owned())))
}

/// Does a run again, from its start or from a step.
pub(in crate::http::dashboard) async fn replay(
    visit: Visit,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let id = run_id(&id)?;
    let fields = Fields::read(&visit, &headers, body).await?;
    let from_step = match fields.get("from_op") {
        Some(op) => match input(&fields) {
            Ok(input) => Some(FromStep {
                step: step_id(&visit, id, op).await?,
                input,
            }),
            Err(error) => return Ok(again(&visit, id, "replay", &fields, &error)),
        },
        None => None,
    };
    Ok(match visit.api.replay(id, from_step).await {
        Ok(new) => forms::done(&paths::run(new), format!("This run replays {id}.")),
        Err(error) => back(id, Err(error)),
    })
}

/// The id of a step by its number, which is what forms send: ids may hold what no form keeps.
async fn step_id(visit: &Visit, run: RunId, op: &str) -> Result<String, ApiError> {
    let detail = visit.api.detail(run).await?;
    let op = op.parse().ok();
    let step = detail.steps.into_iter().find(|step| Some(step.op) == op);
    let step = step.ok_or_else(|| {
        let detail = format!("run {run} has no such step");
        ApiError::invalid("invalid_body", detail)
    })?;
    Ok(step.id)
}

/// The input of a form, if it is another one than the step's own.
fn input(fields: &Fields) -> Result<Option<Json>, ApiError> {
    // Browsers end lines their own way.
    let plain = |name| fields.raw(name).map(|text| text.replace("\r\n", "\n"));
    let (Some(input), Some(before)) = (plain("input"), plain("input_before")) else {
        return Ok(None);
    };
    if input.trim() == before.trim() {
        return Ok(None);
    }
    json("Input", &input).map(Some)
}

/// JSON that somebody typed.
fn json(name: &str, text: &str) -> Result<Json, ApiError> {
    match serde_json::from_str::<&serde_json::value::RawValue>(text.trim()) {
        Ok(raw) => Ok(raw.get().into()),
        Err(error) => Err(ApiError::invalid(
            "invalid_body",
            format!(
                "{name}: this is no JSON: {error}. Go back, and the form still has what you typed"
            ),
        )),
    }
}

/// Sends an event.
pub(in crate::http::dashboard) async fn send_event(
    visit: Visit,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let id = run_id(&id)?;
    let fields = Fields::read(&visit, &headers, body).await?;
    match event(&visit, &fields).await {
        Ok(sent) => Ok(back(id, Ok(format!("Sent as event {sent}.")))),
        Err(error) => Ok(again(&visit, id, "send", &fields, &error)),
    }
}

async fn event(visit: &Visit, fields: &Fields) -> Result<String, ApiError> {
    let event = NewEvent {
        name: fields.get("event").unwrap_or_default().to_owned(),
        data: Some(json("Data", fields.get("data").unwrap_or("{}"))?),
        ..NewEvent::default()
    };
    let sent = visit.api.node.send_events(vec![event], None).await?;
    Ok(sent.first().map(ToString::to_string).unwrap_or_default())
}

/// Sends a signal.
pub(in crate::http::dashboard) async fn send_signal(
    visit: Visit,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let id = run_id(&id)?;
    let fields = Fields::read(&visit, &headers, body).await?;
    let data = match json("Data", fields.get("data").unwrap_or("null")) {
        Ok(data) => data,
        Err(error) => return Ok(again(&visit, id, "signal", &fields, &error)),
    };
    let signal = SendSignal {
        signal: fields.get("signal").unwrap_or_default().to_owned(),
        data: Some(data),
        ttl_ms: Some(0),
    };
    let woken = visit.api.send_signal(signal).await;
    let told = woken.map(|run| match run {
        Some(run) if run == id => "The signal woke this run.".to_owned(),
        Some(run) => format!("The signal woke run {run}, which waited for it first."),
        None => "Nobody waited for the signal.".to_owned(),
    });
    Ok(back(id, told))
}

/// The form again, with what was typed.
fn again(visit: &Visit, id: RunId, verb: &str, fields: &Fields, error: &ApiError) -> Response {
    let path = format!("{}/{verb}", paths::run(id));
    let texts = [("input", "Input"), ("data", "Data")];
    forms::again(visit, (Section::Runs, &path), fields, &texts, error)
}

fn back(id: RunId, result: Result<String, ApiError>) -> Response {
    forms::outcome(&paths::run(id), result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_made_that_a_wait_matches() {
        let data = |path, value| matching(path, value).map(|it| it.replace([' ', '\n'], ""));
        assert_eq!(data("data.id", "42").as_deref(), Some(r#"{"id":42}"#));
        assert_eq!(
            data("data.order.id", "\"a b\"").as_deref(),
            Some(r#"{"order":{"id":"ab"}}"#)
        );
        assert_eq!(data("user.id", "42"), None);
        assert_eq!(data("data.id", ""), None);
    }
}
