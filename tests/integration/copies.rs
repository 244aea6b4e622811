//! The copy is renewed, kept when in doubt, and falls back when damaged.

use std::time::{Duration, SystemTime};

use ringcard::domain::call::Skip;
use ringcard::flow::report::{Outcome, Report};
use ringcard::system::control::{Request, ask};

use crate::commands::said;
use crate::office::{CUSTOMER, Office, export};

const AYSE: &str = "1;Ayşe Yılmaz;Yılmaz Mobilya;0532 555 01 01;;5.000,00;TRY;";

async fn balance(office: &Office) -> String {
    let call = office.call(CUSTOMER).await;
    office.timeless_card(&call).await.pop().unwrap()
}

/// Forty more contacts, so that losing some of them is no catastrophe.
fn others() -> Vec<String> {
    (10..50)
        .map(|i| format!("{i};Kişi {i};;0533 555 02 {i};;1,00;TRY;"))
        .collect()
}

#[tokio::test]
async fn a_changed_balance_is_on_the_next_card() {
    let office = Office::open().await;
    assert_eq!(balance(&office).await, "Bakiye: ₺4.250,00 Borç");
    export(&office.path("contacts.csv"), &[AYSE]);
    let held = office.sync().await.unwrap_err().to_string();
    assert!(
        held.contains("971 of 972 records would be removed"),
        "{held}"
    );
    assert!(held.contains("ringcard sync --accept crm"), "{held}");
    assert_eq!(
        balance(&office).await,
        "Bakiye: ₺4.250,00 Borç",
        "the old copy goes on serving"
    );
    let alarms = office.status().alarms;
    let alarm = alarms.iter().find(|a| a.subject == "source crm").unwrap();
    assert_eq!(alarm.id.as_str(), "sync-held");
    assert!(
        alarm.advice.contains("ringcard sync --accept crm"),
        "{}",
        alarm.advice
    );
    office.accept().await;
    assert_eq!(balance(&office).await, "Bakiye: ₺5.000,00 Borç");
    assert_eq!(office.alarm("source crm"), None);
}

#[tokio::test]
async fn the_same_content_is_not_loaded_twice() {
    let mut office = Office::open().await;
    let generation = || {
        std::fs::read_dir(office.path("state/replica/crm"))
            .unwrap()
            .count()
    };
    assert_eq!(generation(), 1);
    assert_eq!(office.sync().await.unwrap()[0].outcome, Outcome::Unchanged);
    assert_eq!(generation(), 1);
    office.restart().await;
    assert_eq!(office.sync().await.unwrap()[0].outcome, Outcome::Unchanged);
}

#[tokio::test]
async fn a_broken_export_keeps_the_copy_and_says_what_is_wrong() {
    let office = Office::open().await;
    let path = office.path("contacts.csv");
    let cases: [(&[u8], &str); 4] = [
        (b"", "is empty"),
        (b"Name;Phone\nA;1\n", "has no column"),
        (
            b"Cari Kodu;Ad Soyad;Firma;Cep;Telefon;Bakiye;D\xc3\xb6viz\n",
            "none of its rows can be used (0 read)",
        ),
        (
            b"Cari Kodu;Ad Soyad;Firma;Cep;Telefon;Bakiye;D\xc3\xb6viz\n1;A;;x;;;\n",
            "none of its rows can be used (1 read), so the copy was kept: line 2",
        ),
    ];
    for (text, expected) in cases {
        std::fs::write(&path, text).unwrap();
        let error = office.sync().await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(
            balance(&office).await,
            "Bakiye: ₺4.250,00 Borç",
            "{expected}"
        );
    }
    std::fs::remove_file(&path).unwrap();
    let error = office.sync().await.unwrap_err().to_string();
    assert!(error.contains("does not exist"), "{error}");
}

#[tokio::test]
async fn rows_that_can_not_be_used_are_counted_and_the_rest_loads() {
    let office = Office::open().await;
    let rejects = office.status().sources["crm"].rejects.clone().unwrap();
    assert_eq!(office.status().sources["crm"].contacts, 972);
    assert_eq!(rejects.rows_rejected(), 28);
    let shown = serde_json::to_string(&rejects).unwrap();
    assert!(!shown.contains("Yılmaz"), "{shown}");
}

