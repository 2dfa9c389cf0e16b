//! Each rule of the lock, broken once.

use super::*;

const OPEN: &str = "[[version]]\nversion = \"0.1.0\"\nfolder = \"v0.1\"\nreleased = false\n";

/// 0.1.0 is released, 0.2.0 is being made.
fn released() -> Versions {
    let next = "[[version]]\nversion = \"0.2.0\"\nfolder = \"v0.2\"\nreleased = false\n";
    Versions::parse(&format!("{}{next}", OPEN.replace("false", "true"))).unwrap()
}

fn open() -> Versions {
    Versions::parse(OPEN).unwrap()
}

fn now(lines: &[&str]) -> Present {
    let lines = lines
        .iter()
        .map(|line| Line::parse(&line.split(' ').collect::<Vec<_>>()));
    Present(lines.collect::<Result<_>>().unwrap())
}

const RUN: [&str; 3] = [
    "record Run.queued 2 aa",
    "record Run.ended 2 bb",
    "key Run 0x20 cc",
];

fn locked() -> Lock {
    Lock::default().renewed(&now(&RUN), &open()).unwrap()
}

fn found(lines: &[&str], versions: &Versions) -> Vec<String> {
    let findings = compare(&locked(), &now(lines), versions);
    findings.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_as_it_was_passes_and_the_lock_reads_back() {
    assert_eq!(found(&RUN, &open()), [""; 0]);
    assert_eq!(found(&RUN, &released()), [""; 0]);
    assert_eq!(Lock::parse(&locked().to_text()).unwrap(), locked());
}

#[test]
fn a_change_without_a_new_version_is_refused_and_named() {
    let changed = ["record Run.queued 2 XX", RUN[1], RUN[2]];
    for (versions, mends) in [(open(), true), (released(), false)] {
        let found = found(&changed, &versions);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("record Run, version 2"), "{found:?}");
        assert!(
            found[0].contains("queued is written differently"),
            "{found:?}"
        );
        assert!(found[0].contains("codec.rs"), "{found:?}");
        assert_eq!(found[0].contains("--lock"), mends, "{found:?}");
        let renewed = locked().renewed(&now(&changed), &versions);
        assert_eq!(
            renewed.is_ok(),
            mends,
            "only an open version can be locked anew"
        );
    }
}

#[test]
fn a_sample_that_comes_or_goes_is_a_change() {
    assert!(found(&RUN[1..], &released())[0].contains("queued is gone"));
    let more = [RUN[0], RUN[1], RUN[2], "record Run.paused 2 dd"];
    assert!(found(&more, &released())[0].contains("paused is new"));
    assert!(locked().renewed(&now(&more), &released()).is_err());
}

#[test]
fn a_new_version_is_taken_in_and_what_was_released_stays() {
    let next = ["record Run.queued 3 XX", "record Run.ended 3 YY", RUN[2]];
    let found = found(&next, &released());
    assert!(found.len() == 1 && found[0].contains("is new"), "{found:?}");
    let renewed = locked().renewed(&now(&next), &released()).unwrap();
    assert_eq!(
        renewed.len(),
        5,
        "two of version 2, two of version 3, the key"
    );
    assert!(renewed.to_text().contains("0.2.0 XX") && renewed.to_text().contains("0.1.0 aa"));
    assert!(compare(&renewed, &now(&next), &released()).is_empty());
    // An open version leaves no history.
    assert_eq!(locked().renewed(&now(&next), &open()).unwrap().len(), 3);
}

#[test]
fn a_tag_is_never_given_to_other_rows() {
    let other = [RUN[0], RUN[1], "key Walk 0x20 ee"];
    for versions in [open(), released()] {
        let found = found(&other, &versions);
        assert!(found[0].contains("belongs to Run"), "{found:?}");
        assert!(locked().renewed(&now(&other), &versions).is_err());
    }
}

#[test]
fn without_an_open_version_nothing_can_be_added() {
    let all_released = Versions::parse(&OPEN.replace("false", "true")).unwrap();
    assert_eq!(
        locked().renewed(&now(&RUN), &all_released).unwrap(),
        locked()
    );
    let more = [RUN[0], RUN[1], RUN[2], "record Job.one 1 ff"];
    let refused = locked().renewed(&now(&more), &all_released).unwrap_err();
    assert!(
        refused.to_string().contains("add the next one"),
        "{refused}"
    );
}

#[test]
fn comments_and_layout_of_the_contract_do_not_count_but_its_words_do() {
    let digest = |text: &str| {
        let (_folder, tree) = Tree::with(&[("wit/a.wit", text)]);
        wit(&tree).unwrap().remove(0)
    };
    let plain = digest("package a:b@0.1.0;\ninterface i {\n  f: func();\n}\n");
    let commented = digest("package a:b@0.1.0;\n// why\ninterface i { /// f\n  f:   func();\n}\n");
    assert_eq!(plain, commented);
    let other = digest("package a:b@0.1.0;\ninterface i { f: func(a: u8); }");
    assert!(plain.group == other.group && plain.digest != other.digest);
    let next = digest("package a:b@0.2.0;\ninterface i { f: func(a: u8); }");
    assert_ne!(next.group, plain.group);
}

#[test]
fn every_version_has_a_fixture() {
    let (_folder, tree) = Tree::with(&[("tests/golden/v0.1/recorded.txt", "")]);
    assert_eq!(recorded(&tree, &open()).len(), 0);
    assert_eq!(recorded(&tree, &released()).len(), 1);
}
