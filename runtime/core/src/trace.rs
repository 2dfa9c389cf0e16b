//! Where an event stands in a distributed trace: W3C Trace Context, level 1.
//!
//! It is carried from an event to its runs, and from these to whatever they send, start and call. Nothing of it is ever shown to a
//! function, and nothing that a run does depends on it. The ids of spans follow from what they are spans of, so that a body that executes
//! again under the same number has the same one, and so has a run after a restart. A trace that nobody sent is begun only where the node
//! records traces: then it follows from the run.

mod sampling;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::Json;
use crate::ids::RunId;
use crate::journal::{OpNumber, WORKFLOW_OP};

pub use sampling::{InvalidSampler, Sampling};

/// The name of the header that says which trace and which span.
pub const TRACEPARENT: &str = "traceparent";
/// The name of the header with what vendors add.
pub const TRACESTATE: &str = "tracestate";

/// How long a `traceparent` of version 00 is.
const LENGTH: usize = 55;
/// The flag that says that the caller may have recorded the trace; later versions may define others.
const SAMPLED: u8 = 1;
/// The most members that a `tracestate` has.
const MOST_MEMBERS: usize = 32;
/// The most bytes of a `tracestate` that are kept; 512 is the least that the specification asks for.
const MOST_STATE_BYTES: usize = 2_048;

/// A place in a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceContext {
    trace_id: u128,
    /// The span of whoever sent it.
    parent_id: u64,
    sampled: bool,
    state: Option<Json>,
}

