//! An event on its way: written and parsed at most once, whoever asks first, and not at all if no expression asks.

use std::cell::OnceCell;
use std::sync::Arc;

use crate::Json;
use crate::event::Event;
use crate::expr::Scope;

/// See the [module](self).
pub(super) struct Arriving {
    pub event: Arc<Event>,
    json: OnceCell<Json>,
    scope: OnceCell<Scope>,
}

impl Arriving {
    pub(super) fn new(event: Arc<Event>) -> Self {
        Self {
            event,
            json: OnceCell::new(),
            scope: OnceCell::new(),
        }
    }

    /// As functions see it.
    pub(super) fn json(&self) -> &Json {
        self.json.get_or_init(|| self.event.to_json())
    }

    /// As expressions see it.
    pub(super) fn scope(&self) -> &Scope {
        self.scope
            .get_or_init(|| Scope::parse(self.json()).unwrap_or_default())
    }
}
