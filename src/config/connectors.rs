//! Connectors: descriptions of how a CRM or ERP is read over HTTP, shipped with Ringcard or written by the operator.
//!
//! A description is compiled for one source: with what the operator gave in `[source.with]`, and for one object.
//! All problems are told at once, each with its file and line. The format is in docs/connectors.md.
//!
//! The operator's own are in `connectors.d` beside the configuration. One that is called like a shipped one must
//! say so, since the name alone would be a mistake that nobody sees.

use std::fs;
use std::path::{Path, PathBuf};

use self::compile::Compiler;
use super::columns::{Columns, Records};
use super::problem::Problems;
use super::reader::{Document, Section};
use crate::source::api::description::Connector;

mod auth;
mod compile;
mod given;
mod limits;
mod object;

pub(super) use given::Given;

/// Where the operator's own descriptions are, beside the configuration.
pub const DIRECTORY: &str = "connectors.d";
/// Largest description; the longest shipped one has some 12 kB.
const FILE_BYTES: u64 = 256 << 10;
/// Own descriptions that are listed where a name is not known.
const LISTED: usize = 50;

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../packaging/connectors/", $name, ".toml")))),*]
    };
}

/// Those that come with Ringcard: names and texts.
pub const SHIPPED: &[(&str, &str)] = shipped![
    "bitrix24",
    "dynamics365",
    "hipcall",
    "hubspot",
    "odoo",
    "odoo-jsonrpc",
    "pipedrive",
    "rest",
    "salesforce",
    "tryton",
    "zoho",
];

/// A description's text and where it is.
pub(super) struct Description {
    pub(super) name: String,
    /// Of an own one.
    path: Option<PathBuf>,
    text: String,
}

/// What a description and a source's settings come to.
pub(super) struct Compiled {
    pub(super) connector: Connector,
    pub(super) columns: Option<Columns>,
}

/// What is needed of the source to compile its description.
pub(super) struct Source<'s> {
    pub(super) section: &'s Section<'s>,
    /// Reads the mapping, once it is known of which kind the records are.
    pub(super) columns: &'s dyn Fn(&Section<'_>, Records) -> Option<Columns>,
}

/// The names that `type` can have.
pub(super) fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = SHIPPED.iter().map(|(name, _)| (*name).to_owned()).collect();
    let own = fs::read_dir(directory.join(DIRECTORY))
        .into_iter()
        .flatten()
        .flatten();
    let own = own.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.strip_suffix(".toml").map(str::to_owned)
    });
    names.extend(own.take(LISTED));
    names.sort();
    names.dedup();
    names
}

/// A connector's name is that of its file.
pub(super) fn is_name(text: &str) -> bool {
    let is_sign = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    !text.is_empty() && text.bytes().all(is_sign)
}

/// `None` if nothing is called so; the error says why it can't be read.
pub(super) fn find(directory: &Path, name: &str) -> Option<Result<Description, String>> {
    let shipped = SHIPPED.iter().find(|(shipped, _)| *shipped == name);
    let path = directory.join(DIRECTORY).join(format!("{name}.toml"));
    if is_name(name) && path.exists() {
        return Some(read(path, name));
    }
    let (_, text) = shipped?;
    Some(Ok(Description {
        name: name.to_owned(),
        path: None,
        text: (*text).to_owned(),
    }))
}

fn read(path: PathBuf, name: &str) -> Result<Description, String> {
    let unreadable = |e: std::io::Error| format!("{} can't be read: {e}", path.display());
    if fs::metadata(&path).map_err(unreadable)?.len() > FILE_BYTES {
        return Err(format!("{} is larger than 256 KiB", path.display()));
    }
    let text = fs::read_to_string(&path).map_err(unreadable)?;
    Ok(Description {
        name: name.to_owned(),
        path: Some(path),
        text,
    })
}

impl Description {
    /// Compiles the description for a source. Problems of either are told at the source.
    pub(super) fn compile(&self, source: &Source<'_>, given: &mut Given) -> Option<Compiled> {
        let directory = self.path.as_deref().and_then(Path::parent);
        let document = Document::parse(&self.text, directory.unwrap_or(Path::new("/")));
        let compiled = document.and_then(|d| d.root(|root| self.root(root, source, given)));
        match compiled {
            Ok(compiled) => Some(compiled),
            Err(problems) => self.tell(source, &problems),
        }
    }

    /// What was wrong with the source itself is told there already.
    fn tell<T>(&self, source: &Source<'_>, problems: &Problems) -> Option<T> {
        let file = match &self.path {
            Some(path) => path.display().to_string(),
            None => format!("the connector {}", self.name),
        };
        for problem in &problems.0 {
            source
                .section
                .wrong::<()>("type", format!("{file}, {problem}"));
        }
        None
    }

    fn root(&self, root: &Section<'_>, source: &Source<'_>, given: &mut Given) -> Option<Compiled> {
        self.check_name(root);
        let title = root.required_text("title", "the system's name, for people");
        root.text("documentation");
        if let Some(about) = root.section("about") {
            about.free_texts();
        }
        let declared = given::declared(root);
        given.take(source.section, &declared);
        let mut compiler = Compiler::new(given, &declared);
        let allow_http = root.flag("allow-http");
        let (auth, login) = auth::read(root, &mut compiler);
        let limits = limits::read(root);
        let errors = limits::errors(root, &compiler);
        let chosen = object::choose(root, source.section);
        let read = chosen.map(|(name, section)| {
            let columns = object::columns(&section, source);
            (object::read(name, &section, &mut compiler), columns)
        });
        let credentials = compiler.credentials(&declared);
        let (object, columns) = read?;
        let connector = Connector {
            name: self.name.clone(),
            title: title?,
            auth: auth?,
            login: login?,
            limits: limits?,
            errors,
            credentials,
            allow_http,
            object: object?,
            templates: compiler.into_templates(),
            fingerprint: fingerprint(&self.text),
        };
        self.check_address(root, &connector, given);
        Some(Compiled { connector, columns })
    }

    fn check_name(&self, root: &Section<'_>) {
        let name = root.required_text("name", "the connector's name, which is that of its file");
        let replaces = root.flag("replaces");
        if name.is_some_and(|name| name != self.name) {
            let what = format!("must be \"{}\", like the file", self.name);
            root.wrong::<()>("name", what);
        }
        let is_shipped = SHIPPED.iter().any(|(shipped, _)| *shipped == self.name);
        if self.path.is_some() && is_shipped && !replaces {
            let what = "a connector of this name comes with Ringcard: choose another, or set replaces = true";
            root.wrong::<()>("name", what);
        }
    }

    fn check_address(&self, root: &Section<'_>, connector: &Connector, given: &Given) {
        if let Some(what) = connector.wrong_address(&given.with) {
            root.complain(format!("the address of its requests: {what}"));
        }
    }
}

/// Another description gives other contacts.
fn fingerprint(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
