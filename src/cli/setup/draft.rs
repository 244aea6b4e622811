//! The configuration that the answers make: short, annotated, and with everything of the earlier one that the
//! questions are not about.
//!
//! It guarantees that what is carried over means the same as before: both files are read and compared, and what
//! does not come through is left to the copy, by name. The last line holds a sum of all others, by which a later
//! setup knows whether somebody has worked on the file.

use std::fmt::Write;

use ring::digest::{SHA256, digest};
use toml::{Table, Value};

use super::earlier::{Earlier, Piece};

const HEAD: &str =
    "# Ringcard's configuration, written by `ringcard setup`. All keys: man ringcard.toml
# Try a change: sudo ringcard check. Take it up: sudo systemctl reload ringcard
";
/// What a person may want next.
pub(super) const TAIL: &str = r#"
# More sources: ringcard source list, ringcard source new KIND
#
# Without [[card.row]] the card has what to mind, name, company, balance and its age. With it, these rows only:
# [[card.row]]
# type = "title"
# text = "{{ contact.company or contact.name }}"
# link = "https://crm.example/customer/{{ contact.key }}"
"#;
const SEAL: &str = "# As setup wrote it: ";
/// Bytes of the sum that are written down: it is against oversight, not against malice.
const SEAL_BYTES: usize = 8;

/// Keys that the questions answer; others are carried over.
const OF_THE_TOP: &[&str] = &["locale"];
const OF_WEBHOOK: &[&str] = &["listen", "plain-listen", "certificate", "key", "names"];
const OF_ACCOUNT: &[&str] = &["name", "node", "region", "token", "webhook-secrets"];

#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) locale: String,
    /// Of a try-out beside the packaged place.
    pub(super) has_own_directories: bool,
    pub(super) ca_file: Option<String>,
    pub(super) door: Door,
    pub(super) account: Account,
    pub(super) source: Source,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Door {
    pub(super) listen: Option<String>,
    pub(super) plain_listen: Option<String>,
    pub(super) files: Option<(String, String)>,
    pub(super) names: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) node: String,
    pub(super) region: String,
    pub(super) token: String,
    pub(super) secrets: String,
}

#[derive(Clone, Debug)]
pub(super) enum Source {
    /// The earlier one, word for word.
    Kept,
    Block(String),
}

impl Default for Source {
    fn default() -> Source {
        Source::Block(String::new())
    }
}

/// A file, and what of the earlier one is not in it.
#[derive(Debug)]
pub(super) struct Composed {
    pub(super) text: String,
    pub(super) left_out: Vec<String>,
}

impl Door {
    /// Whether a service that runs with the earlier configuration needs no restart for this one.
    pub(super) fn is_as_in(&self, earlier: &Earlier) -> bool {
        let text = |key: &str| earlier.text_at("webhook", key).map(str::to_owned);
        let (certificate, key) = self.files.clone().unzip();
        let ours = [&self.listen, &self.plain_listen, &certificate, &key];
        let before = ["listen", "plain-listen", "certificate", "key"].map(text);
        before.iter().eq(ours) && self.names == earlier.texts_at("webhook", "names")
    }
}

impl Draft {
    pub(super) fn compose(&self, earlier: &Earlier) -> Composed {
        let (carried, mut left_out) = self.carried(earlier);
        let text = self.text(earlier, &carried);
        if lost(&text, earlier, self).is_empty() {
            return Composed {
                text: sealed(text),
                left_out,
            };
        }
        let text = self.text(earlier, &Carried::default());
        left_out.extend(lost(&text, earlier, self));
        Composed {
            text: sealed(text),
            left_out,
        }
    }

