//! The first three questions: which node, which token, which country. The token is tried where it is to be used,
//! and where it is refused there, at the other nodes: that is the mistake most often made.

use std::path::PathBuf;

use super::draft;
use super::earlier::Earlier;
use super::talk::{Question, Stop, Talk, Tries, marked};
use super::write::Places;
use crate::config::Secret;
use crate::domain::money::Locale;
use crate::domain::phone::Region;
use crate::hipcall::{Client, Connector, Profile, SendError};
use crate::system::chain;

/// Turkey's and the global one, in the order in which they are offered.
pub(super) const NODES: [&str; 2] = ["https://use.hipcall.com.tr", "https://use.hipcall.com"];
/// How they are called.
const PLACES: [&str; 2] = ["Turkey", "global"];
/// What an account is called that nobody has named.
const NAME: &str = "office";

/// What is known of the account when the questions about it are over.
pub(super) struct Answered {
    pub(super) node: String,
    pub(super) region: Region,
    pub(super) region_code: String,
    pub(super) locale: Locale,
    pub(super) locale_tag: String,
    pub(super) token: Token,
    /// What the plan lacks, in words.
    pub(super) lacks: Vec<String>,
}

pub(super) enum Token {
    /// The one in its file stays.
    Kept,
    New(Secret),
}

/// How the nodes are asked.
pub(super) struct Nodes {
    pub(super) known: Vec<String>,
    pub(super) connector: Connector,
}

/// The account that the questions are about.
pub(super) fn name(given: Option<&str>, earlier: &Earlier) -> String {
    let first = earlier.names("account").into_iter().next();
    given
        .map(str::to_owned)
        .or(first)
        .unwrap_or_else(|| NAME.to_owned())
}

pub(super) async fn ask(
    talk: &mut Talk,
    nodes: &Nodes,
    earlier: &Earlier,
    name: &str,
) -> Result<Answered, Stop> {
    let before = earlier.account(Some(name)).map(|(_, table)| table);
    let text = |key: &str| before.and_then(|t| t.get(key)?.as_str()).map(str::to_owned);
    let node = node(talk, nodes, text("node")).await?;
    let kept = before.and_then(|table| earlier.secret_file(table, "token"));
    let (node, token, profile) = token(talk, nodes, node, kept).await?;
    let lacks = lacks(&profile);
    for lack in &lacks {
        talk.say(&marked(lack));
    }
    let usual = text("region")
        .or(profile.region.clone())
        .or_else(|| region_of(&node));
    let (region, region_code) = region(talk, usual).await?;
    let usual = earlier
        .table
        .get("locale")
        .and_then(|l| l.as_str())
        .map(str::to_owned);
    let usual = usual
        .or(profile.locale.clone())
        .filter(|tag| Locale::parse(tag).is_some());
    let (locale, locale_tag) = locale(talk, usual.unwrap_or_else(|| "en".into())).await?;
    Ok(Answered {
        node,
        region,
        region_code,
        locale,
        locale_tag,
        token,
        lacks,
    })
}

async fn node(talk: &mut Talk, nodes: &Nodes, before: Option<String>) -> Result<String, Stop> {
    talk.say("\n1. Which Hipcall? It is what your panel's address begins with.");
    for (n, (place, node)) in PLACES.iter().zip(&nodes.known).enumerate() {
        talk.say(&format!("   {}  {place:8} {}", n + 1, bare(node)));
    }
    talk.say("   or another host's name");
    let usual = before.map_or_else(
        || "1".to_owned(),
        |before| match nodes.known.iter().position(|node| *node == before) {
            Some(place) => (place + 1).to_string(),
            None => before,
        },
    );
    let question = Question::new("Node", "--node").usual(usual);
    let mut tries = Tries::default();
    loop {
        let answer = talk.answer(&question).await?;
        let wrong = match chosen(&answer, &nodes.known) {
            Some(node) => match reach(nodes, &node).await {
                Ok(()) => return Ok(node),
                Err(wrong) => wrong,
            },
            None => "answer 1, 2, or a host's name such as use.hipcall.com".to_owned(),
        };
        talk.wrong(&question, &wrong, &mut tries)?;
    }
}

