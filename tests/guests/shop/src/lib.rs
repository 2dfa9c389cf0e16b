//! What the tests of the dashboard look at: runs of every kind and in every state, and a mirror that shows whatever text an event holds in every
//! place where a run can show text.

mod mirror;
mod orders;
mod states;

use abide_sdk::prelude::*;

abide::app!(
    orders::fulfil,
    orders::pack,
    orders::thank,
    orders::review,
    states::approve,
    states::charge,
    states::deliver,
    states::import,
    states::nap,
    states::one_by_one,
    states::report,
    states::seldom,
    states::steps,
    mirror::mirror,
    mirror::reflection;
    schemas: [
        EventSchema::new("shop/charge.asked", json!({
            "type": "object",
            "title": "A sum to be charged",
            "required": ["amount"],
            "properties": {
                "amount": {"type": "integer", "minimum": 0, "description": "Cents"},
                "currency": {"type": "string", "enum": ["EUR", "USD"]},
                "urgent": {"type": "boolean"},
                "note": {"type": "string"},
            },
        })),
    ],
);
