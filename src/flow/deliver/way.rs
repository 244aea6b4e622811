//! What the tries of a card need of the world, so that tests can be it.

use std::time::Duration;

use crate::domain::deadline::Moment;
use crate::domain::fate::Why;
use crate::hipcall::SendError;

/// What a card needs of the world.
pub(super) trait Way {
    type Turn;
    /// Comes when the card may be sent; after a failure not before `pause` is over.
    async fn turn(&self, pause: Option<Duration>) -> Self::Turn;
    /// Whether Hipcall has a card for the call. `None`: that can't be asked now.
    async fn has_card(&self) -> Option<Result<bool, SendError>>;
    async fn post(&self, turn: Self::Turn) -> Result<(), SendError>;
    /// Why there is no turn.
    fn hindrance(&self) -> Option<Why>;
    fn now(&self) -> Moment;
    fn failed(&self, error: &SendError);
    /// A request was given up while it was under way.
    fn cut(&self);
}
