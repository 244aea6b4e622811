//! Each kind of paging, answer by answer.

use serde_json::json;

use super::*;

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn records(ids: &[u64]) -> Vec<Value> {
    ids.iter().map(|id| json!({"id": id})).collect()
}

/// One answer: what its body says beside the records, and the records' ids.
fn answer(pager: &mut Pager<'_>, body: Value, ids: &[u64]) -> Result<(usize, Next), PagingError> {
    let records = records(ids);
    let answer = Answer {
        body: &body,
        link: None,
        records: &records,
    };
    pager.after(&answer, &|record| record["id"].to_string())
}

fn place(next: Result<(usize, Next), PagingError>) -> Place {
    match next.unwrap().1 {
        Next::Page(place) => place,
        Next::Done => panic!("done"),
    }
}

fn is_done(next: Result<(usize, Next), PagingError>) -> bool {
    next.unwrap().1 == Next::Done
}

#[test]
fn a_cursor_leads_on_until_there_is_none() {
    let paging = Paging::Cursor {
        value: path("paging.next.after"),
        more: None,
    };
    let mut pager = Pager::new(&paging);
    assert_eq!(pager.place.cursor, Value::Null);
    let body = |after: Value| json!({"paging": {"next": {"after": after}}});
    assert_eq!(
        place(answer(&mut pager, body(json!("a")), &[1])).cursor,
        json!("a")
    );
    // A page may be empty and not the last.
    assert_eq!(
        place(answer(&mut pager, body(json!(7)), &[])).cursor,
        json!(7)
    );
    assert_eq!(pager.position(), Some(json!(7)));
    for last in [body(Value::Null), body(json!("")), json!({})] {
        assert!(is_done(answer(&mut pager, last, &[2])));
    }
}

#[test]
fn a_cursor_that_comes_twice_ends_the_read() {
    let paging = Paging::Cursor {
        value: path("next"),
        more: None,
    };
    let mut pager = Pager::new(&paging);
    place(answer(&mut pager, json!({"next": "a"}), &[1]));
    assert_eq!(
        answer(&mut pager, json!({"next": "a"}), &[2]),
        Err(PagingError::Same)
    );
    let mut pager = Pager::new(&paging);
    for next in ["a", "b"] {
        place(answer(&mut pager, json!({ "next": next }), &[1]));
    }
    assert_eq!(
        answer(&mut pager, json!({"next": "a"}), &[3]),
        Err(PagingError::Same)
    );
}

#[test]
fn a_flag_can_say_that_there_is_no_more() {
    let paging = Paging::Cursor {
        value: path("next"),
        more: Some(path("more")),
    };
    let mut pager = Pager::new(&paging);
    place(answer(&mut pager, json!({"next": "a", "more": true}), &[1]));
    assert!(is_done(answer(
        &mut pager,
        json!({"next": "b", "more": false}),
        &[1]
    )));
    assert!(is_done(answer(&mut pager, json!({"next": "b"}), &[1])));
}

#[test]
fn pages_by_offset_overlap_by_one_record_that_must_be_the_same() {
    let paging = Paging::Offset {
        size: 3,
        total: None,
    };
    let mut pager = Pager::new(&paging);
    assert_eq!((pager.place.offset, pager.place.size), (0, 3));
    assert_eq!(place(answer(&mut pager, json!({}), &[1, 2, 3])).offset, 2);
    let next = answer(&mut pager, json!({}), &[3, 4, 5]).unwrap();
    assert_eq!(next.0, 1);
    assert_eq!(pager.place.offset, 4);
    assert!(is_done(answer(&mut pager, json!({}), &[5])));
    // 1 was deleted meanwhile: 4 would have been left out.
    let mut pager = Pager::new(&paging);
    place(answer(&mut pager, json!({}), &[1, 2, 3]));
    assert_eq!(
        answer(&mut pager, json!({}), &[4, 5]),
        Err(PagingError::Moved)
    );
    let mut pager = Pager::new(&paging);
    place(answer(&mut pager, json!({}), &[1, 2, 3]));
    assert_eq!(answer(&mut pager, json!({}), &[]), Err(PagingError::Moved));
}

#[test]
fn a_total_ends_the_list_and_must_not_change() {
    let paging = Paging::Offset {
        size: 3,
        total: Some(path("total")),
    };
    let mut pager = Pager::new(&paging);
    assert!(is_done(answer(&mut pager, json!({"total": 3}), &[1, 2, 3])));
    let mut pager = Pager::new(&paging);
    place(answer(&mut pager, json!({"total": "5"}), &[1, 2, 3]));
    assert_eq!(
        answer(&mut pager, json!({"total": 6}), &[3, 4, 5]),
        Err(PagingError::Moved)
    );
    let mut pager = Pager::new(&paging);
    place(answer(&mut pager, json!({"total": 5}), &[1, 2, 3]));
    assert!(is_done(answer(&mut pager, json!({"total": 5}), &[3, 4, 5])));
}

