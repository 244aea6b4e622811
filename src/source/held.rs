//! Lets every reader be built once instead of once for each taker: the taker's error waits here.
//!
//! Readers are large, and takers differ in nothing a reader looks at but the type of their error.

use super::error::{ReadError, SourceError};
use super::read::{Mapped, Position, Progress, Raw, ReadReport, Taker};
use crate::domain::contact::Contact;

/// Says that the taker refused; what it said is in `Held`.
#[derive(Debug)]
pub(super) struct Refused;

/// A taker, and what it said when it refused.
pub(super) struct Held<'t, E> {
    taker: &'t mut dyn Taker<Error = E>,
    said: Option<E>,
}

impl<'t, E> Held<'t, E> {
    pub(super) fn new(taker: &'t mut dyn Taker<Error = E>) -> Held<'t, E> {
        Held { taker, said: None }
    }

    fn hold(&mut self, taken: Result<(), E>) -> Result<(), Refused> {
        taken.map_err(|error| {
            self.said = Some(error);
            Refused
        })
    }

    /// What came of the read, in the taker's words.
    pub(super) fn told(
        self,
        read: Result<ReadReport, ReadError<Refused>>,
    ) -> Result<ReadReport, ReadError<E>> {
        match (read, self.said) {
            (Err(ReadError::Row(Refused)), Some(error)) => Err(ReadError::Row(error)),
            // Only `hold` says so, and it keeps what was said: a read that ends for no reason was ended.
            (Err(ReadError::Row(Refused)), None) => Err(SourceError::Halted.into()),
            (Err(ReadError::Source(error)), _) => Err(ReadError::Source(error)),
            (Ok(report), _) => Ok(report),
        }
    }
}

impl<E> Taker for Held<'_, E> {
    type Error = Refused;

    fn raw(&mut self, raw: Raw<'_>) {
        self.taker.raw(raw);
    }

    fn mapped(&mut self, mapped: Mapped<'_>) {
        self.taker.mapped(mapped);
    }

    fn contact(&mut self, contact: Contact) -> Result<(), Refused> {
        let taken = self.taker.contact(contact);
        self.hold(taken)
    }

    fn gone(&mut self, identity: &str) -> Result<(), Refused> {
        let taken = self.taker.gone(identity);
        self.hold(taken)
    }

    fn id(&mut self, identity: &str) -> Result<(), Refused> {
        let taken = self.taker.id(identity);
        self.hold(taken)
    }

    fn position(&mut self, position: &Position) -> Result<(), Refused> {
        let taken = self.taker.position(position);
        self.hold(taken)
    }

    fn progress(&mut self, progress: Progress) {
        self.taker.progress(progress);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Refuses whatever it is handed.
    struct Nobody;

    impl Taker for Nobody {
        type Error = &'static str;

        fn contact(&mut self, _: Contact) -> Result<(), &'static str> {
            Err("a contact")
        }

        fn gone(&mut self, _: &str) -> Result<(), &'static str> {
            Err("a deletion")
        }

        fn id(&mut self, _: &str) -> Result<(), &'static str> {
            Err("an id")
        }

        fn position(&mut self, _: &Position) -> Result<(), &'static str> {
            Err("a position")
        }
    }

    #[test]
    fn what_the_taker_said_is_told() {
        type Hand = fn(&mut Held<'_, &'static str>) -> Result<(), Refused>;
        let cases: [(Hand, &str); 3] = [
            (|held| held.gone("1"), "a deletion"),
            (|held| held.id("1"), "an id"),
            (|held| held.position(&Position("1".into())), "a position"),
        ];
        for (hand, said) in cases {
            let mut nobody = Nobody;
            let mut held = Held::new(&mut nobody);
            let refused = hand(&mut held).map_err(ReadError::Row).unwrap_err();
            let told = held.told(Err(refused)).unwrap_err();
            assert!(
                matches!(told, ReadError::Row(told) if told == said),
                "{said}"
            );
        }
    }

    #[test]
    fn an_error_of_the_source_is_the_sources() {
        let mut nobody = Nobody;
        let held = Held::new(&mut nobody);
        let told = held.told(Err(SourceError::NothingPicked.into()));
        assert!(matches!(
            told,
            Err(ReadError::Source(SourceError::NothingPicked))
        ));
    }
}
