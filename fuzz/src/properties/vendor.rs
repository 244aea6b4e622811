//! What a vendor answers, page by page. A read ends, asks no more than there are answers, hands out what it counts, and
//! shows the credential to nobody.
//!
//! An input is the kind of read and the answers, each `200 Header: value`, a line's end and the body. In them `{here}` is
//! the vendor's own address, and `{token}` the credential, as of a vendor that repeats what it was asked.

use std::collections::VecDeque;
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::{fs, thread};

use ringcard::config::{Config, SourceConfig};
use ringcard::demo::identity::Identity;
use ringcard::domain::contact::Contact;
use ringcard::source::Source;
use ringcard::source::read::{Cursor, Job, ReadReport, Taker, Wanted};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::file::is_bounded;

const TOKEN: &str = "s3cret-t0ken-of-the-0ffice";
/// Ends an answer; no text has it.
const SEPARATOR: u8 = 0x1e;
const ANSWERS: usize = 32;
/// Others would be about HTTP, which is hyper's.
const HEADERS: [&str; 3] = ["link", "date", "retry-after"];
/// After these a read waits, and a fuzzer has no time.
const WAITED_FOR: [u16; 4] = [408, 425, 429, 503];

const OBJECTS: [&str; 6] = ["cursor", "page", "keyset", "offset", "next", "link"];
/// Of each object: by what pages go on, and what else it has.
const LISTS: [(&str, &str, &str); 6] = [
    (
        "after={{ page.cursor }}",
        "kind = \"cursor\"\nvalue = \"next\"\nmore = \"more\"",
        "resumes = true\n",
    ),
    (
        "page={{ page.number }}",
        "kind = \"page\"\nsize = 2\ntotal = \"total\"",
        "",
    ),
    (
        "last={{ page.last }}",
        "kind = \"keyset\"\nkey = \"id\"\nsize = 2\nstart = 0",
        "resumes = true\n",
    ),
    (
        "offset={{ page.offset }}",
        "kind = \"offset\"\nsize = 2\ntotal = \"total\"",
        "",
    ),
    ("", "kind = \"next-url\"\nvalue = \"next\"", ""),
    ("", "kind = \"link-header\"", ""),
];
const CURSORS: [(&str, &str); 6] = [
    (
        "kind = \"time\"\nvalue = \"updated\"",
        "2026-09-01T10:41:22Z",
    ),
    ("kind = \"number\"\nvalue = \"version\"", "7"),
    (
        "kind = \"time\"\nvalue = \"updated\"\nformat = \"unix-ms\"",
        "2026-09-01T10:41:22Z",
    ),
    (
        "kind = \"time\"\nvalue = \"updated\"\nmost = 4",
        "2026-09-01T10:41:22Z",
    ),
    ("kind = \"token\"\nvalue = \"delta\"", "{here}/delta"),
    ("kind = \"time\"", "2026-09-01T10:41:22Z"),
];

struct Office {
    sources: Vec<Source>,
    vendor: Vendor,
    _directory: TempDir,
}

/// Answers one request after the other, on loopback.
#[derive(Clone)]
struct Vendor {
    address: String,
    part: Arc<Mutex<Part>>,
}

/// What it has to say in this read.
#[derive(Default)]
struct Part {
    answers: VecDeque<Answer>,
    asked: usize,
    halt: CancellationToken,
}

#[derive(Clone)]
struct Answer {
    status: u16,
    header: Option<String>,
    body: Vec<u8>,
}

#[derive(Default)]
struct Taken {
    contacts: Vec<Contact>,
    others: Vec<String>,
}

impl Taker for &mut Taken {
    type Error = std::convert::Infallible;

    fn contact(&mut self, contact: Contact) -> Result<(), Self::Error> {
        self.contacts.push(contact);
        Ok(())
    }

    fn gone(&mut self, identity: &str) -> Result<(), Self::Error> {
        self.others.push(identity.to_owned());
        Ok(())
    }

    fn id(&mut self, identity: &str) -> Result<(), Self::Error> {
        self.others.push(identity.to_owned());
        Ok(())
    }
}

