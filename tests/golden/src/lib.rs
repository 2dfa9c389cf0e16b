//! Golden journals: what a released version wrote, kept for ever, and what it must still mean.
//!
//! ```text
//! v0.1/recorded.txt     when its clock stood where
//! v0.1/app.wasm         the component that everything ran: replay needs the very bytes
//! v0.1/rows/TAG-KIND    every row of the store, one a line: key, value as stored, what the key says
//! v0.1/payloads.txt     the contents of payload files
//! v0.1/outcomes.txt     each run, how it stood, and how it ends when it goes on
//! ```
//! [`scenario`] leaves the rows behind, with processes that die in it ([`deaths`]), [`ending`] lets what is not over go on, [`fixture`] is the form on disk, [`life`] the node in
//! virtual time that both need. A fixture of a released version is never written again.

pub mod deaths;
pub mod ending;
pub mod fixture;
pub mod life;
pub mod scenario;
