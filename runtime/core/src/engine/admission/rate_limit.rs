//! `rateLimit`: at most so many events of a period start runs; those beyond are dropped, each with a skipped run as its record.
//!
//! | record                    | an event comes at `now`                                               |
//! |---------------------------|-----------------------------------------------------------------------|
//! | none, or `until <= now`   | let through; `Window { from: now, until: now + period, count: 1 }`     |
//! | `count < limit`           | let through; `count + 1`                                              |
//! | `count >= limit`          | dropped                                                               |
//!
//! The window is fixed: it begins with the first event that is let through. An event whose key is `false` is let through and not counted.

use super::super::{Context, Engine, Served};
use super::Arriving;
use crate::function::options::RateLimit;
use crate::function::span;
use crate::state::{Control, ControlKind, ReadError};

impl Engine {
    /// Why the event is dropped, if it is.
    pub(super) fn limit_rate(
        &mut self,
        served: &Served,
        option: &RateLimit,
        arriving: &Arriving,
        cx: &mut Context<'_>,
    ) -> Result<Option<String>, ReadError> {
        let source = (&served.exprs.rate_limit, "rateLimit key");
        let key = Self::control_key(ControlKind::RateLimit, served, source, arriving, cx);
        if key.key == "false" {
            return Ok(None);
        }
        let (from_ms, until_ms, count) = match self.control(&key, cx)? {
            Some(Control::Window {
                from_ms,
                until_ms,
                count,
            }) if until_ms > cx.now_ms => (from_ms, until_ms, count),
            Some(_) | None => (cx.now_ms, cx.now_ms.saturating_add(option.period_ms), 0),
        };
        if count >= option.limit {
            return Ok(Some(format!(
                "rateLimit: {count} events were let through in this period of {}, and the limit is {}{}; the next one is let through in {}",
                span(option.period_ms),
                option.limit,
                super::keys::for_people(&key),
                span(until_ms - cx.now_ms),
            )));
        }
        let count = count + 1;
        let window = Control::Window {
            from_ms,
            until_ms,
            count,
        };
        self.put_control(key, window);
        Ok(None)
    }
}
