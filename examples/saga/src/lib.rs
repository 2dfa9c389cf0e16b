//! A trip of several bookings that is made whole or not at all: when a later step fails for good, what was done before is undone, in
//! reverse order.

use abide_sdk::prelude::*;

/// Data of `trip/requested`.
#[derive(Clone, Deserialize)]
struct Trip {
    trip_id: String,
    flight: String,
    hotel: String,
    car: String,
    /// In cents.
    price: u64,
    card: String,
}

/// What undoes a step that was done.
enum Undo {
    Booking { kind: &'static str, id: String },
    Charge { id: String, amount: u64 },
}

#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Outcome {
    Booked {
        trip_id: String,
    },
    Undone {
        trip_id: String,
        because_of: String,
        undone: Vec<String>,
    },
}

#[abide::function(id = "book-trip", name = "Book a trip", on = "trip/requested")]
async fn book_trip(ctx: Context, event: Event<Trip>) -> Result<Outcome> {
    let trip = event.data;
    let mut done = Vec::new();
    let Err(failed) = book(&ctx, &trip, &mut done).await else {
        return Ok(Outcome::Booked {
            trip_id: trip.trip_id,
        });
    };

    // The failure is an ordinary value here. Undoing must succeed in the end, so it is tried as often as can be.
    log::warn!(
        "trip {} cannot be booked ({failed}); undoing {} steps",
        trip.trip_id,
        done.len()
    );
    let mut undone = Vec::new();
    for undo in done.into_iter().rev() {
        let (step, request) = match undo {
            Undo::Booking { kind, id } => (
                format!("cancel-{kind}"),
                Request::delete(format!("/bookings/{id}")),
            ),
            Undo::Charge { id, amount } => (
                "refund".to_owned(),
                Request::post("/refunds", json!({"charge_id": id, "amount": amount})),
            ),
        };
        ctx.step(&step)
            .retries(20)
            .run_with(|exec| request.send(exec))
            .await?;
        undone.push(step);
    }
    Ok(Outcome::Undone {
        trip_id: trip.trip_id,
        because_of: failed.step().to_owned(),
        undone,
    })
}

/// Books everything, and notes in `done` how to undo what it did.
async fn book(ctx: &Context, trip: &Trip, done: &mut Vec<Undo>) -> Result<(), StepError> {
    for (kind, what) in [("flight", &trip.flight), ("hotel", &trip.hotel)] {
        let id = booking(ctx, trip, kind, what).await?;
        done.push(Undo::Booking { kind, id });
    }

    let charge = json!({
        "reference": trip.trip_id, "amount": trip.price, "currency": "EUR", "card": trip.card,
    });
    let id = ctx
        .step("charge")
        .run_with(|exec| Request::post("/charges", charge).send(exec))
        .await?;
    done.push(Undo::Charge {
        id,
        amount: trip.price,
    });

    booking(ctx, trip, "car", &trip.car).await?;
    Ok(())
}

async fn booking(ctx: &Context, trip: &Trip, kind: &str, what: &str) -> Result<String, StepError> {
    let booking = json!({"kind": kind, "trip_id": trip.trip_id, "what": what});
    ctx.step(format!("book-{kind}"))
        .run_with(|exec| Request::post("/bookings", booking).send(exec))
        .await
}

/// A request to the stand-in service.
struct Request {
    method: &'static str,
    path: String,
    body: Option<Value>,
}

impl Request {
    fn post(path: &str, body: Value) -> Self {
        Self {
            method: "POST",
            path: path.to_owned(),
            body: Some(body),
        }
    }

    fn delete(path: String) -> Self {
        Self {
            method: "DELETE",
            path,
            body: None,
        }
    }

    /// Sends it, effective once however often the step is tried, and gives the id of what was made or undone.
    async fn send(self, exec: Execution) -> Result<String> {
        #[derive(Deserialize)]
        struct Made {
            id: String,
        }
        let mut request = http::request(self.method, service(&self.path)?)
            .header("idempotency-key", exec.step_key);
        if let Some(body) = &self.body {
            request = request.json(body);
        }
        let made: Made = request.send().await?.error_for_status()?.json()?;
        Ok(made.id)
    }
}

/// The URL of something that the stand-in service offers. The environment is open in bodies only.
fn service(path: &str) -> Result<String> {
    let base = std::env::var("STAND_IN_URL").map_err(|_| {
        Error::non_retriable(
            "the variable STAND_IN_URL is not set: `abide dev` sets it when abide.toml says `stand-in = true`",
        )
        .named("NotConfigured")
    })?;
    Ok(format!("{base}{path}"))
}

abide::app!(book_trip);

#[cfg(test)]
mod tests {
    use abide_sdk::testing::{Run, event};

    use super::*;

    fn request() -> Run {
        let trip = json!({
            "trip_id": "t-1", "flight": "LHR-LIS", "hotel": "Tejo", "car": "compact", "price": 900, "card": "4242",
        });
        Run::of::<book_trip>(event("trip/requested", trip))
    }

    #[test]
    fn what_was_done_is_undone_in_reverse_order() {
        let mut run = request();
        run.complete("book-flight", "booking-1");
        run.complete("book-hotel", "booking-2");
        run.complete("charge", "charge-1");
        run.fail("book-car", Error::non_retriable("sold out"));
        for step in ["refund", "cancel-hotel", "cancel-flight"] {
            assert_eq!(run.pending(), [step]);
            run.complete(step, "id");
        }
        let outcome = json!({
            "status": "undone", "trip_id": "t-1", "because_of": "book-car",
            "undone": ["refund", "cancel-hotel", "cancel-flight"],
        });
        assert_eq!(run.output(), Some(Ok(outcome)));
    }

    #[test]
    fn nothing_is_undone_when_nothing_was_done() {
        let mut run = request();
        run.fail("book-flight", Error::non_retriable("sold out"));
        let outcome = json!({"status": "undone", "trip_id": "t-1", "because_of": "book-flight", "undone": []});
        assert_eq!(run.output(), Some(Ok(outcome)));
    }
}
