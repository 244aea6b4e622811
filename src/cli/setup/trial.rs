//! What a source gives, looked at before it is configured: an export's first line, and five records with what
//! becomes of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::columns::{self, Table};
use crate::cli::source::{Record, Sample, notes};
use crate::cli::terminal::table;
use crate::config::{Config, SourceConfig};
use crate::domain::dialling::Dialling;
use crate::domain::money::Locale;
use crate::source::Source;
use crate::source::error::SourceError;
use crate::source::export::FileSource;
use crate::source::settings::{
    CsvFormat, FileSettings, Format, Kind, Location, Mapping, RecordSettings,
};
use crate::system::chain;
use crate::tasks::Tasks;

/// Records shown: enough to see a pattern, few enough for a screen.
const RECORDS: usize = 5;
/// Rows looked at to learn what the columns hold.
const ROWS: usize = 200;
/// What is tried of a CSV file whose delimiter nobody has said.
const DELIMITERS: [u8; 4] = [b';', b',', b'\t', b'|'];
/// What a person waits for a source to answer.
const ANSWER_TIME: Duration = Duration::from_secs(30);
/// Characters shown of a name.
const NAME_CHARS: usize = 34;

/// A format with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sheet {
    Csv,
    Xlsx,
}

impl Sheet {
    pub(super) fn of(path: &Path) -> Sheet {
        match path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("xlsx"))
        {
            true => Sheet::Xlsx,
            false => Sheet::Csv,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Sheet::Csv => "csv",
            Sheet::Xlsx => "xlsx",
        }
    }
}

/// The header of an export and the first rows below it; or what is wrong with it.
pub(super) async fn look(path: &Path, sheet: Sheet, dialling: &Dialling) -> Result<Table, String> {
    let formats: Vec<Format> = match sheet {
        Sheet::Xlsx => vec![Format::Xlsx { sheet: None }],
        Sheet::Csv => DELIMITERS.map(csv).into(),
    };
    let (path, dialling) = (path.to_owned(), dialling.clone());
    let tasks = Tasks::default();
    let looked = tasks.blocking(move || {
        let looks = formats.into_iter().map(|f| rows(&path, f, &dialling));
        best(looks.collect())
    });
    let found = looked.await.map_err(|e| e.to_string())?;
    let found = found.map_err(|e| chain::of(&e))?;
    match found.header.is_empty() {
        true => {
            Err("it holds no record below its first line: let the export run, and try again".into())
        }
        false => Ok(found),
    }
}

fn csv(delimiter: u8) -> Format {
    Format::Csv(CsvFormat {
        delimiter: Some(delimiter),
        ..CsvFormat::default()
    })
}

fn rows(path: &Path, format: Format, dialling: &Dialling) -> Result<Table, SourceError> {
    let records = RecordSettings {
        name: "setup".into(),
        kind: Kind::Contacts,
        mapping: Mapping::default(),
        dialling: dialling.clone(),
    };
    let settings = FileSettings {
        records,
        location: Location::File(path.to_owned()),
        format,
    };
    let source = Source::File(FileSource::new(settings, Path::new("")));
    let (sample, end) = Sample::take(&source, ROWS, &CancellationToken::new());
    end?;
    let widest = sample.records.iter().max_by_key(|r| r.raw.len());
    let names = widest.map(|r| r.raw.iter().map(|(name, _)| name.trim()));
    let header: Vec<String> = names.into_iter().flatten().map(str::to_owned).collect();
    if header.iter().any(|name| dialling.read(name).is_ok()) {
        return Err(SourceError::NoHeader {
            path: path.to_owned(),
        });
    }
    let values = |r: &Record| r.raw.iter().map(|(_, value)| value.clone()).collect();
    Ok(Table {
        rows: sample.records.iter().map(values).collect(),
        header,
    })
}

