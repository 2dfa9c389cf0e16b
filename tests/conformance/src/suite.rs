//! A scenario in all ways: in memory, evicted, and with the power cut after every commit. The story must be the same each time.

use anyhow::{Context, Result, ensure};

use crate::play::{Played, play};
use crate::scenario::Scenario;
use crate::stage::{Component, Way};

/// Plays it in every way, and returns the story for comparison with other languages.
pub fn all_ways(component: &Component, scenario: &Scenario) -> Result<String> {
    let played = play(component, scenario, Way::default()).context("in memory")?;
    if scenario.acts.is_empty() {
        return Ok(played.story);
    }
    let evict = Way {
        evict: true,
        ..Way::default()
    };
    let evicted = play(component, scenario, evict).context("evicted")?;
    compare(&played.story, &evicted.story).context("evicted")?;
    ensure!(
        played.requests == evicted.requests,
        "evicted, it asked the outside for {:?} in place of {:?}",
        evicted.requests,
        played.requests
    );
    let commit_each = Way {
        commit_each: true,
        ..Way::default()
    };
    let whole = play(component, scenario, commit_each).context("entry by entry")?;
    compare(&played.story, &whole.story).context("entry by entry")?;
    if !scenario.reaches_out {
        cut_everywhere(component, scenario, &whole)?;
    }
    Ok(with_requests(&played))
}

fn cut_everywhere(component: &Component, scenario: &Scenario, whole: &Played) -> Result<()> {
    let mut commit = 1;
    while commit <= whole.commits {
        let cut = Way {
            commit_each: true,
            cut_after: Some(commit),
            ..Way::default()
        };
        let doing = || format!("the power cut after commit {commit} of {}", whole.commits);
        let again = play(component, scenario, cut).with_context(doing)?;
        compare(&whole.story, &again.story).with_context(doing)?;
        commit += scenario.cut_every;
    }
    Ok(())
}

fn with_requests(played: &Played) -> String {
    let requests = played
        .requests
        .iter()
        .map(|request| format!("\nasked {request}"));
    requests.fold(played.story.clone(), |story, request| story + &request)
}

/// Whether two stories are the same; if not, where they part.
pub fn compare(expected: &str, found: &str) -> Result<()> {
    let (mut left, mut right) = (expected.lines(), found.lines());
    let mut before = Vec::new();
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Ok(()),
            (Some(a), Some(b)) if a == b => before.push(a),
            (a, b) => {
                let shown = before.split_off(before.len().saturating_sub(4));
                anyhow::bail!(
                    "the stories part:\n    {}\n  - {}\n  + {}",
                    shown.join("\n    "),
                    a.unwrap_or("(its end)"),
                    b.unwrap_or("(its end)")
                );
            }
        }
    }
}
