//! `ringcard doctor`: everything that a call depends on, with what to do.
//!
//! Two halves, side by side. What the service sees is looked at with the service's rights: root starts this program
//! anew for it, as the service's user. What only root may see of the box is looked at as whoever typed it. Each check
//! has its own limit of time, so that one dead server hides nothing else; nothing is changed, and the card that a
//! call gets is the same before and after.

mod certificate;
mod clock;
mod command;
mod disk;
mod door;
mod files;
pub(super) mod finding;
mod journal;
mod machine;
mod node;
mod service;
mod sources;
mod storage;
mod unit;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use futures_util::future::{join, join_all};
use futures_util::{FutureExt, future::BoxFuture};
use jiff::Zoned;
use tokio::time::timeout;

pub(super) use self::certificate::{shown, told};
use self::finding::{CONFIGURATION, Check, Finding, RIGHTS, Report};
pub(super) use self::journal::{entries, is_of_storage};
pub(super) use self::unit::show as units;
use super::Failure;
use super::terminal::{progress, say, say_json};
use crate::config::{ConfigError, Outline};
use crate::system::user;

/// The half that runs as the service's user: its longest chain of checks, and time to start.
const HALF_TIME: Duration = Duration::from_secs(50);
/// A page of findings has some 5 kB.
const HALF_BYTES: usize = 1 << 20;

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// For a script.
    #[arg(long)]
    json: bool,
    /// End with 1 for a warning as well.
    #[arg(long)]
    strict: bool,
    /// Only what the service sees, for the half that root looks at as the service's user.
    #[arg(long, hide = true)]
    as_service: bool,
}

impl Doctor {
    /// Whether root gives up its rights for it before anything is looked at.
    pub(super) fn is_the_services(&self) -> bool {
        self.as_service
    }
}

pub(super) async fn doctor(config: &Path, how: Doctor) -> Result<ExitCode, Failure> {
    if how.as_service {
        say_json(&as_service(config).await);
        return Ok(ExitCode::SUCCESS);
    }
    progress("looking at everything that a call depends on ...");
    let report = examine(config).await;
    progress("");
    match how.json {
        true => say_json(&report),
        false => say(&report.told()),
    }
    Ok(match report.is_bad(how.strict) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// Everything, within a minute.
pub(super) async fn examine(config: &Path) -> Report {
    let state = crate::config::Config::state_directory_of(config);
    let as_another = user::is_root() && user::owner_of(&state).is_some();
    let seen = async {
        match as_another {
            true => in_the_services_name(config).await,
            false => as_service(config).await,
        }
    };
    let (seen, around) = join(seen, machine::look(&state)).await;
    Report::of(seen.into_iter().chain(around).collect())
}

/// The service's half, by this program started anew as the service's user.
async fn in_the_services_name(config: &Path) -> Vec<Finding> {
    let failed = |why: String| {
        let advice = "sudo -u ringcard ringcard doctor tells the same half";
        let what = format!("what the service sees could not be looked at: {why}");
        vec![RIGHTS.fail("", what, advice)]
    };
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(e) => return failed(e.to_string()),
    };
    let mut command = tokio::process::Command::new(program);
    command.arg("--config").arg(config);
    command.args(["doctor", "--as-service"]);
    // Where the unit hands its secrets over, they are the service's to read.
    let handed = Path::new(command::CREDENTIALS);
    if std::env::var_os("CREDENTIALS_DIRECTORY").is_none() && handed.exists() {
        command.env("CREDENTIALS_DIRECTORY", handed);
    }
    match command::output(command, HALF_TIME, HALF_BYTES).await {
        Ok(said) => serde_json::from_slice(&said.out).unwrap_or_else(|_| failed(said.error())),
        Err(why) => failed(why),
    }
}

/// What the service sees, with the rights that we have.
async fn as_service(config: &Path) -> Vec<Finding> {
    let outline = Outline::of(config);
    let may_see = user::is_the_services(&outline.state_directory);
    let mut findings = configuration(config, &outline, may_see);
    let files = &outline;
    let mut checks: Vec<BoxFuture<'_, Vec<Finding>>> = vec![
        files::look(config, files, may_see).boxed(),
        node::look(&outline).boxed(),
        service::look(&outline).boxed(),
        certificate::look(&outline, may_see, Zoned::now()).boxed(),
    ];
    let sources = outline.sources.iter();
    checks.extend(sources.map(|s| sources::look(&outline, s, may_see).boxed()));
    findings.extend(join_all(checks).await.into_iter().flatten());
    findings
}

fn configuration(path: &Path, outline: &Outline, may_see: bool) -> Vec<Finding> {
    let shown = path.display().to_string();
    let hidden = |what: &str| !may_see && what.contains("Permission denied");
    let problems = match &outline.refused {
        None if outline.nodes.is_empty() => {
            let what = "no account is configured yet: no call can get a card";
            return vec![CONFIGURATION.fail(shown, what, "sudo ringcard setup")];
        }
        None => return vec![CONFIGURATION.ok(shown, "no problems")],
        Some(ConfigError::Problems { problems, .. }) => &problems.0,
        Some(e) if hidden(&e.to_string()) => return vec![CONFIGURATION.hidden(shown)],
        Some(e) => {
            let advice =
                "put the configuration there, readable by the service: sudo ringcard setup";
            return vec![CONFIGURATION.fail(shown, e.to_string(), advice)];
        }
    };
    let findings = problems.iter().map(|problem| {
        let what = problem.to_string();
        match hidden(&what) {
            true => CONFIGURATION.hidden(problem.subject.clone()),
            false => CONFIGURATION.fail("", what, "mend it there, then: sudo ringcard check"),
        }
    });
    findings.collect()
}

/// A check within its limit; one that is late is told as that.
async fn within(
    limit: Duration,
    check: Check,
    subject: &str,
    advice: &str,
    work: impl Future<Output = Vec<Finding>>,
) -> Vec<Finding> {
    match timeout(limit, work).await {
        Ok(findings) => findings,
        Err(_) => {
            let what = format!("no answer within {} s", limit.as_secs());
            vec![check.fail(subject, what, advice)]
        }
    }
}

#[cfg(test)]
mod tests;
