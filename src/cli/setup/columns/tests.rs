//! Headers as programs write them, and what becomes of a person's changes.

use super::*;
use crate::domain::phone::Region;

fn turkish() -> Dialling {
    Dialling::of(Region::parse("TR").unwrap())
}

fn table(header: &[&str], rows: &[&[&str]]) -> Table {
    let owned = |cells: &[&str]| cells.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>();
    Table {
        header: owned(header),
        rows: rows.iter().map(|row| owned(row)).collect(),
    }
}

fn proposed(header: &[&str]) -> Mapping {
    propose(&table(header, &[]), &turkish(), Locale::Turkish)
}

/// key; name; company; numbers; balance; currency
fn told(header: &[&str]) -> String {
    let m = proposed(header);
    let one = |c: &Option<String>| c.clone().unwrap_or("-".into());
    let (name, numbers) = (m.name.join("+"), m.numbers.join("+"));
    let parts = [
        one(&m.key),
        name,
        one(&m.company),
        numbers,
        one(&m.balance),
        one(&m.currency),
    ];
    parts.join("; ")
}

#[test]
fn headers_of_many_programs_are_understood() {
    let cases: [(&[&str], &str); 13] = [
        // The demo's, and Logo's list of accounts in Excel.
        (
            &[
                "Cari Kodu",
                "Ad Soyad",
                "Firma",
                "Cep",
                "Telefon",
                "Bakiye",
                "Döviz",
                "E-posta",
            ],
            "Cari Kodu; Ad Soyad; Firma; Cep+Telefon; Bakiye; Döviz",
        ),
        (
            &[
                "CARİ HESAP KODU",
                "CARİ HESAP ÜNVANI",
                "TELEFON 1",
                "TELEFON 2",
                "CEP TELEFONU",
                "FAKS",
                "BAKİYE",
            ],
            "CARİ HESAP KODU; ; CARİ HESAP ÜNVANI; TELEFON 1+TELEFON 2+CEP TELEFONU; BAKİYE; -",
        ),
        // Logo's, Netsis's and Mikro's tables.
        (
            &[
                "LOGICALREF",
                "CODE",
                "DEFINITION_",
                "TELNRS1",
                "TELNRS2",
                "FAXNR",
                "INCHARGE",
                "CELLPHONE",
            ],
            "CODE; INCHARGE; DEFINITION_; TELNRS1+TELNRS2+CELLPHONE; -; -",
        ),
        (
            &[
                "CARI_KOD",
                "CARI_ISIM",
                "CARI_TEL",
                "GSM1",
                "GSM2",
                "FAX",
                "BAKIYE",
            ],
            "CARI_KOD; ; CARI_ISIM; CARI_TEL+GSM1+GSM2; BAKIYE; -",
        ),
        (
            &[
                "cari_kod",
                "cari_unvan1",
                "cari_CepTel",
                "cari_EMail",
                "cari_doviz_cinsi",
            ],
            "cari_kod; ; cari_unvan1; cari_CepTel; -; -",
        ),
        (
            &[
                "Customer No",
                "First Name",
                "Last Name",
                "Company",
                "Mobile Phone",
                "Fax",
                "Balance",
                "Currency",
            ],
            "Customer No; First Name+Last Name; Company; Mobile Phone; Balance; Currency",
        ),
        (
            &[
                "Id",
                "Name",
                "Business Phone",
                "Home Phone 2",
                "E-mail Address",
            ],
            "Id; Name; -; Business Phone+Home Phone 2; -; -",
        ),
        (
            &[
                "Kundennr.",
                "Vorname",
                "Nachname",
                "Firma",
                "Telefon",
                "Mobil",
                "Telefax",
                "Saldo",
                "Währung",
            ],
            "Kundennr.; Vorname+Nachname; Firma; Telefon+Mobil; Saldo; Währung",
        ),
        (
            &[
                "Debitorennummer",
                "Ansprechpartner",
                "Firmenname",
                "Handy-Nummer",
                "Offener Betrag",
            ],
            "Debitorennummer; Ansprechpartner; Firmenname; Handy-Nummer; Offener Betrag; -",
        ),
        (
            &[
                "N° client",
                "Prénom",
                "Nom",
                "Société",
                "Téléphone",
                "Portable",
                "Télécopie",
                "Solde",
                "Devise",
            ],
            "N° client; Prénom+Nom; Société; Téléphone+Portable; Solde; Devise",
        ),
        (
            &["Code client", "Raison sociale", "Tél. 1", "GSM"],
            "Code client; ; Raison sociale; Tél. 1+GSM; -; -",
        ),
        (
            &[
                "Klantnummer",
                "Voornaam",
                "Achternaam",
                "Bedrijfsnaam",
                "Telefoon",
                "Mobiel",
                "Openstaand saldo",
                "Valuta",
            ],
            "Klantnummer; Voornaam+Achternaam; Bedrijfsnaam; Telefoon+Mobiel; Openstaand saldo; Valuta",
        ),
        (&["a", "b", "c"], "-; ; -; ; -; -"),
    ];
    for (header, expected) in cases {
        assert_eq!(told(header), expected, "{header:?}");
    }
}

