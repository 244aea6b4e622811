//! Lines of a card: unfolded, and taken apart into a name, parameters and a value.

use std::io::{self, BufRead, Read};

use encoding_rs::Encoding;

/// Unfolded lines, none longer than the bound.
pub(super) struct Lines<R> {
    reader: R,
    limit: usize,
    bytes: Vec<u8>,
    text: String,
    number: u64,
}

pub(super) struct Text<'l> {
    pub(super) text: &'l str,
    /// The number of its first line, from 1 on.
    pub(super) line: u64,
    /// What is beyond the bound was left out.
    pub(super) too_long: bool,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R, limit: usize) -> Lines<R> {
        Lines {
            reader,
            limit,
            bytes: Vec::new(),
            text: String::new(),
            number: 0,
        }
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Text<'_>>> {
        self.bytes.clear();
        let line = self.number + 1;
        let (mut is_open, mut too_long) = (true, false);
        if !self.add_line(&mut too_long)? {
            return Ok(None);
        }
        while is_open {
            let first = self.reader.fill_buf()?.first().copied();
            is_open = match first {
                Some(b' ' | b'\t') => {
                    self.reader.consume(1);
                    self.add_line(&mut too_long)?
                }
                // A soft break of quoted-printable. An encoded `=` is written `=3D`.
                Some(_) if self.bytes.last() == Some(&b'=') && is_quoted(&self.bytes) => {
                    self.bytes.pop();
                    self.add_line(&mut too_long)?
                }
                _ => false,
            };
        }
        self.text.clear();
        self.text.push_str(&String::from_utf8_lossy(&self.bytes));
        Ok(Some(Text {
            text: &self.text,
            line,
            too_long,
        }))
    }

    /// Adds the rest of a line, without its end. False at the end of the file.
    fn add_line(&mut self, too_long: &mut bool) -> io::Result<bool> {
        let room = self.limit.saturating_sub(self.bytes.len()) as u64 + 2;
        let before = self.bytes.len();
        let read = self
            .reader
            .by_ref()
            .take(room)
            .read_until(b'\n', &mut self.bytes)?;
        if read == 0 {
            return Ok(false);
        }
        self.number += 1;
        // With room for a line's end of two.
        if self.bytes.last() != Some(&b'\n') {
            self.pass_over()?;
        }
        while self.bytes.len() > before && matches!(self.bytes.last(), Some(b'\n' | b'\r')) {
            self.bytes.pop();
        }
        *too_long |= self.bytes.len() > self.limit;
        self.bytes.truncate(self.limit);
        Ok(true)
    }

    fn pass_over(&mut self) -> io::Result<()> {
        loop {
            let chunk = self.reader.fill_buf()?;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let length = end.map_or(chunk.len(), |end| end + 1);
            self.reader.consume(length);
            if end.is_some() || length == 0 {
                return Ok(());
            }
        }
    }
}

/// Whether the line's value is quoted-printable, by what stands before it.
fn is_quoted(line: &[u8]) -> bool {
    let end = line.iter().position(|byte| *byte == b':').unwrap_or(0);
    let before = line[..end].to_ascii_uppercase();
    before.windows(16).any(|bytes| bytes == b"QUOTED-PRINTABLE")
}

/// One property, its value decoded but for the signs that are written with a backslash.
pub(super) struct Property {
    /// In capitals, without a group before it.
    pub(super) name: String,
    /// In small letters.
    pub(super) types: Vec<String>,
    pub(super) preferred: bool,
    pub(super) value: String,
}

impl Property {
    /// `None` of a line that is none. `fallback` is how bytes are written that don't say it.
    pub(super) fn parse(text: &str, fallback: &'static Encoding) -> Option<Property> {
        let (head, value) = split_outside_quotes(text, ':')?;
        let mut parts = Vec::new();
        let mut rest = head;
        while let Some((part, more)) = split_outside_quotes(rest, ';') {
            parts.push(part);
            rest = more;
        }
        parts.push(rest);
        let (name, parameters) = parts.split_first()?;
        let name = name.rsplit('.').next().unwrap_or_default().trim();
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if name.is_empty() || !name.bytes().all(is_name) {
            return None;
        }
        let mut property = Property {
            name: name.to_ascii_uppercase(),
            types: Vec::new(),
            preferred: false,
            value: String::new(),
        };
        let (mut quoted, mut charset) = (false, None);
        for parameter in parameters {
            // 2.1 writes types and encodings without a name.
            let (key, given) = parameter.split_once('=').unwrap_or(("TYPE", parameter));
            let given = given.trim().trim_matches('"');
            match key.trim().to_ascii_uppercase().as_str() {
                "ENCODING" => quoted |= given.eq_ignore_ascii_case("quoted-printable"),
                "CHARSET" => charset = Encoding::for_label(given.as_bytes()),
                "PREF" => property.preferred = true,
                "TYPE" if given.eq_ignore_ascii_case("quoted-printable") => quoted = true,
                "TYPE" => {
                    let types = given.split(',').map(|t| t.trim().to_ascii_lowercase());
                    property.types.extend(types);
                }
                _ => {}
            }
        }
        property.preferred |= property.types.iter().any(|t| t == "pref");
        property.value = match quoted {
            true => unquoted(value, charset, fallback),
            false => value.to_owned(),
        };
        Some(property)
    }

    pub(super) fn bytes(&self) -> usize {
        self.name.len() + self.value.len() + self.types.iter().map(String::len).sum::<usize>()
    }

    /// Name and value for whoever looks at it.
    pub(super) fn shown(&self) -> (String, String) {
        let types: String = self.types.iter().map(|t| format!(";{t}")).collect();
        (self.name.clone() + &types, unescaped(&self.value))
    }
}

fn split_outside_quotes(text: &str, sign: char) -> Option<(&str, &str)> {
    let mut in_quotes = false;
    let end = text.find(|c| {
        in_quotes ^= c == '"';
        c == sign && !in_quotes
    })?;
    Some((&text[..end], &text[end + sign.len_utf8()..]))
}

/// Quoted-printable in the value's own encoding.
fn unquoted(
    value: &str,
    charset: Option<&'static Encoding>,
    fallback: &'static Encoding,
) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let hex = (*byte == b'=').then(|| after.get(..2)).flatten();
        let code = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(code) => {
                bytes.push(code);
                rest = &after[2..];
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    if let Some(charset) = charset {
        return charset.decode_without_bom_handling(&bytes).0.into_owned();
    }
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => fallback
            .decode_without_bom_handling(e.as_bytes())
            .0
            .into_owned(),
    }
}

/// The parts of a structured value.
pub(super) fn parts(value: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut signs = value.chars();
    while let Some(sign) = signs.next() {
        match (sign, parts.last_mut()) {
            (';', _) => parts.push(String::new()),
            (sign, Some(part)) => {
                part.push(sign);
                if sign == '\\' {
                    part.extend(signs.next());
                }
            }
            (_, None) => {}
        }
    }
    parts
        .iter()
        .map(|part| unescaped(part).trim().to_owned())
        .collect()
}

/// `\n` is a line's end, and what else follows a backslash is itself.
pub(super) fn unescaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut signs = value.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => match signs.next() {
                Some('n' | 'N') => out.push('\n'),
                other => out.push(other.unwrap_or('\\')),
            },
            sign => out.push(sign),
        }
    }
    out
}
