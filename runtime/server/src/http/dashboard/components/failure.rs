//! Errors of guests: what they are called, what they say, where they come from.

use maud::{Markup, html};

use super::{block, json, shown};
use crate::view::ErrorView;

/// An error in full. `whole`: where the API has it.
pub(in crate::http) fn failure(error: &ErrorView, whole: &str) -> Markup {
    let advice = if error.retriable {
        ""
    } else {
        ", not to be tried again"
    };
    html! {
        div.failure data-testid="error" {
            p { strong { bdi { (shown(&error.name)) } } " " span.dim.small { "from " (error.origin) (advice) } }
            (block("Message", &error.message, whole))
            @if let Some(stack) = error.stack.as_deref().filter(|it| !it.trim().is_empty()) {
                (block("Stack", stack, whole))
            }
            @if let Some(data) = &error.data { (json("Data", &data.0, whole)) }
        }
    }
}

/// An error in one line.
pub(in crate::http) fn failure_line(error: &ErrorView) -> Markup {
    let line = error.message.lines().next().unwrap_or_default();
    let line: String = line.chars().take(200).collect();
    html! { span.error-line { bdi { (shown(&error.name)) } ": " bdi { (shown(&line)) } } }
}
