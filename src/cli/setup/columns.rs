//! What the columns of an export are taken for, by their names and what stands in them: a proposal that a person
//! confirms.
//!
//! Names are those that exports of Logo, Netsis, Mikro, Excel and the usual CRMs have in Turkish, English, German,
//! French and Dutch. A name that means one thing here and another there is in no list: no proposal is better than a
//! wrong one.

use std::fmt::Write;

use toml::Value;

use crate::domain::dialling::Dialling;
use crate::domain::money::{Currency, DecimalSign, Locale, Money};

/// Of a column that is not known by name, so much of what it holds must be numbers.
const NUMBER_SHARE: f64 = 0.6;

/// An export's first line, and a look at what is below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mapping {
    pub(super) key: Option<String>,
    pub(super) name: Vec<String>,
    pub(super) company: Option<String>,
    pub(super) numbers: Vec<String>,
    pub(super) balance: Option<String>,
    pub(super) currency: Option<String>,
    pub(super) default_currency: Option<String>,
    pub(super) decimal: Option<char>,
}

/// In the order in which they are preferred.
const KEYS: &str = "\
    carikodu carikod carihesapkodu carihesapkod hesapkodu musterikodu musterino musterinumarasi kod kodu \
    customerno customernumber customerid customercode accountno accountnumber accountcode clientid \
    clientcode contactid recordid code id kundennummer kundennr kdnr debitorennummer debitorennr debitor \
    kontonummer numeroclient nclient noclient numclient codeclient codetiers klantnummer klantnr klantcode \
    debiteurnummer debiteurnr relatienummer relatiecode logicalref no nr";
const NAMES: &str = "\
    adsoyad adisoyadi advesoyad adivesoyadi isimsoyisim isim yetkili yetkilikisi yetkiliadi ilgilikisi \
    ilgili irtibat irtibatkisi kontakkisi incharge fullname contactname contactperson contact displayname \
    customername name ansprechpartner kontaktperson vollername nomcomplet interlocuteur naam \
    contactpersoon volledigenaam kisi";
/// Two columns that make a name together.
const PAIRS: &[(&str, &str)] = &[
    ("ad", "soyad"),
    ("adi", "soyadi"),
    ("isim", "soyisim"),
    ("firstname", "lastname"),
    ("first", "last"),
    ("givenname", "surname"),
    ("givenname", "familyname"),
    ("name", "surname"),
    ("vorname", "nachname"),
    ("vorname", "name"),
    ("prenom", "nom"),
    ("prenom", "nomdefamille"),
    ("voornaam", "achternaam"),
];
const COMPANIES: &str = "\
    firma firmaadi firmaunvani firmaunvan unvan unvani unvan1 cariunvan cariunvani cariunvan1 ticariunvan \
    ticariunvani cariadi cariisim carihesapadi carihesapunvani hesapadi sirket sirketadi kurum kurumadi \
    musteriadi musteriunvani definition company companyname organization organisation organizationname \
    organisationname accountname businessname firmenname unternehmen societe raisonsociale entreprise \
    nomsociete nomentreprise bedrijf bedrijfsnaam firmanaam organisatie";
const BALANCES: &str = "\
    bakiye bakiyesi caribakiye caribakiyesi guncelbakiye toplambakiye bakiyetl tlbakiye borcbakiyesi \
    bakiyetutari balance accountbalance openbalance balancedue outstanding outstandingbalance saldo \
    kontosaldo offenerbetrag offenersaldo solde soldeclient soldecompte openstaand openstaandsaldo \
    openstaandbedrag";
const CURRENCIES: &str = "\
    doviz dovizcinsi dovizkodu doviztipi dovizturu parabirimi dvz carivdovizcinsi caridovizcinsi currency \
    currencycode curr wahrung waehrung devise monnaie valuta munt muntsoort";
/// Of a column with numbers: its whole name.
const NUMBERS: &str = "\
    cep tel cell portable vast vastnummer festnetz rufnummer";
/// Of a column with numbers: a part of its name.
const NUMBER_PARTS: &str = "\
    telefon telefoon telephone phone gsm mobil mobiel handy ceptel cepno telno telnr istel evtel caritel \
    numaratel whatsapp";
const NO_NUMBER_PARTS: &str = "\
    fax faks telecopie belgegecer email eposta aciklama note";

