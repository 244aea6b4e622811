//! `ringcard outbox`: what waits to be sent, and what a person does about it.

use std::path::Path;
use std::process::ExitCode;

use super::Failure;
use super::arguments::Outbox;
use super::terminal::{ago, is_terminal, say, say_json, table};
use crate::config::Config;
use crate::demo::screen::{Surface, draw_card};
use crate::store::outbox::{Entry, Phase};
use crate::system::control::{Request, ask};

pub(super) async fn outbox(path: &Path, what: Outbox) -> Result<ExitCode, Failure> {
    let socket = Config::control_socket_of(path)?;
    match what {
        Outbox::List { all, json } => {
            let mut entries: Vec<Entry> = ask(&socket, &Request::OutboxList, |_| {}).await?;
            let is_open =
                |e: &Entry| matches!(e.phase, Phase::Waiting | Phase::Parked | Phase::CommentDue);
            entries.retain(|e| all || is_open(e));
            match json {
                true => say_json(&entries),
                false => say(&list(&entries, all)),
            }
        }
        Outbox::Show { call, json } => {
            let request = Request::OutboxShow { call };
            let entries: Vec<Entry> = ask(&socket, &request, |_| {}).await?;
            match json {
                true => say_json(&entries),
                false => entries.iter().for_each(|entry| say(&show(entry))),
            }
        }
        Outbox::Retry { call, .. } => {
            let request = Request::OutboxRetry {
                call: call.unwrap_or_else(|| "*".into()),
            };
            let count: usize = ask(&socket, &request, |_| {}).await?;
            say(&format!(
                "{count} parked cards are being sent again; see: ringcard outbox list"
            ));
        }
        Outbox::Drop { call, .. } => {
            let request = Request::OutboxDrop {
                call: call.clone().unwrap_or_else(|| "*".into()),
            };
            let count: usize = ask(&socket, &request, |_| {}).await?;
            match call {
                Some(call) => say(&format!("the card of call {call} is given up")),
                None => say(&format!("{count} parked cards are given up")),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(entries: &[Entry], all: bool) -> String {
    if entries.is_empty() {
        let more = if all { "" } else { " (those done with: --all)" };
        return format!("nothing waits, nothing is parked, no comment is due{more}");
    }
    let head = ["CALL", "ACCOUNT", "STATE", "ACCEPTED", "TRIES", "REASON"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for entry in entries {
        rows.push(vec![
            entry.call.to_string(),
            entry.account.clone(),
            entry.phase.as_str().to_owned(),
            ago(Some(entry.deadline.accepted().wall)),
            entry.attempts.to_string(),
            entry.reason.clone().unwrap_or_default(),
        ]);
    }
    table(&rows)
}

fn show(entry: &Entry) -> String {
    let mut lines = vec![
        format!("call     {}", entry.call),
        format!("account  {}", entry.account),
        format!("state    {}", entry.phase.as_str()),
        format!("accepted {}", ago(Some(entry.deadline.accepted().wall))),
        format!("tries    {}", entry.attempts),
    ];
    lines.extend(
        entry
            .reason
            .as_ref()
            .map(|reason| format!("reason   {reason}")),
    );
    lines.push(match &entry.card {
        Some(card) => draw_card(card, "", Surface::of(is_terminal())),
        None => "the card itself is not kept once the call is done with".into(),
    });
    lines.join("\n")
}
