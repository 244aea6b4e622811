//! What may become of an accepted event, and whether it did.
//!
//! Pure. Each call that was answered with 200 must have been shown its card in its life, or have an end that
//! the daemon itself tells, with a reason that fits what happened. Where the line was good for long enough
//! no reason is good enough. The only loss allowed is of an event that no disk had taken when the process was
//! killed: there is nothing that the daemon could have done, and it is counted.

use std::collections::{BTreeMap, BTreeSet};

use ringcard::domain::fate::Why;
use ringcard::store::outbox::Phase;

use super::fate::{Asked, Bad, Call, Card, History, Ms, Said, Stretch, Trouble};

/// A card that was on its way when its call ended, or when its time was over, may still arrive.
const IN_FLIGHT: Ms = 2_000;
/// Once the line is good again, a card that is still worth something has been seen after this: a try that
/// hangs takes 5 s, the pause after it a second or two.
const RECOVERY: Ms = 8_000;
/// The same where no try hangs, or the process is a new one.
const QUICK_RECOVERY: Ms = 4_000;
/// So long a call with nothing wrong around it must have lived for its card to be missed.
const SURE: Ms = 2_000;
/// The 200 is given by then, durable or not.
const ANSWER: Ms = ringcard::webhook::ANSWER_WITHIN.as_millis() as Ms;
/// A disk that refused is tried again after 5 s; until then what was accepted is in memory only.
const DISK_LAG: Ms = 6_000;
/// How long one request can be under way.
pub const REQUEST: Ms = ringcard::hipcall::REQUEST_TIME.as_millis() as Ms;

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    Delivered,
    /// Taken by Hipcall, for a call that ended at the same moment.
    Unseen,
    Expired(Why),
    Dropped(Why),
    Parked,
    /// Nobody knows the number, and so there is no card.
    NoCard,
    /// Its event was not answered with 200, for no fault of a running daemon.
    NotAccepted,
    /// Accepted while no disk took it, and then killed.
    AllowedLoss,
}

#[derive(Debug, Default)]
pub struct Judgement {
    pub fates: BTreeMap<Fate, usize>,
    /// Each with its call and in words.
    pub violations: Vec<String>,
    /// Cards posted again after a doubt.
    pub duplicates: usize,
    /// Ends of calls that were lost as cards may be, and whose card came late therefore.
    pub lost_ends: usize,
    pub not_200: usize,
    pub slowest_200: Ms,
}

pub fn judge(history: &History) -> Judgement {
    let mut judgement = Judgement::default();
    for call in &history.calls {
        let mut complaints = Vec::new();
        let case = Case { history, call };
        case.answers(&mut judgement, &mut complaints);
        case.cards(&mut judgement, &mut complaints);
        case.comments(&mut complaints);
        if let Some(fate) = case.fate(&mut complaints) {
            *judgement.fates.entry(fate).or_default() += 1;
        }
        let of_call = complaints.into_iter();
        let named = of_call.map(|what| format!("call {}: {what}", call.id));
        judgement.violations.extend(named);
    }
    judgement
}

struct Case<'a> {
    history: &'a History,
    call: &'a Call,
}

