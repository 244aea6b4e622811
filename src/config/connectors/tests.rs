//! Descriptions and sources, read as an operator writes them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::config::sources::{ReadFrom, SourceConfig};
use crate::domain::phone::Region;

const ACME: &str = "name = \"acme\"
title = \"ACME\"
[with.address]
about = \"the address of your ACME\"
example = \"https://acme.example\"
pattern = \"https?://[a-z.:0-9]+\"
[with.region]
about = \"its region\"
default = \"eu\"
[secrets.token]
about = \"a token\"
lifetime = \"90d\"
renew = \"Settings > API\"
[secrets.other]
about = \"rarely needed\"
optional = true
[auth]
kind = \"bearer\"
token = \"{{ secrets.token }}\"
[objects.people]
kind = \"contacts\"
[objects.people.everything]
url = \"{{ with.address }}/{{ with.region }}\"
records = \"\"
[objects.people.columns]
key = \"id\"
name = \"name\"
numbers = \"phone\"
[objects.people.columns.fields]
city = \"city\"
";
const SOURCE: &str = "[[source]]
name = \"crm\"
type = \"acme\"
[source.with]
address = \"https://acme.example\"
[source.secrets]
token = { file = \"token\" }
";

struct Office(TempDir);

impl Office {
    fn with(connector: &str) -> Office {
        let office = Office(tempfile::tempdir().unwrap());
        office.write("connectors.d/acme.toml", connector);
        office.write("token", "s3cret");
        office
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn read(&self, source: &str) -> Result<Vec<SourceConfig>, Problems> {
        let document = Document::parse(source, self.0.path())?;
        document.root(|root| Some(crate::config::sources::read(root, Region::parse("TR"))))
    }

    /// Without the directory's made-up name.
    fn told(&self, source: &str) -> Vec<String> {
        let problems = self.read(source).err().unwrap_or_default().0;
        let place = format!("{}/", self.0.path().display());
        problems
            .iter()
            .map(|p| p.to_string().replace(&place, ""))
            .collect()
    }
}

/// What is told of a description, each with its place in it.
fn told_of(connector: &str) -> Vec<String> {
    let told = Office::with(connector).told(SOURCE);
    let prefix = "line 3: source.crm.type = \"acme\": connectors.d/acme.toml, ";
    told.iter()
        .map(|t| t.strip_prefix(prefix).unwrap_or(t).to_owned())
        .collect()
}

#[test]
fn a_source_of_an_own_connector_is_configured_with_few_keys() {
    let sources = Office::with(ACME).read(SOURCE).unwrap();
    let [source] = &sources[..] else { panic!() };
    assert!(matches!(source.from, ReadFrom::Api(_)));
    let columns: Vec<_> = source.records.mapping.columns().collect();
    assert_eq!(columns.join(" "), "id name phone city");
    let shown = format!("{source:?}");
    assert!(
        shown.contains("\"region\": \"eu\"") && !shown.contains("s3cret"),
        "{shown}"
    );
    source.open(Path::new("/nowhere"));
}

#[test]
fn the_operators_columns_win_key_by_key() {
    let own = "[source.columns]\nnumbers = [\"mobile\", \"phones[*].number\"]\n[source.columns.fields]\n\
        segment = 'segment or \"none\"'\n";
    let sources = Office::with(ACME).read(&format!("{SOURCE}{own}")).unwrap();
    let columns: Vec<_> = sources[0].records.mapping.columns().collect();
    let expected = "id name mobile phones[*].number city segment or \"none\"";
    assert_eq!(columns.join(" "), expected);
    let wrong = "[source.columns]\nnumbers = [\"mobile |\"]\nnmae = \"x\"\n";
    let told = Office::with(ACME).told(&format!("{SOURCE}{wrong}"));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("line 8: source.crm.columns: column \"mobile |\" is no member's name"),
        "{told:?}"
    );
    assert!(
        told[1].starts_with("line 10: source.crm.columns.nmae: no such key"),
        "{told:?}"
    );
}

#[test]
fn what_the_operator_has_to_give_is_told_in_the_connectors_words() {
    let office = Office::with(ACME);
    let told = office.told("[[source]]\nname = \"crm\"\ntype = \"acme\"\n");
    assert_eq!(
        told,
        [
            "line 1: source.crm.with.address: is missing; give the address of your ACME, such as \
             \"https://acme.example\"",
            "line 1: source.crm.secrets.token: is missing; give a token: { file = \"/etc/ringcard/...\" } or \
             { credential = \"name\" }",
        ]
    );
    let source = SOURCE
        .replace("https://acme.example", "acme")
        .replace(
            "[source.secrets]\n",
            "rgion = \"us\"\n[source.secrets]\nother = \"s3cret\"\ntokn = \"s3cret\"\n",
        )
        .replace(
            "type = \"acme\"\n",
            "type = \"acme\"\nobject = \"firms\"\nkind = \"contacts\"\n",
        );
    let told = office.told(&source);
    let expected = [
        "line 4: source.crm.object = \"firms\": must be \"people\"",
        "line 5: source.crm.kind = \"contacts\": a connector's object says itself what its records are: leave this out",
        "line 7: source.crm.with.address = \"acme\": must be the address of your ACME, like the pattern \
         https?://[a-z.:0-9]+",
        "line 8: source.crm.with.rgion = \"us\": no such key; here there can be: address, region",
        "line 10: source.crm.secrets.other: a secret must not stand in the configuration",
        "line 11: source.crm.secrets.tokn: a secret must not stand in the configuration",
        "line 11: source.crm.secrets.tokn: no such secret; here there can be: other, token",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}");
        assert!(!told.contains("s3cret"));
    }
}

