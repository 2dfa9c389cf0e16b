//! Manifests and lock files: every package says under which licence it stands, and every workspace pins what it builds.

use std::path::Path;

use crate::project::Project;
use crate::tidy::Finding;
use crate::tidy::tree::Tree;

/// The one licence of everything in the repository.
const LICENCE: &str = "Apache-2.0";

/// The fields of every `Cargo.toml`.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.named("Cargo.toml")
        .filter(|file| !is_template(file))
        .filter_map(|file| in_manifest(tree, file))
        .collect()
}

/// What `abide new` copies becomes its author's, who chooses the licence.
fn is_template(file: &Path) -> bool {
    file.iter()
        .any(|part| part == "template" || part == "templates")
}

fn in_manifest(tree: &Tree, file: &Path) -> Option<Finding> {
    let manifest: toml::Table = match tree.text(file)?.parse() {
        Ok(manifest) => manifest,
        Err(error) => {
            return Some(Finding::on(
                file,
                format!("this is not TOML: {}", error.message()),
            ));
        }
    };
    let package = manifest.get("package")?.as_table()?;
    let licence = match package.get("license") {
        Some(toml::Value::String(licence)) => Some(licence.as_str()),
        // `license.workspace = true`; Cargo itself checks that the workspace has one.
        Some(toml::Value::Table(_)) => return None,
        _ => None,
    };
    match licence {
        Some(LICENCE) => None,
        Some(other) => Some(Finding::on(
            file,
            format!("the licence is {other}: everything here is {LICENCE}"),
        )),
        None => Some(Finding::on(
            file,
            format!("the package names no licence: add `license = \"{LICENCE}\"`"),
        )),
    }
}

/// The lock file of every workspace is there and current.
pub(crate) fn lock_files(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    for workspace in project.workspaces() {
        let file = workspace.folder.join("Cargo.lock");
        if !project.root.join(&file).is_file() {
            findings.push(Finding::on(
                file,
                "the workspace has no lock file: run `cargo metadata` in it and commit the file",
            ));
        } else if let Err(error) = project.metadata(&workspace, true) {
            let reason = error.root_cause().to_string();
            let reason = reason
                .lines()
                .find(|line| line.contains("error"))
                .unwrap_or("Cargo refuses it");
            findings.push(Finding::on(
                file,
                format!("{reason}: run `cargo metadata` in its folder and commit the file"),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let (_folder, tree) = Tree::with(&[("a/Cargo.toml", text)]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_package_names_its_licence() {
        assert_eq!(
            findings("[package]\nname = \"a\"\nlicense = \"Apache-2.0\"\n").len(),
            0
        );
        assert_eq!(
            findings("[package]\nname = \"a\"\nlicense.workspace = true\n").len(),
            0
        );
        assert_eq!(findings("[package]\nname = \"a\"\n").len(), 1);
        assert_eq!(
            findings("[package]\nname = \"a\"\nlicense = \"GPL-3.0\"\n").len(),
            1
        );
    }

    #[test]
    fn a_template_leaves_the_choice_to_its_user() {
        let (_folder, tree) =
            Tree::with(&[("sdk/template/Cargo.toml", "[package]\nname = \"a\"\n")]);
        assert_eq!(check(&tree), Vec::new());
    }

    #[test]
    fn a_workspace_without_a_package_needs_none() {
        assert_eq!(findings("[workspace]\nmembers = []\n").len(), 0);
    }
}
