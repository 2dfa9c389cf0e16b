//! The life of keys.

use super::*;

fn wanted(role: Role, environment: Option<&str>) -> NewKey {
    NewKey {
        name: "a key".into(),
        role,
        environment: environment.map(Into::into),
        expires_in: None,
    }
}

#[tokio::test]
async fn a_key_lets_in_until_it_is_revoked_also_after_a_start() {
    let admin = Admin::in_memory();
    let keys = Keys::load(admin.clone()).await.unwrap();
    let by = Principal::anybody();
    let (read, secret) = keys
        .create(wanted(Role::Read, Some("blue")), &by)
        .await
        .unwrap();
    let (send, event_key) = keys.create(wanted(Role::Send, None), &by).await.unwrap();
    assert!(
        secret.expose().starts_with("abide_sk_") && event_key.expose().starts_with("abide_ek_")
    );
    let stored = admin.list_everywhere::<KeyRecord>().await.unwrap();
    for found in &stored {
        let text = serde_json::to_string(&found.record).unwrap();
        assert!(
            !text.contains(&secret.expose()[9..]),
            "the text is not stored"
        );
    }
    let again = Keys::load(admin).await.unwrap();
    for keys in [&keys, &again] {
        let found = keys.find(secret.expose(), false).unwrap();
        assert_eq!(
            (found.role, found.environment.as_deref()),
            (Role::Read, Some("blue"))
        );
        assert!(found.last_used_ms().is_some());
        assert_eq!(keys.find(event_key.expose(), false).unwrap().id, send.id);
        assert_eq!(keys.list(Some("blue")).len(), 1);
        assert_eq!(keys.list(None).len(), 2);
    }
    assert_eq!(
        again.find("abide_sk_00", false).err(),
        Some(Refused::Mistyped)
    );
    assert_eq!(again.find("nonsense", true).err(), Some(Refused::Unknown));
    keys.revoke(&read).await.unwrap();
    assert_eq!(
        keys.find(secret.expose(), false).err(),
        Some(Refused::Revoked)
    );
    read.revoked().await;
    let after = Keys::load(keys.admin.clone()).await.unwrap();
    assert_eq!(
        after.find(secret.expose(), true).err(),
        Some(Refused::Revoked)
    );
}

#[tokio::test]
async fn an_expired_key_is_refused_and_a_signing_key_passes_hashed_only_where_that_is_said() {
    let keys = Keys::none(Admin::in_memory());
    let by = Principal::anybody();
    let short = NewKey {
        expires_in: Some(Duration::ZERO),
        ..wanted(Role::Admin, None)
    };
    let (_, secret) = keys.create(short, &by).await.unwrap();
    assert_eq!(
        keys.find(secret.expose(), false).err(),
        Some(Refused::Expired)
    );
    let (_, secret) = keys.create(wanted(Role::Operate, None), &by).await.unwrap();
    let signing = secret.as_signing_key();
    assert!(keys.find(&signing, false).is_ok());
    let bytes = hex::decode(&signing["signkey-abide-".len()..]).unwrap();
    let hashed = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(bytes));
    assert!(keys.find(&hashed, true).is_ok());
    assert_eq!(keys.find(&hashed, false).err(), Some(Refused::Unknown));
}

#[tokio::test]
async fn the_first_admin_key_is_made_once_and_a_configured_one_is_checked() {
    let keys = Keys::none(Admin::in_memory());
    let first = keys.first_admin_key().await.unwrap().unwrap();
    assert!(keys.first_admin_key().await.unwrap().is_none());
    assert_eq!(keys.find(first.expose(), false).unwrap().role, Role::Admin);
    assert!(keys.admit("ABIDE_ADMIN_KEY", "short").is_err());
    let mistyped = format!("{}00", &first.expose()[..first.expose().len() - 2]);
    assert!(mistyped == first.expose() || keys.admit("ABIDE_ADMIN_KEY", &mistyped).is_err());
    let chosen = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    keys.admit("ABIDE_ADMIN_KEY", chosen).unwrap();
    assert_eq!(keys.find(chosen, false).unwrap().role, Role::Admin);
    // One of its own that is configured too is one key, and revoked for good.
    keys.admit("ABIDE_ADMIN_KEY", first.expose()).unwrap();
    let found = keys.find(first.expose(), false).unwrap();
    assert_ne!(&*found.id, "configured");
    keys.revoke(&found).await.unwrap();
    let next = Keys::load(keys.admin.clone()).await.unwrap();
    assert!(next.find(first.expose(), false).is_err());
    for name in ["", " ", "a\nb", &"x".repeat(101)] {
        let by = Principal::server();
        let refused = keys.create(
            NewKey {
                name: name.into(),
                ..wanted(Role::Read, None)
            },
            &by,
        );
        assert!(matches!(refused.await, Err(KeyError::Name)), "{name:?}");
    }
}

#[tokio::test]
async fn the_keys_of_an_environment_go_with_it() {
    let keys = Keys::none(Admin::in_memory());
    let by = Principal::anybody();
    let (gone, secret) = keys
        .create(wanted(Role::Read, Some("blue")), &by)
        .await
        .unwrap();
    let (_, other) = keys
        .create(wanted(Role::Read, Some("green")), &by)
        .await
        .unwrap();
    keys.admin.forget_environment("blue").await.unwrap();
    keys.forget("blue");
    gone.revoked().await;
    assert_eq!(
        keys.find(secret.expose(), false).err(),
        Some(Refused::Unknown)
    );
    assert!(keys.find(other.expose(), false).is_ok());
    assert_eq!(
        Keys::load(keys.admin.clone())
            .await
            .unwrap()
            .list(None)
            .len(),
        1
    );
}
