//! Puts the answers on the disk: secrets, a copy of what a person has written, the configuration. It is checked as
//! the service will read it before it takes its name; until then the old one is in place.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};

use super::account::Token;
use super::draft::Draft;
use super::earlier::{Earlier, Standing};
use super::files::{self, WriteError};
use super::service::Service;
use super::talk::{Stop, Talk, marked};
use crate::cli::EXIT_CONFIG;
use crate::config::{Config, Secret, webhook_secret_in};
use crate::system::chain;
use crate::tasks::Tasks;

/// Random bytes of a webhook secret, which stands in twice as many digits.
const SECRET_BYTES: usize = 24;

/// Where the secrets of the account are, as paths and as the configuration writes them.
pub(super) struct Places {
    pub(super) directory: PathBuf,
    token: PathBuf,
    webhook: PathBuf,
    pub(super) token_text: String,
    pub(super) webhook_text: String,
    /// What the configuration writes before a secret's file.
    pub(super) prefix: String,
}

impl Places {
    /// Those of the earlier configuration, or the usual ones.
    pub(super) fn of(config: &Path, service: &Service, earlier: &Earlier, name: &str) -> Places {
        let here = config.parent().unwrap_or(Path::new("."));
        let directory = here.join("secrets");
        let prefix = match service.is_packaged {
            true => format!("{}/", directory.display()),
            false => "secrets/".to_owned(),
        };
        let before = earlier.account(Some(name)).map(|(_, table)| table);
        let place = |key: &str, kind: &str| {
            let there = before.and_then(|table| {
                let path = earlier.secret_file(table, key)?;
                Some((path, table.get(key)?.get("file")?.as_str()?.to_owned()))
            });
            let file = format!("{name}.{kind}");
            there.unwrap_or_else(|| (directory.join(&file), format!("{prefix}{file}")))
        };
        let (token, token_text) = place("token", "token");
        let (webhook, webhook_text) = place("webhook-secrets", "webhook");
        Places {
            token,
            webhook,
            token_text,
            webhook_text,
            prefix,
            directory,
        }
    }
}

pub(super) struct Writing<'a> {
    pub(super) config: &'a Path,
    pub(super) service: &'a Service,
    pub(super) earlier: &'a Earlier,
    pub(super) draft: &'a Draft,
    pub(super) places: &'a Places,
    pub(super) token: &'a Token,
    pub(super) secrets: &'a [(String, Secret)],
}

pub(super) struct Written {
    pub(super) webhook_secret: Secret,
    /// What the check found that does not keep it from starting.
    pub(super) findings: bool,
}

