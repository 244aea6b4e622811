//! From a number to the right card: rungs, shared numbers, and values of several sources.

use std::fs::File;
use std::time::{Duration, SystemTime};

use ringcard::domain::call::Skip;
use serde_json::Value;

use crate::commands::{run, said};
use crate::office::{CUSTOMER, Office, export, outbound};
use ringcard::demo::panel::fresh_uuid;

/// An ERP beside the CRM: its balances belong to the CRM's contacts by the customer code.
const ERP: &str = r#"
[[source]]
name = "erp"
kind = "balances"
type = "csv"
path = "erp.csv"
every = "5m"

[source.columns]
join = "Kod"
join-by = "customer-code"
balance = "Tutar"
default-currency = "TRY"
decimal = ","
overdue = "Gecikme"
"#;

fn with_erp(config: String) -> String {
    let crm = config.replace("key = \"Cari Kodu\"", "customer-code = \"Cari Kodu\"");
    crm.replace(
        "balance = \"Bakiye\"\ncurrency = \"Döviz\"\ndecimal = \",\"\n",
        "",
    ) + ERP
}

async fn crm_and_erp(rows: &[&str], balances: &str, age: Duration) -> Office {
    let mut office = Office::closed().await;
    office.configure(with_erp);
    export(&office.path("contacts.csv"), rows);
    write(&office, "erp.csv", balances);
    dated(&office, "erp.csv", age);
    office.start().await;
    office
}

fn write(office: &Office, name: &str, text: &str) {
    let beside = office.path("beside.tmp");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, office.path(name)).unwrap();
}

fn dated(office: &Office, name: &str, ago: Duration) {
    let file = File::options()
        .append(true)
        .open(office.path(name))
        .unwrap();
    file.set_modified(SystemTime::now() - ago).unwrap();
}

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn a_name_comes_from_the_crm_and_its_balance_from_the_erp_with_its_own_age() {
    let office = crm_and_erp(
        &["120.01;Ayşe Yılmaz;Yılmaz Gıda;0532 555 01 01;;;;"],
        "Kod;Tutar;Gecikme\n120.01 ;4.250,00;\n120.02;99,00;\n",
        3 * DAY,
    )
    .await;
    let call = office.call(CUSTOMER).await;
    let shown = [
        "Müşteri",
        "Ad: Ayşe Yılmaz",
        "Firma: Yılmaz Gıda",
        "Bakiye: ₺4.250,00 Borç, 3 gün önce",
    ];
    assert_eq!(office.card(&call).await, shown);

    // What can't be read leaves what was read, and its age.
    write(&office, "erp.csv", "Kod;Gecikme\n120.01;\n");
    office.sync().await.unwrap_err();
    assert!(office.alarm("source erp").is_some());
    let call = office.call(CUSTOMER).await;
    assert_eq!(office.card(&call).await, shown);

    write(
        &office,
        "erp.csv",
        "Kod;Tutar;Gecikme\n120.01;-10,50;45 gün\n",
    );
    dated(&office, "erp.csv", DAY);
    office.sync().await.unwrap();
    let call = office.call(CUSTOMER).await;
    let shown = [
        "Müşteri",
        "Dikkat: Gecikmiş: 45 gün",
        "Ad: Ayşe Yılmaz",
        "Firma: Yılmaz Gıda",
        "Bakiye: ₺10,50 Alacak, 1 gün önce",
    ];
    assert_eq!(office.card(&call).await, shown);
}

#[tokio::test]
async fn an_export_that_says_the_same_again_is_as_fresh_as_it_says() {
    let balances = "Kod;Tutar;Gecikme\n120.01;4.250,00;\n";
    let ayse = "120.01;Ayşe;;0532 555 01 01;;;;";
    let office = crm_and_erp(&[ayse], balances, 5 * DAY).await;
    for (days, age) in [(5, "5 gün önce"), (2, "2 gün önce"), (4, "2 gün önce")] {
        write(&office, "erp.csv", balances);
        dated(&office, "erp.csv", days * DAY);
        office.sync().await.unwrap();
        let call = office.call(CUSTOMER).await;
        let card = office.card(&call).await;
        assert!(card[2].ends_with(age), "{card:?}");
    }
}

