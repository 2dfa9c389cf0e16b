//! What a node forgets, and when: options of `serve` and `dev`.
//!
//! Times are written as people say them (`12h`, `90m`); a number alone is a number of days.

use std::time::Duration;

use abide_server::SiteConfig;

const DAY: Duration = Duration::from_secs(86_400);

/// The longest time that anything is kept: ten years.
const LONGEST: Duration = Duration::from_secs(3_650 * 86_400);

/// The shortest: with less, what has just ended is gone before anybody can look at it.
const SHORTEST: Duration = Duration::from_secs(1);

/// How long a node keeps what is finished.
#[derive(clap::Args, Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "the options are called so")]
pub(crate) struct Keep {
    /// How long finished runs are kept whose functions don't say: a number of days, or a time like `12h`; 1s to 3650 days.
    #[arg(long, value_name = "TIME", env = "ABIDE_KEEP_RUNS", hide_env_values = true, default_value = "30", value_parser = kept_for)]
    keep_runs: Duration,
    /// How long events are kept, and at least as long as the runs that they started: a number of days, or a time like `12h`; 1s to 3650 days.
    #[arg(long, value_name = "TIME", env = "ABIDE_KEEP_EVENTS", hide_env_values = true, default_value = "30", value_parser = kept_for)]
    keep_events: Duration,
    /// How long lines of the audit log are kept: a number of days, or a time like `12h`; 1s to 3650 days. The newest 100,000 of each
    /// environment are kept at the most.
    #[arg(long, value_name = "TIME", env = "ABIDE_KEEP_AUDIT", hide_env_values = true, default_value = "400", value_parser = kept_for)]
    keep_audit: Duration,
    /// How often the node looks for what was kept long enough and deletes it: 1s to 1d.
    #[arg(long, value_name = "TIME", env = "ABIDE_KEEP_HOUSE_EVERY", hide_env_values = true, default_value = "1h", value_parser = pause)]
    keep_house_every: Duration,
}

impl Keep {
    /// Says so to the environments of a server.
    pub(crate) fn apply(&self, config: &mut SiteConfig) {
        config.keep_audit = self.keep_audit;
        config.node.keep_runs = self.keep_runs;
        config.node.keep_events = self.keep_events;
        config.node.keep_house_every = self.keep_house_every;
    }
}

fn kept_for(text: &str) -> Result<Duration, String> {
    let days = text.parse().ok().map(|days: u32| DAY.saturating_mul(days));
    days.or_else(|| humantime::parse_duration(text).ok())
        .filter(|time| (SHORTEST..=LONGEST).contains(time))
        .ok_or_else(|| {
            "write a number of days, 1 to 3650, or a time with its unit, like 12h or 90m".to_owned()
        })
}

fn pause(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .ok()
        .filter(|time| (SHORTEST..=DAY).contains(time))
        .ok_or_else(|| "write a time with its unit, 1s to 1d, like 5m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_days_and_a_unit_says_otherwise() {
        assert_eq!(kept_for("30"), Ok(30 * DAY));
        assert_eq!(kept_for("12h"), Ok(DAY / 2));
        assert_eq!(kept_for("3650d"), Ok(LONGEST));
        assert_eq!(pause("5m"), Ok(Duration::from_secs(300)));
        for wrong in ["", "0", "0s", "3651", "999999999999y", "-1", "soon"] {
            assert!(
                kept_for(wrong).is_err_and(|says| says.contains("12h")),
                "{wrong}"
            );
        }
        for wrong in ["5", "0s", "2d", "often"] {
            assert!(
                pause(wrong).is_err_and(|says| says.contains("5m")),
                "{wrong}"
            );
        }
    }
}
