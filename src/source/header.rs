//! The first line: which delimiter the file is written with, and where the mapped columns are.
//!
//! Names are compared as written, and only then without regard to case, for which the four Turkish i's
//! are one letter: a header in capitals was made by a program that may or may not know Turkish. A column
//! that is missing or that could be two is an error before any row is read; a guess would put one
//! column's numbers under another's meaning.

use std::collections::BTreeSet;

use ::csv::StringRecord;

use super::reject::mask_text;
use super::settings::{Mapping, NumbersColumn, RecordSettings};

/// Most columns of a header; the widest ERP exports have some two hundred.
pub(super) const COLUMNS: usize = 512;
/// Characters shown of a column's name: with more, errors and reports can't be read.
const SHOWN_NAME_CHARS: usize = 40;
/// Columns listed in an error; the list is there to spot a misspelt name.
const SHOWN_COLUMNS: usize = 40;
/// Tried in this order where nothing else decides.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// What is wrong with a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HeaderError {
    ZeroBytes,
    TooManyColumns(usize),
    NoHeader,
    Missing { missing: String, header: String },
    Double(String),
}

/// Where the mapped columns are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) key: Option<usize>,
    pub(super) name: Vec<usize>,
    pub(super) company: Option<usize>,
    pub(super) numbers: Vec<(usize, NumbersColumn)>,
    pub(super) balance: Option<usize>,
    pub(super) currency: Option<usize>,
    pub(super) join: Option<usize>,
    pub(super) customer_code: Option<usize>,
    pub(super) tax_number: Option<usize>,
    pub(super) email: Option<usize>,
    pub(super) owner: Option<usize>,
    pub(super) updated: Option<usize>,
    pub(super) vip: Option<usize>,
    pub(super) warning: Option<usize>,
    pub(super) overdue: Option<usize>,
    pub(super) fields: Vec<(String, usize)>,
    /// All of the above, each once.
    pub(super) mapped: Vec<usize>,
    /// The header's names, for reports.
    pub(super) names: Vec<String>,
}

impl Columns {
    pub(super) fn find(
        header: &StringRecord,
        settings: &RecordSettings,
    ) -> Result<Columns, HeaderError> {
        if header.iter().any(|name| name.contains('\0')) {
            return Err(HeaderError::ZeroBytes);
        }
        if header.len() > COLUMNS {
            return Err(HeaderError::TooManyColumns(header.len()));
        }
        let names: Vec<&str> = header.iter().map(clean).collect();
        check(&names, settings)?;
        Ok(Columns::at(&names, settings, |column| {
            match places(&names, column)[..] {
                [place] => Some(place),
                _ => None,
            }
        }))
    }

    /// Of a header that is the mapping's own list of columns: nothing can be missing, and a column that is
    /// mapped twice stands there twice.
    pub(super) fn of_mapping(header: &StringRecord, settings: &RecordSettings) -> Columns {
        let names: Vec<&str> = header.iter().collect();
        let place = |column: &str| names.iter().position(|name| *name == column);
        Columns::at(&names, settings, place)
    }

    fn at(
        names: &[&str],
        settings: &RecordSettings,
        place: impl Fn(&str) -> Option<usize>,
    ) -> Columns {
        let mapping = &settings.mapping;
        let one = |column: &Option<String>| column.as_deref().and_then(&place);
        let balance = mapping.balance.as_ref();
        let mapped: BTreeSet<usize> = mapping.columns().filter_map(&place).collect();
        Columns {
            key: one(&mapping.key),
            name: mapping.name.iter().filter_map(|c| place(c)).collect(),
            company: one(&mapping.company),
            numbers: mapping
                .numbers
                .iter()
                .filter_map(|n| Some((place(&n.column)?, n.clone())))
                .collect(),
            balance: balance.and_then(|b| place(&b.column)),
            currency: balance.and_then(|b| place(b.currency_column.as_deref()?)),
            join: one(&mapping.join),
            customer_code: one(&mapping.customer_code),
            tax_number: one(&mapping.tax_number),
            email: one(&mapping.email),
            owner: one(&mapping.owner),
            updated: mapping.updated.as_ref().and_then(|u| place(&u.column)),
            vip: one(&mapping.vip),
            warning: one(&mapping.warning),
            overdue: one(&mapping.overdue),
            fields: mapping
                .fields
                .iter()
                .filter_map(|(name, column)| Some((name.clone(), place(column)?)))
                .collect(),
            mapped: mapped.into_iter().collect(),
            names: names.iter().map(|name| shown(name)).collect(),
        }
    }
}

impl Columns {
    /// What stands where, by the names of `[source.columns]`.
    pub(super) fn by_our_names(&self) -> Vec<(&str, usize)> {
        let before = [("key", self.key), ("join", self.join)];
        let after = [
            ("customer-code", self.customer_code),
            ("tax-number", self.tax_number),
            ("email", self.email),
            ("owner", self.owner),
            ("updated", self.updated),
            ("vip", self.vip),
            ("warning", self.warning),
            ("overdue", self.overdue),
            ("balance", self.balance),
            ("currency", self.currency),
        ];
        let names = self.name.iter().map(|place| ("name", Some(*place)));
        let numbers = self
            .numbers
            .iter()
            .map(|(place, _)| ("numbers", Some(*place)));
        let fields = self
            .fields
            .iter()
            .map(|(name, place)| (name.as_str(), Some(*place)));
        let all = before
            .into_iter()
            .chain(names)
            .chain([("company", self.company)])
            .chain(numbers)
            .chain(after)
            .chain(fields);
        all.filter_map(|(ours, place)| Some((ours, place?)))
            .collect()
    }
}

