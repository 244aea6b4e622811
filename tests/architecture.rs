//! Holds the directions between modules, and the rules of the house a reviewer would tire of repeating.
//!
//! It reads the sources as the compiler's own lexer would, so comments, string literals and test modules
//! neither hide an import nor make one up, and every way of writing a path counts: a grouped `use`, a path
//! within an expression, `super::` that climbs out of its module. Each check is a function from text to
//! complaints and is tried on text that offends: a check that can't fail holds nothing.

use std::fs;
use std::path::Path;

use ringcard::status::AlarmId;

/// Who may import whom, in reading order: a row names only rows below it, so the table has no circle.
/// A module that is not here does not exist. Of the instruments, `config` takes only the types of their
/// settings: reading a file must not open a socket.
const MAY_IMPORT: &str = "
    main    -> cli
    lib     ->
    cli     -> demo daemon flow config webhook source store hipcall status tasks system domain
    demo    -> daemon flow config webhook source store hipcall status tasks system domain
    daemon  -> flow config webhook source store hipcall status tasks system domain
    flow    -> config webhook source store hipcall status tasks system domain
    status  -> source store domain
    config  -> webhook source store hipcall domain
    webhook -> tasks domain
    source  -> domain
    store   -> domain
    hipcall -> domain
    system  -> tasks domain
    tasks   ->
    domain  ->
";
const INSTRUMENTS: [&str; 4] = ["webhook", "source", "store", "hipcall"];
const MAY_SPAWN: [&str; 3] = ["daemon", "tasks", "demo"];

/// The modules in which a crate may be named.
const HOME_OF: [(&str, &[&str]); 5] = [
    ("redb", &["store"]),
    ("reqwest", &["hipcall", "source", "demo"]),
    ("hyper", &["webhook", "demo"]),
    ("hyper_util", &["webhook", "demo"]),
    ("listenfd", &["webhook"]),
];

/// What would let the domain wait, read a clock, or touch the world.
const IMPURE: &str = "tokio tokio_util hyper hyper_util reqwest redb nix std::fs std::net std::env \
    std::process std::thread std::time::Instant std::time::SystemTime";

/// Work left for later. The tilde is taken out: this file is searched too.
const LEFTOVERS: &str = "TO~DO FIX~ME to~do!( unimplemented~!( #[ig~nore";

const LINES: usize = 400;
const FLOW_LINES: usize = 150;
const MAIN_LINES: usize = 30;
const FUNCTION_LINES: usize = 50;
/// Files that were longer before the limit was held; they may shrink, not grow.
const LONGER: &[(&str, usize)] = &[];

/// A file of nothing but tests, apart from the code because there are many of them.
const TEST_FILE: &str = "/tests.rs";

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    /// A string literal's inside, escapes as written.
    Text(String),
    /// `::`
    Colons,
    Sign(char),
}
use Token::{Colons, Sign, Text, Word};

impl Token {
    fn is(&self, word: &str) -> bool {
        matches!(self, Word(w) if w == word)
    }
}

struct Source {
    path: String,
    text: String,
    /// Without comments and test modules, each with its line.
    tokens: Vec<(usize, Token)>,
    test_lines: usize,
}

impl Source {
    fn new(path: &str, text: &str) -> Source {
        // A file of tests is one `mod tests;` under `#[cfg(test)]`: `test_files_are_only_tests` holds that.
        let (tokens, test_lines) = match path.ends_with(TEST_FILE) {
            true => (Vec::new(), text.lines().count()),
            false => without_tests(lex(text)),
        };
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
            tokens,
            test_lines,
        }
    }

    /// `src/flow/answer.rs` is `flow`, `answer`.
    fn module(&self) -> Vec<&str> {
        let path = self.path.trim_start_matches("src/");
        let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
        path.split('/').collect()
    }

    fn top(&self) -> &str {
        self.module()[0]
    }

    fn lines(&self) -> usize {
        self.text.lines().count() - self.test_lines
    }

    fn at(&self, line: usize, complaint: &str) -> String {
        format!("{}:{line}: {complaint}", self.path)
    }
}

