//! Cards of each version, as programs write them and as they should not.

use super::*;
use crate::domain::contact::Contact;
use crate::source::csv::tests::{numbers, records};
use crate::source::decode::tests::{TURKISH, windows_1254};
use crate::source::export::tests::{Taken, read_as, survives_damage};
use crate::source::read::{ReadReport, Wanted};
use crate::source::settings::{Format, Mapping, RecordSettings, UpdatedColumn};

const EVERYTHING: Wanted<'_> = Wanted::Everything { from: None };
const FORMAT: Format = Format::VCard {
    encoding: Encoding::Auto,
};

fn settings() -> RecordSettings {
    let text = |text: &str| Some(text.to_owned());
    RecordSettings {
        mapping: Mapping {
            key: text("UID"),
            name: vec!["FN".into()],
            company: text("ORG"),
            numbers: vec![numbers("TEL")],
            email: text("EMAIL"),
            updated: Some(UpdatedColumn {
                column: "REV".into(),
                order: None,
            }),
            fields: [
                ("city".to_owned(), "ADR.locality".to_owned()),
                ("unit".to_owned(), "ORG.unit".to_owned()),
                ("note".to_owned(), "NOTE".to_owned()),
            ]
            .into(),
            ..Mapping::default()
        },
        ..records()
    }
}

fn read(bytes: impl AsRef<[u8]>) -> Result<(Taken, ReadReport), SourceError> {
    read_as(FORMAT, settings(), bytes.as_ref(), EVERYTHING)
}

fn shown(contact: &Contact) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let field = |name| contact.fields.get(name).cloned().unwrap_or_default();
    format!(
        "{}|{}|{}|{}|{}|{}|{}|{}|{}",
        text(&contact.key),
        text(&contact.name),
        text(&contact.company),
        contact
            .numbers
            .iter()
            .map(|n| n.e164())
            .collect::<Vec<_>>()
            .join(","),
        text(&contact.ids.email),
        contact.updated.unwrap_or_default(),
        field("city"),
        field("unit"),
        field("note"),
    )
}

fn only(bytes: impl AsRef<[u8]>) -> String {
    let (taken, report) = read(bytes).unwrap();
    assert_eq!(
        (taken.contacts.len(), report.rejects.is_empty()),
        (1, true),
        "{report:?}"
    );
    shown(&taken.contacts[0])
}

const CARD_30: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:u-1\r\nFN:Ayşe Yılmaz\r\nN:Yılmaz;Ayşe;;;\r\n\
    ORG:Yılmaz\\; Oğulları;Satış\r\nitem1.TEL;TYPE=CELL,VOICE;TYPE=pref:0532 555 01 01\r\n\
    item1.X-ABLabel:_$!<Mobile>!$_\r\nTEL;TYPE=WORK:+90 212 555 01 00\r\n\
    EMAIL;TYPE=INTERNET:other@example.com\r\nEMAIL;TYPE=INTERNET,PREF:ayse@example.com\r\n\
    ADR;TYPE=WORK:;;Bağdat Cad. 1;Kadıköy;İstanbul;34710;Türkiye\r\nNOTE:two\\nlines\\, and a f\r\n olded one\r\n\
    REV:2026-09-01T10:41:22Z\r\nEND:VCARD\r\n";

#[test]
fn a_card_of_3_0_is_read() {
    assert_eq!(
        only(CARD_30),
        "u-1|Ayşe Yılmaz|Yılmaz; Oğulları|+905325550101,+902125550100|ayse@example.com|1788259282|\
         Kadıköy|Satış|two\nlines, and a folded one"
    );
}

#[test]
fn a_card_of_2_1_is_read_in_its_own_encodings() {
    let name = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|b| format!("={b:02X}"))
            .collect::<String>()
    };
    let utf_8 = name(TURKISH.as_bytes());
    let (head, tail) = utf_8.split_at(24);
    let soft = format!("{head}=\r\n{tail}");
    let turkish = name(&windows_1254(TURKISH));
    for written in [
        format!("FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:{utf_8}"),
        format!("FN;QUOTED-PRINTABLE:{utf_8}"),
        format!("FN;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:{soft}"),
        format!("FN;CHARSET=windows-1254;ENCODING=QUOTED-PRINTABLE:{turkish}"),
        format!("FN;CHARSET=ISO-8859-9;QUOTED-PRINTABLE:{turkish}"),
        format!("FN:{TURKISH}"),
        format!("fn:{TURKISH}"),
    ] {
        let card = format!(
            "BEGIN:VCARD\r\nVERSION:2.1\r\n{written}\r\nTEL;CELL;PREF:05325550101\r\nREV:20260901T104122Z\r\n\
             PHOTO;JPEG;ENCODING=BASE64:\r\n /9j/4AAQ=\r\n\r\nEND:VCARD\r\n"
        );
        assert_eq!(
            only(card),
            format!("|{TURKISH}||+905325550101||1788259282|||"),
            "{written}"
        );
    }
    let bytes = windows_1254(&format!(
        "BEGIN:VCARD\nFN:{TURKISH}\nTEL:05325550101\nEND:VCARD\n"
    ));
    assert_eq!(only(bytes), format!("|{TURKISH}||+905325550101||0|||"));
}

#[test]
fn a_card_of_4_0_is_read() {
    let card = "BEGIN:VCARD\nVERSION:4.0\nUID:urn:uuid:4fbe8971\nFN:Ali Kaya\n\
        TEL;VALUE=uri;TYPE=\"voice,cell\":tel:+90-532-555-0104;ext=12\nTEL;VALUE=uri:TEL:+902125550100\n\
        ORG;SORT-AS=\"a:b;c\":Kaya A.Ş.\nEND:VCARD";
    assert_eq!(
        only(card),
        "urn:uuid:4fbe8971|Ali Kaya|Kaya A.Ş.|+905325550104,+902125550100||0|||"
    );
}