#[tokio::test]
async fn an_id_that_two_balances_have_shows_neither() {
    let office = crm_and_erp(
        &["120.01;Ayşe;;0532 555 01 01;;;;"],
        "Kod;Tutar;Gecikme\n120.01;1,00;\n120.01;2,00;\n120.02;3,00;\n",
        DAY,
    )
    .await;
    let call = office.call(CUSTOMER).await;
    assert_eq!(office.card(&call).await, ["Müşteri", "Ad: Ayşe"]);
    let reports = office.accept().await;
    let erp = reports.iter().find(|r| r.source == "erp").unwrap();
    assert_eq!((erp.contacts, erp.doubtful_ids), (3, 1));
    assert!(
        erp.to_string()
            .contains("1 id of several records: not used")
    );
}

#[tokio::test]
async fn colleagues_of_one_account_share_its_balance_and_strangers_none() {
    let office = crm_and_erp(
        &[
            "120.01;Ayşe;Yılmaz Gıda;0532 555 01 01;0212 555 01 00;;;",
            "120.01;Can;YILMAZ GIDA;0532 555 01 02;0212 555 01 00;;;",
            "120.02;Ece;;0532 555 01 03;0212 555 02 00;;;",
            "120.03;Ali;;0532 555 01 04;0212 555 02 00;;;",
        ],
        "Kod;Tutar;Gecikme\n120.01;1,00;\n120.02;2,00;\n",
        DAY,
    )
    .await;
    let call = office.call("+902125550100").await;
    let card = [
        "Müşteri",
        "Firma: Yılmaz Gıda",
        "Bakiye: ₺1,00 Borç, 1 gün önce",
    ];
    assert_eq!(office.card(&call).await, card);
    let call = office.call("+902125550200").await;
    let card = ["Müşteri", "Şunlardan biri: Ece / Ali"];
    assert_eq!(office.card(&call).await, card);
}

#[tokio::test]
async fn an_id_that_different_customers_have_is_nobodys() {
    let office = crm_and_erp(
        &[
            "120.01;Ece;;0532 555 01 03;;;;",
            "120.01;Ali;;0532 555 01 04;;;;",
            "120.02;Can;;0532 555 01 05;;;;",
        ],
        "Kod;Tutar;Gecikme\n120.01;1,00;\n120.02;2,00;\n",
        DAY,
    )
    .await;
    for (number, card) in [
        ("+905325550103", &["Müşteri", "Ad: Ece"][..]),
        ("+905325550104", &["Müşteri", "Ad: Ali"]),
        (
            "+905325550105",
            &["Müşteri", "Ad: Can", "Bakiye: ₺2,00 Borç, 1 gün önce"],
        ),
    ] {
        let call = office.call(number).await;
        assert_eq!(office.card(&call).await, card);
    }
    let reports = office.accept().await;
    let crm = reports.iter().find(|r| r.source == "crm").unwrap();
    assert_eq!(crm.doubtful_ids, 1);
}

#[tokio::test]
async fn a_block_with_somebody_elses_number_in_it_is_no_companys() {
    let office = Office::open().await;
    let demir = "1;;Demir AS;;0212 555 01 00;;;";
    for (other, shown) in [
        ("2;;Beta;;0216 555 01 40;;;", true),
        ("2;Ece;Demir A.S.;;0212 555 01 40;;;", true),
        ("2;;Beta;;0212 555 01 40;;;", false),
        ("2;Ece;;;0212 555 01 40;;;", false),
    ] {
        export(&office.path("contacts.csv"), &[demir, other]);
        office.accept().await;
        let call = office.call("+902125550141").await;
        match shown {
            true => assert_eq!(office.card(&call).await, ["Müşteri", "Firma: Demir AS"]),
            false => assert_eq!(office.cards(&call).await, 0, "{other}"),
        }
    }
}

#[tokio::test]
async fn while_a_source_of_contacts_was_never_read_nothing_is_guessed() {
    let mut office = Office::closed().await;
    export(
        &office.path("contacts.csv"),
        &["1;;Demir AS;;0212 555 01 00;;;"],
    );
    let second = "\n[[source]]\nname = \"second\"\ntype = \"csv\"\npath = \"second.csv\"\n\
        [source.columns]\nname = \"Ad\"\nnumbers = \"Tel\"\n";
    office.configure(|c| c + second);
    office.start_unsynced().await;
    office.sync().await.unwrap_err();
    let call = office.call("+902125550100").await;
    assert_eq!(office.card(&call).await, ["Müşteri", "Firma: Demir AS"]);
    let call = office.call("+902125550141").await;
    assert_eq!(office.cards(&call).await, 0);
    let told = run(&office, &["lookup", "+902125550141"]).await;
    let told = String::from_utf8(told.stdout).unwrap();
    let advice = "read it: ringcard sync second";
    assert!(told.contains(advice), "{told}");
    let calls = "+902125550100\n+902125550141\n";
    std::fs::write(office.path("calls.txt"), calls).unwrap();
    let file = office.path("calls.txt");
    let told = said(&office, &["lookup", "--file", file.to_str().unwrap()]).await;
    assert!(told.contains(advice), "{told}");
    write(&office, "second.csv", "Ad;Tel\nEce;0532 555 01 01\n");
    office.sync().await.unwrap();
    let call = office.call("+902125550141").await;
    assert_eq!(office.card(&call).await, ["Müşteri", "Firma: Demir AS"]);
}

