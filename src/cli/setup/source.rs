//! The fourth question: where the contacts are. A file's columns are proposed, confirmed or changed, and five
//! contacts shown; another kind of source is begun with its block (`kind`).

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Value;

use super::account;
use super::columns::{Mapping, Table, propose};
use super::draft;
use super::earlier::Earlier;
use super::kind;
use super::service::Service;
use super::talk::{Question, Stop, Talk, Tries, marked};
use super::trial::{self, Sheet};
use crate::cli::source::{Kind, kinds};
use crate::config::Secret;
use crate::domain::dialling::Dialling;
use crate::domain::money::Currency;

/// Where the package has exports dropped.
pub(super) const DROP_FOLDER: &str = "/var/lib/ringcard-import";
/// So long a dropped file must be unchanged, and a moment more.
const QUIET: Duration = Duration::from_secs(11);
/// What no answer means where a source is configured already.
const KEEP: &str = "keep";

/// What the other answers say about the source.
pub(super) struct Around<'a> {
    pub(super) config: &'a Path,
    pub(super) service: &'a Service,
    pub(super) earlier: &'a Earlier,
    pub(super) account: &'a account::Answered,
}

pub(super) struct Answered {
    pub(super) source: draft::Source,
    /// Of another kind: what is to be put into which file of the secrets.
    pub(super) secrets: Vec<(String, Secret)>,
    /// What a person has to do in the file.
    pub(super) to_do: Vec<String>,
}

impl Answered {
    fn of(source: draft::Source) -> Answered {
        Answered {
            source,
            secrets: Vec::new(),
            to_do: Vec::new(),
        }
    }
}

impl Around<'_> {
    pub(super) fn directory(&self) -> &Path {
        self.config.parent().unwrap_or(Path::new("."))
    }

    /// A configuration of nothing but this source, to be tried. `secrets` holds what it needs.
    pub(super) fn to_try(&self, block: &str, secrets: &Path) -> Result<String, String> {
        let file = |name: &str, text: &str| {
            let path = secrets.join(name);
            let written = super::files::secret(&path, text, None);
            written.map_err(|e| crate::system::chain::of(&e))?;
            Ok::<_, String>(Value::from(path.display().to_string()))
        };
        // It is asked of nobody: only the source is read.
        let (token, webhook) = (file("token", "-")?, file("webhook", &"-".repeat(16))?);
        Ok(format!(
            "locale = {}\n[webhook]\nlisten = \"127.0.0.1:1\"\n[[account]]\nname = \"setup\"\n\
             node = \"https://127.0.0.1\"\nregion = {}\ntoken = {{ file = {token} }}\n\
             webhook-secrets = {{ file = {webhook} }}\n\n{block}",
            Value::from(self.account.locale_tag.as_str()),
            Value::from(self.account.region_code.as_str())
        ))
    }
}

enum Where {
    Kept,
    File(PathBuf),
    Folder(PathBuf, PathBuf),
    Kind(Kind),
}

pub(super) async fn ask(talk: &mut Talk, around: &Around<'_>) -> Result<Answered, Stop> {
    talk.say("\n4. Where are your contacts? A CSV or Excel file, or the folder that exports are dropped into; or another");
    talk.say("   kind of source: ? lists them.");
    let before = around.earlier.source();
    if let Some(before) = before {
        talk.say(&format!("   Enter keeps {}", described(before)));
    }
    let usual = match before {
        Some(_) => Some(KEEP.to_owned()),
        None => Path::new(DROP_FOLDER)
            .is_dir()
            .then(|| DROP_FOLDER.to_owned()),
    };
    let question = Question::new("Contacts", "--source").usual(usual);
    let mut tries = Tries::default();
    loop {
        let answer = talk.answer(&question).await?;
        if answer == "?" {
            talk.say(&listed(around));
            continue;
        }
        let wrong = match place(&answer, around) {
            Ok(Where::Kept) => return kept(talk, around).await,
            Ok(Where::Kind(kind)) => return kind::ask(talk, around, &kind).await,
            Ok(Where::File(path)) => match sheet(talk, around, &path, None).await? {
                Ok(answered) => return Ok(answered),
                Err(wrong) => wrong,
            },
            Ok(Where::Folder(folder, newest)) => {
                match sheet(talk, around, &newest, Some(&folder)).await? {
                    Ok(answered) => return Ok(answered),
                    Err(wrong) => wrong,
                }
            }
            Err(wrong) => wrong,
        };
        talk.wrong(&question, &wrong, &mut tries)?;
    }
}

