//! The questions in their order, what the answers make, and what is left to do.

use std::path::{Path, PathBuf};

use super::account::{self, Nodes};
use super::door;
use super::draft::{Draft, Source};
use super::earlier::{Earlier, Standing};
use super::service::Service;
use super::source::{self, Around};
use super::start::{self, Change};
use super::talk::{Stop, Talk, marked};
use super::write::{Places, Writing, Written};
use crate::config::is_name;
use crate::hipcall::{Connector, Trust};
use crate::system::chain;

/// What the command line says beside the answers.
pub(super) struct Order {
    pub(super) config: PathBuf,
    pub(super) account: Option<String>,
    pub(super) nodes: Vec<String>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) no_start: bool,
}

/// Whether nothing is left to do.
pub(super) async fn run(talk: &mut Talk, order: &Order) -> Result<bool, Stop> {
    let config = order.config.as_path();
    let service = Service::of(config);
    let unread = |e| Stop::Failed(format!("{} can't be read: {e}", config.display()));
    let earlier = Earlier::read(config).map_err(unread)?;
    let name = named(order, &earlier)?;
    if let Some(file) = &order.ca_file {
        service.can_read(file).map_err(Stop::Failed)?;
    }
    greet(talk, config, &earlier, &name);
    let nodes = Nodes {
        known: order.nodes.clone(),
        connector: connector(order, &earlier)?,
    };
    let account = Box::pin(account::ask(talk, &nodes, &earlier, &name)).await?;
    let around = Around {
        config,
        service: &service,
        earlier: &earlier,
        account: &account,
    };
    let contacts = Box::pin(source::ask(talk, &around)).await?;
    let door = door::ask(talk, &service, &earlier).await?;
    let places = Places::of(config, &service, &earlier, &name);
    let ca_file = earlier.text_at("hipcall", "ca-file").map(str::to_owned);
    let draft = Draft {
        locale: account.locale_tag.clone(),
        has_own_directories: !service.is_packaged,
        ca_file: ca_file.or_else(|| order.ca_file.as_deref().map(shown)),
        door: door.door.clone(),
        account: account.draft(&name, &places),
        source: with_secrets_at(contacts.source, &places.prefix),
    };
    agree(talk, config).await?;
    let writing = Writing {
        config,
        service: &service,
        earlier: &earlier,
        draft: &draft,
        places: &places,
        token: &account.token,
        secrets: &contacts.secrets,
    };
    let written = Box::pin(writing.write(talk)).await?;
    let runs = Box::pin(started(talk, order, &earlier, &door, &name)).await?;
    let left = [account.lacks, contacts.to_do].concat();
    let command = command(&service, config);
    farewell(talk, &command, &door.public, &written, &left);
    Ok(runs && left.is_empty() && !written.findings)
}

async fn agree(talk: &mut Talk, config: &Path) -> Result<(), Stop> {
    talk.say("");
    let question = format!("Write {}", config.display());
    match talk.yes(&question, "--yes").await? {
        true => Ok(()),
        false => Err(Stop::Failed("nothing was changed".into())),
    }
}

fn named(order: &Order, earlier: &Earlier) -> Result<String, Stop> {
    let name = account::name(order.account.as_deref(), earlier);
    if is_name(&name).is_none() {
        let what = "an account's name is up to 32 lower-case letters, digits or -";
        return Err(Stop::Failed(format!("{name}: {what}")));
    }
    Ok(name)
}

fn greet(talk: &mut Talk, config: &Path, earlier: &Earlier, name: &str) {
    talk.say("Ringcard needs six answers. Each is tried at once, nothing is written before the end, and Ctrl-C");
    talk.say("leaves everything as it is. Enter takes what stands in brackets.");
    let shown = config.display();
    match &earlier.standing {
        Standing::Missing | Standing::Packaged => {}
        Standing::Ours | Standing::OfAPerson => {
            talk.say(&format!(
                "\n{shown} is there: its answers stand in the brackets."
            ));
        }
        Standing::Broken(why) => talk.say(&marked(&format!(
            "{shown} can't be understood ({why}): it answers nothing, and a copy of it is kept."
        ))),
    }
    let others = earlier
        .names("account")
        .into_iter()
        .filter(|other| other != name);
    let others: Vec<String> = others.collect();
    if !others.is_empty() {
        let others = others.join(", ");
        talk.say(&format!(
            "This is about the account {name}; others stay as they are: {others}."
        ));
    }
}

