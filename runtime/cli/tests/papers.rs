//! What the binary prints for shells and for `man`.

use std::process::Command;

fn abide(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_abide"))
        .args(arguments)
        .output()
        .expect("the binary starts");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn every_shell_learns_the_commands_and_their_options() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = abide(&["completions", shell]);
        for word in ["serve", "completions", "keep-runs"] {
            assert!(script.contains(word), "{shell} knows no {word}");
        }
    }
}

#[test]
fn bash_takes_its_script_and_completes_with_it() {
    let script = abide(&["completions", "bash"]);
    let asks =
        "COMP_WORDS=(abide comp) COMP_CWORD=1; _abide abide comp abide; echo \"${COMPREPLY[*]}\"";
    let output = Command::new("bash")
        .args(["--norc", "-c", &format!("{script}\n{asks}")])
        .output();
    // Not every machine has a bash.
    let Ok(output) = output else { return };
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "completions",
        "{output:?}"
    );
}

#[test]
fn every_command_has_a_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("man1");
    abide(&["man", path.to_str().expect("UTF-8")]);
    for (page, says) in [
        ("abide.1", "abide\\-serve"),
        ("abide-serve.1", "keep\\-runs"),
        ("abide-config-show.1", "where each comes from"),
        ("abide-runs-list.1", "status"),
    ] {
        let text = std::fs::read_to_string(path.join(page)).expect(page);
        assert!(text.contains(".TH"), "{page} is no manual page");
        assert!(text.contains(says), "{page} does not say {says}");
    }
    assert!(abide(&["man"]).contains(".TH abide 1"));
}
