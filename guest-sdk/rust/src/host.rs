//! The seam between the scheduler and the host.
//!
//! The scheduler knows the host by this trait only, so that a test can be the host. The real one is the component's imports.

use crate::bindings::types::{Failure, News, Operation, Ticket};

/// What a workflow can ask the host; see `wit/operations.wit` for the rules.
pub(crate) trait Host {
    fn start(&self, id: &str, operation: &Operation) -> Ticket;
    fn next(&self) -> (Ticket, News);
    fn finish(&self, ticket: Ticket, outcome: Result<String, Failure>);
    fn cancel(&self, ticket: Ticket);
}

/// The host that the component runs on. Outside a component nothing may call it.
pub(crate) struct Imports;

impl Host for Imports {
    fn start(&self, id: &str, operation: &Operation) -> Ticket {
        crate::bindings::operations::start(id, operation)
    }

    fn next(&self) -> (Ticket, News) {
        crate::bindings::operations::next()
    }

    fn finish(&self, ticket: Ticket, outcome: Result<String, Failure>) {
        let outcome = match &outcome {
            Ok(json) => Ok(json.as_str()),
            Err(failure) => Err(failure),
        };
        crate::bindings::operations::finish(ticket, outcome);
    }

    fn cancel(&self, ticket: Ticket) {
        crate::bindings::operations::cancel(ticket);
    }
}
