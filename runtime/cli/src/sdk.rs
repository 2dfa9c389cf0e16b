//! The sources that the binary carries: the SDK of every language, what builds apps in it, and templates of apps.
//!
//! The SDKs are on no registry yet, so an app gets a copy of its own and builds anywhere on the disk; builds of apps without
//! one use what the binary carries, unpacked into the cache. The build script collects the files; a change to one of them
//! rebuilds this crate.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::cache::{Cache, short};
use crate::language::Language;

include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// Where the SDK lies within an app.
pub(crate) const SDK_FOLDER: &str = "abide-sdk";
/// The variable that names a `guest-sdk` folder to use instead of what the binary carries: for those who change an SDK.
const OVERRIDE: &str = "ABIDE_SDK";
/// What stands in the template for the app's name.
const NAME: &str = "{{name}}";
/// What stands in the template for the path of the SDK.
const SDK_PATH: &str = "{{sdk_path}}";

/// Paths and contents.
type Files = &'static [(&'static str, &'static [u8])];

/// What is carried for one folder of `guest-sdk`.
struct Sources {
    folder: &'static str,
    /// The SDK itself.
    files: Files,
    /// What compiles apps: scripts, and the pins of their tools.
    build: Files,
    /// By the name of their folder.
    templates: &'static [(&'static str, Files)],
}

/// An SDK on the disk.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    /// What the folder in `guest-sdk` holds.
    pub(crate) folder: PathBuf,
    /// Changes with every file of it.
    pub(crate) digest: String,
}

/// The name of a language's folder in `guest-sdk`.
pub(crate) fn folder_name(language: Language) -> &'static str {
    match language {
        Language::Rust => "rust",
        Language::TypeScript | Language::JavaScript => "js",
        Language::Python => "python",
        Language::C => "c",
        Language::Go => "go",
    }
}

fn sources(language: Language) -> Result<&'static Sources> {
    let name = folder_name(language);
    let found = SDKS
        .iter()
        .find(|sdk| sdk.folder == name && !sdk.files.is_empty());
    found.with_context(|| format!("this abide was built without the SDK for {language}"))
}

fn template(language: Language) -> Result<Files> {
    let templates = sources(language)?.templates;
    let own = format!("template-{}", language.word());
    let found = templates
        .iter()
        .find(|(name, _)| *name == own || *name == "template");
    match found {
        Some((_, files)) if !files.is_empty() => Ok(files),
        _ => bail!("this abide was built without a template for {language}"),
    }
}

/// Writes an app called `name` into `folder`; the paths that were written, the template's first.
pub(crate) fn write_app(folder: &Path, name: &str, language: Language) -> Result<Vec<PathBuf>> {
    let (template, sdk) = (template(language)?, sources(language)?.files);
    let mut written = Vec::new();
    for (path, bytes) in template {
        let path = template_path(Path::new(&path.replace(NAME, name)));
        let bytes = match std::str::from_utf8(bytes) {
            Ok(text) => text
                .replace(NAME, name)
                .replace(SDK_PATH, SDK_FOLDER)
                .into_bytes(),
            Err(_) => bytes.to_vec(),
        };
        write(&folder.join(&path), &bytes)?;
        written.push(path);
    }
    for (path, bytes) in sdk {
        let path = Path::new(SDK_FOLDER).join(path);
        write(&folder.join(&path), bytes)?;
        written.push(path);
    }
    Ok(written)
}

/// What builds apps of a language, unpacked into the cache unless it is there.
pub(crate) async fn installed(language: Language, cache: &Cache) -> Result<Installed> {
    if let Some(folder) = std::env::var_os(OVERRIDE) {
        return overridden(&PathBuf::from(folder), language);
    }
    let sources = sources(language)?;
    let all = || sources.files.iter().chain(sources.build);
    let mut hasher = Sha256::new();
    for (path, bytes) in all() {
        add(&mut hasher, path.as_bytes());
        add(&mut hasher, bytes);
    }
    let digest = short(hasher);
    let name = format!("sdk/{}-{digest}", sources.folder);
    let folder = cache
        .installed(&name, async |folder| {
            for (path, bytes) in all() {
                write(&folder.join(path), bytes)?;
            }
            Ok(())
        })
        .await?;
    Ok(Installed { folder, digest })
}

fn overridden(folder: &Path, language: Language) -> Result<Installed> {
    let folder = folder.join(folder_name(language));
    let folder = folder
        .canonicalize()
        .with_context(|| format!("{OVERRIDE} is set, but cannot read {}", folder.display()))?;
    let digest = digest_of(&folder)?;
    Ok(Installed { folder, digest })
}

/// Changes with every file in a folder, without what tools leave there.
pub(crate) fn digest_of(folder: &Path) -> Result<String> {
    let mut hasher = Sha256::new();
    add_folder(&mut hasher, folder)
        .with_context(|| format!("cannot read all of {}", folder.display()))?;
    Ok(short(hasher))
}

/// A name for a text.
pub(crate) fn digest_of_text(text: &str) -> String {
    short(Sha256::new_with_prefix(text))
}

fn add_folder(hasher: &mut Sha256, folder: &Path) -> std::io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || ["node_modules", "__pycache__", "target"].contains(&&*name) {
            continue;
        }
        add(hasher, name.as_bytes());
        if path.is_dir() {
            add_folder(hasher, &path)?;
            add(hasher, b"");
        } else {
            add(hasher, &std::fs::read(&path)?);
        }
    }
    Ok(())
}

fn add(hasher: &mut Sha256, bytes: &[u8]) {
    hasher.update((bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

/// Names that would mean something to the tools that look at the template's folder are disguised there.
fn template_path(path: &Path) -> PathBuf {
    match path.file_name().and_then(|name| name.to_str()) {
        Some("gitignore") => path.with_file_name(".gitignore"),
        Some(name) if name.ends_with(".template") => {
            path.with_file_name(name.trim_end_matches(".template"))
        }
        _ => path.to_path_buf(),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
