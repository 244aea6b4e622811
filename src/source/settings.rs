//! What the operator says about a source, typed: where it is, how it is written, what its columns mean.
//!
//! Plain values; the config module makes and checks them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::changed::DateOrder;
use crate::domain::dialling::Dialling;
use crate::domain::join::{self, JoinBy};
use crate::domain::money::{Currency, DecimalSign};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSettings {
    pub records: RecordSettings,
    pub location: Location,
    pub format: Format,
}

/// What the records of a source are and mean, wherever they are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordSettings {
    /// The operator's name of the source.
    pub name: String,
    pub kind: Kind,
    pub mapping: Mapping,
    /// How numbers are written where nothing else is said of a column.
    pub dialling: Dialling,
}

impl RecordSettings {
    /// What a record is known by from one sync to the next: its key, or of balances the id that joins them. In
    /// the form in which equal ones are the same text; `None` for what tells nobody from others.
    pub fn identity(&self, text: &str) -> Option<String> {
        match self.kind {
            Kind::Contacts => join::record_id(text),
            Kind::Balances(by) => by.normalised(text),
        }
    }

    /// The column that the identity stands in, if one is mapped.
    pub fn identity_column(&self) -> Option<&str> {
        match self.kind {
            Kind::Contacts => self.mapping.key.as_deref(),
            Kind::Balances(_) => self.mapping.join.as_deref(),
        }
    }
}

/// What the records of a source are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// People and companies with numbers.
    #[default]
    Contacts,
    /// What another system knows of them: each record belongs to the contact with the same id.
    Balances(JoinBy),
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
    /// A file that a server gives out.
    Url(Web),
}

/// Where a file is fetched from, and how we are known there.
#[derive(Clone, PartialEq, Eq)]
pub struct Web {
    pub address: Address,
    /// A PEM file with the authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    pub credential: Option<Credential>,
}

// The address may hold a key.
impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web")
            .field("host", &self.address.host())
            .field("ca_file", &self.ca_file)
            .field("credential", &self.credential)
            .finish_non_exhaustive()
    }
}

/// An `https://` address. It may hold a key, so only its host is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(reqwest::Url);

impl Address {
    pub const ALLOWED: &'static str =
        "an address such as \"https://erp.example.com/export/customers.csv\"";

    pub fn parse(text: &str) -> Option<Address> {
        let url = reqwest::Url::parse(text.trim()).ok()?;
        // A user in the address would be a secret in the configuration.
        let is_plain = url.username().is_empty() && url.password().is_none();
        (url.scheme() == "https" && url.has_host() && is_plain).then_some(Address(url))
    }

    pub(super) fn url(&self) -> &reqwest::Url {
        &self.0
    }

    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }
}

#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    Bearer(String),
    Basic { user: String, password: String },
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Credential::Bearer(_) => "Bearer(***)",
            Credential::Basic { .. } => "Basic(***)",
        })
    }
}

/// What becomes of a folder's files once the newest is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterLoad {
    Leave,
    /// Moved to `archive/` in the folder, which keeps the newest `archive::ARCHIVED_FILES`.
    Archive,
}

/// How a file is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    Csv(CsvFormat),
    Xlsx {
        /// `None`: the first one.
        sheet: Option<String>,
    },
    /// A JSON object in each line.
    NdJson,
    Json {
        /// The names of the members that lead to the array of records; empty if it is the file.
        records: Vec<String>,
    },
    VCard {
        encoding: Encoding,
    },
}