/// The reading in which most is known by name, and then the one with most columns.
fn best(looks: Vec<Result<Table, SourceError>>) -> Result<Table, SourceError> {
    let mut best: Option<Table> = None;
    let mut fault = None;
    let worth = |table: &Table| (columns::known(&table.header), table.header.len());
    for look in looks {
        match look {
            Ok(table) if best.as_ref().is_none_or(|b| worth(&table) > worth(b)) => {
                best = Some(table);
            }
            Ok(_) => {}
            Err(e) => fault = fault.or(Some(e)),
        }
    }
    match (best, fault) {
        // Read wrongly, any file is a table of one column; the fault is of the right reading.
        (Some(table), Some(fault)) if table.header.len() < 2 => Err(fault),
        (Some(table), _) => Ok(table),
        (None, Some(fault)) => Err(fault),
        (None, None) => Ok(Table::default()),
    }
}

/// The newest export in a folder.
pub(super) fn newest(folder: &Path) -> Result<Option<PathBuf>, String> {
    let failed = |e: std::io::Error| format!("{} can't be read: {e}", folder.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)?.flatten() {
        let path = entry.path();
        let is_export = path.extension().is_some_and(|e| {
            ["csv", "xlsx"]
                .iter()
                .any(|known| e.eq_ignore_ascii_case(known))
        });
        let metadata = entry.metadata().ok().filter(|m| m.is_file() && is_export);
        if let Some(modified) = metadata.and_then(|m| m.modified().ok()) {
            found.push((modified, path));
        }
    }
    Ok(found.into_iter().max().map(|(_, path)| path))
}

/// Five records of the first source of a configuration, and what became of them.
pub(super) struct Tried {
    pub(super) told: String,
    /// A sentence each, to be looked at.
    pub(super) notes: Vec<String>,
    pub(super) usable: usize,
}

/// Reads a few records of `text`'s first source. Nothing is kept of it.
pub(super) async fn tried(text: &str, directory: &Path) -> Result<Tried, String> {
    let config = Config::parse(text, directory).map_err(|problems| problems.to_string())?;
    let locale = config.locale;
    let Some(configured) = config.sources.into_iter().next() else {
        return Err("there is no source".into());
    };
    let halt = CancellationToken::new();
    let halted = halt.clone();
    let tasks = Tasks::default();
    let taken = tasks.blocking(move || take(&configured, &halted));
    let Ok(taken) = timeout(ANSWER_TIME, taken).await else {
        halt.cancel();
        let seconds = ANSWER_TIME.as_secs();
        return Err(format!(
            "no record came within {seconds} s: is it up, and can it be reached from here?"
        ));
    };
    let (sample, notes) = taken.map_err(|e| e.to_string())??;
    Ok(Tried {
        told: told(&sample, locale),
        usable: sample.contacts(),
        notes,
    })
}

fn take(
    configured: &SourceConfig,
    halt: &CancellationToken,
) -> Result<(Sample, Vec<String>), String> {
    let state = tempfile::tempdir().map_err(|e| e.to_string())?;
    let source = configured.open(state.path());
    let (sample, end) = Sample::take(&source, RECORDS, halt);
    end.map_err(|e| chain::of(&e))?;
    let notes = notes(&sample, &source);
    Ok((sample, notes))
}

fn told(sample: &Sample, locale: Locale) -> String {
    let rows: Vec<Vec<String>> = sample.records.iter().map(|r| row(r, locale)).collect();
    table(&rows)
}

/// A contact as a card would have it: name, company, numbers, balance.
fn row(record: &Record, locale: Locale) -> Vec<String> {
    let Some(contact) = &record.contact else {
        let why = record.rejected.as_ref().map(|r| r.reason.as_str());
        let why = why.unwrap_or("nothing came of it");
        return vec![format!("   (line {}: {why})", record.line)];
    };
    let numbers = contact.numbers.iter().map(|n| n.e164());
    let loose = contact.loose.iter().map(|n| n.digits().to_string());
    let cut = |text: &Option<String>| {
        let text = text.as_deref().unwrap_or("-");
        let clean = text.chars().filter(|c| !c.is_control());
        clean.take(NAME_CHARS).collect::<String>()
    };
    let balance = contact.balance.as_ref().map(|b| b.format(locale));
    vec![
        format!("   {}", cut(&contact.name)),
        cut(&contact.company),
        numbers.chain(loose).collect::<Vec<_>>().join(", "),
        balance.unwrap_or_default(),
    ]
}
