//! Sources that are files: where they are, and how they are written.

use std::time::Duration;

use super::super::reader::Section;
use super::ReadFrom;
use crate::source::settings::{AfterLoad, Encoding, Format, Location};

/// How long a dropped file must not have changed before it is taken.
const QUIET: Duration = Duration::from_secs(10);

/// `type = "csv"`.
pub(super) fn csv(section: &Section<'_>) -> Option<ReadFrom> {
    let (location, format) = (location(section), format(section));
    Some(ReadFrom::Csv {
        location: location?,
        format: format?,
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
