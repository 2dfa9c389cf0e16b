//! *Audit log*: who changed what.

use axum::extract::RawQuery;
use axum::response::Response;
use maud::{Markup, html};

use super::visit::Visit;
use super::{Section, components as ui, paths};
use crate::http::access::AuditView;
use crate::http::api::Params;
use crate::http::error::PageError;

/// The list.
pub(super) async fn list(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, PageError> {
    let params = Params::parse(query.as_deref(), &["limit", "cursor", "scope"])?;
    let page = visit.api.audit(&visit.principal, &params).await?;
    let lines: Vec<_> = page.items.iter().map(AuditView::from).collect();
    let scope = params.get("scope").unwrap_or("environment");
    let first = params.get("cursor").is_some();
    let first = first.then(|| paths::with_query("/audit", &[("scope", scope)]));
    let next = page
        .next
        .map(|id| paths::with_query("/audit", &[("scope", scope), ("cursor", &id)]));
    let content = html! {
        (ui::heading(&html! { "Audit log" }, &html! {}))
        @if visit.principal.environment.is_none() { (scopes(scope)) }
        @if lines.is_empty() {
            (ui::empty("No changes yet", &html! {
                p { "Whatever an operator changes stands here: deployments, keys, webhooks, cancelled and replayed runs. Events and runs are not changes." }
            }, &["abide audit"]))
        } @else {
            (table(&visit, &lines))
        }
        (ui::pager(first.as_deref(), next.as_deref()))
    };
    Ok(visit.page(Section::Audit, "Audit log").show(content))
}

fn scopes(chosen: &str) -> Markup {
    html! {
        nav.chips aria-label="Scope" {
            @for (scope, label) in [("environment", "This environment"), ("server", "The whole server")] {
                a href=(paths::with_query("/audit", &[("scope", scope)])) aria-current=[(scope == chosen).then_some("page")] { (label) }
            }
        }
    }
}

fn table(visit: &Visit, lines: &[AuditView]) -> Markup {
    let columns = [
        ("When", ""),
        ("Who", ""),
        ("What", "grow"),
        ("To", "wide"),
        ("Outcome", ""),
    ];
    let rows = html! {
        @for line in lines {
            tr data-testid="audit-row" {
                td { (ui::time(line.at, visit.now_ms)) }
                td {
                    bdi { (ui::shown(&line.who)) }
                    @if let Some(key) = &line.key_id { span.note { "key " (ui::short(key)) } }
                }
                td.grow { code { (ui::shown(&line.action)) } }
                td.wide { bdi { (ui::shown(&line.subject)) } }
                td { (outcome(&line.outcome)) }
            }
        }
    };
    ui::table("Changes, newest first", &columns, &rows)
}

fn outcome(outcome: &str) -> Markup {
    let look = match outcome.split(':').next() {
        Some("done") => "completed",
        Some("refused") => "waiting",
        Some("failed") => "failed",
        Some(_) | None => "queued",
    };
    html! { span class=(format!("status {look}")) { (ui::shown(outcome)) } }
}
