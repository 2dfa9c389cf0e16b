//! Which runs a request is about: filters as queries and bodies give them, and the runs that pass.
//!
//! Times are RFC 3339. A filter with a condition reads the event of every run that passes the rest of it, so each part of such a
//! list looks at a bounded number of events.

use abide_core::expr::Expr;
use abide_core::ids::{FunctionId, RunId};
use abide_core::state::{ReadError, Run, RunFilter, RunStatus};
use abide_store::{Page, View};
use chrono::DateTime;

use super::api::Params;
use super::error::ApiError;

/// The parameters of [`Selection::of_query`].
pub(super) const PARAMETERS: [&str; 6] = ["status", "function", "app", "since", "until", "if"];

/// Events that one part of a list evaluates a condition over: some tens of milliseconds.
const MOST_EVENTS_SEEN: usize = 2_000;

/// Runs that one part of a list with a condition looks at, whether the rest of the filter passes them or not.
const MOST_RUNS_SEEN: usize = 10_000;

/// Runs that are read from the store at once where a condition follows.
const READ_AT_ONCE: usize = 100;

/// A filter whose condition is compiled.
#[derive(Debug, Clone, Default)]
pub(super) struct Selection {
    filter: RunFilter,
    condition: Option<Expr>,
}

impl Selection {
    /// From a query.
    pub(super) fn of_query(params: &Params) -> Result<Self, ApiError> {
        let mut statuses = Vec::new();
        for text in params.all("status") {
            for name in text
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
            {
                statuses.push(status(name)?);
            }
        }
        Self::of(RunFilter {
            function: params.get("function").map(function_id).transpose()?,
            app: params.get("app").map(str::to_owned),
            statuses,
            since_ms: params
                .get("since")
                .map(|text| time("since", text))
                .transpose()?,
            until_ms: params
                .get("until")
                .map(|text| time("until", text))
                .transpose()?,
            if_expr: params.get("if").map(str::to_owned),
        })
    }

    /// Of a filter.
    pub(super) fn of(filter: RunFilter) -> Result<Self, ApiError> {
        if let (Some(since), Some(until)) = (filter.since_ms, filter.until_ms)
            && since >= until
        {
            return Err(ApiError::invalid(
                "invalid_time",
                "since: must be before `until`, or no run can pass",
            ));
        }
        let condition = filter.if_expr.as_deref().map(RunFilter::condition);
        let condition = condition
            .transpose()
            .map_err(|invalid| ApiError::invalid("invalid_condition", format!("if: {invalid}")))?;
        Ok(Self { filter, condition })
    }

    /// The filter itself.
    pub(super) fn filter(&self) -> &RunFilter {
        &self.filter
    }

    /// Whether a run passes; the condition needs its event.
    pub(super) fn passes(&self, view: &View, run: &Run) -> Result<bool, ReadError> {
        if !self.filter.admits(run) {
            return Ok(false);
        }
        let Some(condition) = &self.condition else {
            return Ok(true);
        };
        let event = view.get_event(run.event)?;
        Ok(event.is_some_and(|event| RunFilter::condition_holds(condition, &event, run)))
    }

    /// The runs that pass, newest first, older than `before`: a part of them, as [`Page`] describes it.
    pub(super) fn page(
        &self,
        view: &View,
        before: Option<RunId>,
        limit: usize,
    ) -> Result<Page<Run, RunId>, ReadError> {
        let mut next = self.start(before);
        if self.condition.is_none() {
            return Ok(view.list_runs(next, &self.filter, limit)?);
        }
        let (mut items, mut seen, mut rows) = (Vec::new(), 0, MOST_RUNS_SEEN);
        loop {
            let part = view.list_runs_within(next, &self.filter, READ_AT_ONCE, &mut rows)?;
            for run in part.items {
                seen += 1;
                let id = run.id;
                if self.passes(view, &run)? {
                    items.push(run);
                }
                if items.len() >= limit {
                    return Ok(Page {
                        items,
                        next: Some(id),
                    });
                }
            }
            next = part.next;
            if next.is_none() || rows == 0 || seen >= MOST_EVENTS_SEEN {
                return Ok(Page { items, next });
            }
        }
    }

