//! `abide doctor`: every warning and every error that a test can bring about, by bringing it about, with what is advised.
//!
//! What needs another machine (a network file system, little memory) is judged in the modules' own tests; disks without room and slow
//! ones are rows of the fault matrix.

use std::fs;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use chrono::{Datelike as _, Utc};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Nobody listens there: for those who look at something else.
const NOBODY: [&str; 2] = ["--url", "http://127.0.0.1:1"];

const ADMIN: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// The binary, without what the tester's environment says.
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

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// What one call of the doctor has found.
struct Told {
    code: Option<i32>,
    findings: Vec<Value>,
}

impl Told {
    fn by(mut command: Command) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = command.arg("--json").output().expect("it starts");
        let told: Value = serde_json::from_slice(&stdout)
            .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&stderr)));
        Self {
            code: status.code(),
            findings: told["findings"].as_array().expect("findings").clone(),
        }
    }

    /// One finding of this check has this level, says this, and advises that.
    #[track_caller]
    fn has(&self, check: &str, level: &str, found: &str, remedy: &str) {
        let fits = |finding: &&Value| {
            let says = |name: &str, words: &str| {
                let said = finding[name].as_str().unwrap_or_default();
                said.contains(words)
            };
            finding["check"] == check
                && finding["level"] == level
                && says("found", found)
                && says("remedy", remedy)
        };
        assert!(
            self.findings.iter().any(|finding| fits(&finding)),
            "no {level} of {check} that says {found:?} and advises {remedy:?}: {:#?}",
            self.findings
        );
        let worst = ["ok", "warning", "error"]
            .into_iter()
            .rfind(|level| self.findings.iter().any(|it| it["level"] == *level));
        let code = i32::from(worst == Some("error"));
        assert_eq!(self.code, Some(code), "{:#?}", self.findings);
    }
}

/// `abide doctor` over a data directory.
fn of_data(data: &Path) -> Told {
    let arguments = [&["doctor", "--data", text(data)][..], &NOBODY].concat();
    Told::by(abide(&arguments))
}

/// `abide doctor` with a configuration file that holds this.
fn of_config(folder: &Path, content: &str, more: &[&str]) -> Told {
    let file = folder.join("abide-server.toml");
    fs::write(&file, content).expect("written");
    let arguments = [&["doctor", "--config", text(&file)][..], more].concat();
    Told::by(abide(&arguments))
}

/// A server; killed when the test is over.
struct Served {
    child: Child,
    url: String,
}

impl Served {
    fn start(data: &Path, more: &[&str]) -> Self {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--data", text(data)];
        let mut child = abide(&[&serve[..], more].concat())
            .env("ABIDE_ADMIN_KEY", ADMIN)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let printed = child.stdout.take().expect("a pipe");
        let url = BufReader::new(printed)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("listening on ").map(str::to_owned));
        let url = url.expect("it listens");
        Self { child, url }
    }

    fn address(&self) -> &str {
        self.url.split_once("//").expect("a URL").1
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_configuration_that_is_wrong_is_told_with_what_to_mend() {
    let folder = folder();
    let here = folder.path();
    let of = |content: &str| of_config(here, content, &NOBODY);
    of("dato = \"x\"\n").has("configuration", "error", "dato", "abide config check");
    let data = format!("data = {:?}\n", text(here));
    of(&data).has("configuration", "ok", "is sound", "");
    of(&format!(
        "{data}tls_cert = \"gone.crt\"\ntls_key = \"gone.key\"\n"
    ))
    .has(
        "configuration",
        "error",
        "tls_cert names gone.crt, which is not there",
        "put the file there",
    );
    let gone = here.join("gone.toml");
    let arguments = [&["doctor", "--config", text(&gone)][..], &NOBODY].concat();
    Told::by(abide(&arguments)).has("configuration", "error", "gone.toml", "mend the file");

    let mut odd = abide(&[&["doctor", "--data", text(here)][..], &NOBODY].concat());
    odd.env("ABIDE_KEEP_RUNS", "soon");
    let told = Told::by(odd);
    told.has("configuration", "error", "soon", "abide config show");
    // The directory is looked at all the same.
    told.has("data directory", "warning", "everybody", "chmod 700");

    let nothing = Told::by(abide(&[&["doctor"][..], &NOBODY].concat()));
    nothing.has("data directory", "warning", "nobody says", "--data");
}

#[test]
fn a_directory_that_cannot_be_used_is_told_with_the_reason() {
    let folder = folder();
    let here = folder.path();
    fs::set_permissions(here, fs::Permissions::from_mode(0o700)).expect("it is ours");
    let file = here.join("letter");
    fs::write(&file, "dear").expect("written");
    of_data(&file).has("data directory", "error", "is no directory", "--data");
    of_data(&here.join("new")).has("data directory", "warning", "does not exist", "first start");
    let circle = here.join("circle");
    symlink(&circle, &circle).expect("a link to itself");
    of_data(&circle).has("data directory", "error", "cannot be looked at", "--data");
    // Nobody makes files there, not even root.
    of_data(Path::new("/proc")).has("data directory", "error", "nothing can be written", "chown");

    let data = here.join("data");
    drop(Served::start(&data, &[]));
    let sound = of_data(&data);
    sound.has("data directory", "ok", "can be written", "");
    sound.has("store", "ok", "opens", "");
    sound.has("clock", "ok", "not behind", "");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).expect("it is ours");
    of_data(&data).has("data directory", "warning", "mode 755", "chmod 700");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).expect("it is ours");

    let commits = fs::File::options().write(true).open(data.join("commits"));
    let tomorrow = SystemTime::now() + Duration::from_hours(24);
    let set = commits.and_then(|file| file.set_modified(tomorrow));
    set.expect("the time of a file can be set");
    of_data(&data).has("clock", "error", "set back", "NTP");

    fs::write(data.join("environments"), "no directory").expect("written");
    of_data(&data).has("store", "error", "", "user of the server");
    fs::remove_file(data.join("environments")).expect("it is there");
    fs::write(data.join("log/db"), "").expect("written");
    of_data(&data).has("store", "error", "damaged", "abide restore");
}

