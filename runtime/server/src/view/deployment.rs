//! Deployments of an app.

use serde::Serialize;
use utoipa::ToSchema;

use super::value::Time;
use crate::anatomy::Anatomy;
use crate::http::Deployment;

/// One deployment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Deployment)]
pub(crate) struct DeploymentView {
    /// Counted from 1.
    pub(crate) number: u32,
    /// The SHA-256 of the component.
    pub(crate) digest: String,
    pub(crate) deployed_at: Time,
    /// The name of the key that deployed it, where that is known.
    pub(crate) deployed_by: Option<String>,
    /// The size of the component.
    pub(crate) bytes: u64,
    /// The ids of its functions.
    pub(crate) functions: Vec<String>,
    /// Whether new runs start with it.
    pub(crate) served: bool,
    pub(crate) pinned: PinnedView,
    /// The language that it was written in, as far as its compilers left word: `Rust`, `JavaScript`, `Python`, `C`, `Go`.
    pub(crate) language: Option<&'static str>,
    /// The interfaces that it imports. Empty if the component is no longer there, and of all but the latest deployments.
    pub(crate) imports: Vec<String>,
}

/// Runs that have not ended and are on the code of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PinnedRuns)]
pub(crate) struct PinnedView {
    pub(crate) runs: usize,
    /// There may be more: they were not all counted.
    pub(crate) at_least: bool,
}

impl DeploymentView {
    pub(crate) fn new(
        deployment: &Deployment,
        served: bool,
        pinned: PinnedView,
        anatomy: Option<&Anatomy>,
    ) -> Self {
        Self {
            number: deployment.number,
            digest: deployment.digest.clone(),
            deployed_at: Time(deployment.at_ms),
            deployed_by: deployment.by.clone(),
            bytes: deployment.bytes,
            functions: deployment.functions.clone(),
            served,
            pinned,
            language: anatomy.and_then(|it| it.language),
            imports: anatomy.map(|it| it.imports.clone()).unwrap_or_default(),
        }
    }
}
