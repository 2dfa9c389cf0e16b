//! Schemas of events: which of them count, after every change.
//!
//! The node checks events before they reach the engine, and a run's machine checks what it sends: both hold what [`Effect::Schemas`] hands
//! out. What is refused here changes nothing.

use std::sync::Arc;

use super::{Answer, Context, Effect, Engine, ReplyId};
use crate::schema::{InvalidSchema, Schemas, check_app, check_schema};
use crate::state::{App, EventSchema, ReadError, Write};

/// The most schemas that operators can set: all of them are in memory.
const MAX_OPERATORS_SCHEMAS: usize = 1_024;

impl Engine {
    pub(super) fn put_schema(
        &mut self,
        schema: EventSchema,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let compiled = match check_schema(&schema) {
            Ok(compiled) => compiled,
            Err(problem) => {
                let answer = Answer::Refused(problem.to_string());
                cx.out.answer(reply, answer);
                return Ok(());
            }
        };
        let mut operators = cx.read.schemas()?;
        operators.retain(|other| !same_key(other, &schema.event, schema.v.as_ref()));
        if operators.len() >= MAX_OPERATORS_SCHEMAS {
            let answer = Answer::Refused(format!(
                "there are {MAX_OPERATORS_SCHEMAS} schemas already, which is the limit; remove one that is no longer used"
            ));
            cx.out.answer(reply, answer);
            return Ok(());
        }
        operators.push(schema.clone());
        cx.out.write(Write::PutSchema(schema));
        self.use_schemas(&operators, &compiled, cx);
        cx.out.answer(reply, Answer::SchemaChanged);
        Ok(())
    }

    pub(super) fn delete_schema(
        &mut self,
        event: String,
        v: Option<String>,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let mut operators = cx.read.schemas()?;
        let before = operators.len();
        operators.retain(|other| !same_key(other, &event, v.as_ref()));
        let answer = if operators.len() == before {
            let version = v.map_or(String::new(), |v| format!(", version `{v}`"));
            Answer::Refused(format!(
                "no operator has set a schema of the event `{event}`{version}; what an app describes is changed by deploying it"
            ))
        } else {
            cx.out.write(Write::DeleteSchema { event, v });
            self.use_schemas(&operators, &Schemas::default(), cx);
            Answer::SchemaChanged
        };
        cx.out.answer(reply, answer);
        Ok(())
    }

    /// The schemas of an app, or why it cannot be deployed beside the others.
    pub(super) fn schemas_of(&self, app: &App) -> Result<Schemas, InvalidSchema> {
        let others = self.apps.values().filter(|other| other.id != app.id);
        check_app(app, others)
    }

    /// Makes the schemas of the deployed apps and these of operators count; some are `compiled` already. All of them were checked before; one
    /// that today's rules refuse does not count.
    pub(super) fn use_schemas(
        &mut self,
        operators: &[EventSchema],
        compiled: &Schemas,
        cx: &mut Context<'_>,
    ) {
        let known = [&*self.schemas, compiled];
        let (schemas, _) = Schemas::assemble(self.apps.values(), operators, &known);
        if schemas != *self.schemas {
            self.schemas = Arc::new(schemas);
            cx.out.durable.push(Effect::Schemas(self.schemas.clone()));
        }
    }
}

fn same_key(schema: &EventSchema, event: &str, v: Option<&String>) -> bool {
    schema.event == event && schema.v.as_ref() == v
}
