//! How the user calls this binary: the commands that help texts show must work where they are read.

use std::ffi::OsStr;
use std::path::Path;

/// `abide`, or what stands for it here.
pub(crate) fn name() -> String {
    let exe = std::env::current_exe().ok();
    let argument = std::env::args_os().next();
    let by_cargo =
        std::env::var_os("CARGO").is_some() && std::env::var_os("CARGO_MANIFEST_DIR").is_some();
    let path = std::env::var_os("PATH");
    name_of(
        exe.as_deref(),
        argument.as_deref(),
        by_cargo,
        path.as_deref(),
    )
}

fn name_of(
    exe: Option<&Path>,
    argument: Option<&OsStr>,
    by_cargo: bool,
    path: Option<&OsStr>,
) -> String {
    if by_cargo {
        let release =
            exe.is_some_and(|exe| exe.components().any(|part| part.as_os_str() == "release"));
        return if release {
            "cargo run --release --".to_owned()
        } else {
            "cargo run --".to_owned()
        };
    }
    let on_path = path
        .into_iter()
        .flat_map(std::env::split_paths)
        .any(|folder| {
            let found = folder.join("abide").canonicalize().ok();
            found.is_some() && found == exe.and_then(|exe| exe.canonicalize().ok())
        });
    match argument.map(OsStr::to_string_lossy) {
        Some(argument) if !on_path && argument.contains('/') => quoted(&argument),
        _ => "abide".to_owned(),
    }
}

/// As a shell takes it.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_that_are_shown_work_as_they_stand() {
        let exe = Path::new("/x/target/release/abide");
        let of = |argument: &str, by_cargo| {
            name_of(
                Some(exe),
                Some(OsStr::new(argument)),
                by_cargo,
                Some(OsStr::new("/usr/bin")),
            )
        };
        assert_eq!(of("target/release/abide", true), "cargo run --release --");
        assert_eq!(
            of("./target/release/abide", false),
            "./target/release/abide"
        );
        assert_eq!(of("/my tools/abide", false), "'/my tools/abide'");
        assert_eq!(of("abide", false), "abide");
        assert_eq!(
            name_of(Some(Path::new("/x/target/debug/abide")), None, true, None),
            "cargo run --"
        );
    }
}