    fn text(&self, earlier: &Earlier, carried: &Carried) -> String {
        let mut text = HEAD.to_owned();
        text.push('\n');
        line(
            &mut text,
            "locale",
            &self.locale,
            "how amounts and labels are written: en, tr, de, fr, nl",
        );
        let given = |key: &str| earlier.table.contains_key(key);
        if self.has_own_directories && !given("state-dir") && !given("runtime-dir") {
            text.push_str("runtime-dir = \"run\"\nstate-dir = \"state\"\n");
        }
        others(&mut text, &earlier.table, OF_THE_TOP);
        self.webhook(&mut text, earlier);
        text.push_str(&carried.hipcall);
        if let (Some(ca_file), true) = (&self.ca_file, carried.hipcall.is_empty()) {
            text.push_str("\n[hipcall]\n");
            line(
                &mut text,
                "ca-file",
                ca_file,
                "whom to trust instead of the system's authorities",
            );
        }
        let account = self.account_text(earlier);
        let source = match &self.source {
            Source::Kept => carried.source.clone(),
            Source::Block(block) => format!("\n{}\n", block.trim()),
        };
        let (before, after) = match carried.is_first {
            true => (account.as_str(), ""),
            false => ("", account.as_str()),
        };
        for part in [before, &carried.accounts, after, &source, &carried.rest] {
            text.push_str(part);
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        // Rows of one's own need no advice about rows.
        if !carried.rest.contains("card.row") {
            text.push_str(TAIL);
        }
        text
    }

    fn webhook(&self, text: &mut String, earlier: &Earlier) {
        let door = &self.door;
        text.push_str("\n[webhook]\n");
        if let Some(listen) = &door.listen {
            let about = match listen.as_str() {
                "systemd" => "the port of ringcard.socket: systemctl cat ringcard.socket",
                _ => "TLS",
            };
            line(text, "listen", listen, about);
        }
        if let Some(plain) = &door.plain_listen {
            line(
                text,
                "plain-listen",
                plain,
                "the proxy or tunnel on this box does TLS",
            );
        }
        match &door.files {
            Some((certificate, key)) => {
                line(
                    text,
                    "certificate",
                    certificate,
                    "the full chain; taken up when it changes",
                );
                line(text, "key", key, "");
            }
            None if door.listen.is_some() => {
                if !door.names.is_empty() {
                    let names = Value::from(door.names.clone());
                    entry(
                        text,
                        "names",
                        &names,
                        "whose the certificate is that Ringcard makes for itself",
                    );
                }
                text.push_str("# certificate = \"/etc/ringcard/tls.crt\"      # the full chain, PEM, instead of its own\n");
                text.push_str("# key = \"/etc/ringcard/tls.key\"\n");
            }
            None => {}
        }
        if let Some(table) = earlier.table.get("webhook").and_then(Value::as_table) {
            others(text, table, OF_WEBHOOK);
        }
    }

    fn account_text(&self, earlier: &Earlier) -> String {
        let account = &self.account;
        let mut text = "\n[[account]]\n".to_owned();
        line(&mut text, "name", &account.name, "");
        line(&mut text, "node", &account.node, "");
        line(
            &mut text,
            "region",
            &account.region,
            "the country of numbers without a country code",
        );
        let _ = writeln!(
            text,
            "token = {{ file = {} }}",
            Value::from(account.token.as_str())
        );
        let _ = writeln!(
            text,
            "webhook-secrets = {{ file = {} }}",
            Value::from(account.secrets.as_str())
        );
        let before = earlier.account(Some(&account.name)).map(|(_, table)| table);
        if let Some(table) = before {
            others(&mut text, table, OF_ACCOUNT);
        }
        let has = |key: &str| before.is_some_and(|t| t.contains_key(key));
        if !has("token-expires") {
            text.push_str("# token-expires = \"2026-12-31\"               # as Hipcall's panel shows it: told 14 days ahead\n");
        }
        if !has("business-hours") {
            text.push_str("# business-hours = \"Mon-Fri 09:00-18:00\"     # in which a silent webhook is looked into\n");
        }
        text
    }

    /// The parts of the earlier file that stay, by where they go.
    fn carried(&self, earlier: &Earlier) -> (Carried, Vec<String>) {
        let ours = earlier
            .account(Some(&self.account.name))
            .map(|(place, _)| place);
        let mut carried = Carried {
            is_first: ours.is_none_or(|place| place == 0),
            ..Carried::default()
        };
        if ours.is_none() && earlier.account(None).is_some() {
            carried.is_first = false;
        }
        let mut left_out = Vec::new();
        let source_goes = matches!(self.source, Source::Block(_));
        for Piece { of, place, text } in earlier.pieces() {
            match of.as_str() {
                "" | "webhook" => {}
                "account" if Some(place) == ours => {}
                "account" => carried.accounts.push_str(&text),
                "source" if place == 0 && source_goes => {}
                "source" => carried.source.push_str(&text),
                "hipcall" => carried.hipcall.push_str(&text),
                _ => carried.rest.push_str(&text),
            }
        }
        if let (Some(source), true) = (earlier.source(), source_goes) {
            let name = source.get("name").and_then(Value::as_str).unwrap_or("?");
            left_out.push(format!(
                "the source {name}, in whose place the new one stands"
            ));
            carried.rest = std::mem::take(&mut carried.source) + &carried.rest;
        }
        for part in [
            &mut carried.hipcall,
            &mut carried.accounts,
            &mut carried.source,
            &mut carried.rest,
        ] {
            if !part.is_empty() {
                *part = format!("\n{}\n", part.trim());
            }
        }
        (carried, left_out)
    }
}

/// Parts of the earlier file.
#[derive(Debug, Default)]
struct Carried {
    /// Whether the account of the questions stands before the others.
    is_first: bool,
    hipcall: String,
    accounts: String,
    source: String,
    rest: String,
}

/// What the new file does not have as the old one had it.
fn lost(text: &str, earlier: &Earlier, draft: &Draft) -> Vec<String> {
    let new = text.parse::<Table>().unwrap_or_default();
    let asked = |key: &str| ["locale", "webhook", "account", "source"].contains(&key);
    let differs = |(key, old): &(&String, &Value)| !asked(key) && new.get(*key) != Some(*old);
    let keys = earlier.table.iter().filter(differs);
    let mut lost: Vec<String> = keys.map(|(key, _)| format!("[{key}]")).collect();
    for of in ["account", "source"] {
        let skips = |table: &Value| match of {
            "account" => table.get("name").and_then(Value::as_str) == Some(&draft.account.name),
            _ => matches!(draft.source, Source::Block(_)) && table.as_table() == earlier.source(),
        };
        let old = earlier.table.get(of).and_then(Value::as_array);
        let is_there = |table: &Value| {
            let all = new.get(of).and_then(Value::as_array);
            all.is_some_and(|all| all.contains(table))
        };
        let gone = old
            .into_iter()
            .flatten()
            .filter(|t| !skips(t) && !is_there(t));
        lost.extend(gone.map(|t| {
            let name = t.get("name").and_then(Value::as_str).unwrap_or("?");
            format!("the {of} {name}")
        }));
    }
    lost
}

/// Column at which comments stand.
const KEY_CHARS: usize = 43;

fn line(text: &mut String, key: &str, value: &str, about: &str) {
    entry(text, key, &Value::from(value), about);
}

fn entry(text: &mut String, key: &str, value: &Value, about: &str) {
    let entry = format!("{key} = {value}");
    let _ = match about {
        "" => writeln!(text, "{entry}"),
        about => writeln!(text, "{entry:KEY_CHARS$}  # {about}"),
    };
}

/// The keys of a table that no question is about.
fn others(text: &mut String, table: &Table, asked: &[&str]) {
    let is_tables = |value: &Value| match value {
        Value::Table(_) => asked == OF_THE_TOP,
        Value::Array(all) => asked == OF_THE_TOP && all.iter().any(Value::is_table),
        _ => false,
    };
    for (key, value) in table {
        if !asked.contains(&key.as_str()) && !is_tables(value) {
            entry(text, key, value, "");
        }
    }
}

fn sum(text: &str) -> String {
    let sum = digest(&SHA256, text.as_bytes());
    let bytes = sum.as_ref().iter().take(SEAL_BYTES);
    bytes.map(|b| format!("{b:02x}")).collect()
}

fn sealed(text: String) -> String {
    let sum = sum(&text);
    format!("{text}\n{SEAL}{sum}\n")
}

/// What was sealed, and the seal; none where there is none.
fn split(text: &str) -> Option<(&str, &str)> {
    let at = text.rfind(&format!("\n{SEAL}"))?;
    Some(text.split_at(at))
}

/// Without the line of the seal; what a person has put after it stays.
pub(super) fn unsealed(text: &str) -> String {
    let Some((body, seal)) = split(text) else {
        return text.to_owned();
    };
    let after = seal
        .trim_start()
        .split_once('\n')
        .map_or("", |(_, after)| after);
    body.to_owned() + after
}

pub(super) fn is_sealed(text: &str) -> bool {
    split(text).is_some_and(|(body, seal)| seal == format!("\n{SEAL}{}\n", sum(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        Draft {
            locale: "tr".into(),
            door: Door {
                listen: Some("0.0.0.0:8443".into()),
                names: vec!["pi.example".into()],
                ..Door::default()
            },
            account: Account {
                name: "office".into(),
                node: "https://use.hipcall.com.tr".into(),
                region: "TR".into(),
                token: "secrets/office.token".into(),
                secrets: "secrets/office.webhook".into(),
            },
            source: Source::Block("[[source]]\nname = \"crm\"\n".into()),
            ..Draft::default()
        }
    }

    fn earlier(text: &str) -> Earlier {
        Earlier::of(text.to_owned(), "/etc/ringcard".into())
    }

    #[test]
    fn a_new_file_is_known_again_until_somebody_changes_it() {
        let composed = draft().compose(&Earlier::default());
        assert!(composed.left_out.is_empty() && is_sealed(&composed.text));
        let table: Table = composed.text.parse().unwrap();
        assert_eq!(table["account"][0]["region"].as_str(), Some("TR"));
        assert!(!earlier(&composed.text).is_a_persons());
        for touched in [
            composed.text.replace("TR", "GB"),
            composed.text.clone() + "\n",
        ] {
            assert!(earlier(&touched).is_a_persons());
        }
        let lines = composed.text.lines();
        assert!(
            lines.clone().all(|l| l.chars().count() <= 120),
            "{}",
            composed.text
        );
        assert!(lines.count() < 40);
    }

    #[test]
    fn written_again_with_the_same_answers_it_is_the_same() {
        let first = draft().compose(&Earlier::default()).text;
        let kept = Draft {
            source: Source::Kept,
            ..draft()
        };
        let second = kept.compose(&earlier(&first));
        assert_eq!(
            (second.text.as_str(), second.left_out.len()),
            (first.as_str(), 0)
        );
    }

    const WORKED_ON: &str = "state-dir = \"/data\"\n[webhook]\nplain-listen = \"127.0.0.1:80\"\n[hipcall]\n\
        ca-file = \"ca.pem\"\n[[account]]\nname = \"office\"\nsilence-alarm = \"1h\"\n[[account]]\nname = \"ankara\"\n\
        node = \"https://use.hipcall.com\"\n[[source]]\nname = \"old\"\n[source.columns]\nname = \"N\"\n\
        [[source]]\nname = \"erp\"\nkind = \"balances\"\n# rows\n[[card.row]]\ntype = \"title\"\ntext = \"[x]\"\n";

    #[test]
    fn what_is_not_asked_about_is_carried_over() {
        let before = earlier(WORKED_ON);
        let composed = draft().compose(&before);
        assert_eq!(
            composed.left_out,
            ["the source old, in whose place the new one stands"]
        );
        let (old, new): (&Table, Table) = (&before.table, composed.text.parse().unwrap());
        for key in ["state-dir", "hipcall", "card"] {
            assert_eq!(new.get(key), old.get(key), "{key}");
        }
        assert_eq!(new["account"][0]["silence-alarm"].as_str(), Some("1h"));
        assert_eq!(new["account"][1], old["account"][1]);
        assert_eq!(new["source"][1], old["source"][1]);
        assert_eq!(new["source"][0]["name"].as_str(), Some("crm"));
        assert!(
            composed.text.contains("# rows\n[[card.row]]"),
            "{}",
            composed.text
        );
        let mut another = draft();
        another.account.name = "izmir".into();
        let composed = another.compose(&before);
        let new: Table = composed.text.parse().unwrap();
        let names = new["account"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| a["name"].as_str());
        assert!(names.flatten().eq(["office", "ankara", "izmir"]));
    }

    #[test]
    fn what_would_mean_something_else_is_left_to_the_copy_and_named() {
        let strange = "account = [{ name = \"ankara\" }]\n[card]\nx = \"\"\"\n[webhook]\n\"\"\"\n";
        let composed = draft().compose(&earlier(strange));
        assert!(composed.text.parse::<Table>().is_ok(), "{}", composed.text);
        let named = composed.left_out.join(", ");
        assert!(
            named.contains("[card]") && named.contains("ankara"),
            "{named}"
        );
    }
}
