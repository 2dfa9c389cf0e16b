//! A library for `LD_PRELOAD`: it stands between a process and the C library, and lets chosen calls fail, be short, or be late.
//!
//! The plan lies in the file that `ABIDE_FAULTS` names (see `layout`), which is mapped into memory: the harness changes it while the
//! process runs. Without that variable every call passes.
//!
//! It can also record what happens to files, in the order in which it happened: then calls on files that are recorded are made one after the
//! other.
//!
//! It sees what goes through the C library: the standard library, sled, tokio. Calls that a program makes itself (rustix: locks, holes)
//! are not seen. Linux on `x86_64` and `aarch64` only; elsewhere the library is empty.
//!
//! # Why the unsafe code here is sound
//! Each function has the name and the signature of one of the C library, and is called by code that keeps to that function's contract. It
//! hands the very same arguments to the system call of the same meaning, made directly, so that nothing here calls itself. What it reads
//! on its own are paths that the caller passed to be read by the system, and the control page, which is mapped for the life of the process
//! and only touched as atomic words. `open` is variadic in C: on these machines the third argument lies in the same register whether or
//! not it was declared, and it is only handed on when the flags say that it was given.

#![cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
#![allow(
    clippy::missing_safety_doc,
    reason = "the contracts are those of the C library's functions of the same names"
)]

mod calls;
#[allow(dead_code, reason = "some words are for the harness only")]
mod layout;
mod plan;
mod record;
