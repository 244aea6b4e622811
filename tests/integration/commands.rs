//! What the commands print, with a daemon and without.

use std::process::Output;

use crate::office::{CUSTOMER, Office};

pub async fn run(office: &Office, arguments: &[&str]) -> Output {
    office.run(arguments).await
}

pub async fn said(office: &Office, arguments: &[&str]) -> String {
    let output = run(office, arguments).await;
    let (out, error) = (output.stdout, output.stderr);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&error)
    );
    String::from_utf8(out).unwrap()
}

#[tokio::test]
async fn lookup_and_card_answer_alike_with_and_without_a_daemon() {
    let mut office = Office::open().await;
    for _ in 0..2 {
        let told = said(&office, &["lookup", "0532 555 01 01"]).await;
        for expected in [
            "+905325550101",
            "exact 1",
            "the same number",
            "crm",
            "120.01.0001",
            "Ayşe Yılmaz",
        ] {
            assert!(told.contains(expected), "{expected} not in:\n{told}");
        }
        let card: serde_json::Value =
            serde_json::from_str(&said(&office, &["card", CUSTOMER, "--json"]).await).unwrap();
        assert_eq!(card[1]["text"], "Ayşe Yılmaz");
        let nobody = run(&office, &["lookup", "+905325559999"]).await;
        assert_eq!(nobody.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&nobody.stdout).contains("no contact has this number"));
        let withheld = run(&office, &["card", "anonymous"]).await;
        assert_eq!(withheld.status.code(), Some(1));
        if office.path("run/control.sock").exists() {
            office.stop().await;
            std::fs::remove_file(office.path("run/control.sock")).unwrap();
        }
    }
    assert!(
        office.hipcall.requests().iter().all(|r| r.method == "HEAD"),
        "nothing was sent"
    );
}

