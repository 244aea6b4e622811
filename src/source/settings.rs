//! What the operator says about a CSV source, typed: where it is, how it is written, what its columns mean.
//!
//! Plain values; the config module makes and checks them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::money::{Currency, DecimalSign};
use crate::domain::phone::Region;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvSettings {
    pub name: String,
    pub location: Location,
    pub format: Format,
    pub mapping: Mapping,
    /// Where numbers without a country code are from.
    pub region: Region,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// One file that each export replaces.
    File(PathBuf),
    /// A folder that exports are dropped into under changing names.
    Folder {
        path: PathBuf,
        /// How the exports' names end, whatever the case: `.csv`. Empty means every file.
        suffix: String,
        /// A file whose size and time have not changed for this long is complete.
        quiet: Duration,
        after: AfterLoad,
    },
}

/// What becomes of a folder's files once the newest is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterLoad {
    Leave,
    /// Moved to `archive/` in the folder, which keeps the newest `archive::ARCHIVED_FILES`.
    Archive,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// `None`: told from the header.
    pub delimiter: Option<u8>,
    pub quote: u8,
    pub encoding: Encoding,
}

impl Default for Format {
    fn default() -> Format {
        Format {
            delimiter: None,
            quote: b'"',
            encoding: Encoding::Auto,
        }
    }
}

/// How the file writes letters. A byte-order mark wins over any of these: it can't be there by accident.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Told from the whole file.
    #[default]
    Auto,
    Utf8,
    Windows1254,
    Utf16Le,
    Utf16Be,
}

impl Encoding {
    pub const ALLOWED: &'static str = "auto, utf-8, windows-1254, utf-16le or utf-16be";

    /// ISO-8859-9 is read as Windows-1254, which it is a part of.
    pub fn parse(text: &str) -> Option<Encoding> {
        match text.trim().to_ascii_lowercase().as_str() {
            "auto" => Some(Encoding::Auto),
            "utf-8" | "utf8" => Some(Encoding::Utf8),
            "windows-1254" | "cp1254" | "iso-8859-9" => Some(Encoding::Windows1254),
            "utf-16le" => Some(Encoding::Utf16Le),
            "utf-16be" => Some(Encoding::Utf16Be),
            _ => None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Encoding::Auto => "auto",
            Encoding::Utf8 => "utf-8",
            Encoding::Windows1254 => "windows-1254",
            Encoding::Utf16Le => "utf-16le",
            Encoding::Utf16Be => "utf-16be",
        }
    }
}

/// Which of the file's columns we read, by the names in its header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// The source's own id of a row.
    pub key: Option<String>,
    /// Several columns are joined with a blank.
    pub name: Vec<String>,
    pub company: Option<String>,
    pub numbers: Vec<String>,
    pub balance: Option<BalanceColumn>,
    /// Our name of a further field to the file's column.
    pub fields: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalanceColumn {
    pub column: String,
    /// Wins over `currency` where it is filled in.
    pub currency_column: Option<String>,
    pub currency: Option<Currency>,
    pub decimal: DecimalSign,
}

impl Mapping {
    /// Every column the mapping names, in a fixed order.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let balance = self
            .balance
            .iter()
            .flat_map(|b| std::iter::once(b.column.as_str()).chain(b.currency_column.as_deref()));
        self.key
            .as_deref()
            .into_iter()
            .chain(self.name.iter().map(String::as_str))
            .chain(self.company.as_deref())
            .chain(self.numbers.iter().map(String::as_str))
            .chain(balance)
            .chain(self.fields.values().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_known_by_their_usual_names() {
        for name in ["auto", "utf-8", "windows-1254", "utf-16le", "utf-16be"] {
            assert!(Encoding::ALLOWED.contains(name));
            assert_eq!(Encoding::parse(name).map(Encoding::as_str), Some(name));
        }
        assert_eq!(Encoding::parse(" CP1254 "), Some(Encoding::Windows1254));
        for bad in ["", "latin1", "utf-16", "auto,utf-8"] {
            assert_eq!(Encoding::parse(bad), None, "{bad}");
        }
    }
}
