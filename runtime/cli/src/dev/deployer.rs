//! Builds apps and deploys those that changed; an app that does not build keeps the version that is served.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use abide_core::state::Read;
use abide_server::{DeployOptions, Node};
use anyhow::{Context, Result};
use futures::StreamExt;
use sha2::{Digest, Sha256};

use crate::build::{self, Bar, Plan, say};
use crate::client::model;
use crate::discovery;
use crate::outcome::in_words;
use crate::stand_in::{self, StandIn};
use crate::terminal::Look;

/// Builds that go on side by side. Compilers use several cores themselves, and an engine in JavaScript takes half a gigabyte.
const BUILDS_AT_ONCE: usize = 2;

/// The apps of a node, and what was deployed of each.
pub(crate) struct Deployer {
    node: Node,
    data_dir: PathBuf,
    stand_in: Option<StandIn>,
    apps: Vec<Served>,
    /// Apps of which some version is served.
    served: BTreeSet<String>,
}

/// One app.
struct Served {
    plan: Plan,
    /// The hash of everything that was deployed.
    deployed: Option<[u8; 32]>,
    shown: Option<model::App>,
    /// Whether the last that was told of it is that it failed.
    failed: bool,
}

/// What came of one round.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// Apps that do not build, or are refused.
    pub(crate) failed: Vec<String>,
}

impl Deployer {
    /// Will build and deploy these.
    pub(crate) async fn new(
        node: Node,
        data_dir: PathBuf,
        stand_in: Option<StandIn>,
        plans: Vec<Plan>,
    ) -> Result<Self> {
        let stored = node
            .read(Read::apps)
            .await
            .context("cannot read which apps are deployed")?;
        let apps = plans
            .into_iter()
            .map(|plan| Served {
                plan,
                deployed: None,
                shown: None,
                failed: false,
            })
            .collect();
        Ok(Self {
            node,
            data_dir,
            stand_in,
            apps,
            served: stored.iter().map(|app| app.id.to_string()).collect(),
        })
    }