pub fn check(data: &[u8]) -> bool {
    let Some((choice, rest)) = data.split_first() else {
        return false;
    };
    static OFFICE: OnceLock<Office> = OnceLock::new();
    let office = OFFICE.get_or_init(office);
    let answers: VecDeque<Answer> = rest
        .split(|byte| *byte == SEPARATOR)
        .take(ANSWERS)
        .filter_map(|text| office.vendor.answer(text))
        .collect();
    let object = usize::from(choice % 8) % OBJECTS.len();
    let since = CURSORS[object].1.replace("{here}", &office.vendor.address);
    let since = Cursor(since);
    let wanted = match choice / 8 % 4 {
        0 => Wanted::Everything { from: None },
        1 => Wanted::Changes { since: &since },
        2 => Wanted::Ids,
        _ => Wanted::Few(3),
    };
    let Some((taken, report)) = office.read(object, wanted, &answers) else {
        return false;
    };
    assert_eq!(taken.contacts.len() as u64, report.contacts);
    assert!(report.rows_read >= report.rejects.rows_rejected());
    taken.contacts.iter().for_each(is_bounded);
    let (again, _) = office
        .read(object, wanted, &answers)
        .expect("what was read once");
    assert_eq!(again.contacts, taken.contacts, "read twice, and otherwise");
    assert_eq!(again.others, taken.others, "read twice, and otherwise");
    report.rows_read > 0
}

impl Office {
    /// `None` if the read failed, which is not wrong if the error is fit to be shown.
    fn read(
        &self,
        object: usize,
        wanted: Wanted<'_>,
        answers: &VecDeque<Answer>,
    ) -> Option<(Taken, ReadReport)> {
        let halt = CancellationToken::new();
        *self.vendor.part() = Part {
            answers: answers.clone(),
            asked: 0,
            halt: halt.clone(),
        };
        let job = Job {
            wanted,
            halt: &halt,
        };
        let mut taken = Taken::default();
        let read = self.sources[object].read(None, &job, &mut &mut taken);
        let asked = self.vendor.part().asked;
        assert!(
            asked <= answers.len() + 1,
            "{asked} requests, and {} answers",
            answers.len()
        );
        match read {
            Ok(report) => Some((taken, report)),
            Err(error) => {
                let mut cause: Option<&dyn Error> = Some(&error);
                while let Some(error) = cause {
                    assert!(
                        !error.to_string().contains(TOKEN),
                        "the credential is shown"
                    );
                    cause = error.source();
                }
                None
            }
        }
    }
}

impl Vendor {
    fn start() -> Vendor {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let vendor = Vendor {
            address: format!("http://{address}"),
            part: Arc::default(),
        };
        let serving = vendor.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                // Who has heard enough goes.
                let _ = stream.and_then(|stream| serving.serve(&stream));
            }
        });
        vendor
    }

    fn part(&self) -> MutexGuard<'_, Part> {
        self.part.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut requests = BufReader::new(stream);
        let mut answers = stream;
        while is_request(&mut requests)? {
            answers.write_all(&self.next())?;
        }
        Ok(())
    }

    /// What comes next, as it goes over the wire.
    fn next(&self) -> Vec<u8> {
        let mut part = self.part();
        part.asked += 1;
        // A list that is gone ends every read.
        let gone = Answer {
            status: 410,
            header: None,
            body: Vec::new(),
        };
        let answer = part.answers.pop_front().unwrap_or(gone);
        if WAITED_FOR.contains(&answer.status) || answer.status >= 500 {
            part.halt.cancel();
        }
        let length = answer.body.len();
        let mut wire = format!(
            "HTTP/1.1 {} X\r\nContent-Length: {length}\r\n",
            answer.status
        );
        if let Some(header) = &answer.header {
            wire += &format!("{header}\r\n");
        }
        let mut wire = (wire + "\r\n").into_bytes();
        if !matches!(answer.status, 204 | 304) {
            wire.extend(&answer.body);
        }
        wire
    }

    fn answer(&self, text: &[u8]) -> Option<Answer> {
        let end = text.iter().position(|byte| *byte == b'\n')?;
        let (head, body) = (&text[..end], &text[end + 1..]);
        let head = self.filled(head);
        let head = String::from_utf8(head).ok()?;
        let status = head.get(..3)?.parse().ok()?;
        let header = head.get(3..).unwrap_or_default().trim();
        let name = header.split(':').next().unwrap_or_default();
        let is_fit = HEADERS.contains(&name.to_ascii_lowercase().as_str())
            && !header.contains(|c: char| c.is_control());
        (200..600).contains(&status).then(|| Answer {
            status,
            header: is_fit.then(|| header.to_owned()),
            body: self.filled(body),
        })
    }

    fn filled(&self, text: &[u8]) -> Vec<u8> {
        replaced(&replaced(text, "{here}", &self.address), "{token}", TOKEN)
    }
}