impl TraceContext {
    /// What the two headers say. As the specification has it, a malformed `traceparent` is as good as none, and then `tracestate` counts
    /// for nothing; a malformed `tracestate` is left out alone. `states` are all headers of that name, in their order.
    pub fn parse<'a>(parent: &str, states: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let parent = parent.trim_matches([' ', '\t']);
        let (head, rest) = (parent.get(..LENGTH)?, parent.get(LENGTH..)?);
        let mut fields = head.split('-');
        let mut next = |digits: usize| fields.next().and_then(|field| number(field, digits));
        let version = next(2)?;
        let (trace_id, parent_id, flags) = (next(32)?, next(16)?, next(2)?);
        // A version that is not known yet may have more fields.
        let ends_well = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.is_empty() || rest.starts_with('-'),
        };
        if !ends_well || trace_id == 0 || parent_id == 0 {
            return None;
        }
        Some(Self {
            trace_id,
            parent_id: u64::try_from(parent_id).ok()?,
            sampled: flags & u128::from(SAMPLED) != 0,
            state: state(states),
        })
    }

    /// Where a run stands: what its event says, or, where traces are recorded and the event says nothing, a trace that follows from the run.
    /// `sampling` is absent where none are recorded: then what a caller said is only handed on.
    pub fn of_run(given: Option<&Self>, run: RunId, sampling: Option<Sampling>) -> Option<Self> {
        let Some(sampling) = sampling else {
            return given.cloned();
        };
        Some(match given {
            Some(given) => Self {
                sampled: sampling.samples(given.trace_id, Some(given.sampled)),
                ..given.clone()
            },
            None => {
                let trace_id = trace_of(run);
                Self {
                    trace_id,
                    parent_id: run_span(run),
                    sampled: sampling.samples(trace_id, None),
                    state: None,
                }
            }
        })
    }

    /// The place of what an attempt of a run's operation sends, starts or calls: the same trace, and a span of its own.
    #[must_use]
    pub fn of_attempt(&self, run: RunId, op: OpNumber, attempt: u32) -> Self {
        self.at_span(attempt_span(run, op, attempt))
    }

    /// The same trace, at this span.
    #[must_use]
    pub fn at_span(&self, span_id: u64) -> Self {
        Self {
            parent_id: span_id,
            ..self.clone()
        }
    }

    /// A trace that begins here.
    pub fn begin(trace_id: u128, span_id: u64, sampled: bool) -> Self {
        Self {
            trace_id: trace_id.max(1),
            parent_id: span_id.max(1),
            sampled,
            state: None,
        }
    }

    /// The trace.
    pub fn trace_id(&self) -> u128 {
        self.trace_id
    }

    /// The span of whoever sent it.
    pub fn parent_id(&self) -> u64 {
        self.parent_id
    }

    /// Whether the trace is recorded.
    pub fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// The header `traceparent`.
    pub fn traceparent(&self) -> String {
        let (trace_id, parent_id) = (self.trace_id, self.parent_id);
        let flags = u8::from(self.sampled) * SAMPLED;
        format!("00-{trace_id:032x}-{parent_id:016x}-{flags:02x}")
    }

    /// The header `tracestate`, if there is one.
    pub fn tracestate(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

/// The trace of a run whose event is part of none.
fn trace_of(run: RunId) -> u128 {
    xxh3_128(&run.0.to_be_bytes()).max(1)
}

/// The span of a whole run.
pub fn run_span(run: RunId) -> u64 {
    attempt_span(run, WORKFLOW_OP, 0)
}

/// The span of an attempt at an operation's body; of the operation itself where it was attempted once, or is nothing that is attempted.
pub fn attempt_span(run: RunId, op: OpNumber, attempt: u32) -> u64 {
    let mut name = [0; 24];
    name[..16].copy_from_slice(&run.0.to_be_bytes());
    name[16..20].copy_from_slice(&op.to_be_bytes());
    name[20..].copy_from_slice(&attempt.to_be_bytes());
    // 0 is no span.
    xxh3_64(&name).max(1)
}

/// The span of an operation that was attempted more than once.
pub fn step_span(run: RunId, op: OpNumber) -> u64 {
    attempt_span(run, op, u32::MAX)
}

/// A span that the author opened in an attempt at a body (`WORKFLOW_OP`: at the workflow code), under the name that the guest has for it.
pub fn authored_span(run: RunId, op: OpNumber, attempt: u32, id: u64) -> u64 {
    let mut name = [0; 32];
    name[..16].copy_from_slice(&run.0.to_be_bytes());
    name[16..20].copy_from_slice(&op.to_be_bytes());
    name[20..24].copy_from_slice(&attempt.to_be_bytes());
    name[24..].copy_from_slice(&id.to_be_bytes());
    xxh3_64(&name).max(1)
}

/// The span of a run's time in the queue.
pub fn queue_span(run: RunId) -> u64 {
    attempt_span(run, WORKFLOW_OP, u32::MAX)
}

/// The span of a stretch in which a run's code executed; its first entry has this index in the journal.
pub fn episode_span(run: RunId, first_entry: u32) -> u64 {
    attempt_span(run, WORKFLOW_OP, first_entry.saturating_add(1))
}

/// A number of exactly so many hexadecimal digits, in small letters.
fn number(field: &str, digits: usize) -> Option<u128> {
    let good = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if field.len() != digits || !field.bytes().all(good) {
        return None;
    }
    u128::from_str_radix(field, 16).ok()
}

/// The members of all headers as one.
fn state<'a>(states: impl IntoIterator<Item = &'a str>) -> Option<Json> {
    let mut members: Vec<&str> = Vec::new();
    for member in states.into_iter().flat_map(|state| state.split(',')) {
        let member = member.trim_matches([' ', '\t']);
        if member.is_empty() {
            continue;
        }
        let (key, value) = member.split_once('=')?;
        let twice = members
            .iter()
            .any(|other| other.split('=').next() == Some(key));
        if !is_key(key) || !is_value(value) || twice || members.len() == MOST_MEMBERS {
            return None;
        }
        members.push(member);
    }
    let state = members.join(",");
    (!state.is_empty() && state.len() <= MOST_STATE_BYTES).then(|| state.into())
}

fn is_key(key: &str) -> bool {
    let good =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/".contains(&byte);
    let part = |part: &str, most: usize| (1..=most).contains(&part.len()) && part.bytes().all(good);
    match key.split_once('@') {
        Some((tenant, system)) => part(tenant, 241) && part(system, 14),
        None => part(key, 256) && !key.starts_with(['_', '-', '*', '/']),
    }
}

