//! Counts as the operator reads them, in reports, status and errors alike.
//!
//! One place, so that none of them says "1 rows".

/// `1 row`, `2 rows`: a number with what it counts, which takes an s if it is not one.
pub fn counted(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_told_as_one() {
        let told = [0, 1, 2].map(|count| counted(count, "row"));
        assert_eq!(told, ["0 rows", "1 row", "2 rows"]);
    }
}