/// The node that an answer means.
fn chosen(answer: &str, known: &[String]) -> Option<String> {
    let answer = answer.trim().trim_end_matches('/');
    let by_place = answer.parse::<usize>().ok();
    let by_place = by_place.or_else(|| {
        let mut places = PLACES.iter();
        places
            .position(|place| place.eq_ignore_ascii_case(answer))
            .map(|n| n + 1)
    });
    if let Some(place) = by_place {
        return known.get(place.checked_sub(1)?).cloned();
    }
    let with_scheme = match answer.contains("://") {
        true => answer.to_owned(),
        false => format!("https://{answer}"),
    };
    // What is copied from the panel's address has a path.
    let (scheme, rest) = with_scheme.split_once("://")?;
    let host = rest.split('/').next()?;
    let is_name = host.contains('.') || host.contains(':') || host == "localhost";
    crate::config::is_node(&format!("{scheme}://{host}")).filter(|_| is_name)
}

fn bare(node: &str) -> &str {
    node.trim_start_matches("https://")
}

async fn reach(nodes: &Nodes, node: &str) -> Result<(), String> {
    // The token is not needed to see whether anybody is there.
    let Some(client) = Client::new(&nodes.connector, node, "-") else {
        return Err("it is no address".into());
    };
    client.hello().await.map(drop).map_err(|e| failed(node, &e))
}

fn failed(node: &str, e: &SendError) -> String {
    format!("{}: {}\n{}", bare(node), chain::of(e), e.advice())
}

/// The node at which the token is taken, the token, and what it told.
async fn token(
    talk: &mut Talk,
    nodes: &Nodes,
    node: String,
    kept: Option<PathBuf>,
) -> Result<(String, Token, Profile), Stop> {
    talk.say("\n2. The API token. In Hipcall's panel: your profile, API tokens. It is not shown as you paste it.");
    let there = kept.and_then(|path| Some((crate::config::token_in(&path).ok()?, path)));
    let mut question = Question::new("Token", "--token-file").secret();
    if let Some((_, path)) = &there {
        talk.say(&format!("   Enter keeps the one in {}", path.display()));
        question = question.usual(String::new());
    }
    let mut tries = Tries::default();
    loop {
        let answer = talk.answer(&question).await?;
        let (secret, token) = match (&there, answer.is_empty()) {
            (Some((secret, _)), true) => (secret.clone(), Token::Kept),
            (None, true) => {
                talk.wrong(&question, "nothing was typed", &mut tries)?;
                continue;
            }
            (_, false) => {
                let secret = Secret::new(answer.trim().trim_start_matches("Bearer "));
                (secret.clone(), Token::New(secret))
            }
        };
        match tried(talk, nodes, &node, &secret).await? {
            Ok((node, profile)) => {
                talk.say(&format!("   {} takes it.", bare(&node)));
                return Ok((node, token, profile));
            }
            Err(wrong) => talk.wrong(&question, &wrong, &mut tries)?,
        }
    }
}

async fn tried(
    talk: &mut Talk,
    nodes: &Nodes,
    node: &str,
    token: &Secret,
) -> Result<Result<(String, Profile), String>, Stop> {
    let refused = match profile(nodes, node, token).await {
        Ok(profile) => return Ok(Ok((node.to_owned(), profile))),
        Err(Refusal::Odd) => return Ok(Err("that has characters that no token has".into())),
        Err(Refusal::Send(e)) if e.is_about_the_token() => e,
        Err(Refusal::Send(e)) => return Ok(Err(failed(node, &e))),
    };
    for other in nodes.known.iter().filter(|other| *other != node) {
        let Ok(profile) = profile(nodes, other, token).await else {
            continue;
        };
        talk.say(&marked(&format!(
            "{} refuses it, and {} takes it: it was made there.",
            bare(node),
            bare(other)
        )));
        let asked = format!("Use {}", bare(other));
        return Ok(match talk.yes(&asked, "--other-node").await? {
            true => Ok((other.clone(), profile)),
            false => Err(format!("a token of {} is needed", bare(node))),
        });
    }
    Ok(Err(format!(
        "{}: {}\nit is expired, revoked, or was not copied whole: make a new one in the panel",
        bare(node),
        chain::of(&refused)
    )))
}

