//! Who has which scenario, as a table for people.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::language::Language;
use crate::scenarios::Group;

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
