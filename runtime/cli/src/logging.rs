//! Log lines on stderr: which (`ABIDE_LOG`) and in what form. An event is one line, whatever is in it.

use std::io::{self, Write};

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
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter);
    // A second start, as in tests, keeps the first.
    let _ = match format {
        LogFormat::Text => subscriber
            .with_ansi(console::colors_enabled_stderr())
            .with_writer(|| OneLine(io::stderr()))
            .try_init(),
        LogFormat::Json => subscriber
            .with_writer(io::stderr)
            .json()
            .flatten_event(true)
            .try_init(),
    };
    if let Some(error) = problem {
        tracing::warn!(
            "the filter of log lines is not understood ({error}); write it like `info` or `warn,abide_server=debug`"
        );
    }
}

/// Hands on events, each of which is written at once, with its line breaks made visible: what an app calls its steps must not look like a line
/// of the server's. Other control characters are escaped before.
struct OneLine<W>(W);

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = event.strip_suffix(b"\n").unwrap_or(event);
        if text.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            let mut line = Vec::with_capacity(event.len() + 16);
            for byte in text {
                match byte {
                    b'\n' => line.extend_from_slice(b"\\n"),
                    b'\r' => line.extend_from_slice(b"\\r"),
                    other => line.push(*other),
                }
            }
            line.extend_from_slice(&event[text.len()..]);
            self.0.write_all(&line)?;
        } else {
            self.0.write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        let mut out = Vec::new();
        let mut writer = OneLine(&mut out);
        let _ = writer.write_all(b"an ordinary line\n");
        let _ = writer.write_all("step `a\r\n2026 ERROR forged\u{e9}`\n".as_bytes());
        let out = String::from_utf8(out).expect("text");
        assert_eq!(
            out,
            "an ordinary line\nstep `a\\r\\n2026 ERROR forged\u{e9}`\n"
        );
    }
}
