//! Questions and their answers, whoever gives them: a person at a terminal, lines of a script, or options of the
//! command line.
//!
//! It guarantees that a question whose answer is wrong is told so and asked again, that without a person this ends
//! after a few tries, and that a secret is neither shown nor repeated.

use std::collections::{BTreeMap, VecDeque};
use std::io;

use crate::cli::keyboard::{Keyboard, Lines};
use crate::cli::terminal::say;

/// How often a wrong answer may be given where nobody sees that it is wrong.
pub(super) const TRIES: usize = 3;

/// Why the questions end before the last one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stop {
    #[error("stopped; nothing was changed")]
    Interrupted,
    #[error("no answer was given to \"{asked}\" (option {option}); nothing was changed")]
    NoAnswer { asked: String, option: &'static str },
    #[error("no usable answer was given to \"{asked}\" (option {option}); nothing was changed")]
    TooOften { asked: String, option: &'static str },
    #[error("{0}")]
    Failed(String),
}

fn unreadable(e: io::Error) -> Stop {
    Stop::Failed(format!("the answers can't be read: {e}"))
}

/// One question. `option` is the option of the command line that answers it.
#[derive(Clone, Debug, Default)]
pub(super) struct Question {
    pub(super) asked: String,
    pub(super) option: &'static str,
    /// What no answer means.
    pub(super) usual: Option<String>,
    pub(super) is_secret: bool,
}

impl Question {
    pub(super) fn new(asked: &str, option: &'static str) -> Question {
        Question {
            asked: asked.to_owned(),
            option,
            ..Question::default()
        }
    }

    pub(super) fn usual(self, usual: impl Into<Option<String>>) -> Question {
        let usual = usual.into();
        Question { usual, ..self }
    }

    /// What is usual of a secret is not shown: it stands for the one that is there.
    pub(super) fn secret(self) -> Question {
        Question {
            is_secret: true,
            ..self
        }
    }

    fn shown(&self) -> String {
        match &self.usual {
            Some(usual) if !self.is_secret => format!("{} [{usual}]: ", self.asked),
            _ => format!("{}: ", self.asked),
        }
    }
}

/// Who answers.
pub(super) enum Voice {
    Person(Keyboard),
    Script(Lines),
    /// Nobody: what is usual is taken.
    Silence,
    /// In tests.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests speak through it"))]
    Rehearsed(VecDeque<String>),
}

pub(super) struct Talk {
    voice: Voice,
    /// What the options answer, by option: each once, in their order.
    given: BTreeMap<&'static str, VecDeque<String>>,
    /// Kept where it is rehearsed.
    pub(super) said: String,
}

impl Talk {
    pub(super) fn new(
        voice: Voice,
        given: impl IntoIterator<Item = (&'static str, Vec<String>)>,
    ) -> Talk {
        let given = given.into_iter().map(|(option, all)| (option, all.into()));
        Talk {
            voice,
            given: given.collect(),
            said: String::new(),
        }
    }

    pub(super) fn say(&mut self, text: &str) {
        match &self.voice {
            Voice::Rehearsed(_) => {
                self.said.push_str(text);
                self.said.push('\n');
            }
            _ => say(text),
        }
    }

    /// Whether somebody is there to mend a wrong answer.
    fn is_attended(&self) -> bool {
        matches!(self.voice, Voice::Person(_))
    }

    /// Whether an answer stands in the options already.
    pub(super) fn is_given(&self, option: &str) -> bool {
        self.given.get(option).is_some_and(|all| !all.is_empty())
    }

    /// The answer for a key, of an option that is given as KEY=ANSWER.
    pub(super) fn given_for(&mut self, option: &str, key: &str) -> Option<String> {
        let given = self.given.get_mut(option)?;
        let is_its = |answer: &String| answer.split_once('=').is_some_and(|(k, _)| k == key);
        let place = given.iter().position(is_its)?;
        let (_, answer) = given.get(place)?.split_once('=')?;
        let answer = answer.to_owned();
        given.remove(place);
        Some(answer)
    }

    /// One answer; empty only where nothing is usual and nothing was typed.
    pub(super) async fn answer(&mut self, question: &Question) -> Result<String, Stop> {
        let given = self.given.get_mut(question.option);
        if let Some(given) = given.and_then(VecDeque::pop_front) {
            if !question.is_secret {
                self.say(&format!("{}{given}", question.shown()));
            }
            return Ok(given);
        }
        let missing = || Stop::NoAnswer {
            asked: question.asked.clone(),
            option: question.option,
        };
        let shown = question.shown();
        let typed = match &mut self.voice {
            Voice::Person(keyboard) if question.is_secret => {
                keyboard.hidden(&shown).await.map_err(unreadable)?
            }
            Voice::Person(keyboard) => keyboard.line(&shown).await.map_err(unreadable)?,
            Voice::Script(lines) => {
                let typed = lines.next().await.map_err(unreadable)?;
                say(&match (&typed, question.is_secret) {
                    (Some(typed), false) => format!("{shown}{typed}"),
                    _ => shown,
                });
                typed
            }
            Voice::Rehearsed(lines) => lines.pop_front(),
            Voice::Silence => {
                let usual = question.usual.clone().ok_or_else(missing)?;
                if !question.is_secret {
                    self.say(&shown);
                }
                return Ok(usual);
            }
        };
        let typed = typed.ok_or_else(missing)?.trim().to_owned();
        Ok(match (typed.is_empty(), &question.usual) {
            (true, Some(usual)) => usual.clone(),
            _ => typed,
        })
    }

    /// Asks until `judge` takes the answer; it says of the others what is wrong.
    pub(super) async fn until<T>(
        &mut self,
        question: &Question,
        mut judge: impl FnMut(&str) -> Result<T, String>,
    ) -> Result<T, Stop> {
        let mut tries = Tries::default();
        loop {
            let answer = self.answer(question).await?;
            match judge(&answer) {
                Ok(taken) => return Ok(taken),
                Err(wrong) => self.wrong(question, &wrong, &mut tries)?,
            }
        }
    }

    /// Says what is wrong with an answer, and whether it may be asked again.
    pub(super) fn wrong(
        &mut self,
        question: &Question,
        wrong: &str,
        tries: &mut Tries,
    ) -> Result<(), Stop> {
        self.say(&marked(wrong));
        tries.0 += 1;
        // Silence would give the same answer again.
        let may_be_mended = match self.voice {
            Voice::Silence => self.is_given(question.option),
            _ => self.is_attended() || tries.0 < TRIES,
        };
        match may_be_mended {
            true => Ok(()),
            false => Err(Stop::TooOften {
                asked: question.asked.clone(),
                option: question.option,
            }),
        }
    }

    pub(super) async fn yes(&mut self, asked: &str, option: &'static str) -> Result<bool, Stop> {
        let question = Question::new(asked, option).usual("yes".to_owned());
        let judge = |answer: &str| match answer.to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(true),
            "n" | "no" => Ok(false),
            _ => Err("yes or no?".to_owned()),
        };
        self.until(&question, judge).await
    }
}

/// Wrong answers to one question.
#[derive(Debug, Default)]
pub(super) struct Tries(usize);

/// What a person must not overlook.
pub(super) fn marked(text: &str) -> String {
    format!("  ! {}", text.replace('\n', "\n    "))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A person who types these lines.
    pub(in crate::cli::setup) fn typing(lines: &[&str]) -> Talk {
        let lines = lines.iter().map(|line| (*line).to_owned());
        Talk::new(Voice::Rehearsed(lines.collect()), [])
    }

    fn port(answer: &str) -> Result<u16, String> {
        answer.parse().map_err(|_| "is no port".to_owned())
    }

    fn question() -> Question {
        Question::new("Port", "--port").usual("8443".to_owned())
    }

    #[tokio::test]
    async fn no_answer_is_the_usual_one_and_a_wrong_one_is_asked_again() {
        let mut talk = typing(&["", "x", " 443 "]);
        assert_eq!(talk.until(&question(), port).await, Ok(8443));
        assert_eq!(talk.until(&question(), port).await, Ok(443));
        assert_eq!(talk.said, "  ! is no port\n");
    }

    #[tokio::test]
    async fn wrong_answers_end_and_so_do_answers() {
        let mut talk = typing(&["x"; TRIES + 1]);
        let end = talk.until(&question(), port).await;
        assert!(matches!(end, Err(Stop::TooOften { .. })), "{end:?}");
        let mut talk = typing(&["x"]);
        let end = talk.until(&question(), port).await;
        let said = end.unwrap_err().to_string();
        assert!(
            said.starts_with("no answer was given to \"Port\" (option --port)"),
            "{said}"
        );
    }

    #[tokio::test]
    async fn options_answer_once_and_silence_takes_the_usual() {
        let given = [("--port", vec!["443".to_owned()])];
        let mut talk = Talk::new(Voice::Silence, given);
        assert_eq!(talk.until(&question(), port).await, Ok(443));
        assert_eq!(talk.until(&question(), port).await, Ok(8443));
        let needed = Question::new("Token", "--token-file").secret();
        let end = talk.answer(&needed).await;
        assert!(matches!(end, Err(Stop::NoAnswer { .. })), "{end:?}");
        let given = [("--port", vec!["x".to_owned()])];
        let mut talk = Talk::new(Voice::Silence, given);
        let end = talk.until(&question(), port).await;
        assert!(matches!(end, Err(Stop::TooOften { .. })), "{end:?}");
    }
}
