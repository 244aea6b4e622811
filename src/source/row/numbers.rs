//! The numbers of one row: of all its columns, each once, and no more than are kept.

use super::super::cell::{is_rounded, numbers_in};
use super::super::reject::{RowReason, ValueReason};
use super::super::settings::{Line, NumbersColumn};
use super::cells::Cells;
use super::{Refusal, refusal};
use crate::domain::contact::NUMBERS_PER_CONTACT;
use crate::domain::dialling::{Dialling, LooseNumber, Reading};
use crate::domain::phone::{NumberError, PhoneNumber};

#[derive(Default)]
pub(super) struct Numbers {
    pub(super) certain: Vec<PhoneNumber>,
    pub(super) loose: Vec<LooseNumber>,
    pub(super) switchboards: Vec<PhoneNumber>,
}

impl Numbers {
    /// False if there is no room for it.
    fn add(&mut self, reading: Reading, line: Line) -> bool {
        let number = reading.number.filter(|n| !self.certain.contains(n));
        let loose = reading.loose.filter(|l| !self.loose.contains(l));
        let new = usize::from(number.is_some()) + usize::from(loose.is_some());
        if self.certain.len() + self.loose.len() + new > NUMBERS_PER_CONTACT {
            return false;
        }
        self.certain.extend(number);
        self.loose.extend(loose);
        // One that stands in two columns is a switchboard if either says so.
        let switchboard = reading.number.filter(|_| line == Line::Switchboard);
        let switchboard = switchboard.filter(|n| !self.switchboards.contains(n));
        self.switchboards.extend(switchboard);
        true
    }

    fn is_empty(&self) -> bool {
        self.certain.is_empty() && self.loose.is_empty()
    }
}

impl<'r> Cells<'r> {
    pub(super) fn numbers(
        &mut self,
        columns: &[(usize, NumbersColumn)],
    ) -> Result<Numbers, Refusal<'r>> {
        let mut numbers = Numbers::default();
        let mut bad = None;
        for (column, mapped) in columns {
            let (column, cell) = (*column, self.cell(*column));
            let mut found = |reading: Reading| {
                if !numbers.add(reading, mapped.line) {
                    self.leave_out(ValueReason::TooManyNumbers, column, None);
                } else if reading.loose.is_some() {
                    self.leave_out(ValueReason::NoCountry, column, None);
                }
            };
            match numbers_in(cell, &mapped.dialling, &mut found) {
                Ok(()) | Err(NumberError::Empty) => {}
                Err(error) => {
                    bad = bad.or(Some((column, cell, error)));
                    let reason = match is_rounded(cell) {
                        true => ValueReason::RoundedNumber,
                        false => ValueReason::Number,
                    };
                    self.leave_out(reason, column, Some(format!("the number {error}")));
                }
            }
        }
        match bad {
            _ if !numbers.is_empty() => Ok(numbers),
            None => Err(refusal(RowReason::NoNumber)),
            Some((column, value, error)) => Err(Refusal {
                reason: RowReason::NoUsableNumber,
                column: Some(column),
                value,
                words: Some(error),
            }),
        }
    }
}

/// The numbers that a balance can be joined by: with a country that is only likely it could be a stranger's.
pub(super) fn certain_in(
    cell: &str,
    dialling: &Dialling,
) -> Result<Vec<PhoneNumber>, Option<NumberError>> {
    let mut numbers = Vec::new();
    let mut doubtful = false;
    let outcome = numbers_in(cell, dialling, &mut |reading| match reading {
        Reading {
            number: Some(number),
            loose: None,
            ..
        } if !numbers.contains(&number) => numbers.push(number),
        Reading { loose, .. } => doubtful |= loose.is_some(),
    });
    if !numbers.is_empty() {
        numbers.truncate(NUMBERS_PER_CONTACT);
        return Ok(numbers);
    }
    match outcome {
        Err(error) if !doubtful => Err(Some(error)),
        _ => Err(None),
    }
}
