//! Third-party licences, judged by the list in `deny.toml`, so that a change is caught without installing `cargo deny`.

use std::path::Path;

use anyhow::{Context, Result, bail};
use cargo_metadata::Metadata;

use crate::tidy::Finding;
use crate::tidy::tree::Tree;

/// Every package outside the workspace stands under a licence that we allow.
pub(crate) fn check(metadata: &Metadata, tree: &Tree) -> Result<Vec<Finding>> {
    let allowed = allowed(tree)?;
    let mut findings = Vec::new();
    for package in metadata
        .packages
        .iter()
        .filter(|package| package.source.is_some())
    {
        let verdict = match &package.license {
            Some(expression) => permits(expression, &allowed)
                .map_err(|error| format!("{expression:?} cannot be read: {error}")),
            None => Err("it names no licence".to_owned()),
        };
        let problem = match verdict {
            Ok(true) => continue,
            Ok(false) => format!(
                "{:?} is not in the list",
                package.license.as_deref().unwrap_or_default()
            ),
            Err(problem) => problem,
        };
        let what = format!(
            "{} {}: {problem}: drop the dependency, or allow its licence here",
            package.name, package.version
        );
        findings.push(Finding::on("deny.toml", what));
    }
    Ok(findings)
}

fn allowed(tree: &Tree) -> Result<Vec<String>> {
    let text = tree
        .text(Path::new("deny.toml"))
        .context("deny.toml is missing: it lists the licences that are allowed")?;
    let deny: toml::Table = text.parse().context("deny.toml is not TOML")?;
    let list = deny
        .get("licenses")
        .and_then(|table| table.get("allow"))
        .and_then(toml::Value::as_array);
    let list = list.context("deny.toml has no list `licenses.allow`")?;
    Ok(list
        .iter()
        .filter_map(|licence| licence.as_str().map(str::to_owned))
        .collect())
}

/// Evaluates an SPDX expression: `OR` leaves the choice to us, `AND` binds us to both.
fn permits(expression: &str, allowed: &[String]) -> Result<bool> {
    // Older manifests write `MIT/Apache-2.0` for a choice.
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let verdict = any_of(&mut rest, allowed)?;
    if let Some(word) = rest.first() {
        bail!("`{word}` was not expected");
    }
    Ok(verdict)
}

fn any_of(words: &mut &[&str], allowed: &[String]) -> Result<bool> {
    let mut verdict = all_of(words, allowed)?;
    while take(words, "OR") {
        verdict |= all_of(words, allowed)?;
    }
    Ok(verdict)
}

fn all_of(words: &mut &[&str], allowed: &[String]) -> Result<bool> {
    let mut verdict = licence(words, allowed)?;
    while take(words, "AND") {
        verdict &= licence(words, allowed)?;
    }
    Ok(verdict)
}

fn licence(words: &mut &[&str], allowed: &[String]) -> Result<bool> {
    if take(words, "(") {
        let verdict = any_of(words, allowed)?;
        if !take(words, ")") {
            bail!("a `)` is missing");
        }
        return Ok(verdict);
    }
    let Some((name, rest)) = words.split_first() else {
        bail!("a licence is missing")
    };
    *words = rest;
    if !take(words, "WITH") {
        return Ok(allowed.iter().any(|licence| licence == name));
    }
    let Some((exception, rest)) = words.split_first() else {
        bail!("an exception is missing")
    };
    *words = rest;
    // An exception only adds permissions.
    let whole = format!("{name} WITH {exception}");
    Ok(allowed
        .iter()
        .any(|licence| licence == name || *licence == whole))
}

fn take(words: &mut &[&str], word: &str) -> bool {
    if words.first() == Some(&word) {
        *words = &words[1..];
        return true;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_needs_one_and_a_conjunction_both() {
        let allowed = [
            "MIT".to_owned(),
            "Apache-2.0".to_owned(),
            "Unicode-3.0".to_owned(),
        ];
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("GPL-3.0 OR MIT", true),
            ("MIT/GPL-3.0", true),
            ("GPL-3.0 AND MIT", false),
            ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("GPL-3.0 WITH Classpath-exception-2.0", false),
        ] {
            assert_eq!(
                permits(expression, &allowed).expect("an expression"),
                expected,
                "{expression}"
            );
        }
        assert!(permits("(MIT", &allowed).is_err());
        assert!(permits("MIT MIT", &allowed).is_err());
    }
}
