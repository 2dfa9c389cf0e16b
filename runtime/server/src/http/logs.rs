//! What a run logged: which lines somebody wants, and the page of them. The API and the dashboard read logs here.

use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;

use abide_core::ids::RunId;
use abide_core::limits::Limits;
use abide_core::state::{LogLevel, ReadError};
use abide_store::View;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ApiError;
use crate::view::{LogView, StepNames};

/// Lines of one page.
const MOST: usize = 2_000;

/// The parameters of a query, for the lists of known ones.
pub(crate) const PARAMETERS: [&str; 4] = ["after", "level", "step", "limit"];

/// Which lines of a run's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogFilter {
    /// Only lines that matter at least so much.
    pub(crate) level: LogLevel,
    /// Only lines of this step's body; those of workflow code if the name is empty.
    pub(crate) step: Option<String>,
    /// The lines after this place.
    pub(crate) after: LogCursor,
    /// How many at the most, and at least 1.
    pub(crate) limit: usize,
}

impl Default for LogFilter {
    fn default() -> Self {
        Self {
            level: LogLevel::Trace,
            step: None,
            after: LogCursor::default(),
            limit: MOST,
        }
    }
}

/// A place between two lines. As text it is `3`, or `3.40` inside of what was recorded at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LogCursor {
    chunk: u32,
    lines: u32,
}

/// Lines of a log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogLines {
    pub(crate) data: Vec<LogView>,
    /// It goes into the `after` of the next request, which then answers only newer lines. Without newer ones `data` is empty.
    pub(crate) next_after: String,
    /// Whether the run logged more than is kept: then its latest lines are missing.
    pub(crate) cut: bool,
}

impl LogFilter {
    /// From the texts of a query.
    pub(crate) fn parse(
        level: Option<&str>,
        step: Option<&str>,
        after: Option<&str>,
        limit: Option<&str>,
    ) -> Result<Self, ApiError> {
        let mut filter = Self {
            step: step.map(str::to_owned),
            ..Self::default()
        };
        if let Some(text) = level {
            filter.level = LogLevel::ALL
                .into_iter()
                .find(|level| level.as_str().eq_ignore_ascii_case(text))
                .ok_or_else(|| {
                    let all = LogLevel::ALL.map(LogLevel::as_str).join(", ");
                    let detail = format!("level: `{text}` is none; it must be one of {all}");
                    ApiError::invalid("invalid_level", detail)
                })?;
        }
        if let Some(text) = after {
            filter.after = text.parse().map_err(|()| {
                ApiError::invalid(
                    "invalid_after",
                    "after: must be the `next_after` of an earlier answer",
                )
            })?;
        }
        if let Some(text) = limit {
            let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
            filter.limit = limit.ok_or_else(|| {
                ApiError::invalid("invalid_limit", format!("limit: must be 1 to {MOST}"))
            })?;
        }
        Ok(filter)
    }

    /// The lines; `None` if there is no such run.
    pub(crate) fn read(
        &self,
        view: &View,
        limits: &Limits,
        run: RunId,
    ) -> Result<Option<LogLines>, ReadError> {
        let Some(record) = view.get_run(run)? else {
            return Ok(None);
        };
        let nameless = StepNames::default();
        let mut names = None;
        let mut data = Vec::new();
        let mut next = self.after;
        // The place of the line that is looked at.
        let mut at = LogCursor {
            chunk: self.after.chunk,
            lines: 0,
        };
        let mut unnamed = None;
        view.each_log_line(run, self.after.chunk, |chunk, line| {
            if chunk != at.chunk {
                at = LogCursor { chunk, lines: 0 };
                next = at;
            }
            at.lines += 1;
            if chunk == self.after.chunk && at.lines <= self.after.lines {
                return ControlFlow::Continue(());
            }
            if data.len() == self.limit {
                return ControlFlow::Break(());
            }
            next = at;
            if line.level < self.level {
                return ControlFlow::Continue(());
            }
            if names.is_none() && line.op.is_some() && self.step.as_deref() != Some("") {
                match view.run_journal(run) {
                    Ok(journal) => names = Some(StepNames::of(&journal)),
                    Err(error) => {
                        unnamed = Some(error);
                        return ControlFlow::Break(());
                    }
                }
            }
            let shown = LogView::new(&line, names.as_ref().unwrap_or(&nameless));
            let wanted = match self.step.as_deref() {
                None => true,
                Some("") => line.op.is_none(),
                Some(step) => shown.step.as_deref() == Some(step),
            };
            if wanted {
                data.push(shown);
            }
            ControlFlow::Continue(())
        })?;
        if let Some(error) = unnamed {
            return Err(error.into());
        }
        // What was recorded at once is read to its end if there was room for more: then the next page begins behind it.
        if data.len() < self.limit && next.lines > 0 {
            next = LogCursor {
                chunk: next.chunk.saturating_add(1),
                lines: 0,
            };
        }
        Ok(Some(LogLines {
            data,
            next_after: next.to_string(),
            cut: record.logged.is_some_and(|logged| logged.is_full(limits)),
        }))
    }
}

impl fmt::Display for LogCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.lines {
            0 => write!(f, "{}", self.chunk),
            lines => write!(f, "{}.{lines}", self.chunk),
        }
    }
}

impl FromStr for LogCursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (chunk, lines) = text.split_once('.').unwrap_or((text, "0"));
        let number = |text: &str| text.parse::<u32>().map_err(|_| ());
        Ok(Self {
            chunk: number(chunk)?,
            lines: number(lines)?,
        })
    }
}
