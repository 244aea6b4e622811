//! From a request's body to an `Event`. Reads what is on the wire, forgives what may differ, and calls
//! everything else unreadable: never an error to the peer.

use serde_json::{Map, Value};

use crate::domain::call::{Call, CallId, Direction, Event, EventName, RawNumber};
use crate::domain::phone::NUMBER_TEXT_BYTES;

/// Why a body tells of no call. Counted, and told in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Unreadable {
    #[error("the body is empty")]
    Empty,
    #[error("the body is not JSON")]
    NotJson,
    #[error("the body is not an object with an event")]
    NoEvent,
    #[error("the event has no call id")]
    NoCallId,
    #[error("the event has no direction that is known")]
    NoDirection,
    #[error("the body is longer than 64 KiB")]
    TooLong,
    #[error("the body did not arrive whole")]
    BrokenOff,
}

impl Unreadable {
    pub fn as_str(self) -> &'static str {
        match self {
            Unreadable::Empty => "empty",
            Unreadable::NotJson => "not-json",
            Unreadable::NoEvent => "no-event",
            Unreadable::NoCallId => "no-call-id",
            Unreadable::NoDirection => "no-direction",
            Unreadable::TooLong => "too-long",
            Unreadable::BrokenOff => "broken-off",
        }
    }
}

/// What one request says. Whatever is wrong with it, the answer is 200.
pub fn parse(body: &[u8]) -> Result<Event, Unreadable> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Unreadable::Empty);
    }
    let Value::Object(envelope) = serde_json::from_slice(body).map_err(|_| Unreadable::NotJson)?
    else {
        return Err(Unreadable::NoEvent);
    };
    let Some(event) = envelope.get("event").and_then(Value::as_str) else {
        return Err(Unreadable::NoEvent);
    };
    // Every event seen has `data`; one that puts its keys beside `event` would mean the same.
    let data = envelope
        .get("data")
        .and_then(Value::as_object)
        .unwrap_or(&envelope);
    match event {
        "call_init" => call(data).map(Event::Started),
        "call_hangup" => id(data).map(Event::Ended),
        other => Ok(Event::Other(EventName::new(other))),
    }
}

fn id(data: &Map<String, Value>) -> Result<CallId, Unreadable> {
    let id = data
        .get("uuid")
        .and_then(Value::as_str)
        .and_then(CallId::parse);
    id.ok_or(Unreadable::NoCallId)
}

fn call(data: &Map<String, Value>) -> Result<Call, Unreadable> {
    let id = id(data)?;
    let direction = direction(data).ok_or(Unreadable::NoDirection)?;
    let (caller, callee) = (number(data, "caller_number"), number(data, "callee_number"));
    let (customer, line) = match direction {
        Direction::Inbound | Direction::Internal => (caller, callee),
        Direction::Outbound => (callee, caller),
    };
    let started_at = data.get("started_at").and_then(Value::as_str);
    Ok(Call {
        id,
        direction,
        customer,
        line,
        user_id: data.get("user_id").and_then(Value::as_i64),
        started_at: started_at.and_then(|text| text.parse().ok()),
    })
}

/// The direction as said, or, where the key is missing, as the parties' types tell it. Without either the
/// call is taken for an inbound one, as in the short form on Hipcall's marketing page.
fn direction(data: &Map<String, Value>) -> Option<Direction> {
    let party = |key| data.get(key).and_then(Value::as_str);
    match data.get("direction").and_then(Value::as_str) {
        Some("inbound") => Some(Direction::Inbound),
        Some("outbound") => Some(Direction::Outbound),
        Some("internal") => Some(Direction::Internal),
        Some(_) => None,
        None if party("callee_type") == Some("contact") => Some(Direction::Outbound),
        None => Some(Direction::Inbound),
    }
}

