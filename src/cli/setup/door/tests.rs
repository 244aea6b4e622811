//! Certificates, names and ports, good and bad.

use std::net::{Ipv4Addr, TcpListener};

use tempfile::TempDir;

use super::super::talk::tests::typing;
use super::*;

fn free_port() -> String {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    listener.local_addr().unwrap().port().to_string()
}

fn try_out() -> Service {
    Service::of(Path::new("/somewhere/ringcard.toml"))
}

fn earlier(text: &str) -> Earlier {
    Earlier::of(text.to_owned(), PathBuf::new())
}

/// A pair for a name, in force in these years, as `fullchain.pem` and `privkey.pem`.
fn pair(name: &str, years: (i32, i32)) -> (TempDir, IdentityFiles) {
    let directory = tempfile::tempdir().unwrap();
    let mut parameters = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    parameters.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(years.1, 1, 10);
    let key = rcgen::KeyPair::generate().unwrap();
    let files = IdentityFiles {
        certificate: directory.path().join("fullchain.pem"),
        key: directory.path().join("privkey.pem"),
    };
    std::fs::write(
        &files.certificate,
        parameters.self_signed(&key).unwrap().pem(),
    )
    .unwrap();
    std::fs::write(&files.key, key.serialize_pem()).unwrap();
    (directory, files)
}

fn judged_at(pair: &IdentityFiles, host: &str, now: &str) -> Result<String, String> {
    let told = judged(pair, &try_out(), host, now.parse().unwrap());
    told.map(|lines| lines.join("\n"))
}

#[test]
fn a_pair_is_told_with_its_names_and_its_end() {
    let (_directory, files) = pair("pi.example", (2026, 2027));
    let told = judged_at(&files, "pi.example", "2026-06-01T00:00:00Z");
    let expected = "   The key fits. It is for pi.example, and valid until 2027-01-10.";
    assert_eq!(told.as_deref(), Ok(expected));
    let cases = [
        ("pi.example", "2027-01-02T00:00:00Z", "it ends in 8 days"),
        (
            "pi.example",
            "1970-01-01T00:00:00Z",
            "is this box's clock right?",
        ),
        (
            "other.example",
            "2026-06-01T00:00:00Z",
            "it is not for other.example",
        ),
    ];
    for (host, now, words) in cases {
        let told = judged_at(&files, host, now).unwrap();
        assert!(told.contains(words), "{words}: {told}");
    }
    let over = judged_at(&files, "pi.example", "2028-01-01T00:00:00Z");
    assert!(over.unwrap_err().contains("its last day was 2027-01-10"));
}

#[test]
fn a_key_of_another_certificate_does_not_fit() {
    let (_one, mut files) = pair("pi.example", (2026, 2027));
    let (_other, others) = pair("pi.example", (2026, 2027));
    files.key = others.key;
    let wrong = judged_at(&files, "pi.example", "2026-06-01T00:00:00Z").unwrap_err();
    assert!(wrong.contains("does not fit the certificate"), "{wrong}");
}

#[tokio::test]
async fn the_key_beside_a_certificate_is_found_and_a_bad_pair_asked_for_again() {
    let (_directory, files) = pair("pi.example", (2020, 2099));
    let path = files.certificate.display().to_string();
    let port = free_port();
    let mut talk = typing(&[
        "pi.example",
        "2",
        "/nowhere.pem",
        "/nowhere.key",
        &path,
        "",
        &port,
    ]);
    let answered = ask(&mut talk, &try_out(), &earlier("")).await;
    let answered = answered.unwrap_or_else(|e| panic!("{e}:\n{}", talk.said));
    assert!(
        talk.said.contains("/nowhere.pem can't be read"),
        "{}",
        talk.said
    );
    let text = |path: &Path| path.display().to_string();
    let expected = Some((path, text(&files.key)));
    assert_eq!(answered.door.files, expected);
    assert_eq!(
        answered.door.listen.as_deref(),
        Some(format!("0.0.0.0:{port}").as_str())
    );
    assert_eq!(answered.public, format!("pi.example:{port}"));
}