fn lex(text: &str) -> Vec<(usize, Token)> {
    let chars: Vec<char> = text.chars().collect();
    let is = |i: usize, what: &str| {
        what.chars()
            .enumerate()
            .all(|(n, c)| chars.get(i + n) == Some(&c))
    };
    let in_word = |i: usize| {
        chars
            .get(i)
            .is_some_and(|c| c.is_alphanumeric() || *c == '_')
    };
    let (mut tokens, mut i, mut line) = (Vec::new(), 0, 1);
    while i < chars.len() {
        let start = i;
        let mut token = None;
        if is(i, "//") {
            while i < chars.len() && chars[i] != '\n' {
                i += 1;
            }
        } else if is(i, "/*") {
            let mut depth = 0;
            loop {
                depth += i32::from(is(i, "/*")) - i32::from(is(i, "*/"));
                i += if is(i, "/*") || is(i, "*/") { 2 } else { 1 };
                if depth == 0 || i >= chars.len() {
                    break;
                }
            }
        } else if chars[i] == '"' {
            i += 1;
            while i < chars.len() && chars[i] != '"' {
                i += if chars[i] == '\\' { 2 } else { 1 };
            }
            token = Some(Text(chars[start + 1..i.min(chars.len())].iter().collect()));
            i += 1;
        } else if chars[i] == '\'' && (is(i + 1, "\\") || is(i + 2, "'")) {
            i += if is(i + 1, "\\") { 3 } else { 2 };
            while i < chars.len() && chars[i] != '\'' {
                i += 1;
            }
            i += 1;
        } else if in_word(i) {
            while in_word(i) {
                i += 1;
            }
            let word: String = chars[start..i].iter().collect();
            let hashes = chars[i..].iter().take_while(|c| **c == '#').count();
            if matches!(&*word, "r" | "br" | "cr") && is(i + hashes, "\"") {
                let end = format!("\"{}", "#".repeat(hashes));
                let inside = i + hashes + 1;
                i = inside;
                while i < chars.len() && !is(i, &end) {
                    i += 1;
                }
                token = Some(Text(chars[inside..i].iter().collect()));
                i += end.len();
            } else if word == "r" && hashes == 1 && in_word(i + 1) {
                i += 1; // r#type: the word comes next
            } else if !(matches!(&*word, "b" | "c") && is(i, "\"")) {
                token = Some(Word(word));
            }
        } else if is(i, "::") {
            token = Some(Colons);
            i += 2;
        } else {
            token = (!chars[i].is_whitespace()).then_some(Sign(chars[i]));
            i += 1;
        }
        i = i.min(chars.len());
        tokens.extend(token.map(|token| (line, token)));
        line += chars[start..i].iter().filter(|c| **c == '\n').count();
    }
    tokens
}

/// Drops each item marked `#[cfg(test)]`, and tells how many lines they had.
fn without_tests(tokens: Vec<(usize, Token)>) -> (Vec<(usize, Token)>, usize) {
    let mark: Vec<Token> = lex("#[cfg(test)]")
        .into_iter()
        .map(|(_, token)| token)
        .collect();
    let (mut kept, mut lines, mut i) = (Vec::new(), 0, 0);
    while i < tokens.len() {
        let marked = tokens[i..].len() >= mark.len()
            && tokens[i..]
                .iter()
                .zip(&mark)
                .all(|((_, token), part)| token == part);
        if !marked {
            kept.push(tokens[i].clone());
            i += 1;
            continue;
        }
        let first = tokens[i].0;
        i += mark.len();
        let mut depth = 0;
        while i < tokens.len() {
            match tokens[i].1 {
                Sign('(' | '[' | '{') => depth += 1,
                Sign(')' | ']' | '}') => depth -= 1,
                _ => {}
            }
            i += 1;
            if depth == 0 && matches!(tokens[i - 1].1, Sign(';' | '}')) {
                break;
            }
        }
        lines += tokens[i - 1].0 - first + 1;
    }
    (kept, lines)
}

type Paths = Vec<(usize, Vec<String>)>;

/// Every path of two names or more, and every import, groups taken apart.
fn paths(tokens: &[(usize, Token)]) -> Paths {
    let (mut found, mut i) = (Vec::new(), 0);
    while let Some((line, token)) = tokens.get(i) {
        let next = tokens.get(i + 1).map(|(_, token)| token);
        if token.is("use") && next != Some(&Sign('<')) {
            i = import(tokens, i + 1, &[], &mut found);
            continue;
        }
        if let (Word(word), Some(Colons)) = (token, next) {
            let mut path = vec![word.clone()];
            while let (Some((_, Colons)), Some((_, Word(word)))) =
                (tokens.get(i + 1), tokens.get(i + 2))
            {
                path.push(word.clone());
                i += 2;
            }
            found.push((*line, path));
        }
        i += 1;
    }
    found
}