/// A number may come as text, as a JSON number, or not at all.
fn number(data: &Map<String, Value>, key: &str) -> RawNumber {
    let mut text = match data.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(digits)) => digits.to_string(),
        _ => String::new(),
    };
    // One character past the bound stays, so that the number is refused as too long and not cut to fit.
    if let Some((end, _)) = text.char_indices().find(|(i, _)| *i > NUMBER_TEXT_BYTES) {
        text.truncate(end);
    }
    RawNumber(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INBOUND: &str = include_str!("../../tests/data/call_init.inbound.json");
    const OUTBOUND: &str = include_str!("../../tests/data/call_init.outbound.json");

    fn started(body: &str) -> Call {
        match parse(body.as_bytes()) {
            Ok(Event::Started(call)) => call,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_recorded_shapes_name_the_customer() {
        let call = started(INBOUND);
        assert_eq!(call.id.as_str(), "2f4c1c1e-7d0b-4c55-9a53-5b9e6f0c7a10");
        assert_eq!(
            (call.customer.0.as_str(), call.line.0.as_str()),
            ("+905325550101", "+908505550100")
        );
        assert_eq!((call.direction, call.user_id), (Direction::Inbound, None));
        assert_eq!(call.started_at.unwrap().to_string(), "2026-09-01T10:41:00Z");
        let call = started(OUTBOUND);
        assert_eq!(
            (call.customer.0.as_str(), call.line.0.as_str()),
            ("+442045205757", "+441234567890")
        );
        assert_eq!(
            (call.direction, call.user_id),
            (Direction::Outbound, Some(1121))
        );
    }

    #[test]
    fn the_short_form_is_an_inbound_call() {
        let call = started(
            r#"{"event":"call_init","data":{"uuid":"call_abc123","caller_number":"+905325550101",
                "callee_number":"+908505550100","callee_extension_id":1042,"started_at":"today"}}"#,
        );
        assert_eq!(
            (call.id.as_str(), call.direction),
            ("call_abc123", Direction::Inbound)
        );
        assert_eq!(
            (call.customer.0.as_str(), call.started_at),
            ("+905325550101", None)
        );
    }

    #[test]
    fn what_may_differ_is_forgiven() {
        let call = started(
            r#"{"event":"call_init","uuid":"a","callee_type":"contact","caller_number":908505550100,
                "callee_number":"0532","user_id":"x"}"#,
        );
        assert_eq!(
            (call.direction, call.customer.0.as_str()),
            (Direction::Outbound, "0532")
        );
        assert_eq!((call.line.0.as_str(), call.user_id), ("908505550100", None));
        // serde_json keeps the last of two equal keys, as JavaScript does.
        let twice = r#"{"event":"call_hangup","data":{"uuid":"a","uuid":"b"}}"#;
        assert_eq!(
            parse(twice.as_bytes()),
            Ok(Event::Ended(CallId::parse("b").unwrap()))
        );
        let long = format!(
            r#"{{"event":"call_init","data":{{"uuid":"a","caller_number":"{}"}}}}"#,
            "5".repeat(9999)
        );
        assert!(
            started(&long).customer.0.len() > NUMBER_TEXT_BYTES
                && started(&long).customer.0.len() < 99
        );
    }

    #[test]
    fn other_events_are_known_by_name() {
        for name in ["call_bridged", "contact_create", "task_create", "made_up"] {
            let body = format!(r#"{{"event":"{name}","data":null}}"#);
            assert_eq!(
                parse(body.as_bytes()),
                Ok(Event::Other(EventName::new(name)))
            );
        }
    }

    #[test]
    fn what_tells_of_no_call_says_why() {
        use Unreadable::*;
        let deep = format!(r#"{{"event":{}1{}}}"#, "[".repeat(5000), "]".repeat(5000));
        let cases: [(&[u8], Unreadable); 16] = [
            (b"", Empty),
            (b" \r\n", Empty),
            (b"hello", NotJson),
            (&INBOUND.as_bytes()[..400], NotJson),
            (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", NotJson),
            (b"{\"event\":\"call_init\xff\"}", NotJson),
            (deep.as_bytes(), NotJson),
            (b"null", NoEvent),
            (b"[]", NoEvent),
            (b"{}", NoEvent),
            (b"{\"event\":null,\"data\":{}}", NoEvent),
            (b"{\"event\":7}", NoEvent),
            (b"{\"event\":\"call_init\",\"data\":{}}", NoCallId),
            (
                b"{\"event\":\"call_init\",\"data\":{\"uuid\":null}}",
                NoCallId,
            ),
            (
                b"{\"event\":\"call_hangup\",\"data\":{\"uuid\":\"../x\"}}",
                NoCallId,
            ),
            (
                b"{\"event\":\"call_init\",\"data\":{\"uuid\":\"a\",\"direction\":\"up\"}}",
                NoDirection,
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(
                parse(body),
                Err(expected),
                "{}",
                String::from_utf8_lossy(body)
            );
        }
    }
}
