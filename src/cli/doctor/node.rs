//! The way to Hipcall, step by step: the name, the route, the certificate, the token.
//!
//! Each step is tried only where the one before it went well, and is told by itself: "no card" has four causes that
//! look alike from afar.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{Timestamp, Zoned};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::clock;
use super::finding::{DNS, EXPIRY, Finding, PLAN, ROUTE, TLS, TOKEN};
use crate::config::{AccountConfig, Outline};
use crate::domain::expiry::{Expiry, near};
use crate::hipcall::{
    Client, Connector, Guest, HandshakeError, SendError, TOKEN_ADVICE, shake_hands,
};
use crate::system::chain;
use crate::system::clock::Clock;
use crate::webhook::Seen;

/// A name server that does not answer is asked twice by most systems.
const NAME_TIME: Duration = Duration::from_secs(10);
/// A connection is one round trip; three lost packets are 7 s.
const CONNECT_TIME: Duration = Duration::from_secs(8);
const HANDSHAKE_TIME: Duration = Duration::from_secs(8);
/// With the wait for a place among the requests of a minute.
const PROFILE_TIME: Duration = Duration::from_secs(10);

const LINE: &str =
    "look at the line and the router; a firewall must let this box out to the node's port";

/// All nodes beside each other, and the clock by what they say.
pub(super) async fn look(outline: &Outline) -> Vec<Finding> {
    let nodes = outline.nodes.iter().map(|node| walk(outline, node));
    let (mut findings, mut heard) = (Vec::new(), None);
    for (found, date) in join_all(nodes).await {
        findings.extend(found);
        heard = heard.or(date);
    }
    let today = Zoned::now();
    findings.extend(outline.accounts.iter().filter_map(|a| expiry(a, &today)));
    findings.extend(clock::look(&Clock::of_the_system(), heard));
    findings
}

async fn walk(outline: &Outline, node: &str) -> (Vec<Finding>, Option<Timestamp>) {
    let mut findings = Vec::new();
    let is_open = step(outline, node, &mut findings).await.is_some();
    let accounts = outline.accounts.iter().filter(|a| a.node == node);
    if !is_open {
        let skipped =
            accounts.map(|a| TOKEN.skip(account(a), "not asked: the node is not reached"));
        findings.extend(skipped);
        return (findings, None);
    }
    let connector = match Connector::new(&outline.trust) {
        Ok(connector) => connector,
        // The step before has told it.
        Err(_) => return (findings, None),
    };
    let hello = async {
        // It carries no token.
        let client = Client::new(&connector, node, "-")?;
        let said = timeout(PROFILE_TIME, client.hello()).await.ok()?;
        said.ok().flatten()
    };
    let heard = hello.await;
    let tokens = accounts.map(|a| token(&connector, a));
    findings.extend(join_all(tokens).await.into_iter().flatten());
    (findings, heard)
}

/// Up to an open and trusted connection.
async fn step(outline: &Outline, node: &str, findings: &mut Vec<Finding>) -> Option<()> {
    let (host, port, is_tls) = parts(node)?;
    let addresses = match timeout(NAME_TIME, lookup_host((&*host, port))).await {
        Ok(Ok(found)) => found.collect::<Vec<_>>(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    };
    if addresses.is_empty() {
        let advice = "is the node written as in your panel's address? Then look at the line and at the name servers: \
                      resolvectl status, /etc/resolv.conf";
        findings.push(DNS.fail(node, format!("the name {host} has no address"), advice));
        return None;
    }
    let count = match addresses.len() {
        1 => "1 address".to_owned(),
        n => format!("{n} addresses"),
    };
    findings.push(DNS.ok(node, count));
    let stream = match connect(&addresses).await {
        Ok(stream) => stream,
        Err(why) => {
            findings.push(ROUTE.fail(node, format!("no connection to port {port}: {why}"), LINE));
            return None;
        }
    };
    findings.push(ROUTE.ok(node, format!("port {port} answers")));
    if !is_tls {
        findings.push(TLS.skip(node, "plain HTTP, which stays on this box"));
        return Some(());
    }
    let finding = match timeout(HANDSHAKE_TIME, shake_hands(&outline.trust, &host, stream)).await {
        Ok(guest) => judge(node, &guest),
        Err(_) => {
            let what = format!("no TLS within {} s", HANDSHAKE_TIME.as_secs());
            TLS.fail(node, what, LINE)
        }
    };
    let is_trusted = !finding.is_bad();
    findings.push(finding);
    is_trusted.then_some(())
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut why = String::new();
    let tries = async {
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => return Some(stream),
                Err(e) => why = e.to_string(),
            }
        }
        None
    };
    match timeout(CONNECT_TIME, tries).await {
        Ok(Some(stream)) => Ok(stream),
        Ok(None) => Err(why),
        Err(_) => Err(format!("no answer within {} s", CONNECT_TIME.as_secs())),
    }
}

