//! The app that is deployed, in as many versions as wanted.

use anyhow::{Context, Result};

/// The component of `tests/guests/soak`.
pub(crate) struct Component(Vec<u8>);

impl Component {
    pub(crate) fn read() -> Result<Self> {
        let path = abide_e2e::guest("soak");
        let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
        Ok(Self(bytes))
    }

    /// The component with a custom section that names the version: another digest, the same code.
    ///
    /// ```text
    /// 0 · size · length of the name (4) · "soak" · version (8, little-endian)
    /// ```
    pub(crate) fn version(&self, number: u64) -> Vec<u8> {
        let mut bytes = self.0.clone();
        bytes.extend([0, 13, 4]);
        bytes.extend(b"soak");
        bytes.extend(number.to_le_bytes());
        bytes
    }
}
