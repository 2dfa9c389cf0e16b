//! The census: what a store holds, by kind of row. Reads every row.

use std::{collections::BTreeMap, ops::ControlFlow};

use crate::{
    backend::{Backend, visit_in_steps},
    envelope,
    error::Result,
    keys::Tag,
};

/// Rows that are read at once.
const STEP: usize = 1024;

/// What a store holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    /// The kinds that there are, in the order of their keys.
    pub kinds: Vec<Kind>,
    /// What the log takes on the disk; 0 in memory.
    pub log_bytes: u64,
}

/// The rows of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// Rows.
    pub rows: u64,
    /// Bytes of their keys and values in the log.
    pub bytes: u64,
    /// Those of them whose values lie in payload files.
    pub payloads: u64,
    /// Bytes of these values; files that several rows share count for each.
    pub payload_bytes: u64,
}

impl Census {
    /// All kinds together.
    pub fn total(&self) -> Kind {
        let mut total = Kind::named("total");
        for kind in &self.kinds {
            total.rows += kind.rows;
            total.bytes += kind.bytes;
            total.payloads += kind.payloads;
            total.payload_bytes += kind.payload_bytes;
        }
        total
    }
}

impl Kind {
    fn named(name: &'static str) -> Self {
        Self {
            name,
            rows: 0,
            bytes: 0,
            payloads: 0,
            payload_bytes: 0,
        }
    }
}

/// Counts; `seen` hears now and then how many rows there were so far.
pub(crate) fn take(backend: &dyn Backend, mut seen: impl FnMut(u64)) -> Result<Vec<Kind>> {
    let rows = std::cell::Cell::new(0);
    let mut kinds = BTreeMap::new();
    let visit = |key: &[u8], row: &[u8]| {
        rows.set(rows.get() + 1);
        let tag = key.first().copied().unwrap_or_default();
        let kind = kinds
            .entry(tag)
            .or_insert_with(|| Kind::named(Tag::name_of(tag)));
        kind.rows += 1;
        kind.bytes += (key.len() + row.len()) as u64;
        if let Some(blob) = envelope::reference(key, row)? {
            kind.payloads += 1;
            kind.payload_bytes += blob.len;
        }
        Ok(())
    };
    visit_in_steps(backend, STEP, visit, || {
        seen(rows.get());
        ControlFlow::Continue(())
    })?;
    Ok(kinds.into_values().collect())
}
