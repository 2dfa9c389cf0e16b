//! Opening the directory: lock, witness, audit, replay, comparison, and the operator's way out of damage.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::{Mutex, RwLock};
use rustix::fs::{FlockOperation, flock};

use super::{
    COMMIT_KEY, OpenReport, SledBackend, SledOptions, Writer, audit, compact, format,
    free_segments, holes,
    lock::DirLock,
    parse_commit_row,
    quiet::calling,
    rewrite, used_segments,
    witness::{State, Testimony, Witness},
};
use crate::{
    backend::CommitWatch,
    backup::refuse_unfinished,
    blobs::file::sync_dir,
    error::{Error, Result},
};

/// How long sled's threads may take to let go of the log after it was closed. They finish writes that are already under way.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(10);

/// Where everything lies.
pub(super) struct Paths {
    pub(super) dir: PathBuf,
    pub(super) log_dir: PathBuf,
    log: PathBuf,
    conf: PathBuf,
    pub(super) commits: PathBuf,
    accept_loss: PathBuf,
    /// A compacted store under construction.
    pub(super) compacting: PathBuf,
    /// A compacted store that takes the place of this one.
    pub(super) compacted: PathBuf,
}

impl Paths {
    pub(super) fn new(dir: &Path) -> Self {
        let log_dir = dir.join("log");
        Self {
            dir: dir.to_owned(),
            log: log_dir.join("db"),
            conf: log_dir.join("conf"),
            log_dir,
            commits: dir.join("commits"),
            accept_loss: dir.join("accept-loss"),
            compacting: dir.join("compacting"),
            compacted: dir.join("compacted"),
        }
    }
}

pub(super) fn open(dir: &Path, options: &SledOptions) -> Result<SledBackend> {
    fs::create_dir_all(dir).map_err(|error| Error::io("create", dir, error))?;
    refuse_unfinished(dir)?;
    let lock = DirLock::acquire(dir)?;
    let paths = Paths::new(dir);
    compact::finish(&paths)?;
    let backend = open_locked(&paths, lock, options)?;
    compact::at_open(backend, &paths, options)
}

/// Opens a directory of which the lock is held already.
pub(super) fn open_locked(
    paths: &Paths,
    lock: DirLock,
    options: &SledOptions,
) -> Result<SledBackend> {
    let accept_loss = paths.accept_loss.exists();
    let mut report = OpenReport::default();

    let (mut witness, testimony) = open_witness(paths, accept_loss, &mut report)?;
    remove_unfinished_snapshots(paths)?;
    check_conf(paths)?;
    if paths.log.exists() {
        let started = Instant::now();
        match audit::audit(&paths.log_dir, &testimony, options.full_audit_up_to) {
            Ok(audit) => report.audit = audit,
            Err(error) => accept(error, accept_loss, &mut report)?,
        }
        report.audit_time = started.elapsed();
        if report.loss_accepted {
            drop_damaged_snapshots(paths)?;
        }
    } else if testimony.stable_lsn >= 0 {
        let missing = damaged(&paths.log, "the log is missing".to_owned());
        accept(missing, accept_loss, &mut report)?;
    }

    witness.record_durably(&Testimony {
        state: State::Opening,
        ..testimony
    })?;
    let started = Instant::now();
    let db = open_sled(paths, options)?;
    report.replay_time = started.elapsed();
    let commit = match check_commit(&db, &testimony, paths) {
        Ok(commit) => commit,
        Err(error) => {
            accept(error, accept_loss, &mut report)?;
            testimony.commit
        }
    };
    report.commit = commit;
    finish(paths, &db, lock, (witness, testimony), report)
}

