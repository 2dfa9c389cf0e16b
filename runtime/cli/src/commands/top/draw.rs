//! One frame of `abide top`: a head, functions, runs, and what was opened above them. Draws what it is given; data cannot play with the terminal,
//! because cells hold no control characters.

use chrono::{DateTime, TimeDelta, Utc};
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Clear, Paragraph, Row, Table, TableState, Wrap};

use super::hour::{Hour, SHOWN};
use super::model::{Figures, Known};
use super::view::{Focus, Opened, View};
use crate::client::model::Status;
use crate::render::time;
use crate::render::waterfall::waterfall;
use crate::terminal::{Look, visible};

const HELP: &str = "\
 ↑ ↓  j k        the row above, below (PgUp, PgDn, Home, End)
 Tab             functions, runs
 Enter  →        the runs of a function; a run step by step
 Esc  ←          back; no filter
 s               other order of functions
 l               other runs: failures, under way, latest
 /               filter by name of function
 q  Ctrl-C       quit

 Counts are of the runs that this program knows: those under way
 and the latest ones. Rates are of the last minute; failures and
 durations of the last hour, as the server counts them.";

/// Between two columns.
const SPACING: u16 = 2;

const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);

/// Draws the view as it is at `now`.
pub(super) fn draw(frame: &mut Frame<'_>, view: &View, now: DateTime<Utc>) {
    let area = frame.area();
    let functions = view.functions(now);
    let wanted = u16::try_from(functions.len().max(1)).unwrap_or(u16::MAX);
    let head_rows = if view.model.hour.is_some() { 4 } else { 3 };
    let [head, upper, lower, foot] = Layout::vertical([
        Constraint::Length(head_rows),
        Constraint::Length(wanted.saturating_add(3).min(area.height / 2)),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area);
    draw_head(frame, head, view, now);
    draw_functions(frame, upper, view, &functions, now);
    draw_runs(frame, lower, view, now);
    draw_foot(frame, foot, view);
    if let Some(opened) = &view.opened {
        let [_, body, _] = Layout::vertical([
            Constraint::Length(head_rows),
            Constraint::Fill(1),
            Constraint::Length(1),
        ])
        .areas(area);
        draw_opened(frame, body, opened, now);
    }
    if view.help {
        draw_help(frame, area);
    }
}

fn draw_head(frame: &mut Frame<'_>, area: Rect, view: &View, now: DateTime<Utc>) {
    let health = &view.model.health;
    let (counts, minute) = view.model.totals(&view.filter, now);
    let title = Line::from(vec![
        Span::styled("abide top", BOLD),
        Span::raw(format!("  {}", visible(&view.place))),
        Span::styled(
            format!(
                "  {}  up {}",
                visible(&health.version),
                time::duration(TimeDelta::milliseconds(health.uptime_ms))
            ),
            DIM,
        ),
    ]);
    let more = if view.model.more { "+" } else { "" };
    let figure = |name: &str, n: usize, style: Style| {
        [
            Span::styled(format!("{name} "), DIM),
            Span::styled(n.to_string(), if n == 0 { DIM } else { style }),
            Span::raw("  "),
        ]
    };
    let mut runs = vec![Span::styled(format!("{:<9}", "runs"), BOLD)];
    for (name, n, colour) in [
        ("queued", counts.queued, Color::Cyan),
        ("running", counts.running, Color::Cyan),
        ("sleeping", counts.sleeping, Color::Yellow),
        ("waiting", counts.waiting, Color::Yellow),
        ("paused", counts.paused, Color::Magenta),
    ] {
        runs.extend(figure(name, n, Style::new().fg(colour)));
    }
    runs.push(Span::raw(more));
    let mut last = vec![Span::styled(format!("{:<9}", "a minute"), BOLD)];
    for (name, n, colour) in [
        ("started", minute.started, Color::Reset),
        ("completed", minute.completed, Color::Green),
        ("failed", minute.failed, Color::Red),
        ("cancelled", minute.cancelled, Color::Yellow),
    ] {
        last.extend(figure(name, n, Style::new().fg(colour)));
    }
    last.push(Span::styled(
        format!(
            "· executing {}  in memory {}",
            health.executing, health.resident
        ),
        DIM,
    ));
    let mut text = vec![title, Line::from(runs), Line::from(last)];
    text.extend(
        view.model
            .hour
            .as_ref()
            .map(|hour| hour_line(hour, area.width)),
    );
    frame.render_widget(Paragraph::new(text), area);
    let corner = match &view.model.lost {
        Some(_) => Span::styled("server gone", Style::new().fg(Color::Red)),
        None => Span::styled(now.format("%H:%M:%S UTC").to_string(), DIM),
    };
    let corner_area = Rect { height: 1, ..area };
    frame.render_widget(
        Paragraph::new(Line::from(corner)).alignment(Alignment::Right),
        corner_area,
    );
}

/// The last hour in one line.
fn hour_line(hour: &Hour, width: u16) -> Line<'static> {
    let mut line = vec![Span::styled(format!("{:<9}", "an hour"), BOLD)];
    // Beside the columns there are a name and a figure.
    let columns = (usize::from(width).saturating_sub(9) / SHOWN.len())
        .saturating_sub(17)
        .max(4);
    for (name, shown) in SHOWN {
        let Some(series) = hour.of(name) else {
            continue;
        };
        let figure = match name {
            "run_duration_p95" => series.latest().map(in_words),
            "backlog" => series.latest().map(|runs| format!("{runs:.0}")),
            _ => Some(format!("{:.0}/min", series.last_minute())),
        };
        line.push(Span::styled(format!("{shown} "), DIM));
        line.push(Span::raw(series.columns(columns)));
        line.push(Span::raw(format!(" {}  ", figure.unwrap_or_default())));
    }
    Line::from(line)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a duration in milliseconds"
)]
fn in_words(ms: f64) -> String {
    time::duration(TimeDelta::milliseconds(ms as i64))
}

