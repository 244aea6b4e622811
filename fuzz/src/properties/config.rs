//! A configuration. Whatever is wrong in it is told in lines, each about a place that there is.

use std::path::Path;

use ringcard::config::Config;

pub fn check(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let Err(problems) = Config::parse(&text, Path::new("/nonexistent")) else {
        return true;
    };
    assert!(!problems.0.is_empty(), "refused, and nobody knows why");
    let lines = text.lines().count().max(1);
    for problem in &problems.0 {
        assert!(
            (1..=lines + 1).contains(&problem.line),
            "{problem}: of {lines} lines"
        );
        assert!(!problem.what.trim().is_empty(), "{problem}: without words");
        assert!(
            !problem.to_string().contains('\u{1b}'),
            "{problem:?}: speaks to the terminal"
        );
    }
    false
}
