//! A source that is no CSV or Excel file: the block of its kind, with the simple values asked for and put in, and
//! what is left named for a person.

use toml::{Table, Value};

use super::draft;
use super::source::{Answered, Around, show};
use super::talk::{Question, Stop, Talk, Tries};
use crate::cli::source::{Kind, block};
use crate::config::Secret;

/// Where the blocks have their secrets.
pub(super) const SECRETS: &str = "/etc/ringcard/secrets/";

/// A line of the block that a person has to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Blank {
    line: usize,
    key: String,
    example: String,
    about: String,
    /// The file that its answer belongs into, of a secret.
    file: Option<String>,
}

pub(super) async fn ask(
    talk: &mut Talk,
    around: &Around<'_>,
    kind: &Kind,
) -> Result<Answered, Stop> {
    let text = block(kind, None, None).map_err(Stop::Failed)?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut secrets = Vec::new();
    talk.say(&format!("\n   {}", kind.title));
    for blank in blanks(&lines) {
        if !blank.about.is_empty() {
            talk.say(&format!("   {}: {}", blank.key, blank.about));
        }
        match &blank.file {
            Some(file) => secrets.push((file.clone(), secret(talk, &blank).await?)),
            None => {
                let asked = format!("{} (such as {})", blank.key, blank.example);
                let answer = answer(talk, &blank.key, Question::new(&asked, "--with")).await?;
                lines[blank.line] = filled(&lines[blank.line], &blank, &answer);
            }
        }
    }
    let text = lines.join("\n");
    talk.say("\n   Reading five records ...");
    let is_usable = show(talk, around, &text, &secrets).await?;
    let mut to_do = to_do(&lines, &kind.name);
    if !is_usable && to_do.is_empty() {
        to_do.push(format!(
            "mend the block of the source {0}, and try it: ringcard source test {0}",
            kind.name
        ));
    }
    to_do
        .iter()
        .for_each(|what| talk.say(&format!("   Left to do: {what}")));
    Ok(Answered {
        source: draft::Source::Block(text),
        secrets,
        to_do,
    })
}

async fn secret(talk: &mut Talk, blank: &Blank) -> Result<Secret, Stop> {
    let asked = format!("{} (not shown)", blank.key);
    let question = Question::new(&asked, "--secret-file").secret();
    answer(talk, &blank.key, question).await.map(Secret::new)
}

/// What an option says for the key, or what is typed; never nothing.
async fn answer(talk: &mut Talk, key: &str, question: Question) -> Result<String, Stop> {
    if let Some(given) = talk.given_for(question.option, key) {
        return Ok(given);
    }
    let mut tries = Tries::default();
    loop {
        let answer = talk.answer(&question).await?;
        match answer.is_empty() {
            false => return Ok(answer),
            true => talk.wrong(&question, "nothing was typed", &mut tries)?,
        }
    }
}

/// What stands in the block to be replaced: texts of the source itself and of `[source.with]`, and secrets.
fn blanks(lines: &[String]) -> Vec<Blank> {
    const OURS: [&str; 3] = ["name", "type", "object"];
    let mut blanks = Vec::new();
    let mut about = String::new();
    let mut is_inside = false;
    for (line, text) in lines.iter().enumerate() {
        if text.starts_with("[source.columns]") {
            break;
        }
        // The query is a text of several lines.
        if text.matches("\"\"\"").count() == 1 {
            is_inside = !is_inside;
            continue;
        }
        if let Some(comment) = text.strip_prefix("# ") {
            if !about.is_empty() {
                about.push(' ');
            }
            about.push_str(comment);
            continue;
        }
        let said = std::mem::take(&mut about);
        let Some((key, value)) = entry(text).filter(|_| !is_inside) else {
            continue;
        };
        if OURS.contains(&key.as_str()) {
            continue;
        }
        let beside = text
            .split_once("  # ")
            .map(|(_, said)| said.trim().to_owned());
        let about = beside.filter(|said| !said.is_empty()).unwrap_or(said);
        blanks.extend(blank(line, key, &value, about));
    }
    blanks
}

/// A text, or a secret's file; of anything else the block's own value stays.
fn blank(line: usize, key: String, value: &Value, about: String) -> Option<Blank> {
    let (example, about, file) = match value.as_str() {
        Some(example) => (example.to_owned(), about, None),
        None => {
            let path = value.get("file")?.as_str()?;
            let file = path.strip_prefix(SECRETS)?.to_owned();
            (String::new(), String::new(), Some(file))
        }
    };
    Some(Blank {
        line,
        key,
        example,
        about,
        file,
    })
}

fn entry(line: &str) -> Option<(String, Value)> {
    let table = line.parse::<Table>().ok()?;
    table.into_iter().next()
}

fn filled(line: &str, blank: &Blank, answer: &str) -> String {
    let comment = line
        .split_once("  # ")
        .map(|(_, said)| format!("  # {said}"));
    let comment = comment.unwrap_or_default();
    format!("{} = {}{comment}", blank.key, Value::from(answer))
}

/// A query is nobody's to guess.
fn to_do(lines: &[String], name: &str) -> Vec<String> {
    let has_query = lines.iter().any(|line| line.starts_with("query = "));
    let words = format!(
        "write the query and [source.columns] of the source {name} into the configuration, then try them: \
         ringcard source test {name}"
    );
    has_query.then_some(words).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::source::kinds;

    fn block_of(name: &str) -> Vec<String> {
        let (kinds, _) = kinds(std::path::Path::new("/nowhere/ringcard.toml"));
        let kind = kinds.iter().find(|kind| kind.name == name).unwrap();
        let text = block(kind, None, None).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn keys(name: &str) -> String {
        let told = |b: Blank| b.file.map_or(b.key, |file| format!("{file}!"));
        let blanks = blanks(&block_of(name)).into_iter().map(told);
        blanks.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_has_to_be_given_is_asked_for_and_nothing_else() {
        let cases = [
            ("vcard", "path"),
            ("postgresql", "host database user postgresql-password!"),
            ("sqlserver", "host database user sqlserver-password!"),
            ("hubspot", "hubspot-token!"),
            ("odoo", "address odoo-key!"),
        ];
        for (name, expected) in cases {
            assert_eq!(keys(name), expected, "{name}");
        }
        // Every kind can be begun like this.
        for kind in kinds(std::path::Path::new("/nowhere/ringcard.toml")).0 {
            assert!(!blanks(&block_of(&kind.name)).is_empty(), "{}", kind.name);
        }
    }

    #[test]
    fn an_answer_takes_the_place_of_the_example_and_the_comment_stays() {
        let lines = block_of("postgresql");
        let blank = blanks(&lines).swap_remove(0);
        let line = filled(&lines[blank.line], &blank, "10.0.0.5");
        assert!(
            line.starts_with("host = \"10.0.0.5\"  # a name or an address"),
            "{line}"
        );
        assert!(to_do(&lines, "postgresql")[0].contains("source test postgresql"));
        assert!(to_do(&block_of("hubspot"), "hubspot").is_empty());
    }
}
