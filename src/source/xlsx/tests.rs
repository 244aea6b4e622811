//! Workbooks of real programs, made-up ones with every oddity, and damaged ones.

use std::io::{Cursor, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::book::{LIST_BYTES, PARTS};
use super::strings::CELL_BYTES;
use super::*;
use crate::domain::contact::Contact;
use crate::source::csv::tests::records;
use crate::source::error::Verdict;
use crate::source::export::tests::{Taken, read_as, survives_damage};
use crate::source::read::{ReadReport, Wanted};
use crate::source::settings::{Format, RecordSettings, UpdatedColumn};

const OPENPYXL: &[u8] = include_bytes!("../../../tests/data/files/openpyxl.xlsx");
const OPENPYXL_1904: &[u8] = include_bytes!("../../../tests/data/files/openpyxl-1904.xlsx");
const XLSXWRITER: &[u8] = include_bytes!("../../../tests/data/files/xlsxwriter.xlsx");
const LOCKED: &[u8] = include_bytes!("../../../tests/data/files/locked.xlsx");
const OLD: &[u8] = include_bytes!("../../../tests/data/files/old.xls");
const EVERYTHING: Wanted<'_> = Wanted::Everything { from: None };

type Given = Result<(Taken, ReadReport), SourceError>;

fn read_sheet(sheet: Option<&str>, records: RecordSettings, bytes: &[u8]) -> Given {
    let sheet = sheet.map(str::to_owned);
    read_as(Format::Xlsx { sheet }, records, bytes, EVERYTHING)
}

/// The columns of the workbooks that real programs have written.
fn real() -> RecordSettings {
    let mut records = records();
    let mapping = &mut records.mapping;
    mapping.key = Some("Kod".into());
    mapping.name = vec!["Müşteri".into()];
    mapping.company = Some("Firma".into());
    mapping.numbers[0].column = "Cep".into();
    mapping.vip = Some("VIP".into());
    mapping.warning = Some("Not".into());
    mapping.updated = Some(UpdatedColumn {
        column: "Değişti".into(),
        order: None,
    });
    if let Some(balance) = &mut mapping.balance {
        balance.column = "Bakiye".into();
    }
    records
}

fn shown(contact: &Contact) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    format!(
        "{}|{}|{}|{}|{}|{}|{}|{}",
        text(&contact.key),
        text(&contact.name),
        text(&contact.company),
        contact
            .numbers
            .iter()
            .map(|n| n.e164())
            .collect::<Vec<_>>()
            .join(","),
        contact
            .balance
            .map(|b| b.amount.to_string())
            .unwrap_or_default(),
        contact.updated.unwrap_or_default(),
        contact.flags.vip.is_some(),
        text(&contact.flags.warning),
    )
}

#[test]
fn workbooks_of_real_programs_are_read() {
    // The one that writes no value for a formula has no balance there.
    for (bytes, calculated) in [(OPENPYXL, ""), (OPENPYXL_1904, ""), (XLSXWRITER, "1000.5")] {
        let (taken, report) = read_sheet(None, real(), bytes).unwrap();
        let shown: Vec<_> = taken.contacts.iter().map(shown).collect();
        let third =
            format!("3|Zeynep Şahin|Şahin A.Ş.|+905325550103|{calculated}|1788393600|false|");
        assert_eq!(
            shown,
            [
                "C1|Ayşe Yılmaz|Yılmaz & Oğulları|+905325550101|1250.5|1788259282|true|",
                "C2|Mehmet Öz||+905325550102|-0.1|1788307200|false|",
                third.as_str(),
                "C4|Ali Kaya||+905325550104|0|0|false|last",
            ]
        );
        assert!(report.rejects.values.is_empty(), "{report:?}");
    }
}

#[test]
fn another_sheet_is_read_by_its_name() {
    let (taken, _) = read_sheet(Some("Diğer"), real(), OPENPYXL).unwrap();
    assert_eq!(
        shown(&taken.contacts[0]),
        "D1|Berk Can||+905325550109|7|0|false|"
    );
    let error = read_sheet(Some("Müsteri"), real(), OPENPYXL).unwrap_err();
    let words = "has no sheet \"Müsteri\"; its sheets are \"Müşteriler\", \"Diğer\"";
    assert!(error.to_string().ends_with(words), "{error}");
}

#[test]
fn a_workbook_that_can_not_be_read_says_what_to_do() {
    for (bytes, words) in [
        (LOCKED, "is protected with a password: save it without one"),
        (
            OLD,
            "is an .xls file of Excel 97 to 2003: save it as \"Excel Workbook (.xlsx)\"",
        ),
        (b"Id,Name,Phone\n", "is no .xlsx file"),
        (b"", "is empty"),
        (&OPENPYXL[..OPENPYXL.len() / 2], "is damaged in its lists"),
    ] {
        let error = read_sheet(None, real(), bytes).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.verdict(), Verdict::NeedsPerson);
    }
}