pub(super) fn propose(table: &Table, dialling: &Dialling, locale: Locale) -> Mapping {
    let folded: Vec<String> = table.header.iter().map(|name| folded(name)).collect();
    // A header that stands there twice can't be named.
    let is_single = |n: usize| folded.iter().filter(|f| **f == folded[n]).count() == 1;
    let find = |wanted: &str| {
        let place = folded.iter().position(|name| name == wanted)?;
        is_single(place).then(|| table.header[place].clone())
    };
    let first = |names: &str| names.split_whitespace().find_map(find);
    let pair = PAIRS
        .iter()
        .find_map(|(a, b)| Some(vec![find(a)?, find(b)?]));
    let company = first(COMPANIES);
    let name = pair.or_else(|| first(NAMES).map(|name| vec![name]));
    let by_name = (0..folded.len()).filter(|n| is_single(*n) && is_number(&folded[*n]));
    let mut numbers: Vec<usize> = by_name.collect();
    if numbers.is_empty() {
        let places = (0..folded.len()).filter(|n| is_single(*n));
        numbers.extend(places.filter(|n| holds_numbers(table, *n, dialling)));
    }
    let balance = first(BALANCES);
    let of_balance = balance.is_some();
    let currency = first(CURRENCIES).filter(|_| of_balance);
    let mut mapping = Mapping {
        key: first(KEYS),
        name: name.unwrap_or_default(),
        company,
        numbers: numbers
            .into_iter()
            .map(|n| table.header[n].clone())
            .collect(),
        balance,
        currency,
        ..Mapping::default()
    };
    mapping.learn_decimal(table, locale);
    mapping
}

fn is_number(folded: &str) -> bool {
    let numbered = folded.trim_end_matches(|c: char| c.is_ascii_digit());
    let has = |parts: &str| parts.split_whitespace().any(|part| folded.contains(part));
    !has(NO_NUMBER_PARTS) && (is_in(NUMBERS, numbered) || has(NUMBER_PARTS))
}

fn is_in(list: &str, name: &str) -> bool {
    list.split_whitespace().any(|word| word == name)
}

fn holds_numbers(table: &Table, place: usize, dialling: &Dialling) -> bool {
    let cells = table.rows.iter().filter_map(|row| row.get(place));
    let full: Vec<&String> = cells.filter(|cell| !cell.trim().is_empty()).collect();
    let read = full
        .iter()
        .filter(|cell| dialling.read(cell).is_ok())
        .count();
    !full.is_empty() && read as f64 >= NUMBER_SHARE * full.len() as f64
}

impl Mapping {
    /// Which sign its balances are written with: what they show, else what the language has.
    pub(super) fn learn_decimal(&mut self, table: &Table, locale: Locale) {
        self.decimal = None;
        let Some(balance) = &self.balance else {
            return;
        };
        let place = table.header.iter().position(|name| name == balance);
        let cells = table.rows.iter().filter_map(|row| row.get(place?));
        let (mut comma, mut point) = (0, 0);
        for cell in cells {
            let fits = |sign| Money::parse(cell, sign, Currency::parse("XXX")).is_ok();
            // Only what one of them alone could be tells anything.
            match (fits(DecimalSign::Comma), fits(DecimalSign::Point)) {
                (true, false) => comma += 1,
                (false, true) => point += 1,
                _ => {}
            }
        }
        let usual = match locale {
            Locale::English => '.',
            Locale::Turkish | Locale::German | Locale::French | Locale::Dutch => ',',
        };
        self.decimal = Some(match (comma, point) {
            (comma, point) if comma > point => ',',
            (comma, point) if point > comma => '.',
            _ => usual,
        });
    }

