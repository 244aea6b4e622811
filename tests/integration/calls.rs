//! A call comes in, and the right card goes out, or none.

use ringcard::demo::panel::{CallShape, call_bridged, fresh_uuid};
use ringcard::domain::call::{Direction, Skip};
use serde_json::json;

use crate::office::{
    CUSTOMER, OFFICE, Office, export, hangup, inbound, outbound, shape, short_form,
};

#[tokio::test]
async fn a_known_customer_is_shown_with_name_company_and_balance() {
    let office = Office::open().await;
    let call = office.call(CUSTOMER).await;
    let expected = [
        "Müşteri",
        "Ad: Ayşe Yılmaz",
        "Firma: Yılmaz Mobilya Ltd. Şti.",
        "Bakiye: ₺4.250,00 Borç",
    ];
    assert_eq!(office.timeless_card(&call).await, expected);
    let balance = office.card(&call).await.pop().unwrap();
    assert!(balance.ends_with(" itibarıyla"), "{balance}");
    assert_eq!(office.cards(&call).await, 1);
    office.until(|s| s.accounts["demo"].delivered == 1).await;
}

#[tokio::test]
async fn every_form_of_a_number_finds_its_contact() {
    let office = Office::open().await;
    let forms = [
        "+90 532 555 01 01",
        "05325550101",
        "5325550101",
        "00905325550101",
        "905325550101",
        "+902125550102",
        "0212 555 01 02",
    ];
    for form in forms {
        let call = office.call(form).await;
        assert_eq!(office.card(&call).await.len(), 4, "{form}");
    }
}

#[tokio::test]
async fn on_an_outbound_call_the_customer_is_the_one_called() {
    let office = Office::open().await;
    let call = fresh_uuid();
    office.hipcall.ring(&call);
    office.send(&outbound(&call, "+442045205757")).await;
    assert_eq!(
        office.timeless_card(&call).await[1..],
        [
            "Ad: Oliver Bennett",
            "Firma: Bennett & Sons Ltd",
            "Bakiye: £1.180,50 Borç",
        ]
    );
}

#[tokio::test]
async fn the_recorded_and_the_short_form_are_understood() {
    let office = Office::open().await;
    for (file, name) in [
        (
            include_str!("../data/call_init.inbound.json"),
            "Ad: Ayşe Yılmaz",
        ),
        (
            include_str!("../data/call_init.outbound.json"),
            "Ad: Oliver Bennett",
        ),
    ] {
        let event: serde_json::Value = serde_json::from_str(file).unwrap();
        let call = event["data"]["uuid"].as_str().unwrap();
        office.hipcall.ring(call);
        office.send(&event).await;
        assert_eq!(office.card(call).await[1], name);
    }
    office.hipcall.ring("call_abc123");
    office.send(&short_form("call_abc123", CUSTOMER)).await;
    assert_eq!(office.card("call_abc123").await[1], "Ad: Ayşe Yılmaz");
}

#[tokio::test]
async fn who_is_not_known_gets_no_card_and_the_reason_is_counted() {
    let office = Office::open().await;
    let cases = [
        (
            Direction::Inbound,
            Some("+905325559999"),
            Skip::UnknownCaller,
        ),
        (Direction::Inbound, None, Skip::Withheld),
        (Direction::Inbound, Some(""), Skip::Withheld),
        (Direction::Inbound, Some("anonymous"), Skip::Withheld),
        (Direction::Inbound, Some("101"), Skip::NotANumber),
        (Direction::Internal, Some(CUSTOMER), Skip::Internal),
    ];
    for (direction, number, skip) in cases {
        let before = office.skipped(skip);
        let call = fresh_uuid();
        office.hipcall.ring(&call);
        office
            .send(&shape(&call, direction, number, Some(OFFICE), None))
            .await;
        assert_eq!(office.skipped(skip), before + 1, "{number:?}");
        assert_eq!(office.cards(&call).await, 0, "{number:?}");
    }
    assert!(office.hipcall.requests().iter().all(|r| r.method == "HEAD"));
}

#[tokio::test]
async fn an_unknown_caller_gets_the_fallback_card_where_it_is_wanted() {
    let office = Office::with(|config| config + "\n[card]\nunknown = \"card\"\n").await;
    let call = office.call("+905325559999").await;
    assert_eq!(
        office.card(&call).await,
        ["Kayıtsız numara", "Numara: +905325559999"]
    );
}

