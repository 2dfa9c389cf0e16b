//! `abide runs watch`.

use std::time::Duration;

use anyhow::Result;
use chrono::Utc;
use clap::Args;
use tokio::time::Instant;

use crate::cli::{Output, Server};
use crate::client::model::{Run, Status};
use crate::client::{Client, ClientError};
use crate::outcome::Outcome;
use crate::render::progress::Progress;
use crate::render::waterfall::waterfall;
use crate::terminal::{Look, Redrawn, print, print_json, print_line};

/// How often the bars of what is under way grow.
const TICK: Duration = Duration::from_millis(500);
/// How long to wait before the server is asked again after it went away, and when to give up.
const AGAIN: Duration = Duration::from_millis(250);
const LOST: Duration = Duration::from_secs(120);

const EXAMPLES: &str = "\
Examples:
  abide runs watch 01J8Z6QW3C9G5V2N7T4R0K1M8X
  abide runs watch 01J8Z6QW3C9G5V2N7T4R0K1M8X && echo it is paid

Where nobody watches there is one line for each thing that happens; with --json one JSON object a line, the run as it then stands.
Exit code: 0 if the run completed, 1 if it failed, was cancelled or skipped, or you stopped watching.";

/// Shows a run as a waterfall that grows, until the run has ended.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Watch {
    /// The run's id; `abide runs list` shows them.
    #[arg(value_name = "RUN")]
    id: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Watch {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let mut shown = Shown::new(self.output);
        let end = tokio::select! {
            end = self.to_the_end(&client, &mut shown) => Some(end?),
            _ = tokio::signal::ctrl_c() => None,
        };
        match end {
            Some(Status::Completed) => Ok(Outcome::Done),
            Some(_) => Ok(Outcome::Failed),
            None => {
                let command = self.server.command(&format!("runs watch {}", self.id));
                eprintln!("the run goes on; watch it: {command}");
                Ok(Outcome::Failed)
            }
        }
    }

    /// Shows what changes; how the run ended. A server that goes away for a while is waited for.
    async fn to_the_end(&self, client: &Client, shown: &mut Shown) -> Result<Status> {
        let mut lost: Option<Instant> = None;
        let mut begun = false;
        loop {
            let round = self.round(client, shown, &mut lost, &mut begun).await;
            let why = match round {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => "it ended the stream".to_owned(),
                Err(ClientError::Unreachable { why, .. }) if begun => why,
                Err(error) => return Err(error.into()),
            };
            let since = *lost.get_or_insert_with(|| {
                eprintln!("the server is gone ({why}); the run goes on when it is back");
                Instant::now()
            });
            if since.elapsed() > LOST {
                let url = client.base().to_owned();
                return Err(ClientError::Unreachable { url, why }.into());
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Listens until the run is over (its end), or the stream is (nothing).
    async fn round(
        &self,
        client: &Client,
        shown: &mut Shown,
        lost: &mut Option<Instant>,
        begun: &mut bool,
    ) -> Result<Option<Status>, ClientError> {
        let mut stream = client
            .stream(&["api", "v1", "runs", &self.id, "stream"], &[])
            .await?;
        *begun = true;
        let mut run: Option<Run> = None;
        loop {
            let message = match tokio::time::timeout(TICK, stream.next()).await {
                Ok(message) => message?,
                Err(_) => {
                    if let Some(run) = &run {
                        shown.tick(run);
                    }
                    continue;
                }
            };
            let Some(message) = message else {
                return Ok(None);
            };
            if message.name != "run" {
                continue;
            }
            if lost.take().is_some() {
                eprintln!("the server is back");
            }
            let now: Run = client.parse(&message.data)?;
            shown.change(&now, &message.data);
            if now.status.is_over() {
                return Ok(Some(now.status));
            }
            run = Some(now);
        }
    }
}

/// What of the run has been shown, and how.
enum Shown {
    /// The waterfall, drawn again and again in its place.
    Drawn(Look, Redrawn),
    /// Lines that stay.
    Told(Progress),
    Json,
}

impl Shown {
    fn new(output: Output) -> Self {
        let look = Look::stdout();
        if output.json {
            Self::Json
        } else if look.terminal {
            Self::Drawn(look, Redrawn::default())
        } else {
            Self::Told(Progress::new(look))
        }
    }

    /// The run stands elsewhere now. That stdout is gone is no reason to stop: the exit code still tells the outcome.
    fn change(&mut self, run: &Run, json: &str) {
        let _ = match self {
            Self::Json => print_json(json.trim_end()),
            Self::Told(progress) => progress
                .observe(run)
                .iter()
                .try_for_each(|line| print_line(line)),
            Self::Drawn(look, place) if run.status.is_over() => {
                let whole = waterfall(*look, run, Utc::now());
                print(&(place.clear() + &whole))
            }
            Self::Drawn(look, place) => print(&place.draw(&waterfall(*look, run, Utc::now()))),
        };
    }

    /// Time went on, nothing else.
    fn tick(&mut self, run: &Run) {
        if let Self::Drawn(look, place) = self {
            let _ = print(&place.draw(&waterfall(*look, run, Utc::now())));
        }
    }
}
