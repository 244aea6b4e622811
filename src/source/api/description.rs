//! What a connector's description says of one object, compiled: plain values that the config module makes.
//!
//! The format is in docs/connectors.md. Nothing here is checked again: what exists is right.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::cursor::CursorRule;
use super::paging::Paging;
use super::template::{Shape, Templates, Text};
use crate::source::json::{Extractor, Path, RecordExpression, RecordValue};
use crate::source::settings::RecordSettings;

/// Pages of 8 MiB are many times what vendors give: 5,000 contacts of Dataverse have some 3 MiB.
pub const PAGE_BYTES: usize = 8 << 20;
/// What a description may set it to: a parsed page takes some five times its size in memory.
pub const MOST_PAGE_BYTES: usize = 32 << 20;
/// One request, from the first byte to the last.
pub const TIMEOUT: Duration = Duration::from_secs(60);
/// Overlap of two reads of changes. Vendors' indexes lag up to a minute (HubSpot).
pub const OVERLAP: Duration = Duration::from_secs(120);

/// A secret of a source. It has no `Display`, and `Debug` hides it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ApiSecret(pub String);

impl fmt::Debug for ApiSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiSecret(***)")
    }
}

/// One source that is read by a connector.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    pub records: RecordSettings,
    pub columns: Arc<Extractor>,
    pub connector: Arc<Connector>,
    pub with: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, ApiSecret>,
    /// Authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// A connector with one of its objects.
#[derive(Clone, Debug)]
pub struct Connector {
    pub name: String,
    pub title: String,
    pub templates: Templates,
    pub auth: Auth,
    pub login: Option<Login>,
    pub limits: Limits,
    pub errors: ErrorRules,
    /// The secrets that prove who we are: what to renew when they are refused.
    pub credentials: Vec<Credential>,
    /// Over http whoever is in that network can read along.
    pub allow_http: bool,
    pub object: Object,
    /// Of the description's text: another one gives other contacts.
    pub fingerprint: u64,
}

#[derive(Clone, Debug)]
pub struct Credential {
    pub secret: String,
    /// How to get a new one.
    pub renew: Option<String>,
}

#[derive(Clone, Debug)]
pub enum Auth {
    None,
    Bearer(Text),
    Basic { user: Text, password: Text },
    Header { name: String, value: Text },
    Query { name: String, value: Text },
    OAuth(Box<OAuth>),
}

#[derive(Clone, Debug)]
pub struct OAuth {
    /// The refresh token that the operator gave; `None` where the client's credentials are enough.
    pub refresh_token: Option<Text>,
    pub token_url: Text,
    pub client_id: Text,
    pub client_secret: Option<Text>,
    /// The client's credentials go into a header instead of the form.
    pub client_in_header: bool,
    pub scope: Option<Text>,
    pub form: Vec<(String, Text)>,
    pub capture: Vec<(String, Path)>,
    /// The word before the token.
    pub scheme: String,
}

#[derive(Clone, Debug)]
pub struct Login {
    pub request: Request,
    pub capture: Vec<(String, Path)>,
    /// Sent with every request after it.
    pub headers: Vec<(String, Text)>,
}

#[derive(Clone, Debug)]
pub struct Limits {
    /// At most so many requests in so long.
    pub rate: Option<(u32, Duration)>,
    pub page_bytes: usize,
    pub timeout: Duration,
    pub retry_statuses: Vec<u16>,
    pub retry_after: String,
    /// A header that says how many requests are left.
    pub remaining: Option<String>,
}

/// How errors look that are not told by the status.
#[derive(Clone, Debug, Default)]
pub struct ErrorRules {
    pub path: Option<Path>,
    pub message: Option<Path>,
    pub retry: Vec<String>,
    pub login: Vec<String>,
    pub cursor_expired: Vec<String>,
    pub cursor_expired_statuses: Vec<u16>,
}

#[derive(Clone, Debug)]
pub struct Object {
    pub name: String,
    pub everything: Listing,
    /// May go on from a position after an interruption.
    pub resumes: bool,
    /// Records of `everything` for which this holds are not handed out.
    pub skip: Option<RecordExpression>,
    pub changes: Option<Changes>,
    pub deleted: Option<IdListing>,
    pub ids: Option<IdListing>,
}

#[derive(Clone, Debug)]
pub struct Changes {
    pub listing: Listing,
    pub cursor: CursorRule,
    pub tombstone: Option<Tombstone>,
}

/// How to tell that a record among the changes was deleted.
#[derive(Clone, Debug)]
pub struct Tombstone {
    pub holds: RecordExpression,
    /// `None`: the id stands in the key's column.
    pub id: Option<RecordValue>,
}

/// A request that gives ids.
#[derive(Clone, Debug)]
pub struct IdListing {
    pub listing: Listing,
    pub id: RecordValue,
}

/// A request that gives records, page by page.
#[derive(Clone, Debug)]
pub struct Listing {
    pub request: Request,
    /// Where the list is in an answer.
    pub records: Path,
    /// Where the record is in an element of the list.
    pub record: Path,
    pub paging: Paging,
}

#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub url: Text,
    pub query: Vec<(String, Text)>,
    pub headers: Vec<(String, Text)>,
    pub body: Body,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    #[default]
    Get,
    Post,
}

#[derive(Clone, Debug)]
pub enum Body {
    None,
    Json(Shape),
    Form(Vec<(String, Text)>),
}

impl Request {
    /// Every template in it.
    pub fn texts(&self) -> Vec<&Text> {
        let pairs = self.query.iter().chain(&self.headers);
        let mut texts: Vec<&Text> = pairs.map(|(_, text)| text).collect();
        texts.push(&self.url);
        match &self.body {
            Body::None => {}
            Body::Json(shape) => texts.extend(shape.texts()),
            Body::Form(form) => texts.extend(form.iter().map(|(_, text)| text)),
        }
        texts
    }
}

impl Method {
    pub fn parse(text: &str) -> Option<Method> {
        match text {
            "GET" => Some(Method::Get),
            "POST" => Some(Method::Post),
            _ => None,
        }
    }
}
