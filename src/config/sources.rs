//! `[[source]]`: where contacts come from, how they are written there, and how often they are read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;

use super::accounts::{NAME, is_name};
use super::columns::{self, Columns, Records};
use super::connectors::{self, Description};
use super::reader::Section;
use super::{dialling, expiry};
use crate::domain::dialling::Dialling;
use crate::domain::guard::Limits;
use crate::domain::join::JoinBy;
use crate::domain::phone::Region;
use crate::source::Source;
use crate::source::api::ApiSource;
use crate::source::digest::Digest;
use crate::source::export::FileSource;
use crate::source::json::Extractor;
use crate::source::settings::{FileSettings, Format, Kind, Location, Mapping, RecordSettings};
use crate::source::sql::SqlSource;
use crate::source::sql::settings::Engine;

use self::sql::SqlConfig;

mod api;
mod files;
mod guards;
mod schedule;
mod sql;

use files::FileType;

pub use api::ApiFrom;
pub use schedule::Timing;

/// Most sources of one box.
const SOURCES: usize = 16;

#[derive(Clone, Debug)]
pub struct SourceConfig {
    pub records: RecordSettings,
    pub from: ReadFrom,
    pub timing: Timing,
    pub guards: Limits,
    /// The last day on which a secret is valid, by the secret's name.
    pub expires: BTreeMap<String, Date>,
    /// Its secrets' files: a new one is taken up from there by itself.
    pub secrets: BTreeMap<String, PathBuf>,
    /// Of balances: the sources of contacts whose they are, at least one. An id that two systems give to two
    /// customers would else put one's balance on the other's card.
    pub join_to: Vec<String>,
}

/// Where a source's records come from, by its `type`.
#[derive(Clone, Debug)]
pub enum ReadFrom {
    File {
        location: Location,
        format: Format,
        /// The mapping over JSON records, of formats that have these.
        extractor: Option<Arc<Extractor>>,
    },
    Sql(Box<SqlConfig>),
    /// By a connector.
    Api(Box<ApiFrom>),
}

impl SourceConfig {
    /// The source, ready to be read. `state` is a directory of its own, for what it has to remember; it may
    /// not be there yet.
    pub fn open(&self, state: &Path) -> Source {
        let records = self.records.clone();
        match &self.from {
            ReadFrom::File {
                location,
                format,
                extractor,
            } => {
                let settings = FileSettings {
                    records,
                    location: location.clone(),
                    format: format.clone(),
                };
                Source::File(FileSource::new(settings, state).over(extractor.clone()))
            }
            ReadFrom::Sql(config) => Source::Sql(SqlSource::new(config.settings(records))),
            ReadFrom::Api(from) => Source::Api(ApiSource::new(from.settings(records), state)),
        }
    }

    /// Of everything that decides what becomes of a record, so that other settings give other copies. Of the
    /// settings' `Debug`, which shows no secret: what a library may change there costs one more full read.
    pub fn digest(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        Digest::of(&format!("{version} {:?} {:?}", self.records, self.from)).to_string()
    }

    /// How long a secret of this kind lives, where that is known of whoever gives it out.
    pub fn lifetimes(&self) -> BTreeMap<String, Duration> {
        match &self.from {
            ReadFrom::File { .. } | ReadFrom::Sql(_) => BTreeMap::new(),
            ReadFrom::Api(from) => from.lifetimes(),
        }
    }

    pub fn name(&self) -> &str {
        &self.records.name
    }

    /// By what its records are joined to contacts, if it is a source of balances.
    pub fn join(&self) -> Option<JoinBy> {
        match self.records.kind {
            Kind::Contacts => None,
            Kind::Balances(by) => Some(by),
        }
    }
}

/// What `type` can say beside the names of connectors.
const TYPES: [&str; 8] = [
    "csv",
    "xlsx",
    "ndjson",
    "json",
    "vcard",
    "postgresql",
    "mysql",
    "sqlserver",
];

enum Type {
    File(FileType),
    Sql(Engine),
    Connector(Result<Description, String>),
}

