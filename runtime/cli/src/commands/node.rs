//! What `dev` and `serve` have in common: a node behind its HTTP API, until somebody stops it.

use std::fs::DirBuilder;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use abide_host::{AllowRule, EgressPolicy};
use abide_server::http::{self, Access, HttpConfig, Server};
use abide_server::{NodeConfig, Site, SiteConfig, Telemetry};
use anyhow::{Context, Result, anyhow};
use tokio::signal::unix::{SignalKind, signal};

use crate::commands::keep::Keep;
use crate::outcome::Usage;

/// How to run a node.
pub(crate) struct Options<'a> {
    /// Where its data is.
    pub(crate) data: &'a Path,
    /// Private addresses that every app may reach.
    pub(crate) allow_net: &'a [String],
    /// Whether every run is replayed as a check.
    pub(crate) check_replay: bool,
    /// How long what is finished is kept.
    pub(crate) keep: &'a Keep,
    /// Where machine code of components is kept, if not with the data.
    pub(crate) code_cache: Option<PathBuf>,
    /// The most environments, if not as many as usual.
    pub(crate) max_environments: Option<usize>,
    /// The programs that notifications may start.
    pub(crate) notify_commands: &'a [String],
    /// The collector of traces, if the settings name one.
    pub(crate) otlp_endpoint: Option<&'a str>,
}

/// Opens the node of every environment.
pub(crate) async fn open(options: &Options<'_>) -> Result<Site> {
    // It holds secrets: made here, it is its owner's alone. If it cannot be made, whoever opens it says why.
    let _ = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(options.data);
    let mut egress = EgressPolicy::public_only();
    for rule in options.allow_net {
        let parsed: AllowRule = rule
            .parse()
            .map_err(|error| Usage(format!("--allow-net {rule}: {error}")))?;
        egress = egress.allow(parsed);
    }
    let mut config = NodeConfig::new(options.data).with_egress(egress);
    config.check_replay = options.check_replay;
    if options.code_cache.is_some() {
        config.host.code_cache.clone_from(&options.code_cache);
    }
    config.telemetry = Telemetry::from_environment(options.otlp_endpoint)
        .map_err(|error| Usage(error.to_string()))?;
    if let Some(telemetry) = &config.telemetry {
        tracing::info!(collector = telemetry.endpoint(), "traces are recorded");
    }
    let mut config = SiteConfig::new(config);
    options.keep.apply(&mut config);
    config.notify_commands = options.notify_commands.iter().map(PathBuf::from).collect();
    if let Some(most) = options.max_environments {
        config.max_environments = most;
    }
    Ok(Site::open(config).await?)
}

/// Serves until `stop` resolves or a node fails; then drains.
pub(crate) async fn serve(
    site: Site,
    listener: TcpListener,
    server: Server,
    config: HttpConfig,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let router = http::site_router(site.clone(), config);
    let (failed, failure) = tokio::sync::oneshot::channel();
    let watched = site.clone();
    let stop = async move {
        tokio::select! {
            () = stop => {}
            reason = watched.failed() => drop(failed.send(reason)),
        }
    };
    server
        .serve(listener, router, stop)
        .await
        .context("the server ended")?;
    site.shutdown().await;
    match failure.await {
        Ok(reason) => Err(anyhow!("the node cannot go on: {reason}")),
        Err(_) => Ok(()),
    }
}

/// Who is asked for a key on this address.
pub(crate) fn access(insecure: bool, address: SocketAddr) -> Access {
    match (insecure, address.ip().is_loopback()) {
        (false, _) => Access::Keys,
        (true, true) => Access::Loopback,
        (true, false) => Access::Anybody,
    }
}

/// Resolves at SIGINT or SIGTERM. A second one ends the process at once.
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    Ok(async move {
        let any = async |interrupt: &mut tokio::signal::unix::Signal,
                         terminate: &mut tokio::signal::unix::Signal| {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        any(&mut interrupt, &mut terminate).await;
        tokio::spawn(async move {
            any(&mut interrupt, &mut terminate).await;
            // Everything that was acknowledged is durable: what is under way goes on after the next start.
            std::process::exit(1);
        });
    })
}