/// Reads one tree of a `use` and returns where it ends.
fn import(tokens: &[(usize, Token)], mut i: usize, prefix: &[String], found: &mut Paths) -> usize {
    let (mut path, mut named) = (prefix.to_vec(), false);
    let line = tokens.get(i).map_or(0, |(line, _)| *line);
    while let Some((_, token)) = tokens.get(i) {
        match token {
            Word(word) if word == "as" => i += 1,
            Word(word) if word == "self" && !path.is_empty() => named = true,
            Word(word) => path.push(word.clone()),
            Sign('*') => path.push("*".to_owned()),
            Sign('{') => {
                while !matches!(tokens.get(i), None | Some((_, Sign('}')))) {
                    i = import(tokens, i + 1, &path, found);
                }
                return i + 1;
            }
            Colons => {}
            _ => break,
        }
        i += 1;
    }
    if named || path.len() > prefix.len() {
        found.push((line, path));
    }
    i
}

fn table() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    let rows = MAY_IMPORT.lines().filter_map(|line| line.split_once("->"));
    rows.map(|(name, may)| (name.trim(), may.split_whitespace().collect()))
}

fn row(module: &str) -> Option<Vec<&'static str>> {
    table()
        .find(|(name, _)| *name == module)
        .map(|(_, may)| may)
}

/// What of the crate a path leads to: a top-level module, `*` for all of them, or nothing.
fn leads_to<'a>(source: &Source, path: &'a [String]) -> Option<&'a str> {
    let is_root = matches!(&*source.path, "src/main.rs" | "src/lib.rs");
    let depth = if is_root { 0 } else { source.module().len() };
    let start = usize::from(path[0] == "self");
    let climbed = path[start..]
        .iter()
        .take_while(|name| *name == "super")
        .count();
    let rest = |from: usize| path.get(from).map_or("*", |name| name);
    if path[0] == "crate" || (path[0] == "ringcard" && source.top() == "main") {
        return Some(rest(1));
    }
    if start + climbed > 0 && climbed >= depth {
        return Some(rest(start + climbed)).filter(|name| *name == "*" || row(name).is_some());
    }
    (is_root && row(&path[0]).is_some()).then_some(&path[0])
}

fn imports(source: &Source) -> Vec<String> {
    let from = source.top();
    let Some(may) = row(from) else {
        return vec![format!(
            "{}: `{from}` is not in the table of modules",
            source.path
        )];
    };
    let mut complaints = Vec::new();
    for (line, path) in paths(&source.tokens) {
        let Some(to) = leads_to(source, &path) else {
            continue;
        };
        let written = path.join("::");
        let names_a_type = || {
            path.iter()
                .skip(2)
                .any(|name| name == "settings" || name.starts_with(char::is_uppercase))
        };
        if to == "*" {
            complaints.push(source.at(line, &format!("`{written}` imports the whole crate")));
        } else if to != from && !may.contains(&to) {
            complaints.push(source.at(line, &format!("{from} must not import {to}: `{written}`")));
        } else if from == "config" && INSTRUMENTS.contains(&to) && !names_a_type() {
            let complaint = format!("config takes settings types from {to}, by name: `{written}`");
            complaints.push(source.at(line, &complaint));
        }
    }
    complaints
}