    /// What has to be said before it can be used.
    pub(super) fn lacks(&self) -> Option<&'static str> {
        match (
            self.numbers.is_empty(),
            self.name.is_empty() && self.company.is_none(),
        ) {
            (true, true) => Some(
                "which columns hold the numbers, and which the name? Type: numbers = COLUMN, and: name = COLUMN",
            ),
            (true, false) => Some("which columns hold the numbers? Type: numbers = COLUMN, COLUMN"),
            (false, true) => {
                Some("which column holds the name? Type: name = COLUMN (or company = COLUMN)")
            }
            (false, false) => None,
        }
    }

    pub(super) fn shown(&self, header: &[String]) -> String {
        let mut rows: Vec<(&str, String)> = Vec::new();
        let mut add = |name: &'static str, columns: &[String]| match columns {
            [] => {}
            columns => rows.push((name, columns.join(", "))),
        };
        let one = |column: &Option<String>| column.iter().cloned().collect::<Vec<_>>();
        add("key", &one(&self.key));
        add("name", &self.name);
        add("company", &one(&self.company));
        add("numbers", &self.numbers);
        add("balance", &one(&self.balance));
        add("currency", &one(&self.currency));
        if let Some(decimal) = self.decimal {
            rows.push((
                "decimal",
                format!(
                    "{decimal}   (as in {})",
                    match decimal {
                        ',' => "1.250,00",
                        _ => "1,250.00",
                    }
                ),
            ));
        }
        let unused: Vec<&str> = header
            .iter()
            .map(String::as_str)
            .filter(|c| !self.uses(c))
            .collect();
        if !unused.is_empty() {
            rows.push(("(unused)", unused.join(", ")));
        }
        let line = |(name, columns): &(&str, String)| format!("     {name:9} {columns}");
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn uses(&self, column: &str) -> bool {
        let one = [&self.key, &self.company, &self.balance, &self.currency];
        let many = self.name.iter().chain(&self.numbers);
        one.into_iter()
            .flatten()
            .chain(many)
            .any(|used| used == column)
    }

    /// As `[source.columns]` has it.
    pub(super) fn toml(&self) -> String {
        let mut text = String::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                let _ = writeln!(text, "{key} = {value}");
            }
        };
        let one = |column: &Option<String>| column.as_deref().map(Value::from);
        let many = |columns: &[String]| match columns {
            [] => None,
            [one] => Some(Value::from(one.as_str())),
            many => Some(Value::from(many.to_vec())),
        };
        put("key", one(&self.key));
        put("name", many(&self.name));
        put("company", one(&self.company));
        put("numbers", many(&self.numbers));
        put("balance", one(&self.balance));
        put("currency", one(&self.currency));
        put("default-currency", one(&self.default_currency));
        put(
            "decimal",
            self.decimal.map(|sign| Value::from(sign.to_string())),
        );
        text
    }

    /// Takes up `numbers = Cep, Tel 2`; or says what is wrong with it.
    pub(super) fn change(&mut self, answer: &str, header: &[String]) -> Result<(), String> {
        let (field, columns) = answer
            .split_once('=')
            .ok_or("type a change such as: numbers = COLUMN, COLUMN")?;
        let field = field.trim().to_lowercase();
        if field == "decimal" {
            self.decimal = match columns.trim().trim_matches('"') {
                "," => Some(','),
                "." => Some('.'),
                _ => return Err("decimal is , or .".into()),
            };
            return Ok(());
        }
        let columns = match columns.trim() {
            "" | "-" => Vec::new(),
            columns => named(columns, header)?,
        };
        let one = |columns: Vec<String>| match <[String; 1]>::try_from(columns) {
            Ok([one]) => Ok(Some(one)),
            Err(none) if none.is_empty() => Ok(None),
            Err(_) => Err(format!("{field} is one column")),
        };
        match field.as_str() {
            "name" => self.name = columns,
            "numbers" | "number" => self.numbers = columns,
            "key" => self.key = one(columns)?,
            "company" => self.company = one(columns)?,
            "balance" => self.balance = one(columns)?,
            "currency" => self.currency = one(columns)?,
            _ => {
                return Err(
                    "there are: key, name, company, numbers, balance, currency, decimal".into(),
                );
            }
        }
        if self.balance.is_none() {
            (self.currency, self.decimal) = (None, None);
        }
        Ok(())
    }
}

/// Columns with commas between them, of which each may have commas itself.
fn named(text: &str, header: &[String]) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let fits = |column: &&String| {
            let after = strip_folded(rest, column);
            after.is_some_and(|after| {
                after.trim_start().is_empty() || after.trim_start().starts_with(',')
            })
        };
        let longest = header
            .iter()
            .filter(fits)
            .max_by_key(|column| column.chars().count());
        let Some(column) = longest else {
            let unknown = rest.split(',').next().unwrap_or(rest).trim();
            return Err(format!(
                "there is no column {unknown}; there are: {}",
                header.join(", ")
            ));
        };
        found.push(column.clone());
        let after = strip_folded(rest, column).unwrap_or_default();
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    Ok(found)
}

/// What follows a column's name, in whatever case it is typed.
fn strip_folded<'a>(text: &'a str, column: &str) -> Option<&'a str> {
    let count = column.trim().chars().count();
    let end = text
        .char_indices()
        .nth(count)
        .map_or(text.len(), |(at, _)| at);
    let typed = &text[..end];
    let same = typed.trim() == column.trim() || folded(typed) == folded(column);
    (same && !typed.is_empty()).then(|| &text[end..])
}

/// Lower case, plain letters, and nothing between the words: `CARİ_KOD` is `carikod`.
fn folded(name: &str) -> String {
    let lower = name.chars().flat_map(char::to_lowercase);
    let mut folded = String::new();
    for letter in lower {
        match letter {
            'ı' | 'î' | 'ï' => folded.push('i'),
            'ş' => folded.push('s'),
            'ç' => folded.push('c'),
            'ğ' => folded.push('g'),
            'ö' | 'ô' => folded.push('o'),
            'ü' | 'û' | 'ù' => folded.push('u'),
            'ä' | 'â' | 'à' => folded.push('a'),
            'é' | 'è' | 'ê' | 'ë' => folded.push('e'),
            'ß' => folded.push_str("ss"),
            letter if letter.is_ascii_alphanumeric() => folded.push(letter),
            _ => {}
        }
    }
    folded
}

/// How many columns are known by their names: what tells in which of several ways a header is to be read.
pub(super) fn known(header: &[String]) -> usize {
    let is_known = |name: &&String| {
        let name = folded(name);
        let lists = [KEYS, NAMES, COMPANIES, BALANCES, CURRENCIES];
        let in_pair = PAIRS.iter().any(|(a, b)| [*a, *b].contains(&name.as_str()));
        in_pair || is_number(&name) || lists.iter().any(|list| is_in(list, &name))
    };
    header.iter().filter(is_known).count()
}

#[cfg(test)]
mod tests;
