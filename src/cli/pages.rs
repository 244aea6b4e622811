//! Completions and man pages, made from the commands' own definitions and the table of keys.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use jiff::Timestamp;

use super::Failure;
use super::arguments::Arguments;
use super::terminal::say;

mod manual;

/// What a packager says the time is, so that the same sources give the same pages.
const BUILD_TIME: &str = "SOURCE_DATE_EPOCH";
const PROGRAM: &str = concat!("ringcard ", env!("CARGO_PKG_VERSION"));
const MANUAL: &str = "Ringcard";

/// How every command ends.
const EXITS: [(&str, &str); 4] = [
    ("0", "It is done, and nothing is wrong."),
    (
        "1",
        "It failed, or found what it looks for to be wrong: standard error says what and what to do.",
    ),
    ("2", "What was typed is not understood."),
    (
        "78",
        "The configuration or a secret's file has problems. All are told, each with its line.",
    ),
];

const VARIABLES: [(&str, &str); 5] = [
    ("RINGCARD_CONFIG", "The configuration, instead of --config."),
    (
        "STATE_DIRECTORY, RUNTIME_DIRECTORY",
        "Set by systemd: where the state and the control socket are, if the configuration does not say.",
    ),
    (
        "CREDENTIALS_DIRECTORY",
        "Set by systemd: where the credentials are that the configuration names.",
    ),
    (
        "NOTIFY_SOCKET, WATCHDOG_USEC, LISTEN_FDS",
        "Set by systemd: how the daemon says that it is ready and lives, and the ports that it is handed.",
    ),
    (
        "SOURCE_DATE_EPOCH",
        "The date of the pages that ringcard man writes, in seconds since 1970.",
    ),
];

const FILES: [(&str, &str); 7] = [
    (
        "/etc/ringcard/ringcard.toml",
        "The configuration: ringcard.toml(5).",
    ),
    (
        "/etc/ringcard/secrets/",
        "Tokens and webhook secrets, a file each, of mode 0600 and the user ringcard.",
    ),
    (
        "/etc/ringcard/connectors.d/",
        "Your own connectors: one TOML file for each kind of CRM or ERP.",
    ),
    (
        "/var/lib/ringcard/",
        "The state: copies of the contacts, cards that wait, a self-made certificate.",
    ),
    (
        "/var/lib/ringcard-import/",
        "Where other programs drop exports.",
    ),
    (
        "/run/ringcard/control.sock",
        "Where the commands ask the daemon.",
    ),
    (
        "/usr/share/doc/ringcard/",
        "The guides: configuration, sources, operations.",
    ),
];

const EXAMPLES: [(&str, &str); 5] = [
    ("sudo ringcard setup", "Set the office up, step by step."),
    (
        "sudo ringcard check",
        "Tell all that is wrong with the configuration, the secrets and the sources.",
    ),
    (
        "sudo ringcard lookup 05325550101",
        "Tell whose number that is, and how that is known.",
    ),
    (
        "sudo ringcard sync crm --dry-run",
        "Read the source crm, and tell what would change.",
    ),
    ("sudo ringcard status", "Show how everything does."),
];

pub(super) fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "ringcard", &mut script);
    say(String::from_utf8_lossy(&script).trim_end());
    Ok(ExitCode::SUCCESS)
}

pub(super) fn man(directory: &Path) -> Result<ExitCode, Failure> {
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(directory)?;
        for (name, text) in pages(&date()) {
            fs::write(directory.join(name), text)?;
        }
        Ok(())
    };
    write().map_err(|e| Failure::Other(format!("{}: {e}", directory.display())))?;
    say(&format!("man pages written to {}", directory.display()));
    Ok(ExitCode::SUCCESS)
}

/// The day of the pages. Without one a page's foot has the program's name where the date belongs.
fn date() -> String {
    let given = std::env::var(BUILD_TIME).ok();
    let given = given.and_then(|seconds| Timestamp::from_second(seconds.trim().parse().ok()?).ok());
    let day = given.unwrap_or_else(Timestamp::now);
    day.strftime("%Y-%m-%d").to_string()
}

/// Every page by the name of its file.
fn pages(date: &str) -> Vec<(String, String)> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let mut pages = vec![("ringcard.toml.5".to_owned(), manual::page(date))];
    add(&command, &[], date, &mut pages);
    pages
}

/// The page of a command and those of its own commands, `above` being the pages that lead there.
fn add(command: &clap::Command, above: &[String], date: &str, pages: &mut Vec<(String, String)>) {
    let name = command.get_display_name().unwrap_or(command.get_name());
    pages.push((format!("{name}.1"), page(command, above, date)));
    let above: Vec<String> = above.iter().cloned().chain([name.to_owned()]).collect();
    for inner in command.get_subcommands().filter(|c| !c.is_hide_set()) {
        add(inner, &above, date, pages);
    }
}

