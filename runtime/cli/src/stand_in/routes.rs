//! The routes: which there are, and what each does.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::message::{Answer, Asked};
use super::model;
use super::text::{parameter, segment};
use super::world::{World, id};

/// From this many cents on a payment is risky.
const HIGH_RISK_CENTS: i64 = 100_000;
/// Pieces in stock of whatever is not gone.
const IN_STOCK: u64 = 100;

/// A route with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Health,
    Log,
    SendEmail,
    SendMessage,
    PatchRecord(String, String),
    GetRecord(String, String),
    Stock(String),
    Risk,
    Charge,
    Refund,
    Book,
    Unbook(String),
    User(String, String),
    PutExport(String),
    GetExport(String),
    Model,
}

impl Route {
    /// Whether it needs an idempotency key.
    pub(super) fn has_effect(&self) -> bool {
        match self {
            Self::Health
            | Self::Log
            | Self::GetRecord(..)
            | Self::Stock(_)
            | Self::User(..)
            | Self::GetExport(_)
            | Self::Model => false,
            Self::SendEmail
            | Self::SendMessage
            | Self::PatchRecord(..)
            | Self::Risk
            | Self::Charge
            | Self::Refund
            | Self::Book
            | Self::Unbook(_)
            | Self::PutExport(_) => true,
        }
    }
}

/// A request's body: as it came, and as JSON if there was one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) json: Option<&'a RawValue>,
}

/// The route of a request.
pub(super) fn find(method: &str, path: &str) -> Result<Route, Answer> {
    let segments: Vec<_> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    // HEAD is not GET here: nobody needs it, and the contract does not name it.
    let route = match (segments.as_slice(), method) {
        (["health"], "GET") => Route::Health,
        (["log"], "GET") => Route::Log,
        (["emails"], "POST") => Route::SendEmail,
        (["messages"], "POST") => Route::SendMessage,
        (["records", collection, id], "PATCH") => {
            Route::PatchRecord(segment(collection)?, segment(id)?)
        }
        (["records", collection, id], "GET") => {
            Route::GetRecord(segment(collection)?, segment(id)?)
        }
        (["stock", sku], "GET") => Route::Stock(segment(sku)?),
        (["risk"], "POST") => Route::Risk,
        (["charges"], "POST") => Route::Charge,
        (["refunds"], "POST") => Route::Refund,
        (["bookings"], "POST") => Route::Book,
        (["bookings", id], "DELETE") => Route::Unbook(segment(id)?),
        (["users", id, part], "GET") => Route::User(segment(id)?, segment(part)?),
        (["exports", name], "PUT") => Route::PutExport(segment(name)?),
        (["exports", name], "GET") => Route::GetExport(segment(name)?),
        (["v1", "chat", "completions"], "POST") => Route::Model,
        (
            [
                "health" | "log" | "emails" | "messages" | "risk" | "charges" | "refunds"
                | "bookings",
            ]
            | ["stock" | "bookings" | "exports", _]
            | ["records" | "users", _, _]
            | ["v1", "chat", "completions"],
            _,
        ) => {
            return Err(Answer::error(
                405,
                "method_not_allowed",
                format!("{path} does not take {method}."),
            ));
        }
        _ => return Err(not_found(&format!("There is no route {path}."))),
    };
    Ok(route)
}

fn not_found(message: &str) -> Answer {
    Answer::error(404, "not_found", message)
}

/// Answers a request without an effect.
pub(super) fn look(world: &World, route: &Route, asked: &Asked<'_>) -> Result<Answer, Answer> {
    match route {
        Route::Health => Ok(Answer::new(200, &json!({"status": "ok"}))),
        Route::Log => world.log(asked.query),
        Route::GetRecord(collection, id) => {
            match world.records.get(&(collection.clone(), id.clone())) {
                Some(fields) => Ok(record(collection, id, fields)),
                None => Err(not_found(&format!(
                    "There is no record {id} in {collection}."
                ))),
            }
        }
        Route::Stock(sku) => stock(sku, asked.query),
        Route::User(id, part) => user(id, part),
        Route::GetExport(name) => match world.exports.get(name) {
            Some(stored) => Ok(Answer {
                status: 200,
                body: stored.clone(),
                headers: Vec::new(),
            }),
            None => Err(not_found(&format!("There is no export {name}."))),
        },
        Route::Model => model::complete(asked.body.unwrap_or_default()),
        other => Err(Answer::error(
            500,
            "internal",
            format!("{other:?} has an effect."),
        )),
    }
}