impl Case<'_> {
    /// Once ready and not yet killed, the answer is 200.
    fn answers(&self, judgement: &mut Judgement, complaints: &mut Vec<String>) {
        for asked in [Some(&self.call.init), self.call.hangup.as_ref()] {
            let Some(asked) = asked else { continue };
            if asked.accepted() {
                if !self.paused(asked) {
                    judgement.slowest_200 = judgement.slowest_200.max(asked.end - asked.at);
                }
                continue;
            }
            let mut lives = self.history.lives.iter();
            if lives.any(|life| life.ready <= asked.at && asked.end < life.end) {
                judgement.not_200 += 1;
                complaints.push(format!("not answered with 200: {asked:?}"));
            }
        }
    }

    fn paused(&self, asked: &Asked) -> bool {
        let mut troubles = self.history.troubles.iter();
        troubles.any(|t| t.what == Trouble::Paused && t.from <= asked.end && asked.at <= t.to)
    }

    /// Every card is the right one, in the call's life, and another one only after a doubt.
    fn cards(&self, judgement: &mut Judgement, complaints: &mut Vec<String>) {
        let call = self.call;
        if call.cards.iter().filter(|card| card.seen).count() > 1 {
            complaints.push("two cards were seen".into());
        }
        for card in &call.cards {
            if card.name != call.name {
                complaints.push(format!("a card names {:?}, not {:?}", card.name, call.name));
            }
            if let Some(how) = self.late(card) {
                match self.end_was_lost(card) {
                    true => judgement.lost_ends += 1,
                    false => complaints.push(how),
                }
            }
        }
        for pair in call.cards.windows(2) {
            judgement.duplicates += 1;
            if !self.in_doubt(pair[0].at, pair[1].at) {
                complaints.push("a card was posted again without a doubt".into());
            }
        }
    }

    fn late(&self, card: &Card) -> Option<String> {
        let told = self.call.hangup.filter(Asked::accepted);
        if told.is_some_and(|told| card.late.is_some() && card.at > told.end + IN_FLIGHT) {
            return Some(format!("a card came after its call: {card:?}"));
        }
        // From a time that is certainly after the call's beginning for Hipcall and for the daemon.
        let end = self.call.init.end + self.history.deadline;
        (card.at > end + IN_FLIGHT).then(|| format!("a card came after its time: {card:?}"))
    }

    /// Whether the sender of a card at `from` could not know, until `to`, that it had been taken.
    fn in_doubt(&self, from: Ms, to: Ms) -> bool {
        let mut bad = self.call.bad.iter();
        let doubtful = bad.any(|bad| bad.doubtful && (from..=to).contains(&bad.at));
        let cuts = |what| !matches!(what, Trouble::Fault | Trouble::Quota | Trouble::Disk);
        let mut troubles = self.history.troubles.iter();
        doubtful
            || troubles.any(|t| cuts(t.what) && t.from <= to && t.to.max(t.from + REQUEST) >= from)
    }

    /// One comment at most, and none where the agent saw the card.
    fn comments(&self, complaints: &mut Vec<String>) {
        let call = self.call;
        if call.comments.len() > 1 {
            complaints.push(format!("{} comments", call.comments.len()));
        }
        let Some(comment) = call.comments.first() else {
            return;
        };
        let mut seen = call.cards.iter().filter(|card| card.seen);
        if seen.any(|card| !self.in_doubt(card.at, *comment)) {
            complaints.push("a comment on a call whose card was seen".into());
        }
    }

    fn fate(&self, complaints: &mut Vec<String>) -> Option<Fate> {
        let call = self.call;
        let seen = call.cards.iter().any(|card| card.seen);
        if !call.init.accepted() {
            // It may have been accepted all the same, if the answer was lost with the process.
            return Some(if seen {
                Fate::Delivered
            } else {
                Fate::NotAccepted
            });
        }
        if call.name.is_none() {
            return Some(Fate::NoCard);
        }
        if seen {
            return Some(Fate::Delivered);
        }
        let told = match &call.said {
            _ if !call.cards.is_empty() => Some(Fate::Unseen),
            Some(said) => self.told(said, complaints),
            None if self.may_be_lost(&call.init) => return Some(Fate::AllowedLoss),
            None => {
                complaints.push("accepted, and nothing is known of it".into());
                return None;
            }
        };
        if self.had_to_be_delivered() && !self.may_be_lost(&call.init) {
            complaints.push(format!(
                "it had to be delivered, and was not: {:?}",
                call.said
            ));
        }
        told
    }

    /// The end that the daemon tells, if its reason fits.
    fn told(&self, said: &Said, complaints: &mut Vec<String>) -> Option<Fate> {
        let fate = match (said.phase, said.why) {
            (Phase::Expired | Phase::CommentDue, Some(why)) => Fate::Expired(why),
            (Phase::Dropped, Some(why)) => Fate::Dropped(why),
            (Phase::Parked, _) => Fate::Parked,
            _ => {
                complaints.push(format!("it has come to no end: {said:?}"));
                return None;
            }
        };
        let fits = match &fate {
            Fate::Expired(why) | Fate::Dropped(why) => self.fits(*why),
            _ => self.happened(&[Trouble::Refused, Trouble::Elsewhere]),
        };
        if !said.has_reason {
            complaints.push(format!("no reason is told: {said:?}"));
        }
        if !fits {
            let happened = self.troubles();
            complaints.push(format!("{fate:?} does not fit {happened:?}"));
        }
        Some(fate)
    }

    fn fits(&self, why: Why) -> bool {
        use Trouble::{
            Broken, Dates, Down, Elsewhere, Fault, Killed, Names, Paused, Quota, Silent, Stranger,
            Token, Unknown,
        };
        match why {
            Why::CallEnded => self.call.hangup.is_some(),
            Why::TooLate => self.happened(&[Killed, Paused]),
            Why::NoConnection => self.happened(&[Down, Broken]),
            Why::NoName => self.happened(&[Names]),
            Why::Clock => self.happened(&[Dates]),
            Why::NotTrusted => self.happened(&[Stranger]),
            Why::NoAnswer => self.happened(&[Silent, Paused]),
            // Whatever changes the node drops the connections to it as well.
            Why::BrokenConnection => {
                self.happened(&[Broken, Down, Names, Dates, Stranger, Silent, Elsewhere])
            }
            Why::HipcallFault => self.happened(&[Fault]),
            Why::Quota => self.happened(&[Quota]),
            Why::TokenRefused => self.happened(&[Token]),
            Why::UnknownCall => self.happened(&[Unknown]),
            // Nobody drops cards here, takes accounts away, or fills the outbox.
            Why::NoAccount | Why::ByHand | Why::NoRoom => false,
        }
    }

    fn happened(&self, any: &[Trouble]) -> bool {
        let troubles = self.troubles();
        any.iter().any(|what| troubles.contains(what))
    }

    /// From the acceptance to the end of the call or of the card's time.
    fn life(&self) -> (Ms, Ms) {
        let (begin, deadline) = (self.call.init.end, self.history.deadline);
        let over = self.call.init.at + deadline;
        let end = self.call.hangup.map_or(over, |hangup| hangup.at.min(over));
        (begin, end.max(begin))
    }

    /// What went wrong while the call lived, or so shortly before that it could still be felt.
    fn troubles(&self) -> BTreeSet<Trouble> {
        let (begin, end) = self.life();
        let around = |t: &&Stretch| t.from <= end + IN_FLIGHT && t.to + RECOVERY >= begin;
        let general = self.history.troubles.iter().filter(around).map(|t| t.what);
        let own = self.call.bad.iter().map(|bad| bad.what);
        general.chain(own).collect()
    }

    /// Whether no reason is good enough: the card had time on a good line.
    fn had_to_be_delivered(&self) -> bool {
        let (begin, end) = self.life();
        let general = self.history.troubles.iter();
        let general = general.filter(|t| t.what != Trouble::Disk && t.from <= end);
        let own = self.call.bad.iter();
        let final_word = |bad: &Bad| {
            use Trouble::{Elsewhere, Refused, Unknown};
            matches!(bad.what, Refused | Elsewhere | Unknown)
        };
        if own.clone().any(final_word) {
            return false;
        }
        // From when until when each trouble may be felt.
        let felt = general.map(|t| (t.from, t.to + recovery(t.what)));
        let felt = felt.chain(own.map(|bad| (bad.at, over(bad) + recovery(bad.what))));
        let felt: Vec<(Ms, Ms)> = felt.filter(|(_, until)| *until > begin).collect();
        let at_once = felt.iter().all(|(from, _)| *from > begin + SURE);
        let recovered = felt.iter().map(|(_, until)| *until).max();
        (at_once && end - begin >= SURE) || recovered.is_some_and(|until| until <= end)
    }

    /// Whether no disk had taken an event when the process was killed.
    fn may_be_lost(&self, event: &Asked) -> bool {
        let troubles = self.history.troubles.iter();
        let of = |what| troubles.clone().filter(move |t: &&Stretch| t.what == what);
        let refused = of(Trouble::Disk)
            .filter(|t| t.from <= event.end && event.at <= t.to + DISK_LAG)
            .map(|t| t.to + DISK_LAG);
        let slow = (event.end - event.at >= ANSWER).then_some(event.end + DISK_LAG);
        let until = refused.chain(slow).max();
        let killed = |until| of(Trouble::Killed).any(|t| (event.at..=until).contains(&t.from));
        event.accepted() && until.is_some_and(killed)
    }

    /// Whether a late card is late because the end of its call was lost.
    fn end_was_lost(&self, card: &Card) -> bool {
        let in_time = card.at <= self.call.init.end + self.history.deadline + IN_FLIGHT;
        in_time
            && self
                .call
                .hangup
                .is_some_and(|hangup| self.may_be_lost(&hangup))
    }
}

