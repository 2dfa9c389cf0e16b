//! From a core module to a component: bindings before the compiler runs, wrapping after it.
//!
//! C and Go compile against WASI's first preview, as their toolchains know it; an adapter translates that to WASI 0.2. The
//! contract is read from the SDK, so that an app's own copy decides which one it keeps.

use std::path::Path;

use anyhow::{Context, Result};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_bindgen_core::wit_parser::{Resolve, WorldId};
use wit_bindgen_core::{Files, WorldGenerator};
use wit_component::{ComponentEncoder, StringEncoding};

/// What of WASI the SDKs use directly, for step bodies: outgoing HTTP, and the environment, which the adapter would remember from before the body.
const WASI: [(&str, &str); 4] = [
    ("cli.wit", include_str!("wasi/cli.wit")),
    ("io.wit", include_str!("wasi/io.wit")),
    ("clocks.wit", include_str!("wasi/clocks.wit")),
    ("http.wit", include_str!("wasi/http.wit")),
];

/// A guest: the contract, and what it takes of WASI. What a guest does not call is not imported.
const GUEST: &str = "package abide:guest;

world guest {
    include abide:durable/app@0.1.0;
    import wasi:cli/environment@0.2.12;
    import wasi:http/outgoing-handler@0.2.12;
}
";

/// What a guest imports and exports.
pub(super) struct World {
    resolve: Resolve,
    id: WorldId,
}

impl World {
    /// Reads the contract in an SDK's `wit/`.
    pub(super) fn read(sdk: &Path) -> Result<Self> {
        let wit = sdk.join("wit");
        let mut resolve = Resolve::default();
        resolve
            .push_dir(&wit)
            .with_context(|| format!("the contract in {} cannot be read", wit.display()))?;
        for (name, text) in WASI {
            resolve.push_str(name, text)?;
        }
        let package = resolve.push_str("guest.wit", GUEST)?;
        let id = resolve.select_world(&[package], None)?;
        Ok(Self { resolve, id })
    }

    /// The generated files, by their names.
    pub(super) fn bindings(
        &self,
        mut generator: Box<dyn WorldGenerator>,
    ) -> Result<Vec<(String, Vec<u8>)>> {
        let mut files = Files::default();
        generator.generate(&mut self.resolve.clone(), self.id, &mut files)?;
        Ok(files
            .iter()
            .map(|(name, bytes)| (name.to_owned(), bytes.to_vec()))
            .collect())
    }

    /// Wraps a core module.
    pub(super) fn wrap(&self, module: &[u8]) -> Result<Vec<u8>> {
        let (resolve, id) = (&self.resolve, self.id);
        let mut module = without_debug_info(module).context("the compiled module is damaged")?;
        wit_component::embed_component_metadata(
            &mut module,
            resolve,
            id,
            StringEncoding::UTF8,
            false,
        )?;
        ComponentEncoder::default()
            .validate(true)
            .module(&module)?
            .adapter(
                WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            )?
            .encode()
            .context("the compiled module does not become a component")
    }
}

/// A module without its DWARF, most of which is the C library's and fifteen times as large as the code. The names of functions stay: they
/// make the stack of a trap readable.
fn without_debug_info(module: &[u8]) -> Option<Vec<u8>> {
    const HEADER: usize = 8;
    const CUSTOM: u8 = 0;
    let (mut kept, mut rest) = (module.get(..HEADER)?.to_vec(), module.get(HEADER..)?);
    while let Some(kind) = rest.first() {
        let (size, begin) = number(rest, 1)?;
        let end = begin.checked_add(size)?;
        let section = rest.get(begin..end)?;
        let debug = *kind == CUSTOM
            && number(section, 0)
                .and_then(|(length, at)| section.get(at..at.checked_add(length)?))
                .is_some_and(|name| name.starts_with(b".debug_"));
        if !debug {
            kept.extend_from_slice(&rest[..end]);
        }
        rest = &rest[end..];
    }
    Some(kept)
}

/// A number in LEB128, and where it ends.
fn number(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut value = 0;
    for shift in (0..32).step_by(7) {
        let byte = usize::from(*bytes.get(at)?);
        at += 1;
        value |= (byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value, at));
        }
    }
    None
}

/// Writes a file unless it holds this already, so that an incremental compiler sees no change.
pub(super) fn write_if_new(path: &Path, bytes: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_information_goes_and_everything_else_stays() {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        let types = [1, 4, 1, 0x60, 0, 0];
        let names = *b"\0\x06\x04nameX";
        module.extend_from_slice(&types);
        // A section of 200 bytes, whose size takes two.
        module.extend_from_slice(b"\0\xc8\x01\x0b.debug_info");
        module.extend_from_slice(&[7; 188]);
        module.extend_from_slice(&names);
        let kept = without_debug_info(&module).unwrap();
        assert_eq!(kept[8..], [&types[..], &names[..]].concat());
        assert_eq!(without_debug_info(&module[..40]), None);
    }
}
