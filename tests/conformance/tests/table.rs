//! The manual shows who has which scenario, as it is.

use abide_conformance::{language, scenarios, table};

#[test]
fn the_manual_shows_the_table_as_it_is() {
    let languages = language::all().expect("the languages");
    let text = table::render(&scenarios::all(), &languages);
    println!("{text}");
    let page = std::fs::read_to_string(table::page()).expect("the page");
    let right = table::put(&page, &text).expect("the page has a place for the table");
    assert!(
        page == right,
        "docs/languages.md shows another table: `cargo xtask conformance --table` writes it"
    );
}

#[test]
fn what_a_language_lacks_is_a_scenario() {
    let known: Vec<_> = scenarios::all()
        .into_iter()
        .flat_map(|group| group.scenarios)
        .map(|scenario| scenario.id)
        .collect();
    for (name, language) in language::all().expect("the languages") {
        for (id, reason) in &language.without {
            assert!(known.contains(&id.as_str()), "{name}: {id} is no scenario");
            assert!(!reason.is_empty(), "{name}: why does it lack {id}?");
        }
    }
}
