//! What a seed decides at its beginning: how the machine is set up, what is sent, how often what goes wrong.

use crate::rng::Rng;

/// When the simulated world begins: milliseconds since the Unix epoch.
pub const BEGINNING_MS: u64 = 1_700_000_000_000;

/// How likely each kind of step is, beside the others that could be taken.
#[derive(Debug, Clone, Copy)]
pub struct Weights {
    /// A task.
    pub task: u64,
    /// A turn of the shard.
    pub turn: u64,
    /// A commit.
    pub commit: u64,
    /// An answer from outside.
    pub answer: u64,
}

/// See the [module](self).
#[derive(Debug, Clone)]
pub struct Plan {
    /// How often the power is cut, or the disk fails.
    pub crashes: u32,
    /// How many steps of the scheduler lie between two of these, at most.
    pub life_steps: u64,
    /// Requests, each with events that start programs.
    pub requests: u32,
    /// How large a program may be.
    pub size: u32,
    /// The scheduler's inclinations.
    pub weights: Weights,
    /// Inputs that the shard takes in one turn.
    pub inputs_in_turn: usize,
    /// Of 100 calls, how many are refused or lose their answers.
    pub bad_calls: u64,
    /// Whether runs are replayed as soon as they rest.
    pub check_replay: bool,
    /// Of 1,000 steps, how many are something that an operator does.
    pub operator: u64,
    /// Of 1,000 steps, how many let time pass although there is something to do.
    pub impatience: u64,
    /// Memory for parked runs.
    pub resident_bytes: usize,
    /// Twins beyond the first.
    pub extra_twins: usize,
    /// See [`abide_core::engine::EngineConfig`].
    pub max_executing: usize,
    /// See there.
    pub max_requests: usize,
    /// See there.
    pub timers_per_step: usize,
    /// See there.
    pub runs_per_portion: usize,
}

impl Plan {
    /// The plan of a seed.
    pub fn draw(rng: &mut Rng) -> Self {
        fn pick<T: Copy>(rng: &mut Rng, of: &[T], otherwise: T) -> T {
            rng.choice(of).copied().unwrap_or(otherwise)
        }
        let mut weight = || pick(rng, &[1, 1, 4, 16], 1);
        let weights = Weights {
            task: weight(),
            turn: weight(),
            commit: weight(),
            answer: weight(),
        };
        Self {
            crashes: pick(rng, &[0, 1, 1, 2, 3, 5], 1),
            life_steps: pick(rng, &[40, 150, 400, 1_000], 150),
            requests: 1 + u32::try_from(rng.within(0..6)).unwrap_or(0),
            size: pick(rng, &[3, 8, 14], 8),
            weights,
            inputs_in_turn: pick(rng, &[1, 2, 256], 256),
            bad_calls: pick(rng, &[0, 10, 30], 10),
            check_replay: rng.chance(20),
            operator: pick(rng, &[0, 0, 5, 20], 0),
            impatience: pick(rng, &[0, 2, 20], 2),
            resident_bytes: pick(rng, &[0, 200_000, 256 << 20], 256 << 20),
            extra_twins: pick(rng, &[0, 1, 64], 64),
            max_executing: pick(rng, &[1, 2, 512], 512),
            max_requests: pick(rng, &[1, 256], 256),
            timers_per_step: pick(rng, &[1, 256], 256),
            runs_per_portion: pick(rng, &[1, 256], 256),
        }
    }
}
