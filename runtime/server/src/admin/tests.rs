//! The admin store, in memory and on the disk.

use serde::{Deserialize, Serialize};

use super::*;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    text: String,
}

impl AdminRecord for Note {
    const KIND: &'static str = "note";
}

fn note(text: &str) -> Note {
    Note { text: text.into() }
}

fn ids<R>(found: &[Located<R>]) -> Vec<(&str, &str)> {
    found
        .iter()
        .map(|it| (it.environment.as_str(), it.id.as_str()))
        .collect()
}

async fn story(admin: &Admin) -> Result<(), AdminError> {
    admin.put("default", "b", &note("1")).await?;
    admin.put("default", "a", &note("2")).await?;
    admin.put("default2", "a", &note("3")).await?;
    assert!(!admin.insert("default", "a", &note("4")).await?);
    assert!(admin.insert("default", "c", &note("5")).await?);
    assert_eq!(admin.get::<Note>("default", "a").await?, Some(note("2")));
    assert_eq!(admin.get::<Note>("default2", "b").await?, None);
    let longer = |old: &Note| Some(note(&format!("{}!", old.text)));
    let updated = admin.update::<Note>("default", "b", longer).await?;
    assert_eq!(updated, Some(note("1!")));
    assert_eq!(
        admin.update::<Note>("default", "nobody", longer).await?,
        None
    );
    let here = [("default", "a"), ("default", "b"), ("default", "c")];
    assert_eq!(ids(&admin.list::<Note>("default").await?), here);
    assert_eq!(admin.list_everywhere::<Note>().await?.len(), 4);
    let latest = admin.latest::<Note>("default", Some("c"), 1).await?;
    assert_eq!(ids(&latest), [("default", "b")]);
    assert_eq!(admin.delete_before::<Note>("default", "b").await?, 1);
    assert!(admin.delete::<Note>("default", "c").await?);
    assert!(!admin.delete::<Note>("default", "c").await?);
    assert_eq!(ids(&admin.list::<Note>("default").await?), [here[1]]);
    assert_eq!(
        ids(&admin.list::<Note>("default2").await?),
        [("default2", "a")]
    );
    Ok(())
}

#[tokio::test]
async fn records_are_found_by_environment_and_id_and_survive_on_the_disk() {
    story(&Admin::in_memory()).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let admin = Admin::open(directory.path()).unwrap();
    story(&admin).await.unwrap();
    admin.close().unwrap();
    let again = Admin::open(directory.path()).unwrap();
    assert_eq!(
        again.get::<Note>("default", "b").await.unwrap(),
        Some(note("1!"))
    );
    again.close().unwrap();
}

#[tokio::test]
async fn nobody_else_may_look_into_its_directory() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("data/admin");
    Admin::open(&directory).unwrap().close().unwrap();
    let mode = std::fs::metadata(&directory).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn an_id_that_could_reach_another_environment_is_refused() {
    let admin = Admin::in_memory();
    for (environment, id) in [("a\0b", "c"), ("a", "b\0c"), ("", "c"), ("a", "")] {
        let refused = admin.put(environment, id, &note("1")).await;
        assert!(matches!(refused, Err(AdminError::Id { .. })), "{id:?}");
    }
}

#[tokio::test]
async fn a_record_of_another_version_is_named() {
    let refused = rows::decode::<Note>(b"\x09{}").unwrap_err().to_string();
    assert!(
        refused.contains("note") && refused.contains("version 9"),
        "{refused}"
    );
}