#[test]
fn pages_are_counted_and_end_with_a_short_one_or_when_there_is_no_more() {
    let numbered = |more: Option<Path>| Paging::Page {
        first: 0,
        size: 2,
        total: None,
        more,
    };
    let paging = numbered(None);
    let mut pager = Pager::new(&paging);
    assert_eq!(pager.place.number, 0);
    let second = place(answer(&mut pager, json!({}), &[1, 2]));
    assert_eq!((second.number, second.offset), (1, 2));
    assert!(is_done(answer(&mut pager, json!({}), &[3])));
    let paging = numbered(Some(path("info.more")));
    let mut pager = Pager::new(&paging);
    assert_eq!(
        place(answer(&mut pager, json!({"info": {"more": true}}), &[1])).number,
        1
    );
    assert!(is_done(answer(
        &mut pager,
        json!({"info": {"more": true}}),
        &[]
    )));
}

#[test]
fn a_keyset_goes_on_after_the_last_key() {
    let paging = Paging::Keyset {
        key: path("id"),
        size: 2,
        start: json!("0"),
    };
    let mut pager = Pager::new(&paging);
    assert_eq!(pager.place.last, json!("0"));
    assert_eq!(place(answer(&mut pager, json!({}), &[1, 2])).last, json!(2));
    assert_eq!(
        answer(&mut pager, json!({}), &[1, 2]),
        Err(PagingError::Same)
    );
    let mut pager = Pager::new(&paging);
    pager.resume(json!(7));
    assert_eq!(pager.place.last, json!(7));
    assert!(is_done(answer(&mut pager, json!({}), &[8])));
    let body = json!({});
    let keyless = [json!({"id": 1}), json!({"id": null})];
    let answer = Answer {
        body: &body,
        link: None,
        records: &keyless,
    };
    let next = Pager::new(&paging).after(&answer, &|_| String::new());
    assert_eq!(next, Err(PagingError::NoKey));
}

#[test]
fn the_next_address_stands_in_the_answer_or_in_its_header() {
    let paging = Paging::NextUrl {
        value: path("@odata.nextLink"),
    };
    let mut pager = Pager::new(&paging);
    let next = place(answer(
        &mut pager,
        json!({"@odata.nextLink": "https://x/2"}),
        &[1],
    ));
    assert_eq!(next.url.as_deref(), Some("https://x/2"));
    assert!(is_done(answer(&mut pager, json!({}), &[1])));
    let links = [
        ("<https://x/2>; rel=\"next\"", Some("https://x/2")),
        (
            "<https://x/1>; rel=\"prev\", <https://x/3?a=1,2>; rel=\"next\"",
            Some("https://x/3?a=1,2"),
        ),
        (
            "<https://x/9>; rel=last, <https://x/2>; title=\"x\"; rel=next",
            Some("https://x/2"),
        ),
        ("<https://x/2>; rel=\"last next\"", Some("https://x/2")),
        ("<https://x/1>; rel=\"prev\"", None),
        ("nonsense", None),
        ("", None),
    ];
    for (header, expected) in links {
        assert_eq!(next_link(header), expected, "{header}");
    }
}

#[test]
fn pages_are_bounded() {
    let paging = Paging::Cursor {
        value: path("next"),
        more: None,
    };
    let mut pager = Pager::new(&paging);
    for number in 0..PAGES {
        answer(&mut pager, json!({ "next": number }), &[]).unwrap();
    }
    assert_eq!(
        answer(&mut pager, json!({"next": "more"}), &[]),
        Err(PagingError::TooMany)
    );
}

#[test]
fn a_page_that_is_shorter_than_asked_for_is_not_the_last_where_the_total_says_so() {
    // A vendor gives at most two, whatever it is asked for.
    let total = Some(path("total"));
    let paging = Paging::Offset {
        size: 500,
        total: total.clone(),
    };
    let mut pager = Pager::new(&paging);
    place(answer(&mut pager, json!({"total": 3}), &[1, 2]));
    assert!(is_done(answer(&mut pager, json!({"total": 3}), &[2, 3])));
    let paging = Paging::Page {
        first: 1,
        size: 500,
        total,
        more: None,
    };
    let mut pager = Pager::new(&paging);
    assert_eq!(
        place(answer(&mut pager, json!({"total": 3}), &[1, 2])).number,
        2
    );
    assert!(is_done(answer(&mut pager, json!({"total": 3}), &[3])));
    // A total that counts more than is shown does not make it go on for ever.
    let mut pager = Pager::new(&paging);
    place(answer(&mut pager, json!({"total": 9}), &[1, 2]));
    assert!(is_done(answer(&mut pager, json!({"total": 9}), &[])));
}
