//! Environments: a node of its own for each, in one process, so that nothing of one can be seen from another.
//!
//! `default` lies in the data directory itself, every other in `environments/NAME` below it. They share the WebAssembly host, and with it
//! compiled code and budgets of memory. Which there are, the admin store says.
//!
//! It must not look into what an environment holds, except to say whether it is empty.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};
use std::time::Duration;

use abide_core::function::is_kebab_case;
use abide_core::state::{Read as _, RunFilter};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};

use crate::admin::{AUDIT_KEPT, Admin, AdminError, AdminRecord, Keys};
use crate::notify::Notifications;
use crate::{Node, NodeConfig, OpenError, Storage};

/// The environment that is always there.
pub const DEFAULT_ENVIRONMENT: &str = "default";

/// Under this name records lie that belong to no environment, or to all. No environment can have it.
pub(crate) const EVERYWHERE: &str = "*";

/// The most environments unless the settings say otherwise: each has threads and a page cache of its own.
const MOST: usize = 32;

/// The longest name, in bytes: it is the name of a directory.
const NAME_BYTES: usize = 63;

/// How often the time series are stored: what is measured in between, a crash forgets.
const KEEP_SERIES_EVERY: Duration = Duration::from_secs(300);

/// sled's page cache of an environment other than `default`.
const CACHE_BYTES: u64 = 16 << 20;

/// Settings of a [`Site`].
#[derive(Debug, Clone)]
pub struct SiteConfig {
    /// The settings of every environment's node; its storage is that of `default`.
    pub node: NodeConfig,
    /// How long lines of the audit log are kept, and keys that are revoked or expired: lines name them.
    pub keep_audit: Duration,
    /// The most environments, `default` included. Those that are there are served, however many they are.
    pub max_environments: usize,
    /// The programs that notifications may start, by their whole paths.
    pub notify_commands: Vec<PathBuf>,
}

impl SiteConfig {
    /// The default settings around those of the nodes.
    pub fn new(node: NodeConfig) -> Self {
        Self {
            node,
            keep_audit: AUDIT_KEPT,
            max_environments: MOST,
            notify_commands: Vec::new(),
        }
    }
}

/// One environment.
#[derive(Clone)]
pub struct Environment {
    /// Its name.
    pub name: Arc<str>,
    /// When it was made; `None` for `default`, which nobody made.
    pub created_ms: Option<u64>,
    /// What is in it.
    pub node: Node,
    /// What watches over it.
    pub(crate) notifications: Notifications,
}

/// An environment that somebody made.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct EnvironmentRecord {
    created_ms: u64,
    /// Its node is closed, and its directory is to go.
    #[serde(default)]
    removing: bool,
    /// The request that made it, if that has a name: a repetition is known by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<String>,
}

impl AdminRecord for EnvironmentRecord {
    const KIND: &'static str = "environment";
}

/// Why an environment is not made or removed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The name cannot be one.
    #[error(
        "environment `{0}`: must be kebab-case (a-z, 0-9 and single hyphens) of 1 to {NAME_BYTES} characters"
    )]
    Name(String),
    /// It is there already.
    #[error("there is an environment `{0}` already")]
    Exists(String),
    /// There is none.
    #[error("there is no environment `{0}`")]
    Absent(String),
    /// It cannot be removed.
    #[error("the environment `default` is always there and cannot be removed")]
    Default,
    /// There is something in it.
    #[error("the environment `{name}` holds {holds}; remove it with `force` to delete all of that")]
    NotEmpty {
        /// The environment.
        name: String,
        /// What it holds.
        holds: &'static str,
    },
    /// There are too many.
    #[error(
        "there are {0} environments already, which is the most that the setting `max_environments` allows"
    )]
    TooMany(usize),
    /// Its node does not open or cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The admin store refuses.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// Its directory stays.
    #[error("the environment is removed, but its directory {} is not: {source}", .path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// All environments of a server. Clones share them.
#[derive(Clone)]
pub struct Site {
    inner: Arc<Inner>,
}

