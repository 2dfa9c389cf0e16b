//! Log lines that belong to the run: what the macros of `log` and `tracing` say goes to the host.

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::bindings::logging;

struct Forward;

impl Log for Forward {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Where a span of `tracing` begins and ends is of no interest in a log.
        !metadata.target().starts_with("tracing::span")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let level = match record.level() {
            Level::Error => logging::Level::Error,
            Level::Warn => logging::Level::Warn,
            Level::Info => logging::Level::Info,
            Level::Debug => logging::Level::Debug,
            Level::Trace => logging::Level::Trace,
        };
        logging::log(level, &record.args().to_string());
    }

    fn flush(&self) {}
}

/// Sends log records to the host, from `debug` on. An app that wants more or less calls `log::set_max_level`.
/// Native tests keep their own logger.
pub(crate) fn install() {
    if cfg!(target_family = "wasm") && log::set_logger(&Forward).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
}