#[tokio::test]
async fn a_damaged_copy_falls_back_to_the_one_before_and_is_replaced() {
    let mut office = Office::open().await;
    let contacts = std::fs::read_to_string(office.path("contacts.csv")).unwrap();
    std::fs::write(
        office.path("contacts.csv"),
        contacts.replacen("4.250,00", "9.999,00", 1),
    )
    .unwrap();
    office.sync().await.unwrap();
    assert_eq!(balance(&office).await, "Bakiye: ₺9.999,00 Borç");
    office.stop().await;
    std::fs::write(office.path("state/replica/crm/000002.redb"), "damaged").unwrap();
    // The source is gone as well: only the copy before is left.
    std::fs::rename(office.path("contacts.csv"), office.path("away.csv")).unwrap();
    let mut office = started_without_sync(office).await;
    assert_eq!(balance(&office).await, "Bakiye: ₺4.250,00 Borç");
    std::fs::rename(office.path("away.csv"), office.path("contacts.csv")).unwrap();
    office.sync().await.unwrap();
    assert_eq!(balance(&office).await, "Bakiye: ₺9.999,00 Borç");
    office.stop().await;
}

/// `Office::start` insists on a sync, which can't succeed here.
async fn started_without_sync(mut office: Office) -> Office {
    std::fs::write(office.path("contacts.csv"), "").unwrap();
    office.start_unsynced().await;
    office
}

#[tokio::test]
async fn a_copy_that_is_damaged_while_it_serves_names_nobody_and_is_replaced() {
    use std::os::unix::fs::FileExt;
    let mut office = Office::open().await;
    office.restart().await;
    let path = office.path("state/replica/crm/000001.redb");
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    let length = file.metadata().unwrap().len();
    file.write_all_at(&vec![0xa5; length as usize - 4096], 4096)
        .unwrap();
    let call = office.call(CUSTOMER).await;
    assert_eq!(office.cards(&call).await, 0);
    assert!(office.alarm("source crm").is_some());
    assert_eq!(office.sync().await.unwrap()[0].outcome, Outcome::Published);
    assert_eq!(balance(&office).await, "Bakiye: ₺4.250,00 Borç");
}

#[tokio::test]
async fn a_damaged_copy_is_told_of_in_words_and_not_as_a_crash() {
    let mut office = Office::open().await;
    office.stop().await;
    let path = office.path("state/replica/crm/000001.redb");
    let mut bytes = std::fs::read(&path).unwrap();
    // A bit of each block that has a contact.
    let blocks = bytes.chunks_mut(4096);
    let name = "Ayşe".as_bytes();
    let contacts = blocks.filter(|block| block.windows(name.len()).any(|w| w == name));
    contacts.for_each(|block| block[100] ^= 1);
    std::fs::write(&path, bytes).unwrap();
    let output = office.run(&["lookup", CUSTOMER]).await;
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("a page of the copy is damaged"), "{told}");
    assert!(!told.contains("panicked"), "{told}");
}

#[tokio::test]
async fn before_the_first_copy_a_call_is_answered_and_skipped() {
    let mut office = Office::closed().await;
    std::fs::remove_file(office.path("contacts.csv")).unwrap();
    office.start_unsynced().await;
    let call = office.call(CUSTOMER).await;
    assert_eq!(office.cards(&call).await, 0);
    assert_eq!(office.skipped(Skip::UnknownCaller), 1);
    office
        .until(|s| s.alarms.iter().any(|a| a.subject == "source crm"))
        .await;
}

/// An office that takes the files dropped into a folder, a second after they were written.
async fn office_with_drop_folder(after_load: &str) -> (Office, std::path::PathBuf) {
    let mut office = Office::closed().await;
    let drop_folder = office.path("drop");
    std::fs::create_dir(&drop_folder).unwrap();
    let folder = format!("folder = \"drop\"\nquiet = \"1s\"\nafter-load = \"{after_load}\"");
    office.configure(|config| config.replace("path = \"contacts.csv\"", &folder));
    office.start_unsynced().await;
    (office, drop_folder)
}