fn panel(title: String, focused: bool) -> Block<'static> {
    let style = if focused {
        Style::new().fg(Color::Cyan)
    } else {
        DIM
    };
    let title = Span::styled(title, if focused { style.patch(BOLD) } else { style });
    Block::new()
        .borders(Borders::TOP)
        .border_style(style)
        .title(Line::from(title))
}

/// A table whose marked row stays in sight.
fn show(frame: &mut Frame<'_>, area: Rect, table: Table<'_>, marked: Option<usize>) {
    let mark = Style::new().add_modifier(Modifier::REVERSED);
    let mut state = TableState::new().with_selected(marked);
    frame.render_stateful_widget(
        table.column_spacing(SPACING).row_highlight_style(mark),
        area,
        &mut state,
    );
}

fn draw_functions(
    frame: &mut Frame<'_>,
    area: Rect,
    view: &View,
    functions: &[Figures],
    now: DateTime<Utc>,
) {
    let focused = view.focus == Focus::Functions;
    let title = format!(" functions, by {} ", view.order.name());
    let block = panel(title, focused);
    if functions.is_empty() {
        let hint = if view.filter.is_empty() {
            "No function is deployed: `abide deploy` deploys an app, `abide dev` serves one while you write it."
        } else {
            "No function has this in its name."
        };
        let hint = Paragraph::new(hint).wrap(Wrap { trim: true });
        frame.render_widget(hint.style(DIM).block(block), area);
        return;
    }
    let none = || "–".to_owned();
    let took = |delta: Option<TimeDelta>| delta.map_or_else(none, time::duration);
    let fits = that_fit(&COLUMNS, NAME_COLUMNS, area.width);
    let rows = functions.iter().map(|function| {
        let mut name = visible(&function.id);
        if function.paused {
            name.push_str(" (paused)");
        }
        let failed = function
            .failed
            .map_or_else(none, |percent| format!("{percent:.1}%"));
        let odd = if function.failed.is_some_and(|percent| percent > 0.0) {
            Style::new().fg(Color::Red)
        } else {
            DIM
        };
        let ago = function.latest.map(|at| time::relative(at, now));
        let cells = [
            number(function.counts.queued),
            number(function.under_way() - function.counts.queued),
            number(function.minute.started),
            number(function.minute.completed + function.minute.failed + function.minute.cancelled),
            Cell::from(Line::from(Span::styled(failed, odd)).alignment(Alignment::Right)),
            right(took(function.p50)),
            right(took(function.p95)),
            right(ago.unwrap_or_else(none)),
        ];
        let cells = cells.into_iter().zip(fits).filter(|(_, fits)| *fits);
        Row::new(std::iter::once(Cell::from(name)).chain(cells.map(|(cell, _)| cell)))
    });
    let columns = COLUMNS.iter().zip(fits).filter(|(_, fits)| *fits);
    let columns: Vec<_> = columns.map(|(column, _)| column).collect();
    let widths = columns
        .iter()
        .map(|(_, width, _)| Constraint::Length(*width));
    let widths = std::iter::once(Constraint::Fill(1)).chain(widths);
    let head = columns.iter().map(|(name, ..)| right((*name).to_owned()));
    let head = std::iter::once(Cell::from("FUNCTION")).chain(head);
    let table = Table::new(rows, widths)
        .header(Row::new(head).style(BOLD))
        .block(block);
    show(frame, area, table, focused.then_some(view.function));
}

