//! A file that a server gives out over HTTPS: fetched into the source's own directory, and read from there
//! like any other file.
//!
//! The server is asked whether the file is another than the one that is there (`If-None-Match`,
//! `If-Modified-Since`), and mostly answers in a line. It guarantees that
//! - a file is used only once it was received to its end, by the length that was announced and by the sum
//!   within gzip; whatever breaks off leaves the one before in its place;
//! - a credential is sent to no other host: redirects are not followed.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{
    CONTENT_ENCODING, ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use reqwest::{RequestBuilder, Response, StatusCode};
use tempfile::NamedTempFile;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::error::DownloadError;
use self::kept::{Kept, Note, sum_of_file, sum_of_text};
use super::error::SourceError;
use super::file::{FILE_BYTES, Origin, Picked};
use super::http;
use super::settings::{Credential, Web};

pub mod error;
mod kept;
#[cfg(test)]
mod tests;

/// Until the answer begins: the server may have to write the export first.
const ANSWER_TIME: Duration = Duration::from_secs(60);
/// Between two pieces of the file.
const PIECE_TIME: Duration = Duration::from_secs(30);
/// The whole file: 2 GiB over a line of 5 Mbit/s.
const DOWNLOAD_TIME: Duration = Duration::from_secs(3600);

/// What a source fetches, and where it is put.
pub(super) struct Download<'s> {
    web: &'s Web,
    kept: Kept,
    limit: u64,
}

enum Answer {
    /// The file that is there is the server's.
    Same,
    New {
        file: NamedTempFile,
        modified: Option<String>,
        etag: Option<String>,
    },
}

