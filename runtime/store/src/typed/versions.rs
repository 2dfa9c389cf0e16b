//! Whether this program reads what a store holds: said when the store is opened, not in the middle of its work.

use std::ops::ControlFlow;

use abide_core::{
    event::Event,
    ids::EventId,
    journal::Entry,
    state::{App, BufferedSignal, EventSchema, Job, LogLine, Registration, Run},
};

use crate::{
    backend::Direction,
    codec::{Arrival, ControlRow, Dedupe, QueuedRow, Record},
    error::{Error, Result},
    keys::{Prefix, Tag},
    view::View,
};

/// The rows that hold records, with the oldest and the newest version that this program reads.
const RECORDS: [(Tag, &str, [u8; 2]); 14] = [
    of::<Event>(Tag::Event),
    of::<Dedupe>(Tag::Dedupe),
    of::<Run>(Tag::Run),
    of::<Vec<Entry>>(Tag::Journal),
    of::<Vec<LogLine>>(Tag::Log),
    of::<Vec<EventId>>(Tag::RunEvent),
    of::<QueuedRow>(Tag::Queued),
    of::<Registration>(Tag::Registration),
    of::<Arrival>(Tag::Arrival),
    of::<BufferedSignal>(Tag::Signal),
    of::<App>(Tag::App),
    of::<ControlRow>(Tag::Control),
    of::<Job>(Tag::Job),
    of::<EventSchema>(Tag::Schema),
];

const fn of<R: Record>(tag: Tag) -> (Tag, &'static str, [u8; 2]) {
    (tag, R::NAME, [R::OLDEST, R::VERSION])
}

impl View {
    /// Refuses a store whose records have other versions. Looks at one row of each kind: a program that
    /// writes a version reads all that it finds beside it.
    pub(crate) fn check_versions(&self) -> Result<()> {
        for (tag, kind, [oldest, expected]) in RECORDS {
            let mut found = None;
            let looked = self.scan(&Prefix::tag(tag).range(), Direction::Forward, |_, value| {
                found = value.first().copied();
                ControlFlow::Break(())
            });
            match (looked, found) {
                // A damaged row is told to whoever needs it.
                (Err(Error::Corrupt { .. }) | Ok(()), None) => {}
                (Err(error), _) => return Err(error),
                (Ok(()), Some(found)) if (oldest..=expected).contains(&found) => {}
                (Ok(()), Some(found)) => {
                    return Err(Error::OtherVersion {
                        kind,
                        found,
                        expected,
                    });
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, Commits, MemoryDisk, Store};

    fn reopened_with(tag: Tag, row: &'static [u8]) -> Result<Store> {
        let disk = MemoryDisk::new();
        let store = Store::in_memory(&disk, Commits::InThread)?;
        let mut batch = Batch::new();
        batch.put(vec![tag as u8, 1], row);
        store.submit(batch).wait()?;
        store.close()?;
        Store::in_memory(&disk, Commits::InThread)
    }

    #[test]
    fn a_store_of_another_version_is_refused_with_what_to_do() {
        for (tag, kind, [oldest, version]) in RECORDS {
            assert!(reopened_with(tag, &[]).is_ok(), "an empty row says nothing");
            let older: &'static [u8] = Box::leak(Box::new([oldest - 1]));
            let error = reopened_with(tag, older).err().unwrap().to_string();
            let said = format!("{kind} (version {}", oldest - 1);
            assert!(
                error.contains(&said) && error.contains("empty data directory"),
                "{error}"
            );
            for version in oldest..=version {
                let known: &'static [u8] = Box::leak(Box::new([version]));
                assert!(reopened_with(tag, known).is_ok());
            }
        }
    }
}
