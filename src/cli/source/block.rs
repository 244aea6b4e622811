//! `ringcard source new`: a block for the configuration that says what to give, and where to get it.
//!
//! What must be given stands with an example, so that the block can be tried as it is; what may be given
//! stands behind a `#`, with its default.

use std::fmt::Write;

use toml::{Table, Value};

use super::kinds::{self, Block, Kind, What};
use super::sketch::{Object, Sketch};

/// Characters of a key with its value before what is said about it, as in the blocks of files and databases.
const KEY_CHARS: usize = 51;
/// Characters of a line of comments.
const LINE_CHARS: usize = 100;
/// What every source may have.
const KEYS: &str = include_str!("blocks/every-source.toml");
const GUARDS: &str = include_str!("blocks/guards.toml");

/// The block, or why there is none.
pub(crate) fn block(
    kind: &Kind,
    object: Option<&str>,
    name: Option<&str>,
) -> Result<String, String> {
    let name = name.unwrap_or(&kind.name);
    let objects = kind.objects();
    let usual = match &kind.what {
        What::Block(_) => objects.first().copied(),
        What::Connector(sketch) => sketch.usual_object(),
    };
    let Some(object) = object.or(usual) else {
        return Err(format!("{} has no objects", kind.name));
    };
    if !objects.contains(&object) {
        let listed = objects.join(", ");
        return Err(format!(
            "{} has no object {object}; it has: {listed}",
            kind.name
        ));
    }
    Ok(match &kind.what {
        What::Block(block) => fill(block, &kind.name, object, name),
        What::Connector(sketch) => of_connector(sketch, object, name),
    })
}

fn fill(block: &Block, kind: &str, object: &str, name: &str) -> String {
    let own = format!("name = \"{kind}\"");
    let given = format!("name = {}", Value::from(name));
    let mut keys = String::new();
    if object == "balances" {
        let about = "what another system knows of contacts";
        key(&mut keys, "kind", &Value::from(object), about);
    }
    keys.push_str(KEYS);
    let columns = block.records.iter().find(|r| r.object == object);
    let secret = |of: &str| format!("/etc/ringcard/secrets/{of}-");
    let text = block.text;
    text.replacen(
        &format!("{own:KEY_CHARS$}"),
        &format!("{given:KEY_CHARS$}"),
        1,
    )
    .replace(&secret(kind), &secret(name))
    .replace("@query\n", columns.map_or("", |r| r.query))
    .replace("@keys\n", &keys)
    .replace("@columns\n", columns.map_or("", |r| r.columns))
    .replace("@tables\n", GUARDS)
}

fn of_connector(sketch: &Sketch, object: &str, name: &str) -> String {
    let all: Vec<&str> = sketch.objects.keys().map(String::as_str).collect();
    let listed = all.join(", ");
    let mut text = String::new();
    about(&mut text, &sketch.title);
    if !sketch.documentation.is_empty() {
        about(&mut text, &sketch.documentation);
    }
    for (name, secret) in &sketch.secrets {
        let at = secret.renew.iter().map(|at| format!(": {at}"));
        about(
            &mut text,
            &format!(
                "Needed from there: the {name}, which is {}{}",
                secret.about,
                at.collect::<String>()
            ),
        );
    }
    about(&mut text, &format!("Try it: ringcard source test {name}"));
    text.push_str("\n[[source]]\n");
    key(
        &mut text,
        "name",
        &Value::from(name),
        "what you call it; names its directory in the replica",
    );
    key(&mut text, "type", &Value::from(sketch.name.as_str()), "");
    if all.len() > 1 {
        key(
            &mut text,
            "object",
            &Value::from(object),
            &format!("what is read; there are: {listed}"),
        );
    }
    text.push_str(KEYS);
    with(&mut text, sketch);
    secrets(&mut text, sketch, name);
    if let Some(object) = sketch.objects.get(object) {
        columns(&mut text, object);
    }
    text.push_str(GUARDS);
    text
}

