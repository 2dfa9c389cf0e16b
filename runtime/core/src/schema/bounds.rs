//! How much work a schema can make, at the worst: found by looking at the schema alone, before it is ever evaluated.
//!
//! A schema applies others to the same value (`allOf`, `$ref`…: *in place*) and to values inside it (`properties`, `items`…: *deeper*). From
//! these two relations follow:
//! - whether evaluating it ends: no schema may apply itself in place;
//! - how often one value can be evaluated: for a value `n` levels inside, the sum over what is applied in place, and over what is applied to
//!   the value on the level above on the way to it. A schema that applies itself twice one level deeper doubles with every level;
//! - how deep the evaluation can recurse, which costs stack.
//!
//! Both are computed level by level, down to the deepest value that an event can have.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::MAX_JSON_DEPTH;

/// How often one value may be evaluated. Usual schemas need fewer than ten; one with a choice of a hundred shapes a few hundred.
const MAX_PER_VALUE: u64 = 2_000;

/// How deep an evaluation may recurse: what two megabytes of stack hold without optimisation, with room to spare.
const MAX_RECURSION: u64 = 700;

/// The most patterns of a schema: each is a program in memory.
const MAX_PATTERNS: usize = 100;

/// Members of an `enum` that cost about as much as one evaluation.
const ENUM_PER_EVALUATION: usize = 16;

/// Keywords that apply a schema, or each of a list or a map of schemas, to the same value.
const IN_PLACE: [&str; 9] = [
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentSchemas",
    "dependencies",
];

/// Keywords that apply to a value inside: of these, all together…
const DEEPER_ALL: [&str; 7] = [
    "patternProperties",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "additionalItems",
    "contains",
    "unevaluatedItems",
];

/// …and of each of these, at most one schema.
const DEEPER_ONE: [&str; 3] = ["properties", "prefixItems", "items"];

/// Keywords that hold schemas for others to refer to.
const DEFINITIONS: [&str; 3] = ["$defs", "definitions", "contentSchema"];

/// Keywords whose values are maps from names to schemas.
const MAPS: [&str; 6] = [
    "properties",
    "patternProperties",
    "dependentSchemas",
    "dependencies",
    "$defs",
    "definitions",
];

/// How much work a schema can make.
pub(super) struct Bounds {
    /// How often one value can be evaluated.
    pub per_value: u64,
    /// Whether there are choices: of data that fits none of several shapes, each fault of each of them is kept.
    pub choices: bool,
    /// Patterns that it has.
    pub patterns: usize,
}

/// The bounds of a schema; an error says why it is refused.
pub(super) fn of(schema: &Value) -> Result<Bounds, String> {
    let mut graph = Graph::default();
    graph.walk(schema, "")?;
    graph.resolve(schema)?;
    let order = graph.order()?;
    let mut worst = 1;
    let mut above = vec![(0, 0); graph.nodes.len()];
    for level in 0..=MAX_JSON_DEPTH {
        let mut here = vec![(0, 0); graph.nodes.len()];
        for index in &order {
            let node = &graph.nodes[*index];
            let own = if level == 0 { node.own } else { 0 };
            here[*index] = node.cost(own, &here, &above);
        }
        let (evaluations, recursion) = here[0];
        if evaluations > MAX_PER_VALUE {
            return Err(format!(
                "it is too complex: one value could be evaluated more than {MAX_PER_VALUE} times, because choices lie within choices, or \
                 because the schema refers to itself more than once"
            ));
        }
        if recursion > MAX_RECURSION {
            return Err(format!(
                "it is too complex: evaluating deeply nested data would recurse more than {MAX_RECURSION} times; let fewer references and \
                 `allOf` lie within each other"
            ));
        }
        worst = worst.max(evaluations);
        above = here;
    }
    let is_choice = |node: &Node<'_>| {
        let has = |keyword| node.value.get(keyword).is_some();
        has("anyOf") || has("oneOf")
    };
    Ok(Bounds {
        per_value: worst,
        choices: graph.nodes.iter().any(is_choice),
        patterns: graph.patterns,
    })
}

/// Evaluations of one value, and the depth of recursion.
type Cost = (u64, u64);

#[derive(Default)]
struct Graph<'a> {
    nodes: Vec<Node<'a>>,
    /// Places in memory: one value is one node.
    known: BTreeMap<*const Value, usize>,
    anchors: BTreeMap<&'a str, usize>,
    patterns: usize,
}

struct Node<'a> {
    value: &'a Value,
    pointer: String,
    own: u64,
    in_place: Vec<usize>,
    /// Applied to values inside: all of a group's alternatives, of which one counts.
    deeper: Vec<Vec<usize>>,
}

impl Node<'_> {
    /// What a value on this level costs: from what is applied in place, and from what the level above it costs.
    fn cost(&self, own: u64, here: &[Cost], above: &[Cost]) -> Cost {
        let mut evaluations = own;
        let mut recursion = 0;
        for other in &self.in_place {
            evaluations = evaluations.saturating_add(here[*other].0);
            recursion = recursion.max(here[*other].1);
        }
        for alternatives in &self.deeper {
            let most = alternatives.iter().map(|other| above[*other].0).max();
            evaluations = evaluations.saturating_add(most.unwrap_or(0));
            let deepest = alternatives.iter().map(|other| above[*other].1).max();
            recursion = recursion.max(deepest.unwrap_or(0));
        }
        (evaluations, recursion + 1)
    }
}

