//! How many arenas the C library's allocator keeps. It must not change anything else of the process.

/// One arena a core. By default glibc makes up to eight, and a thread that frees memory in one does not give it to the others: a node under
/// mixed load for an hour kept 152 MiB where 96 were needed. `MALLOC_ARENA_MAX` in the environment says otherwise.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn keep_few_arenas() {
    if std::env::var_os("MALLOC_ARENA_MAX").is_some() {
        return;
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let arenas = libc::c_int::try_from(cores.max(2)).unwrap_or(libc::c_int::MAX);
    // SAFETY: it is called before there is another thread, and sets a number in the allocator. It says whether it did: without it
    // only memory is lost.
    let _ = unsafe { libc::mallopt(libc::M_ARENA_MAX, arenas) };
}

/// Other allocators have no such arenas.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn keep_few_arenas() {}
