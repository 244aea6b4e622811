//! When a source is synced next: every so often with jitter, or by a crontab line in the box's time zone.

use std::time::Duration;

use jiff::Zoned;

/// A tenth of the period: fifty branches started by one power cut must not ask the CRM in one second.
const JITTER: f64 = 0.1;

#[derive(Clone, Debug)]
pub enum Schedule {
    Every(Duration),
    Cron(Box<cronexpr::Crontab>),
}

impl Schedule {
    /// `every` counts from now and does not look at the wall clock, so a jump neither skips nor repeats a
    /// sync; `dice` is a random number of 0 to 1.
    pub fn wait(&self, now: &Zoned, dice: f64) -> Duration {
        match self {
            Schedule::Every(period) => spread(*period, dice),
            Schedule::Cron(crontab) => crontab
                .find_next(now.timestamp())
                .ok()
                .and_then(|next| Duration::try_from(next.duration_since(now)).ok())
                // The furthest future (9999) has no next minute: look again in an hour.
                .unwrap_or(Duration::from_secs(3600)),
        }
    }

    /// A five-field crontab line, in the time zone the box is set to unless a sixth field names another.
    pub fn parse_cron(line: &str) -> Result<Schedule, String> {
        let mut options = cronexpr::ParseOptions::default();
        options.fallback_timezone_option = cronexpr::FallbackTimezoneOption::System;
        cronexpr::parse_crontab_with(line, options)
            .map(|crontab| Schedule::Cron(Box::new(crontab)))
            .map_err(|e| {
                e.to_string()
                    .lines()
                    .next()
                    .unwrap_or("not a crontab line")
                    .to_owned()
            })
    }
}

/// A tenth sooner or later; `dice` is a random number of 0 to 1.
pub fn spread(period: Duration, dice: f64) -> Duration {
    period.mul_f64(1.0 + JITTER * (2.0 * dice - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Zoned {
        text.parse().unwrap()
    }

    #[test]
    fn every_waits_its_period_within_a_tenth() {
        let schedule = Schedule::Every(Duration::from_secs(600));
        let now = at("2026-03-02T09:00[UTC]");
        let waits = [0.0, 0.5, 1.0].map(|dice| schedule.wait(&now, dice).as_secs());
        assert_eq!(waits, [540, 600, 660]);
    }

    #[test]
    fn cron_waits_until_its_next_minute() {
        let schedule = Schedule::parse_cron("30 6 * * MON-FRI UTC").unwrap();
        let friday_noon = at("2026-03-06T12:00[UTC]");
        assert_eq!(
            schedule.wait(&friday_noon, 0.0),
            Duration::from_secs((2 * 24 + 18) * 3600 + 1800)
        );
        assert!(Schedule::parse_cron("61 * * * *").is_err());
        assert!(Schedule::parse_cron("daily at six").is_err());
    }
}
