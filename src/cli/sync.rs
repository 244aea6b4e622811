//! `ringcard sync`: the sources are read now, with progress for whoever watches.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::arguments::What;
use super::terminal::{progress, say, say_json};
use super::{Failure, load};
use crate::config::Config;
use crate::domain::renewal::Depth;
use crate::flow::callers::Recent;
use crate::flow::office::{Feed, Office};
use crate::flow::report::failed;
use crate::flow::sync::{self as flow, Memory, Order, Report, Witnesses};
use crate::source::read::Progress;
use crate::store::StateLock;
use crate::system::chain;
use crate::system::control::{ControlError, Request, ask};
use crate::tasks::Tasks;

pub(super) async fn sync(path: &Path, what: What) -> Result<ExitCode, Failure> {
    let (json, start) = (what.json, Instant::now());
    let result = read(path, what, start).await;
    progress("");
    let reports = result?;
    match json {
        true => say_json(&reports),
        false => reports.iter().for_each(|report| say(&report.to_string())),
    }
    Ok(ExitCode::SUCCESS)
}

async fn read(path: &Path, what: What, start: Instant) -> Result<Vec<Report>, Failure> {
    let order = Order {
        accept: what.accept,
        dry_run: what.dry_run,
        depth: if what.full {
            Depth::Whole
        } else {
            Depth::Quick
        },
        by_person: true,
    };
    if !order.dry_run {
        let request = Request::Sync {
            source: what.source.clone(),
            accept: order.accept,
            full: what.full,
        };
        let seen = |value: Value| show_progress(&value, start);
        match ask(&Config::control_socket_of(path)?, &request, seen).await {
            Err(ControlError::NotRunning { .. }) => {}
            answer => return Ok(answer?),
        }
    }
    read_alone(load(path)?, what.source.as_deref(), order, start)
}

/// Without a daemon.
fn read_alone(
    config: Config,
    source: Option<&str>,
    order: Order,
    start: Instant,
) -> Result<Vec<Report>, Failure> {
    // Nobody else may write; a dry run writes nothing.
    let lock = (!order.dry_run).then(|| StateLock::take(&config.state_directory));
    let _lock = lock.transpose().map_err(|e| Failure::other(&e))?;
    let callers = Recent::open(config.callers_file()).readings();
    let (office, _) = Office::open(config, None).map_err(|e| Failure::other(&e))?;
    let witnesses = Witnesses {
        callers,
        ladder: office.matching.ladder.clone(),
    };
    let feeds: Vec<&Feed> = match source {
        Some(name) => vec![office.feed(name).map_err(Failure::Other)?],
        None => office.feeds.iter().collect(),
    };
    let (mut reports, mut failures) = (Vec::new(), Vec::new());
    for feed in feeds {
        let name = feed.source.name();
        let mut seen = |p: Progress| show_progress(&value(name, p), start);
        let read = || {
            let halt = CancellationToken::new();
            flow::sync(
                feed,
                &Memory::default(),
                &witnesses,
                order,
                &halt,
                &mut seen,
            )
        };
        match Report::or_nothing_new(feed, order, Tasks::in_place(read)) {
            Ok(report) => reports.push(report),
            Err(e) => failures.push(format!("{name}: {}", chain::of(&e))),
        }
    }
    match failures.is_empty() {
        true => Ok(reports),
        false => Err(Failure::Other(failed(&failures, &reports))),
    }
}

fn value(name: &str, p: Progress) -> Value {
    serde_json::json!({ "source": name, "rows": p.rows, "bytes": p.bytes_read, "of": p.bytes_total })
}

fn show_progress(value: &Value, start: Instant) {
    let number = |key: &str| value[key].as_u64().unwrap_or(0);
    let (rows, bytes, of) = (number("rows"), number("bytes"), number("of"));
    let rate = rows as f64 / start.elapsed().as_secs_f64().max(0.001);
    let share = (bytes * 100)
        .checked_div(of)
        .map(|p| format!(", {p} %"))
        .unwrap_or_default();
    let name = value["source"].as_str().unwrap_or_default();
    progress(&format!("{name}: {rows} rows, {rate:.0} rows/s{share}"));
}
