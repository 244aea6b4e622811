//! A block of the configuration for each kind of source, to be filled in by whoever knows the source.
//!
//! Each is right as it stands, but for the secrets' files, which have to be there: the examples are values that
//! the configuration takes.

use std::path::Path;

use super::connector;
use crate::config::{described_connectors, is_source_type};

/// A kind of source, what it is, and its block.
struct Kind {
    name: &'static str,
    about: &'static str,
    block: &'static str,
}

const KINDS: [Kind; 8] = [
    Kind {
        name: "csv",
        about: "a CSV export: one file, a folder that exports are dropped into, or a web address",
        block: include_str!("blocks/csv.toml"),
    },
    Kind {
        name: "xlsx",
        about: "an Excel workbook",
        block: include_str!("blocks/xlsx.toml"),
    },
    Kind {
        name: "ndjson",
        about: "JSON, one record a line",
        block: include_str!("blocks/ndjson.toml"),
    },
    Kind {
        name: "json",
        about: "JSON, a list of records",
        block: include_str!("blocks/json.toml"),
    },
    Kind {
        name: "vcard",
        about: "an address book's vCards",
        block: include_str!("blocks/vcard.toml"),
    },
    Kind {
        name: "postgresql",
        about: "a query to PostgreSQL",
        block: include_str!("blocks/postgresql.toml"),
    },
    Kind {
        name: "mysql",
        about: "a query to MariaDB or MySQL",
        block: include_str!("blocks/mysql.toml"),
    },
    Kind {
        name: "sqlserver",
        about: "a query to Microsoft SQL Server, as under Logo, Netsis and Mikro",
        block: include_str!("blocks/sqlserver.toml"),
    },
];

/// What every source may say, whatever its kind.
const SHARED: &str = include_str!("blocks/shared.toml");

fn known() -> impl Iterator<Item = &'static Kind> {
    KINDS.iter().filter(|kind| is_source_type(kind.name))
}

/// The kinds, a line for each; connectors are those shipped, and the operator's own beside the configuration.
pub(super) fn list(directory: &Path) -> String {
    let own = known().map(|kind| (kind.name.to_owned(), kind.about.to_owned()));
    let connectors = described_connectors(directory).into_iter();
    let connectors = connectors.map(|(name, text)| (name, connector::title(&text)));
    let kinds: Vec<(String, String)> = own.chain(connectors).collect();
    let width = kinds.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = kinds
        .iter()
        .map(|(name, about)| format!("{name:width$}  {about}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The block of a kind; or which kinds there are.
pub(super) fn block(directory: &Path, name: &str) -> Result<String, String> {
    let own = known().find(|kind| kind.name == name);
    let own = own.map(|kind| kind.block.to_owned());
    let block = own.or_else(|| {
        let mut connectors = described_connectors(directory).into_iter();
        let (_, text) = connectors.find(|(connector, _)| connector == name)?;
        connector::block(name, &text)
    });
    let list = || format!("there is no kind {name}; there are:\n{}", list(directory));
    let block = block.ok_or_else(list)?;
    Ok(block.replace("# (shared)\n", SHARED).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::os::unix::fs::PermissionsExt;

    const SECRETS: &str = "/etc/ringcard/secrets";

    fn secret(directory: &Path, name: &str, text: &str) {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// A configuration with nothing but this source.
    fn parse(block: &str) -> Config {
        let directory = tempfile::tempdir().unwrap();
        for name in ["token", "hooks"] {
            secret(directory.path(), name, "0123456789abcdef\n");
        }
        // Whatever name the block gives a secret's file.
        let named = block
            .match_indices(SECRETS)
            .map(|(at, _)| &block[at + SECRETS.len() + 1..]);
        for name in named.filter_map(|rest| rest.split('"').next()) {
            secret(directory.path(), name, "0123456789abcdef\n");
        }
        let block = block.replace(SECRETS, &directory.path().display().to_string());
        let text = format!(
            "[webhook]\nlisten = \"0.0.0.0:8443\"\n[[account]]\nname = \"a\"\nregion = \"TR\"\n\
             node = \"https://use.hipcall.com\"\ntoken = {{ file = \"token\" }}\n\
             webhook-secrets = {{ file = \"hooks\" }}\n{block}\n"
        );
        Config::parse(&text, directory.path()).unwrap_or_else(|e| panic!("{e}\n{text}"))
    }

    #[test]
    fn each_block_is_right_as_it_is_written() {
        assert!(known().count() > 0);
        for kind in known() {
            let block = block(Path::new("/"), kind.name).unwrap();
            assert!(!block.contains("(shared)"), "{block}");
            let config = parse(&block);
            assert_eq!(config.sources.len(), 1, "{}", kind.name);
        }
    }

    #[test]
    fn the_guards_that_a_block_shows_are_those_that_hold_without_them() {
        let block = block(Path::new("/"), "csv").unwrap();
        let (rest, columns) = block.split_once("[source.columns]").unwrap();
        let (rest, guards) = rest.split_once("# [source.guards]").unwrap();
        let guards = guards.replace("\n# ", "\n");
        let with = parse(&format!(
            "{rest}[source.columns]{columns}\n[source.guards]{guards}"
        ));
        assert_eq!(with.sources[0].guards, parse(&block).sources[0].guards);
    }

    #[test]
    fn the_block_of_each_shipped_connector_is_right_with_its_examples() {
        for (name, text) in described_connectors(Path::new("/")) {
            assert!(!connector::title(&text).is_empty(), "{name}");
            let config = parse(&block(Path::new("/"), &name).unwrap());
            assert_eq!(config.sources.len(), 1, "{name}");
        }
    }

    #[test]
    fn an_unknown_kind_tells_which_there_are() {
        let told = block(Path::new("/"), "gopher").unwrap_err();
        assert!(
            told.starts_with("there is no kind gopher; there are:\n"),
            "{told}"
        );
        assert!(told.contains("a CSV export"), "{told}");
    }
}
