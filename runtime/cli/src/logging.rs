//! Log lines on stderr: which (`ABIDE_LOG`) and in what form.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Log lines go to stderr from now on: those that `ABIDE_LOG` selects (as `RUST_LOG` elsewhere), or `default`.
pub(crate) fn start(format: LogFormat, default: &str) {
    let chosen = std::env::var("ABIDE_LOG")
        .ok()
        .filter(|filter| !filter.trim().is_empty());
    start_with(format, chosen.as_deref().unwrap_or(default));
}

/// Log lines go to stderr from now on: those that `filter` selects.
pub(crate) fn start_with(format: LogFormat, filter: &str) {
    let (filter, problem) = match EnvFilter::try_new(filter) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second start, as in tests, keeps the first.
    let _ = match format {
        LogFormat::Text => subscriber
            .with_ansi(console::colors_enabled_stderr())
            .try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
    if let Some(error) = problem {
        tracing::warn!(
            "the filter of log lines is not understood ({error}); write it like `info` or `warn,abide_server=debug`"
        );
    }
}
