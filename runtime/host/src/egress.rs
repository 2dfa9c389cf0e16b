//! Where guests may connect to.
#[derive(Debug, Clone, Default)]
pub struct EgressPolicy { allowed: Vec<AllowRule> }
/// `HOST[:PORT]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowRule { host: String, port: Option<u16> }
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not HOST or HOST:PORT")]
pub struct InvalidRule(String);
// impl EgressPolicy { pub fn public_only() -> Self; pub fn allow(self, rule: AllowRule) -> Self; }   impl FromStr for AllowRule
