//! `abide top`.

mod backend;
mod draw;
mod feed;
mod hour;
mod keys;
mod model;
mod screen;
#[cfg(test)]
mod tests;
mod view;

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Result;
use chrono::Utc;
use clap::Args;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::cli::Server;
use crate::client::Client;
use crate::outcome::{Outcome, Usage};
use crate::terminal::{Look, print};
use feed::{Lists, News};
use screen::{Input, Screen};
use view::{Action, View};

/// The shortest time between two frames, and the longest: times go on although nothing happens.
const FRAME: Duration = Duration::from_millis(100);
const STILL: Duration = Duration::from_secs(1);

/// News that wait to be shown; who sends more waits.
const NEWS: usize = 1_024;

/// Lines of a frame that is printed as text, at the most.
const LINES: u16 = 50;

const EXAMPLES: &str = "\
Examples:
  abide top
  abide top --url https://abide.example.com --environment staging
  abide top --once

Keys: arrows or j k, Tab, Enter opens, Esc goes back, s order, l other runs, / filter, ? help, q quit.";

/// Shows what happens right now: runs, functions with their rates, failures and durations, and any run step by step.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Top {
    /// Print one frame as text and end: for scripts, and where there is no terminal.
    #[arg(long)]
    once: bool,
    /// Only functions that have this in their name.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    filter: String,
    #[command(flatten)]
    server: Server,
}

impl Top {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        if !self.once && !is_terminal {
            let command = self.server.command("top --once");
            let problem = format!(
                "this is no terminal, on which `top` could draw; `{command}` prints one frame as text"
            );
            return Err(Usage(problem).into());
        }
        let client = self.server.client()?;
        // What is wrong with the address or the key is told before the screen is taken.
        let lists = feed::lists(&client).await?;
        let mut view = View {
            place: match &self.server.environment {
                Some(environment) => format!("{} {environment}", client.base()),
                None => client.base().to_owned(),
            },
            filter: self.filter,
            ..View::default()
        };
        take_lists(&mut view, lists);
        if self.once {
            print(&frame(&view, Look::stdout().width)?)?;
            return Ok(Outcome::Done);
        }
        let mut screen = Screen::take()?;
        let result = watch(&mut screen, &mut view, &client).await;
        drop(screen);
        result.map(|()| Outcome::Done)
    }
}

/// The view as lines of text.
fn frame(view: &View, width: usize) -> Result<String> {
    let now = Utc::now();
    let rows = view.functions(now).len().max(1) + view.runs().len().max(1) + 8;
    let height = u16::try_from(rows).unwrap_or(LINES).min(LINES);
    let backend = TestBackend::new(u16::try_from(width)?, height);
    let mut terminal = Terminal::new(backend)?;
    terminal.draw(|frame| draw::draw(frame, view, now))?;
    Ok(text_of(terminal.backend()))
}

/// What is drawn, without colours and without the line of keys.
fn text_of(backend: &TestBackend) -> String {
    let buffer = backend.buffer();
    let mut text = String::new();
    for y in 0..buffer.area.height.saturating_sub(1) {
        let mut line = String::new();
        let mut skip = 0;
        for x in 0..buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            // A wide character has the cell after it, too.
            if skip == 0 {
                line.push_str(symbol);
                skip = crate::terminal::columns(symbol).saturating_sub(1);
            } else {
                skip -= 1;
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn take_lists(view: &mut View, lists: Lists) {
    let model = &mut view.model;
    model.begin_anew();
    model.health = lists.health;
    model.deployed(lists.functions);
    // The newest reading of a run comes last.
    lists.runs.into_iter().for_each(|run| model.take(run));
    model.more = lists.more;
    model.hour = lists.hour;
    model.lost = None;
}

/// Draws, and does what keys say, until one says that it is enough.
async fn watch(screen: &mut Screen, view: &mut View, client: &Client) -> Result<()> {
    let (tell, mut news) = mpsc::channel(NEWS);
    let follower = tokio::spawn({
        let (client, tell) = (client.clone(), tell.clone());
        async move { feed::follow(&client, &tell).await }
    });
    let mut drawn = Instant::now();
    screen.draw(view)?;
    let mut changed = false;
    loop {
        let next = if changed { FRAME } else { STILL };
        tokio::select! {
            biased;
            input = screen.input() => match input {
                Input::End => break,
                Input::Resize => {}
                Input::Key(key) => match view.key(key, Utc::now()) {
                    Action::Quit => break,
                    Action::Open(id) => read(client, id, &tell),
                    Action::Nothing => {}
                },
            },
            Some(what) = news.recv() => {
                let reread = take(view, what);
                if let Some(id) = reread {
                    read(client, id, &tell);
                }
                changed = true;
                if drawn.elapsed() < FRAME {
                    continue;
                }
            }
            () = tokio::time::sleep_until(drawn + next) => {}
        }
        screen.draw(view)?;
        (drawn, changed) = (Instant::now(), false);
    }
    follower.abort();
    Ok(())
}

/// Reads a run in the background.
fn read(client: &Client, id: String, tell: &mpsc::Sender<News>) {
    let (client, tell) = (client.clone(), tell.clone());
    tokio::spawn(async move {
        let news = feed::open(&client, id).await;
        // Nobody listens any more when the program ends.
        let _ = tell.send(news).await;
    });
}

/// Takes news in; the run that is to be read again, if it is on the screen and changed.
fn take(view: &mut View, news: News) -> Option<String> {
    match news {
        News::Lists(lists) => take_lists(view, *lists),
        News::Run(run) => {
            let id = run.run_id.clone();
            view.model.take(*run);
            return view
                .opened
                .as_ref()
                .is_some_and(|opened| opened.id == id)
                .then_some(id);
        }
        News::Health(health) => view.model.health = health,
        News::Measured(hour, functions) => {
            view.model.hour = hour;
            view.model.deployed(functions);
        }
        News::Lost(why) => view.model.lost = Some(why),
        News::Opened(id, read) => {
            if let Some(opened) = view.opened.as_mut().filter(|opened| opened.id == id) {
                match read {
                    Ok(run) => (opened.run, opened.problem) = (Some(*run), None),
                    Err(problem) => opened.problem = Some(problem),
                }
            }
        }
    }
    None
}
