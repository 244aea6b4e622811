//! Sources that are databases: where the server is, who asks it, and the queries.

use std::time::Duration;

use jiff::civil::Date;

use super::super::reader::Section;
use super::super::secret;
use super::ReadFrom;
use crate::source::settings::RecordSettings;
use crate::source::sql::settings::{Engine, Password, Place, Queries, Server, SqlSettings, Tls};

/// How long a server may be silent. A query over a large ERP's movements computes for minutes before its first row.
const TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// Longer than any transaction of an office's programs should be open.
const OVERLAP: Duration = Duration::from_secs(5 * 60);
/// Keys that only a network has.
const OF_A_NETWORK: [&str; 3] = ["tls", "ca-file", "tls-name"];

/// Everything but the records, which other keys describe.
#[derive(Clone, Debug)]
pub struct SqlConfig {
    server: Server,
    queries: Queries,
    timeout: Duration,
}

impl SqlConfig {
    pub(super) fn settings(&self, records: RecordSettings) -> SqlSettings {
        SqlSettings {
            records,
            server: self.server.clone(),
            queries: self.queries.clone(),
            timeout: self.timeout,
        }
    }

    /// What the queries need of the columns.
    pub(super) fn check(&self, section: &Section<'_>, records: &RecordSettings) {
        if records.identity_column().is_some() {
            return;
        }
        for key in ["cursor", "ids-query"] {
            if section.has(key) {
                section.wrong::<()>(
                    key,
                    "needs to know a record by its key: map key = \"...\" in the columns",
                );
            }
        }
    }
}

pub(super) fn sql(section: &Section<'_>, engine: Engine) -> Option<ReadFrom> {
    let place = place(section, engine);
    let database = section.required_text("database", "the database's name");
    let user = section.required_text("user", "a user that can only read");
    let password = secret::read(section, "password").and_then(|(lines, path)| match &lines[..] {
        [only] => Some(Password::new(only.expose())),
        _ => section.wrong_secret(
            "password",
            format!("{} must hold one line, the password", path.display()),
        ),
    });
    let queries = queries(section, engine);
    let (least, most) = (Duration::from_secs(1), Duration::from_secs(2 * 3600));
    let timeout = section.duration("timeout", least, most);
    Some(ReadFrom::Sql(Box::new(SqlConfig {
        server: Server {
            engine,
            place: place?,
            database: database?,
            user: user?,
            password: password?,
        },
        queries: queries?,
        timeout: timeout.unwrap_or(TIMEOUT),
    })))
}

fn place(section: &Section<'_>, engine: Engine) -> Option<Place> {
    let host = section.required_text("host", "the server's name or address");
    let port = section.whole("port", 1..=65_535);
    let port = port
        .and_then(|p| u16::try_from(p).ok())
        .unwrap_or(engine.port());
    let tls = tls(section);
    let host = host?;
    if host.starts_with('/') {
        if engine == Engine::SqlServer {
            return section.wrong(
                "host",
                "must be a name or an address; SQL Server has no socket here",
            );
        }
        for key in OF_A_NETWORK.into_iter().filter(|k| section.has(k)) {
            section.wrong::<()>(
                key,
                "belongs to a server in the network; a socket is on this box",
            );
        }
        return Some(Place::Socket {
            path: host.into(),
            port,
        });
    }
    if host.contains('\\') {
        let what = "an instance has a port of its own: give the host alone, and its port as port (SQL Server \
                    Configuration Manager shows it)";
        return section.wrong("host", what);
    }
    let of_a_host = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    if host.is_empty() || !host.chars().all(of_a_host) || (host.contains(':') && !is_address) {
        let what = "must be a name or an address alone; the port is a key of its own";
        return section.wrong("host", what);
    }
    Some(Place::Network {
        host,
        port,
        tls: tls?,
    })
}

fn tls(section: &Section<'_>) -> Option<Tls> {
    let allowed = "\"require\", or in the own network \"unverified\" (whoever answers is believed) or \"off\" (readable on the way)";
    let ca_file = section.path("ca-file");
    let name = section.text("tls-name");
    let verified = Tls::Verified { ca_file, name };
    if !section.has("tls") {
        return Some(verified);
    }
    let tls = section.parse("tls", allowed, |text| match text {
        "require" => Some(verified),
        "unverified" => Some(Tls::Unverified),
        "off" => Some(Tls::Off),
        _ => None,
    })?;
    if matches!(tls, Tls::Unverified | Tls::Off) {
        for key in ["ca-file", "tls-name"]
            .into_iter()
            .filter(|k| section.has(k))
        {
            section.wrong::<()>(key, "belongs to tls = \"require\"");
        }
    }
    Some(tls)
}

