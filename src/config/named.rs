//! What a configuration names besides itself, told without checking it: files of secrets, certificates, systemd's
//! credentials. Who packs an office up must find them in a file that has problems too.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// Keys whose value is a file that is read once, wherever they stand.
const FILES: [&str; 1] = ["ca-file"];
/// The same within `[webhook]`.
const WEBHOOK_FILES: [&str; 2] = ["certificate", "key"];

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Each once, in the file's order.
    pub files: Vec<PathBuf>,
    /// Of systemd, by their names.
    pub credentials: Vec<String>,
    /// An account or a source stands in it.
    pub is_office: bool,
}

impl Named {
    /// Relative paths start at `directory`. The error is TOML's, in one line.
    pub fn in_text(text: &str, directory: &Path) -> Result<Named, String> {
        let table: Table = toml::from_str(text).map_err(|e| e.message().replace('\n', ", "))?;
        let mut named = Named {
            is_office: table.contains_key("account") || table.contains_key("source"),
            ..Named::default()
        };
        if let Some(Value::Table(webhook)) = table.get("webhook") {
            named.take(webhook, &WEBHOOK_FILES, directory);
        }
        named.walk(&table, directory);
        Ok(named)
    }

    fn walk(&mut self, table: &Table, directory: &Path) {
        self.take(table, &FILES, directory);
        for value in table.values() {
            self.look(value, directory);
        }
    }

    fn look(&mut self, value: &Value, directory: &Path) {
        match value {
            Value::Table(table) => {
                // A secret is told by a table of one key.
                if table.len() == 1 {
                    self.take(table, &["file"], directory);
                    if let Some(Value::String(name)) = table.get("credential") {
                        self.credentials.push(name.clone());
                    }
                }
                self.walk(table, directory);
            }
            Value::Array(list) => list.iter().for_each(|value| self.look(value, directory)),
            _ => {}
        }
    }

    fn take(&mut self, table: &Table, keys: &[&str], directory: &Path) {
        let paths = keys.iter().filter_map(|key| table.get(*key)?.as_str());
        for path in paths.filter(|path| !path.is_empty()) {
            let path = directory.join(path);
            if !self.files.contains(&path) {
                self.files.push(path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_must_come_along_is_named() {
        let text = r#"
            [webhook]
            listen = "0.0.0.0:8443"
            certificate = "tls.crt"
            key = "/etc/ssl/pi.key"
            [hipcall]
            ca-file = "ca.pem"
            [[account]]
            name = "istanbul"
            token = { file = "secrets/istanbul.token" }
            webhook-secrets = { credential = "hooks" }
            [[source]]
            name = "crm"
            path = "/var/lib/ringcard-import"
            password = { file = "secrets/istanbul.token" }
            [source.with]
            key = "a-key-that-is-no-file"
            secret = { file = "secrets/crm.secret" }
        "#;
        let named = Named::in_text(text, Path::new("/etc/ringcard")).unwrap();
        let files: Vec<&str> = named.files.iter().map(|p| p.to_str().unwrap()).collect();
        assert_eq!(
            files,
            [
                "/etc/ringcard/tls.crt",
                "/etc/ssl/pi.key",
                "/etc/ringcard/secrets/istanbul.token",
                "/etc/ringcard/ca.pem",
                "/etc/ringcard/secrets/crm.secret",
            ]
        );
        assert_eq!(named.credentials, ["hooks"]);
        assert!(named.is_office);
        let empty = Named::in_text("[webhook]\nlisten = \"systemd\"\n", Path::new("/")).unwrap();
        assert_eq!(empty, Named::default());
        assert!(Named::in_text("a = ", Path::new("/")).is_err());
    }
}
