//! What a certificate says of itself: whose it is, and from when to when.
//!
//! TLS needs none of this to show it; the operator does, before Hipcall finds out.

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Names and addresses that it is valid for, `*.example.com` among them.
    pub names: Vec<String>,
    pub first: Timestamp,
    pub last: Timestamp,
}

impl Facts {
    /// None of what is no certificate as RFC 5280 has them.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Facts> {
        let certificate = Certificate::from_der(certificate).ok()?.tbs_certificate;
        let names = certificate.get::<SubjectAltName>().ok().flatten();
        let names = names.map(|(_, names)| names.0).unwrap_or_default();
        let time = |since_1970: std::time::Duration| {
            Timestamp::from_second(i64::try_from(since_1970.as_secs()).ok()?).ok()
        };
        let validity = certificate.validity;
        Some(Facts {
            names: names.iter().filter_map(name).collect(),
            first: time(validity.not_before.to_unix_duration())?,
            last: time(validity.not_after.to_unix_duration())?,
        })
    }

    /// Whether a peer that asked for `host` would take it for that host's.
    pub fn is_for(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.names.iter().any(|name| {
            let name = name.to_ascii_lowercase();
            match name.strip_prefix("*.") {
                // A star stands for one label.
                Some(rest) => host.split_once('.').is_some_and(|(_, of)| of == rest),
                None => name == host,
            }
        })
    }
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
        GeneralName::IpAddress(bytes) => match bytes.as_bytes().len() {
            4 => Some(
                std::net::IpAddr::from(<[u8; 4]>::try_from(bytes.as_bytes()).ok()?).to_string(),
            ),
            16 => Some(
                std::net::IpAddr::from(<[u8; 16]>::try_from(bytes.as_bytes()).ok()?).to_string(),
            ),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_dates_are_read_as_they_were_written() {
        let names = ["pi.example", "*.branch.example", "192.0.2.7", "2001:db8::7"];
        let mut parameters = rcgen::CertificateParams::new(names.map(String::from)).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2026, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2051, 2, 3);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let facts = Facts::of(certificate.der()).unwrap();
        assert_eq!(facts.names, names);
        let dates = [facts.first, facts.last].map(|t| t.to_string());
        assert_eq!(dates, ["2026-01-01T00:00:00Z", "2051-02-03T00:00:00Z"]);
        let fits = ["pi.example", "PI.example.", "a.branch.example", "192.0.2.7"];
        assert!(fits.into_iter().all(|host| facts.is_for(host)));
        let others = [
            "example",
            "a.pi.example",
            "a.b.branch.example",
            "branch.example",
            "",
        ];
        assert!(!others.into_iter().any(|host| facts.is_for(host)));
        assert_eq!(Facts::of(&CertificateDer::from(vec![0x30, 3, 1])), None);
    }
}
