//! Splits the text of an expression into tokens.
//!
//! Bytes literals, escaped identifiers and the optional syntax of CEL are refused by name: events are JSON and need none.

use super::InvalidExpr;

/// One token and the byte at which it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spanned {
    pub(super) token: Token,
    pub(super) at: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Int(i128),
    Double(f64),
    Text(String),
    Name(String),
    Sign(&'static str),
    End,
}

impl Token {
    /// How a message names the token.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Int(number) => format!("`{number}`"),
            Self::Double(number) => format!("`{number}`"),
            Self::Text(_) => "a string".to_owned(),
            Self::Name(name) => format!("`{name}`"),
            Self::Sign(sign) => format!("`{sign}`"),
            Self::End => "the end of the expression".to_owned(),
        }
    }
}

/// Longer signs come first, because the first that fits is taken.
const SIGNS: [&str; 25] = [
    "===", "!==", "&&", "||", "==", "!=", "<=", ">=", "(", ")", "[", "]", "{", "}", ".", ",", "?",
    ":", "!", "<", ">", "+", "-", "*", "/",
];

/// The tokens of `source`, the last of which is [`Token::End`].
pub(super) fn tokens(source: &str) -> Result<Vec<Spanned>, InvalidExpr> {
    let mut lexer = Lexer { source, at: 0 };
    let mut found = Vec::new();
    loop {
        lexer.skip_blanks();
        let at = lexer.at;
        let token = lexer.token()?;
        let ended = token == Token::End;
        found.push(Spanned { token, at });
        if ended {
            return Ok(found);
        }
    }
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or("")
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'s str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn fault<T>(&self, at: usize, problem: impl Into<String>) -> Result<T, InvalidExpr> {
        Err(InvalidExpr::at(self.source, at, problem))
    }

    fn skip_blanks(&mut self) {
        loop {
            self.take_while(|c| c.is_ascii_whitespace());
            if !self.rest().starts_with("//") {
                return;
            }
            self.take_while(|c| c != '\n');
        }
    }

    fn token(&mut self) -> Result<Token, InvalidExpr> {
        let rest = self.rest();
        let mut chars = rest.chars();
        let Some(first) = chars.next() else {
            return Ok(Token::End);
        };
        let second = chars.next().unwrap_or(' ');
        if first.is_ascii_digit() || (first == '.' && second.is_ascii_digit()) {
            return self.number();
        }
        if first == '"' || first == '\'' {
            return self.text(false);
        }
        if first.is_ascii_alphabetic() || first == '_' {
            return self.name();
        }
        if rest.starts_with(".?") || rest.starts_with("[?") {
            return self.fault(
                self.at,
                "optional access is not needed: a missing field is null",
            );
        }
        if first == '%' {
            self.at += 1;
            return Ok(Token::Sign("%"));
        }
        let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) else {
            return self.fault(self.at, unexpected(first));
        };
        if sign.len() == 3 {
            let meant = &sign[..2];
            return self.fault(self.at, format!("unexpected `{sign}`; write `{meant}`"));
        }
        self.at += sign.len();
        Ok(Token::Sign(sign))
    }

    fn name(&mut self) -> Result<Token, InvalidExpr> {
        let at = self.at;
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if self.rest().starts_with(['"', '\'']) {
            match name {
                "r" | "R" => return self.text(true),
                "b" | "B" | "rb" | "br" | "RB" | "BR" | "Rb" | "rB" | "bR" | "Br" => {
                    return self.fault(at, "bytes literals are not supported");
                }
                _ => {}
            }
        }
        Ok(Token::Name(name.to_owned()))
    }

    fn number(&mut self) -> Result<Token, InvalidExpr> {
        let at = self.at;
        let rest = self.rest();
        if rest.starts_with("0x") || rest.starts_with("0X") {
            self.at += 2;
            let digits = self.take_while(|c| c.is_ascii_hexdigit());
            return self.integer(at, i128::from_str_radix(digits, 16).ok());
        }
        self.take_while(|c| c.is_ascii_digit());
        let mut whole = true;
        let fraction = self.rest().strip_prefix('.').unwrap_or("");
        if fraction.starts_with(|c: char| c.is_ascii_digit()) {
            whole = false;
            self.at += 1;
            self.take_while(|c| c.is_ascii_digit());
        }
        if let Some(exponent) = self.rest().strip_prefix(['e', 'E']) {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.starts_with(|c: char| c.is_ascii_digit()) {
                whole = false;
                self.at += 1 + (exponent.len() - digits.len());
                self.take_while(|c| c.is_ascii_digit());
            }
        }
        let text = &self.source[at..self.at];
        if whole {
            return self.integer(at, text.parse().ok());
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => self.number_end(at, Token::Double(number)),
            _ => self.fault(at, "the number is out of range"),
        }
    }

    fn integer(&mut self, at: usize, value: Option<i128>) -> Result<Token, InvalidExpr> {
        if self.rest().starts_with(['u', 'U']) {
            self.at += 1;
        }
        match value.filter(|number| *number <= i128::from(u64::MAX)) {
            Some(number) => self.number_end(at, Token::Int(number)),
            None => self.fault(at, "the number is out of range"),
        }
    }

    fn number_end(&self, at: usize, token: Token) -> Result<Token, InvalidExpr> {
        if self
            .rest()
            .starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        {
            return self.fault(
                at,
                "a number runs into a name; put a space or an operator between",
            );
        }
        Ok(token)
    }

    /// A string literal, in one or three quotes of either kind.
    fn text(&mut self, raw: bool) -> Result<Token, InvalidExpr> {
        let start = self.at;
        let rest = self.rest();
        let quote = ["\"\"\"", "'''", "\"", "'"]
            .into_iter()
            .find(|quote| rest.starts_with(quote))
            .unwrap_or("\"");
        self.at += quote.len();
        let mut text = String::new();
        loop {
            let rest = self.rest();
            if rest.starts_with(quote) {
                self.at += quote.len();
                return Ok(Token::Text(text));
            }
            let Some(next) = rest.chars().next() else {
                return self.fault(start, "the string does not end");
            };
            if next == '\n' && quote.len() == 1 {
                return self.fault(start, "the string does not end in its line");
            }
            self.at += next.len_utf8();
            if next == '\\' && !raw {
                text.push(self.escape()?);
            } else {
                text.push(next);
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<char, InvalidExpr> {
        let at = self.at - 1;
        let rest = self.rest();
        let kind = rest.chars().next().unwrap_or(' ');
        let (skipped, digits, radix) = match kind {
            'x' | 'X' => (1, 2, 16),
            'u' => (1, 4, 16),
            'U' => (1, 8, 16),
            '0'..='3' => (0, 3, 8),
            _ => {
                let Some(plain) = plain_escape(kind) else {
                    return self.fault(at, "unknown escape in a string");
                };
                self.at += kind.len_utf8();
                return Ok(plain);
            }
        };
        let found = rest
            .get(skipped..skipped + digits)
            .filter(|code| code.chars().all(|c| c.is_digit(radix)))
            .and_then(|code| u32::from_str_radix(code, radix).ok())
            .and_then(char::from_u32);
        match found {
            Some(character) => {
                self.at += skipped + digits;
                Ok(character)
            }
            None => self.fault(at, "the escape in the string does not name a character"),
        }
    }
}

fn plain_escape(kind: char) -> Option<char> {
    Some(match kind {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' | '"' | '\'' | '`' | '?' => kind,
        _ => return None,
    })
}

fn unexpected(found: char) -> String {
    match found {
        '=' => "unexpected `=`; equality is written `==`".to_owned(),
        '&' => "unexpected `&`; both-of is written `&&`".to_owned(),
        '|' => "unexpected `|`; either-of is written `||`".to_owned(),
        '`' => "unexpected backtick; strings take `\"` or `'`".to_owned(),
        _ => format!("unexpected character {found:?}"),
    }
}
