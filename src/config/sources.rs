//! `[[source]]`: where contacts come from, how they are written there, and how often they are read.

use std::time::Duration;

use super::accounts::{NAME, is_name};
use super::reader::Section;
use crate::domain::money::{Currency, DecimalSign};
use crate::domain::phone::Region;
use crate::domain::schedule::Schedule;
use crate::source::Source;
use crate::source::csv::CsvSource;
use crate::source::settings::{
    AfterLoad, BalanceColumn, CsvSettings, Encoding, Format, Location, Mapping,
};

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
}

impl SourceConfig {
    /// The source, ready to be read.
    pub fn open(&self) -> Source {
        Source::Csv(CsvSource::new(self.csv.clone()))
    }

    pub fn name(&self) -> &str {
        &self.csv.name
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
    sources
}

fn source(section: &Section<'_>, region: Option<Region>) -> Option<SourceConfig> {
    let name = section.required("name", NAME, is_name);
    section.required("type", "\"csv\"", |text| (text == "csv").then_some(()));
    let location = location(section);
    let schedule = schedule(section);
    let own = section.parse(
        "region",
        "a country code such as \"TR\" or \"GB\"",
        Region::parse,
    );
    let format = format(section);
    let mapping = section
        .required_section("columns")
        .and_then(|columns| mapping(&columns));
    Some(SourceConfig {
        schedule: schedule?,
        csv: CsvSettings {
            name: name?,
            location: location?,
            format: format?,
            mapping: mapping?,
            region: own.or(region)?,
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

fn mapping(columns: &Section<'_>) -> Option<Mapping> {
    let [key, company] = ["key", "company"].map(|k| columns.text(k));
    let (name, numbers) = (columns.texts("name"), columns.texts("numbers"));
    if numbers.is_empty() && !columns.has("numbers") {
        columns.missing::<()>(
            "numbers",
            "the columns with telephone numbers, such as [\"Mobile\", \"Phone\"]",
        );
    }
    if name.is_empty() && company.is_none() && !columns.has("name") {
        columns.missing::<()>(
            "name",
            "the column with the contact's name (or company = \"...\")",
        );
    }
    let fields = columns
        .section("fields")
        .map(|f| f.free_texts())
        .unwrap_or_default();
    let balance = balance(columns);
    Some(Mapping {
        key,
        name,
        company,
        numbers,
        balance,
        fields: fields.into_iter().collect(),
    })
}

fn balance(columns: &Section<'_>) -> Option<BalanceColumn> {
    let column = columns.text("balance");
    let currency_column = columns.text("currency");
    let currency = columns.parse(
        "default-currency",
        "a currency such as \"TRY\"",
        Currency::parse,
    );
    let decimal = columns.parse("decimal", "\"auto\", \",\" or \".\"", |text| match text {
        "auto" => Some(DecimalSign::Auto),
        "," => Some(DecimalSign::Comma),
        "." => Some(DecimalSign::Point),
        _ => None,
    });
    if column.is_none() {
        for key in ["currency", "default-currency", "decimal"]
            .into_iter()
            .filter(|k| columns.has(k))
        {
            columns.wrong::<()>(key, "needs balance = \"...\", the column with the amount");
        }
        return None;
    }
    if currency_column.is_none() && currency.is_none() && !columns.has("default-currency") {
        columns.missing::<()>(
            "default-currency",
            "the currency of the balances, such as \"TRY\"",
        );
    }
    Some(BalanceColumn {
        column: column?,
        currency_column,
        currency,
        decimal: decimal.unwrap_or_default(),
    })
}