#[test]
fn a_limit_on_open_files_is_told_with_how_to_raise_it() {
    let folder = folder();
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -n 300; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_abide"))
        .args(["doctor", "--data", text(folder.path())])
        .args(NOBODY);
    let told = Told::by(limited);
    told.has("descriptors", "warning", "300", "LimitNOFILE");
}

/// A certificate that is valid between these days from today, and its key.
fn pair(at: &Path, from: i64, until: i64) {
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
    let day = |days: i64| {
        let at = Utc::now() + chrono::Duration::days(days);
        let number = |n: u32| u8::try_from(n).expect("small");
        rcgen::date_time_ymd(at.year(), number(at.month()), number(at.day()))
    };
    (params.not_before, params.not_after) = (day(from), day(until));
    let key = KeyPair::generate().expect("a key");
    let made = params.self_signed(&key).expect("a certificate");
    fs::write(at.join("tls.crt"), made.pem()).expect("written");
    fs::write(at.join("tls.key"), key.serialize_pem()).expect("written");
    let ours = fs::Permissions::from_mode(0o600);
    fs::set_permissions(at.join("tls.key"), ours).expect("it is ours");
}

/// A configuration with the TLS files of a folder.
fn with_tls(folder: &Path, listen: &str) -> String {
    let file = |name: &str| format!("{:?}", text(&folder.join(name)));
    format!(
        "data = {}\nlisten = {listen:?}\ntls_cert = {}\ntls_key = {}\n",
        file("data"),
        file("tls.crt"),
        file("tls.key")
    )
}

#[test]
fn tls_files_that_no_client_would_trust_are_told_before_clients_tell() {
    let folder = folder();
    let here = folder.path();
    let config = with_tls(here, "127.0.0.1:1");
    let look = || of_config(here, &config, &NOBODY);
    let (certificate, key) = (here.join("tls.crt"), here.join("tls.key"));

    let told = look();
    told.has("TLS certificate", "error", "cannot be read", "tls_cert");
    told.has("TLS key", "error", "cannot be read", "tls_key");
    for (from, until, level, found, remedy) in [
        (-9, 90, "ok", "valid until", ""),
        (-9, 5, "warning", "valid until", "renew it"),
        (-9, -1, "error", "has expired", "renew it"),
        (2, 90, "error", "valid only from", "set the clock"),
    ] {
        pair(here, from, until);
        let told = look();
        told.has("TLS certificate", level, found, remedy);
        told.has("TLS key", "ok", "can be read", "");
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("it is ours");
    look().has("TLS key", "warning", "everybody", "chmod 600");
    fs::rename(&key, &certificate).expect("it is there");
    fs::write(&key, "a letter").expect("written");
    let told = look();
    told.has(
        "TLS certificate",
        "error",
        "no certificate in PEM",
        "tls_cert",
    );
    told.has("TLS key", "error", "no private key in PEM", "tls_key");
}

#[test]
fn a_server_that_runs_is_asked_and_its_keys_are_looked_at() {
    let folder = folder();
    let data = folder.path().join("data");
    let server = Served::start(&data, &[]);
    let url = &["--url", &server.url];
    let with = |key: &str, arguments: &[&str]| {
        let mut command = abide(&[arguments, url].concat());
        command.env("ABIDE_API_KEY", key);
        command
    };
    let doctor = ["doctor", "--data", text(&data)];
    let made = with(
        ADMIN,
        &[
            "keys",
            "create",
            "soon",
            "--role",
            "read",
            "--expires",
            "3d",
        ],
    );
    let made = Told::output(made);
    let reader = made.lines().find_map(|line| {
        let at = line.find("abide_sk_")?;
        Some(line[at..].split_whitespace().next()?.to_owned())
    });
    let told = Told::by(with(ADMIN, &doctor));
    told.has("server", "ok", "ok, version", "");
    told.has("store", "ok", "in use by process", "");
    told.has(
        "keys",
        "warning",
        "expire within two weeks: soon",
        "make new ones",
    );
    told.has("keys", "warning", "never used: soon", "abide keys");
    let told = Told::by(with(&reader.expect("a key"), &doctor));
    told.has("keys", "ok", "not looked at", "");

    let gone = folder.path().join("gone.key");
    let told = Told::by(with(
        ADMIN,
        &[&doctor[..], &["--key-file", text(&gone)]].concat(),
    ));
    told.has("server", "error", "gone.key", "the key");
    drop(server);

    let open = folder.path().join("open");
    let server = Served::start(&open, &["--insecure"]);
    let told = Told::by(abide(&[
        "doctor",
        "--data",
        text(&open),
        "--url",
        &server.url,
    ]));
    told.has("keys", "warning", "there are none", "abide keys");
}

impl Told {
    /// What a command that is done prints.
    #[track_caller]
    fn output(mut command: Command) -> String {
        let output = command.output().expect("it starts");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("it is text")
    }
}

/// Something on a port that answers every request so, or hangs up.
fn somebody(answer: Option<(&'static str, Value)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it listens").to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 2_048];
            // Whoever breaks off is none of our business.
            let _ = stream.read(&mut head);
            if let Some((status, body)) = &answer {
                let (body, head) = (
                    body.to_string(),
                    "content-type: application/json\r\nconnection: close",
                );
                let length = body.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}"
                );
            }
        }
    });
    address
}

