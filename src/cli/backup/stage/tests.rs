//! All or nothing, whatever can't be put in its place.

use super::super::archive::sum_of;
use super::*;

fn target(directory: &Path) -> Target {
    let target = Target {
        config: directory.join("etc/ringcard.toml"),
        state: directory.join("state"),
        rights: Rights::One,
        time: "now".into(),
    };
    for path in [target.directory(), &target.state] {
        fs::create_dir_all(path).unwrap();
    }
    target
}

const OFFICE: [(&str, &str); 5] = [
    ("configuration", "new"),
    ("beside/secrets/a.token", "new token"),
    ("elsewhere/etc/ssl/pi.pem", "new pem"),
    ("state/callers", "new callers"),
    ("state/replica/crm/000001.redb", "new copy"),
];

fn put_all(stage: &mut Stage<'_>) {
    for (name, text) in OFFICE {
        let (sha256, bytes) = sum_of(&mut text.as_bytes()).unwrap();
        let member = Member {
            name: name.into(),
            bytes,
            sha256,
            mode: 0o666,
            owner: Owner::Root,
        };
        let place = Place::parse(name).unwrap();
        stage.put(&member, &place, &mut text.as_bytes()).unwrap();
    }
}

/// Every file with its content, but for the lock.
fn files(directory: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut left = vec![directory.to_owned()];
    while let Some(path) = left.pop() {
        match path.is_dir() {
            true => left.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path())),
            false => {
                let within = path.strip_prefix(directory).unwrap();
                let text = fs::read_to_string(&path).unwrap();
                found.push((within.to_str().unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

fn old_office(target: &Target) {
    fs::create_dir_all(target.directory().join("secrets")).unwrap();
    fs::create_dir_all(target.state.join("replica/crm")).unwrap();
    for (path, text) in [
        (target.config.clone(), "old"),
        (target.directory().join("secrets/a.token"), "old token"),
        (target.directory().join("notes"), "mine"),
        (target.state.join("callers"), "old callers"),
        (target.state.join("self-signed.key"), "old key"),
        (target.state.join("replica/crm/000009.redb"), "old copy"),
        (target.state.join("lock"), ""),
    ] {
        fs::write(path, text).unwrap();
    }
}

#[test]
fn an_office_takes_its_place_and_the_old_one_is_kept_aside() {
    let directory = tempfile::tempdir().unwrap();
    let target = target(directory.path());
    old_office(&target);
    let mut stage = Stage::begin(&target).unwrap();
    put_all(&mut stage);
    stage.take_place().unwrap();
    let found = files(directory.path());
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|(p, t)| (p.as_str(), t.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("etc/before-restore-now/ringcard.toml", "old"),
            ("etc/before-restore-now/secrets/a.token", "old token"),
            ("etc/elsewhere/etc/ssl/pi.pem", "new pem"),
            ("etc/notes", "mine"),
            ("etc/ringcard.toml", "new"),
            ("etc/secrets/a.token", "new token"),
            ("state/before-restore-now/callers", "old callers"),
            (
                "state/before-restore-now/replica/crm/000009.redb",
                "old copy"
            ),
            ("state/before-restore-now/self-signed.key", "old key"),
            ("state/callers", "new callers"),
            ("state/lock", ""),
            ("state/replica/crm/000001.redb", "new copy"),
        ]
    );
    let mode = |path: &str| {
        let metadata = fs::metadata(directory.path().join(path)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(
        mode("etc/secrets/a.token"),
        0o640,
        "the world may not read it"
    );
    assert_eq!(mode("state/callers"), 0o600);
}

#[test]
fn what_was_only_staged_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let target = target(directory.path());
    old_office(&target);
    let before = files(directory.path());
    let mut stage = Stage::begin(&target).unwrap();
    put_all(&mut stage);
    drop(stage);
    assert_eq!(files(directory.path()), before);
    // What a power cut left is taken away by the next.
    std::mem::forget(Stage::begin(&target).unwrap());
    drop(Stage::begin(&target).unwrap());
    assert_eq!(files(directory.path()), before);
    assert!(!target.state.join(STAGED).exists());
}

#[test]
fn where_one_file_can_not_be_put_all_goes_back() {
    let directory = tempfile::tempdir().unwrap();
    let target = target(directory.path());
    old_office(&target);
    // A file where a directory must be.
    fs::write(target.directory().join("elsewhere"), "in the way").unwrap();
    let before = files(directory.path());
    let mut stage = Stage::begin(&target).unwrap();
    put_all(&mut stage);
    let told = stage.take_place().unwrap_err();
    assert!(told.ends_with("everything is as it was"), "{told}");
    assert_eq!(files(directory.path()), before);
}

#[test]
fn a_disk_that_is_full_leaves_everything_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let target = target(directory.path());
    old_office(&target);
    let before = files(directory.path());
    let mut stage = Stage::begin(&target).unwrap();
    put_all(&mut stage);
    struct Full;
    impl Read for Full {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }
    let member = Member {
        name: "state/outbox.redb".into(),
        bytes: 1,
        sha256: String::new(),
        mode: 0o600,
        owner: Owner::Service,
    };
    let place = Place::parse(&member.name).unwrap();
    assert!(stage.put(&member, &place, &mut Full).is_err());
    drop(stage);
    assert_eq!(files(directory.path()), before);
}
