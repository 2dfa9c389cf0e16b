//! Server-sent events: the lines of a stream become messages.

use reqwest::Response;

use super::{ClientError, unreachable};

/// A message of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// Its name; `message` where the stream names none.
    pub(crate) name: String,
    /// Its data; several `data` lines are joined by line feeds.
    pub(crate) data: String,
}

/// An open stream.
pub(crate) struct Stream {
    response: Response,
    parser: Parser,
    base: String,
}

impl Stream {
    pub(super) fn new(response: Response, base: String) -> Self {
        Self {
            response,
            parser: Parser::default(),
            base,
        }
    }

    /// The next message; nothing when the server ended the stream. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Option<Message>, ClientError> {
        loop {
            if let Some(message) = self.parser.next() {
                return Ok(Some(message));
            }
            match self
                .response
                .chunk()
                .await
                .map_err(|error| unreachable(&self.base, &error))?
            {
                Some(bytes) => self.parser.push(&bytes),
                None => return Ok(None),
            }
        }
    }
}

/// Takes bytes in whatever pieces they come.
#[derive(Debug, Default)]
struct Parser {
    bytes: Vec<u8>,
    /// How much of `bytes` is read.
    read: usize,
    name: String,
    data: Option<String>,
}

impl Parser {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.read);
        self.read = 0;
        self.bytes.extend_from_slice(bytes);
    }

    fn next(&mut self) -> Option<Message> {
        loop {
            let rest = &self.bytes[self.read..];
            let end = rest.iter().position(|byte| *byte == b'\n')?;
            let line = String::from_utf8_lossy(&rest[..end])
                .trim_end_matches('\r')
                .to_owned();
            self.read += end + 1;
            if line.is_empty() {
                let name = std::mem::take(&mut self.name);
                if let Some(data) = self.data.take() {
                    let name = if name.is_empty() {
                        "message".to_owned()
                    } else {
                        name
                    };
                    return Some(Message { name, data });
                }
            } else {
                self.field(&line);
            }
        }
    }

    fn field(&mut self, line: &str) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                none => *none = Some(value.to_owned()),
            },
            // Comments keep the connection open; ids and retry times are not used here.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(pieces: &[&str]) -> Vec<(String, String)> {
        let mut parser = Parser::default();
        let mut all = Vec::new();
        for piece in pieces {
            parser.push(piece.as_bytes());
            while let Some(message) = parser.next() {
                all.push((message.name, message.data));
            }
        }
        all
    }

    #[test]
    fn messages_come_out_however_the_bytes_are_cut() {
        let text = ": hello\r\n\r\nevent: run\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\ndata:é\nid: 7\n\ndata: cut off";
        let expected = vec![
            ("run".to_owned(), "{\"a\":\n1}".to_owned()),
            ("message".to_owned(), "é".to_owned()),
        ];
        assert_eq!(messages(&[text]), expected);
        for cut in text.char_indices().map(|(at, _)| at) {
            assert_eq!(
                messages(&[&text[..cut], &text[cut..]]),
                expected,
                "cut at {cut}"
            );
        }
    }
}
