//! Holds the package's description to what an installation relies on: places, rights, what is left alone on an upgrade.
//!
//! It reads the files that packages are made from, and makes none: packaging/check looks at those that were made. What is
//! written down here is an interface, as scripts, backups and fifty offices count on it.

use std::fs;
use std::path::Path;

/// Source in the tree, place in the package, rights. Pages, completions and documents come with the last one.
const CONTENT: &[(&str, &str, &str)] = &[
    ("target/package/ringcard", "usr/bin/ringcard", "755"),
    (
        "packaging/ringcard.toml",
        "etc/ringcard/ringcard.toml",
        "644",
    ),
    (
        "packaging/ringcard.sysusers",
        "usr/lib/sysusers.d/ringcard.conf",
        "644",
    ),
    (
        "packaging/ringcard.tmpfiles",
        "usr/lib/tmpfiles.d/ringcard.conf",
        "644",
    ),
    (
        "packaging/lintian-overrides",
        "usr/share/lintian/overrides/ringcard",
        "644",
    ),
    (
        "packaging/connectors/*.toml",
        "usr/share/doc/ringcard/examples/connectors/",
        "644",
    ),
    (
        "target/package/copyright",
        "usr/share/doc/ringcard/copyright",
        "644",
    ),
    ("target/package/share/**/*", "usr/share/", "644"),
];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn package() -> toml::Table {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("Cargo.toml is TOML");
    manifest["package"]["metadata"]["deb"]
        .as_table()
        .expect("a table")
        .clone()
}

/// The lines of a file that say something, without comments.
fn statements(path: &str) -> Vec<String> {
    let told = |line: &&str| !line.is_empty() && !line.starts_with('#');
    read(path)
        .lines()
        .map(str::trim)
        .filter(told)
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_file_has_its_place_and_its_rights() {
    let package = package();
    let assets: Vec<Vec<&str>> = package["assets"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|asset| {
            asset
                .as_array()
                .expect("a list")
                .iter()
                .filter_map(toml::Value::as_str)
                .collect()
        })
        .collect();
    let wanted: Vec<Vec<&str>> = CONTENT
        .iter()
        .map(|(from, to, mode)| vec![*from, *to, *mode])
        .collect();
    assert_eq!(assets, wanted);
}

#[test]
fn what_is_packed_from_the_tree_is_in_the_tree() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (from, ..) in CONTENT
        .iter()
        .filter(|(from, ..)| !from.starts_with("target/"))
    {
        let file = from.trim_end_matches("*.toml");
        assert!(root.join(file).exists(), "{from} is not there");
    }
    assert!(root.join("systemd/ringcard.service").exists());
}

#[test]
fn the_configuration_is_the_one_conffile() {
    // Everything under /etc is a conffile of itself; nothing else may be one.
    assert!(!package().contains_key("conf-files"));
    let etc: Vec<&str> = CONTENT
        .iter()
        .map(|(_, to, _)| *to)
        .filter(|to| to.starts_with("etc/"))
        .collect();
    assert_eq!(etc, ["etc/ringcard/ringcard.toml"]);
}

#[test]
fn it_needs_no_library_and_the_authorities_that_vouch_for_hipcall() {
    let package = package();
    assert_eq!(
        package["depends"].as_str(),
        Some("ca-certificates, systemd (>= 252)")
    );
    assert!(!package.contains_key("pre-depends"));
}

#[test]
fn an_upgrade_stops_nothing_and_restarts_the_service_alone() {
    let package = package();
    let units = package["systemd-units"].as_table().expect("a table");
    let is = |key: &str| units[key].as_bool().expect("true or false");
    assert!(is("enable") && is("start"));
    assert!(!is("restart-after-upgrade") && !is("stop-on-upgrade"));
    assert_eq!(units["unit-scripts"].as_str(), Some("systemd"));

    let postinst = statements("packaging/scripts/postinst");
    let generated = postinst
        .iter()
        .position(|line| line.contains("deb-systemd-invoke"))
        .expect("a restart");
    assert_eq!(
        postinst[generated],
        "deb-systemd-invoke try-restart ringcard.service >/dev/null || true"
    );
    assert!(
        !postinst.iter().any(|line| line.contains("ringcard.socket")),
        "the socket holds the port"
    );
}

#[test]
fn only_a_purge_takes_data_and_never_the_exports() {
    let script = read("packaging/scripts/postrm");
    let (before, purged) = script
        .split_once("if [ \"$1\" = purge ]; then")
        .expect("a part for purge");
    assert!(!before.contains("rm "), "{before}");
    for kept in [
        "/var/lib/ringcard",
        "/etc/ringcard/secrets",
        "/etc/ringcard/ringcard.toml.before-setup-*",
        "/etc/systemd/system/ringcard.socket.d/port.conf.before-ringcard",
    ] {
        assert!(purged.contains(kept), "{kept} would stay for ever");
    }
    let deleted = purged
        .lines()
        .filter(|line| line.trim().starts_with("rm -rf"));
    assert_eq!(
        deleted.collect::<Vec<_>>(),
        [
            "\trm -rf /var/lib/ringcard /etc/ringcard/secrets",
            "\trm -rf /etc/ringcard/before-restore-* /etc/ringcard/elsewhere"
        ]
    );
}

#[test]
fn scripts_are_marked_for_the_generated_parts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/scripts");
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a plain name")
        })
        .collect();
    names.sort();
    assert_eq!(names, ["postinst", "postrm"], "the rest is generated");
    for name in names {
        let script = read(&format!("packaging/scripts/{name}"));
        assert_eq!(script.matches("\n#DEBHELPER#\n").count(), 1, "{name}");
        assert!(script.starts_with("#!/bin/sh\nset -e\n"), "{name}");
    }
}

#[test]
fn secrets_are_the_services_alone_and_the_import_folder_keeps_its_owner() {
    assert_eq!(
        statements("packaging/ringcard.tmpfiles"),
        [
            "d /etc/ringcard/secrets 0700 ringcard ringcard -",
            "d /var/lib/ringcard-import :2770 :root :ringcard -",
        ]
    );
}

#[test]
fn the_user_can_not_log_in() {
    let user = statements("packaging/ringcard.sysusers");
    assert_eq!(
        user,
        ["u ringcard - \"Ringcard\" /var/lib/ringcard /usr/sbin/nologin"]
    );
    let service = statements("systemd/ringcard.service");
    for line in [
        "User=ringcard",
        "Group=ringcard",
        "StateDirectory=ringcard",
        "StateDirectoryMode=0700",
    ] {
        assert!(
            service.iter().any(|l| l == line),
            "ringcard.service has no {line}"
        );
    }
}

#[test]
fn each_override_of_lintian_has_its_reason_above_it() {
    let overrides = read("packaging/lintian-overrides");
    for paragraph in overrides.split("\n\n") {
        assert!(
            paragraph.starts_with("# "),
            "no reason is given for: {paragraph}"
        );
    }
}

#[test]
fn the_documentation_names_every_place() {
    let told = read("docs/packaging.md");
    let units = [
        "usr/lib/systemd/system/ringcard.service",
        "usr/lib/systemd/system/ringcard.socket",
    ];
    let made = [
        "etc/ringcard/secrets/",
        "var/lib/ringcard/",
        "var/lib/ringcard-import/",
        "run/ringcard/",
    ];
    for place in CONTENT
        .iter()
        .map(|(_, to, _)| *to)
        .chain(units)
        .chain(made)
    {
        if place != "usr/share/" {
            assert!(
                told.contains(&format!("`/{place}`")),
                "docs/packaging.md says nothing of /{place}"
            );
        }
    }
}
