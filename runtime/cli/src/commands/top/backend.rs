//! Frames as the bytes that a terminal understands: cells that changed, with their colours, by ECMA-48. What ratatui asks of a backend, and no more.

use std::fmt::Write as _;
use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};

/// Draws on what `W` writes to.
pub(super) struct Ansi<W> {
    out: W,
    size: fn() -> Size,
}

impl<W: Write> Ansi<W> {
    /// A terminal of this size, which may change.
    pub(super) fn new(out: W, size: fn() -> Size) -> Self {
        Self { out, size }
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }
}

impl<W: Write> Backend for Ansi<W> {
    type Error = io::Error;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, content: I) -> io::Result<()> {
        let mut text = String::new();
        let mut style = None;
        let mut cursor = None;
        for (x, y, cell) in content {
            if cursor != Some((x, y)) {
                let _ = write!(text, "\x1b[{};{}H", y + 1, x + 1);
            }
            // Where the cursor stands after wide characters, terminals do not agree.
            cursor = cell.symbol().is_ascii().then_some((x + 1, y));
            let wanted = (cell.fg, cell.modifier);
            if style != Some(wanted) {
                text.push_str(&style_of(cell.fg, cell.modifier));
                style = Some(wanted);
            }
            text.push_str(cell.symbol());
        }
        text.push_str("\x1b[0m");
        self.say(&text)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.say("\x1b[?25l")
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.say("\x1b[?25h")
    }

    /// Nothing is ever drawn where the cursor is.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let Position { x, y } = position.into();
        self.say(&format!("\x1b[{};{}H", y + 1, x + 1))
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        self.say(match region {
            ClearType::All => "\x1b[2J",
            ClearType::AfterCursor => "\x1b[J",
            ClearType::BeforeCursor => "\x1b[1J",
            ClearType::CurrentLine => "\x1b[2K",
            ClearType::UntilNewLine => "\x1b[K",
        })
    }

    fn size(&self) -> io::Result<Size> {
        Ok((self.size)())
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize {
            columns_rows: (self.size)(),
            pixels: Size::ZERO,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn style_of(colour: Color, modifier: Modifier) -> String {
    let mut text = String::from("\x1b[0");
    for (has, code) in [
        (Modifier::BOLD, ";1"),
        (Modifier::DIM, ";2"),
        (Modifier::REVERSED, ";7"),
    ] {
        if modifier.contains(has) {
            text.push_str(code);
        }
    }
    // The colours that frames have; any other one is the terminal's own.
    text.push_str(match colour {
        Color::Red => ";31",
        Color::Green => ";32",
        Color::Yellow => ";33",
        Color::Magenta => ";35",
        Color::Cyan => ";36",
        _ => "",
    });
    text.push('m');
    text
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::style::Style;
    use ratatui::text::Span;
    use ratatui::widgets::Paragraph;

    use super::*;

    #[test]
    fn only_cells_that_changed_are_written() {
        let size = || Size::new(4, 1);
        let mut out = Vec::new();
        let mut terminal = Terminal::new(Ansi::new(&mut out, size)).expect("a terminal");
        for text in ["ab", "ac"] {
            let red = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
            let span = Span::styled(text, red);
            let drawn =
                terminal.draw(|frame| frame.render_widget(Paragraph::new(span), frame.area()));
            drawn.expect("it draws");
        }
        drop(terminal);
        let text = String::from_utf8(out).expect("text");
        assert_eq!(text.matches("\x1b[0;1;31m").count(), 2, "{text:?}");
        assert!(
            text.contains("ab") && text.contains("\x1b[1;2H\x1b[0;1;31mc\x1b[0m"),
            "{text:?}"
        );
    }
}
