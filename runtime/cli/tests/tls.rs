//! A server behind TLS and a client that is told whom to trust, both the real binary.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn abide(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_abide"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ABIDE_") {
            command.env_remove(name);
        }
    }
    command.args(arguments);
    command
}

/// A server; killed when the test is over.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn the_server_prints_an_https_url_and_clients_trust_whom_they_are_told_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a pair");
    let certificate = folder.path().join("cert.pem");
    let key = folder.path().join("key.pem");
    let data = folder.path().join("data");
    std::fs::write(&certificate, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let mut server = abide(&["serve", "--insecure", "--listen", "127.0.0.1:0"])
        .args([
            "--data",
            text(&data),
            "--tls-cert",
            text(&certificate),
            "--tls-key",
            text(&key),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let printed = server.stdout.take().expect("a pipe");
    let _served = Served(server);
    let url = BufReader::new(printed)
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("listening on ").map(str::to_owned))
        .expect("it listens");
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");

    let health = |more: &[&str]| -> Output {
        let command = ["health", "--url", &url];
        abide(&[&command[..], more].concat())
            .output()
            .expect("it starts")
    };
    let trusting = health(&["--ca-cert", text(&certificate)]);
    assert!(trusting.status.success(), "{trusting:?}");
    assert!(String::from_utf8_lossy(&trusting.stdout).contains("ok"));
    let strict = health(&[]);
    let told = String::from_utf8_lossy(&strict.stderr).into_owned();
    assert_eq!(strict.status.code(), Some(3), "{told}");
    assert!(told.contains("--ca-cert"), "{told}");
    let confused = health(&["--ca-cert", text(&key)]);
    assert_eq!(confused.status.code(), Some(2), "{confused:?}");
}
