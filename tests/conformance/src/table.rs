//! Who has which scenario, as a table for people, and its place in the documentation.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::language::Language;
use crate::scenarios::Group;

/// Where the table stands: between these lines.
const MARKS: [&str; 2] = ["<!-- conformance:begin -->\n", "<!-- conformance:end -->"];

/// The page that shows the table.
pub fn page() -> PathBuf {
    abide_e2e::repository().join("docs").join("languages.md")
}

/// The page with this table in its place.
pub fn put(page: &str, table: &str) -> Result<String> {
    let missing = || format!("the page has no `{}`", MARKS[0].trim_end());
    let (before, rest) = page.split_once(MARKS[0]).with_context(missing)?;
    let missing = || format!("the page has no `{}`", MARKS[1]);
    let (_, after) = rest.split_once(MARKS[1]).with_context(missing)?;
    Ok([before, MARKS[0], table, MARKS[1], after].concat())
}

/// The table, in Markdown: a row for each group, and below it what a language does not have.
pub fn render(groups: &[Group], languages: &BTreeMap<String, Language>) -> String {
    let columns: Vec<&Language> = languages
        .values()
        .filter(|language| !language.sample)
        .collect();
    let mut text = "| Scenarios |".to_owned();
    for language in &columns {
        write!(text, " {} |", language.title).expect("a text grows");
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(columns.len()));
    let (mut sums, mut all) = (vec![0; columns.len()], 0);
    for group in groups {
        let total = group.scenarios.len();
        all += total;
        write!(text, "\n| {} |", group.title).expect("a text grows");
        for (language, sum) in columns.iter().zip(&mut sums) {
            let has = |id: &str| !language.without.contains_key(id);
            let count = group.scenarios.iter().filter(|it| has(it.id)).count();
            *sum += count;
            text.push_str(&cell(count, total));
        }
    }
    text.push_str("\n| **All** |");
    for sum in sums {
        text.push_str(&cell(sum, all));
    }
    text.push('\n');
    for language in columns
        .iter()
        .filter(|language| !language.without.is_empty())
    {
        write!(text, "\n{} lacks:\n", language.title).expect("a text grows");
        for (id, reason) in &language.without {
            writeln!(text, "- `{id}`: {reason}").expect("a text grows");
        }
    }
    text
}

fn cell(count: usize, total: usize) -> String {
    if count == total {
        format!(" {count} |")
    } else {
        format!(" {count} of {total} |")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn the_table_takes_its_place_and_nothing_else_changes() {
        let page = "# L\n<!-- conformance:begin -->\nold\n<!-- conformance:end -->\nend";
        let put = put(page, "new\n").expect("it has a place");
        assert_eq!(put, page.replace("old", "new"));
        assert!(super::put("# L", "new").is_err());
    }

    #[test]
    fn a_hole_is_counted_and_explained() {
        let language = |title: &str, without: &[(&str, &str)]| Language {
            title: title.to_owned(),
            sample: false,
            without: without
                .iter()
                .map(|(id, why)| ((*id).to_owned(), (*why).to_owned()))
                .collect(),
        };
        let languages = BTreeMap::from([
            ("a".to_owned(), language("A", &[])),
            ("b".to_owned(), language("B", &[("x", "it has no x")])),
        ]);
        let groups = [Group {
            title: "Letters",
            scenarios: vec![Scenario::described("x"), Scenario::described("y")],
        }];
        assert_eq!(
            render(&groups, &languages),
            "| Scenarios | A | B |\n|---|---|---|\n| Letters | 2 | 1 of 2 |\n| **All** | 2 | 1 of 2 |\n\nB lacks:\n- `x`: it has no x\n"
        );
    }
}
