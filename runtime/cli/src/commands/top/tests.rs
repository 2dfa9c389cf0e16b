//! Frames as text, and what keys do.

use chrono::{DateTime, TimeDelta, Utc};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::json;

use super::draw::draw;
use super::feed::{Lists, News};
use super::keys::Key;
use super::model::{Deployed, Health};
use super::view::{Action, View};
use super::{take, take_lists};
use crate::client::model::Run;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_772_366_400_000).expect("a time")
}

/// A run that was created so many seconds ago and ended so many seconds later.
fn run(n: u32, function: &str, status: &str, ago_s: i64, took_ms: Option<i64>) -> Run {
    let queued = now() - TimeDelta::seconds(ago_s);
    let ended = took_ms.map(|ms| (queued + TimeDelta::milliseconds(ms)).to_rfc3339());
    let error = (status == "Failed")
        .then(|| json!({"name": "Busy", "message": "503 from the bank\u{1b}[2J\u{202e}"}));
    let json = json!({
        "run_id": format!("01M7ZMPY7TEPQ1ZSHR20479{n:03}"), "function_id": function, "status": status,
        "queued_at": queued.to_rfc3339(), "started_at": queued.to_rfc3339(), "ended_at": ended, "error": error,
    });
    serde_json::from_str(&json.to_string()).expect("a run")
}

fn view() -> View {
    let mut runs = vec![
        run(1, "shop/pay", "Failed", 300, Some(1_250)),
        run(2, "shop/pay", "Completed", 200, Some(80)),
        run(3, "shop/remind", "Sleeping", 7_200, None),
        run(4, "shop/pay", "Running", 20, None),
        run(5, "shop/pay", "Queued", 5, None),
        run(6, "docs/日本", "Waiting", 40, None),
        run(7, "shop/pay", "Failed", 30, Some(2_000)),
    ];
    runs.extend((10..60).map(|n| run(n, "shop/mail", "Completed", 50, Some(i64::from(n)))));
    let mut view = View {
        place: "http://127.0.0.1:8288".to_owned(),
        ..View::default()
    };
    let functions = [
        ("shop/pay", false),
        ("shop/remind", false),
        ("shop/idle", true),
    ];
    take_lists(
        &mut view,
        Lists {
            health: Health {
                status: "ok".into(),
                version: "0.1.0".into(),
                uptime_ms: 7_500_000,
                executing: 1,
                resident: 3,
                queued: 0,
            },
            hour: serde_json::from_value(json!({"series": [
                {"name": "runs_started", "values": vec![Some(2.0); 350]},
                {"name": "backlog", "values": [null, 3.0, 1.0]},
                {"name": "run_duration_p95", "values": [80.0, 1_250.0]},
            ]}))
            .ok(),
            functions: functions
                .map(|(id, paused)| Deployed {
                    id: id.to_owned(),
                    paused,
                    hour: None,
                })
                .into(),
            runs,
            more: false,
        },
    );
    view
}

fn shown(view: &View, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal
        .draw(|frame| draw(frame, view, now()))
        .expect("it draws");
    terminal.backend().to_string()
}

fn press(view: &mut View, keys: &[Key]) -> Action {
    let mut action = Action::Nothing;
    for key in keys {
        action = view.key(*key, now());
    }
    action
}

fn letters(text: &str) -> Vec<Key> {
    text.chars().map(Key::Char).collect()
}

#[test]
fn a_frame_shows_runs_by_status_functions_with_their_figures_and_the_latest_failures() {
    insta::assert_snapshot!(shown(&view(), 100, 20));
}

#[test]
fn a_small_terminal_and_an_empty_server_make_a_frame_too() {
    insta::assert_snapshot!(shown(&View::default(), 60, 12));
    for (width, height) in [(1, 1), (10, 3), (30, 7), (400, 100)] {
        shown(&view(), width, height);
    }
}

