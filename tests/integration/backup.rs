//! An office that moves to another box in one file.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use crate::office::{CUSTOMER, Office, PATIENCE};
use crate::process::ringcard;

const PASSPHRASE: &str = "correct horse battery\n";
/// What the names of all begin with that a restore keeps.
const ASIDE: &str = "before-restore-";

/// A place that files move through.
struct Stick(TempDir);

impl Stick {
    fn new() -> Stick {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("passphrase"), PASSPHRASE).unwrap();
        Stick(directory)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    async fn backup(&self, office: &Office, name: &str, more: &[&str]) -> Output {
        let (file, passphrase) = (self.path(name), self.path("passphrase"));
        let mut arguments = vec!["backup", file.as_str()];
        if !more.contains(&"--unencrypted") {
            arguments.extend(["--passphrase-file", &passphrase]);
        }
        arguments.extend(more);
        office.run(&arguments).await
    }

    /// Onto a box whose configuration is to be in `box_directory`.
    async fn restore(&self, name: &str, box_directory: &Path, more: &[&str]) -> Output {
        let mut command = ringcard(&box_directory.join("ringcard.toml"));
        command.args(["restore", &self.path(name)]);
        command
            .args(["--passphrase-file", &self.path("passphrase")])
            .args(more);
        let output = tokio::time::timeout(PATIENCE, command.output()).await;
        output.unwrap().unwrap()
    }
}

fn said(output: &Output) -> String {
    let words = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8(words).unwrap()
}