    /// Runs whose ids were made after `until` need not be looked at. A run's id is never younger than the run by more than clocks
    /// jump back, for which an hour is allowed.
    fn start(&self, before: Option<RunId>) -> Option<RunId> {
        const ALLOWED_MS: u64 = abide_core::HOUR_MS;
        let Some(until) = self.filter.until_ms else {
            return before;
        };
        let last = until.saturating_add(ALLOWED_MS).min((1 << 48) - 1);
        let bound = RunId(u128::from(last) << 80);
        Some(before.map_or(bound, |before| before.min(bound)))
    }
}

/// A status by its name, in any letter case.
pub(super) fn status(text: &str) -> Result<RunStatus, ApiError> {
    let found = RunStatus::ALL
        .into_iter()
        .find(|status| status.as_str().eq_ignore_ascii_case(text));
    found.ok_or_else(|| {
        let all = RunStatus::ALL.map(RunStatus::as_str).join(", ");
        ApiError::invalid(
            "invalid_status",
            format!("status: `{text}` is none; it must be one of {all}"),
        )
    })
}

/// `app/function`.
pub(super) fn function_id(text: &str) -> Result<FunctionId, ApiError> {
    let (app, function) = text
        .split_once('/')
        .ok_or_else(|| ApiError::invalid("invalid_function", "function: must be `app/function`"))?;
    Ok(FunctionId::new(app, function))
}

/// A time as RFC 3339 gives it, in milliseconds since the Unix epoch.
pub(super) fn time(name: &str, text: &str) -> Result<u64, ApiError> {
    let parsed = DateTime::parse_from_rfc3339(text).ok();
    let ms = parsed.and_then(|time| u64::try_from(time.timestamp_millis()).ok());
    ms.ok_or_else(|| {
        ApiError::invalid(
            "invalid_time",
            format!("{name}: `{text}` is not a time like 2026-01-31T09:00:00Z"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(query: &str) -> Result<Selection, ApiError> {
        Selection::of_query(&Params::parse(Some(query), &PARAMETERS)?)
    }

    #[test]
    fn a_query_names_several_statuses_and_a_time_range() {
        let selection = selection(
            "status=failed,Cancelled&status=skipped&function=shop/pay&since=2026-01-01T00:00:00Z&until=2026-01-01T01:00:00%2B01:00",
        );
        let error = selection.err().map(|error| error.code);
        assert_eq!(error, Some("invalid_time"), "the range is empty");
        let selection = self::selection(
            "status=failed,Cancelled&status=skipped&function=shop/pay&since=2026-01-01T00:00:00Z&if=event.data.a%20%3D%3D%201",
        );
        let filter = selection.map(|selection| selection.filter);
        let expected = RunFilter {
            function: Some(FunctionId::new("shop", "pay")),
            app: None,
            statuses: vec![RunStatus::Failed, RunStatus::Cancelled, RunStatus::Skipped],
            since_ms: Some(1_767_225_600_000),
            until_ms: None,
            if_expr: Some("event.data.a == 1".into()),
        };
        assert_eq!(filter, Ok(expected));
    }

    #[test]
    fn what_is_wrong_in_a_query_is_named() {
        for (query, code, says) in [
            ("status=done", "invalid_status", "`done` is none"),
            ("function=pay", "invalid_function", "app/function"),
            ("since=yesterday", "invalid_time", "since: `yesterday`"),
            ("if=1%20%2B", "invalid_condition", "if: "),
            ("if=async.data.x", "invalid_condition", "async"),
        ] {
            let error = selection(query).expect_err("it is wrong");
            assert_eq!(error.code, code, "{query}");
            assert!(error.detail.contains(says), "{query}: {}", error.detail);
        }
    }

    #[test]
    fn a_list_begins_at_the_end_of_its_range() {
        let until = Selection {
            filter: RunFilter {
                until_ms: Some(5),
                ..RunFilter::default()
            },
            condition: None,
        };
        let bound = RunId(u128::from(5 + abide_core::HOUR_MS) << 80);
        assert_eq!(until.start(None), Some(bound));
        assert_eq!(until.start(Some(RunId(7))), Some(RunId(7)));
        let open = Selection::default();
        assert_eq!(open.start(None), None);
        assert_eq!(open.start(Some(RunId(7))), Some(RunId(7)));
    }
}