fn is_value(value: &str) -> bool {
    (1..=256).contains(&value.len())
        && value
            .bytes()
            .all(|byte| (0x20..0x7f).contains(&byte) && !b",=".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn trace(parent: &str, states: &[&str]) -> Option<TraceContext> {
        TraceContext::parse(parent, states.iter().copied())
    }

    #[test]
    fn what_is_well_formed_is_told_again() {
        let given = trace(
            PARENT,
            &["rojo=00f067aa0ba902b7, congo=t61rcWkgMzE", "", "a@b=1"],
        );
        let given = given.expect("it is well-formed");
        assert_eq!(given.traceparent(), PARENT);
        assert_eq!(
            given.tracestate(),
            Some("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE,a@b=1")
        );
        let flags = trace(&PARENT.replace("-01", "-fe"), &[]).expect("unknown flags");
        assert!(flags.traceparent().ends_with("-00"));
        let later = PARENT.replacen("00", "cc", 1);
        assert_eq!(trace(&later, &[]), trace(PARENT, &[]));
        assert_eq!(trace(&format!("{later}-more"), &[]), trace(PARENT, &[]));
    }

    #[test]
    fn what_is_malformed_is_as_good_as_absent() {
        for wrong in [
            "",
            "00",
            &PARENT[..54],
            &format!("{PARENT}-00"),
            &format!("{}x", PARENT.replacen("00", "cc", 1)),
            &PARENT.replacen("00", "ff", 1),
            &PARENT.to_uppercase(),
            &PARENT.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            &PARENT.replace("b7ad6b7169203331", &"0".repeat(16)),
            &PARENT.replace('-', "_"),
            &PARENT.replace("-01", "-0g"),
            "00-0af7651916cd43dd8448eb211c80319€-b7ad6b7169203331-01",
        ] {
            assert_eq!(trace(wrong, &["a=1"]), None, "{wrong}");
        }
        for wrong in [
            "a", "A=1", "a=1,a=2", "=1", "a=", "a=b=c", "a=\u{e9}", "@a=1", "_a=1",
        ] {
            let given = trace(PARENT, &[wrong]).expect("the parent counts");
            assert_eq!(given.tracestate(), None, "{wrong}");
        }
        let many: Vec<String> = (0..33).map(|n| format!("k{n}=v")).collect();
        let state = |count: usize| trace(PARENT, &[&many[..count].join(",")]).unwrap().state;
        assert!(state(32).is_some() && state(33).is_none());
        let long = format!("a={}", "x".repeat(257));
        assert_eq!(trace(PARENT, &[&long]).unwrap().tracestate(), None);
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_taken_is_told_in_words_that_are_taken_again(
            parent in "[ \t]?[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[ -~]{0,9})?|\\PC{0,60}",
            states in proptest::collection::vec("([a-z@*/_-]{1,4}=[ -~]{0,4}[,; \t]?){0,4}|\\PC{0,20}", 0..4),
        ) {
            let states: Vec<_> = states.iter().map(String::as_str).collect();
            let Some(taken) = trace(&parent, &states) else {
                return Ok(());
            };
            let told = taken.traceparent();
            proptest::prop_assert_eq!(told.len(), LENGTH);
            // What it names is what came in, whatever stood around it.
            proptest::prop_assert_eq!(&told[2..LENGTH - 2], &parent.trim()[2..LENGTH - 2]);
            let again = trace(&told, taken.tracestate().as_slice());
            proptest::prop_assert_eq!(again, Some(taken));
        }
    }

    #[test]
    fn a_run_without_a_trace_has_one_that_follows_from_it_where_traces_are_recorded() {
        let run = RunId(7);
        let all = Sampling::parse("always_on", None).expect("a sampler");
        assert_eq!(TraceContext::of_run(None, run, None), None);
        let own = TraceContext::of_run(None, run, Some(all)).expect("a trace");
        assert_eq!(
            TraceContext::of_run(None, run, Some(all)),
            Some(own.clone())
        );
        assert_eq!(own.parent_id(), run_span(run));
        assert_ne!(
            TraceContext::of_run(None, RunId(8), Some(all)).map(|it| it.trace_id),
            Some(own.trace_id)
        );
        let given = trace(&PARENT.replace("-01", "-00"), &["a=1"]).expect("it is well-formed");
        let kept = TraceContext::of_run(Some(&given), run, None).expect("a trace");
        assert_eq!(kept, given);
        let sampled = TraceContext::of_run(Some(&given), run, Some(all)).expect("a trace");
        assert_eq!(sampled.trace_id, given.trace_id);
        assert!(sampled.is_sampled() && sampled.tracestate() == Some("a=1"));
    }

    #[test]
    fn an_attempt_has_the_same_span_each_time_and_another_than_the_next() {
        let given = trace(PARENT, &["a=1"]).expect("it is well-formed");
        let of = |run, op, attempt| given.of_attempt(RunId(run), op, attempt);
        assert_eq!(of(1, 2, 3), of(1, 2, 3));
        assert_eq!(of(1, 2, 3).trace_id, given.trace_id);
        assert_eq!(of(1, 2, 3).tracestate(), Some("a=1"));
        let all = [
            given.clone(),
            of(1, 2, 3),
            of(1, 2, 4),
            of(1, 3, 3),
            of(2, 2, 3),
        ];
        let spans: std::collections::BTreeSet<_> = all.iter().map(|it| it.parent_id).collect();
        assert_eq!(spans.len(), all.len());
    }
}
