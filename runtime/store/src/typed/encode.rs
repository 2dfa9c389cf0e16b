//! Writes as rows: each record, and every index row that it implies.

use std::sync::Arc;

use abide_core::{
    event::Event,
    ids::{EventId, RunId},
    journal::{OpNumber, Outcome},
    state::{
        Control, ControlKey, JournalChunk, LaneKey, LogLine, Place, Registration, TimerKey,
        WaitKey, Write,
    },
};
use bytes::Bytes;

use crate::{
    batch::Batch,
    codec::{self, Arrival, ControlRow, QueuedRow, Record},
    committer::SPILL_ABOVE,
    error::Result,
    keys::{Key, Text},
};

/// What a row of entries or lines may hold before the next row begins: below the size of payload files, with room for the envelope.
const ROW_BYTES: usize = SPILL_ABOVE - 64;

/// The writes of one step of the engine, as one batch.
pub fn encode<'a>(writes: impl IntoIterator<Item = &'a Write>) -> Result<Batch> {
    let mut batch = Batch::new();
    let mut last = None;
    for write in writes {
        encode_write(write, &mut batch, &mut last)?;
    }
    Ok(batch)
}

/// The arrival that was encoded last, and its bytes.
type Last<'a> = Option<(&'a Arrival, Bytes)>;

/// An arrival as bytes: those of the last one if both bring the same event. One event may satisfy very many waits, and be large.
fn encode_arrival<'a>(arrival: &'a Arrival, last: &mut Last<'a>) -> Result<Bytes> {
    if let Some((same, bytes)) = last
        && let ((Outcome::Done(a), ..), (Outcome::Done(b), ..)) = (*same, arrival)
        && Arc::ptr_eq(a, b)
        && (same.1, same.2) == (arrival.1, arrival.2)
    {
        return Ok(bytes.clone());
    }
    let bytes = codec::encode(arrival)?;
    *last = Some((arrival, bytes.clone()));
    Ok(bytes)
}

#[allow(clippy::too_many_lines, reason = "one arm a write")]
fn encode_write<'a>(write: &'a Write, batch: &mut Batch, last: &mut Last<'a>) -> Result<()> {
    match write {
        Write::PutEvent(event) => put_event(event, batch)?,
        Write::LinkEvent { event, run } => {
            mark(
                batch,
                &Key::EventRun {
                    event: *event,
                    run: *run,
                },
            );
        }
        Write::PutDedupe {
            function,
            external_id,
            run,
            until_ms,
        } => {
            put(
                batch,
                &Key::dedupe(function, external_id),
                &(*run, *until_ms),
            )?;
        }
        Write::UnlinkEvent { event, run } => delete(
            batch,
            &Key::EventRun {
                event: *event,
                run: *run,
            },
        ),
        Write::PutRunEvents { run, first, events } => put_run_events(*run, *first, events, batch)?,
        Write::PutControl { key, control } => put_control(key, control, batch)?,
        Write::DeleteControl(key) => delete(batch, &Key::control(key)),
        Write::PutQueued { lane, place } => put_queued(lane, *place, batch)?,
        Write::DeleteQueued { lane, place } => delete(batch, &Key::queued(lane, *place)),
        Write::PutHolder { counter, run } => mark(batch, &holder(counter, *run)),
        Write::DeleteHolder { counter, run } => delete(batch, &holder(counter, *run)),
        Write::PutJob(job) => put(batch, &Key::Job(job.id), &**job)?,
        Write::PutSchema(schema) => {
            let key = Key::schema(&schema.event, schema.v.as_deref());
            put(batch, &key, schema)?;
        }
        Write::DeleteSchema { event, v } => delete(batch, &Key::schema(event, v.as_deref())),
        Write::PutRun(run) => put(batch, &Key::Run(run.id), &**run)?,
        Write::PutReady(run) => mark(batch, &Key::Ready(*run)),
        Write::DeleteReady(run) => delete(batch, &Key::Ready(*run)),
        Write::AppendJournal { run, chunk } => append_journal(*run, chunk, batch)?,
        Write::AppendLog { run, chunk, lines } => append_log(*run, *chunk, lines, batch)?,
        Write::Register {
            run,
            op,
            registration,
        } => {
            let wait = WaitKey { run: *run, op: *op };
            put(batch, &Key::Registration(wait), &**registration)?;
            for (key, value) in index_rows(*run, *op, registration) {
                batch.put(key.encode(), value);
            }
        }
        Write::Unregister {
            run,
            op,
            registration,
        } => {
            delete(batch, &Key::Registration(WaitKey { run: *run, op: *op }));
            for (key, _) in index_rows(*run, *op, registration) {
                delete(batch, &key);
            }
        }
        Write::PutArrival { run, op, arrival } => {
            let key = Key::Arrival(WaitKey { run: *run, op: *op });
            batch.put(key.encode(), encode_arrival(arrival, last)?);
        }
        Write::DeleteArrival { run, op } => {
            delete(batch, &Key::Arrival(WaitKey { run: *run, op: *op }));
        }
        Write::PutSignal {
            name,
            number,
            signal,
        } => put(batch, &signal_key(name, *number), signal)?,
        Write::DeleteSignal { name, number } => delete(batch, &signal_key(name, *number)),
        Write::PutApp(app) => put(batch, &Key::App(Text::new(&app.id)), &**app)?,
    }
    Ok(())
}