fn described(source: &toml::Table) -> String {
    let text = |key: &str| source.get(key).and_then(Value::as_str);
    let place = ["path", "folder", "url", "host"].into_iter().find_map(text);
    let place = place.map(|place| format!(", {place}")).unwrap_or_default();
    let [name, kind] = ["name", "type"].map(|key| text(key).unwrap_or("?"));
    format!("{name} ({kind}{place})")
}

fn listed(around: &Around<'_>) -> String {
    let (kinds, _) = kinds(around.config);
    let line = |kind: &Kind| format!("   {:14} {}", kind.name, kind.title);
    kinds.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn place(answer: &str, around: &Around<'_>) -> Result<Where, String> {
    if answer.is_empty() {
        return Err("type the path of a file or folder, or ? for other kinds of sources".into());
    }
    if answer == KEEP && around.earlier.source().is_some() {
        return Ok(Where::Kept);
    }
    let (kinds, _) = kinds(around.config);
    let is_path = answer.contains(['/', '.']);
    // CSV and Excel files are asked for by their paths.
    let is_kind = |kind: &Kind| kind.name == answer && !["csv", "xlsx"].contains(&answer);
    if let Some(kind) = kinds.into_iter().find(is_kind).filter(|_| !is_path) {
        return Ok(Where::Kind(kind));
    }
    let path = std::path::absolute(answer).map_err(|e| format!("{answer}: {e}"))?;
    let metadata = std::fs::metadata(&path);
    let metadata = metadata.map_err(|e| match (e.kind(), is_path) {
        (std::io::ErrorKind::NotFound, false) => {
            format!("there is no kind {answer} (? lists them), and no such file or folder here")
        }
        (std::io::ErrorKind::NotFound, true) => {
            format!(
                "{} is not there: check the path, and that the export has run",
                path.display()
            )
        }
        _ => format!("{} can't be looked at: {e}", path.display()),
    })?;
    if !metadata.is_dir() {
        around.service.can_read(&path)?;
        return Ok(Where::File(path));
    }
    let newest = trial::newest(&path)?.ok_or_else(|| {
        format!(
            "no .csv or .xlsx file is in {}: put a first export there, then press Enter",
            path.display()
        )
    })?;
    around.service.can_read(&newest)?;
    Ok(Where::Folder(path, newest))
}

/// The earlier source, tried once more; it stays whatever comes of it.
async fn kept(talk: &mut Talk, around: &Around<'_>) -> Result<Answered, Stop> {
    let pieces = around.earlier.pieces().into_iter();
    let its = pieces.filter(|p| p.of == "source" && p.place == 0);
    let block: String = its.map(|p| p.text).collect();
    show(talk, around, &block, &[]).await?;
    Ok(Answered::of(draft::Source::Kept))
}

/// A file with a header. `folder` is where it was found, if others will follow it.
async fn sheet(
    talk: &mut Talk,
    around: &Around<'_>,
    path: &Path,
    folder: Option<&Path>,
) -> Result<Result<Answered, String>, Stop> {
    let sheet = Sheet::of(path);
    let dialling = Dialling::of(around.account.region);
    let table = match trial::look(path, sheet, &dialling).await {
        Ok(table) => table,
        Err(wrong) => return Ok(Err(wrong)),
    };
    talk.say(&format!(
        "\n   Its columns, and what I take them for ({}):",
        path.display()
    ));
    let mut mapping = propose(&table, &dialling, around.account.locale);
    let block =
        |location: &str, place: &Path, mapping: &Mapping| block(sheet, location, place, mapping);
    loop {
        confirm(talk, around, &table, &mut mapping).await?;
        let usable = show(talk, around, &block("path", path, &mapping), &[]).await?;
        if usable && talk.yes("Are these right", "--contacts-right").await? {
            break;
        }
        if !usable && !talk.is_given("--column") {
            talk.say("   None of them can be used like this.");
        }
        talk.say("\n   Then what is to be changed?");
    }
    let written = match folder {
        Some(folder) => {
            settled(talk, path).await;
            block("folder", folder, &mapping)
        }
        None => block("path", path, &mapping),
    };
    Ok(Ok(Answered::of(draft::Source::Block(written))))
}

/// A file that has just been dropped is not read before it is sure to be whole; the check would say so.
async fn settled(talk: &mut Talk, export: &Path) {
    let modified = std::fs::metadata(export).and_then(|m| m.modified());
    let age = modified.ok().and_then(|time| time.elapsed().ok());
    let left = age.and_then(|age| QUIET.checked_sub(age));
    if let Some(left) = left.filter(|left| !left.is_zero()) {
        talk.say("   That file is just a moment old. Waiting until it is sure to be whole ...");
        tokio::time::sleep(left).await;
    }
}

/// Shows the mapping until it is taken.
async fn confirm(
    talk: &mut Talk,
    around: &Around<'_>,
    table: &Table,
    mapping: &mut Mapping,
) -> Result<(), Stop> {
    let mut tries = Tries::default();
    loop {
        talk.say(&mapping.shown(&table.header));
        let lacks = mapping.lacks();
        if let Some(lacks) = lacks {
            talk.say(&marked(lacks));
        }
        let usual = lacks.is_none().then(|| "right".to_owned());
        let asked = match lacks {
            None => "Right? Or a change, such as: numbers = COLUMN, COLUMN (- for none)",
            Some(_) => "Change",
        };
        let question = Question::new(asked, "--column").usual(usual);
        let answer = talk.answer(&question).await?;
        let is_yes = ["right", "yes", "y"].contains(&answer.as_str());
        if is_yes && lacks.is_none() {
            return currency(talk, around, mapping).await;
        }
        match mapping.change(&answer, &table.header) {
            Ok(()) => {
                let decimal = mapping.decimal.filter(|_| answer.starts_with("decimal"));
                mapping.learn_decimal(table, around.account.locale);
                mapping.decimal = decimal.or(mapping.decimal);
            }
            Err(wrong) => talk.wrong(&question, &wrong, &mut tries)?,
        }
    }
}

/// Balances without a column of currencies are all in one.
async fn currency(talk: &mut Talk, around: &Around<'_>, mapping: &mut Mapping) -> Result<(), Stop> {
    mapping.default_currency = None;
    if mapping.balance.is_none() || mapping.currency.is_some() {
        return Ok(());
    }
    let question = Question::new("Which currency are the balances in", "--currency");
    let question = question.usual(currency_of(&around.account.region_code).map(str::to_owned));
    let judge = |answer: &str| {
        let currency = Currency::parse(answer).map(|c| c.code().to_owned());
        currency.ok_or_else(|| "that is no currency's code, such as TRY or EUR".to_owned())
    };
    mapping.default_currency = Some(talk.until(&question, judge).await?);
    Ok(())
}

fn currency_of(region: &str) -> Option<&'static str> {
    match region {
        "TR" => Some("TRY"),
        "GB" => Some("GBP"),
        "US" => Some("USD"),
        "CH" => Some("CHF"),
        "DE" | "FR" | "NL" | "AT" | "BE" | "IE" | "IT" | "ES" | "PT" | "LU" | "FI" | "GR" => {
            Some("EUR")
        }
        _ => None,
    }
}

