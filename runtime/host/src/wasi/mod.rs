//! WASI as guests see it: one module per concern.
//!
//! | concern   | workflow code                                   | a body                                  |
//! |-----------|-------------------------------------------------|-----------------------------------------|
//! | clocks    | stand at the last completion                    | real                                    |
//! | waiting   | ends the attempt: sleeping is a step            | real timers                             |
//! | random    | a generator seeded by the run                   | the operating system's                  |
//! | variables | none                                            | the app's                               |
//! | output    | log lines                                       | log lines of the step                   |
//! | HTTP      | an error that says: move it into a step         | within the egress policy                |
//! | files     | none                                            | none                                    |
//! | sockets   | denied                                          | denied                                  |

mod cli;
mod clocks;
mod http;
mod poll;
mod random;

use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::{filesystem, io, sockets};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsCtxView};

use crate::guest::Guest;

pub(crate) use http::Outgoing;
pub(crate) use random::Seeded;

/// Host functions that need the whole guest.
pub(crate) struct AsGuest;

impl HasData for AsGuest {
    type Data<'a> = &'a mut Guest;
}

struct AsTable;

impl HasData for AsTable {
    type Data<'a> = &'a mut ResourceTable;
}

/// The interfaces that are offered, for the message about those that are not.
pub(crate) const OFFERED: [&str; 29] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    cli::add_to_linker(linker)?;
    clocks::add_to_linker(linker)?;
    random::add_to_linker(linker)?;
    poll::add_to_linker(linker)?;
    http::add_to_linker(linker)?;
    io::error::add_to_linker::<_, AsTable>(linker, |guest| &mut guest.table)?;
    io::streams::add_to_linker::<_, AsTable>(linker, |guest| &mut guest.table)?;
    filesystem::types::add_to_linker::<_, WasiFilesystem>(linker, files)?;
    filesystem::preopens::add_to_linker::<_, WasiFilesystem>(linker, files)?;
    sockets::instance_network::add_to_linker::<_, WasiSockets>(linker, network)?;
    let options = sockets::network::LinkOptions::default();
    sockets::network::add_to_linker::<_, WasiSockets>(linker, &options, network)?;
    sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(linker, network)?;
    sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(linker, network)?;
    sockets::tcp::add_to_linker::<_, WasiSockets>(linker, network)?;
    sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(linker, network)?;
    sockets::udp::add_to_linker::<_, WasiSockets>(linker, network)
}

/// No directory is open.
fn files(guest: &mut Guest) -> WasiFilesystemCtxView<'_> {
    WasiFilesystemCtxView {
        ctx: guest.filesystem.get_or_insert_default(),
        table: &mut guest.table,
    }
}

/// No address may be used, and no name looked up: that is the default.
fn network(guest: &mut Guest) -> WasiSocketsCtxView<'_> {
    WasiSocketsCtxView {
        ctx: guest.sockets.get_or_insert_default(),
        table: &mut guest.table,
    }
}
