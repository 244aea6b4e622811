//! The program as systemd runs it: signals, notifications, exit codes, and what survives `kill -9`.

use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ringcard::demo::hipcall::Request;
use ringcard::demo::panel::{Panel, Sent, fresh_uuid};
use tokio::process::{Child, Command};

use crate::office::{CUSTOMER, Office, PATIENCE, inbound, panel};

pub fn ringcard(config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringcard"));
    command
        .env_remove("NOTIFY_SOCKET")
        .env_remove("RINGCARD_CONFIG")
        .arg("--config")
        .arg(config);
    command.kill_on_drop(true);
    command
}

/// A daemon as a process, with systemd's side of the notifications.
pub struct Process {
    child: Child,
    notifications: tokio::net::UnixDatagram,
    panel: Panel,
}

impl Process {
    /// Started on a fixed port, and ready.
    pub async fn start(office: &Office) -> Process {
        let port = free_port();
        office.configure(|config| {
            let listen = config
                .lines()
                .find(|l| l.starts_with("listen"))
                .unwrap()
                .to_owned();
            config.replace(&listen, &format!("listen = \"127.0.0.1:{port}\""))
        });
        let socket = office.path("notify.sock");
        let _ = std::fs::remove_file(&socket);
        let notifications = UnixDatagram::bind(&socket).unwrap();
        // systemd's is open to every user too.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        std::fs::set_permissions(&socket, open).unwrap();
        notifications.set_nonblocking(true).unwrap();
        let notifications = tokio::net::UnixDatagram::from_std(notifications).unwrap();
        let child = ringcard(&office.made_up.config_path())
            .arg("run")
            .env("NOTIFY_SOCKET", &socket)
            .env("WATCHDOG_USEC", "300000")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        told(&notifications, "READY=1").await;
        let panel = panel(&office.made_up, &format!("localhost:{port}"));
        Process {
            child,
            notifications,
            panel,
        }
    }

    async fn told(&self, what: &str) -> String {
        told(&self.notifications, what).await
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().unwrap() as i32), signal).unwrap();
    }

    pub async fn call(&self, office: &Office) -> String {
        let call = fresh_uuid();
        office.hipcall.ring(&call);
        let sent = self.panel.send(&inbound(&call, Some(CUSTOMER))).await;
        assert!(
            matches!(sent, Sent::Answered { status: 200, .. }),
            "{sent:?}"
        );
        call
    }

    pub async fn killed(mut self) {
        self.child.kill().await.unwrap();
    }

    /// How it ended, with what it had to say.
    async fn ended(self) -> (std::process::ExitStatus, String) {
        let output = tokio::time::timeout(PATIENCE, self.child.wait_with_output());
        let output = output.await.unwrap().unwrap();
        (output.status, String::from_utf8(output.stderr).unwrap())
    }
}