/// With the secrets' places in it; what is kept has them already.
fn with_secrets_at(source: Source, prefix: &str) -> Source {
    match source {
        Source::Block(block) => Source::Block(block.replace(super::kind::SECRETS, prefix)),
        Source::Kept => Source::Kept,
    }
}

/// What this office's commands begin with.
fn command(service: &Service, config: &Path) -> String {
    match service.is_packaged {
        true => "sudo ringcard".to_owned(),
        false => format!("ringcard --config {}", quoted(config)),
    }
}

/// As a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let shown = shown(path);
    let plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    match shown.chars().all(plain) {
        true => shown,
        false => format!("'{}'", shown.replace('\'', "'\\''")),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Whom the earlier configuration, or the command line, believes to be Hipcall.
fn connector(order: &Order, earlier: &Earlier) -> Result<Connector, Stop> {
    let there = earlier.text_at("hipcall", "ca-file").map(|file| {
        let here = order.config.parent().unwrap_or(Path::new("."));
        here.join(file)
    });
    let ca_file = there.or_else(|| order.ca_file.clone());
    Connector::new(&Trust { ca_file }).map_err(|e| Stop::Failed(chain::of(&e)))
}

/// Whether it runs, where it is to.
async fn started(
    talk: &mut Talk,
    order: &Order,
    earlier: &Earlier,
    door: &door::Answered,
    name: &str,
) -> Result<bool, Stop> {
    let Some(listen) = &door.socket else {
        let shown = quoted(&order.config);
        talk.say(&format!("\n   Start it: ringcard --config {shown} run"));
        return Ok(true);
    };
    let port_changed = start::set_port(listen).map_err(Stop::Failed)?;
    let is_the_same = matches!(earlier.standing, Standing::Ours | Standing::OfAPerson)
        && door.door.is_as_in(earlier);
    let change = if is_the_same {
        Change::Rest
    } else {
        Change::Door
    };
    if order.no_start || !talk.yes("Start Ringcard now", "--yes").await? {
        talk.say("   Start it, or have it take this up:");
        for command in start::commands(start::is_running(), port_changed, change) {
            talk.say(&format!("   sudo systemctl {}", command.join(" ")));
        }
        return Ok(true);
    }
    start::start(talk, &order.config, name, port_changed, change).await
}

fn farewell(talk: &mut Talk, command: &str, public: &str, written: &Written, left: &[String]) {
    let secret = written.webhook_secret.expose();
    talk.say(&format!(
        "\nNow tell Hipcall where to send calls. In its panel: Account > Integrations > Webhook\n\n   \
         URL      https://{public}/hooks/{secret}\n   \
         events   call_init and call_hangup, no others\n\n\
         The end of that address is a secret: who has it can send calls to this box.\n\n\
         Then try it:\n   \
         1. Open that address from outside the office: it says \"Ringcard is here, and this address is right.\"\n   \
         2. See the card that a call from a customer's number would get: {command} card NUMBER\n   \
         3. See whether everything is well that a call depends on: {command} doctor\n   \
         4. Call, and look at the telephone. What became of the call: {command} status"
    ));
    if !left.is_empty() {
        talk.say("\nStill to do:");
        left.iter().for_each(|what| talk.say(&marked(what)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_to_a_shell() {
        for (path, expected) in [
            ("/etc/ringcard/ringcard.toml", "/etc/ringcard/ringcard.toml"),
            ("/srv/şube/r.toml", "/srv/şube/r.toml"),
            ("/srv/a b/r.toml", "'/srv/a b/r.toml'"),
            ("/srv/it's", "'/srv/it'\\''s'"),
        ] {
            assert_eq!(quoted(Path::new(path)), expected);
        }
    }
}
