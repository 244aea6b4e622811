//! Why a number gets the card it gets: what `ringcard lookup` and `ringcard card` show.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::domain::call::{Call, CallId, Direction, RawNumber};
use crate::domain::card::Card;
use crate::domain::contact::{Profile, Shared};
use crate::domain::ladder::Rung;
use crate::domain::matching::Candidate;
use crate::flow::lookup::Search;
use crate::flow::office::{Account, Flow, Office};
use crate::flow::show::card;
use crate::store::outbox::Outbox;
use crate::system::chain;
use crate::system::clock::Clock;
use crate::system::control::Question;
use crate::tasks::Tasks;

/// Candidates that are told one by one; a head office may have hundreds.
const SHOWN_CANDIDATES: usize = 10;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Explanation {
    /// As E.164, if it is one or may be one.
    pub number: Option<String>,
    /// The digits alone, where their country can't be told.
    pub digits: Option<String>,
    /// The account whose calls are meant.
    pub account: String,
    /// The rungs in the order in which they were tried, the last of which decided.
    pub tried: Vec<Tried>,
    /// Sources whose copy is not there or can't be read: without it only the exact number is looked for.
    #[serde(default)]
    pub missing: Vec<String>,
    pub rung: Option<Rung>,
    /// The rung in words.
    pub rule: Option<String>,
    pub shared: Shared,
    /// The first of those that the last rung found.
    pub candidates: Vec<CandidateShown>,
    pub source: Option<String>,
    pub record: Option<String>,
    pub as_of: Option<Timestamp>,
    /// Where the values come from that another source gave.
    pub values: Vec<ValueShown>,
    /// Why the one who looks after the contact is not on the card.
    pub owner: Option<String>,
    pub card: Option<Card>,
    /// Why there is no card.
    pub reason: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tried {
    pub rung: Rung,
    pub contacts: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CandidateShown {
    pub source: String,
    pub record: Option<String>,
    pub name: Option<String>,
    pub company: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ValueShown {
    pub value: String,
    pub source: String,
    pub as_of: Timestamp,
}

/// Looks a number up as a call from it would, and renders the card it would get.
pub(super) async fn explain(
    flow: &Flow,
    office: &Arc<Office>,
    question: &Question,
) -> Result<Explanation, String> {
    let account = account_named(office, question.account.as_deref())?;
    let call = Call {
        id: CallId::try_from("preview".to_owned())?,
        direction: match question.outbound {
            true => Direction::Outbound,
            false => Direction::Inbound,
        },
        customer: RawNumber(question.number.clone()),
        line: RawNumber(question.line.clone().unwrap_or_default()),
        user_id: None,
        started_at: None,
    };
    let mut explanation = Explanation {
        account: account.config.name.to_string(),
        ..Explanation::default()
    };
    let caller = match account.config.dialling.read(&question.number) {
        Ok(caller) => caller,
        Err(e) => {
            explanation.reason = Some(format!("the number {e}"));
            return Ok(explanation);
        }
    };
    explanation.number = caller.number.map(|n| n.e164());
    explanation.digits = caller.loose.map(|l| l.digits().to_string());
    let search = flow.look_up(office, &caller).await;
    explanation.tell(&search);
    let contact = search.outcome.as_ref().ok().map(|f| &f.profile.contact);
    let missing = contact.and_then(|c| account.owner_missing(c));
    explanation.owner = missing.map(str::to_owned);
    match card(office, &account, &call, &caller, search.outcome) {
        Ok(card) => explanation.card = Some(card),
        Err(skip) => explanation.reason = Some(skip.reason().to_owned()),
    }
    Ok(explanation)
}

impl Explanation {
    fn tell(&mut self, search: &Search) {
        let tried = search.tried.iter();
        self.tried = tried
            .map(|(rung, contacts)| Tried {
                rung: *rung,
                contacts: *contacts,
            })
            .collect();
        self.missing = search.missing.iter().cloned().collect();
        let candidates = search.candidates.iter().take(SHOWN_CANDIDATES);
        self.candidates = candidates.map(CandidateShown::from).collect();
        if let Ok(finding) = &search.outcome {
            let Profile {
                contact, origin, ..
            } = &finding.profile;
            self.rung = Some(finding.rung);
            self.rule = Some(finding.rung.words().to_owned());
            self.shared = finding.profile.shared;
            self.source = Some(origin.source.clone());
            self.record = contact.key.clone();
            self.as_of = Some(origin.as_of);
            self.values = from_elsewhere(&finding.profile);
        }
    }
}

impl From<&Candidate> for CandidateShown {
    fn from(candidate: &Candidate) -> CandidateShown {
        let contact = candidate.contact.clone();
        CandidateShown {
            source: candidate.origin.source.clone(),
            record: contact.key,
            name: contact.name,
            company: contact.company,
        }
    }
}

fn from_elsewhere(profile: &Profile) -> Vec<ValueShown> {
    let balance = profile.balance_origin.iter().map(|o| ("balance", o));
    let fields = profile.field_origins.iter().map(|(n, o)| (n.as_str(), o));
    balance
        .chain(fields)
        .filter(|(_, origin)| origin.source != profile.origin.source)
        .map(|(value, origin)| ValueShown {
            value: value.to_owned(),
            source: origin.source.clone(),
            as_of: origin.as_of,
        })
        .collect()
}

/// The same without a daemon, from the files it would use.
pub struct Offline {
    flow: Flow,
    office: Arc<Office>,
}

impl Offline {
    pub fn open(config: Config) -> Result<Offline, String> {
        let (office, damaged) = Office::open(config, None).map_err(|e| chain::of(&e))?;
        super::start::report_damaged(&damaged);
        let office = Arc::new(office);
        let flow = Flow {
            clock: Clock::of_the_system(),
            renewed: std::sync::Arc::default(),
            office: Arc::new(ArcSwap::new(office.clone())),
            outbox: Arc::new(Outbox::in_memory()),
            board: Arc::default(),
            callers: Arc::default(),
            tasks: Tasks::default(),
        };
        Ok(Offline { flow, office })
    }

    pub async fn explain(&self, question: &Question) -> Result<Explanation, String> {
        explain(&self.flow, &self.office, question).await
    }
}

fn account_named(office: &Office, name: Option<&str>) -> Result<Arc<Account>, String> {
    let mut names: Vec<&str> = office.accounts.keys().map(|n| &**n).collect();
    names.sort_unstable();
    let found = match (name, names.as_slice()) {
        (Some(name), _) => office.accounts.get(name),
        (None, [first, ..]) => office.accounts.get(*first),
        (None, []) => None,
    };
    let known = || {
        format!(
            "there is no account {}; there are: {}",
            name.unwrap_or_default(),
            names.join(", ")
        )
    };
    found.cloned().ok_or_else(known)
}
