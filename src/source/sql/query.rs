//! The queries that are asked, made of those that the operator wrote.
//!
//! Changes and ids are asked for by the operator's own query with a condition around it, so that they can't
//! differ from it in a column or a filter. `{{cursor}}` is always a bound parameter: nothing that a database
//! once answered becomes a part of a query's text.

use super::cursor::Mark;
use super::settings::Engine;

/// Stands in a query where the cursor's value is meant.
pub(super) const CURSOR: &str = "{{cursor}}";

/// One query, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// The key of the operator's query, for errors.
    pub(super) name: &'static str,
    pub(super) text: String,
    pub(super) cursor: Option<Mark>,
    /// How often the cursor stands in it.
    pub(super) cursors: usize,
}

impl Asked {
    pub(super) fn new(
        name: &'static str,
        text: &str,
        engine: Engine,
        cursor: Option<Mark>,
    ) -> Asked {
        let text = bare(text);
        let cursors = text.matches(CURSOR).count();
        let parameter = match engine {
            Engine::Postgres => "$1",
            Engine::MySql => "?",
            Engine::SqlServer => "@P1",
        };
        Asked {
            name,
            text: text.replace(CURSOR, parameter),
            cursor: cursor.filter(|_| cursors > 0),
            cursors,
        }
    }
}

/// The query with a condition around it: what has changed.
pub(super) fn changes(query: &str, column: &str, engine: Engine) -> String {
    let column = quoted(column, engine);
    format!(
        "SELECT * FROM (\n{}\n) AS ringcard WHERE ringcard.{column} >= {CURSOR}",
        bare(query)
    )
}

/// One column of the query.
pub(super) fn only(query: &str, column: &str, engine: Engine) -> String {
    let column = quoted(column, engine);
    format!(
        "SELECT ringcard.{column} FROM (\n{}\n) AS ringcard",
        bare(query)
    )
}

/// Whether the query can stand within another. SQL Server takes no WITH there.
pub(super) fn can_be_wrapped(query: &str, engine: Engine) -> bool {
    let word: String = beginning(query)
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .collect();
    match word.to_ascii_lowercase().as_str() {
        "select" => true,
        "with" => engine != Engine::SqlServer,
        _ => false,
    }
}

/// What is wrong with the cursors of a query, if anything.
pub(super) fn cursor_problem(query: &str) -> Option<&'static str> {
    if query
        .split(CURSOR)
        .any(|part| part.contains("{{") || part.contains("}}"))
    {
        return Some("of what is in braces, there can be {{cursor}} only");
    }
    let mut parts = query.split(CURSOR).peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_some() && part.ends_with(['\'', '"', '`']) {
            return Some("{{cursor}} is a value already: leave out the quotes around it");
        }
    }
    None
}

/// Without the end that a query has in a file.
fn bare(query: &str) -> &str {
    query.trim().trim_end_matches(';').trim_end()
}

/// Without the comments before it.
fn beginning(query: &str) -> &str {
    let query = query.trim_start();
    let rest = if query.starts_with("--") {
        query.split_once('\n').map(|(_, rest)| rest)
    } else if query.starts_with("/*") {
        query.split_once("*/").map(|(_, rest)| rest)
    } else {
        return query;
    };
    rest.map_or("", beginning)
}

fn quoted(column: &str, engine: Engine) -> String {
    match engine {
        Engine::Postgres => format!("\"{}\"", column.replace('"', "\"\"")),
        Engine::MySql => format!("`{}`", column.replace('`', "``")),
        Engine::SqlServer => format!("[{}]", column.replace(']', "]]")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_becomes_a_parameter_wherever_it_stands() {
        let text = "SELECT a FROM t WHERE b >= {{cursor}} OR c >= {{cursor}} ;\n";
        let mark = Some(Mark::Whole(7));
        let of = |engine| Asked::new("changes-query", text, engine, mark);
        assert_eq!(
            of(Engine::Postgres).text,
            "SELECT a FROM t WHERE b >= $1 OR c >= $1"
        );
        assert_eq!(
            of(Engine::MySql).text,
            "SELECT a FROM t WHERE b >= ? OR c >= ?"
        );
        assert_eq!(
            of(Engine::SqlServer).text,
            "SELECT a FROM t WHERE b >= @P1 OR c >= @P1"
        );
        assert_eq!(
            (of(Engine::MySql).cursors, of(Engine::MySql).cursor),
            (2, mark)
        );
        let none = Asked::new("query", "SELECT a FROM t", Engine::Postgres, mark);
        assert_eq!((none.cursors, none.cursor), (0, None));
    }

    #[test]
    fn changes_and_ids_are_the_query_itself_with_something_around_it() {
        let query = "SELECT a, b FROM t -- all\n;";
        assert_eq!(
            changes(query, "b\"", Engine::Postgres),
            "SELECT * FROM (\nSELECT a, b FROM t -- all\n) AS ringcard WHERE ringcard.\"b\"\"\" >= {{cursor}}"
        );
        assert_eq!(
            only(query, "a]", Engine::SqlServer),
            "SELECT ringcard.[a]]] FROM (\nSELECT a, b FROM t -- all\n) AS ringcard"
        );
        assert!(only(query, "a`", Engine::MySql).contains("ringcard.`a```"));
    }

    #[test]
    fn a_query_that_can_not_stand_within_another_is_known() {
        for (query, server, others) in [
            ("select 1", true, true),
            ("-- names\n /* of all */ SELECT 1", true, true),
            ("WITH a AS (SELECT 1) SELECT * FROM a", false, true),
            ("EXEC customers", false, false),
            ("-- nothing", false, false),
        ] {
            assert_eq!(can_be_wrapped(query, Engine::SqlServer), server, "{query}");
            assert_eq!(can_be_wrapped(query, Engine::MySql), others, "{query}");
        }
    }

    #[test]
    fn a_cursor_in_quotes_or_another_word_in_braces_is_a_mistake() {
        for good in [
            "SELECT 1",
            "b >= {{cursor}} AND c = 'x'",
            "{{cursor}} = '{'",
        ] {
            assert_eq!(cursor_problem(good), None, "{good}");
        }
        for bad in [
            "b >= '{{cursor}}'",
            "b >= \"{{cursor}}\"",
            "b >= {{ cursor }}",
            "b >= {{since}}",
        ] {
            assert!(cursor_problem(bad).is_some(), "{bad}");
        }
    }
}
