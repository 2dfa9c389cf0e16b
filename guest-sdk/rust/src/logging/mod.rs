//! Log lines that belong to the run: what the macros of `log` and `tracing` say goes to the host, with its fields. Spans of `tracing` go into
//! the run's trace.

mod line;
mod spans;

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::bindings::logging;
use line::Line;

struct Forward;

impl Log for Forward {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let mut line = Line::new(record.args().to_string());
        // A visitor of ours fails nowhere.
        let _ = record.key_values().visit(&mut line);
        write(record.level(), &line.text());
    }

    fn flush(&self) {}
}

fn write(level: Level, line: &str) {
    let level = match level {
        Level::Error => logging::Level::Error,
        Level::Warn => logging::Level::Warn,
        Level::Info => logging::Level::Info,
        Level::Debug => logging::Level::Debug,
        Level::Trace => logging::Level::Trace,
    };
    logging::log(level, line);
}

/// Sends log records to the host, from `debug` on. An app that wants more or less calls `log::set_max_level`, which counts for `tracing` too.
/// Native tests keep their own logger.
pub(crate) fn install() {
    if cfg!(target_family = "wasm") && log::set_logger(&Forward).is_ok() {
        log::set_max_level(LevelFilter::Debug);
        // Who set another one wants that.
        let _ = tracing::subscriber::set_global_default(spans::Subscriber::new(write));
    }
}
