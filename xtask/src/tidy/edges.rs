//! Dependencies point one way: `cli → server → {host, store} → core`, and each crate stays free of what it must not know.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use cargo_metadata::cargo_platform::Platform;
use cargo_metadata::{DependencyKind, Metadata};

use crate::tidy::Finding;

/// Which of our crates a crate may name, whatever for.
const MAY_NAME: [(&str, &[&str]); 6] = [
    ("abide-core", &[]),
    ("abide-store", &["abide-core"]),
    ("abide-host", &["abide-core"]),
    ("abide-server", &["abide-core", "abide-store", "abide-host"]),
    (
        "abide",
        &["abide-core", "abide-store", "abide-host", "abide-server"],
    ),
    ("xtask", &[]),
];

/// What a crate must not reach in what is shipped, over however many others, with the reason.
const MUST_NOT_REACH: [(&str, &[&str], &str); 3] = [
    (
        "abide-core",
        &["tokio", "sled", "wasmtime", "rand", "getrandom"],
        "core decides and does nothing else",
    ),
    (
        "abide-host",
        &["sled"],
        "the host knows nothing of how things are stored",
    ),
    (
        "abide-store",
        &["wasmtime", "tokio"],
        "the store knows nothing of guests, and waits for nobody",
    ),
];

/// Edges that are not followed: randomness that only seeds hash tables.
const SEEDS_TABLES: [(&str, &str); 1] = [("ahash", "getrandom")];

/// A package and what it depends on.
#[derive(Debug, Default)]
struct Package {
    manifest: PathBuf,
    /// All of them, those of tests too.
    named: BTreeSet<String>,
    /// Those that end up in what is shipped.
    shipped: BTreeSet<String>,
}

/// Who depends on whom, by name.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    packages: BTreeMap<String, Package>,
}

impl Graph {
    /// The graph of a workspace with everything that its lock file selects.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let names: BTreeMap<_, _> = metadata
            .packages
            .iter()
            .map(|p| (&p.id, p.name.to_string()))
            .collect();
        let mut graph = Self::default();
        for package in &metadata.packages {
            let manifest = package
                .manifest_path
                .strip_prefix(&metadata.workspace_root)
                .unwrap_or(&package.manifest_path);
            graph.entry(package.name.as_ref()).manifest = manifest.as_std_path().to_path_buf();
        }
        for node in metadata.resolve.iter().flat_map(|resolve| &resolve.nodes) {
            let from = graph.entry(&names[&node.id]);
            for dependency in &node.deps {
                let to = &names[&dependency.pkg];
                from.named.insert(to.clone());
                // What runs while building never meets the running program, which is no web page.
                let web = |target: &Platform| target.to_string().contains("wasm32");
                if dependency.dep_kinds.iter().any(|kind| {
                    kind.kind == DependencyKind::Normal && !kind.target.as_ref().is_some_and(web)
                }) {
                    from.shipped.insert(to.clone());
                }
            }
        }
        graph
    }

    fn entry(&mut self, name: &str) -> &mut Package {
        self.packages.entry(name.to_owned()).or_default()
    }

    /// The way from a package to another one through what is shipped.
    fn path(&self, from: &str, to: &str) -> Option<Vec<String>> {
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut open = vec![from];
        while let Some(name) = open.pop() {
            if name == to {
                let mut path = vec![to.to_owned()];
                let mut at = to;
                while let Some(before) = came_from.get(at).copied().filter(|_| at != from) {
                    path.insert(0, before.to_owned());
                    at = before;
                }
                return Some(path);
            }
            for next in self
                .packages
                .get(name)
                .iter()
                .flat_map(|package| &package.shipped)
            {
                let seeds = SEEDS_TABLES.contains(&(name, next.as_str()));
                if !seeds && next != from && !came_from.contains_key(next.as_str()) {
                    came_from.insert(next, name);
                    open.push(next);
                }
            }
        }
        None
    }
}

/// Our edges, and the crates that some of ours must not reach.
pub(crate) fn check(graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, allowed) in MAY_NAME {
        let Some(package) = graph.packages.get(name) else {
            continue;
        };
        for other in package
            .named
            .iter()
            .filter(|other| is_ours(other) && !allowed.contains(&other.as_str()))
        {
            let what = format!(
                "{name} must not depend on {other}, not in tests either: move what needs both to a crate above them"
            );
            findings.push(Finding::on(&package.manifest, what));
        }
    }
    for (name, forbidden, reason) in MUST_NOT_REACH {
        let Some(package) = graph.packages.get(name) else {
            continue;
        };
        for path in forbidden.iter().filter_map(|other| graph.path(name, other)) {
            let what = format!(
                "{} is a way that must not be: {reason}; cut it",
                path.join(" → ")
            );
            findings.push(Finding::on(&package.manifest, what));
        }
    }
    findings
}

fn is_ours(name: &str) -> bool {
    name == "abide" || name.starts_with("abide-") || name == "xtask"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &str)]) -> Graph {
        let mut graph = Graph::default();
        for (from, to) in edges {
            graph.entry(to);
            let package = graph.entry(from);
            package.named.insert((*to).to_owned());
            package.shipped.insert((*to).to_owned());
        }
        graph
    }

    fn findings(edges: &[(&str, &str)]) -> Vec<String> {
        check(&graph(edges))
            .into_iter()
            .map(|finding| finding.what)
            .collect()
    }

    #[test]
    fn the_designed_edges_are_fine() {
        let edges = [
            ("abide", "abide-server"),
            ("abide-server", "abide-host"),
            ("abide-server", "abide-store"),
            ("abide-host", "abide-core"),
            ("abide-store", "abide-core"),
            ("abide-store", "sled"),
            ("abide-host", "wasmtime"),
        ];
        assert_eq!(findings(&edges), Vec::<String>::new());
    }

    #[test]
    fn an_edge_in_the_wrong_direction_is_found() {
        let found = findings(&[("abide-store", "abide-host")]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains("abide-store must not depend on abide-host"),
            "{found:?}"
        );
    }

    #[test]
    fn randomness_is_found_unless_it_seeds_tables() {
        let ways = [("abide-core", "ahash"), ("ahash", "getrandom")];
        assert_eq!(findings(&ways), Vec::<String>::new());
        let ways = [("abide-core", "helper"), ("helper", "getrandom")];
        assert_eq!(findings(&ways).len(), 1);
    }

    #[test]
    fn a_way_over_others_is_found_and_shown() {
        let found = findings(&[
            ("abide-core", "helper"),
            ("helper", "runner"),
            ("runner", "tokio"),
            ("runner", "helper"),
        ]);
        assert_eq!(
            found,
            [
                "abide-core → helper → runner → tokio is a way that must not be: core decides and does nothing else; cut it"
            ]
        );
    }
}