#[test]
fn where_there_is_no_room_the_names_of_functions_stay_and_columns_go() {
    let head = |width| {
        let text = shown(&view(), width, 20);
        let line = text.lines().find(|line| line.contains("FUNCTION"));
        let words = line.expect("a head").trim_matches('"').split_whitespace();
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    let whole = "FUNCTION QUEUED ACTIVE STARTED ENDED FAILED P50 P95 LATEST";
    assert_eq!(head(100).join(" "), whole);
    assert_eq!(
        head(60).join(" "),
        "FUNCTION QUEUED ACTIVE ENDED FAILED P95"
    );
    assert_eq!(head(40).join(" "), "FUNCTION ACTIVE FAILED");
    assert!(shown(&view(), 24, 20).contains("shop/remind"));

    let head = |width| {
        let text = shown(&view(), width, 20);
        let line = text.lines().find(|line| line.contains("STATUS"));
        let words = line.expect("a head").trim_matches('"').split_whitespace();
        words.map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(head(100), "RUN FUNCTION STATUS QUEUED TOOK");
    assert_eq!(head(80), "RUN FUNCTION STATUS QUEUED");
    assert_eq!(head(46), "FUNCTION STATUS QUEUED");
    let narrow = shown(&view(), 46, 20);
    assert!(narrow.contains("Busy: 503"), "{narrow}");
}

#[test]
fn a_run_is_found_and_opened_with_keys_and_drawn_anew_when_it_changes() {
    let mut view = view();
    press(&mut view, &letters("/pay"));
    press(&mut view, &[Key::Enter]);
    let text = shown(&view, 100, 20);
    assert!(
        text.contains("only “pay”") && !text.contains("shop/mail"),
        "{text}"
    );
    let action = press(&mut view, &[Key::Tab, Key::Down, Key::Enter]);
    let id = "01M7ZMPY7TEPQ1ZSHR20479001".to_owned();
    assert_eq!(action, Action::Open(id.clone()));
    assert!(shown(&view, 100, 20).contains("reading…"));
    let read = Box::new(run(1, "shop/pay", "Failed", 300, Some(1_250)));
    assert_eq!(take(&mut view, News::Opened(id.clone(), Ok(read))), None);
    insta::assert_snapshot!(shown(&view, 80, 16));
    let changed = run(1, "shop/pay", "Running", 300, None);
    assert_eq!(take(&mut view, News::Run(Box::new(changed))), Some(id));
    press(&mut view, &[Key::Esc]);
    assert!(view.opened.is_none());
    press(&mut view, &[Key::Esc]);
    assert_eq!(view.filter, "");
}

#[test]
fn orders_and_lists_change_with_keys() {
    let mut view = view();
    let first = |view: &View| view.functions(now())[0].id.clone();
    let mut firsts = vec![first(&view)];
    for _ in 0..4 {
        press(&mut view, &letters("s"));
        firsts.push(first(&view));
    }
    assert_eq!(
        firsts,
        ["shop/pay", "shop/mail", "shop/pay", "shop/pay", "docs/日本"]
    );
    let sizes: Vec<_> = (0..3)
        .map(|_| {
            let size = view.runs().len();
            press(&mut view, &letters("l"));
            size
        })
        .collect();
    assert_eq!(sizes, [2, 4, 57]);
    press(&mut view, &[Key::End, Key::Down, Key::PageUp]);
    press(&mut view, &[Key::Home]);
    assert_eq!(view.function, 0);
    press(&mut view, &letters("?"));
    assert!(shown(&view, 100, 24).contains("the row above, below"));
    press(&mut view, &letters("x"));
    assert!(!view.help);
    assert_eq!(press(&mut view, &letters("q")), Action::Quit);
    assert_eq!(press(&mut view, &[Key::Ctrl('c')]), Action::Quit);
}

#[test]
fn a_server_that_is_gone_is_told_and_what_was_known_stays() {
    let mut view = view();
    take(&mut view, News::Lost("connection refused\u{1b}[2J".into()));
    let text = shown(&view, 100, 20);
    assert!(
        text.contains("server gone") && text.contains("shop/pay"),
        "{text}"
    );
    assert!(text.contains("connection refused␛[2J"), "{text}");
}

#[test]
fn one_frame_is_text_without_escapes_and_without_keys() {
    let text = super::frame(&view(), 100).expect("a frame");
    assert!(text.starts_with("abide top") && text.ends_with('\n'));
    assert!(
        !text.contains('\u{1b}') && !text.contains("q quit"),
        "{text}"
    );
    assert!(text.contains("docs/日本  "), "{text}");
}
