//! A good service: reload whole or not at all, certificates and secrets replaced without a gap, one daemon
//! to a state directory.

use ringcard::config::Config;
use ringcard::daemon::{Daemon, StartError};
use ringcard::demo::panel::{Panel, Sent, fresh_uuid};
use ringcard::webhook::Identity;

use crate::office::{CUSTOMER, Office, PATIENCE, inbound};

#[tokio::test]
async fn a_secret_can_be_replaced_without_a_gap() {
    let office = Office::open().await;
    let old = office.made_up.webhook_secret.clone();
    let new = "a-new-secret-of-sufficient-length";
    let panel = |secret: &str| {
        let url = format!("https://{}/hooks/{secret}", office.address());
        Panel::new(&url, &office.certificate()).unwrap()
    };
    let status = async |secret: &str| match panel(secret).send(&inbound(&fresh_uuid(), None)).await
    {
        Sent::Answered { status, .. } => status,
        other => panic!("{other:?}"),
    };
    assert_eq!(status(new).await, 404);
    std::fs::write(office.path("webhook-secrets"), format!("{new}\n{old}\n")).unwrap();
    office.reload().await;
    assert_eq!((status(old.as_str()).await, status(new).await), (200, 200));
    std::fs::write(office.path("webhook-secrets"), format!("{new}\n")).unwrap();
    office.reload().await;
    assert_eq!((status(old.as_str()).await, status(new).await), (404, 200));
}

#[tokio::test]
async fn a_reload_opens_its_connections_before_a_call_needs_them() {
    let office = Office::open().await;
    let warmed = || {
        let requests = office.hipcall.requests();
        requests.iter().filter(|r| r.method == "HEAD").count()
    };
    assert!(office.hipcall.wait_for_requests(1, PATIENCE).await);
    let before = warmed();
    office.reload().await;
    let next = office.hipcall.requests().len() + 1;
    if warmed() == before {
        assert!(office.hipcall.wait_for_requests(next, PATIENCE).await);
    }
    assert_eq!(warmed(), before + 1);
}

#[tokio::test]
async fn a_card_that_waits_is_sent_with_the_new_token() {
    let mut office = Office::closed().await;
    let right = office.made_up.token.clone();
    std::fs::write(office.path("token"), "expired-token").unwrap();
    office.start().await;
    office.hipcall.go_down().await;
    let call = office.call(CUSTOMER).await;
    std::fs::write(office.path("token"), right).unwrap();
    office.reload().await;
    office.hipcall.come_up().await.unwrap();
    assert_eq!(office.card(&call).await.len(), 4);
}

