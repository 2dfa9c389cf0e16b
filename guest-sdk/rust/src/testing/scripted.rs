//! A host whose part a test plays.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::bindings::types::{self, Failure, News, Ticket};
use crate::host::Host;
use crate::testing::view::operation_as_value;

/// A host that remembers what it was asked, and answers when the test does.
#[derive(Default)]
pub(super) struct Scripted {
    next_ticket: Cell<Ticket>,
    occurrences: RefCell<HashMap<String, u32>>,
    pub(super) pending: RefCell<BTreeMap<Ticket, Pending>>,
    pub(super) cancelled: RefCell<Vec<String>>,
}

/// An operation that waits for its news.
pub(super) struct Pending {
    pub(super) id: String,
    pub(super) asked: Value,
}

impl Host for Scripted {
    fn start(&self, id: &str, operation: &types::Operation) -> Ticket {
        let ticket = self.next_ticket.replace(self.next_ticket.get() + 1);
        let mut occurrences = self.occurrences.borrow_mut();
        let occurrence = occurrences.entry(id.to_owned()).or_insert(0);
        let unique = if *occurrence == 0 {
            id.to_owned()
        } else {
            format!("{id}:{occurrence}")
        };
        *occurrence += 1;
        self.pending.borrow_mut().insert(
            ticket,
            Pending {
                id: unique,
                asked: operation_as_value(operation),
            },
        );
        ticket
    }

    fn next(&self) -> (Ticket, News) {
        unreachable!("the test hands out the news")
    }

    fn finish(&self, _ticket: Ticket, _outcome: Result<String, Failure>) {}

    fn cancel(&self, ticket: Ticket) {
        if let Some(operation) = self.pending.borrow_mut().remove(&ticket) {
            self.cancelled.borrow_mut().push(operation.id);
        }
    }
}
