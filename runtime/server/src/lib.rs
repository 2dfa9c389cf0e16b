//! The Abide node: it ties the engine, the store and the host together, and offers them over HTTP.
//!
//! - [`Node`] is one node: events in, runs out. Everything else here serves it.
//! - `shard` is the one thread that decides; `executions` and `requests` carry out what takes time; `components` keeps code.
//! - [`Site`] holds a node for each environment, and [`admin::Admin`], what operators set up.
//! - [`http`] is the API.
//! - `notify` tells operators of what fails.
//! - `metrics` is what a node counts of itself, `series` how that went over time.
//!
//! It must not decide anything about runs: that is the engine's affair.

mod actor;
pub mod admin;
mod anatomy;
mod backup;
mod changes;
mod clock;
mod components;
mod config;
mod deploy;
mod environments;
mod error;
mod executions;
mod export;
mod health;
pub mod http;
mod intake;
mod maintenance;
mod metrics;
mod node;
mod notify;
mod operate;
mod requests;
mod series;
mod shard;
mod steps;
mod telemetry;
pub mod view;
mod warnings;
pub mod webhooks;

pub use backup::{Backup, backup_directory, directories_in};
pub use clock::Clock;
pub use config::{NodeConfig, Storage};
pub use deploy::DeployOptions;
pub use environments::{ChangeError, DEFAULT_ENVIRONMENT, Environment, Site, SiteConfig};
pub use error::{DeployError, OpenError, SendError};
pub use health::Health;
pub use metrics::FunctionTotals;
pub use node::Node;
pub use series::{Kind as MeasureKind, Measure, Range, Series, SeriesPoints};
pub use steps::{NodeFailed, Steps};
pub use telemetry::{Exported, Telemetry, TelemetryError};
