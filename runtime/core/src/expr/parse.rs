//! Makes a [`Node`] of the text of an expression, with the parser of the `cel` crate.
//!
//! Names, macros and numbers of arguments are resolved here, so that what compiles fails later only for what an event
//! holds. What nests is counted before the crate sees the text, because its parser recurses and its trees are dropped
//! recursively.

use super::InvalidExpr;
use super::functions::{Function, Pattern};
use super::syntax::{Body, MAX_DEPTH, Macro, Node, Operator};
use cel::IdedExpr;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, MapEntryExpr, MapExpr, operators,
};
use cel::parser::pratt_parser::{Lexer, TokenKind};
use cel::parser::{ParseErrors, PrattParser};

type Result<T> = std::result::Result<T, InvalidExpr>;

/// A parsed expression.
pub(super) struct Parsed {
    pub(super) node: Node,
    pub(super) uses_async: bool,
}

/// Parses an expression over events or, where `names` are given, over those fields of what it sees instead.
pub(super) fn parse(source: &str, names: &[&str]) -> Result<Parsed> {
    check_nesting(source)?;
    let tree = PrattParser::default()
        .max_recursion_depth(MAX_DEPTH)
        .enable_variadic_operator_asts(true)
        .parse(source)
        .map_err(|errors| first(source, &errors))?;
    let mut lowering = Lowering {
        names,
        locals: Vec::new(),
        uses_async: false,
    };
    Ok(Parsed {
        node: lowering.node(&tree)?,
        uses_async: lowering.uses_async,
    })
}

/// Refuses a text whose tree could be deeper than [`MAX_DEPTH`], counting every operator, call and bracket between commas,
/// `&&` and `||` as if it stood inside the one before; and what is no token at all.
fn check_nesting(source: &str) -> Result<()> {
    let mut lexer = Lexer::new(source);
    // What nests since the last comma or its like, and the most before it, here and at each open bracket.
    let (mut chain, mut most, mut open, mut choices) = (0, 0, Vec::new(), 0);
    loop {
        let token = lexer.lex();
        match token.kind {
            TokenKind::TokEnd => return Ok(()),
            TokenKind::TokError => {
                let problem = lexer.get_error().map_or("", |error| &error.message);
                return Err(InvalidExpr::at(source, token.start, problem));
            }
            TokenKind::TokEqual => {
                let problem = "unexpected `=`; equality is written `==`";
                return Err(InvalidExpr::at(source, token.start, problem));
            }
            TokenKind::TokLeftParen | TokenKind::TokLeftBracket | TokenKind::TokLeftBrace => {
                open.push((chain, most));
                (chain, most) = (0, 0);
            }
            TokenKind::TokRightParen | TokenKind::TokRightBracket | TokenKind::TokRightBrace => {
                let inside = most.max(chain);
                (chain, most) = open.pop().unwrap_or_default();
                chain += inside + 1;
            }
            TokenKind::TokComma
            | TokenKind::TokColon
            | TokenKind::TokLogicalAnd
            | TokenKind::TokLogicalOr => (chain, most) = (0, most.max(chain)),
            TokenKind::TokQuestion => choices += 1,
            TokenKind::TokWhitespace
            | TokenKind::TokComment
            | TokenKind::TokNull
            | TokenKind::TokFalse
            | TokenKind::TokTrue
            | TokenKind::TokReservedWord
            | TokenKind::TokInt
            | TokenKind::TokUint
            | TokenKind::TokFloat
            | TokenKind::TokString
            | TokenKind::TokBytes
            | TokenKind::TokIdent => {}
            _ => chain += 1,
        }
        let around: usize = open.iter().map(|(chain, _)| chain + 1).sum();
        if choices + around + chain > usize::from(MAX_DEPTH) {
            let problem = format!("the expression nests deeper than {MAX_DEPTH}");
            return Err(InvalidExpr::at(source, token.start, problem));
        }
    }
}

/// The first problem that has a place.
fn first(source: &str, errors: &ParseErrors) -> InvalidExpr {
    let mut placed = errors.errors.iter().filter(|error| error.pos.0 > 0);
    let Some(error) = placed.next().or(errors.errors.first()) else {
        return InvalidExpr::whole("the expression cannot be parsed");
    };
    let line = usize::try_from(error.pos.0 - 1).unwrap_or(0);
    let column = usize::try_from(error.pos.1 - 1).unwrap_or(0);
    let before: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
    InvalidExpr::at(source, before + column, error.msg.as_str())
}

