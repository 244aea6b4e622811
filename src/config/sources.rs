//! `[[source]]`: where contacts come from, how they are written there, and how often they are read.

use std::time::Duration;

use super::accounts::{NAME, is_name};
use super::columns::{self, Records};
use super::dialling;
use super::reader::Section;
use crate::domain::dialling::Dialling;
use crate::domain::join::JoinBy;
use crate::domain::phone::Region;
use crate::domain::schedule::Schedule;
use crate::source::Source;
use crate::source::csv::CsvSource;
use crate::source::settings::{AfterLoad, CsvSettings, Encoding, Format, Kind, Location, Mapping};

/// How often a source is read unless told otherwise.
const EVERY: Duration = Duration::from_secs(15 * 60);
/// How long a dropped file must not have changed before it is taken.
const QUIET: Duration = Duration::from_secs(10);
/// Most sources of one box.
const SOURCES: usize = 16;

#[derive(Clone, Debug)]
pub struct SourceConfig {
    pub csv: CsvSettings,
    pub schedule: Schedule,
    /// Of balances: the sources of contacts that they belong to.
    pub join_to: Vec<String>,
}

impl SourceConfig {
    /// The source, ready to be read.
    pub fn open(&self) -> Source {
        Source::Csv(CsvSource::new(self.csv.clone()))
    }

    pub fn name(&self) -> &str {
        &self.csv.name
    }

    /// By what its records are joined to contacts, if it is a source of balances.
    pub fn join(&self) -> Option<JoinBy> {
        match self.csv.kind {
            Kind::Contacts => None,
            Kind::Balances(by) => Some(by),
        }
    }
}

