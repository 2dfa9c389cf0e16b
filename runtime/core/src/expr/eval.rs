//! Evaluates a [`Node`] over events.
//!
//! Every node visited, element compared and byte examined is charged to a [`Meter`], so that no expression runs long
//! whatever the event. A missing field is null: it fails tests, leaves ordering false and makes what is computed from it
//! null, and is never an error by itself.

use super::EvalError;
use super::functions::in_range;
use super::syntax::{Body, Macro, Node, Operator};
use super::time;
use super::value::{List, NoOrder, Value, whole_part};
use serde_json::Value as Json;
use std::cmp::Ordering;
use std::collections::BTreeMap;

type Result<T> = std::result::Result<T, EvalError>;

/// The steps that one evaluation may take, some tens of milliseconds. A usual filter takes ten; looking for an element
/// in a list takes about six for each, so that a list of 100,000 can be searched once.
pub(super) const MAX_STEPS: usize = 1_000_000;

/// Counts what an evaluation costs.
#[derive(Debug)]
pub(super) struct Meter {
    left: usize,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self { left: MAX_STEPS }
    }

    pub(super) fn charge(&mut self, steps: usize) -> Result<()> {
        self.left = self.left.checked_sub(steps).ok_or(EvalError::TooLong)?;
        Ok(())
    }

    /// Charges for looking at or copying `bytes` in one go.
    pub(super) fn charge_bytes(&mut self, bytes: usize) -> Result<()> {
        self.charge(bytes / 64)
    }
}

/// Evaluates `node` with nothing but these events in reach.
pub(super) fn evaluate<'a>(
    node: &'a Node,
    event: &'a Json,
    later: Option<&'a Json>,
    meter: &mut Meter,
) -> Result<Value<'a>> {
    let mut evaluation = Evaluation {
        event,
        later,
        locals: Vec::new(),
        meter,
    };
    evaluation.value(node)
}

/// The boolean that `value` must be for `operation`.
pub(super) fn boolean(value: &Value<'_>, operation: &str) -> Result<bool> {
    match value {
        Value::Bool(value) => Ok(*value),
        _ => Err(EvalError::NotBoolean {
            operation: operation.to_owned(),
            got: value.kind(),
        }),
    }
}

struct Evaluation<'a, 'm> {
    event: &'a Json,
    later: Option<&'a Json>,
    locals: Vec<Value<'a>>,
    meter: &'m mut Meter,
}