#[tokio::test]
async fn every_rung_leads_to_its_card_and_can_be_switched_off() {
    let office = Office::open().await;
    export(
        &office.path("contacts.csv"),
        &[
            "1;John Smith;;020 4520 5757;;;;",
            "2;Ayşe Yılmaz;;80 532 555 01 01;;;;",
            "3;;Yılmaz Gıda;;0212 555 01 00;100,00;TRY;",
        ],
    );
    office.accept().await;
    let rungs = [
        ("+442045205757", "national", "Ad: John Smith"),
        ("+905325550101", "tail", "Ad: Ayşe Yılmaz"),
        ("+902125550137", "head-office", "Firma: Yılmaz Gıda"),
    ];
    for (number, rung, shown) in rungs {
        let call = office.call(number).await;
        assert_eq!(office.card(&call).await, ["Müşteri", shown]);
        let told: Value =
            serde_json::from_str(&said(&office, &["lookup", number, "--json"]).await).unwrap();
        assert_eq!(told["rung"], rung);
        let last = told["tried"].as_array().unwrap().last().unwrap();
        assert_eq!(
            (&last["rung"], &last["contacts"]),
            (&rung.into(), &1.into())
        );
    }
    office.configure(|c| c + "\n[matching]\nrungs = [\"exact\"]\n");
    office.reload().await;
    for (number, ..) in rungs {
        let call = office.call(number).await;
        assert_eq!(office.cards(&call).await, 0);
    }
    assert_eq!(office.skipped(Skip::UnknownCaller), 3);
}

#[tokio::test]
async fn a_line_of_the_office_can_have_a_card_of_its_own() {
    let office = Office::with(|config| {
        config
            + r#"
[[card.variant]]
name = "service"
line = "0850 555 01 00"
direction = "outbound"

[[card.variant.row]]
type = "title"
text = "Servis: {{ contact.name }}"
"#
    })
    .await;
    let call = fresh_uuid();
    office.hipcall.ring(&call);
    office.send(&outbound(&call, CUSTOMER)).await;
    assert_eq!(office.card(&call).await, ["Servis: Ayşe Yılmaz"]);
    let call = office.call(CUSTOMER).await;
    assert_ne!(office.card(&call).await, ["Servis: Ayşe Yılmaz"]);
    let asked = ["card", CUSTOMER, "--outbound", "--line", "+908505550100"];
    assert!(said(&office, &asked).await.contains("Servis: Ayşe Yılmaz"));
}

#[tokio::test]
async fn last_months_calls_are_counted_with_the_reasons_of_the_misses() {
    let office = Office::open().await;
    export(
        &office.path("contacts.csv"),
        &[
            "1;Ayşe Yılmaz;;0532 555 01 01;;;;",
            "2;;Yılmaz Gıda;;0212 555 01 00;;;",
        ],
    );
    office.accept().await;
    let calls = "# August\n+905325550101\n\"0532 555 01 01\"\r\n+902125550137\n\n\
        +905325559999\nanonymous\n101\n";
    std::fs::write(office.path("calls.txt"), calls).unwrap();
    let file = office.path("calls.txt");
    let asked = ["lookup", "--file", file.to_str().unwrap()];
    let told = said(&office, &asked).await;
    for expected in [
        "3 of 4 numbers found: 75.0 % (6 lines, 2 without a number)",
        "2  exact        the same number",
        "1  head-office  an extension",
        "1  of these     are shared",
        "no contact has this number",
        "+90532*****99",
        "the number is withheld",
        "the number is too short",
    ] {
        assert!(told.contains(expected), "{expected:?} not in:\n{told}");
    }
    assert!(!told.contains("5559999"), "{told}");
    let json: Value =
        serde_json::from_str(&said(&office, &[&asked[..], &["--json"]].concat()).await).unwrap();
    assert_eq!((&json["found"], &json["rate"]), (&3.into(), &75.0.into()));
    let long = "9".repeat(2000);
    std::fs::write(office.path("calls.txt"), long).unwrap();
    let refused = run(&office, &asked).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("a line is longer than 1024 bytes"));
}
