//! `ringcard lookup` and `ringcard card`: whom a number belongs to, and what the agent would see.
//!
//! The running daemon is asked, so that the answer is the one a call would get; without one the same files
//! are read.

use std::path::Path;
use std::process::ExitCode;

use super::arguments::Whom;
use super::terminal::{ago, is_terminal, say, say_json};
use super::{EXIT_NOBODY, Failure, load};
use crate::config::Config;
use crate::daemon::{Explanation, explain_offline};
use crate::demo::screen::{Surface, draw_card};
use crate::system::control::{ControlError, Request, ask};

pub(super) async fn lookup(path: &Path, whom: Whom) -> Result<ExitCode, Failure> {
    let json = whom.json;
    let explanation = explain(path, whom).await?;
    match json {
        true => say_json(&explanation),
        false => say(&told(&explanation)),
    }
    Ok(code(explanation.source.is_some()))
}

pub(super) async fn card(path: &Path, whom: Whom) -> Result<ExitCode, Failure> {
    let json = whom.json;
    let explanation = explain(path, whom).await?;
    match (json, &explanation.card) {
        (true, card) => say_json(card),
        (false, Some(card)) => say(&draw_card(card, "", Surface::of(is_terminal()))),
        (false, None) => say(&format!("no card: {}", reason(&explanation))),
    }
    Ok(code(explanation.card.is_some()))
}

async fn explain(path: &Path, whom: Whom) -> Result<Explanation, Failure> {
    let (number, account) = (whom.number, whom.account);
    let request = Request::Lookup {
        number: number.clone(),
        account: account.clone(),
    };
    match ask(&Config::control_socket_of(path)?, &request, |_| {}).await {
        Err(ControlError::NotRunning { .. }) => {}
        answer => return Ok(answer?),
    }
    let config = load(path)?;
    explain_offline(config, &number, account.as_deref()).map_err(Failure::Other)
}

fn told(explanation: &Explanation) -> String {
    let number = explanation.number.as_deref().unwrap_or("-");
    let Some(source) = &explanation.source else {
        return format!("number   {number}\nnobody   {}", reason(explanation));
    };
    let mut lines = vec![
        format!("number   {number}"),
        format!("rule     {}", explanation.rule.as_deref().unwrap_or("-")),
        format!(
            "source   {source}, read from what was written {}",
            ago(explanation.as_of)
        ),
    ];
    lines.extend(
        explanation
            .record
            .as_ref()
            .map(|record| format!("record   {record}")),
    );
    lines.push(match &explanation.card {
        Some(card) => draw_card(card, "", Surface::of(is_terminal())),
        None => format!("no card  {}", reason(explanation)),
    });
    lines.join("\n")
}

fn reason(explanation: &Explanation) -> &str {
    explanation
        .reason
        .as_deref()
        .unwrap_or("no reason is known")
}

fn code(found: bool) -> ExitCode {
    if found {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_NOBODY)
    }
}
