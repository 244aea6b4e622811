//! What can be read of a configuration although something is wrong with it: for whoever looks for what else is
//! wrong. Nothing is ever run with it.

use std::path::{Path, PathBuf};

use super::reader::Document;
use super::{
    AccountConfig, CONTROL_SOCKET, Config, ConfigError, SourceConfig, WebhookConfig, accounts,
    read, runtime_directory, sources, state_directory, webhook,
};
use crate::hipcall::Trust;

/// The parts of a configuration that can be understood by themselves.
#[derive(Debug, Default)]
pub struct Outline {
    pub state_directory: PathBuf,
    pub control_socket: Option<PathBuf>,
    pub webhook: Option<WebhookConfig>,
    pub trust: Trust,
    /// Those without a problem.
    pub accounts: Vec<AccountConfig>,
    pub sources: Vec<SourceConfig>,
    /// Of all accounts, each once.
    pub nodes: Vec<String>,
    /// The files of secrets, by the full names of their keys.
    pub secrets: Vec<(String, PathBuf)>,
    /// Why the daemon would not start with it.
    pub refused: Option<ConfigError>,
}

impl Outline {
    pub fn of(path: &Path) -> Outline {
        let refused = Config::load(path).err();
        let empty = Outline {
            state_directory: Config::state_directory_of(path),
            ..Outline::default()
        };
        let parts = read(path).ok().and_then(|(text, directory)| {
            let document = Document::parse(&text, &directory).ok()?;
            Some(parts(document))
        });
        Outline {
            refused,
            ..parts.unwrap_or(empty)
        }
    }
}

fn parts(document: Document<'_>) -> Outline {
    let (mut outline, secrets) = document.glance(|root| {
        root.hush();
        let accounts = accounts::read(root);
        let sections = root.sections("account");
        let mut nodes: Vec<String> = Vec::new();
        for section in &sections {
            section.hush();
            let node = section.text("node");
            let node = node.and_then(|n| accounts::is_node(&n));
            nodes.extend(node.filter(|n| !nodes.contains(n)));
        }
        Outline {
            state_directory: state_directory(root),
            control_socket: Some(runtime_directory(root).join(CONTROL_SOCKET)),
            webhook: webhook(root),
            trust: root
                .section("hipcall")
                .map_or_else(Trust::default, |section| Trust {
                    ca_file: section.path("ca-file"),
                }),
            sources: sources::read(root, accounts.first().map(|a| a.region)),
            accounts,
            nodes,
            ..Outline::default()
        }
    });
    outline.secrets = secrets;
    outline
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::office::Office;

    #[test]
    fn a_part_that_is_wrong_hides_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let office = Office::in_directory(directory.path()).unwrap();
        let path = office.config_path();
        office
            .configure("https://node.invalid", "127.0.0.1:0")
            .unwrap();
        assert!(Outline::of(&path).refused.is_none());
        std::fs::remove_file(directory.path().join("token")).unwrap();
        let outline = Outline::of(&path);
        assert!(outline.refused.unwrap().to_string().contains("token"));
        assert!(outline.accounts.is_empty());
        assert_eq!(outline.nodes, ["https://node.invalid"]);
        assert_eq!(outline.sources[0].name(), "crm");
        assert_eq!(outline.secrets[0].0, "account.demo.token");
        assert!(
            outline
                .control_socket
                .unwrap()
                .ends_with("run/control.sock")
        );
        std::fs::write(&path, "state-dir = \"x\n").unwrap();
        let outline = Outline::of(&path);
        assert!(outline.refused.is_some() && outline.nodes.is_empty());
    }
}