impl Type {
    fn of(section: &Section<'_>) -> Option<Type> {
        let directory = section.directory();
        let names = || connectors::names(directory);
        let all = TYPES.iter().map(|t| (*t).to_owned()).chain(names());
        let allowed = any_of(&all.collect::<Vec<_>>());
        section.required("type", &allowed, |text| {
            let own = FileType::parse(text).map(Type::File);
            let own = own.or_else(|| engine(text).map(Type::Sql));
            own.or_else(|| connectors::find(directory, text).map(Type::Connector))
        })
    }
}

fn engine(text: &str) -> Option<Engine> {
    match text {
        "postgresql" => Some(Engine::Postgres),
        "mysql" | "mariadb" => Some(Engine::MySql),
        "sqlserver" => Some(Engine::SqlServer),
        _ => None,
    }
}

pub(super) fn read(root: &Section<'_>, region: Option<Region>) -> Vec<SourceConfig> {
    let sections = root.sections("source");
    // A box that is not set up yet runs all the same, and says so.
    if sections.is_empty() && !root.has("source") && root.has("account") {
        root.missing::<()>("source", "at least one [[source]]");
    }
    if sections.len() > SOURCES {
        root.wrong::<()>("source", format!("there can be {SOURCES} sources at most"));
    }
    let mut sources: Vec<SourceConfig> = Vec::new();
    for section in &sections {
        let Some(source) = source(section, region) else {
            continue;
        };
        if sources.iter().any(|s| s.name() == source.name()) {
            section.wrong::<()>("name", "another source has this name");
        }
        sources.push(source);
    }
    // With one of them unread it would only be a guess what they have.
    if sources.len() == sections.len() {
        let pairs = sections.iter().zip(&sources);
        let named: Vec<_> = pairs.map(|(at, s)| joined(at, s, &sources)).collect();
        for (source, names) in sources.iter_mut().zip(named) {
            source.join_to = names;
        }
    }
    sources
}

/// Whose the source's balances are. Those that no contact can have are a mistake in either source.
fn joined(section: &Section<'_>, source: &SourceConfig, sources: &[SourceConfig]) -> Vec<String> {
    let Kind::Balances(by) = source.records.kind else {
        return Vec::new();
    };
    let contacts = || sources.iter().filter(|s| s.records.kind == Kind::Contacts);
    if contacts().count() == 0 {
        let what = "there is no source of contacts to whom these belong";
        return section.wrong("kind", what).unwrap_or_default();
    }
    let able: Vec<&str> = contacts()
        .filter(|s| has(by, &s.records.mapping))
        .map(SourceConfig::name)
        .collect();
    // A connector brings columns: then there need not be any here.
    let own = section.section("columns");
    let columns = own.as_ref().unwrap_or(section);
    if let Some(own) = &own {
        own.hush();
    }
    let id = by.as_str();
    let wrong = |what: String| columns.wrong("join-to", what).unwrap_or_default();
    let unknown = |name: &&String| !contacts().any(|s| s.name() == *name);
    let unable = |name: &&String| !able.contains(&name.as_str());
    let named = &source.join_to;
    if able.is_empty() {
        let what = format!("no source of contacts has this id: map {id} = \"...\" in its columns");
        return columns.wrong("join-by", what).unwrap_or_default();
    }
    if let Some(name) = named.iter().find(unknown) {
        let what = format!("there is no source of contacts {name}; here there can be ");
        return wrong(what + &any_of(&able));
    }
    if let Some(name) = named.iter().find(unable) {
        return wrong(format!(
            "source {name} does not have this id: map {id} = \"...\" in its columns"
        ));
    }
    match (&able[..], columns.has("join-to")) {
        ([only], false) => vec![(*only).to_owned()],
        (_, false) => {
            let allowed = format!(
                "the source whose balances these are, or a list: {} have this id",
                any_of(&able)
            );
            columns.missing("join-to", &allowed).unwrap_or_default()
        }
        (_, true) => named.clone(),
    }
}

fn has(by: JoinBy, mapping: &Mapping) -> bool {
    match by {
        JoinBy::Key => mapping.key.is_some(),
        JoinBy::CustomerCode => mapping.customer_code.is_some(),
        JoinBy::TaxNumber => mapping.tax_number.is_some(),
        JoinBy::Email => mapping.email.is_some(),
        JoinBy::Number => true,
    }
}

