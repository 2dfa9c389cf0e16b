//! How a command ends: exit codes, and errors on stderr.

use std::process::ExitCode;

use crate::client::ClientError;
use crate::terminal::visible;

/// The end of a command that has said everything there is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// What was asked for is done.
    Done,
    /// It was not, and the user has been told why.
    Failed,
}

impl Outcome {
    /// The exit code.
    pub(crate) fn code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::SUCCESS,
            Self::Failed => ExitCode::from(1),
        }
    }
}

/// Arguments that parse, but make no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Tells the user about an error; the exit code says what kind it is. An error may quote what somebody else wrote.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!(
        "{} {}",
        console::style("error:").for_stderr().red().bold(),
        visible(&in_words(error))
    );
    ExitCode::from(code_of(error))
}

/// An error and its causes. Some name their cause in their own words: it is not said twice.
pub(crate) fn in_words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        let cause = cause.trim_end();
        if words.is_empty() {
            words.push_str(cause);
        } else if !words.contains(cause) {
            words.push_str(": ");
            words.push_str(cause);
        }
    }
    words
}

fn code_of(error: &anyhow::Error) -> u8 {
    if error.downcast_ref::<Usage>().is_some() {
        2
    } else if matches!(
        error.downcast_ref::<ClientError>(),
        Some(ClientError::Unreachable { .. })
    ) {
        3
    } else {
        1
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn causes_are_told_once() {
        let inner = std::io::Error::other("no room");
        let error = anyhow::Error::new(inner)
            .context("cannot write x: no room")
            .context("failed");
        assert_eq!(in_words(&error), "failed: cannot write x: no room");
    }

    #[test]
    fn the_exit_code_tells_the_kind_of_error_whatever_surrounds_it() {
        let unreachable = ClientError::Unreachable {
            url: "http://x".into(),
            why: "refused".into(),
        };
        let failed: Result<(), _> = Err(unreachable);
        assert_eq!(code_of(&failed.context("sending").unwrap_err()), 3);
        assert_eq!(code_of(&Usage("no".into()).into()), 2);
        assert_eq!(code_of(&anyhow::anyhow!("anything else")), 1);
    }
}
