//! `ringcard replica`: the copies, and the way back to the one before; with the daemon or without it.

use std::path::Path;
use std::process::ExitCode;

use super::arguments::Replica;
use super::terminal::{ago, say, say_json, table};
use super::{Failure, load};
use crate::config::Config;
use crate::flow::office::Office;
use crate::flow::replica::{Copy, copies, roll_back};
use crate::store::StateLock;
use crate::system::control::{ControlError, Request, ask};
use crate::tasks::Tasks;

pub(super) async fn replica(path: &Path, what: Replica) -> Result<ExitCode, Failure> {
    match what {
        Replica::List { json } => {
            let copies = list(path).await?;
            match json {
                true => say_json(&copies),
                false => say(&shown(&copies)),
            }
        }
        Replica::Rollback { source } => {
            let copy = back(path, source).await?;
            say(&format!(
                "{}: {} records as of {} serve now; when the source is right again: ringcard sync {}",
                copy.source,
                copy.contacts,
                ago(Some(copy.as_of)),
                copy.source
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(path: &Path) -> Result<Vec<Copy>, Failure> {
    let socket = Config::control_socket_of(path)?;
    match ask(&socket, &Request::Replicas, |_| {}).await {
        Err(ControlError::NotRunning { .. }) => {}
        answer => return Ok(answer?),
    }
    let (office, _) = Office::open(load(path)?, None).map_err(|e| Failure::other(&e))?;
    Ok(office.feeds.iter().flat_map(copies).collect())
}

async fn back(path: &Path, source: String) -> Result<Copy, Failure> {
    let (socket, name) = (Config::control_socket_of(path)?, source.clone());
    match ask(&socket, &Request::Rollback { source }, |_| {}).await {
        Err(ControlError::NotRunning { .. }) => {}
        answer => return Ok(answer?),
    }
    let config = load(path)?;
    let _lock = StateLock::take(&config.state_directory).map_err(|e| Failure::other(&e))?;
    let (office, _) = Office::open(config, None).map_err(|e| Failure::other(&e))?;
    let feed = office.feed(&name).map_err(Failure::Other)?;
    Tasks::in_place(|| roll_back(feed)).map_err(|e| Failure::other(&e))
}

fn shown(copies: &[Copy]) -> String {
    let head = [
        "SOURCE",
        "COPY",
        "AS OF",
        "RECORDS",
        "NUMBERS",
        "READ WHOLE",
    ];
    let mut rows = vec![head.map(String::from).to_vec()];
    for copy in copies {
        let state = match (copy.serves, copy.is_rolled_back) {
            (true, true) => "serves (went back to it)",
            (true, false) => "serves",
            (false, _) => "before",
        };
        rows.push(vec![
            copy.source.clone(),
            state.into(),
            ago(Some(copy.as_of)),
            copy.contacts.to_string(),
            copy.numbers.to_string(),
            ago(copy.full_at),
        ]);
    }
    table(&rows)
}