fn any_of(names: &[impl AsRef<str>]) -> String {
    let quoted: Vec<_> = names
        .iter()
        .map(|name| format!("\"{}\"", name.as_ref()))
        .collect();
    quoted.join(" or ")
}

fn source(section: &Section<'_>, region: Option<Region>) -> Option<SourceConfig> {
    let name = section.required("name", NAME, is_name);
    let timing = schedule::read(section);
    let (guards, expires) = (guards::read(section), expiry::dates(section));
    let outer = Dialling {
        region,
        ..Dialling::default()
    };
    let dialling = dialling::within(section, &outer);
    let (from, columns) = match Type::of(section) {
        Some(Type::File(of)) => files::read(section, of, &dialling),
        Some(Type::Sql(engine)) => (
            sql::sql(section, engine),
            own_columns(section, &dialling, None, &mut |_, _| {}),
        ),
        Some(Type::Connector(description)) => by_connector(section, description, &dialling),
        None => {
            // Which keys are right is the type's to say.
            section.hush();
            (None, None)
        }
    };
    let Columns {
        kind,
        mapping,
        join_to,
    } = columns?;
    let records = RecordSettings {
        name: name?,
        kind,
        mapping,
        dialling,
    };
    if let Some(ReadFrom::Sql(config)) = &from {
        config.check(section, &records);
    }
    Some(SourceConfig {
        timing: timing?,
        guards,
        expires,
        secrets: section.secrets(),
        join_to,
        records,
        from: from?,
    })
}

