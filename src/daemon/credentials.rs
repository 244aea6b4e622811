//! Says two weeks ahead which secrets expire: by the dates of the configuration, and by what is known of how long
//! such a secret lives, counted from when its file was written.

use std::time::Duration;

use jiff::Zoned;
use jiff::civil::Date;
use tokio::time::sleep;
use tracing::warn;

use crate::domain::expiry::near;
use crate::flow::office::Flow;
use crate::status::AlarmId;

/// How often the dates are looked at: a file time for some of the secrets.
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);
/// After a file or the configuration has changed it is seen this soon.
const LOOK_SOON: Duration = Duration::from_secs(10);

pub(super) async fn watch(flow: Flow) {
    let mut pause = Duration::ZERO;
    loop {
        let renewed = tokio::select! {
            () = flow.tasks.stopping() => return,
            () = flow.renewed.notified() => true,
            () = sleep(pause) => false,
        };
        pause = match renewed {
            true => LOOK_SOON,
            false => {
                look(&flow, &Zoned::now());
                LOOK_EVERY
            }
        };
    }
}

/// One alarm for each account and source, with the secret that expires first.
fn look(flow: &Flow, now: &Zoned) {
    let office = flow.office.load();
    for (name, account) in &office.accounts {
        let date = account.config.token_expires;
        let dates = date.into_iter().map(|date| ("token", date));
        tell(flow, &format!("account {name}"), dates, now);
    }
    for feed in &office.feeds {
        let subject = format!("source {}", feed.source.name());
        tell(flow, &subject, feed.secrets.dates(now), now);
    }
}

fn tell<'a>(flow: &Flow, subject: &str, dates: impl Iterator<Item = (&'a str, Date)>, now: &Zoned) {
    let first = dates.min_by_key(|(_, date)| *date);
    let near = first.and_then(|(name, date)| Some((name, near(date, now.date())?)));
    let Some((name, expiry)) = near else {
        flow.board.clear(AlarmId::CredentialExpires, subject);
        return;
    };
    let what = format!("its {name} {expiry}");
    let advice = format!(
        "make a new {name} where it comes from, put it into its file (it is taken up by itself), and change its date \
         in the configuration"
    );
    if flow
        .board
        .raise(AlarmId::CredentialExpires, subject, &what, &advice)
    {
        warn!(event_id = "credential-expires", subject, "{what}");
    }
}