impl<'a> Graph<'a> {
    /// Adds a schema and those inside it.
    fn walk(&mut self, value: &'a Value, pointer: &str) -> Result<usize, String> {
        if let Some(index) = self.known.get(&std::ptr::from_ref(value)) {
            return Ok(*index);
        }
        let index = self.nodes.len();
        self.known.insert(value, index);
        self.nodes.push(Node {
            value,
            pointer: pointer.to_owned(),
            own: 1,
            in_place: Vec::new(),
            deeper: Vec::new(),
        });
        let Value::Object(fields) = value else {
            return Ok(index);
        };
        self.own_keywords(index, fields, pointer)?;
        for keyword in IN_PLACE {
            let found = self.schemas(fields, keyword, pointer)?;
            self.nodes[index].in_place.extend(found);
        }
        for keyword in DEEPER_ALL {
            let found = self.schemas(fields, keyword, pointer)?;
            let groups = found.into_iter().map(|one| vec![one]);
            self.nodes[index].deeper.extend(groups);
        }
        for keyword in DEEPER_ONE {
            let found = self.schemas(fields, keyword, pointer)?;
            self.nodes[index].deeper.push(found);
        }
        for keyword in DEFINITIONS {
            self.schemas(fields, keyword, pointer)?;
        }
        Ok(index)
    }

    /// What concerns the schema itself.
    fn own_keywords(
        &mut self,
        index: usize,
        fields: &'a Map<String, Value>,
        pointer: &str,
    ) -> Result<(), String> {
        for refused in ["$dynamicRef", "$recursiveRef"] {
            if fields.contains_key(refused) {
                return Err(format!(
                    "at `{pointer}`: `{refused}` is not supported; use `$ref`"
                ));
            }
        }
        if index > 0 && fields.contains_key("$id") {
            return Err(format!(
                "at `{pointer}`: only the whole schema may have an `$id`; refer to parts of it as `#/$defs/…`"
            ));
        }
        for name in ["$anchor", "$dynamicAnchor"] {
            if let Some(Value::String(anchor)) = fields.get(name) {
                self.anchors.insert(anchor, index);
            }
        }
        self.patterns += usize::from(fields.contains_key("pattern"));
        let patterns = fields.get("patternProperties").and_then(Value::as_object);
        let patterns = patterns.map_or(0, Map::len);
        self.patterns += patterns;
        if self.patterns > MAX_PATTERNS {
            return Err(format!("it has more than {MAX_PATTERNS} patterns"));
        }
        let members = fields.get("enum").and_then(Value::as_array);
        let members = members.map_or(0, Vec::len) / ENUM_PER_EVALUATION;
        self.nodes[index].own += (patterns + members) as u64;
        Ok(())
    }

    /// The schemas that a keyword holds: one, a list, or a map.
    fn schemas(
        &mut self,
        fields: &'a Map<String, Value>,
        keyword: &str,
        pointer: &str,
    ) -> Result<Vec<usize>, String> {
        let Some(value) = fields.get(keyword) else {
            return Ok(Vec::new());
        };
        let pointer = format!("{pointer}/{keyword}");
        match value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(number, item)| self.walk(item, &format!("{pointer}/{number}")))
                .collect(),
            Value::Object(entries) if MAPS.contains(&keyword) => entries
                .iter()
                .map(|(name, item)| self.walk(item, &format!("{pointer}/{name}")))
                .collect(),
            Value::Object(_) | Value::Bool(_) => Ok(vec![self.walk(value, &pointer)?]),
            Value::Null | Value::Number(_) | Value::String(_) => Ok(Vec::new()),
        }
    }

    /// Follows the references; what they refer to may lie outside the known keywords.
    fn resolve(&mut self, root: &'a Value) -> Result<(), String> {
        let mut index = 0;
        while index < self.nodes.len() {
            let node = &self.nodes[index];
            if let Some(Value::String(reference)) = node.value.get("$ref") {
                let target = self.target(root, reference).map_err(|problem| {
                    let reference: String = reference.chars().take(200).collect();
                    let pointer = &self.nodes[index].pointer;
                    format!("at `{pointer}`: `$ref` to `{reference}`: {problem}")
                })?;
                self.nodes[index].in_place.push(target);
            }
            index += 1;
        }
        Ok(())
    }

    fn target(&mut self, root: &'a Value, reference: &str) -> Result<usize, String> {
        let Some(fragment) = reference.strip_prefix('#') else {
            return Err(
                "only parts of the same document can be referred to, as `#/$defs/…`".into(),
            );
        };
        let fragment = percent_decoded(fragment).ok_or("it is not a valid reference")?;
        if !fragment.is_empty() && !fragment.starts_with('/') {
            let anchor = self.anchors.get(fragment.as_str()).copied();
            return anchor.ok_or_else(|| "there is no such `$anchor`".into());
        }
        let value = root.pointer(&fragment).ok_or("there is no such place")?;
        self.walk(value, &fragment)
    }

    /// The nodes in such an order that what is applied in place comes before what applies it.
    fn order(&self) -> Result<Vec<usize>, String> {
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut seen = vec![false; self.nodes.len()];
        let mut open = vec![false; self.nodes.len()];
        for start in 0..self.nodes.len() {
            let mut stack = vec![(start, 0)];
            while let Some((index, next)) = stack.pop() {
                if next == 0 {
                    if seen[index] {
                        continue;
                    }
                    seen[index] = true;
                    open[index] = true;
                }
                match self.nodes[index].in_place.get(next) {
                    Some(other) if open[*other] => {
                        return Err(format!(
                            "at `{}`: the schema applies itself to the same value again, without end",
                            self.nodes[*other].pointer
                        ));
                    }
                    Some(other) => {
                        stack.push((index, next + 1));
                        stack.push((*other, 0));
                    }
                    None => {
                        open[index] = false;
                        order.push(index);
                    }
                }
            }
        }
        Ok(order)
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let hex = [rest.next()?, rest.next()?];
        let hex = std::str::from_utf8(&hex).ok()?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}