#[test]
fn a_server_that_is_not_well_and_a_program_that_is_none_are_told_apart() {
    let health = |status: &str, version: &str, failure: Option<&str>| json!({"status": status, "version": version, "failure": failure});
    let ours = env!("CARGO_PKG_VERSION");
    let failed = health("failed", ours, Some("the disk is\nfull"));
    for (answer, level, found, remedy) in [
        (
            ("200 OK", health("ok", "0.0.1", None)),
            "warning",
            "0.0.1",
            "same version",
        ),
        (
            ("200 OK", health("stopping", ours, None)),
            "warning",
            "stopping",
            "wait",
        ),
        (
            ("503 Service Unavailable", failed.clone()),
            "error",
            "the disk is\nfull",
            "mend the cause",
        ),
        (
            ("200 OK", json!("hello")),
            "error",
            "something unexpected",
            "--listen",
        ),
        (
            ("404 Not Found", json!({})),
            "error",
            "404",
            "another program",
        ),
        (
            ("503 Service Unavailable", json!({"status": 503})),
            "error",
            "503",
            "another program",
        ),
    ] {
        let url = format!("http://{}", somebody(Some(answer)));
        let told = Told::by(abide(&["doctor", "--data", "/nowhere", "--url", &url]));
        told.has("server", level, found, remedy);
    }

    // The same in one line, for people and for scripts that wait for a server.
    let url = format!(
        "http://{}",
        somebody(Some(("503 Service Unavailable", failed)))
    );
    let asked = abide(&["health", "--url", &url])
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&asked.stdout).into_owned();
    assert_eq!(asked.status.code(), Some(1), "{said}");
    assert!(said.ends_with("failed: the disk is full\n"), "{said}");
}

#[test]
fn a_port_that_somebody_else_has_is_told_with_the_way_to_find_out_who() {
    let folder = folder();
    let here = folder.path();
    let taken = somebody(None);
    let config = format!("data = {:?}\nlisten = {taken:?}\n", text(here));
    of_config(here, &config, &[]).has("port", "error", "nobody can listen", "ss -ltnp");
    let free = format!("data = {:?}\nlisten = \"127.0.0.1:0\"\n", text(here));
    of_config(here, &free, &NOBODY).has("port", "ok", "is free", "");

    pair(here, -1, 90);
    let files = ["tls.crt", "tls.key"].map(|name| here.join(name));
    let data = here.join("data");
    let tls = ["--tls-cert", text(&files[0]), "--tls-key", text(&files[1])];
    let server = Served::start(&data, &tls);
    let config = with_tls(here, server.address());
    // Its certificate is of no authority that this client trusts.
    let told = of_config(here, &config, &[]);
    told.has(
        "port",
        "warning",
        "something listens",
        "--url https://NAME:PORT",
    );
    let told = of_config(here, &config, &["--ca-cert", text(&files[0])]);
    told.has("server", "ok", "https://", "");
}