fn purity(source: &Source) -> Vec<String> {
    if source.top() != "domain" {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for (line, path) in paths(&source.tokens) {
        // `use std::time` is as good as `use std::time::Instant`.
        let reaches = |bad: &str| bad.split("::").zip(&path).all(|(b, p)| b == p || p == "*");
        let written = path.join("::");
        let asks_now = written.ends_with("Timestamp::now") || written.ends_with("Zoned::now");
        if asks_now || IMPURE.split_whitespace().any(reaches) {
            complaints.push(source.at(line, &format!("the domain is pure: `{written}`")));
        }
    }
    let waits = source
        .tokens
        .iter()
        .filter(|(_, token)| token.is("async") || token.is("await"));
    complaints.extend(waits.map(|(line, _)| source.at(*line, "the domain is not async")));
    complaints
}

fn spawning(source: &Source) -> Vec<String> {
    if MAY_SPAWN.contains(&source.top()) {
        return Vec::new();
    }
    let of_path = paths(&source.tokens).into_iter().filter(|(_, path)| {
        path.windows(2).any(|pair| {
            matches!(
                (&*pair[0], &*pair[1]),
                ("tokio" | "task" | "thread", "spawn" | "*") | ("thread", "Builder" | "scope")
            )
        })
    });
    let of_word = source.tokens.iter().filter(|(_, token)| {
        ["spawn_blocking", "spawn_local", "JoinSet", "TaskTracker"]
            .iter()
            .any(|w| token.is(w))
    });
    of_path
        .map(|(line, _)| line)
        .chain(of_word.map(|(line, _)| *line))
        .map(|line| source.at(line, "only daemon, tasks and demo spawn"))
        .collect()
}

fn homes(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    for (line, path) in paths(&source.tokens) {
        for (name, modules) in HOME_OF {
            if path[0] == *name && !modules.contains(&source.top()) {
                let complaint = format!("{name} belongs to {}", modules.join(", "));
                complaints.push(source.at(line, &complaint));
            }
        }
    }
    complaints
}

fn size(source: &Source) -> Vec<String> {
    let limit = match (
        source.top(),
        LONGER.iter().find(|(path, _)| *path == source.path),
    ) {
        (_, Some((_, longer))) => *longer,
        ("main", _) => MAIN_LINES,
        ("flow", _) => FLOW_LINES,
        _ => LINES,
    };
    let lines = source.lines();
    (lines > limit)
        .then(|| {
            format!(
                "{}: {lines} lines without tests, of at most {limit}",
                source.path
            )
        })
        .into_iter()
        .collect()
}

fn functions(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    for (i, (first, token)) in source.tokens.iter().enumerate() {
        let Some((_, Word(name))) = source.tokens.get(i + 1).filter(|_| token.is("fn")) else {
            continue;
        };
        let (mut depth, mut has_body) = (0, false);
        for (line, token) in &source.tokens[i..] {
            match token {
                Sign('(' | '[') => depth += 1,
                Sign('{') => (depth, has_body) = (depth + 1, true),
                Sign(')' | ']' | '}') => depth -= 1,
                _ => {}
            }
            let is_over = matches!(token, Sign('}')) && has_body || matches!(token, Sign(';'));
            if depth == 0 && is_over {
                let lines = line - first + 1;
                if lines > FUNCTION_LINES {
                    let what = format!("`{name}` has {lines} lines, of at most {FUNCTION_LINES}");
                    complaints.push(source.at(*first, &what));
                }
                break;
            }
        }
    }
    complaints
}

/// A file of a single line has nothing to explain.
fn head(source: &Source) -> Vec<String> {
    let has_head = source.text.starts_with("//!") || source.text.lines().count() == 1;
    (!has_head)
        .then(|| format!("{}: must open with `//!`, its one duty", source.path))
        .into_iter()
        .collect()
}

fn leftovers(source: &Source) -> Vec<String> {
    let in_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let mut complaints = Vec::new();
    for (n, line) in source.text.lines().enumerate() {
        for bad in LEFTOVERS.replace('~', "").split_whitespace() {
            let whole = bad.chars().all(char::is_alphabetic);
            let part_of_a_word = |at: usize| {
                in_word(line[..at].chars().last())
                    || (whole && in_word(line[at + bad.len()..].chars().next()))
            };
            if line.match_indices(bad).any(|(at, _)| !part_of_a_word(at)) {
                complaints.push(source.at(n + 1, &format!("`{bad}` is not committed")));
            }
        }
    }
    complaints
}

/// Each event id in the log is explained to the operator, and each explanation is of one in use.
fn event_ids(sources: &[Source], operations: &str) -> Vec<String> {
    let headings: Vec<&str> = operations
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.split('`').next())
        .collect();
    let mut complaints = Vec::new();
    let mut literals = Vec::new();
    for source in sources {
        for (n, (line, token)) in source.tokens.iter().enumerate() {
            let Text(text) = token else { continue };
            literals.push(text.as_str());
            let names_event = n >= 2
                && source.tokens[n - 1].1 == Sign('=')
                && source.tokens[n - 2].1.is("event_id");
            if names_event && !headings.contains(&text.as_str()) {
                let complaint = format!("no heading ### `{text}` in docs/operations.md");
                complaints.push(source.at(*line, &complaint));
            }
        }
    }
    for heading in headings
        .iter()
        .filter(|heading| !literals.contains(heading))
    {
        complaints.push(format!("docs/operations.md: nothing logs `{heading}`"));
    }
    complaints
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
}

