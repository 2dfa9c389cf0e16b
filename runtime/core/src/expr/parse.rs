//! Makes a [`Node`] of the text of an expression.
//!
//! Names, macros and numbers of arguments are resolved here, so that what compiles fails later only for what an event
//! holds. Chains of `&&` and of `||` are flat; all else that nests is counted against [`MAX_DEPTH`].

use super::InvalidExpr;
use super::functions::{Function, Pattern};
use super::lex::{self, Spanned, Token};
use super::syntax::{Body, MAX_DEPTH, Macro, Node, Operator};

/// A parsed expression.
pub(super) struct Parsed {
    pub(super) node: Node,
    pub(super) uses_async: bool,
}

pub(super) fn parse(source: &str) -> Result<Parsed, InvalidExpr> {
    let mut parser = Parser {
        source,
        tokens: lex::tokens(source)?,
        next: 0,
        open: 0,
        locals: Vec::new(),
        uses_async: false,
    };
    let tree = parser.choice()?;
    if parser.peek() != &Token::End {
        return parser.unexpected("an operator");
    }
    Ok(Parsed {
        node: tree.node,
        uses_async: parser.uses_async,
    })
}

/// A node, its depth, and the byte at which it begins.
struct Tree {
    node: Node,
    depth: usize,
    at: usize,
}

