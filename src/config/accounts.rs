//! `[[account]]`: node, token, webhook secrets, region, and how long it may be silent.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;

use super::reader::Section;
use super::secret::{self, Secret};
use super::{dialling, expiry, silence};
use crate::domain::dialling::Dialling;
use crate::domain::phone::Region;
use crate::domain::silence::Patience;

/// Shortest webhook secret: 16 random letters and digits are 95 bits.
const SECRET_CHARS: std::ops::RangeInclusive<usize> = 16..=128;
/// Most accounts of one box.
const ACCOUNTS: usize = 32;

#[derive(Clone, Debug)]
pub struct AccountConfig {
    pub name: Arc<str>,
    pub node: String,
    pub region: Region,
    /// How numbers stand in the account's events.
    pub dialling: Dialling,
    pub token: Secret,
    /// Where the token came from: a new one is taken up from there by itself.
    pub token_file: PathBuf,
    /// The last day on which it is valid, if that is known.
    pub token_expires: Option<Date>,
    pub webhook_secrets: Vec<Secret>,
    /// None: nobody is told when its webhook is silent.
    pub silence: Option<Patience>,
}

pub(super) fn read(root: &Section<'_>) -> Vec<AccountConfig> {
    let sections = root.sections("account");
    if sections.is_empty() && !root.has("account") {
        root.missing::<()>("account", "at least one [[account]]");
    }
    if sections.len() > ACCOUNTS {
        root.wrong::<()>(
            "account",
            format!("there can be {ACCOUNTS} accounts at most"),
        );
    }
    let mut accounts: Vec<AccountConfig> = Vec::new();
    for section in &sections {
        let Some(account) = account(section) else {
            continue;
        };
        if accounts.iter().any(|a| a.name == account.name) {
            section.wrong::<()>("name", "another account has this name");
        }
        let known = |s: &Secret| accounts.iter().any(|a| a.webhook_secrets.contains(s));
        if account.webhook_secrets.iter().any(known) {
            let what =
                "another account has the same secret: which one a call is for could not be told";
            section.wrong_secret::<()>("webhook-secrets", what);
        }
        accounts.push(account);
    }
    accounts
}

fn account(section: &Section<'_>) -> Option<AccountConfig> {
    let name = section.required("name", NAME, is_name);
    let node = section.required(
        "node",
        "\"https://use.hipcall.com\" or \"https://use.hipcall.com.tr\", as in your panel's address",
        is_node,
    );
    let (region, dialling) = dialling::account(section);
    let token = token(section);
    let token_expires = expiry::read(section, "token-expires");
    let webhook_secrets = webhook_secrets(section);
    let (token, token_file) = token?;
    let silence = silence::read(section);
    Some(AccountConfig {
        name: name?.into(),
        node: node?,
        region: region?,
        dialling,
        token,
        token_file,
        token_expires,
        webhook_secrets: webhook_secrets?,
        silence: silence?,
    })
}

impl AccountConfig {
    /// The token as its file has it now; or what is wrong with it.
    pub fn reread_token(&self) -> Result<Secret, String> {
        token_in(&self.token_file)
    }
}

/// The token in a file; or what is wrong with it.
pub fn token_in(file: &Path) -> Result<Secret, String> {
    only_token(secret::lines(file)?).map_err(Into::into)
}

/// The first webhook secret in a file that holds nothing else; or what is wrong with it.
pub fn webhook_secret_in(file: &Path) -> Result<Secret, String> {
    let secrets = secret::lines(file)?;
    if let Some(line) = secrets.iter().position(|s| !is_webhook_secret(s)) {
        return Err(wrong_secret(line));
    }
    secrets
        .into_iter()
        .next()
        .ok_or_else(|| "there is none".into())
}

fn token(section: &Section<'_>) -> Option<(Secret, PathBuf)> {
    let (lines, path) = secret::read(section, "token")?;
    match only_token(lines) {
        Ok(token) => Some((token, path)),
        Err(what) => section.wrong_secret("token", what),
    }
}

fn only_token(lines: Vec<Secret>) -> Result<Secret, &'static str> {
    match <[Secret; 1]>::try_from(lines) {
        Ok([token]) if token.expose().bytes().all(|b| b.is_ascii_graphic()) => Ok(token),
        Ok(_) => Err("has characters that no token has"),
        Err(_) => Err("there must be one line with the token, and nothing else"),
    }
}

fn webhook_secrets(section: &Section<'_>) -> Option<Vec<Secret>> {
    let (secrets, _) = secret::read(section, "webhook-secrets")?;
    if let Some(line) = secrets.iter().position(|s| !is_webhook_secret(s)) {
        return section.wrong_secret("webhook-secrets", wrong_secret(line));
    }
    Some(secrets)
}

fn is_webhook_secret(secret: &Secret) -> bool {
    let clean = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let text = secret.expose();
    SECRET_CHARS.contains(&text.len()) && text.bytes().all(clean)
}

fn wrong_secret(line: usize) -> String {
    format!(
        "secret {} must be {} to {} letters, digits, - or _ (make one: openssl rand -hex 24)",
        line + 1,
        SECRET_CHARS.start(),
        SECRET_CHARS.end()
    )
}

pub(super) const NAME: &str = "up to 32 lower-case letters, digits or -, such as \"istanbul\"";

/// Names become parts of paths, keys and commands.
pub fn is_name(text: &str) -> Option<String> {
    let clean = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let fits = (1..=32).contains(&text.len()) && text.bytes().all(clean) && !text.starts_with('-');
    fits.then(|| text.to_owned())
}

/// Scheme and host. Without TLS the token would be readable on its way, so only to this box.
pub fn is_node(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let host = rest.strip_suffix('/').unwrap_or(rest);
    let clean = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
    if host.is_empty() || !host.bytes().all(clean) {
        return None;
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let here = ["127.0.0.1", "localhost", "[::1]"].contains(&name);
    match scheme {
        "https" => Some(format!("https://{host}")),
        "http" if here => Some(format!("http://{host}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_a_host_and_only_this_box_may_go_without_tls() {
        let fine = [
            ("https://use.hipcall.com", "https://use.hipcall.com"),
            ("https://use.hipcall.com.tr/", "https://use.hipcall.com.tr"),
            ("http://127.0.0.1:9090", "http://127.0.0.1:9090"),
            ("http://[::1]:9090", "http://[::1]:9090"),
            ("http://localhost", "http://localhost"),
        ];
        for (text, node) in fine {
            assert_eq!(is_node(text).as_deref(), Some(node));
        }
        for bad in [
            "use.hipcall.com",
            "http://use.hipcall.com",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "https://use.hipcall.com/api/v3",
            "https://user@use.hipcall.com",
            "https://",
            "ftp://use.hipcall.com",
        ] {
            assert_eq!(is_node(bad), None, "{bad}");
        }
    }
}
