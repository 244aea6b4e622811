//! What `ringcard doctor` says of an office that is well, and of one with each fault; and what leaves the office in a
//! support bundle.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use ringcard::demo::identity::{Authority, Identity};
use serde_json::Value;

use crate::office::{CUSTOMER, Office};

struct Told {
    code: i32,
    json: Value,
}

impl Told {
    /// The findings of one check, as `state: what (advice)`.
    fn of(&self, check: &str) -> Vec<String> {
        let findings = self.json["findings"].as_array().unwrap().iter();
        let findings = findings.filter(|f| f["check"] == check);
        let text = |f: &Value, key: &str| f[key].as_str().unwrap_or_default().to_owned();
        findings
            .map(|f| {
                format!(
                    "{}: {} {} ({})",
                    text(f, "state"),
                    text(f, "subject"),
                    text(f, "what"),
                    text(f, "advice")
                )
            })
            .collect()
    }

    #[track_caller]
    fn says(&self, check: &str, state: &str, what: &str) {
        let found = self.of(check);
        let is_said = |f: &String| f.starts_with(state) && f.contains(what);
        assert!(found.iter().any(is_said), "{check}: {found:#?}");
    }
}

async fn doctor(office: &Office) -> Told {
    let output = office.run(&["doctor", "--json"]).await;
    let json = serde_json::from_slice(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    Told {
        code: output.status.code().unwrap(),
        json: json.unwrap_or_else(|e| panic!("{e}: {error}")),
    }
}

/// What of a test's box is not the office's doing.
const OF_THE_BOX: [&str; 9] = [
    "unit", "socket", "journal", "kernel", "space", "inodes", "storage", "memory", "voltage",
];

#[tokio::test]
async fn an_office_that_is_well_is_told_so() {
    let office = Office::open().await;
    let told = doctor(&office).await;
    for finding in told.json["findings"].as_array().unwrap() {
        let check = finding["check"].as_str().unwrap();
        let state = finding["state"].as_str().unwrap();
        let is_fine = state == "ok" || state == "skip";
        assert!(is_fine || OF_THE_BOX.contains(&check), "{finding}");
    }
    told.says("dns", "ok", "https://127.0.0.1");
    told.says("tls", "ok", "issued by CN=Ringcard demo authority");
    told.says("token", "ok", "account demo");
    told.says("plan", "ok", "API and webhooks");
    told.says("clock", "ok", "from Hipcall's");
    told.says("certificate", "ok", "good until 2049-12-31");
    told.says("door", "ok", "Ringcard is here");
    told.says("source", "ok", "crm");
    told.says("alarm", "ok", "none");
    let text = String::from_utf8(office.run(&["doctor"]).await.stdout).unwrap();
    for private in [&office.made_up.token, &office.made_up.webhook_secret] {
        assert!(!text.contains(private.as_str()));
        assert!(!told.json.to_string().contains(private.as_str()));
    }
    assert!(text.contains("  ok    door "), "{text}");
    assert_eq!(told.json["result"] == "fail", told.code == 1);
}

#[tokio::test]
async fn a_stopped_daemon_and_a_refused_token_are_told() {
    let office = Office::closed().await;
    office.write_token("SFMyNTY.other");
    let told = doctor(&office).await;
    assert_eq!(told.code, 1);
    told.says("daemon", "fail", "no Ringcard runs here");
    told.says("door", "skip", "does not run");
    told.says("token", "fail", "401");
    told.says("token", "fail", "other node");
    told.says("certificate", "ok", "is made at the first start");
    assert!(!office.path("state").exists(), "nothing was made");
}

#[tokio::test]
async fn each_step_of_the_way_to_hipcall_is_told_by_itself() {
    let office = Office::closed().await;
    let node = office.hipcall.node_url();
    let at = |to: &str| {
        let (node, to) = (node.clone(), to.to_owned());
        move |config: String| config.replace(&node, &to)
    };
    office.configure(at("https://node.invalid"));
    let told = doctor(&office).await;
    told.says("dns", "fail", "node.invalid has no address");
    told.says("token", "skip", "not reached");
    assert!(told.of("route").is_empty());

    let shut = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = shut.local_addr().unwrap().port();
    drop(shut);
    let nobody = format!("https://localhost:{port}");
    office.configure(|config| config.replace("https://node.invalid", &nobody));
    let told = doctor(&office).await;
    told.says("dns", "ok", "address");
    told.says("route", "fail", "no connection");

    office.configure(|config| config.replace(&nobody, &node));
    let ca_file = office.path("hipcall-ca.pem");
    let right = std::fs::read(&ca_file).unwrap();
    std::fs::write(&ca_file, Identity::generate().unwrap().ca_pem).unwrap();
    let told = doctor(&office).await;
    told.says("route", "ok", "answers");
    told.says("tls", "fail", "not trusted");
    told.says("tls", "fail", "issued by CN=Ringcard demo authority");
    std::fs::write(&ca_file, right).unwrap();

    let authority = Authority::generate().unwrap();
    let old = authority.identity(1990..1991).unwrap();
    std::fs::write(&ca_file, &old.ca_pem).unwrap();
    office.hipcall.present(&old).unwrap();
    let told = doctor(&office).await;
    told.says("tls", "fail", "not valid at this box's time (issued by");
}

#[tokio::test]
async fn our_own_certificate_is_judged() {
    let office = Office::closed().await;
    let authority = Authority::generate().unwrap();
    let put = |identity: &Identity, key: &Identity| {
        std::fs::write(office.path("tls.crt"), &identity.cert_pem).unwrap();
        std::fs::write(office.path("tls.key"), &key.key_pem).unwrap();
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(office.path("tls.key"), private).unwrap();
    };
    office.configure(|config| {
        let pair = "[webhook]\ncertificate = \"tls.crt\"\nkey = \"tls.key\"\n";
        config.replace("[webhook]\n", pair)
    });
    let [old, new] = [1990..1991, 2000..2080].map(|years| authority.identity(years).unwrap());
    put(&old, &old);
    doctor(&office)
        .await
        .says("certificate", "fail", "has run out");
    put(&new, &old);
    doctor(&office)
        .await
        .says("certificate", "fail", "does not fit");
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(office.path("tls.key"), open).unwrap();
    doctor(&office).await.says("files", "fail", "mode 0644");
    put(&new, &new);
    let check = String::from_utf8(office.run(&["check"]).await.stdout).unwrap();
    assert!(check.contains("good until 2080-01-01"), "{check}");
}

#[tokio::test]
async fn files_and_sources_and_problems_are_told_and_the_rest_goes_on() {
    let office = Office::closed().await;
    std::fs::remove_file(office.path("contacts.csv")).unwrap();
    let told = doctor(&office).await;
    told.says("source", "fail", "does not exist");
    told.says("files", "fail", "contacts.csv");

    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(office.path("webhook-secrets"), open).unwrap();
    office.configure(|config| config + "colour = \"blue\"\n");
    let told = doctor(&office).await;
    told.says("configuration", "fail", "chmod 0600");
    told.says("configuration", "fail", "colour");
    told.says("files", "fail", "webhook-secrets");
    told.says("dns", "ok", "https://127.0.0.1");
    told.says("tls", "ok", "demo authority");

    std::fs::remove_file(office.made_up.config_path()).unwrap();
    let told = doctor(&office).await;
    assert_eq!(told.code, 1);
    told.says("configuration", "fail", "can't be read");
}

#[tokio::test]
async fn a_token_near_its_end_is_a_warning_that_only_strictness_counts() {
    let office = Office::open().await;
    let soon = jiff::Zoned::now().date().tomorrow().unwrap();
    office.configure(|config| {
        let dated = format!("region = \"TR\"\ntoken-expires = \"{soon}\"");
        config.replace("region = \"TR\"", &dated)
    });
    let told = doctor(&office).await;
    told.says("expiry", "warn", "expires tomorrow");
    let strict = office.run(&["doctor", "--strict"]).await;
    assert_eq!(strict.status.code(), Some(1));
}

#[tokio::test]
async fn nothing_of_anybody_is_in_the_bundle() {
    let office = Office::open().await;
    office.call(CUSTOMER).await;
    office.settled().await;
    office.configure(|config| {
        let named = format!("# Ayşe Yılmaz, {CUSTOMER}: 0532 555 01 01\n{config}");
        named.replace("name = \"crm\"", "name = \"crm\" # call Mehmet")
    });
    let file = office.path("bundle.zip");
    let name = file.to_str().unwrap();
    let output = office.run(&["support-bundle", name]).await;
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && said.contains("Read it before you mail it"),
        "{said}"
    );
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let mut archive = zip::ZipArchive::new(std::fs::File::open(&file).unwrap()).unwrap();
    let mut all = String::new();
    for at in 0..archive.len() {
        archive
            .by_index(at)
            .unwrap()
            .read_to_string(&mut all)
            .unwrap();
    }
    for there in ["ringcard_up 1", "[[source]]", "outbox.redb", "972"] {
        assert!(all.contains(there), "{there} is not in it");
    }
    let key = std::fs::read_to_string(office.path("state/self-signed.key")).unwrap();
    let key = key.lines().nth(1).unwrap().to_owned();
    let (token, secret) = (
        office.made_up.token.clone(),
        office.made_up.webhook_secret.clone(),
    );
    for private in [token, secret, key, "Mehmet".into()] {
        assert!(!all.contains(&private), "{private}");
    }
    for row in std::fs::read_to_string(office.path("contacts.csv"))
        .unwrap()
        .lines()
        .skip(1)
    {
        let cells: Vec<&str> = row.split(';').collect();
        for cell in [cells[0], cells[1], cells[2], cells[3], cells[4]] {
            assert!(cell.chars().count() < 4 || !all.contains(cell), "{cell}");
            let digits: String = cell.chars().filter(char::is_ascii_digit).collect();
            assert!(digits.len() < 7 || !all.contains(&digits), "{digits}");
        }
    }
    let again = office.run(&["support-bundle", name]).await;
    assert_eq!(again.status.code(), Some(1));
}