/// Reads one request; of a connection that was closed there is none.
fn is_request(requests: &mut BufReader<&TcpStream>) -> std::io::Result<bool> {
    let mut line = Vec::new();
    let mut is_first = true;
    loop {
        line.clear();
        requests.take(1 << 20).read_until(b'\n', &mut line)?;
        match line.as_slice() {
            b"" => return Ok(false),
            b"\r\n" if !is_first => return Ok(true),
            _ => is_first = false,
        }
    }
}

fn replaced(text: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(byte) = rest.first() {
        match rest.strip_prefix(from.as_bytes()) {
            Some(after) => {
                out.extend(to.as_bytes());
                rest = after;
            }
            None => {
                out.push(*byte);
                rest = &rest[1..];
            }
        }
    }
    out
}

/// One connector with an object for each way that pages go on, and a source of each.
fn office() -> Office {
    let vendor = Vendor::start();
    let directory = tempfile::tempdir().expect("a directory");
    let within = |name: &str| directory.path().join(name);
    let write = |name: &str, text: &str| fs::write(within(name), text).expect("it is written");
    fs::create_dir(within("connectors.d")).expect("a directory");
    write("connectors.d/vendor.toml", &description());
    write("token", TOKEN);
    let owners = fs::Permissions::from_mode(0o600);
    fs::set_permissions(within("token"), owners).expect("it is ours");
    // Instead of the system's authorities, which would be read anew for each read.
    write("ca.pem", &Identity::generate().expect("a pair").ca_pem);
    let mut text = "[webhook]\nlisten = \"127.0.0.1:1\"\n".to_owned();
    for object in OBJECTS {
        text += &format!(
            "[[source]]\nname = \"{object}\"\ntype = \"vendor\"\nobject = \"{object}\"\nregion = \"TR\"\n\
             ca-file = \"ca.pem\"\nwith = {{ address = \"{}\" }}\nsecrets = {{ token = {{ file = \"token\" }} }}\n",
            vendor.address
        );
    }
    let config = Config::parse(&text, directory.path()).unwrap_or_else(|e| panic!("{e}"));
    let open = |source: &SourceConfig| source.open(directory.path());
    Office {
        sources: config.sources.iter().map(open).collect(),
        vendor,
        _directory: directory,
    }
}

fn description() -> String {
    let mut text = "\
name = \"vendor\"
title = \"A vendor\"
[with.address]
about = \"its address\"
[secrets.token]
about = \"a token\"
[auth]
kind = \"bearer\"
token = \"{{ secrets.token }}\"
[errors]
path = \"error\"
retry = [\"slower\"]
login = [\"who are you\"]
cursor-expired = [\"too old\"]
"
    .to_owned();
    for (at, object) in OBJECTS.iter().enumerate() {
        let ((query, paging, more), (cursor, _)) = (LISTS[at], CURSORS[at]);
        let is_token = cursor.contains("\"token\"");
        let list = |name: &str, tail: &str| {
            let url = match (name, is_token) {
                ("changes", true) => "{{ since }}".to_owned(),
                ("changes", false) => {
                    format!("{{{{ with.address }}}}/?since={{{{ since }}}}&{query}")
                }
                _ => format!("{{{{ with.address }}}}/?{query}"),
            };
            format!(
                "[objects.{object}.{name}]\nurl = \"{url}\"\nrecords = \"records\"\n{tail}\
                 [objects.{object}.{name}.paging]\n{paging}\n"
            )
        };
        text += &format!("[objects.{object}]\nkind = \"contacts\"\n{more}");
        text += &list("everything", "skip = \"hidden\"\n");
        text += &list("changes", "");
        text += &format!("[objects.{object}.changes.cursor]\n{cursor}\n");
        text += &format!("[objects.{object}.changes.tombstone]\nif = \"removed\"\n");
        text += &list("ids", "id = \"id\"\n");
        text += &format!(
            "[objects.{object}.columns]\nkey = \"id\"\nname = 'first ~ \" \" ~ last'\ncompany = \"company.name\"\n\
             numbers = [\"phones[*].number\", \"mobile\"]\nupdated = \"updated\"\nbalance = \"balance\"\n\
             default-currency = \"TRY\"\n"
        );
    }
    text
}
