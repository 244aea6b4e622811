//! `ringcard lookup` and `ringcard card`: whom a number belongs to, why, and what the agent would see.
//!
//! The running daemon is asked, so that the answer is the one a call would get; without one the same files
//! are read.

use std::path::Path;
use std::process::ExitCode;

use super::arguments::{About, Lookup, Whom};
use super::terminal::{ago, is_terminal, say, say_json};
use super::{EXIT_NOBODY, Failure, load, matched};
use crate::config::Config;
use crate::daemon::{CandidateShown, Explanation, Offline};
use crate::demo::screen::{Surface, draw_card};
use crate::domain::contact::Shared;
use crate::system::control::{ControlError, Question, Request, ask};

pub(super) async fn lookup(path: &Path, what: Lookup) -> Result<ExitCode, Failure> {
    let json = what.about.json;
    if let Some(file) = &what.file {
        return matched::matched(path, file, what.about).await;
    }
    let explanation = explain(path, what.number.unwrap_or_default(), what.about).await?;
    match json {
        true => say_json(&explanation),
        false => say(&told(&explanation)),
    }
    Ok(code(explanation.source.is_some()))
}

pub(super) async fn card(path: &Path, whom: Whom) -> Result<ExitCode, Failure> {
    let json = whom.about.json;
    let explanation = explain(path, whom.number, whom.about).await?;
    match (json, &explanation.card) {
        (true, card) => say_json(card),
        (false, Some(card)) => say(&draw_card(card, "", Surface::of(is_terminal()))),
        (false, None) => say(&format!("no card: {}", reason(&explanation))),
    }
    Ok(code(explanation.card.is_some()))
}

pub(super) fn question(number: String, about: &About) -> Question {
    Question {
        number,
        account: about.account.clone(),
        line: about.line.clone(),
        outbound: about.outbound,
    }
}

async fn explain(path: &Path, number: String, about: About) -> Result<Explanation, Failure> {
    let question = question(number, &about);
    let request = Request::Lookup(question.clone());
    match ask(&Config::control_socket_of(path)?, &request, |_| {}).await {
        Err(ControlError::NotRunning { .. }) => {}
        answer => return Ok(answer?),
    }
    let offline = Offline::open(load(path)?).map_err(Failure::Other)?;
    offline.explain(&question).await.map_err(Failure::Other)
}

fn told(explanation: &Explanation) -> String {
    let mut lines = vec![line("number", &number(explanation))];
    if !explanation.tried.is_empty() {
        lines.push(line("tried", &tried(explanation)));
    }
    let missing = explanation.missing.iter();
    lines.extend(missing.map(|source| line("missing", &without_copy(source))));
    let Some(source) = &explanation.source else {
        let mut nobody = vec![line("nobody", reason(explanation))];
        nobody.extend(candidates(explanation));
        // A caller nobody knows may still get a card.
        nobody.extend(card_lines(explanation).filter(|_| explanation.card.is_some()));
        lines.extend(nobody);
        return lines.join("\n");
    };
    lines.push(line("rule", explanation.rule.as_deref().unwrap_or("-")));
    match explanation.shared {
        Shared::No => {}
        Shared::Company => lines.push(line("shared", "the company is shown, no person")),
        Shared::Several => lines.push(line(
            "shared",
            "by different contacts: their names are shown",
        )),
    }
    if explanation.shared != Shared::No {
        lines.extend(candidates(explanation));
    }
    lines.push(line(
        "source",
        &format!("{source}, as of {}", ago(explanation.as_of)),
    ));
    let record = explanation.record.iter();
    lines.extend(record.map(|record| line("record", record)));
    let values = explanation.values.iter();
    lines.extend(values.map(|v| {
        let age = ago(Some(v.as_of));
        line(&v.value, &format!("{}, as of {age}", v.source))
    }));
    let owner = explanation.owner.iter();
    lines.extend(owner.map(|missing| line("owner", missing)));
    lines.extend(card_lines(explanation));
    lines.join("\n")
}

/// What an operator has to know before believing that nobody was found.
pub(super) fn without_copy(source: &str) -> String {
    format!(
        "source {source} has no copy that can be read, so its contacts are not found, and others by their \
         exact number only; read it: ringcard sync {source}"
    )
}

fn card_lines(explanation: &Explanation) -> impl Iterator<Item = String> {
    let card = match &explanation.card {
        Some(card) => draw_card(card, "", Surface::of(is_terminal())),
        None => line("no card", reason(explanation)),
    };
    std::iter::once(card)
}

fn number(explanation: &Explanation) -> String {
    match (&explanation.number, &explanation.digits) {
        (Some(number), None) => number.clone(),
        (Some(number), Some(digits)) => format!("{number}, or {digits} of another country"),
        (None, Some(digits)) => format!("{digits}, country unknown"),
        (None, None) => "-".to_owned(),
    }
}

fn tried(explanation: &Explanation) -> String {
    let steps = explanation.tried.iter();
    let steps: Vec<String> = steps
        .map(|tried| format!("{} {}", tried.rung.as_str(), tried.contacts))
        .collect();
    steps.join(", ")
}

fn candidates(explanation: &Explanation) -> impl Iterator<Item = String> {
    let shown = |c: &CandidateShown| {
        let parts = [&c.name, &c.company, &c.record].into_iter().flatten();
        let parts: Vec<&str> = parts.map(String::as_str).collect();
        line("one of", &format!("{} ({})", parts.join(", "), c.source))
    };
    explanation.candidates.iter().map(shown)
}

fn line(what: &str, said: &str) -> String {
    format!("{what:8} {said}")
}

fn reason(explanation: &Explanation) -> &str {
    explanation
        .reason
        .as_deref()
        .unwrap_or("no contact has this number")
}

fn code(found: bool) -> ExitCode {
    if found {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_NOBODY)
    }
}
