//! Webhooks: set up, tried out, attacked, delivered again, and killed in the middle.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use abide_e2e::{Answer, Api, Run, Server, until};
use reqwest::Method;
use ring::hmac;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{SOON, folder};

const SECRET: &str = "whsec_of_the_end_to_end_test";

/// The values of GitHub's own documentation for the secret; the signature of this body was computed with `hmac` of Python.
const GITHUB_SECRET: &str = "It's a Secret to Everybody";
const GITHUB_BODY: &str = r#"{"action":"opened","number":7}"#;
const GITHUB_SIGNATURE: &str =
    "sha256=34fd4221cb1c8b95d142c6dc81775bb15fcd403d46608fdf114c11b6a0f525c5";

fn now_s() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.expect("it is after 1970").as_secs()
}

fn stripe_header(secret: &str, at_s: u64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{at_s}.{body}").as_bytes());
    let mut hex = String::new();
    for byte in tag.as_ref() {
        write!(hex, "{byte:02x}").expect("text takes text");
    }
    format!("t={at_s},v1={hex}")
}

fn post(api: &Api, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    api.call(Method::POST, path, |mut request| {
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body.to_owned())
    })
}

/// All events of a name, by the id that their sender gave them.
fn events(api: &Api, name: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/events?name={name}&limit=100{cursor}");
        let page = api.get(&path);
        assert_eq!(page.status, 200, "{}", page.text);
        all.extend(page.json["data"].as_array().cloned().unwrap_or_default());
        match page.json["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// A server, and an operator at its command line with the secret in a file.
struct Operator {
    data: TempDir,
    server: Server,
    api: Api,
}

impl Operator {
    fn start() -> Self {
        let data = folder();
        std::fs::write(data.path().join("secret"), format!("{SECRET}\n")).expect("a file");
        let server = Server::serve(&data.path().join("data"));
        let api = server.api();
        Self { data, server, api }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let head = ["webhooks"].into_iter().chain(arguments.iter().copied());
        Run::abide(head.chain(["--url", self.server.url()])).inside(self.data.path())
    }

    fn add(&self, name: &str, more: &[&str]) -> Run {
        self.run(&[&["add", name, "--secret-file", "secret"], more].concat())
    }

    /// Sends what Stripe sends, to the webhook `stripe`.
    fn send(&self, header: &str, body: &str) -> Answer {
        let headers = [("stripe-signature", header)];
        post(&self.api, "/hooks/stripe", &headers, body)
    }
}

const STRIPE_EVENT: &str =
    r#"{"id":"evt_1","type":"invoice.paid","data":{"object":{"id":"in_1"}}}"#;

#[test]
fn a_repeated_delivery_is_answered_and_is_no_second_event() {
    let operator = Operator::start();
    let added = operator
        .add("stripe", &["--provider", "stripe"])
        .run()
        .done();
    assert!(added.stdout.contains("/hooks/stripe"), "{}", added.stdout);
    let header = stripe_header(SECRET, now_s(), STRIPE_EVENT);
    let first = operator.send(&header, STRIPE_EVENT);
    assert_eq!(
        (first.status, &first.json["status"]),
        (200, &json!("accepted"))
    );
    // Once more as it was, and once with a signature of a later attempt.
    for header in [header, stripe_header(SECRET, now_s() + 1, STRIPE_EVENT)] {
        let again = operator.send(&header, STRIPE_EVENT);
        assert_eq!(
            (again.status, &again.json["status"]),
            (200, &json!("repeated"))
        );
        assert_eq!(again.json["id"], first.json["id"]);
    }
    let stored = events(&operator.api, "stripe/invoice.paid");
    assert_eq!(stored.len(), 1, "{stored:?}");
    assert_eq!(stored[0]["external_id"], "stripe:evt_1");
}

#[test]
fn what_is_forged_replayed_or_unreadable_is_refused_and_not_stored() {
    let operator = Operator::start();
    let _ = operator
        .add("stripe", &["--provider", "stripe"])
        .run()
        .done();
    let body = STRIPE_EVENT;
    let sign = |body: &str| stripe_header(SECRET, now_s(), body);
    for (header, body, status, code) in [
        (sign("{}"), body, 401, "invalid_signature"),
        (
            stripe_header("whsec_of_somebody_else", now_s(), body),
            body,
            401,
            "invalid_signature",
        ),
        (
            stripe_header(SECRET, now_s() - 3_600, body),
            body,
            401,
            "stale_signature",
        ),
        ("t=1,v1=none".to_owned(), body, 400, "malformed_signature"),
        (sign("no json"), "no json", 400, "unreadable_body"),
        (sign("{}"), "{}", 422, "unmapped_delivery"),
    ] {
        let refused = operator.send(&header, body);
        assert_eq!(
            (refused.status, &refused.json["code"]),
            (status, &json!(code))
        );
        assert_eq!(refused.content_type, "application/problem+json");
        assert!(!refused.text.contains(SECRET));
    }
    for (path, status, code) in [
        ("/hooks/stripe", 400, "missing_header"),
        ("/hooks/nobody", 404, "no_such_webhook"),
    ] {
        let refused = post(&operator.api, path, &[], body);
        assert_eq!(
            (refused.status, &refused.json["code"]),
            (status, &json!(code))
        );
    }
    let stored = operator.api.get("/api/v1/events?limit=10");
    assert_eq!(stored.json["data"], json!([]));
    let output = operator.server.output();
    assert!(!output.contains("whsec"), "secrets are never logged");
}

#[test]
fn what_an_operator_forgets_is_told_before_anything_is_made() {
    let operator = Operator::start();
    operator
        .run(&["add", "shop", "--provider", "stripe"])
        .run()
        .refused(2, &["--secret-file is missing"]);
    operator
        .add("shop", &["--provider", "generic"])
        .run()
        .refused(2, &["--signature-header is missing", "--verify none"]);
    operator
        .add("shop", &["--provider", "github", "--prefix", "x"])
        .run()
        .refused(2, &["--prefix", "generic"]);
    operator
        .add("shop", &["--provider", "stripe", "--event-name", "{"])
        .run()
        .refused(1, &["event_name", "a `{` without its `}`"]);
    operator
        .add("Shop", &["--provider", "stripe"])
        .run()
        .refused(1, &["kebab-case"]);
    let listed = operator.run(&["list"]).run().done();
    assert_eq!(listed.stdout, "");
}

#[test]
fn a_webhook_is_set_up_tried_out_disabled_and_taken_away() {
    let operator = Operator::start();
    let generic = [
        "--provider",
        "generic",
        "--signature-header",
        "x-shop-signature",
        "--encoding",
        "base64",
        "--timestamp-header",
        "x-shop-time",
        "--event-name",
        "shop/{topic|unknown}",
        "--id",
        "{id}",
        "--if",
        "body.topic != 'noise'",
        "--data",
        "cel:{'order': body.order}",
    ];
    let _ = operator.add("shop", &generic).run().done();
    operator
        .add("shop", &generic)
        .run()
        .refused(1, &["already", "--replace"]);
    let shown = operator.api.get("/api/v1/webhooks/shop");
    assert!(!shown.text.contains(SECRET), "secrets are never answered");
    assert_eq!(shown.json["scheme"]["hmac"]["header"], "x-shop-signature");
    let listed = operator.run(&["list"]).run().done();
    assert!(listed.stdout.contains("/hooks/shop"), "{}", listed.stdout);

    let paid = r#"{"id":"1","topic":"order.paid","order":{"n":1}}"#;
    let noise = r#"{"id":"2","topic":"noise"}"#;
    for (more, says) in [
        (
            &["--dry-run", "--body", paid][..],
            &["shop/order.paid", r#"{"order":{"n":1}}"#][..],
        ),
        (&["--body", paid], &["accepted as event"]),
        (&["--body", paid], &["repeated"]),
        (&["--body", noise], &["left out"]),
    ] {
        let tried = operator
            .run(&[&["test", "shop"], more].concat())
            .run()
            .done();
        assert!(
            says.iter().all(|words| tried.stdout.contains(words)),
            "{}",
            tried.stdout
        );
    }
    assert_eq!(events(&operator.api, "shop/order.paid").len(), 1);

    let _ = operator.run(&["disable", "shop"]).run().done();
    let refused = post(&operator.api, "/hooks/shop", &[], "{}");
    assert_eq!(
        (refused.status, &refused.json["code"]),
        (503, &json!("webhook_disabled"))
    );
    assert!(refused.headers.contains_key("retry-after"));
    // Replaced without a secret it keeps the one that it has.
    let replaced = [&["add", "shop", "--replace"], &generic[..]].concat();
    let _ = operator.run(&replaced).run().done();
    let _ = operator.run(&["enable", "shop"]).run().done();
    let tried = operator.run(&["test", "shop", "--body", paid]).run().done();
    assert!(tried.stdout.contains("repeated"), "{}", tried.stdout);
    let _ = operator.run(&["remove", "shop"]).run().done();
    operator
        .run(&["show", "shop"])
        .run()
        .refused(1, &["no webhook `shop`"]);
}

#[test]
fn a_secret_is_changed_while_the_provider_still_signs_with_the_old_one() {
    let operator = Operator::start();
    let _ = operator
        .add("stripe", &["--provider", "stripe"])
        .run()
        .done();
    let status = |secret: &str, id: u32| {
        let body = format!(r#"{{"id":"evt_{id}","type":"x"}}"#);
        let header = stripe_header(secret, now_s(), &body);
        operator.send(&header, &body).status
    };
    let new = operator.data.path().join("new");
    std::fs::write(new, "whsec_the_new_one").expect("a file");
    let rotate = |overlap: &str| {
        let rotate = ["rotate-secret", "stripe", "--secret-file", "new"];
        let rotated = operator.run(&[&rotate[..], &["--overlap", overlap]].concat());
        rotated.run().done().stdout
    };
    assert!(rotate("1h").contains("is good until"));
    assert_eq!(
        (status(SECRET, 1), status("whsec_the_new_one", 2)),
        (200, 200)
    );
    assert!(rotate("0s").contains("good no more"));
    assert_eq!(
        (status(SECRET, 3), status("whsec_the_new_one", 4)),
        (401, 200)
    );
}

/// Kills in the middle of deliveries; so many senders deliver at once.
const KILLS: usize = 4;
const SENDERS: usize = 4;
/// Answers between two kills.
const ANSWERS: usize = 25;

/// Where the server listens now; `None` at the end.
type Place = Arc<Mutex<Option<String>>>;

/// Delivers under new ids, each until it is answered; gives the event of each id.
fn deliver(sender: usize, place: &Place, answered: &AtomicUsize) -> BTreeMap<String, String> {
    let mut delivered = BTreeMap::new();
    for n in 0.. {
        let id = format!("{sender}-{n}");
        let event = until("a delivery is answered", SOON, || {
            let Some(url) = place.lock().expect("a lock").clone() else {
                return Some(None);
            };
            let answer = Api::new(&url).try_call(Method::POST, "/hooks/github", |request| {
                request
                    .header("x-hub-signature-256", GITHUB_SIGNATURE)
                    .header("x-github-event", "pull_request")
                    .header("x-github-delivery", &id)
                    .body(GITHUB_BODY)
            });
            // No answer, or one of a server that is going: what became of the delivery is unknown, so it is made again.
            let answer = answer.ok().filter(|answer| answer.status == 200)?;
            Some(answer.json["id"].as_str().map(str::to_owned))
        });
        let Some(event) = event else { break };
        delivered.insert(id, event);
        answered.fetch_add(1, Ordering::SeqCst);
    }
    delivered
}

#[test]
fn deliveries_are_neither_lost_nor_doubled_by_kills_between_accept_and_answer() {
    let data = folder();
    let mut server = Server::serve(data.path());
    let webhook = json!({"name": "github", "provider": "github", "secret": GITHUB_SECRET});
    assert_eq!(server.api().post("/api/v1/webhooks", &webhook).status, 201);
    let place: Place = Arc::new(Mutex::new(Some(server.url().to_owned())));
    let answered = Arc::new(AtomicUsize::new(0));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (place, answered) = (place.clone(), answered.clone());
            std::thread::spawn(move || deliver(sender, &place, &answered))
        })
        .collect();
    for kill in 1..=KILLS {
        until("deliveries are answered", SOON * 2, || {
            (answered.load(Ordering::SeqCst) >= kill * ANSWERS).then_some(())
        });
        server.kill();
        server = Server::serve(data.path());
        *place.lock().expect("a lock") = Some(server.url().to_owned());
    }
    until("deliveries are answered", SOON * 2, || {
        (answered.load(Ordering::SeqCst) >= (KILLS + 1) * ANSWERS).then_some(())
    });
    // Whoever delivers goes on until it has its answer.
    let last_url = place.lock().expect("a lock").take();
    let mut delivered = BTreeMap::new();
    for sender in senders {
        delivered.extend(sender.join().expect("a sender"));
    }
    assert_eq!(last_url.as_deref(), Some(server.url()));
    let mut stored = BTreeMap::new();
    for event in events(&server.api(), "github/pull_request") {
        let id = event["external_id"].as_str().expect("an id").to_owned();
        let internal = event["event_id"].as_str().expect("an id").to_owned();
        let twice = stored.insert(id.clone(), internal);
        assert_eq!(twice, None, "{id} is stored twice");
    }
    for (id, event) in &delivered {
        assert_eq!(stored.get(&format!("github:{id}")), Some(event), "{id}");
    }
    // At most the delivery that each sender was at when it was told to end is stored without its answer.
    assert!(stored.len() <= delivered.len() + SENDERS);
    assert!(
        delivered.len() >= (KILLS + 1) * ANSWERS,
        "{}",
        delivered.len()
    );
}
