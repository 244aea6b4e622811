//! Sources that are files, as an operator writes them.

use std::path::Path;

use ringcard::config::{Config, Problems, ReadFrom};
use ringcard::source::settings::{Credential, Format, Location};
use tempfile::TempDir;

const HEAD: &str = "[webhook]\nplain-listen = \"127.0.0.1:8080\"\n[[account]]\nname = \"istanbul\"\n\
    node = \"https://use.hipcall.com.tr\"\nregion = \"TR\"\ntoken = { file = \"token\" }\n\
    webhook-secrets = { file = \"secrets\" }\n[[source]]\nname = \"list\"\n";
const COLUMNS: &str = "[source.columns]\nname = \"Name\"\nnumbers = \"Phone\"\n";

fn parsed(source: &str) -> Result<Config, Problems> {
    use std::os::unix::fs::PermissionsExt;
    let directory: TempDir = tempfile::tempdir().unwrap();
    for name in ["token", "secrets"] {
        let path = directory.path().join(name);
        std::fs::write(&path, "0123456789abcdef0123456789abcdef").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    Config::parse(&format!("{HEAD}{source}"), directory.path())
}

fn from(source: &str) -> (Location, Format) {
    let config = parsed(source).unwrap_or_else(|problems| panic!("{source}: {problems}"));
    match &config.sources[0].from {
        ReadFrom::File {
            location, format, ..
        } => (location.clone(), format.clone()),
        #[allow(unreachable_patterns, reason = "there are sources that are no files")]
        other => panic!("{other:?}"),
    }
}

fn told(source: &str) -> String {
    parsed(source).map(drop).unwrap_err().to_string()
}

#[test]
fn each_type_has_its_own_ending_in_a_folder() {
    for (kind, suffix) in [
        ("csv", ".csv"),
        ("xlsx", ".xlsx"),
        ("ndjson", ".ndjson"),
        ("json", ".json"),
    ] {
        let (location, format) = from(&format!("type = \"{kind}\"\nfolder = \"/drop\"\n{COLUMNS}"));
        let is_it = matches!(&location, Location::Folder { suffix: s, .. } if s == suffix);
        assert!(is_it && format.suffix() == suffix, "{location:?}");
    }
    let (location, _) = from("type = \"vcard\"\nfolder = \"/drop\"\nsuffix = \".VCARD\"\n");
    assert!(matches!(location, Location::Folder { suffix, .. } if suffix == ".VCARD"));
}

#[test]
fn a_type_has_only_its_own_keys() {
    for (kind, key) in [
        ("xlsx", "delimiter = \";\""),
        ("xlsx", "encoding = \"utf-8\""),
        ("json", "quote = \"'\""),
        ("ndjson", "records = \"data\""),
        ("csv", "sheet = \"Customers\""),
        ("vcard", "delimiter = \";\""),
    ] {
        let told = told(&format!(
            "type = \"{kind}\"\npath = \"a\"\n{key}\n{COLUMNS}"
        ));
        assert!(
            told.contains("no such key; here there can be: "),
            "{kind} {key}: {told}"
        );
    }
    from(&format!(
        "type = \"xlsx\"\npath = \"a\"\nsheet = \"Customers\"\n{COLUMNS}"
    ));
    let (_, format) = from(&format!(
        "type = \"json\"\npath = \"a\"\nrecords = \"data.items\"\n{COLUMNS}"
    ));
    assert!(matches!(format, Format::Json { records } if records == ["data", "items"]));
}

#[test]
fn a_file_has_one_place() {
    let both = |keys: &str| told(&format!("type = \"csv\"\n{keys}\n{COLUMNS}"));
    for (keys, words) in [
        (
            "",
            "path: is missing; give the export's file, or folder = \"...\", or url = \"...\"",
        ),
        (
            "path = \"a\"\nfolder = \"b\"",
            "folder = \"b\": there can be one of path, folder and url only",
        ),
        (
            "path = \"a\"\nurl = \"https://b.c/\"",
            "there can be one of path, folder and url only",
        ),
        (
            "path = \"a\"\nquiet = \"5s\"",
            "belongs to a folder; with path the file is left where it is",
        ),
        (
            "path = \"a\"\ntoken = { file = \"token\" }",
            "token: belongs to a url",
        ),
        (
            "url = \"https://b.c/\"\nsuffix = \".x\"",
            "suffix: belongs to a folder",
        ),
        (
            "url = \"http://b.c/hunter2\"",
            "url: must be an address such as",
        ),
        (
            "url = \"https://u:hunter2@b.c/\"",
            "url: must be an address such as",
        ),
        (
            "url = \"https://b.c/\"\ntoken = \"hunter2\"",
            "token: a secret must not stand in the configuration",
        ),
        (
            "url = \"https://b.c/\"\nuser = \"u\"",
            "password: is missing",
        ),
        (
            "url = \"https://b.c/\"\npassword = { file = \"token\" }",
            "user: is missing",
        ),
        (
            "url = \"https://b.c/\"\nuser = \"u\"\ntoken = { file = \"token\" }",
            "token: there can be token, or user and password",
        ),
    ] {
        let told = both(keys);
        assert!(told.contains(words), "{keys}: {told}");
        assert!(!told.contains("hunter2"), "{told}");
        assert_eq!(told.lines().count(), 1, "{keys}: {told}");
    }
}

#[test]
fn a_url_has_its_credential_from_a_file() {
    let url = "type = \"csv\"\nurl = \"https://erp.example.com/a.csv\"\nca-file = \"ca.pem\"\n";
    let with = |keys: &str| match from(&format!("{url}{keys}{COLUMNS}")).0 {
        Location::Url(web) => web,
        other => panic!("{other:?}"),
    };
    assert_eq!(with("").credential, None);
    let secret = "0123456789abcdef0123456789abcdef";
    let bearer = with("token = { file = \"token\" }\n").credential;
    assert_eq!(bearer, Some(Credential::Bearer(secret.into())));
    let web = with("user = \"branch\"\npassword = { file = \"token\" }\n");
    let (user, password) = ("branch".to_owned(), secret.to_owned());
    assert_eq!(web.credential, Some(Credential::Basic { user, password }));
    assert_eq!(web.address.host(), "erp.example.com");
    assert!(
        web.ca_file
            .is_some_and(|path| path.ends_with(Path::new("ca.pem")))
    );
}

#[test]
fn cards_are_mapped_without_a_word() {
    let config = parsed("type = \"vcard\"\npath = \"a.vcf\"\n").unwrap();
    let mapping = &config.sources[0].records.mapping;
    let columns: Vec<_> = mapping.columns().collect();
    assert_eq!(columns.join(" "), "UID ORG EMAIL REV FN TEL");
    let told = told(
        "type = \"vcard\"\npath = \"a.vcf\"\n[source.columns]\nname = \"Full Name\"\nnumbers = \"TEL\"\n",
    );
    assert!(
        told.contains("column \"Full Name\" is no property of a card, such as \"FN\""),
        "{told}"
    );
}

#[test]
fn a_column_of_json_is_a_path_or_an_expression() {
    let of = |name: &str| {
        format!(
            "type = \"ndjson\"\npath = \"a\"\n[source.columns]\nname = '{name}'\nnumbers = \"phones[*].value\"\n"
        )
    };
    from(&of("first_name ~ \" \" ~ last_name"));
    let told = told(&of("first_name ~"));
    assert!(told.contains("source.list.columns"), "{told}");
}
