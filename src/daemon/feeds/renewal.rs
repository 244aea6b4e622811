//! A source's secrets that were replaced are taken up with its next sync, and nothing else of the configuration:
//! that waits for a reload.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::{info, warn};

use crate::config::Config;
use crate::daemon::accounts::stamp;
use crate::flow::office::{Feed, Flow};
use crate::source::Source;
use crate::status::AlarmId;

/// What the secrets' files were like when they were read, and where the configuration is that names them.
pub(super) struct Renewal {
    stamps: Stamps,
    config: Option<PathBuf>,
}

type Stamps = Vec<Option<[i64; 4]>>;

impl Renewal {
    pub(super) fn of(feed: &Feed, config: Option<PathBuf>) -> Renewal {
        Renewal {
            stamps: stamps(feed),
            config,
        }
    }

    /// Opens the source anew if a secret's file is not what it was.
    pub(super) async fn take_up(&mut self, flow: &Flow, feed: &mut Feed) {
        let now = stamps(feed);
        let Some(config) = self.config.clone().filter(|_| now != self.stamps) else {
            return;
        };
        let (name, settings) = (feed.source.name().to_owned(), feed.settings.clone());
        let source = name.clone();
        let anew = flow
            .tasks
            .blocking(move || anew(&config, &source, &settings));
        let subject = format!("source {name}");
        match anew.await.unwrap_or_else(|e| Err(e.to_string())) {
            Ok(source) => {
                self.stamps = now;
                feed.source = source;
                flow.board.clear(AlarmId::TokenKept, &subject);
                // One that was about to expire is no more.
                flow.renewed.notify_waiters();
                info!(source = %name, "new secrets are in use");
            }
            Err(reason) => {
                let what = format!("a secret's file has changed, and can't be used: {reason}");
                let advice = "mend it, see `ringcard check`; it is read again with the next sync. Do it before the \
                              next restart, which would not come up";
                if flow
                    .board
                    .raise(AlarmId::TokenKept, &subject, &what, advice)
                {
                    let event_id = "token-kept";
                    warn!(event_id, source = %name, reason, "the old secrets stay in use");
                }
            }
        }
    }
}

fn stamps(feed: &Feed) -> Stamps {
    feed.secrets
        .files
        .values()
        .map(|file| stamp(file))
        .collect()
}

/// The source as the configuration has it now, if nothing but its secrets is different.
fn anew(path: &Path, name: &str, settings: &str) -> Result<Arc<Source>, String> {
    let config = Config::load(path).map_err(|e| e.to_string())?;
    let source = config.sources.iter().find(|s| s.name() == name);
    let source = source.filter(|s| s.digest() == settings);
    let source = source.ok_or("its configuration has changed: systemctl reload ringcard")?;
    Ok(Arc::new(source.open(&config.source_directory(name))))
}
