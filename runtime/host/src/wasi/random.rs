//! Randomness: seeded in workflow code, real in a body.
//!
//! Invariant: what a body draws does not move the seeded generator, so that a twin's workflow code sees the numbers that the
//! workflow instance saw. The algorithm is part of the journal's format: changing it breaks the replay of old runs.

use abide_core::ids::RunId;
use wasmtime::component::Linker;
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

use super::AsGuest;
use crate::guest::{Guest, Halt};

/// The most bytes that one call may ask for.
const MAX_BYTES: u64 = 16 << 20;

/// `SplitMix64`, seeded by the run and the attempt at its workflow code.
#[derive(Debug, Clone)]
pub(crate) struct Seeded(u64);

impl Seeded {
    pub(crate) fn new(run: u128, attempt: u32) -> Self {
        let bytes = RunId(run).to_bytes();
        let mut state = u64::from(attempt);
        for half in bytes.chunks_exact(8) {
            let half = half
                .iter()
                .fold(0, |word, byte| word << 8 | u64::from(*byte));
            let mut mixer = Self(state ^ half);
            state = mixer.next();
        }
        Self(state)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

impl Guest {
    fn random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        if len > MAX_BYTES {
            return Err(Halt::permanent(format!(
                "{len} random bytes were asked for at once, more than the limit of {MAX_BYTES}"
            ))
            .into());
        }
        let len = usize::try_from(len).map_err(|_| Halt::permanent("too many random bytes"))?;
        let mut bytes = vec![0; len];
        if self.in_body() {
            self.unforeseen(&mut bytes);
        } else {
            self.seeded.fill(&mut bytes);
        }
        Ok(bytes)
    }

    /// Randomness for a body; a guest without a run has none.
    fn unforeseen(&self, bytes: &mut [u8]) {
        if let Some(run) = &self.run {
            run.host().surroundings.fill_random(bytes);
        }
    }

    fn random_u64(&mut self) -> u64 {
        if self.in_body() {
            let mut bytes = [0; 8];
            self.unforeseen(&mut bytes);
            u64::from_le_bytes(bytes)
        } else {
            self.seeded.next()
        }
    }
}

impl random::Host for Guest {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.random_bytes(len)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.random_u64())
    }
}

impl insecure::Host for Guest {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.random_bytes(len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.random_u64())
    }
}

impl insecure_seed::Host for Guest {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok((self.random_u64(), self.random_u64()))
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    random::add_to_linker::<_, AsGuest>(linker, |guest| guest)?;
    insecure::add_to_linker::<_, AsGuest>(linker, |guest| guest)?;
    insecure_seed::add_to_linker::<_, AsGuest>(linker, |guest| guest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_run_never_change() {
        let mut seeded = Seeded::new(7, 0);
        let first = [seeded.next(), seeded.next()];
        assert_eq!(
            first,
            [5_651_114_593_729_759_386, 11_819_544_747_362_381_531],
            "a released format"
        );
    }

    #[test]
    fn runs_and_attempts_have_numbers_of_their_own() {
        let first = |run, attempt| Seeded::new(run, attempt).next();
        assert_eq!(first(1 << 90, 0), first(1 << 90, 0));
        assert_ne!(first(1 << 90, 0), first(1 << 91, 0));
        assert_ne!(first(1 << 90, 0), first(1 << 90, 1));
    }
}
