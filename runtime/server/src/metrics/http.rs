//! What the server counts of requests: by route and class of status. Routes are those of the gate's table, so that their number is known.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::RwLock;

use super::measure::{Counter, Histogram};

/// The classes of statuses, by the place at which they are counted.
pub(crate) const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// What is counted of one route.
#[derive(Debug, Default)]
pub(crate) struct Route {
    pub(crate) requests: [Counter; CLASSES.len()],
    /// Until the answer begins.
    pub(crate) durations: Histogram,
}

/// What the server counts of requests.
#[derive(Debug)]
pub(crate) struct HttpMetrics {
    /// By the places of routes in the table; last, requests that no route is for, or that were refused before one was looked for.
    routes: Vec<Route>,
    /// Problems that clients were told, by their codes, which are the server's own words.
    problems: RwLock<BTreeMap<&'static str, Counter>>,
    under_way: AtomicUsize,
}

/// A request that is being handled.
pub(crate) struct UnderWay<'m>(&'m HttpMetrics);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl HttpMetrics {
    /// For a table of so many routes.
    pub(crate) fn new(routes: usize) -> Self {
        Self {
            routes: (0..=routes).map(|_| Route::default()).collect(),
            problems: RwLock::default(),
            under_way: AtomicUsize::new(0),
        }
    }

    pub(crate) fn begin(&self) -> UnderWay<'_> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(self)
    }

    /// A request was answered.
    pub(crate) fn answered(&self, route: Option<usize>, status: u16, took: Duration) {
        let last = self.routes.len() - 1;
        let route = &self.routes[route.unwrap_or(last).min(last)];
        let class = usize::from(status / 100).clamp(1, CLASSES.len()) - 1;
        route.requests[class].one();
        route.durations.observe(took);
    }

    /// A client was told of a problem.
    pub(crate) fn told(&self, code: &'static str) {
        if let Some(counter) = self.problems.read().get(code) {
            counter.one();
            return;
        }
        self.problems.write().entry(code).or_default().one();
    }

    /// The figures of each route; the last ones are of requests without one.
    pub(crate) fn routes(&self) -> &[Route] {
        &self.routes
    }

    pub(crate) fn problems(&self) -> Vec<(&'static str, u64)> {
        let problems = self.problems.read();
        problems
            .iter()
            .map(|(code, counter)| (*code, counter.get()))
            .collect()
    }

    pub(crate) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_under_its_route_and_the_class_of_its_status() {
        let http = HttpMetrics::new(2);
        for (route, status) in [(Some(0), 200), (Some(0), 404), (Some(9), 500), (None, 999)] {
            let _under_way = http.begin();
            http.answered(route, status, Duration::from_millis(1));
        }
        let counted = |route: usize| http.routes()[route].requests.each_ref().map(Counter::get);
        assert_eq!(counted(0), [0, 1, 0, 1, 0]);
        assert_eq!(counted(1), [0; 5]);
        assert_eq!(counted(2), [0, 0, 0, 0, 2]);
        assert_eq!(http.under_way(), 0);
        http.told("no_such_run");
        http.told("no_such_run");
        assert_eq!(http.problems(), [("no_such_run", 2)]);
    }
}
