//! `abide serve`.

use abide_server::http::Server;
use anyhow::Result;
use clap::Args;

use crate::address;
use crate::commands::node::{self, Options};
use crate::config::{Config, Settings};
use crate::logging;
use crate::outcome::{Outcome, Usage};
use crate::terminal::print_line;

const HELP: &str = "\
It prints `listening on http://ADDR:PORT` (https:// with --tls-cert) on stdout when it is ready, and log lines on stderr: --log selects them (info; warn;
abide_server=debug), --log-format gives their form. SIGTERM or Ctrl-C stops it within 10 s: runs that are under way go on after the next start.

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
        };
        let site = node::open(&options).await?;
        print_line(&format!("listening on {}", server.url(address)))?;
        tracing::info!(%address, data = %settings.data.display(), "serving");
        node::serve(site, listener, server, false, stop).await?;
        tracing::info!("stopped");
        Ok(Outcome::Done)
    }
}
