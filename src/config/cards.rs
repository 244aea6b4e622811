//! `[card]`: the rows the agent sees, for which calls, in which words, and how long a card is worth sending.

mod rows;
mod style;
mod variants;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::reader::Section;
use crate::domain::deck::Deck;
use crate::domain::money::Locale;
use crate::domain::phone::Region;
use crate::domain::template::{CardTemplate, default_rows, default_unknown_rows};
use crate::domain::words::Words;
use rows::{compile, numbered, rows};

const DEADLINE: Duration = Duration::from_secs(90);
const COMMENT_MAX_AGE: Duration = Duration::from_secs(12 * 3600);

pub struct CardConfig {
    pub deck: Deck,
    /// From the call's start until its card is not worth sending any more, unless the call ends before.
    pub deadline: Duration,
    pub after_call: AfterCall,
    /// For what is written beside the card.
    pub words: Words,
}

/// What becomes of a card that came too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterCall {
    Drop,
    /// The call's record gets a comment, if the call is no older than this.
    Comment(Duration),
}

impl AfterCall {
    pub fn comments(self) -> bool {
        self.max_age().is_some()
    }

    pub fn max_age(self) -> Option<Duration> {
        match self {
            AfterCall::Drop => None,
            AfterCall::Comment(max_age) => Some(max_age),
        }
    }
}

impl fmt::Debug for CardConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CardConfig")
            .field("deadline", &self.deadline)
            .field("after_call", &self.after_call)
            .finish_non_exhaustive()
    }
}

/// What a card can name of the rest of the configuration.
pub(super) struct Around {
    pub(super) locale: Locale,
    pub(super) fields: Vec<String>,
    pub(super) sources: Vec<String>,
    pub(super) accounts: Vec<(String, Region)>,
}

impl Around {
    fn account_names(&self) -> Vec<String> {
        self.accounts.iter().map(|(name, _)| name.clone()).collect()
    }
}

pub(super) fn read(root: &Section<'_>, around: &Around) -> Option<CardConfig> {
    let section = root.section("card");
    let style = Arc::new(style::read(section.as_ref(), around));
    let words = style.words.clone();
    let known = default_rows(&words);
    let Some(section) = section else {
        let deck = Deck {
            card: CardTemplate::new(known, style).ok()?,
            unknown: None,
            variants: Vec::new(),
        };
        return Some(CardConfig {
            deck,
            deadline: DEADLINE,
            after_call: AfterCall::Drop,
            words,
        });
    };
    let known = rows(&section, "row").unwrap_or_else(|| numbered(known));
    let card = compile(&section, "row", known, None, &style);
    let variants = variants::read(&section, around, &style);
    let wanted = section.parse("unknown", "\"skip\" or \"card\"", |text| match text {
        "skip" => Some(false),
        "card" => Some(true),
        _ => None,
    });
    let unknown = rows(&section, "unknown-row");
    let unknown = unknown.unwrap_or_else(|| numbered(default_unknown_rows(&style.words)));
    let unknown = compile(&section, "unknown-row", unknown, None, &style);
    let (least, most) = (Duration::from_secs(10), Duration::from_secs(600));
    let deadline = section.duration("deadline", least, most);
    let deck = Deck {
        card: card?,
        unknown: wanted.unwrap_or(false).then_some(unknown?),
        variants,
    };
    Some(CardConfig {
        deck,
        deadline: deadline.unwrap_or(DEADLINE),
        after_call: after_call(&section, deadline.unwrap_or(DEADLINE)),
        words,
    })
}

