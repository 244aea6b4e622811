//! The drop folder over SFTP: Debian's own sshd with the account that docs/sources.md describes, in its words,
//! and the sftp client of a head office.
//!
//! As root the account is `nobody` in a chroot. Who is not root can't lock anybody up: then it is the user's
//! own account, and what the lock keeps from it is not asked.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use ringcard::source::error::{SourceError, Verdict};
use ringcard::source::export::FileSource;
use ringcard::source::file::Picked;
use ringcard::source::settings::{
    AfterLoad, CsvFormat, FileSettings, Format, Kind, Location, Mapping, RecordSettings,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const DOCUMENT: &str = include_str!("../../docs/sources.md");
const FOLDER: &str = "/var/lib/ringcard-drop";
const KEYS: &str = "/etc/ssh/ringcard-drop.keys";
const ACCOUNT: &str = "ringcard-drop";
/// A group that is not the account's own, in the place of `ringcard`.
const GROUP: u32 = 1;
const QUIET: Duration = Duration::from_secs(10);
/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A box with its sshd, which ends with it.
struct Drop {
    directory: TempDir,
    folder: PathBuf,
    port: u16,
    user: String,
    is_locked_up: bool,
    source: FileSource,
    sshd: Child,
}

impl std::ops::Drop for Drop {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.sshd.kill());
        drop(self.sshd.wait());
    }
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// What the document says is to be written into sshd's configuration.
fn described() -> String {
    let start = DOCUMENT
        .find("Match User ringcard-drop")
        .expect("docs/sources.md has the account");
    let text = &DOCUMENT[start..];
    text[..text.find("```").expect("it ends")].to_owned()
}

fn key(path: &Path) {
    said(
        Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(path),
    );
}

impl Drop {
    fn open() -> Drop {
        let is_root = said(Command::new("id").arg("-u")) == "0";
        // A chroot must be root's up to the top, which /tmp is not.
        let directory = match is_root {
            true => tempfile::tempdir_in("/var/lib").unwrap(),
            false => tempfile::tempdir().unwrap(),
        };
        let root = directory.path();
        fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
        let jail = root.join("drop");
        let folder = jail.join("crm");
        fs::create_dir_all(&folder).unwrap();
        let user = match is_root {
            true => "nobody".to_owned(),
            false => said(Command::new("id").arg("-un")),
        };
        if is_root {
            let uid: u32 = said(Command::new("id").args(["-u", &user]))
                .parse()
                .unwrap();
            chown(&folder, Some(uid), Some(GROUP)).unwrap();
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o2770)).unwrap();
            fs::create_dir_all("/run/sshd").unwrap();
        }
        key(&root.join("host"));
        key(&root.join("client"));
        fs::copy(root.join("client.pub"), root.join("keys")).unwrap();
        // As `install` makes them, whatever the daemon of another test makes new files like.
        for (path, mode) in [(root.join("keys"), 0o644), (jail, 0o755)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let config = root.join("sshd_config");
        fs::write(&config, configuration(root, port, &user, is_root)).unwrap();
        let sshd = started(&config);
        Drop {
            source: FileSource::new(settings(folder.clone()), root),
            directory,
            folder,
            port,
            user,
            is_locked_up: is_root,
            sshd,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The folder as the account sees it.
    fn seen(&self) -> String {
        match self.is_locked_up {
            true => "/crm".into(),
            false => self.folder.display().to_string(),
        }
    }

    fn client(&self, program: &str, port_option: &str) -> Command {
        let mut command = Command::new(program);
        command
            .args([
                "-F",
                "none",
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "UserKnownHostsFile=/dev/null",
            ])
            .args(["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i"])
            .arg(self.path("client"))
            .args([port_option, &self.port.to_string()])
            .stdin(Stdio::null());
        command
    }

    fn address(&self) -> String {
        format!("{}@127.0.0.1", self.user)
    }

    /// The sftp client at work on these commands.
    fn sftp(&self, options: &[&str], commands: &str) -> Command {
        let batch = self.path("batch");
        fs::write(&batch, commands).unwrap();
        let mut command = self.client("sftp", "-P");
        command
            .args(options)
            .arg("-b")
            .arg(batch)
            .arg(self.address());
        command
    }

    fn does(&self, commands: &str) -> Output {
        self.sftp(&[], commands).output().unwrap()
    }

    fn did(&self, commands: &str) {
        let output = self.does(commands);
        assert!(output.status.success(), "{commands}: {output:?}");
    }

    fn pick(&self, now: SystemTime) -> Result<Picked, SourceError> {
        self.source.pick(now, &CancellationToken::new())
    }
}

fn configuration(root: &Path, port: u16, user: &str, is_root: bool) -> String {
    let mut account = described()
        .replace(FOLDER, &root.join("drop").display().to_string())
        .replace(KEYS, &root.join("keys").display().to_string())
        .replace(ACCOUNT, user);
    if !is_root {
        let of_root = |line: &&str| !line.contains("ChrootDirectory");
        let lines: Vec<&str> = account.lines().filter(of_root).collect();
        account = lines.join("\n").replace(" -d /crm", "");
    }
    let strict = if is_root { "yes" } else { "no" };
    format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nPidFile none\nUsePAM no\nStrictModes {strict}\n\
         LogLevel INFO\nSubsystem sftp internal-sftp\n{account}\n",
        root.join("host").display()
    )
}

