//! Values, and how they depend on earlier ones.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Values that are computed stay below this, so that every language reads them exactly.
const MODULUS: u64 = 1_000_003;

/// Letters of long texts: one, two, three and four bytes each, and what JSON must escape.
const LETTERS: [char; 8] = ['a', 'é', '字', '🦀', '"', '\\', '\u{1}', ' '];

/// How a value comes about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Expr {
    /// This one.
    #[serde(rename = "l")]
    Literal(Value),
    /// A text of this many characters.
    #[serde(rename = "t")]
    Text(u32),
    /// A number that depends on all values so far.
    #[serde(rename = "m")]
    Mix(u64),
    /// The value of the statement before.
    #[serde(rename = "p")]
    Last,
}

impl Expr {
    /// The value, where it depends on nothing.
    pub fn constant(&self) -> Option<Value> {
        match self {
            Self::Literal(value) => Some(value.clone()),
            Self::Text(chars) => {
                let letters = (0..*chars as usize).map(|at| LETTERS[at * 7 % 11 % LETTERS.len()]);
                Some(Value::String(letters.collect()))
            }
            Self::Mix(_) | Self::Last => None,
        }
    }
}

/// What a statement can see.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scope {
    /// Stands for all values so far.
    pub seen: u64,
    /// The value of the statement before.
    pub last: Value,
    /// In which repeat of which loops it stands: `.0.2`, say.
    pub path: String,
}

impl Scope {
    /// The value of an expression here.
    pub fn value(&self, expr: &Expr) -> Value {
        match expr {
            Expr::Literal(_) | Expr::Text(_) => expr.constant().unwrap_or_default(),
            Expr::Mix(number) => {
                let mixed = self.seen ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
                (mixed % MODULUS).into()
            }
            Expr::Last => self.last.clone(),
        }
    }

    /// Whether a conditional takes its first block.
    pub fn takes_first(&self) -> bool {
        self.seen.is_multiple_of(2)
    }

    /// Takes in the value of a statement.
    pub fn take(&mut self, value: &Value) {
        self.seen = fnv(self.seen, value.to_string().as_bytes());
        self.last.clone_from(value);
    }

    /// A topic as this repeat of its loops calls it.
    pub fn topic(&self, topic: &str) -> String {
        format!("{topic}{}", self.path)
    }

    /// The scope of the repeat of this number of a loop.
    #[must_use]
    pub fn repeat(&self, number: u32) -> Self {
        Self {
            path: format!("{}.{number}", self.path),
            ..self.clone()
        }
    }
}

/// FNV-1a, begun anew from `seed`.
fn fnv(seed: u64, bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
}
