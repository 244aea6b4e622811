//! The texts of a workbook, which its cells name by number: the one thing of it that must be in memory.

use quick_xml::events::Event;

use super::error::Fault;
use super::part::{Part, resolve};
use super::value::unescaped;

/// All texts together: a million customers' names and addresses, each text once, take some 40 MB.
pub(super) const STRINGS_BYTES: usize = 64 * 1024 * 1024;
/// As many as four columns of half a million rows have.
pub(super) const STRINGS: usize = 2_000_000;
/// One text as XML: Excel allows 32,767 letters, each with runs of its own at worst.
pub(super) const CELL_BYTES: u64 = 1024 * 1024;

/// One long text and where each part of it ends: a `String` for each would take three times as much.
#[derive(Default)]
pub(super) struct Strings {
    texts: String,
    ends: Vec<u32>,
}

impl Strings {
    pub(super) fn read(mut part: Part<'_>) -> Result<Strings, Fault> {
        let mut strings = Strings::default();
        let mut text = String::new();
        loop {
            match part.next()? {
                None => return Ok(strings),
                Some(Event::Start(element)) if element.local_name().as_ref() == "si" => {}
                Some(_) => {
                    part.grant();
                    continue;
                }
            }
            text.clear();
            read_text(&mut part, "si", &mut text)?;
            part.grant();
            strings.add(&text)?;
        }
    }

    fn add(&mut self, text: &str) -> Result<(), Fault> {
        self.texts.push_str(text);
        let too_much = |what, limit: usize| Fault::TooMuch {
            what,
            limit: limit as u64,
        };
        if self.texts.len() > STRINGS_BYTES {
            return Err(too_much("the bytes of its texts", STRINGS_BYTES));
        }
        if self.ends.len() == STRINGS {
            return Err(too_much("its different texts", STRINGS));
        }
        self.ends.push(self.texts.len() as u32);
        Ok(())
    }

    pub(super) fn at(&self, place: usize) -> Option<&str> {
        let end = *self.ends.get(place)? as usize;
        let start = match place {
            0 => 0,
            _ => *self.ends.get(place - 1)? as usize,
        };
        self.texts.get(start..end)
    }
}

/// The text within an element to its end: its runs without their formatting, nor what is said of their sound.
pub(super) fn read_text(part: &mut Part<'_>, end: &str, text: &mut String) -> Result<(), Fault> {
    let (mut in_text, mut sound) = (false, false);
    let mut raw = String::new();
    while let Some(event) = part.next()? {
        match event {
            Event::Start(element) => match element.local_name().as_ref() {
                "t" => in_text = !sound,
                "rPh" => sound = true,
                _ => {}
            },
            Event::End(element) => match element.local_name().as_ref() {
                "t" => in_text = false,
                "rPh" => sound = false,
                name if name == end => {
                    text.push_str(&unescaped(&raw));
                    return Ok(());
                }
                _ => {}
            },
            Event::Text(run) if in_text => raw.push_str(&run.xml10_content()),
            Event::CData(run) if in_text => raw.push_str(&run.xml10_content()),
            Event::GeneralRef(entity) if in_text => raw.extend(resolve(&entity)),
            _ => {}
        }
    }
    Err(Fault::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(xml: &str) -> Result<Strings, Fault> {
        Strings::read(Part::new(xml.as_bytes(), "a text", CELL_BYTES))
    }

    #[test]
    fn texts_are_read_with_their_runs_and_without_their_sound() {
        let xml = "<sst><si><t>Ayşe</t></si><si><r><rPr><b/></rPr><t>A&amp;B </t></r><r><t>GmbH</t></r></si>\
                   <si/><si><t>日</t><rPh><t>ひ</t></rPh></si><si><t>a_x000D_&#10;b</t></si></sst>";
        let strings = strings(xml).unwrap_or_default();
        let all: Vec<_> = (0..6).map(|place| strings.at(place)).collect();
        assert_eq!(
            all,
            [
                Some("Ayşe"),
                Some("A&B GmbH"),
                Some(""),
                Some("日"),
                Some("a\r\nb"),
                None
            ]
        );
    }

    #[test]
    fn as_many_texts_as_the_bound_are_kept_and_no_more() {
        let mut strings = Strings {
            ends: vec![0; STRINGS - 1],
            ..Strings::default()
        };
        assert!(strings.add("").is_ok());
        assert!(
            matches!(strings.add(""), Err(Fault::TooMuch { limit, .. }) if limit == STRINGS as u64)
        );
    }

    #[test]
    fn texts_have_as_many_bytes_as_the_bound_and_no_more() {
        let mut strings = Strings {
            texts: "x".repeat(STRINGS_BYTES - 1),
            ..Strings::default()
        };
        assert!(strings.add("x").is_ok());
        let limit = STRINGS_BYTES as u64;
        assert!(matches!(strings.add("x"), Err(Fault::TooMuch { limit: l, .. }) if l == limit));
    }

    #[test]
    fn a_text_without_an_end_runs_out_of_its_allowance() {
        let of = |letters: usize| format!("<sst><si><t>{}</t></si></sst>", "x".repeat(letters));
        assert!(strings(&of(CELL_BYTES as usize - 64)).is_ok());
        // A chunk was unpacked before the allowance was granted anew.
        let long = strings(&of(CELL_BYTES as usize + super::super::part::CHUNK_BYTES));
        assert!(matches!(
            long,
            Err(Fault::TooMuch {
                limit: CELL_BYTES,
                ..
            })
        ));
        assert!(matches!(strings("<sst><si><t>x"), Err(Fault::Damaged)));
    }
}
