//! Backups that are whole, damaged, hostile, or of another time.

use super::*;

const MEMBERS_OF_ONE: [(&str, &[u8]); 3] = [
    ("configuration", b"locale = \"tr\"\n"),
    ("beside/secrets/istanbul.token", b"made-up\n"),
    ("state/callers", b""),
];

fn member(name: &str, bytes: &[u8]) -> Member {
    let (sha256, bytes) = sum_of(&mut &*bytes).unwrap();
    Member {
        name: name.into(),
        bytes,
        sha256,
        mode: 0o600,
        owner: Owner::Service,
    }
}

fn manifest_of(members: &[(&str, &[u8])]) -> Manifest {
    Manifest {
        made: Timestamp::UNIX_EPOCH,
        members: members.iter().map(|(n, b)| member(n, b)).collect(),
    }
}

fn made(passphrase: Option<&str>, manifest: &Manifest, members: &[(&str, &[u8])]) -> Vec<u8> {
    let copy = |n: usize, out: &mut dyn Write| out.write_all(members[n].1);
    write(Vec::new(), passphrase, manifest, copy).unwrap()
}

fn backup(members: &[(&str, &[u8])]) -> Vec<u8> {
    made(None, &manifest_of(members), members)
}

type Taken = Vec<(String, Vec<u8>)>;

fn read_all(bytes: &[u8], passphrase: Option<&str>) -> Result<Taken, String> {
    let mut taken = Taken::new();
    let done = read(bytes, passphrase, &mut |member, _, from| {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        taken.push((member.name.clone(), bytes));
        Ok(())
    });
    done.map(|_| taken).map_err(|e| e.to_string())
}

#[test]
fn a_backup_holds_what_was_put_into_it() {
    for passphrase in [None, Some("correct horse")] {
        let bytes = made(passphrase, &manifest_of(&MEMBERS_OF_ONE), &MEMBERS_OF_ONE);
        let taken = read_all(&bytes, passphrase).unwrap();
        let expected = MEMBERS_OF_ONE.map(|(name, bytes)| (name.to_owned(), bytes.to_vec()));
        assert_eq!(taken, expected);
        let shows = String::from_utf8_lossy(&bytes).contains("istanbul");
        assert_eq!(shows, passphrase.is_none());
    }
}

#[test]
fn any_damage_is_noticed() {
    let bytes = backup(&MEMBERS_OF_ONE);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert!(read_all(&damaged, None).is_err(), "at {at}");
        assert!(read_all(&bytes[..at], None).is_err(), "cut at {at}");
    }
    let longer = [&bytes[..], b"x"].concat();
    assert!(read_all(&longer, None).is_err());
}

#[test]
fn a_sealed_backup_says_what_it_wants() {
    let bytes = made(
        Some("correct horse"),
        &manifest_of(&MEMBERS_OF_ONE),
        &MEMBERS_OF_ONE,
    );
    let none = read_all(&bytes, None).unwrap_err();
    assert!(none.contains("--passphrase-file"), "{none}");
    let wrong = read_all(&bytes, Some("wrong horse")).unwrap_err();
    assert_eq!(wrong, ArchiveError::NotOpened.to_string());
    assert!(is_sealed(&*bytes).unwrap() && !is_sealed(&*backup(&MEMBERS_OF_ONE)).unwrap());
}

#[test]
fn what_is_not_ours_is_told_from_what_is_newer() {
    for foreign in [&b""[..], b"ringcard", b"PK\x03\x04 something else entirely"] {
        assert_eq!(
            read_all(foreign, None).unwrap_err(),
            ArchiveError::Foreign.to_string()
        );
    }
    let newer = "ringcard-backup\n{\"format\":2,\"ringcard\":\"3.1.4\",\"key\":[]}\n";
    let told = read_all(newer.as_bytes(), None).unwrap_err();
    assert!(
        told.contains("made by Ringcard 3.1.4, and this is 0."),
        "{told}"
    );
    let newer = "ringcard-backup\n{\"format\":1,\"ringcard\":\"99.0.0\",\"sealed\":null}\n";
    assert!(
        read_all(newer.as_bytes(), None)
            .unwrap_err()
            .contains("99.0.0")
    );
    for (version, than, newer) in [
        ("0.1.0", "0.1.0", false),
        ("0.1.1", "0.1.0", true),
        ("0.10.0", "0.9.9", true),
        ("0.1.0+deb1", "0.1.0", false),
        ("1.0.0", "0.9.0", true),
        ("0.0.9", "0.1.0", false),
    ] {
        assert_eq!(is_newer(version, than), newer, "{version} {than}");
    }
}

