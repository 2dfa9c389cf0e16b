//! The data directory: its rights, its disk, who uses it, and whether its stores are sound.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use abide_store::{SledBackend, SledOptions};
use rustix::fs::{FlockOperation, FsWord, flock, statfs, statvfs};

use super::Finding;
use crate::commands::apps::size;

/// Below this much free space a server is about to stop.
const LITTLE_BYTES: u64 = 200 << 20;
/// Below this it is time to do something.
const FEW_BYTES: u64 = 2 << 30;
/// Each payload and each component is a file.
const FEW_INODES: u64 = 10_000;
/// Every acknowledgement waits for a sync.
const SLOW_SYNC: Duration = Duration::from_millis(20);
/// How many syncs are measured.
const SYNCS: usize = 15;
/// How far the clock may seem to be behind the newest file: file systems round.
const CLOCK_SLACK: Duration = Duration::from_secs(5);

pub(super) fn look(data: &Path) -> Vec<Finding> {
    let shown = data.display();
    let metadata = match fs::metadata(data) {
        Ok(metadata) if metadata.is_dir() => metadata,
        Ok(_) => {
            return vec![Finding::error(
                "data directory",
                format!("{shown} is no directory"),
                "name a directory with --data",
            )];
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return vec![Finding::warning(
                "data directory",
                format!("{shown} does not exist"),
                "nothing, if the server never ran: its first start makes it, if its user may",
            )];
        }
        Err(error) => return vec![not_seen(data, &error)],
    };
    let mut findings = vec![rights(data, metadata.permissions().mode())];
    findings.extend(disk(data));
    findings.extend(sync_latency(data));
    findings.extend(clock(data));
    match owner(data) {
        Some(owner) => findings.push(Finding::ok(
            "store",
            format!("in use by {owner}; it is looked into when no server uses it"),
        )),
        None => findings.extend(stores(data)),
    }
    findings
}

/// The system does not show the directory.
fn not_seen(data: &Path, error: &std::io::Error) -> Finding {
    let remedy = match error.kind() {
        std::io::ErrorKind::PermissionDenied => "run this as the user of the server",
        _ => "name a directory with --data",
    };
    let found = format!("{} cannot be looked at: {error}", data.display());
    Finding::error("data directory", found, remedy)
}

fn rights(data: &Path, mode: u32) -> Finding {
    let shown = data.display();
    if let Err(error) = tempfile(data) {
        return Finding::error(
            "data directory",
            format!("nothing can be written to {shown}: {error}"),
            format!("chown -R it to the user of the server, or run this as that user ({shown})"),
        );
    }
    if mode & 0o007 != 0 {
        return Finding::warning(
            "data directory",
            format!(
                "everybody on this machine may look into {shown} (mode {:o})",
                mode & 0o777
            ),
            format!("chmod 700 {shown}"),
        );
    }
    Finding::ok("data directory", format!("{shown} can be written to"))
}

