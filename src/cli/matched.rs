//! `ringcard lookup --file`: how many of a list of numbers are found, and why the others are not.
//!
//! Meant for last month's calls, before going live. The files are read directly, not through the daemon: a
//! hundred thousand questions must not keep it from its calls. What a line holds is masked, a name
//! beside the number too: the result is what an operator mails to whoever helps.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::arguments::About;
use super::terminal::{say, say_json, table};
use super::who::{question, without_copy};
use super::{EXIT_NOBODY, Failure, load};
use crate::daemon::{Explanation, Offline};
use crate::source::reject::mask_number;

/// Most lines read: a year of a large office's calls.
const LINES: usize = 1_000_000;
/// Longest line read; a number has some twenty characters.
const LINE_BYTES: u64 = 1024;
/// Examples shown of each reason.
const EXAMPLES: usize = 3;

/// What became of all the numbers.
#[derive(Debug, Default, Serialize)]
struct Tally {
    lines: usize,
    found: usize,
    /// Of all numbers that are some, withheld ones and extensions left out, how many of a hundred.
    rate: f64,
    rungs: BTreeMap<&'static str, usize>,
    /// Found, with a card that names no single person.
    shared: usize,
    /// Found, but without anything to show.
    empty: usize,
    misses: BTreeMap<String, Miss>,
    /// Sources whose copy is not there or can't be read.
    missing: BTreeSet<String>,
}

#[derive(Debug, Default, Serialize)]
struct Miss {
    count: usize,
    /// Masked.
    examples: Vec<String>,
}

pub(super) async fn matched(config: &Path, file: &Path, about: About) -> Result<ExitCode, Failure> {
    let offline = Offline::open(load(config)?).map_err(Failure::Other)?;
    let failed = |e: io::Error| Failure::Other(format!("{}: {e}", file.display()));
    let input: Box<dyn Read> = match file == Path::new("-") {
        true => Box::new(io::stdin()),
        false => Box::new(File::open(file).map_err(failed)?),
    };
    let mut tally = Tally::default();
    let mut input = BufReader::new(input);
    while let Some(number) = next(&mut input).map_err(failed)? {
        if tally.lines == LINES {
            let what = format!("{} has more than {LINES} numbers", file.display());
            return Err(Failure::Other(what));
        }
        let asked = question(number, &about);
        let explanation = offline.explain(&asked).await.map_err(Failure::Other)?;
        tally.add(&asked.number, &explanation);
    }
    tally.rate = tally.rate();
    match about.json {
        true => say_json(&tally),
        false => say(&tally.told()),
    }
    match tally.found {
        0 => Ok(ExitCode::from(EXIT_NOBODY)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// The next line that has a number on it, without its quotes.
fn next(input: &mut impl BufRead) -> io::Result<Option<String>> {
    loop {
        let mut line = Vec::new();
        if input
            .by_ref()
            .take(LINE_BYTES)
            .read_until(b'\n', &mut line)?
            == 0
        {
            return Ok(None);
        }
        if line.len() as u64 == LINE_BYTES && !line.ends_with(b"\n") {
            let what = format!("a line is longer than {LINE_BYTES} bytes; give one number a line");
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let line = String::from_utf8_lossy(&line);
        let number = line.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\u{feff}');
        if !number.is_empty() && !number.starts_with('#') {
            return Ok(Some(number.to_owned()));
        }
    }
}

impl Tally {
    fn add(&mut self, asked: &str, explanation: &Explanation) {
        self.lines += 1;
        self.missing.extend(explanation.missing.iter().cloned());
        if let Some(rung) = explanation.rung {
            self.found += 1;
            *self.rungs.entry(rung.as_str()).or_default() += 1;
            self.shared += usize::from(explanation.shared != Default::default());
            self.empty += usize::from(explanation.card.is_none());
            return;
        }
        let reason = match (&explanation.reason, &explanation.card) {
            (Some(reason), _) => reason.clone(),
            (None, _) => "no contact has this number".to_owned(),
        };
        let miss = self.misses.entry(reason).or_default();
        miss.count += 1;
        let example = mask_number(asked);
        if miss.examples.len() < EXAMPLES && !miss.examples.contains(&example) {
            miss.examples.push(example);
        }
    }

    fn unreadable(&self) -> usize {
        let unreadable = self.misses.iter();
        let unreadable = unreadable.filter(|(reason, _)| reason.starts_with("the number "));
        unreadable.map(|(_, miss)| miss.count).sum()
    }

    fn rate(&self) -> f64 {
        match self.lines - self.unreadable() {
            0 => 0.0,
            numbers => 100.0 * self.found as f64 / numbers as f64,
        }
    }

    fn told(&self) -> String {
        let numbers = self.lines - self.unreadable();
        let mut text = format!(
            "{} of {numbers} numbers found: {:.1} % ({} lines, {} without a number)\n",
            self.found,
            self.rate,
            self.lines,
            self.unreadable()
        );
        for source in &self.missing {
            text.push_str(&format!("{}\n", without_copy(source)));
        }
        let count = |n: usize, words: &str, more: &str| {
            vec![format!("{n:>8}"), words.to_owned(), more.to_owned()]
        };
        let rungs = crate::domain::ladder::Rung::ALL.into_iter();
        let mut rows: Vec<Vec<String>> = rungs
            .filter_map(|rung| Some((rung, *self.rungs.get(rung.as_str())?)))
            .map(|(rung, n)| count(n, rung.as_str(), rung.words()))
            .collect();
        if self.shared > 0 {
            rows.push(count(
                self.shared,
                "of these",
                "are shared: no single person is shown",
            ));
        }
        if self.empty > 0 {
            rows.push(count(
                self.empty,
                "of these",
                "have a card without a word on it: none is sent",
            ));
        }
        text.push_str(&table(&rows));
        if !self.misses.is_empty() {
            let mut misses: Vec<_> = self.misses.iter().collect();
            misses.sort_by_key(|(_, miss)| std::cmp::Reverse(miss.count));
            let rows = misses.into_iter();
            let rows: Vec<_> = rows
                .map(|(reason, miss)| count(miss.count, reason, &miss.examples.join(", ")))
                .collect();
            text.push_str("\nnot found\n");
            text.push_str(&table(&rows));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_shows_neither_a_number_nor_the_name_beside_it() {
        let mut tally = Tally::default();
        for line in ["Ayşe Yılmaz;0532 555 01 01", "0532 555 01 99"] {
            tally.add(line, &Explanation::default());
        }
        let examples: Vec<_> = tally.misses.values().flat_map(|m| &m.examples).collect();
        assert_eq!(examples, ["Ay***", "0532 5******99"]);
    }
}
