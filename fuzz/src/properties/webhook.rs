//! The body of a webhook request. Anybody can send one, so only what a call may be gets through.

use ringcard::domain::call::{CallId, Event, EventName};
use ringcard::domain::phone::NUMBER_TEXT_BYTES;
use ringcard::webhook::parse;

/// One character past the bound, so that the number is refused and not cut.
const RAW_BYTES: usize = NUMBER_TEXT_BYTES + 4;

/// The first six and the last two.
const SHOWN_DIGITS: usize = 8;

pub fn check(data: &[u8]) -> bool {
    let Ok(event) = parse(data) else {
        return false;
    };
    match &event {
        Event::Started(call) => {
            is_fit_for_an_address(&call.id);
            for number in [&call.customer, &call.line] {
                assert!(number.0.len() <= RAW_BYTES, "a number without end");
                let shown = format!("{number:?}");
                let digits = shown.chars().filter(char::is_ascii_digit).count();
                assert!(digits <= SHOWN_DIGITS, "{shown}: not masked");
            }
        }
        Event::Ended(id) => is_fit_for_an_address(id),
        Event::Other(name) => assert_eq!(name, &EventName::new(name.as_str())),
    }
    assert_eq!(parse(data), Ok(event), "read twice, and otherwise");
    true
}

/// The id becomes part of an address at Hipcall.
fn is_fit_for_an_address(id: &CallId) {
    assert_eq!(CallId::parse(id.as_str()).as_ref(), Some(id));
}