#[test]
fn a_name_in_parts_alone_is_a_name() {
    let card = "BEGIN:VCARD\nVERSION:2.1\nN:Yılmaz;Ayşe;Nur;Dr.\nTEL:05325550101\nEND:VCARD\n";
    assert_eq!(only(card), "|Dr. Ayşe Nur Yılmaz||+905325550101||0|||");
}

#[test]
fn numbers_of_one_type_can_be_chosen() {
    let mut settings = settings();
    settings.mapping.numbers = vec![numbers("tel.cell"), numbers("TEL;TYPE=fax")];
    let (taken, _) = read_as(FORMAT, settings, CARD_30.as_bytes(), EVERYTHING).unwrap();
    let found: Vec<_> = taken.contacts[0].numbers.iter().map(|n| n.e164()).collect();
    assert_eq!(found, ["+905325550101"]);
}

#[test]
fn a_broken_card_costs_itself_and_no_other() {
    let no_end = CARD_30.replace("END:VCARD\r\n", "").replace("u-1", "u-2");
    let no_colon = CARD_30
        .replace("REV:", "REV")
        .replace("2026-09-01T10:41:22Z", "")
        .replace("u-1", "u-3");
    let good = CARD_30.replace("u-1", "u-4");
    let content = format!("{CARD_30}{no_end}{no_colon}{good}{no_end}");
    let (taken, report) = read(content).unwrap();
    let keys: Vec<_> = taken
        .contacts
        .iter()
        .filter_map(|c| c.key.clone())
        .collect();
    assert_eq!(keys, ["u-1", "u-4"]);
    let tally = &report.rejects.rows[&RowReason::BrokenRecord];
    let lines: Vec<u64> = tally.examples.iter().map(|e| e.line).collect();
    assert_eq!((tally.count, lines), (3, vec![17, 32, 64]));
    assert_eq!(report.rows_read, 5);
}

#[test]
fn a_card_within_a_card_is_not_taken_for_one() {
    let card = "BEGIN:VCARD\nVERSION:2.1\nFN:Ayşe\nTEL:05325550101\nAGENT:\nBEGIN:VCARD\nFN:Secretary\n\
        TEL:05325550102\nEND:VCARD\nEMAIL:ayse@example.com\nEND:VCARD\n";
    assert_eq!(only(card), "|Ayşe||+905325550101|ayse@example.com|0|||");
}

#[test]
fn a_line_is_as_long_as_the_bound_and_no_longer() {
    let with = |line: String| CARD_30.replace("REV:", &format!("{line}\r\nREV:"));
    let note = |length: usize| with(format!("NOTE;TYPE=pref:{}", "x".repeat(length - 15)));
    let count = |content: String| read(content).unwrap().1;
    assert_eq!(count(note(LINE_BYTES)).contacts, 1);
    let long = count(note(LINE_BYTES + 1));
    assert_eq!(long.rejects.rows[&RowReason::LongRecord].count, 1);
    // Nobody asks for the photo.
    let photo = with(format!("PHOTO;ENCODING=b:{}", "A".repeat(LINE_BYTES * 3)));
    assert_eq!(count(photo).contacts, 1);
    let folded = with(format!("PHOTO:{}", "A\r\n ".repeat(LINE_BYTES)));
    assert_eq!(count(folded).contacts, 1);
}

#[test]
fn a_card_is_as_long_as_the_bound_and_no_longer() {
    let line = |length: usize| format!("NOTE:{}\r\n", "x".repeat(length - 4));
    let notes = |last: usize| {
        let lines = line(CARD_BYTES / 8).repeat(7) + &line(last);
        format!("BEGIN:VCARD\r\nFN:A\r\nTEL:05325550101\r\n{lines}END:VCARD\r\n")
    };
    let kept = "FNATEL05325550101".len();
    let last = CARD_BYTES / 8 - kept;
    assert_eq!(read(notes(last)).unwrap().1.contacts, 1);
    assert_eq!(read(notes(last + 1)).unwrap().1.contacts, 0);
}

#[test]
fn what_holds_no_card_is_told() {
    for content in ["", "Id,Name,Phone\n", "\n\n"] {
        let error = read(content).unwrap_err();
        assert!(error.to_string().contains("holds no card"), "{error}");
    }
}

#[test]
fn damaged_letters_cost_their_card() {
    let mut content = CARD_30.replace("u-1", "u-2").into_bytes();
    content.extend(b"BEGIN:VCARD\nFN:Ay\xffe\nTEL:05325550101\nEND:VCARD\n");
    let (taken, report) = read(content).unwrap();
    assert_eq!(taken.contacts.len(), 1);
    assert_eq!(report.rejects.rows[&RowReason::InvalidBytes].count, 1);
}

#[test]
fn a_few_cards_are_shown_as_they_are() {
    let (taken, report) = read_as(
        FORMAT,
        settings(),
        CARD_30.repeat(3).as_bytes(),
        Wanted::Few(1),
    )
    .unwrap();
    assert_eq!(report.rows_read, 1);
    assert!(
        taken.raw[0].contains("TEL;cell;voice;pref=0532 555 01 01"),
        "{}",
        taken.raw[0]
    );
}

#[test]
fn a_damaged_file_never_ends_more_than_its_read() {
    let quoted = "BEGIN:VCARD\r\nFN;ENCODING=QUOTED-PRINTABLE:=C5=\r\n=9E\r\nTEL:05325550101\r\nEND:VCARD\r\n";
    survives_damage(
        &FORMAT,
        &settings(),
        format!("{CARD_30}{quoted}").as_bytes(),
        600,
    );
}
