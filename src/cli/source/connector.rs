//! The block of a source with a connector, made from what the connector's description asks for.

use toml::de::{DeTable, DeValue};

/// Column of the comments.
const COMMENT: usize = 44;

/// What the connector is for.
pub(super) fn title(text: &str) -> String {
    let (table, _) = DeTable::parse_recoverable(text);
    said(table.get_ref(), "title").unwrap_or_default()
}

/// `None` of a text that is no description.
pub(super) fn block(name: &str, text: &str) -> Option<String> {
    let table = DeTable::parse(text).ok()?;
    let root = table.get_ref();
    let mut lines = vec!["[[source]]".to_owned()];
    lines.push(commented("name = \"crm\"", "what you call it"));
    let title = said(root, "title").unwrap_or_default();
    lines.push(commented(&format!("type = \"{name}\""), &title));
    lines.extend(said(root, "documentation").map(|at| format!("# {at}")));
    let mut objects: Vec<(String, &DeTable<'_>)> = tables(root, "objects").collect();
    // Balances alone would be nobody's.
    objects.sort_by_key(|(_, object)| said(object, "kind").as_deref() != Some("contacts"));
    let first = objects.first().map(|(name, _)| name.clone());
    let others: Vec<&str> = objects.iter().skip(1).map(|(name, _)| &**name).collect();
    lines.extend(first.filter(|_| !others.is_empty()).map(|first| {
        let or = format!("or {}", others.join(", "));
        commented(&format!("object = \"{first}\""), &or)
    }));
    lines.push(
        "# full = \"24h\"                             # how often deleted records are looked for"
            .into(),
    );
    lines.push("# (shared)".into());
    lines.extend(with(root));
    lines.extend(secrets(name, root));
    let brings_columns = objects
        .first()
        .is_some_and(|(_, o)| o.contains_key("columns"));
    lines.push(String::new());
    lines.extend(columns(brings_columns));
    Some(lines.join("\n") + "\n")
}

fn with(root: &DeTable<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, table) in tables(root, "with") {
        let (example, default) = (said(table, "example"), said(table, "default"));
        lines.extend(said(table, "about").map(|about| format!("# {about}")));
        let value = example.or(default.clone()).unwrap_or_default();
        // What has a default is right without it.
        let off = if default.is_some() { "# " } else { "" };
        lines.push(format!("{off}{name} = {value:?}"));
    }
    headed("[source.with]", lines)
}

fn secrets(connector: &str, root: &DeTable<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, table) in tables(root, "secrets") {
        lines.extend(said(table, "about").map(|about| format!("# {about}")));
        lines.extend(said(table, "renew").map(|renew| format!("# where it comes from: {renew}")));
        let is_optional = table.get("optional").and_then(|v| v.get_ref().as_bool());
        let off = if is_optional == Some(true) { "# " } else { "" };
        let file = format!("/etc/ringcard/secrets/{connector}-{name}");
        lines.push(format!("{off}{name} = {{ file = \"{file}\" }}"));
    }
    headed("[source.secrets]", lines)
}

fn columns(are_brought: bool) -> Vec<String> {
    let lines = match are_brought {
        true => [
            "# [source.columns]                         # the connector brings them; what you give replaces its own",
            "# numbers = [\"phone\", \"mobile\"]",
        ]
        .to_vec(),
        false => [
            "[source.columns]                           # members, paths such as address.city, or expressions",
            "key = \"id\"",
            "name = \"name\"",
            "numbers = \"phone\"",
        ]
        .to_vec(),
    };
    lines.into_iter().map(str::to_owned).collect()
}

fn headed(head: &str, lines: Vec<String>) -> Vec<String> {
    if lines.is_empty() {
        return lines;
    }
    let mut all = vec![String::new(), head.to_owned()];
    all.extend(lines);
    all
}

fn commented(line: &str, comment: &str) -> String {
    format!("{line:COMMENT$} # {comment}")
}

fn said(table: &DeTable<'_>, key: &str) -> Option<String> {
    let text = table.get(key)?.get_ref().as_str()?;
    Some(text.to_owned())
}

/// The tables within the table of that name, in the order of their names.
fn tables<'t>(root: &'t DeTable<'t>, key: &str) -> impl Iterator<Item = (String, &'t DeTable<'t>)> {
    let outer = root.get(key).map(|value| value.get_ref());
    let outer = outer.and_then(DeValue::as_table);
    outer.into_iter().flat_map(|table| {
        table.iter().filter_map(|(name, value)| {
            Some((name.get_ref().to_string(), value.get_ref().as_table()?))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name = \"acme\"\ntitle = \"Acme CRM\"\n\
        [with.domain]\nabout = \"yours\"\nexample = \"office\"\n\
        [with.size]\nabout = \"of a page\"\ndefault = \"100\"\n\
        [secrets.token]\nabout = \"a key\"\nrenew = \"Settings > Keys\"\n\
        [objects.a.columns]\nkey = \"id\"\n[objects.b]\n";

    #[test]
    fn a_block_has_what_the_description_asks_for() {
        let block = block("acme", TEXT).unwrap();
        let lines = block
            .lines()
            .map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "));
        let block = lines.collect::<Vec<_>>().join("\n");
        for line in [
            "type = \"acme\" # Acme CRM",
            "object = \"a\" # or b",
            "# yours\ndomain = \"office\"",
            "# of a page\n# size = \"100\"",
            "# where it comes from: Settings > Keys\ntoken = { file = \"/etc/ringcard/secrets/acme-token\" }",
            "# [source.columns]",
        ] {
            assert!(block.contains(line), "{line} not in:\n{block}");
        }
        assert_eq!(super::block("acme", "not TOML at all ["), None);
    }
}