/// Makes what opening changed durable, and hands the store over.
fn finish(
    paths: &Paths,
    db: &sled::Db,
    lock: DirLock,
    (mut witness, testimony): (Witness, Testimony),
    mut report: OpenReport,
) -> Result<SledBackend> {
    let db = db.clone();
    let (stable_lsn, used, tail) = calling("open", || {
        db.flush()?;
        let log = &db.context.pagecache.log;
        let tail = log.iter_from(testimony.stable_lsn.max(0)).segments;
        Ok((log.stable_offset(), used_segments(&db), tail))
    })?;
    let free = free_segments(&used);
    report.used_segments = used.len() as u64;
    let log = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&paths.log)
        .map_err(|error| Error::io("open", &paths.log, error))?;
    let syncing = |error| Error::io("sync", &paths.log_dir, error);
    if !matches!(testimony.state, State::Clean(_)) {
        rewrite::segments(&log, tail.into_values())
            .map_err(|error| Error::io("write", &paths.log, error))?;
    }
    log.sync_all().map_err(syncing)?;
    if let Err(error) = holes::punch(&log, &used) {
        tracing::warn!(%error, "the blocks of free segments of the log were not given back");
    }
    let log_len = log.metadata().map_err(syncing)?.len();
    report.segments = log_len.div_ceil(format::SEGMENT_LEN as u64);
    File::open(&paths.conf)
        .and_then(|conf| conf.sync_all())
        .map_err(syncing)?;
    sync_dir(&paths.log_dir)?;
    witness.record_durably(&Testimony {
        commit: report.commit,
        stable_lsn,
        state: State::Running,
        free,
    })?;
    if report.loss_accepted {
        match fs::remove_file(&paths.accept_loss) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &paths.accept_loss, error));
            }
            _ => {}
        }
    }
    sync_dir(&paths.dir)?;
    tracing::debug!(?report, "store opened");
    Ok(SledBackend {
        db: RwLock::new(Some(db)),
        writer: Mutex::new(Writer {
            commit: report.commit,
            witness,
            log,
            log_path: paths.log.clone(),
            free,
            tip_segment: stable_lsn / format::SEGMENT_LSN,
            failed: None,
        }),
        watch: Arc::new(CommitWatch::starting_at(report.commit)),
        report,
        dir: paths.dir.clone(),
        lock: Mutex::new(Some(lock)),
    })
}

fn open_witness(
    paths: &Paths,
    accept_loss: bool,
    report: &mut OpenReport,
) -> Result<(Witness, Testimony)> {
    let missing = match Witness::open(&paths.commits) {
        Ok(Some(found)) => return Ok(found),
        // The witness is created before the log, so a log without one lost it.
        Ok(None) if paths.log.exists() => damaged(
            &paths.commits,
            "it is missing, so nobody knows which commits the log must hold".to_owned(),
        ),
        Ok(None) => return create_witness(paths),
        Err(error) => error,
    };
    accept(missing, accept_loss, report)?;
    create_witness(paths)
}

fn create_witness(paths: &Paths) -> Result<(Witness, Testimony)> {
    fs::create_dir_all(&paths.log_dir)
        .map_err(|error| Error::io("create", &paths.log_dir, error))?;
    let witness = Witness::create(&paths.commits)?;
    sync_dir(&paths.dir)?;
    if let Some(parent) = paths
        .dir
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        sync_dir(parent)?;
    }
    Ok((witness, Testimony::NEW))
}

/// Lets damage pass when the operator said so.
fn accept(error: Error, accept_loss: bool, report: &mut OpenReport) -> Result<()> {
    if !accept_loss {
        return Err(error);
    }
    tracing::warn!(%error, "damage accepted because of the file accept-loss; the newest rows may be missing");
    report.loss_accepted = true;
    Ok(())
}

/// A crash during an earlier open leaves these, and sled then takes them for snapshots.
fn remove_unfinished_snapshots(paths: &Paths) -> Result<()> {
    if !paths.log_dir.exists() {
        fs::create_dir_all(&paths.log_dir)
            .map_err(|error| Error::io("create", &paths.log_dir, error))?;
    }
    for path in audit::snapshots(&paths.log_dir)? {
        if path
            .extension()
            .is_some_and(|extension| extension == "generating")
        {
            fs::remove_file(&path).map_err(|error| Error::io("remove", &path, error))?;
        }
    }
    Ok(())
}

