//! Every language plays every scenario, in every way, and tells the same story: the one of the snapshot.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use abide_conformance::language::{self, Language};
use abide_conformance::scenario::Scenario;
use abide_conformance::stage::{Component, host};
use abide_conformance::{scenarios, suite};
use abide_host::Host;
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

/// One host for all: compiled code is kept between two runs of this program.
fn shared_host() -> &'static Host {
    static HOST: OnceLock<Host> = OnceLock::new();
    HOST.get_or_init(|| {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance-code");
        host(&cache).expect("the host")
    })
}

fn load(name: &str) -> Component {
    if name == "wat" {
        let wasm = hand_written().unwrap_or_else(|error| panic!("{error:#}"));
        return Component::load(shared_host(), wasm.into())
            .unwrap_or_else(|error| panic!("{error:#}"));
    }
    let path = language::component(name).unwrap_or_else(|error| panic!("{error:#}"));
    let wasm = std::fs::read(path).expect("the component is readable");
    Component::load(shared_host(), Bytes::from(wasm)).unwrap_or_else(|error| panic!("{error:#}"))
}

/// The component of the guest that is written by hand: a core module, to which the contract is added. It has no adapter, since it uses nothing of WASI.
fn hand_written() -> Result<Vec<u8>> {
    let repository = abide_e2e::repository();
    let mut module = wat::parse_file(repository.join("tests/conformance/guests/wat/guest.wat"))?;
    let mut contract = Resolve::default();
    let (package, _) = contract.push_dir(repository.join("wit"))?;
    let app = contract.select_world(&[package], Some("app"))?;
    wit_component::embed_component_metadata(
        &mut module,
        &contract,
        app,
        StringEncoding::UTF8,
        false,
    )?;
    ComponentEncoder::default()
        .validate(true)
        .module(&module)?
        .encode()
}

/// The scenarios that this guest has; it must have all but those that are declared.
fn scenarios_of(component: &Component, language: &Language) -> Vec<Scenario> {
    let functions = component.app.functions();
    let has = |id: &&str| functions.iter().any(|function| function.id == *id);
    let mut played = Vec::new();
    let mut wrong = Vec::new();
    for scenario in scenarios::all()
        .into_iter()
        .flat_map(|group| group.scenarios)
    {
        let complete = if scenario.functions.is_empty() {
            !component.app.schemas().is_empty()
        } else {
            scenario.functions.iter().all(has)
        };
        match (complete, language.without.contains_key(scenario.id)) {
            (true, false) => played.push(scenario),
            (false, true) => {}
            (false, false) if language.sample => {}
            (false, false) => wrong.push(format!("`{}` is missing", scenario.id)),
            (true, true) => wrong.push(format!(
                "`{}` is there, and declared as missing",
                scenario.id
            )),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("; "));
    played
}

fn snapshots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots")
}

/// The story of the snapshot, if there is one.
fn recorded(scenario: &Scenario) -> Option<String> {
    let text = std::fs::read_to_string(snapshots().join(format!("{}.snap", scenario.id))).ok()?;
    let (_, story) = text.split_once("\n---\n")?;
    Some(story.trim_end().to_owned())
}

/// Compares the story with the snapshot; insta then keeps another one, to be looked at.
fn compare_with_snapshot(scenario: &Scenario, story: &str) -> Result<()> {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path(snapshots());
    settings.set_omit_expression(true);
    let told = || settings.bind(|| insta::assert_snapshot!(scenario.id, story));
    if catch_unwind(AssertUnwindSafe(told)).is_ok() {
        return Ok(());
    }
    let recorded = recorded(scenario).context("it has no snapshot")?;
    suite::compare(&recorded, story.trim()).context("beside the snapshot")?;
    bail!("it differs from the snapshot")
}

fn test(name: &str) {
    if !language::is_selected(name) {
        println!("{name} is not selected");
        return;
    }
    let languages = language::all().unwrap_or_else(|error| panic!("{error:#}"));
    let language = &languages[name];
    let component = load(name);
    let mut failed = Vec::new();
    let mut played = scenarios_of(&component, language);
    played.retain(|scenario| language::is_played(scenario.id));
    assert!(!played.is_empty(), "there is no such scenario");
    for scenario in &played {
        let told = suite::all_ways(&component, scenario)
            .and_then(|story| compare_with_snapshot(scenario, &story));
        if let Err(error) = told {
            failed.push(format!("{}: {error:#}", scenario.id));
        }
    }
    println!("{}: {} scenarios", language.title, played.len());
    assert!(
        failed.is_empty(),
        "{}: {} of {} scenarios failed\n\n{}",
        language.title,
        failed.len(),
        played.len(),
        failed.join("\n\n")
    );
}

macro_rules! languages {
    ($($test:ident $name:literal),* $(,)?) => {
        $(
            #[test]
            fn $test() {
                test($name);
            }
        )*
        const TESTED: &[&str] = &[$($name),*];
    };
}

languages! {
    rust "rust",
    typescript "typescript",
    typescript_quickjs "typescript-quickjs",
    python "python",
    c "c",
    go "go",
    wat "wat",
}

#[test]
fn every_language_of_the_table_is_tested() {
    let listed = language::all().unwrap_or_else(|error| panic!("{error:#}"));
    let listed: BTreeSet<_> = listed.keys().map(String::as_str).collect();
    assert_eq!(listed, TESTED.iter().copied().collect());
}