/// The columns beside a function's name: what they are called, how wide they are, and which of them goes first where there is no room.
const COLUMNS: [(&str, u16, u8); 8] = [
    ("QUEUED", 6, 4),
    ("ACTIVE", 6, 8),
    ("STARTED", 7, 3),
    ("ENDED", 5, 5),
    ("FAILED", 6, 7),
    ("P50", 7, 2),
    ("P95", 7, 6),
    ("LATEST", 10, 1),
];

/// The least columns that a function's name has.
const NAME_COLUMNS: u16 = 20;

/// The columns beside a run's function and what came of the run, likewise. Enter opens a run, so its id is not needed.
const RUN_COLUMNS: [(&str, u16, u8); 4] = [
    ("RUN", 26, 2),
    ("STATUS", 9, 4),
    ("QUEUED", 11, 3),
    ("TOOK", 7, 1),
];

/// The least columns that are left for what came of a run.
const NOTE_COLUMNS: u16 = 12;

/// Which columns there is room for beside the `least` that others have.
fn that_fit<const N: usize>(columns: &[(&str, u16, u8); N], least: u16, width: u16) -> [bool; N] {
    let mut fits = [true; N];
    let mut order: Vec<usize> = (0..N).collect();
    order.sort_by_key(|column| columns[*column].2);
    for gone in order {
        let taken = columns.iter().zip(fits).filter(|(_, fits)| *fits);
        let taken: u16 = taken.map(|((_, columns, _), _)| columns + SPACING).sum();
        if least + taken <= width {
            break;
        }
        fits[gone] = false;
    }
    fits
}

fn right(text: String) -> Cell<'static> {
    Cell::from(Line::from(text).alignment(Alignment::Right))
}

fn number(n: usize) -> Cell<'static> {
    let style = if n == 0 { DIM } else { Style::new() };
    Cell::from(Line::from(Span::styled(n.to_string(), style)).alignment(Alignment::Right))
}

fn draw_runs(frame: &mut Frame<'_>, area: Rect, view: &View, now: DateTime<Utc>) {
    let focused = view.focus == Focus::Runs;
    let runs = view.runs();
    let block = panel(format!(" {} ", view.listed.name()), focused);
    if runs.is_empty() {
        frame.render_widget(Paragraph::new("none").style(DIM).block(block), area);
        return;
    }
    let name = runs
        .iter()
        .map(|run| crate::terminal::columns(&run.function));
    let name = name.max().unwrap_or(0).clamp(8, 30);
    let name = u16::try_from(name).unwrap_or(30);
    let [run, status, queued, took] =
        that_fit(&RUN_COLUMNS, name + SPACING + NOTE_COLUMNS, area.width);
    let fits = [run, true, status, queued, took, true];
    let rows = runs.iter().map(|run| row_of(run, now, fits));
    let [run, status, queued, took] = RUN_COLUMNS.map(|(name, width, _)| (name, width));
    let function = ("FUNCTION", name);
    let columns = that_are([run, function, status, queued, took, ("", 0)], fits);
    let (head, widths): (Vec<_>, Vec<_>) = columns
        .map(|(name, width)| match width {
            0 => (name, Constraint::Fill(1)),
            width => (name, Constraint::Length(width)),
        })
        .unzip();
    let head = Row::new(head).style(BOLD);
    let table = Table::new(rows, widths).header(head).block(block);
    show(frame, area, table, focused.then_some(view.run));
}

