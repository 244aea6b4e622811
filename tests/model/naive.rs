//! The rules of `docs/configuration.md`, written a second time: on digits as text, over plain lists.

use std::collections::BTreeSet;

use ringcard::domain::contact::{Contact, Shared};
use ringcard::domain::dialling::{Dialling, Reading};
use ringcard::domain::ladder::Rung;
use ringcard::domain::matching::Sharing;
use ringcard::domain::phone::{LineKind, PhoneNumber};

use super::world::{Answer, BALANCES, Contents};

/// What the comparison must notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The same national number in another country.
    AnyCountry,
    /// Any end of nine digits.
    AnyTail,
    /// A block in which a stranger has a number.
    UnsoundBlock,
    /// The last source's contact before the first's.
    OrderOfSources,
    /// The first of several.
    FirstOfSeveral,
    /// A balance whose code two records have.
    DoubtfulCode,
    /// The balance of colleagues who share no account.
    AnyAccount,
}

impl Mistake {
    pub const ALL: [Mistake; 7] = [
        Mistake::AnyCountry,
        Mistake::AnyTail,
        Mistake::UnsoundBlock,
        Mistake::OrderOfSources,
        Mistake::FirstOfSeveral,
        Mistake::DoubtfulCode,
        Mistake::AnyAccount,
    ];
}

pub struct Scan<'a> {
    pub world: &'a Contents,
    pub mistake: Option<Mistake>,
}

/// A contact and its source.
type One<'a> = (usize, &'a Contact);

/// Country and national digits, as text.
fn parts(number: PhoneNumber) -> (String, String) {
    let digits = number.digits().to_string();
    let code = number.split().0.to_string();
    let national = digits.strip_prefix(&code).unwrap().to_owned();
    (code, national)
}

fn in_service(text: &str) -> Option<PhoneNumber> {
    let reading = Dialling::default().read(text).ok()?;
    reading.number.filter(|_| reading.kind != LineKind::Unknown)
}

/// One subscriber's, and as well known without its country: Italian zeros are lost there.
fn is_plain(number: PhoneNumber) -> bool {
    let kinds = [LineKind::Geographic, LineKind::Either, LineKind::Personal];
    let national = parts(number).1;
    kinds.contains(&number.kind()) && national.len() >= 8 && !national.starts_with('0')
}

impl<'a> Scan<'a> {
    fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    pub fn find(&self, caller: &Reading) -> Option<Answer> {
        let rungs = self.world.matching.ladder.rungs.iter();
        let mut found = rungs.map(|rung| (*rung, self.on(*rung, caller)));
        let (rung, candidates) = found.find(|(_, candidates)| !candidates.is_empty())?;
        self.choose(rung, &candidates)
    }

