//! Standard output and error, captured line by line.
//!
//! Lines of workflow code are taken from the workflow instance, lines of bodies from the twin that executes them; a twin's
//! repetition of workflow code is dropped by the machine.

use std::collections::VecDeque;
use std::sync::Arc;

use abide_core::state::LogLevel;
use bytes::Bytes;
use parking_lot::Mutex;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use super::Role;
use crate::execute::Run;

/// A line is ended by force when it has this many bytes: it would be cut anyway.
const LINE_BYTES: usize = 16 << 10;

/// Lines of standard error that are kept for the message of a trap: Go's runtime writes a stack after it.
const TAIL_LINES: usize = 48;

/// What a stream takes at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Which stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// Where the output of one guest goes.
pub(crate) struct LogSink {
    role: Role,
    run: Option<Arc<Run>>,
    partial: Mutex<Partial>,
}

#[derive(Default)]
struct Partial {
    out: Vec<u8>,
    err: Vec<u8>,
    tail: VecDeque<String>,
}

impl LogSink {
    pub(crate) fn new(role: Role, run: Option<Arc<Run>>) -> Self {
        Self {
            role,
            run,
            partial: Mutex::default(),
        }
    }

    /// A new stream into this sink.
    pub(crate) fn stream(self: &Arc<Self>, stream: Stream) -> Box<dyn OutputStream> {
        Box::new(LineStream {
            sink: self.clone(),
            stream,
        })
    }

    /// One line of the logging interface.
    pub(crate) fn log(&self, level: LogLevel, message: &str) {
        if let Some(run) = &self.run {
            run.log(self.role, level, message);
        }
    }

    /// Ends lines that have no end yet: what follows belongs to another step.
    pub(crate) fn end_lines(&self) {
        let mut partial = self.partial.lock();
        self.end_partial(&mut partial);
        partial.tail.clear();
    }

    /// What the step wrote to standard error last, the oldest line first.
    pub(crate) fn last_words(&self) -> Vec<String> {
        let mut partial = self.partial.lock();
        self.end_partial(&mut partial);
        partial.tail.iter().cloned().collect()
    }

    fn end_partial(&self, partial: &mut Partial) {
        for stream in [Stream::Out, Stream::Err] {
            let line = std::mem::take(partial.bytes(stream));
            if !line.is_empty() {
                self.line(partial, stream, &line);
            }
        }
    }

    fn write(&self, stream: Stream, mut bytes: &[u8]) {
        let mut partial = self.partial.lock();
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let mut line = std::mem::take(partial.bytes(stream));
            line.extend_from_slice(&bytes[..end]);
            self.line(&mut partial, stream, &line);
            bytes = &bytes[end + 1..];
        }
        partial.bytes(stream).extend_from_slice(bytes);
        if partial.bytes(stream).len() > LINE_BYTES {
            let line = std::mem::take(partial.bytes(stream));
            self.line(&mut partial, stream, &line);
        }
    }

    fn line(&self, partial: &mut Partial, stream: Stream, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = String::from_utf8_lossy(line).into_owned();
        let level = match stream {
            Stream::Out => LogLevel::Info,
            Stream::Err => {
                if partial.tail.len() == TAIL_LINES {
                    partial.tail.pop_front();
                }
                partial.tail.push_back(text.clone());
                LogLevel::Warn
            }
        };
        self.log(level, &text);
    }
}

impl Partial {
    fn bytes(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        }
    }
}

struct LineStream {
    sink: Arc<LogSink>,
    stream: Stream,
}

#[wasmtime_wasi::async_trait]
impl OutputStream for LineStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.sink.write(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK_BYTES)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LineStream {
    async fn ready(&mut self) {}
}
