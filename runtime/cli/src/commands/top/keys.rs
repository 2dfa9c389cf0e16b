//! Keys, from the bytes that a terminal sends. No I/O.

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    /// With Ctrl.
    Ctrl(char),
    Enter,
    Esc,
    Tab,
    Backspace,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
}

/// The keys of bytes that came at once. What is not known is left out; an escape that nothing follows is the key Esc.
pub(super) fn keys(bytes: &[u8]) -> Vec<Key> {
    let text = String::from_utf8_lossy(bytes);
    let mut rest = text.chars().peekable();
    let mut keys = Vec::new();
    while let Some(c) = rest.next() {
        let key = match c {
            '\u{1b}' => match rest.peek() {
                Some('[' | 'O') => {
                    rest.next();
                    sequence(&mut rest)
                }
                Some(_) | None => Some(Key::Esc),
            },
            '\r' | '\n' => Some(Key::Enter),
            '\t' => Some(Key::Tab),
            '\u{7f}' | '\u{8}' => Some(Key::Backspace),
            '\u{1}'..='\u{1a}' => char::from_u32(u32::from(c) + 0x60).map(Key::Ctrl),
            c if c.is_control() || c == '\u{fffd}' => None,
            c => Some(Key::Char(c)),
        };
        keys.extend(key);
    }
    keys
}

/// What follows `ESC [` or `ESC O`: numbers, then the letter that ends it.
fn sequence(rest: &mut impl Iterator<Item = char>) -> Option<Key> {
    let mut number = String::new();
    let end = rest.find(|c| {
        let of_number = matches!(c, '0'..='9' | ';');
        if of_number {
            number.push(*c);
        }
        !of_number
    })?;
    let number = number.split(';').next().unwrap_or_default();
    Some(match (end, number) {
        ('A', _) => Key::Up,
        ('B', _) => Key::Down,
        ('C', _) => Key::Right,
        ('D', _) => Key::Left,
        ('H', _) | ('~', "1" | "7") => Key::Home,
        ('F', _) | ('~', "4" | "8") => Key::End,
        ('~', "5") => Key::PageUp,
        ('~', "6") => Key::PageDown,
        // Tab backwards: there are two lists only.
        ('Z', _) => Key::Tab,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_arrows_and_what_terminals_call_the_other_keys() {
        assert_eq!(keys(b"j\xc3\xa4"), [Key::Char('j'), Key::Char('ä')]);
        assert_eq!(keys(b"\x1b[A\x1bOB"), [Key::Up, Key::Down]);
        assert_eq!(keys(b"\x1b[5~\x1b[6;5~"), [Key::PageUp, Key::PageDown]);
        assert_eq!(
            keys(b"\x1b[1~\x1b[F\x1b[Z"),
            [Key::Home, Key::End, Key::Tab]
        );
        assert_eq!(
            keys(b"\r\t\x7f\x1b"),
            [Key::Enter, Key::Tab, Key::Backspace, Key::Esc]
        );
        assert_eq!(keys(b"\x03\x04"), [Key::Ctrl('c'), Key::Ctrl('d')]);
    }

    #[test]
    fn what_is_no_key_is_left_out() {
        assert_eq!(keys(b"\x1b[200~q\xff\x00"), [Key::Char('q')]);
        assert_eq!(keys(b"\x1b["), []);
        assert_eq!(keys(b""), []);
    }
}