fn judge(node: &str, guest: &Guest) -> Finding {
    let seen = guest.chain.first().and_then(Seen::of);
    let by = seen.as_ref().map_or_else(String::new, |seen| {
        let last = seen.facts.last.strftime("%Y-%m-%d");
        format!("issued by {}, good until {last}", seen.issuer)
    });
    let Err(error) = &guest.trusted else {
        return TLS.ok(node, by);
    };
    let shown = match by.is_empty() {
        true => String::new(),
        false => format!(" ({by})"),
    };
    let advice = match error {
        HandshakeError::OutOfDate => {
            "look at this box's clock first (timedatectl); if it is right, the certificate of Hipcall's has run out"
        }
        HandshakeError::Trust(_) => {
            "sudo apt install ca-certificates, or mend ca-file in [hipcall]"
        }
        HandshakeError::NotTrusted(_) => {
            "if a firewall of your office issued it, it opens TLS: except the node from that, or put the firewall's \
             authority into ca-file in [hipcall]. Else: sudo apt install ca-certificates"
        }
        HandshakeError::Name | HandshakeError::Broken(_) => {
            "is the node written as in your panel's address? Then look for a proxy or firewall on the way"
        }
    };
    TLS.fail(node, format!("{}{shown}", chain::of(error)), advice)
}

async fn token(connector: &Connector, config: &AccountConfig) -> Vec<Finding> {
    let subject = account(config);
    let client = Client::new(connector, &config.node, config.token.expose());
    let Some(client) = client else {
        return vec![TOKEN.fail(subject, "has characters that no token has", TOKEN_ADVICE)];
    };
    let profile = match timeout(PROFILE_TIME, client.profile()).await {
        Ok(Ok(profile)) => profile,
        Ok(Err(e @ SendError::RateLimited { .. })) => {
            return vec![TOKEN.warn(subject, chain::of(&e), e.advice())];
        }
        Ok(Err(e)) => return vec![TOKEN.fail(subject, chain::of(&e), e.advice())],
        Err(_) => {
            let what = format!("no answer within {} s", PROFILE_TIME.as_secs());
            return vec![TOKEN.fail(subject, what, LINE)];
        }
    };
    let lacking = |there: Option<bool>, what, advice: &str| {
        let is_lacking = there == Some(false);
        is_lacking.then(|| PLAN.fail(&*subject, what, advice))
    };
    let mut findings = vec![TOKEN.ok(&*subject, "Hipcall takes it")];
    let buy = "ask Hipcall for a plan that has it";
    findings.extend(lacking(
        profile.api,
        "its plan has no API: no card can be sent",
        buy,
    ));
    findings.extend(lacking(
        profile.webhook,
        "its plan has no webhooks: no call is told",
        buy,
    ));
    if findings.len() == 1 && profile.api.is_some() && profile.webhook.is_some() {
        findings.push(PLAN.ok(&*subject, "API and webhooks are in it"));
    }
    findings
}

fn expiry(config: &AccountConfig, today: &Zoned) -> Option<Finding> {
    let last = config.token_expires?;
    let subject = account(config);
    let advice = "make a new token in Hipcall, put it into its file (it is taken up by itself), and change \
                  token-expires";
    Some(match near(last, today.date()) {
        None => EXPIRY.ok(subject, format!("its token is good until {last}")),
        Some(soon @ Expiry::Soon { .. }) => {
            EXPIRY.warn(subject, format!("its token {soon}"), advice)
        }
        Some(over @ Expiry::Over { .. }) => {
            EXPIRY.fail(subject, format!("its token {over}"), advice)
        }
    })
}

fn account(config: &AccountConfig) -> String {
    format!("account {}", config.name)
}

/// Host, port, and whether TLS is spoken; of a node that the configuration has taken.
fn parts(node: &str) -> Option<(String, u16, bool)> {
    let (scheme, rest) = node.split_once("://")?;
    let rest = rest.trim_end_matches('/');
    let is_tls = scheme == "https";
    let usual = if is_tls { 443 } else { 80 };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (rest, usual),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some((host.to_owned(), port, is_tls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_taken_apart() {
        for (node, host, port, is_tls) in [
            ("https://use.hipcall.com", "use.hipcall.com", 443, true),
            ("https://use.hipcall.com/", "use.hipcall.com", 443, true),
            ("https://localhost:8443", "localhost", 8443, true),
            ("http://127.0.0.1", "127.0.0.1", 80, false),
            ("https://[::1]", "::1", 443, true),
            ("https://[::1]:8443", "::1", 8443, true),
        ] {
            assert_eq!(parts(node), Some((host.to_owned(), port, is_tls)), "{node}");
        }
    }
}
