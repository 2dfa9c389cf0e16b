//! Where settings come from, as the binary sees it: flags, variables, a file.

use std::process::{Command, Output};

use serde_json::Value;

/// Runs the binary with these variables of ours and no others.
fn abide(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_abide"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ABIDE_") {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .envs(variables.iter().copied())
        .output()
        .expect("the binary starts")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The value in force and its origin.
fn setting(shown: &Value, name: &str) -> (Value, String) {
    let settings = shown["settings"].as_array().expect("a list");
    let setting = settings
        .iter()
        .find(|setting| setting["name"] == name)
        .expect("a known setting");
    let origin = setting["origin"].as_str().expect("a word").to_owned();
    (setting["value"].clone(), origin)
}

#[test]
fn a_flag_goes_before_a_variable_before_the_file_before_the_default() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("abide-server.toml");
    std::fs::write(
        &file,
        "data = \"from-file\"\nkeep_runs = \"1d\"\nkeep_events = \"2d\"\ncheck_replay = true\nallow_net = [\"a:1\", \"b:2\"]\n",
    )
    .expect("written");
    let file = file.to_str().expect("UTF-8");
    let variables = [
        ("ABIDE_CONFIG", file),
        ("ABIDE_KEEP_RUNS", "3d"),
        ("ABIDE_KEEP_EVENTS", "4d"),
    ];
    let arguments = ["config", "show", "--json", "--keep-runs", "5d"];
    let output = abide(&arguments, &variables);
    assert!(output.status.success(), "{}", stderr(&output));
    let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let is = |name, value: Value, origin: &str| {
        assert_eq!(setting(&shown, name), (value, origin.to_owned()), "{name}");
    };
    is("keep_runs", "5d".into(), "flag");
    is("keep_events", "4d".into(), "environment");
    is("data", "from-file".into(), "file");
    is("check_replay", true.into(), "file");
    is("allow_net", vec!["a:1", "b:2"].into(), "file");
    is("keep_house_every", "1h".into(), "default");
    is("code_cache", Value::Null, "default");

    // A switch and a list of the file give way like anything else.
    let arguments = [
        "config",
        "show",
        "--json",
        "--config",
        file,
        "--check-replay=false",
        "--allow-net",
        "c:3",
    ];
    let output = abide(&arguments, &[]);
    let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let is = |name, value: Value, origin: &str| {
        assert_eq!(setting(&shown, name), (value, origin.to_owned()), "{name}");
    };
    is("check_replay", false.into(), "flag");
    is("allow_net", vec!["c:3"].into(), "flag");
    let table = abide(&["config", "show", "--config", file], &[]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(
        table.contains("keep_runs") && table.contains("1d"),
        "{table}"
    );
}

#[test]
fn the_default_file_is_a_right_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = abide(&["config", "show", "--default"], &[]);
    let file = folder.path().join("f.toml");
    std::fs::write(&file, &output.stdout).expect("written");
    let output = abide(&["config", "check", file.to_str().expect("UTF-8")], &[]);
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn a_wrong_file_is_refused_by_check_and_by_serve_in_the_same_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("f.toml");
    let path = file.to_str().expect("UTF-8");
    std::fs::write(
        &file,
        "data = \"never\"\nlisten_on = \"x\"\nkeep_runs = false\n",
    )
    .expect("written");
    let wrong = [
        format!("{path}:2:1: there is no setting `listen_on`; did you mean `listen`?"),
        format!("{path}:3:13: keep_runs: it must be a string"),
    ];
    let serve = ["serve", "--config", path];
    for (arguments, code) in [(&["config", "check", path], 1), (&serve, 2)] {
        let output = abide(arguments, &[]);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        for wrong in &wrong {
            assert!(stderr(&output).contains(wrong), "{}", stderr(&output));
        }
    }
    std::fs::write(&file, "tls_cert = \"/does/not/exist.pem\"\n").expect("written");
    let output = abide(&["config", "check", path], &[]);
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    assert!(
        told.contains("tls_cert: there is no file /does/not/exist.pem")
            && told.contains("tls_key is not"),
        "{told}"
    );
    let output = abide(&serve[..1], &[("ABIDE_CONFIG", "/does/not/exist.toml")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("/does/not/exist.toml: the configuration file cannot be read"),
        "{}",
        stderr(&output)
    );
}