struct Parser<'s> {
    source: &'s str,
    tokens: Vec<Spanned>,
    next: usize,
    /// How many calls of [`Parser::choice`] and [`Parser::unary`] are open.
    open: usize,
    /// The variables of the macros around the current place.
    locals: Vec<String>,
    uses_async: bool,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |s| &s.token)
    }

    fn at(&self) -> usize {
        self.tokens
            .get(self.next)
            .map_or(self.source.len(), |s| s.at)
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn accept(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Token::Sign(found) if *found == sign);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), InvalidExpr> {
        if self.accept(sign) {
            return Ok(());
        }
        self.unexpected(&format!("`{sign}`"))
    }

    fn unexpected<T>(&self, due: &str) -> Result<T, InvalidExpr> {
        let found = self.peek().describe();
        self.fault(self.at(), format!("{due} is due here, not {found}"))
    }

    fn fault<T>(&self, at: usize, problem: impl Into<String>) -> Result<T, InvalidExpr> {
        Err(InvalidExpr::at(self.source, at, problem))
    }

    fn tree(&self, at: usize, below: usize, node: Node) -> Result<Tree, InvalidExpr> {
        let depth = below + 1;
        if depth > MAX_DEPTH {
            return self.too_deep(at);
        }
        Ok(Tree { node, depth, at })
    }

    fn too_deep<T>(&self, at: usize) -> Result<T, InvalidExpr> {
        self.fault(at, format!("the expression nests deeper than {MAX_DEPTH}"))
    }

    fn nested(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Tree, InvalidExpr>,
    ) -> Result<Tree, InvalidExpr> {
        if self.open >= MAX_DEPTH {
            return self.too_deep(self.at());
        }
        self.open += 1;
        let result = read(self);
        self.open -= 1;
        result
    }

    /// A whole expression: `a ? b : c` or anything that binds closer.
    fn choice(&mut self) -> Result<Tree, InvalidExpr> {
        self.nested(|parser| {
            let condition = parser.chain("||")?;
            if !parser.accept("?") {
                return Ok(condition);
            }
            parser.boolean(&condition)?;
            let yes = parser.chain("||")?;
            parser.expect(":")?;
            let no = parser.choice()?;
            let below = condition.depth.max(yes.depth).max(no.depth);
            let at = condition.at;
            let node = Node::Choice(Box::new([condition.node, yes.node, no.node]));
            parser.tree(at, below, node)
        })
    }

    /// A chain of `||` or of `&&`.
    fn chain(&mut self, sign: &str) -> Result<Tree, InvalidExpr> {
        let first = self.chained(sign)?;
        if !matches!(self.peek(), Token::Sign(found) if *found == sign) {
            return Ok(first);
        }
        self.boolean(&first)?;
        let (at, mut below) = (first.at, first.depth);
        let mut parts = vec![first.node];
        while self.accept(sign) {
            let part = self.chained(sign)?;
            self.boolean(&part)?;
            below = below.max(part.depth);
            parts.push(part.node);
        }
        let node = if sign == "||" {
            Node::Any(parts)
        } else {
            Node::All(parts)
        };
        self.tree(at, below, node)
    }

    fn chained(&mut self, sign: &str) -> Result<Tree, InvalidExpr> {
        if sign == "||" {
            self.chain("&&")
        } else {
            self.binary(0)
        }
    }

    /// Operators of one of three strengths: comparisons, sums, products.
    fn binary(&mut self, strength: usize) -> Result<Tree, InvalidExpr> {
        let mut left = self.operand(strength)?;
        while let Some(operator) = operator_of(self.peek(), strength) {
            self.next += 1;
            let right = self.operand(strength)?;
            let below = left.depth.max(right.depth);
            let node = Node::Binary(operator, Box::new(left.node), Box::new(right.node));
            left = self.tree(left.at, below, node)?;
        }
        Ok(left)
    }

    fn operand(&mut self, strength: usize) -> Result<Tree, InvalidExpr> {
        if strength < 2 {
            self.binary(strength + 1)
        } else {
            self.unary()
        }
    }

    fn unary(&mut self) -> Result<Tree, InvalidExpr> {
        let at = self.at();
        if self.accept("!") {
            let of = self.nested(Self::unary)?;
            self.boolean(&of)?;
            return self.tree(at, of.depth, Node::Not(Box::new(of.node)));
        }
        if self.accept("-") {
            let of = self.nested(Self::unary)?;
            let node = match of.node {
                Node::Int(number) => Node::Int(-number),
                Node::Double(number) => Node::Double(-number),
                other => Node::Negate(Box::new(other)),
            };
            if matches!(node, Node::Int(number) if number < i128::from(i64::MIN)) {
                return self.fault(at, "the number is out of range");
            }
            return self.tree(at, of.depth, node);
        }
        self.member()
    }

    /// A primary followed by `.field`, `.method(…)` and `[index]`.
    fn member(&mut self) -> Result<Tree, InvalidExpr> {
        let mut tree = self.primary()?;
        loop {
            let at = tree.at;
            if self.accept(".") {
                let name_at = self.at();
                let name = self.field_name()?;
                if self.accept("(") {
                    tree = self.method(tree, &name, name_at)?;
                } else {
                    tree = self.tree(at, tree.depth, Node::Select(Box::new(tree.node), name))?;
                }
            } else if self.accept("[") {
                let index = self.choice()?;
                self.expect("]")?;
                let below = tree.depth.max(index.depth);
                let node = Node::Index(Box::new(tree.node), Box::new(index.node));
                tree = self.tree(at, below, node)?;
            } else {
                return Ok(tree);
            }
        }
    }

    fn field_name(&mut self) -> Result<String, InvalidExpr> {
        if let Token::Name(name) = self.peek() {
            let name = name.clone();
            self.next += 1;
            return Ok(name);
        }
        self.unexpected("a field's name")
    }

    fn primary(&mut self) -> Result<Tree, InvalidExpr> {
        let at = self.at();
        let node = match self.take() {
            Token::Int(number) => Node::Int(number),
            Token::Double(number) => Node::Double(number),
            Token::Text(text) => Node::Text(text),
            Token::Name(name) => return self.named(at, &name),
            Token::Sign("(") => {
                let inner = self.choice()?;
                self.expect(")")?;
                return Ok(inner);
            }
            Token::Sign("[") => {
                let (parts, below) = self.arguments("]")?;
                return self.tree(at, below, Node::List(parts));
            }
            Token::Sign("{") => return self.map(at),
            Token::Sign(_) | Token::End => {
                self.next -= 1;
                return self.unexpected("a value");
            }
        };
        self.tree(at, 0, node)
    }

    fn named(&mut self, at: usize, name: &str) -> Result<Tree, InvalidExpr> {
        if self.accept("(") {
            return self.call(at, name);
        }
        let local = self.locals.iter().rposition(|known| known == name);
        let node = match (name, local) {
            ("true", _) => Node::Bool(true),
            ("false", _) => Node::Bool(false),
            ("null", _) => Node::Null,
            (_, Some(place)) => Node::Local(place),
            ("event", None) => Node::Event,
            ("async", None) => {
                self.uses_async = true;
                Node::Async
            }
            _ => {
                return self.fault(
                    at,
                    format!(
                        "unknown name `{name}`; there are `event` and, where a later event is examined, `async` \
                         (a field whose name is not plain is written event.data[\"some-name\"])"
                    ),
                );
            }
        };
        self.tree(at, 0, node)
    }

    /// `name(…)`, whose opening parenthesis was taken.
    fn call(&mut self, at: usize, name: &str) -> Result<Tree, InvalidExpr> {
        if name == "has" {
            let of = self.choice()?;
            self.expect(")")?;
            return match of.node {
                Node::Select(base, field) => Ok(Tree {
                    node: Node::Has(base, field),
                    ..of
                }),
                _ => self.fault(at, "has() takes a field, as in has(event.data.id)"),
            };
        }
        let (arguments, below) = self.arguments(")")?;
        let Some(function) = Function::find(name, false, arguments.len()) else {
            return self.fault(at, Function::unknown(name, false, arguments.len()));
        };
        self.tree(at, below, Node::Call(function, arguments))
    }

    /// `target.name(…)`, whose opening parenthesis was taken.
    fn method(&mut self, target: Tree, name: &str, at: usize) -> Result<Tree, InvalidExpr> {
        let found = match name {
            "all" => Some(Macro::All),
            "exists" => Some(Macro::Exists),
            "exists_one" | "existsOne" => Some(Macro::ExistsOne),
            "filter" => Some(Macro::Filter),
            "map" => Some(Macro::Map),
            _ => None,
        };
        if let Some(kind) = found {
            return self.macro_call(target, kind, name);
        }
        let (mut arguments, below) = self.arguments(")")?;
        let below = below.max(target.depth);
        if name == "matches" {
            return match (arguments.pop(), arguments.len()) {
                (Some(Node::Text(pattern)), 0) => match Pattern::new(&pattern) {
                    Ok(pattern) => {
                        let node = Node::Matches(Box::new(target.node), pattern);
                        self.tree(target.at, below, node)
                    }
                    Err(problem) => self.fault(at, problem),
                },
                _ => self.fault(at, "matches() takes one pattern, written as a string"),
            };
        }
        let Some(function) = Function::find(name, true, arguments.len()) else {
            return self.fault(at, Function::unknown(name, true, arguments.len()));
        };
        arguments.insert(0, target.node);
        self.tree(target.at, below, Node::Call(function, arguments))
    }

    /// `target.all(x, …)` and its like, whose opening parenthesis was taken.
    fn macro_call(&mut self, target: Tree, kind: Macro, name: &str) -> Result<Tree, InvalidExpr> {
        let at = self.at();
        let Token::Name(variable) = self.take() else {
            return self.fault(at, format!("{name}() takes a variable's name first"));
        };
        if ["event", "async", "true", "false", "null", "in"].contains(&variable.as_str()) {
            return self.fault(at, format!("`{variable}` cannot name a macro's variable"));
        }
        self.expect(",")?;
        self.locals.push(variable);
        let first = self.choice()?;
        let second = if kind == Macro::Map && self.accept(",") {
            Some(self.choice()?)
        } else {
            None
        };
        self.locals.pop();
        self.expect(")")?;
        let mut below = target.depth.max(first.depth);
        let body = match (kind, second) {
            (Macro::Map, Some(result)) => {
                self.boolean(&first)?;
                below = below.max(result.depth);
                Body {
                    condition: Some(first.node),
                    result: Some(result.node),
                }
            }
            (Macro::Map, None) => Body {
                condition: None,
                result: Some(first.node),
            },
            (Macro::All | Macro::Exists | Macro::ExistsOne | Macro::Filter, _) => {
                self.boolean(&first)?;
                Body {
                    condition: Some(first.node),
                    result: None,
                }
            }
        };
        let node = Node::Macro(kind, Box::new(target.node), Box::new(body));
        self.tree(target.at, below, node)
    }

    /// Expressions between commas up to `close`, with the depth of the deepest. One comma may trail.
    fn arguments(&mut self, close: &str) -> Result<(Vec<Node>, usize), InvalidExpr> {
        let (mut parts, mut below) = (Vec::new(), 0);
        while !self.accept(close) {
            let part = self.choice()?;
            below = below.max(part.depth);
            parts.push(part.node);
            if !self.accept(",") {
                self.expect(close)?;
                break;
            }
        }
        Ok((parts, below))
    }

    /// `{"key": value, …}`, whose opening brace was taken.
    fn map(&mut self, at: usize) -> Result<Tree, InvalidExpr> {
        let (mut entries, mut below) = (Vec::new(), 0);
        while !self.accept("}") {
            let key_at = self.at();
            let Token::Text(key) = self.take() else {
                return self.fault(key_at, "a map's key must be a string literal");
            };
            if entries.iter().any(|(known, _)| known == &key) {
                return self.fault(key_at, "the map has this key twice");
            }
            self.expect(":")?;
            let value = self.choice()?;
            below = below.max(value.depth);
            entries.push((key, value.node));
            if !self.accept(",") {
                self.expect("}")?;
                break;
            }
        }
        self.tree(at, below, Node::Map(entries))
    }

    /// Refuses what is known not to be a boolean where one is due.
    fn boolean(&self, tree: &Tree) -> Result<(), InvalidExpr> {
        match tree.node.never_boolean() {
            Some(kind) => self.fault(tree.at, format!("a boolean is due here, not {kind}")),
            None => Ok(()),
        }
    }
}

fn operator_of(token: &Token, strength: usize) -> Option<Operator> {
    let (found, its_strength) = match token {
        Token::Name(name) if name == "in" => (Operator::In, 0),
        Token::Sign(sign) => match *sign {
            "==" => (Operator::Equal, 0),
            "!=" => (Operator::NotEqual, 0),
            "<" => (Operator::Less, 0),
            "<=" => (Operator::LessEqual, 0),
            ">" => (Operator::Greater, 0),
            ">=" => (Operator::GreaterEqual, 0),
            "+" => (Operator::Add, 1),
            "-" => (Operator::Subtract, 1),
            "*" => (Operator::Multiply, 2),
            "/" => (Operator::Divide, 2),
            "%" => (Operator::Modulo, 2),
            _ => return None,
        },
        _ => return None,
    };
    (its_strength == strength).then_some(found)
}