/// Every Rust file under `dir`.
fn sources(dir: &str) -> Vec<Source> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(dir));
    let mut found = Vec::new();
    for entry in entries.expect("a directory of the repository") {
        let entry = entry.expect("a readable directory");
        let path = format!("{dir}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            found.extend(sources(&path));
        } else if path.ends_with(".rs") {
            found.push(Source::new(&path, &read(&path).expect("a readable source")));
        }
    }
    found
}

type Check = fn(&Source) -> Vec<String>;

fn pass(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// The repository passes.
fn hold(dirs: &[&str], check: Check) {
    let sources: Vec<Source> = dirs.iter().flat_map(|dir| sources(dir)).collect();
    assert!(
        sources.iter().any(|source| source.path == "src/lib.rs"),
        "the sources were not found"
    );
    pass(sources.iter().flat_map(check).collect());
}

/// Each line of `offending`, a path and a made-up file (`\n` ends its lines), is complained of; none of
/// `fine` is.
fn try_out(check: Check, offending: &str, fine: &str) {
    for (examples, complains) in [(offending, true), (fine, false)] {
        for example in examples
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            let (path, text) = example.split_once(": ").unwrap_or((example, ""));
            let complaints = check(&Source::new(path, &text.replace("\\n", "\n")));
            assert_eq!(
                !complaints.is_empty(),
                complains,
                "{example}\n{complaints:?}"
            );
        }
    }
}