/// Waits for a notification that holds `what`.
pub async fn told(notifications: &tokio::net::UnixDatagram, what: &str) -> String {
    let listen = async {
        loop {
            let mut message = [0; 4096];
            let length = notifications.recv(&mut message).await.unwrap();
            let text = String::from_utf8_lossy(&message[..length]).into_owned();
            if text.contains(what) {
                return text;
            }
        }
    };
    tokio::time::timeout(PATIENCE, listen)
        .await
        .unwrap_or_else(|_| panic!("{what} was not told"))
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// An office whose copy is there already.
async fn office() -> Office {
    let mut office = Office::open().await;
    office.stop().await;
    office
}

#[tokio::test]
async fn an_accepted_card_survives_kill_9_and_arrives_once() {
    let office = office().await;
    let process = Process::start(&office).await;
    office.hipcall.go_down().await;
    let calls = [process.call(&office).await, process.call(&office).await];
    process.killed().await;
    office.hipcall.come_up().await.unwrap();
    let process = Process::start(&office).await;
    for call in &calls {
        assert_eq!(office.card(call).await[1], "Ad: Ayşe Yılmaz");
    }
    // Told again, as a confused network might: the call is known, and nothing is sent.
    process
        .panel
        .send(&inbound(&calls[0], Some(CUSTOMER)))
        .await;
    process.signal(Signal::SIGTERM);
    assert!(process.ended().await.0.success());
    for call in &calls {
        assert_eq!(office.hipcall.cards(call).len(), 1);
    }
}

#[tokio::test]
async fn systemd_is_told_and_the_watchdog_fed() {
    let office = office().await;
    let process = Process::start(&office).await;
    process.told("WATCHDOG=1").await;
    assert!(process.told("STATUS=").await.contains("972 contacts"));
    process.signal(Signal::SIGHUP);
    assert!(
        process
            .told("RELOADING=1")
            .await
            .contains("MONOTONIC_USEC=")
    );
    process.told("READY=1").await;
    process.signal(Signal::SIGTERM);
    process.told("STOPPING=1").await;
    let (status, log) = process.ended().await;
    assert!(status.success(), "{log}");
    assert!(log.contains("stopped") && !log.contains("ERROR"), "{log}");
    assert!(!log.contains("drain-incomplete"), "{log}");
}

#[tokio::test]
async fn a_stop_while_hipcall_hangs_ends_in_time_and_keeps_the_card() {
    let office = office().await;
    let process = Process::start(&office).await;
    office
        .hipcall
        .script([ringcard::demo::hipcall::Fault::Hang]);
    let call = process.call(&office).await;
    process.signal(Signal::SIGTERM);
    let (status, log) = process.ended().await;
    assert!(status.success(), "{log}");
    let process = Process::start(&office).await;
    assert_eq!(office.card(&call).await.len(), 4);
    process.killed().await;
}

#[tokio::test]
async fn a_bad_configuration_ends_with_78_and_every_problem() {
    let office = office().await;
    office.configure(|config| {
        config
            .replace("locale = \"tr\"", "locale = \"xx\"")
            .replace("every = \"15m\"", "every = \"soon\"\nevrey = 1")
            .replace("region = \"TR\"", "region = \"Turkey\"")
            .replace("token = { file = \"token\" }", "token = \"SECRET-TOKEN\"")
    });
    let output = ringcard(&office.made_up.config_path())
        .arg("run")
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8(output.stderr).unwrap();
    for problem in [
        "has 5 problems",
        "locale = \"xx\": must be en, tr, de, fr or nl",
        "account.demo.region = \"Turkey\": must be a country code",
        "account.demo.token: a secret must not stand in the configuration",
        "source.crm.every = \"soon\": must be a duration such as \"15m\"",
        "source.crm.evrey: no such key",
    ] {
        assert!(said.contains(problem), "{problem} not in:\n{said}");
    }
    assert!(!said.contains("SECRET-TOKEN"), "{said}");
}

#[tokio::test]
async fn values_that_could_never_work_are_refused_where_they_stand() {
    let office = Office::closed().await;
    office.configure(|config| {
        config
            .replace("[webhook]", "[webhook]\nnames = [\"ş.example\"]")
            .replace("[\"Cep\", \"Telefon\"]", "[]")
            .replace("every =", "delimiter = \"|\"\nquote = \"|\"\nevery =")
            + "[card]\n[[card.row]]\ntype = \"titel\"\ntext = \"x\"\n\
               [[card.row]]\ntype = \"title\"\ntext = \"{{ contact.nmae }}\"\n"
    });
    let mut check = ringcard(&office.made_up.config_path());
    let output = check.arg("check").output().await.unwrap();
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8(output.stderr).unwrap();
    for problem in [
        "has 5 problems",
        "webhook.names = [\"ş.example\"]: must be host names",
        "source.crm.columns.numbers = []: is an empty list",
        "source.crm.quote = \"|\": must be another sign than the delimiter",
        "card.row.1.type = \"titel\": must be",
        "card.row.2.text = \"{{ contact.nmae }}\": names something that does not exist",
    ] {
        assert!(said.contains(problem), "{problem} not in:\n{said}");
    }
}

#[tokio::test]
async fn a_secret_written_into_the_configuration_is_not_repeated() {
    let office = Office::closed().await;
    let good = std::fs::read_to_string(office.made_up.config_path()).unwrap();
    for written in [
        "\"SECRET-0123456789\"",
        "[\"SECRET-0123456789\"]",
        "{ value = \"SECRET-0123456789\" }",
    ] {
        let line = format!("webhook-secrets = {written}");
        office
            .configure(|_| good.replace("webhook-secrets = { file = \"webhook-secrets\" }", &line));
        let mut check = ringcard(&office.made_up.config_path());
        let output = check.arg("check").output().await.unwrap();
        assert_eq!(output.status.code(), Some(78), "{written}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("account.demo.webhook-secrets"), "{said}");
        assert!(!said.contains("SECRET"), "{said}");
    }
}

#[tokio::test]
async fn logs_hold_neither_numbers_nor_names_nor_secrets() {
    let office = office().await;
    let port = free_port();
    office.configure(|c| c.replace("127.0.0.1:0", &format!("127.0.0.1:{port}")));
    office.hipcall.script([
        ringcard::demo::hipcall::Fault::Status(503),
        ringcard::demo::hipcall::Fault::Status(422),
    ]);
    let mut child = ringcard(&office.made_up.config_path())
        .args(["--verbose", "run"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let panel = panel(&office.made_up, &format!("localhost:{port}"));
    let call = fresh_uuid();
    office.hipcall.ring(&call);
    let answered = async {
        while !matches!(
            panel.send(&inbound(&call, Some(CUSTOMER))).await,
            Sent::Answered { .. }
        ) {
            panel.reactivate();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, answered).await.unwrap();
    let tries = |requests: Vec<Request>| {
        let cards = requests.iter().filter(|r| r.path.ends_with("/cards"));
        (cards.count(), requests.len())
    };
    while let (0..2, seen) = tries(office.hipcall.requests()) {
        assert!(office.hipcall.wait_for_requests(seen + 1, PATIENCE).await);
    }
    kill(Pid::from_raw(child.id().unwrap() as i32), Signal::SIGTERM).unwrap();
    let mut log = String::new();
    let mut stderr = child.stderr.take().unwrap();
    tokio::io::AsyncReadExt::read_to_string(&mut stderr, &mut log)
        .await
        .unwrap();
    assert!(child.wait().await.unwrap().success());
    assert!(
        log.contains("the number was looked up") && log.contains("card-parked"),
        "{log}"
    );
    let secret = &office.made_up.webhook_secret;
    for hidden in [
        "5325550101",
        "Ayşe",
        "Yılmaz",
        "4.250",
        &office.made_up.token,
        secret,
    ] {
        assert!(!log.contains(hidden), "{hidden} in:\n{log}");
    }
}

#[tokio::test]
async fn killed_at_any_moment_of_a_sync_it_starts_with_the_same_answers() {
    let office = office().await;
    let config = office.made_up.config_path();
    for i in 0..12 {
        let mut text = std::fs::read_to_string(office.path("contacts.csv")).unwrap();
        text.push_str(&format!("X{i};Kişi {i};;0533 555 77 {:02};;;;\r\n", i + 10));
        std::fs::write(office.path("contacts.csv"), text).unwrap();
        let mut child = ringcard(&config)
            .arg("sync")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let moment = Duration::from_millis(fastrand::u64(0..120));
        // Whether it has ended by then or not, it is gone afterwards.
        let _ = tokio::time::timeout(moment, child.wait()).await;
        let _ = child.kill().await;
        let status = child.wait().await.unwrap();
        assert!(status.success() || status.signal() == Some(9), "{status:?}");
        let lookup = ringcard(&config)
            .args(["lookup", CUSTOMER])
            .output()
            .await
            .unwrap();
        let said = String::from_utf8(lookup.stdout).unwrap();
        assert!(
            lookup.status.success() && said.contains("Ayşe Yılmaz"),
            "{moment:?}: {said}"
        );
    }
}

/// The configuration that the README shows, moved to where the office is.
fn sample(office: &Office) -> String {
    use toml::Value;
    let readme = include_str!("../../README.md");
    let block = readme.split("```toml\n").nth(1).unwrap();
    let block = block.split("```").next().unwrap();
    let mut sample: toml::Table = block.parse().unwrap();
    let here = |name: &str| Value::from(office.path(name).display().to_string());
    let secret =
        |name: &str| Value::Table(toml::Table::from_iter([("file".to_owned(), here(name))]));
    let tables: [(&str, &[(&str, Value)]); 4] = [
        (
            "webhook",
            &[("listen", format!("127.0.0.1:{}", free_port()).into())],
        ),
        // The stand-in's authority is none of the system's.
        ("hipcall", &[("ca-file", here("hipcall-ca.pem"))]),
        (
            "account",
            &[
                ("node", office.hipcall.node_url().into()),
                ("token", secret("token")),
                ("webhook-secrets", secret("webhook-secrets")),
            ],
        ),
        ("source", &[("path", here("contacts.csv"))]),
    ];
    for (name, values) in tables {
        let empty = || Value::Table(toml::Table::new());
        let table = match sample.entry(name).or_insert_with(empty) {
            Value::Array(list) => list[0].as_table_mut(),
            table => table.as_table_mut(),
        };
        let table = table.unwrap();
        for (key, value) in values {
            // What is put in its place must be there, but for what a sample need not have.
            let before = table.insert((*key).to_owned(), value.clone());
            assert!(before.is_some() || name == "hipcall", "{name}.{key}");
        }
    }
    for (key, place) in [("state-dir", "state"), ("runtime-dir", "run")] {
        sample.insert(key.to_owned(), here(place));
    }
    toml::to_string(&sample).unwrap()
}

#[tokio::test]
async fn the_sample_configuration_answers_the_recorded_events() {
    let office = Office::closed().await;
    let text = sample(&office);
    office.configure(|_| text);
    assert!(
        ringcard(&office.made_up.config_path())
            .arg("sync")
            .status()
            .await
            .unwrap()
            .success()
    );
    let process = Process::start(&office).await;
    for (event, name) in [
        (
            include_str!("../data/call_init.inbound.json"),
            "Ad: Ayşe Yılmaz",
        ),
        (
            include_str!("../data/call_init.outbound.json"),
            "Ad: Oliver Bennett",
        ),
    ] {
        let event: serde_json::Value = serde_json::from_str(event).unwrap();
        let call = event["data"]["uuid"].as_str().unwrap();
        office.hipcall.ring(call);
        let sent = process.panel.send(&event).await;
        assert!(
            matches!(sent, Sent::Answered { status: 200, .. }),
            "{sent:?}"
        );
        assert_eq!(office.card(call).await[1], name);
    }
    process.killed().await;
}

#[tokio::test]
async fn systemd_is_told_which_problems_keep_it_from_starting() {
    let office = office().await;
    office.configure(|config| {
        config
            .replace("locale = \"tr\"", "locale = \"xx\"\nodd = 1\neven = 2")
            .replace("every = \"15m\"", "every = \"soon\"")
    });
    let socket = office.path("notify.sock");
    let notifications = UnixDatagram::bind(&socket).unwrap();
    let mut run = ringcard(&office.made_up.config_path());
    let output = run.arg("run").env("NOTIFY_SOCKET", &socket).output().await;
    assert_eq!(output.unwrap().status.code(), Some(78));
    let mut message = [0; 4096];
    let length = notifications.recv(&mut message).unwrap();
    let told = String::from_utf8_lossy(&message[..length]).into_owned();
    for part in [
        "STATUS=not started: ",
        "locale = \"xx\": must be",
        "; and 1 more: sudo ringcard check",
    ] {
        assert!(told.contains(part), "{part} not in: {told}");
    }
    assert_eq!(told.trim_end().lines().count(), 1, "{told}");
}

#[tokio::test]
async fn who_does_not_read_what_it_is_told_holds_up_no_call_no_reload_and_no_stop() {
    let office = office().await;
    let process = Process::start(&office).await;
    let other = UnixDatagram::unbound().unwrap();
    other.set_nonblocking(true).unwrap();
    other.connect(office.path("notify.sock")).unwrap();
    while other.send(b"STATUS=of another\n").is_ok() {}
    office.configure(|config| config.replace("locale = \"tr\"", "locale = \"en\""));
    process.signal(Signal::SIGHUP);
    let taken_up = async {
        loop {
            let shown = office.run(&["card", CUSTOMER]).await.stdout;
            if String::from_utf8_lossy(&shown).contains("Customer") {
                return;
            }
        }
    };
    let taken_up = tokio::time::timeout(PATIENCE, taken_up).await;
    assert!(taken_up.is_ok(), "the reload did not come");
    let call = process.call(&office).await;
    assert_eq!(office.card(&call).await[0], "Customer");
    process.signal(Signal::SIGTERM);
    // Nothing else takes notifications out of the queue.
    let mut child = process.child;
    let ended = tokio::time::timeout(PATIENCE, child.wait()).await;
    assert!(ended.unwrap().unwrap().success());
}

#[tokio::test]
async fn a_box_that_is_not_set_up_runs_and_takes_its_first_account_with_a_reload() {
    let office = Office::closed().await;
    let whole = std::fs::read_to_string(office.made_up.config_path()).unwrap();
    let at = whole.find("[[account]]").unwrap();
    // What comes before the accounts and sources is enough to run.
    office.configure(|config| config[..at].to_owned());
    let check = office.run(&["check"]).await;
    assert_eq!(check.status.code(), Some(1));
    let said = String::from_utf8(check.stderr).unwrap();
    assert!(said.contains("not set up yet"), "{said}");

    let process = Process::start(&office).await;
    let waits = process.told("STATUS=").await;
    assert!(waits.contains("STATUS=not set up yet: run sudo ringcard setup"));
    process.told("WATCHDOG=1").await;
    let sent = process.panel.send(&inbound(&fresh_uuid(), None)).await;
    assert!(
        matches!(sent, Sent::Answered { status: 404, .. }),
        "{sent:?}"
    );
    let status = office.run(&["status"]).await;
    let shown = String::from_utf8(status.stdout).unwrap();
    assert!(shown.starts_with("NOT SET UP YET"), "{shown}");
    assert!(shown.contains("ALARM not-set-up, setup"), "{shown}");

    office.configure(|config| config + &whole[at..]);
    process.signal(Signal::SIGHUP);
    process.told("972 contacts").await;
    let call = process.call(&office).await;
    assert_eq!(office.card(&call).await.len(), 4);
    let status = office.run(&["status"]).await;
    let shown = String::from_utf8(status.stdout).unwrap();
    assert!(shown.starts_with("Ringcard "), "{shown}");
    assert!(shown.ends_with("alarms: none\n"), "{shown}");
    process.signal(Signal::SIGTERM);
    assert!(process.ended().await.0.success());
}

/// Nobody has files on this machine, or rights.
const NOBODY: u32 = 65534;

#[tokio::test]
async fn what_root_types_is_done_as_the_owner_of_the_state() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    if !nix::unistd::geteuid().is_root() {
        return; // Nobody else has rights to give up.
    }
    let office = Office::closed().await;
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&office.made_up.directory, open).unwrap();
    std::fs::create_dir(office.path("state")).unwrap();
    for entry in std::fs::read_dir(&office.made_up.directory).unwrap() {
        chown(entry.unwrap().path(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    chown(&office.made_up.directory, Some(NOBODY), Some(NOBODY)).unwrap();

    let process = Process::start(&office).await;
    let pid = process.child.id().unwrap();
    let rights = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let rights: Vec<&str> = rights.split_ascii_whitespace().collect();
    let nobody = NOBODY.to_string();
    for of in ["Uid:", "Gid:"] {
        let at = rights.iter().position(|word| *word == of).unwrap();
        assert_eq!(rights[at + 1..at + 5], [nobody.as_str(); 4], "{of}");
    }
    let at = rights.iter().position(|word| *word == "Groups:").unwrap();
    assert_eq!(rights[at + 1..at + 3], [nobody.as_str(), "NStgid:"]);
    process.told("972 contacts").await;
    for made in ["state/outbox.redb", "state/replica/crm", "run/control.sock"] {
        let owner = std::fs::metadata(office.path(made)).unwrap();
        assert_eq!((owner.uid(), owner.gid()), (NOBODY, NOBODY), "{made}");
    }
    let status = office.run(&["status"]).await;
    assert!(status.status.success());
    process.killed().await;
    // Without the daemon a command writes by itself.
    assert!(office.run(&["sync"]).await.status.success());
    let copies = std::fs::read_dir(office.path("state/replica/crm")).unwrap();
    for copy in copies {
        assert_eq!(copy.unwrap().metadata().unwrap().uid(), NOBODY);
    }
    // What only root may read the service can't: better told here than at its next start.
    chown(office.path("token"), Some(0), Some(0)).unwrap();
    let check = office.run(&["check"]).await;
    assert_eq!(check.status.code(), Some(78));
    let said = String::from_utf8(check.stderr).unwrap();
    assert!(said.contains("can't be read: Permission denied"), "{said}");
}
