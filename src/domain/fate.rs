//! Why a call's card was not shown: each reason is counted under its name, and told in words.

use serde::{Deserialize, Serialize};

/// Why a card expired or was dropped. The names are part of `ringcard status --json` and of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    CallEnded,
    /// Its time was over before anything was tried, as after a long power cut.
    TooLate,
    NoConnection,
    /// The node's name could not be resolved.
    NoName,
    /// The node's certificate is not valid at what the box takes for the time.
    Clock,
    NotTrusted,
    NoAnswer,
    BrokenConnection,
    HipcallFault,
    /// Hipcall's limit of requests was used up.
    Quota,
    TokenRefused,
    UnknownCall,
    NoAccount,
    ByHand,
    NoRoom,
}

impl Why {
    pub const ALL: [Why; 15] = [
        Why::CallEnded,
        Why::TooLate,
        Why::NoConnection,
        Why::NoName,
        Why::Clock,
        Why::NotTrusted,
        Why::NoAnswer,
        Why::BrokenConnection,
        Why::HipcallFault,
        Why::Quota,
        Why::TokenRefused,
        Why::UnknownCall,
        Why::NoAccount,
        Why::ByHand,
        Why::NoRoom,
    ];

    /// Whether the call's record should tell that its card was not shown. Not where nothing was to be shown any
    /// more, or there is no record to write into.
    pub fn leaves_a_trace(self) -> bool {
        match self {
            Why::CallEnded
            | Why::TooLate
            | Why::NoConnection
            | Why::NoName
            | Why::Clock
            | Why::NotTrusted
            | Why::NoAnswer
            | Why::BrokenConnection
            | Why::HipcallFault
            | Why::Quota
            | Why::TokenRefused => true,
            Why::UnknownCall | Why::NoAccount | Why::ByHand | Why::NoRoom => false,
        }
    }

    /// In the operator's words.
    pub fn reason(self) -> &'static str {
        match self {
            Why::CallEnded => "the call has ended",
            Why::TooLate => "it came too late to matter",
            Why::NoConnection => "no connection to Hipcall",
            Why::NoName => "the node's name could not be resolved",
            Why::Clock => "Hipcall's certificate and this box's clock disagree",
            Why::NotTrusted => "Hipcall's certificate is not trusted",
            Why::NoAnswer => "Hipcall did not answer in time",
            Why::BrokenConnection => "the connection to Hipcall broke",
            Why::HipcallFault => "Hipcall could not take it",
            Why::Quota => "Hipcall's limit of requests was used up",
            Why::TokenRefused => "Hipcall refuses the token",
            Why::UnknownCall => "Hipcall does not know the call",
            Why::NoAccount => "its account is not configured any more",
            Why::ByHand => "dropped by hand",
            Why::NoRoom => "it made room for newer ones",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_name_and_words_of_its_own() {
        let names: std::collections::BTreeSet<String> = Why::ALL
            .iter()
            .map(|w| serde_json::to_string(w).unwrap())
            .collect();
        let words: std::collections::BTreeSet<&str> = Why::ALL.iter().map(|w| w.reason()).collect();
        assert_eq!((names.len(), words.len()), (Why::ALL.len(), Why::ALL.len()));
    }
}