impl Writing<'_> {
    pub(super) async fn write(&self, talk: &mut Talk) -> Result<Written, Stop> {
        let composed = self.draft.compose(self.earlier);
        let webhook_secret = self.secrets(talk).map_err(Stop::Failed)?;
        let findings = self.check(talk, &composed.text).await?;
        self.keep_copy(talk, &composed.left_out)
            .map_err(Stop::Failed)?;
        files::public(self.config, &composed.text).map_err(failed)?;
        talk.say(&format!("   {} is written.", self.config.display()));
        self.renew_certificate(talk);
        Ok(Written {
            webhook_secret,
            findings,
        })
    }

    /// The webhook's secret, once all secrets are in their files. One that is there stays: Hipcall knows it.
    fn secrets(&self, talk: &mut Talk) -> Result<Secret, String> {
        let owner = self.service.user;
        let told = |e: WriteError| chain::of(&e);
        files::secrets_directory(&self.places.directory, owner).map_err(told)?;
        let mut put = |path: &Path, secret: &Secret| {
            files::secret(path, secret.expose(), owner).map_err(told)?;
            talk.say(&format!(
                "   {} is written, for the service alone.",
                path.display()
            ));
            Ok::<_, String>(())
        };
        if let Token::New(token) = self.token {
            put(&self.places.token, token)?;
        }
        for (file, secret) in self.secrets {
            put(&self.places.directory.join(file), secret)?;
        }
        let path = &self.places.webhook;
        if path.exists() {
            let kept = webhook_secret_in(path)?;
            talk.say(&format!(
                "   {} is kept: Hipcall's panel may have it.",
                path.display()
            ));
            return Ok(kept);
        }
        let secret = made().ok_or("the system gives no random numbers")?;
        put(path, &secret)?;
        Ok(secret)
    }

    /// Whether there were findings.
    async fn check(&self, talk: &mut Talk, text: &str) -> Result<bool, Stop> {
        let whose = match self.service.user {
            Some(_) => "   Checking it all, as the service's user ...",
            None => "   Checking it all ...",
        };
        talk.say(whose);
        let here = self.config.parent().unwrap_or(Path::new("."));
        let candidate = tempfile::Builder::new()
            .prefix(".ringcard-setup-")
            .suffix(".toml")
            .tempfile_in(here)
            .map_err(|e| Stop::Failed(format!("{} can't be written: {e}", here.display())))?;
        let path = candidate.path().to_owned();
        files::public(&path, text).map_err(failed)?;
        files::readable(&path).map_err(failed)?;
        let (service, checked) = (self.service.clone(), path.clone());
        let output = Tasks::default()
            .blocking(move || service.check(&checked))
            .await;
        let output = output.map_err(|e| Stop::Failed(e.to_string()))?;
        let output = output.map_err(|e| Stop::Failed(format!("the check can't be run: {e}")))?;
        if output.status.success() {
            return Ok(false);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let name = path.display().to_string();
        let said = said.replace(&name, &self.config.display().to_string());
        talk.say(&marked(said.trim().trim_start_matches("ringcard: ")));
        if output.status.code() == Some(i32::from(EXIT_CONFIG)) {
            let why = "with that, the service could not start: the configuration is as it was";
            return Err(Stop::Failed(why.into()));
        }
        match talk.yes("Write it all the same", "--yes").await? {
            true => Ok(true),
            false => Err(Stop::Failed("the configuration is as it was".into())),
        }
    }

    fn keep_copy(&self, talk: &mut Talk, left_out: &[String]) -> Result<(), String> {
        let has_more = !left_out.is_empty() && self.earlier.standing != Standing::Missing;
        if !self.earlier.is_a_persons() && !has_more {
            return Ok(());
        }
        let now = Timestamp::now().strftime("%Y%m%d-%H%M%S");
        let copy = PathBuf::from(format!("{}.before-setup-{now}", self.config.display()));
        let kept = fs::copy(self.config, &copy).and_then(|_| fs::File::open(&copy)?.sync_all());
        kept.map_err(|e| format!("{} can't be written: {e}", copy.display()))?;
        talk.say(&format!(
            "   What was there before is kept as {}.",
            copy.display()
        ));
        if !left_out.is_empty() {
            let left = left_out.join(", ");
            talk.say(&marked(&format!("only that copy has: {left}")));
        }
        Ok(())
    }

    /// Before the first setup the daemon made a certificate for nobody. Later ones may be known by their
    /// fingerprint and stay.
    fn renew_certificate(&self, talk: &mut Talk) {
        let is_first = matches!(
            self.earlier.standing,
            Standing::Missing | Standing::Packaged
        );
        if !is_first || self.draft.door.names.is_empty() {
            return;
        }
        let state = Config::state_directory_of(self.config);
        let pair = ["self-signed.crt", "self-signed.key"].map(|name| state.join(name));
        if pair
            .iter()
            .filter(|path| fs::remove_file(path).is_ok())
            .count()
            > 0
        {
            talk.say("   The certificate that had no name is made anew at the start.");
        }
    }
}

fn failed(e: WriteError) -> Stop {
    Stop::Failed(chain::of(&e))
}

/// As `openssl rand -hex 24` makes it.
fn made() -> Option<Secret> {
    let mut bytes = [0; SECRET_BYTES];
    SystemRandom::new().fill(&mut bytes).ok()?;
    let digits: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    Some(Secret::new(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_secret_is_long_random_and_taken() {
        let (one, two) = (made().unwrap(), made().unwrap());
        assert_eq!(one.expose().len(), 2 * SECRET_BYTES);
        assert!(one.expose() != two.expose());
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("office.webhook");
        files::secret(&path, one.expose(), None).unwrap();
        assert!(webhook_secret_in(&path).unwrap() == one);
    }

    #[test]
    fn secrets_have_their_places_beside_the_configuration_or_stay_where_they_are() {
        let config = Path::new("/srv/try/ringcard.toml");
        let service = Service::of(config);
        let places = Places::of(config, &service, &Earlier::default(), "office");
        assert_eq!(places.token, Path::new("/srv/try/secrets/office.token"));
        assert_eq!(places.webhook_text, "secrets/office.webhook");
        let text = "[[account]]\nname = \"office\"\ntoken = { file = \"mine\" }\n";
        let earlier = Earlier::of(text.into(), "/srv/try".into());
        let places = Places::of(config, &service, &earlier, "office");
        assert_eq!(
            (places.token.as_path(), places.token_text.as_str()),
            (Path::new("/srv/try/mine"), "mine")
        );
        let packaged = Service {
            is_packaged: true,
            ..service
        };
        let config = Path::new("/etc/ringcard/ringcard.toml");
        let places = Places::of(config, &packaged, &Earlier::default(), "office");
        assert_eq!(places.token_text, "/etc/ringcard/secrets/office.token");
    }
}
