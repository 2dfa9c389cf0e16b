//! When the node is killed, restarted and given a new version: decided before it begins, from the seed.
//!
//! Each hour (or the whole soak, if it is shorter) has a restless part of two thirds, with deaths, and a calm part, in which one process
//! lives on: what grows with the store shows in the first, what grows in a process in the second. Deploys go on throughout.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

use crate::findings::Happening;

/// How often things happen, on average.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rhythm {
    pub(crate) death_every: Duration,
    pub(crate) deploy_every: Duration,
}

/// Every so many deaths, one is an orderly restart.
const ORDERLY: usize = 4;

const CYCLE: Duration = Duration::from_secs(3_600);

/// What happens when, in order.
pub(crate) fn plan(
    duration: Duration,
    rhythm: Rhythm,
    rng: &mut StdRng,
) -> Vec<(Duration, Happening)> {
    let cycle = CYCLE.min(duration);
    let restless = cycle * 2 / 3;
    let mut all = Vec::new();
    let deaths = instants(duration, rhythm.death_every, rng)
        .filter(|at| at.as_nanos() % cycle.as_nanos() < restless.as_nanos());
    for (n, at) in (1..).zip(deaths) {
        let orderly = n % ORDERLY == 0;
        let what = if orderly {
            Happening::Restart
        } else {
            Happening::Kill
        };
        all.push((at, what));
    }
    all.extend(instants(duration, rhythm.deploy_every, rng).map(|at| (at, Happening::Deploy)));
    all.sort_by_key(|(at, _)| *at);
    all
}

/// Instants that lie between 60 and 140 % of this apart.
fn instants(
    duration: Duration,
    every: Duration,
    rng: &mut StdRng,
) -> impl Iterator<Item = Duration> {
    let mut at = Duration::ZERO;
    std::iter::from_fn(move || {
        at += every.mul_f64(rng.random_range(0.6..1.4));
        (at < duration).then_some(at)
    })
    .collect::<Vec<_>>()
    .into_iter()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn deaths_keep_their_distance_and_leave_the_last_third_of_each_hour_alone() {
        let rhythm = Rhythm {
            death_every: Duration::from_secs(150),
            deploy_every: Duration::from_secs(180),
        };
        let hours = Duration::from_secs(3 * 3_600);
        let plan = plan(hours, rhythm, &mut StdRng::seed_from_u64(1));
        let deaths: Vec<u64> = plan
            .iter()
            .filter(|(_, what)| *what != Happening::Deploy)
            .map(|(at, _)| at.as_secs())
            .collect();
        assert!(deaths.len() > 30, "{deaths:?}");
        assert!(
            deaths.windows(2).all(|pair| pair[1] - pair[0] >= 89),
            "{deaths:?}"
        );
        assert!(deaths.iter().all(|at| at % 3_600 < 2_400), "{deaths:?}");
        let kinds = |kind| plan.iter().filter(|(_, what)| *what == kind).count();
        assert_eq!(kinds(Happening::Restart), deaths.len() / ORDERLY);
        assert!(kinds(Happening::Deploy) > 40);
        let late = |(at, what): &(Duration, Happening)| {
            at.as_secs() % 3_600 > 2_400 && *what == Happening::Deploy
        };
        assert!(plan.iter().any(late), "deploys go on in the calm part");
    }
}
