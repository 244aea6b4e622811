//! Takes the place of the crate of this name, with the few calls that mysql_common and, while building, prost-build make.
//!
//! mysql_common asks for the version in a server's greeting, for the body of a PEM file, and whether a text has the
//! form of a date or a time. regex brings three engines and Unicode's tables for that, more than half
//! a megabyte of the binary; regex-lite is there already and needs none of it. What differs: `\d` is an ASCII digit only,
//! and bytes that are not UTF-8 match nothing. None of those texts holds either. prost-build tidies comments.

pub use regex_lite::Regex;

/// Searching in bytes.
pub mod bytes {
    pub use regex_lite::Error;

    /// A compiled expression.
    #[derive(Clone, Debug)]
    pub struct Regex(regex_lite::Regex);

    impl Regex {
        pub fn new(pattern: &str) -> Result<Regex, Error> {
            regex_lite::Regex::new(pattern).map(Regex)
        }

        pub fn is_match(&self, text: &[u8]) -> bool {
            std::str::from_utf8(text).is_ok_and(|text| self.0.is_match(text))
        }

        pub fn captures<'t>(&self, text: &'t [u8]) -> Option<Captures<'t>> {
            self.0
                .captures(std::str::from_utf8(text).ok()?)
                .map(Captures)
        }
    }

    /// What the groups of one match hold.
    #[derive(Debug)]
    pub struct Captures<'t>(regex_lite::Captures<'t>);

    impl<'t> Captures<'t> {
        pub fn get(&self, group: usize) -> Option<Match<'t>> {
            self.0.get(group).map(|found| Match(found.as_str()))
        }
    }

    /// What one group holds.
    #[derive(Clone, Copy, Debug)]
    pub struct Match<'t>(&'t str);

    impl<'t> Match<'t> {
        pub fn as_bytes(&self) -> &'t [u8] {
            self.0.as_bytes()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::bytes::Regex;

    fn groups(pattern: &str, text: &[u8]) -> Option<Vec<Vec<u8>>> {
        let captures = Regex::new(pattern).unwrap().captures(text)?;
        let groups = (1..).map_while(|group| captures.get(group));
        Some(groups.map(|found| found.as_bytes().to_vec()).collect())
    }

    // The expressions are those of mysql_common 0.37.
    #[test]
    fn versions_of_servers_are_read() {
        let mysql = r"^(\d{1,2})\.(\d{1,2})\.(\d{1,3})(.*)";
        let maria = r"^(?:5.5.5-)?(\d{1,2})\.(\d{1,2})\.(\d{1,3})-MariaDB";
        let told = b"5.5.5-10.11.14-MariaDB-0+deb12u2";
        assert_eq!(
            groups(mysql, b"8.0.36").unwrap()[..3],
            [b"8".to_vec(), b"0".into(), b"36".into()]
        );
        assert_eq!(
            groups(maria, told).unwrap(),
            [b"10".to_vec(), b"11".into(), b"14".into()]
        );
        assert_eq!(groups(maria, b"8.0.36"), None);
        assert_eq!(groups(mysql, b"\xff8.0.36"), None);
    }

    #[test]
    fn the_body_of_a_pem_file_is_found_across_lines() {
        let pattern = "-----BEGIN PUBLIC KEY-----([^-]*)-----END PUBLIC KEY-----";
        let pem = b"-----BEGIN PUBLIC KEY-----\nMIIB\nIjAN\n-----END PUBLIC KEY-----\n";
        assert_eq!(groups(pattern, pem).unwrap(), [b"\nMIIB\nIjAN\n".to_vec()]);
    }

    #[test]
    fn dates_and_times_are_told_from_other_text() {
        let date = Regex::new(r"^\d{4}-\d{2}-\d{2}$").unwrap();
        let time = Regex::new(r"^[0-8]\d\d:[0-5]\d:[0-5]\d\.\d{1,6}$").unwrap();
        assert!(date.is_match(b"2026-11-26") && time.is_match(b"838:59:59.25"));
        for wrong in [&b"2026-11-2"[..], b"2026-11-26\n", b"\xff\xff26-11-26", b""] {
            assert!(!date.is_match(wrong) && !time.is_match(wrong));
        }
    }
}