/// Does what has an effect.
pub(super) fn act(
    world: &mut World,
    route: &Route,
    key: &str,
    sent: Sent<'_>,
) -> Result<Answer, Answer> {
    let body = sent.json;
    match route {
        Route::SendEmail => send_email(key, &read(body)?),
        Route::SendMessage => send_message(world, key, &read(body)?),
        Route::PatchRecord(collection, name) => {
            let new: Map<String, Value> = read(body)?;
            let fields = world
                .records
                .entry((collection.clone(), name.clone()))
                .or_default();
            fields.extend(new);
            Ok(record(collection, name, fields))
        }
        Route::Risk => Ok(risk(&read(body)?)),
        Route::Charge => charge(world, key, &read(body)?),
        Route::Refund => {
            let Refund { charge_id, amount } = read(body)?;
            let refund = json!({"id": id("refund", key), "charge_id": charge_id, "amount": amount, "status": "refunded"});
            Ok(Answer::new(201, &refund))
        }
        Route::Book => book(key, &read(body)?),
        Route::Unbook(booking) => Ok(Answer::new(
            200,
            &json!({"id": booking, "status": "cancelled"}),
        )),
        Route::PutExport(name) => {
            body.ok_or_else(|| Answer::bad_request("The body must be a JSON value."))?;
            world.exports.insert(
                name.clone(),
                String::from_utf8_lossy(sent.bytes).into_owned(),
            );
            let url = format!("{}/exports/{}", world.base_url, encode(name));
            Ok(Answer::new(
                201,
                &json!({"name": name, "bytes": sent.bytes.len(), "url": url}),
            ))
        }
        other => Err(Answer::error(
            500,
            "internal",
            format!("{other:?} has no effect."),
        )),
    }
}

/// A body with the members that the route needs; others are ignored.
fn read<'a, T: Deserialize<'a>>(body: Option<&'a RawValue>) -> Result<T, Answer> {
    let body = body.ok_or_else(|| Answer::bad_request("The body must be a JSON object."))?;
    serde_json::from_str(body.get())
        .map_err(|error| Answer::bad_request(format!("The body is wrong: {error}.")))
}

fn record(collection: &str, id: &str, fields: &Map<String, Value>) -> Answer {
    Answer::new(
        200,
        &json!({"collection": collection, "id": id, "fields": fields}),
    )
}

#[derive(Deserialize)]
struct Email {
    to: String,
    subject: String,
    #[serde(default, rename = "text")]
    _text: Option<String>,
}

fn send_email(key: &str, email: &Email) -> Result<Answer, Answer> {
    if email.to.ends_with("@bounce.example") {
        return Err(Answer::error(
            422,
            "mailbox_unavailable",
            format!("The mailbox {} does not exist.", email.to),
        ));
    }
    Ok(Answer::new(
        200,
        &json!({"id": id("email", key), "to": email.to, "subject": email.subject}),
    ))
}

#[derive(Deserialize)]
struct Message {
    gateway: String,
    to: String,
    #[serde(rename = "text")]
    _text: String,
}

fn send_message(world: &mut World, key: &str, message: &Message) -> Result<Answer, Answer> {
    let Message { gateway, to, .. } = message;
    if let Some(times) = times(gateway, "down-") {
        let so_far = world.down.entry(gateway.clone()).or_default();
        if *so_far < times {
            *so_far += 1;
            let text = format!("The gateway {gateway} is down.");
            return Err(Answer::error(503, "unavailable", text));
        }
    }
    Ok(Answer::new(
        200,
        &json!({"id": id("message", key), "gateway": gateway, "to": to}),
    ))
}