    /// Folders to watch.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Path> {
        self.apps.iter().flat_map(|served| served.plan.sources())
    }

    /// Folders of which only the files themselves matter: the roots of workspaces, and where a build read outside of its app.
    pub(crate) fn roots(&self) -> impl Iterator<Item = &Path> {
        self.apps.iter().flat_map(|served| served.plan.roots())
    }

    /// What is served, as far as it was deployed here.
    pub(crate) fn shown(&self) -> Vec<model::App> {
        self.apps
            .iter()
            .filter_map(|served| served.shown.clone())
            .collect()
    }

    /// Where the stand-in service is, if an app asked for it.
    pub(crate) fn stand_in_url(&self) -> Option<&str> {
        self.stand_in.as_ref().map(|stand_in| stand_in.url.as_str())
    }

    /// An event to try, of the first app that has one.
    pub(crate) fn first_event(&self) -> Option<PathBuf> {
        let deployed = self.apps.iter().filter(|served| served.deployed.is_some());
        deployed
            .map(|served| served.plan.app.folder.join("event.json"))
            .find(|path| path.is_file())
            .map(|path| {
                path.strip_prefix(".")
                    .map(Path::to_path_buf)
                    .unwrap_or(path)
            })
    }

    /// Builds everything, and deploys what is new.
    pub(crate) async fn all(&mut self) -> Round {
        let mut round = Round::default();
        self.build(&mut round, (0..self.apps.len()).collect()).await;
        round
    }

    /// Builds what these paths belong to, and deploys what is new. A source that several share concerns them all.
    pub(crate) async fn changed<'a>(&mut self, paths: impl Iterator<Item = &'a Path>) {
        let mut concerned = Vec::new();
        for path in paths {
            for (index, served) in self.apps.iter().enumerate() {
                if served.plan.is_concerned_by(path) && !concerned.contains(&index) {
                    concerned.push(index);
                }
            }
        }
        concerned.sort_unstable();
        let mut round = Round::default();
        let mut readable = Vec::new();
        for index in concerned {
            match self.read_again(index).await {
                Ok(()) => readable.push(index),
                Err(error) => self.failed(&mut round, index, &error),
            }
        }
        self.build(&mut round, readable).await;
    }

    /// Builds several at a time; each is deployed as soon as it is built.
    async fn build(&mut self, round: &mut Round, concerned: Vec<usize>) {
        let plans = concerned
            .iter()
            .map(|index| (*index, &self.apps[*index].plan));
        let units = build::units(plans);
        // Builds own what they read: a finished one changes the apps.
        let builds: Vec<_> = units
            .into_iter()
            .map(|unit| {
                let plans: Vec<_> = unit.iter().map(|it| self.apps[*it].plan.clone()).collect();
                async move {
                    let plans: Vec<_> = plans.iter().collect();
                    (unit, build::build(&plans).await)
                }
            })
            .collect();
        let mut builds = futures::stream::iter(builds).buffer_unordered(BUILDS_AT_ONCE);
        while let Some((unit, built)) = builds.next().await {
            match built {
                Ok(built) => {
                    if !built.log.is_empty() {
                        say(&built.log);
                    }
                    for (index, component) in unit.into_iter().zip(&built.components) {
                        self.apps[index].plan.learn(&built);
                        self.deploy(round, index, component.as_deref()).await;
                    }
                }
                Err(error) => unit
                    .into_iter()
                    .for_each(|index| self.failed(round, index, &error)),
            }
        }
    }

    /// `abide.toml` and `Cargo.toml` may have changed too. The id stays: it is what the app is known by.
    async fn read_again(&mut self, index: usize) -> Result<()> {
        let served = &mut self.apps[index];
        let mut app = discovery::app_in(&served.plan.app.folder)?;
        if app.id != served.plan.app.id {
            say(&format!(
                "the id of {} changed to {}: restart `abide dev` to serve it under the new one",
                served.plan.app.id, app.id
            ));
            app.id.clone_from(&served.plan.app.id);
        }
        served.plan = build::plan(app, None).await?;
        Ok(())
    }

    async fn deploy(&mut self, round: &mut Round, index: usize, component: Option<&Path>) {
        let id = self.apps[index].plan.app.id.clone();
        let is_new = self.apps[index].deployed.is_none();
        match self.try_deploy(index, component).await {
            Ok(true) => {
                let good = Look::stderr().good("✓");
                let rest = if is_new {
                    ""
                } else {
                    "; new runs start with it"
                };
                say(&format!("{good} {id} deployed{rest}"));
            }
            // What broke it was taken back: it is what is served.
            Ok(false) if self.apps[index].failed => {
                let good = Look::stderr().good("✓");
                say(&format!("{good} {id} is again what is served"));
            }
            Ok(false) => {}
            Err(why) => return self.failed(round, index, &why),
        }
        self.apps[index].failed = false;
    }

    async fn try_deploy(&mut self, index: usize, component: Option<&Path>) -> Result<bool> {
        let options = self.options(index)?;
        let served = &mut self.apps[index];
        let component = component.context("it does not compile")?;
        let wasm = std::fs::read(component)
            .with_context(|| format!("cannot read {}", component.display()))?;
        let hash = hash(&wasm, &options);
        if served.deployed == Some(hash) {
            return Ok(false);
        }
        let bar = Bar::moving(format!("loading {}", served.plan.app.id));
        let app = self.node.deploy(wasm.into(), options).await?;
        drop(bar);
        served.shown = Some(model::App::from(&app));
        served.deployed = Some(hash);
        self.served.insert(app.id.to_string());
        Ok(true)
    }

    fn options(&mut self, index: usize) -> Result<DeployOptions> {
        let app = &self.apps[index].plan.app;
        let mut variables = app.manifest.vars.clone();
        let mut allow_net = app.manifest.net.allow.clone();
        if app.manifest.dev.stand_in {
            let stand_in = match self.stand_in.take() {
                Some(stand_in) => stand_in,
                None => stand_in::start(&self.data_dir)?,
            };
            variables.insert("STAND_IN_URL".to_owned(), stand_in.url.clone());
            allow_net.push(stand_in.address.clone());
            self.stand_in = Some(stand_in);
        }
        Ok(DeployOptions {
            app: app.id.clone(),
            variables,
            allow_net,
        })
    }

    fn failed(&mut self, round: &mut Round, index: usize, error: &anyhow::Error) {
        self.apps[index].failed = true;
        let id = &self.apps[index].plan.app.id;
        let rest = if self.served.contains(id) {
            "; the version before stays served"
        } else {
            ""
        };
        let bad = Look::stderr().bad("✗");
        say(&format!("{bad} {id}: {}{rest}", in_words(error)));
        round.failed.push(id.clone());
    }
}

/// Everything that makes a deployment differ from the one before.
fn hash(wasm: &[u8], options: &DeployOptions) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    add(wasm);
    for (name, value) in &options.variables {
        add(name.as_bytes());
        add(value.as_bytes());
    }
    add(&[]);
    for rule in &options.allow_net {
        add(rule.as_bytes());
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_variables_and_rules_make_a_deployment_what_it_is() {
        let options = |name: &str, rule: &str| DeployOptions {
            app: "a".to_owned(),
            variables: [(name.to_owned(), "1".to_owned())].into(),
            allow_net: vec![rule.to_owned()],
        };
        let base = hash(b"wasm", &options("A", "h:1"));
        assert_eq!(base, hash(b"wasm", &options("A", "h:1")));
        for other in [
            hash(b"wasn", &options("A", "h:1")),
            hash(b"wasm", &options("B", "h:1")),
            hash(b"wasm", &options("A", "h:2")),
        ] {
            assert_ne!(base, other);
        }
    }
}
