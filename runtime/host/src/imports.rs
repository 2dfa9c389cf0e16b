//! What a component wants of the host, checked before anything of it runs.

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::bindings::{FUNCTIONS, LOGGING, OPERATIONS};
use crate::error::Error;
use crate::wasi::OFFERED;

/// Refuses a component that imports what the host does not offer, with all of it in one message.
pub(crate) fn check(engine: &Engine, component: &Component) -> Result<(), Error> {
    let ty = component.component_type();
    let mut missing = Vec::new();
    for (name, _) in ty.imports(engine) {
        if let Some(advice) = refusal(name) {
            missing.push(format!("  {name}: {advice}"));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::Imports(format!(
        "the component imports what Abide does not offer:\n{}\nBuild it without these, then deploy again",
        missing.join("\n")
    )))
}

/// Refuses a component that is not an app.
pub(crate) fn check_exports(engine: &Engine, component: &Component) -> Result<(), Error> {
    let ty = component.component_type();
    let names: Vec<String> = ty
        .exports(engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    if names.iter().any(|name| interface(name).0 == FUNCTIONS) {
        return Ok(());
    }
    let found = if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    };
    Err(Error::Exports(format!(
        "the component does not export `{FUNCTIONS}`, so it is no Abide app: it exports {found}. Build it with an Abide SDK, or \
         for the world `abide:durable/app`"
    )))
}

/// `a:b/c@1.2.3` as `a:b/c` and `1.2.3`.
fn interface(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, ""))
}

/// Why an import cannot be satisfied, if it cannot.
fn refusal(name: &str) -> Option<String> {
    let (id, version) = interface(name);
    let ours = [OPERATIONS, LOGGING, "abide:durable/types@0.1.0"];
    if let Some(offered) = ours.iter().find(|offered| interface(offered).0 == id) {
        let offered = interface(offered).1;
        return (!version.starts_with("0.1.")).then(|| {
            format!("this node speaks version {offered}; build with the SDK of this node's version")
        });
    }
    if OFFERED.contains(&id) {
        return (!version.starts_with("0.2.")).then(|| {
            "this node offers WASI 0.2; build for `wasm32-wasip2` or another WASI 0.2 target"
                .to_owned()
        });
    }
    Some(match id.split_once('/').map_or(id, |(package, _)| package) {
        "wasi:http" => "only outgoing requests are offered; a function is started by events, not by requests".into(),
        "wasi:threads" | "wasi:thread-spawn" => "there are no threads; run steps in parallel instead".into(),
        "wasi:keyvalue" | "wasi:blobstore" | "wasi:sql" | "wasi:messaging" => {
            "reach such services over HTTP in the body of a step".into()
        }
        package if package.starts_with("wasi:") => "not one of the WASI interfaces that are offered".into(),
        _ => "not known to Abide; link it into the component".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_import_gets_its_own_advice() {
        for fine in [
            "wasi:io/poll@0.2.6",
            "wasi:http/types@0.2.0",
            "abide:durable/operations@0.1.0",
        ] {
            assert_eq!(refusal(fine), None, "{fine}");
        }
        for (name, advice) in [
            ("wasi:io/poll@0.3.0", "WASI 0.2"),
            ("wasi:http/incoming-handler@0.2.0", "started by events"),
            ("wasi:keyvalue/store@0.2.0", "over HTTP"),
            ("acme:clock/now", "link it"),
            ("abide:durable/operations@0.9.0", "version 0.1.0"),
        ] {
            let refused = refusal(name).unwrap_or_default();
            assert!(refused.contains(advice), "{name}: {refused}");
        }
    }
}
