//! The configuration that is there already: what it answers, whether somebody has worked on it, and the parts of
//! it that the questions are not about.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::draft::{self, TAIL};

/// What the package brings.
const PACKAGED: &str = include_str!("../../../packaging/ringcard.toml");

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    #[default]
    Missing,
    /// As the package brought it: its examples answer nothing.
    Packaged,
    /// As an earlier setup wrote it.
    Ours,
    /// Somebody has worked on it.
    OfAPerson,
    /// The same, and it can't be understood; with the reason.
    Broken(String),
}

#[derive(Debug, Default)]
pub(super) struct Earlier {
    pub(super) standing: Standing,
    /// The whole file, to be compared and kept.
    pub(super) text: String,
    /// What it answers; empty where it answers nothing.
    pub(super) table: Table,
    directory: PathBuf,
}

/// A part of the file: a header with what follows it up to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The table at the top that it belongs to; empty before the first header.
    pub(super) of: String,
    /// Of an array: which of its tables.
    pub(super) place: usize,
    pub(super) text: String,
}

impl Earlier {
    pub(super) fn read(path: &Path) -> io::Result<Earlier> {
        let directory = path.parent().unwrap_or(Path::new("")).to_owned();
        match fs::read_to_string(path) {
            Ok(text) => Ok(Earlier::of(text, directory)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Earlier {
                directory,
                ..Earlier::default()
            }),
            Err(e) if e.kind() == io::ErrorKind::InvalidData => Ok(Earlier {
                standing: Standing::Broken("it is no text".into()),
                directory,
                ..Earlier::default()
            }),
            Err(e) => Err(e),
        }
    }

    pub(super) fn of(text: String, directory: PathBuf) -> Earlier {
        let parsed = text.parse::<Table>();
        let standing = match &parsed {
            _ if text.trim() == PACKAGED.trim() => Standing::Packaged,
            _ if draft::is_sealed(&text) => Standing::Ours,
            Ok(_) => Standing::OfAPerson,
            Err(e) => Standing::Broken(e.message().replace('\n', ", ")),
        };
        let table = match standing {
            Standing::Packaged => Table::new(),
            _ => parsed.unwrap_or_default(),
        };
        Earlier {
            standing,
            text,
            table,
            directory,
        }
    }

    /// Whether a copy of it must be kept.
    pub(super) fn is_a_persons(&self) -> bool {
        matches!(self.standing, Standing::OfAPerson | Standing::Broken(_))
    }

    pub(super) fn text_at(&self, table: &str, key: &str) -> Option<&str> {
        self.table.get(table)?.get(key)?.as_str()
    }

    pub(super) fn texts_at(&self, table: &str, key: &str) -> Vec<String> {
        let value = self.table.get(table).and_then(|t| t.get(key));
        let text = |v: &Value| v.as_str().map(str::to_owned);
        match value {
            Some(Value::Array(all)) => all.iter().filter_map(text).collect(),
            Some(one) => text(one).into_iter().collect(),
            None => Vec::new(),
        }
    }

    fn tables(&self, key: &str) -> Vec<&Table> {
        let all = self.table.get(key).and_then(Value::as_array);
        all.into_iter()
            .flatten()
            .filter_map(Value::as_table)
            .collect()
    }

    /// The names of all accounts, or sources.
    pub(super) fn names(&self, of: &str) -> Vec<String> {
        let name = |t: &&Table| t.get("name").and_then(Value::as_str).map(str::to_owned);
        self.tables(of).iter().filter_map(name).collect()
    }

    /// The account of this name and its place; without a name, the first.
    pub(super) fn account(&self, name: Option<&str>) -> Option<(usize, &Table)> {
        let is_it = |t: &Table| match name {
            Some(name) => t.get("name").and_then(Value::as_str) == Some(name),
            None => true,
        };
        let accounts = self.tables("account");
        accounts.into_iter().enumerate().find(|(_, t)| is_it(t))
    }

    pub(super) fn source(&self) -> Option<&Table> {
        self.tables("source").into_iter().next()
    }

    /// The file that a secret of the table is in.
    pub(super) fn secret_file(&self, of: &Table, key: &str) -> Option<PathBuf> {
        let file = of.get(key)?.get("file")?.as_str()?;
        Some(self.directory.join(file))
    }

    /// The file's parts, in their order, without what setup itself has written at its end.
    pub(super) fn pieces(&self) -> Vec<Piece> {
        match self.standing {
            Standing::OfAPerson | Standing::Ours => pieces(&self.text),
            Standing::Missing | Standing::Packaged | Standing::Broken(_) => Vec::new(),
        }
    }
}