    fn all(&self) -> Vec<One<'a>> {
        let sources = self.world.sources.iter().enumerate().take(BALANCES);
        let mut all: Vec<One<'a>> = sources
            .flat_map(|(source, contacts)| contacts.iter().map(move |c| (source, c)))
            .collect();
        if self.makes(Mistake::OrderOfSources) {
            all.reverse();
        }
        all
    }

    fn on(&self, rung: Rung, caller: &Reading) -> Vec<One<'a>> {
        let all = self.all().into_iter();
        let mut found: Vec<One<'a>> = match rung {
            Rung::Exact => all.filter(|(_, c)| self.same(caller, c)).collect(),
            Rung::National => all.filter(|(_, c)| self.same_national(caller, c)).collect(),
            Rung::Tail => all.filter(|(_, c)| self.same_tail(caller, c)).collect(),
            Rung::HeadOffice => return self.head_office(caller),
        };
        let first = found.first().map(|(source, _)| *source);
        found.retain(|(source, _)| rung != Rung::Exact || Some(*source) == first);
        found
    }

    fn same(&self, caller: &Reading, contact: &Contact) -> bool {
        let wrongly = |n: &PhoneNumber| {
            let number = caller.number.filter(|_| self.makes(Mistake::AnyCountry));
            number.is_some_and(|number| parts(number).1 == parts(*n).1)
        };
        let mut numbers = contact.numbers.iter();
        numbers.any(|n| Some(*n) == caller.number || wrongly(n))
    }

    fn same_national(&self, caller: &Reading, contact: &Contact) -> bool {
        let loose = |digits: &str| {
            let mut loose = contact.loose.iter();
            loose.any(|l| l.digits().to_string() == digits)
        };
        match (caller.number, caller.loose) {
            (_, Some(own)) => {
                let digits = own.digits().to_string();
                let mut numbers = contact.numbers.iter().filter(|n| is_plain(**n));
                let mut written = contact.loose.iter();
                let same = written.any(|l| {
                    let homes = [l.home(), own.home()];
                    l.digits() == own.digits() && (homes[0] == homes[1] || homes.contains(&0))
                });
                same || numbers.any(|n| parts(*n).1 == digits)
            }
            (Some(number), None) => {
                let (code, national) = parts(number);
                let foreign = code != "90" && in_service(&format!("+90{national}")).is_some();
                is_plain(number) && loose(&national) && !foreign
            }
            (None, None) => false,
        }
    }

    fn same_tail(&self, caller: &Reading, contact: &Contact) -> bool {
        let least = self.world.matching.ladder.tail_digits as usize;
        let is_tail = |digits: u64, home: u64, number: PhoneNumber| {
            let (code, national) = parts(number);
            let digits = digits.to_string();
            let Some(front) = digits.strip_suffix(&national) else {
                return false;
            };
            let fits = match home {
                0 => front == code,
                home => {
                    let begins = front.ends_with('0') || front.ends_with(&code);
                    home.to_string() == code && begins
                }
            };
            let other = in_service(&format!("+{digits}")).is_some_and(|there| there != number);
            let is_long = national.len() >= least && is_plain(number);
            let wrongly = self.makes(Mistake::AnyTail) && !front.is_empty();
            is_long && ((fits && !other) || wrongly)
        };
        match (caller.number, caller.loose) {
            (_, Some(loose)) => {
                let mut numbers = contact.numbers.iter();
                numbers.any(|n| is_tail(loose.digits(), loose.home(), *n))
            }
            (Some(number), None) => {
                let mut loose = contact.loose.iter();
                loose.any(|l| is_tail(l.digits(), l.home(), number))
            }
            (None, None) => false,
        }
    }

    /// What a company's numbers begin with, and beside that what must be its own for it to be so.
    fn blocks(contact: &Contact) -> Vec<(String, String, usize)> {
        let mut blocks = Vec::new();
        if contact.company.is_none() {
            return blocks;
        }
        let marked = &contact.switchboards;
        for number in marked.iter().chain(&contact.numbers) {
            let digits = number.digits().to_string();
            let zeros = digits.len() - digits.trim_end_matches('0').len();
            let is_marked = marked.contains(number);
            let recognised =
                zeros >= 2 && contact.name.is_none() && number.kind() == LineKind::Geographic;
            let most = match (is_marked, recognised) {
                (true, _) => 4,
                (false, true) => 2,
                (false, false) => continue,
            };
            for dropped in zeros.min(1)..=zeros.min(most) {
                let stem = &digits[..digits.len() - dropped];
                let proof = match is_marked {
                    true => stem,
                    false => &digits[..digits.len() - 2],
                };
                if stem.len() >= 6 {
                    blocks.push((stem.to_owned(), proof.to_owned(), dropped));
                }
            }
        }
        blocks
    }

    fn head_office(&self, caller: &Reading) -> Vec<One<'a>> {
        let (Some(number), None) = (caller.number, caller.loose) else {
            return Vec::new();
        };
        if !matches!(number.kind(), LineKind::Geographic | LineKind::Either) {
            return Vec::new();
        }
        let digits = number.digits().to_string();
        let most = self.world.matching.ladder.head_office_digits as usize;
        let mut found: Vec<One<'a>> = Vec::new();
        let mut claims = Vec::new();
        for (source, contact) in self.all() {
            for (stem, proof, dropped) in Self::blocks(contact) {
                let behind = digits.strip_prefix(&stem).map_or(0, str::len);
                if (dropped.max(1)..=most).contains(&behind) {
                    let longest = stem.len() + most.max(dropped);
                    claims.push((proof, longest));
                    found.push((source, contact));
                }
            }
        }
        for one in self.all() {
            let is_inside = claims.iter().any(|(proof, longest)| {
                let inside = |digits: &str, proof: &str, longest: usize| {
                    digits.starts_with(proof) && digits.len() <= longest
                };
                let country = parts_of(proof);
                let mut numbers = one.1.numbers.iter();
                let mut loose = one.1.loose.iter();
                numbers.any(|n| inside(&n.digits().to_string(), proof, *longest))
                    || loose.any(|l| {
                        let longest = longest - country.len();
                        inside(&l.digits().to_string(), &proof[country.len()..], longest)
                    })
            });
            if is_inside && !self.makes(Mistake::UnsoundBlock) {
                found.push(one);
            }
        }
        found.dedup_by(|a, b| std::ptr::eq(a.1, b.1));
        found
    }

    fn choose(&self, rung: Rung, found: &[One<'a>]) -> Option<Answer> {
        let (source, first) = *found.first()?;
        let company = self.one_company(found);
        let of_company = |account: bool| {
            let company = company.clone()?;
            let code = common(found, |c| c.ids.customer_code.as_ref());
            let any = first.ids.customer_code.clone();
            let code = if self.makes(Mistake::AnyAccount) {
                any
            } else {
                code
            };
            Some(Answer {
                rung,
                shared: Shared::Company,
                name: None,
                company: Some(Answer::spelt(Shared::Company, company)),
                balance: code
                    .filter(|_| account)
                    .and_then(|c| self.balance(source, &c)),
                key: None,
            })
        };
        if rung == Rung::HeadOffice {
            return of_company(false);
        }
        if found.iter().all(|(_, c)| same_card(c, first)) || self.makes(Mistake::FirstOfSeveral) {
            return Some(self.person(rung, source, first, found));
        }
        if company.is_some() {
            return of_company(true);
        }
        match self.world.matching.sharing {
            _ if rung != Rung::Exact => None,
            Sharing::None => None,
            Sharing::List => Some(listed(rung, found)),
            Sharing::CompanyOnly => {
                let of_one = found.iter().filter(|(_, c)| c.company.is_some());
                let of_one: Vec<One<'a>> = of_one.copied().collect();
                let company = self.one_company(&of_one)?;
                Some(Answer {
                    rung,
                    shared: Shared::Company,
                    name: None,
                    company: Some(Answer::spelt(Shared::Company, company)),
                    balance: None,
                    key: None,
                })
            }
            Sharing::First => {
                let mut newest = first;
                for (_, contact) in found {
                    if contact.updated > newest.updated {
                        newest = contact;
                    }
                }
                Some(self.person(rung, source, newest, &[(source, newest)]))
            }
        }
    }

    fn person(&self, rung: Rung, source: usize, contact: &Contact, all: &[One<'_>]) -> Answer {
        let code = common(all, |c| c.ids.customer_code.as_ref());
        let joined = code.and_then(|code| self.balance(source, &code));
        Answer {
            rung,
            shared: Shared::No,
            name: contact.name.clone(),
            company: contact.company.clone(),
            balance: joined.or(contact.balance.map(|b| b.amount.to_string())),
            key: common(all, |c| c.key.as_ref()),
        }
    }

    fn one_company(&self, found: &[One<'_>]) -> Option<String> {
        let folded: BTreeSet<Option<&str>> = found.iter().map(|(_, c)| who(c)).collect();
        let taxes: BTreeSet<&String> = found
            .iter()
            .filter_map(|(_, c)| c.ids.tax_number.as_ref())
            .collect();
        let is_one = folded.len() == 1 && !folded.contains(&None) && taxes.len() <= 1;
        is_one.then(|| found[0].1.company.clone()).flatten()
    }

    /// By a code that is of one company or person there, and of one record here.
    fn balance(&self, source: usize, code: &str) -> Option<String> {
        let has = |c: &&Contact| c.ids.customer_code.as_deref() == Some(code);
        let owners = self.world.sources[source].iter().filter(has);
        let owners: BTreeSet<Option<&str>> = owners.map(|c| who(c).or(c.name.as_deref())).collect();
        let mut records = self.world.sources[BALANCES].iter().filter(has);
        let (record, another) = (records.next()?, records.next());
        let is_certain = owners.len() <= 1 && another.is_none();
        let amount = record.balance.map(|b| b.amount.to_string());
        amount.filter(|_| is_certain || self.makes(Mistake::DoubtfulCode))
    }
}

/// The country code that a stem begins with, of those there are.
fn parts_of(stem: &str) -> &str {
    let codes = ["90", "44", "49", "39", "33", "1"];
    codes
        .into_iter()
        .find(|code| stem.starts_with(code))
        .unwrap_or(&stem[..3])
}

/// The company, without regard to how it is written.
fn who(contact: &Contact) -> Option<&str> {
    match contact.company.as_deref() {
        Some("Acme" | "ACME") => Some("acme"),
        Some("Beta A.S.") => Some("beta"),
        _ => None,
    }
}

fn same_card(a: &Contact, b: &Contact) -> bool {
    (&a.name, &a.company, a.balance) == (&b.name, &b.company, b.balance)
}

fn common(all: &[One<'_>], of: fn(&Contact) -> Option<&String>) -> Option<String> {
    let values: BTreeSet<Option<&String>> = all.iter().map(|(_, c)| of(c)).collect();
    match values.len() {
        1 => values.into_iter().next().flatten().cloned(),
        _ => None,
    }
}

fn listed(rung: Rung, found: &[One<'_>]) -> Answer {
    let mut names: Vec<&str> = Vec::new();
    for (_, contact) in found {
        let name = contact.name.as_deref().or(contact.company.as_deref());
        names.extend(name.filter(|name| !names.contains(name)));
    }
    let mut name = names[..names.len().min(3)].join(" / ");
    if names.len() > 3 {
        name += &format!(" (+{})", names.len() - 3);
    }
    Answer {
        rung,
        shared: Shared::Several,
        name: Some(name),
        company: None,
        balance: None,
        key: None,
    }
}