#[tokio::test]
async fn a_dropped_file_is_taken_when_it_is_complete_and_archived() {
    let (office, drop_folder) = office_with_drop_folder("archive").await;
    export(&drop_folder.join("2026-03-02.csv.part"), &[AYSE]);
    let rows = others();
    let rows: Vec<&str> = std::iter::once(AYSE)
        .chain(rows.iter().map(String::as_str))
        .collect();
    export(&drop_folder.join("2026-03-01.csv"), &rows);
    office.until(|s| s.sources["crm"].contacts == 41).await;
    assert_eq!(balance(&office).await, "Bakiye: ₺5.000,00 Borç");
    assert!(!drop_folder.join("2026-03-01.csv").exists());
    assert_eq!(
        std::fs::read_dir(drop_folder.join("archive"))
            .unwrap()
            .count(),
        1
    );
    assert!(drop_folder.join("2026-03-02.csv.part").exists());
}

#[tokio::test]
async fn a_folder_that_is_archived_and_empty_is_no_failure_to_who_asks() {
    let (mut office, drop_folder) = office_with_drop_folder("archive").await;
    let told = office.run(&["sync", "crm"]).await;
    assert!(!told.status.success(), "there is no copy that serves");
    export(&drop_folder.join("a.csv"), &[AYSE]);
    office.until(|s| s.sources["crm"].contacts == 1).await;
    let nothing_new = "crm: 1 contact with 1 number of the last load serve: no new file is there";
    let told = said(&office, &["sync", "crm"]).await;
    assert!(told.starts_with(nothing_new), "{told}");
    // What there must be something for is still refused.
    for more in ["--full", "--accept", "--dry-run"] {
        let told = office.run(&["sync", more, "crm"]).await;
        assert_eq!(told.status.code(), Some(1), "{more}");
    }
    office.stop().await;
    let told = said(&office, &["sync", "crm"]).await;
    assert!(told.starts_with(nothing_new), "{told}");
}

#[tokio::test]
async fn a_file_dropped_while_another_is_read_is_taken_next() {
    let (office, drop_folder) = office_with_drop_folder("leave").await;
    office.until(|s| s.sources["crm"].last_try.is_some()).await;
    let dropped = |name: &str, rows: &[&str], age: u64| {
        let path = drop_folder.join(name);
        export(&path, rows);
        let file = std::fs::File::options().append(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age))
            .unwrap();
    };
    let many: Vec<String> = (100..20_100)
        .map(|i| format!("{i};Kişi {i};;0533 55{i:05};;1,00;TRY;"))
        .collect();
    let mut rows: Vec<&str> = many.iter().map(String::as_str).collect();
    dropped("a.csv", &rows, 60);
    let request = Request::Sync {
        source: None,
        accept: false,
        full: false,
    };
    rows.push(AYSE);
    let mut first = true;
    let while_it_reads = |_| {
        if std::mem::take(&mut first) {
            dropped("b.csv", &rows, 30);
        }
    };
    let socket = office.path("run/control.sock");
    let reports: Vec<Report> = ask(&socket, &request, while_it_reads).await.unwrap();
    assert_eq!(reports[0].contacts, 20_000);
    office.until(|s| s.sources["crm"].contacts == 20_001).await;
}

#[tokio::test]
async fn a_file_that_is_still_written_is_no_fault() {
    let (office, drop_folder) = office_with_drop_folder("archive").await;
    export(&drop_folder.join("first.csv"), &[AYSE]);
    office.until(|s| s.sources["crm"].contacts == 1).await;
    office.configure(|config| config.replace("\"1s\"", "\"1h\""));
    office.reload().await;
    export(&drop_folder.join("second.csv"), &[AYSE]);
    let told = office.sync().await.unwrap_err().to_string();
    assert!(told.contains("may still be written"), "{told}");
    assert_eq!(office.alarm("source crm"), None);
}

#[tokio::test]
async fn the_first_source_that_knows_a_number_wins() {
    let mut office = Office::closed().await;
    export(
        &office.path("erp.csv"),
        &[
            "9;Ayşe Y. (ERP);;0532 555 01 01;;1,00;TRY;",
            "8;Only in ERP;;0532 555 08 08;;2,00;TRY;",
        ],
    );
    office.configure(|config| {
        let source = &config[config.find("[[source]]").unwrap()..];
        let second = source
            .replace("\"crm\"", "\"erp\"")
            .replace("contacts.csv", "erp.csv");
        format!("{config}\n{second}")
    });
    office.start().await;
    let call = office.call(CUSTOMER).await;
    assert_eq!(office.card(&call).await[1], "Ad: Ayşe Yılmaz");
    let call = office.call("0532 555 08 08").await;
    assert_eq!(office.card(&call).await[1], "Ad: Only in ERP");
}
