//! Finds apps: folders with an `abide.toml`, a `Cargo.toml` whose library is a `cdylib`, or the manifest of another language
//! that asks for its SDK.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::language::{Language, asks_for_sdk};
use crate::manifest::{self, Manifest};

/// An app's folder and what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct App {
    /// Its id.
    pub(crate) id: String,
    /// The folder, as it was found.
    pub(crate) folder: PathBuf,
    /// Its `abide.toml`.
    pub(crate) manifest: Manifest,
}

/// The apps that `path` means: itself, or those in its folders, by name.
pub(crate) fn apps_in(path: &Path) -> Result<Vec<App>> {
    if !path.is_dir() {
        match path.metadata() {
            Ok(_) => bail!(
                "{} is a file: name the folder of an app, or one that holds apps",
                path.display()
            ),
            Err(_) => bail!("{} does not exist", path.display()),
        }
    }
    if is_app(path)? {
        return Ok(vec![app_in(path)?]);
    }
    let mut folders = Vec::new();
    for entry in
        std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?
    {
        let folder = entry?.path();
        let hidden = folder
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let left_out = LEFT_OUT.iter().any(|name| folder.ends_with(name));
        if folder.is_dir() && !hidden && !left_out && is_app(&folder)? {
            folders.push(folder);
        }
    }
    folders.sort();
    if folders.is_empty() && Language::of_folder(path).is_some_and(|it| it != Language::Rust) {
        // Somebody named this very folder, and there is something to build in it.
        return Ok(vec![app_in(path)?]);
    }
    if folders.is_empty() {
        bail!(
            "there is no app in {}: an app is a folder with an abide.toml, with a Cargo.toml whose [lib] has crate-type = [\"cdylib\"], or with a package.json, app.py, go.mod or app.c that uses Abide's SDK; `abide new NAME` makes one",
            path.display()
        );
    }
    folders.iter().map(|folder| app_in(folder)).collect()
}

/// Folders that hold what builds leave behind, and other people's code.
const LEFT_OUT: [&str; 3] = ["target", "node_modules", "abide-sdk"];

/// The app in this folder.
pub(crate) fn app_in(folder: &Path) -> Result<App> {
    let manifest = manifest::of_folder(folder)?;
    let id = match &manifest.app.id {
        Some(id) => id.clone(),
        None => default_id(folder)?,
    };
    Ok(App {
        id,
        folder: folder.to_path_buf(),
        manifest,
    })
}

/// No two apps may have one id: the later would replace the earlier.
pub(crate) fn check_ids(apps: &[App]) -> Result<()> {
    for (index, app) in apps.iter().enumerate() {
        if let Some(other) = apps[..index].iter().find(|other| other.id == app.id) {
            bail!(
                "{} and {} have the same id `{}`: give one of them another with [app] id in its abide.toml",
                other.folder.display(),
                app.folder.display(),
                app.id
            );
        }
    }
    Ok(())
}

fn default_id(folder: &Path) -> Result<String> {
    let package = package_name(folder)?.map(|name| manifest::kebab_case(&name));
    let named = || {
        let folder = folder.canonicalize().ok()?;
        folder
            .file_name()
            .map(|name| manifest::kebab_case(&name.to_string_lossy()))
    };
    match package.or_else(named) {
        Some(id) if manifest::check_id(&id).is_ok() => Ok(id),
        _ => bail!(
            "no id can be made of the name of {}: set [app] id in its abide.toml",
            folder.display()
        ),
    }
}

/// The name that the folder's package has in its own language.
fn package_name(folder: &Path) -> Result<Option<String>> {
    if let Some(manifest) = cargo_manifest(folder)? {
        return Ok(name_in(&manifest, "package"));
    }
    if let Some(text) = text_of(&folder.join("package.json"))? {
        let manifest: serde_json::Value = serde_json::from_str(&text)
            .with_context(|| format!("{} is wrong", folder.join("package.json").display()))?;
        // A scope says who made it: `@acme/billing` is `billing`.
        let name = manifest["name"].as_str().map(last_part);
        return Ok(name.map(str::to_owned));
    }
    if let Some(text) = text_of(&folder.join("pyproject.toml"))? {
        let manifest = text
            .parse()
            .with_context(|| format!("{} is wrong", folder.join("pyproject.toml").display()))?;
        return Ok(name_in(&manifest, "project"));
    }
    let module = text_of(&folder.join("go.mod"))?.and_then(|text| {
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("module "))?;
        Some(last_part(line.trim()).to_owned())
    });
    Ok(module)
}

