//! The keys of the box and of Hipcall's accounts: the top, `[webhook]`, `[hipcall]`, `[[account]]`, and how a
//! secret's place is written.

use super::{Form, Key, Place, Table};

pub(super) const TOP: Table = Table::new(
    "top",
    "",
    Form::Top,
    &[
        Key::new(
            "locale",
            "language of the card, and how amounts are written",
        )
        .allowed("`en`, `tr`, `de`, `fr`, `nl`; also `tr-TR`, `tr_TR.UTF-8`")
        .default("\"en\"")
        .place(Place::Usual),
        Key::new(
            "state-dir",
            "where replica, outbox and a self-made certificate are",
        )
        .allowed("a path")
        .without("what systemd says, else `/var/lib/ringcard`")
        .example("\"/var/lib/ringcard\""),
        Key::new("runtime-dir", "where the control socket is")
            .allowed("a path")
            .without("what systemd says, else `/run/ringcard`")
            .example("\"/run/ringcard\""),
    ],
)
.called("the top of the file", "");

pub(super) const WEBHOOK: Table = Table::new(
    "webhook",
    "webhook",
    Form::Table,
    &[
        Key::new("listen", "where HTTPS is taken (TLS 1.2 and 1.3, HTTP/1.1 and HTTP/2)")
            .allowed("`\"systemd\"`: the port that ringcard.socket holds open, 8443 as packaged; or address and port: `\"0.0.0.0:8443\"`, `\"[::]:8443\"`")
            .example("\"systemd\"")
            .place(Place::Needed),
        Key::new("certificate", "the full chain, PEM, 256 KiB at most; with `key`")
            .allowed("a path")
            .without("a self-signed pair in `state-dir`")
            .example("\"/etc/ringcard/tls.crt\"")
            .place(Place::Usual),
        Key::new("key", "the certificate's key, PEM, 256 KiB at most")
            .allowed("a path")
            .without("a self-signed pair in `state-dir`")
            .example("\"/etc/ringcard/tls.key\"")
            .place(Place::Usual),
        Key::new("plain-listen", "where HTTP is answered, for a proxy or tunnel on this box")
            .allowed("a loopback address and port, or `\"unix:/run/ringcard/webhook.sock\"`")
            .example("\"127.0.0.1:8080\"")
            .place(Place::Usual),
        Key::new("names", "names that a self-signed certificate is valid for, besides `localhost` and `ringcard`")
            .allowed("a text or a list")
            .example("[\"pi.example\"]"),
    ],
)
.called(
    "how calls reach us",
    "`listen` or `plain-listen` must be there; both may be. The files of `certificate` and `key` are taken up when \
     they change, within 5 seconds.",
);

pub(super) const HIPCALL: Table = Table::new(
    "hipcall",
    "hipcall",
    Form::Table,
    &[Key::new(
        "ca-file",
        "PEM file of the certificate authorities to trust instead of the system's",
    )
    .allowed("a path")
    .without("the system's (package `ca-certificates`)")
    .example("\"/etc/ringcard/firewall-ca.pem\"")],
)
.called(
    "whom we believe to be Hipcall",
    "Needed only where a firewall opens TLS and signs it anew.",
);

pub(super) const METRICS: Table = Table::new(
    "metrics",
    "metrics",
    Form::Table,
    &[Key::new("listen", "where `GET /metrics` is answered")
        .allowed("a loopback address and a port: `\"127.0.0.1:9464\"`")
        .without("none: no port is opened")
        .example("\"127.0.0.1:9464\"")],
)
.called(
    "a port for a collector on this box",
    "A change takes a restart.",
);

pub(super) const ACCOUNT: Table = Table::new(
    "account",
    "account",
    Form::List,
    &[
        Key::new("name", "what you call it")
            .allowed("up to 32 lower-case letters, digits or `-`")
            .required()
            .example("\"istanbul\"")
            .place(Place::Needed),
        Key::new("node", "your panel's host")
            .allowed("`\"https://use.hipcall.com\"`, `\"https://use.hipcall.com.tr\"`, another https address; http only to this box")
            .required()
            .example("\"https://use.hipcall.com.tr\"")
            .place(Place::Needed),
        Key::new("region", "the country of numbers written without a country code")
            .allowed("two letters: `\"TR\"`, `\"GB\"`")
            .required()
            .example("\"TR\"")
            .place(Place::Needed),
        Key::new("token", "where the API token is: one line")
            .allowed(PLACE)
            .required()
            .example("{ file = \"/etc/ringcard/secrets/istanbul.token\" }")
            .place(Place::Needed),
        Key::new("webhook-secrets", "where the secrets of the webhook's address are, one a line: `openssl rand -hex 24`")
            .allowed(PLACE)
            .required()
            .example("{ file = \"/etc/ringcard/secrets/istanbul.webhook\" }")
            .place(Place::Needed),
        Key::new("token-expires", "the token's last day, as Hipcall's panel shows it: told 14 days ahead")
            .allowed("a date: `\"2026-12-31\"`")
            .example("\"2026-12-31\"")
            .place(Place::Usual),
        Key::new("business-hours", "when the office works: a silent webhook is looked into then")
            .allowed("`\"Mon-Fri 09:00-18:00\"`, or a list of such")
            .default("\"Mon-Fri 09:00-18:00\"")
            .example("[\"Mon-Fri 09:00-18:00\", \"Sat 09:00-13:00\"]")
            .place(Place::Usual),
        Key::new("time-zone", "whose hours these are")
            .allowed("a time zone that this box knows: `\"Europe/Istanbul\"`")
            .without("the box's, which may be UTC")
            .example("\"Europe/Istanbul\"")
            .place(Place::Usual),
        Key::new("silence-alarm", "how much of its business hours may pass without an event before Hipcall is asked whether there were calls")
            .allowed("`1m` to `7d`, `\"off\"`; below `3m` a missed call may be seen only at the next asking, 15 minutes later")
            .default("\"2h\""),
        Key::new("area-code", "what numbers in its events lack that are written without one")
            .allowed("1 to 8 digits: `\"212\"`")
            .example("\"212\""),
        Key::new("trunk-prefix", "what stands before national numbers besides the usual `0`")
            .allowed("1 to 8 digits: `\"9\"`")
            .example("\"9\""),
        Key::new("international-prefix", "what stands before country codes besides `+` and the usual `00`")
            .allowed("1 to 8 digits, `\"011\"`, or a list of 8 at most")
            .example("\"011\""),
    ],
)
.called(
    "one for each Hipcall account, 32 at most",
    "The webhook's address in Hipcall's panel is `https://YOUR-HOST:8443/hooks/SECRET`. Each line of \
     `webhook-secrets` is valid, so a secret can be replaced without a gap.",
);

/// How the place of a secret is written.
pub(super) const PLACE: &str = "`{ file = \"...\" }` or `{ credential = \"...\" }`";

pub(super) const SECRET: Table = Table::new(
    "secret",
    "SECRET",
    Form::Inline,
    &[
        Key::new("file", "a file of at most 16 KiB; empty lines and lines that start with `#` are skipped")
            .allowed("a path; mode 0600 or 0640: nobody else may read it, nobody but the owner may write it")
            .example("\"/etc/ringcard/secrets/istanbul.token\""),
        Key::new("credential", "instead: a credential of systemd, given by `LoadCredential=` in a drop-in of the unit")
            .allowed("its name; it exists only inside the service, so the commands can't read it")
            .example("\"istanbul-token\""),
    ],
)
.called(
    "where a secret is",
    "Secrets never stand in the configuration. Where a key wants one, it is a table with one of these.",
);