struct Inner {
    config: SiteConfig,
    admin: Admin,
    keys: Keys,
    environments: RwLock<BTreeMap<Arc<str>, Environment>>,
    /// Held while an environment is made or removed.
    changing: Mutex<()>,
    backing_up: AtomicBool,
    failure: watch::Sender<Option<String>>,
}

impl Site {
    /// Opens the admin store and every environment, which begin to work. Needs a tokio runtime.
    pub async fn open(config: SiteConfig) -> Result<Self, OpenError> {
        // First: of two servers on one directory, the second one is told so before it touches anything else.
        let mut node = config.node.clone();
        node.environment = DEFAULT_ENVIRONMENT.into();
        let default = Node::open(node).await?;
        let directory = config.node.storage.directory().join("admin");
        let opened = match &config.node.storage {
            Storage::Directory(_) => tokio::task::spawn_blocking(move || Admin::open(&directory))
                .await
                .unwrap_or(Err(AdminError::Stopping)),
            Storage::Simulated(..) => Ok(Admin::in_memory()),
        };
        let admin = match opened {
            Ok(admin) => admin,
            Err(error) => {
                default.shutdown().await;
                return Err(error.into());
            }
        };
        let keys = match Keys::load(admin.clone()).await {
            Ok(keys) => keys,
            Err(error) => {
                default.shutdown().await;
                return Err(error.into());
            }
        };
        let site = Self {
            inner: Arc::new(Inner {
                config,
                admin,
                keys,
                environments: RwLock::default(),
                changing: Mutex::default(),
                backing_up: AtomicBool::new(false),
                failure: watch::channel(None).0,
            }),
        };
        site.serve(DEFAULT_ENVIRONMENT, None, default).await;
        if let Err(error) = site.open_others().await {
            site.shutdown().await;
            return Err(error);
        }
        tokio::spawn(keep_audit(Arc::downgrade(&site.inner)));
        tokio::spawn(keep_series(Arc::downgrade(&site.inner)));
        Ok(site)
    }

    async fn open_others(&self) -> Result<(), OpenError> {
        let records = self
            .inner
            .admin
            .list::<EnvironmentRecord>(EVERYWHERE)
            .await?;
        for found in records {
            if found.record.removing {
                // The process died in the middle of it.
                if let Err(error) = self.delete_directory(&found.id).await {
                    tracing::warn!(%error, "an environment is not removed yet");
                }
                continue;
            }
            let node = self.open_node(&found.id).await?;
            self.serve(&found.id, Some(found.record.created_ms), node)
                .await;
        }
        Ok(())
    }

    /// What operators set up.
    pub fn admin(&self) -> &Admin {
        &self.inner.admin
    }

    /// Whether a backup is under way.
    pub(crate) fn backing_up(&self) -> &AtomicBool {
        &self.inner.backing_up
    }

    /// Who may come in.
    pub fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    /// The environment with this name.
    pub fn environment(&self, name: &str) -> Option<Environment> {
        self.inner.environments.read().get(name).cloned()
    }

    /// All environments, in the order of their names.
    pub fn environments(&self) -> Vec<Environment> {
        self.inner.environments.read().values().cloned().collect()
    }

    /// The node of `default`.
    pub fn default_node(&self) -> Result<Node, OpenError> {
        let found = self.environment(DEFAULT_ENVIRONMENT);
        found
            .map(|it| it.node)
            .ok_or(OpenError::Admin(AdminError::Stopping))
    }

    /// Makes an environment. It takes work when this returns, and is there after the next start.
    pub async fn create(&self, name: &str) -> Result<Environment, ChangeError> {
        self.create_once(name, None).await
    }

