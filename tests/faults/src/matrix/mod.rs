//! The rows: what fails, what must happen, and the play that shows it.
//!
//! A play starts the real binary, loads it, lets something fail, checks how the process takes it, removes the cause, starts again, and asks
//! for everything that was acknowledged. The texts are those of the table in `docs/reliability.md`; a test compares them.

mod clock;
mod damage;
mod directory;
mod errno;
mod limits;
mod open;
mod room;
mod slow;
mod told;

use std::fmt::Write as _;

use anyhow::{Error, Result};

use crate::stage::{self, Stage};
use crate::{mounts, shim};

/// One row.
#[derive(Clone, Copy)]
pub struct Row {
    /// Its name, and that of its test.
    pub name: &'static str,
    /// What fails.
    pub fault: &'static str,
    /// What must happen.
    pub expected: &'static str,
    /// What the machine must offer.
    pub needs: Needs,
    play: fn(&mut Stage<'_>) -> Result<()>,
}

/// How a row went.
#[derive(Debug)]
pub enum Played {
    /// All was as expected.
    Passed,
    /// The machine lacks something.
    Skipped(&'static str),
    /// Something was not.
    Failed(Error),
}

impl Row {
    /// Plays it on a stage of its own. An error: there is no place for a stage.
    pub fn play(&self) -> Result<Played> {
        let lacks = match self.needs {
            Needs::Preload if !shim::AVAILABLE => Some("the library to preload is for Linux"),
            Needs::Mounts if !mounts::available() => Some("mounting needs root, on Linux"),
            _ => None,
        };
        if let Some(why) = lacks {
            return Ok(Played::Skipped(why));
        }
        let folder = tempfile::tempdir()?;
        Ok(match stage::play(folder.path(), self.play) {
            Ok(()) => Played::Passed,
            Err(error) => Played::Failed(error),
        })
    }
}

/// The rows as the table of `docs/reliability.md`.
pub fn table() -> String {
    let mut table =
        String::from("| what fails | what must happen | row, and its test |\n|---|---|---|\n");
    for row in rows() {
        let tested = match row.needs {
            Needs::Nothing | Needs::Preload => "",
            Needs::Mounts => ", root",
            Needs::Time => ", long",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} | `{}`{tested} |",
            row.fault, row.expected, row.name
        );
    }
    table
}

/// What a row needs of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Files and processes: any Unix.
    Nothing,
    /// The preloaded library: Linux.
    Preload,
    /// Mounting file systems: root, on Linux.
    Mounts,
    /// As [`Needs::Nothing`], but longer than each change should wait.
    Time,
}

/// All rows, in the order of the table.
pub fn rows() -> Vec<Row> {
    [
        room::ROWS,
        errno::ROWS,
        open::ROWS,
        damage::ROWS,
        directory::ROWS,
        clock::ROWS,
        limits::ROWS,
        slow::ROWS,
        told::ROWS,
    ]
    .concat()
}
