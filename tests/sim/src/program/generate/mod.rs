//! Random programs.
//!
//! Every construct of the language appears, most often in small numbers: an average program asks for some ten operations, and few of them leave
//! open what comes of them. What a program says is such that [`Expectation`] can tell what must come of it:
//! - workflow code stumbles only where nothing catches that, and nothing goes on beside it;
//! - a topic is told by one statement and awaited by one;
//! - a step that reaches outside and is to succeed has [`SPARE_ATTEMPTS`](super::SPARE_ATTEMPTS) to lose to the world;
//! - what must not time out waits for [`LONG_MS`].

mod messages;
mod steps;

use super::{Expectation, Function, Outside, Program, Statement, Sub};
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
            115..=122 => block.push(self.race(place)),
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

    /// Takes a possible outcome from those that may be left open.
    fn opens(&mut self, times: u32) -> bool {
        let can = self.open >= times;
        if can {
            self.open /= times.max(1);
        }
        can
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