/// Without a readable snapshot sled replays the whole log, which is the most that can be had from a damaged one.
fn drop_damaged_snapshots(paths: &Paths) -> Result<()> {
    for path in audit::snapshots(&paths.log_dir)? {
        let content = fs::read(&path).map_err(|error| Error::io("read", &path, error))?;
        if format::snapshot(&content).is_err() {
            fs::remove_file(&path).map_err(|error| Error::io("remove", &path, error))?;
        }
    }
    Ok(())
}

/// sled's `conf` is always the same here, so a damaged one is written anew; a sound one of another sled is refused.
fn check_conf(paths: &Paths) -> Result<()> {
    let expected = format::conf();
    let found = match fs::read(&paths.conf) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Error::io("read", &paths.conf, error)),
    };
    if found == expected {
        return Ok(());
    }
    let sound = found
        .split_last_chunk::<4>()
        .is_some_and(|(text, crc)| crc32fast::hash(text).to_le_bytes() == *crc);
    if sound && found.len() > 4 {
        return Err(damaged(
            &paths.conf,
            "it belongs to a store that another version wrote, with other settings".to_owned(),
        ));
    }
    fs::write(&paths.conf, expected).map_err(|error| Error::io("write", &paths.conf, error))
}

fn open_sled(paths: &Paths, options: &SledOptions) -> Result<sled::Db> {
    if let Ok(log) = OpenOptions::new().read(true).write(true).open(&paths.log) {
        // Threads of an earlier store in this process may still hold the file.
        wait_until_released(&log, &paths.dir)?;
    }
    // No flusher thread: what it does between our commits would not be synced in order (see the invariants of this module's parent).
    // Space is reclaimed all the same, because sled moves a page whenever it replaces one. Measured: 5,000 rows of 200 bytes replaced
    // again and again, 160,000 times: the log stays at 4 to 5 MB.
    let config = sled::Config::new()
        .path(&paths.log_dir)
        .cache_capacity(options.cache_bytes)
        .flush_every_ms(None);
    match calling("open", || Ok(config.open())) {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(sled::Error::Io(error))) => Err(Error::io("open", &paths.log, error)),
        Ok(Err(error)) => Err(damaged(&paths.log_dir, format!("sled refuses it: {error}"))),
        // A panic while opening: sled met something that it takes for impossible.
        Err(Error::Engine { reason, .. }) => Err(damaged(
            &paths.log_dir,
            format!("sled gave up on it: {reason}"),
        )),
        Err(error) => Err(error),
    }
}

/// Waits until sled's threads have closed the log. Each holds a lock on it, so a lock of ours says that they are gone.
pub(super) fn wait_until_released(log: &File, dir: &Path) -> Result<bool> {
    let deadline = Instant::now() + RELEASE_TIMEOUT;
    loop {
        match flock(log, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                flock(log, FlockOperation::Unlock)
                    .map_err(|errno| Error::io("unlock", dir, errno.into()))?;
                return Ok(true);
            }
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(false),
            Err(errno) => return Err(Error::io("lock", dir, errno.into())),
        }
    }
}

/// The log must hold every commit that the witness knows.
fn check_commit(db: &sled::Db, testimony: &Testimony, paths: &Paths) -> Result<u64> {
    let row = calling("read the commit number", || db.get(COMMIT_KEY))?;
    let commit = match &row {
        None => 0,
        Some(row) => parse_commit_row(row).ok_or_else(|| {
            damaged(
                &paths.log,
                "the row with the commit number fails its checksum".to_owned(),
            )
        })?,
    };
    if commit < testimony.commit {
        return Err(damaged(
            &paths.log,
            format!(
                "it holds commits up to {commit}, but {} were acknowledged",
                testimony.commit
            ),
        ));
    }
    Ok(commit)
}

fn damaged(file: &Path, reason: String) -> Error {
    Error::Damaged {
        file: file.to_owned(),
        offset: None,
        reason,
    }
}
