//! Whether each source gives a record, as a sync would ask for it, and whether its secrets are near their end.

use std::time::Duration;

use jiff::{Timestamp, Zoned};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::super::source::Sample;
use super::finding::{CREDENTIALS, Finding, SOURCE};
use crate::config::{Outline, SourceConfig};
use crate::domain::expiry::{Expiry, last_day, near};
use crate::system::chain;
use crate::tasks::Tasks;

/// As long as `ringcard check` waits: twice the longest of a busy server's logins.
const ANSWER_TIME: Duration = Duration::from_secs(30);

pub(super) async fn look(outline: &Outline, config: &SourceConfig, may_see: bool) -> Vec<Finding> {
    let name = config.name();
    let mut findings = match may_see {
        true => vec![ask(outline, config).await],
        false => vec![SOURCE.hidden(name)],
    };
    findings.extend(expiry(config, &Zoned::now()));
    findings
}

async fn ask(outline: &Outline, config: &SourceConfig) -> Finding {
    let name = config.name().to_owned();
    let state = outline.state_directory.join("source").join(&name);
    let source = config.open(&state);
    let (halt, tasks) = (CancellationToken::new(), Tasks::default());
    let halted = halt.clone();
    let advice = format!("sudo ringcard source test {name}");
    let take = tasks.blocking(move || Sample::take(&source, 1, &halted));
    let (sample, end) = match timeout(ANSWER_TIME, take).await {
        Ok(Ok(taken)) => taken,
        Ok(Err(e)) => return SOURCE.fail(name, e.to_string(), advice),
        Err(_) => {
            halt.cancel();
            let seconds = ANSWER_TIME.as_secs();
            let what = format!("no record came within {seconds} s");
            let advice =
                format!("is it up, and can it be reached from here? More is told by: {advice}");
            return SOURCE.fail(name, what, advice);
        }
    };
    if let Err(e) = end {
        let advice = format!("more is told by: {advice}");
        return SOURCE.fail(name, chain::of(&e), advice);
    }
    let took = sample.took().as_secs_f64();
    match (sample.is_empty(), sample.contacts()) {
        (true, _) => {
            let what = format!("answers without a record, {took:.2} s");
            SOURCE.warn(name, what, format!("is it meant to be empty? {advice}"))
        }
        (false, 0) => {
            let what = format!("answers; its first record can't be used, {took:.2} s");
            SOURCE.warn(name, what, format!("see why: {advice}"))
        }
        (false, _) => SOURCE.ok(name, format!("its first record can be used, {took:.2} s")),
    }
}

/// The secret that ends first, by the configuration's dates, and by how long such a secret lives.
fn expiry(config: &SourceConfig, now: &Zoned) -> Option<Finding> {
    let lifetimes = config.lifetimes();
    let known = config.expires.iter().map(|(name, date)| (&**name, *date));
    let learnt = lifetimes.iter();
    let learnt = learnt.filter(|(name, _)| !config.expires.contains_key(*name));
    let learnt = learnt.filter_map(|(name, lifetime)| {
        let modified = std::fs::metadata(config.secrets.get(name)?).and_then(|m| m.modified());
        let written = Timestamp::try_from(modified.ok()?).ok()?;
        Some((&**name, last_day(written, *lifetime, now)?))
    });
    let (secret, last) = known.chain(learnt).min_by_key(|(_, date)| *date)?;
    let name = config.name();
    let advice = format!(
        "make a new {secret} where it comes from, put it into its file (it is taken up by itself), and change its date \
         in the configuration"
    );
    Some(match near(last, now.date()) {
        None => CREDENTIALS.ok(name, format!("its {secret} is good until {last}")),
        Some(soon @ Expiry::Soon { .. }) => {
            CREDENTIALS.warn(name, format!("its {secret} {soon}"), advice)
        }
        Some(over @ Expiry::Over { .. }) => {
            CREDENTIALS.fail(name, format!("its {secret} {over}"), advice)
        }
    })
}
