//! A webhook that says nothing: Hipcall is asked whether there was anything to say.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ringcard::demo::hipcall::Fault;
use ringcard::demo::panel::fresh_uuid;
use ringcard::domain::clock::Synchronised;
use ringcard::domain::deadline::Moment;
use ringcard::status::{AlarmId, Status};
use ringcard::system::clock::Clock;

use crate::office::{CUSTOMER, Office};

/// An office that is open day and night, and whose hours pass when a test says so.
struct Quiet {
    office: Office,
    passed: Arc<AtomicU64>,
}

impl Quiet {
    async fn office() -> Quiet {
        Quiet::with("silence-alarm = \"2h\"\nbusiness-hours = \"Mon-Sun 00:00-24:00\"").await
    }

    async fn with(keys: &str) -> Quiet {
        let passed = Arc::new(AtomicU64::new(0));
        let (ahead, real) = (passed.clone(), Clock::of_the_system());
        let read = move || {
            let (now, ahead) = (
                real.now(),
                Duration::from_secs(ahead.load(Ordering::Relaxed)),
            );
            Moment {
                since_boot: now.since_boot + ahead,
                wall: now.wall + ahead,
                ..now
            }
        };
        let mut office = Office::closed().await;
        office.configure(|text| text.replace("[[account]]", &format!("[[account]]\n{keys}")));
        office.clock = Clock::new(read, || Synchronised::No);
        office.start().await;
        // A call that everybody heard of.
        let call = office.call(CUSTOMER).await;
        office.card(&call).await;
        Quiet { office, passed }
    }

    /// Time passes here and at Hipcall; a reload looks at once what came of it.
    async fn hours(&self, hours: u64) {
        self.minutes(hours * 60).await;
    }

    async fn minutes(&self, minutes: u64) {
        let time = minutes * 60;
        self.passed.fetch_add(time, Ordering::Relaxed);
        self.office.hipcall.let_time_pass(Duration::from_secs(time));
        self.office.reload().await;
    }

    /// A call of which the webhook tells nothing.
    fn unheard(&self) {
        self.office.hipcall.ring(&fresh_uuid());
    }

    fn asked(&self) -> usize {
        let requests = self.office.hipcall.requests().into_iter();
        requests
            .filter(|r| r.path.starts_with("/api/v3/calls?"))
            .count()
    }

    async fn until_asked(&self, times: usize) {
        self.office.until(|_| self.asked() == times).await;
    }
}

fn is_silent(status: &Status) -> bool {
    status.alarms.iter().any(|a| a.id == AlarmId::WebhookSilent)
}

#[tokio::test]
async fn a_silent_webhook_is_told_until_the_next_event() {
    let quiet = Quiet::office().await;
    quiet.hours(1).await;
    quiet.unheard();
    quiet.unheard();
    quiet.hours(1).await;
    quiet.office.until(is_silent).await;
    let told = quiet.office.alarm("account demo").unwrap();
    assert!(told.contains("Hipcall had 2 calls"), "{told}");
    let alarms = quiet.office.status().alarms;
    let advice = &alarms.iter().next().unwrap().advice;
    assert!(
        advice.contains("Account > Integrations > Webhook"),
        "{advice}"
    );
    // It outlasts a reload: it is still so.
    quiet.hours(1).await;
    quiet.office.until(is_silent).await;
    let call = quiet.office.call(CUSTOMER).await;
    quiet.office.card(&call).await;
    quiet.office.until(|s| !is_silent(s)).await;
}

#[tokio::test]
async fn a_quiet_office_is_left_in_peace() {
    let quiet = Quiet::office().await;
    quiet.hours(1).await;
    assert_eq!(quiet.asked(), 0, "an hour is nothing");
    quiet.hours(1).await;
    quiet.until_asked(1).await;
    quiet.hours(3).await;
    quiet.until_asked(2).await;
    assert!(!is_silent(&quiet.office.status()));
}

#[tokio::test]
async fn a_call_whose_event_is_on_its_way_is_not_missed() {
    let quiet = Quiet::office().await;
    quiet.hours(2).await;
    quiet.until_asked(1).await;
    quiet.unheard();
    quiet.office.reload().await;
    quiet.until_asked(2).await;
    assert!(!is_silent(&quiet.office.status()));
    quiet.minutes(2).await;
    quiet.office.until(is_silent).await;
}

#[tokio::test]
async fn a_hipcall_that_can_not_be_asked_is_no_silence() {
    let quiet = Quiet::office().await;
    quiet.minutes(5).await;
    quiet.unheard();
    quiet.office.hipcall.script([Fault::Status(503)]);
    quiet.hours(2).await;
    quiet.until_asked(1).await;
    assert!(!is_silent(&quiet.office.status()));
    quiet.minutes(2).await;
    quiet.office.until(is_silent).await;
}

#[tokio::test]
async fn nobody_is_asked_outside_business_hours_or_where_it_is_switched_off() {
    let closed = "business-hours = \"Mon-Sun 00:00-00:01\"\ntime-zone = \"Etc/GMT-14\"";
    for keys in ["silence-alarm = \"off\"", closed] {
        let quiet = Quiet::with(keys).await;
        quiet.unheard();
        quiet.hours(5).await;
        // What asks at a reload has asked by the time a card has gone out.
        let call = quiet.office.call(CUSTOMER).await;
        quiet.office.card(&call).await;
        assert_eq!(quiet.asked(), 0, "{keys}");
        assert!(!is_silent(&quiet.office.status()));
    }
}