fn refuse<T>(problem: impl Into<String>) -> Result<T> {
    Err(InvalidExpr::whole(problem))
}

struct Lowering<'n> {
    /// What may be named instead of `event` and `async`.
    names: &'n [&'n str],
    /// The variables of the macros around the current place.
    locals: Vec<String>,
    uses_async: bool,
}

impl Lowering<'_> {
    fn node(&mut self, tree: &IdedExpr) -> Result<Node> {
        match &tree.expr {
            Expr::Literal(literal) => lower_literal(literal),
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => {
                let of = self.boxed(&select.operand)?;
                Ok(if select.test {
                    Node::Has(of, select.field.clone())
                } else {
                    Node::Select(of, select.field.clone())
                })
            }
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(fold) => self.comprehension(fold),
            Expr::List(list) => self.nodes(&list.elements).map(Node::List),
            Expr::Map(map) => self.map(map),
            Expr::Struct(message) => refuse(format!(
                "message types, as `{}{{}}`, are not supported",
                message.type_name
            )),
            Expr::Unspecified => refuse("the expression cannot be parsed"),
        }
    }

    fn boxed(&mut self, tree: &IdedExpr) -> Result<Box<Node>> {
        self.node(tree).map(Box::new)
    }

    fn nodes(&mut self, trees: &[IdedExpr]) -> Result<Vec<Node>> {
        trees.iter().map(|tree| self.node(tree)).collect()
    }

    /// What must be a boolean; refuses what is known not to be one.
    fn test(&mut self, tree: &IdedExpr) -> Result<Node> {
        let node = self.node(tree)?;
        match node.never_boolean() {
            Some(kind) => refuse(format!("a boolean is due, not {kind}")),
            None => Ok(node),
        }
    }

    fn name(&mut self, name: &str) -> Result<Node> {
        if let Some(place) = self.locals.iter().rposition(|known| known == name) {
            return Ok(Node::Local(place));
        }
        if self.names.contains(&name) {
            return Ok(Node::Select(Box::new(Node::Event), name.to_owned()));
        }
        if !self.names.is_empty() {
            return refuse(format!(
                "unknown name `{name}`; there are `{}`",
                self.names.join("` and `")
            ));
        }
        match name {
            "event" => Ok(Node::Event),
            "async" => {
                self.uses_async = true;
                Ok(Node::Async)
            }
            _ => refuse(format!(
                "unknown name `{name}`; there are `event` and, where a later event is examined, `async` \
                 (a field whose name is not plain is written event.data[\"some-name\"])"
            )),
        }
    }

    fn map(&mut self, map: &MapExpr) -> Result<Node> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        for entry in &map.entries {
            let EntryExpr::MapEntry(MapEntryExpr { key, value, .. }) = &entry.expr else {
                return refuse("a map has keys and values");
            };
            let Expr::Literal(LiteralValue::String(key)) = &key.expr else {
                return refuse("a map's key must be a string literal");
            };
            let key = key.inner();
            if entries.iter().any(|(known, _)| known == key) {
                return refuse(format!("the map has the key `{key}` twice"));
            }
            entries.push((key.to_owned(), self.node(value)?));
        }
        Ok(Node::Map(entries))
    }

    /// An operator, which is a call without a target to the crate's parser, or a function.
    fn call(&mut self, call: &CallExpr) -> Result<Node> {
        let name = call.func_name.as_str();
        Ok(match (name, &*call.args) {
            (operators::LOGICAL_AND, parts) => Node::All(self.tests(parts)?),
            (operators::LOGICAL_OR, parts) => Node::Any(self.tests(parts)?),
            (operators::LOGICAL_NOT, [of]) => Node::Not(Box::new(self.test(of)?)),
            (operators::NEGATE, [of]) => Node::Negate(self.boxed(of)?),
            (operators::INDEX, [of, index]) => Node::Index(self.boxed(of)?, self.boxed(index)?),
            (operators::CONDITIONAL, [condition, yes, no]) => Node::Choice(Box::new([
                self.test(condition)?,
                self.node(yes)?,
                self.node(no)?,
            ])),
            (_, arguments) => match (Operator::find(name), arguments) {
                (Some(operator), [left, right]) => {
                    Node::Binary(operator, self.boxed(left)?, self.boxed(right)?)
                }
                _ => {
                    let target = call.target.as_deref().map(|target| self.node(target));
                    let mut parts: Vec<Node> = target.transpose()?.into_iter().collect();
                    parts.append(&mut self.nodes(arguments)?);
                    return function(name, call.target.is_some(), parts);
                }
            },
        })
    }

    fn tests(&mut self, trees: &[IdedExpr]) -> Result<Vec<Node>> {
        trees.iter().map(|tree| self.test(tree)).collect()
    }

    /// The crate's parser expands `all`, `exists` and their like to folds; they are known by what each step makes.
    fn comprehension(&mut self, fold: &ComprehensionExpr) -> Result<Node> {
        let of = self.boxed(&fold.iter_range)?;
        let variable = fold.iter_var.as_str();
        if ["event", "async"].contains(&variable) || self.names.contains(&variable) {
            return refuse(format!("`{variable}` cannot name a macro's variable"));
        }
        let Some((kind, condition, result)) = macro_of(&fold.loop_step) else {
            return refuse("the macro is not supported");
        };
        self.locals.push(variable.to_owned());
        let condition = condition.map(|tree| self.test(tree)).transpose();
        let result = result.map(|tree| self.node(tree)).transpose();
        self.locals.pop();
        let (condition, result) = (condition?, result?);
        Ok(Node::Macro(kind, of, Box::new(Body { condition, result })))
    }
}

