//! Fields, and buttons that do something.

use maud::{Markup, html};

use super::text::shown;

/// A button that does something: a form of its own.
pub(in crate::http) struct Ask<'a> {
    /// Where the form goes.
    pub(in crate::http) path: &'a str,
    /// What the button says.
    pub(in crate::http) label: &'a str,
    /// What tests call it: `form-NAME` and `button-NAME`.
    pub(in crate::http) name: &'a str,
    /// Whether it ends or removes something.
    pub(in crate::http) grave: bool,
    /// Hidden fields.
    pub(in crate::http) fields: &'a [(&'a str, &'a str)],
}

impl Ask<'_> {
    fn called(&self, part: &str) -> String {
        format!("{part}-{}", shown(self.name))
    }

    /// Names may be a guest's; ids are words.
    fn id(&self) -> String {
        let word = |it: char| if it.is_ascii_alphanumeric() { it } else { '-' };
        format!(
            "confirm-{}",
            self.name.chars().map(word).collect::<String>()
        )
    }
}

/// A button that does something at once.
pub(in crate::http) fn action(ask: &Ask<'_>) -> Markup {
    html! {
        form.action method="post" action=(ask.path) data-testid=(ask.called("form")) {
            (hidden(ask.fields))
            (submit(ask))
        }
    }
}

/// A button that opens what it is about: what is asked, further fields, and the button that does it.
pub(in crate::http) fn confirm(ask: &Ask<'_>, content: &Markup) -> Markup {
    confirm_of(ask, "", content)
}

/// The same, one of several on a page: `of` tells them apart.
pub(in crate::http) fn confirm_of(ask: &Ask<'_>, of: &str, content: &Markup) -> Markup {
    html! {
        details.confirm #(format!("{}{of}", ask.id())) data-testid=(ask.called("confirm")) {
            summary.button { (ask.label) "…" }
            form.panel method="post" action=(ask.path) data-testid=(ask.called("form")) {
                (hidden(ask.fields))
                (content)
                (submit(ask))
            }
        }
    }
}

fn hidden(fields: &[(&str, &str)]) -> Markup {
    html! {
        @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
    }
}

/// The button of a form.
pub(in crate::http) fn submit(ask: &Ask<'_>) -> Markup {
    let class = if ask.grave { "grave" } else { "primary" };
    html! {
        button class=(class) type="submit" data-testid=(ask.called("button")) { (ask.label) }
    }
}

/// A field with its label; `control` has this id.
pub(in crate::http) fn field(id: &str, label: &str, control: &Markup) -> Markup {
    html! { div.field { label for=(id) { (label) } (control) } }
}

/// A line of text.
pub(in crate::http) fn input(id: &str, name: &str, value: &str, placeholder: &str) -> Markup {
    html! {
        input id=(id) type="text" name=(name) value=(value) placeholder=(placeholder) autocomplete="off" spellcheck="false";
    }
}

/// Several lines of text; `json` has the script check them before they are sent.
pub(in crate::http) fn area(id: &str, name: &str, value: &str, json: bool) -> Markup {
    let rows = value.lines().count().clamp(3, 16);
    // A browser drops the first line end of an area.
    html! {
        textarea id=(id) name=(name) rows=(rows) spellcheck="false" autocomplete="off" data-json[json] { "\n" (value) }
    }
}

/// One of several values, each with its label.
pub(in crate::http) fn select(
    id: &str,
    name: &str,
    chosen: &str,
    options: &[(&str, &str)],
) -> Markup {
    html! {
        select id=(id) name=(name) {
            @for (value, label) in options {
                option value=(value) selected[*value == chosen] { (label) }
            }
        }
    }
}