fn name_in(manifest: &toml::Table, table: &str) -> Option<String> {
    manifest
        .get(table)?
        .get("name")?
        .as_str()
        .map(str::to_owned)
}

fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Whether this folder is an app.
pub(crate) fn is_app(folder: &Path) -> Result<bool> {
    if folder.join(manifest::FILE_NAME).is_file() {
        return Ok(true);
    }
    if let Some(manifest) = cargo_manifest(folder)? {
        return Ok(has_cdylib(&manifest));
    }
    Ok(Language::of_folder(folder).is_some_and(|language| asks_for_sdk(folder, language)))
}

fn has_cdylib(manifest: &toml::Table) -> bool {
    let kinds = manifest
        .get("lib")
        .and_then(|lib| lib.get("crate-type").or_else(|| lib.get("crate_type")));
    kinds
        .and_then(toml::Value::as_array)
        .is_some_and(|kinds| kinds.iter().any(|kind| kind.as_str() == Some("cdylib")))
}

fn cargo_manifest(folder: &Path) -> Result<Option<toml::Table>> {
    let path = folder.join("Cargo.toml");
    let Some(text) = text_of(&path)? else {
        return Ok(None);
    };
    text.parse()
        .map(Some)
        .with_context(|| format!("{} is wrong", path.display()))
}

/// What a file holds, if it is there.
fn text_of(path: &Path) -> Result<Option<String>> {
    if !path.is_file() {
        return Ok(None);
    }
    std::fs::read_to_string(path)
        .map(Some)
        .with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    fn ids(path: &Path) -> Vec<String> {
        apps_in(path)
            .unwrap()
            .into_iter()
            .map(|app| app.id)
            .collect()
    }

    const CDYLIB: &str = "[package]\nname = 'my_app'\n[lib]\ncrate-type = ['cdylib']\n";

    #[test]
    fn an_app_is_found_by_itself_and_in_its_parent() {
        let root = tree(&[
            ("Cargo.toml", "[workspace]\nmembers = ['b']\n"),
            ("b/Cargo.toml", CDYLIB),
            ("a/abide.toml", "[app]\nid = 'first'\n"),
            ("library/Cargo.toml", "[package]\nname = 'library'\n"),
            ("target/Cargo.toml", CDYLIB),
            (".hidden/Cargo.toml", CDYLIB),
            ("README.md", ""),
        ]);
        assert_eq!(ids(root.path()), ["first", "my-app"]);
        assert_eq!(ids(&root.path().join("b")), ["my-app"]);
    }

    #[test]
    fn apps_in_other_languages_are_known_by_the_sdk_that_they_ask_for() {
        let asking = "{\"name\": \"@acme/Billing\", \"dependencies\": {\"inngest\": \"3\"}}";
        let root = tree(&[
            ("a/package.json", asking),
            ("b/package.json", "{\"name\": \"web-site\"}"),
            ("c/app.py", "from abide import App\n"),
            (
                "d/go.mod",
                "module example.com/shop-keeper\nrequire abide v0\n",
            ),
            ("e/app.c", "#include <abide.h>\n"),
            ("node_modules/x/package.json", asking),
        ]);
        assert_eq!(ids(root.path()), ["billing", "c", "shop-keeper", "e"]);
        // Who names a folder means it.
        assert_eq!(ids(&root.path().join("b")), ["web-site"]);
    }

    #[test]
    fn a_folder_without_apps_is_told_what_an_app_is() {
        let root = tree(&[("x/README.md", "")]);
        let error = apps_in(root.path()).unwrap_err().to_string();
        assert!(
            error.contains("abide.toml") && error.contains("cdylib") && error.contains("abide new"),
            "{error}"
        );
        assert!(
            apps_in(&root.path().join("none"))
                .unwrap_err()
                .to_string()
                .contains("does not exist")
        );
    }

    #[test]
    fn two_apps_with_one_id_are_refused() {
        let root = tree(&[("a/Cargo.toml", CDYLIB), ("b/Cargo.toml", CDYLIB)]);
        let apps = apps_in(root.path()).unwrap();
        assert!(
            check_ids(&apps)
                .unwrap_err()
                .to_string()
                .contains("`my-app`")
        );
        assert!(check_ids(&apps[..1]).is_ok());
    }
}
