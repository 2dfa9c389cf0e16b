//! What a program can say. Its JSON is compact: it travels in every event, and is parsed at every start of an instance.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::value::Expr;

/// A program: the whole data of the event that starts it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// Names the run in the world outside; no other run of the simulation has it.
    pub key: String,
    /// What runs it.
    #[serde(rename = "f")]
    pub function: Function,
    /// Where `fetch` goes: the base address of the outside service.
    #[serde(rename = "u")]
    pub url: String,
    /// What it does.
    #[serde(rename = "b")]
    pub body: Vec<Statement>,
    /// What the world sends it.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<Outside>,
}

/// A program that another one starts. Its key follows from the key of that one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sub {
    /// What runs it.
    #[serde(rename = "f")]
    pub function: Function,
    /// What it does.
    #[serde(rename = "b")]
    pub body: Vec<Statement>,
}

impl Sub {
    /// The whole program, as it is started by the statement `id` of `parent`; `path` tells the repeats of a loop apart.
    #[must_use]
    pub fn program(&self, parent: &Program, id: &str, path: &str) -> Program {
        Program {
            key: format!("{}/{}{path}", parent.key, told_apart(id)),
            function: self.function,
            url: parent.url.clone(),
            body: self.body.clone(),
            outside: Vec::new(),
        }
    }
}

/// The functions of the app: all of them interpret a program, each with other options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Function {
    /// No options.
    #[serde(rename = "p")]
    Plain,
    /// Its code, and steps that say nothing else, are tried once.
    #[serde(rename = "s")]
    Strict,
    /// No triggers: it is invoked.
    #[serde(rename = "c")]
    Called,
    /// At most two executing steps at a time.
    #[serde(rename = "g")]
    Gated,
    /// At most three runs at a time.
    #[serde(rename = "w")]
    Narrow,
    /// At most two starts in ten seconds.
    #[serde(rename = "t")]
    Throttled,
}

impl Function {
    /// Those that events start.
    pub const STARTED: [Self; 5] = [
        Self::Plain,
        Self::Strict,
        Self::Gated,
        Self::Narrow,
        Self::Throttled,
    ];

    /// Its id in the app.
    pub fn id(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Strict => "strict",
            Self::Called => "called",
            Self::Gated => "gated",
            Self::Narrow => "narrow",
            Self::Throttled => "throttled",
        }
    }

    /// The name of the event that starts it.
    pub fn event(self) -> String {
        format!("{}{}", crate::STARTS, self.id())
    }

    /// How often its code, and a step that says nothing else, is tried again.
    pub fn retries(self) -> u32 {
        match self {
            Self::Strict => 0,
            Self::Plain | Self::Called | Self::Gated | Self::Narrow | Self::Throttled => 4,
        }
    }
}

/// Something that the world sends to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outside {
    /// How long after the event that starts the run was acknowledged, in milliseconds.
    #[serde(rename = "a")]
    pub after_ms: u64,
    /// The topic, as the program's waits call it.
    #[serde(rename = "t")]
    pub topic: String,
    /// A signal rather than an event.
    #[serde(rename = "s", default, skip_serializing_if = "is_false")]
    pub signal: bool,
    /// What it carries.
    #[serde(rename = "v")]
    pub value: Value,
}

impl Outside {
    /// The name of the event, for an event.
    pub fn event_name(&self) -> String {
        Form::Match.event_name(&self.topic)
    }

    /// The name of the signal, for a signal to the run of this key.
    pub fn signal_name(&self, key: &str) -> String {
        signal_name(key, &self.topic)
    }

    /// The data of the event, for an event to the run of this key.
    pub fn event_data(&self, key: &str) -> Value {
        event_data(key, &self.topic, &self.value)
    }
}

/// The beginning of a step's id, which no other step of a program shares: keys are parts of the names of events and signals, and those
/// are bounded.
fn told_apart(id: &str) -> &str {
    id.char_indices().nth(16).map_or(id, |(end, _)| &id[..end])
}

/// The name of the signal of this topic for the run of this key.
pub(crate) fn signal_name(key: &str, topic: &str) -> String {
    format!("{key}/{topic}")
}

/// The data of an event about this topic to the run of this key.
pub(crate) fn event_data(key: &str, topic: &str, value: &Value) -> Value {
    serde_json::json!({"key": key, "topic": topic, "value": value})
}