enum Refusal {
    Odd,
    Send(SendError),
}

async fn profile(nodes: &Nodes, node: &str, token: &Secret) -> Result<Profile, Refusal> {
    let is_clean = token.expose().bytes().all(|b| b.is_ascii_graphic());
    let client = Client::new(&nodes.connector, node, token.expose()).filter(|_| is_clean);
    let client = client.ok_or(Refusal::Odd)?;
    client.profile().await.map_err(Refusal::Send)
}

/// What does not say that it is lacking is not said to be.
fn lacks(profile: &Profile) -> Vec<String> {
    let api = (profile.api == Some(false))
        .then_some("its plan has no API: no card can be sent. Ask Hipcall for a plan with it.");
    let webhook = (profile.webhook == Some(false)).then_some(
        "its plan has no webhook: no call will reach this box. Ask Hipcall for a plan with it.",
    );
    [api, webhook]
        .into_iter()
        .flatten()
        .map(str::to_owned)
        .collect()
}

fn region_of(node: &str) -> Option<String> {
    node.ends_with(".tr").then(|| "TR".to_owned())
}

async fn region(talk: &mut Talk, usual: Option<String>) -> Result<(Region, String), Stop> {
    talk.say("\n3. The country of numbers that stand without a country code, such as 0532 555 01 01 in TR.");
    let usual = usual
        .map(|u| u.to_ascii_uppercase())
        .filter(|u| Region::parse(u).is_some());
    let question = Question::new("Country, two letters", "--region").usual(usual);
    let judge = |answer: &str| {
        let code = answer.to_ascii_uppercase();
        let wrong =
            || "that is no country's code; it is two letters: TR, GB, DE, FR, NL".to_owned();
        Ok((Region::parse(&code).ok_or_else(wrong)?, code))
    };
    talk.until(&question, judge).await
}

async fn locale(talk: &mut Talk, usual: String) -> Result<(Locale, String), Stop> {
    let question =
        Question::new("Language of the cards (en, tr, de, fr, nl)", "--locale").usual(usual);
    let judge = |answer: &str| {
        let locale = Locale::parse(answer);
        let wrong = || format!("must be {}", Locale::ALLOWED);
        Ok((locale.ok_or_else(wrong)?, answer.to_owned()))
    };
    talk.until(&question, judge).await
}

impl Answered {
    pub(super) fn draft(&self, name: &str, places: &Places) -> draft::Account {
        draft::Account {
            name: name.to_owned(),
            node: self.node.clone(),
            region: self.region_code.clone(),
            token: places.token_text.clone(),
            secrets: places.webhook_text.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_known_by_its_place_its_name_and_the_panels_address() {
        let known = NODES.map(String::from);
        let cases = [
            ("1", Some("https://use.hipcall.com.tr")),
            ("turkey", Some("https://use.hipcall.com.tr")),
            ("2", Some("https://use.hipcall.com")),
            ("use.hipcall.com", Some("https://use.hipcall.com")),
            (
                "https://use.hipcall.com/app/calls",
                Some("https://use.hipcall.com"),
            ),
            ("https://127.0.0.1:4443", Some("https://127.0.0.1:4443")),
            ("http://use.hipcall.com", None),
            ("0", None),
            ("3", None),
            ("germany", None),
            ("", None),
        ];
        for (answer, expected) in cases {
            assert_eq!(chosen(answer, &known).as_deref(), expected, "{answer}");
        }
    }

    #[test]
    fn only_what_the_plan_says_it_lacks_is_lacking() {
        assert!(lacks(&Profile::default()).is_empty());
        let profile = Profile {
            api: Some(true),
            webhook: Some(false),
            ..Profile::default()
        };
        let [lack] = &lacks(&profile)[..] else {
            panic!()
        };
        assert!(lack.contains("no webhook"));
    }
}
