//! From bytes to an app: what is refused and how, and what is kept.

mod common;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use abide_host::{Error, Host};
use common::Case;

fn fixture(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/fixtures");
    std::fs::read(folder.join(name)).expect("the fixture")
}

async fn refused(wasm: &[u8]) -> Error {
    common::host().load(wasm).await.expect_err("refused")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_describes_its_functions() {
    let app = common::host()
        .load(&common::guest())
        .await
        .expect("the app");
    assert!(app.functions().iter().any(|config| config.id == "sequence"));
    assert!(app.is_pooled());
    let again = common::host()
        .load(&common::guest())
        .await
        .expect("the app");
    assert!(Arc::ptr_eq(&app, &again), "loaded once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_app_is_refused_with_the_reason() {
    let malformed = refused(b"not wasm at all").await;
    assert!(matches!(malformed, Error::Malformed(_)), "{malformed}");
    assert!(matches!(refused(b"").await, Error::Malformed(_)));
    assert!(matches!(
        refused(&fixture("malformed.wat")).await,
        Error::Malformed(_)
    ));
    let module = refused(b"\0asm\x01\0\0\0").await;
    assert!(
        module.to_string().contains("a component is needed"),
        "{module}"
    );
    let empty = refused(&fixture("no-functions.wat")).await;
    assert!(matches!(empty, Error::Exports(_)), "{empty}");
    let wrong = refused(&fixture("wrong-signature.wat")).await;
    assert!(matches!(wrong, Error::Exports(_)), "{wrong}");
    let endless = refused(&common::shared_guest("hostile_describe")).await;
    assert!(endless.to_string().contains("CPU time"), "{endless}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_imports_that_are_missing_are_listed() {
    let wat = r#"(component
        (import "acme:payments/gateway@1.0.0" (instance (export "charge" (func))))
        (import "wasi:keyvalue/store@0.2.0" (instance (export "open" (func))))
        (import "wasi:clocks/wall-clock@0.2.0" (instance))
        (core module $m (func (export "describe") (result i32) i32.const 0))
        (core instance $i (instantiate $m))
        (func $describe (result u32) (canon lift (core func $i "describe")))
        (instance $functions (export "describe" (func $describe)))
        (export "abide:durable/functions@0.1.0" (instance $functions)))"#;
    let error = refused(wat.as_bytes()).await.to_string();
    assert!(error.contains("acme:payments/gateway@1.0.0"), "{error}");
    assert!(error.contains("wasi:keyvalue/store@0.2.0"), "{error}");
    assert!(!error.contains("wall-clock"), "{error}");
    let error = refused(&fixture("unknown-import.wat")).await.to_string();
    assert!(error.contains("acme:payments/gateway@1.0.0"), "{error}");
    assert!(error.contains("`turn-back`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn compiled_code_survives_restarts_and_damage_to_it_is_noticed() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("code");
    let config = || {
        let mut config = common::small();
        config.code_cache = Some(directory.clone());
        config
    };
    let wasm = common::guest();
    let load = async || {
        let host = Host::new(config()).expect("a host");
        let began = Instant::now();
        let case = Case::on(&host, &wasm, "sequence", r#"{"n":3}"#).await;
        let took = began.elapsed();
        assert_eq!(case.output().await.as_deref(), Ok("3"));
        took
    };
    let cold = load().await;
    let files = || -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&directory).expect("the cache");
        entries
            .map(|entry| entry.expect("an entry").path())
            .collect()
    };
    assert_eq!(files().len(), 1);
    let file = files().remove(0);
    let whole = std::fs::read(&file).expect("the code");
    let second = load().await;
    assert!(second < cold, "{second:?} instead of {cold:?}");

    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    for damaged in [
        flipped,
        whole[..whole.len() / 2].to_vec(),
        b"foreign".to_vec(),
        Vec::new(),
    ] {
        std::fs::write(&file, damaged).expect("written");
        load().await;
        assert_eq!(
            std::fs::read(&file).expect("the code").len(),
            whole.len(),
            "compiled again and kept"
        );
    }
}
