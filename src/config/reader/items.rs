//! Lists in which a plain text stands for a table with nothing but its first key.

use toml::Spanned;
use toml::de::DeValue;

use super::Section;

/// One of a list in which a text is short for a table.
pub(in crate::config) enum Item<'a> {
    Text(String),
    Table(Section<'a>),
}

impl<'a> Section<'a> {
    /// A text, a table, or a list of these.
    pub(in crate::config) fn items(&self, key: &'static str) -> Vec<Item<'a>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let list: Vec<_> = match value.get_ref().as_array() {
            Some(list) if list.is_empty() => {
                let what = "is an empty list; name something, or leave the key out";
                return self.wrong(key, what).unwrap_or_default();
            }
            Some(list) => list.iter().collect(),
            None => vec![value],
        };
        let item = |(i, value): (usize, &&'a Spanned<DeValue<'a>>)| match value.get_ref() {
            DeValue::String(text) => Some(Item::Text(text.to_string())),
            DeValue::Table(table) => {
                let path = format!("{}.{}", self.name(key), i + 1);
                let at = value.span().start;
                Some(Item::Table(Section::new(
                    path,
                    at,
                    table,
                    self.notes_of(key),
                )))
            }
            _ => None,
        };
        // Not collected into an `Option`: a table dropped on the way would complain of all its keys.
        let items: Vec<_> = list.iter().enumerate().map(item).collect();
        if items.iter().any(Option::is_none) {
            let what = "must be a text in quotes, a table { ... }, or a list of such";
            self.wrong::<()>(key, what);
        }
        items.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{problems, read};
    use super::*;

    #[test]
    fn a_list_may_hold_texts_and_tables() {
        let shown = |text: &str| {
            read(text, |root| {
                let items = root.items("a").into_iter();
                let show = |item| match item {
                    Item::Text(text) => text,
                    Item::Table(table) => format!("{:?} {}", table.text("b"), table.flag("c")),
                };
                items.map(show).collect::<Vec<_>>()
            })
        };
        assert_eq!(shown(""), [""; 0]);
        assert_eq!(shown("a = \"x\""), ["x"]);
        assert_eq!(shown("a = { b = \"y\" }"), ["Some(\"y\") false"]);
        assert_eq!(
            shown("a = [\"x\", { b = \"y\", c = true }]"),
            ["x", "Some(\"y\") true"]
        );
        let told = problems("a = [\"x\", 1]\nb = []\nc = [{ d = 1, e = 2 }]", |root| {
            root.items("a");
            root.items("b");
            for item in root.items("c") {
                let Item::Table(table) = item else { panic!() };
                table.flag("d");
            }
        });
        assert_eq!(
            told,
            [
                "line 1: a = [\"x\", 1]: must be a text in quotes, a table { ... }, or a list of such",
                "line 2: b = []: is an empty list; name something, or leave the key out",
                "line 3: c.1.d = 1: must be true or false, without quotes",
                "line 3: c.1.e: no such key; here there can be: d",
            ]
        );
    }
}
