//! Why a file could not be fetched. Of its address only the host is told: the rest may hold a key.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::super::error::Verdict;
use super::super::http::ClientError;

/// What is to be done about a refused credential.
const RENEW: &str = "renew the token, or the user and password, of the source's url";

#[derive(Debug, Error)]
pub enum DownloadError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("{host} refuses the token or password ({status}): renew it")]
    Refused { host: String, status: u16 },
    #[error(
        "{host} says that the file is elsewhere ({status}): set url to where it is, as nobody is followed with a password"
    )]
    Moved { host: String, status: u16 },
    #[error("{host} has no such file ({status}): check url")]
    NotThere { host: String, status: u16 },
    #[error("{host} does not answer as a file's server does ({status})")]
    Strange { host: String, status: u16 },
    #[error("{host} can't give out the file now ({status})")]
    Unavailable { host: String, status: u16 },
    #[error("{host} can't be reached")]
    Unreachable {
        host: String,
        source: reqwest::Error,
    },
    #[error("{host} broke off: nothing of the file is used")]
    Broken { host: String, source: io::Error },
    #[error("{host} took longer than {seconds} seconds")]
    Slow { host: String, seconds: u64 },
    #[error("{host} gives out more than the {limit} bytes that are read")]
    TooLarge { host: String, limit: u64 },
    #[error("{host} gives out the file packed as {encoding:?}; only gzip is understood")]
    Encoding { host: String, encoding: String },
    #[error("{} could not be written", .path.display())]
    State { path: PathBuf, source: io::Error },
    #[error("a file can be fetched while the daemon runs, or by a command, only")]
    NoRuntime,
}

impl DownloadError {
    pub fn verdict(&self) -> Verdict {
        match self {
            DownloadError::Unavailable { .. }
            | DownloadError::Unreachable { .. }
            | DownloadError::Broken { .. }
            | DownloadError::Slow { .. }
            | DownloadError::State { .. } => Verdict::TryLater,
            DownloadError::Client(_)
            | DownloadError::Refused { .. }
            | DownloadError::Moved { .. }
            | DownloadError::NotThere { .. }
            | DownloadError::Strange { .. }
            | DownloadError::TooLarge { .. }
            | DownloadError::Encoding { .. }
            | DownloadError::NoRuntime => Verdict::NeedsPerson,
        }
    }

    pub fn refused_credential(&self) -> Option<&str> {
        match self {
            DownloadError::Refused { .. } => Some(RENEW),
            _ => None,
        }
    }
}
