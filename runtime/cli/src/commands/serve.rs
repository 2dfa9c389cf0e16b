//! `abide serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::address;
use crate::commands::keep::Keep;
use crate::commands::node::{self, Options};
use crate::logging::{self, LogFormat};
use crate::outcome::Outcome;
use crate::terminal::print_line;

const HELP: &str = "\
It prints `listening on http://ADDR:PORT` on stdout when it is ready, and log lines on stderr: ABIDE_LOG selects them (info; warn;
abide_server=debug), --log-format gives their form. SIGTERM or Ctrl-C stops it within 10 s: runs that are under way go on after the next start.

Examples:
  abide serve --data /var/lib/abide
  abide serve --data data --listen 127.0.0.1:0 --allow-net db.internal:5432";

/// Serves what is deployed: the production form, which builds nothing.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Serve {
    /// Where everything is kept. One process at a time uses it.
    #[arg(long, value_name = "DIR", env = "ABIDE_DATA", hide_env_values = true)]
    data: PathBuf,
    /// Where to listen; port 0 takes any that is free.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8288")]
    listen: SocketAddr,
    /// A private address that every app's step bodies may reach; by default they reach public ones only. Repeatable.
    #[arg(long, value_name = "HOST[:PORT]")]
    allow_net: Vec<String>,
    /// Replay every run from its journal when it suspends or ends, and name the first difference. Costs a replay each time.
    #[arg(long)]
    check_replay: bool,
    /// Where machine code of components is kept; without it, with the data. Several servers of one user may share it.
    #[arg(
        long,
        value_name = "DIR",
        env = "ABIDE_CODE_CACHE",
        hide_env_values = true
    )]
    code_cache: Option<PathBuf>,
    #[command(flatten)]
    keep: Keep,
    /// The form of log lines.
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

impl Serve {
    pub(crate) async fn run(self) -> Result<Outcome> {
        logging::start(self.log_format, "info");
        let stop = node::stop_signal()?;
        // The socket first: a taken port is told before the store is touched.
        let listener = address::listen(self.listen)?;
        let address = listener.local_addr()?;
        let options = Options {
            data: &self.data,
            allow_net: &self.allow_net,
            check_replay: self.check_replay,
            keep: &self.keep,
            code_cache: self.code_cache.clone(),
        };
        let site = node::open(&options).await?;
        print_line(&format!("listening on {}", node::url(address)))?;
        tracing::info!(%address, data = %self.data.display(), "serving");
        node::serve(site, listener, false, stop).await?;
        tracing::info!("stopped");
        Ok(Outcome::Done)
    }
}
