//! The last two questions: with which certificate, and at which port, calls are told to this box. Both depend on
//! the name by which Hipcall reaches it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::draft;
use super::earlier::Earlier;
use super::service::{PortState, Service, USUAL_PORT, listener_at};
use super::talk::{Question, Stop, Talk, Tries, marked};
use crate::cli::ports;
use crate::system::chain;
use crate::webhook::{Identity, IdentityFiles};

/// A certificate that ends sooner is told of.
const SOON_DAYS: i64 = 14;
const DAY_SECONDS: i64 = 24 * 60 * 60;
/// Where a proxy or tunnel on this box finds Ringcard.
const PROXY_PORT: u16 = 8080;

pub(super) struct Answered {
    pub(super) door: draft::Door,
    /// What systemd is to listen at, as its units have it.
    pub(super) socket: Option<String>,
    /// What stands between `https://` and `/hooks/`.
    pub(super) public: String,
}

enum Certificate {
    Own,
    Files(PathBuf, PathBuf),
    Proxy,
}

pub(super) async fn ask(
    talk: &mut Talk,
    service: &Service,
    earlier: &Earlier,
) -> Result<Answered, Stop> {
    talk.say("\n5. The certificate that this box shows to Hipcall. First: by which name does Hipcall reach it from the");
    talk.say("   internet? The name or address of the office's line, or of the tunnel; with :PORT if the router forwards");
    talk.say("   another port.");
    let host = host(talk, earlier).await?;
    let certificate = certificate(talk, service, earlier, bare(&host)).await?;
    let is_proxy = matches!(certificate, Certificate::Proxy);
    let port = port(talk, service, earlier, is_proxy).await?;
    Ok(answered(service, host, certificate, port))
}

fn answered(service: &Service, host: String, certificate: Certificate, port: u16) -> Answered {
    let is_proxy = matches!(certificate, Certificate::Proxy);
    let listen = match service.has_systemd {
        true => "systemd".to_owned(),
        false => format!("0.0.0.0:{port}"),
    };
    let has_port = host.len() > bare(&host).len() || is_proxy || port == 443;
    let names = match certificate {
        Certificate::Own => vec![bare(&host).trim_matches(['[', ']']).to_owned()],
        _ => Vec::new(),
    };
    let text = |path: PathBuf| path.display().to_string();
    Answered {
        door: draft::Door {
            listen: (!is_proxy).then_some(listen),
            plain_listen: is_proxy.then(|| format!("127.0.0.1:{port}")),
            names,
            files: match certificate {
                Certificate::Files(certificate, key) => Some((text(certificate), text(key))),
                Certificate::Own | Certificate::Proxy => None,
            },
        },
        socket: service.has_systemd.then(|| match is_proxy {
            true => format!("127.0.0.1:{port}"),
            false => port.to_string(),
        }),
        public: match has_port {
            true => host,
            false => format!("{host}:{port}"),
        },
    }
}

/// Without the port.
fn bare(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !host.ends_with(']') => {
            bare
        }
        _ => host,
    }
}

async fn host(talk: &mut Talk, earlier: &Earlier) -> Result<String, Stop> {
    let before = earlier.texts_at("webhook", "names").into_iter().next();
    let usual = before.or_else(|| of_certificate(earlier)).or_else(own_name);
    let question = Question::new("Name or address", "--host").usual(usual);
    let judge = |answer: &str| {
        let answer = answer.trim_start_matches("https://").trim_end_matches('/');
        let clean = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
        // A lone word or digit is somebody's answer to another question.
        let is_whole = bare(answer).contains(['.', ':']) || bare(answer) == "localhost";
        match is_whole && answer.bytes().all(clean) {
            true => Ok(answer.to_owned()),
            false => Err(HOST.to_owned()),
        }
    };
    let host = talk.until(&question, judge).await?;
    if is_inside(bare(&host)) {
        talk.say(&marked(&format!(
            "{} is an address within the office: from the internet, Hipcall can't reach it",
            bare(&host)
        )));
    }
    Ok(host)
}