/// A file without a name.
fn tempfile(data: &Path) -> std::io::Result<File> {
    let path = data.join(format!(".doctor-{}", std::process::id()));
    let file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

fn disk(data: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Ok(found) = statfs(data) {
        findings.push(file_system(found.f_type));
    }
    let Ok(found) = statvfs(data) else {
        return findings;
    };
    findings.push(space(found.f_bavail.saturating_mul(found.f_frsize)));
    findings.extend(inodes(found.f_files, found.f_favail));
    findings
}

/// What the data lies on, by the number that Linux gives each kind of file system (`statfs(2)`).
fn file_system(kind: FsWord) -> Finding {
    const NFS: FsWord = 0x6969;
    const SMB: FsWord = 0x517B;
    const SMB2: FsWord = 0xFE53_4D42;
    const TMPFS: FsWord = 0x0102_1994;
    const OVERLAY: FsWord = 0x794C_7630;
    match kind {
        NFS | SMB | SMB2 => Finding::warning(
            "file system",
            "the data is on a network file system, which may lose what it acknowledged as synced",
            "move the data directory to a local disk",
        ),
        TMPFS => Finding::warning(
            "file system",
            "the data is in memory (tmpfs) and gone at the next start of the machine",
            "move the data directory to a disk",
        ),
        OVERLAY => Finding::warning(
            "file system",
            "the data is in the layer of a container and goes with it",
            "mount a volume and keep the data there",
        ),
        _ => Finding::ok("file system", "local"),
    }
}

fn space(free: u64) -> Finding {
    let said = format!("{} free", size(free));
    let remedy = "make room on the disk of the data directory, or keep finished runs for a shorter time (--keep-runs)";
    match free {
        ..LITTLE_BYTES => Finding::error("disk space", said, remedy),
        LITTLE_BYTES..FEW_BYTES => Finding::warning("disk space", said, remedy),
        FEW_BYTES.. => Finding::ok("disk space", said),
    }
}

/// How many more files there may be. File systems without a fixed number of them say 0 of 0.
fn inodes(all: u64, free: u64) -> Option<Finding> {
    (all > 0 && free < FEW_INODES).then(|| {
        Finding::warning(
            "inodes",
            format!("room for {free} more files"),
            "remove small files from the disk, or move the data directory: payloads above 4 KiB are files",
        )
    })
}

fn sync_latency(data: &Path) -> Option<Finding> {
    let mut file = tempfile(data).ok()?;
    file.write_all(&[0; 4096]).ok()?;
    file.sync_all().ok()?;
    let mut times = Vec::new();
    for n in 0..SYNCS {
        file.write_all_at(&[u8::try_from(n).unwrap_or(0); 4096], 0)
            .ok()?;
        let began = Instant::now();
        file.sync_data().ok()?;
        times.push(began.elapsed());
    }
    times.sort();
    Some(latency(times[SYNCS / 2], times[SYNCS - 1]))
}

fn latency(median: Duration, most: Duration) -> Finding {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let said = format!(
        "{:.1} ms in the middle of {SYNCS}, {:.1} ms at most",
        ms(median),
        ms(most)
    );
    if median > SLOW_SYNC {
        Finding::warning(
            "sync latency",
            said,
            "every acknowledgement waits for one sync: use a faster disk, or one with a protected write cache",
        )
    } else {
        Finding::ok("sync latency", said)
    }
}

/// Whether the clock is behind what the store was last written at.
fn clock(data: &Path) -> Option<Finding> {
    let written = fs::metadata(data.join("commits")).ok()?.modified().ok()?;
    let ahead = written
        .duration_since(SystemTime::now())
        .unwrap_or_default();
    Some(if ahead > CLOCK_SLACK {
        Finding::error(
            "clock",
            format!(
                "it was set back: the store was written {} s from now",
                ahead.as_secs()
            ),
            "set the clock (NTP); timers wait until the time is reached again",
        )
    } else {
        Finding::ok("clock", "not behind the store")
    })
}

/// Who holds the lock of the directory.
pub(super) fn owner(data: &Path) -> Option<String> {
    let path = data.join("lock");
    let file = File::open(&path).ok()?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .is_err()
        .then(|| {
            let pid = fs::read_to_string(&path).unwrap_or_default();
            format!("process {}", pid.trim())
        })
}

/// Opens each store as a server does, which audits its log, and closes it again.
fn stores(data: &Path) -> Vec<Finding> {
    let directories = match abide_server::directories_in(data) {
        Ok(directories) => directories,
        Err(error) => {
            return vec![Finding::error(
                "store",
                error.to_string(),
                "run this as the user of the server",
            )];
        }
    };
    if directories.is_empty() {
        return vec![Finding::ok("store", "there is none yet")];
    }
    let as_it_is = SledOptions {
        compact_from: u64::MAX,
        ..SledOptions::default()
    };
    let look = |directory: &String| {
        let path = data.join(directory);
        match SledBackend::open(&path, &as_it_is) {
            Ok(store) => {
                let log = store.log_bytes().unwrap_or(0);
                drop(store);
                Finding::ok(
                    "store",
                    format!("{} opens; its log takes {}", path.display(), size(log)),
                )
            }
            Err(error) => Finding::error(
                "store",
                error.to_string(),
                "do what the message says; a backup is put back with `abide restore`",
            ),
        }
    };
    directories.iter().map(look).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    fn level(findings: &[Finding], check: &str) -> Level {
        let found = findings.iter().find(|finding| finding.check == check);
        found
            .unwrap_or_else(|| panic!("no {check} in {findings:?}"))
            .level
    }

    #[test]
    fn a_damaged_store_and_open_rights_are_found_and_a_clock_that_was_set_back() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        drop(SledBackend::open(dir.path(), &SledOptions::default()).unwrap());
        let findings = look(dir.path());
        assert_eq!(level(&findings, "data directory"), Level::Warning);
        assert_eq!(level(&findings, "store"), Level::Ok);
        assert_eq!(level(&findings, "clock"), Level::Ok);

        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let commits = dir.path().join("commits");
        let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
        File::options()
            .write(true)
            .open(&commits)
            .unwrap()
            .set_modified(tomorrow)
            .unwrap();
        let findings = look(dir.path());
        assert_eq!(level(&findings, "data directory"), Level::Ok);
        assert_eq!(level(&findings, "clock"), Level::Error);

        fs::write(dir.path().join("log/db"), b"").unwrap();
        assert_eq!(level(&look(dir.path()), "store"), Level::Error);
    }

    /// What cannot be provoked on every machine: other file systems, disks without room, slow ones, rights that root does not lack.
    #[test]
    fn what_the_system_says_of_a_disk_is_judged() {
        let told = |finding: &Finding| (finding.level, finding.remedy.clone().unwrap_or_default());
        for (kind, remedy) in [
            (0x6969, "local disk"),
            (0x517B, "local disk"),
            (0xFE53_4D42, "local disk"),
            (0x0102_1994, "to a disk"),
            (0x794C_7630, "volume"),
        ] {
            let (level, says) = told(&file_system(kind));
            assert_eq!(level, Level::Warning, "{kind:x}");
            assert!(says.contains(remedy), "{says}");
        }
        assert_eq!(file_system(0xEF53).level, Level::Ok, "ext4");

        for (free, level) in [
            (LITTLE_BYTES - 1, Level::Error),
            (LITTLE_BYTES, Level::Warning),
            (FEW_BYTES - 1, Level::Warning),
            (FEW_BYTES, Level::Ok),
        ] {
            assert_eq!(space(free).level, level, "{free}");
        }
        let few = inodes(1_000_000, FEW_INODES - 1).unwrap();
        assert_eq!(few.level, Level::Warning);
        assert_eq!(inodes(1_000_000, FEW_INODES), None);
        assert_eq!(inodes(0, 0), None, "btrfs has no fixed number");

        assert_eq!(latency(SLOW_SYNC, SLOW_SYNC * 9).level, Level::Ok);
        let slow = latency(SLOW_SYNC + Duration::from_millis(1), SLOW_SYNC * 9);
        assert_eq!(slow.level, Level::Warning);
        assert_eq!(slow.found, "21.0 ms in the middle of 15, 180.0 ms at most");

        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let (level, remedy) = told(&not_seen(Path::new("/x"), &denied));
        assert_eq!(
            (level, remedy.as_str()),
            (Level::Error, "run this as the user of the server")
        );
    }

    #[test]
    fn a_store_in_use_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let store = SledBackend::open(dir.path(), &SledOptions::default()).unwrap();
        assert_eq!(
            owner(dir.path()),
            Some(format!("process {}", std::process::id()))
        );
        assert_eq!(level(&look(dir.path()), "store"), Level::Ok);
        drop(store);
        assert_eq!(owner(dir.path()), None);
        assert_eq!(
            level(&look(&dir.path().join("nowhere")), "data directory"),
            Level::Warning
        );
    }
}
