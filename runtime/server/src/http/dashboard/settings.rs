//! *Settings*: what this server is, and what it was told. Nothing here can be changed by a page, and no secret is on it.

use axum::response::Response;
use maud::{Markup, html};

use super::visit::Visit;
use super::{Section, components as ui};
use crate::http::error::PageError;
use crate::http::{Access, SettingInForce};

/// The page.
pub(super) async fn show(visit: Visit) -> Result<Response, PageError> {
    let config = &visit.api.config;
    let content = html! {
        (ui::heading(&html! { "Settings" }, &html! {}))
        (facts(&visit))
        section {
            h2 { "Configuration in force" }
            @if config.settings.is_empty() {
                p.dim { "This server was started without a configuration: " code { "abide dev" } " takes what its flags say, and defaults." }
            } @else {
                p.dim { "A flag goes before a variable of the environment, that before the file, and that before the default." }
                (table(&config.settings))
            }
            p.dim { "What a configuration would do is shown without starting a server:" }
            (ui::command("abide config show --config /etc/abide/abide-server.toml"))
        }
    };
    Ok(visit.page(Section::Settings, "Settings").show(content))
}

fn facts(visit: &Visit) -> Markup {
    let health = visit.api.node.health();
    let config = &visit.api.config;
    let access = match config.access {
        Access::Keys => "everybody is asked for a key",
        Access::Loopback => "nobody is asked for a key; this machine only",
        Access::Anybody => "nobody is asked for a key, wherever the request comes from",
    };
    let bytes = |bytes: usize| format!("{} MiB", bytes >> 20);
    ui::definitions(&[
        ("Version", html! { "abide " (health.version) }),
        ("Up for", html! { (ui::duration(health.uptime_ms)) }),
        (
            "Form",
            html! { (if config.dev { "development" } else { "serving" }) },
        ),
        ("Access", html! { (access) }),
        ("Environment", html! { code { (visit.api.environment) } }),
        (
            "Data of the environment",
            html! { code data-copy { (ui::shown(&visit.api.node.data_directory().display().to_string())) } },
        ),
        ("Largest request", html! { (bytes(config.body_bytes)) }),
        (
            "Largest component",
            html! { (bytes(config.component_bytes)) },
        ),
    ])
}

fn table(settings: &[SettingInForce]) -> Markup {
    let columns = [("Setting", ""), ("Value", "grow"), ("From", "")];
    let rows = html! {
        @for it in settings {
            tr class=[(it.origin == "default").then_some("dim")] data-testid="setting-row" data-setting=(it.name) {
                th scope="row" { code { (it.name) } }
                td.grow {
                    @if it.value.is_empty() { span.dim { "–" } } @else { bdi { (ui::shown(&it.value)) } }
                }
                td { (it.origin) }
            }
        }
    };
    ui::table("Configuration in force", &columns, &rows)
}
