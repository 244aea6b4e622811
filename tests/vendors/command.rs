//! Each vendor's stand-in as an operator meets it: the program itself tests the source, reads it as a daemon by
//! the connector that is shipped, and knows who calls.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::office::Office;
use super::stories::Crowd;
use super::{adding, bitrix24, dynamics365, hipcall, hubspot, odoo, odoo_jsonrpc, pipedrive};
use super::{rest, rotating, salesforce, shipped, zoho};

/// Longer than a loaded machine takes to start.
const PATIENCE: Duration = Duration::from_secs(60);

pub type Opened = (Box<dyn Crowd>, Office);
type Open = fn() -> Opened;

/// All vendors, by their connectors' names; the last two are of an operator's own.
const VENDORS: [(&str, Open); 12] = [
    ("bitrix24", bitrix24::opened),
    ("dynamics365", dynamics365::opened),
    ("hipcall", hipcall::opened),
    ("hubspot", hubspot::opened),
    ("odoo", odoo::opened),
    ("odoo-jsonrpc", odoo_jsonrpc::opened),
    ("pipedrive", pipedrive::opened),
    ("rest", rest::opened),
    ("salesforce", salesforce::opened),
    ("zoho", zoho::opened),
    ("kervan", adding::opened),
    ("rotating", rotating::opened),
];

fn ringcard(desk: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringcard"));
    command
        .env_remove("NOTIFY_SOCKET")
        .env_remove("RINGCARD_CONFIG")
        .arg("--config")
        .arg(desk.join("ringcard.toml"));
    command
}

/// What the command prints; it must succeed.
fn said(desk: &Path, arguments: &[&str]) -> String {
    let output = ringcard(desk).args(arguments).output().unwrap();
    let [out, error] = [output.stdout, output.stderr].map(|t| String::from_utf8(t).unwrap());
    assert!(output.status.success(), "{arguments:?}: {out}{error}");
    out
}

/// A daemon that ends with the test.
struct Daemon(Child);

impl Daemon {
    /// Returns when it says that it is ready.
    fn start(desk: &Path) -> Daemon {
        let socket = desk.join("notify");
        let notifications = UnixDatagram::bind(&socket).unwrap();
        notifications.set_read_timeout(Some(PATIENCE)).unwrap();
        let log = fs::File::create(desk.join("log")).unwrap();
        let mut command = ringcard(desk);
        command.arg("run").env("NOTIFY_SOCKET", &socket);
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let daemon = Daemon(child);
        let mut message = [0; 4096];
        loop {
            let length = notifications.recv(&mut message).unwrap();
            if String::from_utf8_lossy(&message[..length]).contains("READY=1") {
                return daemon;
            }
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn source_test_shows_the_records_of_every_vendor() {
    for (vendor, open) in VENDORS {
        let (crm, office) = open();
        let told = said(office.path(), &["source", "test", office.source.name()]);
        assert!(
            told.contains("5 records, 5 of them can be used"),
            "{vendor}: {told}"
        );
        let first = crm.first();
        for shown in first.name.iter().chain(&first.numbers) {
            assert!(told.contains(shown.as_str()), "{vendor}, {shown}: {told}");
        }
        assert!(
            !office.path().join("state/replica").exists(),
            "{vendor}: nothing is kept"
        );
    }
}

#[test]
fn a_daemon_knows_the_contacts_of_every_vendor_and_their_changes() {
    for (vendor, open) in VENDORS {
        let (crm, office) = open();
        let (desk, source) = (office.path(), office.source.name());
        let _daemon = Daemon::start(desk);
        let synced = said(desk, &["sync", source]);
        assert!(synced.contains(" contacts with "), "{vendor}: {synced}");
        let first = crm.first();
        let told = said(desk, &["lookup", &first.numbers[0]]);
        assert!(
            told.contains(first.name.as_deref().unwrap()),
            "{vendor}: {told}"
        );
        crm.rename_first("Karagöz");
        let synced = said(desk, &["sync", source]);
        let told = said(desk, &["lookup", &first.numbers[0]]);
        assert!(told.contains("Karagöz"), "{vendor}: {synced}{told}");
        let log = fs::read_to_string(desk.join("log")).unwrap();
        assert!(!log.contains("Yılmaz") && !log.contains("Karagöz"), "{log}");
    }
}

/// Tryton's are read from the real one, in tests/erp.
#[test]
fn no_shipped_connector_is_left_out() {
    let mut missing = shipped::names();
    missing.retain(|name| name != "tryton" && VENDORS.iter().all(|(vendor, _)| name != vendor));
    assert_eq!(missing, Vec::<String>::new());
}
