//! Which account a request is for: the secret in its path decides, and nothing else can.
//!
//! Hipcall signs nothing and its addresses are not published, so the path's secret is the only proof. It is
//! compared by digest in constant time with every secret there is, and a wrong one learns nothing.

use std::fmt;
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// Where webhooks live; the secret follows.
const PREFIX: &str = "/hooks/";
/// A path longer than this is not looked at: secrets have at most 128 characters.
const PATH_BYTES: usize = 256;

/// All accounts' secrets. One account may have several, so that a secret can be replaced without a gap.
pub struct Gate {
    secrets: Vec<([u8; 32], Arc<str>)>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gate({} secrets)", self.secrets.len())
    }
}

impl Gate {
    pub fn new<'a>(secrets: impl IntoIterator<Item = (Arc<str>, &'a str)>) -> Gate {
        let secrets = secrets
            .into_iter()
            .map(|(account, secret)| (hash(secret), account));
        Gate {
            secrets: secrets.collect(),
        }
    }

    /// The account whose secret is in `path`.
    pub fn account(&self, path: &str) -> Option<Arc<str>> {
        let secret = path
            .strip_prefix(PREFIX)
            .filter(|_| path.len() <= PATH_BYTES)?;
        let offered = hash(secret.strip_suffix('/').unwrap_or(secret));
        let mut found = u32::MAX;
        for (i, (known, _)) in (0u32..).zip(&self.secrets) {
            let same: Choice = known.as_slice().ct_eq(&offered);
            found.conditional_assign(&i, same);
        }
        self.secrets
            .get(found as usize)
            .map(|(_, account)| account.clone())
    }
}

fn hash(secret: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_secret_opens_its_account_and_nothing_else_does() {
        let secrets = [
            ("istanbul", "new-secret"),
            ("istanbul", "old-secret"),
            ("london", "third"),
        ];
        let gate = Gate::new(secrets.map(|(account, secret)| (Arc::from(account), secret)));
        let account = |path: &str| gate.account(path).map(|a| a.to_string());
        assert_eq!(account("/hooks/new-secret").as_deref(), Some("istanbul"));
        assert_eq!(account("/hooks/old-secret/").as_deref(), Some("istanbul"));
        assert_eq!(account("/hooks/third").as_deref(), Some("london"));
        let long = format!("/hooks/{}", "x".repeat(300));
        for path in [
            "/",
            "",
            "/hooks",
            "/hooks/",
            "/hooks/Third",
            "/hooks/third/x",
            "/third",
            &long,
        ] {
            assert_eq!(account(path), None, "{path}");
        }
        assert_eq!(Gate::new([]).account("/hooks/third"), None);
    }
}
