//! The machine: what a process may open, and the memory that is left.

use std::fs;

use rustix::process::{Resource, getrlimit};

use super::Finding;
use crate::commands::apps::size;

/// Connections, files of the store, payloads that are read.
const ENOUGH_DESCRIPTORS: u64 = 4096;
/// What a server with a few apps takes (docs/operate.md).
const ENOUGH_MEMORY: u64 = 768 << 20;

pub(super) fn look() -> Vec<Finding> {
    let mut findings = vec![descriptors(getrlimit(Resource::Nofile).current)];
    let meminfo = fs::read_to_string("/proc/meminfo").ok();
    let available = meminfo.and_then(|text| available(&text));
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let limit = limit.and_then(|text| text.trim().parse().ok());
    findings.extend(memory(available, limit));
    findings
}

fn descriptors(limit: Option<u64>) -> Finding {
    match limit {
        Some(limit) if limit < ENOUGH_DESCRIPTORS => Finding::warning(
            "descriptors",
            format!("a process of this user may have {limit} open"),
            "raise it for the server: LimitNOFILE=65536 in its systemd unit, or `ulimit -n 65536`",
        ),
        Some(limit) => Finding::ok("descriptors", format!("up to {limit}")),
        None => Finding::ok("descriptors", "no limit"),
    }
}

/// What may be had: the least of what is free and what the control group allows.
fn memory(available: Option<u64>, limit: Option<u64>) -> Option<Finding> {
    let least = [available, limit].into_iter().flatten().min()?;
    let said = format!("{} can be had", size(least));
    Some(if least < ENOUGH_MEMORY {
        Finding::warning(
            "memory",
            said,
            format!(
                "leave the server at least {}: 64 MiB for pages, 256 MiB for runs that wait, and what executes",
                size(ENOUGH_MEMORY)
            ),
        )
    } else {
        Finding::ok("memory", said)
    })
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find(|line| line.starts_with("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn the_least_of_memory_and_limit_counts() {
        let free = available("MemTotal: 9 kB\nMemAvailable:    8388608 kB\n");
        assert_eq!(free, Some(8 << 30));
        assert_eq!(memory(free, None).unwrap().level, Level::Ok);
        assert_eq!(memory(free, Some(100 << 20)).unwrap().level, Level::Warning);
        assert_eq!(memory(None, None), None);
    }

    #[test]
    fn few_descriptors_are_told() {
        assert_eq!(descriptors(Some(1024)).level, Level::Warning);
        assert_eq!(descriptors(Some(65_536)).level, Level::Ok);
        assert_eq!(descriptors(None).level, Level::Ok);
    }
}
