//! Random programs.
//!
//! Every construct of the language appears, most often in small numbers: an average program asks for some ten operations, and few of them leave
//! open what comes of them. What a program says is such that [`Expectation`](super::Expectation) can tell what must come of it:
//! - workflow code stumbles only where nothing catches that, and nothing goes on beside it;
//! - a topic is told by one statement and awaited by one;
//! - a step that reaches outside and is to succeed has [`SPARE_ATTEMPTS`] to lose to the world;
//! - what must not time out waits for [`LONG_MS`].

use serde_json::{Value, json};

use super::{
    Expectation, Expr, Fails, Form, Function, Growth, Outside, Program, Retrying, SPARE_ATTEMPTS,
    Statement, Step, Sub,
};
use crate::rng::Rng;

/// How long something waits that must not time out. All the time of one simulated world must stay well below.
pub const LONG_MS: u64 = 300 * 24 * 3_600_000;

/// The most retries that a step can have.
const MAX_RETRIES: u32 = 20;

/// How many outcomes a program may leave open, by a rough count.
const OPEN: u32 = 24;

/// Where a program runs.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Its key.
    pub key: String,
    /// The base address of the outside service.
    pub url: String,
    /// The world's time at its beginning.
    pub start_ms: u64,
    /// About how many statements it has at most.
    pub size: u32,
}

/// A random program of which, and of those that it starts, [`Expectation`] can tell what must come.
pub fn generate(rng: &mut Rng, setting: &Setting) -> Program {
    loop {
        let program = draw(rng, setting);
        if is_understood(&program) {
            return program;
        }
    }
}

/// Whether what may come of a program can be told, also when it is disturbed, and of all that it starts.
fn is_understood(program: &Program) -> bool {
    Expectation::disturbed(program).is_ok() && starts_understood(program, &program.body)
}

/// Whether that can be told of everything that these statements of `program` start.
fn starts_understood(program: &Program, body: &[Statement]) -> bool {
    let understood = |sub: &Sub| is_understood(&sub.program(program, "sub", ""));
    body.iter().all(|statement| match statement {
        Statement::Spawn { programs, .. } => programs.iter().all(understood),
        Statement::Invoke { program, .. } => understood(program),
        other => {
            let mut inside = other.blocks().into_iter();
            inside.all(|block| starts_understood(program, block))
        }
    })
}

fn draw(rng: &mut Rng, setting: &Setting) -> Program {
    let function = match rng.within(0..10) {
        0 => Function::Strict,
        1 => Function::Gated,
        2 => Function::Narrow,
        3 => Function::Throttled,
        _ => Function::Plain,
    };
    let size = rng.within(1..u64::from(setting.size.max(1)) + 1);
    let mut maker = Maker {
        rng,
        start_ms: setting.start_ms,
        function,
        left: u32::try_from(size).unwrap_or(setting.size),
        names: 0,
        open: OPEN,
        outside: Vec::new(),
    };
    let body = maker.block(Place::TOP);
    Program {
        key: setting.key.clone(),
        function,
        url: setting.url.clone(),
        body,
        outside: maker.outside,
    }
}

/// Where a statement stands.
#[derive(Debug, Clone, Copy)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "they have nothing to do with each other"
)]
struct Place {
    /// How deep.
    depth: u32,
    /// Something catches its errors.
    caught: bool,
    /// Nothing catches what it throws, gives up on it or goes on beside it.
    sure: bool,
    /// In a loop.
    repeated: bool,
    /// In a program that another one starts.
    inner: bool,
}

impl Place {
    const TOP: Self = Self {
        depth: 0,
        caught: false,
        sure: true,
        repeated: false,
        inner: false,
    };

    fn within(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
        }
    }

    /// Where it may be given up, or something goes on beside it.
    fn given_up(self) -> Self {
        Self {
            sure: false,
            ..self.within()
        }
    }
}

