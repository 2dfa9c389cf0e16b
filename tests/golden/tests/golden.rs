//! Every recorded version: its rows say what they said, its runs are listed, its journals replay, and what was under way comes to its end.

mod coverage;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use abide_core::limits::Limits;
use abide_core::machine::RunInfo;
use abide_core::state::{Read, Run, RunStatus};
use abide_golden::ending::{self, Reopened};
use abide_golden::fixture::Fixture;
use abide_host::{App, Events, Host, HostConfig, Recorded};
use abide_store::{Commits, Store, View, inspect};
use bytes::Bytes;

/// The folders of all versions that were recorded.
fn versions() -> Vec<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = std::fs::read_dir(here).expect("the crate's folder");
    let mut versions: Vec<_> = folders
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with('v') && here.join(name).is_dir())
        .collect();
    versions.sort();
    assert!(!versions.is_empty(), "no version is recorded");
    versions
}

fn each(test: impl Fn(&str, Fixture)) {
    for version in versions() {
        let fixture = Fixture::read(&Fixture::folder(&version)).expect("a whole fixture");
        test(&version, fixture);
    }
}

fn view(fixture: &Fixture) -> View {
    let store = Store::in_memory(&fixture.disk(), Commits::ByHand);
    store.expect("this program reads these rows").view()
}

#[test]
fn every_row_says_what_it_said_and_is_written_again_as_it_was() {
    each(|version, fixture| {
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        for (key, value) in &fixture.rows {
            let seen = inspect(key, value, |digest| fixture.payload(digest))
                .unwrap_or_else(|error| panic!("{version}: {error}"));
            assert_eq!(
                seen.again,
                (key.clone(), value.clone()),
                "{version}: {:?}",
                seen.key
            );
            let (record_version, record) = seen.record.unwrap_or_default();
            let said = files.entry(seen.kind.replace(' ', "-")).or_default();
            writeln!(said, "{:?} v{record_version}\n{record}", seen.key).expect("a text grows");
        }
        for (kind, said) in files {
            insta::assert_snapshot!(format!("{version}-{kind}"), said);
        }
    });
}

#[test]
fn every_kind_of_what_can_be_stored_was_recorded() {
    each(|version, fixture| {
        let view = view(&fixture);
        coverage::check(version, &fixture, &view);
    });
}

#[test]
fn a_node_over_the_rows_lists_and_shows_every_run() {
    each(|version, fixture| {
        let node = Reopened::open(&fixture).expect("the node opens");
        let runs = view(&fixture).runs_after(None, usize::MAX).expect("runs");
        assert!(runs.len() > 50, "{version}: {} runs", runs.len());
        node.stage.run(async {
            let door = node.stage.life().door();
            let listed = door.get("/api/v1/runs?limit=100").await.expect("a list");
            let rows = listed.json["data"].as_array().map_or(0, Vec::len);
            assert!(rows >= runs.len(), "{version}: {rows}: {}", listed.json);
            for run in &runs {
                for part in ["", "/journal", "/logs"] {
                    let path = format!("/api/v1/runs/{}{part}", run.id);
                    let shown = door.get(&path).await.expect("an answer");
                    assert_eq!(shown.status, 200, "{version}: {path}: {}", shown.json);
                }
            }
        });
        node.stage.close();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn every_journal_replays_with_the_code_that_it_was_recorded_with() {
    for version in versions() {
        let fixture = Fixture::read(&Fixture::folder(&version)).expect("a whole fixture");
        let config = HostConfig {
            pool: None,
            code_cache: None,
            ..HostConfig::default()
        };
        let host = Host::new(config).expect("a host");
        let app = host.load(&fixture.component).await.expect("the component");
        let view = view(&fixture);
        let mut replayed = 0;
        for run in view.runs_after(None, usize::MAX).expect("runs") {
            assert_eq!(run.digest, app.digest(), "{version}: another component");
            if run.entries > 0 {
                replay(&version, &host, &app, &view, &run).await;
                replayed += 1;
            }
        }
        assert!(replayed > 50, "{version}: only {replayed} journals");
    }
}

async fn replay(version: &str, host: &Host, app: &Arc<App>, view: &View, run: &Run) {
    let events = if run.event_count > 1 {
        view.run_events(run.id).expect("the run's events")
    } else {
        vec![run.event]
    };
    let events = events.into_iter();
    let events = events.map(|id| view.event(id).expect("an event").expect("it is kept"));
    let events = Events::new(events.collect(), run.event).expect("the run's event is one");
    let info = RunInfo {
        run: run.id,
        function: run.function.clone(),
        digest: run.digest,
        policy: run.policy,
        limits: Limits::default(),
        event: events.main().to_json(),
        gated: run.is_gated(),
        input: run.input.as_deref().cloned(),
        logged: run.logged.unwrap_or_default(),
        schemas: Arc::default(),
    };
    let entries = view.journal(run.id).expect("a journal");
    let recorded = match run.status {
        RunStatus::Cancelled => Recorded::Cut,
        _ => Recorded::Whole,
    };
    let divergence = host
        .check_replay(app, Arc::new(info), events, entries, recorded)
        .await;
    let divergence = divergence.expect("the host replays");
    assert!(
        divergence.is_none(),
        "{version}: {} {}: {}",
        run.id,
        run.function,
        divergence.map(|d| d.to_string()).unwrap_or_default()
    );
}

#[test]
fn what_was_under_way_goes_on_and_ends_as_it_did() {
    each(|version, fixture| {
        let outcomes = ending::outcomes(&fixture).expect("the node goes on");
        for (recorded, now) in fixture.outcomes.iter().zip(&outcomes) {
            assert_eq!(now, recorded, "{version}");
        }
        assert_eq!(outcomes.len(), fixture.outcomes.len(), "{version}");
    });
}

#[test]
fn a_fixture_reads_back_as_it_was_written() {
    each(|_, fixture| {
        let folder = tempfile::tempdir().expect("a folder");
        fixture.write(folder.path()).expect("it is written");
        assert_eq!(Fixture::read(folder.path()).expect("it is read"), fixture);
    });
}

#[test]
fn a_row_that_was_changed_is_noticed() {
    each(|_, fixture| {
        for index in [0, fixture.rows.len() / 2, fixture.rows.len() - 1] {
            let (key, value) = &fixture.rows[index];
            let mut damaged = value.to_vec();
            *damaged.last_mut().expect("an envelope") ^= 1;
            assert!(inspect(key, &Bytes::from(damaged), |d| fixture.payload(d)).is_err());
        }
    });
}
