//! Text of guests and senders: whatever it holds, it is seen.

use std::borrow::Cow;
use std::fmt::Write;

/// The text with its control characters as signs. Line ends and tabs stay; what would turn the direction of text around, hide, or join
/// letters invisibly is named.
pub(in crate::http) fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            // The pictures of control characters lie in the order of the characters.
            '\0'..='\u{1f}' if is_hidden(character) => {
                out.extend(char::from_u32(0x2400 + u32::from(character)));
            }
            '\u{7f}' => out.push('\u{2421}'),
            hidden if is_hidden(hidden) => {
                // Writing to a text cannot fail.
                let _ = write!(out, "⟨U+{:04X}⟩", u32::from(hidden));
            }
            plain => out.push(plain),
        }
    }
    Cow::Owned(out)
}

/// JSON for a field in which somebody may change it: the same value, with its hidden characters as escapes.
pub(in crate::http) fn editable(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        // Inside of texts it cannot stand as it is, and between words it is space.
        if character == '\r' {
            continue;
        }
        if is_hidden(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a text cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
    out
}

fn is_hidden(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        // Marks and isolates of direction, joiners, separators of lines, the byte order mark, and tags.
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => true,
        other => other.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_named() {
        assert_eq!(shown("plain é 漢\n\t"), "plain é 漢\n\t");
        assert!(matches!(shown("plain"), Cow::Borrowed(_)));
        assert_eq!(shown("a\0b\x1b[31m\r\x7f"), "a␀b␛[31m␍␡");
        assert_eq!(shown("x\u{202e}gnp.exe"), "x⟨U+202E⟩gnp.exe");
        let json = "{\"a\":\"\u{202e}é\u{e0001}\"}";
        assert_eq!(editable(json), r#"{"a":"\u202eé\udb40\udc01"}"#);
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        assert_eq!(value(&editable(json)), value(json));
        let of_windows = "{\r\n  \"a\": \"b\\r\"\r\n}";
        assert_eq!(value(&editable(of_windows)), value(of_windows));
        assert_eq!(shown("\u{85}\u{feff}"), "⟨U+0085⟩⟨U+FEFF⟩");
    }
}
