//! `ringcard metrics`: the status, for Prometheus.

use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;

use super::Failure;
use super::terminal::{complain, say};
use crate::config::Config;
use crate::status::{Status, metrics};
use crate::system::chain;
use crate::system::control::{Request, ask};

pub(super) async fn metrics(path: &Path) -> Result<ExitCode, Failure> {
    let socket = Config::control_socket_of(path)?;
    let answer = ask::<Status>(&socket, &Request::Status, |_| {}).await;
    let text = metrics::text(answer.as_ref().ok(), Timestamp::now());
    say(text.trim_end());
    Ok(match answer {
        Ok(_) => ExitCode::SUCCESS,
        // Told and not returned: whoever collects is to have `ringcard_up 0` for a fact.
        Err(e) => {
            complain(&chain::of(&e));
            ExitCode::FAILURE
        }
    })
}
