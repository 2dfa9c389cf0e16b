//! What the operating system says of this process. What it does not say is absent.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// The memory that this process has, in bytes.
pub(crate) fn memory_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(rustix::param::page_size() as u64)
}

/// The time that its threads have had of the processors.
pub(crate) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
}

/// Open files and connections.
pub(crate) fn open_files() -> Option<u64> {
    // One of them is what the count itself opens.
    let count = fs::read_dir("/proc/self/fd").ok()?.count();
    Some(count.saturating_sub(1) as u64)
}

/// How many of them there may be; none if there is no limit.
pub(crate) fn most_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// What the file system of a directory has, and what this process may still take of it, in bytes.
pub(crate) fn disk_bytes(directory: &Path) -> Option<(u64, u64)> {
    let found = rustix::fs::statvfs(directory).ok()?;
    let total = found.f_blocks.checked_mul(found.f_frsize)?;
    let free = found.f_bavail.checked_mul(found.f_frsize)?;
    Some((total, free))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_has_memory_time_files_and_a_disk() {
        assert!(memory_bytes() > Some(1 << 20));
        assert!(cpu_time() > Duration::ZERO);
        assert!(open_files() > Some(0));
        let (total, free) = disk_bytes(&std::env::temp_dir()).expect("it is there");
        assert!(total >= free && total > 0);
        assert_eq!(disk_bytes(Path::new("/no/such/directory")), None);
    }
}
