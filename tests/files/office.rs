//! A workbook that is dropped into a folder, in a running office.

use std::time::{Duration, SystemTime};

use crate::whole_office::{CUSTOMER, Office};

const WORKBOOK: &[u8] = include_bytes!("../data/files/openpyxl.xlsx");

#[tokio::test]
async fn a_dropped_workbook_is_on_the_next_card() {
    let mut office = Office::closed().await;
    let file = office.path("drop").join("customers.xlsx");
    std::fs::create_dir(office.path("drop")).unwrap();
    std::fs::write(&file, WORKBOOK).unwrap();
    let before = SystemTime::now() - Duration::from_secs(60);
    let opened = std::fs::File::options().write(true).open(&file).unwrap();
    opened.set_modified(before).unwrap();
    office.configure(|config| {
        let (head, _) = config.split_once("[[source]]").unwrap();
        format!(
            "{head}[[source]]\nname = \"crm\"\ntype = \"xlsx\"\nfolder = \"drop\"\nquiet = \"1s\"\n\
             [source.columns]\nkey = \"Kod\"\nname = \"Müşteri\"\n\
             company = \"Firma\"\nnumbers = \"Cep\"\nbalance = \"Bakiye\"\ndefault-currency = \"TRY\"\n"
        )
    });
    office.start().await;
    let call = office.call(CUSTOMER).await;
    let card = office.timeless_card(&call).await.join("\n");
    assert!(
        card.contains("Ayşe Yılmaz") && card.contains("₺1.250,50"),
        "{card}"
    );
}
