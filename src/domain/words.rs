//! The words a card is written with: those of the locale, unless the operator has better ones.
//!
//! One table, a row for each word and a column for each locale, so that a reviewer who knows a language
//! reads down its column. The names of the words are the configuration's keys, and with `_` for `-` the
//! templates'.

use std::borrow::Cow;

use super::money::Locale;

/// Longest word, in characters: a label stands beside its value on a phone.
pub const WORD_CHARS: usize = 40;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Title,
    Name,
    Company,
    Balance,
    Number,
    Unknown,
    Debit,
    Credit,
    Owner,
    Attention,
    Vip,
    Warning,
    Overdue,
    Old,
    OneOf,
    NotShown,
}

const COUNT: usize = 16;

/// In the order of `Word`; English, Turkish, German, French, Dutch.
#[rustfmt::skip]
const TABLE: [(Word, &str, [&str; 5]); COUNT] = [
    (Word::Title,     "title",     ["Customer",       "Müşteri",         "Kunde",               "Client",           "Klant"]),
    (Word::Name,      "name",      ["Name",           "Ad",              "Name",                "Nom",              "Naam"]),
    (Word::Company,   "company",   ["Company",        "Firma",           "Firma",               "Société",          "Bedrijf"]),
    (Word::Balance,   "balance",   ["Balance",        "Bakiye",          "Saldo",               "Solde",            "Saldo"]),
    (Word::Number,    "number",    ["Number",         "Numara",          "Nummer",              "Numéro",           "Nummer"]),
    (Word::Unknown,   "unknown",   ["Unknown caller", "Kayıtsız numara", "Unbekannter Anrufer", "Appelant inconnu", "Onbekende beller"]),
    (Word::Debit,     "debit",     ["debit",          "Borç",            "Soll",                "débit",            "debet"]),
    (Word::Credit,    "credit",    ["credit",         "Alacak",          "Haben",               "crédit",           "credit"]),
    (Word::Owner,     "owner",     ["Account owner",  "Temsilci",        "Betreuer",            "Responsable",      "Accountmanager"]),
    (Word::Attention, "attention", ["Attention",      "Dikkat",          "Achtung",             "Attention",        "Let op"]),
    (Word::Vip,       "vip",       ["VIP",            "VIP",             "VIP",                 "VIP",              "VIP"]),
    (Word::Warning,   "warning",   ["Warning",        "Dikkat",          "Warnung",             "Avertissement",    "Waarschuwing"]),
    (Word::Overdue,   "overdue",   ["Overdue",        "Gecikmiş",        "Überfällig",          "En retard",        "Achterstallig"]),
    (Word::Old,       "old",       ["old",            "eski",            "veraltet",            "ancien",           "verouderd"]),
    (Word::OneOf,     "one-of",    ["One of",         "Şunlardan biri",  "Einer von",           "L'un de",          "Een van"]),
    (Word::NotShown,  "not-shown", ["Not shown during the call", "Görüşme sırasında gösterilemedi", "Während des Anrufs nicht angezeigt", "Non affichée pendant l'appel", "Niet getoond tijdens het gesprek"]),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words([Cow<'static, str>; COUNT]);

/// Why the operator's word can't be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordError {
    NoSuchWord,
    NotAWord,
}

impl Words {
    pub fn of(locale: Locale) -> Words {
        let column = match locale {
            Locale::English => 0,
            Locale::Turkish => 1,
            Locale::German => 2,
            Locale::French => 3,
            Locale::Dutch => 4,
        };
        Words(TABLE.map(|(_, _, words)| Cow::Borrowed(words[column])))
    }

    pub fn get(&self, word: Word) -> &str {
        &self.0[word as usize]
    }

    /// Replaces the word called `key`. Braces would make a template of it.
    pub fn set(&mut self, key: &str, text: &str) -> Result<(), WordError> {
        let place = TABLE.iter().position(|(_, name, _)| *name == key);
        let place = place.ok_or(WordError::NoSuchWord)?;
        let fits = (1..=WORD_CHARS).contains(&text.chars().count())
            && !text.trim().is_empty()
            && !text.contains(|c: char| c.is_control() || c == '{' || c == '}');
        if !fits {
            return Err(WordError::NotAWord);
        }
        self.0[place] = Cow::Owned(text.to_owned());
        Ok(())
    }

    /// Every name and its word.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let words = TABLE.iter().zip(&self.0);
        words.map(|((_, name, _), word)| (*name, word.as_ref()))
    }

    pub fn names() -> impl Iterator<Item = &'static str> {
        TABLE.iter().map(|(_, name, _)| *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_stands_in_its_own_place_and_is_said_in_every_locale() {
        for (n, (word, name, said)) in TABLE.iter().enumerate() {
            assert_eq!(*word as usize, n, "{name}");
            assert!(said.iter().all(|w| !w.trim().is_empty()), "{name}");
            assert!(said.iter().all(|w| w.chars().count() <= WORD_CHARS));
        }
        assert_eq!(Words::of(Locale::Turkish).get(Word::Debit), "Borç");
        assert_eq!(Words::of(Locale::German).get(Word::Credit), "Haben");
        assert_eq!(Words::of(Locale::Dutch).get(Word::OneOf), "Een van");
    }

    #[test]
    fn the_operators_word_wins_when_it_is_one() {
        let mut words = Words::of(Locale::English);
        assert_eq!(words.set("one-of", "Maybe"), Ok(()));
        assert_eq!(words.get(Word::OneOf), "Maybe");
        assert_eq!(words.set("one_of", "x"), Err(WordError::NoSuchWord));
        let longest = "ş".repeat(WORD_CHARS);
        assert_eq!(words.set("old", &longest), Ok(()));
        for bad in ["", " ", "a\nb", "{{ x }}", &(longest.clone() + "ş")] {
            assert_eq!(words.set("old", bad), Err(WordError::NotAWord), "{bad}");
        }
        assert_eq!(words.get(Word::Old), longest);
    }
}
