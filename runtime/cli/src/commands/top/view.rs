//! What the user of `abide top` looks at, and what keys do to it. No I/O.

use chrono::{DateTime, Utc};

use super::keys::Key;
use super::model::{Figures, Known, Model};
use crate::client::model::{Run, Status};

/// Runs of the lower list.
const MOST_LISTED: usize = 500;

/// By what functions are ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Order {
    #[default]
    UnderWay,
    Started,
    Failed,
    P95,
    Name,
}

impl Order {
    fn next(self) -> Self {
        match self {
            Self::UnderWay => Self::Started,
            Self::Started => Self::Failed,
            Self::Failed => Self::P95,
            Self::P95 => Self::Name,
            Self::Name => Self::UnderWay,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::UnderWay => "under way",
            Self::Started => "started",
            Self::Failed => "failed",
            Self::P95 => "p95",
            Self::Name => "name",
        }
    }

    /// Orders functions; those that are alike stay in the order of their names.
    pub(super) fn sort(self, functions: &mut [Figures]) {
        match self {
            Self::UnderWay => functions.sort_by_key(|f| std::cmp::Reverse(f.under_way())),
            Self::Started => functions.sort_by_key(|f| std::cmp::Reverse(f.minute.started)),
            Self::Failed => functions.sort_by(|a, b| {
                let of = |f: &Figures| f.failed.unwrap_or(-1.0);
                of(b).total_cmp(&of(a))
            }),
            Self::P95 => functions.sort_by_key(|f| std::cmp::Reverse(f.p95)),
            Self::Name => functions.sort_by(|a, b| a.id.cmp(&b.id)),
        }
    }
}

/// Which runs the lower list has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Listed {
    #[default]
    Failures,
    UnderWay,
    Latest,
}

impl Listed {
    fn next(self) -> Self {
        match self {
            Self::Failures => Self::UnderWay,
            Self::UnderWay => Self::Latest,
            Self::Latest => Self::Failures,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Failures => "latest failures",
            Self::UnderWay => "runs under way",
            Self::Latest => "latest runs",
        }
    }

    fn has(self, run: &Known) -> bool {
        match self {
            Self::Failures => run.status == Status::Failed,
            Self::UnderWay => !run.status.is_over(),
            Self::Latest => true,
        }
    }
}

/// Which list the keys move in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Focus {
    #[default]
    Functions,
    Runs,
}

/// A run that was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) id: String,
    /// Once it was read.
    pub(super) run: Option<Run>,
    /// Why it could not be read.
    pub(super) problem: Option<String>,
    /// Lines above the window.
    pub(super) scroll: u16,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) model: Model,
    /// Server and environment, as the head names them.
    pub(super) place: String,
    pub(super) order: Order,
    pub(super) listed: Listed,
    pub(super) focus: Focus,
    pub(super) filter: String,
    /// Whether keys go to the filter.
    pub(super) typing: bool,
    pub(super) help: bool,
    pub(super) opened: Option<Opened>,
    /// The rows that are marked, in both lists.
    pub(super) function: usize,
    pub(super) run: usize,
}

/// What a key asks of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    Quit,
    /// This run is to be read.
    Open(String),
}

impl View {
    /// The functions as they are listed.
    pub(super) fn functions(&self, now: DateTime<Utc>) -> Vec<Figures> {
        let mut functions = self.model.figures(&self.filter, now);
        self.order.sort(&mut functions);
        functions
    }

    /// The runs as they are listed.
    pub(super) fn runs(&self) -> Vec<&Known> {
        let runs = self.model.runs(&self.filter);
        let runs = runs.filter(|run| self.listed.has(run));
        runs.take(MOST_LISTED).collect()
    }

    /// A key was pressed.
    pub(super) fn key(&mut self, key: Key, now: DateTime<Utc>) -> Action {
        if matches!(key, Key::Ctrl('c' | 'd')) {
            return Action::Quit;
        }
        if self.typing {
            self.type_filter(key);
            return Action::Nothing;
        }
        if self.help {
            self.help = false;
            return Action::Nothing;
        }
        if let Some(opened) = &mut self.opened {
            let scroll = &mut opened.scroll;
            match key {
                Key::Char('q') => return Action::Quit,
                Key::Esc | Key::Backspace | Key::Left | Key::Char('h') => {
                    self.opened = None;
                }
                Key::Up | Key::Char('k') => *scroll = scroll.saturating_sub(1),
                Key::Down | Key::Char('j') => *scroll = scroll.saturating_add(1),
                Key::PageUp => *scroll = scroll.saturating_sub(10),
                Key::PageDown | Key::Char(' ') => *scroll = scroll.saturating_add(10),
                Key::Home | Key::Char('g') => *scroll = 0,
                _ => {}
            }
            return Action::Nothing;
        }
        self.in_lists(key, now)
    }

    fn in_lists(&mut self, key: Key, now: DateTime<Utc>) -> Action {
        match key {
            Key::Char('q') => return Action::Quit,
            Key::Char('?') => self.help = true,
            Key::Char('s') => self.order = self.order.next(),
            Key::Char('l') => {
                self.listed = self.listed.next();
                self.run = 0;
            }
            Key::Char('/') => self.typing = true,
            Key::Esc => self.set_filter(String::new()),
            Key::Tab => {
                self.focus = match self.focus {
                    Focus::Functions => Focus::Runs,
                    Focus::Runs => Focus::Functions,
                };
            }
            Key::Up | Key::Char('k') => self.go(-1, now),
            Key::Down | Key::Char('j') => self.go(1, now),
            Key::PageUp => self.go(-10, now),
            Key::PageDown => self.go(10, now),
            Key::Home | Key::Char('g') => self.go(isize::MIN, now),
            Key::End | Key::Char('G') => self.go(isize::MAX, now),
            Key::Enter | Key::Right => return self.enter(now),
            _ => {}
        }
        Action::Nothing
    }

    /// Into what is marked: a function's runs, or a run.
    fn enter(&mut self, now: DateTime<Utc>) -> Action {
        match self.focus {
            Focus::Functions => {
                let marked = self.functions(now).into_iter().nth(self.function);
                if let Some(function) = marked {
                    self.set_filter(function.id);
                    (self.focus, self.listed) = (Focus::Runs, Listed::Latest);
                }
                Action::Nothing
            }
            Focus::Runs => {
                let Some(id) = self.runs().get(self.run).map(|run| run.id.clone()) else {
                    return Action::Nothing;
                };
                self.opened = Some(Opened {
                    id: id.clone(),
                    run: None,
                    problem: None,
                    scroll: 0,
                });
                Action::Open(id)
            }
        }
    }

    fn go(&mut self, by: isize, now: DateTime<Utc>) {
        let (at, rows) = match self.focus {
            Focus::Functions => (self.function, self.functions(now).len()),
            Focus::Runs => (self.run, self.runs().len()),
        };
        let to = at.saturating_add_signed(by).min(rows.saturating_sub(1));
        match self.focus {
            Focus::Functions => self.function = to,
            Focus::Runs => self.run = to,
        }
    }

    fn type_filter(&mut self, key: Key) {
        match key {
            Key::Enter => self.typing = false,
            Key::Esc => {
                self.typing = false;
                self.set_filter(String::new());
            }
            Key::Backspace => {
                let mut filter = self.filter.clone();
                filter.pop();
                self.set_filter(filter);
            }
            Key::Char(c) if !c.is_control() => self.set_filter(format!("{}{c}", self.filter)),
            _ => {}
        }
    }

    fn set_filter(&mut self, filter: String) {
        self.filter = filter;
        (self.function, self.run) = (0, 0);
    }
}