fn stock(sku: &str, query: &str) -> Result<Answer, Answer> {
    let quantity = match parameter(query, "quantity")? {
        None => 1,
        Some(text) => text
            .parse::<u64>()
            .ok()
            .filter(|quantity| *quantity >= 1)
            .ok_or_else(|| {
                Answer::bad_request(format!("quantity is a number from 1 on, not {text:?}."))
            })?,
    };
    let in_stock = if sku.starts_with("gone-") {
        0
    } else {
        IN_STOCK
    };
    let answer = json!({"sku": sku, "quantity": quantity, "in_stock": in_stock, "available": quantity <= in_stock});
    Ok(Answer::new(200, &answer))
}

#[derive(Deserialize)]
struct RiskCheck {
    payment_id: String,
    amount: i64,
}

fn risk(check: &RiskCheck) -> Answer {
    let (score, level) = if check.amount >= HIGH_RISK_CENTS {
        (80, "high")
    } else {
        (10, "low")
    };
    Answer::new(
        200,
        &json!({"payment_id": check.payment_id, "score": score, "level": level}),
    )
}

#[derive(Deserialize)]
struct Charge {
    reference: String,
    amount: i64,
    currency: String,
    card: String,
}

fn charge(world: &mut World, key: &str, charge: &Charge) -> Result<Answer, Answer> {
    if charge.card == "test-declined" {
        return Err(Answer::error(
            402,
            "card_declined",
            "The card was declined.",
        ));
    }
    if let Some(times) = times(&charge.card, "test-busy-") {
        let so_far = world.busy.entry(key.to_owned()).or_default();
        if *so_far < times {
            *so_far += 1;
            return Err(
                Answer::error(429, "busy", "The gateway is busy; try again in a second.")
                    .with_header("retry-after", "1"),
            );
        }
    }
    let Charge {
        reference,
        amount,
        currency,
        ..
    } = charge;
    let charged = json!({"id": id("charge", key), "reference": reference, "amount": amount, "currency": currency, "status": "captured"});
    Ok(Answer::new(201, &charged))
}

/// The N of `PREFIX` and one digit from 1 on, which may be followed by a `-` and anything.
fn times(name: &str, prefix: &str) -> Option<u32> {
    let rest = name.strip_prefix(prefix)?;
    let digits = rest.split_once('-').map_or(rest, |(digits, _)| digits);
    matches!(digits.as_bytes(), [b'1'..=b'9']).then(|| digits.parse().ok())?
}

#[derive(Deserialize)]
struct Refund {
    charge_id: String,
    amount: i64,
}

#[derive(Deserialize)]
struct Booking {
    kind: String,
    trip_id: String,
    what: String,
}

fn book(key: &str, booking: &Booking) -> Result<Answer, Answer> {
    let Booking {
        kind,
        trip_id,
        what,
    } = booking;
    if what.starts_with("sold-out") {
        return Err(Answer::error(
            409,
            "sold_out",
            format!("{what} is sold out."),
        ));
    }
    let booked = json!({"id": id("booking", key), "kind": kind, "trip_id": trip_id, "what": what, "status": "confirmed"});
    Ok(Answer::new(201, &booked))
}

fn user(id: &str, part: &str) -> Result<Answer, Answer> {
    let data = match part {
        "profile" => {
            json!({"user_id": id, "name": "Ada Example", "email": format!("{id}@example.com")})
        }
        "orders" => json!([
            {"order_id": format!("{id}-1"), "total": 1999},
            {"order_id": format!("{id}-2"), "total": 4950},
            {"order_id": format!("{id}-3"), "total": 750},
        ]),
        "sessions" => json!([
            {"at": "2026-01-05T09:00:00Z", "device": "phone"},
            {"at": "2026-02-11T18:30:00Z", "device": "laptop"},
        ]),
        "messages" => json!([
            {"subject": "Welcome"},
            {"subject": "Your order"},
            {"subject": "Your order has shipped"},
            {"subject": "How was it?"},
        ]),
        other => return Err(not_found(&format!("Users have no {other}."))),
    };
    Ok(Answer::new(200, &data))
}

/// A name as a path segment.
fn encode(name: &str) -> String {
    use std::fmt::Write;
    name.bytes()
        .fold(String::with_capacity(name.len()), |mut out, byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                out.push(char::from(byte));
            } else {
                let _ = write!(out, "%{byte:02X}");
            }
            out
        })
}