const HOST: &str = "a host's name or address, such as branch.example.com (one with other letters as it is registered: xn--...)";

/// Whether it is an address that no router outside knows.
fn is_inside(host: &str) -> bool {
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
        Err(_) => host == "localhost" || host.ends_with(".local"),
    }
}

/// The first name in the certificate of the earlier configuration.
fn of_certificate(earlier: &Earlier) -> Option<String> {
    let path = |key| earlier.text_at("webhook", key).map(PathBuf::from);
    let files = IdentityFiles {
        certificate: path("certificate")?,
        key: path("key")?,
    };
    let facts = Identity::load(files).ok()?.facts()?;
    facts.names.into_iter().find(|name| !name.starts_with('*'))
}

/// The box's own name, if it is one that others could know.
fn own_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim();
    name.contains('.').then(|| name.to_owned())
}

async fn certificate(
    talk: &mut Talk,
    service: &Service,
    earlier: &Earlier,
    host: &str,
) -> Result<Certificate, Stop> {
    talk.say("   1  one that Ringcard makes for itself (whether Hipcall takes it is not known)");
    talk.say("   2  one of a public authority, in two files: best");
    talk.say("   3  none: a proxy or tunnel on this box does TLS");
    let before = earlier.text_at("webhook", "certificate");
    let usual = match (before, earlier.text_at("webhook", "plain-listen")) {
        (Some(_), _) => "2",
        (None, Some(_)) => "3",
        (None, None) => "1",
    };
    let question = Question::new("Certificate", "--certificate").usual(usual.to_owned());
    let mut tries = Tries::default();
    loop {
        let answer = talk.answer(&question).await?;
        let path = match answer.as_str() {
            "1" | "self-signed" => return Ok(Certificate::Own),
            "3" | "proxy" => return Ok(Certificate::Proxy),
            "2" => None,
            path if path.contains(['/', '.']) => Some(path.to_owned()),
            _ => {
                talk.wrong(&question, "answer 1, 2 or 3", &mut tries)?;
                continue;
            }
        };
        match files(talk, service, earlier, host, path).await? {
            Ok((certificate, key)) => return Ok(Certificate::Files(certificate, key)),
            Err(wrong) => talk.wrong(&question, &wrong, &mut tries)?,
        }
    }
}

async fn files(
    talk: &mut Talk,
    service: &Service,
    earlier: &Earlier,
    host: &str,
    path: Option<String>,
) -> Result<Result<(PathBuf, PathBuf), String>, Stop> {
    let before = |key| earlier.text_at("webhook", key).map(str::to_owned);
    let path = match path {
        Some(path) => path,
        None => {
            let question = Question::new("File with the full chain (PEM)", "--certificate");
            talk.answer(&question.usual(before("certificate"))).await?
        }
    };
    let Ok(certificate) = std::path::absolute(&path) else {
        return Ok(Err("no file was named".into()));
    };
    let usual = key_beside(&certificate).or_else(|| before("key"));
    let question = Question::new("File with its key (PEM)", "--key").usual(usual);
    let Ok(key) = std::path::absolute(talk.answer(&question).await?) else {
        return Ok(Err("no file was named".into()));
    };
    let pair = IdentityFiles {
        certificate: certificate.clone(),
        key: key.clone(),
    };
    Ok(match judged(&pair, service, host, Timestamp::now()) {
        Ok(told) => {
            told.iter().for_each(|line| talk.say(line));
            Ok((certificate, key))
        }
        Err(wrong) => Err(wrong),
    })
}

/// As certbot, acme.sh and people name it.
fn key_beside(certificate: &Path) -> Option<String> {
    let named = [
        certificate.with_file_name("privkey.pem"),
        certificate.with_extension("key"),
    ];
    let there = named
        .into_iter()
        .find(|path| path != certificate && path.exists());
    there.map(|path| path.display().to_string())
}

