//! From an older outbox to this one: forward only, one step for each version, each in one transaction.
//!
//! A step knows both ends of its way by itself and imports no type that lives on, so it does the same years
//! later. Cut off at any point, the file is what it was, or migrated whole.

mod v1;

use redb::Database;

use super::file::FileError;
use super::schema::OUTBOX_VERSION;

/// From `version` to the present one.
pub(super) fn migrate(database: &Database, version: u32) -> Result<(), FileError> {
    for version in version..OUTBOX_VERSION {
        match version {
            1 => v1::migrate(database)?,
            other => return Err(FileError::Damaged(format!("its version is {other}"))),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