fn block(sheet: Sheet, location: &str, place: &Path, mapping: &Mapping) -> String {
    let kind = sheet.name();
    let place = Value::from(place.display().to_string());
    format!(
        "[[source]]\nname = \"crm\"\ntype = \"{kind}\"\n{location} = {place}\n\
         every = \"15m\"                               # how often it is looked at\n\n\
         [source.columns]                            # the names in its first line\n{}\
         # Also: customer-code, tax-number, email, owner, updated, vip, warning, overdue\n",
        mapping.toml()
    )
}

/// Reads five records and shows what became of them; whether one can be used.
pub(super) async fn show(
    talk: &mut Talk,
    around: &Around<'_>,
    block: &str,
    secrets: &[(String, Secret)],
) -> Result<bool, Stop> {
    let staged = tempfile::tempdir().map_err(|e| Stop::Failed(e.to_string()))?;
    let tried = async {
        for (file, secret) in secrets {
            let path = staged.path().join(file);
            let written = super::files::secret(&path, secret.expose(), None);
            written.map_err(|e| crate::system::chain::of(&e))?;
        }
        let here = format!("{}/", staged.path().display());
        let block = block.replace(kind::SECRETS, &here);
        let text = around.to_try(&block, staged.path())?;
        trial::tried(&text, around.directory()).await
    };
    match tried.await {
        Ok(tried) => {
            if !tried.told.is_empty() {
                talk.say("\n   The first contacts, as they would be found and shown:");
                talk.say(&tried.told);
            }
            tried.notes.iter().for_each(|note| talk.say(&marked(note)));
            Ok(tried.usable > 0)
        }
        Err(wrong) => {
            talk.say(&marked(&wrong));
            Ok(false)
        }
    }
}
