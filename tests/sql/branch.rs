//! A branch whose only source is a real database: the program itself tests it, a daemon keeps the copy, and the
//! card shows what the database says.

use std::os::unix::fs::PermissionsExt;

use ringcard::source::sql::settings::Engine;

use crate::database::Database;
use crate::office::Office;
use crate::reading::RUNTIME;

const CALLER: &str = "+905325550101";

/// With the certificate checked, as a source is that says nothing of TLS.
fn source(database: &Database) -> String {
    let server = database.server;
    let kind = match database.engine {
        Engine::Postgres => "postgresql",
        _ => "mariadb",
    };
    format!(
        "[[source]]\nname = \"erp\"\ntype = \"{kind}\"\nhost = \"{}\"\nport = {}\n\
         database = \"{}\"\nuser = \"{}\"\npassword = {{ file = \"erp\" }}\nca-file = \"ca.pem\"\nevery = \"1h\"\n\
         query = \"SELECT id, name, phone, balance, changed_at FROM customers\"\ncursor = \"changed_at\"\n\
         [source.columns]\nkey = \"id\"\nname = \"name\"\nnumbers = \"phone\"\nbalance = \"balance\"\n\
         default-currency = \"TRY\"\n",
        server.host(),
        server.port(),
        server.database(),
        server.user(),
    )
}

fn office(database: &Database) -> Office {
    let office = RUNTIME.block_on(Office::closed());
    office.configure(|config| {
        let (rest, _) = config.split_once("[[source]]").unwrap();
        format!("{rest}{}", source(database))
    });
    // It outlives the server.
    std::fs::copy(database.server.ca(), office.path("ca.pem")).unwrap();
    let secret = office.path("erp");
    std::fs::write(&secret, database.server.password()).unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    office
}

/// What the command prints, and whether it succeeded.
fn told(office: &Office, arguments: &[&str]) -> (bool, String) {
    let output = RUNTIME.block_on(office.run(arguments));
    let told = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(told).unwrap())
}

fn said(office: &Office, arguments: &[&str]) -> String {
    let (succeeded, told) = told(office, arguments);
    assert!(succeeded, "{arguments:?}: {told}");
    told
}

fn card(office: &Office) -> Vec<String> {
    RUNTIME.block_on(async {
        let call = office.call(CALLER).await;
        office.timeless_card(&call).await
    })
}

fn a_branch_lives_by(engine: Engine) {
    let database = Database::own(engine, &["--tls"]);
    database.run(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(80), phone VARCHAR(40), balance DECIMAL(15,2), \
         changed_at TIMESTAMP NOT NULL);\n\
         INSERT INTO customers VALUES (1, 'Ayşe Işık', '0532 555 01 01', 1250.50, '2026-01-05 09:00:00'),\n\
         (2, 'Mehmet Öztürk', '0532 555 01 02', -10, '2026-02-05 09:00:00'),\n\
         (3, 'Zeynep Koç', 'yok', 0, '2026-03-05 09:00:00')",
    );
    let mut office = office(&database);
    let tested = said(&office, &["source", "test", "erp"]);
    for expected in [
        "name <- name",
        "Ayşe Işık",
        "number    +905325550101",
        "₺1.250,50, which the customer owes",
        "₺10,00, which is owed to the customer",
        "can't be used",
        "3 records, 2 of them can be used",
        "what changed can be asked for",
    ] {
        assert!(tested.contains(expected), "{expected} not in:\n{tested}");
    }
    RUNTIME.block_on(office.start());
    assert_eq!(
        card(&office)[1..],
        ["Ad: Ayşe Işık", "Bakiye: ₺1.250,50 Borç"]
    );
    database.run(
        "UPDATE customers SET balance = 99.90, changed_at = '2026-04-05 09:00:00' WHERE id = 1",
    );
    let synced = said(&office, &["sync", "erp"]);
    assert!(synced.contains("0 added, 1 changed, 0 removed"), "{synced}");
    assert_eq!(card(&office)[2], "Bakiye: ₺99,90 Borç");
    database.run("DELETE FROM customers WHERE id = 2");
    said(&office, &["sync", "--full", "erp"]);
    assert!(!told(&office, &["lookup", "+905325550102"]).0);
    let status = said(&office, &["status"]);
    assert!(status.contains("1 contact "), "{status}");
    assert!(!status.contains("everything: "), "{status}");
    // The last answers outlive the database.
    database.server.ask("stop");
    let (succeeded, gone) = told(&office, &["sync", "erp"]);
    assert!(!succeeded && gone.contains("can't be reached"), "{gone}");
    assert_eq!(card(&office)[2], "Bakiye: ₺99,90 Borç");
    let (succeeded, gone) = told(&office, &["source", "test", "erp"]);
    assert!(!succeeded && gone.contains("can't be reached"), "{gone}");
    assert!(!gone.contains("0 records"), "{gone}");
    RUNTIME.block_on(office.stop());
}

#[test]
fn a_branch_lives_by_postgresql() {
    a_branch_lives_by(Engine::Postgres);
}

#[test]
fn a_branch_lives_by_mariadb() {
    a_branch_lives_by(Engine::MySql);
}
