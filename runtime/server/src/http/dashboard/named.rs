//! What stands on the pages of things that operators make under a name and switch on and off: a webhook, a notification. It must not know which it is.

use maud::{Markup, html};

use super::visit::Visit;
use super::{components as ui, paths};

/// One of them.
pub(super) struct Named<'a> {
    /// What the paths of its kind begin with: `webhooks`.
    pub(super) root: &'a str,
    /// What one is called: `webhook`.
    pub(super) kind: &'a str,
    /// Its name.
    pub(super) name: &'a str,
}

/// A form about it.
#[derive(Clone, Copy)]
pub(super) struct Verb {
    /// What its path ends with.
    pub(super) path: &'static str,
    /// What its button says.
    pub(super) label: &'static str,
    /// Whether it ends or removes something.
    pub(super) grave: bool,
}

impl Verb {
    /// One that ends and removes nothing.
    pub(super) const fn mild(path: &'static str, label: &'static str) -> Self {
        Self {
            path,
            label,
            grave: false,
        }
    }

    /// One that does.
    pub(super) const fn grave(path: &'static str, label: &'static str) -> Self {
        Self {
            path,
            label,
            grave: true,
        }
    }
}

impl Named<'_> {
    /// Its page, where it has one.
    pub(super) fn page(&self) -> String {
        paths::of(&[&self.root, &self.name])
    }

    /// What tells it from others of a page: the end of an id.
    pub(super) fn suffix(&self) -> String {
        format!("-{}", self.name)
    }

    /// A button that does something at once, for those who may.
    pub(super) fn action(&self, visit: &Visit, verb: Verb) -> Markup {
        self.with(visit, verb, ui::action)
    }

    /// A button that opens what it is about, for those who may.
    pub(super) fn confirm(&self, visit: &Visit, verb: Verb, content: &Markup) -> Markup {
        self.with(visit, verb, |ask| {
            ui::confirm_of(ask, &self.suffix(), content)
        })
    }

    fn with(&self, visit: &Visit, verb: Verb, make: impl FnOnce(&ui::Ask<'_>) -> Markup) -> Markup {
        if !visit.may_post(&format!("/{}/{{name}}/{}", self.root, verb.path)) {
            return html! {};
        }
        make(&ui::Ask {
            path: &paths::of(&[&self.root, &self.name, &verb.path]),
            label: verb.label,
            name: &format!("{}-{}", verb.path, self.kind),
            grave: verb.grave,
            fields: &[],
        })
    }
}

/// Whether it is switched on.
pub(super) fn switch(enabled: bool) -> Markup {
    html! {
        @if enabled { span.status.completed { "enabled" } } @else { span.status.cancelled { "disabled" } }
    }
}

/// A field for a secret: what is typed is not shown, and nothing fills it in.
pub(super) fn secret(id: &str, label: &str, required: bool) -> Markup {
    ui::field(
        id,
        label,
        &html! {
            input id=(id) type="password" name="secret" required[required] autocomplete="new-password" spellcheck="false";
        },
    )
}
