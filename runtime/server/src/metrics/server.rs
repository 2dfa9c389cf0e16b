//! What the server as a whole counts, all environments together: requests, the process, the machine.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::http::{CLASSES, HttpMetrics};
use super::process;
use super::text::{Bounds, Page, Unit};
use crate::telemetry::Exported;

/// From 256 µs to 17 s.
const REQUESTS: Bounds = Bounds {
    first: 8,
    last: 24,
    step: 1,
};

/// What is told of it.
pub(crate) struct ServerShown<'a> {
    pub(crate) http: &'a HttpMetrics,
    /// The method and the pattern of each route, by its place.
    pub(crate) routes: &'a [(&'static str, &'static str)],
    /// How many connections there are, and how many there may be.
    pub(crate) connections: Option<(usize, usize)>,
    /// Parked runs that are in memory, and their bytes.
    pub(crate) resident: (usize, usize),
    /// What of traces was sent.
    pub(crate) exported: Exported,
    pub(crate) uptime: Duration,
    /// The data directory.
    pub(crate) directory: &'a Path,
}

pub(crate) fn server(page: &mut Page, shown: &ServerShown<'_>) {
    let mut info = page.gauge("abide_build_info", Unit::None, "The server's version.");
    info.value(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    requests(page, shown);
    connections(page, shown);
    let (count, bytes) = shown.resident;
    let help = "Runs that wait with their instances in memory, in all environments.";
    let mut family = page.gauge("abide_parked_runs", Unit::None, help);
    family.value(&[], count as u64);
    let help = "What these instances take.";
    let mut family = page.gauge("abide_parked_bytes", Unit::Bytes, help);
    family.value(&[], bytes as u64);
    let help = "Spans of traces: those that the collector has taken, and those that were dropped because it did not, or because too many waited.";
    let mut family = page.counter("abide_telemetry_spans", Unit::None, help);
    family.value(&[("outcome", "exported")], shown.exported.exported);
    family.value(&[("outcome", "dropped")], shown.exported.dropped);
    let help = "Lines that functions logged, sent as log records: those that the collector has taken, and those that were dropped because it did not, or because too many waited.";
    let mut family = page.counter("abide_telemetry_log_records", Unit::None, help);
    family.value(&[("outcome", "exported")], shown.exported.lines_exported);
    family.value(&[("outcome", "dropped")], shown.exported.lines_dropped);
    the_process(page, shown.uptime);
    if let Some((total, free)) = process::disk_bytes(shown.directory) {
        let help = "The size of the file system that the data directory is on.";
        let mut family = page.gauge("abide_disk_size_bytes", Unit::Bytes, help);
        family.value(&[], total);
        let help = "What the server may still take of it.";
        let mut family = page.gauge("abide_disk_free_bytes", Unit::Bytes, help);
        family.value(&[], free);
    }
}

fn requests(page: &mut Page, shown: &ServerShown<'_>) {
    let routes = || {
        let names = shown.routes.iter().copied().chain([("", "none")]);
        let all = names.zip(shown.http.routes());
        all.filter(|(_, route)| route.requests.iter().any(|it| it.get() > 0))
    };
    let help = "Requests, by the pattern of their route and the class of the answer's status; `none` are those that no route is for, or that were refused before.";
    let mut family = page.counter("abide_http_requests", Unit::None, help);
    for ((method, pattern), route) in routes() {
        for (class, counter) in CLASSES.iter().zip(&route.requests) {
            let counted = counter.get();
            if counted > 0 {
                let labels = [("method", method), ("route", pattern), ("status", class)];
                family.value(&labels, counted);
            }
        }
    }
    let help = "How long requests took until their answer began.";
    let mut family = page.histogram("abide_http_request_duration_seconds", Unit::Seconds, help);
    for ((method, pattern), route) in routes() {
        let labels = [("method", method), ("route", pattern)];
        family.durations(&labels, &route.durations.read(), REQUESTS);
    }
    let help = "Problems that clients were told, by their code: docs/errors has a page for each.";
    let mut family = page.counter("abide_http_problems", Unit::None, help);
    for (code, count) in shown.http.problems() {
        family.value(&[("code", code)], count);
    }
    let help = "Requests whose answer has not begun.";
    let mut family = page.gauge("abide_http_requests_under_way", Unit::None, help);
    family.value(&[], shown.http.under_way() as u64);
}

fn connections(page: &mut Page, shown: &ServerShown<'_>) {
    let Some((taken, most)) = shown.connections else {
        return;
    };
    let help = "Connections of clients.";
    let mut family = page.gauge("abide_connections", Unit::None, help);
    family.value(&[], taken as u64);
    let help = "How many of them there may be; further ones wait.";
    let mut family = page.gauge("abide_connections_limit", Unit::None, help);
    family.value(&[], most as u64);
}

/// Under the names that Prometheus' own libraries give.
#[allow(clippy::cast_precision_loss, reason = "microseconds of centuries")]
fn the_process(page: &mut Page, uptime: Duration) {
    let help = "Total user and system CPU time spent in seconds.";
    let mut family = page.counter("process_cpu_seconds", Unit::Seconds, help);
    family.fraction(&[], process::cpu_time().as_micros() as f64 / 1e6);
    let started = SystemTime::now().checked_sub(uptime);
    if let Some(since) = started.and_then(|at| at.duration_since(UNIX_EPOCH).ok()) {
        let help = "Start time of the process since unix epoch in seconds.";
        let mut family = page.gauge("process_start_time_seconds", Unit::Seconds, help);
        family.value(&[], since.as_secs());
    }
    let one = |page: &mut Page, name, unit, help, value: Option<u64>| {
        if let Some(value) = value {
            page.gauge(name, unit, help).value(&[], value);
        }
    };
    let help = "Resident memory size in bytes.";
    let bytes = process::memory_bytes();
    one(
        page,
        "process_resident_memory_bytes",
        Unit::Bytes,
        help,
        bytes,
    );
    let help = "Number of open file descriptors.";
    let files = process::open_files();
    one(page, "process_open_fds", Unit::None, help, files);
    let help = "Maximum number of open file descriptors.";
    let most = process::most_files();
    one(page, "process_max_fds", Unit::None, help, most);
}
