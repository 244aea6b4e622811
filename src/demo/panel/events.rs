//! The events of a call as Hipcall writes them: every key there, `null` where unknown.
//!
//! The shape is the recorded one; a test holds it against the samples, key by key and kind by kind.

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::domain::call::Direction;

/// The office's line in the made-up account, as in the samples.
const NUMBER_ID: u64 = 328;
/// Whom the line rings first, as in the samples.
const FIRST_USER_ID: i64 = 328;
/// How long the calls made here ring before they end unanswered, or are talked on.
const SECONDS: i64 = 42;

/// What differs from one call to the next.
#[derive(Clone, Copy, Debug)]
pub struct CallShape<'a> {
    pub uuid: &'a str,
    pub direction: Direction,
    pub caller_number: Option<&'a str>,
    pub callee_number: Option<&'a str>,
    /// The agent: from the start on outbound calls, from `call_bridged` on inbound ones.
    pub user_id: Option<i64>,
}

/// The call starts now.
pub fn call_init(call: &CallShape<'_>) -> Value {
    envelope("call_init", data(call, Timestamp::now()))
}

/// The agent took the call now.
pub fn call_bridged(call: &CallShape<'_>) -> Value {
    let now = Timestamp::now();
    let mut data = data(call, now);
    data["answered_at"] = wire_time(now);
    data["bridged_at"] = wire_time(now);
    data["team_touch_at"] = wire_time(now);
    data["first_touch_duration"] = json!(0);
    let bridge = step("bridge", call.user_id, "user", now);
    data["call_flow"] = json!([bridge, data["call_flow"][0]]);
    envelope("call_bridged", data)
}

/// The call ended now; it was missed unless it has an agent.
pub fn call_hangup(call: &CallShape<'_>) -> Value {
    let now = Timestamp::now();
    let started = now - SECONDS.seconds();
    let mut data = data(call, started);
    let missed = call.user_id.is_none();
    data["ended_at"] = wire_time(now);
    data["call_duration"] = json!(SECONDS);
    data["hangup_by"] = json!("contact");
    data["missing_call"] = json!(missed);
    if !missed {
        data["answered_at"] = wire_time(started);
        data["bridged_at"] = wire_time(started);
        let record = format!("https://records.example/{}.mp3", call.uuid);
        data["record_url"] = json!(record);
    }
    let hangup = step("hangup", None, "contact", now);
    data["call_flow"] = json!([hangup, data["call_flow"][0]]);
    envelope("call_hangup", data)
}

/// A random (version 4) UUID for a call.
pub fn fresh_uuid() -> String {
    let random = fastrand::u128(..);
    let version = random & !(0xf << 76) | 0x4 << 76;
    let variant = version & !(0x3 << 62) | 0x2 << 62;
    let hex = format!("{variant:032x}");
    let groups = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    groups.join("-")
}

fn envelope(event: &str, data: Value) -> Value {
    json!({"event": event, "data": data})
}

fn data(call: &CallShape<'_>, started: Timestamp) -> Value {
    let (caller_type, callee_type, target) = ends(call.direction);
    let first = step("init", target, callee_type.unwrap_or("user"), started);
    json!({
        "uuid": call.uuid,
        "direction": call.direction.as_str(),
        "caller_number": call.caller_number,
        "callee_number": call.callee_number,
        "caller_type": caller_type,
        "callee_type": callee_type,
        "caller_id": null,
        "callee_id": null,
        "user_id": call.user_id,
        "number_id": NUMBER_ID,
        "channel_id": NUMBER_ID,
        "channel_type": "number",
        "contact_id": null,
        "company_id": null,
        "started_at": wire_time(started),
        "answered_at": null,
        "bridged_at": null,
        "ended_at": null,
        "team_touch_at": null,
        "call_duration": null,
        "first_touch_duration": null,
        "missing_call": null,
        "missing_call_reason": null,
        "credited": null,
        "hangup_by": null,
        "record_url": null,
        "voicemail_url": null,
        "voicemail_id": null,
        "voicemail_type": null,
        "callback_time": null,
        "callback_user_id": null,
        "callback_cdr_uuid": null,
        "call_flow": [first],
    })
}

/// Who calls, who is called, and the id of the one the call goes to, as far as they are known at its start.
fn ends(direction: Direction) -> (Option<&'static str>, Option<&'static str>, Option<i64>) {
    match direction {
        Direction::Inbound => (Some("contact"), None, Some(FIRST_USER_ID)),
        Direction::Outbound => (None, Some("contact"), None),
        Direction::Internal => (Some("user"), Some("user"), None),
    }
}

