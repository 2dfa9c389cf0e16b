//! The shapes of events: JSON Schemas by event name and version.
//!
//! A schema says what an event's `data` must look like. Apps describe the events that they know, and an operator may set a schema of his own,
//! which counts before an app's. Versions live side by side: a schema applies to the events with exactly its `v`, or to those without one.
//!
//! Schemas come from guests and data from anybody, so both are bounded: `bounds` refuses schemas whose evaluation could take long, go deep, or
//! never end, `compiled` refuses data that is too much for its schema. References stay within the document: nothing is ever read from a
//! network or a file. Patterns are those of the `regex` crate, which takes time linear in the text, without look-around.

mod bounds;
mod compiled;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::event::{EMPTY_OBJECT, InvalidEvent, NewEvent, RESERVED_PREFIXES};
use crate::limits::MAX_NAME_CHARS;
use crate::state::{App, EventSchema};
use compiled::Compiled;

/// The most schemas of one app.
pub const MAX_SCHEMAS: usize = 256;

/// The longest schema in bytes: a schema is a description, not data.
pub const MAX_SCHEMA_BYTES: usize = 64 << 10;

/// The bytes of an app's schemas together, and their patterns: compiling them holds up everything else.
const MAX_APP_BYTES: usize = 1 << 20;
const MAX_APP_PATTERNS: usize = 256;

/// Every schema that counts on a node, compiled.
#[derive(Default, PartialEq)]
pub struct Schemas(BTreeMap<String, BTreeMap<Option<String>, Arc<Compiled>>>);

/// Why a schema is refused: a sentence that names the event, the version and the fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSchema(String);

impl Schemas {
    /// The schemas of these apps and of the operator, whose count first. What is `compiled` already is taken from there. A schema that is
    /// refused is left out, and its problem is among those returned.
    pub fn assemble<'a>(
        apps: impl IntoIterator<Item = &'a App>,
        operator: &[EventSchema],
        compiled: &[&Self],
    ) -> (Self, Vec<InvalidSchema>) {
        let mut schemas = Self::default();
        let mut problems = Vec::new();
        let of_apps = apps.into_iter().flat_map(|app| &app.current.schemas);
        for schema in of_apps.chain(operator) {
            let known = compiled.iter().find_map(|known| known.compiled(schema));
            match known.map_or_else(|| compile(schema).map(Arc::new), Ok) {
                Ok(compiled) => drop(schemas.insert(schema, compiled)),
                Err(problem) => problems.push(problem),
            }
        }
        (schemas, problems)
    }

    /// Returns what was there under the same name and version.
    fn insert(&mut self, schema: &EventSchema, compiled: Arc<Compiled>) -> Option<Arc<Compiled>> {
        let versions = self.0.entry(schema.event.clone()).or_default();
        versions.insert(schema.v.clone(), compiled)
    }

    fn compiled(&self, schema: &EventSchema) -> Option<Arc<Compiled>> {
        let known = self.find(&schema.event, schema.v.as_ref())?;
        (known.text() == &*schema.schema).then(|| known.clone())
    }

    fn find(&self, event: &str, v: Option<&String>) -> Option<&Arc<Compiled>> {
        self.0.get(event)?.get(&v.cloned())
    }

    /// Checks an event against the schema of its name and version, if there is one.
    pub fn check(&self, event: &NewEvent) -> Result<(), InvalidEvent> {
        let Some(schema) = self.find(&event.name, event.v.as_ref()) else {
            return Ok(());
        };
        let data = event.data.as_deref().unwrap_or(EMPTY_OBJECT);
        schema.check(data).map_err(|fault| InvalidEvent {
            field: "data",
            problem: format!("{fault} ({})", title(&event.name, event.v.as_deref())),
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Schemas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(
                self.0
                    .iter()
                    .map(|(event, versions)| (event, versions.keys())),
            )
            .finish()
    }
}

/// Compiles a schema; refuses one that is wrong, or that could take too long.
fn compile(schema: &EventSchema) -> Result<Compiled, InvalidSchema> {
    let refused = |problem: String| {
        let title = title(&schema.event, schema.v.as_deref());
        InvalidSchema(format!("{title}: {problem}"))
    };
    let chars = schema.event.chars().count();
    if chars == 0 || chars > MAX_NAME_CHARS {
        return Err(refused(format!(
            "the event's name must have 1 to {MAX_NAME_CHARS} characters, has {chars}"
        )));
    }
    if RESERVED_PREFIXES
        .iter()
        .any(|prefix| crate::event::starts_with_ignoring_case(&schema.event, prefix))
    {
        return Err(refused(
            "events of this name are the platform's own, and their shape is fixed".into(),
        ));
    }
    Compiled::new(&schema.schema).map_err(refused)
}

/// Compiles an operator's schema, or says what is wrong with it.
pub fn check_schema(schema: &EventSchema) -> Result<Schemas, InvalidSchema> {
    let mut own = Schemas::default();
    own.insert(schema, Arc::new(compile(schema)?));
    Ok(own)
}

/// Compiles the schemas that an app describes, or says what is wrong with them: by themselves, and beside those of the other apps.
pub fn check_app<'a>(
    app: &App,
    others: impl IntoIterator<Item = &'a App>,
) -> Result<Schemas, InvalidSchema> {
    let schemas = &app.current.schemas;
    if schemas.len() > MAX_SCHEMAS {
        let count = schemas.len();
        return Err(InvalidSchema(format!(
            "the app describes {count} schemas of events, more than the limit of {MAX_SCHEMAS}"
        )));
    }
    let bytes: usize = schemas.iter().map(|schema| schema.schema.len()).sum();
    if bytes > MAX_APP_BYTES {
        return Err(InvalidSchema(format!(
            "the app's schemas of events have {bytes} bytes together, more than the limit of {MAX_APP_BYTES}"
        )));
    }
    let mut own = Schemas::default();
    let mut patterns = 0;
    for schema in schemas {
        let compiled = compile(schema)?;
        patterns += compiled.patterns();
        if own.insert(schema, Arc::new(compiled)).is_some() {
            let title = title(&schema.event, schema.v.as_deref());
            return Err(InvalidSchema(format!(
                "{title}: the app describes it twice; keep one, or give them different versions (`v`)"
            )));
        }
    }
    if patterns > MAX_APP_PATTERNS {
        return Err(InvalidSchema(format!(
            "the app's schemas of events have {patterns} patterns together, more than the limit of {MAX_APP_PATTERNS}"
        )));
    }
    for other in others {
        for schema in &other.current.schemas {
            let Some(mine) = own.find(&schema.event, schema.v.as_ref()) else {
                continue;
            };
            if !mine.says_the_same(&schema.schema) {
                let title = title(&schema.event, schema.v.as_deref());
                return Err(InvalidSchema(format!(
                    "{title}: the apps `{}` and `{}` describe it differently; make them equal, give one another version (`v`), or let an \
                     operator set the schema and remove it from one of the apps",
                    other.id, app.id
                )));
            }
        }
    }
    Ok(own)
}

fn title(event: &str, v: Option<&str>) -> String {
    let event: String = event.chars().take(MAX_NAME_CHARS).collect();
    match v {
        Some(v) => {
            let v: String = v.chars().take(64).collect();
            format!("schema of the event `{event}`, version `{v}`")
        }
        None => format!("schema of the event `{event}`"),
    }
}
