//! What `type` of a source can be: files, databases, the connectors that come with Ringcard, the operator's own.

use std::path::{Path, PathBuf};

use super::sketch::{About, Sketch};
use crate::config::{CONNECTORS, CONNECTORS_DIRECTORY};

/// A kind that is no connector: it has a block of its own.
pub(crate) struct BuiltIn {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) group: Group,
    pub(crate) can: &'static [&'static str],
    pub(crate) full: &'static str,
    pub(crate) changes: &'static str,
    pub(crate) deletes: &'static str,
    pub(crate) balances: &'static str,
    pub(crate) proven: &'static str,
    pub(crate) block: Block,
}

/// What `source new` writes.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    /// With the places `@query` and `@columns`, and `@keys` and `@tables` for what every source may have.
    pub(crate) text: &'static str,
    /// By what the records are, the usual first.
    pub(crate) records: &'static [Records],
}

#[derive(Clone, Copy)]
pub(crate) struct Records {
    pub(crate) object: &'static str,
    /// Of databases.
    pub(crate) query: &'static str,
    pub(crate) columns: &'static str,
}

const TABLES: &[Records] = &[
    Records {
        object: "contacts",
        query: "",
        columns: include_str!("blocks/contacts.toml"),
    },
    Records {
        object: "balances",
        query: "",
        columns: include_str!("blocks/balances.toml"),
    },
];

const OBJECTS: &[Records] = &[
    Records {
        object: "contacts",
        query: "",
        columns: include_str!("blocks/json-contacts.toml"),
    },
    Records {
        object: "balances",
        query: "",
        columns: include_str!("blocks/json-balances.toml"),
    },
];

/// An example of a mapping over records with members.
pub(crate) fn columns_of_objects(of_balances: bool) -> &'static str {
    OBJECTS[usize::from(of_balances)].columns
}

const CARDS: &[Records] = &[Records {
    object: "contacts",
    query: "",
    columns: include_str!("blocks/vcard-contacts.toml"),
}];

const QUERIES: &[Records] = &[
    Records {
        object: "contacts",
        query: include_str!("blocks/sql-contacts-query.toml"),
        columns: include_str!("blocks/sql-contacts.toml"),
    },
    Records {
        object: "balances",
        query: include_str!("blocks/sql-balances-query.toml"),
        columns: include_str!("blocks/sql-balances.toml"),
    },
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    File,
    Database,
    Shipped,
    Own,
}

impl Group {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Group::File => "files",
            Group::Database => "databases",
            Group::Shipped => "CRMs and ERPs",
            Group::Own => "your own",
        }
    }
}

pub(crate) const BUILT_IN: &[BuiltIn] = &[
    BuiltIn {
        name: "csv",
        title: "CSV files: in place, dropped into a folder, or over HTTPS",
        group: Group::File,
        can: &["full", "balances"],
        full: "the whole file, and only if it has changed",
        changes: "no: everything is read",
        deletes: "with each full read",
        balances: "a column, or a file of its own",
        proven: "generated exports of 1,000,000 rows; damaged and hostile files",
        block: Block {
            text: include_str!("blocks/csv.toml"),
            records: TABLES,
        },
    },
    BuiltIn {
        name: "xlsx",
        title: "Excel workbooks, from the same places",
        group: Group::File,
        can: &["full", "balances"],
        full: "the whole file, and only if it has changed",
        changes: "no: everything is read",
        deletes: "with each full read",
        balances: "a column, or a file of its own",
        proven: "files of openpyxl, XlsxWriter, xlwt and msoffcrypto; damaged and hostile ones",
        block: Block {
            text: include_str!("blocks/xlsx.toml"),
            records: TABLES,
        },
    },
    BuiltIn {
        name: "ndjson",
        title: "JSON objects, one a line, from the same places",
        group: Group::File,
        can: &["full", "balances"],
        full: "the whole file, and only if it has changed",
        changes: "no: everything is read",
        deletes: "with each full read",
        balances: "a member, or a file of its own",
        proven: "generated and damaged files",
        block: Block {
            text: include_str!("blocks/ndjson.toml"),
            records: OBJECTS,
        },
    },
    BuiltIn {
        name: "json",
        title: "a list of JSON objects, from the same places",
        group: Group::File,
        can: &["full", "balances"],
        full: "the whole file, and only if it has changed",
        changes: "no: everything is read",
        deletes: "with each full read",
        balances: "a member, or a file of its own",
        proven: "generated and damaged files",
        block: Block {
            text: include_str!("blocks/json.toml"),
            records: OBJECTS,
        },
    },
    BuiltIn {
        name: "vcard",
        title: "vCard files of address books, from the same places",
        group: Group::File,
        can: &["full", "balances"],
        full: "the whole file, and only if it has changed",
        changes: "no: everything is read",
        deletes: "with each full read",
        balances: "a property, or a file of its own",
        proven: "cards made after RFC 6350, RFC 2426 and the vCard 2.1 specification; damaged ones",
        block: Block {
            text: include_str!("blocks/vcard.toml"),
            records: CARDS,
        },
    },
    BuiltIn {
        name: "postgresql",
        title: "PostgreSQL, by a query of yours",
        group: Group::Database,
        can: &["full", "changes", "deletes", "balances"],
        full: "your query, streamed",
        changes: "by cursor, the column that grows with each change",
        deletes: "by deleted-query among the changes, or by comparing ids",
        balances: "a column, or a query of its own",
        proven: "a real PostgreSQL 15",
        block: Block {
            text: include_str!("blocks/postgresql.toml"),
            records: QUERIES,
        },
    },
    BuiltIn {
        name: "mysql",
        title: "MariaDB and MySQL, by a query of yours",
        group: Group::Database,
        can: &["full", "changes", "deletes", "balances"],
        full: "your query, streamed",
        changes: "by cursor, the column that grows with each change",
        deletes: "by deleted-query among the changes, or by comparing ids",
        balances: "a column, or a query of its own",
        proven: "a real MariaDB 10.11; not MySQL itself",
        block: Block {
            text: include_str!("blocks/mysql.toml"),
            records: QUERIES,
        },
    },
    BuiltIn {
        name: "sqlserver",
        title: "Microsoft SQL Server, by a query of yours",
        group: Group::Database,
        can: &["full", "changes", "deletes", "balances"],
        full: "your query, streamed",
        changes: "by cursor, the column that grows with each change",
        deletes: "by deleted-query among the changes, or by comparing ids",
        balances: "a column, or a query of its own",
        proven: "a stand-in that speaks the protocol by Microsoft's documentation; never a real server",
        block: Block {
            text: include_str!("blocks/sqlserver.toml"),
            records: QUERIES,
        },
    },
];

