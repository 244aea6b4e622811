//! A table over another: what the first says nothing of, the second says. Each problem is told where its value
//! stands.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Notes, Section};

/// The table that holds where the one over it says nothing.
#[derive(Clone)]
pub(super) struct Under<'a> {
    path: String,
    table: &'a DeTable<'a>,
    notes: &'a Notes<'a>,
}

impl Under<'_> {
    fn name(&self, key: &str) -> String {
        match self.path.is_empty() {
            true => key.to_owned(),
            false => format!("{}.{key}", self.path),
        }
    }
}

impl<'a> Section<'a> {
    /// Key by key, this table wins over the other, also within tables that both have.
    pub(in crate::config) fn over(mut self, other: &Section<'a>) -> Section<'a> {
        other.hush();
        self.under = Some(Under {
            path: other.path.clone(),
            table: other.table,
            notes: other.notes,
        });
        self
    }

    pub(super) fn found(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        let under = || self.under.as_ref().and_then(|under| under.table.get(key));
        self.table.get(key).or_else(under)
    }

    /// Every key, each once.
    pub(super) fn everything(
        &self,
    ) -> impl Iterator<Item = (&'a str, &'a Spanned<DeValue<'a>>)> + use<'a> {
        let (own, under) = (self.table, self.under.as_ref().map(|under| under.table));
        let under = under.into_iter().flatten();
        let under = under.filter(|(key, _)| !own.contains_key(key.get_ref().as_ref()));
        own.iter()
            .chain(under)
            .map(|(key, value)| (key.get_ref().as_ref(), value))
    }

    fn holder(&self, key: &str) -> Option<&Under<'a>> {
        let is_own = self.table.contains_key(key);
        self.under
            .as_ref()
            .filter(|under| !is_own && under.table.contains_key(key))
    }

    /// Where problems with the key's value are told.
    pub(super) fn notes_of(&self, key: &str) -> &'a Notes<'a> {
        self.holder(key).map_or(self.notes, |under| under.notes)
    }

    pub(super) fn name_of(&self, key: &str) -> String {
        match self.holder(key) {
            Some(under) => under.name(key),
            None => self.name(key),
        }
    }

    /// The table of a key, over that of the same key below.
    pub(super) fn child(&self, key: &str, at: usize, table: &'a DeTable<'a>) -> Section<'a> {
        let mut child = Section::new(self.name_of(key), at, table, self.notes_of(key));
        if self.table.contains_key(key)
            && let Some(under) = &self.under
        {
            let below = under
                .table
                .get(key)
                .and_then(|value| value.get_ref().as_table());
            child.under = below.map(|table| Under {
                path: under.name(key),
                table,
                notes: under.notes,
            });
        }
        child
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Document;
    use super::super::tests::problems;

    #[test]
    fn a_table_wins_key_by_key_and_problems_are_told_where_they_stand() {
        let mut told_below = Vec::new();
        let told = problems(
            "[own]\na = 1\nb = \"own\"\nz = 1\n[own.t]\nx = \"own\"\n",
            |root| {
                let below = "\nb = \"below\"\nc = \"below\"\nd = 2\ny = 1\n[t]\nx = \"below\"\nw = \"below\"\n";
                let document = Document::parse(below, Path::new("/")).unwrap();
                let result = document.root(|other| {
                    let both = root.section("own").unwrap().over(other);
                    assert_eq!(both.text("a"), None);
                    assert_eq!(both.text("b").as_deref(), Some("own"));
                    assert_eq!(both.text("c").as_deref(), Some("below"));
                    assert_eq!(both.text("d"), None);
                    let texts = both.section("t").unwrap().free_texts();
                    let texts: Vec<_> = texts.iter().map(|(k, v)| format!("{k}={v}")).collect();
                    assert_eq!(texts.join(" "), "x=own w=below");
                    Some(())
                });
                told_below = result
                    .unwrap_err()
                    .0
                    .iter()
                    .map(ToString::to_string)
                    .collect();
            },
        );
        assert_eq!(
            told,
            [
                "line 2: own.a = 1: must be a text in quotes",
                "line 4: own.z: no such key; here there can be: a, b, c, d, t"
            ]
        );
        assert_eq!(
            told_below,
            [
                "line 4: d = 2: must be a text in quotes",
                "line 5: y: no such key; here there can be: a, b, c, d, t"
            ]
        );
    }
}
