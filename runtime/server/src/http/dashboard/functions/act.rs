//! What is done to a function: pausing, resuming, invoking.

use axum::body::Body;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

use crate::http::dashboard::events::json;
use crate::http::dashboard::forms::{self, Fields};
use crate::http::dashboard::visit::Visit;
use crate::http::dashboard::{components as ui, paths};
use crate::http::error::PageError;
use crate::view::FunctionView;

const INVOKE: &str = "/functions/{app}/{function}/invoke";
const PAUSE: &str = "/functions/{app}/{function}/pause";
const RESUME: &str = "/functions/{app}/{function}/resume";

/// The buttons.
pub(super) fn buttons(visit: &Visit, function: &FunctionView) -> Markup {
    let here = paths::function(&function.id);
    let (pause, resume) = (format!("{here}/pause"), format!("{here}/resume"));
    let invoke = format!("{here}/invoke");
    let ask = |path, label, name, grave| ui::Ask {
        path,
        label,
        name,
        grave,
        fields: &[],
    };
    html! {
        @if visit.may_post(INVOKE) {
            (ui::confirm(&ask(&invoke, "Invoke", "invoke", false), &html! {
                p.dim { "Starts one run now, whatever the triggers say. It sees an event " code { "inngest/function.invoked" } " with this data." }
                (ui::field("invoke-data", "Data", &ui::area("invoke-data", "data", "{}", true)))
            }))
        }
        @if function.paused_at.is_some() {
            @if visit.may_post(RESUME) { (ui::action(&ask(&resume, "Resume", "resume", false))) }
        } @else if visit.may_post(PAUSE) {
            (ui::confirm(&ask(&pause, "Pause", "pause", true), &html! {
                p.dim { "None of its runs starts until it is resumed. What comes meanwhile queues; runs that have started go on." }
            }))
        }
    }
}

/// Pauses.
pub(in crate::http::dashboard) async fn pause(
    visit: Visit,
    Path((app, function)): Path<(String, String)>,
) -> Response {
    let here = paths::of(&[&"functions", &app, &function]);
    let done = visit.api.pause_function(app, &function).await;
    let done = done.map(|it| format!("{} is paused: its runs queue.", it.function.id));
    forms::outcome(&here, done)
}

/// Resumes.
pub(in crate::http::dashboard) async fn resume(
    visit: Visit,
    Path((app, function)): Path<(String, String)>,
) -> Response {
    let here = paths::of(&[&"functions", &app, &function]);
    let done = visit.api.resume_function(app, &function).await;
    let done = done.map(|it| format!("{} goes on.", it.function.id));
    forms::outcome(&here, done)
}

/// Invokes.
pub(in crate::http::dashboard) async fn invoke(
    visit: Visit,
    Path((app, function)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let form = Fields::read(&visit, &headers, body).await?;
    let here = paths::of(&[&"functions", &app, &function]);
    let data = form.get("data").and_then(json);
    let invoked = visit.api.invoke_function(app, &function, data, None).await;
    Ok(match invoked {
        Ok(it) => forms::done(&paths::run(it.run_id), "Invoked: this is its run."),
        Err(error) => forms::outcome(&here, Err(error)),
    })
}
