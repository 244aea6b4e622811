//! What the running daemon does for a command.

use std::pin::Pin;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::oneshot;

use super::explain::explain;
use super::feeds::{Ask, Feeds, tell_rolled_back};
use crate::domain::renewal::Depth;
use crate::flow::deliver::Delivery;
use crate::flow::office::Flow;
use crate::flow::replica::{self, Copy, copies};
use crate::flow::report::failed;
use crate::flow::sync::{Order, Report};
use crate::source::read::Progress;
use crate::store::outbox::{Entry, OutboxError, Phase};
use crate::system::chain;
use crate::system::control::{Answers, Request};

type Answering = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(super) fn answerer(
    flow: Flow,
    feeds: Arc<Feeds>,
) -> impl Fn(Request, Answers) -> Answering + Send + Sync + 'static {
    move |request, answers| {
        let (flow, feeds) = (flow.clone(), feeds.clone());
        Box::pin(async move { answer(&flow, &feeds, request, answers).await })
    }
}

async fn answer(flow: &Flow, feeds: &Feeds, request: Request, answers: Answers) {
    match request {
        Request::Status => answers.done(flow.status()).await,
        Request::Lookup(question) => match explain(flow, &flow.office.load_full(), &question).await
        {
            Ok(explanation) => answers.done(explanation).await,
            Err(reason) => answers.failed(reason).await,
        },
        Request::Sync {
            source,
            accept,
            full,
        } => {
            let order = Order {
                accept,
                depth: if full { Depth::Whole } else { Depth::Quick },
                by_person: true,
                ..Order::default()
            };
            sync(feeds, source.as_deref(), order, answers).await;
        }
        Request::Replicas => {
            let office = flow.office.load_full();
            answers
                .done(office.feeds.iter().flat_map(copies).collect::<Vec<_>>())
                .await;
        }
        Request::Rollback { source } => match roll_back(flow, &source).await {
            Ok(copy) => answers.done(copy).await,
            Err(reason) => answers.failed(reason).await,
        },
        Request::OutboxList => answers.done(flow.outbox.list()).await,
        Request::OutboxShow { call } => match named(flow, &call) {
            Ok(entries) => answers.done(entries).await,
            Err(e) => answers.failed(e).await,
        },
        Request::OutboxRetry { call } => match retry(flow, &call) {
            Ok(count) => answers.done(count).await,
            Err(e) => answers.failed(e).await,
        },
        Request::OutboxDrop { call } => match drop_cards(flow, &call) {
            Ok(count) => answers.done(count).await,
            Err(e) => answers.failed(e).await,
        },
    }
}

/// Back to the generation before, which is told until a person has the source read again.
async fn roll_back(flow: &Flow, source: &str) -> Result<Copy, String> {
    let office = flow.office.load_full();
    let feed = office.feed(source)?.clone();
    let work = move || replica::roll_back(&feed);
    let done = flow.tasks.blocking(work).await;
    let copy = done
        .map_err(|e| e.to_string())?
        .map_err(|e| chain::of(&e))?;
    flow.board.source(source, |s| {
        (s.contacts, s.numbers) = (copy.contacts, copy.numbers);
    });
    tell_rolled_back(&flow.board, source);
    Ok(copy)
}

/// Gives cards up: one call's, or with `*` all that are parked.
fn drop_cards(flow: &Flow, call: &str) -> Result<usize, OutboxError> {
    let entries = match call {
        "*" => {
            let mut entries = flow.outbox.list();
            entries.retain(|e| e.phase == Phase::Parked);
            entries
        }
        _ => named(flow, call)?,
    };
    for entry in &entries {
        flow.outbox.drop_card(&entry.key())?;
    }
    Ok(entries.len())
}

fn named(flow: &Flow, call: &str) -> Result<Vec<Entry>, OutboxError> {
    match flow.outbox.find(call) {
        entries if entries.is_empty() => Err(OutboxError::NoSuchCard(call.to_owned())),
        entries => Ok(entries),
    }
}

/// Sends parked cards again whose time is not over: one call's, or with `*` all.
fn retry(flow: &Flow, call: &str) -> Result<usize, OutboxError> {
    let now = flow.clock.now();
    let lives = |e: &Entry| e.deadline.left(&now).is_some();
    let entries = match call {
        "*" => {
            let mut entries = flow.outbox.list();
            entries.retain(|e| e.phase == Phase::Parked && lives(e));
            entries
        }
        _ => {
            let entries = named(flow, call)?;
            match entries
                .iter()
                .find(|e| e.phase == Phase::Parked && !lives(e))
            {
                Some(late) => return Err(OutboxError::TooLate(late.call.to_string())),
                None => entries,
            }
        }
    };
    let office = flow.office.load_full();
    for entry in &entries {
        let Some(account) = office.accounts.get(entry.account.as_str()).cloned() else {
            return Err(OutboxError::NoSuchAccount(entry.account.clone()));
        };
        let (entry, halt) = flow.outbox.retry(&entry.key())?;
        flow.tasks
            .spawn(Delivery::new(flow.clone(), account, None).run(entry, halt));
    }
    Ok(entries.len())
}

async fn sync(feeds: &Feeds, source: Option<&str>, order: Order, answers: Answers) {
    let asks = feeds.named(source);
    if asks.is_empty() {
        let known: Vec<String> = feeds
            .named(None)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        let reason = format!(
            "there is no source {}; there are: {}",
            source.unwrap_or_default(),
            known.join(", ")
        );
        return answers.failed(reason).await;
    }
    let (mut reports, mut failures): (Vec<Report>, Vec<String>) = Default::default();
    for (name, ask) in asks {
        let (reply, replied) = oneshot::channel();
        let (teller, told) = (answers.clone(), name.clone());
        let progress = move |p: Progress| {
            teller.progress(json!({ "source": told, "rows": p.rows, "bytes": p.bytes_read, "of": p.bytes_total }));
        };
        let sent = ask
            .send(Ask {
                order,
                progress: Box::new(progress),
                reply,
            })
            .await;
        match (sent, replied.await) {
            (Ok(()), Ok(Ok(report))) => reports.push(report),
            (Ok(()), Ok(Err(reason))) => failures.push(format!("{name}: {reason}")),
            _ => failures.push(format!("{name}: the daemon reloads or stops; ask again")),
        }
    }
    match failures.is_empty() {
        true => answers.done(reports).await,
        false => answers.failed(failed(&failures, &reports)).await,
    }
}
