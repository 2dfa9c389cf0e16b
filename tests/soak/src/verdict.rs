//! Judges the curves. The rule, for each figure in [`RULES`]:
//!
//! - The *window* is the last two thirds of the soak, or, for what ends with a process, the longest life without its first third. Rows of
//!   a process younger than a minute count for nothing: it is still filling its caches.
//! - The *growth* is the slope of the window (Theil and Sen: the median of the slopes between all pairs of points, so that single peaks and the
//!   saw teeth of restarts do not decide) times the window's length.
//! - It is flat if the growth is not above the tolerance: a part of the window's median, or a fixed amount if that is more. Shrinking is flat.
//! - A window of less than ten minutes, or of less than 60 points, is not judged.

use crate::sample::Sample;

/// Rows that a process needs to be left alone for.
const YOUNG_S: f64 = 60.0;

const SHORTEST_WINDOW_S: f64 = 600.0;
const FEWEST_POINTS: usize = 60;

/// Points that pairs are made of; more are thinned out.
const MOST_POINTS: usize = 600;

/// Where a figure is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Window {
    LastTwoThirds,
    LongestLife,
}

/// What must be flat.
pub(crate) struct Rule {
    pub(crate) figure: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) window: Window,
    of: fn(&Sample) -> f64,
    /// The growth that is allowed, as a part of the median, and at least.
    part: f64,
    least: f64,
}

pub(crate) const RULES: [Rule; 9] = [
    Rule {
        figure: "anonymous memory",
        unit: "MiB",
        window: Window::LongestLife,
        of: |s| s.anonymous_mib,
        part: 0.1,
        least: 16.0,
    },
    Rule {
        figure: "anonymous memory",
        unit: "MiB",
        window: Window::LastTwoThirds,
        of: |s| s.anonymous_mib,
        part: 0.1,
        least: 16.0,
    },
    Rule {
        figure: "descriptors",
        unit: "",
        window: Window::LongestLife,
        of: |s| s.descriptors,
        part: 0.1,
        least: 4.0,
    },
    Rule {
        figure: "threads",
        unit: "",
        window: Window::LongestLife,
        of: |s| s.threads,
        part: 0.1,
        least: 4.0,
    },
    Rule {
        figure: "data directory",
        unit: "MiB",
        window: Window::LastTwoThirds,
        of: |s| s.disk_mib,
        part: 0.1,
        least: 16.0,
    },
    Rule {
        figure: "length of the log",
        unit: "MiB",
        window: Window::LastTwoThirds,
        of: |s| s.log_length_mib,
        part: 0.1,
        least: 16.0,
    },
    Rule {
        figure: "open runs",
        unit: "",
        window: Window::LastTwoThirds,
        of: |s| s.open,
        part: 0.1,
        least: 20.0,
    },
    Rule {
        figure: "processor time an event",
        unit: "ms",
        window: Window::LastTwoThirds,
        of: |s| s.event_cpu_ms,
        part: 0.25,
        least: 0.5,
    },
    Rule {
        figure: "latency of a probe",
        unit: "ms",
        window: Window::LastTwoThirds,
        of: |s| s.probe_ms,
        part: 0.25,
        least: 5.0,
    },
];

/// How a figure did.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    pub(crate) figure: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) window: Window,
    pub(crate) from_s: f64,
    pub(crate) to_s: f64,
    pub(crate) median: f64,
    pub(crate) growth: f64,
    pub(crate) allowed: f64,
    /// `None`: there was too little to judge.
    pub(crate) flat: Option<bool>,
}

impl Judged {
    pub(crate) fn in_words(&self) -> &'static str {
        match self.flat {
            Some(true) => "flat",
            Some(false) => "GROWS",
            None => "too short to judge",
        }
    }
}

/// All figures, judged.
pub(crate) fn judge(samples: &[Sample]) -> Vec<Judged> {
    RULES.iter().map(|rule| judge_one(rule, samples)).collect()
}

fn judge_one(rule: &Rule, samples: &[Sample]) -> Judged {
    let (from_s, to_s) = span(rule.window, samples);
    let life = (rule.window == Window::LongestLife).then(|| longest_life(samples));
    let points: Vec<(f64, f64)> = samples
        .iter()
        .filter(|s| (from_s..=to_s).contains(&s.at_s) && s.age_s >= YOUNG_S)
        .filter(|s| life.is_none_or(|life| same(s.life, life)))
        .map(|s| (s.at_s, (rule.of)(s)))
        .filter(|(_, value)| value.is_finite())
        .collect();
    let median = median(points.iter().map(|(_, value)| *value).collect());
    let growth = slope(&thin(&points)) * (to_s - from_s);
    let allowed = (median * rule.part).max(rule.least);
    let enough = points.len() >= FEWEST_POINTS && to_s - from_s >= SHORTEST_WINDOW_S;
    Judged {
        figure: rule.figure,
        unit: rule.unit,
        window: rule.window,
        from_s,
        to_s,
        median,
        growth,
        allowed,
        flat: enough.then_some(growth <= allowed),
    }
}