#[test]
fn a_column_that_stands_there_twice_is_not_proposed() {
    assert_eq!(
        told(&["Kod", "Ad Soyad", "Telefon", "TELEFON", "Cep"]),
        "Kod; Ad Soyad; -; Cep; -; -"
    );
}

#[test]
fn numbers_are_known_by_what_stands_there() {
    let rows: [&[&str]; 3] = [
        &["1", "x", "0532 555 01 01", "12"],
        &["2", "y", "", "34"],
        &["3", "z", "+90 212 555 01 02", "56"],
    ];
    let mapping = propose(
        &table(&["a", "b", "c", "d"], &rows),
        &turkish(),
        Locale::Turkish,
    );
    assert_eq!(mapping.numbers, ["c"]);
    assert!(mapping.lacks().unwrap().contains("name = COLUMN"));
}

#[test]
fn the_decimal_sign_is_the_files_and_else_the_languages() {
    let of = |cells: &[&str], locale| {
        let rows: Vec<Vec<&str>> = cells.iter().map(|c| vec!["A", "0532", *c]).collect();
        let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
        let table = table(&["Ad Soyad", "Cep", "Bakiye"], &rows);
        propose(&table, &turkish(), locale).decimal
    };
    assert_eq!(of(&["4.250,00", "10"], Locale::English), Some(','));
    assert_eq!(of(&["4,250.00", "10"], Locale::Turkish), Some('.'));
    assert_eq!(of(&["4.250", "", "x"], Locale::Turkish), Some(','));
    assert_eq!(of(&["4.250"], Locale::English), Some('.'));
    assert_eq!(proposed(&["Ad Soyad", "Cep"]).decimal, None);
}

#[test]
fn a_person_changes_what_they_like() {
    let header = ["Kod", "Ad", "Phone, mobile", "Tel", "Tutar"].map(String::from);
    let mut mapping = Mapping::default();
    for answer in [
        "numbers = phone, mobile, TEL",
        "name=Ad",
        "key = Kod",
        "balance = Tutar",
        "decimal = ,",
    ] {
        mapping.change(answer, &header).unwrap();
    }
    let expected = "key = \"Kod\"\nname = \"Ad\"\nnumbers = [\"Phone, mobile\", \"Tel\"]\nbalance = \"Tutar\"\n\
        decimal = \",\"\n";
    assert_eq!(mapping.toml(), expected);
    mapping.change("balance = -", &header).unwrap();
    assert_eq!((mapping.balance.as_ref(), mapping.decimal), (None, None));
    let wrong = [
        ("Tel", "such as: numbers"),
        (
            "numbers = Fax",
            "there is no column Fax; there are: Kod, Ad",
        ),
        ("key = Kod, Ad", "key is one column"),
        ("nmae = Ad", "there are: key, name"),
        ("decimal = x", "decimal is"),
    ];
    for (answer, expected) in wrong {
        let said = mapping.change(answer, &header).unwrap_err();
        assert!(said.contains(expected), "{answer}: {said}");
    }
}

#[test]
fn the_way_to_read_a_header_is_told_by_what_is_known_of_it() {
    let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        known(&names(&["Ad Soyad", "Telefon, cep", "Bakiye, TL"])),
        3
    );
    assert_eq!(known(&names(&["Ad Soyad;Telefon", "cep;Bakiye", "TL"])), 1);
}
