//! Which traces are recorded: OpenTelemetry's standard samplers, as decisions that follow from a trace's id.
//!
//! It must not draw lots: every process that asks about a trace must answer the same.

/// Of the 63 bits of a trace's id that decide: a trace is recorded if they are below the share of this.
const WHOLE: u64 = 1 << 63;

/// Which traces are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampling {
    /// Ids whose upper 63 of the lower 64 bits are below this are recorded.
    below: u64,
    /// Whether what the caller decided goes before that.
    parent_based: bool,
}

/// What is no sampler.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSampler {
    /// There is none of this name.
    #[error(
        "there is no sampler `{0}`: write always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off or parentbased_traceidratio"
    )]
    Name(String),
    /// The share cannot be one.
    #[error("`{0}` is no share of the traces: write a number from 0 to 1, like 0.1")]
    Share(String),
}

impl Default for Sampling {
    /// Every trace, except those of which the caller decided otherwise.
    fn default() -> Self {
        Self {
            below: WHOLE,
            parent_based: true,
        }
    }
}

impl Sampling {
    /// The sampler of this name, as `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` have it.
    pub fn parse(name: &str, argument: Option<&str>) -> Result<Self, InvalidSampler> {
        let (parent_based, root) = match name.strip_prefix("parentbased_") {
            Some(root) => (true, root),
            None => (false, name),
        };
        let below = match root {
            "always_on" => WHOLE,
            "always_off" => 0,
            "traceidratio" => share(argument.unwrap_or("1"))?,
            _ => return Err(InvalidSampler::Name(name.to_owned())),
        };
        Ok(Self {
            below,
            parent_based,
        })
    }

    /// Whether any trace can ever be recorded.
    pub fn is_ever(self) -> bool {
        self.parent_based || self.below > 0
    }

    /// Whether this trace is recorded; `parent` is what its caller decided, if it has one.
    pub fn samples(self, trace_id: u128, parent: Option<bool>) -> bool {
        match parent {
            Some(sampled) if self.parent_based => sampled,
            Some(_) | None => low_bits(trace_id) < self.below,
        }
    }
}

/// As OpenTelemetry's SDKs do, so that all of them decide alike.
#[allow(clippy::cast_possible_truncation, reason = "the lower half is meant")]
fn low_bits(trace_id: u128) -> u64 {
    (trace_id as u64) >> 1
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of 2^63 is exact enough"
)]
fn share(text: &str) -> Result<u64, InvalidSampler> {
    let share: f64 = text
        .trim()
        .parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| InvalidSampler::Share(text.to_owned()))?;
    Ok((share * WHOLE as f64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_caller_decided_counts_only_where_it_is_asked_for() {
        let sampler = |name| Sampling::parse(name, Some("0.5")).expect(name);
        let (low, high) = (2, u128::from(u64::MAX));
        // Two traces without a caller, then one whose caller decided against it, and one whose caller wants it.
        for (name, expected) in [
            ("always_on", [true, true, true, true]),
            ("always_off", [false, false, false, false]),
            ("traceidratio", [true, false, true, false]),
            ("parentbased_always_on", [true, true, false, true]),
            ("parentbased_always_off", [false, false, false, true]),
            ("parentbased_traceidratio", [true, false, false, true]),
        ] {
            let it = sampler(name);
            let told = [
                it.samples(low, None),
                it.samples(high, None),
                it.samples(low, Some(false)),
                it.samples(high, Some(true)),
            ];
            assert_eq!(told, expected, "{name}");
        }
        assert!(!sampler("always_off").is_ever() && sampler("parentbased_always_off").is_ever());
    }

    #[test]
    fn names_and_shares_are_checked() {
        assert_eq!(
            Sampling::parse("parentbased_always_on", None),
            Ok(Sampling::default())
        );
        assert!(Sampling::parse("jaeger_remote", None).is_err());
        for wrong in ["", "half", "-0.1", "1.5", "NaN"] {
            assert!(
                Sampling::parse("traceidratio", Some(wrong)).is_err(),
                "{wrong}"
            );
        }
        let tenth = Sampling::parse("traceidratio", Some("0.1")).expect("a share");
        let ids = (1..=10_000_u128).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let recorded = ids.filter(|id| tenth.samples(*id, None)).count();
        assert!((800..1_200).contains(&recorded), "{recorded}");
    }
}