fn span(window: Window, samples: &[Sample]) -> (f64, f64) {
    let within = |keep: &dyn Fn(&Sample) -> bool| {
        let mut times = samples.iter().filter(|s| keep(s)).map(|s| s.at_s);
        let first = times.next().unwrap_or(0.0);
        let last = times.next_back().unwrap_or(first);
        (first + (last - first) / 3.0, last)
    };
    match window {
        Window::LastTwoThirds => within(&|_| true),
        Window::LongestLife => {
            let life = longest_life(samples);
            within(&|s| same(s.life, life))
        }
    }
}

fn longest_life(samples: &[Sample]) -> f64 {
    let oldest = samples.iter().max_by(|a, b| a.age_s.total_cmp(&b.age_s));
    oldest.map_or(0.0, |sample| sample.life)
}

/// Lives are whole numbers.
fn same(a: f64, b: f64) -> bool {
    (a - b).abs() < 0.5
}

/// The median of the slopes between all pairs of points.
fn slope(points: &[(f64, f64)]) -> f64 {
    let pairs = points.iter().enumerate().flat_map(|(n, (x0, y0))| {
        let later = points[n + 1..].iter();
        later.map(move |(x1, y1)| (y1 - y0) / (x1 - x0))
    });
    median(pairs.filter(|slope| slope.is_finite()).collect())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Every so many points become one: their median.
fn thin(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let together = points.len().div_ceil(MOST_POINTS).max(1);
    let parts = points.chunks(together);
    parts
        .map(|part| {
            let at = |of: fn(&(f64, f64)) -> f64| median(part.iter().map(of).collect());
            (at(|point| point.0), at(|point| point.1))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An hour: lives of 200 s, then one of 20 minutes; memory climbs in each life, and by `leak` MiB an hour over all.
    fn hour(leak: f64, within_the_last: f64) -> Vec<Sample> {
        (0..720_u32)
            .map(|n| {
                let at_s = f64::from(n) * 5.0;
                let began_s = if at_s < 2_400.0 {
                    (at_s / 200.0).floor() * 200.0
                } else {
                    2_400.0
                };
                let age_s = at_s - began_s;
                let noise = f64::from(n * 7919 % 11);
                let last = if began_s >= 2_400.0 {
                    age_s / 1_200.0 * within_the_last
                } else {
                    0.0
                };
                Sample {
                    at_s,
                    life: (began_s / 200.0).floor() + 1.0,
                    age_s,
                    anonymous_mib: 100.0
                        + (age_s / 20.0).min(10.0)
                        + noise
                        + leak * at_s / 3_600.0
                        + last,
                    disk_mib: 80.0 + noise,
                    ..Sample::default()
                }
            })
            .collect()
    }

    fn memory(judged: &[Judged], window: Window) -> Option<bool> {
        let of = |j: &&Judged| j.figure == "anonymous memory" && j.window == window;
        judged.iter().find(of)?.flat
    }

    #[test]
    fn saw_teeth_and_noise_are_flat() {
        let judged = judge(&hour(0.0, 0.0));
        assert!(
            judged.iter().all(|judged| judged.flat == Some(true)),
            "{judged:#?}"
        );
    }

    #[test]
    fn a_leak_that_outlives_processes_is_seen_over_the_whole_time() {
        let judged = judge(&hour(60.0, 0.0));
        assert_eq!(memory(&judged, Window::LastTwoThirds), Some(false));
    }

    #[test]
    fn a_leak_that_ends_with_its_process_is_seen_in_the_longest_life() {
        let judged = judge(&hour(0.0, 40.0));
        assert_eq!(memory(&judged, Window::LongestLife), Some(false));
        let disk = judged
            .iter()
            .find(|judged| judged.figure == "data directory");
        assert_eq!(disk.and_then(|judged| judged.flat), Some(true));
    }

    #[test]
    fn a_short_soak_is_not_judged() {
        let judged = judge(&hour(60.0, 0.0)[..100]);
        assert!(
            judged.iter().all(|judged| judged.flat.is_none()),
            "{judged:#?}"
        );
    }
}
