//! The filter of *Runs*: a form whose fields are the parameters of the API's list.

use abide_core::ids::EventId;
use abide_core::state::RunStatus;
use maud::{Markup, html};

use super::bulk;
use crate::http::api::Params;
use crate::http::dashboard::forms::Fields;
use crate::http::dashboard::{components as ui, paths};
use crate::http::error::ApiError;
use crate::http::event_id;
use crate::http::select::{PARAMETERS, Selection, status};

/// What the address says besides what selects runs.
const OTHERS: [&str; 5] = ["event", "limit", "cursor", "action", "count"];

/// All parameters of an address.
pub(super) fn known() -> Vec<&'static str> {
    [&PARAMETERS[..], &OTHERS].concat()
}

/// A filter as the address has it.
pub(super) struct Filter {
    params: Params,
}

impl Filter {
    pub(super) fn parse(query: Option<&str>) -> Result<Self, ApiError> {
        let params = Params::parse(query, &known())?;
        Ok(Self { params })
    }

    /// The filter that a form of [`Filter::fields`] sends.
    pub(super) fn of_fields(fields: &Fields) -> Result<Self, ApiError> {
        let params = bulk::known(fields)?;
        Ok(Self { params })
    }

    /// It as hidden fields of a form.
    pub(super) fn fields(&self) -> Vec<(&str, &str)> {
        let mut pairs = self.pairs();
        pairs.retain(|(name, _)| !matches!(*name, "cursor" | "limit" | "count"));
        pairs
    }

    /// A parameter that is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.params.get(name)
    }

    /// Whether anything is left out.
    pub(super) fn is_set(&self) -> bool {
        let all = PARAMETERS.iter().chain(&["event"]);
        all.copied().any(|name| self.get(name).is_some())
    }

    /// The places that are chosen; what is none is left to the selection to refuse.
    pub(super) fn statuses(&self) -> Vec<RunStatus> {
        let names = self.params.all("status").iter();
        let names = names.flat_map(|text| text.split(',')).map(str::trim);
        names.filter_map(|name| status(name).ok()).collect()
    }

    /// What it selects.
    pub(super) fn selection(&self) -> Result<(Option<EventId>, Selection), ApiError> {
        let event = self.get("event").map(event_id).transpose()?;
        Ok((event, Self::select(&self.pairs())?))
    }

    /// What it would select wherever runs stand.
    pub(super) fn selection_of_any_status(&self) -> Result<Selection, ApiError> {
        let mut pairs = self.pairs();
        pairs.retain(|(name, _)| *name != "status");
        Self::select(&pairs)
    }

    fn select(pairs: &[(&str, &str)]) -> Result<Selection, ApiError> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in pairs {
            if PARAMETERS.contains(name) {
                query.append_pair(name, &exact(name, value));
            }
        }
        let query = query.finish();
        Selection::of_query(&Params::parse(Some(&query), &PARAMETERS)?)
    }

    fn pairs(&self) -> Vec<(&str, &str)> {
        let mut pairs = Vec::new();
        for name in PARAMETERS.iter().chain(&OTHERS) {
            let values = self.params.all(name).iter();
            let values = values.filter(|value| !value.is_empty());
            pairs.extend(values.map(|value| (*name, value.as_str())));
        }
        pairs
    }

    /// The address of the list with another value of a parameter; it begins at the newest again.
    pub(super) fn path_with(&self, name: &str, value: &str) -> String {
        self.path_at("/runs", &[(name, value)])
    }

    /// The same at another path, and with other values of several parameters.
    pub(super) fn path_at(&self, path: &str, values: &[(&str, &str)]) -> String {
        let mut pairs = self.pairs();
        pairs.retain(|(found, _)| {
            *found != "cursor" && values.iter().all(|(name, _)| name != found)
        });
        pairs.extend(values);
        paths::with_query(path, &pairs)
    }

    /// The form. `fault`: what is wrong in it.
    pub(super) fn form(&self, functions: &[String], fault: Option<&str>) -> Markup {
        let value = |name| self.get(name).unwrap_or_default();
        let mut options = vec![("", "All functions")];
        options.extend(functions.iter().map(|id| (id.as_str(), id.as_str())));
        if let Some(chosen) = self.get("function")
            && !functions.iter().any(|id| id == chosen)
        {
            options.push((chosen, chosen));
        }
        let mut apps: Vec<&str> = functions
            .iter()
            .filter_map(|id| id.split('/').next())
            .collect();
        apps.dedup();
        apps.extend(self.get("app").filter(|app| !apps.contains(app)));
        let mut app_options = vec![("", "All apps")];
        app_options.extend(apps.into_iter().map(|id| (id, id)));
        html! {
            form.filter method="get" action="/runs" role="search" aria-label="Filter runs" data-testid="form-filter" {
                @for status in self.params.all("status").iter().filter(|it| !it.is_empty()) {
                    input type="hidden" name="status" value=(status);
                }
                @if let Some(event) = self.get("event") {
                    input type="hidden" name="event" value=(event);
                }
                div.search {
                    (ui::field("if", "Condition", &html! {
                        input #if type="search" name="if" value=(value("if")) data-search
                            placeholder="event.data.amount > 100 && output.ok" autocomplete="off" spellcheck="false"
                            aria-describedby=[fault.map(|_| "filter-fault")];
                    }))
                }
                (ui::field("function", "Function", &ui::select("function", "function", value("function"), &options)))
                (ui::field("app", "App", &ui::select("app", "app", value("app"), &app_options)))
                (ui::field("since", "Since (UTC)", &moment("since", value("since"))))
                (ui::field("until", "Until (UTC)", &moment("until", value("until"))))
                div.buttons {
                    button type="submit" data-testid="button-filter" { "Filter" }
                    @if self.is_set() { a.button.quiet href="/runs" { "Clear" } }
                }
                @if let Some(fault) = fault {
                    p #filter-fault .flash.refused role="alert" { (ui::shown(fault)) }
                }
            }
        }
    }
}

