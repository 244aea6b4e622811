//! A made-up `call_init`, read as a real one: proof that the parser does its work while nobody calls.

use serde_json::json;

use super::payload::{Unreadable, parse};
use crate::domain::call::{CallId, Event};

/// What the webhook makes of a call from `number`.
pub fn rehearse(call: &CallId, number: &str) -> Result<Event, Unreadable> {
    let body = json!({"event": "call_init", "data": {
        "uuid": call.as_str(),
        "direction": "inbound",
        "caller_number": number,
        "callee_number": null,
        "user_id": null,
        "started_at": null,
    }});
    parse(body.to_string().as_bytes())
}
