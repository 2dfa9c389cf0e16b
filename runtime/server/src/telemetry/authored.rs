//! What authors tell by themselves: spans that they open in bodies and in workflow code, and lines of the log, as records that name the span
//! in which they were written.

use abide_core::ids::RunId;
use abide_core::journal::{OpNumber, WORKFLOW_OP};
use abide_core::span::AuthoredSpan;
use abide_core::state::{LogLevel, LogLine, Run};
use abide_core::trace::{TraceContext, attempt_span, authored_span, run_span};
use opentelemetry::logs::{LogRecord as _, Severity};
use opentelemetry::trace::{SpanId, TraceFlags, TraceId};
use opentelemetry_sdk::logs::SdkLogRecord;
use opentelemetry_sdk::trace::SpanData;

use super::attributes::{of_record, of_span};
use super::span::{Shape, Span, cut, time};

/// The span of a body's attempt, or of the run.
fn around(run: RunId, op: Option<OpNumber>, attempt: u32) -> u64 {
    match op {
        Some(op) => attempt_span(run, op, attempt),
        None => run_span(run),
    }
}

/// A span that the author opened.
pub(super) fn span(run: RunId, trace: &TraceContext, authored: &AuthoredSpan) -> SpanData {
    let AuthoredSpan { op, attempt, .. } = *authored;
    let own = |id| authored_span(run, op.unwrap_or(WORKFLOW_OP), attempt, id);
    let span = Span::new(Shape {
        trace,
        id: own(authored.id),
        parent: authored
            .parent
            .map_or_else(|| around(run, op, attempt), own),
        name: cut(&authored.name).to_owned().into(),
        start_ms: authored.started_ms,
        end_ms: authored.ended_ms,
    });
    let span = span
        .with_all(authored.attributes.iter().flat_map(|it| of_span(it)))
        .with("abide.run.id", run.to_string());
    match &authored.error {
        Some(error) => span.error(error).done(),
        None => span.done(),
    }
}

/// Fills the record of a line; `step` is the step whose body wrote it.
pub(super) fn record(
    record: &mut SdkLogRecord,
    run: &Run,
    trace: Option<&TraceContext>,
    line: &LogLine,
    step: Option<String>,
) {
    record.set_timestamp(time(line.at_ms));
    record.set_observed_timestamp(time(line.at_ms));
    let (severity, name) = match line.level {
        LogLevel::Trace => (Severity::Trace, "TRACE"),
        LogLevel::Debug => (Severity::Debug, "DEBUG"),
        LogLevel::Info => (Severity::Info, "INFO"),
        LogLevel::Warn => (Severity::Warn, "WARN"),
        LogLevel::Error => (Severity::Error, "ERROR"),
    };
    record.set_severity_number(severity);
    record.set_severity_text(name);
    record.set_body(line.message.clone().into());
    if let Some(trace) = trace {
        let flags = if trace.is_sampled() {
            TraceFlags::SAMPLED
        } else {
            TraceFlags::NOT_SAMPLED
        };
        let span = SpanId::from(around(run.id, line.op, line.attempt));
        record.set_trace_context(TraceId::from(trace.trace_id()), span, Some(flags));
    }
    if let Some(fields) = &line.fields {
        record.add_attributes(of_record(fields));
    }
    record.add_attribute("abide.run.id", run.id.to_string());
    record.add_attribute("abide.app", run.function.app.to_string());
    record.add_attribute("abide.function", run.function.function.to_string());
    if let Some(step) = step {
        record.add_attribute("abide.step.id", cut(&step).to_owned());
        record.add_attribute("abide.step.attempt", i64::from(line.attempt) + 1);
    }
}
