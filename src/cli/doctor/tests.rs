//! That the checks are explained, and bounded.

use super::finding::{CHECKS, State};
use super::*;

#[test]
fn each_check_is_explained_to_the_operator() {
    let operations = include_str!("../../../docs/operations.md");
    for check in CHECKS {
        let row = format!("| `{}` |", check.id);
        assert!(operations.contains(&row), "{row}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_that_never_answers_is_told_as_that() {
    let never = std::future::pending();
    let limit = Duration::from_secs(7);
    let told = within(limit, CONFIGURATION, "x", "wait", never).await;
    assert_eq!(told[0].state, State::Fail);
    assert_eq!(told[0].what, "no answer within 7 s");
}
