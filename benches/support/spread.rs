//! How times are spread: the usual one, the slow ones, the slowest.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::Result;

/// Longest time told apart from longer ones.
const LONGEST: Duration = Duration::from_secs(60);
const DIGITS: u8 = 3;

pub struct Spread(Histogram<u64>);

impl Spread {
    pub fn new() -> Result<Spread> {
        let longest = u64::try_from(LONGEST.as_nanos())?;
        Ok(Spread(Histogram::new_with_bounds(1, longest, DIGITS)?))
    }

    pub fn of(times: impl IntoIterator<Item = Duration>) -> Result<Spread> {
        let mut spread = Spread::new()?;
        times.into_iter().for_each(|time| spread.add(time));
        Ok(spread)
    }

    pub fn add(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.saturating_record(nanos);
    }

    pub fn merge(&mut self, other: &Spread) -> Result<()> {
        Ok(self.0.add(&other.0)?)
    }

    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// In microseconds.
    pub fn at(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1_000.0
    }

    pub fn max(&self) -> f64 {
        self.0.max() as f64 / 1_000.0
    }

    /// p50, p90, p99 and max in `unit`.
    pub fn cells(&self, unit: Unit) -> Vec<String> {
        let (micros, places) = match unit {
            Unit::Micros => (1.0, 2),
            Unit::Millis => (1_000.0, 3),
        };
        [self.at(0.5), self.at(0.9), self.at(0.99), self.max()]
            .map(|value| format!("{:.places$}", value / micros))
            .into()
    }
}

#[derive(Clone, Copy, Debug)]
pub enum Unit {
    Micros,
    Millis,
}