fn moment(name: &str, value: &str) -> Markup {
    let shown = value.trim_end_matches('Z');
    html! { input id=(name) type="datetime-local" step="1" name=(name) value=(shown); }
}

/// A browser sends times without a zone, and often without seconds: they are meant in UTC.
fn exact(name: &str, value: &str) -> String {
    let is_time = matches!(name, "since" | "until");
    let has_zone =
        value.ends_with(['Z', 'z']) || value.get(10..).is_some_and(|it| it.contains(['+', '-']));
    match value.len() {
        16 if is_time && !has_zone => format!("{value}:00Z"),
        19.. if is_time && !has_zone => format!("{value}Z"),
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_a_browser_are_meant_in_utc() {
        for (given, expected) in [
            ("2026-01-02T03:04", "2026-01-02T03:04:00Z"),
            ("2026-01-02T03:04:05", "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05.678", "2026-01-02T03:04:05.678Z"),
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05+01:00", "2026-01-02T03:04:05+01:00"),
            ("yesterday", "yesterday"),
        ] {
            assert_eq!(exact("since", given), expected);
        }
    }

    #[test]
    fn a_filter_is_its_address_and_says_what_is_wrong() {
        let filter = Filter::parse(Some(
            "status=Failed&function=&since=2026-01-02T03%3A04&cursor=x",
        ))
        .unwrap_or_else(|error| panic!("{error:?}"));
        assert!(filter.selection().is_ok());
        assert_eq!(
            filter.path_with("status", "Queued"),
            "/runs?since=2026-01-02T03%3A04&status=Queued"
        );
        assert_eq!(filter.statuses(), [RunStatus::Failed]);
        let wrong = Filter::parse(Some("if=1+%2B")).unwrap_or_else(|error| panic!("{error:?}"));
        let fault = wrong.selection().expect_err("it is wrong").detail;
        let form = wrong.form(&[], Some(&fault)).into_string();
        assert!(
            form.contains("role=\"alert\"") && form.contains("value=\"1 +\""),
            "{form}"
        );
    }
}