fn step(action: &str, id: Option<i64>, kind: &str, when: Timestamp) -> Value {
    let detail = json!({"id": id, "type": kind});
    json!({"action": action, "detail": detail, "timestamp": when.as_second()})
}

fn wire_time(time: Timestamp) -> Value {
    json!(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INBOUND: &str = include_str!("../../../tests/data/call_init.inbound.json");
    const OUTBOUND: &str = include_str!("../../../tests/data/call_init.outbound.json");

    fn inbound() -> CallShape<'static> {
        CallShape {
            uuid: "2f4c1c1e-7d0b-4c55-9a53-5b9e6f0c7a10",
            direction: Direction::Inbound,
            caller_number: Some("+905325550101"),
            callee_number: Some("+908505550100"),
            user_id: None,
        }
    }

    /// The moment of recording put in, so that all else can be compared.
    fn at_the_samples_time(mut event: Value) -> Value {
        event["data"]["started_at"] = json!("2026-09-01T10:41:00Z");
        event["data"]["call_flow"][0]["timestamp"] = json!(1_788_172_860);
        event
    }

    #[test]
    fn the_start_of_a_call_is_written_as_it_was_recorded() {
        let sample: Value = serde_json::from_str(INBOUND).unwrap();
        assert_eq!(at_the_samples_time(call_init(&inbound())), sample);
        let outbound = CallShape {
            uuid: "9b8a60d3-02c5-4a5e-8f2e-1c0d7f9d4e21",
            direction: Direction::Outbound,
            caller_number: Some("+441234567890"),
            callee_number: Some("+442045205757"),
            user_id: Some(1121),
        };
        let mut sample: Value = serde_json::from_str(OUTBOUND).unwrap();
        // This one was made from Hipcall's own address book, which the made-up account has not.
        sample["data"]["company_id"] = Value::Null;
        assert_eq!(at_the_samples_time(call_init(&outbound)), sample);
    }

    #[test]
    fn every_event_of_a_call_has_the_same_keys() {
        let keys = |event: &Value| {
            let data = event["data"].as_object().unwrap();
            data.keys().cloned().collect::<Vec<_>>()
        };
        let sample: Value = serde_json::from_str(INBOUND).unwrap();
        let answered = CallShape {
            user_id: Some(7),
            ..inbound()
        };
        for event in [
            call_init(&inbound()),
            call_bridged(&answered),
            call_hangup(&answered),
            call_hangup(&inbound()),
        ] {
            assert_eq!(keys(&event), keys(&sample));
            assert_eq!(event.as_object().unwrap().len(), 2);
            assert_eq!(event["data"]["uuid"], inbound().uuid);
        }
    }

    #[test]
    fn the_agent_is_known_from_the_bridge_on() {
        let event = call_bridged(&CallShape {
            user_id: Some(7),
            ..inbound()
        });
        assert_eq!(event["event"], "call_bridged");
        assert_eq!(event["data"]["user_id"], 7);
        let newest = &event["data"]["call_flow"][0];
        assert_eq!(newest["action"], "bridge");
        assert_eq!(newest["detail"], json!({"id": 7, "type": "user"}));
        assert_eq!(event["data"]["call_flow"][1]["action"], "init");
    }

    #[test]
    fn a_call_that_nobody_took_was_missed() {
        let missed = &call_hangup(&inbound())["data"];
        assert_eq!(missed["missing_call"], true);
        assert_eq!(missed["record_url"], Value::Null);
        let taken = &call_hangup(&CallShape {
            user_id: Some(7),
            ..inbound()
        })["data"];
        assert_eq!(taken["missing_call"], false);
        assert!(taken["record_url"].is_string());
        assert!(taken["ended_at"].as_str() > taken["started_at"].as_str());
    }

    #[test]
    fn a_withheld_number_is_null() {
        let event = call_init(&CallShape {
            caller_number: None,
            ..inbound()
        });
        assert_eq!(event["data"]["caller_number"], Value::Null);
    }

    #[test]
    fn call_ids_are_version_four_and_differ() {
        for _ in 0..100 {
            let uuid = fresh_uuid();
            let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12]);
            assert_eq!(&uuid[14..15], "4");
            assert!("89ab".contains(&uuid[19..20]), "{uuid}");
            assert_ne!(uuid, fresh_uuid());
        }
    }
}
