//! redb's panics over bytes that are not its own: caught, and not printed as if Ringcard had broken.
//!
//! What a damaged file means is told by whoever reads it, in the operator's words. A panic of anybody else's code
//! within is printed as ever.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
}

/// `None` if it has panicked.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    hush();
    let outer = CATCHING.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(outer);
    done.ok()
}

/// Puts itself before whatever else tells of panics, once.
fn hush() {
    static HUSHED: Once = Once::new();
    HUSHED.call_once(|| {
        let tell = take_hook();
        set_hook(Box::new(move |panic| {
            let file = panic.location().map_or("", |location| location.file());
            if !(CATCHING.get() && is_of_redb(file)) {
                tell(panic);
            }
        }));
    });
}

/// As cargo calls the folder of a crate of a registry.
fn is_of_redb(file: &str) -> bool {
    file.contains("/redb-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_panics_is_none_and_what_does_not_is_there() {
        assert_eq!(caught(|| 7), Some(7));
        assert_eq!(caught(|| caught(|| 7)), Some(Some(7)));
        let within = caught(|| {
            let inner: Option<()> = caught(|| panic!("on purpose"));
            (inner, CATCHING.get())
        });
        assert_eq!(within, Some((None, true)));
        assert!(!CATCHING.get());
    }

    #[test]
    fn only_files_of_redb_are_hushed() {
        assert!(is_of_redb("/crates/redb-4.6.0/src/tree_store/btree.rs"));
        for ours in ["src/store/replica.rs", "src/store/redb.rs", ""] {
            assert!(!is_of_redb(ours), "{ours}");
        }
    }
}
