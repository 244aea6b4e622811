//! An error with its causes, in one line: what failed, and why.

use std::error::Error;

/// What an HTTP client says on its way to the cause. Nobody who reads the line learns anything from it.
const ON_THE_WAY: [&str; 6] = [
    "error sending request",
    "client error (Connect)",
    "client error (SendRequest)",
    "tcp connect error",
    "dns error",
    "error resolving DNS",
];

pub fn of(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        cause = error.source();
        let leads_on = cause.is_some() && ON_THE_WAY.contains(&said.as_str());
        // Some libraries repeat their cause in their own words.
        if !leads_on && !line.ends_with(&said) {
            line.push_str(": ");
            line.push_str(&said);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{says}")]
    struct Link {
        says: &'static str,
        source: Option<Box<Link>>,
    }

    fn chained(words: &[&'static str]) -> String {
        let links = words
            .iter()
            .rev()
            .fold(None, |source, says| Some(Box::new(Link { says, source })));
        of(&*links.unwrap())
    }

    #[test]
    fn only_what_tells_something_is_said() {
        let cases: [(&[&str], &str); 5] = [
            (&["no line"], "no line"),
            (&["no line", "it is cut"], "no line: it is cut"),
            // As a library says it that quotes its cause.
            (&["no line: it is cut", "it is cut"], "no line: it is cut"),
            (
                &[
                    "no connection",
                    "error sending request",
                    "client error (Connect)",
                    "tcp connect error",
                    "Connection refused (os error 111)",
                ],
                "no connection: Connection refused (os error 111)",
            ),
            // Where nothing follows, it is all there is.
            (
                &["no connection", "error sending request", "dns error"],
                "no connection: dns error",
            ),
        ];
        for (words, wanted) in cases {
            assert_eq!(chained(words), wanted);
        }
    }
}
