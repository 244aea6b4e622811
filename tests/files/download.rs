//! A file that a server gives out.

use std::convert::Infallible;
use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use flate2::Compression;
use flate2::write::GzEncoder;
use ringcard::domain::contact::Contact;
use ringcard::domain::dialling::Dialling;
use ringcard::domain::phone::Region;
use ringcard::source::error::{ReadError, SourceError, Verdict};
use ringcard::source::export::FileSource;
use ringcard::source::file::Picked;
use ringcard::source::read::{Each, Job, Wanted};
use ringcard::source::settings::{
    Address, Credential, CsvFormat, FileSettings, Format, Kind, Line, Location, Mapping,
    NumbersColumn, RecordSettings, Web as WebSettings,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::web::{Answer, Web};

const LIST: &[u8] = b"Id,Name,Phone\n1,Ay\xc5\x9fe,0532 555 01 01\n";
const LONGER: &[u8] = b"Id,Name,Phone\n1,Ay\xc5\x9fe,0532 555 01 01\n2,Can,0532 555 01 02\n";
const ETAG: &str = "ETag: \"v1\"";
const MODIFIED: &str = "Last-Modified: Tue, 01 Sep 2026 10:41:22 GMT";

struct Branch {
    directory: TempDir,
    web: Web,
    settings: FileSettings,
}

impl Branch {
    async fn open() -> Branch {
        let directory = tempfile::tempdir().unwrap();
        let web = Web::start(directory.path()).await;
        let dialling = Dialling::of(Region::parse("TR").unwrap());
        let settings = FileSettings {
            records: RecordSettings {
                name: "list".into(),
                kind: Kind::Contacts,
                mapping: Mapping {
                    key: Some("Id".into()),
                    name: vec!["Name".into()],
                    numbers: vec![NumbersColumn {
                        column: "Phone".into(),
                        dialling: dialling.clone(),
                        line: Line::Own,
                    }],
                    ..Mapping::default()
                },
                dialling,
            },
            location: Location::Url(WebSettings {
                address: Address::parse(&web.address).unwrap(),
                ca_file: Some(web.ca_file.clone()),
                credential: None,
            }),
            format: Format::Csv(CsvFormat::default()),
        };
        Branch {
            directory,
            web,
            settings,
        }
    }

    fn web_settings(&mut self) -> &mut WebSettings {
        match &mut self.settings.location {
            Location::Url(web) => web,
            _ => panic!("the source is no url"),
        }
    }

    fn state(&self) -> std::path::PathBuf {
        self.directory.path().join("state")
    }

    /// On a thread that may wait, as the daemon does it.
    async fn pick(&self) -> Result<Picked, SourceError> {
        self.pick_until(CancellationToken::new()).await
    }

    async fn pick_until(&self, halt: CancellationToken) -> Result<Picked, SourceError> {
        let source = FileSource::new(self.settings.clone(), &self.state());
        let pick = move || source.pick(SystemTime::now(), &halt);
        tokio::task::spawn_blocking(pick).await.unwrap()
    }

    /// How many contacts the file that is picked has.
    async fn count(&self) -> Result<u64, SourceError> {
        let picked = self.pick().await?;
        let source = FileSource::new(self.settings.clone(), &self.state());
        let job = Job {
            wanted: Wanted::Everything { from: None },
            halt: &CancellationToken::new(),
        };
        let read = source.read(
            &picked,
            &job,
            &mut Each(|_: Contact| Ok::<(), Infallible>(())),
        );
        match read {
            Ok(report) => Ok(report.contacts),
            Err(ReadError::Source(e)) => Err(e),
        }
    }

    async fn error(&self) -> SourceError {
        self.pick().await.map(drop).unwrap_err()
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.state().join("download")).unwrap();
        let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_fetched_once_and_then_only_asked_for() {
    let branch = Branch::open().await;
    branch.web.says(vec![
        Answer::file(&[ETAG, MODIFIED], LIST),
        Answer::of("304 Not Modified", &[ETAG], b""),
    ]);
    let first = branch.pick().await.unwrap();
    assert_eq!(std::fs::read(first.path()).unwrap(), LIST);
    assert_eq!(first.as_of().to_string(), "2026-09-01T10:41:22Z");
    let again = branch.pick().await.unwrap();
    assert_eq!((again.path(), again.as_of()), (first.path(), first.as_of()));
    let asked = branch.web.asked();
    assert_eq!(header(&asked[0], "if-none-match"), None);
    assert_eq!(header(&asked[0], "accept-encoding"), Some("gzip"));
    assert_eq!(header(&asked[1], "if-none-match"), Some("\"v1\""));
    assert_eq!(
        header(&asked[1], "if-modified-since"),
        Some("Tue, 01 Sep 2026 10:41:22 GMT")
    );
    assert!(
        asked
            .iter()
            .all(|head| header(head, "authorization").is_none())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_takes_the_place_of_the_old_one() {
    let branch = Branch::open().await;
    branch
        .web
        .says(vec![Answer::file(&[ETAG], LIST), Answer::file(&[], LONGER)]);
    assert_eq!(branch.count().await.unwrap(), 1);
    assert_eq!(branch.count().await.unwrap(), 2);
    branch.web.asked();
    assert_eq!(branch.count().await.unwrap(), 2);
    // The one that is there now has no name of its own.
    assert_eq!(header(&branch.web.asked()[0], "if-none-match"), None);
    assert_eq!(branch.names(), ["download.csv", "download.json"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_date_a_file_is_as_of_when_the_server_last_said_so() {
    let branch = Branch::open().await;
    branch.web.says(vec![
        Answer::file(&[ETAG], LIST),
        Answer::of("304 Not Modified", &[], b""),
    ]);
    let before = jiff::Timestamp::now();
    let first = branch.pick().await.unwrap();
    assert!(first.as_of().as_second() >= before.as_second() - 1);
    let old = SystemTime::UNIX_EPOCH;
    let file = std::fs::File::options()
        .write(true)
        .open(first.path())
        .unwrap();
    file.set_modified(old).unwrap();
    let again = branch.pick().await.unwrap();
    assert!(
        again.as_of().as_second() >= before.as_second() - 1,
        "{}",
        again.as_of()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_damaged_is_fetched_again() {
    let branch = Branch::open().await;
    branch.web.says(vec![Answer::file(&[ETAG, MODIFIED], LIST)]);
    let picked = branch.pick().await.unwrap();
    branch.web.asked();
    std::fs::write(picked.path(), LONGER).unwrap();
    assert_eq!(branch.count().await.unwrap(), 1);
    assert_eq!(header(&branch.web.asked()[0], "if-none-match"), None);
    // So is one of another address.
    let mut branch = branch;
    let elsewhere = branch.web.address.replace("hunter2", "other");
    branch.web_settings().address = Address::parse(&elsewhere).unwrap();
    branch.pick().await.unwrap();
    assert_eq!(header(&branch.web.asked()[0], "if-none-match"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_packed_is_unpacked() {
    let branch = Branch::open().await;
    let packed = gzip(LONGER);
    branch
        .web
        .says(vec![Answer::file(&["Content-Encoding: gzip"], &packed)]);
    assert_eq!(branch.count().await.unwrap(), 2);
    for cut in [packed.len() / 2, packed.len() - 4, 5] {
        branch.web.says(vec![Answer::file(
            &["Content-Encoding: gzip"],
            &packed[..cut],
        )]);
        let error = branch.error().await;
        assert!(
            error
                .to_string()
                .ends_with("broke off: nothing of the file is used"),
            "{error}"
        );
        assert_eq!(error.verdict(), Verdict::TryLater);
    }
    branch
        .web
        .says(vec![Answer::file(&["Content-Encoding: br"], LIST)]);
    let error = branch.error().await.to_string();
    assert!(
        error.contains("packed as \"br\"; only gzip is understood"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_breaks_off_leaves_the_one_before() {
    let branch = Branch::open().await;
    branch.web.says(vec![Answer::file(&[], LIST)]);
    let picked = branch.pick().await.unwrap();
    let announced = format!("Content-Length: {}", LONGER.len());
    let chunked = [b"1f\r\n", &LONGER[..31], b"\r\n5\r\nab"].concat();
    for answer in [
        Answer::of("200 OK", &[&announced], &LONGER[..LONGER.len() - 1]),
        Answer::of("200 OK", &[&announced], b""),
        Answer::of("200 OK", &["Transfer-Encoding: chunked"], &chunked),
    ] {
        branch.web.says(vec![answer]);
        let error = branch.error().await;
        assert!(
            error
                .to_string()
                .ends_with("broke off: nothing of the file is used"),
            "{error}"
        );
        assert_eq!(error.verdict(), Verdict::TryLater);
        assert_eq!(std::fs::read(picked.path()).unwrap(), LIST);
        assert_eq!(branch.names(), ["download.csv", "download.json"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_says_what_to_do_and_never_the_address() {
    let branch = Branch::open().await;
    let cases = [
        (
            "401 Unauthorized",
            "refuses the token or password (401): renew it",
            Verdict::NeedsPerson,
        ),
        (
            "403 Forbidden",
            "refuses the token or password (403)",
            Verdict::NeedsPerson,
        ),
        (
            "404 Not Found",
            "has no such file (404): check url",
            Verdict::NeedsPerson,
        ),
        (
            "302 Found",
            "the file is elsewhere (302)",
            Verdict::NeedsPerson,
        ),
        (
            "418 Teapot",
            "does not answer as a file's server does (418)",
            Verdict::NeedsPerson,
        ),
        // Nobody has asked whether it was modified.
        (
            "304 Not Modified",
            "does not answer as a file's server does (304)",
            Verdict::NeedsPerson,
        ),
        (
            "503 Busy",
            "can't give out the file now (503)",
            Verdict::TryLater,
        ),
        (
            "429 Too Many",
            "can't give out the file now (429)",
            Verdict::TryLater,
        ),
    ];
    for (status, words, verdict) in cases {
        let to = "Location: https://elsewhere.example.com/";
        branch
            .web
            .says(vec![Answer::of(status, &[to, "Content-Length: 0"], b"")]);
        let error = branch.error().await;
        assert!(error.to_string().contains(words), "{status}: {error}");
        assert_eq!(error.verdict(), verdict, "{status}");
        let is_refused = error.refused_credential().is_some();
        assert_eq!(
            is_refused,
            status.starts_with("401") || status.starts_with("403")
        );
        let whole = format!("{error} {error:?}");
        assert!(
            !whole.contains("hunter2") && !whole.contains("elsewhere.ex"),
            "{whole}"
        );
        assert_eq!(branch.web.asked().len(), 1, "{status}: it is asked once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_can_not_be_reached_is_told_without_its_address() {
    let mut branch = Branch::open().await;
    let nowhere = "https://localhost:1/list?key=hunter2";
    branch.web_settings().address = Address::parse(nowhere).unwrap();
    let error = branch.error().await;
    assert_eq!(error.verdict(), Verdict::TryLater);
    let mut words = format!("{error} {error:?}");
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(&error);
    while let Some(next) = cause {
        words += &format!(" {next}");
        cause = next.source();
    }
    assert!(words.contains("localhost can't be reached"), "{words}");
    assert!(!words.contains("hunter2"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_named_authority_is_believed() {
    let mut branch = Branch::open().await;
    branch.web.says(vec![Answer::file(&[], LIST)]);
    let other = tempfile::tempdir().unwrap();
    let stranger = Web::start(other.path()).await;
    branch.web_settings().ca_file = Some(stranger.ca_file.clone());
    let error = branch.error().await.to_string();
    assert!(error.contains("can't be reached"), "{error}");
    assert!(
        branch.web.asked().is_empty(),
        "nothing was said to whom is not believed"
    );
    branch.web_settings().ca_file = Some(Path::new("/nowhere/ca.pem").into());
    let error = branch.error().await.to_string();
    assert!(error.contains("/nowhere/ca.pem can't be read"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_or_a_password_goes_along() {
    let mut branch = Branch::open().await;
    branch.web.says(vec![Answer::file(&[], LIST)]);
    let (user, password) = ("branch".to_owned(), "hunter2".to_owned());
    for (credential, sent) in [
        (Credential::Bearer("t0ken".into()), "Bearer t0ken"),
        (
            Credential::Basic { user, password },
            "Basic YnJhbmNoOmh1bnRlcjI=",
        ),
    ] {
        branch.web_settings().credential = Some(credential);
        branch.pick().await.unwrap();
        assert_eq!(header(&branch.web.asked()[0], "authorization"), Some(sent));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_ends_when_it_is_halted() {
    let branch = Branch::open().await;
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nId,Name".to_vec();
    branch.web.says(vec![Answer::Hang(head)]);
    let halt = CancellationToken::new();
    let pick = branch.pick_until(halt.clone());
    let stop = async {
        while branch.web.asked().is_empty() {
            tokio::task::yield_now().await;
        }
        halt.cancel();
    };
    let (picked, ()) = tokio::join!(pick, stop);
    assert!(matches!(picked.map(drop), Err(SourceError::Halted)));
}