fn queries(section: &Section<'_>, engine: Engine) -> Option<Queries> {
    let query = query_for_all(section);
    let cursor = section.text("cursor");
    let overlap = section.duration(
        "overlap",
        Duration::from_secs(1),
        Duration::from_secs(7 * 86_400),
    );
    let own = |key, with_cursor| own(section, key, with_cursor);
    let changes = own("changes-query", true);
    let ids = own("ids-query", false);
    let deleted = own("deleted-query", true);
    let guard = own("guard-query", false);
    let day = |text: &str| text.parse::<Date>().ok();
    let valid_until = section.parse("valid-until", "a date such as \"2026-12-31\"", day);
    for key in ["changes-query", "deleted-query", "overlap"]
        .into_iter()
        .filter(|k| section.has(k))
    {
        if !section.has("cursor") {
            section.wrong::<()>(
                key,
                "belongs to cursor = \"...\", the column that grows with each change",
            );
        }
    }
    let query = query?;
    if section.has("cursor") && !section.has("changes-query") && !engine.can_wrap(&query) {
        let what = "the query can't have a condition put around it, as it does not begin with SELECT: give changes-query";
        section.wrong::<()>("cursor", what);
    }
    Some(Queries {
        query,
        cursor,
        overlap: overlap.unwrap_or(OVERLAP),
        changes,
        ids,
        deleted,
        guard,
        valid_until,
    })
}

fn query_for_all(section: &Section<'_>) -> Option<String> {
    let query = section.required_text("query", "the query that gives every record")?;
    if query.trim().is_empty() {
        return section.wrong("query", "is empty");
    }
    if query.contains(Queries::CURSOR) {
        let what = "gives every record, so {{cursor}} can't be in it; with cursor = \"...\" the changes are asked \
                    for by the same query with a condition around it, or by changes-query";
        return section.wrong("query", what);
    }
    Some(query)
}

