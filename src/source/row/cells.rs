//! The values of one row, each read as what its column holds.
//!
//! A value that can't be read is left out and noted; whether the row is worth a contact without it, the row
//! reader decides.

use super::super::reject::ValueReason;
use super::super::settings::{BalanceColumn, BalanceSign};
use super::Row;
use crate::domain::changed::{self, DateOrder};
use crate::domain::contact::FIELD_BYTES;
use crate::domain::flag;
use crate::domain::join;
use crate::domain::money::{Currency, DecimalSign, Money};

pub(super) struct Cells<'r> {
    row: Row<'r>,
    pub(super) left_out: Vec<LeftOut<'r>>,
}

/// A value that is not, or not wholly, in the contact.
pub(super) struct LeftOut<'r> {
    pub(super) reason: ValueReason,
    pub(super) column: usize,
    pub(super) value: &'r str,
    pub(super) detail: Option<String>,
}

impl<'r> Cells<'r> {
    pub(super) fn new(row: Row<'r>) -> Cells<'r> {
        Cells {
            row,
            left_out: Vec::new(),
        }
    }

    pub(super) fn cell(&self, column: usize) -> &'r str {
        self.row.values[column].trim()
    }

    /// What stands in a mapped column, if it is mapped and something does.
    fn given(&self, column: Option<usize>) -> Option<(usize, &'r str)> {
        let column = column?;
        Some((column, self.cell(column))).filter(|(_, value)| !value.is_empty())
    }

    pub(super) fn leave_out(&mut self, reason: ValueReason, column: usize, detail: Option<String>) {
        self.left_out.push(LeftOut {
            reason,
            column,
            value: self.cell(column),
            detail,
        });
    }

    pub(super) fn text(&mut self, column: Option<usize>) -> Option<String> {
        let (column, value) = self.given(column)?;
        Some(self.kept(column, value))
    }

    fn kept(&mut self, column: usize, value: &str) -> String {
        let kept = cut(value);
        if kept.len() < value.len() {
            self.leave_out(ValueReason::TooLong, column, None);
        }
        kept.to_owned()
    }

    /// Several columns with a blank between.
    pub(super) fn joined(&mut self, columns: &[usize]) -> Option<String> {
        let mut name = String::new();
        for (column, part) in columns.iter().filter_map(|c| self.given(Some(*c))) {
            if !name.is_empty() {
                name.push(' ');
            }
            name.push_str(part);
            if name.len() > FIELD_BYTES {
                name.truncate(cut(&name).len());
                self.leave_out(ValueReason::TooLong, column, None);
                break;
            }
        }
        (!name.is_empty()).then_some(name)
    }

    /// An id in the form in which it is compared.
    pub(super) fn id(
        &mut self,
        column: Option<usize>,
        normalise: fn(&str) -> Option<String>,
    ) -> Option<String> {
        let (column, value) = self.given(column)?;
        let id = normalise(value);
        if id.is_none() {
            self.leave_out(ValueReason::Id, column, None);
        }
        id
    }

    pub(super) fn email(&mut self, column: Option<usize>) -> Option<String> {
        let (column, value) = self.given(column)?;
        let email = join::email(value);
        if email.is_none() {
            self.leave_out(ValueReason::Email, column, None);
        }
        email
    }

    pub(super) fn flag(&mut self, column: Option<usize>) -> Option<String> {
        let (column, value) = self.given(column)?;
        let says = flag::flag(value)?;
        Some(self.kept(column, says))
    }

    pub(super) fn updated(
        &mut self,
        column: Option<usize>,
        order: Option<DateOrder>,
    ) -> Option<i64> {
        let (column, value) = self.given(column)?;
        match changed::seconds(value, order) {
            Ok(seconds) => Some(seconds),
            Err(error) => {
                let detail = format!("the date {error}");
                self.leave_out(ValueReason::Updated, column, Some(detail));
                None
            }
        }
    }

    /// A balance whose currency is unknown is no balance: the default may be off by a factor of forty.
    pub(super) fn balance(
        &mut self,
        column: usize,
        currency_column: Option<usize>,
        mapped: &BalanceColumn,
    ) -> Option<Money> {
        let (column, amount) = self.given(Some(column))?;
        let mut currency = mapped.currency;
        if let Some((column, text)) = self.given(currency_column) {
            currency = Currency::parse(text);
            if currency.is_none() {
                self.leave_out(ValueReason::Currency, column, None);
                return None;
            }
        }
        let decimal = match self.row.typed.contains(&column) {
            true => DecimalSign::Point,
            false => mapped.decimal,
        };
        match Money::parse(amount, decimal, currency) {
            Ok(money) => Some(owed(money, mapped.sign)),
            Err(error) => {
                let detail = format!("the balance {error}");
                self.leave_out(ValueReason::Balance, column, Some(detail));
                None
            }
        }
    }
}

/// The amount with the sign that it has within Ringcard. Zero stays zero: decimals know a negative one.
fn owed(money: Money, sign: BalanceSign) -> Money {
    let amount = match sign {
        BalanceSign::Credit if !money.amount.is_zero() => -money.amount,
        BalanceSign::Debit | BalanceSign::Credit => money.amount,
    };
    Money { amount, ..money }
}

/// The longest start of the text that is kept, ending between two letters.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(FIELD_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
