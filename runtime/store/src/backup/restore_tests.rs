//! The tests of `restore`.

use super::*;
use crate::{
    Store,
    backup::{Part, take},
};

/// A backup of a store with one row and one payload.
fn backed_up(dir: &Path) -> PathBuf {
    let store = Store::open(&dir.join("from"), &SledOptions::default()).unwrap();
    let mut batch = Batch::new();
    batch.put(&b"\x20small"[..], &b"\x02one"[..]);
    batch.put(&b"\x20large"[..], vec![2; 10_000]);
    store.submit(batch).wait().unwrap();
    let part = Part {
        directory: String::new(),
        store,
        components: None,
    };
    let mut file = Vec::new();
    take(&[part], ("test", 0), &mut file, || Ok(())).unwrap();
    let path = dir.join("backup");
    fs::write(&path, file).unwrap();
    path
}

fn refused(file: &Path, data: &Path) -> String {
    restore(file, data, |_| {}).unwrap_err().to_string()
}

#[test]
fn a_directory_in_use_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = backed_up(dir.path());
    let data = dir.path().join("to");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("letter"), "dear").unwrap();
    let said = refused(&file, &data);
    assert!(said.contains("holds `letter`"), "{said}");
    assert_eq!(fs::read_dir(&data).unwrap().count(), 1);
}

#[test]
fn nothing_is_written_for_a_file_that_is_not_sound() {
    let dir = tempfile::tempdir().unwrap();
    let file = backed_up(dir.path());
    let content = fs::read(&file).unwrap();
    fs::write(&file, &content[..content.len() - 1]).unwrap();
    let data = dir.path().join("to");
    let said = refused(&file, &data);
    assert!(said.contains("cut off"), "{said}");
    assert!(!data.exists());
    assert!(refused(&dir.path().join("nowhere"), &data).contains("nowhere"));
    assert!(refused(dir.path(), &data).contains("regular file"));
    assert!(!data.exists());
}

/// As a process leaves it that dies while it restores: a part of what it wrote, and the mark.
#[test]
fn an_interrupted_restoration_is_never_opened_as_a_store() {
    let dir = tempfile::tempdir().unwrap();
    let file = backed_up(dir.path());
    let data = dir.path().join("to");
    let mut sections = 0;
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        restore(&file, &data, |progress| {
            sections += usize::from(progress.doing == "restoring");
            assert!(sections < 2, "the process dies");
        })
    }));
    assert!(died.is_err());
    let Err(error) = Store::open(&data, &SledOptions::default()) else {
        panic!("it was opened");
    };
    assert!(matches!(error, Error::Unfinished { .. }), "{error}");
    let said = refused(&file, &data);
    assert!(
        said.contains("was interrupted: remove what is in it"),
        "{said}"
    );
    fs::remove_dir_all(&data).unwrap();
    restore(&file, &data, |_| {}).unwrap();
    Store::open(&data, &SledOptions::default()).unwrap();
}

#[test]
fn what_was_restored_has_every_row_and_payload_and_no_mark() {
    let dir = tempfile::tempdir().unwrap();
    let file = backed_up(dir.path());
    let data = dir.path().join("a/b/to");
    let (about, parts) = restore(&file, &data, |_| {}).unwrap();
    assert_eq!((about.parts.len(), parts.len()), (1, 1));
    assert_eq!((parts[0].census.total().rows, parts[0].payloads), (2, 1));
    assert!(!data.join(UNFINISHED).exists());
    let store = Store::open(&data, &SledOptions::default()).unwrap();
    let view = store.view();
    assert_eq!(&view.get(b"\x20small").unwrap().unwrap()[..], b"\x02one");
    assert_eq!(view.get(b"\x20large").unwrap().unwrap().len(), 10_000);
}