/// A workbook with one sheet, of these parts.
fn packed(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        let options =
            SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        zip.start_file(*name, options).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

const BOOK: &str = "<workbook><sheets><sheet name=\"S\" r:id=\"r1\"/></sheets></workbook>";
const RELATIONS: &str = "<Relationships><Relationship Id=\"r1\" Type=\"x/worksheet\" Target=\"s.xml\"/>\
    <Relationship Id=\"r2\" Type=\"x/sharedStrings\" Target=\"/xl/strings.xml\"/>\
    <Relationship Id=\"r3\" Type=\"x/styles\" Target=\"styles.xml\"/></Relationships>";
const HEADER: &str = "<row><c t=\"str\"><v>Id</v></c><c t=\"str\"><v>Name</v></c>\
    <c t=\"str\"><v>Phone</v></c><c t=\"str\"><v>Balance</v></c></row>";

fn workbook(rows: &str) -> Vec<u8> {
    let sheet = format!("<worksheet><sheetData>{HEADER}{rows}</sheetData></worksheet>");
    packed(&[
        ("xl/workbook.xml", BOOK),
        ("xl/_rels/workbook.xml.rels", RELATIONS),
        ("XL\\S.xml", &sheet),
        ("xl/strings.xml", "<sst><si><t>Ayşe</t></si></sst>"),
    ])
}

fn read_rows(rows: &str) -> Given {
    read_sheet(None, records(), &workbook(rows))
}

#[test]
fn cells_without_places_stand_in_order_and_those_with_in_theirs() {
    let rows = "<row/><row r=\"7\"><c r=\"A7\" t=\"n\"><v>1</v></c><c t=\"s\"><v>0</v></c>\
        <c><v>5325550101</v></c></row>\
        <row r=\"8\"><c r=\"B8\" t=\"s\"><v>0</v></c><c r=\"D8\"><v>1250.5</v></c></row>";
    let (taken, report) = read_rows(rows).unwrap();
    assert_eq!(taken.contacts.len(), 1);
    assert_eq!(taken.contacts[0].key.as_deref(), Some("1"));
    // The second one has no number: it is told by its row.
    let tally = report.rejects.rows.values().next().unwrap();
    assert_eq!((tally.count, tally.examples[0].line), (1, 8));
}

#[test]
fn a_value_beyond_the_header_rejects_its_row() {
    for place in ["E2", "XFD2"] {
        let rows = format!(
            "<row r=\"2\"><c r=\"B2\" t=\"s\"><v>0</v></c><c r=\"C2\"><v>5325550101</v></c>\
             <c r=\"{place}\"><v>1</v></c></row>"
        );
        let (taken, report) = read_rows(&rows).unwrap();
        assert_eq!(
            (taken.contacts.len(), report.rejects.rows_rejected()),
            (0, 1),
            "{place}"
        );
    }
}

#[test]
fn a_row_whose_cells_are_out_of_order_is_damaged() {
    let rows = "<row r=\"2\"><c r=\"C2\"><v>1</v></c><c r=\"A2\"><v>1</v></c></row>";
    let error = read_rows(rows).unwrap_err().to_string();
    assert!(
        error.contains("is damaged in or after row 2: open it"),
        "{error}"
    );
}

#[test]
fn a_text_that_is_not_there_is_damage_and_no_other_text() {
    let error = read_rows("<row><c t=\"s\"><v>1</v></c></row>").unwrap_err();
    assert!(
        matches!(error, SourceError::Xlsx(XlsxError::Damaged { .. })),
        "{error}"
    );
}

#[test]
fn a_few_rows_are_shown_as_they_stand() {
    let rows = "<row><c><v>1</v></c><c t=\"s\"><v>0</v></c></row>".repeat(3);
    let format = Format::Xlsx { sheet: None };
    let (taken, report) = read_as(format, records(), &workbook(&rows), Wanted::Few(2)).unwrap();
    assert_eq!(report.rows_read, 2);
    assert_eq!(taken.raw[1], "Id=1 Name=Ayşe Phone= Balance=");
}

#[test]
fn a_small_file_that_unpacks_to_a_large_value_is_refused() {
    let long = "x".repeat(CELL_BYTES as usize * 4);
    for bomb in [
        format!("<row><c t=\"str\"><v>{long}</v></c></row>"),
        format!("<row><c t=\"inlineStr\"><is><t>{long}</t></is></c></row>"),
        format!("<row><c t=\"{long}\"><v>1</v></c></row>"),
        format!("<row><c t=\"str\"><f>{long}</f><v>1</v></c></row>"),
        format!(
            "<row><c t=\"inlineStr\"><is>{}</is></c></row>",
            "<r><t>x</t></r>".repeat(300_000)
        ),
        format!("<!--{long}-->"),
    ] {
        let bytes = workbook(&bomb);
        assert!(bytes.len() < 100_000, "it is small while it is packed");
        let error = read_sheet(None, records(), &bytes).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("more than the 1048576 that are read"),
            "{error}"
        );
    }
    // As much in many cells is nothing unusual.
    let cell = format!("<c t=\"str\"><v>{}</v></c>", "x".repeat(100_000));
    let row = format!("<row>{}</row>", cell.repeat(60));
    assert!(read_rows(&row).is_ok());
}

