//! What pages are made of. Pure functions to markup; each says where hostile text may enter, and makes it visible text.

mod failure;
mod form;
mod json;
mod sentence;
mod text;
mod time;

use maud::{Markup, html};

pub(in crate::http) use failure::{failure, failure_line};
pub(in crate::http) use form::{
    Ask, action, area, confirm, confirm_of, field, input, select, submit,
};
pub(in crate::http) use json::{MOST_BYTES, block, json};
pub(in crate::http) use sentence::sentence;
pub(in crate::http) use text::{editable, shown};
pub(in crate::http) use time::{duration, moment, short_duration, time};

/// Where a run or a step stands. Also for other words of one kind: they look neutral.
pub(in crate::http) fn status(name: &str) -> Markup {
    let class = name.to_ascii_lowercase().replace('_', "-");
    let text = name.replace('_', " ");
    html! {
        span class=(format!("status {class}")) data-testid="status" data-status=(class) { (text) }
    }
}

/// The end of an id, which tells ids apart; the whole of it on hover, and for whoever copies it.
pub(in crate::http) fn short(id: impl std::fmt::Display) -> Markup {
    let id = id.to_string();
    let end = id.len().saturating_sub(8);
    html! { span.id title=(id) { "…" (id.get(end..).unwrap_or(&id)) } }
}

/// A heading for a page, with what stands beside it.
pub(in crate::http) fn heading(title: &Markup, beside: &Markup) -> Markup {
    html! { header.page { h1 { (title) } div.beside { (beside) } } }
}

/// Names with values.
pub(in crate::http) fn definitions(pairs: &[(&str, Markup)]) -> Markup {
    html! {
        dl.facts {
            @for (name, value) in pairs {
                div { dt { (name) } dd { (value) } }
            }
        }
    }
}

/// A table with a caption for those who cannot see it; rows are `tr`s. It scrolls by itself on narrow screens.
pub(in crate::http) fn table(caption: &str, columns: &[(&str, &str)], rows: &Markup) -> Markup {
    html! {
        div.table tabindex="0" role="region" aria-label=(caption) {
            table {
                caption.hidden { (caption) }
                thead { tr {
                    @for (name, class) in columns {
                        // A column of buttons has no name, and what is empty heads nothing.
                        @if name.is_empty() { td class=(class) {} } @else { th scope="col" class=(class) { (name) } }
                    }
                } }
                tbody { (rows) }
            }
        }
    }
}

/// What stands where nothing is yet, and the command that changes that.
pub(in crate::http) fn empty(title: &str, text: &Markup, commands: &[&str]) -> Markup {
    html! {
        section.empty data-testid="empty" {
            h2 { (title) }
            div { (text) }
            @for line in commands { (command(line)) }
        }
    }
}

/// A command to be typed, with a button that copies it where scripts are on.
pub(in crate::http) fn command(line: &str) -> Markup {
    html! { pre.command data-copy { code { (line) } } }
}

/// The way to the rest of a list.
pub(in crate::http) fn pager(first: Option<&str>, next: Option<&str>) -> Markup {
    html! {
        @if first.is_some() || next.is_some() {
            nav.pager aria-label="Pages" {
                @if let Some(path) = first { a.button href=(path) rel="first" data-testid="page-first" { "Newest" } }
                @if let Some(path) = next { a.button href=(path) rel="next" data-testid="page-next" { "Older" } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_guests_stay_text() {
        let shown = status("<script>alert(1)</script>").into_string();
        assert!(!shown.contains("<script"), "{shown}");
        let shown = short("\"><img src=x>").into_string();
        assert!(!shown.contains("<img"), "{shown}");
    }
}
