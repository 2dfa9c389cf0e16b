//! `cargo xtask bench`: the benchmark, in a release build, with whatever arguments it takes.

use std::process::Command;

use anyhow::Result;

use crate::languages;
use crate::project::Project;
use crate::shell::{phase, succeeds};
use crate::test::{prepare_program, target};

/// Builds what is measured and what measures, then measures.
pub(crate) fn run(project: &Project, args: &[String]) -> Result<bool> {
    let (program, ready) = prepare_program(project, "abide-bench", true)?;
    let mut bench = Command::new(program);
    // Paths in the arguments are the caller's, so the caller's folder stays current.
    bench.args(args);
    ready.tell(&mut bench);
    if args.iter().any(|argument| argument == "languages") {
        let components = phase("build the measured function in every language", || {
            let out = target(project)?.join("bench-languages");
            languages::build_measured(project, &ready.binary, &out)
        })?;
        bench.env("ABIDE_BENCH_LANGUAGES", components);
    }
    succeeds(&mut bench)
}