#[tokio::test]
async fn status_shows_everything_at_a_glance() {
    let office = Office::open().await;
    let call = office.call(CUSTOMER).await;
    office.card(&call).await;
    office.settled().await;
    let told = said(&office, &["status"]).await;
    for expected in [
        "Ringcard 0.1.0",
        "certificate SHA-256",
        "demo",
        "crm",
        "972",
        "28: ",
        "alarms: none",
    ] {
        assert!(told.contains(expected), "{expected} not in:\n{told}");
    }
    let status: serde_json::Value =
        serde_json::from_str(&said(&office, &["status", "--json"]).await).unwrap();
    assert_eq!(status["accounts"]["demo"]["delivered"], 1);
    assert!(status["accounts"]["demo"]["last_card_ms"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn metrics_say_what_was_counted_and_that_nobody_answers() {
    let mut office = Office::open().await;
    let call = office.call(CUSTOMER).await;
    office.card(&call).await;
    office.settled().await;
    let told = said(&office, &["metrics"]).await;
    for expected in [
        "ringcard_up 1\n",
        "ringcard_webhook_events_total{event=\"call_init\"} 1\n",
        "ringcard_cards_delivered_total{account=\"demo\"} 1\n",
        "ringcard_source_records{source=\"crm\"} 972\n",
    ] {
        assert!(told.contains(expected), "{expected} not in:\n{told}");
    }
    for private in [
        "905325550101",
        "Yılmaz",
        "120.01.0001",
        office.made_up.token.as_str(),
    ] {
        assert!(!told.contains(private), "{private} in:\n{told}");
    }
    office.stop().await;
    let gone = run(&office, &["metrics"]).await;
    assert_eq!(gone.status.code(), Some(1));
    let told = String::from_utf8(gone.stdout).unwrap();
    assert!(told.ends_with("\nringcard_up 0\n"), "{told}");
}

#[tokio::test]
async fn a_daemon_that_does_not_run_is_said_plainly() {
    let office = Office::closed().await;
    for arguments in [&["status"] as &[&str], &["outbox", "list"]] {
        let output = run(&office, arguments).await;
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            error.starts_with("ringcard: no Ringcard runs here"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn sync_without_a_daemon_publishes_and_a_dry_run_does_not() {
    let office = Office::closed().await;
    let told = said(&office, &["sync", "--dry-run"]).await;
    assert!(
        told.contains("972 contacts with 1028 numbers would be published (dry run)"),
        "{told}"
    );
    assert!(told.contains("1000 rows read, 28 rejected"), "{told}");
    assert!(
        !office
            .path("state")
            .join("replica/crm/000001.redb")
            .exists()
    );
    let told = said(&office, &["sync", "crm"]).await;
    assert!(
        told.contains("972 contacts with 1028 numbers published"),
        "{told}"
    );
    assert!(
        said(&office, &["lookup", CUSTOMER])
            .await
            .contains("Ayşe Yılmaz")
    );
    let unknown = run(&office, &["sync", "nope"]).await;
    assert!(
        String::from_utf8_lossy(&unknown.stderr)
            .contains("there is no source nope; there are: crm")
    );
}

#[tokio::test]
async fn check_tells_what_can_be_known_before_starting() {
    let office = Office::closed().await;
    let told = said(&office, &["check"]).await;
    for expected in [
        "no problems",
        "token and 1 webhook secret can be read",
        "a self-signed one is made",
        "972 contacts",
    ] {
        assert!(told.contains(expected), "{expected} not in:\n{told}");
    }
    assert!(!office.path("state").exists(), "nothing was made");

    use std::os::unix::fs::PermissionsExt;
    let token = office.path("token");
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).unwrap();
    let output = run(&office, &["check"]).await;
    assert_eq!(output.status.code(), Some(78));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("has mode 0644") && error.contains("chmod 0600"),
        "{error}"
    );

    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::remove_file(office.path("contacts.csv")).unwrap();
    let output = run(&office, &["check"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("contacts.csv does not exist"));
}

#[tokio::test]
async fn a_sync_of_all_says_what_failed_and_what_was_read_all_the_same() {
    let mut office = Office::open().await;
    office.configure(|config| {
        format!(
            "{config}\n[[source]]\nname = \"list\"\ntype = \"csv\"\npath = \"gone.csv\"\n\
             [source.columns]\nname = \"Name\"\nnumbers = \"Phone\"\n"
        )
    });
    office.reload().await;
    for _ in 0..2 {
        let output = run(&office, &["sync"]).await;
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            told.contains("list: ") && told.contains("gone.csv does not exist"),
            "{told}"
        );
        assert!(told.ends_with("\nread all the same: crm\n"), "{told}");
        if office.path("run/control.sock").exists() {
            office.stop().await;
            let _ = std::fs::remove_file(office.path("run/control.sock"));
        }
    }
}

#[tokio::test]
async fn the_outbox_can_be_seen_and_mended_from_the_shell() {
    let office = Office::open().await;
    office
        .hipcall
        .script([ringcard::demo::hipcall::Fault::Status(422)]);
    let call = office.call(CUSTOMER).await;
    office.until(|s| s.outbox.parked == 1).await;
    let list = said(&office, &["outbox", "list"]).await;
    assert!(
        list.contains(&call) && list.contains("parked") && list.contains("422"),
        "{list}"
    );
    assert!(
        said(&office, &["outbox", "show", &call])
            .await
            .contains("Ayşe Yılmaz")
    );
    assert!(
        said(&office, &["outbox", "retry", "--all"])
            .await
            .contains("1 parked cards")
    );
    assert_eq!(office.card(&call).await.len(), 4);
    office.settled().await;
    assert!(
        said(&office, &["outbox", "list"])
            .await
            .contains("nothing waits")
    );
    assert!(
        said(&office, &["outbox", "list", "--all"])
            .await
            .contains("settled")
    );
    let gone = run(&office, &["outbox", "drop", "no-such-call"]).await;
    assert!(String::from_utf8_lossy(&gone.stderr).contains("no card of call no-such-call"));
}

#[tokio::test]
async fn the_demo_shows_three_cards_and_two_reasons() {
    let office = Office::closed().await;
    let told = said(&office, &["demo", "--once"]).await;
    for expected in [
        "972 contacts with 1028 numbers published",
        "1000 rows read, 28 rejected",
        "Ayşe Yılmaz",
        "₺4.250,00",
        "Oliver Bennett",
        "£1.180,50",
        "Çağrı Öztürk",
        "no card: no contact has this number",
        "no card: the number is withheld",
    ] {
        assert!(told.contains(expected), "{expected} not in:\n{told}");
    }
}

#[tokio::test]
async fn completions_and_man_pages_come_from_the_commands() {
    let office = Office::closed().await;
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            said(&office, &["completions", shell])
                .await
                .contains("ringcard")
        );
    }
    let directory = office.path("man");
    said(&office, &["man", directory.to_str().unwrap()]).await;
    for page in ["ringcard.1", "ringcard-run.1", "ringcard-outbox-retry.1"] {
        assert!(directory.join(page).exists(), "{page}");
    }
}