fn after_call(section: &Section<'_>, deadline: Duration) -> AfterCall {
    let (least, most) = (Duration::from_secs(60), Duration::from_secs(7 * 86_400));
    let max_age = section.duration("comment-max-age", least, most);
    let wanted = section.parse("after-call", "\"drop\" or \"comment\"", |text| match text {
        "drop" => Some(AfterCall::Drop),
        "comment" => Some(AfterCall::Comment(max_age.unwrap_or(COMMENT_MAX_AGE))),
        _ => None,
    });
    if max_age.is_some_and(|max_age| max_age <= deadline) {
        let what =
            "must be longer than deadline: what expires then would be too old for its comment";
        section.wrong::<()>("comment-max-age", what);
    }
    if section.has("comment-max-age") && !section.has("after-call") {
        section.missing::<()>(
            "after-call",
            "\"comment\", without which no comment is written",
        );
    }
    wanted.unwrap_or(AfterCall::Drop)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::problem::Problem;
    use super::super::reader::Document;
    use super::*;
    use crate::domain::words::WORD_CHARS;

    fn read_card(text: &str) -> Result<CardConfig, Vec<String>> {
        let region = |code| Region::parse(code).unwrap();
        let around = Around {
            locale: Locale::English,
            fields: vec!["city".into()],
            sources: vec!["crm".into(), "erp".into()],
            accounts: vec![
                ("istanbul".into(), region("TR")),
                ("london".into(), region("GB")),
            ],
        };
        let document = Document::parse(text, Path::new("/"));
        let config = document.and_then(|d| d.root(|root| read(root, &around)));
        config.map_err(|problems| problems.0.iter().map(Problem::to_string).collect())
    }

    fn problems(text: &str) -> Vec<String> {
        read_card(text).err().unwrap_or_default()
    }

    #[test]
    fn without_a_card_there_is_the_usual_one() {
        let config = read_card("").unwrap();
        assert!(config.deck.unknown.is_none() && config.deck.variants.is_empty());
        assert_eq!(config.deadline, DEADLINE);
        assert_eq!(config.after_call, AfterCall::Drop);
    }

    #[test]
    fn what_comes_after_the_call_is_dropped_or_told_in_a_comment() {
        let read = |text: &str| read_card(&format!("[card]\n{text}")).unwrap().after_call;
        assert_eq!(read("after-call = \"drop\""), AfterCall::Drop);
        assert_eq!(
            read("after-call = \"comment\""),
            AfterCall::Comment(COMMENT_MAX_AGE)
        );
        let told = read("comment-max-age = \"2h\"\nafter-call = \"comment\"");
        assert_eq!(told, AfterCall::Comment(Duration::from_secs(7_200)));
        for (text, expected) in [
            ("after-call = \"note\"", "must be \"drop\" or \"comment\""),
            (
                "comment-max-age = \"1h\"",
                "card.after-call: is missing; give \"comment\"",
            ),
            (
                "after-call = \"comment\"\ncomment-max-age = \"8d\"",
                "from \"1m\" to \"7d\"",
            ),
            ("deadline = \"5s\"", "from \"10s\" to \"10m\""),
            (
                "after-call = \"comment\"\ncomment-max-age = \"90s\"",
                "must be longer than deadline",
            ),
            ("lifetime = \"90s\"", "no such key"),
        ] {
            let told = problems(&format!("[card]\n{text}"));
            assert!(told.len() == 1 && told[0].contains(expected), "{told:?}");
        }
    }

    #[test]
    fn every_mistake_in_words_and_ages_is_told() {
        let text = r#"
[card.words]
debt = "x"
old = "{{ x }}"
vip = ""
[card.age]
balance = { mark = "7d", hide = "1d" }
city = { mark = "1d", hide = "1d" }
town = { hide = "1d" }
vip = {}
overdue = { mark = "5s" }
warning = "1d"
"#;
        let told = problems(text);
        let expected = [
            "line 3: card.words.debt = \"x\": no such word; here there can be: title, name, company,",
            "line 4: card.words.old = \"{{ x }}\": must be 1 to 40 characters on one line, without",
            "line 5: card.words.vip = \"\": must be 1 to 40 characters",
            "line 7: card.age.balance.hide = \"1d\": must be longer than mark",
            "line 8: card.age.city.hide = \"1d\": must be longer than mark",
            "line 9: card.age.town = { hide = \"1d\" }: no such value; here there can be: balance, vip, \
             overdue, warning; fields: city",
            "line 10: card.age.vip.mark: is missing; give the age from which",
            "line 11: card.age.overdue.mark = \"5s\": must be a duration such as \"15m\", from \"1m\"",
            "line 12: card.age.warning = \"1d\": must be a table: write warning = { ... }",
        ];
        assert_eq!(told.len(), expected.len(), "{told:#?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.starts_with(expected), "{told}");
        }
        assert_eq!(WORD_CHARS, 40);
    }

    #[test]
    fn ages_have_a_least_and_a_most() {
        let told = |age| problems(&format!("[card.age]\nbalance = {{ hide = \"{age}\" }}"));
        for fine in ["60s", "1m", "3650d"] {
            assert!(told(fine).is_empty(), "{fine}");
        }
        for bad in ["59s", "3651d"] {
            assert!(told(bad)[0].contains("from \"1m\" to \"3650d\""), "{bad}");
        }
    }

    #[test]
    fn every_mistake_in_variants_is_told() {
        let text = r#"
[[card.variant]]
name = "a"
[[card.variant.row]]
type = "title"
text = "{{ contact.nmae }}"
[[card.variant]]
name = "b"
line = "1001"
direction = "internal"
source = "crn"
account = ["istanbul", "ankara"]
when = "contact.vpi"
row = [{ type = "title", text = "x", label = "y" }]
[[card.variant]]
name = "c"
when = "(("
lines = "x"
"#;
        let told = problems(text);
        let expected = [
            "line 2: card.variant.a.line: is missing; give a condition: line, direction, source, account",
            "line 6: card.variant.a.row.1.text = \"{{ contact.nmae }}\": names something that does not",
            "line 9: card.variant.b.line = \"1001\": \"1001\" is not a telephone number; give the office's",
            "line 10: card.variant.b.direction = \"internal\": must be \"inbound\" or \"outbound\"",
            "line 11: card.variant.b.source = \"crn\": there is no source \"crn\"; there is: crm, erp",
            "line 12: card.variant.b.account = [\"istanbul\", \"ankara\"]: there is no account \"ankara\"; \
             there is: istanbul, london",
            "line 13: card.variant.b.when = \"contact.vpi\": names something that does not exist",
            "line 14: card.variant.b.row.1.label = \"y\": Hipcall refuses a card with this key",
            "line 15: card.variant.c.row: is missing; give the variant's rows",
            "line 17: card.variant.c.when = \"((\": is no template: syntax error",
            "line 18: card.variant.c.lines: no such key; did you mean `line`? Here there can be: account, direction,",
        ];
        assert_eq!(told.len(), expected.len(), "{told:#?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.starts_with(expected), "{told}");
        }
    }

    #[test]
    fn there_can_be_so_many_variants_and_no_two_of_one_name() {
        let row = "row = [{ type = \"title\", text = \"{{ contact.name }}\" }]";
        let variants = |count: usize| -> String {
            let one = |n| format!("[[card.variant]]\nname = \"v{n}\"\nwhen = \"1\"\n{row}\n");
            (0..count).map(one).collect()
        };
        let most = read_card(&variants(variants::VARIANTS)).unwrap();
        assert_eq!(most.deck.variants.len(), variants::VARIANTS);
        let told = problems(&variants(variants::VARIANTS + 1));
        assert!(
            told[0].contains("there can be 32 variants at most"),
            "{told:?}"
        );
        let told = problems(&variants(2).replace("v1", "v0"));
        assert!(
            told[0].contains("another variant has this name"),
            "{told:?}"
        );
    }

    #[test]
    fn a_line_is_read_as_each_account_it_can_be_for_would() {
        let lines = |conditions: &str| {
            let rows = "row = [{ type = \"title\", text = \"{{ contact.name }}\" }]";
            let text = format!("[[card.variant]]\nname = \"a\"\n{conditions}\n{rows}");
            let mut config = read_card(&text).unwrap();
            let rule = config.deck.variants.remove(0).rule;
            rule.lines.len()
        };
        assert_eq!(lines("line = \"+908505550100\""), 2);
        assert_eq!(
            lines("line = \"0850 555 01 00\"\naccount = \"istanbul\""),
            1
        );
        assert_eq!(
            lines("line = [\"444 0 123\", \"+442079460000\"]\naccount = \"istanbul\""),
            2
        );
    }
}
