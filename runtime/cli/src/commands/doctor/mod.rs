//! `abide doctor`: what is wrong with a set-up, and what to do about it.
//!
//! Each check looks at one thing and changes nothing; what it found is a [`Finding`]. A check that cannot be made is no error of the set-up:
//! it says so and goes on.

mod certificate;
mod data;
mod machine;
mod server;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Command};
use serde::Serialize;

use crate::cli::{Output, Server};
use crate::config::{self, ConfigFile, Settings};
use crate::logging::{self, LogFormat};
use crate::outcome::Outcome;
use crate::terminal::{Look, one_line, print, print_json};

const HELP: &str = "\
It looks at the configuration, the data directory and its store, the machine, the TLS files, and the server that runs at --url, if one does.
Give it what the server is given: its configuration file, or its data directory; variables of the environment count as for `abide serve`. The
exit code is 1 if there is an error. The store is looked into only while no server uses it. Keys are looked at with a key that is an admin's.

Examples:
  abide doctor --config /etc/abide/abide-server.toml
  abide doctor --data /var/lib/abide --json";

/// Finds what is wrong with a set-up, and says what to do.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Doctor {
    /// The server's configuration file.
    #[arg(
        long,
        value_name = "FILE",
        env = "ABIDE_CONFIG",
        hide_env_values = true
    )]
    config: Option<PathBuf>,
    /// The server's data directory, if the configuration does not name it.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    Warning,
    Error,
}

/// What a check found.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Finding {
    check: &'static str,
    level: Level,
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            check,
            level: Level::Ok,
            found: found.into(),
            remedy: None,
        }
    }

    fn warning(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            level: Level::Warning,
            remedy: Some(remedy.into()),
            ..Self::ok(check, found)
        }
    }

    fn error(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            level: Level::Error,
            ..Self::warning(check, found, remedy)
        }
    }
}

impl Doctor {
    pub(crate) async fn run(self) -> Result<Outcome> {
        logging::start(LogFormat::default(), "error");
        let mut findings = Vec::new();
        let settings = self.settings(&mut findings);
        let path = |name: &str| {
            settings
                .get(name)
                .and_then(|values| values.first())
                .map(PathBuf::from)
        };
        match path("data") {
            Some(data) => {
                findings.extend(tokio::task::spawn_blocking(move || data::look(&data)).await?);
            }
            None => findings.push(Finding::warning(
                "data directory",
                "nobody says which it is",
                "name it with --data, or the server's configuration with --config",
            )),
        }
        findings.extend(machine::look());
        let (cert, key) = (path("tls_cert"), path("tls_key"));
        findings.extend(certificate::look(cert.as_deref(), key.as_deref()));
        let listen = settings.get("listen").and_then(|values| values.first());
        let listen = listen.and_then(|listen| listen.parse().ok());
        let expected = server::Expected {
            listen,
            tls: cert.is_some(),
        };
        findings.extend(server::look(&self.server, &expected).await);
        self.tell(&findings)
    }

    /// The settings that `abide serve` would have.
    fn settings(&self, findings: &mut Vec<Finding>) -> BTreeMap<String, Vec<String>> {
        let file = match &self.config {
            None => ConfigFile::default(),
            Some(path) => match ConfigFile::read(path) {
                Ok(file) => {
                    findings.push(Finding::ok(
                        "configuration",
                        format!("{} is sound", path.display()),
                    ));
                    file
                }
                Err(error) => {
                    findings.push(Finding::error(
                        "configuration",
                        error.to_string(),
                        format!(
                            "mend the file; `abide config check {}` checks it",
                            path.display()
                        ),
                    ));
                    ConfigFile::default()
                }
            },
        };
        for (name, path) in file.missing_files() {
            findings.push(Finding::error(
                "configuration",
                format!("{name} names {path}, which is not there"),
                "put the file there, or mend the setting",
            ));
        }
        let command = Settings::augment_args(Command::new("serve"))
            .mut_arg("data", |arg| arg.required(false));
        let mut arguments = vec!["serve".into()];
        if let Some(data) = &self.data {
            arguments.extend(["--data".into(), data.clone().into_os_string()]);
        }
        match file.as_defaults(command).try_get_matches_from(arguments) {
            Ok(matches) => config::effective(&matches, &file)
                .into_iter()
                .map(|(setting, values, _)| (setting.name().to_owned(), values))
                .collect(),
            Err(error) => {
                let said = error.to_string();
                let said = said.lines().next().unwrap_or_default();
                findings.push(Finding::error(
                    "configuration",
                    said.trim_start_matches("error: "),
                    "mend the variable or the file; `abide config show` shows where each value comes from",
                ));
                let data = self.data.iter();
                data.map(|data| ("data".to_owned(), vec![data.to_string_lossy().into_owned()]))
                    .collect()
            }
        }
    }

    fn tell(&self, findings: &[Finding]) -> Result<Outcome> {
        let worst = findings.iter().map(|finding| finding.level).max();
        if self.output.json {
            print_json(&serde_json::json!({ "level": worst, "findings": findings }).to_string())?;
        } else {
            print(&as_text(findings, Look::stdout()))?;
        }
        Ok(match worst {
            Some(Level::Error) => Outcome::Failed,
            _ => Outcome::Done,
        })
    }
}

fn as_text(findings: &[Finding], look: Look) -> String {
    let mut text = String::new();
    for finding in findings {
        let word = match finding.level {
            Level::Ok => look.good("ok     "),
            Level::Warning => look.odd("warning"),
            Level::Error => look.bad("error  "),
        };
        let (check, found) = (look.bold(finding.check), one_line(&finding.found));
        let _ = writeln!(text, "{word}  {check}: {found}");
        if let Some(remedy) = &finding.remedy {
            let _ = writeln!(text, "         {}", one_line(remedy));
        }
    }
    let count = |level| {
        findings
            .iter()
            .filter(|finding| finding.level == level)
            .count()
    };
    let several = |level, word| match count(level) {
        1 => format!("1 {word}"),
        many => format!("{many} {word}s"),
    };
    let (errors, warnings) = (
        several(Level::Error, "error"),
        several(Level::Warning, "warning"),
    );
    text + &format!("\n{errors}, {warnings}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_has_a_line_and_its_remedy_another() {
        let findings = [
            Finding::ok("clock", "it runs"),
            Finding::warning("memory", "little is left", "add some"),
            Finding::error("port", "it is\ntaken", "take another"),
        ];
        assert_eq!(
            as_text(&findings, Look::plain(80)),
            "ok       clock: it runs\nwarning  memory: little is left\n         add some\nerror    port: it is taken\n         take another\n\n1 error, 1 warning\n"
        );
    }
}
