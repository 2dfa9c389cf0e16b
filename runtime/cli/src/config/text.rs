//! The definition as text: a commented file, and the table of the documentation.

use std::fmt::Write;

use super::setting::{self, Kind, Setting};
use crate::terminal::wrap;

/// Where the comments of a file are broken.
const WIDTH: usize = 100;

/// A configuration file that changes nothing: every setting with what it is for, its default commented out.
pub(crate) fn default_file() -> String {
    let mut text = String::from(
        "# Configuration of `abide serve`. Every line is commented out and shows the default, or an example where there is none.\n# A flag (--keep-runs) goes before the variable (ABIDE_KEEP_RUNS), the variable before this file.\n",
    );
    for setting in setting::all() {
        text.push('\n');
        for line in wrap(&format!("{}.", setting.help()), WIDTH, usize::MAX) {
            let _ = writeln!(text, "# {line}");
        }
        let possible = setting.possible();
        if !possible.is_empty() {
            let _ = writeln!(text, "# One of: {}.", possible.join(", "));
        }
        let value = match setting.default() {
            Some(default) => as_toml(setting.kind(), &[default]),
            None => example(&setting),
        };
        let _ = writeln!(text, "#{} = {value}", setting.name());
    }
    text
}

fn example(setting: &Setting) -> String {
    let placeholder = setting.placeholder();
    match setting.kind() {
        Kind::List => "[]".to_owned(),
        kind => as_toml(kind, &[placeholder]),
    }
}

/// Values as the file has them.
pub(crate) fn as_toml(kind: Kind, values: &[String]) -> String {
    let quoted = |value: &String| toml::Value::String(value.clone()).to_string();
    match kind {
        Kind::List => {
            let items: Vec<_> = values.iter().map(quoted).collect();
            format!("[{}]", items.join(", "))
        }
        Kind::Switch | Kind::Number => values.concat(),
        Kind::Text => values.first().map(quoted).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of docs/configuration.md.
    fn table() -> String {
        let mut table = String::from("| setting | default | |\n|---|---|---|\n");
        for setting in setting::all() {
            let default = setting.default();
            let default = default.map(|value| format!("`{}`", as_toml(setting.kind(), &[value])));
            let mut help = format!("{}.", setting.help()).replace('|', "\\|");
            let possible = setting.possible();
            if !possible.is_empty() {
                let _ = write!(help, " One of `{}`.", possible.join("`, `"));
            }
            let _ = writeln!(
                table,
                "| `{}` | {} | {} |",
                setting.name(),
                default.unwrap_or_default(),
                help.replace("  ", " ")
            );
        }
        table
    }

    const BEGIN: &str = "<!-- settings: written by UPDATE_DOCS=1 cargo test -p abide config -->\n";
    const END: &str = "<!-- end of settings -->";

    #[test]
    fn the_documentation_lists_every_setting() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        let text = std::fs::read_to_string(path).expect("docs/configuration.md");
        let (before, rest) = text.split_once(BEGIN).expect("the table's begin");
        let (found, after) = rest.split_once(END).expect("the table's end");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            let text = format!("{before}{BEGIN}{}{END}{after}", table());
            std::fs::write(path, text).expect("written");
        } else {
            assert_eq!(
                found,
                table(),
                "docs/configuration.md is out of date: UPDATE_DOCS=1 cargo test -p abide config"
            );
        }
    }

    #[test]
    fn the_default_file_changes_nothing_and_is_right_when_its_lines_are_taken() {
        let text = default_file();
        assert_eq!(
            toml::from_str::<toml::Table>(&text).expect("TOML"),
            toml::Table::new()
        );
        for setting in setting::all() {
            let key = format!("\n#{} = ", setting.name());
            assert!(text.contains(&key), "{}", setting.name());
        }
        let taken = text.replace("\n#", "\n").replace("\n ", "\n# ");
        toml::from_str::<toml::Table>(&taken).expect("TOML without the signs");
    }
}
