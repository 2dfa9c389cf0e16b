//! The configuration file: TOML with one key a setting, read whole or refused with everything that is wrong in it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::Command;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::setting::{self, Kind, Setting};

/// A name is proposed if it is at least so similar to the one that was written, from 0 to 1.
const SIMILAR: f64 = 0.7;

/// What a file says.
#[derive(Debug, Default)]
pub(crate) struct ConfigFile {
    entries: BTreeMap<String, Vec<String>>,
}

/// A file that is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) struct ConfigError {
    path: PathBuf,
    problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    /// Line and column from 1, if it is about one place.
    place: Option<(usize, usize)>,
    what: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { place, what }) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            match place {
                Some((line, column)) => {
                    write!(f, "{}:{line}:{column}: {what}", self.path.display())?;
                }
                None => write!(f, "{}: {what}", self.path.display())?,
            }
        }
        Ok(())
    }
}

impl ConfigFile {
    /// Reads a file and checks every value in it.
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let refused = |problems| ConfigError {
            path: path.to_owned(),
            problems,
        };
        let text = std::fs::read_to_string(path).map_err(|error| {
            refused(vec![Problem {
                place: None,
                what: format!("the configuration file cannot be read: {error}"),
            }])
        })?;
        Self::parse(&text).map_err(refused)
    }

    fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let at = |span: Range<usize>| Some(place(text, span.start));
        let table = DeTable::parse(text).map_err(|error| {
            vec![Problem {
                place: error.span().and_then(at),
                what: error.message().to_owned(),
            }]
        })?;
        let settings = setting::all();
        let mut entries = BTreeMap::new();
        let mut problems = Vec::new();
        for (key, value) in table.into_inner() {
            let name = key.get_ref().as_ref();
            let result = match settings.iter().find(|setting| setting.name() == name) {
                None => Err((key.span(), unknown(name, &settings))),
                Some(setting) => values(setting, &value)
                    .map_err(|(span, what)| (span, format!("{name}: {what}"))),
            };
            match result {
                Ok(values) => drop(entries.insert(name.to_owned(), values)),
                Err((span, what)) => problems.push(Problem {
                    place: at(span),
                    what,
                }),
            }
        }
        if problems.is_empty() {
            Ok(Self { entries })
        } else {
            problems.sort();
            Err(problems)
        }
    }

    /// Whether the file says something about a setting.
    pub(crate) fn sets(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// The files that it names and that are not there, each with its setting.
    pub(crate) fn missing_files(&self) -> Vec<(String, String)> {
        setting::all()
            .iter()
            .filter(|setting| setting.names_a_file())
            .filter_map(|setting| Some((setting, self.entries.get(setting.name())?)))
            .flat_map(|(setting, paths)| paths.iter().map(|path| (setting.name().to_owned(), path)))
            .filter(|(_, path)| !Path::new(path).is_file())
            .map(|(name, path)| (name, path.clone()))
            .collect()
    }

    /// What the file says as the defaults of a command that takes settings.
    pub(crate) fn as_defaults(&self, command: Command) -> Command {
        self.entries
            .iter()
            .fold(command, |command, (name, values)| {
                command.mut_arg(name, |arg| {
                    arg.required(false).default_values(values.clone())
                })
            })
    }
}

/// The values of a setting, each checked; or where it is wrong, and how.
fn values(
    setting: &Setting,
    value: &Spanned<DeValue<'_>>,
) -> Result<Vec<String>, (Range<usize>, String)> {
    let wrong = |value: &Spanned<DeValue<'_>>| {
        let (expected, found) = (setting.kind().expected(), value.get_ref().type_str());
        Err((
            value.span(),
            format!("it must be {expected}; this is of type {found}"),
        ))
    };
    let items: Vec<&Spanned<DeValue<'_>>> = match (setting.kind(), value.get_ref()) {
        (Kind::List, DeValue::Array(items)) => items.iter().collect(),
        (Kind::List, _) => return wrong(value),
        (Kind::Switch | Kind::Number | Kind::Text, _) => vec![value],
    };
    let mut values = Vec::new();
    for item in items {
        let text = match (setting.kind(), item.get_ref()) {
            (Kind::Switch, DeValue::Boolean(value)) => value.to_string(),
            (Kind::Number | Kind::Text, DeValue::Integer(number)) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => number.to_string(),
                    Err(error) => return Err((item.span(), error.to_string())),
                }
            }
            (Kind::Text | Kind::List, DeValue::String(text)) => text.to_string(),
            _ => return wrong(item),
        };
        // A list has a separator when it stands in a variable; here an item is one item.
        if setting.kind() == Kind::List && text.contains(',') {
            let what = "an item holds a comma: write several items".to_owned();
            return Err((item.span(), what));
        }
        setting.check(&text).map_err(|what| (item.span(), what))?;
        values.push(text);
    }
    Ok(values)
}

fn unknown(name: &str, settings: &[Setting]) -> String {
    let similarity = |known: &str| strsim::jaro_winkler(&name.to_lowercase(), known);
    let nearest = settings
        .iter()
        .map(|setting| (similarity(setting.name()), setting.name()))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((_, known)) => format!("there is no setting `{name}`; did you mean `{known}`?"),
        None => {
            format!("there is no setting `{name}`; `abide config show --default` lists all of them")
        }
    }
}

/// Line and column of a byte, from 1; columns count characters.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let path = PathBuf::from("f");
        let problems = ConfigFile::parse(text).expect_err("it is wrong");
        let error = ConfigError { path, problems }.to_string();
        error.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_file_says_what_flags_say_in_its_own_types() {
        let text = "data = \"x\" # comment\ncheck_replay = true\nkeep_runs = 30\nkeep_events = \"12h\"\nallow_net = [\"db.internal:5432\", \"10.0.0.1\"]\n";
        let file = ConfigFile::parse(text).expect("it is right");
        assert_eq!(file.entries["check_replay"], ["true"]);
        assert_eq!(file.entries["keep_runs"], ["30"]);
        assert_eq!(file.entries["allow_net"], ["db.internal:5432", "10.0.0.1"]);
        assert!(file.sets("data") && !file.sets("listen"));
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_its_place() {
        let text = "# ä comment\nlisen = \"127.0.0.1:1\"\nlisten = \"8288\"\n  check_replay = \"yes\"\nkeep_runs = \"soon\"\nlog_format = \"xml\"\nallow_net = [\"a\", 7]\n";
        let problems = problems(text);
        let expected = [
            "f:2:1: there is no setting `lisen`; did you mean `listen`?",
            "f:3:10: listen: it must be an IP address and a port, like 127.0.0.1:8288, or 0.0.0.0:8288 for all addresses of this machine",
            "f:4:18: check_replay: it must be `true` or `false`",
            "f:5:13: keep_runs: write a number of days",
            "f:6:14: log_format: it must be one of text, json",
            "f:7:19: allow_net: it must be an array of strings",
        ];
        assert_eq!(problems.len(), expected.len(), "{problems:#?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.starts_with(expected), "{problem}");
        }
    }

    #[test]
    fn a_name_like_no_other_gets_no_proposal_and_a_table_is_no_setting() {
        assert!(problems("zzz = 1")[0].contains("config show --default"));
        assert!(problems("[keep]\nruns = 1")[0].contains("did you mean `keep_"));
    }

    #[test]
    fn text_that_is_no_toml_is_refused_where_it_stops_to_be_so() {
        assert!(problems("data = \"x\"\nlisten = ")[0].starts_with("f:2:"));
        assert!(problems("data = 1\ndata = 2")[0].starts_with("f:2:"));
    }
}