impl<'s> Download<'s> {
    /// `suffix` is how such files' names end.
    pub(super) fn new(web: &'s Web, state: &Path, suffix: &str) -> Download<'s> {
        Download {
            web,
            kept: Kept::new(state, suffix),
            limit: FILE_BYTES,
        }
    }

    /// The server's file, once it is here.
    pub(super) fn pick(&self, halt: &CancellationToken) -> Result<Picked, SourceError> {
        let address = self.web.address.url().as_str();
        let note = self.kept.note(address);
        match self.fetch(note.as_ref(), halt)? {
            Answer::Same => {
                if note.is_some_and(|note| note.last_modified.is_none()) {
                    self.kept
                        .touch(SystemTime::now())
                        .map_err(|e| self.state(e))?;
                }
            }
            Answer::New {
                file,
                modified,
                etag,
            } => {
                let note = Note {
                    address: sum_of_text(address),
                    content: sum_of_file(file.path()).map_err(|e| self.state(e))?,
                    etag,
                    last_modified: modified,
                };
                let modified = note.last_modified.as_deref().and_then(parse_date);
                let modified = modified.unwrap_or_else(SystemTime::now);
                let replaced = self.kept.replace(file, modified, &note);
                replaced.map_err(|e| self.state(e))?;
            }
        }
        Picked::at(self.kept.file.clone(), Origin::File)
    }

    fn fetch(&self, note: Option<&Note>, halt: &CancellationToken) -> Result<Answer, SourceError> {
        let runtime = Handle::try_current().map_err(|_| DownloadError::NoRuntime)?;
        let client = http::client(self.web.ca_file.as_deref()).map_err(DownloadError::from)?;
        let request = self.request(&client, note);
        let answer = async {
            tokio::select! {
                biased;
                () = halt.cancelled() => Err(SourceError::Halted),
                answer = timeout(DOWNLOAD_TIME, self.ask(request, note)) => match answer {
                    Ok(answer) => Ok(answer?),
                    Err(_) => Err(self.slow(DOWNLOAD_TIME).into()),
                },
            }
        };
        runtime.block_on(answer)
    }

    fn request(&self, client: &reqwest::Client, note: Option<&Note>) -> RequestBuilder {
        let mut request = client.get(self.web.address.url().clone());
        if let Some(etag) = note.and_then(|n| n.etag.as_deref()) {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(modified) = note.and_then(|n| n.last_modified.as_deref()) {
            request = request.header(IF_MODIFIED_SINCE, modified);
        }
        match &self.web.credential {
            Some(Credential::Bearer(token)) => request.bearer_auth(token),
            Some(Credential::Basic { user, password }) => request.basic_auth(user, Some(password)),
            None => request,
        }
    }

    async fn ask(
        &self,
        request: RequestBuilder,
        note: Option<&Note>,
    ) -> Result<Answer, DownloadError> {
        let answer = match timeout(ANSWER_TIME, request.send()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(e)) => {
                // The address it would name may hold a key.
                let (host, source) = (self.host(), e.without_url());
                return Err(DownloadError::Unreachable { host, source });
            }
            Err(_) => return Err(self.slow(ANSWER_TIME)),
        };
        match answer.status() {
            StatusCode::OK => self.receive(answer).await,
            StatusCode::NOT_MODIFIED if note.is_some() => Ok(Answer::Same),
            status => Err(self.refusal(status)),
        }
    }

    fn refusal(&self, status: StatusCode) -> DownloadError {
        let (host, code) = (self.host(), status.as_u16());
        match code {
            401 | 403 | 407 => DownloadError::Refused { host, status: code },
            404 | 410 => DownloadError::NotThere { host, status: code },
            408 | 425 | 429 | 500..=599 => DownloadError::Unavailable { host, status: code },
            301 | 302 | 303 | 307 | 308 => DownloadError::Moved { host, status: code },
            _ => DownloadError::Strange { host, status: code },
        }
    }

    async fn receive(&self, mut answer: Response) -> Result<Answer, DownloadError> {
        let headers = answer.headers();
        let [modified, etag] = [LAST_MODIFIED, ETAG].map(|name| text_of(headers, name));
        let encoding = text_of(headers, CONTENT_ENCODING).unwrap_or_default();
        let file = self.kept.begin().map_err(|e| self.state(e))?;
        // What is left of it after gzip was unpacked.
        if !["", "identity"].contains(&encoding.trim().to_ascii_lowercase().as_str()) {
            let (host, encoding) = (self.host(), encoding.chars().take(20).collect());
            return Err(DownloadError::Encoding { host, encoding });
        }
        let mut sink = Limited::new(&file, self.limit);
        let (announced, mut received) = (answer.content_length(), 0);
        loop {
            let piece = match timeout(PIECE_TIME, answer.chunk()).await {
                Ok(Ok(Some(piece))) => piece,
                Ok(Ok(None)) => break,
                Ok(Err(e)) => return Err(self.broken(io::Error::other(e.without_url()))),
                Err(_) => return Err(self.slow(PIECE_TIME)),
            };
            received += piece.len() as u64;
            sink.write_all(&piece).map_err(|e| self.unwritten(e))?;
        }
        if announced.is_some_and(|announced| announced != received) {
            return Err(self.broken(io::Error::from(io::ErrorKind::UnexpectedEof)));
        }
        Ok(Answer::New {
            file,
            modified,
            etag,
        })
    }

    /// Of what went wrong with a piece: too much of it, or a disk that is full.
    fn unwritten(&self, error: io::Error) -> DownloadError {
        match error.kind() {
            io::ErrorKind::FileTooLarge => DownloadError::TooLarge {
                host: self.host(),
                limit: self.limit,
            },
            _ => self.state(error),
        }
    }

    fn broken(&self, source: io::Error) -> DownloadError {
        let host = self.host();
        DownloadError::Broken { host, source }
    }

    fn slow(&self, time: Duration) -> DownloadError {
        DownloadError::Slow {
            host: self.host(),
            seconds: time.as_secs(),
        }
    }

    fn state(&self, source: io::Error) -> DownloadError {
        let path = self.kept.file.clone();
        DownloadError::State { path, source }
    }

    fn host(&self) -> String {
        self.web.address.host().to_owned()
    }
}

fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

fn parse_date(text: &str) -> Option<SystemTime> {
    let parser = DateTimeParser::new();
    let at: Timestamp = parser.parse_timestamp(text).ok()?;
    Some(at.into())
}

/// A file that takes no more than the bound, so that a small answer can't unpack to a full disk.
struct Limited<'f> {
    file: &'f NamedTempFile,
    left: u64,
}

impl<'f> Limited<'f> {
    fn new(file: &'f NamedTempFile, limit: u64) -> Limited<'f> {
        Limited { file, left: limit }
    }
}

impl Write for Limited<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if piece.len() as u64 > self.left {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        let written = self.file.as_file().write(piece)?;
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
