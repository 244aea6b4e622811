//! The annotated configuration that the package installs, made of the table of keys.
//!
//! Short enough to be read: what an office needs stands as lines, what it may need as lines behind a `#`, the rest
//! as names that ringcard.toml(5) explains. One `# ` taken off the lines of a table leaves the least that it can
//! have, all of them leave a configuration that is as right.

use super::{Key, Place, TABLES, Table, plain};

/// The table that holds from the start: the port can be tried before anything else is known.
const ACTIVE: &str = "webhook";
/// The kind of source that is shown.
const SHOWN_TYPE: &str = "csv";
/// Where what is said about a line begins, and where lines end, in characters.
const NOTE_AT: usize = 45;
const WIDTH: usize = 120;

const HEAD: &str = "\
# Ringcard's configuration. `sudo ringcard setup` asks for what is needed and writes it. By hand: take the \"# \" off
# the lines that you need; what stands behind ## is only told. All keys, with defaults and limits: man ringcard.toml
# Is it right: sudo ringcard check. Take a change up without a restart: sudo systemctl reload ringcard
";

/// The whole file.
pub fn sample() -> String {
    let mut lines = vec![HEAD.to_owned()];
    let mut done: Vec<&str> = Vec::new();
    for table in TABLES {
        let is_shown =
            table.is_of(SHOWN_TYPE) && !table.header().is_empty() || table.path.is_empty();
        match is_shown {
            true if done.contains(&table.path) => {}
            true => {
                done.push(table.path);
                lines.extend(group(table));
            }
            false => lines.extend(list(&name(table), table.keys)),
        }
    }
    lines
        .join("\n")
        .replace("\n\n\n", "\n\n")
        .trim_end()
        .to_owned()
        + "\n"
}

/// The tables of one path, as one.
fn group(first: &Table) -> Vec<String> {
    let tables = || {
        TABLES
            .iter()
            .filter(|t| t.path == first.path && t.is_of(SHOWN_TYPE))
    };
    let all: Vec<&Key> = tables().flat_map(|t| t.keys).collect();
    let of = |place: Place| all.iter().copied().filter(move |key| key.place == place);
    let shown = [Place::Needed, Place::Instead, Place::Usual].map(|place| of(place).count());
    if shown == [0; 3] && first.sample.is_empty() {
        return list(&name(first), first.keys);
    }
    let is_active = first.path == ACTIVE || first.path.is_empty();
    let hash = if is_active { "" } else { "# " };
    // Where nothing is needed, a line may as well stand alone.
    let usual = if shown[0] > 0 || is_active { "# " } else { "" };
    let mut lines = vec![String::new()];
    match first.sample {
        "" => lines.push(noted(
            &format!("{hash}{}", first.header()),
            &[plain(first.title)],
        )),
        sample => {
            let about = format!("{}. {}", plain(first.title), plain(first.about));
            lines.extend(wrapped(&about));
            lines.extend(
                sample
                    .lines()
                    .map(|line| format!("# {line}").trim_end().to_owned()),
            );
        }
    }
    lines.retain(|line| !first.path.is_empty() || !line.trim().is_empty());
    lines.extend(of(Place::Needed).map(|key| line(hash, key)));
    lines.extend(of(Place::Instead).map(|key| line(&format!("{hash}# or "), key)));
    lines.extend(of(Place::Usual).map(|key| line(&format!("{hash}{usual}"), key)));
    let is_said = |key: &Key| first.sample.contains(&format!("\n{} = ", key.name));
    let seldom: Vec<Key> = of(Place::Seldom)
        .filter(|key| !is_said(key))
        .copied()
        .collect();
    lines.extend(list("seldom needed here", &seldom));
    lines
}

fn line(hash: &str, key: &Key) -> String {
    let meaning = plain(key.meaning);
    let allowed = key.allowed.split(';').next().unwrap_or_default();
    let is_list =
        allowed.contains('`') && !allowed.contains([':', '{']) && key.place == Place::Usual;
    let full = is_list.then(|| format!("{meaning} ({})", plain(allowed)));
    let notes: Vec<String> = full.into_iter().chain([meaning]).collect();
    noted(&format!("{hash}{} = {}", key.name, key.shown()), &notes)
}

/// A line with the first of the notes that it has room for; if there is none, the first stands above it.
fn noted(line: &str, notes: &[String]) -> String {
    let behind = |note: &String| match line.chars().count() {
        0 => String::new(),
        short if short < NOTE_AT => format!("{line:NOTE_AT$}# {note}"),
        _ => format!("{line}  # {note}"),
    };
    let fitting = notes
        .iter()
        .map(behind)
        .find(|line| line.chars().count() <= WIDTH);
    fitting.unwrap_or_else(|| {
        let mut lines = notes.first().map(|note| wrapped(note)).unwrap_or_default();
        lines.push(line.to_owned());
        lines.join("\n")
    })
}

/// What a table is called where only its keys are named.
fn name(table: &Table) -> String {
    match (table.path, table.header()) {
        ("source", _) => plain(table.title),
        (_, header) if header.is_empty() => format!("{{ }}, {}", plain(table.title)),
        (_, header) => format!("{header}, {}", plain(table.title)),
    }
}

/// Names alone.
fn list(what: &str, keys: &[Key]) -> Vec<String> {
    if keys.is_empty() {
        return Vec::new();
    }
    let name = |key: &Key| match key.is_free() {
        true => format!("{} = {}", key.name, key.shown()),
        false => key.name.to_owned(),
    };
    let names: Vec<String> = keys.iter().map(name).collect();
    wrapped(&format!("{what}: {}", names.join(", ")))
}

/// What is only told: it stays so when a `#` is taken off the lines around it.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(format!("## {word}")),
            Some(_) => lines.push(format!("##   {word}")),
        }
    }
    lines
}

/// The least that an office has to write.
pub fn shortest() -> String {
    let mut text = String::new();
    let mut path = "";
    let tables = TABLES.iter().filter(|t| t.is_of(SHOWN_TYPE));
    for table in tables {
        let needed: Vec<&Key> = table
            .keys
            .iter()
            .filter(|k| k.place == Place::Needed)
            .collect();
        if needed.is_empty() {
            continue;
        }
        if table.path != path {
            text.push_str(if text.is_empty() { "" } else { "\n" });
            text.push_str(&format!("{}\n", table.header()));
            path = table.path;
        }
        for key in needed {
            text.push_str(&format!("{} = {}\n", key.name, key.shown()));
        }
    }
    text
}