#[test]
fn a_list_of_a_workbook_has_as_many_bytes_as_the_bound() {
    let pad = "<x/>".repeat(LIST_BYTES as usize / 4 + 1);
    let book = format!("<workbook>{pad}</workbook>");
    let bytes = packed(&[("xl/workbook.xml", &book)]);
    let error = read_sheet(None, records(), &bytes).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the bytes of its lists are more than"),
        "{error}"
    );
}

#[test]
fn a_workbook_has_as_many_parts_as_the_bound_and_no_more() {
    let names: Vec<String> = (0..=PARTS).map(|i| format!("p{i}")).collect();
    let mut parts: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    let error = |parts: &[(&str, &str)]| read_sheet(None, records(), &packed(parts)).unwrap_err();
    let too_many = error(&parts);
    assert!(
        too_many
            .to_string()
            .contains("its parts are more than the 4096"),
        "{too_many}"
    );
    // A list that says it is short.
    let mut lying = packed(&parts);
    let end = lying.len() - 22;
    lying[end + 8..end + 12].copy_from_slice(&[1, 0, 1, 0]);
    let told = read_sheet(None, records(), &lying).unwrap_err().to_string();
    assert!(told.contains("its parts are more than the 4096"), "{told}");
    parts.pop();
    assert!(error(&parts).to_string().contains("is damaged"));
}

#[test]
fn a_workbook_has_as_many_bytes_as_the_bound_and_no_more() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().write_all(b"PK").unwrap();
    for (size, words) in [
        (XLSX_BYTES, "is damaged"),
        (XLSX_BYTES + 1, "more than the 134217728"),
    ] {
        // No disk is taken: nothing is ever written there.
        file.as_file().set_len(size).unwrap();
        let settings = crate::source::settings::FileSettings {
            records: records(),
            location: crate::source::settings::Location::File(file.path().to_owned()),
            format: Format::Xlsx { sheet: None },
        };
        let source = crate::source::export::FileSource::new(settings, file.path());
        let halt = &tokio_util::sync::CancellationToken::new();
        let picked = source.pick(std::time::SystemTime::now(), halt).unwrap();
        let job = crate::source::read::Job {
            wanted: EVERYTHING,
            halt,
        };
        let read = source.read(&picked, &job, &mut Taken::default());
        let error = read.map(drop).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_damaged_workbook_never_ends_more_than_its_read() {
    let format = Format::Xlsx { sheet: None };
    for good in [OPENPYXL, XLSXWRITER] {
        survives_damage(&format, &real(), good, 200);
    }
    // What is within the parts would else hide behind their checksums.
    let stored = {
        let sheet = format!(
            "<worksheet><sheetData>{HEADER}<row><c r=\"A2\"><v>1</v></c><c t=\"s\"><v>0</v></c>\
            <c><v>5325550101</v></c></row></sheetData></worksheet>"
        );
        let mut random = fastrand::Rng::with_seed(8);
        let damaged = |text: &str, random: &mut fastrand::Rng| {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..random.usize(0..4) {
                let at = random.usize(..bytes.len());
                bytes[at] = b"<>/&\"=0c9 "[random.usize(..10)];
            }
            String::from_utf8_lossy(&bytes).into_owned()
        };
        move || {
            let parts = [
                BOOK,
                RELATIONS,
                sheet.as_str(),
                "<sst uniqueCount=\"9\"><si><t>Ayşe</t></si></sst>",
            ]
            .map(|text| damaged(text, &mut random));
            let names = [
                "xl/workbook.xml",
                "xl/_rels/workbook.xml.rels",
                "xl/s.xml",
                "xl/strings.xml",
            ];
            let parts: Vec<_> = names
                .into_iter()
                .zip(parts.iter().map(String::as_str))
                .collect();
            packed(&parts)
        }
    };
    let mut stored = stored;
    let read = (0..3000)
        .filter(|_| read_sheet(None, records(), &stored()).is_ok())
        .count();
    assert!((1..700).contains(&read), "{read}");
}