#[test]
fn the_table_points_downwards() {
    let rows: Vec<_> = table().collect();
    assert_eq!(rows.len(), MAY_IMPORT.trim().lines().count());
    for (n, (name, may)) in rows.iter().enumerate() {
        for below in may {
            assert!(
                rows[n + 1..].iter().any(|(other, _)| other == below),
                "{name} -> {below}"
            );
            let acquainted = INSTRUMENTS.contains(name) && INSTRUMENTS.contains(below);
            assert!(
                !acquainted,
                "an instrument knows another: {name} -> {below}"
            );
        }
    }
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let offending = r##"
        src/webhook.rs: use crate::store::Outbox;
        src/webhook/tls.rs: use crate::{domain::call, hipcall::Client};
        src/webhook/tls.rs: use crate::{domain::{call, card}, tasks, store};
        src/webhook/tls.rs: use {std::fmt, crate::store};
        src/webhook/tls.rs: use super::super::store::Outbox;
        src/webhook/tls.rs: use super::{Listener, super::store};
        src/webhook.rs: use super::store as s;
        src/webhook.rs: use crate::*;
        src/webhook.rs: use crate as all;
        src/webhook.rs: use crate::{self as all};
        src/store/a/mod.rs: fn f() -> Vec<crate::source::Record> { g() }
        src/store.rs: fn f() { g::<'a'>('"', r#"""#); crate::flow::answer("") }
        src/store.rs: #[cfg(test)]\nmod tests { fn f() {} }\nuse crate::flow;
        src/store.rs: #[cfg(test)]\nuse std::fmt;\nuse crate::flow;
        src/store.rs: use crate::config::Config;
        src/flow/answer.rs: use crate::daemon;
        src/daemon.rs: use crate::demo;
        src/domain/card.rs: use crate::system::Clock;
        src/status.rs: use crate::flow;
        src/config.rs: fn f() { crate::store::open() }
        src/config.rs: use crate::flow::Answer;
        src/main.rs: fn main() { ringcard::daemon::run() }
        src/lib.rs: pub mod cli;\npub use cli::run;
        src/helpers.rs: //! Not in the table.
        src/store.rs: use crate::helpers::open;
    "##;
    let fine = r##"
        src/main.rs: fn main() { ringcard::cli::run() }
        src/lib.rs: pub mod domain;
        src/cli/run.rs: use crate::{daemon, demo, config::Config};
        src/demo.rs: use crate::{daemon, hipcall};
        src/flow/sync.rs: use crate::source::{self, Record};\nuse crate::{store, status::Status};
        src/store/load.rs: use super::schema::{self, TABLE};\nuse crate::store::replica;
        src/store.rs: mod inner { use super::Replica; }
        src/store.rs: // crate::flow\n/* /* crate::flow */ use crate::flow; */
        src/store.rs: const A: &str = "use crate::flow;"; const B: &str = r#""crate::flow"#;
        src/store.rs: #[cfg(test)]\n#[allow(x)]\nmod tests { use crate::flow; mod a { use crate::cli; } }
        src/store.rs: fn f() -> impl Fn() + use<> { || () }
        src/config.rs: use crate::source::csv::{CsvSettings, Encoding};\nuse crate::hipcall::settings;
    "##;
    try_out(imports, offending, fine);
    hold(&["src"], imports);
}

#[test]
fn the_domain_is_pure() {
    let offending = "
        src/domain/a.rs: use std::time::{Duration, Instant};
        src/domain/a.rs: use std::{fmt, fs};
        src/domain/a.rs: fn f() { std::time::SystemTime::now(); }
        src/domain/a.rs: use std::time;
        src/domain/a.rs: use std::net::IpAddr;
        src/domain/a.rs: use std::time::*;
        src/domain/a.rs: fn f() { jiff::Timestamp::now(); }
        src/domain.rs: use tokio::sync::mpsc;
        src/domain.rs: use ::redb;
        src/domain.rs: async fn f() {}
    ";
    let fine = r"
        src/domain/a.rs: use std::{fmt, time::Duration};\n// std::fs, async
        src/system/clock.rs: use std::time::Instant;
    ";
    try_out(purity, offending, fine);
    hold(&["src"], purity);
}

#[test]
fn only_the_daemon_spawns() {
    let offending = r"
        src/webhook.rs: fn f() { tokio::spawn(g()); }
        src/webhook.rs: use tokio::{spawn, sync::mpsc};
        src/store.rs: use tokio::task;\nfn f() { task::spawn_blocking(g); }
        src/store.rs: use tokio::task::{self, spawn_blocking};
        src/system/clock.rs: use std::thread;\nfn f() { thread::spawn(g); }
        src/flow.rs: fn f() { std::thread::Builder::new(); }
        src/flow.rs: use tokio::task::JoinSet;
    ";
    let fine = "
        src/daemon.rs: fn f() { tokio::spawn(g()); }
        src/demo/office.rs: fn f() { tokio::spawn(g()); }
        src/tasks.rs: fn f() { tokio::task::spawn_blocking(g); }
        src/system/clock.rs: fn f() { std::thread::sleep(g); Command::new(x).spawn(); }
    ";
    try_out(spawning, offending, fine);
    hold(&["src"], spawning);
}

#[test]
fn crates_stay_in_their_homes() {
    let offending = "
        src/flow/sync.rs: use redb::Database;
        src/store.rs: use {bytes::Bytes, reqwest::Client};
        src/hipcall.rs: fn f(_: hyper::Request<()>) {}
        src/daemon.rs: use ::hyper as h;
    ";
    let fine = r"
        src/store/load.rs: use redb::Database;
        src/demo/office.rs: use hyper::Request;\nuse reqwest::Client;
    ";
    try_out(homes, offending, fine);
    hold(&["src"], homes);
}

#[test]
fn files_are_short() {
    let lines = |count| "//! A file.\\n".repeat(count);
    let offending = [
        format!("src/store.rs: {}", lines(LINES + 1)),
        format!(
            "src/store.rs: #[cfg(test)]\\nuse std::fmt;\\n{}",
            lines(LINES + 1)
        ),
        format!("src/flow/answer.rs: {}", lines(FLOW_LINES + 1)),
        format!("src/main.rs: {}", lines(MAIN_LINES + 1)),
    ];
    let fine = [
        format!("src/store.rs: {}", lines(LINES)),
        format!(
            "src/flow/a.rs: #[cfg(test)]\\nmod tests {{\\n{}}}\\n",
            lines(LINES)
        ),
    ];
    try_out(size, &offending.join("\n"), &fine.join("\n"));
    hold(&["src"], size);
}

#[test]
fn functions_are_short() {
    let function = |lines| {
        format!(
            "fn long(a: [u8; 2]) -> u8 {{\\n{}}}",
            "a();\\n".repeat(lines - 2)
        )
    };
    let offending = [
        format!("src/store.rs: {}", function(FUNCTION_LINES + 1)),
        format!(
            "src/store.rs: impl A {{ {} }}",
            function(FUNCTION_LINES + 1)
        ),
    ];
    let fine = [
        format!("src/store.rs: {0}\\n{0}", function(FUNCTION_LINES)),
        format!(
            "src/store.rs: trait A {{ fn a(); }}\\nstruct B {{ {} }}",
            "a: fn(),\\n".repeat(FUNCTION_LINES)
        ),
    ];
    try_out(functions, &offending.join("\n"), &fine.join("\n"));
    hold(&["src"], functions);
}

#[test]
fn test_files_are_only_tests() {
    let sources = sources("src");
    let mut found = 0;
    for test in sources.iter().filter(|s| s.path.ends_with(TEST_FILE)) {
        let parent = test.path.replace(TEST_FILE, ".rs");
        let parent = sources.iter().find(|s| s.path == parent);
        let marked = parent.is_some_and(|p| p.text.contains("#[cfg(test)]\nmod tests;"));
        assert!(
            marked,
            "{}: no `mod tests;` under `#[cfg(test)]`",
            test.path
        );
        found += 1;
    }
    assert!(found > 0, "the files of tests were not found");
}

#[test]
fn files_open_with_their_duty() {
    let offending = r"
        src/a.rs: use std::fmt;\n//! Late.\n
        src/main.rs: // A file.\nfn main() {}\n
    ";
    try_out(head, offending, r"src/a.rs: //! A file.\nfn main() {}\n");
    hold(&["src", "tests"], head);
}

#[test]
fn nothing_is_left_for_later() {
    let offending = r#"
        src/a.rs: // TO~DO: later
        src/a.rs: /* FIX~ME */
        src/a.rs: fn f() { to~do!() }
        src/a.rs: fn f() { std::unimplemented~!("x") }
        tests/a.rs: #[ig~nore = "slow"]
    "#;
    let fine = r#"src/a.rs: const METOTO~DO: &str = "TO~DOR";"#;
    try_out(
        leftovers,
        &offending.replace('~', ""),
        &fine.replace('~', ""),
    );
    hold(&["src", "tests"], leftovers);
}

#[test]
fn event_ids_are_explained() {
    let source = |text| [Source::new("src/a.rs", text)];
    let logs = source("fn f() { warn!(event_id = \"disk-full\", \"no room\"); }");
    assert!(event_ids(&logs, "# Events\n### `disk-full`\nMake room.\n").is_empty());
    assert_eq!(event_ids(&logs, "").len(), 1);
    assert_eq!(event_ids(&logs, "### `disk-full`\n### `clock`\n").len(), 1);
    let tested = source("#[cfg(test)]\nmod tests { fn f() { warn!(event_id = \"x\"); } }");
    assert!(event_ids(&tested, "").is_empty());
    if let Some(operations) = read("docs/operations.md") {
        pass(event_ids(&sources("src"), &operations));
    }
}

/// Each alarm has a heading and a row in the table of alarms, and each row is of an alarm.
fn alarms(ids: &[&str], operations: &str) -> Vec<String> {
    let rows = operations
        .split("\n| alarm | subject | ends |\n|---|---|---|\n")
        .nth(1);
    let rows = rows.map_or("", |rest| rest.split("\n\n").next().unwrap_or(rest));
    let listed: Vec<&str> = rows
        .lines()
        .filter_map(|row| row.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    let headed = |id: &str| {
        let heading = format!("### `{id}`");
        operations.lines().any(|line| line.starts_with(&heading))
    };
    let mut complaints = Vec::new();
    for id in ids {
        if !headed(id) {
            complaints.push(format!(
                "docs/operations.md: no heading for the alarm `{id}`"
            ));
        }
        if listed.iter().filter(|listed| *listed == id).count() != 1 {
            complaints.push(format!(
                "docs/operations.md: `{id}` is not once in the table of alarms"
            ));
        }
    }
    let unknown = listed.iter().filter(|listed| !ids.contains(listed));
    complaints.extend(unknown.map(|id| format!("docs/operations.md: `{id}` is no alarm")));
    complaints
}

#[test]
fn alarms_are_explained() {
    let table =
        |row: &str| format!("\n| alarm | subject | ends |\n|---|---|---|\n{row}\n\n### `a`\n");
    assert!(alarms(&["a"], &table("| `a` | `x` | `b` |")).is_empty());
    assert_eq!(alarms(&["a"], &table("| `a`, `c` | x | y |")).len(), 1);
    assert_eq!(
        alarms(&["a"], &table("| `a` | x | y |\n| `a` | z | y |")).len(),
        1
    );
    assert_eq!(alarms(&["a", "b"], &table("| `a` | x | y |")).len(), 2);
    assert_eq!(alarms(&["a"], "### `a`\n").len(), 1);
    let ids: Vec<&str> = AlarmId::ALL.iter().map(|id| id.as_str()).collect();
    pass(alarms(
        &ids,
        &read("docs/operations.md").expect("a document"),
    ));
    // The compiler holds that every alarm has a name; this holds that every named one is among all.
    let text = read("src/status/alarm.rs").expect("a source");
    let named = text.lines().filter(|line| line.contains("=> \"")).count();
    assert_eq!(named, ids.len(), "AlarmId::ALL lacks some");
}

/// A name of a test in a document: words with lines between them, as code.
fn named_tests(document: &str) -> impl Iterator<Item = &str> {
    let code = document.split('`').skip(1).step_by(2);
    code.filter(|name| {
        let of_a_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        name.matches('_').count() >= 2 && name.chars().all(of_a_name)
    })
}

fn missing_tests(document: &str, sources: &[Source]) -> Vec<String> {
    let exists = |name: &str| {
        let test = format!("fn {name}(");
        sources.iter().any(|source| source.text.contains(&test))
    };
    named_tests(document)
        .filter(|name| !exists(name))
        .map(|name| format!("there is no test {name}"))
        .collect()
}

#[test]
fn promises_name_their_tests() {
    let sources: Vec<Source> = ["src", "tests"].into_iter().flat_map(sources).collect();
    let mut named = 0;
    for path in ["docs/promise.md", "docs/store.md"] {
        let document = read(path).expect("a document");
        named += named_tests(&document).count();
        pass(missing_tests(&document, &sources));
    }
    assert!(named > 30, "{named}");
    let made_up = "| `a_card_is_never_late` | `Box` | `deadline` |";
    assert_eq!(missing_tests(made_up, &sources).len(), 1);
}

/// What a migration imports must stand still: redb, serde and the store's error.
fn foreign_types(source: &Source) -> Vec<String> {
    let may = ["redb", "serde", "serde_json", "std", "Value", "Phase"];
    let is_step = source.path.starts_with("src/store/migrate/v");
    let odd = |path: &Vec<String>| {
        !may.contains(&&*path[0]) && path.join("::") != "crate::store::file::FileError"
    };
    let named = paths(&source.tokens).into_iter();
    let named = named.filter(|(_, path)| is_step && odd(path) && path[0] != "TableDefinition");
    named
        .map(|(line, path)| source.at(line, &format!("a migration knows `{}`", path.join("::"))))
        .collect()
}

#[test]
fn migrations_stand_alone() {
    let offending = "
        src/store/migrate/v9.rs: use crate::store::entry::Entry;
        src/store/migrate/v9.rs: use super::super::schema::RECENT;
        src/store/migrate/v9.rs: fn f() { crate::domain::card::Card::default() }
    ";
    let fine = "
        src/store/migrate/v9.rs: use redb::Database;\nuse crate::store::file::FileError;
        src/store/migrate.rs: use super::schema::OUTBOX_VERSION;
    ";
    try_out(foreign_types, offending, fine);
    hold(&["src"], foreign_types);
}

/// The kept files of released formats: each has its sum, and is in the table of docs/store.md.
#[test]
fn files_of_formats_are_as_they_were_written() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/formats");
    let sums = read("tests/data/formats/SHA256SUMS").expect("the sums");
    let table = read("docs/store.md").expect("a document");
    let mut found = 0;
    for entry in fs::read_dir(&directory).expect("a directory") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_string_lossy();
        if name == "SHA256SUMS" {
            continue;
        }
        found += 1;
        let bytes = fs::read(directory.join(&*name)).expect("a readable file");
        let sum = ring::digest::digest(&ring::digest::SHA256, &bytes);
        let sum: String = sum.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        assert!(
            sums.lines().any(|line| line == format!("{sum}  {name}")),
            "{name} is not what it was, or its sum {sum} is missing in SHA256SUMS"
        );
        assert!(
            table.contains(&format!("`{name}`")),
            "{name} in docs/store.md"
        );
    }
    assert_eq!(found, sums.lines().count());
}