#[test]
fn a_name_makes_the_address_that_hipcall_is_told() {
    let with = |host: &str, certificate, port| {
        let answered = answered(&try_out(), host.to_owned(), certificate, port);
        (answered.public, answered.door.names)
    };
    let own = |host: &str, port| with(host, Certificate::Own, port);
    let told = |public: &str, name: &str| (public.to_owned(), vec![name.to_owned()]);
    assert_eq!(
        own("pi.example", 8443),
        told("pi.example:8443", "pi.example")
    );
    assert_eq!(own("pi.example", 443), told("pi.example", "pi.example"));
    assert_eq!(
        own("pi.example:444", 8443),
        told("pi.example:444", "pi.example")
    );
    assert_eq!(own("192.0.2.7", 8443), told("192.0.2.7:8443", "192.0.2.7"));
    assert_eq!(
        own("[2001:db8::7]", 443),
        told("[2001:db8::7]", "2001:db8::7")
    );
    let proxy = with("pi.example", Certificate::Proxy, 8080);
    assert_eq!(proxy, ("pi.example".to_owned(), Vec::new()));
}

#[test]
fn with_systemd_the_socket_listens() {
    let packaged = Service {
        is_packaged: true,
        has_systemd: true,
        user: None,
    };
    let of = |certificate| answered(&packaged, "pi.example".into(), certificate, 443);
    let own = of(Certificate::Own);
    assert_eq!(own.door.listen.as_deref(), Some("systemd"));
    assert_eq!(own.socket.as_deref(), Some("443"));
    let proxy = of(Certificate::Proxy);
    assert_eq!(proxy.door.plain_listen.as_deref(), Some("127.0.0.1:443"));
    assert_eq!(proxy.socket.as_deref(), Some("127.0.0.1:443"));
}

#[tokio::test]
async fn a_port_that_is_in_use_is_asked_for_again() {
    let taken = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port_taken = taken.local_addr().unwrap().port().to_string();
    let mut talk = typing(&["x", "0", &port_taken, "0", "4444"]);
    // Three wrong answers end it.
    let end = port(&mut talk, &try_out(), &earlier(""), false).await;
    assert!(matches!(end, Err(Stop::TooOften { .. })), "{end:?}");
    assert!(talk.said.contains("is in use here, by "), "{}", talk.said);
    let mut talk = typing(&[&port_taken]);
    let text = format!("[webhook]\nlisten = \"0.0.0.0:{port_taken}\"\n");
    let own = port(&mut talk, &try_out(), &earlier(&text), false).await;
    assert_eq!(own, Ok(port_taken.parse().unwrap()));
}

#[test]
fn the_earlier_answers_are_the_usual_ones() {
    let text = "[webhook]\nplain-listen = \"127.0.0.1:8081\"\nlisten = \"[::]:444\"\n";
    assert_eq!(port_before(&earlier(text), "listen"), Some(444));
    assert_eq!(port_before(&earlier(text), "plain-listen"), Some(8081));
    assert_eq!(port_before(&earlier(""), "listen"), None);
}

#[tokio::test]
async fn a_name_is_whole_and_one_that_only_the_office_knows_is_told() {
    let earlier = earlier("");
    let mut talk = typing(&["1", "bäd.example", "branch.example.com:443"]);
    let named = host(&mut talk, &earlier).await.unwrap();
    assert_eq!(named, "branch.example.com:443");
    assert_eq!(talk.said.matches("a host's name or address").count(), 2);
    for (answer, inside) in [
        ("192.168.1.7:8443", true),
        ("localhost", true),
        ("[fd00::7]", true),
        ("pi.local", true),
        ("203.0.113.7", false),
        ("[2001:db8::7]:443", false),
    ] {
        let mut talk = typing(&[answer]);
        assert_eq!(host(&mut talk, &earlier).await.unwrap(), answer);
        assert_eq!(talk.said.contains("within the office"), inside, "{answer}");
    }
}