/// How a wait says which event it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// By the event's name, and `match: data.key`.
    #[serde(rename = "m")]
    Match,
    /// By the event's name, and a condition on key and topic.
    #[serde(rename = "i")]
    If,
}

impl Form {
    /// The name of the event of this topic.
    pub fn event_name(self, topic: &str) -> String {
        match self {
            Self::Match | Self::If => format!("sim/told.{topic}"),
        }
    }

    /// The condition, for the form that has one.
    pub fn condition(self, topic: &str) -> Option<String> {
        match self {
            Self::Match => None,
            Self::If => Some(format!(
                "async.data.key == event.data.key && async.data.topic == '{topic}'"
            )),
        }
    }
}

/// How the wait between attempts grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Growth {
    /// Not at all.
    #[serde(rename = "c")]
    Constant,
    /// By the same each time.
    #[serde(rename = "l")]
    Linear,
    /// Twofold.
    #[serde(rename = "e")]
    Exponential,
}

/// A schedule of retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retrying {
    /// How it grows.
    #[serde(rename = "k")]
    pub growth: Growth,
    /// The first wait, in milliseconds.
    #[serde(rename = "b")]
    pub base_ms: u64,
}

/// How often a body fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Fails {
    /// Never.
    #[default]
    #[serde(rename = "n")]
    Never,
    /// At attempts below this number, each time with a word on when to try again, if there is one (milliseconds).
    #[serde(rename = "f")]
    First(u32, Option<u64>),
    /// Always.
    #[serde(rename = "a")]
    Always,
    /// At attempts below this number, and then for good: trying again cannot help.
    #[serde(rename = "r")]
    Refuses(u32),
}

impl Fails {
    fn is_never(&self) -> bool {
        *self == Self::Never
    }
}

/// A step with a body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its id.
    #[serde(rename = "i")]
    pub id: String,
    /// What it returns.
    #[serde(rename = "v")]
    pub value: Expr,
    /// Whether the value comes from the outside service, which notes every call; otherwise the body reaches nothing.
    #[serde(rename = "c", default, skip_serializing_if = "is_false")]
    pub call: bool,
    /// How often the body fails, after its call if it makes one.
    #[serde(rename = "f", default, skip_serializing_if = "Fails::is_never")]
    pub fails: Fails,
    /// How often it is tried again; the function's if absent.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// When; the function's schedule if absent.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Retrying>,
    /// The longest attempt, in milliseconds; the host's if absent.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// One statement. It has a value, which those after it can use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Statement {
    /// A step; its value is the body's.
    #[serde(rename = "r")]
    Run(Step),
    /// Sleeps for `ms`; null.
    #[serde(rename = "s")]
    Sleep {
        /// The step's id.
        #[serde(rename = "i")]
        id: String,
        /// How long.
        ms: u64,
    },
    /// Sleeps until a time; null.
    #[serde(rename = "u")]
    SleepUntil {
        /// The step's id.
        #[serde(rename = "i")]
        id: String,
        /// Milliseconds since the Unix epoch.
        at: u64,
    },
    /// Waits for an event of a topic; its value, or null when the time is over.
    #[serde(rename = "w")]
    Wait {
        /// The step's id.
        #[serde(rename = "i")]
        id: String,
        /// Which topic; in a loop every repeat has its own.
        #[serde(rename = "t")]
        topic: String,
        /// How long.
        ms: u64,
        /// How the wait says what it is for.
        #[serde(rename = "f")]
        form: Form,
        /// Whether an event counts that came before.
        #[serde(rename = "b")]
        back: bool,
    },
    /// Waits for a signal; its value, or null when the time is over.
    #[serde(rename = "g")]
    Signal {
        /// The step's id.
        #[serde(rename = "i")]
        id: String,
        /// Which one.
        #[serde(rename = "t")]
        topic: String,
        /// How long.
        ms: u64,
    },
    /// Sends this very run an event; 1, the number of events.
    #[serde(rename = "t")]
    Tell {
        /// The step's id.
        #[serde(rename = "i")]
        id: String,
        /// Which topic.
        #[serde(rename = "t")]
        topic: String,
        /// What it carries; it depends on nothing.
        #[serde(rename = "v")]
        value: Expr,
    },
    /// Sends this very run a signal; null.
    #[serde(rename = "h")]
    SendSignal {
        /// The step's id.
        #[serde(rename = "i")]
        id: String,
        /// Which one.
        #[serde(rename = "t")]
        topic: String,
        /// What it carries; it depends on nothing.
        #[serde(rename = "v")]
        value: Expr,
    },
    /// Sends events that start programs, all or none; the number of events.
    #[serde(rename = "x")]
    Spawn {
        /// The step's id.
        #[serde(rename = "i")]
        id: String,
        /// What starts.
        #[serde(rename = "p")]
        programs: Vec<Sub>,
        /// Whether each event is there twice, with the same key against duplicates.
        #[serde(rename = "d", default, skip_serializing_if = "is_false")]
        twice: bool,
    },
    /// Invokes a program; its output.
    #[serde(rename = "i")]
    Invoke {
        /// The step's id.
        #[serde(rename = "i")]
        id: String,
        /// The program.
        #[serde(rename = "p")]
        program: Sub,
        /// How long to wait for it.
        ms: u64,
    },
    /// Has the host ask the outside service; `[status, value]`.
    #[serde(rename = "f")]
    Fetch {
        /// The step's id.
        #[serde(rename = "i")]
        id: String,
        /// What the service is asked to answer with.
        #[serde(rename = "s")]
        status: u16,
        /// What it is asked to return.
        #[serde(rename = "v")]
        value: Expr,
        /// How often a failed attempt is tried again.
        #[serde(rename = "r")]
        retries: u32,
    },
    /// Logs a line; null.
    #[serde(rename = "l")]
    Log(String),
    /// A value.
    #[serde(rename = "v")]
    Value(Expr),
    /// Branches side by side; the list of their values.
    #[serde(rename = "p")]
    All {
        /// The branches.
        #[serde(rename = "b")]
        branches: Vec<Vec<Statement>>,
        /// Whether the first error ends it and gives up the rest; otherwise all branches end first.
        #[serde(rename = "h", default, skip_serializing_if = "is_false")]
        hasty: bool,
    },
    /// Branches side by side, of which the first to end counts: `[its number, its value]`. The others are given up.
    #[serde(rename = "c")]
    Race(Vec<Vec<Statement>>),
    /// The value of the first block, or, when an error ends it, `[the error's name, the value of the second]`.
    #[serde(rename = "y")]
    Try(Vec<Statement>, Vec<Statement>),
    /// The block, this many times; the list of its values. Ids repeat.
    #[serde(rename = "n")]
    Loop(u32, Vec<Statement>),
    /// The first block if the number that stands for all values so far is even, or else the second; that block's value.
    #[serde(rename = "d")]
    If(Vec<Statement>, Vec<Statement>),
    /// The workflow code fails at attempts below this number, and goes on at later ones; null.
    #[serde(rename = "m")]
    Stumble(u32),
    /// Returns from the program.
    #[serde(rename = "e")]
    Return(Expr),
    /// The workflow code fails; whether trying again may help.
    #[serde(rename = "z")]
    Throw(bool),
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(it: &bool) -> bool {
    !it
}

