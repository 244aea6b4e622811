//! Sources that are files: where they are, and how they are written.

use std::time::Duration;

use super::super::columns::{Columns, over_json};
use super::super::reader::Section;
use super::super::secret;
use super::{ReadFrom, own_columns};
use crate::domain::dialling::Dialling;
use crate::source::settings::{
    Address, AfterLoad, Credential, CsvFormat, Encoding, Format, Line, Location, Mapping,
    NumbersColumn, UpdatedColumn, Web,
};
use crate::source::vcard::column::Column;

/// How long a dropped file must not have changed before it is taken.
const QUIET: Duration = Duration::from_secs(10);

/// A `type` that is a file's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FileType {
    Csv,
    Xlsx,
    NdJson,
    Json,
    VCard,
}

impl FileType {
    pub(super) fn parse(text: &str) -> Option<FileType> {
        match text {
            "csv" => Some(FileType::Csv),
            "xlsx" => Some(FileType::Xlsx),
            "ndjson" => Some(FileType::NdJson),
            "json" => Some(FileType::Json),
            "vcard" => Some(FileType::VCard),
            _ => None,
        }
    }
}

/// Where the file is and how it is written, and what its columns mean.
pub(super) fn read(
    section: &Section<'_>,
    of: FileType,
    dialling: &Dialling,
) -> (Option<ReadFrom>, Option<Columns>) {
    let format = format(section, of);
    let location = location(section, format.as_ref().map_or("", Format::suffix));
    let usual = (of == FileType::VCard).then(|| of_cards(dialling));
    let mut extractor = None;
    let mut over = |columns: &Section<'_>, mapping: &Mapping| match of {
        FileType::NdJson | FileType::Json => extractor = over_json(columns, mapping),
        FileType::VCard => over_cards(columns, mapping),
        FileType::Csv | FileType::Xlsx => {}
    };
    let columns = own_columns(section, dialling, usual, &mut over);
    let from = location
        .zip(format)
        .map(|(location, format)| ReadFrom::File {
            location,
            format,
            extractor,
        });
    (from, columns)
}

fn format(section: &Section<'_>, of: FileType) -> Option<Format> {
    match of {
        FileType::Csv => csv(section).map(Format::Csv),
        FileType::Xlsx => Some(Format::Xlsx {
            sheet: section.text("sheet"),
        }),
        FileType::NdJson => Some(Format::NdJson),
        FileType::Json => json(section),
        FileType::VCard => Some(Format::VCard {
            encoding: encoding(section).unwrap_or_default(),
        }),
    }
}

fn location(section: &Section<'_>, usual_suffix: &str) -> Option<Location> {
    let file = section.path("path");
    let places = ["path", "folder", "url"].map(|key| section.has(key));
    let location = match places {
        [true, false, false] => file.map(Location::File),
        [false, true, false] => folder(section, usual_suffix),
        [false, false, true] => web(section).map(Location::Url),
        [false, false, false] => {
            return section.missing(
                "path",
                "the export's file, or folder = \"...\", or url = \"...\"",
            );
        }
        [_, folder, _] => {
            hush(section);
            let key = if folder { "folder" } else { "url" };
            return section.wrong(key, "there can be one of path, folder and url only");
        }
    };
    let of_folder = (["suffix", "quiet", "after-load"].as_slice(), "a folder");
    let of_url = (["ca-file", "token", "user", "password"].as_slice(), "a url");
    let strangers: &[_] = match places {
        [true, ..] => &[of_folder, of_url],
        [_, true, _] => &[of_url],
        _ => &[of_folder],
    };
    for (keys, what) in strangers {
        for key in keys.iter().filter(|key| section.has(key)) {
            let what = match *what {
                "a folder" if places[0] => {
                    "belongs to a folder; with path the file is left where it is".to_owned()
                }
                what => format!("belongs to {what}"),
            };
            // It may stand where a secret's place should.
            section.wrong_secret::<()>(key, what);
        }
    }
    location
}