/// A query beside the first.
fn own(section: &Section<'_>, key: &'static str, with_cursor: bool) -> Option<String> {
    let query = section.text(key)?;
    if let Some(problem) = Queries::cursor_problem(&query) {
        return section.wrong(key, problem);
    }
    match (query.contains(Queries::CURSOR), with_cursor) {
        (true, false) => section.wrong(key, "can't have {{cursor}} in it"),
        (false, true) => section.wrong(
            key,
            "must have {{cursor}} in it, where what was asked for last is compared",
        ),
        _ => Some(query),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reader::tests::{problems, read};
    use std::os::unix::fs::PermissionsExt;

    /// The block with a secret's file that can be read.
    fn told(engine: Engine, lines: &str) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        problems(&with_password(directory.path(), lines), |root| {
            drop(sql(root, engine))
        })
    }

    fn with_password(directory: &std::path::Path, lines: &str) -> String {
        let path = directory.join("password");
        std::fs::write(&path, "pass word\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        format!("password = {{ file = {path:?} }}\n{lines}")
    }

    const ERP: &str =
        "host = \"erp.local\"\ndatabase = \"LOGO\"\nuser = \"ringcard\"\nquery = \"SELECT 1\"\n";

    fn settings(engine: Engine, lines: &str) -> SqlConfig {
        let directory = tempfile::tempdir().unwrap();
        let text = with_password(directory.path(), lines);
        match read(&text, |root| sql(root, engine)) {
            Some(ReadFrom::Sql(config)) => *config,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_server_is_spoken_to_with_verified_tls_unless_told_otherwise() {
        let place = |lines: &str| {
            settings(Engine::SqlServer, &format!("{ERP}{lines}"))
                .server
                .place
        };
        let network = |tls| Place::Network {
            host: "erp.local".into(),
            port: 1433,
            tls,
        };
        let verified = |ca_file: Option<&str>, name: Option<&str>| Tls::Verified {
            ca_file: ca_file.map(Into::into),
            name: name.map(Into::into),
        };
        assert_eq!(place(""), network(verified(None, None)));
        assert_eq!(place("tls = \"off\""), network(Tls::Off));
        assert_eq!(place("tls = \"unverified\""), network(Tls::Unverified));
        assert_eq!(
            place("tls = \"require\"\nca-file = \"ca.pem\"\ntls-name = \"erp\""),
            network(verified(Some("/etc/ringcard/ca.pem"), Some("erp")))
        );
    }

    #[test]
    fn a_password_is_never_shown() {
        let config = settings(Engine::Postgres, ERP);
        assert!(format!("{config:?}").contains("Password(***)"));
        assert!(!format!("{config:?}").contains("pass word"));
        assert_eq!(config.server.password, Password::new("pass word"));
    }

    #[test]
    fn a_host_with_a_slash_is_a_socket() {
        let lines = ERP.replace("erp.local", "/run/postgresql");
        let config = settings(Engine::Postgres, &lines);
        let path = "/run/postgresql".into();
        assert_eq!(config.server.place, Place::Socket { path, port: 5432 });
        let what = told(Engine::Postgres, &format!("{lines}tls = \"off\"\n"));
        assert_eq!(
            what,
            ["line 6: tls = \"off\": belongs to a server in the network; a socket is on this box"]
        );
        assert_eq!(told(Engine::SqlServer, &lines).len(), 1);
    }

    #[test]
    fn mistakes_of_a_host_are_told() {
        for (host, words) in [
            ("erp:1433", "the port is a key of its own"),
            ("tcp://erp", "the port is a key of its own"),
            ("", "the port is a key of its own"),
            ("erp\\\\LOGO", "an instance has a port of its own"),
        ] {
            let told = told(Engine::SqlServer, &ERP.replace("erp.local", host));
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains(words), "{told:?}");
        }
        assert_eq!(
            told(Engine::SqlServer, &ERP.replace("erp.local", "fd00::1")),
            [""; 0]
        );
    }

    #[test]
    fn mistakes_of_queries_are_told() {
        for (lines, words) in [
            (
                "changes-query = \"SELECT 1\"\ncursor = \"c\"",
                "must have {{cursor}} in it",
            ),
            (
                "changes-query = \"WHERE a > '{{cursor}}'\"\ncursor = \"c\"",
                "leave out the quotes",
            ),
            (
                "ids-query = \"WHERE a > {{cursor}}\"",
                "can't have {{cursor}} in it",
            ),
            (
                "deleted-query = \"WHERE a > {{cursor}}\"",
                "belongs to cursor",
            ),
            ("overlap = \"5m\"", "belongs to cursor"),
            ("valid-until = \"31.12.2026\"", "a date such as"),
            (
                "ca-file = \"a\"\ntls = \"off\"",
                "belongs to tls = \"require\"",
            ),
            ("tls = \"prefer\"", "must be \"require\""),
        ] {
            let told = told(Engine::Postgres, &format!("{ERP}{lines}\n"));
            assert_eq!(told.len(), 1, "{lines}: {told:?}");
            assert!(told[0].contains(words), "{told:?}");
        }
        let with = ERP.replace("SELECT 1", "SELECT a FROM t WHERE b > {{cursor}}");
        assert!(told(Engine::Postgres, &with)[0].contains("gives every record"));
        let cte = format!(
            "{}cursor = \"b\"\n",
            ERP.replace("SELECT 1", "WITH a AS (SELECT 1) SELECT * FROM a")
        );
        assert!(told(Engine::SqlServer, &cte)[0].contains("give changes-query"));
        assert_eq!(told(Engine::Postgres, &cte), [""; 0]);
    }

    #[test]
    fn everything_missing_is_told_at_once() {
        let told = problems("", |root| drop(sql(root, Engine::MySql)));
        let keys: Vec<_> = told
            .iter()
            .map(|t| t.split(':').nth(1).unwrap().trim())
            .collect();
        assert_eq!(keys, ["host", "database", "user", "password", "query"]);
    }

    #[test]
    fn the_recipes_of_the_guide_are_right() {
        let directory = tempfile::tempdir().unwrap();
        drop(with_password(directory.path(), ""));
        let password = directory.path().join("password");
        let guide = include_str!("../../../docs/sources.md");
        let (_, guide) = guide.split_once("\n## Databases\n").unwrap();
        let guide = guide.split("\n## ").next().unwrap();
        let mut seen = Vec::new();
        for recipe in guide.split("```toml\n").skip(1) {
            let (recipe, _) = recipe.split_once("```").unwrap();
            let secrets = recipe
                .split('"')
                .filter(|t| t.starts_with("/etc/ringcard/secrets/"));
            let secrets: Vec<_> = secrets.map(str::to_owned).collect();
            let mut text = recipe.to_owned();
            for secret in secrets {
                text = text.replace(&secret, &password.display().to_string());
            }
            let sources = read(&text, |root| super::super::read(root, None));
            seen.extend(sources.iter().map(|s| s.name().to_owned()));
        }
        assert_eq!(seen, ["erp", "logo", "netsis", "mikro", "mikro-balances"]);
    }
}