impl Statement {
    /// Whether it is one operation.
    pub fn is_operation(&self) -> bool {
        match self {
            Self::Run(_)
            | Self::Sleep { .. }
            | Self::SleepUntil { .. }
            | Self::Wait { .. }
            | Self::Signal { .. }
            | Self::Tell { .. }
            | Self::SendSignal { .. }
            | Self::Spawn { .. }
            | Self::Invoke { .. }
            | Self::Fetch { .. } => true,
            Self::Log(_)
            | Self::Value(_)
            | Self::All { .. }
            | Self::Race(_)
            | Self::Try(..)
            | Self::Loop(..)
            | Self::If(..)
            | Self::Stumble(_)
            | Self::Return(_)
            | Self::Throw(_) => false,
        }
    }

    /// The blocks in it that belong to the same program.
    pub fn blocks(&self) -> Vec<&[Statement]> {
        match self {
            Self::All { branches, .. } | Self::Race(branches) => {
                branches.iter().map(Vec::as_slice).collect()
            }
            Self::Try(first, second) | Self::If(first, second) => vec![first, second],
            Self::Loop(_, body) => vec![body],
            Self::Run(_)
            | Self::Sleep { .. }
            | Self::SleepUntil { .. }
            | Self::Wait { .. }
            | Self::Signal { .. }
            | Self::Tell { .. }
            | Self::SendSignal { .. }
            | Self::Spawn { .. }
            | Self::Invoke { .. }
            | Self::Fetch { .. }
            | Self::Log(_)
            | Self::Value(_)
            | Self::Stumble(_)
            | Self::Return(_)
            | Self::Throw(_) => Vec::new(),
        }
    }
}