impl<'a> Evaluation<'a, '_> {
    fn value(&mut self, node: &'a Node) -> Result<Value<'a>> {
        self.meter.charge(1)?;
        Ok(match node {
            Node::Null => Value::Null,
            Node::Bool(value) => Value::Bool(*value),
            Node::Int(number) => Value::Int(*number),
            Node::Double(number) => Value::Double(*number),
            Node::Text(text) => Value::Text(super::value::Text::Borrowed(text)),
            Node::Event => Value::of(self.event),
            Node::Async => Value::of(self.later.ok_or(EvalError::NoAsync)?),
            Node::Local(place) => self.locals.get(*place).cloned().unwrap_or(Value::Null),
            Node::Select(of, name) => self.value(of)?.field(name),
            Node::Has(of, name) => match self.value(of)? {
                Value::Map(map) => Value::Bool(map.get(name).is_some()),
                _ => Value::Bool(false),
            },
            Node::Index(of, index) => {
                let of = self.value(of)?;
                let index = self.value(index)?;
                index_into(&of, &index, self.meter)?
            }
            Node::Not(of) => Value::Bool(!self.test(of, "!")?),
            Node::Negate(of) => match self.value(of)? {
                Value::Null => Value::Null,
                Value::Int(number) => Value::Int(in_range(-number)?),
                Value::Double(number) => Value::Double(-number),
                Value::Duration(nanos) => Value::Duration(-nanos),
                other => return Err(wrong("-", &other)),
            },
            Node::All(parts) => Value::Bool(self.decide(parts, false, "&&")?),
            Node::Any(parts) => Value::Bool(self.decide(parts, true, "||")?),
            Node::Binary(operator, left, right) => self.binary(*operator, left, right)?,
            Node::Choice(parts) => {
                let [condition, yes, no] = &**parts;
                let chosen = if self.test(condition, "? :")? {
                    yes
                } else {
                    no
                };
                self.value(chosen)?
            }
            Node::List(parts) => Value::list(self.values(parts)?),
            Node::Map(entries) => {
                let mut map = BTreeMap::new();
                for (key, part) in entries {
                    map.insert(key.as_str(), self.value(part)?);
                }
                Value::Map(super::value::Map::Made(map.into()))
            }
            Node::Call(function, arguments) => {
                let arguments = self.values(arguments)?;
                function.call(&arguments, self.meter)?
            }
            Node::Matches(of, pattern) => {
                let of = self.value(of)?;
                Value::Bool(pattern.matches(&of, self.meter)?)
            }
            Node::Macro(kind, of, body) => {
                let of = self.value(of)?;
                self.macro_over(*kind, of, body)?
            }
        })
    }

    fn values(&mut self, nodes: &'a [Node]) -> Result<Vec<Value<'a>>> {
        nodes.iter().map(|node| self.value(node)).collect()
    }

    fn test(&mut self, node: &'a Node, operation: &str) -> Result<bool> {
        boolean(&self.value(node)?, operation)
    }

    /// `&&` or `||`: a part that decides wins over one that fails, wherever they stand, as CEL has it.
    fn decide(&mut self, parts: &'a [Node], decisive: bool, sign: &str) -> Result<bool> {
        let mut verdict = Verdict::new(decisive);
        for part in parts {
            if verdict.hear(self.test(part, sign))? {
                break;
            }
        }
        verdict.end()
    }

    fn binary(&mut self, operator: Operator, left: &'a Node, right: &'a Node) -> Result<Value<'a>> {
        let left = self.value(left)?;
        let right = self.value(right)?;
        if let (Value::Text(a), Value::Text(b)) = (&left, &right) {
            self.meter
                .charge_bytes(a.as_str().len().min(b.as_str().len()))?;
        }
        let ordered = |accepts: fn(Ordering) -> bool| order(operator, &left, &right, accepts);
        Ok(Value::Bool(match operator {
            Operator::Equal => left.equals(&right, self.meter)?,
            Operator::NotEqual => !left.equals(&right, self.meter)?,
            Operator::Less => ordered(Ordering::is_lt)?,
            Operator::LessEqual => ordered(Ordering::is_le)?,
            Operator::Greater => ordered(Ordering::is_gt)?,
            Operator::GreaterEqual => ordered(Ordering::is_ge)?,
            Operator::In => self.contains(&right, &left)?,
            Operator::Add
            | Operator::Subtract
            | Operator::Multiply
            | Operator::Divide
            | Operator::Modulo => return self.compute(operator, &left, &right),
        }))
    }

    /// `item in of`.
    fn contains(&mut self, of: &Value<'a>, item: &Value<'a>) -> Result<bool> {
        match (of, item) {
            (Value::List(list), _) => {
                for place in 0..list.len() {
                    if list.get(place).equals(item, self.meter)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (Value::Map(map), Value::Text(key)) => {
                self.meter.charge_bytes(key.as_str().len())?;
                Ok(map.get(key.as_str()).is_some())
            }
            (Value::Map(_) | Value::Null, _) => Ok(false),
            _ => Err(wrong("in", of)),
        }
    }

    fn compute(
        &mut self,
        operator: Operator,
        left: &Value<'a>,
        right: &Value<'a>,
    ) -> Result<Value<'a>> {
        Ok(match (operator, left, right) {
            (_, Value::Null, _) | (_, _, Value::Null) => Value::Null,
            (_, Value::Int(a), Value::Int(b)) => Value::Int(whole(operator, *a, *b)?),
            (_, Value::Int(_) | Value::Double(_), Value::Int(_) | Value::Double(_)) => {
                Value::Double(fractional(operator, double(left), double(right))?)
            }
            (Operator::Add, Value::Text(a), Value::Text(b)) => {
                let (a, b) = (a.as_str(), b.as_str());
                self.meter.charge_bytes(a.len() + b.len())?;
                Value::text([a, b].concat())
            }
            (Operator::Add, Value::List(a), Value::List(b)) => {
                self.meter.charge(a.len() + b.len())?;
                Value::list(items(a).chain(items(b)).collect())
            }
            (Operator::Add, Value::Time(a), Value::Duration(b))
            | (Operator::Add, Value::Duration(b), Value::Time(a)) => {
                Value::Time(time::timestamp(a + b)?)
            }
            (Operator::Subtract, Value::Time(a), Value::Duration(b)) => {
                Value::Time(time::timestamp(a - b)?)
            }
            (Operator::Add, Value::Duration(a), Value::Duration(b)) => {
                Value::Duration(time::duration(a + b)?)
            }
            (Operator::Subtract, Value::Time(a), Value::Time(b))
            | (Operator::Subtract, Value::Duration(a), Value::Duration(b)) => {
                Value::Duration(time::duration(a - b)?)
            }
            _ => return Err(mismatch(operator, left, right)),
        })
    }

    /// A macro over a list's elements, or over a map's keys in the order of their text.
    fn macro_over(&mut self, kind: Macro, of: Value<'a>, body: &'a Body) -> Result<Value<'a>> {
        let list = match of {
            Value::List(list) => list,
            Value::Map(map) => {
                self.meter.charge(map.len())?;
                let keys = map.keys().into_iter().map(super::value::Text::Borrowed);
                List::Made(keys.map(Value::Text).collect())
            }
            Value::Null => {
                return Ok(match kind {
                    Macro::All | Macro::Exists | Macro::ExistsOne => Value::Bool(false),
                    Macro::Map => Value::Null,
                });
            }
            other => return Err(wrong("a macro", &other)),
        };
        match kind {
            Macro::All => self.decide_over(&list, body, false),
            Macro::Exists => self.decide_over(&list, body, true),
            Macro::ExistsOne => {
                let found = self.collect(&list, body)?;
                Ok(Value::Bool(found.len() == 1))
            }
            Macro::Map => Ok(Value::list(self.collect(&list, body)?)),
        }
    }

    fn decide_over(
        &mut self,
        list: &List<'a>,
        body: &'a Body,
        decisive: bool,
    ) -> Result<Value<'a>> {
        let mut verdict = Verdict::new(decisive);
        for place in 0..list.len() {
            let heard = self.with_local(list.get(place), |this| this.accepts(body));
            if verdict.hear(heard)? {
                break;
            }
        }
        verdict.end().map(Value::Bool)
    }

    /// What a macro makes of the elements that its condition accepts.
    fn collect(&mut self, list: &List<'a>, body: &'a Body) -> Result<Vec<Value<'a>>> {
        let mut made = Vec::new();
        for place in 0..list.len() {
            let item = list.get(place);
            let result = self.with_local(item.clone(), |this| {
                if !this.accepts(body)? {
                    return Ok(None);
                }
                body.result
                    .as_ref()
                    .map_or(Ok(item), |node| this.value(node))
                    .map(Some)
            })?;
            made.extend(result);
        }
        Ok(made)
    }

    fn accepts(&mut self, body: &'a Body) -> Result<bool> {
        self.meter.charge(1)?;
        match &body.condition {
            Some(condition) => self.test(condition, "the condition of a macro"),
            None => Ok(true),
        }
    }

    fn with_local<T>(
        &mut self,
        local: Value<'a>,
        run: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        self.locals.push(local);
        let result = run(self);
        self.locals.pop();
        result
    }
}

