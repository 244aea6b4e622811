//! Values inside links: percent-encoded, so that a contact's name can't change where a link leads.
//!
//! A template that begins with an expression leaves the address to that one value, which is then taken as it
//! stands; whatever follows it is encoded like everywhere else.

use minijinja::value::Value;

/// The filter that keeps a link's first expression whole.
pub(super) const WHOLE: &str = "whole";

/// Everything but RFC 3986's unreserved characters as `%XX`, byte by byte of UTF-8.
pub(super) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

pub(super) fn whole(value: Value) -> Value {
    match value.is_none() || value.is_undefined() {
        true => value,
        false => Value::from_safe_string(value.to_string()),
    }
}

/// The template, with the expression it begins with, if it does, exempt from encoding.
pub(super) fn first_expression_whole(template: &str) -> String {
    let split = template.trim_start().strip_prefix("{{").and_then(|rest| {
        let end = end_of_expression(rest)?;
        Some((&rest[..end], &rest[end..]))
    });
    let Some((inside, rest)) = split else {
        return template.to_owned();
    };
    let inside = inside.strip_prefix(['-', '+']).unwrap_or(inside);
    let (inside, rest) = match inside.strip_suffix('-') {
        Some(inside) => (inside, format!("-{rest}")),
        None => (inside, rest.to_owned()),
    };
    format!("{{{{ ({inside})|{WHOLE} {rest}")
}

/// Where `}}` ends it, outside of texts and maps.
fn end_of_expression(text: &str) -> Option<usize> {
    let (mut quote, mut depth, mut escaped) = (None, 0_u32, false);
    for (i, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(q), _) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') if depth > 0 => depth -= 1,
            (None, '}') if text[i..].starts_with("}}") => return Some(i),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_unreserved_characters_are_encoded() {
        let cases = [
            ("aZ09-._~", "aZ09-._~"),
            ("1&admin=true", "1%26admin%3Dtrue"),
            ("../../x", "..%2F..%2Fx"),
            ("a b+c%20", "a%20b%2Bc%2520"),
            ("Şirket ı", "%C5%9Eirket%20%C4%B1"),
            ("@evil.example/#?:", "%40evil.example%2F%23%3F%3A"),
            ("\r\n\u{202e}", "%0D%0A%E2%80%AE"),
        ];
        for (text, expected) in cases {
            assert_eq!(percent_encoded(text), expected, "{text}");
        }
    }

    #[test]
    fn only_the_first_expression_is_whole() {
        let cases = [
            ("https://a/{{ b }}", "https://a/{{ b }}"),
            (
                "{% if a %}{{ b }}{% endif %}",
                "{% if a %}{{ b }}{% endif %}",
            ),
            ("{{ a }}", "{{ ( a )|whole }}"),
            (" {{- a -}} /{{ b }}", "{{ ( a )|whole -}} /{{ b }}"),
            ("{{ a or '}}\\'' }}x", "{{ ( a or '}}\\'' )|whole }}x"),
            (
                "{{ {'a': {'b': 1}}['a'] }}",
                "{{ ( {'a': {'b': 1}}['a'] )|whole }}",
            ),
            ("{{ a", "{{ a"),
        ];
        for (text, expected) in cases {
            assert_eq!(first_expression_whole(text), expected, "{text}");
        }
    }
}
