//! After the configuration is written: the port, the service, and whether it answers.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::service::{DROP_IN_HEAD, SERVICE, SOCKET, USUAL_PORT, is_active, systemctl};
use super::talk::{Stop, Talk, marked};
use crate::cli::ports;
use crate::config::Config;
use crate::system::control::{Request, ask};
use crate::tasks::Tasks;

/// How long a start may take until it answers: reading the first copy comes after.
const START_TIME: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// What has changed since the service was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Addresses or certificate: a reload does not take them up.
    Door,
    Rest,
}

/// Whether the port's unit had to be changed.
pub(super) fn set_port(listen: &str) -> Result<bool, String> {
    let directory = Path::new(ports::DROP_INS);
    let set = ports::set(directory, listen, &USUAL_PORT.to_string(), DROP_IN_HEAD);
    set.map_err(|e| format!("the port can't be set: {e}"))
}

pub(super) fn is_running() -> bool {
    is_active(SERVICE)
}

/// What systemctl has to be told, in this order.
pub(super) fn commands(
    is_active: bool,
    port_changed: bool,
    change: Change,
) -> Vec<Vec<&'static str>> {
    let mut commands = Vec::new();
    if port_changed {
        commands.push(vec!["daemon-reload"]);
    }
    match (is_active, port_changed, change) {
        (true, true, _) => {
            // The service holds the socket's old port.
            commands.push(vec!["stop", SERVICE]);
            commands.push(vec!["restart", SOCKET]);
        }
        (true, false, Change::Door) => commands.push(vec!["restart", SERVICE]),
        (true, false, Change::Rest) => commands.push(vec!["reload", SERVICE]),
        // It may listen at the old port already, with nobody behind it.
        (false, true, _) => commands.push(vec!["restart", SOCKET]),
        (false, false, _) => {}
    }
    commands.push(vec!["enable", "--now", SOCKET, SERVICE]);
    commands
}

/// Whether it runs and knows the account.
pub(super) async fn start(
    talk: &mut Talk,
    config: &Path,
    account: &str,
    port_changed: bool,
    change: Change,
) -> Result<bool, Stop> {
    for command in commands(is_running(), port_changed, change) {
        let told = Tasks::in_place(|| systemctl(&command));
        if let Err(wrong) = told {
            talk.say(&marked(&format!(
                "{wrong}\nlook at: journalctl -u ringcard -n 30"
            )));
            return Ok(false);
        }
    }
    let since = Instant::now();
    while since.elapsed() < START_TIME {
        if answers(config, account).await {
            talk.say("   It runs, and starts with the box.");
            return Ok(true);
        }
        sleep(LOOK_EVERY).await;
    }
    talk.say(&marked("it was started and does not answer: look at systemctl status ringcard, and journalctl -u ringcard -n 30"));
    Ok(false)
}

async fn answers(config: &Path, account: &str) -> bool {
    let Ok(socket) = Config::control_socket_of(config) else {
        return false;
    };
    let status = ask::<Value>(&socket, &Request::Status, |_| {}).await;
    status.is_ok_and(|status| status["accounts"].get(account).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(is_active: bool, port_changed: bool, change: Change) -> String {
        let all = commands(is_active, port_changed, change);
        let all: Vec<String> = all.iter().map(|c| c.join(" ")).collect();
        all.join("; ").replace("ringcard.", "")
    }

    #[test]
    fn systemd_is_told_what_is_needed_and_no_more() {
        let enable = "enable --now socket service";
        assert_eq!(told(false, false, Change::Door), enable);
        assert_eq!(
            told(true, false, Change::Rest),
            format!("reload service; {enable}")
        );
        assert_eq!(
            told(true, false, Change::Door),
            format!("restart service; {enable}")
        );
        let expected = format!("daemon-reload; stop service; restart socket; {enable}");
        assert_eq!(told(true, true, Change::Rest), expected);
        let expected = format!("daemon-reload; restart socket; {enable}");
        assert_eq!(told(false, true, Change::Door), expected);
    }
}