fn page(command: &clap::Command, above: &[String], date: &str) -> String {
    let man = Man::new(command.clone())
        .date(date)
        .source(PROGRAM)
        .manual(MANUAL);
    let mut text = Vec::new();
    let mut write = || -> std::io::Result<()> {
        man.render_title(&mut text)?;
        man.render_name_section(&mut text)?;
        man.render_synopsis_section(&mut text)?;
        man.render_description_section(&mut text)?;
        man.render_options_section(&mut text)?;
        match command.has_subcommands() {
            true => man.render_subcommands_section(&mut text),
            false => Ok(()),
        }
    };
    // Writing into memory does not fail.
    drop(write());
    let text = String::from_utf8_lossy(&text).into_owned();
    once(&(text + &sections(above).render()))
}

/// What a page says beside its command's own.
fn sections(above: &[String]) -> Roff {
    let mut roff = Roff::new();
    list(&mut roff, "EXIT STATUS", &EXITS);
    if above.is_empty() {
        list(&mut roff, "ENVIRONMENT", &VARIABLES);
        list(&mut roff, "FILES", &FILES);
        list(&mut roff, "EXAMPLES", &EXAMPLES);
    }
    let above = above.iter().map(|name| (name.as_str(), 1));
    let others = [("ringcard.toml", 5), ("systemctl", 1), ("journalctl", 1)];
    see_also(&mut roff, above.chain(others));
    roff
}

fn list(roff: &mut Roff, heading: &str, items: &[(&str, &str)]) {
    roff.control("SH", [heading]);
    for (what, about) in items {
        roff.control("TP", []);
        roff.text([bold(*what)]).text([roman(*about)]);
    }
}

fn see_also<'a>(roff: &mut Roff, pages: impl Iterator<Item = (&'a str, u8)>) {
    roff.control("SH", ["SEE ALSO"]);
    let mut line: Vec<Inline> = Vec::new();
    for (name, section) in pages {
        let comma = if line.is_empty() { "" } else { ", " };
        line.extend([roman(comma), bold(name), roman(format!("({section})"))]);
    }
    roff.text(line);
    roff.control("PP", []);
    roff.text([italic("/usr/share/doc/ringcard/")]);
}

/// Each part begins with the same definition of an apostrophe, which is needed once. No line ends in blanks.
fn once(text: &str) -> String {
    let mut seen = [false; 2];
    let is_new = |line: &&str| {
        let n = match *line {
            line if line.starts_with(".ie \\n(.g .ds Aq") => 0,
            line if line.starts_with(".el .ds Aq") => 1,
            _ => return true,
        };
        !std::mem::replace(&mut seen[n], true)
    };
    let lines: Vec<&str> = text.lines().filter(is_new).map(str::trim_end).collect();
    // A break beside a blank line breaks nothing.
    (lines.join("\n") + "\n").replace("\n.br\n\n.br\n", "\n.sp\n")
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn every_command_has_a_page_with_a_name_that_whatis_finds() {
        let pages = pages("2026-09-01");
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for name in [
            "ringcard.1",
            "ringcard-run.1",
            "ringcard-source-new.1",
            "ringcard.toml.5",
        ] {
            assert!(names.contains(&name), "{name}");
        }
        for (name, text) in &pages {
            let (title, section) = name.rsplit_once('.').unwrap();
            let escaped = title.replace('-', "\\-");
            assert!(
                text.contains(&format!(".SH NAME\n{escaped} \\- ")),
                "{text}"
            );
            let of_title = format!(
                "{escaped} {section} 2026\\-09\\-01 \"ringcard {}",
                env!("CARGO_PKG_VERSION")
            );
            assert!(
                text.contains(&of_title) || text.contains(&of_title.replace("\\-", "-")),
                "{text}"
            );
            assert_eq!(text.matches(".ds Aq \\(aq").count(), 1, "{name}");
            let sections: Vec<&str> = text
                .lines()
                .filter_map(|l| l.strip_prefix(".SH "))
                .collect();
            let mut once = sections.clone();
            once.dedup();
            assert_eq!(sections, once, "{name}");
            assert!(sections.contains(&"\"SEE ALSO\""), "{name}: {sections:?}");
        }
        let (_, main) = pages.iter().find(|(name, _)| name == "ringcard.1").unwrap();
        for section in ["\"EXIT STATUS\"", "FILES", "ENVIRONMENT", "EXAMPLES"] {
            assert!(main.contains(&format!(".SH {section}\n")), "{section}");
        }
    }

    #[test]
    fn the_examples_can_be_typed() {
        for (example, _) in EXAMPLES {
            let words = example.split(' ').skip(1);
            let typed = Arguments::command().try_get_matches_from(words);
            assert!(typed.is_ok(), "{example}: {:?}", typed.err());
        }
    }

    /// Where there is a man, as on every Debian with more than the least: it must not complain.
    #[test]
    fn man_has_nothing_to_say_against_the_pages() {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in pages("2026-09-01") {
            let path = directory.path().join(&name);
            fs::write(&path, text).unwrap();
            let man = Command::new("groff")
                .args(["-man", "-ww", "-Kutf8", "-Tutf8", "-z"])
                .arg(&path)
                .stdin(Stdio::null())
                .output();
            let Ok(man) = man else { return };
            let told = String::from_utf8_lossy(&man.stderr);
            assert!(man.status.success() && told.is_empty(), "{name}: {told}");
        }
    }
}