/// Comes back once it listens.
fn started(config: &Path) -> Child {
    let mut sshd = Command::new("/usr/sbin/sshd")
        .args(["-D", "-e", "-f"])
        .arg(config)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sshd is there: tests/servers/install installs it");
    let mut lines = BufReader::new(sshd.stderr.take().unwrap()).lines();
    let listens = lines
        .by_ref()
        .find(|line| line.as_ref().unwrap().contains("Server listening"));
    assert!(listens.is_some(), "sshd does not like its configuration");
    // What it says further must go somewhere.
    std::thread::spawn(move || lines.for_each(drop));
    sshd
}

fn settings(path: PathBuf) -> FileSettings {
    FileSettings {
        records: RecordSettings {
            name: "drop".into(),
            kind: Kind::Contacts,
            mapping: Mapping::default(),
            dialling: Default::default(),
        },
        location: Location::Folder {
            path,
            suffix: ".csv".into(),
            quiet: QUIET,
            after: AfterLoad::Leave,
        },
        format: Format::Csv(CsvFormat::default()),
    }
}

#[test]
fn an_upload_under_another_name_is_taken_once_it_is_renamed() {
    let drop = Drop::open();
    fs::write(drop.path("list.csv"), "Id,Name\n1,Ayşe\n").unwrap();
    let (from, seen) = (drop.path("list.csv").display().to_string(), drop.seen());
    drop.did(&format!("put {from} {seen}/list.csv.part\n"));
    let later = || SystemTime::now() + QUIET;
    let unfinished = drop.pick(later()).map(|_| ()).unwrap_err();
    assert_eq!(unfinished.verdict(), Verdict::NothingNew);
    assert!(
        matches!(unfinished, SourceError::NoFile { .. }),
        "{unfinished}"
    );
    drop.did(&format!("rename {seen}/list.csv.part {seen}/list.csv\n"));
    let picked = drop.pick(later()).unwrap();
    assert_eq!(picked.path(), drop.folder.join("list.csv"));
    if drop.is_locked_up {
        let metadata = fs::metadata(picked.path()).unwrap();
        let (mode, group) = (metadata.mode() & 0o777, metadata.gid());
        assert_eq!(
            (mode, group),
            (0o640, GROUP),
            "the service's group may read it"
        );
    }
}

#[test]
fn an_upload_that_grows_slowly_is_taken_once_it_is_whole() {
    let drop = Drop::open();
    let size = 400_000;
    fs::write(drop.path("list.csv"), vec![b'x'; size]).unwrap();
    let (from, seen) = (drop.path("list.csv").display().to_string(), drop.seen());
    // Over a line of 800 kbit/s, which takes some seconds.
    let mut command = drop.sftp(&["-l", "800"], &format!("put {from} {seen}/list.csv\n"));
    let mut upload = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (file, start) = (drop.folder.join("list.csv"), Instant::now());
    let length = || fs::metadata(&file).map_or(0, |m| m.len());
    while length() == 0 {
        assert!(start.elapsed() < PATIENCE, "nothing comes");
        assert!(
            upload.try_wait().unwrap().is_none(),
            "the upload has failed"
        );
        std::thread::yield_now();
    }
    assert!(
        length() < size as u64,
        "it came too quickly to be seen growing"
    );
    let unfinished = drop.pick(SystemTime::now()).map(|_| ()).unwrap_err();
    assert!(
        matches!(unfinished, SourceError::StillWritten { .. }),
        "{unfinished}"
    );
    assert!(upload.wait().unwrap().success());
    let fresh = drop.pick(SystemTime::now()).map(|_| ()).unwrap_err();
    assert!(matches!(fresh, SourceError::StillWritten { .. }), "{fresh}");
    let picked = drop.pick(SystemTime::now() + QUIET).unwrap();
    assert_eq!(picked.size(), size as u64);
}

#[test]
fn the_account_can_do_nothing_else() {
    let drop = Drop::open();
    let said = drop
        .client("ssh", "-p")
        .arg(drop.address())
        .arg("id")
        .output()
        .unwrap();
    assert!(
        !String::from_utf8_lossy(&said.stdout).contains("uid="),
        "no command: {said:?}"
    );
    let target = format!("127.0.0.1:{}", drop.port);
    let said = drop
        .client("ssh", "-p")
        .args(["-W", &target])
        .arg(drop.address())
        .output()
        .unwrap();
    assert!(
        !said.status.success() && said.stdout.is_empty(),
        "no forwarding: {said:?}"
    );
    if !drop.is_locked_up {
        return;
    }
    let listed = drop.does("ls -1 /\n");
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(
        listed.contains("crm") && !listed.contains("etc"),
        "{listed}"
    );
    fs::write(drop.path("x"), "x").unwrap();
    let from = drop.path("x").display().to_string();
    for commands in [
        format!("put {from} /x\n"),
        "get /etc/passwd /dev/null\n".into(),
        "mkdir /y\n".into(),
    ] {
        assert!(!drop.does(&commands).status.success(), "{commands}");
    }
}