/// Those of the columns that there is room for.
fn that_are<T, const N: usize>(columns: [T; N], fits: [bool; N]) -> impl Iterator<Item = T> {
    let columns = columns.into_iter().zip(fits);
    columns.filter(|(_, fits)| *fits).map(|(column, _)| column)
}

fn row_of(run: &Known, now: DateTime<Utc>, fits: [bool; 6]) -> Row<'static> {
    let colour = match run.status {
        Status::Completed => Color::Green,
        Status::Failed => Color::Red,
        Status::Queued | Status::Running => Color::Cyan,
        Status::Sleeping | Status::Waiting | Status::Paused => Color::Yellow,
        Status::Cancelled | Status::Skipped | Status::Unknown => Color::Reset,
    };
    let queued = run.queued.map(|at| time::relative(at, now));
    let took = run.took(now).map(time::duration);
    let cells = [
        Cell::from(visible(&run.id)),
        Cell::from(visible(&run.function)),
        Cell::from(Span::styled(run.status.to_string(), colour)),
        Cell::from(queued.unwrap_or_default()),
        Cell::from(took.unwrap_or_default()),
        Cell::from(Span::styled(visible(&run.note), DIM)),
    ];
    Row::new(that_are(cells, fits))
}

fn draw_foot(frame: &mut Frame<'_>, area: Rect, view: &View) {
    let line = if view.typing {
        Line::from(format!("filter: {}▏", visible(&view.filter)))
    } else if let Some(why) = &view.model.lost {
        let text = format!("the server is gone, trying again: {}", visible(why));
        Line::from(Span::styled(text, Style::new().fg(Color::Red)))
    } else if view.opened.is_some() {
        Line::from(Span::styled("↑ ↓ scroll  Esc back  q quit", DIM))
    } else {
        // What does not fit is cut off: the way to the rest comes first.
        let keys = Span::styled("q quit  ? help  ", DIM);
        let filter = match view.filter.as_str() {
            "" => String::new(),
            filter => format!("only “{}” (Esc: all)  ", visible(filter)),
        };
        let more = Span::styled("Enter open  l runs  / filter  s order  Tab  ↑ ↓", DIM);
        Line::from(vec![keys, Span::raw(filter), more])
    };
    frame.render_widget(Paragraph::new(line), area);
}

fn draw_opened(frame: &mut Frame<'_>, area: Rect, opened: &Opened, now: DateTime<Utc>) {
    frame.render_widget(Clear, area);
    let block = panel(format!(" run {} ", visible(&opened.id)), true);
    let text = match (&opened.problem, &opened.run) {
        (Some(problem), _) => visible(problem),
        (None, None) => "reading…".to_owned(),
        (None, Some(run)) => {
            let look = Look {
                width: usize::from(area.width).max(40),
                colour: false,
                terminal: true,
            };
            waterfall(look, run, now)
        }
    };
    let lines: Vec<Line<'_>> = text.lines().map(painted).collect();
    let height = usize::from(area.height.saturating_sub(1));
    let most = u16::try_from(lines.len().saturating_sub(height)).unwrap_or(u16::MAX);
    let text = Paragraph::new(lines).block(block);
    frame.render_widget(text.scroll((opened.scroll.min(most), 0)), area);
}

/// A line of a waterfall, in the colour of its mark.
fn painted(line: &str) -> Line<'_> {
    let style = match line.trim_start().chars().next() {
        Some('✗') => Style::new().fg(Color::Red),
        Some('✓') => Style::new().fg(Color::Green),
        Some('▶') => Style::new().fg(Color::Cyan),
        Some('◷' | '↻') => Style::new().fg(Color::Yellow),
        _ => Style::new(),
    };
    Line::from(Span::styled(line, style))
}

fn draw_help(frame: &mut Frame<'_>, area: Rect) {
    let height = u16::try_from(HELP.lines().count()).unwrap_or(0) + 2;
    let [_, middle, _] = Layout::vertical([
        Constraint::Fill(1),
        Constraint::Length(height),
        Constraint::Fill(1),
    ])
    .areas(area);
    let [_, middle, _] = Layout::horizontal([
        Constraint::Fill(1),
        Constraint::Length(70),
        Constraint::Fill(1),
    ])
    .areas(middle);
    frame.render_widget(Clear, middle);
    let block = Block::bordered().title(" keys ");
    frame.render_widget(Paragraph::new(HELP).block(block), middle);
}