/// Takes the keys of every place as asked for, where the place itself is in doubt.
fn hush(section: &Section<'_>) {
    for key in [
        "path",
        "folder",
        "url",
        "suffix",
        "quiet",
        "after-load",
        "ca-file",
        "token",
        "user",
        "password",
    ] {
        section.has(key);
    }
}

fn folder(section: &Section<'_>, usual_suffix: &str) -> Option<Location> {
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
    Some(Location::Folder {
        path: section.path("folder")?,
        suffix: suffix.unwrap_or_else(|| usual_suffix.to_owned()),
        quiet: quiet.unwrap_or(QUIET),
        after: after.unwrap_or(AfterLoad::Leave),
    })
}

fn web(section: &Section<'_>) -> Option<Web> {
    // Not repeated: a key may stand in it.
    let address = section
        .text("url")
        .and_then(|text| match Address::parse(&text) {
            Some(address) => Some(address),
            None => {
                let what = format!(
                    "must be {}, without a user in it: write user = \"...\" and password = ...",
                    Address::ALLOWED
                );
                section.wrong_secret("url", what)
            }
        });
    let ca_file = section.path("ca-file");
    let credential = credential(section);
    Some(Web {
        address: address?,
        ca_file,
        credential: credential?,
    })
}

/// `None` if what is given is wrong, `Some(None)` if nothing is.
fn credential(section: &Section<'_>) -> Option<Option<Credential>> {
    let first = |key| {
        let (lines, _) = secret::read(section, key)?;
        Some(lines.first()?.expose().to_owned())
    };
    match ["token", "user", "password"].map(|key| section.has(key)) {
        [false, false, false] => Some(None),
        [true, false, false] => Some(Some(Credential::Bearer(first("token")?))),
        [false, _, _] => {
            let user = section.required_text("user", "the user of the password");
            let password = first("password");
            Some(Some(Credential::Basic {
                user: user?,
                password: password?,
            }))
        }
        [true, ..] => section.wrong_secret("token", "there can be token, or user and password"),
    }
}

fn json(section: &Section<'_>) -> Option<Format> {
    let allowed = "the names of members with dots between, such as \"data.items\"";
    let records = section.parse("records", allowed, |text| {
        let names: Vec<String> = text.split('.').map(str::to_owned).collect();
        names.iter().all(|name| !name.is_empty()).then_some(names)
    });
    if section.has("records") && records.is_none() {
        return None;
    }
    Some(Format::Json {
        records: records.unwrap_or_default(),
    })
}

fn encoding(section: &Section<'_>) -> Option<Encoding> {
    section.parse("encoding", Encoding::ALLOWED, Encoding::parse)
}

/// Columns of cards are properties.
fn over_cards(columns: &Section<'_>, mapping: &Mapping) {
    for wrong in mapping.columns().filter_map(|c| Column::parse(c).err()) {
        columns.complain(wrong.to_string());
    }
}

/// What the properties of a card usually mean.
fn of_cards(dialling: &Dialling) -> Mapping {
    let column = |name: &str| Some(name.to_owned());
    Mapping {
        key: column("UID"),
        name: vec!["FN".to_owned()],
        company: column("ORG"),
        numbers: vec![NumbersColumn {
            column: "TEL".to_owned(),
            dialling: dialling.clone(),
            line: Line::Own,
        }],
        email: column("EMAIL"),
        updated: Some(UpdatedColumn {
            column: "REV".to_owned(),
            order: None,
        }),
        ..Mapping::default()
    }
}

fn csv(section: &Section<'_>) -> Option<CsvFormat> {
    let default = CsvFormat::default();
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
    let encoding = encoding(section);
    Some(CsvFormat {
        delimiter,
        quote: quote.unwrap_or(default.quote),
        encoding: encoding.unwrap_or(default.encoding),
    })
}
