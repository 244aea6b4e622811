//! A file of contacts that another program wrote. What can be used is handed out, the rest is counted, and nothing
//! is both or neither.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::SystemTime;

use ringcard::config::Config;
use ringcard::domain::contact::{Contact, FIELD_BYTES, NUMBERS_PER_CONTACT};
use ringcard::source::Source;
use ringcard::source::read::{Each, Job, ReadReport, Wanted};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const KINDS: [&str; 5] = ["csv", "ndjson", "json", "vcard", "xlsx"];

struct Drop {
    path: PathBuf,
    sources: Vec<Source>,
    _directory: TempDir,
}

pub fn check(data: &[u8]) -> bool {
    let Some((choice, content)) = data.split_first() else {
        return false;
    };
    static DROP: OnceLock<Drop> = OnceLock::new();
    let drop = DROP.get_or_init(drop);
    fs::write(&drop.path, content).expect("the file is written");
    let source = &drop.sources[usize::from(*choice) % KINDS.len()];
    let Some((contacts, report)) = read(source) else {
        return false;
    };
    assert_eq!(contacts.len() as u64, report.contacts);
    assert_eq!(
        report.rows_read,
        report.contacts + report.rejects.rows_rejected()
    );
    contacts.iter().for_each(is_bounded);
    let again = read(source).expect("what was read once");
    assert_eq!(again.0, contacts, "read twice, and otherwise");
    assert_eq!(again.1.digest, report.digest);
    report.contacts > 0
}

fn read(source: &Source) -> Option<(Vec<Contact>, ReadReport)> {
    let halt = CancellationToken::new();
    let picked = source.pick(SystemTime::now(), &halt).expect("it is there");
    let job = Job {
        wanted: Wanted::Everything { from: None },
        halt: &halt,
    };
    let mut contacts = Vec::new();
    let mut taker = Each(|contact| {
        contacts.push(contact);
        Ok::<_, std::convert::Infallible>(())
    });
    let report = source.read(picked.as_ref(), &job, &mut taker).ok()?;
    Some((contacts, report))
}

pub(super) fn is_bounded(contact: &Contact) {
    assert!(contact.numbers.len() + contact.loose.len() <= 2 * NUMBERS_PER_CONTACT);
    let texts = [&contact.name, &contact.company, &contact.owner];
    let texts = texts.into_iter().flatten().chain(contact.fields.values());
    for text in texts {
        assert!(!text.is_empty() && text.len() <= FIELD_BYTES);
    }
}

/// In memory where there is such a directory: a fuzzer writes thousands of files a second.
fn drop() -> Drop {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let directory = directory.expect("a directory");
    let path = directory.path().join("contacts");
    let mut text = "[webhook]\nlisten = \"127.0.0.1:1\"\n".to_owned();
    for kind in KINDS {
        let names = match kind {
            "vcard" => "key = \"UID\"\nname = \"FN\"\ncompany = \"ORG\"\nnumbers = \"TEL\"\n",
            _ => {
                "key = \"id\"\nname = \"name\"\ncompany = \"company\"\nnumbers = [\"phone\", \"mobile\"]\n\
                 balance = \"balance\"\ndefault-currency = \"TRY\"\nfields = { city = \"city\" }\n"
            }
        };
        text += &format!(
            "[[source]]\nname = \"{kind}\"\ntype = \"{kind}\"\nregion = \"TR\"\npath = \"{}\"\n\
             [source.columns]\n{names}",
            path.display()
        );
    }
    let config = Config::parse(&text, directory.path()).unwrap_or_else(|e| panic!("{e}"));
    let open = |source: &ringcard::config::SourceConfig| source.open(directory.path());
    Drop {
        sources: config.sources.iter().map(open).collect(),
        path,
        _directory: directory,
    }
}
