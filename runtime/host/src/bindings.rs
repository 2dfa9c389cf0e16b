//! The Rust types of `wit/`, and the calls into a guest. Generated, but for what the host tells guests: it lowers the
//! machine's own strings without copying them.

#![allow(missing_docs, clippy::pedantic, reason = "generated code")]

use std::sync::Arc;

use wasmtime::component::{ComponentType, Lower};

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "app",
    imports: { default: trappable },
    exports: { default: async },
});

pub(crate) use abide::durable::logging::Level;
pub(crate) use abide::durable::types;

/// The versioned names of the interfaces that guests import.
pub(crate) const OPERATIONS: &str = "abide:durable/operations@0.1.0";
pub(crate) const LOGGING: &str = "abide:durable/logging@0.1.0";
/// The interface that guests export.
pub(crate) const FUNCTIONS: &str = "abide:durable/functions";

/// `types.retry-advice`, to be lowered.
#[derive(ComponentType, Lower)]
#[component(variant)]
pub(crate) enum RetryAdvice {
    #[component(name = "retriable")]
    Retriable,
    #[component(name = "non-retriable")]
    NonRetriable,
    #[component(name = "retry-after")]
    RetryAfter(u64),
    #[component(name = "retry-at")]
    RetryAt(u64),
}

/// `types.failure`, to be lowered.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct Failure {
    pub(crate) name: String,
    pub(crate) message: String,
    pub(crate) stack: Option<String>,
    pub(crate) data: Option<Arc<str>>,
    pub(crate) retry: RetryAdvice,
}

/// `types.execution`, to be lowered.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct Execution {
    pub(crate) attempt: u32,
    #[component(name = "max-attempts")]
    pub(crate) max_attempts: u32,
    #[component(name = "idempotency-key")]
    pub(crate) idempotency_key: String,
    #[component(name = "step-key")]
    pub(crate) step_key: String,
    pub(crate) input: Option<Arc<str>>,
}

/// `types.news`, to be lowered.
#[derive(ComponentType, Lower)]
#[component(variant)]
pub(crate) enum News {
    #[component(name = "done")]
    Done(Arc<str>),
    #[component(name = "failed")]
    Failed(Failure),
    #[component(name = "empty")]
    Empty,
    #[component(name = "execute")]
    Execute(Execution),
}