/// What must be given stands first.
fn with(text: &mut String, sketch: &Sketch) {
    if sketch.with.is_empty() {
        return;
    }
    let (optional, required): (Vec<_>, Vec<_>) = sketch
        .with
        .iter()
        .partition(|(_, with)| with.default.is_some());
    text.push_str(if required.is_empty() {
        "\n# [source.with]\n"
    } else {
        "\n[source.with]\n"
    });
    for (name, with) in required {
        about(text, &with.about);
        let example = Value::from(with.example.as_deref().unwrap_or("..."));
        let _ = writeln!(text, "{name} = {example}");
    }
    for (name, with) in optional {
        let default = with.default.as_deref().unwrap_or_default();
        let example = with.example.as_deref().filter(|e| *e != default);
        let words = match (default, example) {
            ("", _) => "default: none".to_owned(),
            (default, Some(_)) => format!("default: {default}"),
            (_, None) => "the default".to_owned(),
        };
        about(text, &with.about);
        let shown = Value::from(example.unwrap_or(default));
        key(text, &format!("# {name}"), &shown, &words);
    }
}

fn secrets(text: &mut String, sketch: &Sketch, source: &str) {
    if sketch.secrets.is_empty() {
        return;
    }
    text.push_str("\n# Each alone in a file of mode 0600 that is the user ringcard's, or a systemd credential:\n");
    text.push_str("# { credential = \"NAME\" }\n[source.secrets]\n");
    for (name, secret) in &sketch.secrets {
        if let Some(lifetime) = &secret.lifetime {
            about(
                text,
                &format!(
                    "lives for {lifetime} from the file's time of change; its end is warned of"
                ),
            );
        }
        let _ = writeln!(
            text,
            "{name} = {{ file = \"/etc/ringcard/secrets/{source}-{name}\" }}"
        );
    }
    text.push_str(
        "\n# The last day on which each is valid, if there is one: warned of two weeks ahead.\n",
    );
    text.push_str("# [source.expires]\n");
    for name in sketch.secrets.keys() {
        let _ = writeln!(text, "# {name} = \"2026-12-31\"");
    }
}

/// The connector's own mapping, in the order of the documentation; an example where it has none.
fn columns(text: &mut String, object: &Object) {
    if object.columns.is_empty() {
        text.push('\n');
        text.push_str(kinds::columns_of_objects(object.is_balances()));
        return;
    }
    text.push_str("\n# The connector's own; a key that is given here replaces its. A column is a member of the record, a\n");
    text.push_str("# path (address.city, phones[*].value) or an expression (first ~ \" \" ~ last).\n# [source.columns]\n");
    let order = |name: &str| {
        ORDER
            .iter()
            .position(|known| *known == name)
            .unwrap_or(ORDER.len())
    };
    let mut columns: Vec<(&String, &Value)> = object.columns.iter().collect();
    columns.sort_by_key(|(name, value)| (value.is_table(), order(name)));
    for (name, value) in columns {
        match value {
            Value::Table(fields) => table(text, name, fields),
            value => {
                let _ = writeln!(text, "# {name} = {value}");
            }
        }
    }
}

fn table(text: &mut String, name: &str, fields: &Table) {
    let _ = writeln!(text, "# [source.columns.{name}]");
    for (field, value) in fields {
        let _ = writeln!(text, "# {field} = {value}");
    }
}

const ORDER: &[&str] = &[
    "join",
    "join-by",
    "key",
    "name",
    "company",
    "numbers",
    "customer-code",
    "tax-number",
    "email",
    "owner",
    "updated",
    "date-order",
    "vip",
    "warning",
    "overdue",
    "balance",
    "balance-sign",
    "decimal",
    "currency",
    "default-currency",
];

fn key(text: &mut String, name: &str, value: &Value, about: &str) {
    let key = format!("{name} = {value}");
    match about {
        "" => text.push_str(&key),
        about => {
            let _ = write!(text, "{key:KEY_CHARS$}  # {about}");
        }
    }
    text.push('\n');
}

/// A comment of its own, in lines that can be read.
fn about(text: &mut String, words: &str) {
    let mut line = String::from("#");
    for word in words.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > LINE_CHARS && line.len() > 1 {
            text.push_str(&line);
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}
