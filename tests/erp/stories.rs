//! What a branch sees of its ERP.

use ringcard::domain::renewal::Mode;
use ringcard::flow::report::Outcome;

use crate::branch::{Branch, tryton};
use crate::servers::Server;

fn names(card: &[String]) -> &str {
    &card[1]
}

fn balance(card: &[String]) -> &str {
    card.last().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_of_the_erp_is_known_by_name_and_account() {
    let mut branch = Branch::closed(tryton()).await;
    let ayse = branch
        .keeper
        .customer("Ayşe Yılmaz", "0532 555 01 01")
        .await;
    branch.keeper.invoice(ayse, "4250.00").await;
    branch.office.start().await;
    let card = branch.card("+905325550101").await;
    assert_eq!(names(&card), "Ad: Ayşe Yılmaz");
    assert_eq!(balance(&card), "Bakiye: ₺4.250,00 Borç");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_an_operator_show_what_the_erp_gives() {
    let mut branch = Branch::closed(tryton()).await;
    let nil = branch.keeper.customer("Nil Işık", "0532 555 08 01").await;
    branch.keeper.invoice(nil, "1250.50").await;
    let tested = branch.said(&["source", "test", "customers"]).await;
    for expected in [
        "source customers: contacts",
        "name <- name",
        "can be asked for",
    ] {
        assert!(tested.contains(expected), "{expected} not in:\n{tested}");
    }
    let tested = branch.said(&["source", "test", "accounts"]).await;
    for expected in ["source accounts: balances", "balance", "₺"] {
        assert!(tested.contains(expected), "{expected} not in:\n{tested}");
    }
    branch.office.start().await;
    for (source, what) in [("customers", " with "), ("accounts", " balance")] {
        let synced = branch.said(&["sync", "--full", source]).await;
        assert!(synced.contains(what), "{synced}");
        assert!(synced.contains(" published, "), "{synced}");
    }
    let known = branch.said(&["lookup", "0532 555 08 01"]).await;
    for expected in [
        "Nil Işık",
        "₺1.250,50 Borç",
        "source   customers",
        "accounts",
    ] {
        assert!(known.contains(expected), "{expected} not in:\n{known}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_is_on_the_card_though_the_customer_did_not_change() {
    let mut branch = Branch::closed(tryton()).await;
    let mehmet = branch
        .keeper
        .customer("Mehmet Kaya", "0532 555 02 01")
        .await;
    branch.office.start().await;
    assert_eq!(
        balance(&branch.card("+905325550201").await),
        "Bakiye: ₺0,00"
    );
    let changed = branch.keeper.changed(mehmet).await;
    branch.keeper.invoice(mehmet, "1250.50").await;
    branch.keeper.invoice(mehmet, "0.499").await;
    assert_eq!(branch.keeper.changed(mehmet).await, changed);
    let report = branch.sync("accounts").await.unwrap();
    assert_eq!(report.mode, Mode::Increment);
    assert_eq!(
        balance(&branch.card("+905325550201").await),
        "Bakiye: ₺1.251,00 Borç"
    );
    let whole = branch.read_all("accounts").await.unwrap();
    assert_eq!(whole.mode, Mode::Full);
    assert_eq!(
        balance(&branch.card("+905325550201").await),
        "Bakiye: ₺1.251,00 Borç"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn new_customers_new_names_and_new_numbers_come_with_the_changes() {
    let mut branch = Branch::closed(tryton()).await;
    let elif = branch.keeper.customer("Elif Demir", "0532 555 03 01").await;
    branch.office.start().await;
    branch.keeper.rename(elif, "Elif Demir Şahin").await;
    branch.keeper.customer("Can Öztürk", "0532 555 03 02").await;
    let report = branch.sync("customers").await.unwrap();
    assert_eq!(
        (report.mode, report.outcome),
        (Mode::Increment, Outcome::Published)
    );
    assert_eq!(
        names(&branch.card("+905325550301").await),
        "Ad: Elif Demir Şahin"
    );
    assert_eq!(names(&branch.card("+905325550302").await), "Ad: Can Öztürk");
    // Another number is no change of the customer, as Tryton sees it.
    let changed = branch.keeper.changed(elif).await;
    branch.keeper.add_phone(elif, "0212 555 03 03").await;
    assert_eq!(branch.keeper.changed(elif).await, changed);
    let report = branch.sync("customers").await.unwrap();
    assert_eq!(report.mode, Mode::Increment);
    assert_eq!(
        names(&branch.card("+902125550303").await),
        "Ad: Elif Demir Şahin"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_customer_is_a_stranger_after_the_changes() {
    let mut branch = Branch::closed(tryton()).await;
    let deniz = branch
        .keeper
        .customer("Deniz Arslan", "0532 555 04 01")
        .await;
    branch.office.start().await;
    assert_eq!(
        names(&branch.card("+905325550401").await),
        "Ad: Deniz Arslan"
    );
    branch.keeper.archive(deniz).await;
    let report = branch.sync("customers").await.unwrap();
    assert_eq!(report.mode, Mode::Increment);
    assert!(branch.is_stranger("+905325550401").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_customer_is_a_stranger_once_ids_were_compared_or_everything_was_read() {
    let mut branch = Branch::closed(tryton()).await;
    let first = branch.keeper.customer("Zeynep Koç", "0532 555 05 01").await;
    let second = branch.keeper.customer("Zehra Koç", "0532 555 05 02").await;
    branch.office.start().await;
    branch.keeper.delete(first).await;
    branch.sync("customers").await.unwrap();
    assert_eq!(
        names(&branch.card("+905325550501").await),
        "Ad: Zeynep Koç",
        "changes tell nothing of it"
    );
    branch.read_all("customers").await.unwrap();
    assert!(branch.is_stranger("+905325550501").await);
    branch.keeper.delete(second).await;
    assert_eq!(branch.compare("customers").await.mode, Mode::Comparison);
    assert!(branch.is_stranger("+905325550502").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_of_several_pages_all_arrive() {
    let mut branch = Branch::closed(tryton()).await;
    let many = 0..1100;
    let customers = many.map(|i| (format!("Kişi {i}"), format!("0533 551 {i:04}")));
    branch.keeper.import(customers).await;
    branch.office.start().await;
    for i in [0, 555, 1099] {
        let number = format!("+90533551{i:04}");
        assert_eq!(names(&branch.card(&number).await), format!("Ad: Kişi {i}"));
    }
    let report = branch.read_all("customers").await.unwrap();
    assert!(report.rows >= 1100, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_with_what_to_do_and_the_old_answers_stay() {
    let mut branch = Branch::closed(tryton()).await;
    branch
        .keeper
        .customer("Fatma Çelik", "0532 555 06 01")
        .await;
    branch.office.start().await;
    branch.office.stop().await;
    branch.set_password("Wrong-Password-1");
    branch.office.start_unsynced().await;
    let said = branch.sync("customers").await.unwrap_err().to_string();
    for words in ["refuse", "Tryton > Administration > Users"] {
        assert!(said.contains(words), "{said}");
    }
    assert!(!said.contains("Wrong-Password-1"), "{said}");
    let alarm = branch.office.alarm("source customers").unwrap();
    assert!(!alarm.contains("Wrong-Password-1"), "{alarm}");
    assert_eq!(
        names(&branch.card("+905325550601").await),
        "Ad: Fatma Çelik"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_erp_is_away_the_old_answers_stay_and_a_session_that_ended_is_begun_anew() {
    let server = tokio::task::spawn_blocking(|| Server::start("tryton", &[]));
    let server = server.await.unwrap();
    let mut branch = Branch::closed(&server).await;
    let kemal = branch
        .keeper
        .customer("Kemal Aydın", "0532 555 07 01")
        .await;
    branch.keeper.invoice(kemal, "99.90").await;
    branch.office.start().await;
    server.ask("end");
    let said = branch.sync("customers").await.unwrap_err().to_string();
    assert!(said.contains("127.0.0.1"), "{said}");
    let card = branch.card("+905325550701").await;
    assert_eq!(
        (names(&card), balance(&card)),
        ("Ad: Kemal Aydın", "Bakiye: ₺99,90 Borç")
    );
    server.ask("again");
    server.ask("logout");
    branch.keeper.rename(kemal, "Kemal Aydın Usta").await;
    branch.sync("customers").await.unwrap();
    assert_eq!(
        names(&branch.card("+905325550701").await),
        "Ad: Kemal Aydın Usta"
    );
}
