//! The tree of a compiled expression, and what is known about it before any event comes.
//!
//! Invariant: no tree is deeper than [`MAX_DEPTH`], so that evaluating or dropping one cannot exhaust the stack.

use super::functions::{Function, Pattern};
use cel::common::ast::operators;

/// The depth of the deepest tree: far more than a person writes, far less than a thread's stack holds.
pub(super) const MAX_DEPTH: u16 = 96;

#[derive(Debug)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i128),
    Double(f64),
    Text(String),
    Event,
    Async,
    /// A variable of an enclosing macro, by its place on the stack of variables.
    Local(usize),
    Select(Box<Node>, String),
    Has(Box<Node>, String),
    Index(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Negate(Box<Node>),
    /// `&&` over all of them.
    All(Vec<Node>),
    /// `||` over all of them.
    Any(Vec<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    Choice(Box<[Node; 3]>),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    Call(Function, Vec<Node>),
    Matches(Box<Node>, Pattern),
    Macro(Macro, Box<Node>, Box<Body>),
}

/// What a macro does with each element, which is the variable on top of the stack.
#[derive(Debug)]
pub(super) struct Body {
    /// The condition, which only `map` may lack.
    pub(super) condition: Option<Node>,
    /// What `map` makes of the element.
    pub(super) result: Option<Node>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Macro {
    All,
    Exists,
    ExistsOne,
    /// `map` and `filter`.
    Map,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

impl Operator {
    /// The operator that the crate's parser calls `name`.
    pub(super) fn find(name: &str) -> Option<Self> {
        Some(match name {
            operators::EQUALS => Self::Equal,
            operators::NOT_EQUALS => Self::NotEqual,
            operators::LESS => Self::Less,
            operators::LESS_EQUALS => Self::LessEqual,
            operators::GREATER => Self::Greater,
            operators::GREATER_EQUALS => Self::GreaterEqual,
            operators::IN => Self::In,
            operators::ADD => Self::Add,
            operators::SUBSTRACT => Self::Subtract,
            operators::MULTIPLY => Self::Multiply,
            operators::DIVIDE => Self::Divide,
            operators::MODULO => Self::Modulo,
            _ => return None,
        })
    }

    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::In => "in",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
        }
    }

    fn is_test(self) -> bool {
        !matches!(
            self,
            Self::Add | Self::Subtract | Self::Multiply | Self::Divide | Self::Modulo
        )
    }
}

impl Node {
    /// Two paths, in `event` and in `async`, whose values are equal whenever the condition holds, if that can be seen.
    pub(super) fn equal_paths(&self) -> Option<(String, String)> {
        match self {
            Self::All(parts) => parts.iter().find_map(Self::equal_paths),
            Self::Binary(Operator::Equal, left, right) => match (left.path()?, right.path()?) {
                ((false, event), (true, later)) | ((true, later), (false, event)) => {
                    Some((event, later))
                }
                ((true, _), (true, _)) | ((false, _), (false, _)) => None,
            },
            _ => None,
        }
    }

    /// Whether it is a field of `async` and not of `event`, and its dotted path; none for everything else.
    fn path(&self) -> Option<(bool, String)> {
        let Self::Select(inner, name) = self else {
            return None;
        };
        Some(match &**inner {
            Self::Event => (false, name.clone()),
            Self::Async => (true, name.clone()),
            inner => {
                let (later, path) = inner.path()?;
                (later, format!("{path}.{name}"))
            }
        })
    }

    /// What the expression gives whatever the event, when that is known and is never a boolean.
    pub(super) fn never_boolean(&self) -> Option<&'static str> {
        match self {
            Self::Null => Some("null"),
            Self::Int(_) | Self::Double(_) | Self::Negate(_) => Some("a number"),
            Self::Text(_) => Some("a string"),
            Self::Event | Self::Async => Some("an event"),
            Self::List(_) | Self::Macro(Macro::Map, _, _) => Some("a list"),
            Self::Map(_) => Some("a map"),
            Self::Binary(operator, _, _) if !operator.is_test() => Some("a computed value"),
            Self::Call(function, _) => function.never_boolean(),
            Self::Choice(parts) => {
                let [_, yes, no] = &**parts;
                no.never_boolean().and(yes.never_boolean())
            }
            Self::Bool(_)
            | Self::Local(_)
            | Self::Select(..)
            | Self::Has(..)
            | Self::Index(..)
            | Self::Not(_)
            | Self::All(_)
            | Self::Any(_)
            | Self::Binary(..)
            | Self::Matches(..)
            | Self::Macro(..) => None,
        }
    }
}
