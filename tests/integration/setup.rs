//! `ringcard setup` as it is typed, and what runs by what it wrote.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ringcard::demo::hipcall::{Plan, RATE_LIMIT, StandIn, StandInSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

use crate::office::{Office, PATIENCE};
use crate::process::{Process, free_port, ringcard};

/// A box on which nothing is set up yet: the export is there, and Hipcall.
struct Box {
    office: Office,
    port: String,
}

struct Said {
    code: Option<i32>,
    text: String,
}

impl Said {
    #[track_caller]
    fn has(&self, all: &[&str]) -> &Said {
        for words in all {
            assert!(self.text.contains(words), "{words} not in:\n{}", self.text);
        }
        self
    }

    #[track_caller]
    fn ends(&self, code: i32) -> &Said {
        assert_eq!(self.code, Some(code), "{}", self.text);
        self
    }
}

impl Box {
    async fn new() -> Box {
        let office = Office::closed().await;
        fs::remove_file(office.made_up.config_path()).unwrap();
        Box {
            office,
            port: free_port().to_string(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.office.path(name)
    }

    fn token(&self) -> &str {
        &self.office.made_up.token
    }

    fn config(&self) -> String {
        fs::read_to_string(self.office.made_up.config_path()).unwrap()
    }

    fn command(&self, options: &[&str]) -> Command {
        let mut command = ringcard(&self.office.made_up.config_path());
        let node = self.office.hipcall.node_url();
        let ca_file = self.path("hipcall-ca.pem");
        command.arg("setup").arg("--ca-file").arg(ca_file);
        command.current_dir(self.path(""));
        if !options.contains(&"--nodes") {
            command.args(["--nodes", &node]);
        }
        command.args(options);
        command
    }

    /// Runs it with these lines as its input.
    async fn setup(&self, options: &[&str], lines: &[&str]) -> Said {
        let mut command = self.command(options);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        // It may end before it has read them all.
        let _ = input
            .write_all(format!("{}\n", lines.join("\n")).as_bytes())
            .await;
        drop(input);
        let output = timeout(PATIENCE, child.wait_with_output())
            .await
            .unwrap()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert!(!text.contains(self.token()), "the token is in:\n{text}");
        Said {
            code: output.status.code(),
            text,
        }
    }

    /// The answers of somebody who has it all at hand.
    fn answers(&self) -> Vec<&str> {
        vec![
            "1",
            self.token(),
            "",
            "",
            "contacts.csv",
            "",
            "",
            "branch.example",
            "",
            &self.port,
            "",
        ]
    }

    fn options(&self) -> Vec<String> {
        let text = |path: PathBuf| path.display().to_string();
        let (token, contacts) = (text(self.path("token")), text(self.path("contacts.csv")));
        let options = [
            "--yes",
            "--token-file",
            &token,
            "--csv",
            &contacts,
            "--host",
            "branch.example",
        ];
        let options = options.into_iter().chain(["--port", &self.port]);
        options.map(str::to_owned).collect()
    }

    async fn by_options(&self, more: &[&str]) -> Said {
        let options = self.options();
        let options: Vec<&str> = options
            .iter()
            .map(String::as_str)
            .chain(more.iter().copied())
            .collect();
        self.setup(&options, &[]).await
    }

    fn copies(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path(""))
            .unwrap()
            .map(|e| e.unwrap().path());
        let is_copy = |p: &PathBuf| p.display().to_string().contains("before-setup");
        entries.filter(is_copy).collect()
    }

    fn has_leftovers(&self) -> bool {
        let entries = fs::read_dir(self.path("")).unwrap();
        let mut names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
        names.any(|name| name.starts_with(".ringcard"))
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn six_answers_are_enough_for_a_card() {
    let mut there = Box::new().await;
    let said = there.setup(&[], &there.answers()).await;
    said.ends(0).has(&[
        "takes it.",
        "Country, two letters [TR]: ",
        "(en, tr, de, fr, nl) [tr]: ",
        "numbers   Cep, Telefon",
        "decimal   ,   (as in 1.250,00)",
        "Ayşe Yılmaz     Yılmaz Mobilya Ltd. Şti.         +905325550101",
        "₺4.250,00",
        "call_init and call_hangup",
    ]);
    let secret = fs::read_to_string(there.path("secrets/office.webhook")).unwrap();
    let secret = secret.trim().to_owned();
    assert!(
        secret.len() == 48 && secret.bytes().all(|b| b.is_ascii_hexdigit()),
        "{secret}"
    );
    said.has(&[&format!(
        "https://branch.example:{}/hooks/{secret}",
        there.port
    )]);
    let modes = [
        "secrets",
        "secrets/office.token",
        "secrets/office.webhook",
        "ringcard.toml",
    ];
    assert_eq!(
        modes.map(|name| mode(&there.path(name))),
        [0o700, 0o600, 0o600, 0o644]
    );
    assert!(there.copies().is_empty() && !there.has_leftovers());
    there.office.made_up.webhook_secret = secret;
    let check = ringcard(&there.office.made_up.config_path())
        .arg("check")
        .output()
        .await
        .unwrap();
    assert!(check.status.success(), "{check:?}");
    let synced = ringcard(&there.office.made_up.config_path())
        .arg("sync")
        .status()
        .await
        .unwrap();
    assert!(synced.success());
    let process = Process::start(&there.office).await;
    let call = process.call(&there.office).await;
    assert_eq!(there.office.card(&call).await[1], "Ad: Ayşe Yılmaz");
    process.killed().await;
}

#[tokio::test]
async fn options_answer_as_well_and_nothing_else_is_asked() {
    let there = Box::new().await;
    there.by_options(&[]).await.ends(0);
    let by_options = there.config();
    fs::remove_file(there.office.made_up.config_path()).unwrap();
    there.setup(&[], &there.answers()).await.ends(0);
    assert_eq!(there.config(), by_options);
    let other = Box::new().await;
    let said = other.setup(&["--yes"], &[]).await;
    said.ends(1)
        .has(&["no answer was given to \"Token\" (option --token-file)"]);
    assert!(!other.path("ringcard.toml").exists() && !other.path("secrets").exists());
}

#[tokio::test]
async fn a_wrong_token_is_told_and_asked_for_again() {
    let there = Box::new().await;
    let mut answers = there.answers();
    answers.splice(1..1, ["SFMyNTY.wrong", "two words"]);
    let said = there.setup(&[], &answers).await;
    said.ends(0).has(&[
        "Hipcall answered 401",
        "expired, revoked, or was not copied whole",
        "no token has",
    ]);
    assert!(!said.text.contains("SFMyNTY.wrong"), "{}", said.text);
    let other = Box::new().await;
    let said = other.setup(&[], &["1", "wrong", "wrong", "wrong"]).await;
    said.ends(1)
        .has(&["no usable answer was given to \"Token\""]);
    assert!(!other.path("secrets").exists());
}

#[tokio::test]
async fn a_token_of_the_other_node_is_known_there() {
    let there = Box::new().await;
    let right = StandIn::start(StandInSettings {
        listen: "127.0.0.1:0".parse().unwrap(),
        token: there.token().to_owned(),
        latency: Duration::ZERO,
        identity: Some(there.office.made_up.identity.clone()),
        rate_limit: RATE_LIMIT,
        users: Vec::new(),
    });
    let right = right.await.unwrap();
    there.office.hipcall.take_only("another");
    let nodes = format!("{},{}", there.office.hipcall.node_url(), right.node_url());
    let mut answers = there.answers();
    answers.insert(2, "yes");
    let said = there.setup(&["--nodes", &nodes], &answers).await;
    let expected = format!(
        "{} refuses it, and {} takes it: it was made there.",
        there.office.hipcall.address(),
        right.address()
    );
    said.ends(0).has(&[&expected]);
    assert!(
        there.config().contains(&right.node_url()),
        "{}",
        there.config()
    );
}

#[tokio::test]
async fn a_plan_without_the_webhook_is_told_at_once_and_at_the_end() {
    let there = Box::new().await;
    let plan = Plan {
        webhook: false,
        ..Plan::WHOLE
    };
    there.office.hipcall.pays_for(plan);
    let said = there.by_options(&[]).await;
    said.ends(1).has(&["Still to do:"]);
    assert_eq!(
        said.text.matches("its plan has no webhook").count(),
        2,
        "{}",
        said.text
    );
    assert!(there.path("ringcard.toml").exists());
}

#[tokio::test]
async fn columns_that_nobody_knows_are_asked_for() {
    let there = Box::new().await;
    let rows =
        "p1;p2;p3;p4\n1;Ayşe Yılmaz;0532 555 01 01;4.250,00\n2;Ali Kaya;0533 555 01 02;10,00\n";
    fs::write(there.path("contacts.csv"), rows).unwrap();
    let mut answers = there.answers();
    answers.splice(
        5..7,
        ["", "name = p9", "name = p2", "balance = p4", "", "", "yes"],
    );
    let said = there.setup(&[], &answers).await;
    said.ends(0).has(&[
        "numbers   p3",
        "which column holds the name?",
        "there is no column p9; there are: p1, p2, p3, p4",
        "Which currency are the balances in [TRY]: ",
        "Ayşe Yılmaz  -  +905325550101  ₺4.250,00",
    ]);
    let said = there
        .by_options(&["--column", "name = p2", "--column", "balance = p4"])
        .await;
    said.ends(0);
    assert!(there.config().contains("default-currency = \"TRY\""));
}

#[tokio::test]
async fn an_export_that_can_not_be_read_is_told_and_asked_for_again() {
    let there = Box::new().await;
    fs::write(there.path("empty.csv"), "").unwrap();
    fs::write(there.path("quote.csv"), "Ad Soyad;Cep\n\"Ayşe;0532\n").unwrap();
    fs::write(
        there.path("rows.csv"),
        "Ayşe Yılmaz;0532 555 01 01\nAli Kaya;0533 555 01 02\n",
    )
    .unwrap();
    fs::create_dir(there.path("drop")).unwrap();
    let cases = [
        ("nowhere.csv", "nowhere.csv is not there: check the path"),
        ("empty.csv", "empty.csv is empty"),
        ("quote.csv", "line 2: a quote opened here is not closed"),
        ("rows.csv", "holds a number and is no header"),
        ("drop", "no .csv or .xlsx file is in"),
        ("oddoo", "there is no kind oddoo (? lists them)"),
    ];
    for (answer, words) in cases {
        let mut answers = there.answers();
        answers.insert(4, answer);
        let said = there.setup(&[], &answers).await;
        said.ends(0).has(&[words]);
        assert!(!said.text.contains("  ! Ayşe"), "{}", said.text);
    }
}

#[tokio::test]
async fn a_folder_is_taken_by_its_newest_export() {
    let there = Box::new().await;
    fs::create_dir(there.path("drop")).unwrap();
    fs::rename(
        there.path("contacts.csv"),
        there.path("drop/Contacts 26-11.CSV"),
    )
    .unwrap();
    // Put there a while ago: what is younger may still be written.
    let export = fs::File::open(there.path("drop/Contacts 26-11.CSV")).unwrap();
    export
        .set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    let mut answers = there.answers();
    answers[4] = "drop";
    there
        .setup(&[], &answers)
        .await
        .ends(0)
        .has(&["Contacts 26-11.CSV"]);
    let folder = format!("folder = \"{}\"", there.path("drop").display());
    assert!(there.config().contains(&folder), "{}", there.config());
}

#[tokio::test]
async fn another_kind_of_source_is_begun_with_its_block() {
    let there = Box::new().await;
    let card = "BEGIN:VCARD\nVERSION:3.0\nFN:Ayşe Yılmaz\nTEL:0532 555 01 01\nEND:VCARD\n";
    fs::write(there.path("book.vcf"), card).unwrap();
    let book = there.path("book.vcf").display().to_string();
    let mut answers = there.answers();
    answers.splice(4..7, ["?", "vcard", &book]);
    let said = there.setup(&[], &answers).await;
    said.ends(0).has(&[
        "hubspot",
        "Reading five records",
        "Ayşe Yılmaz  -  +905325550101",
    ]);
    assert!(there.config().contains("type = \"vcard\""));
    let other = Box::new().await;
    fs::write(other.path("password"), "SECRET-PASSWORD\n").unwrap();
    let file = format!("password={}", other.path("password").display());
    let options = other.options();
    let mut options: Vec<&str> = options.iter().map(String::as_str).collect();
    options[4] = "postgresql";
    options.extend([
        "--with",
        "host=127.0.0.1",
        "--with",
        "database=erp",
        "--with",
        "user=ringcard",
    ]);
    options.extend(["--secret-file", &file]);
    let said = other.setup(&options, &[]).await;
    said.ends(1)
        .has(&["Still to do:", "write the query and [source.columns]"]);
    assert!(!said.text.contains("SECRET-PASSWORD"), "{}", said.text);
    let kept = other.path("secrets/postgresql-password");
    assert_eq!(
        (mode(&kept), fs::read_to_string(&kept).unwrap().trim()),
        (0o600, "SECRET-PASSWORD")
    );
}

#[tokio::test]
async fn a_bad_pair_and_a_port_in_use_are_told_and_asked_for_again() {
    let there = Box::new().await;
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let taken = taken.local_addr().unwrap().port().to_string();
    let held = TcpListener::bind(format!("0.0.0.0:{taken}"));
    let (certificate, key) = ("hipcall.crt", "hipcall.key");
    fs::write(there.path("other.key"), other_key()).unwrap();
    let mut answers = there.answers();
    let pairs = ["2", certificate, "other.key", "2", certificate, key];
    answers.splice(8..9, pairs);
    let at = answers.len() - 2;
    answers.insert(at, &taken);
    let said = there.setup(&[], &answers).await;
    drop(held);
    said.ends(0).has(&[
        "is in use here, by ",
        "does not fit the certificate",
        "The key fits.",
        "it is not for branch.example",
    ]);
}

/// A key that fits nothing here.
fn other_key() -> String {
    ringcard::demo::identity::Identity::generate()
        .unwrap()
        .key_pem
}

#[tokio::test]
async fn a_second_setup_offers_the_first_ones_answers_and_keeps_the_secrets() {
    let there = Box::new().await;
    there.by_options(&[]).await.ends(0);
    let first = there.config();
    let secret = fs::read_to_string(there.path("secrets/office.webhook")).unwrap();
    let said = there
        .setup(&[], &["", "", "", "", "", "", "", "", ""])
        .await;
    said.ends(0).has(&[
        "its answers stand in the brackets",
        "Enter keeps crm (csv, ",
        "Name or address [branch.example]: ",
        &format!("Port [{}]: ", there.port),
        "secrets/office.webhook is kept: Hipcall's panel may have it.",
        secret.trim(),
    ]);
    assert_eq!(there.config(), first);
    assert!(there.copies().is_empty());
}

#[tokio::test]
async fn what_a_person_has_written_is_carried_over_and_kept_as_a_copy() {
    let there = Box::new().await;
    there.by_options(&[]).await.ends(0);
    let rows = "\n# ours\n[[card.row]]\ntype = \"title\"\ntext = \"{{ contact.name }}\"\n";
    let worked_on = there
        .config()
        .replace("region = \"TR\"", "silence-alarm = \"1h\"\nregion = \"TR\"")
        + rows;
    fs::write(there.path("ringcard.toml"), &worked_on).unwrap();
    there
        .by_options(&["--region", "GB"])
        .await
        .ends(0)
        .has(&["What was there before is kept as"]);
    let [copy] = &there.copies()[..] else {
        panic!("{:?}", there.copies())
    };
    assert_eq!(fs::read_to_string(copy).unwrap(), worked_on);
    let now = there.config();
    for kept in [
        "silence-alarm = \"1h\"",
        "region = \"GB\"",
        "# ours\n[[card.row]]",
    ] {
        assert!(now.contains(kept), "{kept} not in:\n{now}");
    }
}

#[tokio::test]
async fn stopped_in_the_middle_everything_is_as_it_was() {
    let there = Box::new().await;
    let before = "# not ready yet\n";
    fs::write(there.path("ringcard.toml"), before).unwrap();
    for signal in [Signal::SIGINT, Signal::SIGHUP] {
        let mut command = there.command(&[]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let answers = there.answers()[..5].join("\n") + "\n";
        input.write_all(answers.as_bytes()).await.unwrap();
        let mut out = child.stdout.take().unwrap();
        let mut said = String::new();
        let asked = async {
            let mut chunk = [0; 4096];
            while !said.contains("(unused)") {
                let read = out.read(&mut chunk).await.unwrap();
                said.push_str(&String::from_utf8_lossy(&chunk[..read]));
            }
        };
        timeout(PATIENCE, asked).await.unwrap();
        kill(Pid::from_raw(child.id().unwrap() as i32), signal).unwrap();
        let output = timeout(PATIENCE, child.wait_with_output())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(error, "ringcard: stopped; nothing was changed\n");
        assert_eq!(there.config(), before);
        assert!(!there.path("secrets").exists() && !there.has_leftovers());
    }
}

/// Types each answer when its question is asked; tells all that the terminal showed.
fn typed(mut terminal: fs::File, answers: Vec<(&'static str, String)>) -> String {
    let (mut shown, mut seen) = (String::new(), 0);
    let mut answers = answers.into_iter().peekable();
    let mut chunk = [0; 4096];
    // The terminal's end is an error: nobody has it open any more.
    while let Ok(read @ 1..) = terminal.read(&mut chunk) {
        shown.push_str(&String::from_utf8_lossy(&chunk[..read]));
        while let Some((asked, _)) = answers.peek()
            && let Some(at) = shown.get(seen..).and_then(|new| new.find(asked))
        {
            seen += at + asked.len();
            let (_, answer) = answers.next().unwrap();
            terminal
                .write_all(format!("{answer}\n").as_bytes())
                .unwrap();
        }
    }
    shown
}

#[tokio::test]
async fn at_a_terminal_the_token_is_not_shown_and_wrong_answers_may_be_many() {
    let there = Box::new().await;
    let pty = nix::pty::openpty(None, None).unwrap();
    let mut command = there.command(&[]);
    let other = pty.slave.try_clone().unwrap();
    command
        .stdin(pty.slave)
        .stdout(other)
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut answers = vec![("Node [1]: ", "1".to_owned())];
    answers.extend((0..5).map(|_| ("Token: ", "WRONG-TOKEN".to_owned())));
    let (token, port) = (there.token().to_owned(), there.port.clone());
    let rest = [
        ("Token: ", token.as_str()),
        ("[TR]: ", ""),
        ("[tr]: ", ""),
        ("Contacts: ", "contacts.csv"),
        ("[right]: ", ""),
        ("[yes]: ", ""),
        ("Name or address: ", "branch.example"),
        ("Certificate [1]: ", ""),
        ("Port [8443]: ", &port),
        ("[yes]: ", ""),
    ];
    answers.extend(rest.map(|(asked, answer)| (asked, answer.to_owned())));
    let terminal = fs::File::from(pty.master);
    let shown = tokio::task::spawn_blocking(move || typed(terminal, answers));
    let shown = timeout(PATIENCE, shown).await.unwrap().unwrap();
    let status = timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{shown}");
    assert_eq!(shown.matches("Hipcall answered 401").count(), 5, "{shown}");
    for hidden in [token.as_str(), "WRONG-TOKEN"] {
        assert!(!shown.contains(hidden), "{hidden} in:\n{shown}");
    }
    assert!(there.path("secrets/office.token").exists());
}
