//! `abide.toml`: what an app asks of whoever serves it.
//!
//! ```toml
//! [app]
//! id = "welcome-drip"      # default: the package's name
//!
//! [build]
//! language = "typescript"  # default: what the folder's files tell
//! entry = "src/main.ts"    # the file that exports the functions; each language has a usual one
//! engine = "quickjs"       # JavaScript and TypeScript: what runs it; default "starlingmonkey"
//!
//! [dev]
//! stand-in = true          # `abide dev` starts the stand-in service and gives its address in STAND_IN_URL
//!
//! [vars]
//! API_URL = "https://api.example.com"   # the environment of step bodies
//!
//! [net]
//! allow = ["127.0.0.1:9000"]            # private addresses that step bodies may reach
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use abide_core::function::is_kebab_case;
use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::language::{Engine, Language};

/// The file's name.
pub(crate) const FILE_NAME: &str = "abide.toml";

/// All of it; every part may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    #[serde(default)]
    pub(crate) app: AppTable,
    #[serde(default)]
    pub(crate) build: BuildTable,
    #[serde(default)]
    pub(crate) dev: DevTable,
    /// Variables in the environment of step bodies.
    #[serde(default)]
    pub(crate) vars: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) net: NetTable,
}

/// `[app]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppTable {
    /// The app's id.
    #[serde(default)]
    pub(crate) id: Option<String>,
}

/// `[build]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BuildTable {
    /// What the app is written in.
    #[serde(default)]
    pub(crate) language: Option<Language>,
    /// The file, module or package that holds the functions, relative to the folder.
    #[serde(default)]
    pub(crate) entry: Option<String>,
    /// What runs JavaScript.
    #[serde(default)]
    pub(crate) engine: Option<Engine>,
}

/// `[dev]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DevTable {
    /// Whether the app talks to the stand-in service.
    #[serde(default, rename = "stand-in")]
    pub(crate) stand_in: bool,
}

/// `[net]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetTable {
    /// `HOST` or `HOST:PORT` that step bodies may reach although they are private.
    #[serde(default)]
    pub(crate) allow: Vec<String>,
}

/// Reads the file of a folder; all defaults if there is none.
pub(crate) fn of_folder(folder: &Path) -> Result<Manifest> {
    let path = folder.join(FILE_NAME);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Manifest::default());
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    parse(&text).with_context(|| format!("{} is wrong", path.display()))
}

fn parse(text: &str) -> Result<Manifest> {
    // The error of the toml crate names line and column and shows the line.
    let manifest: Manifest = toml::from_str(text)?;
    if let Some(id) = &manifest.app.id {
        check_id(id).context("[app] id")?;
    }
    check_build(&manifest.build)?;
    for name in manifest.vars.keys() {
        if name.is_empty() || name.contains(['=', '\0']) {
            bail!("[vars]: {name:?} cannot be the name of a variable");
        }
    }
    Ok(manifest)
}

fn check_build(build: &BuildTable) -> Result<()> {
    if let Some(entry) = &build.entry {
        let path = Path::new(entry);
        let within = |part: std::path::Component<'_>| {
            matches!(
                part,
                std::path::Component::Normal(_) | std::path::Component::CurDir
            )
        };
        if entry.trim().is_empty() || !path.components().all(within) {
            bail!("[build] entry: {entry:?} must be a path within the app's folder");
        }
    }
    if let (Some(language), Some(engine)) = (build.language, build.engine)
        && !language.has_engines()
    {
        bail!(
            "[build] engine: {:?} runs JavaScript and TypeScript, but the language is {language}; remove the line",
            engine.word()
        );
    }
    Ok(())
}

/// Whether this can be an app's id: kebab-case.
pub(crate) fn check_id(id: &str) -> Result<()> {
    if is_kebab_case(id) {
        return Ok(());
    }
    bail!(
        "{id:?} cannot be an app's id: write it in kebab-case, for example {:?}",
        suggested(id)
    );
}

fn suggested(id: &str) -> String {
    match kebab_case(id) {
        id if id.is_empty() => "my-app".to_owned(),
        id => id,
    }
}

/// The nearest kebab-case: lower-case letters and digits in groups, with single hyphens between.
pub(crate) fn kebab_case(name: &str) -> String {
    let mut id = String::with_capacity(name.len());
    let mut after_lower = false;
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            if c.is_ascii_uppercase() && after_lower {
                id.push('-');
            }
            id.push(c.to_ascii_lowercase());
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
        after_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    id.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_is_read_and_all_of_it_may_be_missing() {
        assert_eq!(parse("").unwrap(), Manifest::default());
        let text = "[app]\nid = 'a-b'\n[dev]\nstand-in = true\n[vars]\nA = '1'\n[net]\nallow = ['10.0.0.1:80']\n";
        let manifest = parse(text).unwrap();
        assert_eq!(manifest.app.id.as_deref(), Some("a-b"));
        assert!(manifest.dev.stand_in);
        assert_eq!(manifest.vars["A"], "1");
        assert_eq!(manifest.net.allow, ["10.0.0.1:80"]);
    }

    #[test]
    fn how_an_app_is_built_is_checked() {
        let build = |text: &str| parse(&format!("[build]\n{text}\n")).map(|it| it.build);
        let all =
            build("language = 'javascript'\nentry = 'src/main.js'\nengine = 'quickjs'").unwrap();
        assert_eq!(all.language, Some(Language::JavaScript));
        assert_eq!(all.engine, Some(Engine::QuickJs));
        for (wrong, says) in [
            ("language = 'cobol'", "typescript"),
            ("engine = 'v8'", "starlingmonkey"),
            ("language = 'go'\nengine = 'quickjs'", "the language is Go"),
            ("entry = '../main.ts'", "within the app's folder"),
            ("entry = '/main.ts'", "within the app's folder"),
            ("entry = ''", "within the app's folder"),
            ("entrance = 'x'", "entry"),
        ] {
            let error = format!("{:#}", build(wrong).unwrap_err());
            assert!(error.contains(says), "{wrong}: {error}");
        }
    }

    #[test]
    fn an_unknown_member_is_an_error_with_its_line() {
        let error = format!(
            "{:#}",
            parse("[app]\nid = 'a'\n\n[dev]\nstandin = true\n").unwrap_err()
        );
        assert!(
            error.contains("line 5") && error.contains("standin") && error.contains("stand-in"),
            "{error}"
        );
        let error = format!("{:#}", parse("[vars]\nA = 1\n").unwrap_err());
        assert!(error.contains("line 2"), "{error}");
    }

    #[test]
    fn ids_are_kebab_case() {
        assert_eq!(kebab_case("welcome_drip"), "welcome-drip");
        assert_eq!(kebab_case("WelcomeDrip2 -- x"), "welcome-drip2-x");
        assert_eq!(kebab_case("-a--b-"), "a-b");
        let error = format!("{:#}", parse("[app]\nid = 'My App'\n").unwrap_err());
        assert!(error.contains("my-app"), "{error}");
    }
}
