//! The terminal while `abide top` has it: raw, on its second screen, and given back however the program ends.

use std::io::{Stdout, Write, stdin, stdout};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use anyhow::{Context, Result};
use chrono::Utc;
use ratatui::Terminal;
use ratatui::layout::Size;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::backend::Ansi;
use super::draw::draw;
use super::keys::{Key, keys};
use super::view::View;

/// How soon the thread that reads keys notices that nobody wants them any more.
const POLL: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};

/// How the terminal was set before it was ours.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

fn before() -> MutexGuard<'static, Option<Termios>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the user does.
pub(super) enum Input {
    Key(Key),
    Resize,
    /// A signal asks the process to end, or the terminal is gone.
    End,
}

/// See the [module](self).
pub(super) struct Screen {
    terminal: Terminal<Ansi<Stdout>>,
    keys: UnboundedReceiver<Key>,
    resized: Signal,
    asked_to_end: UnboundedReceiver<()>,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn take() -> Result<Self> {
        give_back_on_panic();
        // Before the terminal is changed: a signal that comes now would leave it so.
        let resized = signal(SignalKind::window_change())?;
        let asked_to_end = signals_to_end()?;
        let taken = take_terminal().and_then(|()| {
            let terminal = Terminal::new(Ansi::new(stdout(), size))?;
            let (tell, keys) = unbounded_channel();
            let read = move || read_keys(&tell);
            std::thread::Builder::new()
                .name("keys".into())
                .spawn(read)?;
            Ok(Self {
                terminal,
                keys,
                resized,
                asked_to_end,
            })
        });
        if taken.is_err() {
            give_back();
        }
        taken.context("cannot draw on this terminal; `abide top --once` prints one frame as text")
    }

    /// What the user does next. Dropping the future loses nothing.
    pub(super) async fn input(&mut self) -> Input {
        tokio::select! {
            biased;
            _ = self.asked_to_end.recv() => Input::End,
            key = self.keys.recv() => key.map_or(Input::End, Input::Key),
            _ = self.resized.recv() => Input::Resize,
        }
    }

    /// Draws a frame.
    pub(super) fn draw(&mut self, view: &View) -> Result<()> {
        // Another thread panicked, and has said so on the ordinary screen.
        anyhow::ensure!(before().is_some(), "a part of the program failed");
        let now = Utc::now();
        let drawn = self.terminal.draw(|frame| draw(frame, view, now));
        drawn.map(|_| ()).context("cannot write to the terminal")
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn take_terminal() -> Result<()> {
    let usual = tcgetattr(stdin())?;
    let mut raw = usual.clone();
    raw.make_raw();
    *before() = Some(usual);
    tcsetattr(stdin(), OptionalActions::Now, &raw)?;
    // The second screen, empty, without a cursor.
    let mut out = stdout();
    out.write_all(b"\x1b[?1049h\x1b[2J\x1b[?25l")?;
    out.flush()?;
    Ok(())
}

/// Gives the terminal back, once. Errors have nobody to be told to: the terminal is what failed.
fn give_back() {
    let Some(usual) = before().take() else {
        return;
    };
    let mut out = stdout();
    let _ = out.write_all(b"\x1b[0m\x1b[?25h\x1b[?1049l");
    let _ = out.flush();
    let _ = tcsetattr(stdin(), OptionalActions::Now, &usual);
}

/// The message of a panic is to be read on the ordinary screen.
fn give_back_on_panic() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            usual(panic);
        }));
    });
}

fn size() -> Size {
    let size = tcgetwinsize(stdout());
    let size = size.map(|size| (size.ws_col, size.ws_row));
    match size {
        Ok((columns, rows)) if columns > 0 && rows > 0 => Size::new(columns, rows),
        // A terminal that does not know its size has the usual one.
        _ => Size::new(80, 24),
    }
}

/// Reads keys until nobody wants them or the terminal is gone.
fn read_keys(tell: &UnboundedSender<Key>) {
    let mut bytes = [0; 256];
    while !tell.is_closed() {
        let stdin = stdin();
        let mut waiting = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut waiting, Some(&POLL)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => return,
        }
        // Not through the buffer of `std`: what is in it would not be seen by `poll`.
        let Ok(count @ 1..) = rustix::io::read(&stdin, &mut bytes) else {
            return;
        };
        for key in keys(&bytes[..count]) {
            if tell.send(key).is_err() {
                return;
            }
        }
    }
}

/// Says when a signal asks the process to end: the terminal is to be given back first.
fn signals_to_end() -> Result<UnboundedReceiver<()>> {
    let (tell, told) = unbounded_channel();
    for kind in [
        SignalKind::terminate(),
        SignalKind::hangup(),
        SignalKind::interrupt(),
        SignalKind::quit(),
    ] {
        let mut signal = signal(kind)?;
        let tell = tell.clone();
        tokio::spawn(async move {
            signal.recv().await;
            // Nobody listens: the program is about to end anyway.
            let _ = tell.send(());
        });
    }
    Ok(told)
}
