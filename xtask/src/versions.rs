//! The recorded versions of the format: `tests/golden/versions.toml`.

use anyhow::{Context, Result, ensure};

/// Where they stand.
pub(crate) const VERSIONS: &str = "tests/golden/versions.toml";

/// One version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) name: String,
    /// In `tests/golden`.
    pub(crate) folder: String,
    /// Whether it is out in the world: then nothing of it changes any more.
    pub(crate) released: bool,
}

/// All of them, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Versions(Vec<Version>);

impl Versions {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let table: toml::Table = text.parse().context(VERSIONS)?;
        let listed = table.get("version").and_then(toml::Value::as_array);
        let listed = listed.with_context(|| format!("{VERSIONS} lists no [[version]]"))?;
        let versions = listed.iter().map(version).collect::<Result<Vec<_>>>()?;
        let open = versions.iter().filter(|version| !version.released).count();
        let last_is_open = versions.last().is_some_and(|version| !version.released);
        ensure!(
            open == 0 || open == 1 && last_is_open,
            "{VERSIONS}: only the last version can be unreleased"
        );
        Ok(Self(versions))
    }

    pub(crate) fn find(&self, name: &str) -> Result<&Version> {
        let found = self.0.iter().find(|version| version.name == name);
        found.with_context(|| format!("{VERSIONS} has no version {name}"))
    }

    /// Whether what this version wrote may not change.
    pub(crate) fn is_released(&self, name: &str) -> bool {
        let found = self.0.iter().find(|version| version.name == name);
        found.is_none_or(|version| version.released)
    }

    /// The version that is being made, if one is.
    pub(crate) fn open(&self) -> Option<&Version> {
        self.0.iter().find(|version| !version.released)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Version> {
        self.0.iter()
    }
}

fn version(table: &toml::Value) -> Result<Version> {
    let text = |name: &str| {
        let value = table.get(name).and_then(toml::Value::as_str);
        value
            .map(str::to_owned)
            .with_context(|| format!("{VERSIONS}: a version has no `{name}`"))
    };
    let released = table.get("released").and_then(toml::Value::as_bool);
    Ok(Version {
        name: text("version")?,
        folder: text("folder")?,
        released: released.with_context(|| format!("{VERSIONS}: a version has no `released`"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(versions: &[(&str, bool)]) -> Result<Versions> {
        let table = |(version, released): &(&str, bool)| {
            format!("[[version]]\nversion = \"{version}\"\nfolder = \"f\"\nreleased = {released}\n")
        };
        let text = versions.iter().map(table).collect::<Vec<_>>().concat();
        Versions::parse(&text)
    }

    #[test]
    fn only_the_last_version_is_open() {
        let versions = listed(&[("0.1.0", true), ("0.2.0", false)]).unwrap();
        assert!(versions.is_released("0.1.0") && !versions.is_released("0.2.0"));
        assert!(
            versions.is_released("9.9.9"),
            "what nobody lists cannot change"
        );
        assert_eq!(versions.open().unwrap().name, "0.2.0");
        assert!(listed(&[("0.1.0", true)]).unwrap().open().is_none());
        assert!(listed(&[("0.1.0", false), ("0.2.0", false)]).is_err());
        assert!(listed(&[("0.1.0", false), ("0.2.0", true)]).is_err());
    }
}
