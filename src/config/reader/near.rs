//! Which known key an unknown one was meant to be.

/// Characters of a key from which on two slips are forgiven, not one: in a short one they make another word.
const LONG: usize = 8;
/// Below it, any key is near any other.
const SHORT: usize = 3;

/// The known key that differs by a slip or two, if one alone is nearest. Capitals and `_` for `-` are no slips.
pub(super) fn nearest<'k>(
    unknown: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    let typed = unknown.to_lowercase().replace('_', "-");
    let most = match typed.chars().count() {
        0..SHORT => return None,
        SHORT..LONG => 1,
        _ => 2,
    };
    let near = known.into_iter().map(|key| (slips(&typed, key), key));
    let mut near: Vec<_> = near.filter(|(slips, _)| *slips <= most).collect();
    near.sort_unstable();
    match &near[..] {
        [(best, _), (next, _), ..] if best == next => None,
        [(_, key), ..] => Some(key),
        [] => None,
    }
}

/// How many characters are missing, too many, wrong, or in the wrong order with the next.
fn slips(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 8] = [
        "webhook-secrets",
        "token",
        "token-expires",
        "region",
        "node",
        "name",
        "plain-listen",
        "key",
    ];

    #[test]
    fn a_slip_or_two_are_forgiven() {
        for (unknown, meant) in [
            ("webhook-secret", Some("webhook-secrets")),
            ("webhook_secrets", Some("webhook-secrets")),
            ("Webhook_Secret", Some("webhook-secrets")),
            ("wehbook-secret", Some("webhook-secrets")),
            ("reigon", Some("region")),
            ("tokne", Some("token")),
            ("tken", Some("token")),
            ("token-expire", Some("token-expires")),
            ("plain_listen", Some("plain-listen")),
            ("nome", None),
            ("colour", None),
            ("secrets", None),
            ("kay", Some("key")),
            ("ke", None),
            ("", None),
        ] {
            assert_eq!(nearest(unknown, KNOWN), meant, "{unknown}");
        }
    }

    #[test]
    fn slips_are_counted() {
        for (a, b, count) in [
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("abc", "abd", 1),
            ("abc", "ab", 1),
            ("kitten", "sitting", 3),
            ("çek", "cek", 1),
        ] {
            assert_eq!(slips(a, b), count, "{a} {b}");
        }
    }
}