fn put<R: Record>(batch: &mut Batch, key: &Key<'_>, record: &R) -> Result<()> {
    batch.put(key.encode(), codec::encode(record)?);
    Ok(())
}

/// A row whose key says everything.
fn mark(batch: &mut Batch, key: &Key<'_>) {
    batch.put(key.encode(), Bytes::new());
}

fn delete(batch: &mut Batch, key: &Key<'_>) {
    batch.delete(key.encode());
}

fn put_event(event: &Event, batch: &mut Batch) -> Result<()> {
    put(batch, &Key::Event(event.id), event)?;
    let by_name = Key::EventByName {
        name: Text::new(&event.name),
        received_ms: event.received_ms,
        event: event.id,
    };
    mark(batch, &by_name);
    Ok(())
}

fn put_run_events(run: RunId, first: u32, events: &[EventId], batch: &mut Batch) -> Result<()> {
    let mut first = first;
    for (count, row) in codec::encode_rows(events, ROW_BYTES)? {
        batch.put(Key::RunEvent { run, first }.encode(), row);
        first += count;
    }
    Ok(())
}

fn put_control(key: &ControlKey, control: &Control, batch: &mut Batch) -> Result<()> {
    let in_key = Key::control(key);
    let named = match &in_key {
        Key::Control { key: text, .. } if !text.is_plain() => Some(key.clone()),
        _ => None,
    };
    put::<ControlRow>(batch, &in_key, &(named, control.clone()))
}

fn put_queued(lane: &LaneKey, place: Place, batch: &mut Batch) -> Result<()> {
    let in_key = Key::queued(lane, place);
    let named = match &in_key {
        Key::Queued { lane: text, .. } if !text.is_plain() => Some(lane.clone()),
        _ => None,
    };
    put::<QueuedRow>(batch, &in_key, &named)
}

fn holder(counter: &str, run: RunId) -> Key<'_> {
    Key::Holder {
        counter: Text::new(counter),
        run,
    }
}

/// The index rows of a registration: by time, by event name, by signal, by request.
pub(crate) fn index_rows(
    run: RunId,
    op: OpNumber,
    registration: &Registration,
) -> Vec<(Key<'_>, Bytes)> {
    let wait = WaitKey { run, op };
    let mut rows = Vec::new();
    if let Some(due_ms) = registration.due_ms() {
        rows.push((Key::Timer(TimerKey { due_ms, run, op }), Bytes::new()));
    }
    if registration.is_request() {
        rows.push((Key::Request(wait), Bytes::new()));
    }
    match registration.awaited() {
        Some((name, None)) => {
            rows.push((
                Key::Wait {
                    name: Text::new(name),
                    wait,
                },
                Bytes::new(),
            ));
        }
        Some((name, Some((path, value)))) => {
            let key = Key::WaitMatch {
                name: Text::new(name),
                path: Text::new(path),
                value: Text::new(value),
                wait,
            };
            // The row names its path, because a key holds only the digest of a long one.
            rows.push((key, Bytes::copy_from_slice(path.as_bytes())));
        }
        None => {}
    }
    if let Registration::Signal { name, .. } = registration {
        rows.push((
            Key::SignalWait {
                name: Text::new(name),
                wait,
            },
            Bytes::new(),
        ));
    }
    rows
}

fn append_journal(run: RunId, chunk: &JournalChunk, batch: &mut Batch) -> Result<()> {
    let mut first = chunk.first;
    for (count, row) in codec::encode_rows(&chunk.entries, ROW_BYTES)? {
        batch.put(Key::Journal { run, first }.encode(), row);
        first += count;
    }
    Ok(())
}

fn append_log(run: RunId, chunk: u32, lines: &[LogLine], batch: &mut Batch) -> Result<()> {
    for (part, (_, row)) in (0..).zip(codec::encode_lines(lines, ROW_BYTES)?) {
        batch.put(Key::Log { run, chunk, part }.encode(), row);
    }
    Ok(())
}

pub(super) fn signal_key(name: &str, number: u128) -> Key<'_> {
    Key::Signal {
        name: Text::new(name),
        number,
    }
}