fn pieces(text: &str) -> Vec<Piece> {
    let text = draft::unsealed(text).replace(TAIL, "\n");
    let mut pieces = vec![Piece {
        of: String::new(),
        place: 0,
        text: String::new(),
    }];
    // Comments right before a header are about what follows.
    let mut comments = String::new();
    for line in text.lines() {
        let trimmed = line.trim_start();
        if let Some((of, starts)) = header(trimmed) {
            let before = pieces.iter().rev().find(|p| p.of == of);
            let place = match (before, starts) {
                (Some(before), true) => before.place + 1,
                (Some(before), false) => before.place,
                (None, _) => 0,
            };
            pieces.push(Piece {
                of,
                place,
                text: std::mem::take(&mut comments),
            });
        } else if trimmed.starts_with('#') {
            comments.push_str(line);
            comments.push('\n');
            continue;
        }
        if let Some(piece) = pieces.last_mut() {
            piece.text.push_str(&std::mem::take(&mut comments));
            piece.text.push_str(line);
            piece.text.push('\n');
        }
    }
    if let Some(piece) = pieces.last_mut() {
        piece.text.push_str(&comments);
    }
    pieces
}

/// The table at the top that a header's line is about, and whether it begins another of an array.
fn header(line: &str) -> Option<(String, bool)> {
    let inside = line.strip_prefix('[')?;
    let (inside, is_array) = match inside.strip_prefix('[') {
        Some(inside) => (inside, true),
        None => (inside, false),
    };
    let (name, _) = inside.split_once(']')?;
    let mut parts = name.split('.').map(|p| p.trim().trim_matches('"'));
    let of = parts.next().filter(|p| !p.is_empty())?;
    Some((of.to_owned(), is_array && parts.next().is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# all of it\nlocale = \"tr\"\n\n[webhook]\nlisten = \"0.0.0.0:443\"\n\n# ours\n[[account]]\n\
        name = \"a\"\ntoken = { file = \"a.token\" }\n[[account]]\nname = \"b\"\n# that one\n[[source]]\nname = \"crm\"\n\
        [source.columns]\nname = \"Ad\"\n[[source]]\nname = \"erp\"\n[card]\n[[card.row]]\ntype = \"title\"\n# end\n";

    #[test]
    fn what_the_package_brings_answers_nothing() {
        let packaged = Earlier::of(PACKAGED.to_owned(), PathBuf::new());
        assert_eq!(
            (packaged.standing.clone(), packaged.account(None)),
            (Standing::Packaged, None)
        );
        assert!(!packaged.is_a_persons() && packaged.pieces().is_empty());
        let changed = Earlier::of(PACKAGED.replace("listen = ", "listen  = "), PathBuf::new());
        assert!(changed.is_a_persons());
    }

    #[test]
    fn what_a_person_wrote_answers_and_is_taken_apart_without_loss() {
        let earlier = Earlier::of(FILE.to_owned(), "/etc/r".into());
        assert!(earlier.is_a_persons());
        assert_eq!(earlier.names("account"), ["a", "b"]);
        let (place, second) = earlier.account(Some("b")).unwrap();
        assert_eq!((place, second["name"].as_str()), (1, Some("b")));
        let (_, first) = earlier.account(None).unwrap();
        assert_eq!(
            earlier.secret_file(first, "token"),
            Some("/etc/r/a.token".into())
        );
        let pieces = earlier.pieces();
        let told: Vec<_> = pieces.iter().map(|p| (p.of.as_str(), p.place)).collect();
        let expected = [
            ("", 0),
            ("webhook", 0),
            ("account", 0),
            ("account", 1),
            ("source", 0),
            ("source", 0),
            ("source", 1),
            ("card", 0),
            ("card", 0),
        ];
        assert_eq!(told, expected);
        assert!(pieces[2].text.starts_with("# ours\n"), "{pieces:?}");
        let whole: String = pieces.iter().map(|p| p.text.as_str()).collect();
        assert_eq!(whole, FILE);
    }

    #[test]
    fn what_can_not_be_understood_is_a_persons_too() {
        let broken = Earlier::of("locale = \n".to_owned(), PathBuf::new());
        assert!(matches!(broken.standing, Standing::Broken(_)) && broken.is_a_persons());
        assert!(broken.pieces().is_empty());
    }
}
