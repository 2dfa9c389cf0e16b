//! `abide serve`.

use std::net::SocketAddr;

use abide_server::Site;
use abide_server::http::{Access, HttpConfig, Server};
use anyhow::{Context, Result};
use clap::Args;

use crate::address;
use crate::commands::node::{self, Options};
use crate::config::{Config, InForce, Settings};
use crate::logging;
use crate::outcome::{Outcome, Usage};
use crate::terminal::print_line;

const HELP: &str = "\
It prints `listening on http://ADDR:PORT` (https:// with --tls-cert) on stdout when it is ready, and log lines on stderr: --log selects them (info; warn;
abide_server=debug), --log-format gives their form. SIGTERM or Ctrl-C stops it within 10 s: runs that are under way go on after the next start.

It asks everybody for a key. The first start makes an admin key and prints it on stdout, once: keep it, `abide keys create` makes others
with it. ABIDE_ADMIN_KEY or --admin-key-file give one of your own instead, which is good for as long as the server runs with it.

Every option can also be a variable of the environment or a key of the file that --config names: `abide config show --default` prints
one with all of them.

Examples:
  abide serve --data /var/lib/abide
  abide serve --config /etc/abide/abide-server.toml
  abide serve --data data --listen 127.0.0.1:0 --allow-net db.internal:5432";

/// Serves what is deployed: the production form, which builds nothing.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Serve {
    /// Before the others, which take their values out of what was parsed.
    #[command(flatten)]
    in_force: InForce,
    /// It has been read by now: its values are the defaults of these settings.
    #[command(flatten)]
    _config: Config,
    #[command(flatten)]
    settings: Settings,
}

impl Serve {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let settings = &self.settings;
        logging::start_with(settings.log_format, &settings.log);
        if let Some(contradiction) = settings.contradiction() {
            return Err(Usage(contradiction).into());
        }
        let server = Server::new(settings.serving.config())?;
        let stop = node::stop_signal()?;
        // The socket first: a taken port is told before the store is touched.
        let listener = address::listen(settings.listen)?;
        let address = listener.local_addr()?;
        let options = Options {
            data: &settings.data,
            allow_net: &settings.allow_net,
            check_replay: settings.check_replay,
            keep: &settings.keep,
            code_cache: settings.code_cache.clone(),
            max_environments: usize::try_from(settings.max_environments).ok(),
            notify_commands: &settings.notify_commands,
            otlp_endpoint: settings.otlp_endpoint.as_deref(),
        };
        let configured = admin_key(settings)?;
        let site = node::open(&options).await?;
        let access = node::access(settings.insecure, address);
        if access == Access::Keys
            && let Err(error) = keys(&site, configured).await
        {
            site.shutdown().await;
            return Err(error);
        }
        warn(settings, address);
        print_line(&format!("listening on {}", server.url(address)))?;
        tracing::info!(%address, data = %settings.data.display(), "serving");
        let config = HttpConfig {
            access,
            rate_per_key: settings.serving.rate_limit,
            settings: self.in_force.settings(),
            ..HttpConfig::default()
        };
        node::serve(site, listener, server, config, stop).await?;
        tracing::info!("stopped");
        Ok(Outcome::Done)
    }
}

/// The variable that holds an admin key.
const ADMIN_KEY: &str = "ABIDE_ADMIN_KEY";

/// The operator's own admin key, with where it is from.
fn admin_key(settings: &Settings) -> Result<Option<(&'static str, String)>> {
    if let Some(text) = std::env::var_os(ADMIN_KEY).filter(|text| !text.is_empty()) {
        let text = text
            .into_string()
            .map_err(|_| Usage(format!("{ADMIN_KEY} is not text")))?;
        return Ok(Some((ADMIN_KEY, text)));
    }
    let Some(file) = &settings.admin_key_file else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the admin key from {}", file.display()))?;
    Ok(Some(("admin_key_file", text)))
}

/// Lets the operator in: with a key of his own, or with one that is made at the first start and printed.
async fn keys(site: &Site, configured: Option<(&'static str, String)>) -> Result<()> {
    if let Some((name, text)) = configured {
        let admitted = site.keys().admit(name, &text);
        return admitted.with_context(|| format!("the admin key in {name}"));
    }
    if let Some(secret) = site.keys().first_admin_key().await? {
        print_line(&format!(
            "admin key, shown this once and stored as a hash only: {}",
            secret.expose()
        ))?;
    }
    Ok(())
}

fn warn(settings: &Settings, address: SocketAddr) {
    if settings.insecure {
        tracing::warn!(%address, "--insecure: nobody is asked for a key; whoever reaches the port may do everything");
    }
}