/// A conjunction or disjunction while its parts come in.
struct Verdict {
    decisive: bool,
    decided: bool,
    fault: Option<EvalError>,
}

impl Verdict {
    fn new(decisive: bool) -> Self {
        Self {
            decisive,
            decided: false,
            fault: None,
        }
    }

    /// Takes in one part; true when no more are needed.
    fn hear(&mut self, part: Result<bool>) -> Result<bool> {
        match part {
            Ok(value) => self.decided = value == self.decisive,
            Err(EvalError::TooLong) => return Err(EvalError::TooLong),
            Err(fault) => {
                self.fault.get_or_insert(fault);
            }
        }
        Ok(self.decided)
    }

    fn end(self) -> Result<bool> {
        match self.fault {
            Some(fault) if !self.decided => Err(fault),
            _ => Ok(self.decided == self.decisive),
        }
    }
}

fn items<'l, 'a>(list: &'l List<'a>) -> impl Iterator<Item = Value<'a>> + 'l {
    (0..list.len()).map(|place| list.get(place))
}

/// `of[index]`; null where there is nothing.
fn index_into<'a>(of: &Value<'a>, index: &Value<'a>, meter: &mut Meter) -> Result<Value<'a>> {
    let place = match index {
        Value::Null => return Ok(Value::Null),
        Value::Text(name) => {
            meter.charge_bytes(name.as_str().len())?;
            return Ok(of.field(name.as_str()));
        }
        Value::Int(place) => Some(*place),
        Value::Double(place) => whole_part(*place).filter(|_| place.fract() == 0.0),
        _ => return Err(wrong("[ ]", index)),
    };
    let place = place.and_then(|place| usize::try_from(place).ok());
    Ok(match (of, place) {
        (Value::List(list), Some(place)) => list.get(place),
        _ => Value::Null,
    })
}

/// Whether two values are in the order that `accepts` asks for; false when either is missing.
fn order(
    operator: Operator,
    left: &Value<'_>,
    right: &Value<'_>,
    accepts: fn(Ordering) -> bool,
) -> Result<bool> {
    if left.is_null() || right.is_null() {
        return Ok(false);
    }
    match left.order(right) {
        Ok(found) => Ok(found.is_some_and(accepts)),
        Err(NoOrder) => Err(mismatch(operator, left, right)),
    }
}

fn whole(operator: Operator, a: i128, b: i128) -> Result<i128> {
    let result = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide | Operator::Modulo if b == 0 => return Err(EvalError::DivisionByZero),
        Operator::Divide => a.checked_div(b),
        Operator::Modulo => a.checked_rem(b),
        _ => None,
    };
    in_range(result.ok_or(EvalError::Overflow)?)
}

fn fractional(operator: Operator, a: f64, b: f64) -> Result<f64> {
    Ok(match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide | Operator::Modulo if b == 0.0 => return Err(EvalError::DivisionByZero),
        Operator::Divide => a / b,
        _ => a % b,
    })
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a number of 64 bits is rounded to the nearest double"
)]
fn double(value: &Value<'_>) -> f64 {
    match value {
        Value::Int(number) => *number as f64,
        Value::Double(number) => *number,
        _ => f64::NAN,
    }
}

fn wrong(operation: &str, value: &Value<'_>) -> EvalError {
    EvalError::Type {
        operation: format!("`{operation}`"),
        got: value.kind(),
    }
}

fn mismatch(operator: Operator, left: &Value<'_>, right: &Value<'_>) -> EvalError {
    EvalError::Types {
        operator: operator.sign(),
        left: left.kind(),
        right: right.kind(),
    }
}
