//! The types and functions of the contract (`wit/`), generated. Private: authors never see them.
//!
//! Everything else in this crate is written against these types, so that a change of the contract is a compile error here.
#![allow(
    missing_docs,
    unreachable_pub,
    unsafe_op_in_unsafe_fn,
    clippy::pedantic
)]

wit_bindgen::generate!({
    path: "wit",
    world: "app",
    pub_export_macro: true,
    default_bindings_module: "abide_sdk::__private::bindings",
    runtime_path: "::abide_sdk::__private::wit_bindgen::rt",
    additional_derives: [PartialEq],
});

pub use self::abide::durable::{logging, operations, types};