/// The operator's mapping; without one the usual one, if there is such. `over` says what it means to the source.
fn own_columns(
    section: &Section<'_>,
    dialling: &Dialling,
    usual: Option<Mapping>,
    over: &mut dyn FnMut(&Section<'_>, &Mapping),
) -> Option<Columns> {
    let kind = section.parse("kind", "\"contacts\" or \"balances\"", Records::parse);
    let kind = kind.or((!section.has("kind")).then(Records::default));
    if let (Some(mapping), Some(Records::Contacts), false) = (usual, kind, section.has("columns")) {
        return Some(Columns {
            kind: Kind::Contacts,
            mapping,
            join_to: Vec::new(),
        });
    }
    section.required_section("columns").and_then(|columns| {
        let Some(kind) = kind else {
            // Which keys are right is the kind's to say.
            columns.hush();
            return None;
        };
        let read = columns::read(&columns, kind, dialling)?;
        over(&columns, &read.mapping);
        Some(read)
    })
}

fn by_connector(
    section: &Section<'_>,
    description: Result<Description, String>,
    dialling: &Dialling,
) -> (Option<ReadFrom>, Option<Columns>) {
    let read = match description {
        Ok(description) => api::read(section, &description, dialling),
        Err(what) => section.wrong("type", what),
    };
    if read.is_none() {
        // What could not be read of the description decides which keys are right.
        section.hush();
    }
    let (from, columns) = read.unzip();
    (from.map(|from| ReadFrom::Api(Box::new(from))), columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reader::tests::{self, problems};

    fn told(sources: &str) -> Vec<String> {
        problems(sources, |root| drop(read(root, Region::parse("TR"))))
    }

    const CRM: &str = "[[source]]\nname = \"crm\"\ntype = \"csv\"\npath = \"crm.csv\"\n\
        [source.columns]\nname = \"Name\"\nnumbers = \"Phone\"\n";
    const ERP: &str = "[[source]]\nname = \"erp\"\ntype = \"csv\"\npath = \"erp.csv\"\n\
        kind = \"balances\"\n[source.columns]\njoin = \"Code\"\njoin-by = \"customer-code\"\n\
        balance = \"Balance\"\ndefault-currency = \"TRY\"\n";

    #[test]
    fn balances_need_a_source_of_contacts_with_their_id() {
        let code = "customer-code = \"Code\"\n";
        assert_eq!(told(&format!("{CRM}{code}{ERP}")), [""; 0]);
        assert_eq!(told(&format!("{ERP}{CRM}{code}")), [""; 0]);
        let by_number = ERP.replace("customer-code", "number");
        assert_eq!(told(&format!("{CRM}{by_number}")), [""; 0]);
        let what = "join-by = \"customer-code\": no source of contacts has this id: map customer-code = \
                    \"...\" in its columns";
        assert_eq!(
            told(&format!("{CRM}{ERP}")),
            [format!("line 15: source.erp.columns.{what}")]
        );
        assert_eq!(
            told(&by_number),
            [
                "line 5: source.erp.kind = \"balances\": there is no source of contacts to whom these belong"
            ]
        );
    }

    /// The CRM with its customer codes, another source of contacts, and the ERP.
    fn three(other: &str, join_to: &str) -> String {
        let code = "customer-code = \"Code\"\n";
        let shop = CRM.replace("crm", "shop");
        format!("{CRM}{code}{shop}{other}{ERP}{join_to}")
    }

    #[test]
    fn balances_are_of_the_only_source_with_their_id_or_of_those_they_name() {
        let code = "customer-code = \"Code\"\n";
        let joined = |text: &str| {
            let sources = tests::read(text, |root| read(root, Region::parse("TR")));
            assert!(sources[0].join_to.is_empty());
            sources.last().unwrap().join_to.join(" ")
        };
        assert_eq!(joined(&three("", "")), "crm");
        assert_eq!(joined(&three("", "join-to = \"crm\"\n")), "crm");
        assert_eq!(joined(&three(code, "join-to = \"shop\"\n")), "shop");
        let both = "join-to = [\"shop\", \"crm\", \"shop\"]\n";
        assert_eq!(joined(&three(code, both)), "shop crm");
    }

    #[test]
    fn balances_must_say_whose_they_are_where_there_is_a_choice() {
        let code = "customer-code = \"Code\"\n";
        let missing = "source.erp.columns.join-to: is missing; give the source whose balances these are, \
                       or a list: \"crm\" or \"shop\" have this id";
        let ends = |text: &str, expected: &str| {
            let told = told(text);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].ends_with(expected), "{told:?}");
        };
        ends(&three(code, ""), missing);
        let by_number = three("", "").replace("\"customer-code\"", "\"number\"");
        ends(&by_number, missing);
        ends(
            &three(code, "join-to = [\"crm\", \"hr\"]\n"),
            "join-to = [\"crm\", \"hr\"]: there is no source of contacts hr; here there can be \"crm\" or \"shop\"",
        );
        ends(
            &three("", "join-to = \"erp\"\n"),
            "join-to = \"erp\": there is no source of contacts erp; here there can be \"crm\"",
        );
        ends(
            &three("", "join-to = \"shop\"\n"),
            "join-to = \"shop\": source shop does not have this id: map customer-code = \"...\" in its columns",
        );
        ends(
            &three(code, "join-to = 1\n"),
            "join-to = 1: must be a text in quotes, or a list of such",
        );
    }

    #[test]
    fn a_source_of_an_unknown_kind_has_one_problem() {
        let text = ERP.replace("\"balances\"", "\"prices\"");
        assert_eq!(
            told(&text),
            ["line 5: source.erp.kind = \"prices\": must be \"contacts\" or \"balances\""]
        );
    }

    #[test]
    fn the_worked_example_is_right() {
        let guide = include_str!("../../docs/configuration.md");
        let (_, example) = guide.split_once("### Names from the CRM").unwrap();
        let (_, example) = example.split_once("```toml\n").unwrap();
        let (example, _) = example.split_once("```").unwrap();
        let sources = tests::read(example, |root| read(root, Region::parse("TR")));
        let kinds: Vec<_> = sources.iter().map(|s| s.records.kind).collect();
        assert_eq!(
            kinds,
            [Kind::Contacts, Kind::Balances(JoinBy::CustomerCode)]
        );
    }

    #[test]
    fn a_source_is_where_the_first_account_is_unless_it_says_so() {
        let region = |line: &str| {
            let text = CRM.replace("[source.columns]", &format!("{line}\n[source.columns]"));
            let sources = tests::read(&text, |root| read(root, Region::parse("TR")));
            let csv = &sources[0].records;
            assert_eq!(csv.mapping.numbers[0].dialling, csv.dialling);
            csv.dialling.region
        };
        assert_eq!(region(""), Region::parse("TR"));
        assert_eq!(region("region = \"GB\""), Region::parse("GB"));
        assert_eq!(region("region = \"none\""), None);
    }
}
