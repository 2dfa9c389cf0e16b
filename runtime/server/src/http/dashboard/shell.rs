//! The frame of all pages: head, navigation, what is remembered, messages.

use maud::{DOCTYPE, Markup, html};

use super::assets;
use super::components as ui;
use super::forms::Flash;
use super::preferences::Theme;
use crate::admin::Principal;

/// The sections of the dashboard, as the navigation lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Section {
    Overview,
    Runs,
    Events,
    Functions,
    Apps,
    Schemas,
    Webhooks,
    Notifications,
    Keys,
    Environments,
    Audit,
    Settings,
}

impl Section {
    const ALL: [Self; 12] = [
        Self::Overview,
        Self::Runs,
        Self::Events,
        Self::Functions,
        Self::Apps,
        Self::Schemas,
        Self::Webhooks,
        Self::Notifications,
        Self::Keys,
        Self::Environments,
        Self::Audit,
        Self::Settings,
    ];

    /// Its name for people, its path, the key that leads to it after `g`, and its icon's lines.
    fn parts(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Overview => ("Overview", "/", "o", "M2 13h12M4 11V7M8 11V3M12 11V5"),
            Self::Runs => ("Runs", "/runs", "r", "M2 4h7M5 8h9M3 12h6"),
            Self::Events => ("Events", "/events", "e", "M9 1.5 3.5 9H8l-1 5.5L12.5 7H8z"),
            Self::Functions => (
                "Functions",
                "/functions",
                "f",
                "M10 2.5c-2 0-2.5 1-2.8 3L6 11c-.3 2-1 2.7-3 2.5M4.5 6.5h6M10 10l3 3M13 10l-3 3",
            ),
            Self::Apps => (
                "Apps",
                "/apps",
                "a",
                "M8 1.5 14 5v6l-6 3.5L2 11V5zM2 5l6 3.5L14 5M8 8.5v6",
            ),
            Self::Schemas => (
                "Schemas",
                "/schemas",
                "s",
                "M6 2C3.5 2 5 7.5 2.5 8 5 8.5 3.5 14 6 14M10 2c2.5 0 1 5.5 3.5 6-2.5.5-1 6-3.5 6",
            ),
            Self::Webhooks => (
                "Webhooks",
                "/webhooks",
                "w",
                "M8 2v8M5 7l3 3 3-3M2.5 11v2.5h11V11",
            ),
            Self::Notifications => (
                "Notifications",
                "/notifications",
                "i",
                "M4 11V7a4 4 0 0 1 8 0v4l1.5 1.5h-11zM6.5 14h3",
            ),
            Self::Keys => (
                "Keys",
                "/keys",
                "k",
                "M5.5 13a3 3 0 1 1 2.600-4.5L13.5 3M11 5.5l2 2M7.5 9",
            ),
            Self::Environments => (
                "Environments",
                "/environments",
                "n",
                "M2 3.5h12v4H2zM2 9.5h12v4H2zM4.5 5.5h.01M4.5 11.5h.01",
            ),
            Self::Audit => (
                "Audit log",
                "/audit",
                "l",
                "M4 2h8v12H4zM6 5.5h4M6 8h4M6 10.5h2",
            ),
            Self::Settings => (
                "Settings",
                "/settings",
                "t",
                "M2 5h6M11 5h3M2 11h3M8 11h6M9.5 3.5v3M6.5 9.5v3",
            ),
        }
    }

    fn id(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            other => other.parts().1.trim_start_matches('/'),
        }
    }

    /// Whether a line in the navigation parts it from those before.
    fn begins_a_group(self) -> bool {
        matches!(self, Self::Schemas | Self::Keys)
    }
}

/// The section that a path belongs to.
pub(super) fn section_of(path: &str) -> Section {
    let root = path.split('/').nth(1).unwrap_or_default();
    let found = Section::ALL.into_iter().find(|it| it.id() == root);
    found.unwrap_or(Section::Overview)
}

/// What the frame shows around a page.
pub(super) struct Frame<'a> {
    pub(super) section: Section,
    pub(super) title: &'a str,
    /// The stream that keeps the page fresh.
    pub(super) live: Option<&'a str>,
    pub(super) theme: Theme,
    /// Where the page is.
    pub(super) here: &'a str,
    pub(super) environment: &'a str,
    /// Those to choose from, if there is a choice.
    pub(super) environments: &'a [String],
    /// Who has a session.
    pub(super) visitor: Option<&'a Principal>,
    /// Whether the visitor may look at a path.
    pub(super) may: &'a dyn Fn(&str) -> bool,
    pub(super) flash: Option<&'a Flash>,
}