#[test]
fn a_hostile_list_is_refused_before_anything_is_taken() {
    let odd = |change: fn(&mut Manifest)| {
        let mut manifest = manifest_of(&MEMBERS_OF_ONE);
        change(&mut manifest);
        let json = serde_json::to_string(&manifest).unwrap();
        let head = "ringcard-backup\n{\"format\":1,\"ringcard\":\"0.0.1\",\"sealed\":null}\n";
        let mut taken = 0;
        let result = read(
            format!("{head}{json}\n").as_bytes(),
            None,
            &mut |_, _, _| {
                taken += 1;
                Ok(())
            },
        );
        (result.unwrap_err().to_string(), taken)
    };
    for (change, words) in [
        (
            (|m| m.members[1].name = "beside/../../etc/cron.d/x".into()) as fn(&mut Manifest),
            "names what no office has",
        ),
        (
            |m| m.members[1].name = "/etc/passwd".into(),
            "names what no office has",
        ),
        (
            |m| m.members[2].name = m.members[1].name.clone(),
            "names one file twice",
        ),
        (
            |m| m.members.swap(0, 1),
            "does not begin with the configuration",
        ),
        (
            |m| m.members.clear(),
            "does not begin with the configuration",
        ),
        (
            |m| m.members.iter_mut().for_each(|m| m.bytes = u64::MAX),
            "does not begin",
        ),
        (
            |m| {
                let one = m.members[1].clone();
                m.members.extend((0..MEMBERS).map(|n| Member {
                    name: format!("beside/{n}"),
                    ..one.clone()
                }));
            },
            "names too much",
        ),
    ] {
        let (told, taken) = odd(change);
        assert!(told.contains(words), "{told}");
        assert_eq!(taken, 0);
    }
}

#[test]
fn a_member_longer_than_the_file_fills_nothing() {
    let mut manifest = manifest_of(&MEMBERS_OF_ONE);
    manifest.members[1].bytes = 1 << 40;
    let json = serde_json::to_string(&manifest).unwrap();
    let head = "ringcard-backup\n{\"format\":1,\"ringcard\":\"0.0.1\",\"sealed\":null}\n";
    let told = read_all(format!("{head}{json}\nshort").as_bytes(), None).unwrap_err();
    assert!(told.contains("is not what the list says"), "{told}");
}

#[test]
fn a_file_that_changes_while_it_is_copied_makes_no_backup() {
    let manifest = manifest_of(&MEMBERS_OF_ONE);
    let copy = |_: usize, out: &mut dyn Write| out.write_all(b"something else");
    let error = write(Vec::new(), None, &manifest, copy).unwrap_err();
    assert!(
        error.to_string().contains("changed while it was read"),
        "{error}"
    );
}

/// As the first release wrote it.
#[test]
fn a_backup_of_the_first_format_is_read() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/formats/backup-1.ringcard"
    );
    let asked = std::env::var_os("RINGCARD_FORMATS").is_some_and(|value| value == "write");
    if asked && !std::path::Path::new(path).exists() {
        let sealed = made(
            Some("correct horse"),
            &manifest_of(&MEMBERS_OF_ONE),
            &MEMBERS_OF_ONE,
        );
        std::fs::write(path, sealed).unwrap();
    }
    let bytes = std::fs::read(path).unwrap();
    let taken = read_all(&bytes, Some("correct horse")).unwrap();
    assert_eq!(taken[1].1, b"made-up\n");
    assert_eq!(FORMAT, 1, "raised: keep a file of the new format too");
}