impl Format {
    /// How the names of such files end.
    pub fn suffix(&self) -> &'static str {
        match self {
            Format::Csv(_) => ".csv",
            Format::Xlsx { .. } => ".xlsx",
            Format::NdJson => ".ndjson",
            Format::Json { .. } => ".json",
            Format::VCard { .. } => ".vcf",
        }
    }

    /// Whether its records have members, and columns are said as paths and expressions.
    pub fn is_json(&self) -> bool {
        matches!(self, Format::NdJson | Format::Json { .. })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvFormat {
    /// `None`: told from the header.
    pub delimiter: Option<u8>,
    pub quote: u8,
    pub encoding: Encoding,
}

impl Default for CsvFormat {
    fn default() -> CsvFormat {
        CsvFormat {
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
    pub numbers: Vec<NumbersColumn>,
    /// Of a source of balances: whose values the row holds.
    pub join: Option<String>,
    pub customer_code: Option<String>,
    pub tax_number: Option<String>,
    pub email: Option<String>,
    /// The e-mail address of the colleague who looks after the contact.
    pub owner: Option<String>,
    pub updated: Option<UpdatedColumn>,
    pub vip: Option<String>,
    pub warning: Option<String>,
    pub overdue: Option<String>,
    pub balance: Option<BalanceColumn>,
    /// Our name of a further field to the file's column.
    pub fields: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumbersColumn {
    pub column: String,
    pub dialling: Dialling,
    pub line: Line,
}

/// Whose the numbers of a column are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Line {
    #[default]
    Own,
    /// A company's head office: many people stand behind it.
    Switchboard,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdatedColumn {
    pub column: String,
    /// `None`: dates with slashes are not read.
    pub order: Option<DateOrder>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalanceColumn {
    pub column: String,
    /// Wins over `currency` where it is filled in.
    pub currency_column: Option<String>,
    pub currency: Option<Currency>,
    pub decimal: DecimalSign,
    pub sign: BalanceSign,
}

/// What a positive amount means in a source. Within Ringcard it always means that the customer owes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BalanceSign {
    #[default]
    Debit,
    Credit,
}

impl BalanceSign {
    pub const ALLOWED: &'static str =
        "\"debit\" (a positive amount is owed by the customer) or \"credit\" (owed to them)";

    pub fn parse(text: &str) -> Option<BalanceSign> {
        match text {
            "debit" => Some(BalanceSign::Debit),
            "credit" => Some(BalanceSign::Credit),
            _ => None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            BalanceSign::Debit => "debit",
            BalanceSign::Credit => "credit",
        }
    }
}

impl Mapping {
    /// The columns that hold one value each, in a fixed order.
    pub(super) fn singles(&self) -> [Option<&str>; 11] {
        [
            self.key.as_deref(),
            self.company.as_deref(),
            self.join.as_deref(),
            self.customer_code.as_deref(),
            self.tax_number.as_deref(),
            self.email.as_deref(),
            self.owner.as_deref(),
            self.updated.as_ref().map(|u| u.column.as_str()),
            self.vip.as_deref(),
            self.warning.as_deref(),
            self.overdue.as_deref(),
        ]
    }

    /// Every column the mapping names, in a fixed order.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let balance = self
            .balance
            .iter()
            .flat_map(|b| std::iter::once(b.column.as_str()).chain(b.currency_column.as_deref()));
        self.singles()
            .into_iter()
            .flatten()
            .chain(self.name.iter().map(String::as_str))
            .chain(self.numbers.iter().map(|n| n.column.as_str()))
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

    #[test]
    fn an_address_is_https_and_holds_no_user() {
        let good = Address::parse(" https://erp.example.com:8443/a.csv?key=1 ").unwrap();
        assert_eq!(good.host(), "erp.example.com");
        for bad in [
            "",
            "erp.example.com/a.csv",
            "http://erp.example.com/a.csv",
            "https://user:word@erp.example.com/a.csv",
            "https://user@erp.example.com/a.csv",
            "file:///etc/passwd",
            "https://",
        ] {
            assert!(Address::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let password = "hunter2".to_owned();
        let web = Web {
            address: Address::parse("https://erp.example.com/a?key=hunter2").unwrap(),
            ca_file: None,
            credential: Some(Credential::Basic {
                user: "hunter2".into(),
                password,
            }),
        };
        let shown = format!("{web:?}");
        assert!(
            shown.contains("erp.example.com") && !shown.contains("hunter2"),
            "{shown}"
        );
        let bearer = Credential::Bearer("hunter2".into());
        assert_eq!(format!("{bearer:?}"), "Bearer(***)");
    }

    #[test]
    fn signs_of_balances_are_known_by_their_names() {
        for sign in [BalanceSign::Debit, BalanceSign::Credit] {
            assert_eq!(BalanceSign::parse(sign.as_str()), Some(sign));
            assert!(BalanceSign::ALLOWED.contains(sign.as_str()));
        }
        assert_eq!(BalanceSign::parse("DEBIT"), None);
    }
}
