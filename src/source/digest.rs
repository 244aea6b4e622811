//! A source's state in 32 bytes: if it is the same as that of the last load, the load can be spared.
//!
//! It covers the file's bytes and all that decides how they are read, so a changed mapping loads again.
//! Settings are written down by hand, each with its length: a derived `Debug` may change with a library,
//! and "ab" + "c" must not look like "a" + "bc".

use std::fmt;

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::settings::{FileSettings, Format, Kind, Line};
use crate::domain::changed::DateOrder;
use crate::domain::dialling::{Dialling, Prefix};

/// SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    pub fn of(text: &str) -> Digest {
        let mut summer = Summer(Context::new(&SHA256));
        summer.text(text);
        summer.finish()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Adds up what was read.
pub(super) struct Summer(Context);

impl Summer {
    pub(super) fn new(settings: &FileSettings) -> Summer {
        let mut summer = Summer(Context::new(&SHA256));
        // A newer Ringcard may read the same bytes in a better way.
        summer.text(concat!("file ", env!("CARGO_PKG_VERSION")));
        summer.settings(settings);
        summer
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> Digest {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.0.finish().as_ref());
        Digest(digest)
    }

    fn text(&mut self, text: &str) {
        self.0.update(&(text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
    }

    fn optional(&mut self, text: Option<&str>) {
        self.0.update(&[u8::from(text.is_some())]);
        self.text(text.unwrap_or_default());
    }

    fn count(&mut self, count: usize) {
        self.0.update(&(count as u64).to_le_bytes());
    }

    fn texts(&mut self, texts: &[String]) {
        self.count(texts.len());
        texts.iter().for_each(|text| self.text(text));
    }

    fn format(&mut self, format: &Format) {
        self.text(format.suffix());
        match format {
            Format::Csv(csv) => {
                let delimiter = csv.delimiter.map_or([0, 0], |b| [1, b]);
                self.0.update(&delimiter);
                self.0.update(&[csv.quote]);
                self.text(csv.encoding.as_str());
            }
            Format::Xlsx { sheet } => self.optional(sheet.as_deref()),
            Format::Json { records } => self.texts(records),
            Format::VCard { encoding } => self.text(encoding.as_str()),
            Format::NdJson => {}
        }
    }

    /// The name and place of the source are left out: they don't change a contact.
    fn settings(&mut self, settings: &FileSettings) {
        self.format(&settings.format);
        self.text(match settings.records.kind {
            Kind::Contacts => "",
            Kind::Balances(by) => by.as_str(),
        });
        self.dialling(&settings.records.dialling);
        let mapping = &settings.records.mapping;
        for column in mapping.singles() {
            self.optional(column);
        }
        let order = mapping.updated.as_ref().and_then(|u| u.order);
        self.optional(order.map(DateOrder::as_str));
        self.texts(&mapping.name);
        self.count(mapping.numbers.len());
        for numbers in &mapping.numbers {
            self.text(&numbers.column);
            self.dialling(&numbers.dialling);
            self.0
                .update(&[u8::from(numbers.line == Line::Switchboard)]);
        }
        self.0.update(&[u8::from(mapping.balance.is_some())]);
        if let Some(balance) = &mapping.balance {
            self.text(&balance.column);
            self.optional(balance.currency_column.as_deref());
            self.optional(balance.currency.as_ref().map(|c| c.code()));
            self.text(&format!("{:?}", balance.decimal));
            self.text(balance.sign.as_str());
        }
        self.count(mapping.fields.len());
        for (name, column) in &mapping.fields {
            self.text(name);
            self.text(column);
        }
    }

    fn dialling(&mut self, dialling: &Dialling) {
        let region = dialling.region.map(|r| format!("{r:?}"));
        self.optional(region.as_deref());
        self.optional(dialling.area_code.as_ref().map(Prefix::as_str));
        self.optional(dialling.trunk_prefix.as_ref().map(Prefix::as_str));
        self.count(dialling.international_prefixes.len());
        for prefix in &dialling.international_prefixes {
            self.text(prefix.as_str());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::join::JoinBy;
    use crate::domain::money::{Currency, DecimalSign};
    use crate::domain::phone::Region;
    use crate::source::csv::tests::{csv, numbers, settings};
    use crate::source::settings::{BalanceColumn, BalanceSign, Encoding, UpdatedColumn};

    fn digest(settings: &FileSettings, content: &str) -> Digest {
        let mut summer = Summer::new(settings);
        summer.bytes(content.as_bytes());
        summer.finish()
    }

    type Change = fn(&mut FileSettings);

    fn vcard(encoding: Encoding) -> Format {
        Format::VCard { encoding }
    }

    fn json(records: &[&str]) -> Format {
        let records = records.iter().map(|name| (*name).to_owned()).collect();
        Format::Json { records }
    }

    fn updated(order: Option<DateOrder>) -> Option<UpdatedColumn> {
        Some(UpdatedColumn {
            column: "Id".into(),
            order,
        })
    }

    #[test]
    fn whatever_changes_a_contact_changes_the_digest() {
        let changes: &[Change] = &[
            |s| csv(s).delimiter = Some(b';'),
            |s| csv(s).delimiter = Some(0),
            |s| csv(s).quote = b'\'',
            |s| csv(s).encoding = Encoding::Utf8,
            |s| s.format = Format::NdJson,
            |s| s.format = vcard(Encoding::Auto),
            |s| s.format = vcard(Encoding::Utf8),
            |s| s.format = json(&[]),
            |s| s.format = json(&["a", "b"]),
            |s| s.format = json(&["ab"]),
            |s| s.format = Format::Xlsx { sheet: None },
            |s| {
                let sheet = Some("Customers".into());
                s.format = Format::Xlsx { sheet };
            },
            |s| s.records.dialling.region = Region::parse("GB"),
            |s| s.records.dialling.region = None,
            |s| s.records.dialling.area_code = Prefix::parse("212"),
            |s| s.records.dialling.trunk_prefix = Prefix::parse("212"),
            |s| {
                s.records.dialling.international_prefixes =
                    Prefix::parse("212").into_iter().collect()
            },
            |s| {
                let prefixes = ["2", "12"].into_iter().filter_map(Prefix::parse);
                s.records.dialling.international_prefixes = prefixes.collect();
            },
            |s| s.records.kind = Kind::Balances(JoinBy::TaxNumber),
            |s| s.records.kind = Kind::Balances(JoinBy::CustomerCode),
            |s| s.records.mapping.join = Some("Id".into()),
            |s| s.records.mapping.customer_code = Some("Id".into()),
            |s| s.records.mapping.tax_number = Some("Id".into()),
            |s| s.records.mapping.email = Some("Id".into()),
            |s| s.records.mapping.owner = Some("Id".into()),
            |s| s.records.mapping.vip = Some("Id".into()),
            |s| s.records.mapping.warning = Some("Id".into()),
            |s| s.records.mapping.overdue = Some("Id".into()),
            |s| s.records.mapping.updated = updated(None),
            |s| s.records.mapping.updated = updated(Some(DateOrder::DayFirst)),
            |s| s.records.mapping.updated = updated(Some(DateOrder::MonthFirst)),
            |s| s.records.mapping.numbers[0].line = Line::Switchboard,
            |s| s.records.mapping.numbers[0].dialling.region = None,
            |s| s.records.mapping.numbers[0].dialling.area_code = Prefix::parse("212"),
            |s| s.records.mapping.balance.as_mut().unwrap().sign = BalanceSign::Credit,
            |s| s.records.mapping.key = None,
            |s| s.records.mapping.name = vec!["Na".into(), "me".into()],
            |s| s.records.mapping.company = Some("Name".into()),
            |s| s.records.mapping.numbers.push(numbers("Mobile")),
            |s| s.records.mapping.balance = None,
            |s| s.records.mapping.fields = [("city".into(), "City".into())].into(),
            |s| s.records.mapping.fields = [("cityC".into(), "ity".into())].into(),
            |s| {
                s.records.mapping.balance = Some(BalanceColumn {
                    column: "Balance".into(),
                    currency_column: None,
                    currency: Currency::parse("USD"),
                    decimal: DecimalSign::Comma,
                    sign: BalanceSign::Debit,
                });
            },
        ];
        let mut seen = vec![digest(&settings(), "a"), digest(&settings(), "b")];
        for change in changes {
            let mut changed = settings();
            change(&mut changed);
            seen.push(digest(&changed, "a"));
        }
        for (i, a) in seen.iter().enumerate() {
            assert!(seen[i + 1..].iter().all(|b| a != b), "change {i}");
        }
    }

    #[test]
    fn the_name_of_a_source_is_not_part_of_it() {
        let mut renamed = settings();
        renamed.records.name = "other".into();
        assert_eq!(digest(&renamed, "a"), digest(&settings(), "a"));
        assert_eq!(digest(&renamed, "a").to_string().len(), 64);
    }
}