fn check(names: &[&str], settings: &RecordSettings) -> Result<(), HeaderError> {
    let (mut missing, mut double) = (Vec::new(), Vec::new());
    for column in settings.mapping.columns() {
        match places(names, column).len() {
            0 => missing.push(column),
            1 => {}
            _ => double.push(column),
        }
    }
    if !missing.is_empty() {
        // A file without a header starts with a customer, who is not to be listed in an error.
        let is_number = |name: &&str| settings.dialling.read(name).is_ok();
        if names.iter().any(is_number) {
            return Err(HeaderError::NoHeader);
        }
        return Err(HeaderError::Missing {
            missing: listed(&missing),
            header: listed(names),
        });
    }
    if !double.is_empty() {
        return Err(HeaderError::Double(listed(&double)));
    }
    Ok(())
}

/// Every place the column could be at: those with exactly its name, else those with nearly its name.
pub(super) fn places(names: &[&str], column: &str) -> Vec<usize> {
    let column = clean(column);
    let matching = |same: &dyn Fn(&str) -> bool| -> Vec<usize> {
        let places = names.iter().enumerate().filter(|(_, name)| same(name));
        places.map(|(place, _)| place).collect()
    };
    let exact = matching(&|name| name == column);
    if !exact.is_empty() {
        return exact;
    }
    let folded = folded(column);
    matching(&|name| self::folded(name) == folded)
}

fn clean(name: &str) -> &str {
    name.trim_start_matches('\u{feff}').trim()
}

/// Lower case with one `i`. (The lower case of `İ` is an `i` and a combining dot.)
fn folded(name: &str) -> String {
    let lower = name.chars().flat_map(char::to_lowercase);
    lower
        .filter(|c| *c != '\u{307}')
        .map(|c| if c == 'ı' { 'i' } else { c })
        .collect()
}

fn listed(names: &[&str]) -> String {
    let mut seen = BTreeSet::new();
    let once = names.iter().filter(|name| seen.insert(**name));
    let quoted: Vec<String> = once.map(|name| format!("{:?}", shown(name))).collect();
    let more = quoted.len().saturating_sub(SHOWN_COLUMNS);
    let list = quoted[..quoted.len() - more].join(", ");
    match more {
        0 => list,
        more => format!("{list} and {more} more"),
    }
}

fn shown(name: &str) -> String {
    // Should a header name be a value after all, it is one with a number or an address in it.
    if name.contains('@') || name.chars().filter(char::is_ascii_digit).count() > 6 {
        return mask_text(name);
    }
    name.chars().take(SHOWN_NAME_CHARS).collect()
}

/// The delimiter under which most of the mapped columns are found; between equals, the most frequent one.
/// Frequency alone would fall for a header like `Name;Phone, mobile;Balance, TRY`.
pub(super) fn delimiter_of(head: &[u8], quote: u8, mapping: &Mapping) -> u8 {
    let score = |delimiter: u8| {
        let mut header = StringRecord::new();
        let read = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .quote(quote)
            .from_reader(head)
            .read_record(&mut header);
        if !matches!(read, Ok(true)) {
            return (0, 0);
        }
        let names: Vec<&str> = header.iter().take(COLUMNS).map(clean).collect();
        let found = mapping.columns().filter(|c| !places(&names, c).is_empty());
        (found.count(), header.len())
    };
    // `max_by_key` takes the last of equals, so the first choice goes last.
    let choices = DELIMITERS.into_iter().rev();
    choices.max_by_key(|d| score(*d)).unwrap_or(DELIMITERS[0])
}

