//! `abide backup`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use abide_store::backup::{About, BackupError, Restoring, Totals, verify};
use anyhow::{Context, Result};
use clap::Args;
use indicatif::ProgressBar;
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use serde_json::json;

use crate::cli::{Output, Server};
use crate::commands::apps::size;
use crate::outcome::{Outcome, Usage};
use crate::terminal::{print_line, style_bar};

const HELP: &str = "\
The file holds every environment with its apps, events and runs, and what operators set up: hashes of keys, webhooks with their secrets,
the audit log. It is secret: only its owner may read it. All of it is as it was at one instant, while the server goes on with its work. The
file is checked when it is complete, and has its name only then. Only a key that is an admin's of the whole server may do this.

With --data, the directory of a server that is stopped is read instead.

Examples:
  abide backup /backups/abide-$(date +%F)
  abide backup abide.backup --url https://abide.example.com --key-file admin.key
  abide backup abide.backup --data /var/lib/abide

`abide restore` takes the file.";

/// Copies everything that a server holds into one file, while it serves.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Backup {
    /// The file to write. It must not exist.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The data directory of a server that is stopped, instead of one that runs.
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    data: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Backup {
    pub(crate) async fn run(self) -> Result<Outcome> {
        if self.file.exists() {
            let file = self.file.display();
            return Err(Usage(format!("{file} exists: name another file, or remove it")).into());
        }
        let unfinished = Unfinished::create(&self.file)?;
        match &self.data {
            Some(data) => {
                let out = unfinished.file.try_clone()?;
                let data = data.clone();
                tokio::task::spawn_blocking(move || from_directory(&data, out)).await??;
            }
            None => from_server(&self.server, &unfinished.file).await?,
        }
        let file = self.file.clone();
        let checked = tokio::task::spawn_blocking(move || unfinished.finish(&file)).await??;
        self.tell(&checked)
    }

    fn tell(&self, (about, totals): &(About, Totals)) -> Result<Outcome> {
        let bytes = fs::metadata(&self.file).map_or(0, |metadata| metadata.len());
        let environments = about.parts.iter().filter(|part| *part != "admin").count();
        if self.output.json {
            print_line(
                &json!({
                    "file": self.file,
                    "bytes": bytes,
                    "environments": environments,
                    "rows": totals.rows,
                    "payloads": totals.payloads,
                    "components": totals.components,
                })
                .to_string(),
            )?;
        } else {
            print_line(&format!(
                "{}: {}, checked: {environments} environment{}, {} rows, {} payload files, {} components",
                self.file.display(),
                size(bytes),
                if environments == 1 { "" } else { "s" },
                totals.rows,
                totals.payloads,
                totals.components,
            ))?;
        }
        Ok(Outcome::Done)
    }
}

/// A backup before it is complete: gone when it is dropped.
struct Unfinished {
    path: PathBuf,
    file: File,
}

impl Unfinished {
    /// The file is made anew: one that is there may be somebody else's, who would read along.
    fn create(beside: &Path) -> Result<Self> {
        let mut path = beside.as_os_str().to_owned();
        path.push(".unfinished");
        let path = PathBuf::from(path);
        let cannot = |error| Usage(format!("cannot write {}: {error}", path.display()));
        let made = loop {
            let made = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path);
            match made {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => remove_left(&path)?,
                made => break made,
            }
        };
        let file = made.map_err(cannot)?;
        // Another command that finds the file sees that it is in use; on file systems without locks, it does not.
        let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
        Ok(Self { path, file })
    }

    /// Makes it durable, reads all of it, and gives it its name.
    fn finish(self, file: &Path) -> Result<(About, Totals)> {
        let writing = || format!("cannot write {}", file.display());
        self.file.sync_all().with_context(writing)?;
        let bar = bytes_bar("checking the backup", 0);
        let checked = verify(&self.path, |progress| show(&bar, progress));
        bar.finish_and_clear();
        let checked = checked?;
        fs::rename(&self.path, file).with_context(writing)?;
        let above = file.parent().filter(|above| !above.as_os_str().is_empty());
        File::open(above.unwrap_or(Path::new(".")))
            .and_then(|above| above.sync_all())
            .with_context(writing)?;
        Ok(checked)
    }
}