#[tokio::test]
async fn a_bad_configuration_keeps_the_old_one_in_use() {
    let office = Office::open().await;
    let good = std::fs::read_to_string(office.made_up.config_path()).unwrap();
    office.configure(|_| "locale = \"xx\"\n".into());
    office.reload().await;
    let call = office.call(CUSTOMER).await;
    assert_eq!(office.card(&call).await[0], "Müşteri");
    office.configure(|_| good.replace("locale = \"tr\"", "locale = \"en\""));
    office.reload().await;
    let call = office.call(CUSTOMER).await;
    assert_eq!(office.card(&call).await[0], "Customer");
    assert_eq!(
        office.timeless_card(&call).await[3],
        "Balance: TRY\u{a0}4,250.00 debit"
    );
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_the_next_connection() {
    let office = Office::open().await;
    let other = tempfile::tempdir().unwrap();
    let names = vec!["localhost".to_owned()];
    let new = Identity::self_signed(other.path(), names).unwrap();
    let certificate = office.made_up.daemon_certificate();
    let old = office.status().webhook.certificate_fingerprint.unwrap();

    std::fs::copy(&new.files().certificate, &certificate).unwrap();
    office.reload().await;
    assert_eq!(
        office.status().webhook.certificate_fingerprint,
        Some(old.clone())
    );
    assert!(
        office
            .alarm("certificate")
            .unwrap()
            .contains("does not fit")
    );

    std::fs::copy(&new.files().key, certificate.with_extension("key")).unwrap();
    office.reload().await;
    assert_eq!(
        office.status().webhook.certificate_fingerprint,
        Some(new.fingerprint())
    );
    assert_eq!(office.alarm("certificate"), None);
    let panel = crate::office::panel(&office.made_up, office.address());
    let sent = panel.send(&inbound(&fresh_uuid(), None)).await;
    assert!(
        matches!(sent, Sent::Answered { status: 200, .. }),
        "{sent:?}"
    );
}

#[tokio::test]
async fn a_certificate_renewed_by_another_program_is_noticed() {
    let office = Office::open().await;
    let other = tempfile::tempdir().unwrap();
    let new = Identity::self_signed(other.path(), vec!["localhost".to_owned()]).unwrap();
    let certificate = office.made_up.daemon_certificate();
    std::fs::copy(&new.files().key, certificate.with_extension("key")).unwrap();
    std::fs::copy(&new.files().certificate, &certificate).unwrap();
    let fingerprint = Some(new.fingerprint());
    office
        .until(|s| s.webhook.certificate_fingerprint == fingerprint)
        .await;
}

#[tokio::test]
async fn a_hipcall_out_of_reach_is_an_alarm_until_it_is_back() {
    let mut office = Office::closed().await;
    office.hipcall.go_down().await;
    office.start().await;
    let subject = format!("node {}", office.hipcall.node_url());
    office
        .until(|s| s.alarms.iter().any(|a| a.subject == subject))
        .await;
    office.hipcall.come_up().await.unwrap();
    let call = office.call(CUSTOMER).await;
    assert_eq!(office.card(&call).await.len(), 4);
    office.until(|s| s.alarms.is_empty()).await;
}

#[tokio::test]
async fn two_daemons_never_work_in_one_state_directory() {
    let office = Office::open().await;
    let config = Config::load(&office.made_up.config_path()).unwrap();
    let second = Daemon::start(config, None).await.err().unwrap();
    assert!(matches!(second, StartError::Lock(_)), "{second}");
    let call = office.call(CUSTOMER).await;
    assert_eq!(office.card(&call).await.len(), 4);
}

#[tokio::test]
async fn the_state_directory_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let office = Office::open().await;
    let mode = |name: &str| {
        std::fs::metadata(office.path(name))
            .unwrap()
            .permissions()
            .mode()
    };
    assert_eq!(mode("state") & 0o777, 0o700);
    assert_eq!(mode("run/control.sock") & 0o777, 0o660);
}

#[tokio::test]
async fn a_state_directory_that_others_may_enter_holds_nothing_that_they_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let mut office = Office::closed().await;
    std::fs::create_dir(office.path("state")).unwrap();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(office.path("state"), open).unwrap();
    office.start().await;
    for name in ["outbox.redb", "replica", "replica/crm/000001.redb"] {
        let path = office.path("state").join(name);
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o007, 0, "{name}: {mode:o}");
    }
}

#[tokio::test]
async fn several_accounts_are_told_apart_by_their_secret() {
    let mut office = Office::closed().await;
    let other = crate::office::Office::closed().await;
    let secret = "the-secret-of-the-second-account";
    for (name, text, mode) in [
        ("second-token", other.made_up.token.as_str(), 0o600),
        ("second-secrets", secret, 0o600),
    ] {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(office.path(name), text).unwrap();
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(office.path(name), permissions).unwrap();
    }
    // One authority for both stand-ins: each made its own.
    let both = office.made_up.identity.ca_pem.clone() + &other.made_up.identity.ca_pem;
    std::fs::write(office.path("hipcall-ca.pem"), both).unwrap();
    let node = other.hipcall.node_url();
    office.configure(|config| {
        format!(
            "{config}\n[[account]]\nname = \"second\"\nnode = \"{node}\"\nregion = \"GB\"\n\
             token = {{ file = \"second-token\" }}\nwebhook-secrets = {{ file = \"second-secrets\" }}\n"
        )
    });
    office.start().await;
    let url = format!("https://{}/hooks/{secret}", office.address());
    let panel = Panel::new(&url, &office.certificate()).unwrap();
    let call = fresh_uuid();
    other.hipcall.ring(&call);
    // In the second account's country this is the British contact's number.
    let sent = panel.send(&inbound(&call, Some("020 4520 5757"))).await;
    assert!(matches!(sent, Sent::Answered { status: 200, .. }));
    assert_eq!(other.card(&call).await[1], "Ad: Oliver Bennett");
    assert!(office.hipcall.cards(&call).is_empty());
}