/// The macro that makes this step of a fold, with its condition and what it makes of an element.
fn macro_of(step: &IdedExpr) -> Option<(Macro, Option<&IdedExpr>, Option<&IdedExpr>)> {
    let (name, parts) = call_of(step)?;
    match (name, parts) {
        (operators::LOGICAL_AND, [_, condition]) => Some((Macro::All, Some(condition), None)),
        (operators::LOGICAL_OR, [_, condition]) => Some((Macro::Exists, Some(condition), None)),
        (operators::ADD, [_, made]) => Some((Macro::Map, None, Some(only_element(made)?))),
        (operators::CONDITIONAL, [condition, taken, _]) => match call_of(taken)? {
            (operators::ADD, [_, added]) => Some(match only_element(added) {
                Some(made) => (Macro::Map, Some(condition), Some(made)),
                None => (Macro::ExistsOne, Some(condition), None),
            }),
            _ => None,
        },
        _ => None,
    }
}

fn call_of(tree: &IdedExpr) -> Option<(&str, &[IdedExpr])> {
    match &tree.expr {
        Expr::Call(call) => Some((&call.func_name, &call.args)),
        _ => None,
    }
}

fn only_element(tree: &IdedExpr) -> Option<&IdedExpr> {
    match &tree.expr {
        Expr::List(list) => list.elements.first(),
        _ => None,
    }
}

fn lower_literal(literal: &LiteralValue) -> Result<Node> {
    Ok(match literal {
        LiteralValue::Null => Node::Null,
        LiteralValue::Boolean(value) => Node::Bool(*value.inner()),
        LiteralValue::Int(number) => Node::Int((*number.inner()).into()),
        LiteralValue::UInt(number) => Node::Int((*number.inner()).into()),
        LiteralValue::Double(number) => Node::Double(*number.inner()),
        LiteralValue::String(text) => Node::Text(text.inner().to_owned()),
        LiteralValue::Bytes(_) => return refuse("bytes literals are not supported"),
    })
}

/// A call of a function; with `method`, the first of `parts` is what it is called on.
fn function(name: &str, method: bool, mut parts: Vec<Node>) -> Result<Node> {
    if name == "matches" && method {
        return match (parts.pop(), parts.pop(), parts.pop()) {
            (Some(Node::Text(pattern)), Some(of), None) => match Pattern::new(&pattern) {
                Ok(pattern) => Ok(Node::Matches(Box::new(of), pattern)),
                Err(problem) => refuse(problem),
            },
            _ => refuse("matches() takes one pattern, written as a string"),
        };
    }
    let arguments = parts.len() - usize::from(method);
    match Function::find(name, method, arguments) {
        Some(function) => Ok(Node::Call(function, parts)),
        None => refuse(Function::unknown(name, method, arguments)),
    }
}
