//! The soak in small: half a minute, with everything that the long one does.

use std::time::Duration;

use abide_soak::Options;

#[test]
fn half_a_minute_of_everything_loses_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options {
        duration: Duration::from_secs(25),
        rate: 12.0,
        seed: 7,
        death_every: Duration::from_secs(6),
        deploy_every: Duration::from_secs(9),
        keep: Duration::from_secs(20),
        keep_house_every: Duration::from_secs(2),
        sample_every: Duration::from_secs(1),
        out: folder.path().join("results"),
        directory: Some(folder.path().to_owned()),
    };
    let out = options.out.clone();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let outcome = runtime.block_on(abide_soak::run(options)).expect("it runs");
    assert!(outcome.correct, "{}", outcome.table);
    assert!(
        outcome.flat,
        "nothing is judged in half a minute: {}",
        outcome.table
    );
    assert!(
        outcome.kills >= 1 && outcome.acknowledged > 20,
        "{}",
        outcome.table
    );
    for file in ["samples.csv", "soak.json", "soak.svg"] {
        let written = std::fs::metadata(out.join(file));
        assert!(written.is_ok_and(|file| file.len() > 500), "{file}");
    }
}
