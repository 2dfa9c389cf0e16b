//! What the driver of a language is given, and what it gives back.

use std::path::{Path, PathBuf};

use super::message::{Message, Severity};
use super::progress::Bar;
use crate::language::Engine;

/// One app to compile: everything is found and installed.
pub(super) struct Job<'a> {
    /// The app, absolute.
    pub(super) folder: &'a Path,
    /// `[build] entry`, as it is written.
    pub(super) entry: Option<&'a str>,
    /// `[build] engine`.
    pub(super) engine: Option<Engine>,
    /// The SDK that the app is compiled with: its own copy, or the cache's.
    pub(super) sdk: &'a Path,
    /// What belongs to this binary: the folder with the build script.
    pub(super) scripts: &'a Path,
    /// Where the language's build tools are installed.
    pub(super) tools: &'a Path,
    /// A folder of this app's own that stays for the next build.
    pub(super) scratch: &'a Path,
    /// Where the component belongs.
    pub(super) out: &'a Path,
    /// Shows how far it is.
    pub(super) bar: &'a Bar,
}

/// What came of it. What is wrong with the author's code is a message; an `Err` is what they cannot mend there.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    /// Whether the component is written.
    pub(super) done: bool,
    pub(super) messages: Vec<Message>,
    /// Every file that was read, absolute; a folder if the names in it matter. Those of the cache are left out.
    pub(super) inputs: Vec<PathBuf>,
}

impl Compiled {
    /// How many messages are errors.
    pub(super) fn errors(&self) -> usize {
        let errors = self.messages.iter();
        errors
            .filter(|message| message.severity == Severity::Error)
            .count()
    }
}