pub(super) fn read(root: &Section<'_>, region: Option<Region>) -> Vec<SourceConfig> {
    let sections = root.sections("source");
    if sections.is_empty() && !root.has("source") {
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
    let contacts = sources.iter().filter(|s| s.csv.kind == Kind::Contacts);
    let contacts: Vec<String> = contacts.map(|s| s.name().to_owned()).collect();
    for source in &mut sources {
        source.join_to = contacts.clone();
    }
    // With one of them unread it would only be a guess what they have.
    if sources.len() == sections.len() {
        check_joins(&sections, &sources);
    }
    sources
}

/// Balances that no contact can have are a mistake in either source.
fn check_joins(sections: &[Section<'_>], sources: &[SourceConfig]) {
    let contacts = || sources.iter().filter(|s| s.csv.kind == Kind::Contacts);
    let has = |by: JoinBy, mapping: &Mapping| match by {
        JoinBy::Key => mapping.key.is_some(),
        JoinBy::CustomerCode => mapping.customer_code.is_some(),
        JoinBy::TaxNumber => mapping.tax_number.is_some(),
        JoinBy::Email => mapping.email.is_some(),
        JoinBy::Number => true,
    };
    for (section, source) in sections.iter().zip(sources) {
        let Kind::Balances(by) = source.csv.kind else {
            continue;
        };
        if contacts().count() == 0 {
            section.wrong::<()>(
                "kind",
                "there is no source of contacts to whom these belong",
            );
        }
        if contacts().count() == 0 || contacts().any(|s| has(by, &s.csv.mapping)) {
            continue;
        }
        if let Some(columns) = section.section("columns") {
            let by = by.as_str();
            let what =
                format!("no source of contacts has this id: map {by} = \"...\" in its columns");
            columns.wrong::<()>("join-by", what);
            columns.hush();
        }
    }
}

fn source(section: &Section<'_>, region: Option<Region>) -> Option<SourceConfig> {
    let name = section.required("name", NAME, is_name);
    section.required("type", "\"csv\"", |text| (text == "csv").then_some(()));
    let location = location(section);
    let schedule = schedule(section);
    let kind = section.parse("kind", "\"contacts\" or \"balances\"", Records::parse);
    let outer = Dialling {
        region,
        ..Dialling::default()
    };
    let dialling = dialling::within(section, &outer);
    let format = format(section);
    let kind = kind.or((!section.has("kind")).then(Records::default));
    let columns = section.required_section("columns").and_then(|columns| {
        let Some(kind) = kind else {
            // Which keys are right is the kind's to say.
            columns.hush();
            return None;
        };
        columns::read(&columns, kind, &dialling)
    });
    let (kind, mapping) = columns?;
    Some(SourceConfig {
        schedule: schedule?,
        join_to: Vec::new(),
        csv: CsvSettings {
            name: name?,
            location: location?,
            format: format?,
            kind,
            mapping,
            dialling,
        },
    })
}

fn location(section: &Section<'_>) -> Option<Location> {
    let (file, folder) = (section.path("path"), section.path("folder"));
    let suffix = section.text("suffix");
    let quiet = section.duration("quiet", Duration::from_secs(1), Duration::from_secs(3600));
    let after = section.parse(
        "after-load",
        "\"leave\" or \"archive\"",
        |text| match text {
            "leave" => Some(AfterLoad::Leave),
            "archive" => Some(AfterLoad::Archive),
            _ => None,
        },
    );
    match (file, folder) {
        (Some(file), None) => {
            for key in ["suffix", "quiet", "after-load"]
                .into_iter()
                .filter(|k| section.has(k))
            {
                section.wrong::<()>(
                    key,
                    "belongs to a folder; with path the file is left where it is",
                );
            }
            Some(Location::File(file))
        }
        (None, Some(path)) => Some(Location::Folder {
            path,
            suffix: suffix.unwrap_or_else(|| ".csv".into()),
            quiet: quiet.unwrap_or(QUIET),
            after: after.unwrap_or(AfterLoad::Leave),
        }),
        (Some(_), Some(_)) => section.wrong("folder", "there can be path or folder, not both"),
        (None, None) if section.has("path") || section.has("folder") => None,
        (None, None) => section.missing("path", "the export's file, or folder = \"...\""),
    }
}

fn schedule(section: &Section<'_>) -> Option<Schedule> {
    let every = section.duration(
        "every",
        Duration::from_secs(10),
        Duration::from_secs(7 * 86_400),
    );
    match (section.text("cron"), section.has("every")) {
        (Some(_), true) => section.wrong("cron", "there can be every or cron, not both"),
        (Some(line), false) => match Schedule::parse_cron(&line) {
            Ok(schedule) => Some(schedule),
            Err(e) => section.wrong(
                "cron",
                format!("must be a crontab line such as \"30 6 * * *\": {e}"),
            ),
        },
        (None, true) => every.map(Schedule::Every),
        (None, false) => Some(Schedule::Every(EVERY)),
    }
}

fn format(section: &Section<'_>) -> Option<Format> {
    let default = Format::default();
    let one = |text: &str| match text.as_bytes() {
        [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() => Some(*byte),
        _ => None,
    };
    let delimiter = section.parse("delimiter", "one of \",\" \";\" \"\\t\" \"|\"", |text| {
        one(text).filter(|b| b",;\t|".contains(b))
    });
    let quote = section.parse("quote", "one sign, such as \"'\"", one);
    if quote.is_some() && quote == delimiter {
        section.wrong::<()>("quote", "must be another sign than the delimiter");
    }
    let encoding = section.parse("encoding", Encoding::ALLOWED, Encoding::parse);
    Some(Format {
        delimiter,
        quote: quote.unwrap_or(default.quote),
        encoding: encoding.unwrap_or(default.encoding),
    })
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
        let kinds: Vec<_> = sources.iter().map(|s| s.open().kind()).collect();
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
            let csv = &sources[0].csv;
            assert_eq!(csv.mapping.numbers[0].dialling, csv.dialling);
            csv.dialling.region
        };
        assert_eq!(region(""), Region::parse("TR"));
        assert_eq!(region("region = \"GB\""), Region::parse("GB"));
        assert_eq!(region("region = \"none\""), None);
    }
}