/// When a bad request is over for its sender.
fn over(bad: &Bad) -> Ms {
    match bad.what {
        Trouble::Silent => bad.at + REQUEST,
        _ => bad.at,
    }
}

/// How long after a trouble a card that is still worth something has been seen.
fn recovery(what: Trouble) -> Ms {
    use Trouble::{Broken, Fault, Killed, Paused, Quota};
    match what {
        Killed | Paused | Broken | Fault | Quota => QUICK_RECOVERY,
        _ => RECOVERY,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fate::Life;
    use super::*;

    const DEADLINE: Ms = 20_000;

    fn asked(at: Ms) -> Asked {
        let (end, status) = (at + 10, Some(200));
        Asked { at, end, status }
    }

    fn card(at: Ms) -> Card {
        let (name, late, seen) = (Some("Deneme Kişi".into()), None, true);
        Card {
            at,
            name,
            late,
            seen,
        }
    }

    fn said(phase: Phase, why: Option<Why>) -> Option<Said> {
        let has_reason = true;
        Some(Said {
            phase,
            why,
            has_reason,
        })
    }

    /// A call from 100 s to 110 s whose card was seen at once.
    fn good() -> Call {
        Call {
            id: "a".into(),
            name: Some("Deneme Kişi".into()),
            init: asked(100_000),
            hangup: Some(asked(110_000)),
            bad: Vec::new(),
            cards: vec![card(100_005)],
            comments: Vec::new(),
            said: said(Phase::Settled, None),
        }
    }

    /// The same without a card, and with such an end.
    fn ended(why: Why) -> Call {
        Call {
            cards: Vec::new(),
            said: said(Phase::Expired, Some(why)),
            ..good()
        }
    }

    fn trouble(what: Trouble, from: Ms, to: Ms) -> Stretch {
        Stretch { what, from, to }
    }

    fn judged(call: Call, troubles: &[Stretch]) -> Judgement {
        judge(&History {
            deadline: DEADLINE,
            calls: vec![call],
            troubles: troubles.to_vec(),
            lives: vec![Life {
                ready: 0,
                end: 1_000_000,
            }],
        })
    }

    fn complaint(call: Call, troubles: &[Stretch]) -> String {
        judged(call, troubles).violations.join("; ")
    }

    fn fate(call: Call, troubles: &[Stretch]) -> Fate {
        let judgement = judged(call, troubles);
        assert_eq!(judgement.violations, Vec::<String>::new());
        judgement.fates.into_keys().next().unwrap()
    }

    #[test]
    fn a_card_seen_in_its_life_is_what_should_be() {
        assert_eq!(fate(good(), &[]), Fate::Delivered);
    }

    #[test]
    fn a_lost_event_is_found() {
        let lost = || Call {
            said: None,
            ..ended(Why::CallEnded)
        };
        assert!(complaint(lost(), &[]).contains("nothing is known"));
        // A kill alone is no excuse: what is accepted is on disk.
        let killed = trouble(Trouble::Killed, 101_000, 101_500);
        assert!(complaint(lost(), &[killed]).contains("nothing is known"));
        let disk = trouble(Trouble::Disk, 99_000, 103_000);
        assert_eq!(fate(lost(), &[disk, killed]), Fate::AllowedLoss);
        assert!(complaint(lost(), &[disk]).contains("nothing is known"));
        let much_later = trouble(Trouble::Killed, 120_000, 121_000);
        assert!(complaint(lost(), &[disk, much_later]).contains("nothing is known"));
    }

    #[test]
    fn an_answer_that_came_later_than_a_disk_takes_may_have_been_for_memory_alone() {
        let mut call = Call {
            said: None,
            ..ended(Why::CallEnded)
        };
        call.init.end = call.init.at + ANSWER;
        let killed = trouble(Trouble::Killed, 101_000, 101_500);
        assert_eq!(fate(call.clone(), &[killed]), Fate::AllowedLoss);
        assert!(complaint(call, &[]).contains("nothing is known"));
    }

    #[test]
    fn a_card_after_its_call_is_found() {
        let late = |at: Ms| Card {
            late: Some(at - 110_000),
            seen: false,
            ..card(at)
        };
        let call = |at| Call {
            cards: vec![late(at)],
            said: said(Phase::Settled, None),
            ..good()
        };
        let down = trouble(Trouble::Down, 99_000, 109_000);
        assert!(complaint(call(113_000), &[down]).contains("after its call"));
        assert_eq!(fate(call(110_500), &[down]), Fate::Unseen);
        // Hipcall did not get through to tell of the end.
        let mut untold = call(113_000);
        untold.hangup = Some(Asked {
            status: None,
            ..asked(110_000)
        });
        let killed = trouble(Trouble::Killed, 109_000, 112_000);
        assert!(!complaint(untold, &[killed]).contains("after its call"));
        // The end itself was lost with the memory of the process that took it.
        let disk = trouble(Trouble::Disk, 105_000, 111_000);
        let killed = trouble(Trouble::Killed, 111_000, 111_500);
        let judgement = judged(call(113_000), &[down, disk, killed]);
        assert_eq!((judgement.violations.len(), judgement.lost_ends), (0, 1));
    }

    #[test]
    fn a_card_after_its_time_is_found() {
        let call = |at| Call {
            hangup: None,
            cards: vec![card(at)],
            ..good()
        };
        assert!(complaint(call(123_000), &[]).contains("after its time"));
        assert_eq!(fate(call(119_000), &[]), Fate::Delivered);
    }

    #[test]
    fn a_card_with_another_name_is_found() {
        let named = |name: Option<&str>| {
            let mut call = good();
            call.cards[0].name = name.map(String::from);
            call
        };
        assert!(complaint(named(Some("Deneme Başka")), &[]).contains("names"));
        assert!(complaint(named(None), &[]).contains("names"));
        let nobody = Call {
            name: None,
            ..good()
        };
        assert!(complaint(nobody, &[]).contains("names"));
    }

    #[test]
    fn a_second_card_needs_a_doubt_and_is_never_seen() {
        let twice = |seen| Call {
            cards: vec![
                card(100_005),
                Card {
                    seen,
                    ..card(101_000)
                },
            ],
            ..good()
        };
        assert!(complaint(twice(false), &[]).contains("without a doubt"));
        let doubt = trouble(Trouble::Killed, 100_500, 100_900);
        let judgement = judged(twice(false), &[doubt]);
        assert_eq!((judgement.violations.len(), judgement.duplicates), (0, 1));
        assert!(complaint(twice(true), &[doubt]).contains("two cards"));
        let mut taken = twice(false);
        taken.bad.push(Bad {
            what: Trouble::Broken,
            at: 100_005,
            doubtful: true,
        });
        assert_eq!(fate(taken.clone(), &[]), Fate::Delivered);
        taken.bad[0].doubtful = false;
        assert!(complaint(taken, &[]).contains("without a doubt"));
    }

    #[test]
    fn another_answer_than_200_is_found_while_the_process_is_up() {
        for status in [Some(503), Some(201), None] {
            let mut call = good();
            call.hangup = Some(Asked {
                status,
                ..asked(110_000)
            });
            assert!(complaint(call, &[]).contains("not answered with 200"));
        }
        let mut call = ended(Why::CallEnded);
        call.init.status = None;
        let history = |end| History {
            deadline: DEADLINE,
            calls: vec![call.clone()],
            troubles: Vec::new(),
            lives: vec![Life { ready: 0, end }],
        };
        assert_eq!(judge(&history(100_020)).not_200, 1);
        let killed = judge(&history(100_010));
        assert_eq!((killed.not_200, killed.violations.len()), (0, 0));
        assert_eq!(killed.fates[&Fate::NotAccepted], 1);
    }

    #[test]
    fn an_end_needs_a_reason_and_one_that_fits() {
        let down = trouble(Trouble::Down, 99_000, 109_000);
        assert_eq!(
            fate(ended(Why::CallEnded), &[down]),
            Fate::Expired(Why::CallEnded)
        );
        assert!(complaint(ended(Why::Quota), &[down]).contains("does not fit"));
        assert!(complaint(ended(Why::ByHand), &[down]).contains("does not fit"));
        assert!(complaint(ended(Why::NoName), &[down]).contains("does not fit"));
        let mut silent = ended(Why::CallEnded);
        silent.said.as_mut().unwrap().has_reason = false;
        assert!(complaint(silent, &[down]).contains("no reason"));
        let waits = Call {
            said: said(Phase::Waiting, None),
            ..ended(Why::CallEnded)
        };
        assert!(complaint(waits, &[down]).contains("no end"));
        let parked = Call {
            said: said(Phase::Parked, None),
            ..ended(Why::CallEnded)
        };
        assert!(complaint(parked.clone(), &[down]).contains("does not fit"));
        let mut refused = parked;
        refused.bad.push(Bad {
            what: Trouble::Refused,
            at: 100_005,
            doubtful: false,
        });
        assert_eq!(fate(refused, &[]), Fate::Parked);
    }

    #[test]
    fn on_a_good_line_no_reason_is_good_enough() {
        assert!(complaint(ended(Why::CallEnded), &[]).contains("had to be delivered"));
        let claimed = trouble(Trouble::Down, 99_000, 101_000);
        assert!(complaint(ended(Why::CallEnded), &[claimed]).contains("had to be delivered"));
        let longer = trouble(Trouble::Down, 99_000, 104_000);
        assert_eq!(
            fate(ended(Why::CallEnded), &[longer]),
            Fate::Expired(Why::CallEnded)
        );
        // What went wrong later is none either.
        let later = trouble(Trouble::Killed, 109_000, 109_500);
        assert!(complaint(ended(Why::CallEnded), &[later]).contains("had to be delivered"));
        // A new process has nothing to recover from but its start.
        let killed = trouble(Trouble::Killed, 103_000, 104_000);
        assert!(complaint(ended(Why::CallEnded), &[killed]).contains("had to be delivered"));
        // Taken just as the call ended, and with all the time before it.
        let mut too_late = good();
        too_late.cards[0] = Card {
            late: Some(100),
            seen: false,
            ..card(110_100)
        };
        assert!(complaint(too_late.clone(), &[]).contains("had to be delivered"));
        assert_eq!(fate(too_late, &[longer]), Fate::Unseen);
        // What the disk does is no reason.
        let disk = trouble(Trouble::Disk, 99_000, 112_000);
        assert!(complaint(ended(Why::CallEnded), &[disk]).contains("had to be delivered"));
        let mut short = ended(Why::CallEnded);
        short.hangup = Some(asked(100_500));
        assert_eq!(fate(short, &[]), Fate::Expired(Why::CallEnded));
    }

    #[test]
    fn a_call_has_one_comment_and_only_without_its_card() {
        let commented = |call: Call, comments: &[Ms]| Call {
            comments: comments.to_vec(),
            ..call
        };
        let down = [trouble(Trouble::Down, 99_000, 112_000)];
        let once = commented(ended(Why::CallEnded), &[113_000]);
        assert_eq!(fate(once, &down), Fate::Expired(Why::CallEnded));
        let twice = commented(ended(Why::CallEnded), &[113_000, 114_000]);
        assert!(complaint(twice, &down).contains("2 comments"));
        assert!(complaint(commented(good(), &[113_000]), &[]).contains("comment on a call"));
    }
}
