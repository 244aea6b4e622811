//! ringcard.toml(5): every key of the configuration, made of the table of keys.

use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use super::{MANUAL, PROGRAM, list, see_also};
use crate::config::DEFAULT_PATH;
use crate::config::keys::{
    FIRST, Form, Key, Otherwise, Part, TABLES, Table, parts, plain, shortest,
};

const ABOUT: [&str; 4] = [
    "The configuration is one file in TOML. It is read whole and refused whole: `ringcard check` tells all problems \
     at once, each with its line, its value and what is allowed. A key that is not known is a problem too.",
    "A change is taken up by `systemctl reload ringcard`. A file with problems is not: the old one stays in use, and \
     the log says why. Addresses, the paths of certificates, `state-dir` and `runtime-dir` change only with a restart.",
    "Durations are a whole number and a unit: `250ms`, `90s`, `15m` (or `min`), `12h`, `7d`. Relative paths start at \
     the directory of the configuration. Keys in capitals stand for names that are yours to choose.",
    "Without an `[[account]]` Ringcard runs and answers nobody; with one there must be a `[[source]]` too.",
];

const FILES: [(&str, &str); 3] = [
    (DEFAULT_PATH, "Where the packaged service has it."),
    (
        "/etc/ringcard/secrets/NAME.token, /etc/ringcard/secrets/NAME.webhook",
        "Where ringcard setup puts the token and the webhook's secrets of the account NAME: mode 0600, user ringcard.",
    ),
    (
        "/etc/ringcard/connectors.d/NAME.toml",
        "Your own connectors, which type can name.",
    ),
];

pub(super) fn page(date: &str) -> String {
    let mut roff = Roff::new();
    roff.control("TH", ["ringcard.toml", "5", date, PROGRAM, MANUAL]);
    // What is typed must stand as it is typed.
    roff.control("nh", []);
    roff.control("ad", ["l"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("ringcard.toml - configuration of Ringcard")]);
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([italic(DEFAULT_PATH)]);
    roff.control("SH", ["DESCRIPTION"]);
    for (n, paragraph) in ABOUT.into_iter().enumerate() {
        if n > 0 {
            roff.control("PP", []);
        }
        roff.text(inlines(paragraph));
    }
    for table in TABLES {
        add(&mut roff, table);
    }
    list(&mut roff, "FILES", &FILES);
    roff.control("SH", ["EXAMPLES"]);
    roff.text([roman("The least that an office needs:")]);
    example(&mut roff, &shortest());
    let pages = [
        ("ringcard", 1),
        ("ringcard-check", 1),
        ("ringcard-source-new", 1),
        ("systemd.exec", 5),
    ];
    see_also(&mut roff, pages.into_iter());
    roff.render()
}

fn add(roff: &mut Roff, table: &Table) {
    roff.control("SH", [heading(table).as_str()]);
    if !table.about.is_empty() {
        roff.text(inlines(table.about));
    }
    for key in table.keys {
        add_key(roff, key);
    }
}

fn heading(table: &Table) -> String {
    let title = plain(table.title).to_uppercase();
    match (table.form, table.types.is_empty()) {
        (Form::Top | Form::Inline, _) => title,
        (Form::List, false) => format!("{} {title}", table.header()),
        _ => format!("{} - {title}", table.header()),
    }
}

fn add_key(roff: &mut Roff, key: &Key) {
    roff.control("TP", []);
    roff.text([bold(key.name), roman(" = "), italic(key.shown())]);
    let mut about = inlines(key.meaning);
    about.push(roman("."));
    roff.text(capital(about));
    let mut allowed = vec![roman("Allowed: ")];
    allowed.extend(inlines(key.allowed));
    if !key.unit.is_empty() {
        allowed.push(roman(format!(" {}", key.unit)));
    }
    allowed.push(roman("."));
    roff.control("br", []);
    roff.text(allowed);
    let mut default = match key.otherwise {
        Otherwise::Required => vec![roman("Required")],
        Otherwise::Value(value) => vec![roman("Default: "), bold(value)],
        Otherwise::Said(words) => {
            let mut default = vec![roman("Default: ")];
            default.extend(inlines(words));
            default
        }
    };
    default.push(roman("."));
    if key.since != FIRST {
        default.push(roman(format!(" Since {}.", key.since)));
    }
    roff.control("br", []);
    roff.text(default);
}

/// With a capital letter at its beginning, where that is a word.
fn capital(mut line: Vec<Inline>) -> Vec<Inline> {
    if let Some(Inline::Roman(text)) = line.first_mut() {
        let mut letters = text.chars();
        let first: String = letters
            .next()
            .into_iter()
            .flat_map(char::to_uppercase)
            .collect();
        *text = first + letters.as_str();
    }
    line
}

fn inlines(text: &str) -> Vec<Inline> {
    let inline = |part: Part<'_>| match part {
        Part::Plain(text) => roman(text),
        Part::Code(text) => bold(text),
    };
    parts(text).into_iter().map(inline).collect()
}

/// Lines as they are.
fn example(roff: &mut Roff, text: &str) {
    roff.control("PP", []);
    roff.control("nf", []);
    for line in text.lines() {
        match line {
            "" => roff.control("sp", []),
            line => roff.text([roman(line)]),
        };
    }
    roff.control("fi", []);
}