/// Removes what an interrupted backup left, unless one is still being written.
fn remove_left(path: &Path) -> Result<()> {
    let shown = path.display();
    // Neither where a link leads, nor waiting for whoever writes into a pipe.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let left = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let in_use = left.is_ok_and(|left| {
        flock(&left, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK)
    });
    if in_use {
        let says = format!(
            "another backup is being written to {shown}: wait for it, or name another file"
        );
        return Err(Usage(says).into());
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Usage(format!(
            "{shown} is there and cannot be removed: {error}; name another file"
        ))
        .into()),
        _ => Ok(()),
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

async fn from_server(server: &Server, mut out: &File) -> Result<()> {
    let client = server.client()?;
    let (estimate, mut answer) = client.backup().await?;
    let bar = bytes_bar("backing up", estimate);
    loop {
        let piece = answer.chunk().await.context(
            "the connection to the server broke; the backup is not complete and was removed",
        )?;
        let Some(piece) = piece else { break };
        out.write_all(&piece).map_err(no_room)?;
        grow(&bar, piece.len());
    }
    bar.finish_and_clear();
    Ok(())
}

fn from_directory(data: &Path, out: File) -> Result<()> {
    let is_there = data.join("commits").try_exists();
    if !is_there.with_context(|| format!("cannot look into {}", data.display()))? {
        return Err(Usage(format!(
            "there is no store in {}: name the directory that `serve --data` was given",
            data.display()
        ))
        .into());
    }
    let bar = bytes_bar("backing up", 0);
    let shown = bar.clone();
    let taken = abide_server::backup_directory(data, move |estimate| {
        shown.set_length(estimate);
        Ok(Box::new(Shown(
            BufWriter::with_capacity(1 << 20, out),
            shown,
        )))
    });
    bar.finish_and_clear();
    match taken {
        Err(BackupError::Write(error)) => Err(no_room(error)),
        other => other.map(drop).map_err(Into::into),
    }
}

fn no_room(error: io::Error) -> anyhow::Error {
    anyhow::Error::new(error).context("cannot write the backup; it is not complete and was removed")
}

/// Tells how much was written.
struct Shown<W>(W, ProgressBar);

impl<W: Write> Write for Shown<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.0.write(bytes)?;
        grow(&self.1, written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The length is an estimate: the bar never claims to be past its end.
pub(crate) fn grow(bar: &ProgressBar, bytes: usize) {
    bar.inc(bytes as u64);
    if bar.length().is_some_and(|length| length < bar.position()) {
        bar.set_length(bar.position());
    }
}

/// A bar on stderr, if somebody watches.
pub(crate) fn bytes_bar(doing: &'static str, of: u64) -> ProgressBar {
    let bar = ProgressBar::new(of).with_message(doing);
    style_bar(&bar, "{bytes}/{total_bytes}");
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

pub(crate) fn show(bar: &ProgressBar, progress: Restoring) {
    bar.set_message(progress.doing);
    if let Some(of) = progress.of {
        bar.set_length(of);
        bar.set_position(progress.done);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_backup_is_written_to_a_file_that_nobody_else_has_open() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = folder.path().join("abide.backup");
        let unfinished = folder.path().join("abide.backup.unfinished");
        // Somebody else made the file before, and reads along.
        fs::write(&unfinished, "old").unwrap();
        fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o666)).unwrap();
        let before = File::open(&unfinished).unwrap();
        let mut made = Unfinished::create(&wanted).unwrap();
        made.file.write_all(b"secret").unwrap();
        let permissions = made.file.metadata().unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, 0o600);
        assert_eq!(io::read_to_string(before).unwrap(), "old");

        let second = Unfinished::create(&wanted).map(drop).unwrap_err();
        assert!(second.to_string().contains("another backup"), "{second}");
        drop(made);
        assert!(!unfinished.exists());

        // Nor does a link lead elsewhere.
        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, "theirs").unwrap();
        symlink(&elsewhere, &unfinished).unwrap();
        let mut made = Unfinished::create(&wanted).unwrap();
        made.file.write_all(b"secret").unwrap();
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "theirs");
    }
}
