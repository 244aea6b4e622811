//! The certificate that Hipcall is shown: until when it is good, for which names, whether its chain is whole and its
//! key fits.

use std::fs;
use std::io;
use std::path::Path;

use jiff::{Timestamp, Zoned};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::finding::{CERTIFICATE, Finding};
use crate::config::Outline;
use crate::hipcall::{Trust, issues};
use crate::system::chain;
use crate::webhook::{Identity, IdentityFiles, Listen, Seen};

/// Authorities for machines renew 30 days ahead, so at this many something has not renewed it for a week.
const WARN_DAYS: i64 = 21;
const RENEW: &str = "renew it, and put chain and key where the configuration says (they are taken up by themselves)";

pub(super) async fn look(outline: &Outline, may_see: bool, now: Zoned) -> Vec<Finding> {
    let Some(webhook) = &outline.webhook else {
        return Vec::new();
    };
    let is_plain = |l: &Listen| matches!(l, Listen::Loopback(_) | Listen::Unix(_));
    if webhook.listen.iter().all(is_plain) {
        return vec![CERTIFICATE.skip(
            "",
            "TLS is the proxy's: Ringcard listens in plain on this box",
        )];
    }
    let files = files(outline);
    if !may_see {
        return vec![CERTIFICATE.hidden("")];
    }
    if webhook.certificate.is_none() && !files.certificate.exists() {
        return vec![CERTIFICATE.ok("", "a self-signed one is made at the first start")];
    }
    vec![judge(files, now.timestamp())]
}

/// The configured pair, or the one that Ringcard makes for itself.
pub(super) fn files(outline: &Outline) -> IdentityFiles {
    let webhook = outline.webhook.as_ref();
    let configured = webhook.and_then(|w| w.certificate.clone());
    configured.unwrap_or_else(|| Identity::self_signed_files(&outline.state_directory))
}

fn judge(files: IdentityFiles, now: Timestamp) -> Finding {
    let path = files.certificate.display().to_string();
    let shown = match read(&files.certificate) {
        Ok(shown) => shown,
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            let advice = "let the service's group read it: sudo chgrp ringcard, chmod 0640";
            return CERTIFICATE.fail(path, "the service may not read it", advice);
        }
        Err(_) => Vec::new(),
    };
    if let Err(e) = Identity::load(files) {
        let advice =
            "put a matching pair there: the certificate with its chain, and its key, both PEM";
        return CERTIFICATE.fail(path, chain::of(&e), advice);
    }
    let seen: Vec<Seen> = shown.iter().filter_map(Seen::of).collect();
    let Some(first) = seen.first() else {
        return CERTIFICATE.skip(path, "its dates can't be read");
    };
    let dates = told(first);
    if first.facts.last < now {
        return CERTIFICATE.fail(path, format!("has run out: {dates}"), RENEW);
    }
    if first.facts.first > now {
        let advice =
            "look at the clock of this box; if it is right, wait or take another certificate";
        return CERTIFICATE.fail(path, format!("is not valid yet: {dates}"), advice);
    }
    let days = days_until(first.facts.last, now);
    if days <= WARN_DAYS {
        let what = format!("runs out in {days} days: {dates}");
        return CERTIFICATE.warn(path, what, RENEW);
    }
    match gap(&seen, &shown, &first.facts.names) {
        Some(what) => {
            let advice = "take the file with the full chain (often fullchain.pem), or ask your authority for its \
                          intermediate certificate";
            CERTIFICATE.warn(path, format!("{what}; {dates}"), advice)
        }
        None => CERTIFICATE.ok(path, dates),
    }
}

/// `good until 2027-01-31, for pi.example`, for here and for `ringcard check`.
pub(in crate::cli) fn told(seen: &Seen) -> String {
    let facts = &seen.facts;
    let names = match facts.names.is_empty() {
        true => "for no name".to_owned(),
        false => format!("for {}", facts.names.join(", ")),
    };
    let by = match seen.is_self_signed {
        true => "self-signed".to_owned(),
        false => format!("issued by {}", seen.issuer),
    };
    let last = facts.last.strftime("%Y-%m-%d");
    format!("good until {last}, {names}, {by}")
}