#[tokio::test]
async fn a_number_of_different_people_shows_what_the_operator_chose() {
    let office = Office::open().await;
    export(
        &office.path("contacts.csv"),
        &[
            "1;Ayşe Yılmaz;Acme;0532 555 01 01;;100,00;TRY;",
            "2;Can Demir;Other;0532 555 01 01;0212 555 02 02;200,00;TRY;",
            "3;Ece Kaya;Other;;0212 555 02 02;300,00;TRY;",
        ],
    );
    office.accept().await;
    let call = office.call("0212 555 02 02").await;
    assert_eq!(office.card(&call).await, ["Müşteri", "Firma: Other"]);
    let call = office.call(CUSTOMER).await;
    let both = "Şunlardan biri: Ayşe Yılmaz / Can Demir";
    assert_eq!(office.card(&call).await, ["Müşteri", both]);
    office.configure(|c| c + "\n[matching]\nshared = \"none\"\n");
    office.reload().await;
    let call = office.call(CUSTOMER).await;
    assert_eq!(office.cards(&call).await, 0);
    assert_eq!(office.skipped(Skip::SharedNumber), 1);
}

#[tokio::test]
async fn one_call_has_one_card_however_often_it_is_told() {
    let mut office = Office::open().await;
    let call = fresh_uuid();
    office.hipcall.ring(&call);
    for _ in 0..100 {
        office.send(&inbound(&call, Some(CUSTOMER))).await;
    }
    assert_eq!(office.cards(&call).await, 1);
    assert_eq!(office.skipped(Skip::Duplicate), 99);
    office.restart().await;
    office.send(&inbound(&call, Some(CUSTOMER))).await;
    assert_eq!(office.cards(&call).await, 1, "a restart remembers the call");
}

#[tokio::test]
async fn a_call_that_has_ended_gets_no_card() {
    let office = Office::open().await;
    let late = fresh_uuid();
    office.hipcall.ring(&late);
    office.send(&hangup(&late)).await;
    office.send(&inbound(&late, Some(CUSTOMER))).await;
    assert_eq!(
        office.cards(&late).await,
        0,
        "the end came before the start"
    );
    assert_eq!(office.skipped(Skip::Ended), 1);

    office.hipcall.go_down().await;
    let call = office.call(CUSTOMER).await;
    office.send(&hangup(&call)).await;
    office.settled().await;
    office.hipcall.come_up().await.unwrap();
    assert_eq!(
        office.cards(&call).await,
        0,
        "it ended while the line was down"
    );
    office
        .until(|s| s.accounts["demo"].expired.values().sum::<u64>() == 1)
        .await;
}

#[tokio::test]
async fn other_events_are_counted_by_name_and_ignored() {
    let office = Office::open().await;
    let bridged = call_bridged(&CallShape {
        uuid: "a",
        direction: Direction::Inbound,
        caller_number: Some(CUSTOMER),
        callee_number: Some(OFFICE),
        user_id: Some(1121),
    });
    office.send(&bridged).await;
    office
        .send(&json!({"event": "deal_created", "data": {"id": 1}}))
        .await;
    let events = office.status().webhook.events;
    assert_eq!((events["call_bridged"], events["deal_created"]), (1, 1));
    assert_eq!(office.status().outbox.waiting, 0);
}

#[tokio::test]
async fn the_card_is_the_operators_to_shape() {
    let office = Office::with(|config| {
        config.replace(
            "[source.columns]",
            "[source.columns]\nfields = { mail = \"E-posta\" }",
        ) + r#"
[card]
[[card.row]]
type = "title"
text = "{{ contact.company or contact.name }}"
link = "https://crm.example/{{ contact.key }}"
[[card.row]]
type = "shortText"
label = "E-posta"
text = "{{ contact.fields.mail }}"
[[card.row]]
type = "shortText"
label = "Borç"
text = "{{ contact.balance }}"
when = "contact.balance is above(0)"
[[card.row]]
type = "user"
label = "Temsilci"
text = "1121"
"#
    })
    .await;
    let call = office.call(CUSTOMER).await;
    assert_eq!(
        office.card(&call).await,
        [
            "Yılmaz Mobilya Ltd. Şti.",
            "E-posta: ayse.yilmaz@yilmazmobilya.example",
            "Borç: ₺4.250,00",
            "Temsilci: 1121",
        ]
    );
    let owes_nothing = office.call("+905335550102").await;
    assert_eq!(
        office.card(&owes_nothing).await.len(),
        3,
        "the balance is negative"
    );
}
