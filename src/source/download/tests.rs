//! What is received of a file, and what is kept of it.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use super::*;

fn received(limit: u64, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let file = NamedTempFile::new().unwrap();
    let mut limited = Limited::new(&file, limit);
    for piece in bytes.chunks(7) {
        limited.write_all(piece)?;
    }
    let mut content = Vec::new();
    std::fs::File::open(file.path())?.read_to_end(&mut content)?;
    Ok(content)
}

#[test]
fn a_file_is_as_large_as_the_bound_and_no_larger() {
    let content = vec![b'x'; 100_000];
    for (limit, fits) in [(100_000, true), (99_999, false)] {
        match received(limit, &content) {
            Ok(given) => assert!(fits && given == content),
            Err(e) => assert!(!fits && e.kind() == io::ErrorKind::FileTooLarge, "{e}"),
        }
    }
    let state = tempfile::tempdir().unwrap();
    let web = Web {
        address: crate::source::settings::Address::parse("https://erp.example.com/a").unwrap(),
        ca_file: None,
        credential: None,
    };
    let download = Download::new(&web, state.path(), ".csv");
    assert_eq!(download.limit, FILE_BYTES);
    let error = download
        .unwritten(io::Error::from(io::ErrorKind::FileTooLarge))
        .to_string();
    assert_eq!(
        error,
        "erp.example.com gives out more than the 2147483648 bytes that are read"
    );
    let full = download
        .unwritten(io::Error::from(io::ErrorKind::StorageFull))
        .to_string();
    assert!(
        full.ends_with("download.csv could not be written"),
        "{full}"
    );
}

#[test]
fn dates_of_servers_are_read() {
    let at = parse_date("Tue, 01 Sep 2026 10:41:22 GMT").unwrap();
    assert_eq!(
        Timestamp::try_from(at).unwrap().to_string(),
        "2026-09-01T10:41:22Z"
    );
    for odd in ["", "yesterday", "2026-09-01"] {
        assert_eq!(parse_date(odd), None, "{odd}");
    }
}

fn kept(state: &Path) -> Kept {
    let kept = Kept::new(state, ".csv");
    let mut file = kept.begin().unwrap();
    file.write_all(b"Id,Name\n").unwrap();
    let note = Note {
        address: sum_of_text("https://a/"),
        etag: Some("v1".into()),
        last_modified: None,
        content: sum_of_file(file.path()).unwrap(),
    };
    kept.replace(file, SystemTime::now(), &note).unwrap();
    kept
}

#[test]
fn a_note_is_believed_only_of_its_own_file_and_address() {
    let state = tempfile::tempdir().unwrap();
    let kept = kept(state.path());
    assert_eq!(kept.note("https://a/").unwrap().etag.as_deref(), Some("v1"));
    assert_eq!(kept.note("https://b/"), None);
    let mode = std::fs::metadata(&kept.file).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "customers are nobody else's to read");
    // What a power cut may leave of it.
    std::fs::write(&kept.file, "").unwrap();
    assert_eq!(kept.note("https://a/"), None);
    std::fs::remove_file(&kept.file).unwrap();
    assert_eq!(kept.note("https://a/"), None);
    std::fs::write(state.path().join("download/download.json"), "{").unwrap();
    assert_eq!(kept.note("https://a/"), None);
}

#[test]
fn what_was_left_over_is_removed_once_nobody_can_be_writing_it() {
    let state = tempfile::tempdir().unwrap();
    let kept = kept(state.path());
    let [old, new] =
        ["old.partial", "new.partial"].map(|name| state.path().join("download").join(name));
    for path in [&old, &new] {
        std::fs::write(path, "x").unwrap();
    }
    let before = SystemTime::now() - DOWNLOAD_TIME - Duration::from_secs(1);
    std::fs::File::options()
        .write(true)
        .open(&old)
        .unwrap()
        .set_modified(before)
        .unwrap();
    kept.begin().unwrap();
    assert!(!old.exists() && new.exists());
}