/// Excel's own first line, `sep=;`: the delimiter it names and the bytes it takes.
pub(super) fn separator_line(head: &[u8]) -> Option<(u8, usize)> {
    let rest = head
        .strip_prefix(b"sep=")
        .or_else(|| head.strip_prefix(b"SEP="))?;
    let (delimiter, rest) = rest.split_first()?;
    let end = rest
        .iter()
        .take_while(|b| **b == b'\r' || **b == b'\n')
        .count();
    let end = match &rest[..end.min(2)] {
        b"\r\n" => 2,
        [_, ..] => 1,
        [] => return None,
    };
    DELIMITERS
        .contains(delimiter)
        .then_some((*delimiter, 5 + end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::csv::tests::{numbers as column, records as settings};

    fn mapping(settings: &mut RecordSettings, names: &[&str], numbers: &[&str]) {
        settings.mapping = Mapping {
            name: names.iter().map(|s| (*s).into()).collect(),
            numbers: numbers.iter().map(|s| column(s)).collect(),
            ..Mapping::default()
        };
    }

    fn find(header: &[&str], names: &[&str], numbers: &[&str]) -> Result<Columns, HeaderError> {
        let mut settings = settings();
        mapping(&mut settings, names, numbers);
        Columns::find(&StringRecord::from(header.to_vec()), &settings)
    }

    #[test]
    fn columns_are_found_by_exact_name_before_similar_name() {
        let cases = [
            ("Phone", &["Name", "Phone"] as &[&str], 1),
            ("phone", &["Name", " PHONE "], 1),
            ("Phone", &["Name", "phone", "Phone"], 2),
            ("telefon adı", &["Name", "TELEFON ADI"], 1),
            ("TELEFON ADI", &["Name", "Telefon Adı"], 1),
            ("İrtibat", &["Name", "irtibat"], 1),
            ("irtibat", &["Name", "IRTIBAT"], 1),
            ("ŞİRKET ÜNVANI", &["Name", "Şirket Ünvanı"], 1),
            ("Phone", &["Name", "\u{feff}Phone\u{a0}"], 1),
        ];
        for (column, header, place) in cases {
            let columns = find(header, &["Name"], &[column]).unwrap();
            assert_eq!(columns.numbers[0].0, place, "{column} in {header:?}");
        }
    }

    #[test]
    fn all_missing_columns_are_named_and_the_header_listed() {
        let missing = |header, names: &[&str]| find(header, names, &["Phone"]).unwrap_err();
        assert_eq!(
            missing(&["Nmae", "City"], &["Name", "Surname", "Name"]),
            HeaderError::Missing {
                missing: r#""Name", "Surname", "Phone""#.into(),
                header: r#""Nmae", "City""#.into(),
            }
        );
        let wide: Vec<String> = (0..SHOWN_COLUMNS + 3).map(|i| format!("c{i}")).collect();
        let wide: Vec<&str> = wide.iter().map(String::as_str).collect();
        let HeaderError::Missing { header, .. } = missing(&wide, &["Name"]) else {
            panic!()
        };
        assert!(header.ends_with("\"c39\" and 3 more"), "{header}");
    }

    #[test]
    fn a_column_that_could_be_two_is_an_error() {
        for header in [
            &["Phone", "Name", "Phone"] as &[&str],
            &["PHONE", "Name", "phone"],
        ] {
            assert_eq!(
                find(header, &["Name"], &["Phone"]),
                Err(HeaderError::Double("\"Phone\"".into()))
            );
        }
        // What nobody maps may be there twice.
        assert!(find(&["Name", "Phone", "x", "x"], &["Name"], &["Phone"]).is_ok());
    }

    #[test]
    fn a_first_customer_is_not_listed_as_a_header() {
        assert_eq!(
            find(&["Ayşe Yılmaz", "0532 555 01 01"], &["Name"], &["Phone"]),
            Err(HeaderError::NoHeader)
        );
        let e = find(&["ayse@example.com", "Nr. 12345678"], &["Name"], &["Phone"]).unwrap_err();
        let shown = format!("{e:?}");
        assert!(
            !shown.contains("ayse") && !shown.contains("1234567"),
            "{shown}"
        );
    }

    #[test]
    fn a_header_has_as_many_columns_as_the_bound_and_no_more() {
        let header = |width: usize| {
            let mut header = vec!["x"; width];
            header[0] = "Name";
            header[width - 1] = "Phone";
            find(&header, &["Name"], &["Phone"]).map(|c| c.numbers[0].0)
        };
        assert_eq!(header(COLUMNS), Ok(COLUMNS - 1));
        assert_eq!(
            header(COLUMNS + 1),
            Err(HeaderError::TooManyColumns(COLUMNS + 1))
        );
        assert_eq!(
            find(&["N\0a\0m\0e\0"], &["Name"], &["Phone"]),
            Err(HeaderError::ZeroBytes)
        );
    }

    #[test]
    fn the_delimiter_is_told_from_the_header() {
        let mut settings = settings();
        mapping(&mut settings, &["Name"], &["Phone, mobile"]);
        let cases = [
            ("Name,\"Phone, mobile\",City\n1;2;3;4;5;6", b','),
            ("Name;Phone, mobile;Balance, TRY, old", b';'),
            ("Name\tPhone, mobile\r\n", b'\t'),
            ("Name|Phone, mobile", b'|'),
            ("None;of;them,is;here", b';'),
            ("alone", b','),
            ("", b','),
        ];
        for (head, expected) in cases {
            let delimiter = delimiter_of(head.as_bytes(), b'"', &settings.mapping);
            assert_eq!(delimiter as char, expected as char, "{head}");
        }
    }

    #[test]
    fn a_separator_line_of_excel_is_understood() {
        let cases = [
            ("sep=;\r\nName", Some((b';', 7))),
            ("SEP=,\n\nName", Some((b',', 6))),
            ("sep=\t\rName", Some((b'\t', 6))),
            ("sep=;;Name", None),
            ("sep=x\nName", None),
            ("sep=", None),
            ("Name\n", None),
        ];
        for (head, expected) in cases {
            assert_eq!(separator_line(head.as_bytes()), expected, "{head:?}");
        }
    }
}