struct Maker<'a> {
    rng: &'a mut Rng,
    start_ms: u64,
    function: Function,
    left: u32,
    names: u32,
    open: u32,
    outside: Vec<Outside>,
}

impl Maker<'_> {
    fn block(&mut self, place: Place) -> Vec<Statement> {
        let most = match place.depth {
            0 => 9,
            1 => 4,
            _ => 3,
        };
        let count = self.rng.within(1..most);
        let mut block = Vec::new();
        let mut ids = Vec::new();
        for _ in 0..count {
            if self.left == 0 && !block.is_empty() {
                break;
            }
            self.left = self.left.saturating_sub(1);
            self.add(place, &mut block);
            if let Some(Statement::Run(step)) = block.last_mut() {
                // Steps one after the other may have the same id.
                match self.rng.choice(&ids) {
                    Some(earlier) if self.rng.chance(8) => step.id.clone_from(earlier),
                    Some(_) | None => ids.push(step.id.clone()),
                }
            }
        }
        block
    }

    fn add(&mut self, place: Place, block: &mut Vec<Statement>) {
        let deep = place.depth >= 3 || self.left == 0;
        let weight = self.rng.within(0..if deep { 100 } else { 150 });
        match weight {
            0..=45 => block.push(Statement::Run(self.step(place))),
            46..=54 => block.push(self.sleep()),
            55..=64 => self.told_event(place, block),
            65..=70 => self.told_signal(place, block),
            71..=75 => self.outside_event(place, block),
            76..=79 => self.outside_signal(place, block),
            80..=81 => self.never_told(block),
            82..=84 => self.spawn(place, block),
            85..=89 => self.invoke(place, block),
            90..=93 => block.push(self.fetch(place)),
            94..=96 => block.push(Statement::Log(self.text("line"))),
            97..=98 => block.push(Statement::Value(self.expr())),
            99 => self.exit(place, block),
            100..=114 => block.push(self.all(place)),
            115..=122 => {
                block.push(self.race(place));
                if place.sure && self.rng.chance(50) {
                    // What comes after a race remembers who won it, and a later attempt must find the same winner.
                    let value = Expr::Mix(self.rng.within(0..1_000));
                    let step = self.step(place);
                    block.push(Statement::Run(Step { value, ..step }));
                    self.stumble(place, block);
                }
            }
            123..=134 => block.push(self.caught(place)),
            135..=140 => block.push(self.repeat(place)),
            141..=145 => {
                let (first, second) = (self.block(place.within()), self.block(place.within()));
                block.push(Statement::If(first, second));
            }
            _ => self.stumble(place, block),
        }
    }

    fn name(&mut self, kind: &str) -> String {
        self.names += 1;
        format!("{kind}{}", self.names)
    }

    fn id(&mut self) -> String {
        let plain = self.name("s");
        match self.rng.within(0..30) {
            0 => format!("шаг {plain}"),
            1 => format!("步骤-{plain}-🦀"),
            2 => format!("{plain}\"\\ :'"),
            3 => format!("{plain}{}", "x".repeat(200)),
            _ => plain,
        }
    }

    fn text(&mut self, prefix: &str) -> String {
        match self.rng.within(0..4) {
            0 => format!("{prefix} ünïcödé 🦀 \"quoted\" \n\t\\"),
            _ => format!("{prefix} {}", self.rng.within(0..1_000)),
        }
    }

    /// Takes a possible outcome from those that may be left open.
    fn opens(&mut self, times: u32) -> bool {
        let can = self.open >= times;
        if can {
            self.open /= times.max(1);
        }
        can
    }

    fn constant(&mut self) -> Expr {
        if self.rng.chance(90) {
            return Expr::Literal(self.literal());
        }
        Expr::Text(match self.rng.within(0..40) {
            0 => 40_000,
            1..=5 => 3_000,
            _ => self.chars(),
        })
    }

    fn chars(&mut self) -> u32 {
        u32::try_from(self.rng.within(1..200)).unwrap_or(1)
    }

    fn literal(&mut self) -> Value {
        match self.rng.within(0..10) {
            0 => Value::Null,
            1 => json!(true),
            2 => json!(-1.5),
            3 => json!({"a": [1, {"é": null}], "b": ""}),
            4 => json!([]),
            5 => json!("тест 🦀 \u{0} \u{7f} \"\\"),
            6 => json!(u64::MAX),
            7 => json!(i64::MIN),
            _ => self.rng.within(0..1_000).into(),
        }
    }

    fn expr(&mut self) -> Expr {
        match self.rng.within(0..10) {
            0..=5 => Expr::Mix(self.rng.within(0..1_000)),
            6 => Expr::Last,
            _ => self.constant(),
        }
    }

    fn step(&mut self, place: Place) -> Step {
        let call = self.rng.chance(45);
        let bad = if place.caught { 30 } else { 2 };
        let fails = match self.rng.within(0..100) {
            n if n < bad / 2 => Fails::Always,
            n if n < bad => Fails::Refuses(self.few(3)),
            n if n < bad + 20 => Fails::First(1 + self.few(3), self.after()),
            _ => Fails::Never,
        };
        let retries = match fails {
            Fails::Never | Fails::First(..) if call => {
                let needed = if let Fails::First(below, _) = fails {
                    below
                } else {
                    0
                };
                Some((needed + SPARE_ATTEMPTS + self.few(4)).min(MAX_RETRIES))
            }
            Fails::Never => self.rng.chance(20).then(|| self.few(5)),
            Fails::First(below, _) if below > self.function.retries() || self.rng.chance(60) => {
                Some(below + self.few(3))
            }
            // It fails for good.
            Fails::First(below, _) if place.caught && self.rng.chance(20) => Some(below - 1),
            Fails::First(..) => None,
            Fails::Always | Fails::Refuses(_) => Some(self.few(4)),
        };
        let fails_for_good = matches!(fails, Fails::Always | Fails::Refuses(_));
        let (call, fails) = if call && fails_for_good && !self.opens(2) {
            (false, fails)
        } else {
            (call, fails)
        };
        let growth = match self.rng.within(0..3) {
            0 => Growth::Constant,
            1 => Growth::Linear,
            _ => Growth::Exponential,
        };
        let backoff = self.rng.chance(60).then(|| Retrying {
            growth,
            base_ms: self.rng.within(1..2_000),
        });
        Step {
            id: self.id(),
            value: self.expr(),
            call,
            fails,
            retries,
            backoff,
            timeout_ms: (call && !fails_for_good && self.rng.chance(15)).then_some(20_000),
        }
    }

    fn few(&mut self, below: u64) -> u32 {
        u32::try_from(self.rng.within(0..below)).unwrap_or(0)
    }

    fn after(&mut self) -> Option<u64> {
        self.rng.chance(30).then(|| self.rng.within(0..100_000))
    }

    /// A length of time.
    fn time(&mut self) -> u64 {
        match self.rng.within(0..12) {
            0 => 0,
            1 => self.rng.within(3_600_000..3 * 24 * 3_600_000),
            2..=4 => self.rng.within(10_000..600_000),
            _ => self.rng.within(1..10_000),
        }
    }

    fn sleep(&mut self) -> Statement {
        let id = self.id();
        if self.rng.chance(75) {
            return Statement::Sleep {
                id,
                ms: self.time(),
            };
        }
        let ahead = self.time();
        Statement::SleepUntil {
            id,
            at: if self.rng.chance(20) {
                self.start_ms.saturating_sub(ahead)
            } else {
                self.start_ms + ahead
            },
        }
    }

    /// How long to wait for something that comes: a time that lets it, or one that leaves open whether it does.
    fn patience(&mut self) -> u64 {
        if self.rng.chance(25) && self.opens(2) {
            1 + self.time()
        } else {
            LONG_MS
        }
    }

    fn form(&mut self) -> Form {
        if self.rng.chance(60) {
            Form::Match
        } else {
            Form::If
        }
    }

    fn wait(&mut self, topic: &str, ms: u64, back: bool) -> Statement {
        Statement::Wait {
            id: self.id(),
            topic: topic.to_owned(),
            ms,
            form: self.form(),
            back,
        }
    }

    fn told_event(&mut self, place: Place, block: &mut Vec<Statement>) {
        let topic = self.name("t");
        let tell = Statement::Tell {
            id: self.id(),
            topic: topic.clone(),
            value: self.constant(),
        };
        if self.rng.chance(30) && self.opens(2) {
            // Whether the wait has begun when it comes is open; it may have come before.
            let ms = 1 + self.time();
            let back = self.rng.chance(50);
            let waiter = vec![self.wait(&topic, ms, back)];
            let mut teller = vec![tell];
            if self.rng.chance(60) {
                teller.insert(0, self.sleep());
            }
            let mut branches = vec![waiter, teller];
            if self.rng.chance(50) {
                branches.reverse();
            }
            block.push(Statement::All {
                branches,
                hasty: false,
            });
            return;
        }
        block.push(tell);
        if self.rng.chance(40) {
            block.push(Statement::Run(self.step(place)));
        }
        let wait = self.wait(&topic, LONG_MS, true);
        block.push(wait);
    }

    fn told_signal(&mut self, place: Place, block: &mut Vec<Statement>) {
        let topic = self.name("g");
        let send = Statement::SendSignal {
            id: self.id(),
            topic: topic.clone(),
            value: self.constant(),
        };
        let wait = Statement::Signal {
            id: self.id(),
            topic,
            ms: LONG_MS,
        };
        match self.rng.within(0..3) {
            0 if self.opens(2) => {
                let Statement::Signal { id, topic, .. } = wait else {
                    return;
                };
                let ms = 1 + self.time();
                let wait = Statement::Signal { id, topic, ms };
                let mut teller = vec![send];
                if self.rng.chance(60) {
                    teller.insert(0, self.sleep());
                }
                let mut branches = vec![vec![wait], teller];
                if self.rng.chance(50) {
                    branches.reverse();
                }
                block.push(Statement::All {
                    branches,
                    hasty: false,
                });
            }
            1 => {
                block.push(send);
                block.push(Statement::Run(self.step(place)));
                block.push(wait);
            }
            _ => block.extend([send, wait]),
        }
    }

    fn outside(&mut self, topic: &str, signal: bool) {
        let after_ms = self.time();
        let value = self.constant().constant().unwrap_or_default();
        self.outside.push(Outside {
            after_ms,
            topic: topic.to_owned(),
            signal,
            value,
        });
    }

    fn outside_event(&mut self, place: Place, block: &mut Vec<Statement>) {
        if place.repeated || place.inner {
            return block.push(self.sleep());
        }
        let topic = self.name("o");
        self.outside(&topic, false);
        let ms = self.patience();
        let wait = self.wait(&topic, ms, true);
        block.push(wait);
    }

    fn outside_signal(&mut self, place: Place, block: &mut Vec<Statement>) {
        if place.repeated || place.inner {
            return block.push(self.sleep());
        }
        let topic = self.name("og");
        self.outside(&topic, true);
        let ms = self.patience();
        block.push(Statement::Signal {
            id: self.id(),
            topic,
            ms,
        });
    }

    fn never_told(&mut self, block: &mut Vec<Statement>) {
        let topic = self.name("n");
        let ms = 1 + self.time();
        let statement = if self.rng.chance(50) {
            self.wait(&topic, ms, false)
        } else {
            let id = self.id();
            Statement::Signal { id, topic, ms }
        };
        block.push(statement);
    }

    /// A program within this one.
    fn sub(&mut self, place: Place, function: Function) -> Sub {
        let outer = std::mem::replace(&mut self.function, function);
        let place = Place {
            inner: true,
            sure: true,
            caught: false,
            ..place.within()
        };
        let body = self.block(place);
        self.function = outer;
        Sub { function, body }
    }

    fn spawn(&mut self, place: Place, block: &mut Vec<Statement>) {
        let id = self.id();
        let count = 1 + self.rng.within(0..3);
        let programs = (0..count)
            .map(|_| {
                let function = *self
                    .rng
                    .choice(&Function::STARTED)
                    .unwrap_or(&Function::Plain);
                self.sub(place, function)
            })
            .collect();
        let twice = self.rng.chance(30);
        block.push(Statement::Spawn {
            id,
            programs,
            twice,
        });
    }

    fn invoke(&mut self, place: Place, block: &mut Vec<Statement>) {
        let id = self.id();
        let function = match self.rng.within(0..10) {
            0 => Function::Strict,
            1 => Function::Gated,
            2 => Function::Plain,
            // Not `Narrow`: one that waits for another of its kind could wait for ever.
            _ => Function::Called,
        };
        let program = self.sub(place, function);
        let ms = if self.rng.chance(80) {
            LONG_MS
        } else {
            self.patience()
        };
        block.push(Statement::Invoke { id, program, ms });
    }

    fn fetch(&mut self, place: Place) -> Statement {
        let status = match self.rng.within(0..10) {
            0..=1 => 404,
            2..=3 if place.caught => 500,
            _ => 200,
        };
        let retries = match status {
            500 => self.few(3),
            _ => SPARE_ATTEMPTS + self.few(5),
        };
        Statement::Fetch {
            id: self.id(),
            status,
            value: self.expr(),
            retries,
        }
    }

    fn exit(&mut self, place: Place, block: &mut Vec<Statement>) {
        if self.rng.chance(50) {
            block.push(Statement::Return(self.expr()));
        } else {
            block.push(Statement::Throw(!place.caught && self.rng.chance(50)));
        }
    }

    fn stumble(&mut self, place: Place, block: &mut Vec<Statement>) {
        if !place.sure {
            return block.push(self.sleep());
        }
        let most = self.function.retries();
        let hopeless = most == 0 || self.rng.chance(5);
        block.push(Statement::Stumble(if hopeless {
            most + 1
        } else {
            1 + self.few(3)
        }));
    }

    fn branches(&mut self, place: Place) -> Vec<Vec<Statement>> {
        let count = 2 + self.rng.within(0..3);
        (0..count).map(|_| self.block(place)).collect()
    }

    fn all(&mut self, place: Place) -> Statement {
        Statement::All {
            hasty: self.rng.chance(30),
            // Where one branch stumbles, another may decide what comes of all of them.
            branches: self.branches(place.given_up()),
        }
    }

    fn race(&mut self, place: Place) -> Statement {
        if !self.opens(3) {
            return self.all(place);
        }
        let mut branches = self.branches(place.given_up());
        for branch in &mut branches {
            if !branch.first().is_some_and(Statement::is_operation) {
                // One that never waits would always win.
                let first = self.sleep();
                branch.insert(0, first);
            }
        }
        Statement::Race(branches)
    }

    fn caught(&mut self, place: Place) -> Statement {
        let inside = Place {
            caught: true,
            ..place.given_up()
        };
        let first = self.block(inside);
        let otherwise = self.block(place.within());
        Statement::Try(first, otherwise)
    }

    fn repeat(&mut self, place: Place) -> Statement {
        let inside = Place {
            repeated: true,
            ..place.within()
        };
        // What is open in it is open as often as it is repeated.
        let times = 1 + self.few(3);
        let open = self.open;
        self.open = if times == 1 { open } else { open / 8 };
        let body = self.block(inside);
        self.open = if times == 1 { self.open } else { open / 4 };
        Statement::Loop(times, body)
    }
}
