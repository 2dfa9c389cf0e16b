//! The contract with guests: every item is documented, and each SDK carries the very same files.

use std::path::{Path, PathBuf};

use crate::tidy::Finding;
use crate::tidy::tree::Tree;

/// Documentation and copies.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let ours = tree
        .with_extension("wit")
        .filter(|file| file.starts_with("wit"));
    let mut findings: Vec<_> = ours.flat_map(|file| undocumented(tree, file)).collect();
    findings.extend(copies(tree));
    findings
}

/// Items without a `///` line before them.
///
/// The grammar is simple enough for lines: an item begins where the one before it has ended, with `{`, `}`, `,` or `;` outside
/// of parentheses. What only
/// refers to other items (`package`, `use`, `import`, `export`, `include`) is documented there.
fn undocumented(tree: &Tree, file: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (mut documented, mut in_item, mut open) = (false, false, 0_usize);
    for (index, line) in tree.text(file).unwrap_or_default().lines().enumerate() {
        let line = line.trim();
        if line.starts_with("///") {
            documented = true;
            continue;
        }
        let code = line.split("//").next().unwrap_or_default().trim_end();
        if code.is_empty() {
            continue;
        }
        let refers = ["package ", "use ", "import ", "export ", "include ", "}"]
            .iter()
            .any(|word| code.starts_with(word));
        if !in_item && !refers && !documented {
            let name = code.trim_end_matches(['{', ',', ';', ' ']);
            findings.push(Finding::at(
                file,
                index + 1,
                format!("`{name}` is not documented: add a `///` line before it"),
            ));
        }
        documented = false;
        open = (open + code.matches('(').count()).saturating_sub(code.matches(')').count());
        in_item = open > 0 || !code.ends_with(['{', '}', ',', ';']);
    }
    findings
}

/// `guest-sdk/LANGUAGE/wit` exists so that an SDK can be published by itself; it must say what `wit` says.
fn copies(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut sdks: Vec<PathBuf> = Vec::new();
    for file in &tree.files {
        let mut parts = file.iter();
        if let (Some(top), Some(language), Some(folder)) =
            (parts.next(), parts.next(), parts.next())
            && top == "guest-sdk"
            && folder == "wit"
        {
            sdks.push(Path::new(top).join(language));
            let original = Path::new("wit").join(parts.as_path());
            if !tree.files.contains(&original) {
                let what = format!("{} does not exist: remove the copy", original.display());
                findings.push(Finding::on(file, what));
            }
        }
    }
    sdks.dedup();
    for sdk in sdks {
        for original in tree.files.iter().filter(|file| file.starts_with("wit")) {
            let copy = sdk.join(original);
            if tree.text(&copy) != tree.text(original) {
                let what = format!("this differs from {0}: copy {0} here", original.display());
                findings.push(Finding::on(copy, what));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "package a:b@0.1.0;\n/// I.\ninterface i {\n    use t.{x};\n    /// F.\n    f: func(\n        a: u32,\n    ) -> u32;\n    /// R.\n    \
                        record r {\n        /// A.\n        a: u32,\n    }\n}\n/// W.\nworld w {\n    import i;\n}\n";

    fn findings(files: &[(&str, &str)]) -> Vec<String> {
        let (_folder, tree) = Tree::with(files);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_item_is_documented() {
        let bad = GOOD.replace("        /// A.\n", "");
        let found = findings(&[("wit/a.wit", &bad)]);
        assert_eq!(
            found,
            ["wit/a.wit:11: `a: u32` is not documented: add a `///` line before it"]
        );
    }

    #[test]
    fn copies_are_the_same() {
        assert_eq!(
            findings(&[("wit/a.wit", GOOD), ("guest-sdk/rust/wit/a.wit", GOOD)]).len(),
            0
        );
        let other = GOOD.replace("/// F.", "/// G.");
        assert_eq!(
            findings(&[("wit/a.wit", GOOD), ("guest-sdk/rust/wit/a.wit", &other)]).len(),
            1
        );
        let more = [
            ("wit/a.wit", GOOD),
            ("guest-sdk/rust/wit/a.wit", GOOD),
            ("guest-sdk/rust/wit/b.wit", GOOD),
        ];
        assert_eq!(findings(&more).len(), 1);
        let fewer = [
            ("wit/a.wit", GOOD),
            ("wit/b.wit", GOOD),
            ("guest-sdk/rust/wit/a.wit", GOOD),
        ];
        assert_eq!(findings(&fewer).len(), 1);
    }
}