/// The first certificate of a file, if it is one.
pub(in crate::cli) fn shown(path: &Path) -> Option<Seen> {
    Seen::of(read(path).ok()?.first()?)
}

/// What lacks between the first certificate and an authority that the world knows.
fn gap(seen: &[Seen], shown: &[CertificateDer<'static>], names: &[String]) -> Option<String> {
    let mut pairs = seen.windows(2);
    if pairs.any(|pair| !pair[0].leads_to(&pair[1])) {
        return Some("its chain is not in order: each must be followed by its issuer's".into());
    }
    if seen.iter().any(|s| s.is_self_signed) {
        return None;
    }
    let host = names.first()?.replacen("*.", "any.", 1);
    match issues(&Trust::default(), shown, &host) {
        Ok(false) => {
            let last = seen.last()?;
            Some(format!(
                "its chain ends at one issued by {}, which this box does not know",
                last.issuer
            ))
        }
        Ok(true) | Err(_) => None,
    }
}

fn days_until(last: Timestamp, now: Timestamp) -> i64 {
    const DAY: i64 = 86_400;
    (last.as_second() - now.as_second()) / DAY
}

pub(super) fn read(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let bytes = fs::read(path)?;
    let read = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    read.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    fn pair(directory: &Path, from: i32, to: i32) -> IdentityFiles {
        let mut parameters = rcgen::CertificateParams::new(vec!["pi.example".into()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(from, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(to, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let files = IdentityFiles {
            certificate: directory.join("tls.crt"),
            key: directory.join("tls.key"),
        };
        fs::write(&files.certificate, certificate.pem()).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }

    #[test]
    fn the_dates_decide() {
        let directory = tempfile::tempdir().unwrap();
        let files = pair(directory.path(), 2026, 2028);
        for (now, state, said) in [
            ("2026-06-01T00:00:00Z", State::Ok, "good until 2028-01-01"),
            ("2027-12-12T00:00:00Z", State::Warn, "runs out in 20 days"),
            ("2027-12-09T00:00:00Z", State::Ok, "good until 2028-01-01"),
            ("2028-01-02T00:00:00Z", State::Fail, "has run out"),
            ("1970-01-02T00:00:00Z", State::Fail, "is not valid yet"),
        ] {
            let found = judge(files.clone(), now.parse().unwrap());
            assert_eq!(found.state, state, "{now}: {}", found.what);
            assert!(found.what.contains(said), "{now}: {}", found.what);
        }
    }

    #[test]
    fn a_key_of_another_certificate_is_told() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let files = pair(one.path(), 2026, 2028);
        fs::copy(pair(other.path(), 2026, 2028).key, &files.key).unwrap();
        let found = judge(files, "2026-06-01T00:00:00Z".parse().unwrap());
        assert_eq!(found.state, State::Fail);
        assert!(found.what.contains("does not fit"), "{}", found.what);
    }

    #[test]
    fn a_chain_without_its_authority_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let identity = crate::demo::identity::Identity::generate().unwrap();
        let files = IdentityFiles {
            certificate: directory.path().join("tls.crt"),
            key: directory.path().join("tls.key"),
        };
        fs::write(&files.certificate, &identity.cert_pem).unwrap();
        fs::write(&files.key, &identity.key_pem).unwrap();
        let found = judge(files, Timestamp::now());
        // A box without any authorities knows of no gap.
        if issues(&Trust::default(), &[], "x").is_ok() {
            assert_eq!(found.state, State::Warn);
            assert!(
                found
                    .what
                    .contains("its chain ends at one issued by CN=Ringcard demo authority")
            );
        }
        let reversed = identity.ca_pem + &identity.cert_pem;
        let mut list = Vec::new();
        for der in CertificateDer::pem_slice_iter(reversed.as_bytes()) {
            list.push(der.unwrap());
        }
        let seen: Vec<Seen> = list.iter().filter_map(Seen::of).collect();
        assert!(
            gap(&seen, &list, &["localhost".into()])
                .unwrap()
                .contains("not in order")
        );
    }
}
