//! Takes out of a text what is somebody's: numbers, addresses of people, and what may be a secret.
//!
//! It would rather take too much than too little: whoever helps can ask for a value, and nobody can take one back.

use std::sync::OnceLock;

use regex_lite::Regex;

const MASKED: &str = "***";
/// Keys of a configuration whose texts are a secret, or somebody's.
const PRIVATE: [&str; 8] = [
    "token",
    "secret",
    "password",
    "passwd",
    "user",
    "login",
    "mail",
    "key-value",
];

fn patterns() -> &'static [(Regex, &'static str)] {
    static PATTERNS: OnceLock<Vec<(Regex, &str)>> = OnceLock::new();
    PATTERNS.get_or_init(|| {
        let known = [
            // What stands before the host of an address, and after its path.
            (r"(?i)([a-z][a-z0-9+.-]*://)[^/\s@]+@", "${1}***@"),
            (
                r#"(?i)([a-z][a-z0-9+.-]*://[^\s"'?]+\?)[^\s"']+"#,
                "${1}***",
            ),
            // The webhook's path is its secret.
            (r"/hooks/[A-Za-z0-9_-]+", "/hooks/***"),
            (r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}", "${1} ***"),
            (r"\bSFMyNTY\.[A-Za-z0-9._~+/=-]+", MASKED),
            (r"[\w.+-]+@[\w-]+(\.[\w-]+)+", "***@***"),
            (r"\d{7,}", MASKED),
        ];
        let known = known.into_iter();
        known
            .filter_map(|(p, by)| Some((Regex::new(p).ok()?, by)))
            .collect()
    })
}

/// For any text, such as a line of the log.
pub(super) fn text(text: &str) -> String {
    let mut masked = text.to_owned();
    for (pattern, by) in patterns() {
        masked = pattern.replace_all(&masked, *by).into_owned();
    }
    spaced_numbers(&masked)
}

/// Numbers written in groups: `0532 555 01 01`. A date is none, and neither is an address.
fn spaced_numbers(text: &str) -> String {
    static GROUPS: OnceLock<Option<Regex>> = OnceLock::new();
    let groups = GROUPS.get_or_init(|| Regex::new(r"\+?\d(?:[ ()./-]{0,2}\d){8,}").ok());
    let Some(groups) = groups else {
        return text.to_owned();
    };
    let mask = |found: &regex_lite::Captures<'_>| {
        let found = &found[0];
        match is_date(found) || is_address(found) {
            true => found.to_owned(),
            false => MASKED.to_owned(),
        }
    };
    groups.replace_all(text, mask).into_owned()
}

/// `2026-11-26`, and what follows of a time of day.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let is_year = text.starts_with("20") && (0..4).all(digit);
    is_year && bytes.get(4) == Some(&b'-') && digit(5) && digit(6) && bytes.get(7) == Some(&b'-')
}

/// `192.168.100.200`, and what follows of a port or a prefix's length.
fn is_address(text: &str) -> bool {
    let address = text.split(['/', ' ']).next().unwrap_or(text);
    address.parse::<std::net::Ipv4Addr>().is_ok()
}

/// A configuration line by line, so that the lines of its problems can be found: without its comments, in which
/// people write to each other, and without texts that may be a secret or somebody's name.
pub(super) fn configuration(toml: &str) -> String {
    let bare = without_comments(toml);
    let mut lines = Vec::new();
    let mut within_secrets = false;
    // A hidden value that goes on over this line, and by what it ends.
    let mut goes_on: Option<&str> = None;
    for line in bare.lines() {
        let trimmed = line.trim();
        if let Some(end) = goes_on {
            goes_on = (!trimmed.ends_with(end)).then_some(end);
            lines.push(MASKED.to_owned());
            continue;
        }
        if trimmed.starts_with('[') {
            within_secrets = is_private(trimmed);
        }
        let (key, value) = line.split_once('=').unwrap_or(("", line));
        let names_a_file = value.trim_start().starts_with('{');
        let hidden = within_secrets && !trimmed.starts_with('[') || is_private(key);
        let line = match hidden && !names_a_file {
            true => {
                goes_on = end_of(value.trim());
                texts(line, |_| true)
            }
            false => texts(line, may_be_a_secret),
        };
        lines.push(text(&line));
    }
    lines.join("\n")
}

/// By what a value ends that begins here and goes on in the next line.
fn end_of(value: &str) -> Option<&'static str> {
    let mut texts = ["\"\"\"", "'''"].into_iter();
    let is_open = |quote: &&str| {
        let inside = value.strip_prefix(quote);
        inside.is_some_and(|inside| !inside.contains(quote))
    };
    let is_list = value.starts_with('[') && !value.ends_with(']');
    texts.find(is_open).or(is_list.then_some("]"))
}

fn is_private(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    PRIVATE.iter().any(|part| key.contains(part))
}

/// Long, and of nothing but what tokens are made of.
fn may_be_a_secret(text: &str) -> bool {
    const LEAST: usize = 16;
    let of_a_token = |c: char| c.is_ascii_alphanumeric() || "_+=".contains(c);
    let is_mixed = text.contains(|c: char| c.is_ascii_digit())
        || (text.contains(char::is_uppercase) && text.contains(char::is_lowercase));
    text.chars().count() >= LEAST && text.chars().all(of_a_token) && is_mixed
}

