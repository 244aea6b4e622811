//! What the members of a backup may be called, and where each belongs.
//!
//! A closed list: a name that is not on it makes the whole backup nobody's. So no backup, whoever made it, can
//! name a place outside the configuration's directory and the state's.

use std::path::{Component, Path, PathBuf};

/// The configuration itself, whatever its file is called.
pub(super) const CONFIGURATION: &str = "configuration";
/// The ports of a socket that systemd holds, one a line.
pub(super) const PORTS: &str = "ports";
const BESIDE: &str = "beside/";
const ELSEWHERE: &str = "elsewhere/";
const STATE: &str = "state/";

/// Longest name of a file and deepest path taken.
const NAME_BYTES: usize = 128;
const DEPTH: usize = 12;

/// What restoring itself makes there.
pub(super) const ASIDE: &str = "before-restore-";
pub(super) const STAGED: &str = ".restoring";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Configuration,
    /// Within the configuration's directory.
    Beside(PathBuf),
    /// Named by the configuration, but not in its directory: a person puts it there.
    Elsewhere(PathBuf),
    /// Within the state directory.
    State(PathBuf),
    Ports,
}

impl Place {
    pub(super) fn parse(name: &str) -> Option<Place> {
        if let Some(rest) = name.strip_prefix(BESIDE) {
            return Some(Place::Beside(path(rest)?));
        }
        if let Some(rest) = name.strip_prefix(ELSEWHERE) {
            return Some(Place::Elsewhere(path(rest)?));
        }
        if let Some(rest) = name.strip_prefix(STATE) {
            return is_state(rest).then(|| Place::State(rest.into()));
        }
        match name {
            CONFIGURATION => Some(Place::Configuration),
            PORTS => Some(Place::Ports),
            _ => None,
        }
    }

    /// `None` if its path can't be told in a name.
    pub(super) fn name(&self) -> Option<String> {
        let name = match self {
            Place::Configuration => CONFIGURATION.into(),
            Place::Ports => PORTS.into(),
            Place::Beside(path) => format!("{BESIDE}{}", path.to_str()?),
            Place::Elsewhere(path) => format!("{ELSEWHERE}{}", path.to_str()?),
            Place::State(path) => format!("{STATE}{}", path.to_str()?),
        };
        (Place::parse(&name).as_ref() == Some(self)).then_some(name)
    }
}

/// A path downwards, of plain names.
fn path(text: &str) -> Option<PathBuf> {
    let path = Path::new(text);
    let is_plain = |name: &str| {
        let clean = !name.chars().any(|c| c.is_control() || c == '\\');
        let ours = name.starts_with(ASIDE) || name.starts_with(STAGED);
        clean && !ours && name.len() <= NAME_BYTES
    };
    let mut depth = 0;
    for component in path.components() {
        depth += 1;
        match component {
            Component::Normal(name) if name.to_str().is_some_and(is_plain) => {}
            _ => return None,
        }
    }
    // Components leave out what is doubled or a dot: such a name is not one that we wrote.
    let joined: PathBuf = path.components().collect();
    ((1..=DEPTH).contains(&depth) && joined.as_os_str() == text).then_some(joined)
}

/// What of the state is worth keeping.
fn is_state(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts[..] {
        ["outbox.redb" | "callers" | "self-signed.crt" | "self-signed.key"] => true,
        ["replica", source, file] => is_source(source) && is_generation(file),
        ["source", ".refresh-tokens", sum, "refresh-token"] => {
            sum.len() == 32 && sum.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        }
        _ => false,
    }
}

fn is_source(name: &str) -> bool {
    let clean = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=32).contains(&name.len()) && name.bytes().all(clean)
}

/// Finished, so it never changes.
pub(super) fn is_generation(file: &str) -> bool {
    file.split_once('.').is_some_and(|(number, ending)| {
        let digits = number.bytes().all(|b| b.is_ascii_digit());
        digits
            && (6..=20).contains(&number.len())
            && matches!(ending, "redb" | "increment" | "rolled-back")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_one_name() {
        for name in [
            "configuration",
            "ports",
            "beside/secrets/istanbul.token",
            "beside/connectors.d/own.toml",
            "beside/şifre",
            "elsewhere/etc/letsencrypt/live/pi.example/fullchain.pem",
            "state/outbox.redb",
            "state/callers",
            "state/self-signed.key",
            "state/replica/crm-1/000012.increment",
            "state/replica/crm/1000000.rolled-back",
            "state/source/.refresh-tokens/0123456789abcdef0123456789abcdef/refresh-token",
        ] {
            let place = Place::parse(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(place.name().as_deref(), Some(name));
        }
    }

    #[test]
    fn no_name_leads_out_of_its_place() {
        let long = format!("beside/{}", "x".repeat(NAME_BYTES + 1));
        let deep = format!("beside/{}", "x/".repeat(DEPTH));
        for name in [
            "",
            "/etc/passwd",
            "..",
            "beside/",
            "beside//etc/passwd",
            "beside/../../etc/passwd",
            "beside/a/../../b",
            "beside/./a",
            "beside/a/",
            "beside/a//b",
            "beside/a\0b",
            "beside/a\nb",
            "beside/.restoring/a",
            "beside/before-restore-x/a",
            "elsewhere//etc/passwd",
            "elsewhere/../etc/passwd",
            "state/lock",
            "state/../x",
            "state//outbox.redb",
            "state/replica/../000001.redb",
            "state/replica/CRM/000001.redb",
            "state/replica/crm/000001.partial",
            "state/replica/crm/1.redb",
            "state/replica/crm/x/000001.redb",
            "state/source/crm/download/download.csv",
            "state/source/.refresh-tokens/../../x/refresh-token",
            "state/source/.refresh-tokens/0123456789ABCDEF0123456789ABCDEF/refresh-token",
            "configuration/",
            "something",
            &long,
            &deep,
        ] {
            assert_eq!(Place::parse(name), None, "{name:?}");
        }
        assert_eq!(Place::Beside("../a".into()).name(), None);
        assert_eq!(Place::Beside("/etc/passwd".into()).name(), None);
    }
}