    /// As [`Site::create`], for the request of this name: it makes one environment, however often it comes.
    pub(crate) async fn create_once(
        &self,
        name: &str,
        request: Option<&str>,
    ) -> Result<Environment, ChangeError> {
        if !is_kebab_case(name) || name.len() > NAME_BYTES {
            return Err(ChangeError::Name(name.into()));
        }
        let _turn = self.inner.changing.lock().await;
        if let Some(there) = self.environment(name) {
            let record = self.inner.admin.get::<EnvironmentRecord>(EVERYWHERE, name);
            let made_by = record.await?.and_then(|record| record.request);
            if made_by.is_some() && made_by.as_deref() == request {
                return Ok(there);
            }
            return Err(ChangeError::Exists(name.into()));
        }
        let most = self.inner.config.max_environments;
        if self.inner.environments.read().len() >= most {
            return Err(ChangeError::TooMany(most));
        }
        // What an environment of the same name left behind must not appear in this one.
        self.delete_directory(name).await?;
        let node = self.open_node(name).await?;
        let created_ms = node.clock().now_ms();
        let record = EnvironmentRecord {
            created_ms,
            removing: false,
            request: request.map(str::to_owned),
        };
        if let Err(error) = self.inner.admin.put(EVERYWHERE, name, &record).await {
            node.shutdown().await;
            return Err(error.into());
        }
        Ok(self.serve(name, Some(created_ms), node).await)
    }

    /// Removes an environment with all that is in it: without `force`, only an empty one.
    pub async fn remove(&self, name: &str, force: bool) -> Result<(), ChangeError> {
        if name == DEFAULT_ENVIRONMENT {
            return Err(ChangeError::Default);
        }
        let _turn = self.inner.changing.lock().await;
        let Some(environment) = self.environment(name) else {
            return Err(ChangeError::Absent(name.into()));
        };
        if !force && let Some(holds) = contents(&environment.node).await? {
            return Err(ChangeError::NotEmpty {
                name: name.into(),
                holds,
            });
        }
        let mark = |record: &EnvironmentRecord| {
            Some(EnvironmentRecord {
                removing: true,
                ..record.clone()
            })
        };
        self.inner.admin.update(EVERYWHERE, name, mark).await?;
        self.inner.environments.write().remove(name);
        self.inner.keys.forget(name);
        // First: what it stores must not come back after the records are gone.
        environment.notifications.stop().await;
        environment.node.shutdown().await;
        self.delete_directory(name).await
    }

    /// Removes the directory first, then the record: a name without a record can be taken again.
    async fn delete_directory(&self, name: &str) -> Result<(), ChangeError> {
        let path = self.directory_of(name);
        let doomed = path.clone();
        let deleted = tokio::task::spawn_blocking(move || match std::fs::remove_dir_all(&doomed) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        });
        let deleted = deleted
            .await
            .unwrap_or_else(|error| Err(std::io::Error::other(error)));
        deleted.map_err(|source| ChangeError::Directory { path, source })?;
        let admin = &self.inner.admin;
        admin.forget_environment(name).await?;
        admin.delete::<EnvironmentRecord>(EVERYWHERE, name).await?;
        Ok(())
    }

    /// Resolves when an environment or the admin store can't go on, with the reason: the process should exit with a failure.
    pub async fn failed(&self) -> String {
        tokio::select! {
            reason = first(self.inner.failure.subscribe()) => reason,
            reason = first(self.inner.admin.failure()) => reason,
        }
    }

    /// Stops all environments at once, each as [`Node::shutdown`] does, then closes the admin store.
    pub async fn shutdown(&self) {
        let environments = self.environments();
        for environment in &environments {
            environment.notifications.stop().await;
            environment.node.measure_series().await;
        }
        let stopping = environments
            .iter()
            .map(|environment| environment.node.shutdown());
        futures::future::join_all(stopping).await;
        if let Some(telemetry) = &self.inner.config.node.telemetry {
            telemetry.flush().await;
        }
        save_series(&self.inner).await;
        let admin = self.inner.admin.clone();
        match tokio::task::spawn_blocking(move || admin.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the admin store did not close cleanly"),
            Err(error) => tracing::error!(%error, "the admin store did not close cleanly"),
        }
    }

    async fn serve(&self, name: &str, created_ms: Option<u64>, node: Node) -> Environment {
        let now_ms = node.clock().now_ms();
        node.series().restore(&self.inner.admin, name, now_ms).await;
        let name: Arc<str> = name.into();
        let inner = &self.inner;
        let programs = inner.config.notify_commands.clone();
        let environment = Environment {
            notifications: Notifications::watch(&node, &name, inner.admin.clone(), programs),
            name,
            created_ms,
            node: node.clone(),
        };
        let mut environments = self.inner.environments.write();
        environments.insert(environment.name.clone(), environment.clone());
        let (failure, name) = (self.inner.failure.clone(), environment.name.clone());
        tokio::spawn(async move {
            let reason = node.failed().await;
            failure.send_replace(Some(match &*name {
                DEFAULT_ENVIRONMENT => reason,
                name => format!("environment {name}: {reason}"),
            }));
        });
        environment
    }

    fn directory_of(&self, name: &str) -> PathBuf {
        let data = self.inner.config.node.storage.directory();
        data.join("environments").join(name)
    }

    async fn open_node(&self, name: &str) -> Result<Node, OpenError> {
        let mut config = self.inner.config.node.clone();
        config.storage = match config.storage {
            Storage::Directory(_) => Storage::Directory(self.directory_of(name)),
            Storage::Simulated(..) => {
                Storage::Simulated(abide_store::MemoryDisk::new(), self.directory_of(name))
            }
        };
        config.cache_bytes = config.cache_bytes.min(CACHE_BYTES);
        config.seed = None;
        config.environment = name.into();
        self.default_node()?.open_beside(config).await
    }
}