#[track_caller]
fn done(output: Output) -> String {
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

#[track_caller]
fn refused(output: Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    said(&output)
}

/// Who calls, as `ringcard lookup` tells it.
async fn who(office: &Office) -> Value {
    let output = office.run(&["lookup", CUSTOMER, "--json"]).await;
    let mut told: Value = serde_json::from_slice(&output.stdout).unwrap();
    told.as_object_mut()
        .unwrap()
        .retain(|key, _| key != "asked");
    told
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn an_office_moves_to_another_box_with_its_waiting_card() {
    let (mut office, stick) = (Office::open().await, Stick::new());
    office.hipcall.go_down().await;
    let call = office.call(CUSTOMER).await;
    office.until(|status| status.outbox.waiting == 1).await;
    let (before, fingerprint) = (who(&office).await, office.certificate());
    let told = done(stick.backup(&office, "moved", &[]).await);
    assert!(told.contains("sealed with the passphrase"), "{told}");
    assert!(!told.contains("NOT ENCRYPTED"), "{told}");
    office.stop().await;
    office.hipcall.come_up().await.unwrap();

    let new_box = tempfile::tempdir().unwrap();
    let told = done(stick.restore("moved", new_box.path(), &[]).await);
    assert!(told.contains("Stop the old box for good"), "{told}");
    let state = new_box.path().join("state");
    assert_eq!(
        names(&state),
        [
            "lock",
            "outbox.redb",
            "replica",
            "self-signed.crt",
            "self-signed.key"
        ]
    );
    for (file, mode) in [
        ("token", 0o600),
        ("webhook-secrets", 0o600),
        ("ringcard.toml", 0o640),
    ] {
        let metadata = fs::metadata(new_box.path().join(file)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, mode, "{file}");
    }
    office.made_up.directory = new_box.path().into();
    office.start_unsynced().await;
    assert_eq!(office.certificate(), fingerprint);
    assert_eq!(who(&office).await["name"], before["name"]);
    assert!(!office.card(&call).await.is_empty());
    assert_eq!(office.cards(&call).await, 1);
    let call = office.call(CUSTOMER).await;
    assert!(!office.card(&call).await.is_empty());
    office.stop().await;
}

#[tokio::test]
async fn a_careful_umask_keeps_nothing_from_the_service() {
    let (mut office, stick) = (Office::open().await, Stick::new());
    fs::create_dir(office.path("connectors.d")).unwrap();
    fs::write(office.path("connectors.d/own.toml"), "").unwrap();
    office.stop().await;
    done(stick.backup(&office, "b", &["--unencrypted"]).await);
    let new_box = tempfile::tempdir().unwrap();
    let etc = new_box.path().join("etc");
    let mut command = tokio::process::Command::new("sh");
    command.args([
        "-c",
        "umask 077; exec \"$@\"",
        "sh",
        env!("CARGO_BIN_EXE_ringcard"),
    ]);
    command.arg("--config").arg(etc.join("ringcard.toml"));
    command.args(["restore", &stick.path("b")]);
    done(command.output().await.unwrap());
    for path in [etc.clone(), etc.join("connectors.d")] {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o750, "{}", path.display());
    }
}

#[tokio::test]
async fn a_stopped_office_is_packed_up_too_and_without_its_copy_it_reads_anew() {
    let (mut office, stick) = (Office::open().await, Stick::new());
    let call = office.call(CUSTOMER).await;
    office.card(&call).await;
    office.stop().await;
    let told = done(
        stick
            .backup(&office, "b", &["--unencrypted", "--without-replica"])
            .await,
    );
    assert!(told.contains("IT IS NOT ENCRYPTED"), "{told}");
    let new_box = tempfile::tempdir().unwrap();
    done(stick.restore("b", new_box.path(), &[]).await);
    assert!(!new_box.path().join("state/replica").exists());
    fs::copy(
        office.path("contacts.csv"),
        new_box.path().join("contacts.csv"),
    )
    .unwrap();
    office.made_up.directory = new_box.path().into();
    office.start().await;
    // The call had its card on the old box; the outbox remembers.
    office
        .send(&crate::office::inbound(&call, Some(CUSTOMER)))
        .await;
    assert_eq!(office.cards(&call).await, 1);
    office.stop().await;
}

#[tokio::test]
async fn a_backup_is_its_makers_alone_and_written_over_nothing() {
    let (office, stick) = (Office::closed().await, Stick::new());
    done(stick.backup(&office, "b", &["--unencrypted"]).await);
    let before = fs::read(stick.path("b")).unwrap();
    let mode = fs::metadata(stick.path("b")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let told = refused(stick.backup(&office, "b", &["--unencrypted"]).await);
    assert!(
        told.contains("is there already, and is not written over"),
        "{told}"
    );
    assert!(fs::read(stick.path("b")).unwrap() == before);
    // Nobody to ask.
    let told = refused(office.run(&["backup", &stick.path("c")]).await);
    assert!(told.contains("--passphrase-file"), "{told}");
    assert_eq!(names(stick.0.path()), ["b", "passphrase"]);
}

#[tokio::test]
async fn a_damaged_backup_touches_nothing() {
    let (mut office, stick) = (Office::open().await, Stick::new());
    office.stop().await;
    done(stick.backup(&office, "b", &["--unencrypted"]).await);
    let whole = fs::read(stick.path("b")).unwrap();
    let new_box = tempfile::tempdir().unwrap();
    let directory = new_box.path().join("etc");
    for part in 0..50 {
        let at = whole.len() * part / 50;
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(stick.path("damaged"), damaged).unwrap();
        refused(stick.restore("damaged", &directory, &[]).await);
        assert!(!directory.exists(), "at {at}");
    }
    fs::write(stick.path("cut"), &whole[..whole.len() - 1]).unwrap();
    let told = refused(stick.restore("cut", &directory, &[]).await);
    assert!(
        told.contains("it is damaged: its sum is wrong, or it is cut short"),
        "{told}"
    );
    let text = String::from_utf8_lossy(&whole[..200]).into_owned();
    let version = format!("\"ringcard\":\"{}\"", env!("CARGO_PKG_VERSION"));
    let at = text.find(&version).unwrap();
    let newer = [
        &whole[..at],
        b"\"ringcard\":\"99.0.0\"",
        &whole[at + version.len()..],
    ]
    .concat();
    fs::write(stick.path("newer"), newer).unwrap();
    let told = refused(stick.restore("newer", &directory, &[]).await);
    assert!(told.contains("made by Ringcard 99.0.0"), "{told}");
    assert!(!directory.exists());
}

#[tokio::test]
async fn an_office_that_is_there_is_not_replaced_by_mistake() {
    let (mut office, stick) = (Office::open().await, Stick::new());
    done(stick.backup(&office, "b", &[]).await);
    let directory = office.made_up.directory.clone();
    let told = refused(stick.restore("b", &directory, &[]).await);
    assert!(told.contains("there is an office here already"), "{told}");
    let told = refused(stick.restore("b", &directory, &["--replace"]).await);
    assert!(told.contains("Ringcard works here"), "{told}");
    assert!(
        told.contains("systemctl stop ringcard.socket ringcard.service"),
        "{told}"
    );
    let call = office.call(CUSTOMER).await;
    office.card(&call).await;
    office.stop().await;
    office.write_token("another");
    let told = done(stick.restore("b", &directory, &["--replace"]).await);
    assert!(told.contains("what was here is kept in"), "{told}");
    let kept = names(&directory).into_iter().find(|n| n.starts_with(ASIDE));
    let old = fs::read_to_string(directory.join(kept.unwrap()).join("token")).unwrap();
    assert_eq!(old, "another");
    office.start_unsynced().await;
    let call = office.call(CUSTOMER).await;
    assert!(!office.card(&call).await.is_empty());
    office.stop().await;
}

/// As a power cut in the midst of it would leave the box, for all but what the disk has not written yet.
#[tokio::test]
async fn a_restore_that_is_killed_leaves_one_office_or_none_and_loses_nothing() {
    const KILLS: u32 = 60;
    let (mut office, stick) = (Office::open().await, Stick::new());
    office.stop().await;
    done(stick.backup(&office, "b", &["--unencrypted"]).await);
    let new_box = tempfile::tempdir().unwrap();
    let directory = new_box.path();
    let began = Instant::now();
    done(stick.restore("b", directory, &[]).await);
    let whole = began.elapsed();
    let config = directory.join("ringcard.toml");
    let new = fs::read_to_string(&config).unwrap();
    let (mut killed, mut finished) = (0, 0);
    for turn in 0..KILLS {
        // An office that nobody has seen yet: its words stand in every file that a person wrote.
        let old = format!("{new}# office {turn}\n");
        fs::write(&config, &old).unwrap();
        fs::write(directory.join("token"), format!("token {turn}")).unwrap();
        fs::write(directory.join("state/callers"), format!("callers {turn}")).unwrap();
        let mut command = ringcard(&config);
        command.args(["restore", &stick.path("b"), "--replace"]);
        command.args(["--passphrase-file", &stick.path("passphrase")]);
        let mut restore = command.stdout(Stdio::null()).spawn().unwrap();
        tokio::time::sleep(whole * turn / KILLS).await;
        restore.start_kill().unwrap();
        match restore.wait().await.unwrap().success() {
            true => finished += 1,
            false => killed += 1,
        }
        match fs::read_to_string(&config) {
            Ok(text) => assert!(text == old || text == new, "killed in turn {turn}: {text}"),
            Err(e) => assert_eq!(e.kind(), ErrorKind::NotFound),
        }
        done(stick.restore("b", directory, &["--replace"]).await);
        assert_eq!(fs::read_to_string(&config).unwrap(), new);
        let kept = |base: &Path, name: &str, text: &str| {
            let asides = names(base).into_iter().filter(|n| n.starts_with(ASIDE));
            let mut texts = asides.map(|aside| fs::read(base.join(aside).join(name)));
            texts.any(|kept| kept.is_ok_and(|kept| kept == text.as_bytes()))
        };
        let state = directory.join("state");
        assert!(kept(directory, "ringcard.toml", &old), "turn {turn}");
        assert!(kept(directory, "token", &format!("token {turn}")));
        assert!(kept(&state, "callers", &format!("callers {turn}")));
        for base in [directory, &state] {
            assert!(!names(base).iter().any(|name| name == ".restoring"));
        }
    }
    assert!(killed > 0, "{killed} killed, {finished} finished");
    office.made_up.directory = directory.into();
    office.start_unsynced().await;
    let call = office.call(CUSTOMER).await;
    assert!(!office.card(&call).await.is_empty());
    office.stop().await;
}

#[tokio::test]
async fn a_state_elsewhere_is_asked_about() {
    let (office, stick) = (Office::closed().await, Stick::new());
    let far = tempfile::tempdir().unwrap();
    let far = far.path().join("far").to_str().unwrap().to_owned();
    office.configure(|config| {
        config.replace("state-dir = \"state\"", &format!("state-dir = \"{far}\""))
    });
    done(stick.backup(&office, "b", &[]).await);
    let new_box = tempfile::tempdir().unwrap();
    let told = refused(stick.restore("b", new_box.path(), &[]).await);
    assert!(told.contains(&format!("--state-dir {far}")), "{told}");
    assert!(names(new_box.path()).is_empty() && !Path::new(&far).exists());
    done(
        stick
            .restore("b", new_box.path(), &["--state-dir", &far])
            .await,
    );
    assert!(new_box.path().join("ringcard.toml").exists());
}