/// What is to be said of a pair that can be used; or why it can't.
fn judged(
    pair: &IdentityFiles,
    service: &Service,
    host: &str,
    now: Timestamp,
) -> Result<Vec<String>, String> {
    let identity = Identity::load(pair.clone()).map_err(|e| chain::of(&e))?;
    service.can_read(&pair.certificate)?;
    service.can_read(&pair.key)?;
    let Some(facts) = identity.facts() else {
        return Ok(vec!["   The key fits.".to_owned()]);
    };
    let day = |time: Timestamp| time.strftime("%Y-%m-%d").to_string();
    let days = (facts.last.as_second() - now.as_second()) / DAY_SECONDS;
    if facts.last < now {
        return Err(format!(
            "it is valid no longer: its last day was {}",
            day(facts.last)
        ));
    }
    let names = facts.names.join(", ");
    let last = day(facts.last);
    let mut told = vec![format!(
        "   The key fits. It is for {names}, and valid until {last}."
    )];
    if facts.first > now {
        told.push(marked(&format!(
            "it is valid from {} on: is this box's clock right?",
            day(facts.first)
        )));
    }
    if days < SOON_DAYS {
        told.push(marked(&format!(
            "it ends in {days} days: see that it is renewed"
        )));
    }
    if !facts.is_for(host) {
        told.push(marked(&format!(
            "it is not for {host}: Hipcall may refuse it"
        )));
    }
    Ok(told)
}

async fn port(
    talk: &mut Talk,
    service: &Service,
    earlier: &Earlier,
    is_proxy: bool,
) -> Result<u16, Stop> {
    let (key, usual) = match is_proxy {
        true => {
            talk.say("\n6. The port at which the proxy or tunnel finds Ringcard, on this box only (127.0.0.1).");
            ("plain-listen", PROXY_PORT)
        }
        false => {
            talk.say("\n6. The port at which this box is told of calls; the router forwards it from outside. 443 if nothing else");
            talk.say("   here uses it.");
            ("listen", USUAL_PORT)
        }
    };
    let before = port_before(earlier, key);
    let question = Question::new("Port", "--port").usual(before.unwrap_or(usual).to_string());
    let mut tries = Tries::default();
    loop {
        let answer = talk.answer(&question).await?;
        let wrong = match answer.parse::<u16>() {
            Err(_) | Ok(0) => "a port is a number from 1 to 65535".to_owned(),
            Ok(port) => match (service.try_port(port, is_proxy), before == Some(port)) {
                (PortState::Free | PortState::Ours, _) => return Ok(port),
                // What runs with this configuration holds it.
                (PortState::Taken, true) => {
                    talk.say(&format!("   {port} is in use, as it is by the Ringcard of this configuration if that runs."));
                    return Ok(port);
                }
                (PortState::Taken, false) => taken(port),
                (PortState::NeedsRoot, _) => {
                    format!("{port} can be had by root only: take one from 1024 on, or sudo")
                }
                (PortState::Odd(e), _) => format!("{port} can't be had: {e}"),
            },
        };
        talk.wrong(&question, &wrong, &mut tries)?;
    }
}

fn taken(port: u16) -> String {
    let who = listener_at(port).unwrap_or_else(|| "something else".to_owned());
    format!("{port} is in use here, by {who}: take another, or stop that first")
}

/// The port of the earlier configuration, or of the socket that it names.
fn port_before(earlier: &Earlier, key: &str) -> Option<u16> {
    let listen = earlier.text_at("webhook", key)?;
    if listen == "systemd" {
        let held = ports::held(Path::new(ports::DROP_INS));
        return held.last()?.rsplit(':').next()?.parse().ok();
    }
    listen.rsplit(':').next()?.parse().ok()
}

#[cfg(test)]
mod tests;
