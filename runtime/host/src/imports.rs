//! What a component wants of the host, checked before anything of it runs.

use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType};

use crate::bindings::{FUNCTIONS, LOGGING, OPERATIONS};
use crate::error::Error;
use crate::guest::Guest;
use crate::wasi::OFFERED;

/// The most refusals of single functions that are looked for.
const MAX_PROBES: usize = 100;

/// Refuses a component that imports what the host does not offer, with all of it in one message.
pub(crate) fn check(component: &Component, linker: &Linker<Guest>) -> Result<(), Error> {
    let engine = component.engine();
    let ty = component.component_type();
    let mut missing = Vec::new();
    let mut probe = linker.clone();
    for (name, import) in ty.imports(engine) {
        if let Some(advice) = refusal(name) {
            missing.push(format!("  {name}: {advice}"));
            // What is known to be missing must not hide what else is.
            supply(&mut probe, engine, name, &import.ty);
        }
    }
    missing.extend(missing_functions(component, probe));
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::Imports(format!(
        "the component imports what Abide does not offer:\n{}\nBuild it without these, then deploy again",
        missing.join("\n")
    )))
}

/// Functions that are missing in interfaces which are offered. The linker names one at a time: each that it names is supplied,
/// until it has no more to say.
fn missing_functions(component: &Component, mut probe: Linker<Guest>) -> Vec<String> {
    let mut missing = Vec::new();
    for _ in 0..MAX_PROBES {
        let Err(error) = probe.instantiate_pre(component) else {
            break;
        };
        let text = format!("{error:#}");
        let mut quoted = text.split('`').skip(1).step_by(2);
        let (Some(interface), function) = (quoted.next(), quoted.next()) else {
            break;
        };
        match function {
            Some(function) if text.ends_with("function implementation is missing") => {
                missing.push(format!(
                    "  {interface}: it has no function `{function}` here"
                ));
                if !supply_function(&mut probe, interface, function) {
                    break;
                }
            }
            Some(_) | None => break,
        }
    }
    missing
}

/// Defines an import that is refused anyway, so that the linker looks further.
fn supply(probe: &mut Linker<Guest>, engine: &Engine, name: &str, item: &ComponentItem) {
    let ComponentItem::ComponentInstance(instance) = item else {
        return;
    };
    for (export, item) in instance.exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(_) => {
                supply_function(probe, name, export);
            }
            ComponentItem::Resource(_) => {
                let define = |mut instance: LinkerInstance<'_, Guest>| {
                    instance.resource(export, ResourceType::host::<()>(), |_, _| Ok(()))
                };
                // A second definition fails, and is not needed.
                let _ = probe.instance(name).and_then(define);
            }
            _ => {}
        }
    }
}

fn supply_function(probe: &mut Linker<Guest>, interface: &str, function: &str) -> bool {
    let define = |mut instance: LinkerInstance<'_, Guest>| {
        instance.func_new(function, |_, _, _, _| {
            Err(wasmtime::format_err!("this import is not offered"))
        })
    };
    probe.instance(interface).and_then(define).is_ok()
}

/// Refuses a component that is not an app.
pub(crate) fn check_exports(component: &Component) -> Result<(), Error> {
    let engine = component.engine();
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
