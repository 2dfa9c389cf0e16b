//! Components that must not be deployed: each is refused with the reason, and what was served stays served.

use std::fs;

use abide_e2e::{guest, repository};
use serde_json::json;

use crate::support::{Ledger, SOON, order};

#[test]
fn components_that_cannot_be_served_are_refused_with_the_reason() {
    let ledger = Ledger::start();
    let before = ledger.api.get("/api/v1/apps").json;
    let fixtures: [(&str, &[&str]); 7] = [
        ("unknown-import", &["acme:payments/gateway", "turn-back"]),
        ("no-functions", &["abide:durable/functions"]),
        (
            "wrong-signature",
            &["abide:durable/functions", "event-schemas"],
        ),
        ("malformed", &[]),
        ("core-module", &["component"]),
        ("large-memory", &[]),
        ("start-traps", &[]),
    ];
    for (name, says) in fixtures {
        let file = repository().join(format!("tests/guests/fixtures/{name}.wat"));
        let answer = ledger
            .api
            .deploy_bytes("refused", fs::read(file).expect("a fixture"), "");
        assert_eq!(
            (answer.status, &answer.json["code"]),
            (422, &json!("invalid_component")),
            "{name}: {}",
            answer.text
        );
        let detail = answer.json["detail"].as_str().unwrap_or_default();
        for word in says {
            assert!(
                detail.contains(word),
                "{name} should say {word:?}: {detail}"
            );
        }
    }
    let whole = fs::read(guest("ledger")).expect("a guest");
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("half a component", whole[..whole.len() / 2].to_vec()),
        ("text", b"hello".to_vec()),
    ] {
        let answer = ledger.api.deploy_bytes("refused", bytes, "");
        assert!(
            (400..500).contains(&answer.status),
            "{what}: {}",
            answer.text
        );
    }
    assert_eq!(
        ledger.api.deploy_bytes("Not Kebab", whole, "").status / 100,
        4
    );
    assert_eq!(
        ledger.api.get("/api/v1/apps").json,
        before,
        "what was served stays served"
    );
    assert_eq!(
        ledger
            .api
            .outcome("ledger/sequence", &order("after", 1, 0), SOON)["status"],
        "Completed"
    );
}

#[test]
fn a_component_that_never_describes_itself_is_refused() {
    let ledger = Ledger::start();
    let answer = ledger.api.deploy("endless", &guest("hostile_describe"), "");
    assert_eq!(answer.status, 422, "{}", answer.text);
    assert!(answer.text.contains("describe"), "{}", answer.text);
}
