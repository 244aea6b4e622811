//! One read, and everything it handed out.

use std::convert::Infallible;
use std::error::Error;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use ringcard::domain::contact::Contact;
use ringcard::domain::dialling::Dialling;
use ringcard::domain::money::{Currency, DecimalSign};
use ringcard::domain::phone::Region;
use ringcard::source::error::{ReadError, SourceError};
use ringcard::source::read::{Job, Raw, ReadReport, Taker, Wanted};
use ringcard::source::settings::{
    BalanceColumn, BalanceSign, Kind, Line, Mapping, NumbersColumn, RecordSettings,
};
use ringcard::source::sql::SqlSource;
use ringcard::source::sql::settings::{Engine, Password, Place, Queries, Server, SqlSettings, Tls};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
});

/// Everything a read handed out.
#[derive(Debug, Default)]
pub struct Taken {
    pub contacts: Vec<Contact>,
    pub gone: Vec<String>,
    pub ids: Vec<String>,
    /// Names of columns and their values, of the first rows.
    pub raw: Vec<Vec<(String, String)>>,
}

impl Taken {
    pub fn names(&self) -> Vec<&str> {
        let names = self.contacts.iter().map(|c| c.name.as_deref());
        names.map(|name| name.unwrap_or("-")).collect()
    }

    /// The value of a column of the first row.
    pub fn value(&self, column: &str) -> &str {
        let found = self.raw[0].iter().find(|(name, _)| name == column);
        &found.unwrap_or_else(|| panic!("no {column}")).1
    }
}

/// A taker that does something at each contact.
struct Watched<'a> {
    taken: Taken,
    at: &'a mut dyn FnMut(&Contact),
}

impl Taker for Watched<'_> {
    type Error = Infallible;

    fn raw(&mut self, raw: Raw<'_>) {
        let pairs = raw.values.iter();
        let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.taken.raw.push(pairs.collect());
    }

    fn contact(&mut self, contact: Contact) -> Result<(), Infallible> {
        (self.at)(&contact);
        self.taken.contacts.push(contact);
        Ok(())
    }

    fn gone(&mut self, identity: &str) -> Result<(), Infallible> {
        self.taken.gone.push(identity.to_owned());
        Ok(())
    }

    fn id(&mut self, identity: &str) -> Result<(), Infallible> {
        self.taken.ids.push(identity.to_owned());
        Ok(())
    }
}

pub const EVERYTHING: Wanted<'static> = Wanted::Everything { from: None };

/// What a read of everything gives.
pub fn everything(settings: &SqlSettings) -> (Taken, ReadReport) {
    read(settings, EVERYTHING).unwrap_or_else(|error| panic!("{}", words(&error)))
}

pub fn read(
    settings: &SqlSettings,
    wanted: Wanted<'_>,
) -> Result<(Taken, ReadReport), SourceError> {
    read_with(settings, wanted, &CancellationToken::new(), &mut |_| {})
}

pub fn read_with(
    settings: &SqlSettings,
    wanted: Wanted<'_>,
    halt: &CancellationToken,
    at: &mut dyn FnMut(&Contact),
) -> Result<(Taken, ReadReport), SourceError> {
    let _runtime = RUNTIME.enter();
    let source = SqlSource::new(settings.clone());
    let mut watched = Watched {
        taken: Taken::default(),
        at,
    };
    let job = Job { wanted, halt };
    match source.read(&job, &mut watched) {
        Ok(report) => Ok((watched.taken, report)),
        Err(ReadError::Source(error)) => Err(error),
        Err(ReadError::Row(never)) => match never {},
    }
}

/// Why a read of everything fails.
pub fn refusal(settings: &SqlSettings) -> SourceError {
    match read(settings, EVERYTHING) {
        Ok((_, report)) => panic!("{report:?}"),
        Err(error) => error,
    }
}

/// An error and its causes, as an operator reads them.
pub fn words(error: &SourceError) -> String {
    let (mut all, mut next) = (error.to_string(), error.source());
    while let Some(cause) = next {
        all = format!("{all}: {cause}");
        next = cause.source();
    }
    all
}

/// A verified connection to the server, and a mapping of `id`, `name`, `phone` and `balance`.
pub fn settings(engine: Engine, of: &super::servers::Server, query: &str) -> SqlSettings {
    let tls = Tls::Verified {
        ca_file: Some(of.ca().to_owned()),
        name: None,
    };
    SqlSettings {
        records: records(),
        server: Server {
            engine,
            place: network(of.host(), of.port(), tls),
            database: of.database().into(),
            user: of.user().into(),
            password: Password::new(of.password()),
        },
        queries: Queries {
            query: query.into(),
            overlap: Duration::from_secs(60),
            ..Queries::default()
        },
        timeout: Duration::from_secs(60),
    }
}

pub fn network(host: &str, port: u16, tls: Tls) -> Place {
    Place::Network {
        host: host.into(),
        port,
        tls,
    }
}

pub fn socket(path: &str, port: u16) -> Place {
    Place::Socket {
        path: Path::new(path).to_owned(),
        port,
    }
}

pub fn records() -> RecordSettings {
    let dialling = Dialling {
        region: Region::parse("TR"),
        ..Dialling::default()
    };
    RecordSettings {
        name: "erp".into(),
        kind: Kind::Contacts,
        mapping: Mapping {
            key: Some("id".into()),
            name: vec!["name".into()],
            numbers: vec![NumbersColumn {
                column: "phone".into(),
                dialling: dialling.clone(),
                line: Line::Own,
            }],
            balance: Some(BalanceColumn {
                column: "balance".into(),
                currency_column: None,
                currency: Currency::parse("TRY"),
                // What a number by its type must not be read by.
                decimal: DecimalSign::Comma,
                sign: BalanceSign::Debit,
            }),
            ..Mapping::default()
        },
        dialling,
    }
}
