//! What was found: one line for each check, and what to do about it.

use serde::{Deserialize, Serialize};

/// In the order of how much they matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    Ok,
    /// Could not be looked at, or does not apply here.
    #[default]
    Skip,
    Warn,
    Fail,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Skip => "skip",
            State::Warn => "warn",
            State::Fail => "FAIL",
        }
    }
}

/// In the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Group {
    Configuration,
    Hipcall,
    Webhook,
    Sources,
    Service,
    Box,
}

impl Group {
    fn title(self) -> &'static str {
        match self {
            Group::Configuration => "Configuration and files",
            Group::Hipcall => "Hipcall",
            Group::Webhook => "Webhook",
            Group::Sources => "Sources",
            Group::Service => "Service",
            Group::Box => "This box",
        }
    }
}

/// One thing that is looked at. Its id is a row in docs/operations.md.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check {
    pub(super) id: &'static str,
    group: Group,
}

macro_rules! checks {
    ($($name:ident = $id:literal in $group:ident),* $(,)?) => {
        $(pub(super) const $name: Check = Check { id: $id, group: Group::$group };)*
        /// All there are.
        #[cfg(test)]
        pub(super) const CHECKS: &[Check] = &[$($name),*];
    };
}

checks! {
    CONFIGURATION = "configuration" in Configuration,
    RIGHTS = "rights" in Configuration,
    FILES = "files" in Configuration,
    DNS = "dns" in Hipcall,
    ROUTE = "route" in Hipcall,
    TLS = "tls" in Hipcall,
    TOKEN = "token" in Hipcall,
    PLAN = "plan" in Hipcall,
    EXPIRY = "expiry" in Hipcall,
    CERTIFICATE = "certificate" in Webhook,
    DOOR = "door" in Webhook,
    SOURCE = "source" in Sources,
    CREDENTIALS = "credentials" in Sources,
    DAEMON = "daemon" in Service,
    ALARM = "alarm" in Service,
    UNIT = "unit" in Service,
    SOCKET = "socket" in Service,
    JOURNAL = "journal" in Service,
    CLOCK = "clock" in Box,
    TIME_SERVER = "time-server" in Box,
    SPACE = "space" in Box,
    INODES = "inodes" in Box,
    STORAGE = "storage" in Box,
    KERNEL = "kernel" in Box,
    MEMORY = "memory" in Box,
    VOLTAGE = "voltage" in Box,
}

impl Check {
    fn found(self, subject: impl Into<String>, state: State, what: impl Into<String>) -> Finding {
        Finding {
            group: self.group,
            check: self.id.to_owned(),
            subject: subject.into(),
            state,
            what: what.into(),
            advice: None,
        }
    }

    pub(super) fn ok(self, subject: impl Into<String>, what: impl Into<String>) -> Finding {
        self.found(subject, State::Ok, what)
    }

    pub(super) fn skip(self, subject: impl Into<String>, what: impl Into<String>) -> Finding {
        self.found(subject, State::Skip, what)
    }

    /// What this user may not see.
    pub(super) fn hidden(self, subject: impl Into<String>) -> Finding {
        self.skip(subject, "not checked: run it with sudo")
    }

    pub(super) fn warn(
        self,
        subject: impl Into<String>,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) -> Finding {
        let finding = self.found(subject, State::Warn, what);
        finding.advised(advice)
    }

    pub(super) fn fail(
        self,
        subject: impl Into<String>,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) -> Finding {
        let finding = self.found(subject, State::Fail, what);
        finding.advised(advice)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    group: Group,
    pub(super) check: String,
    /// Which one of several; empty where there is only one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) subject: String,
    pub(super) state: State,
    pub(super) what: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<String>,
}

impl Finding {
    fn advised(self, advice: impl Into<String>) -> Finding {
        let advice = Some(advice.into());
        Finding { advice, ..self }
    }

    pub(super) fn is_bad(&self) -> bool {
        self.state == State::Fail
    }

    fn told(&self) -> String {
        let subject = match self.subject.is_empty() {
            true => String::new(),
            false => format!("{}: ", self.subject),
        };
        let what = self.what.replace('\n', "\n                      ");
        let mut line = format!(
            "  {:4}  {:14}  {subject}{what}",
            self.state.word(),
            self.check
        );
        if let Some(advice) = &self.advice {
            line.push_str("\n                        what to do: ");
            line.push_str(advice);
        }
        line
    }
}

/// All findings of one run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    version: &'static str,
    /// The worst of all; what was skipped counts for nothing.
    result: State,
    findings: Vec<Finding>,
}

impl Report {
    pub(super) fn of(mut findings: Vec<Finding>) -> Report {
        findings.sort_by_key(|f| f.group);
        let states = findings.iter().map(|f| f.state);
        let worst = states.filter(|s| *s != State::Skip).max();
        Report {
            version: env!("CARGO_PKG_VERSION"),
            result: worst.unwrap_or_default(),
            findings,
        }
    }

    pub(super) fn is_bad(&self, strictly: bool) -> bool {
        match self.result {
            State::Fail => true,
            State::Warn => strictly,
            State::Ok | State::Skip => false,
        }
    }

    /// For a person.
    pub(crate) fn told(&self) -> String {
        let mut lines = Vec::new();
        let mut group = None;
        for finding in &self.findings {
            if group != Some(finding.group) {
                group = Some(finding.group);
                lines.push(finding.group.title().to_owned());
            }
            lines.push(finding.told());
        }
        lines.push(self.summary());
        lines.join("\n")
    }

    fn summary(&self) -> String {
        let count = |state| self.findings.iter().filter(|f| f.state == state).count();
        let [ok, skipped, warnings, failed] =
            [State::Ok, State::Skip, State::Warn, State::Fail].map(count);
        let rest = match skipped {
            0 => String::new(),
            n => format!(", {n} not checked"),
        };
        match (failed, warnings) {
            (0, 0) if skipped == 0 => format!("all well: {ok} ok"),
            (0, 0) => format!("nothing wrong found: {ok} ok{rest}"),
            _ => format!("{failed} FAIL, {warnings} warn, {ok} ok{rest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_decides_and_what_was_skipped_does_not() {
        let [ok, skip] = [DNS.ok("n", "x"), SPACE.skip("", "x")];
        let (warn, fail) = (TOKEN.warn("", "x", "y"), ROUTE.fail("", "x", "y"));
        let judged = |findings: &[&Finding]| {
            let report = Report::of(findings.iter().copied().cloned().collect());
            (report.is_bad(false), report.is_bad(true))
        };
        assert_eq!(judged(&[]), (false, false));
        assert_eq!(judged(&[&ok, &skip]), (false, false));
        assert_eq!(judged(&[&ok, &warn, &skip]), (false, true));
        assert_eq!(judged(&[&fail, &warn, &ok]), (true, true));
    }

    #[test]
    fn a_report_is_grouped_and_tells_what_to_do() {
        let report = Report::of(vec![
            SPACE.ok("/var/lib/ringcard", "2 GiB free"),
            DNS.fail(
                "https://node.invalid",
                "the name has no address",
                "look at DNS",
            ),
        ]);
        let told = "Hipcall\n  FAIL  dns             https://node.invalid: the name has no address\n\
                    \x20                       what to do: look at DNS\n\
                    This box\n  ok    space           /var/lib/ringcard: 2 GiB free\n\
                    1 FAIL, 0 warn, 1 ok";
        assert_eq!(report.told(), told);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["result"], "fail");
        assert_eq!(json["findings"][0]["check"], "dns");
    }
}