/// Replaces the texts in quotes that `hide` says so of.
fn texts(line: &str, hide: impl Fn(&str) -> bool) -> String {
    let (mut out, mut rest) = (String::new(), line);
    while let Some(start) = rest.find(['"', '\'']) {
        let quote = &rest[start..=start];
        out.push_str(&rest[..=start]);
        rest = &rest[start + 1..];
        let end = rest.find(quote).unwrap_or(rest.len());
        let inside = &rest[..end];
        out.push_str(if !inside.is_empty() && hide(inside) {
            MASKED
        } else {
            inside
        });
        rest = &rest[end..];
        if !rest.is_empty() {
            out.push_str(quote);
            rest = &rest[1..];
        }
    }
    out + rest
}

/// Texts may hold a `#`; what follows any other is a comment.
fn without_comments(toml: &str) -> String {
    let mut out = String::with_capacity(toml.len());
    let mut rest = toml;
    let mut open: Option<&str> = None;
    while let Some(sign) = rest.chars().next() {
        if let Some(quote) = open {
            let is_escape = sign == '\\' && quote.starts_with('"');
            let (step, ends) = match (is_escape, rest.starts_with(quote)) {
                (true, _) => (
                    1 + rest[1..].chars().next().map_or(0, char::len_utf8),
                    false,
                ),
                (false, true) => (quote.len(), true),
                // A text of one line that nobody closed.
                (false, false) => (sign.len_utf8(), quote.len() == 1 && sign == '\n'),
            };
            open = (!ends).then_some(quote);
            out.push_str(&rest[..step]);
            rest = &rest[step..];
            continue;
        }
        if sign == '#' {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
            continue;
        }
        open = ["\"\"\"", "'''", "\"", "'"]
            .into_iter()
            .find(|q| rest.starts_with(q));
        let step = open.map_or(sign.len_utf8(), str::len);
        out.push_str(&rest[..step]);
        rest = &rest[step..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_somebodys_is_taken_out() {
        for (given, expected) in [
            ("call +905325550101 ended", "call +*** ended"),
            ("call 0532 555 01 01 ended", "call *** ended"),
            ("(0532) 555-01-01", "(***"),
            ("call 0532.555.01.01 ended", "call *** ended"),
            ("call +90.532.555.0101", "call ***"),
            ("net 192.168.100.0/24 here", "net 192.168.100.0/24 here"),
            ("masked +90532*****01", "masked +90532*****01"),
            ("on 2026-11-26 08:35 it was", "on 2026-11-26 08:35 it was"),
            ("at 2026-11-26T08:35:17Z", "at 2026-11-26T08:35:17Z"),
            ("from 192.168.100.200:8443", "from 192.168.100.200:8443"),
            ("ask ayse.yilmaz@firma.example.tr", "ask ***@***"),
            (
                "https://ayse:geheim@crm.example/list",
                "https://***@crm.example/list",
            ),
            (
                "https://crm.example/list?key=geheim&x=1",
                "https://crm.example/list?***",
            ),
            (
                "https://pi.example:8443/hooks/abc-DEF_1",
                "https://pi.example:8443/hooks/***",
            ),
            (
                "Authorization: Bearer abcdef.gh",
                "Authorization: Bearer ***",
            ),
            ("token SFMyNTY.g2gDbQ is bad", "token *** is bad"),
        ] {
            assert_eq!(text(given), expected);
        }
    }

    #[test]
    fn a_configuration_keeps_its_lines_and_loses_what_is_private() {
        let given = "# Ayşe: 0532 555 01 01\n\
            token = { file = \"/etc/ringcard/secrets/a.token\" } # of Ayşe\n\
            password = \"kedi\"\n\
            user = 'ayse'\n\
            node = \"https://use.hipcall.com\"\n\
            text = \"#1 {{ contact.name }}\" # Ayşe\n\
            query = \"\"\"\nselect * -- # not a comment\nwhere no = '5325550101'\"\"\"\n\
            columns = [\"Cari Kodu\", \"a1B2c3D4e5F6g7H8i9\"]\n\
            key = \"Cari Kodu\"\n\
            [source.secrets]\n\
            api = \"kedi\"\n\
            other = { file = \"x\" }\n\
            [card]\n\
            label = \"Bakiye\"";
        let expected = "\n\
            token = { file = \"/etc/ringcard/secrets/a.token\" } \n\
            password = \"***\"\n\
            user = '***'\n\
            node = \"https://use.hipcall.com\"\n\
            text = \"#1 {{ contact.name }}\" \n\
            query = \"\"\"\nselect * -- # not a comment\nwhere no = '***'\"\"\"\n\
            columns = [\"Cari Kodu\", \"***\"]\n\
            key = \"Cari Kodu\"\n\
            [source.secrets]\n\
            api = \"***\"\n\
            other = { file = \"x\" }\n\
            [card]\n\
            label = \"Bakiye\"";
        assert_eq!(configuration(given), expected);
        assert_eq!(configuration("a = \"open\nb = 1 # x"), "a = \"open\nb = 1 ");
    }

    #[test]
    fn a_private_value_of_many_lines_is_hidden_to_its_end() {
        let given = "webhook-secrets = [\n  \"kedi-kedi\",\n  \"balik\"\n]\nregion = \"TR\"\n\
            password = \"\"\"\nkedi\nkedi\"\"\"\nnode = \"x\"\n\
            token = \"\"\"kedi\"\"\"\nuser = [\"kedi\"]\nhost = \"y\"";
        let masked = configuration(given);
        assert!(
            !masked.contains("kedi") && !masked.contains("balik"),
            "{masked}"
        );
        assert_eq!(masked.lines().count(), given.lines().count());
        for kept in ["region = \"TR\"", "node = \"x\"", "host = \"y\""] {
            assert!(masked.contains(kept), "{masked}");
        }
    }

    #[test]
    fn every_pattern_can_be_used() {
        assert_eq!(patterns().len(), 7);
    }
}