/// Forgets lines of the audit log that were kept long enough, and keys that ended as long ago, as often as nodes keep house, until the site is gone.
async fn keep_audit(site: Weak<Inner>) {
    loop {
        let Some(inner) = site.upgrade() else { return };
        let names: Vec<_> = inner.environments.read().keys().cloned().collect();
        for name in names.iter().map(|name| &**name).chain([EVERYWHERE]) {
            match inner
                .admin
                .forget_audit(name, inner.config.keep_audit)
                .await
            {
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "old lines of the audit log were not removed; it is tried again");
                }
            }
        }
        if let Err(error) = inner.keys.forget_ended(inner.config.keep_audit).await {
            tracing::warn!(%error, "keys that ended long ago were not removed; it is tried again");
        }
        let pause = inner.config.node.keep_house_every;
        drop(inner);
        tokio::time::sleep(pause).await;
    }
}

/// Stores the time series of all environments now and then, until the site is gone.
async fn keep_series(site: Weak<Inner>) {
    loop {
        tokio::time::sleep(KEEP_SERIES_EVERY).await;
        let Some(inner) = site.upgrade() else { return };
        save_series(&inner).await;
    }
}

async fn save_series(inner: &Inner) {
    let environments: Vec<_> = inner.environments.read().values().cloned().collect();
    for Environment { name, node, .. } in environments {
        // No environment is made or removed meanwhile: what one that is gone had must not come back.
        let _turn = inner.changing.lock().await;
        if !inner.environments.read().contains_key(&name) {
            continue;
        }
        let now_ms = node.clock().now_ms();
        if let Err(error) = node.series().save(&inner.admin, &name, now_ms).await {
            tracing::warn!(environment = %name, %error, "the time series were not stored");
        }
    }
}

async fn first(mut failure: watch::Receiver<Option<String>>) -> String {
    loop {
        if let Some(reason) = failure.borrow_and_update().clone() {
            return reason;
        }
        if failure.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// What an environment holds, if anything.
async fn contents(node: &Node) -> Result<Option<&'static str>, OpenError> {
    let held = node.read(|view| {
        Ok(if !view.apps()?.is_empty() {
            Some("apps")
        } else if !view.list_events(None, None, 1)?.items.is_empty() {
            Some("events")
        } else if !view
            .list_runs(None, &RunFilter::default(), 1)?
            .items
            .is_empty()
        {
            Some("runs")
        } else if !view.schemas()?.is_empty() {
            Some("schemas")
        } else {
            None
        })
    });
    Ok(held.await?)
}