/// A page in its frame.
pub(super) fn framed(frame: &Frame<'_>, content: &Markup) -> Markup {
    let sections = Section::ALL.into_iter();
    let sections = sections.filter(|section| (frame.may)(section.parts().1));
    document(
        frame.title,
        frame.theme,
        &html! {
            body data-live-stream=[frame.live] data-page=(frame.section.id()) {
                a.skip href="#main" { "Skip to the content" }
                header.side {
                    a.brand href="/" { (logo()) span { "Abide" } }
                    nav aria-label="Sections" {
                        @for section in sections {
                            (nav_link(section, section == frame.section))
                        }
                    }
                    (foot(frame))
                }
                main #main tabindex="-1" data-testid=(format!("page-{}", frame.section.id())) {
                    @if let Some(flash) = frame.flash {
                        (message(flash))
                    }
                    (content)
                }
                p #live-status .hidden role="status" {}
            }
        },
    )
}

fn nav_link(section: Section, current: bool) -> Markup {
    let (name, path, key, lines) = section.parts();
    html! {
        a href=(path) class=[section.begins_a_group().then_some("parted")]
            aria-current=[current.then_some("page")] data-key=(key)
            data-testid=(format!("nav-{}", section.id())) {
            svg.icon viewBox="0 0 16 16" aria-hidden="true" { path d=(lines) {} }
            span { (name) }
        }
    }
}

/// What the navigation ends with: the environment, light or dark, who it is.
fn foot(frame: &Frame<'_>) -> Markup {
    html! {
        div.foot {
            @if frame.environments.is_empty() {
                p.environment title="Environment" { (frame.environment) }
            } @else {
                form.environment method="post" action="/preferences" data-submit-on-change data-testid="form-environment" {
                    label for="environment" { "Environment" }
                    input type="hidden" name="back" value=(frame.here);
                    select #environment name="environment" {
                        @for name in frame.environments {
                            option value=(name) selected[name == frame.environment] { (name) }
                        }
                    }
                    button.quiet type="submit" { "Show" }
                }
            }
            form.theme method="post" action="/preferences" data-testid="form-theme" {
                input type="hidden" name="back" value=(frame.here);
                fieldset {
                    legend.hidden { "Colours" }
                    @for theme in Theme::ALL {
                        button type="submit" name="theme" value=(theme.as_str())
                            aria-pressed=(if theme == frame.theme { "true" } else { "false" }) { (theme.as_str()) }
                    }
                }
            }
            @if let Some(visitor) = frame.visitor {
                form.visitor method="post" action="/sign-out" data-testid="form-sign-out" {
                    span title="The key of this session" { (ui::shown(&visitor.name)) " · " (visitor.role.as_str()) }
                    button.quiet type="submit" data-testid="button-sign-out" { "Sign out" }
                }
            }
            p.version { "abide " (env!("CARGO_PKG_VERSION")) }
        }
    }
}

fn message(flash: &Flash) -> Markup {
    let (class, role) = if flash.refused {
        ("flash refused", "alert")
    } else {
        ("flash done", "status")
    };
    html! {
        p class=(class) role=(role) data-testid="flash" { (ui::shown(&flash.text)) }
    }
}

/// A page without navigation: for those who are not in, and for errors.
pub(super) fn bare(title: &str, theme: Theme, content: &Markup) -> Markup {
    document(
        title,
        theme,
        &html! {
            body.bare {
                header { a.brand href="/" { (logo()) span { "Abide" } } }
                main #main { (content) }
            }
        },
    )
}

/// A page that loads `path` by itself: what a browser then sends comes from this server.
pub(super) fn again(path: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="refresh" content=(format!("0;url={path}"));
                title { "Abide" }
            }
            body { p { a href=(path) { "Go on" } } }
        }
    }
}

fn document(title: &str, theme: Theme, body: &Markup) -> Markup {
    let colours = match theme {
        Theme::System => None,
        Theme::Light | Theme::Dark => Some(theme.as_str()),
    };
    html! {
        (DOCTYPE)
        html lang="en" data-theme=[colours] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (ui::shown(title)) " · Abide" }
                link rel="stylesheet" href=(assets::style());
                link rel="icon" type="image/svg+xml" href=(assets::icon());
                script src=(assets::script()) defer {}
            }
            (body)
        }
    }
}

fn logo() -> Markup {
    html! { img src=(assets::icon()) width="22" height="22" alt=""; }
}