/// A kind as it is listed.
pub(crate) struct Kind {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) group: Group,
    pub(crate) can: Vec<&'static str>,
    pub(crate) about: About,
    pub(crate) what: What,
}

pub(crate) enum What {
    Block(Block),
    Connector(Box<Sketch>),
}

impl From<&BuiltIn> for Kind {
    fn from(kind: &BuiltIn) -> Kind {
        Kind {
            name: kind.name.to_owned(),
            title: kind.title.to_owned(),
            group: kind.group,
            can: kind.can.to_vec(),
            about: About {
                full: kind.full.to_owned(),
                changes: kind.changes.to_owned(),
                deletes: kind.deletes.to_owned(),
                balances: kind.balances.to_owned(),
                proven: kind.proven.to_owned(),
            },
            what: What::Block(kind.block),
        }
    }
}

impl Kind {
    pub(crate) fn objects(&self) -> Vec<&str> {
        match &self.what {
            What::Block(block) => block.records.iter().map(|r| r.object).collect(),
            What::Connector(sketch) => sketch.objects.keys().map(String::as_str).collect(),
        }
    }

    fn of(sketch: Sketch, group: Group) -> Kind {
        Kind {
            name: sketch.name.clone(),
            title: sketch.title.clone(),
            group,
            can: sketch.can(),
            about: sketch.about.clone(),
            what: What::Connector(Box::new(sketch)),
        }
    }
}

/// Where the operator's own are: beside the configuration.
pub(crate) fn own_directory(config: &Path) -> PathBuf {
    config
        .parent()
        .unwrap_or(Path::new(""))
        .join(CONNECTORS_DIRECTORY)
}

/// All kinds, in the order of the list, and what is wrong with the operator's own.
pub(crate) fn kinds(config: &Path) -> (Vec<Kind>, Vec<String>) {
    let mut kinds: Vec<Kind> = BUILT_IN.iter().map(Kind::from).collect();
    let mut problems = Vec::new();
    let mut add = |text: &str, group: Group, from: &str| match Sketch::parse(text) {
        Ok(sketch) => {
            // One of the operator's that says so stands instead of a shipped one of its name.
            kinds.retain(|kind| kind.name != sketch.name);
            kinds.push(Kind::of(sketch, group));
        }
        Err(e) => problems.push(format!("{from}: {e}")),
    };
    for (name, text) in CONNECTORS {
        add(text, Group::Shipped, name);
    }
    let mut unreadable = Vec::new();
    for path in own_files(&own_directory(config)) {
        let shown = path.display().to_string();
        match std::fs::read_to_string(&path) {
            Ok(text) => add(&text, Group::Own, &shown),
            Err(e) => unreadable.push(format!("{shown} can't be read: {e}")),
        }
    }
    problems.append(&mut unreadable);
    (kinds, problems)
}

fn own_files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let is_toml = |path: &PathBuf| path.extension().is_some_and(|e| e == "toml");
    let mut files: Vec<_> = entries.map(|e| e.path()).filter(is_toml).collect();
    files.sort();
    files
}