#[test]
fn all_problems_of_a_description_are_told_at_once_with_their_lines() {
    let broken = ACME
        .replace("title = \"ACME\"\n", "titel = \"ACME\"\n")
        .replace("{{ secrets.token }}", "{{ secrets.tokn }}")
        .replace("{{ with.region }}", "{{ with.region")
        .replace(
            "records = \"\"",
            "records = \"a b\"\npaging = { kind = \"cursr\", value = \"x\" }",
        );
    assert_eq!(
        told_of(&broken),
        [
            "line 1: title: is missing; give the system's name, for people",
            "line 2: titel: no such key; did you mean `title`? Here there can be: about, allow-http, auth, documentation, errors, limits, \
             login, name, objects, replaces, secrets, title, with",
            "line 19: auth.token = \"{{ secrets.tokn }}\": there is no secrets.tokn",
            "line 23: objects.people.everything.url = \"{{ with.address }}/{{ with.region\": syntax error: unexpected \
             end of input, expected end of variable block",
            "line 24: objects.people.everything.records = \"a b\": must be a member's name or a path such as \
             address.city, phones[0].value or phones[*].value",
            "line 25: objects.people.everything.paging.kind = \"cursr\": must be \"none\", \"cursor\", \"next-url\", \
             \"link-header\", \"offset\", \"page\" or \"keyset\"",
        ]
    );
    assert_eq!(told_of("name = \n").len(), 1);
}

#[test]
fn each_key_of_a_description_has_its_bounds() {
    let cases = [
        (
            "[auth]",
            "[limits]\nrequests = 5\n[auth]",
            "limits.per: is missing; give in how long",
        ),
        (
            "[auth]",
            "[limits]\npage-bytes = \"64 MiB\"\n[auth]",
            "limits.page-bytes = \"64 MiB\": must be a size",
        ),
        (
            "[auth]",
            "[limits]\nretry-statuses = [200]\n[auth]",
            "limits.retry-statuses = [200]: must be a list of statuses",
        ),
        (
            "kind = \"bearer\"",
            "kind = \"beerer\"",
            "auth.kind = \"beerer\": must be \"none\"",
        ),
        (
            "[objects.people.columns]",
            "method = \"GET\"\njson = {}\n[objects.people.columns]",
            "objects.people.everything.method = \"GET\": a request with a body is a POST",
        ),
        (
            "[objects.people.columns]",
            "[objects.people.deleted]\nurl = \"{{ with.address }}\"\nrecords = \"\"\nid = \"id\"\n[objects.people.columns]",
            "objects.people.deleted",
        ),
        (
            "kind = \"contacts\"",
            "kind = \"contacts\"\nresumes = true",
            "objects.people.resumes = true: only paging by cursor or keyset",
        ),
        (
            "[objects.people.columns]",
            "paging = { kind = \"offset\", size = 1 }\n[objects.people.columns]",
            "objects.people.everything.paging.size = 1: must be a whole number from 2 to 100000",
        ),
        (
            "url = \"{{ with.address }}/{{ with.region }}\"",
            "url = \"http://crm.example/{{ with.region }}\"",
            ": the address of its requests: it must begin with https://",
        ),
        (
            "url = \"{{ with.address }}/{{ with.region }}\"",
            "url = \"{{ since }}\"",
            "objects.people.everything.url = \"{{ since }}\": nothing is called since here",
        ),
        (
            "default = \"eu\"",
            "default = \"eu\"\npattern = \"[\"",
            "with.region.pattern = \"[\": is no regular expression",
        ),
        (
            "default = \"eu\"",
            "default = \"eu\"\npattern = \"us\"",
            "with.region.default = \"eu\": does not fit the pattern",
        ),
    ];
    for (from, to, expected) in cases {
        let told = told_of(&ACME.replace(from, to));
        assert_eq!(told.len(), 1, "{to}: {told:#?}");
        assert!(told[0].contains(expected), "{told:#?}");
    }
    let http = ACME.replace(
        "{{ with.address }}/{{ with.region }}",
        "http://crm.example/",
    );
    let allowed = http.replace("title =", "allow-http = true\ntitle =");
    assert_eq!(told_of(&allowed), [""; 0]);
}

#[test]
fn a_connector_that_is_not_there_is_told_with_those_that_are() {
    let told = Office::with(ACME).told(&SOURCE.replace("\"acme\"", "\"acne\""));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("line 3: source.crm.type = \"acne\": must be \"csv\" or "),
        "{told:?}"
    );
    assert!(told[0].contains("\"acme\""), "{told:?}");
    // A name can't lead out of the directory.
    let told = Office::with(ACME).told(&SOURCE.replace("\"acme\"", "\"../connectors.d/acme\""));
    assert!(told[0].contains("must be"), "{told:?}");
}

#[test]
fn the_name_in_a_description_is_that_of_its_file() {
    let told = told_of(&ACME.replace("name = \"acme\"", "name = \"other\""));
    assert_eq!(
        told,
        ["line 1: name = \"other\": must be \"acme\", like the file"]
    );
}

#[test]
fn an_own_connector_replaces_a_shipped_one_only_if_it_says_so() {
    let Some((shipped, _)) = SHIPPED.first() else {
        return;
    };
    let office = Office::with(ACME);
    let own = ACME.replace("\"acme\"", &format!("\"{shipped}\""));
    let (file, source) = (
        format!("connectors.d/{shipped}.toml"),
        SOURCE.replace("acme\"", &format!("{shipped}\"")),
    );
    let source = source.replace(&format!("https://{shipped}"), "https://acme");
    office.write(&file, &own);
    let told = office.told(&source);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with(
        "a connector of this name comes with Ringcard: choose another, or set replaces = true"
    ));
    office.write(&file, &own.replace("title =", "replaces = true\ntitle ="));
    assert_eq!(office.told(&source), [""; 0]);
}
