//! Apps in every language, as somebody meets them who has just installed Abide: `abide new`, `abide dev`, `abide send`, a mistake, its
//! correction, and what is said when a tool is missing.

use std::fs;
use std::path::Path;
use std::time::Duration;

use abide_e2e::{Run, Server, eventually, until};
use serde_json::json;

use crate::examples::DEV;
use crate::support::folder;

/// The first build of a language installs its tools, and compiles an engine to machine code.
const BUILD: Duration = Duration::from_secs(600);

/// A language: the file that a new app's author opens, what is no code in it, and what the compiler is to say of that.
struct Language {
    name: &'static str,
    file: &'static str,
    mistake: &'static str,
    /// Another text that its function returns.
    change: (&'static str, &'static str),
}

const LANGUAGES: [Language; 5] = [
    Language {
        name: "typescript",
        file: "src/index.ts",
        mistake: "\nconst = ;\n",
        change: ("Goodbye, ", "Farewell, "),
    },
    Language {
        name: "javascript",
        file: "src/index.js",
        mistake: "\nconst = ;\n",
        change: ("Goodbye, ", "Farewell, "),
    },
    Language {
        name: "python",
        file: "app.py",
        mistake: "\ndef = 1\n",
        change: ("Goodbye, ", "Farewell, "),
    },
    Language {
        name: "c",
        file: "src/app.c",
        mistake: "\nint = ;\n",
        change: ("Goodbye, ", "Farewell, "),
    },
    Language {
        name: "go",
        file: "app.go",
        mistake: "\nfunc = \n",
        change: ("Goodbye, ", "Farewell, "),
    },
];

/// The output of a run that `event.json` starts.
fn sent(server: &Server, at: &Path) -> serde_json::Value {
    let event = at.join("event.json").to_string_lossy().into_owned();
    let arguments = ["send", "--event", &event, "--wait", "--json", "--url"];
    let sent = Run::abide(arguments.into_iter().chain([server.url()]));
    let sent = sent.within(BUILD).run().done().json();
    assert_eq!(sent["runs"][0]["status"], json!("Completed"), "{sent:#}");
    sent["runs"][0]["output"].clone()
}

/// From nothing to a run, and on to the next version of the code.
fn live_through(language: &Language) {
    let _turn = DEV.lock();
    let (place, data) = (folder(), folder());
    let at = place.path().join("hello");
    let written = Run::abide(["new", "hello", "--lang", language.name])
        .inside(place.path())
        .run()
        .done();
    assert!(
        written.stdout.contains(language.file),
        "it names the file to change: {}",
        written.stdout
    );

    let server = Server::dev(data.path(), &[&at]);
    let expected = json!({"greeting": "Hello, Ada!", "farewell": "Goodbye, Ada!"});
    assert_eq!(sent(&server, &at), expected);

    let source = at.join(language.file);
    let good = fs::read_to_string(&source).expect("the source");
    fs::write(&source, format!("{good}{}", language.mistake)).expect("it can be written");
    let lines = good.lines().count();
    let told = eventually(BUILD, || {
        let output = server.output();
        let place =
            (lines..lines + 4).any(|line| output.contains(&format!("{}:{line}", language.file)));
        (place && output.contains("stays served")).then_some(())
    });
    assert!(told.is_some(), "the line is named:\n{}", server.output());
    assert_eq!(sent(&server, &at), expected, "the version before is served");
    fs::write(&source, &good).expect("it can be written");
    until("the mistake is told to be gone", BUILD, || {
        server
            .output()
            .contains("hello is again what is served")
            .then_some(())
    });

    let (old, new) = language.change;
    let changed = good.replace(old, new);
    assert_ne!(changed, good, "{} says {old:?}", language.file);
    fs::write(&source, changed).expect("it can be written");
    until("the new version is served", BUILD, || {
        server
            .output()
            .contains("hello deployed; new runs start with it")
            .then_some(())
    });
    assert_eq!(sent(&server, &at)["farewell"], json!("Farewell, Ada!"));
}

#[test]
fn a_new_app_in_typescript_runs_and_changes() {
    live_through(&LANGUAGES[0]);
}

#[test]
fn a_new_app_in_javascript_runs_and_changes() {
    live_through(&LANGUAGES[1]);
}

#[test]
fn a_new_app_in_python_runs_and_changes() {
    live_through(&LANGUAGES[2]);
}

#[test]
fn a_new_app_in_c_runs_and_changes() {
    live_through(&LANGUAGES[3]);
}

#[test]
fn a_new_app_in_go_runs_and_changes() {
    live_through(&LANGUAGES[4]);
}

#[test]
fn what_is_missing_on_the_machine_is_named_with_where_to_get_it() {
    let (place, cache) = (folder(), folder());
    for (language, says) in [
        ("typescript", ["Node 20", "https://nodejs.org"]),
        ("javascript", ["Node 20", "https://nodejs.org"]),
        ("python", ["Python 3", "https://www.python.org"]),
        ("c", ["Python 3", "https://www.python.org"]),
        ("go", ["Python 3", "https://www.python.org"]),
    ] {
        Run::abide(["new", language, "--lang", language, "--path", "app"])
            .inside(place.path())
            .run()
            .done()
            .says(&[]);
        Run::abide(["build", "app"])
            .inside(place.path())
            .env("PATH", place.path())
            .env("ABIDE_CACHE", cache.path())
            .run()
            .refused(1, &says);
        fs::remove_dir_all(place.path().join("app")).expect("it was written");
    }
}

#[test]
fn a_folder_that_tells_no_language_is_asked_for_one() {
    let place = folder();
    fs::write(place.path().join("abide.toml"), "[app]\nid = 'a'\n").expect("it can be written");
    Run::abide(["build", "."])
        .inside(place.path())
        .run()
        .refused(1, &["[build] language", "package.json"]);
    fs::write(place.path().join("app.py"), "").expect("it can be written");
    Run::abide(["build", ".", "--engine", "quickjs"])
        .inside(place.path())
        .run()
        .refused(1, &["quickjs", "Python"]);
}
