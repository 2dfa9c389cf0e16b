//! `abide dev`.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use abide_server::Site;
use abide_server::http::{HttpConfig, ServeConfig, Server};
use anyhow::{Result, bail};
use clap::Args;

use crate::address;
use crate::build::{self, Plan, say};
use crate::cache::Cache;
use crate::commands::keep::Keep;
use crate::commands::node::{self, Options};
use crate::dev::activity;
use crate::dev::banner::{Ready, banner};
use crate::dev::deployer::Deployer;
use crate::dev::invocation;
use crate::dev::watch::Sources;
use crate::discovery::{self, App};
use crate::logging::{self, LogFormat};
use crate::outcome::{Outcome, Usage};
use crate::stand_in;
use crate::terminal::{Look, print};

/// The port that clients look for.
const USUAL_PORT: u16 = 8288;
/// Where machine code is kept, in the cache.
const CODE: &str = "code";
/// What is more than this when a server starts is removed, oldest first.
const MAX_CODE_BYTES: u64 = 2 << 30;
/// Where apps are looked for unless the user says.
const USUAL_PATH: &str = "examples";

const HELP: &str = "\
An app is a folder with an abide.toml, in Rust, TypeScript, JavaScript, Python, C or Go; without an abide.toml, one with a Cargo.toml whose [lib]
has crate-type = [\"cdylib\"], or with a package.json, app.py, go.mod or app.c that uses Abide's SDK. A PATH is an app, or a folder that holds
apps, in any languages. Every change of the sources is built and deployed; while they do not compile, the version before stays served.
Runs and events are kept in the data directory: after a crash, the same command goes on where it was.

Examples:
  abide dev                     the apps in examples/
  abide dev my-app              one app
  abide dev my-app other-app --port 9000 --data /tmp/abide";

/// Builds apps, serves them, and rebuilds them on change.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Dev {
    /// Apps, or folders that hold apps. Default: examples/
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The address to listen on. Another one than this machine's own needs --insecure.
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Let everybody in who reaches the port: a development server asks nobody for a key.
    #[arg(long)]
    insecure: bool,
    /// The port; if it is taken, the next free one.
    #[arg(long, value_name = "PORT", default_value_t = USUAL_PORT)]
    port: u16,
    /// Where everything is kept.
    #[arg(long, value_name = "DIR", default_value = ".abide")]
    data: PathBuf,
    /// A private address that every app's step bodies may reach. Repeatable.
    #[arg(long, value_name = "HOST[:PORT]")]
    allow_net: Vec<String>,
    /// Replay every run from its journal when it suspends or ends, and name the first difference. This is the default here.
    #[arg(long, overrides_with = "no_check_replay")]
    check_replay: bool,
    /// Do not replay runs as a check.
    #[arg(long)]
    no_check_replay: bool,
    #[command(flatten)]
    keep: Keep,
    /// The form of log lines.
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

impl Dev {
    pub(crate) async fn run(self) -> Result<Outcome> {
        logging::start(self.log_format, "warn");
        if !self.host.is_loopback() && !self.insecure {
            let detail = format!(
                "--host {}: a development server asks nobody for a key, so it listens on this machine only; --insecure lets everybody in who reaches the port, and `serve` asks for keys",
                self.host
            );
            return Err(Usage(detail).into());
        }
        let stop = node::stop_signal()?;
        let stop = futures::FutureExt::shared(stop);
        let apps = self.apps()?;
        tokio::select! {
            () = stop.clone() => Ok(Outcome::Done),
            plans = plans(apps) => self.serve(plans?, stop.clone()).await,
        }
    }

    fn apps(&self) -> Result<Vec<App>> {
        let mut apps = Vec::new();
        for path in self
            .paths
            .iter()
            .map(PathBuf::as_path)
            .chain(self.default_path()?)
        {
            apps.extend(discovery::apps_in(path)?);
        }
        // The same folder may be named twice: by itself, and by the one that holds it.
        apps.sort_by(|a, b| a.folder.cmp(&b.folder));
        apps.dedup_by(|a, b| a.folder.canonicalize().ok() == b.folder.canonicalize().ok());
        discovery::check_ids(&apps)?;
        Ok(apps)
    }

    /// Where to look if the user names nothing.
    fn default_path(&self) -> Result<Option<&'static Path>> {
        if !self.paths.is_empty() {
            return Ok(None);
        }
        if Path::new(USUAL_PATH).is_dir() {
            return Ok(Some(Path::new(USUAL_PATH)));
        }
        if discovery::is_app(Path::new("."))? {
            return Ok(Some(Path::new(".")));
        }
        let name = invocation::name();
        bail!(
            "there is no folder examples/ here, and this folder is no app. Name an app (`{name} dev PATH`), or make one: `{name} new my-app`, then `{name} dev my-app`"
        )
    }

    async fn serve(
        &self,
        plans: Vec<Plan>,
        stop: impl Future<Output = ()> + Clone + Send + 'static,
    ) -> Result<Outcome> {
        let listener = address::listen_near(self.host, self.port)?;
        let address = listener.local_addr()?;
        if self.port != 0 && address.port() != self.port {
            eprintln!(
                "port {} is taken: serving on {} instead",
                self.port,
                address.port()
            );
        }
        // Before the node: runs that go on at once find it.
        let wants_stand_in = plans.iter().any(|plan| plan.app.manifest.dev.stand_in);
        let options = Options {
            data: &self.data,
            allow_net: &self.allow_net,
            check_replay: !self.no_check_replay,
            keep: &self.keep,
            code_cache: code_cache(),
            max_environments: None,
            notify_commands: &[],
            otlp_endpoint: None,
        };
        let stand_in = if wants_stand_in {
            Some(stand_in::start(&self.data)?)
        } else {
            None
        };
        let site = node::open(&options).await?;
        let node = site.default_node()?;
        let deployer = Deployer::new(node, self.data.clone(), stand_in, plans).await?;
        self.work(site, listener, deployer, stop).await
    }

    /// The server runs beside the builds; either ends when the user stops it.
    async fn work(
        &self,
        site: Site,
        listener: TcpListener,
        mut deployer: Deployer,
        stop: impl Future<Output = ()> + Clone + Send + 'static,
    ) -> Result<Outcome> {
        let address = listener.local_addr()?;
        let server = Server::new(ServeConfig::default())?;
        let url = server.url(address);
        let config = HttpConfig {
            dev: true,
            access: node::access(true, address),
            ..HttpConfig::default()
        };
        tokio::spawn(activity::tell(site.default_node()?));
        let serving = node::serve(site, listener, server, config, stop.clone());
        let mut server = tokio::spawn(serving);
        tokio::select! {
            ended = &mut server => ended??,
            result = self.watch(&url, &mut deployer) => result?,
            () = stop => {
                eprintln!("\nstopping; runs that are under way go on at the next start");
                server.await??;
            }
        }
        Ok(Outcome::Done)
    }

    /// Builds, says what is served, and goes on as sources change; ends only with an error.
    async fn watch(&self, url: &str, deployer: &mut Deployer) -> Result<()> {
        let mut sources = match Sources::new() {
            Ok(sources) => Some(sources),
            Err(error) => {
                tracing::warn!("changes will not be noticed: {error:#}");
                None
            }
        };
        watch_all(sources.as_mut(), deployer);
        say(&format!(
            "listening at {url}; every app is served as soon as it is built"
        ));
        let first = deployer.all().await;
        self.ready(url, deployer)?;
        if !first.failed.is_empty() {
            eprintln!(
                "\nnot deployed: {} (see above); correct the sources, and they are",
                first.failed.join(", ")
            );
        }
        loop {
            let paths = match &mut sources {
                Some(sources) => sources.changed().await,
                None => std::future::pending().await,
            };
            tracing::debug!(?paths, "sources changed");
            deployer.changed(paths.iter().map(PathBuf::as_path)).await;
            watch_all(sources.as_mut(), deployer);
        }
    }

    fn ready(&self, url: &str, deployer: &Deployer) -> Result<()> {
        let apps = deployer.shown();
        let event = deployer.first_event();
        let ready = Ready {
            url,
            data: &self.data,
            apps: &apps,
            stand_in: deployer.stand_in_url(),
            name: &invocation::name(),
            event: event.as_deref(),
            usual_port: url.ends_with(&format!(":{USUAL_PORT}")),
        };
        print(&banner(Look::stdout(), &ready))
    }
}

async fn plans(apps: Vec<App>) -> Result<Vec<Plan>> {
    let plans = apps.into_iter().map(|app| build::plan(app, None));
    futures::future::try_join_all(plans).await
}

/// Every save makes new machine code, 30 MB of it for JavaScript: all servers of this user share it, and it is no part of the data.
///
/// Without a home folder, it is kept with the data.
fn code_cache() -> Option<PathBuf> {
    let cache = Cache::open().ok()?;
    cache.prune(CODE, MAX_CODE_BYTES);
    Some(cache.path(CODE))
}

/// What cannot be watched is only said: serving goes on.
fn watch_all(sources: Option<&mut Sources>, deployer: &Deployer) {
    let Some(sources) = sources else {
        return;
    };
    let mut results: Vec<_> = deployer
        .sources()
        .map(|folder| sources.add(folder))
        .collect();
    results.extend(deployer.roots().map(|folder| sources.add_files(folder)));
    for error in results.into_iter().filter_map(Result::err) {
        tracing::warn!("changes will not be noticed: {error:#}");
    }
}
