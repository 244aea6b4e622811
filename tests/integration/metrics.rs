//! The port for a collector, as a collector sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;

use crate::office::{CUSTOMER, Office};
use crate::webhook::{Http, client};

/// One that nobody has; freed just before.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn with_port(config: String, port: u16) -> String {
    format!("{config}\n[metrics]\nlisten = \"127.0.0.1:{port}\"\n")
}

/// Samples by their series; panics at what the text format does not allow.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let (mut samples, mut families, mut now) = (BTreeMap::new(), BTreeSet::new(), "");
    assert!(text.ends_with('\n') && !text.contains('\r'));
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(families.insert(name), "{name} has two HELP lines");
            assert!(!help.is_empty());
            now = name;
            let kind = lines.next().unwrap();
            let kind = kind.strip_prefix(&format!("# TYPE {name} "));
            assert!(
                matches!(kind, Some("counter" | "gauge")),
                "{name}: {kind:?}"
            );
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        assert_eq!(
            name, now,
            "a family's samples stand under its HELP and TYPE"
        );
        assert!(
            name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
            "{name}"
        );
        if let Some(labels) = series
            .strip_prefix(name)
            .filter(|labels| !labels.is_empty())
        {
            let inside = labels.strip_prefix('{').and_then(|l| l.strip_suffix('}'));
            // What is escaped is out of the way; what is left must be `name="text"`, with commas between.
            let plain = inside
                .unwrap()
                .replace("\\\\", "")
                .replace("\\\"", "")
                .replace("\\n", "");
            assert!(!plain.contains('\\'), "{line}");
            let parts: Vec<&str> = plain.split('"').collect();
            assert_eq!(parts.len() % 2, 1, "{line}");
            for (n, name) in parts.iter().step_by(2).enumerate() {
                let name = if n == 0 {
                    name
                } else {
                    name.strip_prefix(',').unwrap_or(name)
                };
                let is_last = 2 * n + 1 == parts.len();
                assert!(
                    is_last == name.is_empty() && (is_last || name.ends_with('=')),
                    "{line}"
                );
            }
        }
        let value = value.parse().unwrap();
        assert_eq!(
            samples.insert(series.to_owned(), value),
            None,
            "{series} twice"
        );
    }
    samples
}

#[tokio::test]
async fn a_collector_reads_what_the_command_tells() {
    let port = free_port();
    let mut office = Office::with(|config| with_port(config, port)).await;
    let call = office.call(CUSTOMER).await;
    office.card(&call).await;
    office.settled().await;
    let client = client(&office, Http::One);
    let url = format!("http://127.0.0.1:{port}/metrics");
    let answer = client.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let kind = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text().await.unwrap();
    for secret in [&office.made_up.token, &office.made_up.webhook_secret] {
        assert!(!text.contains(secret.as_str()));
    }
    assert!(!text.contains(&CUSTOMER[1..]));
    let read = samples(&text);
    assert_eq!(read["ringcard_up"], 1.0);
    assert_eq!(
        read["ringcard_cards_delivered_total{account=\"demo\"}"],
        1.0
    );
    assert!(read["ringcard_source_records{source=\"crm\"}"] > 900.0);
    let told = office.run(&["metrics"]).await;
    let told = samples(&String::from_utf8(told.stdout).unwrap());
    let series = |samples: &BTreeMap<String, f64>| samples.keys().cloned().collect::<Vec<_>>();
    assert_eq!(series(&told), series(&read));
    let elsewhere = client
        .get(format!("http://127.0.0.1:{port}/hooks/x"))
        .send()
        .await
        .unwrap();
    assert_eq!(elsewhere.status(), 404);
    office.stop().await;
}

#[tokio::test]
async fn a_port_that_is_taken_stops_no_card_and_a_new_one_waits_for_a_restart() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut office = Office::with(|config| with_port(config, port)).await;
    let call = office.call(CUSTOMER).await;
    assert!(!office.card(&call).await.is_empty());
    let other = free_port();
    office.configure(|config| config.replace(&port.to_string(), &other.to_string()));
    office.reload().await;
    let client = client(&office, Http::One);
    let url = format!("http://127.0.0.1:{other}/metrics");
    assert!(client.get(&url).send().await.is_err());
    office.restart().await;
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    office.stop().await;
}
